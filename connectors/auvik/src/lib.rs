#![doc = include_str!("../README.md")]

mod inventory;
mod tenants;
mod wire;

use crate::inventory::Inventory;
use crate::tenants::{Level, Tenants};
use crate::wire::{Device, Page, Tenant, Usages};
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counted, Counts, Error, ErrorKind, Identity, Meta,
    Metric, MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Basic, Call, Reply};

/// Settings of a `kind = "auvik"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The mail address of the Auvik user whose key it is.
    username: String,
    /// The API key of that user.
    api_key: Secret,
    /// The domain prefix of the main account: what stands before the region in its address.
    domain_prefix: String,
    /// What billable devices are: `inventory` (those of today) or `usage` (Auvik's own average of the previous month).
    #[serde(default)]
    mode: Mode,
    /// What a company is: each `client`, or the multi-client (`parent`) that holds its sites.
    #[serde(default)]
    company_level: Level,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Inventory,
    Usage,
}

static BILLABLE: MetricDef = MetricDef::number("Billable devices", "devices");
static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static METRICS: &[&MetricDef] = &[&BILLABLE, &DEVICES];

/// Why a client is left out.
const DISABLED: &str = "not enabled at Auvik";
/// So many ids in one address are not too long for it.
const IDS_AT_ONCE: usize = 50;

/// Counts the network devices of every client.
pub struct Auvik {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for Auvik {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "auvik",
        title: "Auvik",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "a user with the role API Access Only on the main account; for `usage` also the right to view billing",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let auth = Basic::new(config.username.trim(), &Secret::new(config.api_key.expose().trim()));
        let api = Api::builder(cx, None).auth(auth).header("accept", "application/vnd.api+json");
        // Four waits of 75 seconds are the five minutes of the vendor's window (README, Limits).
        let api = api.concurrency(1).seconds_after_429(75).classify(asked_too_often).build()?;
        Ok(Connector::counting(Self { api, config, cx: cx.clone() }))
    }
}
register_connector!(Auvik);

