//! From the rows of a file to the lines that it bills. What is wrong is told with its place.

use crate::form::{Billed, Companies, Form, Spellings};
use crate::number;
use tallysheet_core::billing::{Addition, Ledger, LineRef, Price, Quantity};
use tallysheet_core::table::{Cell, Problems, Row};
use tallysheet_core::{Decimal, VendorOrg};

/// Why nothing is written into a file.
const LOCKED: &str = "a file is changed by hand";

/// What the rows bill. What is returned may be used only where there is no problem.
pub(crate) fn read(file: &str, rows: &[Row], form: &Form, places: &Billed, problems: &mut Problems) -> Ledger {
    let (mut companies, mut products) = (Companies::default(), Spellings::default());
    let additions = rows.iter().filter_map(|row| {
        let company_id = companies.of(row, form, problems)?;
        let product = row.cell(places.product);
        if product.text.is_empty() {
            problems.add(&product, "here is a line without its product; name what is billed, or delete the row");
            return None;
        }
        products.check(&product, problems);
        let cell = |place: Option<usize>| place.map(|place| row.cell(place));
        let mut amount = |place| cell(place).and_then(|cell| read_number(&cell, problems));
        let (quantity, price) = (amount(Some(places.quantity)), amount(places.price));
        // Where nothing is said of free units there are none.
        let included = amount(places.included).unwrap_or_default();
        let currency = cell(places.currency).map(|cell| currency(&cell, problems)).unwrap_or_default();
        Some(Addition {
            line: LineRef { agreement: company_id.clone(), id: row.line.to_string(), product: product.text.clone() },
            company_id,
            agreement: file.to_owned(),
            product: product.text.clone(),
            description: String::new(),
            quantity: quantity
                .map_or_else(|| Quantity::Unknown("the file has no quantity here".to_owned()), Quantity::Known),
            included,
            price: price.map(|amount| Price { amount, currency, months: Some(1) }),
            from: None,
            until: None,
            next_invoice: None,
            locked: Some(LOCKED.to_owned()),
        })
    });
    let additions = additions.collect();
    let companies = companies.by_id.into_iter().map(|(id, (name, _))| VendorOrg::new(id, name)).collect();
    Ledger { companies, additions, ..Ledger::default() }
}

fn read_number(cell: &Cell, problems: &mut Problems) -> Option<Decimal> {
    let number = number(&cell.text);
    if number.is_none() && !cell.text.is_empty() {
        let message = format!(
            "`{}` is no number; write digits, with a point before decimals and neither a currency nor anything between \
             thousands; leave the cell empty where it is not known",
            cell.text
        );
        problems.add(cell, message);
    }
    number
}

fn currency(cell: &Cell, problems: &mut Problems) -> String {
    let is_code = cell.text.len() == 3 && cell.text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_code && !cell.text.is_empty() {
        problems.add(cell, format!("`{}` is no currency; write its code, such as `USD`", cell.text));
    }
    cell.text.to_ascii_uppercase()
}
