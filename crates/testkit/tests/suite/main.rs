//! The suite itself: a good connector passes, and each broken one fails at the step that is there for it.

mod acme;
#[path = "../common/mod.rs"]
mod common;

use acme::Flaw;
use common::steps_that_fail;
use serde_json::{Value, json};
use tallysheet_testkit::{Case, Company, Exchange, Expected, Org, examine};

fn case(flaw: &str) -> Case {
    Case {
        slug: "acme",
        settings: json!({ "client_id": "tally", "client_secret": "planted-secret", "flaw": flaw }),
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            Exchange::post("/token")
                .token()
                .form(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", "tally"),
                    ("client_secret", "planted-secret"),
                ])
                .reply(json!({ "access_token": "planted-token-{{n}}", "expires_in": 3600 })),
            Exchange::get("/me").check().reply(json!({ "id": 7, "name": "Northgate IT" })),
            page(0, None, &[("1", "Foxglove Bakery"), ("2", "Quarry Lane Legal")]),
            page(1, Some("b"), &[]),
            page(2, Some("c"), &[("3", "Tidewater Surveyors")]).total_at("/total"),
            licence("1", json!({ "seats": 4, "edition": "Basic" })),
            licence("2", json!({ "seats": 0, "edition": null })).counted_at("/seats"),
            licence("3", json!({ "seats": "12.50", "edition": "Pro" })),
        ],
        account: ("Northgate IT", Some("7")),
        expect: vec![
            Org::new("1", "Foxglove Bakery").number("Seats", "4").value("Edition", Expected::Text("Basic")),
            Org::new("2", "Quarry Lane Legal").number("Seats", "0").value("Edition", Expected::NotApplicable),
            Org::new("3", "Tidewater Surveyors").number("Seats", "12.5").value("Edition", Expected::Text("Pro")),
        ],
        companies: vec![
            Company::new("1", "Foxglove Bakery"),
            Company::new("2", "Quarry Lane Legal").domain("quarrylane.example").inactive(),
            Company::new("3", "Tidewater Surveyors"),
        ],
        skips: vec![("documented", "a connector made up for a test has no folder")],
        ..Case::default()
    }
}

fn page(index: usize, cursor: Option<&str>, customers: &[(&str, &str)]) -> Exchange {
    let next = ["b", "c"].get(index).map(|cursor| format!("{{{{url}}}}/customers?limit=2&after={cursor}"));
    let customer = |(id, name): &(&str, &str)| match *id {
        "2" => json!({ "id": id, "name": name, "domain": "quarrylane.example", "left": true }),
        _ => json!({ "id": id, "name": name }),
    };
    let customers: Vec<Value> = customers.iter().map(customer).collect();
    let call = Exchange::get("/customers").query("limit", "2").page("customers", index, "/customers");
    let call = cursor.map_or(call.clone(), |cursor| call.query("after", cursor));
    call.reply(json!({ "customers": customers, "next": next, "total": 3 }))
}

fn licence(id: &'static str, licence: Value) -> Exchange {
    Exchange::get(format!("/customers/{id}/licence")).scope(id).reply(licence)
}

#[tokio::test]
async fn a_good_connector_passes() {
    let failures = examine(case("none")).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn each_flaw_is_found_by_the_step_that_is_there_for_it() {
    for (flaw, step) in [
        (Flaw::AsksTwice, "happy"),
        (Flaw::ForgetsAParameter, "happy"),
        (Flaw::TakesAnswersAsTheyCome, "happy"),
        (Flaw::NamesOrgsOtherwise, "orgs"),
        (Flaw::ForgetsWhoLeft, "companies"),
        (Flaw::ListsCompaniesUpToAnError, "companies"),
        (Flaw::NeverTriesAgain, "retry"),
        (Flaw::NeverRenewsItsToken, "refresh"),
        (Flaw::TakesATokenForEachRun, "single_flight"),
        (Flaw::EndsTheListAtAnError, "classified"),
        (Flaw::DropsAnOrgThatFails, "classified"),
        (Flaw::CountsAFailedOrgAsZero, "classified"),
        (Flaw::CallsEveryFailureUnavailable, "classified"),
        (Flaw::StopsAtARepeatedPage, "loops"),
        (Flaw::FollowsAnyAddress, "own_host"),
        (Flaw::IgnoresTheTotal, "totals"),
        (Flaw::CountsMissingAsZero, "missing"),
        (Flaw::IgnoresTheLimit, "polite"),
        (Flaw::SaysItsSecret, "quiet"),
        (Flaw::EchoesTheVendor, "quiet"),
    ] {
        let flaw = serde_json::to_value(flaw).unwrap();
        let failed = steps_that_fail(case(flaw.as_str().unwrap())).await;
        assert!(failed.contains(&step), "{flaw} fails at {failed:?}, not at {step}");
    }
}

#[tokio::test]
async fn an_unexpected_request_is_told_with_what_is_different_from_the_nearest() {
    let failures = examine(case("forgets-a-parameter")).await;
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    let line = "acme, happy: no exchange expects GET /customers; nearest is exchange 3 (GET /customers?limit=2), but the \
                query lacks `limit=2`";
    assert!(told.iter().any(|told| told == line), "{told:#?}");
}

#[tokio::test]
async fn a_case_that_proves_too_little_is_refused() {
    let all = [("1", "Foxglove Bakery"), ("2", "Quarry Lane Legal"), ("3", "Tidewater Surveyors")];
    let mut one_page = case("none");
    one_page.exchanges.splice(2..5, [page(9, None, &all)]);
    assert_eq!(steps_that_fail(one_page).await, ["pages"]);

    let mut all_zero = case("none");
    for (index, org) in ["1", "2", "3"].into_iter().enumerate() {
        all_zero.exchanges[index + 5] = licence(org, json!({ "seats": 0, "edition": "Basic" }));
        let name = all[index].1;
        all_zero.expect[index] = Org::new(org, name).number("Seats", "0").value("Edition", Expected::Text("Basic"));
    }
    assert_eq!(steps_that_fail(all_zero).await, ["declared"]);

    let mut no_company = case("none");
    no_company.companies.clear();
    assert_eq!(steps_that_fail(no_company).await, ["companies"]);

    let mut never_asked = case("none");
    never_asked.exchanges.push(Exchange::get("/invoices").reply(json!([])));
    assert_eq!(steps_that_fail(never_asked).await, ["happy"]);

    let mut undocumented = case("none");
    undocumented.skips.clear();
    assert_eq!(steps_that_fail(undocumented).await, ["documented"]);
}

#[tokio::test]
async fn what_comes_out_must_be_what_the_case_expects() {
    let mut other_account = case("none");
    other_account.account = ("Northgate IT", Some("8"));
    assert_eq!(steps_that_fail(other_account).await, ["check"]);

    let mut other_number = case("none");
    other_number.expect[1] = Org::new("2", "Quarry Lane Legal").number("Seats", "1");
    let told: Vec<String> = examine(other_number).await.into_iter().map(|failure| failure.message).collect();
    assert_eq!(
        told,
        ["2: Edition is NotApplicable, expected absent", "2: Seats is Number(0), expected Number(1)"],
        "and the other steps are not run"
    );
}

#[tokio::test]
async fn a_skip_needs_a_step_and_a_reason() {
    let mut misspelt = case("none");
    misspelt.skips.push(("page", "the vendor sends one page"));
    assert_eq!(steps_that_fail(misspelt).await, ["page"]);

    let mut silent = case("none");
    silent.skips.push(("pages", ""));
    assert_eq!(steps_that_fail(silent).await, ["pages"]);
}
