//! Counted against billed: as CSV, as a table for a terminal, as an object, and the texts that summary, page and
//! workbook share.

mod json;
mod table;

pub(crate) use json::ReconciliationObject;
pub use table::{reconcile_table, reconcile_top};

use crate::sheet::{line, write};
use crate::text::{self, guarded, many, number, printable, signed};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::borrow::Cow;
use tallysheet_core::Result;
use tallysheet_core::variance::{Class, Figure, Reconciliation, Variance};

/// So many rows the page shows; the workbook has all.
const ROWS: usize = 200;

pub(crate) const HEADERS: [&str; 13] = [
    "Company",
    "Product",
    "Description",
    "Class",
    "Counted",
    "Billed",
    "Variance",
    "Included",
    "Price",
    "Money",
    "Currency",
    "Figures",
    "Notes",
];

/// The comparison as CSV, one line for each product of a company.
pub fn reconcile_csv(reconciliation: &Reconciliation) -> Result<Vec<u8>> {
    write(|writer| {
        line(writer, HEADERS.map(Cow::Borrowed))?;
        for variance in &reconciliation.variances {
            let names = [&variance.company, &variance.product, &variance.description].map(|text| guarded(text));
            let plain = |value: Option<Decimal>| Cow::Owned(value.map(number).unwrap_or_default());
            let (figures, notes) = (figures(variance), variance.notes.join("; "));
            let fields = names.into_iter().chain([variance.class.as_str().into()]);
            let fields = fields.chain(numbers(variance).map(plain));
            line(writer, fields.chain([guarded(&variance.currency), guarded(&figures), guarded(&notes)]))?;
        }
        Ok(())
    })
}

/// Counted, billed, variance, included, price and money, in the order of the headers.
pub(crate) fn numbers(variance: &Variance) -> [Option<Decimal>; 6] {
    let Variance { counted, billed, included, price, money, .. } = *variance;
    [counted, billed, variance.difference(), Some(included), price, money]
}

/// `Duo: Users = 14; Huntress: Agents = failed`.
pub(crate) fn figures(variance: &Variance) -> String {
    let text = |figure: &Figure| {
        let value = figure.value.map_or_else(|| figure.state.clone(), number);
        format!("{} = {value}", figure.column)
    };
    variance.figures.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// A comparison in figures. Never a customer's name.
pub(crate) struct Billing<'a> {
    reconciliation: &'a Reconciliation,
    /// Of the classes that there are, in the order in which they are told.
    pub(crate) totals: Vec<Total>,
}

/// How many are of a class, and what they come to a month.
pub(crate) struct Total {
    pub(crate) class: Class,
    pub(crate) count: usize,
    /// By currency, which may be empty; nothing where the class has no money.
    pub(crate) money: Vec<(String, Decimal)>,
    /// How many of them have no price.
    pub(crate) unpriced: usize,
}

impl Total {
    /// `431.50 USD, 20.00 EUR`.
    pub(crate) fn money(&self) -> String {
        let amounts = self.money.iter().map(|(currency, amount)| text::money(*amount, currency));
        amounts.collect::<Vec<_>>().join(", ")
    }

    /// `Under-billed: 12, 431.50 USD a month, 2 without a price`.
    fn line(&self) -> String {
        let mut parts = vec![format!("{}: {}", self.class.title(), self.count)];
        parts.extend((!self.money.is_empty()).then(|| format!("{} a month", self.money())));
        parts.extend((self.unpriced > 0).then(|| format!("{} without a price", self.unpriced)));
        parts.join(", ")
    }
}

impl<'a> Billing<'a> {
    pub(crate) fn of(reconciliation: &'a Reconciliation) -> Self {
        let mut by_class = reconciliation.totals();
        let total = |class: Class| {
            let total = by_class.remove(&class)?;
            // There is nothing to pay for where both are equal, and nobody knows what where they cannot be compared.
            let (money, unpriced) = match class {
                Class::Equal | Class::NotComparable => (Vec::new(), 0),
                _ => (total.money.into_iter().collect(), total.unpriced),
            };
            Some(Total { class, count: total.count, money, unpriced })
        };
        Self { reconciliation, totals: Class::ALL.into_iter().filter_map(total).collect() }
    }

