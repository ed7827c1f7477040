#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tallysheet_core::wire::{Id, Number, present};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Hint, Identity, Meta, Metric,
    MetricDef, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Basic, Call, Next};

/// Settings of a `kind = "huntress"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API key: an account key, or a user's.
    api_key: Secret,
    /// The secret that belongs to it.
    api_secret: Secret,
}

static AGENTS: MetricDef = MetricDef::number("Agents", "agents");
static IDENTITIES: MetricDef = MetricDef::number("Identities", "identities");
static LEARNERS: MetricDef = MetricDef::number("SAT learners", "learners");
static SOURCES: MetricDef = MetricDef::number("SIEM sources", "sources").on_request();

/// Counts what Huntress bills for each organization.
pub struct Huntress {
    api: Api,
}

impl ConnectorSpec for Huntress {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "huntress",
        title: "Huntress",
        default_url: Some("https://api.huntress.io/v1"),
        capabilities: &[Capability::Counts],
        metrics: &[&AGENTS, &IDENTITIES, &LEARNERS, &SOURCES],
        permissions: "an account API key (read-only)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let auth = Basic::new(config.api_key.expose(), &config.api_secret);
        // 60 requests in any 60 seconds for each account (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).auth(auth).per_minute(60).build()?;
        let me = Arc::new(Self { api });
        Ok(Connector::new(me.clone()).counts(me))
    }
}
register_connector!(Huntress);

#[async_trait]
impl Probe for Huntress {
    async fn check(&self) -> Result<Identity> {
        let actor: Actor = self.api.json(&Call::get("/actor")).await?;
        let Some(owner) = actor.account() else {
            let error = Error::new(ErrorKind::Unsupported, "this key belongs to no single Huntress account");
            return Err(error.advice("a reseller makes one API key in each account and configures each"));
        };
        Ok(Identity { account: owner.name, id: Some(owner.id.0), expires: None })
    }
}

#[async_trait]
impl CountSource for Huntress {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.counts().await?.orgs.into_iter().map(|org| org.org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        // Without `limit` a page has 10 rows: fifty times the calls.
        let first =
            Call::get("/organizations").query("limit", 500).query("sort_field", "id").query("sort_direction", "asc");
        let mut pages = self.api.pages(first, |page: &Page, _| page.pagination.next());
        while let Some(page) = pages.next().await? {
            counts.orgs.extend(page.organizations.into_iter().map(Organization::counts));
        }
        Ok(counts)
    }
}

impl Organization {
    /// Every agent that is not uninstalled is billed, unresponsive or not, so none is subtracted (README, What is counted).
    fn counts(self) -> OrgCounts {
        let values = [
            (&AGENTS, self.agents_count),
            (&IDENTITIES, self.billable_identity_count.unwrap_or(self.microsoft_365_users_count)),
            (&LEARNERS, self.sat_learner_count),
            (&SOURCES, self.logs_sources_count),
        ];
        let outcome = |metric: &'static MetricDef, count: Option<Number>| {
            (Metric::Fixed(metric), Outcome::number_or_missing(count.map(|count| count.0), metric.name))
        };
        let tenant = self.identity_provider_tenant_id.or(self.microsoft_365_tenant_id);
        let org = VendorOrg {
            hints: tenant.map(Hint::EntraTenant).into_iter().collect(),
            ..VendorOrg::new(self.id.0, self.name)
        };
        // Recipients are people to write to: the domain may be a consultant's.
        let recipients = self.report_recipients.or(self.notify_emails).unwrap_or_default();
        let domains = recipients
            .iter()
            .filter_map(|mail| mail.rsplit_once('@'))
            .map(|(_, domain)| Hint::Domain(domain.to_lowercase()));
        let org = domains.fold(org, VendorOrg::hint);
        OrgCounts::new(org, values.map(|(metric, count)| outcome(metric, count)).into())
    }
}

impl Pagination {
    /// A token, else a link, else the page numbers of the older form (README, Quirks).
    fn next(&self) -> Next {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        match (text(&self.next_page_token), text(&self.next_page_url), self.current_page, self.total_pages) {
            (Some(token), ..) => Next::query("page_token", token),
            (None, Some(link), ..) => Next::Link(link),
            (None, None, Some(page), Some(total)) if page < total => Next::query("page", page + 1),
            _ => Next::End,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    organizations: Vec<Organization>,
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    next_page_token: Option<String>,
    next_page_url: Option<String>,
    current_page: Option<u64>,
    total_pages: Option<u64>,
}

#[derive(Deserialize)]
struct Organization {
    id: Id,
    name: String,
    agents_count: Option<Number>,
    #[serde(default, deserialize_with = "present")]
    billable_identity_count: Option<Option<Number>>,
    microsoft_365_users_count: Option<Number>,
    sat_learner_count: Option<Number>,
    logs_sources_count: Option<Number>,
    identity_provider_tenant_id: Option<String>,
    microsoft_365_tenant_id: Option<String>,
    report_recipients: Option<Vec<String>>,
    notify_emails: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Actor {
    account: Option<Account>,
    actor: Option<Box<Actor>>,
}

#[derive(Deserialize)]
struct Account {
    id: Id,
    name: String,
}

impl Actor {
    /// The account, at the top or under `actor` (README, Quirks). A reseller's key has none.
    fn account(self) -> Option<Account> {
        self.account.or_else(|| self.actor.and_then(|inner| inner.account()))
    }
}
