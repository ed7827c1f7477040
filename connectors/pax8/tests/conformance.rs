//! Pax8 against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::time::Duration;
use tallysheet_connector_pax8 as _;
use tallysheet_core::{Code, Counted, ErrorKind, Metric, Outcome};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const LARKSPUR: &str = "7d1c0a52-0000-4000-8000-0000000000a1";
const QUARRY: &str = "7d1c0a52-0000-4000-8000-0000000000a2";
const FOXGLOVE: &str = "7d1c0a52-0000-4000-8000-0000000000a3";
const TIDEWATER: &str = "7d1c0a52-0000-4000-8000-0000000000a4";
const OLD_MILL: &str = "7d1c0a52-0000-4000-8000-0000000000a5";
const GONE: &str = "7d1c0a52-0000-4000-8000-0000000000a6";
const UNLISTED: &str = "(unlisted 7d1c0a52-0000-4000-8000-0000000000a6)";
const RETIRED: &str = "91aa3c10-0000-4000-8000-0000000000b5";

fn sweep(path: &str, sort: &str, status: &str) -> Exchange {
    Exchange::get(path).query("size", "200").query("sort", sort).query("status", status).total_at("/page/totalElements")
}

fn subscriptions(status: &str) -> Exchange {
    sweep("/subscriptions", "createdDate,asc", status)
}

fn active(index: usize, page: Option<&str>) -> Exchange {
    let call = subscriptions("Active").page("active", index, "/content");
    page.map_or(call.clone(), |page| call.query("page", page))
}

fn companies(status: &str) -> Exchange {
    sweep("/companies", "name,asc", status)
}

fn gone(path: &str, id: &str) -> Exchange {
    Exchange::get(format!("{path}/{id}")).reply(fixture!("not-found.json")).status(404).tolerates(404)
}

