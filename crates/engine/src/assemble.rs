//! From a config to a plan: the one place where the engine reads the config's types.

mod deliveries;
mod reconciling;

use crate::account::Guard;
use crate::alert::Alerts;
use crate::deliver::Delivery;
use crate::look_back::Keep;
use crate::plan::{Companies, Directory, NamedId, Plan, Reconciling, Rules, Source};
use deliveries::{AlertWays, Deliveries, lacks};
use reconciling::reconciling;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tallysheet_config::companies::{self, CompaniesFile, KnownColumns};
use tallysheet_config::{Config, Integration, MatchBy, Unmapped};
use tallysheet_core::merge::Options;
use tallysheet_core::registry::nearest;
use tallysheet_core::shape::Recorder;
use tallysheet_core::{Capability, Connector, Context, Error, Identity, Link, Registry, Result, World};
use tallysheet_host::files;
use tallysheet_matching::{Rule, keyed};
use tallysheet_store::Store;

/// Which part of the config a run is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these integrations; `None` is all.
    pub only: Option<Vec<String>>,
    /// Whether the config's deliveries are made.
    pub deliver: bool,
    /// Of these only those; `None` is all.
    pub deliveries: Option<Vec<String>>,
    /// The schedule that asks for it.
    pub schedule: Option<String>,
    /// Whether the companies file may be missing or empty: for the command that makes it.
    pub companies_may_be_missing: bool,
    /// The same for the products file.
    pub products_may_be_missing: bool,
}

/// The companies file as it was read.
#[derive(Default)]
pub(crate) struct ReadFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: CompaniesFile,
}

/// What the headers of a companies file may be, kept for writing.
pub(crate) struct Headers {
    pub(crate) integrations: Vec<String>,
    pub(crate) slugs: &'static [&'static str],
    pub(crate) carry: Vec<String>,
}

impl Headers {
    fn of(config: &Config, registry: &Registry) -> Self {
        Self {
            integrations: config.integrations.iter().map(|integration| integration.name.clone()).collect(),
            slugs: registry.known(),
            carry: config.run.carry.clone(),
        }
    }

    /// Does something with what the config of a companies file knows.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&KnownColumns<'_>) -> T) -> T {
        let integrations: Vec<&str> = self.integrations.iter().map(String::as_str).collect();
        work(&KnownColumns { integrations: &integrations, slugs: self.slugs, carry: &self.carry })
    }
}

/// A config with everything it names read and connected. No vendor was called yet.
pub struct Assembled {
    /// The integrations that take part, in the order of columns.
    pub integrations: Vec<Connected>,
    /// The deliveries that are enabled.
    pub deliveries: Vec<Delivery>,
    /// Where the run keeps its state.
    pub world: Arc<dyn World>,
    store: Arc<dyn Store>,
    pub(crate) config: Config,
    pub(crate) companies: Option<ReadFile>,
    pub(crate) headers: Headers,
    /// The PSA that `[run] directory` names.
    pub directory: Option<Directory>,
    /// The PSA that `[reconcile]` names.
    pub reconciling: Option<Reconciling>,
    skipped: Vec<(String, String)>,
    schedule: Option<String>,
}

/// An integration with its connector.
pub struct Connected {
    /// Its part of the config.
    pub config: Integration,
    /// What it can do.
    pub connector: Connector,
}

impl Connected {
    /// Asks whose credential it is, and refuses another account than the config expects, or than earlier runs have seen.
    pub async fn check(&self, world: &Arc<dyn World>) -> Result<Identity> {
        self.guard(world).check().await
    }

    /// Asks whose credential it is, and takes it for the right account from now on.
    pub async fn repin(&self, world: &Arc<dyn World>) -> Result<Identity> {
        self.guard(world).repin().await
    }

    pub(crate) fn guard(&self, world: &Arc<dyn World>) -> Guard {
        let Self { config, connector } = self;
        Guard::new(&config.name, config.expect_account.clone(), connector.probe.clone(), world.clone())
    }
}

