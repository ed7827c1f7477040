//! How connectors are found: each registers itself, and the registry puts them in the contract's order.
//!
//! A connector that is linked but that nobody names is dropped by the linker without a word. The bundle
//! (`connectors/`) names each, and a test there compares what is registered with what is compiled in.

use crate::billing::BillingLedger;
use crate::capability::{Capability, CompanyDirectory, CountSource, Mailer, Probe, TicketDesk};
use crate::error::{Error, Result};
use crate::model::MetricDef;
use crate::shape::Recorder;
use crate::world::World;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A connector as its crate defines it.
pub trait ConnectorSpec {
    /// Its settings. The doc comments become the settings table and the JSON Schema.
    type Config: DeserializeOwned + JsonSchema;
    /// What is known of it without connecting.
    const META: &'static Meta;
    /// Whether the section's name is the prefix of its columns, not [`Meta::title`]: for a connector that any vendor's
    /// counts come through.
    const TITLED_BY_SECTION: bool = false;
    /// Makes the connector; does not call the vendor.
    fn connect(config: Self::Config, cx: &Context) -> Result<Connector>;
}

/// The [`Meta::default_url`] of a connector that calls no address.
pub const NO_URL: &str = "";

/// What is known of a connector without connecting.
#[derive(Debug)]
pub struct Meta {
    /// `kind` in the config, folder and Cargo feature.
    pub slug: &'static str,
    /// The prefix of its columns.
    pub title: &'static str,
    /// The vendor's address; `None` where the user must give `url`, [`NO_URL`] where there is none.
    pub default_url: Option<&'static str>,
    /// What it can do. Conformance compares this with what [`ConnectorSpec::connect`] returns.
    pub capabilities: &'static [Capability],
    /// What it counts, in the order of columns.
    pub metrics: &'static [&'static MetricDef],
    /// The least right that its credential needs, in a few words.
    pub permissions: &'static str,
}

/// A connected integration and what it can do.
#[derive(Clone)]
pub struct Connector {
    /// Every connector can be checked.
    pub probe: Arc<dyn Probe>,
    /// Where it counts.
    pub counts: Option<Arc<dyn CountSource>>,
    /// Where it lists companies.
    pub companies: Option<Arc<dyn CompanyDirectory>>,
    /// Where it has tickets.
    pub tickets: Option<Arc<dyn TicketDesk>>,
    /// Where it sends mail.
    pub mail: Option<Arc<dyn Mailer>>,
    /// Where it knows what is billed.
    pub billing: Option<Arc<dyn BillingLedger>>,
}

impl Connector {
    /// A connector that can be checked and nothing else yet.
    pub fn new(probe: Arc<dyn Probe>) -> Self {
        Self { probe, counts: None, companies: None, tickets: None, mail: None, billing: None }
    }

    /// A connector that can be checked and that counts.
    pub fn counting(source: impl Probe + CountSource + 'static) -> Self {
        let source = Arc::new(source);
        Self::new(source.clone()).counts(source)
    }

    /// Adds the count source.
    #[must_use]
    pub fn counts(mut self, source: Arc<dyn CountSource>) -> Self {
        self.counts = Some(source);
        self
    }

    /// Adds the company directory.
    #[must_use]
    pub fn companies(mut self, directory: Arc<dyn CompanyDirectory>) -> Self {
        self.companies = Some(directory);
        self
    }

    /// Adds the ticket desk.
    #[must_use]
    pub fn tickets(mut self, desk: Arc<dyn TicketDesk>) -> Self {
        self.tickets = Some(desk);
        self
    }

    /// Adds the mailer.
    #[must_use]
    pub fn mail(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mail = Some(mailer);
        self
    }

    /// Adds the billing ledger.
    #[must_use]
    pub fn billing(mut self, ledger: Arc<dyn BillingLedger>) -> Self {
        self.billing = Some(ledger);
        self
    }

