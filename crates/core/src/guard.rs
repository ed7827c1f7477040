//! The drop guard: a count that fell in a way that is hard to believe is marked, never replaced. Pure: the last good
//! counts in, marks and notices out.

use crate::code::Code;
use crate::notice::{Level, Notice, Phase};
use crate::sheet::{Blank, Cell, Column, Flag, Row, Sheet};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// From when on a fall is hard to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Whether anything is compared.
    pub enabled: bool,
    /// A fall to zero, or to nothing at all, from this count on.
    pub zero_from: Decimal,
    /// A fall by more than this share …
    pub percent: Decimal,
    /// … if it is at least so many.
    pub least: Decimal,
    /// An integration with fewer orgs by more than this share …
    pub orgs_percent: Decimal,
    /// … and by at least so many.
    pub orgs_least: Decimal,
}

impl Default for Limits {
    /// So that a small customer who loses some seats raises no alarm.
    fn default() -> Self {
        Self {
            enabled: true,
            zero_from: Decimal::from(3),
            percent: Decimal::from(50),
            least: Decimal::from(5),
            orgs_percent: Decimal::from(30),
            orgs_least: Decimal::from(5),
        }
    }
}

impl Limits {
    fn implausible(&self, last: Decimal, now: Decimal) -> bool {
        (now.is_zero() && last >= self.zero_from) || fell(last, now, self.percent, self.least)
    }

    fn orgs_implausible(&self, last: usize, now: usize) -> bool {
        fell(Decimal::from(last), Decimal::from(now), self.orgs_percent, self.orgs_least)
    }
}

fn fell(last: Decimal, now: Decimal, percent: Decimal, at_least: Decimal) -> bool {
    let fall = last - now;
    fall >= at_least && fall > Decimal::ZERO && fall.saturating_mul(Decimal::ONE_HUNDRED) > last.saturating_mul(percent)
}

/// The limits of each integration.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Of all that have none of their own.
    pub limits: Limits,
    /// By the integration's name.
    pub integrations: BTreeMap<String, Limits>,
}

impl Guard {
    fn of(&self, integration: &str) -> &Limits {
        self.integrations.get(integration).unwrap_or(&self.limits)
    }
}

/// A count that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The row's key.
    pub key: String,
    /// The row's name.
    pub company: String,
    /// Whether the row was a vendor org without a company.
    pub unmapped: bool,
    /// The integration's name.
    pub integration: String,
    /// The column's name behind the title.
    pub metric: String,
    /// How many.
    pub value: Decimal,
    /// When it was last counted.
    pub date: Date,
}

/// What this run knows besides its sheet.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How many orgs each integration listed. One that failed is absent.
    pub orgs: BTreeMap<String, usize>,
    /// Titles of the integrations.
    pub titles: BTreeMap<String, String>,
    /// Where the user says `-`: the row's key and the integration.
    pub declined: BTreeSet<(String, String)>,
    /// Whether a company without a row is one that the vendors no longer list; else the user took it away.
    pub rows_from_vendors: bool,
}

/// What was found besides the flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Warnings, with the code `implausible`.
    pub notices: Vec<Notice>,
    /// Rows that have nothing at an integration any more: key and integration.
    pub gone: BTreeSet<(String, String)>,
    /// Integrations with far fewer orgs.
    pub fewer: BTreeSet<String>,
}

impl Doubts {
    /// Whether all is believable.
    pub fn none(&self) -> bool {
        self.notices.is_empty()
    }
}

/// Marks in the sheet what is hard to believe, and says it. `last_orgs` are the believed numbers of orgs.
pub fn guard(
    sheet: &mut Sheet,
    good: &[Good],
    last_orgs: &BTreeMap<String, (usize, Date)>,
    seen: &Seen,
    guard: &Guard,
) -> Doubts {
    let mut doubts = Doubts::default();
    for (integration, now) in &seen.orgs {
        let limits = guard.of(integration);
        if let Some((last, date)) = last_orgs.get(integration)
            && limits.enabled
            && limits.orgs_implausible(*last, *now)
        {
            let title = title(seen, integration);
            let message = format!("{title} lists {now} orgs; the last good number is {last}, of {date}");
            doubts.notices.push(warning(message).of(integration));
            doubts.fewer.insert(integration.clone());
        }
    }

    let mut lasts: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &Good>>> = BTreeMap::new();
    let known =
        good.iter().filter(|good| seen.orgs.contains_key(&good.integration) && guard.of(&good.integration).enabled);
    for good in known {
        let of_row = lasts.entry(good.key.as_str()).or_default();
        of_row.entry(good.integration.as_str()).or_default().insert(good.metric.as_str(), good);
    }
    // An integration that counts products only may have no column at all.
    let order = order(&sheet.columns, seen);
    let Sheet { columns, rows, .. } = sheet;
    for row in rows.iter_mut() {
        let Some(mut of_row) = lasts.remove(row.key.as_str()) else { continue };
        for integration in &order {
            if let Some(last) = of_row.remove(integration.as_str()) {
                row_at(row, columns, integration, &last, seen, guard.of(integration), &mut doubts);
            }
        }
    }
    if seen.rows_from_vendors {
        for (key, of_row) in lasts {
            row_gone(key, &of_row, seen, guard, &mut doubts);
        }
    }
    doubts
}

