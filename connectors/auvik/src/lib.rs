#![doc = include_str!("../README.md")]

mod tenants;
mod wire;

use crate::tenants::{Level, Tenants};
use crate::wire::{Device, Page, Tenant, Usages};
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counted, Counts, Devices, Error, ErrorKind, Identity,
    Meta, Metric, MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, Standing, VendorOrg, Verdict,
    async_trait, register_connector,
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

/// What Auvik bills where it is managed (README, What is counted).
const BILLED: &str = "router switch l3switch voipswitch stack firewall utm controller";
/// The other types there are.
const FREE: &str = "unknown accesspoint workstation server storage printer copier hypervisor multimedia phone tablet \
                    handheld virtualappliance bridge hub modem ups module loadbalancer camera telecommunications \
                    packetprocessor chassis airconditioner virtualmachine pdu ipphone backhaul internetofthings \
                    backupdevice timeclock lightingdevice audiovisual securityappliance alarm buildingmanagement ipmi \
                    thinaccesspoint thinclient";
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
        let mut devices = BTreeMap::new();
        if self.config.mode == Mode::Inventory || self.cx.wants(&DEVICES) {
            let (listed, notice) = self.devices(&tenants).await?;
            notices.extend(notice.into_iter().chain(unknown_types(&listed)));
            devices = listed;
        }
        let mut orgs = self.inventory(&tenants, &devices);
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

    /// Every device by id. Where the newer list is not there, the older one is read (README, Quirks).
    async fn devices(&self, tenants: &Tenants) -> Result<(BTreeMap<String, Device>, Option<Notice>)> {
        let mut all = BTreeMap::new();
        for root in tenants.roots() {
            let call =
                Call::get("/v2/api/inventory/device/info").query("tenant", &root.id).query("page[first]", 10_000);
            let call = if self.cx.wants(&DEVICES) { call } else { call.query("filter[manageStatus]", true) };
            let Some(rows) = self.api.find_list(call, |device: &Device| &device.id, Page::devices).await? else {
                let message = "Auvik's newer list of devices is not there (404): the older one tells fewer Devices";
                return Ok((self.devices_of_v1(tenants).await?, Some(Notice::warning(None, message))));
            };
            all.extend(rows);
        }
        Ok((all, None))
    }

    async fn devices_of_v1(&self, tenants: &Tenants) -> Result<BTreeMap<String, Device>> {
        let mut all = BTreeMap::new();
        for ids in ids_at_once(tenants.clients()) {
            // Larger pages were seen to time out.
            let call = Call::get("/v1/inventory/device/info").query("tenants", ids).query("page[first]", 300);
            let call = call.query("include", "deviceDetail").query("fields[deviceDetail]", "manageStatus");
            all.extend(self.api.list(call, |device: &Device| &device.id, Page::devices).await?);
        }
        Ok(all)
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

    /// The devices of every company, each with a verdict.
    fn inventory(&self, tenants: &Tenants, devices: &BTreeMap<String, Device>) -> Vec<OrgCounts> {
        let mut fold = Devices::new(METRICS);
        let mut untold: BTreeSet<&str> = BTreeSet::new();
        tenants.clients().for_each(|client| fold.org(tenants.company_of(client).org(), Standing::Customer));
        for (id, device) in devices {
            let tenant = tenants.get(device.tenant());
            let company = tenant.map(|tenant| tenants.company_of(tenant));
            let org_id = company.map_or(device.tenant(), |company| company.id.as_str());
            if let Some(holder) = company.filter(|company| !company.is_client()) {
                fold.org(holder.org(), Standing::Customer);
            }
            let is_closed = tenant.is_some_and(Tenant::is_disabled);
            let total = Verdict::counted([&DEVICES]);
            for (what, verdict) in [("device", Some(total)), ("billable", self.verdict(device))] {
                let verdict = verdict.map(|verdict| verdict.left_out_if(is_closed, DISABLED));
                verdict.into_iter().for_each(|verdict| fold.add(org_id, &format!("{what} {id}"), &verdict));
            }
            untold.extend((!is_closed && device.is_untold()).then_some(org_id));
        }
        let mut orgs = fold.finish();
        orgs.iter_mut().filter(|org| untold.contains(org.org.id.as_str())).for_each(|org| bill(org, None));
        orgs
    }

    /// What Auvik would bill today (README, What is counted): not asked where it tells itself.
    fn verdict(&self, device: &Device) -> Option<Verdict> {
        let is_managed = device.attributes.manage_status == Some(true);
        let billed = self.config.mode == Mode::Inventory && device.is_of(BILLED);
        billed.then(|| Verdict::counted([&BILLABLE]).left_out_if(!is_managed, "not managed by Auvik"))
    }
}

impl Device {
    fn is_of(&self, types: &str) -> bool {
        self.attributes.device_type.as_ref().is_some_and(|own| types.split_whitespace().any(|word| *word == **own))
    }

    /// Whether it might be billable, and Auvik does not tell.
    fn is_untold(&self) -> bool {
        match (&self.attributes.device_type, self.attributes.manage_status) {
            (None, managed) => managed != Some(false),
            (Some(_), None) => self.is_of(BILLED),
            (Some(_), Some(_)) => false,
        }
    }
}

/// Types that Auvik made since are not billable until somebody says so: that is told.
fn unknown_types(devices: &BTreeMap<String, Device>) -> Option<Notice> {
    let is_known =
        |device: &Device| device.attributes.device_type.is_none() || device.is_of(BILLED) || device.is_of(FREE);
    let unknown = devices.values().filter(|device| !is_known(device)).count();
    let message = format!("{unknown} devices are of a type that is not known here; they are not taken for billable");
    (unknown > 0).then(|| Notice::warning(None, message))
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
