//! Files that tell what is billed, and their traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::civil::{Date, date};
use serde_json::{Value, json};
use std::sync::Arc;
use tallysheet_connector_csv as _;
use tallysheet_core::billing::{Ledger, QuantityChange, Writing};
use tallysheet_core::{BillingLedger, Code, Connector, Context, Decimal, Registry, Result};
use tallysheet_testkit::TestWorld;

const TODAY: Date = date(2026, 11, 1);

fn connect(columns: &Value, text: &str) -> Connector {
    let world = TestWorld::new();
    world.put_file("billed.csv", text);
    let cx = Context {
        integration: "erp".to_owned(),
        url: None,
        max_concurrency: None,
        requests_per_minute: None,
        metrics: Vec::new(),
        exclude: Vec::new(),
        known_ids: Arc::default(),
        recorder: None,
        world: Arc::new(world),
    };
    let settings = json!({ "path": "billed.csv", "columns": columns });
    Registry::new(&["csv"]).find("csv").unwrap().connect(settings, &cx).unwrap()
}

fn ledger(text: &str) -> Arc<dyn BillingLedger> {
    connect(&json!({}), text).billing.unwrap()
}

async fn billed(columns: &Value, text: &str) -> Result<Ledger> {
    connect(columns, text).billing.unwrap().billed(TODAY).await
}

/// Each line as a text: company, product, quantity, free units, price.
fn told(ledger: &Ledger) -> Vec<String> {
    let line = |line: &tallysheet_core::billing::Addition| {
        let quantity = line.quantity.known().map_or_else(|| "?".to_owned(), |quantity| quantity.to_string());
        let price = line.price.as_ref().map_or_else(
            || "no price".to_owned(),
            |price| format!("{} {} a month", price.monthly().unwrap(), price.currency),
        );
        format!("{}: {} x {}, {} free, {price}", line.company_id, quantity, line.product, line.included)
    };
    ledger.additions.iter().map(line).collect()
}

fn companies(ledger: &Ledger) -> Vec<(&str, &str)> {
    ledger.companies.iter().map(|org| (org.id.as_str(), org.name.as_str())).collect()
}

#[tokio::test]
async fn each_row_is_a_line() {
    let text = "Company,Product,Quantity,Price,Currency,Included,Note\r\n\
                Larkspur Dental,Managed workstation,42,35.00,usd,2,since March\r\n\
                Larkspur Dental,EDR,0,6.5,USD,,\r\n\
                \"Quarry, Lane & Co\",EDR,,,,,\r\n\
                Larkspur Dental,EDR,3,6.5,,,\r\n";
    let ledger = billed(&json!({}), text).await.unwrap();
    assert_eq!(
        told(&ledger),
        [
            "Larkspur Dental: 42 x Managed workstation, 2 free, 35.00 USD a month",
            // A written zero is a zero; a blank is none, and no price is not a price of zero.
            "Larkspur Dental: 0 x EDR, 0 free, 6.5 USD a month",
            "Quarry, Lane & Co: ? x EDR, 0 free, no price",
            // Two lines of one product are two.
            "Larkspur Dental: 3 x EDR, 0 free, 6.5  a month",
        ]
    );
    let names = [("Larkspur Dental", "Larkspur Dental"), ("Quarry, Lane & Co", "Quarry, Lane & Co")];
    assert_eq!(companies(&ledger), names);
    assert!(ledger.additions.iter().all(|line| line.locked.as_deref() == Some("a file is changed by hand")));
    let mut lines: Vec<_> = ledger.additions.iter().map(|line| &line.line).collect();
    lines.dedup();
    assert_eq!(lines.len(), 4);
}

#[tokio::test]
async fn headers_may_be_the_users_own_and_companies_may_have_ids() {
    let columns =
        json!({ "company": "Customer", "id": "No", "product": "Service", "quantity": "Qty", "price": "Each" });
    let ledger = billed(&columns, "No;Customer;Service;Qty;Each\n'0042;Acme;Backup;4.5;0.1\n7;Acme;Backup;1;\n").await;
    let ledger = ledger.unwrap();
    assert_eq!(told(&ledger), ["0042: 4.5 x Backup, 0 free, 0.1  a month", "7: 1 x Backup, 0 free, no price"]);
    assert_eq!(companies(&ledger), [("0042", "Acme"), ("7", "Acme")]);
}

