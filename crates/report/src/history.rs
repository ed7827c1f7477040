//! How counts moved: a line with a small chart, a line a day, or one object.

use crate::json::Exact;
use crate::sheet::{line, write};
use crate::text::{guarded, number, printable};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use tallysheet_core::history::{DayEntry, Days};
use tallysheet_core::{Error, Result};
use unicode_width::UnicodeWidthStr;

/// The widest chart.
const CHART: usize = 40;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A line for each count: first, last, lowest, highest, and a chart. `from` and `to` are its first and its last day.
pub fn history_table(series: &[Days], from: Date, to: Date) -> String {
    let width = |of: &dyn Fn(&Days) -> String| series.iter().map(|days| of(days).width()).max().unwrap_or_default();
    let (company, column) =
        (|days: &Days| printable(&days.place.row.company), |days: &Days| printable(&days.place.column.title));
    let (companies, columns) = (width(&company).clamp(7, 40), width(&column).clamp(6, 44));
    let mut text = format!(
        "{} {}    First     Last   Lowest  Highest  {from} to {to}\n",
        padded("Company", companies),
        padded("Column", columns)
    );
    for days in series {
        let values: Vec<Decimal> = days.days.iter().filter_map(|day| day.entry.value).collect();
        let shown = |value: Option<&Decimal>| value.map(|value| number(*value)).unwrap_or_default();
        let last = days.days.last().map(|day| match day.entry.value {
            Some(value) => format!("{}{}", number(value), if day.entry.good { "" } else { "?" }),
            None => "-".to_owned(),
        });
        let _ = writeln!(
            text,
            "{} {} {:>8} {:>8} {:>8} {:>8}  {}",
            padded(&company(days), companies),
            padded(&column(days), columns),
            shown(values.first()),
            last.unwrap_or_default(),
            shown(values.iter().min()),
            shown(values.iter().max()),
            chart(&days.days, from, to)
        );
    }
    text
}

/// Cut or filled up to a width.
fn padded(text: &str, width: usize) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.width() + 1 > width {
            break;
        }
        shown.push(character);
    }
    let room = width.saturating_sub(shown.width());
    shown + &" ".repeat(room)
}

/// A sign a day, or for some days the last one that is known.
fn chart(days: &[DayEntry], from: Date, to: Date) -> String {
    let length = usize::try_from((to - from).get_days()).unwrap_or_default() + 1;
    let each = length.div_ceil(CHART).max(1);
    let values = || days.iter().filter_map(|day| day.entry.value);
    let (least, most) = (values().min().unwrap_or_default(), values().max().unwrap_or_default());
    let mut signs = vec!['·'; length.div_ceil(each)];
    for day in days {
        let at = usize::try_from((day.date - from).get_days()).unwrap_or(usize::MAX) / each;
        let (Some(value), Some(sign)) = (day.entry.value, signs.get_mut(at)) else { continue };
        let span = most - least;
        let part = if span.is_zero() { Decimal::ONE } else { (value - least) / span };
        let height = (part * Decimal::from(BARS.len() - 1)).round().to_usize().unwrap_or_default();
        *sign = BARS[height.min(BARS.len() - 1)];
    }
    signs.into_iter().collect()
}

const HEADERS: [&str; 8] = ["Date", "Company", "Key", "Integration", "Metric", "Value", "State", "Implausible"];

/// A line a day.
pub fn history_csv(series: &[Days]) -> Result<Vec<u8>> {
    write(|writer| {
        line(writer, HEADERS.map(Cow::Borrowed))?;
        for Days { place, days } in series {
            for DayEntry { date, entry } in days {
                let names = [&place.row.company, &place.row.key, &place.column.integration, &place.column.metric]
                    .map(|name| guarded(name));
                let value = entry.value.map(number).unwrap_or_default();
                let implausible = if entry.good { "" } else { "yes" };
                let rest = [Cow::Owned(value), entry.state.as_str().into(), implausible.into()];
                line(writer, [Cow::Owned(date.to_string())].into_iter().chain(names).chain(rest))?;
            }
        }
        Ok(())
    })
}

#[derive(Serialize)]
struct Object<'a> {
    from: Date,
    to: Date,
    series: Vec<SeriesObject<'a>>,
}

#[derive(Serialize)]
struct SeriesObject<'a> {
    company: &'a str,
    key: &'a str,
    integration: &'a str,
    metric: &'a str,
    unit: &'a str,
    points: Vec<PointObject>,
}

#[derive(Serialize)]
struct PointObject {
    date: Date,
    state: &'static str,
    value: Option<Exact>,
    implausible: bool,
}

/// As one JSON object.
pub fn history_json(series: &[Days], from: Date, to: Date) -> Result<String> {
    let point = |day: &DayEntry| PointObject {
        date: day.date,
        state: day.entry.state.as_str(),
        value: day.entry.value.map(Exact),
        implausible: !day.entry.good,
    };
    let series = series.iter().map(|Days { place, days }| SeriesObject {
        company: &place.row.company,
        key: &place.row.key,
        integration: &place.column.integration,
        metric: &place.column.metric,
        unit: &place.column.unit,
        points: days.iter().map(point).collect(),
    });
    let text = serde_json::to_string(&Object { from, to, series: series.collect() });
    text.map(|text| text + "\n").map_err(|error| Error::internal(format!("the history cannot be written: {error}")))
}