    /// What it can do, in the order of [`Capability`].
    pub fn capabilities(&self) -> Vec<Capability> {
        [
            (self.counts.is_some(), Capability::Counts),
            (self.tickets.is_some(), Capability::Tickets),
            (self.companies.is_some(), Capability::Companies),
            (self.billing.is_some(), Capability::Billing),
            (self.mail.is_some(), Capability::Mail),
        ]
        .into_iter()
        .filter_map(|(has, capability)| has.then_some(capability))
        .collect()
    }
}

/// What a connector gets besides its own settings: the common keys, and the world.
#[derive(Clone)]
pub struct Context {
    /// The integration's name in the config.
    pub integration: String,
    /// The user's `url`, without a trailing slash.
    pub url: Option<String>,
    /// The user's `max_concurrency`, which replaces the connector's own.
    pub max_concurrency: Option<usize>,
    /// The user's `requests_per_minute`, which replaces the connector's own.
    pub requests_per_minute: Option<u32>,
    /// The metrics to count: the user's `metrics`, else the defaults.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids to leave out: need not be asked.
    pub exclude: Vec<String>,
    /// Vendor org ids of this integration in the companies file: for vendors that cannot list all their customers.
    pub known_ids: Arc<[String]>,
    /// Where a probe gathers the shapes of answers; the client hands them over.
    pub recorder: Option<Arc<Recorder>>,
    /// Clock, sleep, randomness, files, state.
    pub world: Arc<dyn World>,
}

impl Context {
    /// Whether `metric` is to be counted: for calls that would be made for it alone.
    pub fn wants(&self, metric: &MetricDef) -> bool {
        self.metrics.contains(&metric)
    }

    /// Whether the org with this id is left out by the config.
    pub fn excludes(&self, org_id: &str) -> bool {
        self.exclude.iter().any(|id| id == org_id)
    }

    /// Whether the vendor is asked for the shapes of its answers only. Settings that say where things stand in them may
    /// still be empty then.
    pub const fn is_probe(&self) -> bool {
        self.recorder.is_some()
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }
}

/// A secret. It has no `Display`, its `Debug` is masked, and it cannot be serialised.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    /// The secret itself: for the place that sends it, and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let form = |key: &str, about: &str, value: serde_json::Value| {
            serde_json::json!({ "type": "object", "description": about, "properties": { key: value },
                "required": [key], "additionalProperties": false })
        };
        let text = || serde_json::json!({ "type": "string", "minLength": 1 });
        let mut schema = Schema::default();
        schema.insert("x-secret".into(), true.into());
        schema.insert(
            "anyOf".into(),
            serde_json::json!([
                { "type": "string", "description": "The secret itself. Better kept outside this file." },
                form("env", "An environment variable holds it.", text()),
                form("file", "A file holds it.", text()),
                form("command", "A program prints it.", serde_json::json!({
                    "type": "array", "items": { "type": "string" }, "minItems": 1 })),
                form("keyring", "The operating system's keyring holds it under this name.", text()),
            ]),
        );
        schema
    }
}

/// The path of a file that the user names. In the config it is relative to the config's folder; here it is whole.
/// [`World::read_text`] reads it.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct FilePath(pub PathBuf);

impl JsonSchema for FilePath {
    fn schema_name() -> Cow<'static, str> {
        "FilePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "x-path": true })
    }
}

/// A registered connector.
pub struct Entry {
    /// What is known of it.
    pub meta: &'static Meta,
    /// The JSON Schema of its settings.
    pub settings: fn() -> Schema,
    /// Whether the section's name is the prefix of its columns.
    pub titled_by_section: bool,
    build: fn(serde_json::Value, &Context) -> Result<Connector>,
}

impl Entry {
    /// The entry of a connector.
    pub const fn of<S: ConnectorSpec>() -> Self {
        Self { meta: S::META, settings: settings::<S>, titled_by_section: S::TITLED_BY_SECTION, build: build::<S> }
    }

    /// Decodes the settings strictly and makes the connector.
    pub fn connect(&self, settings: serde_json::Value, cx: &Context) -> Result<Connector> {
        (self.build)(settings, cx)
    }
}

