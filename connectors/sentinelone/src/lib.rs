#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Account, Page, Site, Sites, refused};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Identity, LeftOut, Meta, Metric,
    MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, Standing, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, Position};

/// Settings of a `kind = "sentinelone"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An API token, best of a service user that may only read.
    api_token: Secret,
    /// What a customer is in this console: `site` (where it is not set) or `account`.
    #[serde(default)]
    company_from: CompanyFrom,
    /// Counts the licenses of trial sites too.
    #[serde(default)]
    include_trial: bool,
    /// Counts the licenses of expired sites too.
    #[serde(default)]
    include_expired: bool,
}

/// What a customer is in a console.
#[derive(Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum CompanyFrom {
    #[default]
    Site,
    Account,
}

static ACTIVE: MetricDef = MetricDef::number("Active licenses", "licenses");
static SKU: MetricDef = MetricDef::text("SKU");
static TOTAL: MetricDef = MetricDef::number("Total licenses", "licenses").on_request();
static TRIAL: MetricDef = MetricDef::number("Trial licenses", "licenses").on_request();

/// Counts the licenses in use at every site.
pub struct SentinelOne {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for SentinelOne {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "sentinelone",
        title: "SentinelOne",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: &[&ACTIVE, &SKU, &TOTAL, &TRIAL],
        permissions: "an API token of a service user with the role Viewer",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let auth = ApiKey::new("authorization", &config.api_token).prefix("ApiToken ");
        let api = Api::builder(cx, None).without(ROOT).auth(auth).seconds_after_429(5).classify(refused).build()?;
        Ok(Connector::counting(Self { api, config, cx: cx.clone() }))
    }
}
register_connector!(SentinelOne);

#[async_trait]
impl Probe for SentinelOne {
    async fn check(&self) -> Result<Identity> {
        // The oldest site that is seen: the default site of the first account (README, Quirks).
        let oldest = list("/sites").query("limit", 1);
        self.api.identity(&oldest, "/data/sites/0/accountName", "/data/sites/0/accountId").await
    }
}

#[async_trait]
impl CountSource for SentinelOne {
    async fn counts(&self) -> Result<Counts> {
        let (accounts, (sites, stated)) = try_join(self.accounts(), self.sites()).await?;
        let customers: Vec<Customer> = match self.config.company_from {
            CompanyFrom::Site => sites.into_values().map(|site| self.by_site(site)).collect(),
            CompanyFrom::Account => by_account(accounts, sites),
        };
        Ok(Counts {
            notices: customers.iter().filter_map(|customer| self.told(customer)).collect(),
            orgs: customers.into_iter().map(|customer| self.counts_of(customer)).collect(),
            vendor_totals: stated.into_iter().map(|total| (Metric::Fixed(&ACTIVE), total)).collect(),
        })
    }
}

/// Where the vendor's paths begin; users may write it or leave it out.
const ROOT: &str = "/web/api/v2.1";
const EXPIRED: &str = "expired";
const ON_TRIAL: &str = "on trial";

/// A customer with the sites that are its own.
struct Customer {
    org: VendorOrg,
    standing: Standing,
    /// Whether it has expired as a whole.
    expired: bool,
    sites: Vec<Site>,
}

/// A list, as far as it is not deleted. Without `limit` a page has 10 rows, and the others go unseen.
fn list(path: &str) -> Call {
    let call = Call::get(format!("{ROOT}{path}")).query("limit", 1000).query("states", "active,expired");
    call.query("sortBy", "id").query("sortOrder", "asc")
}