/// Reads the companies file, resolves the secrets and makes the connectors.
pub fn assemble(
    config: Config,
    registry: &Registry,
    world: Arc<dyn World>,
    store: Arc<dyn Store>,
    selection: &Selection,
) -> Result<Assembled> {
    if config.run.companies.is_none() && !config.run.carry.is_empty() {
        let message = "`carry` shows columns of the companies file, but [run] names no `companies`";
        return Err(Error::config(format!("{}: {message}", config.path.display())));
    }
    let headers = Headers::of(&config, registry);
    let read = |path: &PathBuf| read_companies(path, &headers, selection.companies_may_be_missing);
    let companies = config.run.companies.as_ref().map(read).transpose()?.flatten();
    let none = ReadFile::default();
    let file = &companies.as_ref().unwrap_or(&none).file;
    let mut integrations = Vec::new();
    for integration in selected(&config, selection)? {
        let connector = connect(integration, &config, file, &world, None)?;
        integrations.push(Connected { config: integration.clone(), connector });
    }
    let chosen = |name: &String| selection.deliveries.as_ref().is_none_or(|names| names.contains(name));
    let (made, left): (Vec<_>, Vec<_>) = (config.deliveries.iter())
        .filter(|delivery| delivery.enabled)
        .partition(|delivery| selection.deliver && chosen(&delivery.name));
    let mut making = making(&config, &integrations, file, &world);
    let deliveries = made.into_iter().map(|configured| making.delivery(configured)).collect::<Result<_>>()?;
    let skipped = left.into_iter().map(|left| (left.name.clone(), left.kind().to_owned())).collect();
    let directory = directory(&config, &integrations, file, &world)?;
    let missing = selection.products_may_be_missing;
    let reconciling = reconciling(&config, &integrations, file, matching(&config), missing)?;
    let schedule = selection.schedule.clone();
    Ok(Assembled {
        integrations,
        deliveries,
        world,
        store,
        config,
        companies,
        headers,
        directory,
        reconciling,
        skipped,
        schedule,
    })
}

/// Those who are told when something fails. Their secrets are resolved.
pub fn alerts(config: &Config, world: &Arc<dyn World>, store: &Arc<dyn Store>) -> Result<Alerts> {
    let none = CompaniesFile::default();
    let AlertWays { ways, heartbeat } = making(config, &[], &none, world).alerts(&config.alert)?;
    Ok(Alerts {
        ways,
        heartbeat,
        expiry_days: config.alert.expiry_days,
        timezone: config.run.timezone.clone(),
        world: world.clone(),
        store: store.clone(),
    })
}

fn making<'a>(
    config: &'a Config,
    integrations: &'a [Connected],
    file: &'a CompaniesFile,
    world: &'a Arc<dyn World>,
) -> Deliveries<'a> {
    Deliveries { config, integrations, file, world, others: BTreeMap::new() }
}

/// Resolves the secrets of an integration and makes its connector.
fn connect(
    integration: &Integration,
    config: &Config,
    file: &CompaniesFile,
    world: &Arc<dyn World>,
    recorder: Option<Arc<Recorder>>,
) -> Result<Connector> {
    let settings = integration.connect_settings(&config.environment)?;
    integration.entry.connect(settings, &Context { recorder, ..context(integration, file, world.clone()) })
}

