//! The sheet: one row a company, one column a metric, a state beside every number.

use crate::code::Code;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// The company-keyed table, sorted as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Whether the `Notes` column is shown.
    pub notes: bool,
    /// Headers of the user's own columns.
    pub carried: Vec<String>,
    /// The count columns.
    pub columns: Vec<Column>,
    /// The rows: companies by name, then unmapped orgs.
    pub rows: Vec<Row>,
    /// Control totals, one a column.
    pub totals: Vec<Totals>,
}

/// A count column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// `TITLE: METRIC`.
    pub title: String,
    /// The integration's name.
    pub integration: String,
    /// The metric's or product's label.
    pub metric: String,
    /// Whether it holds numbers or texts.
    pub kind: ColumnKind,
    /// What one of it is; empty for texts.
    pub unit: String,
    /// When the integration answered; `None` where it failed.
    pub counted_at: Option<Timestamp>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Texts.
    Text,
}

impl ColumnKind {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What stands in the first column.
    pub company: String,
    /// What stays the same from run to run: the company's name in the file, its normalised name, or `INTEGRATION:ID`.
    pub key: String,
    /// Whether it is a vendor org that maps to no company.
    pub unmapped: bool,
    /// Cells of the user's own columns.
    pub carried: Vec<String>,
    /// One cell a column.
    pub cells: Vec<Cell>,
    /// Implausible values, by column index.
    pub flags: BTreeMap<usize, Flag>,
    /// What the reader of this row must know.
    pub notes: String,
}

/// A value with its state. A number exists only as `Counted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// It was counted.
    #[serde(rename = "v")]
    Counted(Value),
    /// There is no value, and this is why.
    #[serde(rename = "b")]
    Blank(Blank),
}

/// A value that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A number.
    #[serde(rename = "n")]
    Number(Decimal),
    /// A text.
    #[serde(rename = "t")]
    Text(Box<str>),
}

/// Which rule leaves something out.
pub type Reason = &'static str;

/// Why a cell is blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blank {
    /// No listed org of that integration is this company.
    NotMapped,
    /// The company is no customer there, or does not have the counted thing.
    NotApplicable,
    /// A rule leaves it out; says which.
    LeftOut(#[serde(deserialize_with = "reason")] Reason),
    /// It could not be counted.
    Failed(Code),
}

/// A reason that a kept run holds. There are as many as there are rules, so each is kept for ever once.
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
    static REASONS: Mutex<BTreeSet<Reason>> = Mutex::new(BTreeSet::new());
    let text = String::deserialize(deserializer)?;
    if text == EXCLUDED {
        return Ok(EXCLUDED);
    }
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = reasons.get(text.as_str()) {
        return Ok(known);
    }
    let new: Reason = Box::leak(text.into_boxed_str());
    reasons.insert(new);
    Ok(new)
}

/// The rule by which the config's `exclude` leaves an org out.
pub const EXCLUDED: &str = "excluded in the config";

impl Cell {
    /// The word of the contract for the state.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Counted(_) => "counted",
            Self::Blank(Blank::NotMapped) => "not-mapped",
            Self::Blank(Blank::NotApplicable) => "not-applicable",
            Self::Blank(Blank::LeftOut(_)) => "left-out",
            Self::Blank(Blank::Failed(_)) => "failed",
        }
    }

    /// The code beside the state: why it failed, or that the config excludes it.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Blank(Blank::Failed(code)) => Some(*code),
            Self::Blank(Blank::LeftOut(EXCLUDED)) => Some(Code::Excluded),
            _ => None,
        }
    }

    /// The number, if one was counted.
    pub const fn number(&self) -> Option<Decimal> {
        match self {
            Self::Counted(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

/// The mark of an implausible value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// What is wrong with it.
    pub code: Code,
    /// The last good value.
    pub last: Decimal,
    /// When it was counted.
    pub date: jiff::civil::Date,
}

/// Control totals of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The sum of the companies' rows.
    pub counted: Decimal,
    /// The sum over orgs that map to no company.
    pub unmapped: Decimal,
    /// What rules leave out.
    pub left_out: Decimal,
    /// What the vendor itself states.
    pub vendor: Option<Decimal>,
}
