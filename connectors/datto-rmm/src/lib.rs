#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Device, Page, Site};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallysheet_core::tally::OfflineLimit;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Error, ErrorKind, Identity,
    Meta, MetricDef, Notice, OrgCounts, Probe, Result, Secret, Standing, VendorOrg, Verdict, async_trait,
    register_connector,
};
use tallysheet_http::{Api, Call, Grant, OAuth2, Tokens, segment, side_by_side};

/// Settings of a `kind = "datto-rmm"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API key of a user.
    api_key: Secret,
    /// The API secret key that belongs to it.
    api_secret: Secret,
    /// Leaves suspended devices out, although they hold a licence.
    #[serde(default)]
    exclude_suspended: bool,
    /// Leaves devices out that were last seen more than so many days ago.
    max_offline_days: Option<u32>,
}

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static NETWORK: MetricDef = MetricDef::number("Network devices", "devices");
static PRINTERS: MetricDef = MetricDef::number("Printers", "devices").on_request();
static ESXI: MetricDef = MetricDef::number("ESXi hosts", "devices").on_request();
static OTHER: MetricDef = MetricDef::number("Other devices", "devices").on_request();
static ON_DEMAND: MetricDef = MetricDef::number("On-demand devices", "devices").on_request();
static METRICS: &[&MetricDef] = &[&DEVICES, &WORKSTATIONS, &SERVERS, &NETWORK, &PRINTERS, &ESXI, &OTHER, &ON_DEMAND];

const DELETED: &str = "deleted";

/// Counts the managed devices of every site.
pub struct DattoRmm {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for DattoRmm {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "datto-rmm",
        title: "Datto RMM",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "API keys of a user whose security level sees every site",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // 600 reads a minute for all users of the account: half is left to others (README, Limits).
        let api = Api::builder(cx, None).without("/api/v2").without("/api").per_minute(300);
        let api = api.seconds_after_429(60).block_after_429(300).build()?;
        let (username, password) = (config.api_key.expose().to_owned(), config.api_secret.clone());
        let grant = Grant::Password { username, password, client: Some(("public-client", "public")) };
        let tokens = OAuth2::new(cx, &api.address(None, "/auth/oauth/token"), grant)?;
        Ok(Connector::counting(Self { api: api.with_auth(Tokens::new(cx, tokens)), config, cx: cx.clone() }))
    }
}
register_connector!(DattoRmm);

#[async_trait]
impl Probe for DattoRmm {
    async fn check(&self) -> Result<Identity> {
        self.api.identity(&Call::get("/api/v2/account"), "/name", "/uid").await
    }
}

#[async_trait]
impl CountSource for DattoRmm {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let sites = self.sites().await?;
        Ok(sites.values().filter(|site| site.standing() == Standing::Customer).map(Site::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let sites = self.sites().await?;
        let (listed, _) = self.devices("/api/v2/account/devices", &sites).await?;
        let checked = side_by_side(listed.len(), |at| self.checked(&sites, listed[at].clone()));
        let (orgs, notices): (_, Vec<_>) = checked.await.into_iter().unzip();
        Ok(Counts { orgs, notices: notices.into_iter().flatten().collect(), ..Counts::default() })
    }
}

impl DattoRmm {
    async fn sites(&self) -> Result<BTreeMap<String, Site>> {
        self.api.list(Call::get("/api/v2/account/sites").query("max", 250), |site: &Site| &site.uid, Page::part).await
    }

    /// A list of devices, folded by site, and whether it is as long as it states.
    async fn devices(&self, path: &str, sites: &BTreeMap<String, Site>) -> Result<(Vec<OrgCounts>, bool)> {
        let mut fold = Devices::new(METRICS);
        sites.values().for_each(|site| fold.org(site.org(), site.standing()));
        let add = |device: Device| fold.add(&device.site_uid.0, &device.uid.0, &self.verdict(&device, sites));
        let stated = self.api.each(Call::get(path).query("max", 250), Page::part, add).await?;
        let is_whole = stated.is_none_or(|stated| stated == fold.len());
        // An on-demand customer has another licence: left out of all but the last metric (README, What is counted).
        let licensed = |org: OrgCounts| match sites.get(&org.org.id) {
            Some(at) if at.on_demand && org.standing == Standing::Customer => org.left_out_but(&ON_DEMAND, "on-demand"),
            _ => org,
        };
        Ok((fold.finish().into_iter().map(licensed).collect(), is_whole))
    }

    /// The account's list was seen to miss devices: a site that states another number is asked itself (README, Quirks).
    /// Where that fails, or is not whole either, the site fails, and no other. For the account's list, the comparison by site
    /// does what its total would.
    async fn checked(&self, sites: &BTreeMap<String, Site>, listed: OrgCounts) -> (OrgCounts, Option<Notice>) {
        let (id, name, told) = (listed.org.id.clone(), listed.org.name.clone(), listed.held(&DEVICES, DELETED));
        let Some(stated) = sites.get(&id).and_then(Site::stated).filter(|n| *n != told) else { return (listed, None) };
        let own = match self.devices(&format!("/api/v2/site/{}/devices", segment(&id)), sites).await {
            Ok((_, false)) => {
                let error = Error::new(ErrorKind::TotalDiffers, "its own list is not as long as the vendor states");
                OrgCounts { standing: listed.standing, ..OrgCounts::failed(listed.org, &error) }
            }
            Ok((own, true)) => own.into_iter().find(|org| org.org.id == id).unwrap_or(listed),
            Err(error) => OrgCounts { standing: listed.standing, ..OrgCounts::failed(listed.org, &error) },
        };
        let message = format!("{name}: the account's list has {told} of its devices, it states {stated}: asked itself");
        (own, Some(Notice::warning(Code::TotalDiffers, message).about(&name)))
    }

    /// What a device counts as, or why it does not (README, What is counted).
    fn verdict(&self, device: &Device, sites: &BTreeMap<String, Site>) -> Verdict {
        let (site, Config { exclude_suspended, max_offline_days, .. }) = (sites.get(&device.site_uid.0), &self.config);
        let offline = OfflineLimit::days(*max_offline_days, self.cx.now());
        let on_demand = site.is_some_and(|site| site.on_demand).then_some(&ON_DEMAND);
        Verdict::counted([&DEVICES, device.class()].into_iter().chain(on_demand))
            .left_out_if(device.deleted == Some(true) || site.is_some_and(Site::is_bin), DELETED)
            .left_out_if(*exclude_suspended && device.suspended == Some(true), "suspended")
            .left_out_if(offline.exceeded(device.last_seen), OfflineLimit::REASON)
    }
}

impl Device {
    /// Its one class: by `deviceClass`, else by category, else by operating system.
    fn class(&self) -> &'static MetricDef {
        let category = self.device_type.as_ref().and_then(|kind| kind.category.as_deref());
        match (self.device_class.as_deref().unwrap_or_default(), category.unwrap_or_default()) {
            ("rmmnetworkdevice", _) => &NETWORK,
            ("printer", _) => &PRINTERS,
            ("esxihost", _) => &ESXI,
            ("unknown", _) => &OTHER,
            (_, "server") => &SERVERS,
            (_, "desktop" | "laptop" | "workstation") => &WORKSTATIONS,
            (_, other) if other.contains("network") => &NETWORK,
            (_, other) if other.contains("printer") => &PRINTERS,
            (_, other) if other.contains("esxi") => &ESXI,
            _ if self.operating_system.as_ref().is_some_and(|system| system.contains("server")) => &SERVERS,
            _ => &OTHER,
        }
    }
}
