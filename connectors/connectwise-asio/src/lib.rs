#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Company, Device, Rows, by_category, elsewhere};
use futures_util::future::{try_join, try_join_all};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::ErrorKind::{Auth, Forbidden, MissingValue, NotFound};
use tallysheet_core::tally::Seen;
use tallysheet_core::wire::Id;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Error, Identity, Meta,
    MetricDef, Notice, Probe, Result, Secret, Standing, Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Next, OAuth2, Part, Position, Tokens};

/// Settings of a `kind = "connectwise-asio"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API access.
    client_id: String,
    /// The secret that belongs to it.
    client_secret: Secret,
    /// The scopes to ask for, with spaces between; those that the generation needs where it is not set.
    scope: Option<String>,
    /// Which list of devices is read: `v1`, `v2`, or `auto` (v1, and v2 where v1 is closed).
    #[serde(default)]
    api_generation: Generation,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Generation {
    #[default]
    Auto,
    V1,
    V2,
}

static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static NETWORK: MetricDef = MetricDef::number("Network devices", "devices").on_request();
static OTHER: MetricDef = MetricDef::number("Other devices", "devices").on_request();
static METRICS: &[&MetricDef] = &[&WORKSTATIONS, &SERVERS, &NETWORK, &OTHER];

const COMPANIES: &str = "/api/platform/v1/company/companies";

/// Counts the endpoints of every company.
pub struct ConnectwiseAsio {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for ConnectwiseAsio {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "connectwise-asio",
        title: "ConnectWise Asio",
        default_url: Some("https://openapi.service.itsupport247.net"),
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "API access with the scopes platform.companies.read and platform.asset.read",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // 500 calls in five minutes: half is left to others (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).per_minute(50).seconds_after_429(8).build()?;
        let (url, secret) = (api.address(None, "/v1/token"), config.client_secret.clone());
        let tokens = OAuth2::client_credentials(cx, &url, &config.client_id, secret)?.json();
        let devices = if config.api_generation == Generation::V2 { "devices" } else { "asset" };
        let scope = format!("platform.companies.read platform.{devices}.read");
        let tokens = tokens.field("scope", config.scope.clone().unwrap_or(scope));
        Ok(Connector::counting(Self { api: api.with_auth(Tokens::new(cx, tokens)), config, cx: cx.clone() }))
    }
}
register_connector!(ConnectwiseAsio);

#[async_trait]
impl Probe for ConnectwiseAsio {
    async fn check(&self) -> Result<Identity> {
        let reply = self.api.send(&Call::get(COMPANIES)).await?;
        let partner: Option<Id> = reply.json_at(&["/0/partnerId", "/companies/0/partnerId"])?;
        // Only companies name the partner; where there is none, the key stands for it.
        Ok(match partner {
            Some(id) => Identity::of(&id.0, &id.0),
            None => Identity::unnamed(&self.config.client_id).sees(0),
        })
    }
}

#[async_trait]
impl CountSource for ConnectwiseAsio {
    async fn counts(&self) -> Result<Counts> {
        let companies = self.api.list(Call::get(COMPANIES), company_id, part_of(company_id));
        let (companies, devices) = try_join(companies, self.v1()).await?;
        let Folded { mut devices, untyped } = match devices {
            Some(devices) => devices,
            None => self.v2(&companies).await?,
        };
        let elsewhere = elsewhere(&companies, devices.org_ids());
        elsewhere.iter().for_each(|(told, owner)| devices.give(told, &[owner]));
        let holders: BTreeSet<String> = devices.org_ids().map(str::to_owned).collect();
        let mut warnings = Vec::new();
        for (id, company) in &companies {
            let (org, gone) = (company.org(), company.is_gone(&self.cx));
            if gone && holders.contains(id) {
                let message = format!("{} is inactive or deleted, and has devices: they count", org.name);
                warnings.push(Notice::warning(None, message).about(&org.name));
            }
            let aside = Standing::NotCustomer("inactive or deleted, and without devices");
            devices.org(org, if gone && !holders.contains(id) { aside } else { Standing::Customer });
        }
        if !elsewhere.is_empty() {
            warnings.push(Notice::warning(None, "devices name other company ids: matched by number or external id"));
        }
        if untyped > 0 {
            let message = format!("{untyped} devices have no `endpointType`: category and operating system decide");
            warnings.push(Notice::warning(Code::MissingValue, message));
        }
        Ok(Counts { orgs: devices.finish(), notices: warnings, ..Counts::default() })
    }
}

