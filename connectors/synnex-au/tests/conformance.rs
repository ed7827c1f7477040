//! Synnex AU against the conformance suite, and its own traps. What the vendor answers is invented, fields and all: the
//! connector knows none of them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_synnex_au as _;
use tallysheet_core::{Code, Counts, ErrorKind, Result};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const COMPANIES: &str = "/cloud-products/v1/marketplace/customerCompany";
const ACCOUNTS: &str = "/cloud-products/v1/marketplace/cloudAccount";
const SUBSCRIPTIONS: &str = "/cloud-products/v1/marketplace/subscription/subscriptionsByAccountId";

/// Settings for fields as the fixtures have them.
fn mapped() -> Value {
    json!({
        "primary_key": "planted-key",
        "extra_headers": { "X-CUSTOMER-KEY": "{company.code}", "X-Partner": "au" },
        "paging": { "style": "page", "name": "pageNo", "first": 1, "size_name": "pageSize", "size": 2, "total_at": "/total" },
        "companies": { "items_at": "/data", "id": "companyNo", "name": "title" },
        "accounts": { "items_at": "/data", "id": "/account/key", "company": "/owner" },
        "subscriptions": {
            "items_at": "/data", "product": "/plan/label", "quantity": "seats", "unit": "uom", "status": "state",
            "active": ["Active", "renewing"],
        },
    })
}

fn paged(path: impl Into<String>, page: &str) -> Exchange {
    let call = Exchange::get(path).header("x-partner", "au").query("pageSize", "2").query("pageNo", page);
    call.total_at("/total")
}

fn subscriptions(account: &str, code: &str, company: &'static str) -> Exchange {
    paged(format!("{SUBSCRIPTIONS}/{account}"), "1").header("x-customer-key", code).scope(company)
}