fn settings<S: ConnectorSpec>() -> Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<S::Config>()
}

fn build<S: ConnectorSpec>(settings: serde_json::Value, cx: &Context) -> Result<Connector> {
    let config = serde_path_to_error::deserialize(settings).map_err(|error| {
        Error::config(format!("[integrations.{}] {}: {}", cx.integration, error.path(), error.inner()))
    })?;
    S::connect(config, cx).map_err(|error| error.context(format!("[integrations.{}]", cx.integration)))
}

inventory::collect!(Entry);

/// Registers a connector: `register_connector!(Acme);`
#[macro_export]
macro_rules! register_connector {
    ($connector:ty) => {
        $crate::__inventory::submit! { $crate::Entry::of::<$connector>() }
    };
}

/// The connectors of this build, in the order of columns.
#[derive(Clone)]
pub struct Registry {
    entries: Vec<&'static Entry>,
    known: &'static [&'static str],
}

impl Registry {
    /// Everything that is linked, in the order of `known`: every slug that Tallysheet has a word for.
    ///
    /// # Panics
    /// Where two connectors have one slug, or one has a slug that is not known: a defect of the build.
    pub fn new(known: &'static [&'static str]) -> Self {
        let place = |entry: &Entry| known.iter().position(|slug| *slug == entry.meta.slug);
        let mut entries: Vec<&'static Entry> = inventory::iter::<Entry>.into_iter().collect();
        entries.sort_by_key(|entry| place(entry));
        for (index, entry) in entries.iter().enumerate() {
            let slug = entry.meta.slug;
            assert!(place(entry).is_some(), "the connector `{slug}` has no row in the bundle");
            assert!(index == 0 || entries[index - 1].meta.slug != slug, "two connectors have the slug `{slug}`");
        }
        Self { entries, known }
    }

    /// The connectors compiled in.
    pub fn entries(&self) -> &[&'static Entry] {
        &self.entries
    }

    /// Every slug that Tallysheet has a word for, compiled in or not.
    pub fn known(&self) -> &'static [&'static str] {
        self.known
    }

    /// The place of a kind in the order of columns.
    pub fn position(&self, slug: &str) -> usize {
        self.known.iter().position(|known| *known == slug).unwrap_or(usize::MAX)
    }

    /// The connector of a kind, or an error that says what there is.
    pub fn find(&self, slug: &str) -> Result<&'static Entry> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.meta.slug == slug) {
            return Ok(entry);
        }
        let compiled = self.entries.iter().map(|entry| entry.meta.slug).collect::<Vec<_>>().join(", ");
        if self.known.contains(&slug) {
            return Err(Error::config(format!(
                "the kind `{slug}` exists, but this build does not have it (feature `{slug}`); it has {compiled}"
            )));
        }
        let nearest = nearest(slug, self.known.iter().copied());
        let hint = nearest.map_or_else(|| ".".to_owned(), |slug| format!("; did you mean `{slug}`?"));
        Err(Error::config(format!("there is no kind `{slug}`{hint} This build has {compiled}")))
    }
}

/// The words of a setting as the vendor spells them, whatever their case; `default` where it is not set. One that the
/// vendor does not have is an error: it would choose nothing, and nobody would be told. Both lists have spaces between.
pub fn chosen(
    key: &str,
    words: Option<&[String]>,
    default: &'static str,
    known: &'static str,
) -> Result<BTreeSet<&'static str>> {
    let find = |word: &String| {
        let found = known.split_whitespace().find(|known| known.eq_ignore_ascii_case(word.trim()));
        found.ok_or_else(|| Error::config(format!("`{key}`: there is no `{word}`; there are {known}")))
    };
    match words {
        None => Ok(default.split_whitespace().collect()),
        Some([]) => Err(Error::config(format!("`{key}` is empty, so nothing would count; leave it out"))),
        Some(words) => words.iter().map(find).collect(),
    }
}

/// The candidate that looks most like `word`, if any is close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}
