//! The run in a few lines: for the end of a command, a mail and a ticket. Never a customer's name.

use crate::digest::{ColumnTotals, Digest, Failure};
use crate::moved::Moved;
use crate::text::{self, number};
use askama::Template;
use std::fmt::Write as _;
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_core::sheet::Totals;
use tallysheet_core::{Error, Result};

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
    let digest = Digest::of(run);
    let mut text = format!(
        "Run {}: {}\nCompanies: {}\nVendor orgs without a company: {}\nColumns with counts: {} of {}\n",
        run.id,
        status_word(run.status),
        digest.companies,
        digest.unmapped,
        digest.counted,
        digest.columns()
    );
    section(&mut text, "Failures", digest.failures.iter().map(failure).collect());
    if let Some(billing) = &digest.billing {
        section(&mut text, &billing.headline(), billing.lines());
    }
    if let Some(told) = &digest.changes {
        let more = match told.totals_more() {
            0 => None,
            more => Some(format!("and {more} more")),
        };
        section(&mut text, &told.headline(), told.totals().iter().map(moved).chain(more).collect());
    }
    section(&mut text, "Totals", digest.totals.iter().map(total).collect());
    text
}

/// The same as a piece of HTML, for the body of a mail or a ticket: no page around it, every style on its element, as
/// mail programs want it.
pub fn summary_html(run: &Run) -> Result<String> {
    let body = Body { status: status_word(run.status), started: text::minute(run.started_at), digest: Digest::of(run) };
    body.render().map_err(|error| Error::internal(format!("the summary cannot be written as HTML: {error}")))
}

#[derive(Template)]
#[template(path = "summary.html")]
struct Body<'a> {
    digest: Digest<'a>,
    status: &'static str,
    started: String,
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() && !title.starts_with("Since ") {
        return;
    }
    let _ = write!(text, "\n{title}\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn failure(Failure { integration, code, rows }: &Failure) -> String {
    match rows {
        0 => format!("{integration}: {code}"),
        1 => format!("{integration}: {code} (1 row)"),
        count => format!("{integration}: {code} ({count} rows)"),
    }
}

/// `Duo: Users: 120, was 118 (+2)`.
fn moved(moved: &Moved) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let by = if moved.difference.is_empty() { String::new() } else { format!(" ({})", moved.difference) };
    format!("{}: {}, was {}{by}", moved.column, or_none(&moved.now), or_none(&moved.last))
}

fn total(total: &ColumnTotals) -> String {
    match total.totals {
        Some(totals) => format!("{}: {}", total.title, parts(totals)),
        None => format!("{}: not counted", total.title),
    }
}

/// `120, unmapped 3, left out 4; the vendor states 127`.
fn parts(totals: &Totals) -> String {
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
