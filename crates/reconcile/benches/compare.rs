//! A large MSP compared with what it bills: 2,000 companies, 15 products, one line in ten missing or wrong.
#![allow(missing_docs, reason = "the macro's function")]

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::hint::black_box;
use tallysheet_core::VendorOrg;
use tallysheet_core::billing::{Addition, Ledger, LineRef, Price, Quantity};
use tallysheet_core::sheet::{Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::variance::ProductRule;
use tallysheet_reconcile::{Billed, compare};

const COMPANIES: usize = 2_000;
const PRODUCTS: usize = 15;
/// Columns that belong to no product, as in a real sheet.
const COLUMNS: usize = 60;

fn sheet() -> Sheet {
    let column = |number: usize| Column {
        title: format!("Vendor {}: Metric {number}", number % 12),
        integration: format!("vendor-{}", number % 12),
        metric: format!("Metric {number}"),
        kind: ColumnKind::Number,
        unit: "each".to_owned(),
        counted_at: None,
    };
    let cells = |company: usize| {
        (0..COLUMNS)
            .map(|column| Cell::Counted(Value::Number(Decimal::from((company * 7 + column * 3) % 90))))
            .collect()
    };
    let row = |company: usize| Row {
        company: format!("Company {company}"),
        key: format!("company {company}"),
        unmapped: false,
        carried: Vec::new(),
        cells: cells(company),
        flags: BTreeMap::new(),
        notes: String::new(),
    };
    Sheet { columns: (0..COLUMNS).map(column).collect(), rows: (0..COMPANIES).map(row).collect(), ..Sheet::default() }
}

fn ledger() -> Ledger {
    let line = |(company, product): (usize, usize)| Addition {
        line: LineRef {
            agreement: company.to_string(),
            id: (company * 100 + product).to_string(),
            product: String::new(),
        },
        company_id: company.to_string(),
        agreement: "Managed services".to_owned(),
        product: format!("PRODUCT-{product}"),
        description: format!("Product number {product}"),
        quantity: Quantity::Known(Decimal::from((company * 7 + product * 3) % 90 + usize::from(company % 10 == 1))),
        included: Decimal::ZERO,
        price: Some(Price { amount: Decimal::new(1250, 2), currency: "USD".to_owned(), months: Some(1) }),
        from: None,
        until: None,
        next_invoice: None,
        locked: None,
    };
    let all = (0..COMPANIES).flat_map(|company| (0..PRODUCTS).map(move |product| (company, product)));
    Ledger {
        companies: (0..COMPANIES).map(|id| VendorOrg::new(id.to_string(), format!("Company {id}"))).collect(),
        additions: all.filter(|(company, _)| company % 10 != 0).map(line).collect(),
        ..Ledger::default()
    }
}

fn bench(criterion: &mut Criterion) {
    let (sheet, ledger) = (sheet(), ledger());
    let rows: BTreeMap<String, String> = (0..COMPANIES).map(|id| (id.to_string(), format!("company {id}"))).collect();
    let rule = |product: usize| ProductRule {
        product: format!("PRODUCT-{product}"),
        columns: vec![format!("Vendor {}: Metric {product}", product % 12)],
        beside: vec![format!("Vendor {}: *", (product + 1) % 12)],
        ..ProductRule::default()
    };
    let rules: Vec<ProductRule> = (0..PRODUCTS).map(rule).collect();
    let billed = Billed { name: "psa", title: "PSA", on: date(2026, 11, 25), ledger: &ledger, rows: &rows };
    let mut group = criterion.benchmark_group("reconcile");
    group.sample_size(10);
    group.bench_function("2,000 companies, 15 products", |bench| {
        bench.iter(|| compare(black_box(&sheet), black_box(&billed), black_box(&rules)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
