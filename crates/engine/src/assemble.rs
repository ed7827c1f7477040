//! From a config to a plan: the one place where the engine reads the config's types.

use crate::collect::expect_account;
use crate::deliver::{Deliver, Delivery, EmailDelivery, FileDelivery, TicketDelivery, WebhookDelivery};
use crate::plan::{Companies, Plan, Rules, Source};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tallysheet_config::companies::{self, KnownColumns};
use tallysheet_config::{
    Config, Fallback, Field, Integration, MatchBy, Reuse, SecretSource, Ticket, To, Unmapped, Webhook,
};
use tallysheet_core::merge::Options;
use tallysheet_core::registry::nearest;
use tallysheet_core::ticket::TicketForm;
use tallysheet_core::{Capability, Company, Connector, Context, Error, Identity, Link, Registry, Result, World};
use tallysheet_host::files;
use tallysheet_matching::{Rule, keyed};
use tallysheet_report::Format;
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
    let companies = config.run.companies.as_deref().map(|path| read_companies(path, &config, registry)).transpose()?;
    let mut integrations = Vec::new();
    for integration in selected(&config, selection)? {
        let connector = connect(integration, &config, companies.as_deref().unwrap_or_default(), &world)?;
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

/// What the deliveries of a config are made with.
struct Deliveries<'a> {
    config: &'a Config,
    integrations: &'a [Connected],
    companies: &'a [Company],
    world: &'a Arc<dyn World>,
    /// Integrations that take no part in the run, but in its delivery.
    others: BTreeMap<String, Connector>,
}

impl Deliveries<'_> {
    fn delivery(&mut self, configured: &tallysheet_config::Delivery) -> Result<Delivery> {
        let name = &configured.name;
        let at = |error: Error| error.context(format!("[deliver.{name}]"));
        let format = match (configured.format, &configured.to) {
            (Some(format), _) => format.as_str().parse(),
            (None, To::File(file)) => Format::of_path(&file.path),
            (None, _) => Ok(Format::Csv),
        };
        let to: Box<dyn Deliver> = match &configured.to {
            To::File(file) => Box::new(FileDelivery { path: file.path.clone() }),
            To::Ticket(ticket) => Box::new(self.ticket(name, ticket).map_err(at)?),
            To::Email(email) => Box::new(EmailDelivery {
                name: name.clone(),
                mailer: self.connector(&email.via)?.mail.ok_or_else(|| lacks(&email.via, "mail")).map_err(at)?,
                recipients: email.recipients.clone(),
                subject: email.subject.clone().unwrap_or_else(|| "Billing Reconciliation {month}".to_owned()),
                file_name: email.file_name.clone(),
            }),
            To::Webhook(webhook) => Box::new(self.webhook(name, webhook).map_err(at)?),
        };
        Ok(Delivery { name: name.clone(), kind: configured.kind().to_owned(), format: format.map_err(at)?, to })
    }

    fn ticket(&mut self, name: &str, ticket: &Ticket) -> Result<TicketDelivery> {
        let desk = self.connector(&ticket.to)?.tickets.ok_or_else(|| lacks(&ticket.to, "tickets"))?;
        let integration = self.config.integrations.iter().find(|integration| integration.name == ticket.to);
        let fields = [
            ("board", &ticket.board),
            ("queue", &ticket.queue),
            ("type", &ticket.ticket_type),
            ("status", &ticket.status),
            ("priority", &ticket.priority),
            ("source", &ticket.source),
            ("assignee", &ticket.assignee),
            ("form", &ticket.form),
        ];
        let customers = self.companies.iter().filter_map(|company| match company.links.get(&ticket.to) {
            Some(Link::Ids(ids)) => Some(ids.iter().map(|id| (id.clone(), company.name.clone()))),
            _ => None,
        });
        Ok(TicketDelivery {
            name: name.to_owned(),
            desk,
            permissions: integration.map_or("", |integration| integration.entry.meta.permissions),
            form: TicketForm {
                company: ticket.company.clone(),
                title: ticket.title.clone(),
                fields: fields.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect(),
                extra: ticket.fields.iter().map(|(key, field)| (key.clone(), value(field))).collect(),
            },
            file_name: ticket.file_name.clone(),
            own: ticket.own,
            keep_open: ticket.reuse == Reuse::Open,
            fallback_body: ticket.fallback == Fallback::Body,
            customers: customers.flatten().collect(),
            world: self.world.clone(),
        })
    }

    fn webhook(&self, name: &str, webhook: &Webhook) -> Result<WebhookDelivery> {
        let resolve = |source: &SecretSource| source.resolve(&self.config.environment, &self.config.base_dir);
        let secret = webhook.secret.as_ref().map(resolve).transpose()?;
        let headers = webhook.headers.iter().map(|(header, source)| Ok((header.clone(), resolve(source)?)));
        WebhookDelivery::new(name, &webhook.url, secret, headers.collect::<Result<_>>()?, self.world.clone())
    }

    /// The connector of an integration, whether it takes part in the run or not.
    fn connector(&mut self, name: &str) -> Result<Connector> {
        if let Some(connected) = self.integrations.iter().find(|connected| connected.config.name == name) {
            return Ok(connected.connector.clone());
        }
        if let Some(other) = self.others.get(name) {
            return Ok(other.clone());
        }
        let integration = self.config.integrations.iter().find(|integration| integration.name == name);
        let integration = integration.ok_or_else(|| Error::config(format!("there is no integration `{name}`")))?;
        let connector = connect(integration, self.config, self.companies, self.world)?;
        self.others.insert(name.to_owned(), connector.clone());
        Ok(connector)
    }
}

fn lacks(integration: &str, what: &str) -> Error {
    Error::config(format!("the integration `{integration}` has no {what}"))
}

fn value(field: &Field) -> serde_json::Value {
    match field {
        Field::Text(text) => text.clone().into(),
        Field::Number(number) => (*number).into(),
        Field::Flag(flag) => (*flag).into(),
    }
}

fn connect(
    integration: &Integration,
    config: &Config,
    companies: &[Company],
    world: &Arc<dyn World>,
) -> Result<Connector> {
    let settings = integration.connect_settings(&config.environment)?;
    integration.entry.connect(settings, &context(integration, companies, world.clone()))
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
        world,
    }
}

/// The source of an integration that counts and has something to count.
fn source(integration: &Connected) -> Option<Source> {
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
