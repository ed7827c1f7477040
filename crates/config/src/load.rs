//! From text to a [`Config`]: find the keys, layer the environment over the file, check all, decode, check what spans sections.

use crate::Config;
use crate::alert;
use crate::check::{check, choice};
use crate::delivery;
use crate::guard;
use crate::integration::{self, Integration};
use crate::overrides::{Override, Overrides, as_tables, folded};
use crate::places::{Places, Problems, below, section};
use crate::reconcile;
use crate::run::Run;
use crate::schedule;
use crate::serve;
use crate::shape::shape;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tallysheet_core::guard::Guard;
use tallysheet_core::{Capability, Error, Registry, Result};
use tallysheet_host::Environment;

/// What every section's reading shares.
pub(crate) struct Loader<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) base_dir: &'a Path,
    pub(crate) places: &'a Places,
    pub(crate) problems: Problems,
}

/// Reads a whole config.
pub(crate) fn load(text: &str, path: &Path, environment: &Environment, registry: &Registry) -> Result<Config> {
    let mut places = Places::of(text, path)?;
    let base_dir = path.parent().unwrap_or(Path::new("")).to_owned();
    let file = layers(text, Map::new()).map_err(|error| error.context(path.display()))?;
    let environment = with_env_file(environment.clone(), &file, &base_dir)?;

    let overrides = Overrides::of(&environment);
    let mut problems = Problems::default();
    let schema = shape(&file, &overrides, registry, &mut problems);
    let overrides = overrides.resolve(&schema)?;
    for Override { path, variable, .. } in &overrides {
        places.replaced(path.clone(), variable);
    }
    let merged = layers(text, as_tables(&overrides)).map_err(|error| error.context(path.display()))?;
    check(&merged, &schema, &[], &mut problems);
    problems.into_result(&places)?;

    let mut loader = Loader { registry, base_dir: &base_dir, places: &places, problems: Problems::default() };
    let config = loader.config(merged, path, environment);
    loader.problems.into_result(&places)?;
    config.ok_or_else(|| Error::internal("a config without a problem could not be read"))
}

/// The file, and over it the environment.
fn layers(text: &str, overrides: Map<String, Value>) -> Result<Value> {
    let wrong = |error: config::ConfigError| Error::config(format!("the config cannot be read: {error}"));
    let overrides =
        serde_json::from_value(Value::Object(overrides)).map_err(|error| Error::internal(error.to_string()))?;
    let layered = config::Config::builder()
        .add_source(config::File::from_str(text, config::FileFormat::Toml))
        .add_source(Layer(overrides))
        .build()
        .map_err(wrong)?;
    layered.try_deserialize().map_err(wrong)
}

/// Values that are known already.
#[derive(Debug, Clone)]
struct Layer(config::Map<String, config::Value>);

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Adds the env file: the one that is named, else `.env` beside the config, where there is one.
fn with_env_file(environment: Environment, file: &Value, base_dir: &Path) -> Result<Environment> {
    let named = Overrides::of(&environment).text(&["run", "env_file"]).map(str::to_owned);
    let named = named.or_else(|| file["run"]["env_file"].as_str().map(str::to_owned));
    let path = base_dir.join(named.as_deref().unwrap_or(".env"));
    if named.is_none() && !path.is_file() {
        return Ok(environment);
    }
    environment.with_file(&path)
}

