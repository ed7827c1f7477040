#![doc = include_str!("../README.md")]

mod desk;

use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::tally::OfflineLimit;
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Identity, Meta, MetricDef, Notice,
    Probe, Result, Secret, Standing, VendorOrg, Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Grant, Next, OAuth2, Part, Position, Tokens};

/// Settings of a `kind = "ninjaone"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API app.
    client_id: String,
    /// The secret that belongs to it.
    client_secret: Secret,
    /// The first refresh token of a user's sign-in, where the app may not act by itself.
    refresh_token: Option<Secret>,
    /// The scopes to ask for, with spaces between; `monitoring` where it is not set.
    scope: Option<String>,
    /// Leaves devices out whose last contact is more than so many days ago.
    max_offline_days: Option<u32>,
    /// Counts virtual machines as their host reports them among the servers too.
    #[serde(default)]
    servers_include_vm_guests: bool,
}

/// As many as a page may have; one with fewer is the last (README, Limits).
const PAGE: usize = 1000;

static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static NETWORK: MetricDef = MetricDef::number("Network devices", "devices");
static VM_HOSTS: MetricDef = MetricDef::number("VM hosts", "devices").on_request();
static VM_GUESTS: MetricDef = MetricDef::number("VM guests", "devices").on_request();
static MOBILE: MetricDef = MetricDef::number("Mobile devices", "devices").on_request();
static CLOUD: MetricDef = MetricDef::number("Cloud monitors", "devices").on_request();
static OTHER: MetricDef = MetricDef::number("Other devices", "devices").on_request();
static METRICS: &[&MetricDef] = &[&WORKSTATIONS, &SERVERS, &NETWORK, &VM_HOSTS, &VM_GUESTS, &MOBILE, &CLOUD, &OTHER];

/// Counts the devices of every organization.
pub struct NinjaOne {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for NinjaOne {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "ninjaone",
        title: "NinjaOne",
        default_url: Some("https://app.ninjarmm.com"),
        capabilities: &[Capability::Counts, Capability::Tickets],
        metrics: METRICS,
        permissions: "an API app with the scope `monitoring`; for tickets also `management`, and perhaps a user's `refresh_token`",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // No limit is published: five requests a second are thought to be safe (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).per_minute(300).classify(desk::user_wanted).build()?;
        let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
        let (grant, scope) = match &config.refresh_token {
            // It has the scopes of its sign-in.
            Some(first) => {
                (Grant::RefreshToken { first: first.clone(), client: Some((client_id, client_secret)) }, None)
            }
            None => (Grant::ClientCredentials { client_id, client_secret }, Some("monitoring")),
        };
        let tokens = OAuth2::new(cx, &api.address(None, "/ws/oauth/token"), grant)?;
        // One scope that the app does not have, and no token is issued.
        let scope = config.scope.as_deref().or(scope);
        let tokens = scope.into_iter().fold(tokens, |tokens, scope| tokens.field("scope", scope));
        let api = api.with_auth(Tokens::new(cx, tokens));
        let me = Arc::new(Self { api, config, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me.clone()).tickets(me))
    }
}
register_connector!(NinjaOne);

#[async_trait]
impl Probe for NinjaOne {
    async fn check(&self) -> Result<Identity> {
        let seen: Vec<Device> = self.api.json(&Call::get("/v2/devices").query("pageSize", 1)).await?;
        // No call tells whose credential it is, so its id stands for the account (README, Quirks).
        Ok(Identity::unnamed(&self.config.client_id).sees(seen.len()))
    }
}

