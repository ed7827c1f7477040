//! Two small connectors, and short ways to read a config with them.
#![allow(dead_code, reason = "each test file uses its part")]

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, Identity, Meta, MetricDef, Probe, Registry, Result, Secret,
    async_trait, register_connector,
};
use tallysheet_host::Environment;

/// Settings of `acme-rmm`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
pub(crate) struct RmmConfig {
    /// The API key. It belongs to a user.
    api_key: Secret,
    /// The first refresh token.
    refresh_token: Option<Secret>,
    /// Devices that were offline for longer are left out.
    max_offline_days: Option<u32>,
    /// Which devices there are.
    #[serde(default)]
    mode: Mode,
    /// Regions to ask.
    #[serde(default)]
    regions: Vec<String>,
    /// Whether suspended sites are left out.
    #[serde(default)]
    exclude_suspended: bool,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// All that are listed.
    #[default]
    Inventory,
    /// What was used.
    Usage,
}

static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static PRINTERS: MetricDef = MetricDef::number("Printers", "devices").on_request();

struct Rmm;

impl ConnectorSpec for Rmm {
    type Config = RmmConfig;
    const META: &'static Meta = &Meta {
        slug: "acme-rmm",
        title: "Acme",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: &[&WORKSTATIONS, &SERVERS, &PRINTERS],
        permissions: "read-only access",
    };
    fn connect(_: RmmConfig, _: &Context) -> Result<Connector> {
        Ok(Connector::new(Arc::new(Self)))
    }
}
register_connector!(Rmm);

#[async_trait]
impl Probe for Rmm {
    async fn check(&self) -> Result<Identity> {
        Ok(Identity::default())
    }
}

/// Settings of `acme-desk`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only decoded")]
pub(crate) struct DeskConfig {
    /// The tenant's name.
    tenant: String,
    /// Its secret.
    client_secret: Secret,
}

struct Desk;

impl ConnectorSpec for Desk {
    type Config = DeskConfig;
    const META: &'static Meta = &Meta {
        slug: "acme-desk",
        title: "Acme Desk",
        default_url: Some("https://desk.acme.example/api"),
        capabilities: &[Capability::Tickets, Capability::Companies, Capability::Mail],
        metrics: &[],
        permissions: "tickets and companies",
    };
    fn connect(_: DeskConfig, _: &Context) -> Result<Connector> {
        Ok(Connector::new(Arc::new(Self)))
    }
}
register_connector!(Desk);

#[async_trait]
impl Probe for Desk {
    async fn check(&self) -> Result<Identity> {
        Ok(Identity::default())
    }
}

/// The registry of these tests; `acme-backup` exists, but is not compiled in.
pub(crate) fn registry() -> Registry {
    Registry::new(&["acme-backup", "acme-desk", "acme-rmm"])
}

/// Reads a config without an environment.
pub(crate) fn read(text: &str) -> Result<Config, String> {
    read_with(text, &[])
}

/// Reads a config with variables.
pub(crate) fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Environment = variables.iter().copied().collect();
    Config::parse(text, Path::new("msp/tallysheet.toml"), &environment, &registry()).map_err(|error| error.to_string())
}

/// What is wrong with a config.
pub(crate) fn problem(text: &str) -> String {
    read(text).err().expect("this config is wrong")
}

/// A config with one integration of each kind.
pub(crate) const GOOD: &str = r#"[run]
directory = "acme-desk"

[integrations.acme-rmm]
url = "https://rmm.acme.example/"
api_key = { env = "ACME_KEY" }

[integrations.acme-desk]
tenant = "msp"
client_secret = "s3cret"
"#;