fn case(settings: Value) -> Case {
    Case {
        slug: "synnex-au",
        settings,
        auth: vec![("ocp-apim-subscription-key", "planted-key")],
        account: ("127.0.0.1", None),
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    let mut case = case(mapped());
    let page = |index, page: &str| paged(COMPANIES, page).page("companies", index, "/data");
    case.exchanges = vec![
        page(0, "1").reply(fixture!("companies-1.json")),
        page(1, "2").reply(fixture!("companies-2.json")),
        page(2, "3").reply(fixture!("companies-3.json")),
        paged(ACCOUNTS, "1").reply(fixture!("accounts-1.json")),
        paged(ACCOUNTS, "2").reply(fixture!("accounts-2.json")),
        subscriptions("A%2F1", "LARK", "1001").reply(fixture!("subscriptions-1.json")).counted_at("/data/0/seats"),
        subscriptions("A2", "QUAR", "1002").reply(fixture!("subscriptions-2.json")),
        subscriptions("A3", "LARK", "1001").reply(fixture!("subscriptions-3.json")),
    ];
    case.expect = vec![
        // Two accounts; a quantity as text, a fraction, and two rows of one product.
        Org::new("1001", "Larkspur Dental")
            .number("Mail Suite [seat]", "15")
            .number("Object Storage [TB]", "2.75")
            .left_out("Mail Suite [seat]", "4"),
        // Zero is no product; what is not told is neither zero nor one, nor is it where the status is not told.
        Org::new("1002", "Quarry Lane Legal")
            .value("Backup", Expected::Failed(Code::MissingValue))
            .value("Telephony [seat]", Expected::Failed(Code::MissingValue)),
        Org::new("1003", "Foxglove Bakery"),
        Org::new("1004", "Tidewater Surveyors"),
        Org::new("1005", "Old Mill Garden Centre"),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn what_is_not_filled_in_is_named_before_anything_is_asked() {
    for (table, key) in [
        ("companies", "id"),
        ("companies", "name"),
        ("accounts", "id"),
        ("accounts", "company"),
        ("subscriptions", "id"),
        ("subscriptions", "product"),
        ("subscriptions", "quantity"),
        ("subscriptions", "status"),
    ] {
        let mut settings = mapped();
        settings[table][key] = json!("");
        let error = counts(case(settings), &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        for words in [format!("`{table}.{key}`"), "`tallysheet probe synnex-au`".to_owned()] {
            assert!(error.to_string().contains(&words), "{error}");
        }
    }
    // Where companies are the accounts there is nothing to say of accounts.
    let mut settings = mapped();
    settings["accounts_path"] = json!("");
    settings["accounts"] = json!({});
    settings["companies"]["id"] = json!("");
    let error = counts(case(settings), &TestWorld::new()).await.unwrap_err().to_string();
    assert!(error.contains("`companies.id`. ") && !error.contains("accounts."), "{error}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    for (key, value, told) in [
        ("key_header", json!("a b"), "`a b` is no name of a header"),
        ("extra_headers", json!({ "": "x" }), "`` is no name of a header"),
        ("extra_headers", json!({ "X-Key": "{company.kode}" }), "there are the placeholders"),
        ("companies_path", json!("/list?all=1"), "is no path"),
        ("subscriptions_path", json!("/of/{account.name}"), "there are the placeholders"),
        ("paging", json!({ "style": "offset", "name": "from" }), "`paging` needs"),
    ] {
        let mut settings = mapped();
        settings[key] = value;
        let error = counts(case(settings), &TestWorld::new()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(told), "{error}");
    }
}

/// One company that is its own account, without pages, and these subscriptions.
async fn one_company(subscriptions: Value, change: impl FnOnce(&mut Value)) -> Result<Counts> {
    let mut settings = json!({
        "primary_key": "planted-key", "key_header": "X-Api-Key", "key_prefix": "Key ",
        "companies_path": "/companies", "accounts_path": "", "subscriptions_path": "/of/{company.id}/list",
        "companies": { "id": "id", "name": "name" },
        "subscriptions": { "id": "id", "product": "product", "quantity": "quantity", "status": "status" },
    });
    change(&mut settings);
    let mut case = case(settings);
    case.auth = vec![("x-api-key", "Key planted-key")];
    case.exchanges = vec![
        Exchange::get("/companies").reply(json!([{ "id": 7, "name": "Larkspur Dental" }])),
        Exchange::get("/of/7/list").reply(subscriptions),
    ];
    counts(case, &TestWorld::new()).await
}

fn row(id: u32, quantity: &Value) -> Value {
    json!({ "id": id, "product": "Suite", "quantity": quantity, "status": "active" })
}

#[tokio::test]
async fn a_wrong_place_is_an_error_that_names_its_key() {
    let rows = || json!([row(1, &json!(2)), row(2, &json!(3))]);
    for (table, key, pointer, told) in [
        ("companies", "items_at", "/data", "`companies.items_at`: at `/data` stands no list"),
        ("companies", "id", "no", "`companies.id`: at `no`"),
        ("subscriptions", "items_at", "/rows", "`subscriptions.items_at`: at `/rows` stands no list"),
        ("subscriptions", "id", "no", "`subscriptions.id`: at `no`"),
        // An id that is none would swallow subscriptions.
        ("subscriptions", "id", "product", "`subscriptions.id`: two different rows have one id"),
        ("subscriptions", "product", "no", "`subscriptions.product`: at `no`"),
        ("subscriptions", "quantity", "product", "`subscriptions.quantity`: at `product` stands no number"),
    ] {
        let error = one_company(rows(), |settings| settings[table][key] = json!(pointer)).await.unwrap_err();
        assert_eq!(error.code(), Code::BadResponse, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn quantities_are_exact_and_statuses_are_told() {
    let quantities = [json!(2), json!("3.50"), json!(0.1), json!("0")];
    let mut rows: Vec<Value> = (1..).zip(&quantities).map(|(id, quantity)| row(id, quantity)).collect();
    rows.push(json!({ "id": 9, "product": "Suite", "quantity": 4, "status": "Suspended" }));
    let counts = one_company(json!(rows), |_| ()).await.unwrap();
    assert_eq!(counts.orgs[0].left_out[0].quantity, 4.into());
    assert!(format!("{:?}", counts.orgs[0].counted).contains("5.6"), "{counts:?}");
    let told: Vec<&str> = counts.notices.iter().map(|notice| notice.message.as_str()).collect();
    assert_eq!(told, ["counted at 127.0.0.1", "subscriptions by status: active 4, suspended 1"]);
}

#[tokio::test]
async fn a_list_that_looks_like_a_first_page_is_warned_of() {
    let rows: Vec<Value> = (0..25).map(|id| row(id, &json!(1))).collect();
    let counts = one_company(json!(rows), |_| ()).await.unwrap();
    let warned = counts.notices.iter().any(|notice| notice.message.starts_with("just 25 subscriptions were listed"));
    assert!(warned, "{counts:?}");
}

fn offsets(answers: &[(&str, Value)]) -> Case {
    let mut settings = mapped();
    settings["paging"] = json!({ "style": "offset", "name": "from", "size_name": "rows", "size": 3 });
    let mut case = case(settings);
    let page = |from: &str| Exchange::get(COMPANIES).header("x-partner", "au").query("rows", "3").query("from", from);
    case.exchanges = answers.iter().map(|(from, rows)| page(from).reply(json!({ "data": rows }))).collect();
    let accounts = Exchange::get(ACCOUNTS).header("x-partner", "au").query("rows", "3").query("from", "0");
    case.exchanges.push(accounts.reply(json!({ "data": [] })));
    case
}

#[tokio::test]
async fn offsets_go_on_behind_what_came_until_a_page_is_empty() {
    let company = |id: u32| json!({ "companyNo": id, "title": "Acme" });
    // The vendor caps pages below what is asked for: no row is skipped.
    let answers = [("0", json!([company(1), company(2)])), ("2", json!([company(3), company(4)])), ("4", json!([]))];
    assert_eq!(counts(offsets(&answers), &TestWorld::new()).await.unwrap().orgs.len(), 4);
    // One that does not know the parameter sends the same page again.
    let again = [("0", json!([company(1)])), ("1", json!([company(1)]))];
    let error = counts(offsets(&again), &TestWorld::new()).await.unwrap_err();
    assert!(error.to_string().contains("two pages of companies are the same"), "{error}");
}