#[async_trait]
impl CountSource for NinjaOne {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.organizations().await?.into_iter().map(|(id, org)| VendorOrg::new(id, org.name)).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let offline = OfflineLimit::days(self.config.max_offline_days, self.cx.now());
        let (mut fold, mut unknown) = (Devices::new(METRICS), BTreeSet::new());
        let add = |device: Device| {
            let verdict = device.verdict(self.config.servers_include_vm_guests, offline);
            fold.add(device.organization_id.as_str(), device.id.as_str(), &verdict);
            let is_unknown = verdict.reason().is_none() && device.class().is_none();
            unknown.extend(is_unknown.then(|| device.node_class.to_string()));
        };
        let devices = self.api.stream(
            first("/v2/devices"),
            |device: &Device| &device.id,
            page(|device: &Device| &device.id),
            add,
        );
        let (organizations, ()) = try_join(self.organizations(), devices).await?;
        for (id, org) in organizations {
            fold.org(VendorOrg::new(id, org.name), Standing::Customer);
        }
        Ok(Counts { orgs: fold.finish(), notices: told(&unknown), ..Counts::default() })
    }
}

impl NinjaOne {
    async fn organizations(&self) -> Result<BTreeMap<String, Organization>> {
        self.api
            .list(first("/v2/organizations"), |org: &Organization| &org.id, page(|org: &Organization| &org.id))
            .await
    }
}

fn first(path: &str) -> Call {
    Call::get(path).query("pageSize", PAGE)
}

/// The page after a full one begins behind its last id.
fn page<T>(id: fn(&T) -> &Id) -> impl Fn(Vec<T>, &Position<'_>) -> Part<T> {
    move |rows, _| {
        let last = rows.last().filter(|_| rows.len() >= PAGE);
        let next = Next::cursor("after", last.map(|row| id(row).as_str()));
        Part { rows, stated: None, next }
    }
}

impl Device {
    /// What it counts as, or why it does not (README, What is counted).
    fn verdict(&self, guests_are_servers: bool, offline: OfflineLimit) -> Verdict {
        let class = self.class().unwrap_or(&OTHER);
        let also = (guests_are_servers && *class == VM_GUESTS).then_some(&SERVERS);
        let verdict = Verdict::counted([class].into_iter().chain(also));
        let verdict = match self.approval_status.as_deref() {
            // One that is not told is approved.
            None | Some("approved") => verdict,
            Some("pending") => verdict.left_out("waiting for approval"),
            Some("staged") => verdict.left_out("staged"),
            Some("decommissioned") => verdict.left_out("decommissioned"),
            Some(_) => verdict.left_out("of an approval status that is not known"),
        };
        verdict
            .left_out_if(&*self.node_class == "unmanaged_device", "unmanaged")
            .left_out_if(offline.exceeded(self.last_contact), OfflineLimit::REASON)
    }

    /// Its one class; `None` for one that came after this was written.
    fn class(&self) -> Option<&'static MetricDef> {
        Some(match &*self.node_class {
            "windows_workstation" | "mac" | "linux_workstation" => &WORKSTATIONS,
            "windows_server" | "linux_server" | "mac_server" => &SERVERS,
            "vmware_vm_host" | "hyperv_vmm_host" => &VM_HOSTS,
            "vmware_vm_guest" | "hyperv_vmm_guest" => &VM_GUESTS,
            "android" | "apple_ios" | "apple_ipados" => &MOBILE,
            "cloud_monitor_target" => &CLOUD,
            "managed_device" | "unmanaged_device" => &OTHER,
            // What is seen over the network, computers too: they may have an agent besides.
            class if class.starts_with("nms_") => &NETWORK,
            _ => return None,
        })
    }
}

/// Classes that are not known are in no column that is shown by default: they must not go unseen.
fn told(unknown: &BTreeSet<String>) -> Vec<Notice> {
    let classes = unknown.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("devices of a class that is not known are in \"{}\": {classes}", OTHER.name);
    (!unknown.is_empty()).then(|| Notice::warning(None, message)).into_iter().collect()
}

#[derive(Deserialize)]
pub(crate) struct Organization {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    id: Id,
    organization_id: Id,
    node_class: Word,
    approval_status: Option<Word>,
    #[serde(default)]
    last_contact: Moment,
}

#[cfg(test)]
#[path = "../tests/unit/counting.rs"]
mod tests;
