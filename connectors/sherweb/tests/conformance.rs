//! Sherweb against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::time::Duration;
use tallysheet_connector_sherweb as _;
use tallysheet_core::{Code, Counted, Counts, ErrorKind, Level, Standing};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

const LARKSPUR: &str = "5f0c0000-0000-4000-8000-0000000000a1";
const QUARRY: &str = "5f0c0000-0000-4000-8000-0000000000a2";
const FOXGLOVE: &str = "5f0c0000-0000-4000-8000-0000000000a3";
const TIDEWATER: &str = "5f0c0000-0000-4000-8000-0000000000a4";
const LARKSPUR_WEST: &str = "5f0c0000-0000-4000-8000-0000000000a5";

const FORM: &[(&str, &str)] = &[
    ("grant_type", "client_credentials"),
    ("client_id", "app-1"),
    ("client_secret", "planted-secret"),
    ("scope", "service-provider"),
];

fn token() -> Exchange {
    Exchange::post("/auth/oidc/connect/token")
        .token()
        .header("ocp-apim-subscription-key", "planted-key")
        .form(FORM)
        .reply(fixture!("token.json"))
}

fn customers() -> Exchange {
    Exchange::get("/service-provider/v1/customers")
}

fn details(customer: &'static str) -> Exchange {
    let call = Exchange::get("/service-provider/v1/billing/subscriptions/details");
    // A 404 leads to the older list: a test of its own.
    call.query("customerId", customer).scope(customer).tolerates(404)
}

fn older(customer: &'static str) -> Exchange {
    Exchange::get("/service-provider/v1/billing/subscriptions").query("customerId", customer).scope(customer)
}

/// The settings, with `further` ones.
fn settings(further: &Value) -> Value {
    let mut settings =
        json!({ "client_id": "app-1", "client_secret": "planted-secret", "subscription_key": "planted-key" });
    settings.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap_or_default());
    settings
}

