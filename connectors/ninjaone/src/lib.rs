#![doc = include_str!("../README.md")]

use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tallysheet_core::wire::{Id, Number};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Identity, Meta, Metric, MetricDef, OrgCounts,
    Outcome, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Bearer, Call, Next};

/// Settings of a `kind = "ninjaone"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// (to do: which key, with which right)
    api_key: Secret,
}

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");

/// (to do: what it counts)
pub struct Ninjaone {
    api: Api,
}

impl ConnectorSpec for Ninjaone {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "ninjaone",
        title: "NinjaOne",
        default_url: Some("https://api.vendor.example/v1"),
        capabilities: &[Capability::Counts],
        metrics: &[&DEVICES],
        permissions: "(to do)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let api = Api::builder(cx, Self::META.default_url).auth(Bearer::new(&config.api_key)).build()?;
        let me = Arc::new(Self { api });
        Ok(Connector::new(me.clone()).counts(me))
    }
}
register_connector!(Ninjaone);

#[async_trait]
impl Probe for Ninjaone {
    async fn check(&self) -> Result<Identity> {
        let me: Me = self.api.json(&Call::get("/me")).await?;
        Ok(Identity { account: me.name, id: Some(me.id.0), expires: None })
    }
}

#[async_trait]
impl CountSource for Ninjaone {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.counts().await?.orgs.into_iter().map(|org| org.org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        let first = Call::get("/customers").query("limit", 500);
        let mut pages = self.api.pages(first, |page: &Page, _| Next::cursor("cursor", page.next.as_deref()));
        while let Some(page) = pages.next().await? {
            counts.orgs.extend(page.customers.into_iter().map(Customer::counts));
        }
        Ok(counts)
    }
}

impl Customer {
    /// (to do: the counting rule, with the fact it rests on)
    fn counts(self) -> OrgCounts {
        let devices = Outcome::number_or_missing(self.devices.map(|number| number.0), DEVICES.name);
        OrgCounts::new(VendorOrg::new(self.id.0, self.name), vec![(Metric::Fixed(&DEVICES), devices)])
    }
}

#[derive(Deserialize)]
struct Me {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    customers: Vec<Customer>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    name: String,
    devices: Option<Number>,
}
