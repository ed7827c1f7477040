#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Account, BLOCK, Device, Page, Site, blocked};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tallysheet_core::tally::{Listed, OfflineLimit};
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Identity, Meta, MetricDef,
    Notice, OrgCounts, Probe, Result, Secret, Standing, VendorOrg, Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Grant, OAuth2, Retry, Tokens, segment};

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

/// Why a device in the deletion queue is in no count.
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
        let cx = Context { url: cx.url.as_deref().map(without_api), ..cx.clone() };
        let retry = Retry { wait_after_429: Duration::from_mins(1), longest_retry_after: BLOCK, ..Retry::default() };
        let slowed_down = AtomicBool::new(false);
        // 600 reads a minute for all users of the account: half is left to others (README, Limits).
        let api = Api::builder(&cx, None).per_minute(300).retry(retry);
        let api = api.classify(move |reply| blocked(&slowed_down, reply)).build()?;
        let (username, password) = (config.api_key.expose().to_owned(), config.api_secret.clone());
        let grant = Grant::Password { username, password, client: Some(("public-client", "public")) };
        let tokens = OAuth2::new(&cx, &api.address(None, "/auth/oauth/token"), grant)?;
        let me = Arc::new(Self { api: api.with_auth(Tokens::new(&cx, tokens)), config, cx });
        Ok(Connector::new(me.clone()).counts(me))
    }
}
register_connector!(DattoRmm);

#[async_trait]
impl Probe for DattoRmm {
    async fn check(&self) -> Result<Identity> {
        let account: Account = self.api.json(&Call::get("/api/v2/account")).await?;
        Ok(Identity { account: account.name, id: Some(account.uid.0), expires: None })
    }
}

#[async_trait]
impl CountSource for DattoRmm {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.sites().await?.values().map(Site::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let sites = self.sites().await?;
        let listed = self.devices("/api/v2/account/devices", sites.values()).await?;
        let checked = listed.into_iter().map(|org| self.checked(sites.get(&org.org.id), org));
        let (orgs, notices): (_, Vec<_>) = join_all(checked).await.into_iter().unzip();
        Ok(Counts { orgs, notices: notices.into_iter().flatten().collect(), ..Counts::default() })
    }
}

impl DattoRmm {
    async fn sites(&self) -> Result<BTreeMap<String, Site>> {
        let mut sites = Listed::default();
        let first = Call::get("/api/v2/account/sites").query("max", 250);
        let mut pages = self.api.pages(first, Page::<Site>::next);
        while let Some(page) = pages.next().await? {
            sites.stated(page.page_details.total_count);
            page.rows.into_iter().for_each(|site| sites.add(site.uid.0.clone(), site));
        }
        sites.finish("sites")
    }

    /// A list of devices, folded by site.
    async fn devices(&self, path: &str, sites: impl Iterator<Item = &Site> + Send) -> Result<Vec<OrgCounts>> {
        let sites: BTreeMap<&str, &Site> = sites.map(|site| (site.uid.as_str(), site)).collect();
        let offline = OfflineLimit::days(self.config.max_offline_days, self.cx.now());
        let mut fold = Devices::new(METRICS);
        for site in sites.values() {
            fold.org(site.org(), site.standing());
        }
        let mut pages = self.api.pages(Call::get(path).query("max", 250), Page::<Device>::next);
        while let Some(page) = pages.next().await? {
            for device in page.rows {
                let (uid, site_uid) = (device.uid.as_str(), device.site_uid.as_str());
                let site = sites.get(site_uid).copied();
                fold.add(site_uid, uid, &device.verdict(site, self.config.exclude_suspended, offline));
            }
        }
        // An on-demand customer has another licence: left out of all but the last metric (README, What is counted).
        let on_demand = |org: &OrgCounts| {
            let site = sites.get(org.org.id.as_str());
            org.standing == Standing::Customer && site.is_some_and(|site| site.on_demand)
        };
        let licensed = |org| if on_demand(&org) { org.left_out_but(&ON_DEMAND, "on-demand") } else { org };
        Ok(fold.finish().into_iter().map(licensed).collect())
    }

    /// The account's list was seen to miss devices: a site that states another number is asked itself (README, Quirks).
    /// Where that fails, the site fails, and no other.
    async fn checked(&self, site: Option<&Site>, listed: OrgCounts) -> (OrgCounts, Option<Notice>) {
        let told = listed.held(&DEVICES, DELETED);
        let differs = site.and_then(|site| Some((site, site.stated().filter(|stated| *stated != told)?)));
        let Some((site, stated)) = differs else { return (listed, None) };
        let path = format!("/api/v2/site/{}/devices", segment(site.uid.as_str()));
        let own = match self.devices(&path, std::iter::once(site)).await {
            Ok(own) => own.into_iter().find(|org| org.org.id == site.uid.0).unwrap_or(listed),
            Err(error) => OrgCounts { standing: listed.standing, ..OrgCounts::failed(listed.org, &error) },
        };
        let message =
            format!("the account's list has {told} of its devices, and it states {stated}; it is asked itself");
        let notice = Notice::warning(Code::TotalDiffers, format!("{}: {message}", site.name)).about(&site.name);
        (own, Some(notice))
    }
}

/// The base address, however much of it the user wrote.
fn without_api(url: &str) -> String {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/api/v2").or_else(|| url.strip_suffix("/api")).unwrap_or(url).to_owned()
}

impl Device {
    /// What it counts as, or why it does not (README, What is counted).
    fn verdict(&self, site: Option<&Site>, exclude_suspended: bool, offline: OfflineLimit) -> Verdict {
        let on_demand = site.is_some_and(|site| site.on_demand).then_some(&ON_DEMAND);
        Verdict::counted([&DEVICES, self.class()].into_iter().chain(on_demand))
            .left_out_if(self.deleted == Some(true) || site.is_some_and(Site::is_deleted), DELETED)
            .left_out_if(exclude_suspended && self.suspended == Some(true), "suspended")
            .left_out_if(offline.exceeded(self.last_seen), OfflineLimit::REASON)
    }

    /// Its one class: by `deviceClass`, else by category, else by operating system.
    fn class(&self) -> &'static MetricDef {
        let word = |text: Option<&String>| text.map(|text| text.trim().to_lowercase()).unwrap_or_default();
        let category = word(self.kind.as_ref().and_then(|kind| kind.category.as_ref()));
        match (word(self.class.as_ref()).as_str(), category.as_str()) {
            ("rmmnetworkdevice", _) => &NETWORK,
            ("printer", _) => &PRINTERS,
            ("esxihost", _) => &ESXI,
            ("unknown", _) => &OTHER,
            (_, "server") => &SERVERS,
            (_, "desktop" | "laptop" | "workstation") => &WORKSTATIONS,
            (_, other) if other.contains("network") => &NETWORK,
            (_, other) if other.contains("printer") => &PRINTERS,
            (_, other) if other.contains("esxi") => &ESXI,
            _ if word(self.operating_system.as_ref()).contains("server") => &SERVERS,
            _ => &OTHER,
        }
    }
}

#[cfg(test)]
mod tests;
