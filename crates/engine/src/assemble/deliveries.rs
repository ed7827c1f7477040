//! From the config's deliveries to places that reports go to.

use super::{Connected, connect};
use crate::alert::AlertWay;
use crate::deliver::{Deliver, Delivery, EmailDelivery, FileDelivery, TicketDelivery, WebhookDelivery};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_config::companies::CompaniesFile;
use tallysheet_config::{Config, Fallback, Field, Reuse, SecretSource, Ticket, To, Webhook};
use tallysheet_core::ticket::TicketForm;
use tallysheet_core::{Connector, Error, Link, Result, World};
use tallysheet_report::Format;

/// What the deliveries of a config are made with.
pub(super) struct Deliveries<'a> {
    pub(super) config: &'a Config,
    pub(super) integrations: &'a [Connected],
    pub(super) file: &'a CompaniesFile,
    pub(super) world: &'a Arc<dyn World>,
    /// Integrations that take no part in the run, but in its delivery.
    pub(super) others: BTreeMap<String, Connector>,
}

impl Deliveries<'_> {
    pub(super) fn delivery(&mut self, configured: &tallysheet_config::Delivery) -> Result<Delivery> {
        let name = &configured.name;
        let at = |error: Error| error.context(format!("[deliver.{name}]"));
        let format = match (configured.format, &configured.to) {
            (Some(format), _) => format.as_str().parse()?,
            (None, To::File(file)) => Format::of_path(&file.path),
            (None, _) => Format::Csv,
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
        Ok(Delivery { name: name.clone(), kind: configured.kind().to_owned(), format, to })
    }

    /// The ways of `[alert]`, and the address for good runs.
    pub(super) fn alerts(&mut self, alert: &tallysheet_config::Alert) -> Result<AlertWays> {
        let at = |key: &str| {
            let key = key.to_owned();
            move |error: Error| error.context(format!("[alert] {key}"))
        };
        let mut ways = Vec::new();
        if let Some(email) = &alert.email {
            let mailer =
                self.connector(&email.via)?.mail.ok_or_else(|| lacks(&email.via, "mail")).map_err(at("email"))?;
            ways.push(AlertWay::Email { mailer, recipients: email.recipients.clone() });
        }
        if let Some(webhook) = &alert.webhook {
            ways.push(AlertWay::Webhook(self.webhook("alert", webhook).map_err(at("webhook"))?));
        }
        if let Some(ticket) = &alert.ticket {
            let TicketDelivery { desk, form, .. } = self.ticket("alert", ticket).map_err(at("ticket"))?;
            ways.push(AlertWay::Ticket { desk, form });
        }
        let heartbeat = match &alert.heartbeat {
            Some(source) => {
                let url = source.resolve(&self.config.environment, &self.config.base_dir).map_err(at("heartbeat"))?;
                Some(
                    WebhookDelivery::new("heartbeat", url.expose(), None, Vec::new(), self.world.clone())
                        .map_err(|_| Error::config("[alert] `heartbeat` is no address; it begins with https://"))?,
                )
            }
            None => None,
        };
        Ok(AlertWays { ways, heartbeat })
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
        let customers = self.file.companies.iter().filter_map(|company| match company.links.get(&ticket.to) {
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
        let connector = connect(integration, self.config, self.file, self.world, None)?;
        self.others.insert(name.to_owned(), connector.clone());
        Ok(connector)
    }
}

/// Whom alerts go to.
pub(super) struct AlertWays {
    pub(super) ways: Vec<AlertWay>,
    pub(super) heartbeat: Option<WebhookDelivery>,
}

pub(super) fn lacks(integration: &str, what: &str) -> Error {
    let message = format!("the integration `{integration}` has no {what} with the keys that it has now");
    Error::config(message).advice("`tallysheet integrations NAME` lists them all")
}

fn value(field: &Field) -> serde_json::Value {
    match field {
        Field::Text(text) => text.clone().into(),
        Field::Number(number) => (*number).into(),
        Field::Flag(flag) => (*flag).into(),
    }
}