#[async_trait]
impl Probe for Auvik {
    async fn check(&self) -> Result<Identity> {
        let tenants = self.tenants().await?;
        let (account, id) = match tenants.main() {
            Some(main) => (main.name().to_owned(), Some(main.id.0.clone())),
            None => (self.config.domain_prefix.clone(), None),
        };
        Ok(Identity { account, id, ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for Auvik {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let tenants = self.tenants().await?;
        Ok(tenants.companies().keys().filter_map(|id| tenants.get(id)).map(Tenant::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let tenants = self.tenants().await?;
        let mut notices: Vec<Notice> = tenants.trials(self.cx.now()).collect();
        let mut inventory = Inventory::new(self.config.mode, &tenants);
        if self.config.mode == Mode::Inventory || self.cx.wants(&DEVICES) {
            let (listed, notice) = self.devices(&tenants).await?;
            notices.extend(notice.into_iter().chain(listed.unknown_types()));
            inventory = listed;
        }
        let mut orgs = inventory.finish();
        let companies = tenants.companies();
        if self.config.mode == Mode::Usage {
            let usage = self.usage(&tenants).await?;
            orgs.iter_mut().for_each(|org| bill(org, average(companies.get(org.org.id.as_str()), &usage)));
        }
        for org in &mut orgs {
            if companies.get(org.org.id.as_str()).is_some_and(Vec::is_empty) {
                org.counted = Counted::Whole(Outcome::LeftOut(DISABLED));
            }
        }
        Ok(Counts { orgs, notices, ..Counts::default() })
    }
}

impl Auvik {
    async fn tenants(&self) -> Result<Tenants> {
        let prefix = self.config.domain_prefix.trim();
        let call = Call::get("/v1/tenants/detail").query("tenantDomainPrefix", prefix);
        // One tenant that the key may not read would close the lists of all (README, Quirks).
        let call = call.query("filter[availableTenants]", true);
        let all = self.api.list(call, |tenant: &Tenant| &tenant.id, Page::tenants).await?;
        if all.is_empty() {
            let error = Error::new(ErrorKind::Forbidden, "the key may read no tenant of this account");
            return Err(error.advice("check `domain_prefix`, and give its user a role on the main account"));
        }
        Ok(Tenants::new(all, prefix, self.config.company_level))
    }

    /// The devices of all. Where the newer list is not there, the older one is read (README, Quirks).
    async fn devices<'a>(&self, tenants: &'a Tenants) -> Result<(Inventory<'a>, Option<Notice>)> {
        let mut inventory = Inventory::new(self.config.mode, tenants);
        for root in tenants.roots() {
            let call =
                Call::get("/v2/api/inventory/device/info").query("tenant", &root.id).query("page[first]", 10_000);
            let call = if self.cx.wants(&DEVICES) { call } else { call.query("filter[manageStatus]", true) };
            let add = |device: Device| inventory.add(&device);
            if self.api.find_stream(call, |device: &Device| &device.id, Page::devices, add).await?.is_none() {
                let message = "Auvik's newer list of devices is not there (404): the older one tells fewer Devices";
                return Ok((self.devices_of_v1(tenants).await?, Some(Notice::warning(None, message))));
            }
        }
        Ok((inventory, None))
    }

    async fn devices_of_v1<'a>(&self, tenants: &'a Tenants) -> Result<Inventory<'a>> {
        let mut inventory = Inventory::new(self.config.mode, tenants);
        for ids in ids_at_once(tenants.clients()) {
            // Larger pages were seen to time out.
            let call = Call::get("/v1/inventory/device/info").query("tenants", ids).query("page[first]", 300);
            let call = call.query("include", "deviceDetail").query("fields[deviceDetail]", "manageStatus");
            let add = |device: Device| inventory.add(&device);
            self.api.stream(call, |device: &Device| &device.id, Page::devices, add).await?;
        }
        Ok(inventory)
    }

    /// Auvik's own average of each client that is enabled, over the previous full month.
    async fn usage(&self, tenants: &Tenants) -> Result<BTreeMap<String, Option<Decimal>>> {
        let this_month = TimeZone::UTC.to_datetime(self.cx.now()).date().first_of_month();
        let last_day = this_month.yesterday().map_err(|_| Error::internal("there is no month before this one"))?;
        let mut all = BTreeMap::new();
        for ids in ids_at_once(tenants.clients().filter(|client| !client.is_disabled())) {
            let call = Call::get("/v1/billing/usage/client").query("filter[fromDate]", last_day.first_of_month());
            let call = call.query("filter[thruDate]", last_day).query("tenants", ids);
            let usages: Usages = self.api.json(&call).await.map_err(|error| match error.kind() {
                ErrorKind::Forbidden => error.advice("`mode = \"usage\"` needs the right to view billing"),
                _ => error,
            })?;
            all.extend(usages.averages());
        }
        Ok(all)
    }
}

/// The averages of a company's clients together; none where one of them is lacking.
fn average(clients: Option<&Vec<&Tenant>>, usage: &BTreeMap<String, Option<Decimal>>) -> Option<Decimal> {
    let days = clients?.iter().map(|client| usage.get(client.id.as_str()).copied().flatten());
    let sum = days.sum::<Option<Decimal>>()?;
    Some(sum.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).normalize())
}

/// Sets the billable devices of an org to what is known of them.
fn bill(org: &mut OrgCounts, devices: Option<Decimal>) {
    let Counted::Each(values) = &mut org.counted else { return };
    values.retain(|(metric, _)| *metric != Metric::Fixed(&BILLABLE));
    values.push((Metric::Fixed(&BILLABLE), Outcome::number_or_missing(devices, "billable devices")));
}

/// Ids for one parameter, so many that an address can hold.
fn ids_at_once<'a>(tenants: impl Iterator<Item = &'a Tenant>) -> Vec<String> {
    let ids: Vec<&str> = tenants.map(|tenant| tenant.id.as_str()).collect();
    ids.chunks(IDS_AT_ONCE).map(|ids| ids.join(",")).collect()
}

/// A limit is told by a 429, or by a 403 that speaks of it (README, Limits).
fn asked_too_often(reply: &Reply) -> Option<Error> {
    let is_limit = reply.status() == 403 && reply.mentions("rate limit");
    is_limit.then(|| Error::new(ErrorKind::RateLimited, "the vendor asks to slow down"))
}
