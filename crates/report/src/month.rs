//! The figures of a month: one line a count, with the rule beside each number.

use crate::json::Exact;
use crate::sheet::{line, write};
use crate::text::{guarded, number};
use serde::Serialize;
use std::borrow::Cow;
use tallysheet_core::month::{Line, Report};
use tallysheet_core::{Error, Result};

pub(crate) const HEADERS: [&str; 10] =
    ["Company", "Key", "Integration", "Metric", "Unit", "Value", "Rule", "Of", "Days", "Remarks"];

/// The cells of a line, in the order of the headers.
pub(crate) fn texts(Line { place, rule, figure }: &Line) -> [String; 10] {
    let of = match figure.of {
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first} to {last}"),
        None => String::new(),
    };
    [
        place.row.company.clone(),
        place.row.key.clone(),
        place.column.integration.clone(),
        place.column.metric.clone(),
        place.column.unit.clone(),
        figure.value.map(number).unwrap_or_default(),
        rule.label(),
        of,
        figure.days.to_string(),
        figure.remarks.join("; "),
    ]
}

/// As CSV.
pub fn month_csv(report: &Report) -> Result<Vec<u8>> {
    write(|writer| {
        line(writer, HEADERS.map(Cow::Borrowed))?;
        for of in &report.lines {
            let texts = texts(of);
            // A number is no formula, also where it is negative.
            line(writer, texts.iter().enumerate().map(|(at, text)| if at == 5 { text.into() } else { guarded(text) }))?;
        }
        Ok(())
    })
}

#[derive(Serialize)]
struct Object<'a> {
    month: String,
    complete: bool,
    integrations: Vec<IntegrationObject<'a>>,
    rows: Vec<RowObject<'a>>,
}

#[derive(Serialize)]
struct IntegrationObject<'a> {
    integration: &'a str,
    rule: String,
    missing: &'a [jiff::civil::Date],
}

#[derive(Serialize)]
struct RowObject<'a> {
    company: &'a str,
    key: &'a str,
    integration: &'a str,
    metric: &'a str,
    unit: &'a str,
    value: Option<Exact>,
    rule: String,
    of: Option<[jiff::civil::Date; 2]>,
    days: usize,
    remarks: &'a [String],
}

/// As one JSON object.
pub fn month_json(report: &Report) -> Result<String> {
    let object = Object {
        month: report.month.first.strftime("%Y-%m").to_string(),
        complete: report.month.complete(),
        integrations: report
            .integrations
            .iter()
            .map(|(integration, rule, missing)| IntegrationObject { integration, rule: rule.label(), missing })
            .collect(),
        rows: report
            .lines
            .iter()
            .map(|Line { place, rule, figure }| RowObject {
                company: &place.row.company,
                key: &place.row.key,
                integration: &place.column.integration,
                metric: &place.column.metric,
                unit: &place.column.unit,
                value: figure.value.map(Exact),
                rule: rule.label(),
                of: figure.of.map(|(first, last)| [first, last]),
                days: figure.days,
                remarks: &figure.remarks,
            })
            .collect(),
    };
    let text = serde_json::to_string(&object);
    text.map(|text| text + "\n").map_err(|error| Error::internal(format!("the figures cannot be written: {error}")))
}
