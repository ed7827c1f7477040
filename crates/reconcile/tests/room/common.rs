//! A small sheet and a small ledger, written in a few words.

use jiff::civil::date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use tallysheet_core::billing::{Addition, Ledger, LineRef, Price, Quantity};
use tallysheet_core::model::VendorOrg;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::variance::{ProductRule, Reconciliation, Variance};
use tallysheet_core::{Code, Notice};
use tallysheet_reconcile::{Billed, compare};

pub(crate) fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A cell: a number, or `?` failed, `-` not applicable, `0?` left out, an empty one not mapped.
fn cell(text: &str) -> Cell {
    match text {
        "" => Cell::Blank(Blank::NotMapped),
        "-" => Cell::Blank(Blank::NotApplicable),
        "?" => Cell::Blank(Blank::Failed(Code::AuthFailed)),
        "0?" => Cell::Blank(Blank::LeftOut("trial")),
        number => Cell::Counted(Value::Number(number.parse().unwrap())),
    }
}

/// The first row holds the titles, the others a company and its cells. A company that begins with `!` is unmapped.
pub(crate) fn sheet(titles: &[&str], rows: &[(&str, &[&str])]) -> Sheet {
    let column = |title: &&str| {
        let (integration, metric) = title.split_once(": ").unwrap();
        Column {
            title: (*title).to_owned(),
            integration: integration.to_owned(),
            metric: metric.to_owned(),
            kind: ColumnKind::Number,
            unit: "each".to_owned(),
            counted_at: None,
        }
    };
    let row = |(company, cells): &(&str, &[&str])| Row {
        company: company.trim_start_matches('!').to_owned(),
        key: company.trim_start_matches('!').to_lowercase(),
        unmapped: company.starts_with('!'),
        carried: Vec::new(),
        cells: cells.iter().map(|text| cell(text)).collect(),
        flags: BTreeMap::new(),
        notes: String::new(),
    };
    Sheet { columns: titles.iter().map(column).collect(), rows: rows.iter().map(row).collect(), ..Sheet::default() }
}

/// A line: company, product, quantity (`?` unknown), units included, price a month (empty for none).
pub(crate) fn ledger(lines: &[(&str, &str, &str, u32, &str)]) -> Ledger {
    let addition =
        |(place, (company, product, quantity, included, price)): (usize, &(&str, &str, &str, u32, &str))| Addition {
            line: LineRef { agreement: "55".to_owned(), id: (9001 + place).to_string(), product: String::new() },
            company_id: (*company).to_owned(),
            agreement: "Managed services".to_owned(),
            product: (*product).to_owned(),
            description: String::new(),
            quantity: match *quantity {
                "?" => Quantity::Unknown("it is worked out".to_owned()),
                quantity => Quantity::Known(number(quantity)),
            },
            included: (*included).into(),
            price: (!price.is_empty()).then(|| Price {
                amount: number(price),
                currency: "USD".to_owned(),
                months: Some(1),
            }),
            from: None,
            until: None,
            next_invoice: None,
            locked: None,
        };
    let companies = lines.iter().map(|(company, ..)| VendorOrg::new(*company, *company));
    Ledger {
        companies: companies.collect(),
        additions: lines.iter().enumerate().map(addition).collect(),
        ..Ledger::default()
    }
}

pub(crate) fn rule(product: &str, columns: &[&str]) -> ProductRule {
    ProductRule {
        product: product.to_owned(),
        columns: columns.iter().map(|title| (*title).to_owned()).collect(),
        ..ProductRule::default()
    }
}

/// Each company of the ledger is the row of its name, but for those that begin with `?`.
pub(crate) fn rows(ledger: &Ledger) -> BTreeMap<String, String> {
    let known = ledger.companies.iter().filter(|org| !org.id.starts_with('?'));
    known.map(|org| (org.id.clone(), org.id.to_lowercase())).collect()
}

pub(crate) fn reconcile(sheet: &Sheet, ledger: &Ledger, rules: &[ProductRule]) -> (Reconciliation, Vec<Notice>) {
    let rows = rows(ledger);
    let billed = Billed { name: "psa", title: "PSA", on: date(2026, 11, 25), ledger, rows: &rows };
    compare(sheet, &billed, rules)
}

/// A variance in a few words: class, difference, money.
pub(crate) fn told(variance: &Variance) -> String {
    let shown = |number: Option<Decimal>| number.map_or("-".to_owned(), |number| number.normalize().to_string());
    format!("{} {} {}", variance.class.as_str(), shown(variance.difference()), shown(variance.money))
}
