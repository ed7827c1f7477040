//! What ServiceNow sends: every value is text.

use super::PAGE;
use serde::Deserialize;
use tallysheet_core::model::bare_domain;
use tallysheet_core::ticket::{Found, TicketRef};
use tallysheet_core::wire::Id;
use tallysheet_core::{DirectoryCompany, Error, ErrorKind, Result};
use tallysheet_http::{Next, Part, Position};

/// What an answer holds.
#[derive(Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) result: T,
}

/// A page of rows. The instance takes out what the user may not see after it has made the page: a short or an empty one
/// is not the last. Its total counts those rows too, so it tells the end, not how many must have come.
pub(crate) fn page<T>(answer: Answer<Vec<T>>, at: &Position<'_>) -> Part<T> {
    let total = at.reply.header("x-total-count").and_then(|total| total.trim().parse::<usize>().ok());
    match total {
        Some(total) => {
            let next = Next::until("sysparm_offset", (at.index + 1) * PAGE, total);
            Part { rows: answer.result, stated: None, next }
        }
        None => Part::linked(answer.result, at).full_at(PAGE),
    }
}

/// Every row has an id.
pub(crate) trait HasId: Sized {
    fn id(&self) -> &Id;
}

macro_rules! has_id {
    ($($row:ty),*) => { $(impl HasId for $row { fn id(&self) -> &Id { &self.sys_id } })* };
}
has_id!(Company, Group, Record, File);

#[derive(Deserialize)]
pub(crate) struct Made {
    #[serde(rename = "sys_id")]
    _sys_id: Id,
}

/// A field that the user may not see is not there: then nobody can tell who is a customer.
#[derive(Deserialize)]
pub(crate) struct Company {
    sys_id: Id,
    pub(crate) name: String,
    website: Option<String>,
    customer: String,
}

impl Company {
    /// The table holds vendors and manufacturers too.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let domain = self.website.map(|website| bare_domain(&website)).filter(|domain| !domain.is_empty());
        DirectoryCompany {
            id,
            name: self.name,
            domains: domain.into_iter().collect(),
            active: matches!(&*self.customer, "true" | "1"),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Group {
    sys_id: Id,
    pub(crate) name: String,
    active: Option<String>,
}

impl Group {
    pub(crate) fn is_active(&self) -> bool {
        self.active.as_deref() != Some("false")
    }
}

/// A ticket.
#[derive(Deserialize)]
pub(crate) struct Record {
    pub(crate) sys_id: Id,
    number: Option<String>,
    correlation_id: Option<String>,
    active: Option<String>,
    #[serde(default)]
    pub(crate) sys_created_on: String,
}

impl Record {
    /// Its key. A record without the field is one of a table that has none, or that the user may not see.
    pub(crate) fn key(&self) -> Result<&str> {
        self.correlation_id.as_deref().ok_or_else(|| {
            let message = "the records of this table show no `correlation_id`, so a ticket could not be found again";
            Error::new(ErrorKind::Unsupported, message).advice("let `table` be one that extends task")
        })
    }

    pub(crate) fn named(self) -> TicketRef {
        let (id, number) = (self.sys_id.0, self.number.filter(|number| !number.is_empty()));
        TicketRef { number: number.unwrap_or_else(|| id.clone()), id }
    }

    pub(crate) fn found(self) -> Found {
        Found { open: self.active.as_deref() == Some("true"), ticket: self.named() }
    }
}

#[derive(Deserialize)]
pub(crate) struct File {
    sys_id: Id,
    pub(crate) file_name: String,
    pub(crate) table_sys_id: String,
}
