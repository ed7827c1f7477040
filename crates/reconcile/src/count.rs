//! What a rule makes of a row's counts. A blank that may hide a number makes the whole blank, never a part of a sum.

use crate::columns::Columns;
use rust_decimal::Decimal;
use tallysheet_core::sheet::{Blank, Cell, Row};
use tallysheet_core::variance::{Combine, ProductRule, Ratio};

/// What is counted of a product at a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    /// The company is no customer in any of the columns.
    None,
    /// It cannot be said, and why.
    Blank(Vec<String>),
    /// So many.
    Number {
        /// By the rule.
        number: Decimal,
        /// Whether one of the counts is implausible.
        doubted: bool,
        /// What the reader must know.
        notes: Vec<String>,
    },
}

/// What one column says.
enum Part {
    None,
    Blank(String),
    Number(Decimal),
}

/// Counts a product of a row.
pub(crate) fn count(rule: &ProductRule, columns: &Columns, row: &Row) -> Count {
    if !columns.unknown.is_empty() {
        return Count::Blank(columns.unknown.iter().map(|title| format!("there is no column `{title}`")).collect());
    }
    let mut notes = Vec::new();
    let combined = match rule.combine {
        Combine::Bundle => bundle(rule, columns, row, &mut notes),
        Combine::Sum | Combine::Max => {
            let parts = columns.counted.iter().flatten().map(|place| part(row, *place));
            combine(rule.combine, parts)
        }
    };
    let doubted = columns.counted.iter().flatten().any(|place| row.flags.contains_key(place));
    match combined {
        Ok(None) => Count::None,
        Ok(Some(counted)) => match by_rule(rule, counted) {
            Some(number) => {
                if number != counted {
                    notes.push(format!("{} counted; the rule makes it {}", counted.normalize(), number.normalize()));
                }
                Count::Number { number, doubted, notes }
            }
            None => Count::Blank(vec!["the count is too large for the rule".to_owned()]),
        },
        Err(why) => Count::Blank(why),
    }
}

fn part(row: &Row, place: usize) -> Part {
    match &row.cells[place] {
        Cell::Blank(Blank::NotMapped | Blank::NotApplicable) => Part::None,
        Cell::Blank(Blank::LeftOut(reason)) => Part::Blank(format!("left out: {reason}")),
        Cell::Blank(Blank::Failed(code)) => Part::Blank(format!("failed: {code}")),
        cell => cell.number().map_or_else(|| Part::Blank("no number".to_owned()), Part::Number),
    }
}

/// Sums the parts, or takes the highest. Nothing where no part has a number; the reasons where one is blank.
fn combine(how: Combine, parts: impl Iterator<Item = Part>) -> Result<Option<Decimal>, Vec<String>> {
    let (mut all, mut blanks) = (None, Vec::new());
    for part in parts {
        match part {
            Part::None => {}
            Part::Blank(why) => blanks.push(why),
            Part::Number(number) => {
                all = Some(match (how, all) {
                    (_, None) => number,
                    (Combine::Max, Some(before)) => number.max(before),
                    (_, Some(before)) => number.checked_add(before).unwrap_or(Decimal::MAX),
                });
            }
        }
    }
    blanks.dedup();
    if blanks.is_empty() { Ok(all) } else { Err(blanks) }
}

/// The first title counts; where another says something else, a note tells it.
fn bundle(
    rule: &ProductRule,
    columns: &Columns,
    row: &Row,
    notes: &mut Vec<String>,
) -> Result<Option<Decimal>, Vec<String>> {
    let of = |places: &Vec<usize>| combine(Combine::Sum, places.iter().map(|place| part(row, *place)));
    let mut each = columns.counted.iter().map(of);
    let anchor = each.next().unwrap_or(Ok(None))?;
    for (title, other) in rule.columns.iter().skip(1).zip(each) {
        match (other, anchor) {
            (Ok(other), anchor) if other == anchor => {}
            (Ok(Some(other)), _) => notes.push(format!("bundle: {title} is {}", other.normalize())),
            (Ok(None), _) => notes.push(format!("bundle: {title} has none")),
            (Err(why), _) => notes.push(format!("bundle: {title} {}", why.join(", "))),
        }
    }
    Ok(anchor)
}

/// Allowance, then ratio, then minimum. `None` where a number does not fit.
fn by_rule(rule: &ProductRule, counted: Decimal) -> Option<Decimal> {
    let mut number = counted.saturating_sub(rule.allowance).max(Decimal::ZERO);
    if let Some(Ratio { part, whole }) = rule.ratio {
        number = number.checked_mul(part)?.checked_div(whole)?.ceil();
    }
    let any = !counted.is_zero();
    Some(if any { number.max(rule.minimum) } else { number })
}
