//! The `[deliver.NAME]` sections: where the report goes.

use crate::integration::Integration;
use crate::load::Loader;
use crate::places::{below, section};
use crate::schema;
use crate::values::{Id, List, SecretSource, from, from_option};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tallysheet_core::Capability;

/// One place that the report goes to.
#[derive(Clone)]
pub struct Delivery {
    /// The section's name.
    pub name: String,
    /// Whether it is delivered there.
    pub enabled: bool,
    /// The form of the report; without one it is that of the kind.
    pub format: Option<Format>,
    /// Where to.
    pub to: To,
}

impl Delivery {
    /// The word of its kind.
    pub const fn kind(&self) -> &'static str {
        match self.to {
            To::File(_) => Kind::File,
            To::Ticket(_) => Kind::Ticket,
            To::Email(_) => Kind::Email,
            To::Webhook(_) => Kind::Webhook,
        }
        .as_str()
    }
}

/// Where a delivery goes.
#[derive(Clone)]
pub enum To {
    /// To a file.
    File(File),
    /// To a ticket of a PSA.
    Ticket(Box<Ticket>),
    /// To mailboxes.
    Email(Email),
    /// To a web address.
    Webhook(Webhook),
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The sheet as CSV.
    Csv,
    /// The whole run as JSON.
    Json,
    /// The sheet as a workbook.
    Xlsx,
    /// The sheet as a page.
    Html,
    /// CSV with a line for each cell.
    Long,
}

impl Format {
    /// The word in the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Html => "html",
            Self::Long => "long",
        }
    }
}

/// The keys that every delivery takes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Common {
    /// What it is.
    kind: Kind,
    /// The form of the report. Default: CSV, or by the ending of a file.
    format: Option<Format>,
    /// Whether it is delivered there.
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

/// The kinds of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A file.
    File,
    /// A ticket of a PSA.
    Ticket,
    /// Mail.
    Email,
    /// A POST to a web address.
    Webhook,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::File, Self::Ticket, Self::Email, Self::Webhook];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Ticket => "ticket",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// A report in a file.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct File {
    /// Where: {date}, {month}, {time}, {run} and {status} serve. An existing file is never overwritten.
    #[schemars(with = "String", length(min = 1))]
    pub path: PathBuf,
}

/// A report in a ticket.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Ticket {
    /// An integration that has tickets.
    #[schemars(length(min = 1))]
    pub to: String,
    /// Whose ticket it is, by name or id: the MSP's own company in the PSA.
    #[serde(deserialize_with = "from::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub company: String,
    /// Whether the company may be one that is a row with counts.
    #[serde(default)]
    pub own: bool,
    /// The title: {month}, {date}, {status} and {run} serve.
    #[serde(default = "default_title")]
    #[schemars(length(min = 1))]
    pub title: String,
    /// The name of the attached file.
    #[schemars(length(min = 1))]
    pub file_name: Option<String>,
    /// The board, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub board: Option<String>,
    /// The queue, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub queue: Option<String>,
    /// The type, by name or id.
    #[serde(rename = "type", default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub ticket_type: Option<String>,
    /// The status, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub status: Option<String>,
    /// The priority, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub priority: Option<String>,
    /// The source, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub source: Option<String>,
    /// Who works on it, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub assignee: Option<String>,
    /// The form, by name or id.
    #[serde(default, deserialize_with = "from_option::<Id, _, _>")]
    #[schemars(with = "Id")]
    pub form: Option<String>,
    /// Further fields of the PSA.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// Whether each run has its ticket, or one ticket stays alive.
    #[serde(default)]
    pub reuse: Reuse,
    /// Where the table goes when the PSA takes no attachment.
    #[serde(default)]
    pub fallback: Fallback,
}

fn default_title() -> String {
    "Billing Reconciliation".to_owned()
}

/// A value of a further field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Field {
    /// A text, on as many lines as it needs.
    Text(#[schemars(extend("x-free-text" = true))] String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// Which ticket a run's report goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// One of its own.
    #[default]
    Run,
    /// The newest open one of this delivery.
    Open,
}

/// Where the table goes when it cannot be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Into an internal note.
    #[default]
    Note,
    /// Into the body, which PSAs mail out.
    Body,
}

/// A report by mail.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Email {
    /// An integration that has mail.
    #[schemars(length(min = 1))]
    pub via: String,
    /// Who gets it: a list, or one text with commas or semicolons.
    #[serde(deserialize_with = "from::<List, _, _>")]
    #[schemars(with = "List")]
    pub recipients: Vec<String>,
    /// The subject.
    #[schemars(length(min = 1))]
    pub subject: Option<String>,
    /// The name of the attached file.
    #[schemars(length(min = 1))]
    pub file_name: Option<String>,
}

/// A report to a web address.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Webhook {
    /// The address.
    #[schemars(length(min = 1))]
    pub url: String,
    /// Signs the body.
    pub secret: Option<SecretSource>,
    /// Further headers; each may be a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretSource>,
}

/// Reads the section of one delivery; a problem is added and leaves it out.
pub(crate) fn read(
    name: &str,
    mut table: Map<String, Value>,
    integrations: &[Integration],
    loader: &mut Loader<'_>,
) -> Option<Delivery> {
    let at = ["deliver".to_owned(), name.to_owned()];
    let common: Common = loader.decode(schema::take::<Common>(&mut table), &at)?;
    let to = match common.kind {
        Kind::File => To::File(loader.decode::<File>(table, &at)?.beside(loader.base_dir)),
        Kind::Ticket => To::Ticket(loader.decode(table, &at)?),
        Kind::Email => To::Email(loader.decode(table, &at)?),
        Kind::Webhook => To::Webhook(loader.decode(table, &at)?),
    };
    if common.enabled {
        check(&to, integrations, &at, loader);
    }
    Some(Delivery { name: name.to_owned(), enabled: common.enabled, format: common.format, to })
}

fn check(to: &To, integrations: &[Integration], at: &[String], loader: &mut Loader<'_>) {
    match to {
        To::File(_) => {}
        To::Ticket(ticket) => loader.must_name(&ticket.to, Capability::Tickets, integrations, &below(at, "to")),
        To::Email(email) => {
            loader.must_name(&email.via, Capability::Mail, integrations, &below(at, "via"));
            check_recipients(&email.recipients, at, loader);
        }
        To::Webhook(webhook) => check_url(&webhook.url, at, loader),
    }
}

/// There must be some, and each must be a mail address.
pub(crate) fn check_recipients(recipients: &[String], at: &[String], loader: &mut Loader<'_>) {
    if recipients.is_empty() {
        loader.problems.add(&below(at, "recipients"), format!("{}`recipients` must not be empty", section(at)));
    }
    for address in recipients.iter().filter(|address| !is_address(address)) {
        let message = format!("{}`{address}` is no mail address", section(at));
        loader.problems.add(&below(at, "recipients"), message);
    }
}

/// The key `url` must be a web address.
pub(crate) fn check_url(url: &str, at: &[String], loader: &mut Loader<'_>) {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        let message = format!("{}`url` must begin with https:// (or http://)", section(at));
        loader.problems.add(&below(at, "url"), message);
    }
}

fn is_address(text: &str) -> bool {
    let sides = text.rsplit_once('@');
    sides.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) && !text.contains(char::is_whitespace)
}

impl File {
    fn beside(self, base_dir: &Path) -> Self {
        Self { path: base_dir.join(self.path) }
    }
}