impl Loader<'_> {
    fn config(&mut self, mut merged: Value, path: &Path, environment: Environment) -> Option<Config> {
        let mut sections = |table: &str| -> BTreeMap<String, Map<String, Value>> {
            let Value::Object(table) = merged[table].take() else { return BTreeMap::new() };
            let tables = table.into_iter().filter_map(|(name, value)| match value {
                Value::Object(keys) => Some((name, keys)),
                _ => None,
            });
            tables.collect()
        };
        let (integrations, deliveries, schedules) =
            (sections("integrations"), sections("deliver"), sections("schedule"));
        for (table, names) in [
            ("integrations", integrations.keys().collect::<Vec<_>>()),
            ("deliver", deliveries.keys().collect()),
            ("schedule", schedules.keys().collect()),
        ] {
            self.check_names(table, &names);
        }

        let run: Run = match merged["run"].take() {
            Value::Object(keys) => self.decode(keys, &["run".to_owned()])?,
            _ => Run::default(),
        };
        let mut integrations: Vec<Integration> = integrations
            .into_iter()
            .filter_map(|(name, table)| integration::read(&name, table, run.timeout, self))
            .collect();
        integrations.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
        self.check_titles(&integrations);
        if let Some(directory) = &run.directory {
            let at = ["run".to_owned(), "directory".to_owned()];
            self.must_name(directory, Capability::Companies, &integrations, &at);
        }
        let names: Vec<String> = deliveries.keys().cloned().collect();
        let deliveries = deliveries
            .into_iter()
            .filter_map(|(name, table)| delivery::read(&name, table, &integrations, self))
            .collect();
        let schedules =
            schedules.into_iter().filter_map(|(name, table)| schedule::read(&name, table, &names, self)).collect();
        let guard = match merged["guard"].take() {
            Value::Object(table) => guard::read(table, &integrations, self),
            _ => Guard::default(),
        };
        let rules = guard::rules(&merged["report"], &integrations, self);
        let mut keys = |table: &str| match merged[table].take() {
            Value::Object(keys) => keys,
            _ => Map::new(),
        };
        let serve = serve::read(keys("serve"), self);
        let alert = alert::read(keys("alert"), &integrations, self);
        let reconcile = match merged["reconcile"].take() {
            Value::Object(table) => reconcile::read(table, &integrations, self),
            _ => None,
        };
        let base_dir: PathBuf = self.base_dir.to_owned();
        let run = run.beside(&base_dir);
        Some(Config {
            path: path.to_owned(),
            base_dir,
            run,
            integrations,
            deliveries,
            schedules,
            guard,
            rules,
            serve,
            alert,
            reconcile,
            environment,
        })
    }

    /// Decodes a table; what is wrong is added at its key.
    pub(crate) fn decode<T: DeserializeOwned>(&mut self, table: Map<String, Value>, at: &[String]) -> Option<T> {
        serde_path_to_error::deserialize(Value::Object(table))
            .map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
                let keys = error.path().iter().map(|key| key.to_string().trim_matches(['[', ']']).to_owned());
                let path: Vec<String> = at.iter().cloned().chain(keys).collect();
                let key = path.get(at.len()).map(|key| format!("`{key}`: ")).unwrap_or_default();
                self.problems.add(&path, format!("{}{key}{}", section(at), error.inner()));
            })
            .ok()
    }

    /// A key must name an integration of this file that is enabled and has a capability.
    pub(crate) fn must_name(
        &mut self,
        name: &str,
        capability: Capability,
        integrations: &[Integration],
        at: &[String],
    ) {
        let (word, key) = (capability.as_str(), at.last().map_or("", String::as_str));
        let fitting: Vec<&str> =
            integrations.iter().filter(|one| one.can(capability)).map(|one| one.name.as_str()).collect();
        let why = match integrations.iter().find(|integration| integration.name == name) {
            Some(integration) if !integration.can(capability) => {
                format!("the integration `{name}` has no {word}; {}", choice(name, &fitting))
            }
            Some(integration) if !integration.enabled => format!("the integration `{name}` is not enabled"),
            Some(_) => return,
            None => format!("there is no section [integrations.{name}]; with {word} {}", choice(name, &fitting)),
        };
        self.problems.add(at, format!("{}`{key}`: {why}", section(at.split_last().map_or(at, |(_, table)| table))));
    }

    /// Names are columns of the companies file, words of the command line and parts of variables.
    fn check_names(&mut self, table: &str, names: &[&String]) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for name in names {
            let at = [table.to_owned(), (*name).clone()];
            let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(good) {
                let name = name.escape_debug();
                self.problems.add(&at, format!("[{table}] the name `{name}` may hold letters, digits, - _ and . only"));
            }
            if table == "integrations" && ["company", "domains"].contains(&folded(name).as_str()) {
                self.problems
                    .add(&at, format!("[{table}] the name `{name}` is that of a column of the companies file"));
            }
            if let Some(other) = seen.insert(folded(name), name) {
                let message = format!("[{table}] the names `{other}` and `{name}` are too much alike; rename one");
                self.problems.add(&at, message);
            }
        }
    }

    fn check_titles(&mut self, integrations: &[Integration]) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for Integration { name, title, .. } in integrations.iter().filter(|integration| integration.enabled) {
            if let Some(other) = seen.insert(title, name) {
                let at = ["integrations".to_owned(), name.clone()];
                let message = format!(
                    "{}has the title `{title}`, and so has [integrations.{other}]; give one of them a `title` of its own",
                    section(&at)
                );
                self.problems.add(&below(&at, "title"), message);
            }
        }
    }
}