/// One integration, made to hand the shapes of its vendor's answers to a recorder.
pub(crate) fn connect_recorded(
    config: &Config,
    registry: &Registry,
    world: &Arc<dyn World>,
    name: &str,
    recorder: &Arc<Recorder>,
) -> Result<(Connected, Option<Source>)> {
    let selection = Selection { only: Some(vec![name.to_owned()]), ..Selection::default() };
    let chosen = selected(config, &selection)?;
    let integration = *chosen.first().ok_or_else(|| Error::config("no integration is named"))?;
    let headers = Headers::of(config, registry);
    let read = config.run.companies.as_ref().map(|path| read_companies(path, &headers, false)).transpose()?.flatten();
    let file = read.map(|read| read.file).unwrap_or_default();
    let connector = connect(integration, config, &file, world, Some(recorder.clone()))?;
    let connected = Connected { config: integration.clone(), connector };
    let source = source(&connected, &file);
    Ok((connected, source))
}

/// The PSA that `[run] directory` names, whether it takes part otherwise or not.
fn directory(
    config: &Config,
    integrations: &[Connected],
    file: &CompaniesFile,
    world: &Arc<dyn World>,
) -> Result<Option<Directory>> {
    let Some(name) = &config.run.directory else { return Ok(None) };
    let Some(integration) = config.integrations.iter().find(|integration| integration.name == *name) else {
        return Err(Error::config(format!("there is no integration `{name}`")));
    };
    let connector = match integrations.iter().find(|connected| connected.config.name == *name) {
        Some(connected) => connected.connector.clone(),
        None => connect(integration, config, file, world, None)?,
    };
    Ok(Some(Directory {
        name: name.clone(),
        title: integration.title.clone(),
        timeout: integration.timeout,
        expect_account: integration.expect_account.clone(),
        probe: connector.probe,
        ignored: ignored(file, name),
        companies: connector.companies.ok_or_else(|| lacks(name, "companies"))?,
    }))
}

/// The ids of an integration in the rows `(ignore)`.
pub(crate) fn ignored(file: &CompaniesFile, integration: &str) -> Vec<String> {
    file.ignored.get(integration).into_iter().flatten().cloned().collect()
}

impl Assembled {
    /// The plan of a run over these integrations.
    pub fn plan(self) -> Result<Plan> {
        let run = &self.config.run;
        let none = CompaniesFile::default();
        let file = self.companies.as_ref().map_or(&none, |read| &read.file);
        let sources: Vec<Source> = self.integrations.iter().filter_map(|one| source(one, file)).collect();
        if sources.is_empty() {
            let message = "no integration counts anything: add a section like [integrations.huntress], or enable one";
            return Err(Error::config(format!("{}: {message}", self.config.path.display())));
        }
        let path = self.companies.as_ref().map(|read| read.path.display().to_string()).unwrap_or_default();
        let names = file.names.iter().map(|named| NamedId {
            place: format!("{path}:{}:{}", named.place.0, named.place.1),
            integration: named.column.clone(),
            id: named.id.clone(),
            name: named.name.clone(),
        });
        let names = names.collect();
        let listed = self.companies.is_some() || self.directory.is_some();
        let rules = self.rules();
        let companies = match self.companies {
            Some(read) => Companies::Listed { companies: keyed(read.file.companies), rules },
            None if listed => Companies::Listed { companies: Vec::new(), rules },
            None => Companies::FromNames,
        };
        Ok(Plan {
            sources,
            companies,
            directory: self.directory,
            reconciling: self.reconciling,
            names,
            options: Options {
                carried: run.carry.clone(),
                notes: run.notes,
                unmapped_rows: run.unmapped == Unmapped::Rows,
            },
            schedule: self.schedule,
            guard: self.config.guard.clone(),
            keep: Keep { runs: run.keep, counts: run.keep_counts },
            strict: run.strict,
            deliveries: self.deliveries,
            skipped: self.skipped,
            timezone: run.timezone.clone(),
            notices: Vec::new(),
            world: self.world,
            store: self.store,
        })
    }
}

impl Assembled {
    /// How orgs may be matched.
    pub(crate) fn rules(&self) -> Rules {
        matching(&self.config)
    }
}

fn matching(config: &Config) -> Rules {
    Rules { allowed: config.run.matching.iter().map(|way| rule(*way)).collect(), psa_columns: psa_columns(config) }
}

