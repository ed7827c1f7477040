//! From a config to a plan: the one place where the engine reads the config's types.

mod deliveries;

use crate::collect::expect_account;
use crate::deliver::Delivery;
use crate::plan::{Companies, Plan, Rules, Source};
use deliveries::Deliveries;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tallysheet_config::companies::{self, KnownColumns};
use tallysheet_config::{Config, Integration, MatchBy, Unmapped};
use tallysheet_core::merge::Options;
use tallysheet_core::registry::nearest;
use tallysheet_core::shape::Recorder;
use tallysheet_core::{Capability, Company, Connector, Context, Error, Identity, Link, Registry, Result, World};
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
    config: Config,
    companies: Option<Vec<Company>>,
    skipped: Vec<(String, String)>,
}

/// An integration with its connector.
pub struct Connected {
    /// Its part of the config.
    pub config: Integration,
    /// What it can do.
    pub connector: Connector,
}

impl Connected {
    /// Asks whose credential it is, and refuses another account than the config expects.
    pub async fn check(&self) -> Result<Identity> {
        expect_account(&*self.connector.probe, self.config.expect_account.as_deref()).await
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
    let companies = companies(&config, registry)?;
    let mut integrations = Vec::new();
    for integration in selected(&config, selection)? {
        let connector = connect(integration, &config, companies.as_deref(), &world, None)?;
        integrations.push(Connected { config: integration.clone(), connector });
    }
    let enabled = || config.deliveries.iter().filter(|delivery| delivery.enabled);
    let (deliveries, skipped) = if selection.deliver {
        let mut making = Deliveries {
            config: &config,
            integrations: &integrations,
            companies: companies.as_deref().unwrap_or_default(),
            world: &world,
            others: BTreeMap::new(),
        };
        (enabled().map(|configured| making.delivery(configured)).collect::<Result<_>>()?, Vec::new())
    } else {
        (Vec::new(), enabled().map(|left| (left.name.clone(), left.kind().to_owned())).collect())
    };
    Ok(Assembled { integrations, world, store, config, companies, deliveries, skipped })
}

impl Assembled {
    /// The plan of a run over these integrations.
    pub fn plan(self) -> Result<Plan> {
        let run = &self.config.run;
        let sources: Vec<Source> = self.integrations.iter().filter_map(source).collect();
        if sources.is_empty() {
            let message = "no integration counts anything: add a section like [integrations.huntress], or enable one";
            return Err(Error::config(format!("{}: {message}", self.config.path.display())));
        }
        let companies = match self.companies {
            None => Companies::FromNames,
            Some(companies) => Companies::Listed {
                companies: keyed(companies),
                rules: Rules {
                    allowed: run.matching.iter().map(|way| rule(*way)).collect(),
                    psa_columns: psa_columns(&self.config),
                },
            },
        };
        Ok(Plan {
            sources,
            companies,
            options: Options {
                carried: run.carry.clone(),
                notes: run.notes,
                unmapped_rows: run.unmapped == Unmapped::Rows,
            },
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

/// Resolves the secrets of an integration and makes its connector.
fn connect(
    integration: &Integration,
    config: &Config,
    companies: Option<&[Company]>,
    world: &Arc<dyn World>,
    recorder: Option<Arc<Recorder>>,
) -> Result<Connector> {
    let settings = integration.connect_settings(&config.environment)?;
    let cx = Context { recorder, ..context(integration, companies.unwrap_or_default(), world.clone()) };
    integration.entry.connect(settings, &cx)
}

/// One integration, made to hand the shapes of its vendor's answers to a recorder.
pub(crate) fn connect_recorded(
    config: &Config,
    registry: &Registry,
    world: &Arc<dyn World>,
    name: &str,
    recorder: &Arc<Recorder>,
) -> Result<Connected> {
    let selection = Selection { only: Some(vec![name.to_owned()]), deliver: false };
    let chosen = selected(config, &selection)?;
    let integration = *chosen.first().ok_or_else(|| Error::config("no integration is named"))?;
    let companies = companies(config, registry)?;
    let connector = connect(integration, config, companies.as_deref(), world, Some(recorder.clone()))?;
    Ok(Connected { config: integration.clone(), connector })
}

fn companies(config: &Config, registry: &Registry) -> Result<Option<Vec<Company>>> {
    config.run.companies.as_deref().map(|path| read_companies(path, config, registry)).transpose()
}

fn context(integration: &Integration, companies: &[Company], world: Arc<dyn World>) -> Context {
    let ids = companies.iter().filter_map(|company| match company.links.get(&integration.name) {
        Some(Link::Ids(ids)) => Some(ids.iter().cloned()),
        _ => None,
    });
    Context {
        integration: integration.name.clone(),
        url: integration.url.clone(),
        max_concurrency: integration.max_concurrency,
        requests_per_minute: integration.requests_per_minute,
        metrics: integration.metrics.clone(),
        exclude: integration.exclude.clone(),
        known_ids: ids.flatten().collect(),
        recorder: None,
        world,
    }
}

/// The source of an integration that counts and has something to count.
pub(crate) fn source(integration: &Connected) -> Option<Source> {
    let Connected { config, connector } = integration;
    let counts = connector.counts.clone().filter(|_| !config.metrics.is_empty())?;
    Some(Source {
        name: config.name.clone(),
        title: config.title.clone(),
        order: config.order,
        metrics: config.metrics.clone(),
        exclude: config.exclude.clone(),
        timeout: config.timeout,
        expect_account: config.expect_account.clone(),
        probe: Some(connector.probe.clone()),
        counts,
    })
}

fn read_companies(path: &Path, config: &Config, registry: &Registry) -> Result<Vec<Company>> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.to_lowercase().ends_with(".xlsx") {
        return Err(Error::config(format!("{}: a workbook is not read yet; save it as CSV", path.display())));
    }
    let integrations: Vec<&str> = config.integrations.iter().map(|integration| integration.name.as_str()).collect();
    let columns = KnownColumns { integrations: &integrations, slugs: registry.known(), carry: &config.run.carry };
    companies::read(&path.display().to_string(), &files::read(path)?, &columns)
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