/// Devices, folded by the companies that they name.
struct Folded {
    devices: Devices,
    untyped: usize,
}

impl Folded {
    fn new() -> Self {
        Self { devices: Devices::new(METRICS), untyped: 0 }
    }

    fn add(&mut self, device: &Device) {
        self.devices.add(device.company.as_str(), device.id.as_str(), &Verdict::counted([device.class()]));
        self.untyped += usize::from(device.kind().is_empty());
    }
}

/// Devices by id.
type Found = BTreeMap<String, Device>;

impl ConnectwiseAsio {
    /// The devices of all companies in one list; `None` where v2 is to be asked instead.
    async fn v1(&self) -> Result<Option<Folded>> {
        let (generation, closed) = (self.config.api_generation, [Auth, Forbidden, NotFound]);
        if generation == Generation::V2 {
            return Ok(None);
        }
        let (call, mut folded, mut is_whole) = (Call::get("/api/platform/v1/device/endpoints"), Folded::new(), true);
        let add = |device: Device| {
            is_whole &= !device.kind().is_empty() && !device.company.0.is_empty();
            folded.add(&device);
        };
        match self.api.stream(call, device_id, part_of(device_id), add).await {
            Err(error) if generation == Generation::Auto && closed.contains(&error.kind()) => Ok(None),
            Err(error) => Err(error),
            Ok(()) if is_whole => Ok(Some(folded)),
            Ok(()) => Err(Error::new(MissingValue, "v1 lists a device without `clientId` or `endpointType`")),
        }
    }

    /// The same for four companies at a time.
    async fn v2(&self, companies: &BTreeMap<String, Company>) -> Result<Folded> {
        let ids: Vec<&String> = companies.keys().collect();
        let fours = try_join_all(ids.chunks(4).map(|four| self.batch(four))).await?;
        // A company without devices is 404; of several it may be any, so each is asked alone.
        let unclear = ids.chunks(4).zip(&fours).filter(|(_, found)| found.is_none());
        let ones = unclear.flat_map(|(four, _)| four.chunks(1)).map(|one| self.batch(one));
        let ones = try_join_all(ones).await?;
        let found: Vec<Found> = fours.into_iter().chain(ones).flatten().collect();
        if found.is_empty() && !ids.is_empty() {
            return Err(Error::new(NotFound, "v2 knows the devices of no company: that is not taken for zero"));
        }
        // Of a device that several tell, the first stands.
        let devices: Found = found.into_iter().rev().flatten().collect();
        let mut folded = Folded::new();
        devices.values().for_each(|device| folded.add(device));
        Ok(folded)
    }

    /// `None` where the vendor has nothing of these companies.
    async fn batch(&self, companies: &[&String]) -> Result<Option<Found>> {
        let call = Call::post("/api/platform/v2/device/categories/all/endpoints").repeatable();
        let call = call.query("limit", 500).query("cursor", 0).query("field", "endpointType,os");
        let call = call.json(&json!({ "resourceType": "company", "resources": companies }))?;
        self.api.find_list(call, |device: &Device| &device.id, by_category).await
    }
}

/// Pages of v1. One that shows nothing new came in the place of another: there is no total that would tell.
fn part_of<T>(id: fn(&T) -> &Id) -> impl FnMut(Rows<T>, &Position<'_>) -> Part<T> {
    let mut known = Seen::default();
    move |rows, at| {
        let part = rows.part(at);
        let new = part.rows.iter().filter(|row| known.is_new(id(row).as_str())).count();
        if new == 0 && !part.rows.is_empty() { Part { next: Next::Repeated, ..part } } else { part }
    }
}

const fn company_id(company: &Company) -> &Id {
    &company.id
}

const fn device_id(device: &Device) -> &Id {
    &device.id
}

impl Device {
    /// Its one class (README, What is counted).
    fn class(&self) -> &'static MetricDef {
        let system = self.system.as_deref().unwrap_or_default();
        match (self.category.as_str(), self.kind()) {
            // Whatever it calls itself.
            ("cloud", _) => &OTHER,
            ("network", _) | (_, "networkdevice") => &NETWORK,
            (_, "server") => &SERVERS,
            (_, "desktop" | "laptop" | "workstation") => &WORKSTATIONS,
            (_, "") if system.contains("server") => &SERVERS,
            (_, "") if !system.is_empty() => &WORKSTATIONS,
            _ => &OTHER,
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/rules.rs"]
mod tests;
