//! The steps of billing ledgers: a good one passes, and each broken one fails at the step that is there for it.

mod books;
#[path = "../common/mod.rs"]
mod common;

use books::Flaw;
use common::steps_that_fail;
use serde_json::{Value, json};
use tallysheet_core::billing::Writing;
use tallysheet_testkit::{Case, Exchange, Ledger, Line, examine};

fn case(flaw: &str) -> Case {
    let page = |index: usize, cursor: Option<&str>, rows: Value| {
        let call = Exchange::get("/agreements").page("agreements", index, "/agreements");
        let call = cursor.map_or(call.clone(), |cursor| call.query("after", cursor));
        let next = ["b", "c"].get(index);
        call.reply(json!({ "agreements": rows, "next": next }))
    };
    let line = |id: &str, quantity: Value| json!({ "id": id, "code": "EDR", "quantity": quantity });
    Case {
        slug: "books",
        settings: json!({ "flaw": flaw }),
        exchanges: vec![
            Exchange::get("/me").check().reply(json!({ "id": 7, "name": "Northgate IT" })),
            page(0, None, json!([{ "id": 50, "company": 1 }])),
            page(1, Some("b"), json!([])),
            page(2, Some("c"), json!([{ "id": 51, "company": 1 }, { "id": 52, "company": 1 }])),
            Exchange::get("/agreements/50/lines").page("lines", 0, "").counted_at("/0/quantity").reply(json!([
                line("900", json!(4.0)),
                { "id": "901", "code": "EDR", "quantity": 9, "until": "2026-11-01" }
            ])),
            Exchange::get("/agreements/51/lines").reply(json!([line("902", json!("2.5"))])),
            Exchange::get("/agreements/52/lines").reply(json!([line("903", Value::Null)])),
            Exchange::get("/agreements/50/lines/900")
                .counted_at("/quantity")
                .tolerates(404)
                .reply(line("900", json!(4))),
            Exchange::patch("/agreements/50/lines/900")
                .json(json!({ "quantity": 6 }))
                .reply(line("900", json!(6)))
                .changes(),
        ],
        account: ("Northgate IT", Some("7")),
        ledger: Some(Ledger {
            on: "2026-11-01",
            companies: vec![("1", "Foxglove Bakery")],
            lines: vec![
                Line::new("50", "900", "").of("1", "").product("EDR", "").quantity("4"),
                Line::new("51", "902", "").of("1", "").product("EDR", "").quantity("2.5"),
                Line::new("52", "903", "").of("1", "").product("EDR", "").unknown("the PSA sent no quantity"),
            ],
            left_out: vec![("cancelled", 1)],
            notices: vec!["one agreement is odd"],
            read: Line::new("50", "900", "").of("1", "").product("EDR", "").quantity("4"),
            effective: None,
            proration: "none",
            untouched: vec![("code", "EDR")],
            new: "6",
            cannot_hold: vec!["6.5"],
            writing: Writing::Quantity,
        }),
        skips: vec![("documented", "a connector made up for a test has no folder")],
        ..Case::default()
    }
}

#[tokio::test]
async fn a_good_ledger_passes() {
    let failures = examine(case("none")).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn each_flaw_is_found_by_the_step_that_is_there_for_it() {
    for (flaw, step) in [
        (Flaw::ForgetsWhatIsLeftOut, "happy"),
        (Flaw::ForgetsANotice, "happy"),
        (Flaw::AsksTwice, "happy"),
        (Flaw::WritesElse, "happy"),
        (Flaw::WritesTwice, "happy"),
        (Flaw::TouchesMore, "happy"),
        (Flaw::BillsUpToAnError, "classified"),
        (Flaw::BillsAgreementsWithoutLines, "classified"),
        (Flaw::BillsMissingAsZero, "happy"),
        (Flaw::BillsWhatItUnderstands, "shapes"),
        (Flaw::MissesTheGone, "gone"),
        (Flaw::WritesAgain, "once"),
        (Flaw::CallsRefusalsUnclear, "written"),
        (Flaw::TrustsSilence, "written"),
        (Flaw::WritesWhatCannotBeHeld, "written"),
        (Flaw::SaysItTakesNone, "declared"),
    ] {
        let flaw = serde_json::to_value(flaw).unwrap();
        let failed = steps_that_fail(case(flaw.as_str().unwrap())).await;
        assert!(failed.contains(&step), "{flaw} fails at {failed:?}, not at {step}");
    }
}

#[tokio::test]
async fn a_zero_for_a_missing_quantity_is_found_without_a_line_that_shows_it() {
    let mut case = case("bills-missing-as-zero");
    case.exchanges[6] = case.exchanges[6].clone().reply(json!([]));
    case.ledger.as_mut().unwrap().lines.pop();
    assert_eq!(steps_that_fail(case).await, ["missing"]);
}

#[tokio::test]
async fn a_ledger_case_that_proves_too_little_is_refused() {
    let mut silent = case("none");
    silent.ledger = None;
    silent.exchanges.truncate(1);
    assert_eq!(steps_that_fail(silent).await, ["billed"]);

    let mut one_page = case("none");
    let only = json!({ "agreements": [{ "id": 50, "company": 1 }], "next": null });
    one_page.exchanges[1] = Exchange::get("/agreements").page("agreements", 0, "/agreements").reply(only);
    // Neither the other pages nor the lines of their agreements.
    one_page.exchanges.drain(5..7);
    one_page.exchanges.drain(2..4);
    one_page.ledger.as_mut().unwrap().lines.truncate(1);
    assert_eq!(steps_that_fail(one_page).await, ["pages"]);

    let mut uncounted = case("none");
    uncounted.exchanges[4] = Exchange::get("/agreements/50/lines")
        .reply(json!([{ "id": 900, "code": "EDR", "quantity": 4 },
        { "id": 901, "code": "EDR", "quantity": 9, "until": "2026-11-01" }]));
    assert_eq!(steps_that_fail(uncounted).await, ["billed"]);
}
