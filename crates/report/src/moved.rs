//! What changed since an earlier run, as texts.

use crate::text::{many, number, printable, signed};
use rust_decimal::Decimal;
use tallysheet_core::changes::{Change, Changes, TotalChange};

/// So many totals a ticket or a mail tells; the file has all.
const TOTALS: usize = 20;
/// So many counts the page shows; the workbook has all.
const COUNTS: usize = 200;

/// Last, now and difference; blank where there is none.
pub(crate) struct Moved {
    /// Printable; empty for a total.
    pub(crate) company: String,
    /// Printable.
    pub(crate) column: String,
    pub(crate) last: String,
    pub(crate) now: String,
    pub(crate) difference: String,
}

impl Moved {
    fn of(company: &str, column: &str, last: Option<Decimal>, now: Option<Decimal>, by: Option<Decimal>) -> Self {
        let plain = |value: Option<Decimal>| value.map(number).unwrap_or_default();
        Self {
            company: printable(company),
            column: printable(column),
            last: plain(last),
            now: plain(now),
            difference: by.map(signed).unwrap_or_default(),
        }
    }

    fn count(change: &Change) -> Self {
        Self::of(&change.company, &change.column, change.last, change.now, change.difference())
    }

    fn total(change: &TotalChange) -> Self {
        Self::of("", &change.column, change.last, change.now, change.difference())
    }
}

/// The changes of a run.
pub(crate) struct Told<'a> {
    pub(crate) changes: &'a Changes,
}

impl Told<'_> {
    /// `Since 2026-10-31: 2 companies are new, 1 is gone, 14 counts changed`. No names.
    pub(crate) fn headline(&self) -> String {
        let Changes { date, new, gone, counts, .. } = self.changes;
        format!(
            "Since {date}: {}, {}, {}",
            many(new.len(), "company is new", "companies are new"),
            many(gone.len(), "is gone", "are gone"),
            many(counts.len(), "count changed", "counts changed")
        )
    }

    pub(crate) fn totals(&self) -> Vec<Moved> {
        self.changes.totals.iter().take(TOTALS).map(Moved::total).collect()
    }

    pub(crate) fn totals_more(&self) -> usize {
        self.changes.totals.len().saturating_sub(TOTALS)
    }

    pub(crate) fn counts(&self) -> Vec<Moved> {
        self.changes.counts.iter().take(COUNTS).map(Moved::count).collect()
    }

    pub(crate) fn counts_more(&self) -> usize {
        self.changes.counts.len().saturating_sub(COUNTS)
    }

    pub(crate) fn names_new(&self) -> String {
        names(&self.changes.new)
    }

    pub(crate) fn names_gone(&self) -> String {
        names(&self.changes.gone)
    }
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}
