//! The run in a few lines: for the end of a command, and for a ticket's body. Never a customer's name.

use crate::text::{self, number};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tallysheet_core::run::{LogEntry, Run, RunStatus};
use tallysheet_core::sheet::{Cell, ColumnKind, Totals};
use tallysheet_core::{Code, Level, Phase};

/// The contract's word for how a run ended.
pub const fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Complete => "complete",
        RunStatus::Partial => "partial",
        RunStatus::Failed => "failed",
    }
}

/// Rows, failures and control totals.
pub fn summary(run: &Run) -> String {
    let sheet = &run.sheet;
    let companies = sheet.rows.iter().filter(|row| !row.unmapped).count();
    let unmapped = run.log.iter().filter(|entry| entry.notice.code == Some(Code::UnmappedOrg)).count();
    let counted = (0..sheet.columns.len())
        .filter(|place| sheet.rows.iter().any(|row| matches!(row.cells.get(*place), Some(Cell::Counted(_)))))
        .count();

    let mut text = format!(
        "Run {}: {}\nCompanies: {companies}\nVendor orgs without a company: {unmapped}\nColumns with counts: {counted} of {}\n",
        run.id,
        status_word(run.status),
        sheet.columns.len()
    );
    section(&mut text, "Failures", failures(run));
    section(&mut text, "Totals", totals(run));
    text
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "\n{title}\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// What failed, by integration and code, with how many rows it touches. A source of products that never answered has
/// no column: only the log knows of it.
fn failures(run: &Run) -> Vec<String> {
    let sheet = &run.sheet;
    let titles: BTreeMap<&str, &str> =
        sheet.columns.iter().map(|column| (column.integration.as_str(), text::title(column))).collect();
    let failed = |entry: &&LogEntry| entry.notice.level == Level::Error && entry.notice.phase == Phase::Collect;
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
            let title = titles.get(integration).unwrap_or(&integration);
            match rows.len() {
                0 => format!("{title}: {code}"),
                1 => format!("{title}: {code} (1 row)"),
                count => format!("{title}: {code} ({count} rows)"),
            }
        })
        .collect()
}

fn totals(run: &Run) -> Vec<String> {
    let sheet = &run.sheet;
    let numeric = sheet.columns.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Number);
    numeric
        .map(|(place, column)| match text::totals(sheet, place) {
            Some(totals) => format!("{}: {}", column.title, total(totals)),
            None => format!("{}: not counted", column.title),
        })
        .collect()
}

/// `120, unmapped 3, left out 4; the vendor states 127`.
fn total(totals: &Totals) -> String {
    let mut text = number(totals.counted);
    for (word, part) in [("unmapped", totals.unmapped), ("left out", totals.left_out)] {
        if !part.is_zero() {
            let _ = write!(text, ", {word} {}", number(part));
        }
    }
    if let Some(vendor) = totals.vendor {
        let _ = write!(text, "; the vendor states {}", number(vendor));
    }
    text
}
