#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Computer, Page, Person, Tenant, refused};
use futures_util::future::try_join3;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::tally::Seen;
use tallysheet_core::wire::Id;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Error, ErrorKind, Identity, Meta,
    Metric, MetricDef, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Next, OAuth2, Part, Position, Tokens, segment};

/// Settings of a `kind = "immybot"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id, or a verified domain, of the Entra tenant where the application is registered.
    tenant_id: String,
    /// The application's id.
    client_id: String,
    /// The value of its secret.
    client_secret: Secret,
    /// Where tokens are issued; Microsoft's login service for `tenant_id` where it is not set.
    token_url: Option<String>,
    /// What the token is for; `url` and `/.default` where it is not set.
    scope: Option<String>,
    /// Leaves computers out that still need onboarding.
    #[serde(default)]
    exclude_needs_onboarding: bool,
}

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static USERS: MetricDef = MetricDef::number("Users", "persons");
static LICENSED: MetricDef = MetricDef::number("Licensed devices", "devices").on_request();
static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "devices").on_request();
static SERVERS: MetricDef = MetricDef::number("Servers", "devices").on_request();
static METRICS: &[&MetricDef] = &[&DEVICES, &USERS, &LICENSED, &WORKSTATIONS, &SERVERS];

/// Counts the computers and persons of every tenant.
pub struct ImmyBot {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for ImmyBot {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "immybot",
        title: "ImmyBot",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "an ImmyBot user that may read the tenants, computers and persons of all tenants",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // No limit is published: one call at a time (README, Limits).
        let api = Api::builder(cx, None).concurrency(1).seconds_after_429(2).classify(refused).build()?;
        let login = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", segment(&config.tenant_id));
        let token_url = config.token_url.as_ref().unwrap_or(&login);
        let tokens = OAuth2::client_credentials(cx, token_url, &config.client_id, config.client_secret.clone())?;
        let tokens = tokens.field("scope", api.address(config.scope.clone(), "/.default"));
        Ok(Connector::counting(Self { api: api.with_auth(Tokens::new(cx, tokens)), config, cx: cx.clone() }))
    }
}
register_connector!(ImmyBot);

#[async_trait]
impl Probe for ImmyBot {
    async fn check(&self) -> Result<Identity> {
        // No call tells whose instance it is: the MSP's own tenant does, where it is listed (README, Quirks).
        let (own, customers): (Vec<_>, Vec<_>) = self.tenants().await?.into_values().partition(Tenant::is_msp);
        let own = own.into_iter().next().map(|tenant| Identity::of(tenant.name, tenant.id.0));
        Ok(own.unwrap_or_else(|| Identity::unnamed(&self.config.client_id)).sees(customers.len()))
    }
}

#[async_trait]
impl CountSource for ImmyBot {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let tenants = self.tenants().await?.into_values().filter(|tenant| !tenant.is_msp());
        Ok(tenants.map(Tenant::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let (tenants, mut fold, persons) = try_join3(self.tenants(), self.computers(), self.persons()).await?;
        let computers = fold.len();
        fold.join(persons);
        let owners: BTreeSet<String> = fold.org_ids().map(str::to_owned).collect();
        let is_gone =
            |tenant: &Tenant| tenant.marked_for_deletion_at_utc.is_some() && !owners.contains(tenant.id.as_str());
        let (gone, tenants): (Vec<_>, Vec<_>) = tenants.into_values().partition(is_gone);
        for tenant in tenants {
            let standing = tenant.standing();
            fold.org(tenant.org(), standing);
        }
        let gone = gone.into_iter().map(|tenant| OrgCounts::whole(tenant.org(), Outcome::LeftOut(GONE)));
        let vendor_totals = vec![(Metric::Fixed(&DEVICES), computers.into())];
        Ok(Counts { orgs: fold.finish().into_iter().chain(gone).collect(), vendor_totals, ..Counts::default() })
    }
}

/// Why a tenant is left out.
const GONE: &str = "empty and marked for deletion";
/// A list of such a length may have been cut (README, Quirks).
const PAGE_SIZES: [usize; 9] = [10, 20, 25, 50, 100, 200, 250, 500, 1_000];

impl ImmyBot {
    async fn tenants(&self) -> Result<BTreeMap<String, Tenant>> {
        let mut tenants = BTreeMap::new();
        let add = |row: Tenant| drop(tenants.insert(row.id.0.clone(), row));
        self.whole("/api/v1/tenants", |row: &Tenant| &row.id, add).await?;
        Ok(tenants)
    }

