//! The `[integrations.NAME]` sections: the keys that all share, and the connector's own.

use crate::check::choice;
use crate::load::Loader;
use crate::places::{below, section};
use crate::schema;
use crate::values::{Id, from_each, from_option, some_duration};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;
use tallysheet_core::{Capability, Entry, Meta, MetricDef, Result};
use tallysheet_host::{Environment, secrets};

/// One configured connection to one vendor system.
#[derive(Clone)]
pub struct Integration {
    /// The section's name.
    pub name: String,
    /// Which connector it is.
    pub kind: String,
    /// That connector.
    pub entry: &'static Entry,
    /// The place of its kind in the order of columns.
    pub order: usize,
    /// The prefix of its columns.
    pub title: String,
    /// Whether it is asked at all.
    pub enabled: bool,
    /// The user's address of the vendor, without a trailing slash.
    pub url: Option<String>,
    /// How long it may take: its own `timeout`, else that of the run.
    pub timeout: Duration,
    /// Replaces the connector's own limit.
    pub max_concurrency: Option<usize>,
    /// Replaces the connector's own limit.
    pub requests_per_minute: Option<u32>,
    /// What it counts, in the connector's order: the user's `metrics`, else the default ones.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids to leave out.
    pub exclude: Vec<String>,
    /// The account, by name or id, that `check` must answer.
    pub expect_account: Option<String>,
    /// The line of its section; none where it stands in the environment alone.
    pub line: Option<usize>,
    settings: Map<String, Value>,
    base_dir: PathBuf,
    /// Where each secret stands.
    places: BTreeMap<String, String>,
    /// The keys that are paths.
    paths: Vec<String>,
}

impl Integration {
    /// Whether it is asked with a refresh token, which the vendor may replace at each use.
    pub fn rotates(&self) -> bool {
        self.enabled && self.settings.contains_key("refresh_token")
    }

    /// The connector's own settings, each secret replaced by its text, each path made whole: for [`Entry::connect`], and nothing else.
    pub fn connect_settings(&self, environment: &Environment) -> Result<Value> {
        let mut settings = self.settings.clone();
        for (key, place) in &self.places {
            if let Some(value) = settings.get_mut(key) {
                let secret = secrets::resolve(value, environment, &self.base_dir)
                    .map_err(|error| error.context(format!("{place}: [integrations.{}] `{key}`", self.name)))?;
                *value = Value::String(secret.expose().to_owned());
            }
        }
        for key in &self.paths {
            if let Some(Value::String(path)) = settings.get_mut(key) {
                *path = self.base_dir.join(&*path).display().to_string();
            }
        }
        Ok(Value::Object(settings))
    }

    /// Whether its connector can do something.
    pub fn can(&self, capability: Capability) -> bool {
        self.entry.meta.capabilities.contains(&capability)
    }
}

/// The keys that every integration takes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Common {
    /// Which connector it is. Default: the section's name.
    pub(crate) kind: Option<String>,
    /// The prefix of its columns. Default: the connector's title.
    #[schemars(length(min = 1))]
    title: Option<String>,
    /// Whether it is asked at all.
    #[serde(default = "yes")]
    enabled: bool,
    /// The vendor's address: scheme, host and path prefix.
    #[schemars(length(min = 1))]
    url: Option<String>,
    /// How long it may take, such as 30m. Default: that of the run.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "String", length(min = 1))]
    timeout: Option<Duration>,
    /// How many requests at once, instead of the connector's own limit.
    max_concurrency: Option<NonZeroUsize>,
    /// How many requests a minute, instead of the connector's own limit.
    requests_per_minute: Option<NonZeroU32>,
    /// What to count, instead of the default. An empty list makes no counting calls.
    metrics: Option<Vec<String>>,
    /// Ids of vendor orgs to leave out.
    #[serde(default, deserialize_with = "from_each::<Id, _, _>")]
    #[schemars(with = "Vec<Id>")]
    exclude: Vec<String>,
    /// The account, by name or id, that the credential must belong to.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    expect_account: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Reads the section of one integration; a problem is added and leaves it out.
pub(crate) fn read(
    name: &str,
    mut table: Map<String, Value>,
    run_timeout: Duration,
    loader: &mut Loader<'_>,
) -> Option<Integration> {
    let at = ["integrations".to_owned(), name.to_owned()];
    let common: Common = loader.decode(schema::take::<Common>(&mut table), &at)?;
    let kind = common.kind.unwrap_or_else(|| name.to_owned());
    let entry = loader.registry.find(&kind).ok()?;
    let meta = entry.meta;

    let url = common.url.map(|url| url.trim_end_matches('/').to_owned());
    if url.as_deref().is_some_and(|url| !is_http(url)) {
        let message = format!("{}`url` must begin with https:// (or http://) and a host", section(&at));
        loader.problems.add(&below(&at, "url"), message);
    }
    let words = common.metrics.as_deref();
    check_metrics(words, meta, &below(&at, "metrics"), loader);

    let schema = schema::integration(entry);
    let secret_keys = schema::secret_keys(&schema);
    let default_title = if entry.titled_by_section { name } else { meta.title };
    let place = |key: String| (key.clone(), loader.places.place(&below(&at, key)));
    Some(Integration {
        name: name.to_owned(),
        kind,
        entry,
        order: loader.registry.position(meta.slug),
        title: common.title.map_or_else(|| default_title.to_owned(), |title| title.trim().to_owned()),
        enabled: common.enabled,
        url,
        timeout: common.timeout.unwrap_or(run_timeout),
        max_concurrency: common.max_concurrency.map(NonZeroUsize::get),
        requests_per_minute: common.requests_per_minute.map(NonZeroU32::get),
        metrics: meta.metrics.iter().copied().filter(|metric| selects(words, metric)).collect(),
        exclude: common.exclude,
        expect_account: common.expect_account,
        line: loader.places.line(&at),
        places: secret_keys.into_iter().map(place).collect(),
        paths: schema::path_keys(&schema),
        settings: table,
        base_dir: loader.base_dir.to_owned(),
    })
}

fn is_http(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) && !rest.is_empty()
}

fn selects(words: Option<&[String]>, metric: &MetricDef) -> bool {
    words.map_or(metric.default, |words| words.iter().any(|word| word.trim().eq_ignore_ascii_case(metric.name)))
}

fn check_metrics(words: Option<&[String]>, meta: &Meta, at: &[String], loader: &mut Loader<'_>) {
    let known: Vec<&str> = meta.metrics.iter().map(|metric| metric.name).collect();
    for (index, word) in words.unwrap_or_default().iter().enumerate() {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(word.trim())) {
            let table = at.split_last().map_or(at, |(_, table)| table);
            let message = format!("{}`metrics`: there is no `{word}`; {}", section(table), choice(word, &known));
            loader.problems.add(&below(at, index.to_string()), message);
        }
    }
}
