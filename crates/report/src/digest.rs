//! What the summaries, the page and the workbook all say of a run: how many, what failed, the control totals. Never a
//! customer's name.

use crate::moved::Told;
use crate::reconcile::Billing;
use crate::text::{self, number, printable};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::run::{LogEntry, Run};
use tallysheet_core::sheet::{Cell, Column, ColumnKind, Sheet, Totals};
use tallysheet_core::{Code, Level, Phase};

/// A run in figures. Its texts are safe to show.
pub(crate) struct Digest<'a> {
    pub(crate) run: &'a Run,
    pub(crate) companies: usize,
    /// Vendor orgs that map to no company, with or without a row.
    pub(crate) unmapped: usize,
    /// Columns in which something was counted.
    pub(crate) counted: usize,
    pub(crate) failures: Vec<Failure>,
    /// One for each column of numbers.
    pub(crate) totals: Vec<ColumnTotals<'a>>,
    /// What changed, where there is an earlier run.
    pub(crate) changes: Option<Told<'a>>,
    /// Counted against billed, where the run compares it.
    pub(crate) billing: Option<Billing<'a>>,
}

/// What failed, and how many rows it touches.
pub(crate) struct Failure {
    /// The integration's title.
    pub(crate) integration: String,
    pub(crate) code: Code,
    pub(crate) rows: usize,
}

/// The control totals of a column; `None` where nothing was counted because of a failure.
pub(crate) struct ColumnTotals<'a> {
    pub(crate) column: &'a Column,
    pub(crate) title: String,
    pub(crate) totals: Option<&'a Totals>,
}

impl Failure {
    pub(crate) fn meaning(&self) -> &'static str {
        text::meaning(self.code)
    }
}

impl ColumnTotals<'_> {
    /// Counted, unmapped, left out, stated by the vendor; what is zero beside the count is not worth a word.
    pub(crate) fn texts(&self) -> Option<[String; 4]> {
        let beside = |part: Decimal| if part.is_zero() { String::new() } else { number(part) };
        let parts = |totals: &Totals| {
            let vendor = totals.vendor.map(number).unwrap_or_default();
            [number(totals.counted), beside(totals.unmapped), beside(totals.left_out), vendor]
        };
        self.totals.map(parts)
    }
}

impl<'a> Digest<'a> {
    pub(crate) fn of(run: &'a Run) -> Self {
        let sheet = &run.sheet;
        let has_counts =
            |place: &usize| sheet.rows.iter().any(|row| matches!(row.cells.get(*place), Some(Cell::Counted(_))));
        Self {
            run,
            companies: sheet.rows.iter().filter(|row| !row.unmapped).count(),
            unmapped: run.log.iter().filter(|entry| entry.notice.code == Some(Code::UnmappedOrg)).count(),
            counted: (0..sheet.columns.len()).filter(has_counts).count(),
            failures: failures(run),
            totals: totals(sheet),
            changes: run.changes.as_ref().map(|changes| Told { changes }),
            billing: run.reconciliation.as_ref().map(Billing::of),
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.run.sheet.columns.len()
    }

    /// The totals of each integration, under its title.
    pub(crate) fn by_integration(&self) -> impl Iterator<Item = (String, &[ColumnTotals<'a>])> {
        let groups = self.totals.chunk_by(|a, b| a.column.integration == b.column.integration);
        groups.map(|totals| (printable(text::title(totals[0].column)), totals))
    }

    /// The columns that count most, the largest first, each with its part of the largest in percent.
    pub(crate) fn largest(&self, count: usize) -> Vec<(&ColumnTotals<'a>, Decimal, Decimal)> {
        let positive = |total: &&ColumnTotals| total.totals.is_some_and(|totals| totals.counted > Decimal::ZERO);
        let counted = |total: &ColumnTotals| total.totals.map(|totals| totals.counted).unwrap_or_default();
        let mut largest: Vec<_> =
            self.totals.iter().filter(positive).map(|total| (total, counted(total), Decimal::ONE_HUNDRED)).collect();
        largest.sort_by_key(|(_, counted, _)| std::cmp::Reverse(*counted));
        largest.truncate(count);
        let most = largest.first().map_or(Decimal::ONE, |(_, counted, _)| *counted);
        for (_, counted, part) in &mut largest {
            *part = (*counted / most * Decimal::ONE_HUNDRED).round().max(Decimal::ONE);
        }
        largest
    }
}

/// By integration and code. A source of products that never answered, and a ledger, have no column: only the log knows of it.
fn failures(run: &Run) -> Vec<Failure> {
    let sheet = &run.sheet;
    let ledger = run.reconciliation.iter().map(|made| (made.ledger.as_str(), made.title.as_str()));
    let columns = sheet.columns.iter().map(|column| (column.integration.as_str(), text::title(column)));
    let titles: BTreeMap<&str, &str> = ledger.chain(columns).collect();
    let failed = |entry: &&LogEntry| {
        let notice = &entry.notice;
        (notice.level == Level::Error && notice.phase == Phase::Collect) || notice.code == Some(Code::Implausible)
    };
    let mut rows: BTreeMap<(&str, Code), BTreeSet<usize>> = run
        .log
        .iter()
        .filter(failed)
        .filter_map(|entry| Some(((entry.notice.integration.as_deref()?, entry.notice.code?), BTreeSet::new())))
        .collect();
    for (at, row) in sheet.rows.iter().enumerate() {
        let blank = sheet.columns.iter().zip(&row.cells).filter(|(_, cell)| text::is_failed(cell));
        let blank = blank.filter_map(|(column, cell)| Some((column, cell.code()?)));
        let flagged = row.flags.iter().filter_map(|(place, flag)| Some((sheet.columns.get(*place)?, flag.code)));
        for (column, code) in blank.chain(flagged) {
            rows.entry((&column.integration, code)).or_default().insert(at);
        }
    }
    rows.into_iter()
        .map(|((integration, code), rows)| {
            let integration = printable(titles.get(integration).unwrap_or(&integration));
            Failure { integration, code, rows: rows.len() }
        })
        .collect()
}

fn totals(sheet: &Sheet) -> Vec<ColumnTotals<'_>> {
    let numeric = sheet.columns.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Number);
    numeric
        .map(|(place, column)| ColumnTotals {
            column,
            title: printable(&column.title),
            totals: text::totals(sheet, place),
        })
        .collect()
}