/// The integrations that take part: enabled, and among those named.
fn selected<'a>(config: &'a Config, selection: &Selection) -> Result<Vec<&'a Integration>> {
    let names: Vec<&str> = config.integrations.iter().map(|integration| integration.name.as_str()).collect();
    for name in selection.only.iter().flatten() {
        if !names.contains(&name.trim()) {
            let hint = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let (hint, all) = (hint.unwrap_or_else(|| ".".to_owned()), names.join(", "));
            return Err(Error::config(format!("there is no integration `{name}`{hint} The config has {all}")));
        }
    }
    let wanted = |name: &str| selection.only.as_ref().is_none_or(|only| only.iter().any(|one| one.trim() == name));
    let chosen = || config.integrations.iter().filter(|integration| wanted(&integration.name));
    if let Some(disabled) = chosen().find(|integration| selection.only.is_some() && !integration.enabled) {
        return Err(Error::config(format!("the integration `{}` is disabled: `enabled = false`", disabled.name)));
    }
    Ok(chosen().filter(|integration| integration.enabled).collect())
}

fn context(integration: &Integration, file: &CompaniesFile, world: Arc<dyn World>) -> Context {
    let ids = file.companies.iter().filter_map(|company| match company.links.get(&integration.name) {
        Some(Link::Ids(ids)) => Some(ids.iter().cloned()),
        _ => None,
    });
    Context {
        integration: integration.name.clone(),
        url: integration.url.clone(),
        max_concurrency: integration.max_concurrency,
        requests_per_minute: integration.requests_per_minute,
        metrics: integration.metrics.clone(),
        exclude: integration.exclude.iter().cloned().chain(ignored(file, &integration.name)).collect(),
        known_ids: ids.flatten().collect(),
        recorder: None,
        world,
    }
}

/// The source of an integration that counts and has something to count.
fn source(integration: &Connected, file: &CompaniesFile) -> Option<Source> {
    let Connected { config, connector } = integration;
    let counts = connector.counts.clone().filter(|_| !config.metrics.is_empty())?;
    let ignored = ignored(file, &config.name);
    Some(Source {
        name: config.name.clone(),
        kind: config.kind.clone(),
        title: config.title.clone(),
        order: config.order,
        metrics: config.metrics.clone(),
        exclude: config.exclude.iter().chain(&ignored).cloned().collect(),
        ignored,
        timeout: config.timeout,
        expect_account: config.expect_account.clone(),
        probe: Some(connector.probe.clone()),
        counts,
    })
}

/// Reads the companies file. Nothing where it is not there, or holds nothing, and that is no error.
fn read_companies(path: &Path, headers: &Headers, may_be_missing: bool) -> Result<Option<ReadFile>> {
    if may_be_missing && !path.exists() {
        return Ok(None);
    }
    let bytes = files::read(path)?;
    if may_be_missing && bytes.trim_ascii().is_empty() {
        return Ok(Some(ReadFile { path: path.to_owned(), bytes, file: CompaniesFile::default() }));
    }
    let file = headers.with(|known| companies::read(&path.display().to_string(), &bytes, known))?;
    Ok(Some(ReadFile { path: path.to_owned(), bytes, file }))
}

const fn rule(way: MatchBy) -> Rule {
    match way {
        MatchBy::Id => Rule::Id,
        MatchBy::PsaId => Rule::PsaId,
        MatchBy::Domain => Rule::Domain,
        MatchBy::Name => Rule::Name,
    }
}

/// Under which headers a PSA's ids stand: its slug, and the names of its integrations.
fn psa_columns(config: &Config) -> BTreeMap<String, Vec<String>> {
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for integration in &config.integrations {
        if [Capability::Tickets, Capability::Companies].iter().any(|can| integration.can(*can)) {
            columns.entry(integration.kind.clone()).or_default().push(integration.name.clone());
        }
    }
    columns
}
