//! Which columns are perhaps which product: by how alike the names are, and at how many companies the numbers are equal.

use crate::compare::Billed;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::sheet::{ColumnKind, Sheet};
use tallysheet_core::variance::ProductRule;

/// So many companies with both numbers are evidence.
const ENOUGH: usize = 3;
/// Equal at such a share of them, in percent, speaks for a column.
const MOSTLY: usize = 70;
/// Names of such a likeness, in percent, speak for it too.
const ALIKE: u8 = 50;
/// How many columns are told of a product.
const SHOWN: usize = 3;

/// A product that no rule names, and the columns that it perhaps is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggested {
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Suggested {
    /// The column that can be taken without a look: its numbers and its name speak for it, and no other's do so.
    pub fn sure(&self) -> Option<&Evidence> {
        let mut speaking = self.columns.iter().filter(|column| column.speaks());
        let first = speaking.next()?;
        speaking.next().is_none().then_some(first)
    }
}

/// Looks for the columns of every product that is billed and that no rule names; the most lines first.
pub fn suggest(sheet: &Sheet, billed: &Billed<'_>, rules: &[ProductRule]) -> Vec<Suggested> {
    let named: BTreeSet<String> = rules.iter().map(|rule| rule.product.to_lowercase()).collect();
    let mut products: BTreeMap<&str, Product<'_>> = BTreeMap::new();
    for line in &billed.ledger.additions {
        if named.contains(&line.product.to_lowercase()) || named.contains(&line.description.to_lowercase()) {
            continue;
        }
        let product = products.entry(line.product.as_str()).or_default();
        product.lines += 1;
        if product.description.is_empty() {
            product.description = &line.description;
        }
        if let Some(key) = billed.rows.get(&line.company_id) {
            let quantity = product.quantities.entry(key.as_str()).or_insert(Some(Decimal::ZERO));
            *quantity = quantity.zip(line.quantity.known()).and_then(|(sum, more)| sum.checked_add(more));
        }
    }
    let mut suggested: Vec<Suggested> =
        products.into_iter().map(|(name, product)| product.suggested(name, sheet)).collect();
    suggested.sort_by(|a, b| (b.lines, &a.product).cmp(&(a.lines, &b.product)));
    suggested
}

#[derive(Default)]
struct Product<'a> {
    description: &'a str,
    lines: usize,
    quantities: HashMap<&'a str, Option<Decimal>>,
}

impl Product<'_> {
    fn suggested(&self, name: &str, sheet: &Sheet) -> Suggested {
        let columns = sheet.columns.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Number);
        let evidence = columns.map(|(place, column)| {
            let numbers = sheet.rows.iter().filter_map(|row| {
                let billed = (*self.quantities.get(row.key.as_str())?)?;
                Some((billed, row.cells[place].number()?))
            });
            // Zeros are equal everywhere and say nothing.
            let told: Vec<(Decimal, Decimal)> = numbers.filter(|(a, b)| !a.is_zero() || !b.is_zero()).collect();
            Evidence {
                column: column.title.clone(),
                equal: told.iter().filter(|(billed, counted)| billed == counted).count(),
                both: told.len(),
                alike: alike(name, &column.title).max(alike(self.description, &column.title)),
            }
        });
        let mut columns: Vec<Evidence> = evidence.filter(|one| one.equal > 0 || one.alike >= ALIKE).collect();
        columns.sort_by(|a, b| (b.score(), &a.column).cmp(&(a.score(), &b.column)));
        columns.truncate(SHOWN);
        Suggested { product: name.to_owned(), description: self.description.to_owned(), lines: self.lines, columns }
    }
}

/// How many of the words of the shorter name the other has too, a little forgiving, in percent.
fn alike(one: &str, other: &str) -> u8 {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|character: char| !character.is_alphanumeric());
        words
            .filter(|word| word.len() > 1 || word.chars().all(|c| c.is_ascii_digit() && c != '\0'))
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if few.is_empty() {
        return 0;
    }
    let met = few.iter().filter(|word| many.iter().any(|other| strsim::jaro_winkler(word, other) > 0.9)).count();
    u8::try_from(100 * met / few.len()).unwrap_or(100)
}
