//! The CSV connector against the conformance suite, and the traps of files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_csv as _;
use tallysheet_core::{Code, Counts, Result};
use tallysheet_testkit::{Case, Expected, Org, TestWorld, conformance, counts};

const NO_HTTP: &str = "a file is read, nothing is called";

fn case(settings: Value, text: impl Into<String>) -> Case {
    Case {
        slug: "csv",
        settings,
        files: vec![("counts.csv", text.into())],
        account: ("counts.csv", None),
        skips: [
            "pages",
            "retry",
            "refresh",
            "classified",
            "loops",
            "own_host",
            "totals",
            "missing",
            "single_flight",
            "polite",
        ]
        .map(|step| (step, NO_HTTP))
        .into_iter()
        .chain([("billed", "a file of counts bills nothing; billing.rs has files that do")])
        .collect(),
        ..Case::default()
    }
}

fn path() -> Value {
    json!({ "path": "counts.csv" })
}

#[tokio::test]
async fn a_long_file_conforms() {
    let text = "Company,Metric,Note,Value\r\n\
                Larkspur Dental,Protected servers,,4\r\n\
                Larkspur Dental,Stored TB,,2.750\r\n\
                \r\n\
                \"Quarry, Lane & Co\",Protected servers,never seen,0\r\n\
                Foxglove Bakery,Stored TB,,\r\n";
    let mut case = case(path(), text);
    case.expect = vec![
        Org::new("Larkspur Dental", "Larkspur Dental").number("Protected servers", "4").number("Stored TB", "2.75"),
        // A written zero is a zero; a blank is none.
        Org::new("Quarry, Lane & Co", "Quarry, Lane & Co").number("Protected servers", "0"),
        Org::new("Foxglove Bakery", "Foxglove Bakery").value("Stored TB", Expected::NotApplicable),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn a_wide_file_with_ids_and_own_headers_conforms() {
    let settings = json!({ "path": "counts.csv", "columns": { "company": "Customer", "id": "Customer No" } });
    let text = "Customer No;Customer;#since;Servers;TB\n'0042;Acme;March;3;0.1\n7;Acme;;;0\n";
    let mut case = case(settings, text);
    case.expect = vec![
        Org::new("0042", "Acme").number("Servers", "3").number("TB", "0.1"),
        // Two customers may have one name.
        Org::new("7", "Acme").value("Servers", Expected::NotApplicable).number("TB", "0"),
    ];
    conformance(case).await;
}

async fn read(settings: Value, text: &str) -> Result<Counts> {
    counts(case(settings, text), &TestWorld::new()).await
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_nothing_is_counted() {
    for (text, told) in [
        ("company,Seats\nAcme,3\nBirch,n/a\n", "counts.csv:3:2: `n/a` is no number"),
        ("company,Seats\nAcme,-\n", "counts.csv:2:2: `-` is no number"),
        ("company;Seats\nAcme;12,5\n", "counts.csv:2:2: `12,5` is no number"),
        ("company,Seats\nAcme,\"1,234\"\n", "counts.csv:2:2: `1,234` is no number"),
        ("company,Seats\nAcme,-4\n", "counts.csv:2:2: `-4` is no number"),
        ("company,Seats\nAcme,3\nAcme,4\n", "counts.csv:3:2: `Seats` of `Acme` stands in line 2 too"),
        (
            "company,metric,value\nAcme,Seats,3\nAcme,Seats,3\n",
            "counts.csv:3:3: `Seats` of `Acme` stands in line 2 too",
        ),
        ("company,Seats\nAcme,3\nACME,4\n", "counts.csv:3:1: `ACME` is spelled `Acme` in line 2"),
        ("company,metric,value\nAcme,Seats,3\nBirch,seats,3\n", "counts.csv:3:2: `seats` is spelled `Seats` in line 2"),
        ("company,metric,value\nAcme,,3\n", "counts.csv:2:2: here is a value without its metric"),
        ("company,Seats,SEATS\nAcme,3,4\n", "counts.csv:1:3: the metric `SEATS` stands in column 2 too"),
        ("company,id,Seats\nAcme,,3\n", "counts.csv:2:2: the company has no id"),
        ("company,id,Seats\nAcme,1.83E+18,3\n", "counts.csv:2:2: `1.83E+18` is a number that a spreadsheet"),
        ("company,id,Seats\nAcme,7,3\nBirch,7,\n", "counts.csv:3:1: the id `7` is `Acme` in line 2"),
        ("company,Seats\n,3\n", "counts.csv:2:1: the company has no name"),
        ("company,Seats\nAcme,1,234\n", "counts.csv:2:3: this row is longer"),
        ("company,Seats,\nAcme,1,2\n", "counts.csv:2:3: this column has no header"),
        ("company,Seats\nAcme,\"3\n", "counts.csv:2:2: a quote is opened"),
        ("customer,Seats\nAcme,3\n", "counts.csv:1:1: there is no column `company`"),
        ("company,company,Seats\nAcme,Acme,3\n", "counts.csv:1:2: the column `company` stands twice"),
        ("company,metric,quantity\nAcme,Seats,3\n", "counts.csv:1:2: a file has a column of metrics and one of values"),
        ("company,#note\nAcme,x\n", "counts.csv:1:1: no column holds counts"),
        ("company,Seats\n", "counts.csv:1:1: there is no row below the header"),
        ("", "counts.csv:1:1: the file is empty"),
    ] {
        let error = read(path(), text).await.unwrap_err();
        assert_eq!(error.code(), Code::BadResponse, "{text}");
        assert_eq!(error.to_string().lines().filter(|line| line.starts_with(told)).count(), 1, "{text}: {error}");
    }
}

#[tokio::test]
async fn a_column_that_the_config_names_must_be_there() {
    for key in ["company", "metric", "value", "id", "product", "quantity"] {
        let settings = json!({ "path": "counts.csv", "columns": { key: "Missing" } });
        let error = read(settings, "company,Seats\nAcme,3\n").await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("there is no column `Missing`; name the right one: columns = {{ {key} =")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    let error = counts(Case { files: Vec::new(), ..case(path(), "") }, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{error}");
}
