//! The object of a run, key by key.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use common::{at, column, number, row, run, sample};
use serde_json::{Value, json};
use tallysheet_core::Code;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run};
use tallysheet_core::sheet::{ColumnKind, Flag, Sheet};
use tallysheet_report::{Format, log_lines, render};

fn parsed(run: &Run) -> Value {
    serde_json::from_slice(&render(run, Format::Json).unwrap()).unwrap()
}

#[test]
fn every_field_is_there_and_right() {
    let mut run = sample();
    run.sheet.rows[0].flags.insert(
        0,
        Flag { code: Code::Implausible, last: "40.10".parse().unwrap(), date: "2026-10-31".parse().unwrap() },
    );
    run.finished_at = Some(at("2026-11-25T18:01:00Z"));
    run.deliveries = vec![DeliveryOutcome {
        name: "archive".to_owned(),
        kind: "file".to_owned(),
        status: DeliveryStatus::Delivered,
        reference: Some("reports/a.csv".to_owned()),
        error: None,
    }];
    let csv = String::from_utf8(render(&run, Format::Csv).unwrap()).unwrap();
    let entry = |level, phase, integration: Option<&str>, company: Option<&str>, code: Option<&str>, message| {
        json!({ "time": "2026-11-25T18:00:02Z", "level": level, "phase": phase, "integration": integration,
                "company": company, "code": code, "message": message })
    };
    let expected = json!({
        "run": { "id": "20261125T180000Z-4f2a", "started_at": "2026-11-25T18:00:00Z",
                 "finished_at": "2026-11-25T18:01:00Z", "status": "partial" },
        "columns": [
            { "title": "Sentry: Agents", "integration": "sentry", "metric": "Agents", "kind": "number", "unit": "devices" },
            { "title": "Sentry: SKU", "integration": "sentry", "metric": "SKU", "kind": "text", "unit": "devices" },
            { "title": "Duo: Users", "integration": "duo", "metric": "Users", "kind": "number", "unit": "devices" },
        ],
        "rows": [
            { "company": "Birch Dental", "key": "birch dental", "unmapped": false,
              "values": { "Sentry: Agents": 12.5, "Sentry: SKU": "Complete; Control" },
              "states": { "Duo: Users": { "state": "failed", "code": "auth-failed" } },
              "flags": { "Sentry: Agents": { "code": "implausible", "last": 40.1, "date": "2026-10-31" } },
              "notes": "Duo failed: auth-failed" },
            { "company": "Quarry Lane Legal", "key": "quarry lane legal", "unmapped": false, "values": {},
              "states": { "Sentry: Agents": { "state": "not-mapped" }, "Sentry: SKU": { "state": "left-out" },
                          "Duo: Users": { "state": "not-applicable" } },
              "flags": {}, "notes": "" },
            { "company": "Tern Optics (unmapped, Sentry)", "key": "sentry:77", "unmapped": true,
              "values": { "Sentry: Agents": 0 },
              "states": { "Sentry: SKU": { "state": "failed", "code": "missing-value" },
                          "Duo: Users": { "state": "not-mapped" } },
              "flags": {}, "notes": "" },
        ],
        "totals": {
            "Sentry: Agents": { "counted": 12.5, "unmapped": 0, "left_out": 3, "vendor": 15.5 },
            "Duo: Users": { "counted": null, "unmapped": null, "left_out": null, "vendor": null },
        },
        "changes": null,
        "csv": csv,
        "deliveries": [
            { "name": "archive", "kind": "file", "status": "delivered", "reference": "reports/a.csv", "error": null },
        ],
        "log": { "success": true, "status_code": 3, "entries": [
            entry("info", "validate", None, None, None, "2 integrations"),
            entry("error", "collect", Some("duo"), None, Some("auth-failed"), "Duo failed: 401"),
            entry("warning", "merge", Some("sentry"), Some("Tern Optics"), Some("unmapped-org"),
                  "Tern Optics (77) maps to no company"),
        ] },
    });
    let parsed = parsed(&run);
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(&parsed[key], expected, "{key}");
    }
    assert_eq!(parsed.as_object().unwrap().len(), expected.as_object().unwrap().len());
}

#[test]
fn keys_stand_in_the_order_of_the_contract_and_columns_in_theirs() {
    let text = tallysheet_report::json(&sample()).unwrap();
    let place = |key: &str| text.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} is not in {text}"));
    let top = ["run", "columns", "rows", "totals", "csv", "deliveries", "log"].map(place);
    assert!(top.is_sorted(), "{top:?}");
    assert!(place("Sentry: Agents") < place("Sentry: SKU"));
    assert!(text.ends_with("}\n"));
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_number_keeps_every_digit() {
    let digits = "7922816251426433759354395.0335";
    let sheet = Sheet {
        columns: vec![column("Sentry", "Agents", ColumnKind::Number)],
        rows: vec![row("Acme", vec![number(digits)])],
        ..Sheet::default()
    };
    let text = tallysheet_report::json(&run(sheet)).unwrap();
    assert!(text.contains(&format!("\"values\":{{\"Sentry: Agents\":{digits}}}")), "{text}");
}

#[test]
fn a_report_made_before_delivery_says_so() {
    let parsed = parsed(&sample());
    assert_eq!(parsed["run"]["finished_at"], Value::Null);
    assert_eq!(parsed["deliveries"], json!([]));
}

#[test]
fn only_0_and_3_are_a_success() {
    let success = |status| {
        let mut run = sample();
        run.exit_status = status;
        parsed(&run)["log"]["success"].as_bool().unwrap()
    };
    assert_eq!([0, 1, 2, 3, 4].map(success), [true, false, false, true, false]);
}

#[test]
fn an_excluded_cell_says_that_it_is_the_config() {
    let mut run = sample();
    run.sheet.rows[1].cells[0] =
        tallysheet_core::sheet::Cell::Blank(tallysheet_core::sheet::Blank::LeftOut(tallysheet_core::sheet::EXCLUDED));
    let state = &parsed(&run)["rows"][1]["states"]["Sentry: Agents"];
    assert_eq!(*state, json!({ "state": "left-out", "code": "excluded" }));
}

#[test]
fn a_column_without_customers_has_a_total_of_zero_and_one_that_failed_has_none() {
    let mut sheet = Sheet {
        columns: vec![column("Sentry", "Agents", ColumnKind::Number)],
        totals: vec![tallysheet_core::sheet::Totals::default()],
        ..Sheet::default()
    };
    assert_eq!(parsed(&run(sheet.clone()))["totals"]["Sentry: Agents"]["counted"], json!(0));
    sheet.columns[0].counted_at = None;
    assert_eq!(parsed(&run(sheet))["totals"]["Sentry: Agents"]["counted"], Value::Null);
}

#[test]
fn the_log_is_one_object_a_line() {
    let lines = log_lines(&sample()).unwrap();
    let codes: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("auth-failed"), json!("unmapped-org")]);
}