/// Integrations as their columns come, then those without a column.
fn order(columns: &[Column], seen: &Seen) -> Vec<String> {
    let mut order: Vec<String> = columns.iter().map(|column| column.integration.clone()).collect();
    order.dedup();
    let without = seen.orgs.keys().filter(|name| !order.contains(name)).cloned().collect::<Vec<_>>();
    order.extend(without);
    order
}

/// One row at one integration.
fn row_at(
    row: &mut Row,
    columns: &[Column],
    integration: &str,
    last: &BTreeMap<&str, &Good>,
    seen: &Seen,
    limits: &Limits,
    doubts: &mut Doubts,
) {
    let here = || (0..columns.len()).filter(|at| columns[*at].integration == integration);
    let mut marks: Vec<(Option<usize>, &Good, Option<Decimal>)> = Vec::new();
    let cells = || here().filter_map(|at| row.cells.get(at));
    let is_blank = |cell: &Cell| matches!(cell, Cell::Blank(Blank::NotMapped | Blank::NotApplicable));
    if cells().all(is_blank) {
        // Nothing at all is left of what was there. A single blank is no zero, and is compared with none.
        let declined = seen.declined.contains(&(row.key.clone(), integration.to_owned()));
        if !declined && last.values().any(|good| good.value >= limits.zero_from && good.value > Decimal::ZERO) {
            let place = |metric: &str| here().find(|at| columns[*at].metric == metric);
            marks.extend(
                last.values().filter(|good| !good.value.is_zero()).map(|good| (place(&good.metric), *good, None)),
            );
            marks.sort_by_key(|(at, ..)| at.unwrap_or(usize::MAX));
            doubts.gone.insert((row.key.clone(), integration.to_owned()));
        }
    } else {
        for at in here() {
            let now = row.cells.get(at).and_then(Cell::number);
            if let (Some(now), Some(good)) = (now, last.get(columns[at].metric.as_str()))
                && limits.implausible(good.value, now)
            {
                marks.push((Some(at), good, Some(now)));
            }
        }
    }
    if marks.is_empty() {
        return;
    }
    let title = title(seen, integration);
    let mut told = Vec::new();
    for (at, good, now) in marks {
        let Good { metric, value, date, .. } = good;
        let (now, value) = (now.map_or_else(|| "none".to_owned(), plain), plain(*value));
        if !row.notes.is_empty() {
            row.notes.push_str("; ");
        }
        let _ = write!(row.notes, "{title}: {metric} implausible: {now}, was {value} on {date}");
        told.push(format!("{metric} {now}, was {value} on {date}"));
        if let Some(at) = at {
            row.flags.insert(at, Flag { code: Code::Implausible, last: good.value, date: good.date });
        }
    }
    let message = format!("{}: {title}: hard to believe: {}", row.company, told.join("; "));
    doubts.notices.push(warning(message).of(integration).about(&row.company));
}

/// A company that no vendor lists any more.
fn row_gone(
    key: &str,
    of_row: &BTreeMap<&str, BTreeMap<&str, &Good>>,
    seen: &Seen,
    guard: &Guard,
    doubts: &mut Doubts,
) {
    for (integration, last) in of_row {
        let limits = guard.of(integration);
        let most = last.values().filter(|good| !good.unmapped).max_by_key(|good| good.value);
        let Some(most) = most.filter(|most| most.value >= limits.zero_from && !most.value.is_zero()) else { continue };
        let (title, value) = (title(seen, integration), plain(most.value));
        let message = format!(
            "{}: {title} no longer lists it; the last good count is {} {value}, of {}",
            most.company, most.metric, most.date
        );
        doubts.notices.push(warning(message).of(*integration).about(&most.company));
        doubts.gone.insert((key.to_owned(), (*integration).to_owned()));
    }
}

fn title<'a>(seen: &'a Seen, integration: &'a str) -> &'a str {
    seen.titles.get(integration).map_or(integration, String::as_str)
}

fn warning(message: String) -> Notice {
    Notice::new(Level::Warning, Phase::Merge, Code::Implausible, message)
}

fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}
