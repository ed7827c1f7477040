//! What HaloPSA sends.

use super::CATCHALL;
use serde::Deserialize;
use tallysheet_core::DirectoryCompany;
use tallysheet_core::model::bare_domain;
use tallysheet_core::wire::Id;
use tallysheet_http::{Next, Part};

/// Rows: bare, or under their name beside their number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Rows<T> {
    Bare(Vec<T>),
    Named {
        record_count: Option<usize>,
        #[serde(alias = "clients", alias = "tickets", alias = "attachments", alias = "tickettypes")]
        #[serde(alias = "statuses", alias = "priorities", alias = "teams", alias = "invoices")]
        rows: Vec<T>,
    },
}

impl<T> Rows<T> {
    /// The rows, and how many the list has.
    pub(crate) fn parts(self) -> (Vec<T>, Option<usize>) {
        match self {
            Self::Bare(rows) => (rows, None),
            Self::Named { record_count, rows } => (rows, record_count),
        }
    }

    /// A list in one answer.
    pub(crate) fn whole(self) -> Part<T> {
        let (rows, stated) = self.parts();
        Part { rows, stated, next: Next::End }
    }
}

/// What was made: itself, or in a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Made {
    Itself(HasId),
    Listed([HasId; 1]),
}

#[derive(Deserialize)]
pub(crate) struct HasId {
    id: Id,
}

impl Made {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Itself(made) | Self::Listed([made]) => made.id.as_str(),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Client {
    pub(crate) id: Id,
    pub(crate) name: String,
    #[serde(default)]
    inactive: bool,
    domain: Option<String>,
    website: Option<String>,
}

impl Client {
    pub(crate) fn is_active(&self) -> bool {
        !self.inactive
    }

    /// The catch-all is no customer.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let active = self.is_active() && !self.name.trim().eq_ignore_ascii_case(CATCHALL);
        let told = format!("{},{}", self.domain.unwrap_or_default(), self.website.unwrap_or_default());
        let mut domains: Vec<String> = told.split([',', ';', ' ']).map(bare_domain).collect();
        domains.sort();
        domains.dedup();
        domains.retain(|domain| !domain.is_empty());
        DirectoryCompany { id, name: self.name, domains, active }
    }
}

/// A ticket type, a status, a priority or a team.
#[derive(Deserialize)]
pub(crate) struct Choice {
    id: Id,
    /// Of a priority: what tickets know it by.
    priorityid: Option<Id>,
    name: String,
}

impl Choice {
    pub(crate) fn named(self) -> (String, String) {
        (self.priorityid.unwrap_or(self.id).0, self.name)
    }
}

#[derive(Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: Id,
    third_party_id_string: Option<String>,
    details: Option<String>,
    details_html: Option<String>,
    hasbeenclosed: Option<bool>,
}

impl Ticket {
    /// Where its key may stand.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.third_party_id_string, &self.details, &self.details_html].into_iter().flatten().map(String::as_str)
    }

    /// Whether it tells nothing of what it carries, so that it must be asked for itself.
    pub(crate) fn is_silent(&self) -> bool {
        self.texts().all(str::is_empty)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.hasbeenclosed != Some(true)
    }
}

#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) id: Id,
    pub(crate) filename: Option<String>,
}
