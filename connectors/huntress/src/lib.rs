#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::Deserialize;
use tallysheet_core::wire::{Field, Id, Number};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Hint, Identity, Meta,
    MetricDef, OrgCounts, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
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
        Ok(Connector::counting(Self { api }))
    }
}
register_connector!(Huntress);

#[async_trait]
impl Probe for Huntress {
    async fn check(&self) -> Result<Identity> {
        let reply = self.api.send(&Call::get("/actor")).await?;
        // At the top, or under `actor` (README, Quirks). A reseller's key has none.
        let Some(account) = reply.json_at::<Account>(&["/account", "/actor/account"])? else {
            let error = Error::new(ErrorKind::Unsupported, "this key belongs to no single Huntress account");
            return Err(error.advice("a reseller makes one API key in each account and configures each"));
        };
        Ok(Identity::of(account.name, account.id.0))
    }
}

#[async_trait]
impl CountSource for Huntress {
    async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        // Without `limit` a page has 10 rows: fifty times the calls.
        let first = Call::get("/organizations").query("limit", 500);
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
        let tenant = self.identity_provider_tenant_id.or(self.microsoft_365_tenant_id);
        // Recipients are people to write to: their domain may be a consultant's.
        let recipients = self.report_recipients.or(self.notify_emails).unwrap_or_default();
        let org = VendorOrg::new(self.id.0, self.name).contacts(&recipients);
        let org = tenant.into_iter().map(Hint::EntraTenant).fold(org, VendorOrg::hint);
        let numbers = [
            (&AGENTS, self.agents_count),
            (&IDENTITIES, self.billable_identity_count.or_if_absent(self.microsoft_365_users_count)),
            (&LEARNERS, self.sat_learner_count),
            (&SOURCES, self.logs_sources_count),
        ];
        OrgCounts::numbers(org, numbers)
    }
}

impl Pagination {
    /// A token, else a link, else the page numbers of the older form (README, Quirks).
    fn next(&self) -> Next {
        let newer = Next::cursor("page_token", self.next_page_token.as_deref())
            .or_else(|| Next::link(self.next_page_url.as_deref()));
        newer.or_else(|| match (self.current_page, self.total_pages) {
            (Some(page), Some(total)) if page < total => Next::query("page", page + 1),
            _ => Next::End,
        })
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
    #[serde(default)]
    billable_identity_count: Field<Number>,
    microsoft_365_users_count: Option<Number>,
    sat_learner_count: Option<Number>,
    logs_sources_count: Option<Number>,
    identity_provider_tenant_id: Option<String>,
    microsoft_365_tenant_id: Option<String>,
    report_recipients: Option<Vec<String>>,
    notify_emails: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Account {
    id: Id,
    name: String,
}