#[tokio::test]
async fn nothing_is_counted_from_it_and_the_log_says_so() {
    let connector = connect(&json!({}), "company,product,quantity\nAcme,Backup,4\n");
    let counts = connector.counts.unwrap().counts().await.unwrap();
    assert!(counts.orgs.is_empty());
    let told: Vec<_> = counts.notices.iter().map(|notice| notice.message.as_str()).collect();
    assert_eq!(told, ["billed.csv tells what is billed: nothing is counted from it"]);
    assert_eq!(connector.probe.check().await.unwrap().account, "billed.csv");
}

#[tokio::test]
async fn a_line_is_read_anew_and_never_written() {
    let ledger = ledger("company,product,quantity\nAcme,Backup,4\nAcme,EDR,5\n");
    assert_eq!(ledger.writing(), Writing::None);
    let line = ledger.billed(TODAY).await.unwrap().additions[1].line.clone();
    let standing = ledger.line(&line, TODAY, None).await.unwrap().unwrap();
    assert_eq!((standing.addition.product.as_str(), standing.addition.quantity.known()), ("EDR", Some(5.into())));
    let change = QuantityChange { line: line.clone(), old: 5.into(), new: Decimal::from(6), effective: None };
    assert_eq!(ledger.change(&change).await.unwrap_err().code(), Code::Unsupported);

    // What stands in that row now is another line.
    for text in ["company,product,quantity\nAcme,Backup,4\nAcme,SAT,5\n", "company,product,quantity\nAcme,Backup,4\n"] {
        assert_eq!(self::ledger(text).line(&line, TODAY, None).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_nothing_is_used() {
    let needed = "what is billed needs the columns `company`, `product` and `quantity`, and may have `price`";
    for (text, told) in [
        ("company,product,quantity\nAcme,EDR,3\nBirch,EDR,n/a\n", "billed.csv:3:3: `n/a` is no number"),
        ("company,product,quantity\nAcme,EDR,-3\n", "billed.csv:2:3: `-3` is no number"),
        ("company,product,quantity,price\nAcme,EDR,3,$5\n", "billed.csv:2:4: `$5` is no number"),
        ("company,product,quantity,included\nAcme,EDR,3,some\n", "billed.csv:2:4: `some` is no number"),
        ("company,product,quantity,currency\nAcme,EDR,3,$\n", "billed.csv:2:4: `$` is no currency"),
        ("company,product,quantity\nAcme,,3\n", "billed.csv:2:2: here is a line without its product"),
        ("company,product,quantity\n,EDR,3\n", "billed.csv:2:1: the company has no name"),
        ("company,product,quantity\nAcme,EDR,3\nACME,EDR,3\n", "billed.csv:3:1: `ACME` is spelled `Acme` in line 2"),
        ("company,product,quantity\nAcme,EDR,3\nBirch,edr,3\n", "billed.csv:3:2: `edr` is spelled `EDR` in line 2"),
        ("company,product,quantity,id\nAcme,EDR,3,1.8E+18\n", "billed.csv:2:4: `1.8E+18` is a number that a"),
        ("company,product,quantity\nAcme,EDR,1,234\n", "billed.csv:2:4: this row is longer"),
        ("company,product,quantity\n", "billed.csv:1:1: there is no row below the header"),
        ("company,product,quantity,Quantity\nAcme,EDR,1,2\n", "billed.csv:1:4: the column `quantity` stands twice"),
        ("customer,product,quantity\nAcme,EDR,1\n", "billed.csv:1:1: there is no column `company`"),
        // Counts are not what is billed.
        ("company,metric,value\nAcme,Seats,3\n", &format!("billed.csv:1:1: {needed}")),
        ("company,Seats\nAcme,3\n", &format!("billed.csv:1:1: {needed}")),
        ("company,product,Qty\nAcme,EDR,3\n", &format!("billed.csv:1:1: {needed}")),
        (
            "company,product,metric,quantity,value\nAcme,EDR,Seats,3,3\n",
            "billed.csv:1:3: this file has the columns both of counts",
        ),
    ] {
        let error = billed(&json!({}), text).await.unwrap_err();
        assert_eq!(error.code(), Code::BadResponse, "{text}");
        assert_eq!(error.to_string().lines().filter(|line| line.starts_with(told)).count(), 1, "{text}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_is_to_be_billed_is_never_taken_for_counts() {
    // With headers of the user's own, one of which is misspelled: as a wide file, `Qty` would be a metric.
    for columns in [json!({ "product": "Service" }), json!({ "quantity": "Qyt" }), json!({ "price": "Each" })] {
        let connector = connect(&columns, "company,Service,Qty\nAcme,7,3\n");
        let error = connector.counts.unwrap().counts().await.unwrap_err().to_string();
        assert!(error.contains("what is billed needs the columns"), "{columns}: {error}");
    }
}
