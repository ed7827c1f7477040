//! What changed since an earlier sheet. Pure, and the same for the same two sheets.

use crate::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The run that this one is compared with.
    pub run: String,
    /// The day of that run.
    pub date: Date,
    /// Companies that had no row, by name.
    pub new: Vec<String>,
    /// Companies that have none any more, by name.
    pub gone: Vec<String>,
    /// Counts that are not what they were, the biggest difference first.
    pub counts: Vec<Change>,
    /// Columns whose sum over the companies is not what it was, the biggest difference first.
    pub totals: Vec<TotalChange>,
}

/// A count that is not what it was. One of both may be blank, and a blank is no zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The row's name.
    pub company: String,
    /// The row's key.
    pub key: String,
    /// The column's title.
    pub column: String,
    /// What it was.
    pub last: Option<Decimal>,
    /// What it is.
    pub now: Option<Decimal>,
}

/// The sum of a column that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalChange {
    /// The column's title.
    pub column: String,
    /// What it was.
    pub last: Option<Decimal>,
    /// What it is.
    pub now: Option<Decimal>,
}

impl Change {
    /// Now minus last, where both were counted.
    pub fn difference(&self) -> Option<Decimal> {
        difference(self.last, self.now)
    }
}

impl TotalChange {
    /// Now minus last, where both were counted.
    pub fn difference(&self) -> Option<Decimal> {
        difference(self.last, self.now)
    }
}

fn difference(last: Option<Decimal>, now: Option<Decimal>) -> Option<Decimal> {
    Some(now? - last?)
}

/// How much it moved; what came or went moved by all of it.
fn size(last: Option<Decimal>, now: Option<Decimal>) -> Decimal {
    (now.unwrap_or_default() - last.unwrap_or_default()).abs()
}

/// What a sheet has at a place: a number, none, or nothing that could be compared.
enum There {
    Number(Decimal),
    None,
    Unknown,
}

/// A sheet by what stays the same from run to run.
struct Keyed<'a> {
    rows: BTreeMap<&'a str, &'a Row>,
    columns: BTreeMap<(&'a str, &'a str), usize>,
    /// Integrations whose columns can be compared.
    answered: BTreeSet<&'a str>,
}

impl<'a> Keyed<'a> {
    fn of(sheet: &'a Sheet, answered: &'a BTreeSet<String>) -> Self {
        let column = |(at, column): (usize, &'a Column)| {
            (column.kind == ColumnKind::Number).then_some(((column.integration.as_str(), column.metric.as_str()), at))
        };
        Self {
            rows: sheet.rows.iter().map(|row| (row.key.as_str(), row)).collect(),
            columns: sheet.columns.iter().enumerate().filter_map(column).collect(),
            answered: answered.iter().map(String::as_str).collect(),
        }
    }

    fn at(&self, key: &str, column: (&str, &str)) -> There {
        if !self.answered.contains(column.0) {
            return There::Unknown;
        }
        let cell = self.rows.get(key).zip(self.columns.get(&column)).and_then(|(row, at)| row.cells.get(*at));
        match cell {
            Some(Cell::Blank(Blank::Failed(_))) => There::Unknown,
            Some(cell) => cell.number().map_or(There::None, There::Number),
            None => There::None,
        }
    }

    /// The sum of a column over the companies; unknown where one of them failed.
    fn total(&self, column: (&str, &str)) -> There {
        if !self.answered.contains(column.0) {
            return There::Unknown;
        }
        let mut sum: Option<Decimal> = None;
        for key in self.rows.iter().filter(|(_, row)| !row.unmapped).map(|(key, _)| key) {
            match self.at(key, column) {
                There::Unknown => return There::Unknown,
                There::Number(number) => sum = Some(sum.unwrap_or_default().saturating_add(number)),
                There::None => {}
            }
        }
        sum.map_or(There::None, There::Number)
    }
}

/// A sheet with the integrations that answered for it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The sheet.
    pub sheet: &'a Sheet,
    /// The names of the integrations that answered.
    pub integrations: &'a BTreeSet<String>,
}

/// What changed from one sheet to the next. Rows are the same by their key, columns by integration and metric.
pub fn changes(run: &str, date: Date, last: Answered<'_>, now: Answered<'_>) -> Changes {
    let (before, after) = (Keyed::of(last.sheet, last.integrations), Keyed::of(now.sheet, now.integrations));
    let company_names = |here: &Keyed<'_>, there: &Keyed<'_>| -> Vec<String> {
        let only_here = here.rows.iter().filter(|(key, row)| !row.unmapped && !there.rows.contains_key(*key));
        only_here.map(|(_, row)| row.company.clone()).collect()
    };
    let titles: BTreeMap<(&str, &str), (usize, &str)> =
        [last.sheet, now.sheet].iter().flat_map(|sheet| sheet.columns.iter().enumerate()).map(titled).collect();
    let columns: BTreeSet<_> = before.columns.keys().chain(after.columns.keys()).copied().collect();
    let keys: BTreeSet<_> = before.rows.keys().chain(after.rows.keys()).copied().collect();

    let (mut counts, mut totals) = (Vec::new(), Vec::new());
    for column in columns {
        let (place, title) = titles[&column];
        if let Some((last, now)) = moved(before.total(column), after.total(column)) {
            totals.push((place, TotalChange { column: title.to_owned(), last, now }));
        }
        for key in &keys {
            let Some((last, now)) = moved(before.at(key, column), after.at(key, column)) else { continue };
            let Some(row) = after.rows.get(key).or_else(|| before.rows.get(key)) else { continue };
            let change =
                Change { company: row.company.clone(), key: row.key.clone(), column: title.to_owned(), last, now };
            counts.push((place, change));
        }
    }
    counts.sort_by_cached_key(|(place, change)| {
        (Reverse(size(change.last, change.now)), change.company.to_lowercase(), *place, change.key.clone())
    });
    totals.sort_by_cached_key(|(place, change)| (Reverse(size(change.last, change.now)), *place));
    Changes {
        run: run.to_owned(),
        date,
        new: company_names(&after, &before),
        gone: company_names(&before, &after),
        counts: counts.into_iter().map(|(_, change)| change).collect(),
        totals: totals.into_iter().map(|(_, change)| change).collect(),
    }
}

fn titled((place, column): (usize, &Column)) -> ((&str, &str), (usize, &str)) {
    ((column.integration.as_str(), column.metric.as_str()), (place, column.title.as_str()))
}

fn moved(last: There, now: There) -> Option<(Option<Decimal>, Option<Decimal>)> {
    let known = |there| match there {
        There::Number(number) => Some(Some(number)),
        There::None => Some(None),
        There::Unknown => None,
    };
    let (last, now) = (known(last)?, known(now)?);
    (last != now).then_some((last, now))
}