    async fn persons(&self) -> Result<Devices> {
        let (mut fold, now) = (Devices::new(METRICS), self.cx.now());
        let add = |row: Person| {
            let expired = row.expires.0.is_some_and(|end| end < now);
            let verdict = Verdict::counted([&USERS]).left_out_if(expired, "expired");
            fold.add(row.tenant_id.as_str(), &format!("person {}", row.id), &verdict);
        };
        if self.cx.wants(&USERS) {
            self.whole("/api/v1/persons", |row: &Person| &row.id, add).await?;
        }
        Ok(fold)
    }

    /// A list that comes whole, each row handed over once; where it is as long as a page may be, pages follow until one
    /// brings nothing new.
    async fn whole<T: DeserializeOwned>(&self, path: &str, id: fn(&T) -> &Id, mut row: impl FnMut(T)) -> Result<()> {
        let mut seen = Seen::default();
        let mut add = |rows: Vec<T>| {
            rows.into_iter().filter(|one| seen.is_new(id(one).as_str())).for_each(&mut row);
            seen.len()
        };
        let size = add(self.api.json(&Call::get(path)).await?);
        let (mut all, mut before, mut page) = (size, 0, 2);
        while PAGE_SIZES.contains(&size) && all > before {
            let call = Call::get(path).query("page", page).query("pageSize", size);
            (before, page) = (all, page + 1);
            all = add(self.api.json(&call).await?);
        }
        Ok(())
    }

    /// The list was seen to lose rows: where it disagrees with its own total, it is read once more.
    async fn computers(&self) -> Result<Devices> {
        let answer = self.computers_once().await;
        match answer.as_ref().map_err(Error::kind) {
            Err(ErrorKind::TotalDiffers) => self.computers_once().await,
            _ => answer,
        }
    }

    async fn computers_once(&self) -> Result<Devices> {
        // Without this sort, pages repeat rows and drop others; without `includeOffline`, offline computers may lack.
        let first = Call::get("/api/v1/computers/paged").query("skip", 0).query("take", 500);
        let first = first.query("sort", "id").query("sortDesc", false).query("includeOffline", true);
        let mut read = 0;
        let part = |Page { count, results: rows }: Page, _: &Position<'_>| {
            read += rows.len();
            let next = if rows.is_empty() { Next::End } else { Next::until("skip", read, count) };
            Part { rows, stated: Some(count), next }
        };
        let mut fold = Devices::new(METRICS);
        let add = |row: Computer| {
            let verdict = row.verdict(self.config.exclude_needs_onboarding);
            fold.add(row.tenant_id.as_str(), &format!("computer {}", row.id), &verdict);
        };
        self.api.stream(first, |row: &Computer| &row.id, part, add).await?;
        Ok(fold)
    }
}

impl Computer {
    /// What it counts as, or why it does not (README, What is counted).
    fn verdict(&self, exclude_needs_onboarding: bool) -> Verdict {
        let class = match self.domain_role.as_ref().map(Id::as_str) {
            Some("0" | "1") => &WORKSTATIONS,
            Some("2" | "3" | "4" | "5") => &SERVERS,
            _ if self.operating_system.as_ref().is_some_and(|system| system.contains("server")) => &SERVERS,
            _ => &WORKSTATIONS,
        };
        let status = self.onboarding_status.as_ref().map(|status| status.0.to_lowercase());
        let is_new = matches!(status.as_deref(), Some("needsonboarding" | "0"));
        Verdict::counted([&DEVICES, class].into_iter().chain((self.licensed == Some(true)).then_some(&LICENSED)))
            .left_out_if(self.deleted_at.is_some(), "deleted")
            .left_out_if(self.is_dev_lab == Some(true), "in the dev lab")
            .left_out_if(self.is_sandbox == Some(true), "a sandbox")
            .left_out_if(exclude_needs_onboarding && is_new, "needs onboarding")
    }
}
