//! Which columns are perhaps which product: by how alike the names are, and at how many companies the numbers are equal.

use crate::compare::Billed;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::sheet::{ColumnKind, Row, Sheet};
use tallysheet_core::variance::{Evidence, ProductRule, Unruled};

/// Names of such a likeness, in percent, speak for a column, whatever the numbers say.
const ALIKE: u8 = 50;
/// How many columns are told of a product.
const SHOWN: usize = 3;

/// Looks for the columns of every product that is billed and that no rule names; the most lines first.
pub(crate) fn suggest(sheet: &Sheet, billed: &Billed<'_>, rules: &[ProductRule]) -> Vec<Unruled> {
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
    let rows: HashMap<&str, &Row> = sheet.rows.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut suggested: Vec<Unruled> =
        products.into_iter().map(|(name, product)| product.suggested(name, sheet, &rows)).collect();
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
    fn suggested(&self, name: &str, sheet: &Sheet, rows: &HashMap<&str, &Row>) -> Unruled {
        let columns = sheet.columns.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Number);
        let evidence = columns.map(|(place, column)| {
            let numbers = self
                .quantities
                .iter()
                .filter_map(|(key, billed)| Some(((*billed)?, rows.get(key)?.cells[place].number()?)));
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
        Unruled { product: name.to_owned(), description: self.description.to_owned(), lines: self.lines, columns }
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
