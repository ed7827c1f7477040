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
        // An error: the request is one that was made.
        let back = || Next::query("page", this);
        let news = rows.iter().filter(|row| known.insert(row.id.0.clone())).count();
        let next = match pagination {
            // Another page than was asked for.
            Some(Pagination { current_page: Some(told), .. }) if told != this => back(),
            Some(Pagination { total_pages: Some(total), .. }) => {
                Next::until("page", this.saturating_add(1), total.saturating_add(1))
            }
            Some(Pagination { next_page: Some(next), .. }) => Next::query("page", next),
            None if news > 0 => Next::query("page", this + 1),
            // An earlier page again, and full: there may be more behind it.
            None if rows.len() >= PAGE => back(),
            Some(_) | None => Next::End,
        };
        // The rows of an earlier page, and more are said to come.
        let next = if next != Next::End && news == 0 && !rows.is_empty() { back() } else { next };
        Part { rows, stated: None, next }
    }
}

#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) organization_id: Id,
    organization_name: Option<String>,
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
    /// The organization's name as it is told, else its id.
    pub(crate) fn told(&self) -> &str {
        let name = self.organization_name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or(self.organization_id.as_str())
    }

    /// The name to be matched.
    pub(crate) fn name(&self) -> &str {
        plain(self.told())
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
        seats.map(|number| number.and_then(Number::count))
    }
}

/// The name without the mark that NinjaOne puts behind it, ` [a1b2]`, and what follows the mark.
fn plain(name: &str) -> &str {
    let is_mark = |mark: &str| mark.len() >= 4 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    let marked = name.rsplit_once('[').and_then(|(before, rest)| Some((before.trim(), rest.split_once(']')?.0)));
    marked.filter(|(before, mark)| is_mark(mark) && !before.is_empty()).map_or(name.trim(), |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_behind_a_name_is_none_of_it() {
        for (told, name) in [
            ("Fjord Legal LLP [a1b2]", "Fjord Legal LLP"),
            ("Fjord Legal LLP [A1B2C3] - NFR", "Fjord Legal LLP"),
            ("Fjord [North] Legal [a1b2]", "Fjord [North] Legal"),
            ("Fjord Legal [a1b]", "Fjord Legal [a1b]"),
            ("Fjord Legal [North]", "Fjord Legal [North]"),
            ("[a1b2]", "[a1b2]"),
            (" Fjord Legal ", "Fjord Legal"),
            ("Fjord [a1b2", "Fjord [a1b2"),
        ] {
            assert_eq!(plain(told), name);
        }
    }
}