    /// `Counted against billed: ConnectWise PSA, 2026-11-25`.
    pub(crate) fn headline(&self) -> String {
        format!("Counted against billed: {}, {}", self.title(), self.on())
    }

    pub(crate) fn title(&self) -> String {
        printable(&self.reconciliation.title)
    }

    pub(crate) fn on(&self) -> Date {
        self.reconciliation.on
    }

    pub(crate) fn failed(&self) -> bool {
        self.reconciliation.failed.is_some()
    }

    /// Why there are no totals; `None` where there are.
    pub(crate) fn nothing(&self) -> Option<String> {
        match self.reconciliation.failed {
            Some(code) => {
                let meaning = text::meaning(code);
                let meaning = if meaning.is_empty() { String::new() } else { format!(". {meaning}") };
                Some(format!("{} did not tell what it bills: {code}{meaning}", self.title()))
            }
            None if self.totals.is_empty() => {
                Some("Nothing that the products file names is counted or billed".to_owned())
            }
            None => None,
        }
    }

    /// What is compared with nothing: columns that the sheet lacks, and `Billed and in no line of the products file: 4 products,
    /// 37 lines`.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let Reconciliation { missing, unruled, .. } = self.reconciliation;
        let titles = missing.iter().map(|title| printable(title)).collect::<Vec<_>>().join(", ");
        let lacking =
            (!missing.is_empty()).then(|| format!("The products file names columns that the sheet lacks: {titles}"));
        let lines = unruled.iter().map(|product| product.lines).sum();
        let products = many(unruled.len(), "product", "products");
        let text =
            || format!("Billed and in no line of the products file: {products}, {}", many(lines, "line", "lines"));
        lacking.into_iter().chain((!unruled.is_empty()).then(text)).collect()
    }

    /// All of it, a line for each class.
    pub(crate) fn lines(&self) -> Vec<String> {
        let totals = self.totals.iter().map(Total::line);
        self.nothing().into_iter().chain(totals).chain(self.remarks()).collect()
    }

    /// The first rows that are not equal, with names.
    pub(crate) fn rows(&self) -> Vec<Shown> {
        self.unequal().take(ROWS).map(Shown::of).collect()
    }

    pub(crate) fn rows_more(&self) -> usize {
        self.unequal().count().saturating_sub(ROWS)
    }

    fn unequal(&self) -> impl Iterator<Item = &'a Variance> + use<'a> {
        self.reconciliation.variances.iter().filter(|variance| variance.class != Class::Equal)
    }
}

/// A row as people read it: printable texts, blank where nothing is known.
pub(crate) struct Shown {
    pub(crate) company: String,
    pub(crate) product: String,
    /// What stands on the invoice, where it is another text than the product.
    pub(crate) description: String,
    pub(crate) class: Class,
    /// With a `?` where it is hard to believe.
    pub(crate) counted: String,
    pub(crate) doubted: bool,
    pub(crate) billed: String,
    pub(crate) variance: String,
    pub(crate) money: String,
    pub(crate) notes: String,
}

impl Shown {
    fn of(variance: &Variance) -> Self {
        let plain = |value: Option<Decimal>| value.map(number).unwrap_or_default();
        let doubted = variance.doubted;
        let description = if variance.description == variance.product { "" } else { &variance.description };
        Self {
            company: printable(&variance.company),
            product: printable(&variance.product),
            description: printable(description),
            class: variance.class,
            counted: plain(variance.counted) + if doubted { "?" } else { "" },
            doubted,
            billed: plain(variance.billed),
            variance: variance.difference().map(signed).unwrap_or_default(),
            money: variance.money.map(|money| text::money(money, &variance.currency)).unwrap_or_default(),
            notes: printable(&variance.notes.join("; ")),
        }
    }
}