impl SentinelOne {
    /// The sites, and how many licenses the vendor says they have in use together.
    async fn sites(&self) -> Result<(BTreeMap<String, Site>, Option<Decimal>)> {
        let mut stated = None;
        let part = |page: Page<Sites>, _: &Position<'_>| {
            stated = page.data.all_sites.as_ref().and_then(|all| all.active_licenses).map(|number| number.0);
            page.part(|data| data.sites)
        };
        let mut sites = self.api.list(list("/sites"), |site: &Site| &site.id, part).await?;
        sites.retain(|_, site| !site.is_deleted());
        Ok((sites, stated))
    }

    /// The accounts, where they are the customers.
    async fn accounts(&self) -> Result<BTreeMap<String, Account>> {
        if self.config.company_from == CompanyFrom::Site {
            return Ok(BTreeMap::new());
        }
        let part = |page: Page<Vec<Account>>, _: &Position<'_>| page.part(|data| data);
        let mut accounts = self.api.list(list("/accounts"), |account: &Account| &account.id, part).await?;
        accounts.retain(|_, account| !account.is_deleted());
        Ok(accounts)
    }

    /// A site as a customer. The one for agents that belong to none is nobody while it holds nothing, unless the user
    /// says whose it is.
    fn by_site(&self, site: Site) -> Customer {
        let is_empty = site.active().is_some_and(|active| active.is_zero());
        let is_nobody = site.is_catch_all() && is_empty && !self.cx.known_ids.contains(&site.id.0);
        let standing = if is_nobody { Standing::NotCustomer("a default site") } else { Standing::Customer };
        Customer { org: site.org(), standing, expired: false, sites: vec![site] }
    }

    /// Why a site does not count, if it does not (README, What is counted).
    fn left_out(&self, site: &Site) -> Option<&'static str> {
        let expired = (site.is_expired() && !self.config.include_expired).then_some(EXPIRED);
        expired.or_else(|| (site.is_trial() && !self.config.include_trial).then_some(ON_TRIAL))
    }

    /// What a customer's sites have together. One whose sites are all left out is blank, not zero.
    fn counts_of(&self, Customer { org, standing, expired, sites }: Customer) -> OrgCounts {
        let counting: Vec<&Site> = sites.iter().filter(|site| self.left_out(site).is_none()).collect();
        let running: Vec<&Site> = sites.iter().filter(|site| self.left_out(site) != Some(EXPIRED)).collect();
        let trials: Vec<&Site> = running.iter().copied().filter(|site| site.is_trial()).collect();
        let whole = (expired && !self.config.include_expired).then_some(EXPIRED);
        let reason = sites.iter().find_map(|site| self.left_out(site)).or(whole);
        let of = |sites: &[&Site], outcome: Outcome| match reason {
            Some(reason) if sites.is_empty() => Outcome::LeftOut(reason),
            _ => outcome,
        };
        let numbers = [
            (&ACTIVE, of(&counting, active(&counting))),
            (&TOTAL, of(&counting, total(&counting))),
            (&TRIAL, of(&running, active(&trials))),
        ];
        let skus = skus(&counting).into_iter().map(|sku| (&SKU, of(&counting, sku)));
        let values = numbers.into_iter().chain(skus).map(|(metric, outcome)| (Metric::Fixed(metric), outcome));
        let held = sites.iter().filter_map(|site| Some((self.left_out(site)?, site)));
        let held = held.flat_map(|(reason, site)| {
            let numbers = [(&ACTIVE, site.active()), (&TOTAL, site.total().filter(|_| !site.is_unlimited()))];
            numbers.map(|(metric, number)| {
                number.map(|quantity| LeftOut { metric: Metric::Fixed(metric), reason, quantity })
            })
        });
        OrgCounts { standing, left_out: held.flatten().collect(), ..OrgCounts::new(org, values.collect()) }
    }

    /// Licenses that are still in use on an expired site are money for somebody, so they must not go unseen.
    fn told(&self, customer: &Customer) -> Option<Notice> {
        let expired = customer.sites.iter().filter(|site| self.left_out(site) == Some(EXPIRED));
        let held: Decimal = expired.filter_map(Site::active).sum();
        let message =
            format!("{held} active licenses that have expired are left out: renew them, or set `include_expired`");
        let is_worth_it = !held.is_zero() && !self.cx.excludes(&customer.org.id);
        is_worth_it.then(|| Notice::warning(Code::LeftOut, message).about(&customer.org.name))
    }
}

/// The accounts with their sites; a site of one that is not listed makes an account all the same.
fn by_account(accounts: BTreeMap<String, Account>, sites: BTreeMap<String, Site>) -> Vec<Customer> {
    let customer = |org, expired| Customer { org, standing: Standing::Customer, expired, sites: Vec::new() };
    let accounts = accounts.into_iter().map(|(id, account)| (id, customer(account.org(), account.is_expired())));
    let mut customers: BTreeMap<String, Customer> = accounts.collect();
    for mut site in sites.into_values() {
        let account = customers.entry(site.account_id.0.clone());
        let account = account.or_insert_with(|| customer(site.account(), false));
        site.account_expired = account.expired;
        account.sites.push(site);
    }
    customers.into_values().collect()
}

/// Licenses in use: one number a site, whatever bundles it has.
fn active(sites: &[&Site]) -> Outcome {
    Outcome::number_or_missing(sites.iter().map(|site| site.active()).sum(), ACTIVE.name)
}

/// Licenses allotted; where there is no limit, there is no such number.
fn total(sites: &[&Site]) -> Outcome {
    if sites.iter().any(|site| site.is_unlimited()) {
        return Outcome::NotApplicable;
    }
    Outcome::number_or_missing(sites.iter().map(|site| site.total()).sum(), TOTAL.name)
}

/// The products, one text each.
fn skus(sites: &[&Site]) -> Vec<Outcome> {
    let skus: Vec<Outcome> = sites.iter().flat_map(|site| site.skus()).collect();
    if skus.is_empty() { vec![Outcome::NotApplicable] } else { skus }
}