fn case() -> Case {
    Case {
        slug: "sherweb",
        settings: settings(&Value::Null),
        auth: vec![
            ("authorization", "Bearer {{token}}"),
            ("ocp-apim-subscription-key", "planted-key"),
            ("accept-language", "en"),
        ],
        exchanges: vec![
            token(),
            customers().reply(fixture!("customers.json")).counted_at("/items/0/id"),
            details(LARKSPUR)
                .reply(fixture!("larkspur.json"))
                .counted_at("/items/0/quantity")
                .counted_at("/items/3/quantity"),
            details(QUARRY).reply(fixture!("quarry-lane.json")),
            details(FOXGLOVE).reply(fixture!("foxglove.json")),
            details(TIDEWATER).reply(fixture!("tidewater.json")),
            details(LARKSPUR_WEST).reply(fixture!("larkspur-west.json")),
        ],
        account: ("app-1", None),
        expect: vec![
            // Staggered terms and two SKUs of one product; never what is scheduled or committed; one row stands twice.
            Org::new(LARKSPUR, "Larkspur Dental Group").number("Cloud Office Premium", "29").number("Mail Guard", "25"),
            // Zero is no product, and a quantity that is not told is no zero.
            Org::new(QUARRY, "Quarry Lane Legal LLP")
                .number("Cloud Office Premium", "6")
                .value("Mail Guard", Expected::Failed(Code::MissingValue))
                .number("Server Vault", "3"),
            Org::new(FOXGLOVE, "Foxglove Bakery"),
            Org::new(TIDEWATER, "Tidewater Surveyors").number("Phone Line", "9"),
            // Below a reseller, and of the same name as a customer of ours.
            Org::new(LARKSPUR_WEST, "Larkspur Dental Group").not_customer().number("Mail Guard", "30"),
        ],
        errors_in_200: vec![
            (json!({}), Code::BadResponse),
            (json!([]), Code::BadResponse),
            (json!({ "statusCode": 500, "message": "Internal server error" }), Code::BadResponse),
        ],
        skips: vec![("pages", "the vendor sends everything in one answer")],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn terms_may_be_columns_and_suspended_customers_may_stay_out() {
    let further = json!({ "split_by_term": true, "exclude_suspended": true });
    let mut case = Case { settings: settings(&further), ..case() };
    case.exchanges.remove(5);
    case.expect = vec![
        Org::new(LARKSPUR, "Larkspur Dental Group")
            .number("Cloud Office Premium (1-Year)", "27")
            .number("Cloud Office Premium (Monthly)", "2")
            .number("Mail Guard", "25"),
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .number("Cloud Office Premium (1-Year)", "6")
            .value("Mail Guard", Expected::Failed(Code::MissingValue))
            .number("Server Vault (3-Year)", "3"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        Org::new(TIDEWATER, "Tidewater Surveyors").value("*", Expected::LeftOut),
        Org::new(LARKSPUR_WEST, "Larkspur Dental Group").not_customer().number("Mail Guard", "30"),
    ];
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn who_is_excluded_is_listed_and_not_asked_for() {
    let mut case = Case { exclude: vec![TIDEWATER], ..case() };
    case.exchanges.remove(5);
    case.expect[3] = Org::new(TIDEWATER, "Tidewater Surveyors");
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn a_token_address_of_the_users_own_is_asked() {
    let settings = settings(&json!({ "token_url": "{{url}}/elsewhere/token" }));
    let mut case = Case { settings, ..case() };
    case.exchanges[0] = Exchange::post("/elsewhere/token")
        .token()
        .header("ocp-apim-subscription-key", "planted-key")
        .form(FORM)
        .reply(fixture!("token.json"));
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs.len(), 5);
}

fn gone(call: Exchange) -> Exchange {
    call.reply(fixture!("not-found.json")).status(404)
}

#[tokio::test]
async fn where_only_the_older_list_answers_it_is_asked_for_all_others() {
    let as_usual = counts(case(), &TestWorld::new()).await.unwrap();
    let mut case = case();
    // One call in vain, and no more: a second one would fail its customer.
    case.exchanges.truncate(2);
    case.exchanges.extend([
        gone(details(LARKSPUR)),
        older(LARKSPUR).reply(fixture!("larkspur.json")),
        older(QUARRY).reply(fixture!("quarry-lane.json")),
        older(FOXGLOVE).reply(fixture!("foxglove.json")),
        older(TIDEWATER).reply(fixture!("tidewater.json")),
        older(LARKSPUR_WEST).reply(fixture!("larkspur-west.json")),
    ]);
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs, as_usual.orgs);
}

#[tokio::test]
async fn a_customer_that_neither_list_knows_fails_alone() {
    let mut case = case();
    case.exchanges[2] = gone(details(LARKSPUR));
    case.exchanges.push(gone(older(LARKSPUR)).means(404, Code::NotFound));
    case.expect[0] = Org::new(LARKSPUR, "Larkspur Dental Group").value("*", Expected::Failed(Code::NotFound));
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let failed: Vec<_> = counts.orgs.iter().filter_map(|org| Some((&*org.org.id, org.failure()?.code))).collect();
    assert_eq!(failed, [(LARKSPUR, Code::NotFound)]);
}

/// What comes of customers with these paths, the first with the id `1`, each with one subscription or none told.
async fn placed(paths: &[&[&str]], known: Vec<&'static str>) -> Vec<bool> {
    const IDS: [&str; 4] = ["1", "2", "3", "4"];
    let customer = |(path, id): (&&[&str], &str)| json!({ "id": id, "displayName": format!("Org {id}"), "path": path });
    let all: Vec<Value> = paths.iter().zip(IDS).map(customer).collect();
    let mut exchanges = vec![token(), customers().reply(json!({ "items": all }))];
    exchanges.extend(IDS[..paths.len()].iter().map(|id| details(id).reply(json!({ "items": [] }))));
    let case = Case { exchanges, known_ids: known, ..case() };
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    counts.orgs.iter().map(|org| org.standing == Standing::Customer).collect()
}

#[tokio::test]
async fn whose_customer_it_is_is_told_by_its_path() {
    let ours: &[&str] = &["MSP", "Acme"];
    let theirs: &[&str] = &["MSP", "Reseller", "Acme"];
    assert_eq!(placed(&[ours, theirs], vec![]).await, [true, false]);
    assert_eq!(placed(&[ours, theirs], vec!["2"]).await, [true, true]);
    // The MSP itself in the list, no path at all, and an MSP below a distributor.
    assert_eq!(placed(&[&["MSP"], ours, theirs, &[]], vec![]).await, [true, true, false, true]);
    assert_eq!(
        placed(&[&["Top", "MSP", "Acme"], &["Top", "MSP", "Birch"], &["Top", "MSP", "Reseller", "Acme"]], vec![]).await,
        [true, true, false]
    );
}

#[tokio::test]
async fn what_needs_care_is_told() {
    let warnings = |counts: &Counts| -> Vec<String> {
        assert!(counts.notices.iter().all(|notice| notice.level == Level::Warning));
        counts.notices.iter().map(|notice| notice.message.clone()).collect()
    };
    let told = counts(case(), &TestWorld::new()).await.unwrap();
    let over = "Quarry Lane Legal LLP: the term of Cloud Office Premium is over and not renewed";
    assert_eq!(
        warnings(&told),
        [
            &format!("{over}; its seats count as long as it is listed"),
            "Tidewater Surveyors is suspended; its seats count"
        ]
    );
    let mut case = case();
    case.exchanges[4] = details(FOXGLOVE).reply(json!({ "items": null }));
    let told = counts(case, &TestWorld::new()).await.unwrap();
    assert!(warnings(&told)[1].starts_with("Foxglove Bakery has null in place"), "{told:?}");
}

#[tokio::test]
async fn a_term_is_over_after_its_last_day() {
    // It is 1 November 2026 in the test world.
    for (end, renewal, is_told) in [
        (json!("2026-10-31"), Value::Null, true),
        (json!("2026-11-01"), Value::Null, false),
        (json!("2026-10-31"), json!({ "renewalDate": "2026-11-01" }), false),
        (json!("soon"), Value::Null, false),
        (Value::Null, Value::Null, false),
    ] {
        let term = json!({ "type": "Annual", "termEndDate": end, "renewalConfiguration": renewal });
        let row = json!({ "id": "s", "productName": "Vault", "quantity": 2, "commitmentTerm": term });
        let list = json!({ "items": [{ "id": "1", "displayName": "Acme" }] });
        let exchanges = vec![token(), customers().reply(list), details("1").reply(json!({ "items": [row] }))];
        let counts = counts(Case { exchanges, ..case() }, &TestWorld::new()).await.unwrap();
        assert_eq!(counts.notices.len(), usize::from(is_told), "{end} {renewal}");
        let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
        assert_eq!(values.len(), 1);
    }
}

#[tokio::test]
async fn a_429_is_waited_out_as_the_gateway_says_or_for_three_seconds() {
    for (body, wait) in [
        (json!({ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 11 seconds." }), 11),
        (json!({ "title": "Too many requests", "detail": "Slow down. Try again in 7 seconds." }), 7),
        (json!({ "statusCode": 429 }), 3),
    ] {
        let mut case = case();
        case.exchanges.insert(1, customers().status(429).reply(body));
        let world = TestWorld::new();
        assert_eq!(counts(case, &world).await.unwrap().orgs.len(), 5);
        let slept = world.slept()[0];
        assert!((wait..wait + 1).contains(&slept.as_secs()), "{slept:?}");
    }
}

#[tokio::test]
async fn a_list_of_customers_that_is_null_is_empty() {
    let case = Case { exchanges: vec![token(), customers().reply(json!({ "items": null }))], ..case() };
    assert!(counts(case, &TestWorld::new()).await.unwrap().orgs.is_empty());
}

#[tokio::test]
async fn a_wrong_scope_or_secret_is_the_credentials_fault() {
    let refusal = token().status(400).reply(json!({ "error": "invalid_scope" }));
    let error = counts(Case { exchanges: vec![refusal], ..case() }, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("invalid_scope"), "{error}");
}

#[tokio::test]
async fn a_customer_is_asked_for_no_longer_than_patience_lasts() {
    let mut case = case();
    case.exchanges[3] = details(QUARRY).status(503);
    let world = TestWorld::new();
    let counts = counts(case, &world).await.unwrap();
    let failed: Vec<_> = counts.orgs.iter().filter_map(|org| Some((&*org.org.id, org.failure()?.code))).collect();
    assert_eq!(failed, [(QUARRY, Code::Unavailable)]);
    assert!(world.slept().iter().sum::<Duration>() < Duration::from_mins(1));
}
