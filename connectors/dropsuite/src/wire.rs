//! What Dropsuite sends, as far as it is read. Rows hold live tokens of customers, which are never read, so that nothing
//! can show them.

use crate::{METRICS, Seats};
use serde::Deserialize;
use std::collections::HashSet;
use tallysheet_core::wire::{Id, Number};
use tallysheet_http::{Next, Part, Position};

/// How many rows are asked for at once; a server may send fewer.
pub(crate) const PAGE: usize = 100;

/// A page in every form that servers are known to send.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Page {
    Named(Set),
    Wrapped([Set; 1]),
    Bare(Vec<Row>),
}

#[derive(Deserialize)]
pub(crate) struct Set {
    #[serde(alias = "data")]
    result_set: Vec<Row>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    current_page: Option<usize>,
    total_pages: Option<usize>,
    next_page: Option<usize>,
}

impl Page {
    /// Its rows, and what comes after them (README, Quirks). `known` are the ids of the pages before.
    pub(crate) fn part(self, at: &Position<'_>, known: &mut HashSet<String>) -> Part<Row> {
        let (rows, pagination) = match self {
            Self::Named(set) | Self::Wrapped([set]) => (set.result_set, set.pagination),
            Self::Bare(rows) => (rows, None),
        };
        let this = at.index + 1;
        let news = rows.iter().filter(|row| known.insert(row.id.0.clone())).count();
        let next = match pagination {
            // Another page than was asked for: it leads back to itself, which is an error.
            Some(Pagination { current_page: Some(told), .. }) if told != this => Next::query("page", this),
            Some(Pagination { total_pages: Some(total), .. }) => Next::until("page", this + 1, total + 1),
            Some(Pagination { next_page: Some(next), .. }) => Next::query("page", next),
            Some(_) => Next::End,
            None if news > 0 => Next::query("page", this + 1),
            // The page before again, and full: there may be more behind it.
            None if rows.len() >= PAGE => Next::Lost,
            None => Next::End,
        };
        Part { rows, stated: None, next }
    }
}

#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) organization_id: Id,
    pub(crate) organization_name: Option<String>,
    pub(crate) plan_id: Id,
    pub(crate) email: Option<String>,
    customer_deactivated: Option<bool>,
    flg_suspended: Option<bool>,
    active_seats: Option<Number>,
    seats_used: Option<Number>,
    paid_shared_mailboxes: Option<Number>,
    seats_available: Option<Number>,
    free_shared_mailboxes: Option<Number>,
    deactivated_seats: Option<Number>,
}

impl Row {
    /// The organization's name, else its id.
    pub(crate) fn name(&self) -> &str {
        let name = self.organization_name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or(self.organization_id.as_str())
    }

    pub(crate) fn is_deactivated(&self) -> bool {
        self.customer_deactivated == Some(true)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.flg_suspended == Some(true)
    }

    /// In the order of the metrics.
    pub(crate) fn seats(&self) -> Seats {
        let seats: [Option<Number>; METRICS.len()] = [
            self.active_seats,
            self.seats_used,
            self.paid_shared_mailboxes,
            // What is bought, whatever the word says (README, What is counted).
            self.seats_available,
            self.free_shared_mailboxes,
            self.deactivated_seats,
        ];
        seats.map(|number| number.map(|number| number.0))
    }
}