fn case(settings: Value) -> Case {
    Case {
        slug: "pax8",
        settings,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            Exchange::post("/token")
                .token()
                .json(json!({
                    "client_id": "app-1", "client_secret": "planted-secret",
                    "audience": "https://api.pax8.com", "grant_type": "client_credentials",
                }))
                .reply(fixture!("token.json")),
            Exchange::get("/subscriptions").query("size", "1").check().reply(fixture!("subscriptions-one.json")),
            active(0, None).reply(fixture!("subscriptions-active-1.json")).counted_at("/content/0/quantity"),
            active(1, Some("1")).reply(fixture!("subscriptions-active-2.json")),
            active(2, Some("2")).reply(fixture!("subscriptions-active-3.json")),
            subscriptions("Trial").reply(fixture!("subscriptions-trial.json")).counted_at("/content/0/quantity"),
            companies("Active").reply(fixture!("companies-active.json")),
            companies("Inactive").reply(fixture!("companies-inactive.json")),
            Exchange::get(format!("/companies/{OLD_MILL}")).reply(fixture!("company-deleted.json")).tolerates(404),
            gone("/companies", GONE),
            Exchange::get("/products/91aa3c10-0000-4000-8000-0000000000b2")
                .reply(fixture!("product.json"))
                .tolerates(404),
            gone("/products", RETIRED),
        ],
        account: ("app-1", None),
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    let mut case = case(json!({ "client_id": "app-1", "client_secret": "planted-secret" }));
    case.exchanges.extend([
        subscriptions("Activated").reply(fixture!("subscriptions-activated.json")),
        subscriptions("PendingCancel").reply(fixture!("subscriptions-pending-cancel.json")),
    ]);
    case.expect = vec![
        // Two tranches, one of them a fraction, and a second id of the same name that stands in two sweeps.
        Org::new(LARKSPUR, "Larkspur Dental Group")
            .domain("larkspurdental.example")
            .number("Mailbox Suite Plus", "19.5")
            .number("Archive Vault", "7"),
        // A quantity of zero is no product, and one that is not told is no zero.
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .domain("quarrylane.example")
            .number("Mailbox Suite Plus", "6")
            .number("Phone System Seat (trial)", "5")
            .value("Archive Storage", Expected::Failed(Code::MissingValue))
            .left_out("Mailbox Suite Plus", "2")
            .left_out("Migration Project", "1"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        // Inactive, and billed all the same.
        Org::new(TIDEWATER, "Tidewater Surveyors").domain("tidewater.example").number("Phone System Seat", "9"),
        // Deleted, with a product that is retired.
        Org::new(OLD_MILL, "Old Mill Garden Centre").domain("oldmill.example").number(RETIRED, "2"),
        Org::new(GONE, UNLISTED).number("Phone System Seat (trial)", "10"),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn only_the_statuses_asked_for_count_and_terms_may_be_columns() {
    let settings = json!({
        "client_id": "app-1", "client_secret": "planted-secret", "statuses": ["active"], "split_by_term": true,
    });
    let mut case = case(settings);
    case.expect = vec![
        Org::new(LARKSPUR, "Larkspur Dental Group")
            .domain("larkspurdental.example")
            .number("Mailbox Suite Plus (Monthly)", "12")
            .number("Mailbox Suite Plus (1-Year)", "3.5")
            .number("Archive Vault (Monthly)", "7")
            // The vendor lists an activated one among the active.
            .left_out("Mailbox Suite Plus (Activation)", "4"),
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .domain("quarrylane.example")
            .number("Phone System Seat (trial)", "5")
            .value("Archive Storage (Monthly)", Expected::Failed(Code::MissingValue))
            .left_out("Migration Project (One-Time)", "1"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        Org::new(TIDEWATER, "Tidewater Surveyors")
            .domain("tidewater.example")
            .number("Phone System Seat (Monthly)", "9"),
        Org::new(OLD_MILL, "Old Mill Garden Centre")
            .domain("oldmill.example")
            .number("91aa3c10-0000-4000-8000-0000000000b5 (Monthly)", "2"),
        Org::new(GONE, UNLISTED).number("Phone System Seat (trial)", "10"),
    ];
    conformance(case).await;
}

fn with_statuses(statuses: &[&str]) -> Case {
    case(json!({ "client_id": "app-1", "client_secret": "planted-secret", "statuses": statuses }))
}

/// A status, a billing term and an end: what the subscription counts as, or why it does not.
type Rule = (&'static str, Option<&'static str>, Option<&'static str>, &'static str);

/// What the vendor answers where it lists these subscriptions, whatever their status, among the active ones.
fn listing(rules: &[Rule]) -> Case {
    let subscription = |(index, (status, term, end, _)): (usize, &Rule)| {
        json!({ "id": index, "companyId": LARKSPUR, "productId": index, "productName": format!("Rule {index}"),
            "quantity": 3, "status": status, "billingTerm": term, "endDate": end })
    };
    let rows: Vec<Value> = rules.iter().enumerate().map(subscription).collect();
    let page = |rows: &[Value]| {
        let page = json!({ "totalElements": rows.len(), "totalPages": 1, "number": 0 });
        json!({ "content": rows, "page": page })
    };
    let mut case = case(json!({ "client_id": "app-1", "client_secret": "planted-secret" }));
    case.exchanges.truncate(2);
    case.exchanges.push(subscriptions("Active").reply(page(&rows)));
    let larkspur = json!({ "id": LARKSPUR, "name": "Larkspur Dental Group" });
    case.exchanges.push(companies("Active").reply(page(&[larkspur])));
    let others = ["Activated", "PendingCancel", "Trial"].map(subscriptions);
    case.exchanges.extend(others.into_iter().chain([companies("Inactive")]).map(|list| list.reply(page(&[]))));
    case
}

async fn assert_rules(case: Case, rules: &[Rule]) {
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
    for (index, rule) in rules.iter().enumerate() {
        let of =
            |metric: &Metric| matches!(metric, Metric::Product(product, _) if product.name == format!("Rule {index}"));
        let counted = values.iter().filter(|(metric, _)| of(metric)).map(|(metric, outcome)| match metric {
            Metric::Product(_, figure) if *outcome == Outcome::Number(3.into()) => figure.word(),
            _ => panic!("{metric} is {outcome:?}"),
        });
        let left_out = counts.orgs[0].left_out.iter().filter(|left| of(&left.metric)).map(|left| left.reason);
        assert_eq!(counted.chain(left_out).collect::<Vec<_>>(), [rule.3], "{rule:?}");
    }
}

#[tokio::test]
async fn a_subscription_counts_by_status_term_and_end() {
    let uncounted = "of a status that does not count";
    let rules = [
        ("Active", Some("Monthly"), None, "quantity"),
        ("ACTIVE", None, None, "quantity"),
        ("Active", Some("3-Year"), Some("2020-12-03"), "quantity"),
        ("Activated", Some("Activation"), None, "quantity"),
        ("PendingCancel", Some("Annual"), None, "quantity"),
        ("PendingCancel", Some("Annual"), Some("2026-12-01T00:00:00.000-0600"), "quantity"),
        ("PendingCancel", Some("Annual"), Some("some day"), "quantity"),
        ("PendingCancel", Some("Annual"), Some("2026-10-31"), "cancelled and over"),
        ("PendingCancel", Some("Trial"), Some("2020-01-01"), "cancelled and over"),
        ("Active", Some("One-Time"), None, "bought once, not recurring"),
        ("Active", Some("trial"), None, "on trial"),
        ("Trial", Some("Monthly"), None, "on trial"),
        ("Cancelled", Some("Trial"), None, uncounted),
        ("Converted", Some("Monthly"), None, uncounted),
        ("PendingManual", None, None, uncounted),
        ("PendingAutomated", None, None, uncounted),
        ("PendingActivation", Some("Activation"), None, uncounted),
        ("WaitingForDetails", None, None, uncounted),
        ("Renewing", Some("Monthly"), None, uncounted),
    ];
    assert_rules(Case { unasked: vec!["trial"], ..listing(&rules) }, &rules).await;
    // Where trials are asked for, the same rows count as trials.
    let rules =
        rules.map(|(status, term, end, told)| (status, term, end, if told == "on trial" { "trial" } else { told }));
    assert_rules(listing(&rules), &rules).await;
}

#[tokio::test]
async fn a_term_is_the_commitment_else_how_it_is_billed() {
    for (row, label) in [
        (json!({ "billingTerm": "Monthly", "commitmentTerm": { "term": "1-Year" } }), "Rule 0 (1-Year)"),
        (json!({ "billingTerm": "Monthly", "commitmentTerm": { "term": null } }), "Rule 0 (Monthly)"),
        (json!({ "billingTerm": "Monthly", "commitmentTerm": null }), "Rule 0 (Monthly)"),
        (json!({}), "Rule 0"),
    ] {
        let mut case = listing(&[]);
        let mut whole = json!({ "id": 0, "companyId": LARKSPUR, "productId": 0, "productName": "Rule 0", "quantity": 3,
            "status": "Active" });
        whole.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
        let page = json!({ "totalElements": 1, "totalPages": 1, "number": 0 });
        case.exchanges[2] = subscriptions("Active").reply(json!({ "content": [whole], "page": page }));
        case.settings["split_by_term"] = json!(true);
        let counts = counts(case, &TestWorld::new()).await.unwrap();
        let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
        assert_eq!(values.iter().map(|(metric, _)| metric.label()).collect::<Vec<_>>(), [label]);
    }
}

#[tokio::test]
async fn a_status_that_does_not_exist_is_refused_and_named() {
    for (statuses, named) in [(&["Active", "Actve"][..], "`Actve`"), (&[], "`statuses` is empty")] {
        let error = counts(with_statuses(statuses), &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_429_without_a_wait_is_waited_out_for_eight_seconds() {
    let mut case = with_statuses(&["Active"]);
    case.exchanges.insert(2, active(0, None).status(429));
    let world = TestWorld::new();
    assert_eq!(counts(case, &world).await.unwrap().orgs.len(), 6);
    assert!(world.slept()[0] >= Duration::from_secs(8), "{:?}", world.slept());
}

#[tokio::test]
async fn an_empty_account_is_one_page_without_rows() {
    let empty = || json!({ "content": [], "page": { "size": 200, "totalElements": 0, "totalPages": 0, "number": 0 } });
    let mut case = with_statuses(&["Active"]);
    case.exchanges.truncate(2);
    let lists = [subscriptions("Active"), subscriptions("Trial"), companies("Active"), companies("Inactive")];
    case.exchanges.extend(lists.map(|list| list.reply(empty())));
    assert!(counts(case, &TestWorld::new()).await.unwrap().orgs.is_empty());
}
