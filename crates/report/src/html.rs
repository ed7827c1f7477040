//! One page that needs nothing else: no script, nothing from elsewhere. For a browser, a printer, and a mail.

use crate::digest::Digest;
use crate::summary::status_word;
use crate::text::{self, number, printable};
use askama::Template;
use std::borrow::Cow;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::{Error, Result};

/// How many bars the chart has.
const BARS: usize = 10;

/// The run as a page.
pub(crate) fn html(run: &Run) -> Result<String> {
    let broken = |what: &dyn std::fmt::Display| Error::internal(format!("the sheet cannot be written as HTML: {what}"));
    let sheet = &run.sheet;
    if sheet.rows.iter().any(|row| row.cells.len() != sheet.columns.len()) {
        return Err(broken(&"a row does not fit its header"));
    }
    let page = Page {
        digest: Digest::of(run),
        status: status_word(run.status),
        started: text::minute(run.started_at),
        groups: groups(sheet),
        sheet,
        // Wide enough for a printer that knows no scrolling; it scales the page to its paper.
        paper: (80 + 17 * sheet.columns.len()).clamp(297, 5_000),
    };
    page.render().map_err(|error| broken(&error))
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    digest: Digest<'a>,
    status: &'static str,
    started: String,
    groups: Vec<Group<'a>>,
    sheet: &'a Sheet,
    paper: usize,
}

/// The columns of one integration.
struct Group<'a> {
    title: String,
    columns: &'a [Column],
}

fn groups(sheet: &Sheet) -> Vec<Group<'_>> {
    let same = |a: &Column, b: &Column| a.integration == b.integration;
    let group = |columns| Group { title: printable(text::title(first(columns))), columns };
    sheet.columns.chunk_by(same).map(group).collect()
}

/// Of a chunk, which is never empty.
fn first(columns: &[Column]) -> &Column {
    &columns[0]
}

impl Page<'_> {
    fn companies(&self) -> impl Iterator<Item = &Row> {
        self.sheet.rows.iter().filter(|row| !row.unmapped)
    }

    fn orgs(&self) -> impl Iterator<Item = &Row> {
        self.sheet.rows.iter().filter(|row| row.unmapped)
    }

    /// Cells with whether a group begins there.
    fn cells<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = Shown<'r>> {
        row.cells.iter().enumerate().map(move |(at, cell)| Shown::of(cell, row, at, self.begins(at)))
    }

    /// The sums of the companies' rows; with a `!` where something of them failed.
    fn totals(&self) -> impl Iterator<Item = Shown<'_>> {
        self.sheet.columns.iter().enumerate().map(|(at, column)| {
            let failed = self.companies().any(|row| text::is_failed(&row.cells[at]));
            let (class, why, mark) = if failed { ("f", "without what failed", "!") } else { ("", "", "") };
            let sum = match column.kind {
                ColumnKind::Number => text::totals(self.sheet, at).map(|totals| number(totals.counted)),
                ColumnKind::Text => None,
            };
            let text = format!("{}{mark}", sum.unwrap_or_default()).into();
            Shown { class, begins: self.begins(at), why: why.into(), text }
        })
    }

    /// Whether a column is the first of its integration.
    fn begins(&self, at: usize) -> bool {
        at == 0 || self.sheet.columns[at - 1].integration != self.sheet.columns[at].integration
    }

    /// What an org without a company has: short, as most of its columns belong to other vendors.
    fn counts<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (String, Shown<'r>)> {
        self.sheet.columns.iter().zip(&row.cells).enumerate().filter_map(move |(at, (column, cell))| {
            let shown = matches!(cell, Cell::Counted(_) | Cell::Blank(Blank::Failed(_) | Blank::LeftOut(_)));
            shown.then(|| (printable(&column.metric), Shown::of(cell, row, at, false)))
        })
    }
}

/// A cell as it is shown.
struct Shown<'a> {
    class: &'static str,
    begins: bool,
    why: Cow<'static, str>,
    text: Cow<'a, str>,
}

impl<'a> Shown<'a> {
    fn of(cell: &'a Cell, row: &Row, at: usize, begins: bool) -> Self {
        let why = |blank: &Blank| text::reason(*blank);
        let (class, why, text) = match cell {
            Cell::Counted(Value::Number(value)) => ("", Cow::Borrowed(""), Cow::Owned(number(*value))),
            Cell::Counted(Value::Text(text)) => ("t", Cow::Borrowed(""), Cow::Owned(printable(text))),
            Cell::Blank(blank @ Blank::NotMapped) => ("m", why(blank), Cow::Borrowed("·")),
            Cell::Blank(blank @ Blank::NotApplicable) => ("n", why(blank), Cow::Borrowed("–")),
            Cell::Blank(blank @ Blank::LeftOut(_)) => ("l", why(blank), Cow::Borrowed("~")),
            Cell::Blank(blank @ Blank::Failed(_)) => ("f", why(blank), Cow::Borrowed("!")),
        };
        match row.flags.get(&at) {
            Some(flag) => Self { class: "d", begins, why: text::doubt(flag).into(), text: format!("{text}?").into() },
            None => Self { class, begins, why, text },
        }
    }
}
