//! Counted against billed, in money: what a comparison of the sheet with a PSA says.

use crate::billing::LineRef;
use crate::code::Code;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the columns of a product make one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Combine {
    /// They are summed.
    #[default]
    Sum,
    /// The highest counts.
    Max,
    /// The first counts, and all others must say the same.
    Bundle,
}

/// Which columns of the sheet make which product of the PSA: a line of `products.csv`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductRule {
    /// The product, as the PSA's catalogue or its invoices name it.
    pub product: String,
    /// Titles of columns; `*` stands for anything.
    pub columns: Vec<String>,
    /// How they make one number.
    pub combine: Combine,
    /// So many units of each company are not billed.
    pub allowance: Decimal,
    /// So many units are billed for each that is left, rounded up to whole ones.
    pub ratio: Option<Ratio>,
    /// At least so many are billed where there are any.
    pub minimum: Decimal,
    /// Titles of columns that are shown beside and not counted.
    pub beside: Vec<String>,
    /// What a unit costs a month where no line of the PSA tells it.
    pub price: Option<Decimal>,
}

/// `part` units are billed for each `whole` counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// Billed.
    pub part: Decimal,
    /// For so many counted; never zero.
    pub whole: Decimal,
}

/// What a comparison says of a company's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// As many are billed as are counted.
    Equal,
    /// Fewer are billed.
    UnderBilled,
    /// More are billed.
    OverBilled,
    /// Counted, and no line bills it.
    NotBilled,
    /// Billed, and the company has none of it anywhere.
    NotCounted,
    /// A count or a quantity is blank: there is no variance.
    NotComparable,
}

impl Class {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::UnderBilled, Self::NotBilled, Self::OverBilled, Self::NotCounted, Self::NotComparable, Self::Equal];

    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::UnderBilled => "under-billed",
            Self::OverBilled => "over-billed",
            Self::NotBilled => "not-billed",
            Self::NotCounted => "not-counted",
            Self::NotComparable => "not-comparable",
        }
    }

    /// The word for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::UnderBilled => "Under-billed",
            Self::OverBilled => "Over-billed",
            Self::NotBilled => "Counted, not billed",
            Self::NotCounted => "Billed, not counted",
            Self::NotComparable => "Not comparable",
        }
    }
}

/// Why a count that is implausible is compared and never planned.
pub const DOUBTED: &str = "the count is implausible";

/// One product of one company: counted and billed, side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variance {
    /// The row's name.
    pub company: String,
    /// The row's key.
    pub key: String,
    /// The product.
    pub product: String,
    /// What stands on the invoice; empty where no line tells it.
    pub description: String,
    /// What the rule makes of the counts; `None` where one is blank.
    pub counted: Option<Decimal>,
    /// What the lines hold together; `None` where there is no line, or one does not tell it.
    pub billed: Option<Decimal>,
    /// Units of the lines that are free of charge.
    pub included: Decimal,
    /// What one unit costs a month.
    pub price: Option<Decimal>,
    /// The currency's code; empty where nothing tells it.
    pub currency: String,
    /// By how much a month's invoice is too low; below zero where it is too high.
    pub money: Option<Decimal>,
    /// What it comes to.
    pub class: Class,
    /// What each system says, in the order of the columns: those that were counted, then those beside.
    pub figures: Vec<Figure>,
    /// The lines.
    pub lines: Vec<LineRef>,
    /// Whether a count is implausible.
    #[serde(default)]
    pub doubted: bool,
    /// Why no change of the quantity may be planned.
    pub locked: Option<String>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

impl Variance {
    /// Counted minus billed; `None` where one of both is not known.
    pub fn difference(&self) -> Option<Decimal> {
        match self.class {
            Class::NotComparable | Class::NotCounted => None,
            Class::NotBilled => self.counted,
            _ => self.counted?.checked_sub(self.billed?),
        }
    }
}

/// What one column of the sheet says of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The column's title.
    pub column: String,
    /// The number; `None` where the cell is blank.
    pub value: Option<Decimal>,
    /// The cell's state.
    pub state: String,
}

/// The comparison of a sheet with what a PSA bills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The integration that bills.
    pub ledger: String,
    /// What it is called.
    pub title: String,
    /// The day that is compared.
    pub on: Date,
    /// The most money first, then what has none, then what is equal.
    pub variances: Vec<Variance>,
    /// Products that are billed and compared with nothing, the most lines first.
    #[serde(default)]
    pub unruled: Vec<Unruled>,
    /// Titles that the products file names and that no column has.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Why there is nothing to compare with.
    pub failed: Option<Code>,
}

/// So many companies with both numbers are evidence.
const ENOUGH: usize = 3;
/// Equal at such a share of them, in percent, speaks for a column.
const MOSTLY: usize = 60;
/// Names of such a likeness, in percent, speak for it too.
const ALIKE: u8 = 50;
/// A product that is billed and that no rule names, and the columns that it perhaps is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unruled {
    /// The product.
    pub product: String,
    /// What stands on the invoice.
    pub description: String,
    /// How many lines bill it.
    pub lines: usize,
    /// The likeliest columns first.
    pub columns: Vec<Evidence>,
}

/// Why a column is perhaps a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The column's title.
    pub column: String,
    /// At how many companies both numbers are equal.
    pub equal: usize,
    /// How many companies have both.
    pub both: usize,
    /// How alike the names are, in percent.
    pub alike: u8,
}

impl Evidence {
    /// Out of a hundred: mostly the numbers, where there are enough.
    pub fn score(&self) -> usize {
        let share = (100 * self.equal).checked_div(self.both).unwrap_or_default();
        let weight = self.both.min(ENOUGH);
        (share * 2 * weight + usize::from(self.alike) * ENOUGH) / (3 * ENOUGH)
    }

    fn speaks(&self) -> bool {
        self.both >= ENOUGH && 100 * self.equal >= MOSTLY * self.both && self.alike >= ALIKE
    }
}

impl Unruled {
    /// The column that can be taken without a look: its numbers and its name speak for it, and no other's do so.
    pub fn sure(&self) -> Option<&Evidence> {
        let mut speaking = self.columns.iter().filter(|column| column.speaks());
        let first = speaking.next()?;
        speaking.next().is_none().then_some(first)
    }
}

/// How many variances are of a class, and what they come to a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassTotal {
    /// How many.
    pub count: usize,
    /// The money by currency; below zero where too much is billed.
    pub money: BTreeMap<String, Decimal>,
    /// How many of them have no price.
    pub unpriced: usize,
}

impl Reconciliation {
    /// The totals of each class.
    pub fn totals(&self) -> BTreeMap<Class, ClassTotal> {
        let mut totals: BTreeMap<Class, ClassTotal> = BTreeMap::new();
        for variance in &self.variances {
            let total = totals.entry(variance.class).or_default();
            total.count += 1;
            match variance.money {
                Some(money) => {
                    let sum = total.money.entry(variance.currency.clone()).or_default();
                    *sum = sum.saturating_add(money);
                }
                None => total.unpriced += 1,
            }
        }
        totals
    }
}
