//! The books of a simulated vendor: what is true there, apart from how its API tells it.

use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::sheet::{Cell, Value};
use tallysheet_core::{Code, Figure};

/// What a vendor truly holds.
pub(crate) struct Books {
    /// Its fixed columns.
    pub(crate) fixed: &'static [&'static str],
    /// Its column of the companies file, one cell a company.
    pub(crate) entries: Vec<Entry>,
    /// Every org that it lists as a customer.
    pub(crate) orgs: Vec<Org>,
    /// Why it never answers.
    pub(crate) failed: Option<Code>,
    /// How many rows each of its lists has.
    pub(crate) lists: BTreeMap<&'static str, usize>,
}

impl Books {
    pub(crate) fn new(fixed: &'static [&'static str]) -> Self {
        Self { fixed, entries: Vec::new(), orgs: Vec::new(), failed: None, lists: BTreeMap::new() }
    }

    /// Notes how many rows a list has that the vendor would tell.
    pub(crate) fn list(&mut self, name: &'static str, rows: usize) {
        self.lists.insert(name, rows);
    }
}

/// A cell of the companies file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Blank,
    Ids(Vec<String>),
    Dash,
}

/// A customer as the vendor lists it.
pub(crate) struct Org {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Which company it is; `None` where no row of the companies file knows it.
    pub(crate) company: Option<usize>,
    pub(crate) counted: Counted,
}

/// What is to be counted at an org.
pub(crate) enum Counted {
    Each(BTreeMap<Column, Truth>),
    Whole(Truth),
}

/// A column of one vendor; the order is the order in the sheet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Fixed(usize, &'static str),
    Product { key: String, figure: Figure, name: String },
}

impl Column {
    pub(crate) fn product(name: &str, figure: Figure) -> Self {
        Self::Product { key: name.to_lowercase(), figure, name: name.to_owned() }
    }

    /// What stands behind the title.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Fixed(_, name) => (*name).to_owned(),
            Self::Product { figure: Figure::Quantity, name, .. } => name.clone(),
            Self::Product { figure, name, .. } => format!("{name} ({})", figure.word()),
        }
    }
}

/// The numbers of the fixed columns, in their order.
pub(crate) fn fixed(columns: &[&'static str], values: impl IntoIterator<Item = u32>) -> Counted {
    each(columns, values.into_iter().map(|value| Truth::Number(value.into())))
}

/// What the fixed columns say, in their order.
pub(crate) fn each(columns: &[&'static str], values: impl IntoIterator<Item = Truth>) -> Counted {
    let columns = columns.iter().enumerate().map(|(place, name)| Column::Fixed(place, name));
    Counted::Each(columns.zip(values).collect())
}

/// What a cell of the sheet must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// This number.
    Number(Decimal),
    /// These texts, joined by `; `.
    Text(BTreeSet<String>),
    /// Blank: no listed org is this company.
    NotMapped,
    /// Blank: no customer there, or it lacks the counted thing.
    NotApplicable,
    /// Blank: a default rule leaves it out.
    LeftOut,
    /// Blank: it could not be counted, with this code.
    Failed(Code),
}

impl Truth {
    pub(crate) fn texts(texts: &[&str]) -> Self {
        Self::Text(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    /// Whether a cell says this.
    pub fn is_told_by(&self, cell: &Cell) -> bool {
        match self {
            Self::Number(number) => cell.number() == Some(*number),
            Self::Text(texts) => {
                let joined = texts.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
                matches!(cell, Cell::Counted(Value::Text(told)) if **told == *joined)
            }
            Self::Failed(code) => cell.state() == self.state() && cell.code() == Some(*code),
            Self::NotMapped | Self::NotApplicable | Self::LeftOut => cell.state() == self.state(),
        }
    }

    /// The state's word in the contract with the users.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Number(_) | Self::Text(_) => "counted",
            Self::NotMapped => "not-mapped",
            Self::NotApplicable => "not-applicable",
            Self::LeftOut => "left-out",
            Self::Failed(_) => "failed",
        }
    }

    /// What two orgs of one company have together: failure, then value, then left out, then not applicable.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a + b),
            (Self::Text(a), Self::Text(b)) => Self::Text(a.into_iter().chain(b).collect()),
            (a, b) => {
                if a.rank() >= b.rank() {
                    a
                } else {
                    b
                }
            }
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::NotMapped => 0,
            Self::NotApplicable => 1,
            Self::LeftOut => 2,
            Self::Number(_) | Self::Text(_) => 3,
            Self::Failed(_) => 4,
        }
    }
}
