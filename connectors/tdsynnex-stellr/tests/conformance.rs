//! Stellr against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_tdsynnex_stellr as _;
use tallysheet_core::{Code, Counted, ErrorKind, Outcome};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const CEDAR: &str = "701234";
const OLD_MILL: &str = "701235";
const QUARRY: &str = "701240";
const FOXGLOVE: &str = "701241";
const TIDEWATER: &str = "701250";
const SUITE: &str = "NCE Office Suite Business (Annual)";

fn at(path: &str, page: &str, size: &str) -> Exchange {
    Exchange::get(path).query("pageNo", page).query("pageSize", size)
}

fn customers(index: usize, page: &str) -> Exchange {
    at("/api/v1/cloud/customers", page, "2").page("customers", index, "/data/records").total_at("/data/total")
}

fn subscriptions(customer: &'static str, page: &str) -> Exchange {
    at(&format!("/api/v1/customers/{customer}/subscriptions"), page, "2").scope(customer)
}

fn settings(more: &Value) -> Value {
    let mut settings = json!({
        "client_id": "app-1", "client_secret": "planted-secret", "token_url": "{{url}}/oauth2/v1/token", "page_size": 2,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

fn base(more: &Value) -> Case {
    Case {
        slug: "tdsynnex-stellr",
        settings: settings(more),
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            Exchange::post("/oauth2/v1/token")
                .token()
                .form(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", "app-1"),
                    ("client_secret", "planted-secret"),
                ])
                .reply(fixture!("token.json")),
            at("/api/v1/cloud/customers", "1", "1").check().reply(fixture!("customers-one.json")),
        ],
        account: ("app-1", None),
        errors_in_200: vec![
            (json!({ "requestId": "r", "errorMessage": "planted-body" }), Code::BadResponse),
            (json!({ "bizError": { "code": 7 }, "data": { "total": 0, "records": [] } }), Code::BadResponse),
            (json!({ "requestId": "r", "data": null }), Code::BadResponse),
        ],
        ..Case::default()
    }
}

fn case() -> Case {
    let mut case = base(&json!({}));
    case.exchanges.extend([
        customers(0, "1").reply(fixture!("customers-1.json")),
        customers(1, "2").reply(fixture!("customers-2.json")),
        customers(2, "3").reply(fixture!("customers-3.json")),
        customers(3, "4").reply(fixture!("customers-4.json")),
        subscriptions(CEDAR, "1")
            .page("cedar", 0, "/data/records")
            .total_at("/data/total")
            .counted_at("/data/records/0/quantity")
            .reply(fixture!("subscriptions-cedar-1.json")),
        subscriptions(CEDAR, "2").page("cedar", 1, "/data/records").reply(fixture!("subscriptions-cedar-2.json")),
        subscriptions(OLD_MILL, "1").total_at("/data/total").reply(fixture!("subscriptions-old-mill.json")),
        subscriptions(QUARRY, "1").reply(fixture!("subscriptions-quarry-1.json")),
        subscriptions(QUARRY, "2").reply(fixture!("subscriptions-quarry-2.json")),
        subscriptions(FOXGLOVE, "1").reply(fixture!("subscriptions-none.json")),
        subscriptions(TIDEWATER, "1").reply(fixture!("subscriptions-tidewater-1.json")),
        subscriptions(TIDEWATER, "2").reply(fixture!("subscriptions-tidewater-2.json")),
    ]);
    case.expect = vec![
        // Two lines of one contract, a quantity as text, statuses that are not told.
        Org::new(CEDAR, "Cedar Clinic")
            .domain("cedarclinic.example")
            .number(SUITE, "15")
            .number("Mailbox Archive", "2.5"),
        // Discontinued, and billed all the same.
        Org::new(OLD_MILL, "Old Mill Garden Centre").number(SUITE, "4"),
        // Another field does not stand in for a quantity that is null.
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .number(SUITE, "0.3")
            .value("Mailbox Archive", Expected::Failed(Code::MissingValue))
            .left_out(SUITE, "6")
            .left_out("Office Classic", "1"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        // A subscription id that another customer has too, and a product without a name.
        Org::new(TIDEWATER, "Tidewater Surveyors")
            .domain("tidewater.example")
            .number(SUITE, "8")
            .number("Cisco MEDR-3YR", "2")
            .left_out(SUITE, "3"),
    ];
    case
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn what_should_be_looked_at_is_told() {
    let counts = counts(case(), &TestWorld::new()).await.unwrap();
    let told = counts.notices.iter().map(|notice| (notice.company.as_deref(), notice.message.as_str()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Some("Old Mill Garden Centre"), "subscriptions of a discontinued customer count: 1"),
            (Some("Quarry Lane Legal LLP"), "suspended subscriptions do not count: 1"),
            (Some("Tidewater Surveyors"), "subscriptions with the vendorSubscriptionId of another one count too: 1"),
            (None, "subscriptions of a status that is not known count: renewing"),
        ]
    );
}

/// The shape as another region might have it, corrected by the operator, and all subscriptions in one list.
#[tokio::test]
async fn the_operator_can_correct_paths_and_fields() {
    let corrected = json!({
        "region": "custom", "scope": "read", "page_size": 3, "page_param": "p", "size_param": "n",
        "customers_path": "/v2/customers", "subscriptions_path": "/v2/subscriptions",
        "records_at": "/rows", "total_at": "/count",
        "customer_fields": { "id": ["no"], "name": ["title"], "domain": ["web"], "status": ["state"] },
        "subscription_fields": {
            "id": ["key"], "product": ["what"], "sku": ["part"], "quantity": ["many"], "status": ["state"],
            "cycle": ["every"], "vendor": ["maker"], "customer": ["owner"],
        },
    });
    let mut case = base(&corrected);
    let list = |path: &str, page: &str| Exchange::get(path).query("p", page).query("n", "3");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app-1"),
        ("client_secret", "planted-secret"),
        ("scope", "read"),
    ];
    let row = |key: &str, owner: &str, what: &str, many: Value| json!({ "key": key, "owner": owner, "what": what, "many": many });
    let customers =
        json!([{ "no": 7, "title": "Cedar Clinic", "web": "cedarclinic.example" }, { "no": "8", "title": "Quarry" }]);
    let (one, three) =
        ([row("a", "7", "Mail", json!("3")), row("b", "8", "Mail", json!(1.5))], [row("c", "9", "Vault", json!(2))]);
    let rows = |rows: &[Value]| json!({ "count": "3", "rows": rows });
    case.exchanges = vec![
        Exchange::post("/oauth2/v1/token").token().form(&form).reply(fixture!("token.json")),
        Exchange::get("/v2/customers").query("p", "1").query("n", "1").check().reply(json!({ "rows": customers })),
        list("/v2/customers", "1").reply(json!({ "count": 2, "rows": customers })).total_at("/count"),
        list("/v2/subscriptions", "1").page("subscriptions", 0, "/rows").counted_at("/rows/0/many").reply(rows(&one)),
        list("/v2/subscriptions", "2").page("subscriptions", 1, "/rows").reply(rows(&three)).total_at("/count"),
    ];
    case.errors_in_200.clear();
    case.skips = vec![("pages", "the other case has them")];
    case.expect = vec![
        Org::new("7", "Cedar Clinic").domain("cedarclinic.example").number("Mail", "3"),
        Org::new("8", "Quarry").number("Mail", "1.5"),
        Org::new("9", "(unlisted 9)").number("Vault", "2"),
    ];
    conformance(case).await;
}

/// One customer with these subscriptions.
fn holding(rows: &[Value]) -> Case {
    let mut case = base(&json!({ "page_size": 50 }));
    let cedar = json!({ "total": 1, "records": [{ "customerNo": CEDAR, "companyName": "Cedar Clinic" }] });
    let rows = rows.iter().enumerate().map(|(index, row)| {
        let mut row = row.clone();
        row["id"] = json!(index);
        row
    });
    let rows: Vec<Value> = rows.collect();
    let subscriptions = json!({ "total": rows.len(), "records": rows });
    case.exchanges.extend([
        at("/api/v1/cloud/customers", "1", "50").reply(json!({ "data": cedar })),
        at(&format!("/api/v1/customers/{CEDAR}/subscriptions"), "1", "50").reply(json!({ "data": subscriptions })),
    ]);
    case
}

#[tokio::test]
async fn a_subscription_counts_by_status_and_cycle() {
    let (ended, once) = ("ended or cancelled", "bought once, not recurring");
    let rules = [
        (json!({ "status": "Active" }), "counted"),
        (json!({ "status": "" }), "counted"),
        (json!({ "status": null }), "counted"),
        (json!({}), "counted"),
        (json!({ "status": "In renewal" }), "counted"),
        (json!({ "status": "SUSPENDED" }), "suspended"),
        (json!({ "status": "Expired" }), ended),
        (json!({ "status": "Canceled" }), ended),
        (json!({ "status": "cancelled" }), ended),
        (json!({ "status": "Inactive" }), ended),
        (json!({ "status": "discontinued" }), ended),
        (json!({ "billingFrequency": "one_time" }), once),
        (json!({ "billingCycle": "One-Time" }), once),
        (json!({ "billingFrequency": "month", "billingCycle": "one_time" }), "counted"),
        (json!({ "status": "expired", "billingFrequency": "one_time" }), ended),
    ];
    let row = |(index, (row, _)): (usize, &(Value, &str))| {
        let mut row = row.clone();
        (row["quantity"], row["name"]) = (json!(3), json!(format!("{index:02}")));
        row
    };
    let rows: Vec<Value> = rules.iter().enumerate().map(row).collect();
    let counts = counts(holding(&rows), &TestWorld::new()).await.unwrap();
    let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
    let counted = values.iter().map(|(metric, _)| (metric.label(), "counted"));
    let left_out = counts.orgs[0].left_out.iter().map(|left| (left.metric.label(), left.reason));
    let mut all: Vec<(String, &str)> = counted.chain(left_out).collect();
    all.sort_unstable();
    let verdicts = all.into_iter().map(|(_, verdict)| verdict);
    assert_eq!(verdicts.collect::<Vec<_>>(), rules.map(|(_, verdict)| verdict));
}

#[tokio::test]
async fn a_quantity_is_exact_or_missing() {
    for (row, exact) in [
        (json!({ "quantity": "0.1" }), "0.1"),
        (json!({ "quantity": 0.1 }), "0.1"),
        (json!({ "quantity": "12.50" }), "12.5"),
        (json!({ "quantity": 12 }), "12"),
        (json!({ "quantity": "9007199254740993" }), "9007199254740993"),
        (json!({ "seats": 4 }), "4"),
        (json!({ "quantity": 0.123_456_789_012_345_67 }), "missing-value"),
        (json!({ "quantity": "a dozen" }), "missing-value"),
        (json!({ "quantity": true }), "missing-value"),
        (json!({ "quantity": null, "seats": 4 }), "missing-value"),
        (json!({}), "missing-value"),
    ] {
        let told = counts(holding(std::slice::from_ref(&row)), &TestWorld::new()).await.unwrap();
        let Counted::Each(values) = &told.orgs[0].counted else { panic!("{told:?}") };
        let shown = match &values[..] {
            [(_, Outcome::Number(number))] => number.to_string(),
            [(_, Outcome::Failed(failure))] => failure.code.to_string(),
            other => panic!("{row}: {other:?}"),
        };
        assert_eq!(shown, exact, "{row}");
    }
}

#[tokio::test]
async fn a_status_that_is_no_word_is_not_taken_for_one_that_is_not_told() {
    let fields = ["status", "billingFrequency", "productName"];
    for (field, odd) in fields.into_iter().flat_map(|field| [json!(["ended"]), json!(7.5)].map(|odd| (field, odd))) {
        let row = json!({ "quantity": 3, "productName": "Guard", "status": "active", field: odd });
        let told = counts(holding(&[row]), &TestWorld::new()).await.unwrap();
        assert_eq!(told.orgs[0].failure().map(|failure| failure.code), Some(Code::BadResponse), "{field}");
    }
}

#[tokio::test]
async fn an_account_of_nothing_is_an_error_and_no_zeros() {
    let none = json!({ "requestId": "r", "data": { "total": 0, "records": [] } });
    let mut empty = base(&json!({}));
    empty.exchanges.push(customers(0, "1").reply(none));
    let zero = json!({ "quantity": 0 });
    for case in [empty, holding(&[]), holding(&[zero.clone(), zero])] {
        let error = counts(case, &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongAccount);
        assert!(error.to_string().contains("check the reseller's number"), "{error}");
    }
}

#[tokio::test]
async fn a_field_that_is_somewhere_else_is_named() {
    let with = |customer: Value| {
        let mut case = base(&json!({}));
        case.exchanges.push(customers(0, "1").reply(json!({ "data": { "total": 1, "records": [customer] } })));
        case
    };
    for (customer, key) in [
        (json!({ "customerNo": "7", "title": "Cedar" }), "customer_fields.name"),
        (json!({ "companyName": "Cedar" }), "customer_fields.id"),
        (json!("Cedar"), "records_at"),
    ] {
        let error = counts(with(customer), &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadResponse);
        assert!(error.to_string().contains(key) && !error.to_string().contains("Cedar"), "{error}");
    }
}

#[tokio::test]
async fn the_records_may_stand_elsewhere_under_data_and_the_total_be_missing() {
    let mut case = holding(&[]);
    case.exchanges.truncate(3);
    let path = format!("/api/v1/customers/{CEDAR}/subscriptions");
    let page =
        |page: &str, rows: Value| at(&path, page, "50").reply(json!({ "data": { "items": rows, "tags": ["a"] } }));
    // Shorter than asked for, and not the end.
    case.exchanges.extend([
        page("1", json!([{ "id": 1, "quantity": 2 }, { "id": 2, "quantity": 2 }])),
        page("2", json!([{ "id": 3, "quantity": 2 }])),
        page("3", json!([])),
    ]);
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
    assert_eq!(values[0].1, Outcome::Number(6.into()));
}

#[tokio::test]
async fn a_wrong_page_parameter_is_found_soon() {
    let mut case = base(&json!({}));
    let page = || json!({ "data": { "records": [{ "customerNo": 1, "name": "Cedar" }] } });
    case.exchanges.extend([customers(0, "1").reply(page()), customers(1, "2").reply(page())]);
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert!(error.to_string().contains("see `page_param`"), "{error}");
}

#[tokio::test]
async fn a_setting_that_cannot_be_meant_is_refused() {
    for (more, key) in [
        (json!({ "customers_path": "customers" }), "`customers_path`"),
        (json!({ "subscriptions_path": "/s?all=1" }), "`subscriptions_path`"),
        (json!({ "records_at": "data.records" }), "`records_at`"),
        (json!({ "page_size": 0 }), "`page_size`"),
        (json!({ "region": "custom", "token_url": null }), "`token_url`"),
        (json!({ "region": "uk" }), "region"),
        (json!({ "customer_fields": { "ident": ["x"] } }), "ident"),
    ] {
        let error = counts(base(&more), &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(key), "{error}");
    }
}
