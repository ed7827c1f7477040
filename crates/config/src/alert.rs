//! The `[alert]` section: who is told when something fails.

use crate::delivery::{self, Ticket, Webhook};
use crate::integration::Integration;
use crate::load::Loader;
use crate::places::below;
use crate::values::{List, SecretSource, from};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tallysheet_core::Capability;

/// Who is told, and where a good run is reported.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// Mail: { via = "smtp", recipients = "noc@msp.example" }.
    pub email: Option<AlertEmail>,
    /// A POST to a web address: { url = "https://…" }.
    pub webhook: Option<Webhook>,
    /// A ticket of a PSA: { to = "connectwise-psa", company = "My MSP" }.
    pub ticket: Option<Box<Ticket>>,
    /// An address that is called after each good run.
    pub heartbeat: Option<SecretSource>,
    /// How many days before its end a credential is told of. Default: 14.
    #[schemars(range(min = 0))]
    pub expiry_days: u16,
}

/// An alert by mail.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertEmail {
    /// An integration that has mail.
    #[schemars(length(min = 1))]
    pub via: String,
    /// Who gets it: a list, or one text with commas or semicolons.
    #[serde(deserialize_with = "from::<List, _, _>")]
    #[schemars(with = "List")]
    pub recipients: Vec<String>,
}

/// The keys of a ticket that only a report has.
pub(crate) const OF_REPORTS: &[&str] = &["title", "file_name", "own", "reuse", "fallback"];

impl Default for Alert {
    fn default() -> Self {
        Self { email: None, webhook: None, ticket: None, heartbeat: None, expiry_days: 14 }
    }
}

/// Reads the section; a problem is added and leaves it at its defaults.
pub(crate) fn read(table: Map<String, Value>, integrations: &[Integration], loader: &mut Loader<'_>) -> Alert {
    let at = ["alert".to_owned()];
    let alert: Alert = loader.decode(table, &at).unwrap_or_default();
    if let Some(email) = &alert.email {
        let at = below(&at, "email");
        loader.must_name(&email.via, Capability::Mail, integrations, &below(&at, "via"));
        delivery::check_recipients(&email.recipients, &at, loader);
    }
    if let Some(webhook) = &alert.webhook {
        delivery::check_url(&webhook.url, &below(&at, "webhook"), loader);
    }
    if let Some(ticket) = &alert.ticket {
        loader.must_name(&ticket.to, Capability::Tickets, integrations, &below(&below(&at, "ticket"), "to"));
    }
    alert
}
