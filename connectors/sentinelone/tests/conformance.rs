//! SentinelOne against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_sentinelone as _;
use tallysheet_core::{Code, Level};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

const LARKSPUR: &str = "1834550912345678901";
const QUARRY: &str = "1834550912345678902";
const FOXGLOVE: &str = "1834550912345678903";
const TIDEWATER: &str = "1834550912345678910";
const NORTHGATE_DEFAULT: &str = "1834550912345678911";
const OLD_MILL: &str = "1834550912345678920";
const COPPER_BEND: &str = "1834550912345678921";
const HOLLOW_DEFAULT: &str = "1834550912345678922";

fn sweep(path: &str, limit: &str) -> Exchange {
    let call = Exchange::get(format!("/web/api/v2.1{path}")).query("limit", limit).query("states", "active,expired");
    call.query("sortBy", "id").query("sortOrder", "asc")
}

fn page(path: &'static str, rows_at: &'static str, index: usize, cursor: Option<&str>) -> Exchange {
    let call = sweep(path, "1000").page(path, index, rows_at).total_at("/pagination/totalItems");
    cursor.map_or(call.clone(), |cursor| call.query("cursor", cursor))
}

fn sites(index: usize, cursor: Option<&str>) -> Exchange {
    page("/sites", "/data/sites", index, cursor)
}

fn accounts(index: usize, cursor: Option<&str>) -> Exchange {
    page("/accounts", "/data", index, cursor)
}

fn settings(more: Value) -> Value {
    with(json!({ "api_token": "planted-token" }), more)
}

fn with(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

fn case() -> Case {
    let told = json!([{ "code": 5_000_010, "detail": "planted-body", "title": "Internal server error" }]);
    Case {
        slug: "sentinelone",
        settings: settings(json!({})),
        auth: vec![("authorization", "ApiToken planted-token")],
        exchanges: vec![
            sweep("/sites", "1").check().reply(fixture!("site-oldest.json")),
            sites(0, None)
                .reply(fixture!("sites-1.json"))
                .counted_at("/data/sites/0/activeLicenses")
                .counted_at("/data/sites/0/totalLicenses"),
            sites(1, Some("c2l0ZV9pZDoz")).reply(fixture!("sites-2.json")),
            sites(2, Some("c2l0ZV9pZDo0")).reply(fixture!("sites-3.json")),
            sites(3, Some("c2l0ZV9pZDo1")).reply(fixture!("sites-4.json")),
        ],
        account: ("Northgate IT", Some("1711110000000000001")),
        expect: vec![
            site(LARKSPUR, "Larkspur Dental Group", "38", "Complete").number("Total licenses", "40"),
            // Two bundles, and no product in the older field: one number, both names.
            site(QUARRY, "Quarry Lane Legal LLP", "14", "Control; Singularity Identity").number("Total licenses", "20"),
            site(FOXGLOVE, "Foxglove Bakery", "6", "Core").value("Total licenses", Expected::NotApplicable),
            // More in use than allotted.
            site(TIDEWATER, "Tidewater Surveyors", "27", "Complete").number("Total licenses", "25"),
            site(NORTHGATE_DEFAULT, "Default site (Northgate IT)", "0", "Complete")
                .value("Total licenses", Expected::NotApplicable)
                .not_customer(),
            left_out(OLD_MILL, "Old Mill Garden Centre", "9", "10").number("Trial licenses", "9"),
            left_out(COPPER_BEND, "Copper Bend Freight", "3", "15").value("Trial licenses", Expected::LeftOut),
            // Agents that belong to no site are invoiced all the same.
            site(HOLLOW_DEFAULT, "Default site (Hollow Brook Winery)", "2", "Core")
                .value("Total licenses", Expected::NotApplicable),
        ],
        vendor_totals: vec![("Active licenses", "99")],
        errors_in_200: vec![
            (
                json!({ "data": { "sites": [] }, "pagination": { "totalItems": 0 }, "errors": told.clone() }),
                Code::BadResponse,
            ),
            (json!({ "data": [], "pagination": { "totalItems": 0 }, "errors": told }), Code::BadResponse),
        ],
        ..Case::default()
    }
}

fn site(id: &'static str, name: &'static str, active: &'static str, sku: &'static str) -> Org {
    Org::new(id, name).number("Active licenses", active).value("SKU", Expected::Text(sku)).number("Trial licenses", "0")
}

fn left_out(id: &'static str, name: &'static str, active: &'static str, total: &'static str) -> Org {
    let labels = ["Active licenses", "SKU", "Total licenses"];
    let org = labels.into_iter().fold(Org::new(id, name), |org, label| org.value(label, Expected::LeftOut));
    org.left_out("Active licenses", active).left_out("Total licenses", total)
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

/// A site as the vendor sends it, with what is special about it.
fn row(id: &str, account: (&str, &str), active: u32, special: Value) -> Value {
    let row = json!({
        "id": id, "name": format!("Site {id}"), "accountId": account.0, "accountName": account.1, "state": "active",
        "siteType": "Paid", "isDefault": false, "activeLicenses": active, "totalLicenses": 20, "unlimitedLicenses": false,
        "sku": "Complete", "suite": "Core", "licenses": { "bundles": [{ "name": "complete", "displayName": "Complete" }] },
    });
    with(row, special)
}

const OWN: (&str, &str) = ("1711110000000000001", "Northgate IT");

/// All sites on one page, whose cursor is the word "null".
fn one_page(more: Value, rows: &[Value], expect: Vec<Org>) -> Case {
    let body = json!({ "data": { "sites": rows }, "pagination": { "nextCursor": "null", "totalItems": rows.len() } });
    Case {
        settings: settings(more),
        exchanges: vec![case().exchanges.remove(0), sites(0, None).reply(body)],
        expect,
        vendor_totals: vec![],
        skips: vec![
            ("pages", "the four pages are in the main case"),
            ("declared", "not every metric is met in a small case"),
        ],
        ..case()
    }
}

#[tokio::test]
async fn accounts_are_customers_where_the_user_says_so() {
    let account = |id: &str, name: &str, state: &str| {
        // Its own numbers are of agents and of all surfaces together: neither is used.
        json!({ "id": id, "name": name, "state": state, "activeAgents": 900, "totalLicenses": 5000 })
    };
    let accounts_page = |rows: &[Value], cursor: Option<&str>| json!({ "data": rows, "pagination": { "nextCursor": cursor, "totalItems": 5 } });
    let (hollow, closing) = (("2", "Hollow Brook Winery"), ("3", "Closing Down Crafts"));
    let rows = [
        row("11", OWN, 38, json!({ "totalLicenses": 40 })),
        row("12", OWN, 14, json!({ "licenses": { "bundles": [{ "displayName": "Control" }] } })),
        row("13", OWN, 9, json!({ "siteType": "Trial", "totalLicenses": 10 })),
        row("14", hollow, 6, json!({ "unlimitedLicenses": true, "totalLicenses": 0 })),
        row("15", hollow, 2, json!({ "isDefault": true, "name": "Default site" })),
        // What belongs to an expired account has expired.
        row("16", closing, 3, json!({ "totalLicenses": 15 })),
        row("17", ("6", "Elm Row Florist"), 4, json!({})),
    ];
    let mut case = one_page(json!({ "company_from": "account" }), &rows, vec![]);
    let pages = [
        accounts(0, None).reply(accounts_page(&[account(OWN.0, OWN.1, "active")], Some("YTox"))),
        accounts(1, Some("YTox")).reply(accounts_page(&[], Some("YToy"))),
        accounts(2, Some("YToy")).reply(accounts_page(
            &[
                account(hollow.0, hollow.1, "active"),
                account(closing.0, closing.1, "expired"),
                account("4", "Pinecrest Montessori", "active"),
                account("5", "Gone Altogether", "deleted"),
            ],
            None,
        )),
    ];
    case.exchanges.extend(pages);
    case.skips.clear();
    case.expect = vec![
        site(OWN.0, OWN.1, "52", "Complete; Control")
            .number("Total licenses", "60")
            .number("Trial licenses", "9")
            .left_out("Active licenses", "9")
            .left_out("Total licenses", "10"),
        // One site without a limit, and the sum means nothing.
        site(hollow.0, hollow.1, "8", "Complete").value("Total licenses", Expected::NotApplicable),
        left_out(closing.0, closing.1, "3", "15").value("Trial licenses", Expected::LeftOut),
        Org::new("4", "Pinecrest Montessori")
            .number("Active licenses", "0")
            .value("SKU", Expected::NotApplicable)
            .number("Total licenses", "0")
            .number("Trial licenses", "0"),
        // Of an account that is not listed.
        site("6", "Elm Row Florist", "4", "Complete").number("Total licenses", "20"),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn trial_and_expired_sites_count_where_the_user_says_so() {
    let rows = [
        row("21", OWN, 9, json!({ "siteType": "trial" })),
        row("22", OWN, 3, json!({ "state": "expired" })),
        row("23", OWN, 0, json!({ "state": "deleted" })),
    ];
    let of = |id, active, trial| {
        let name = if id == "21" { "Site 21" } else { "Site 22" };
        let org = Org::new(id, name).number("Active licenses", active).value("SKU", Expected::Text("Complete"));
        org.number("Total licenses", "20").number("Trial licenses", trial)
    };
    let both = json!({ "include_trial": true, "include_expired": true });
    let expect = vec![of("21", "9", "9"), of("22", "3", "0")];
    assert_eq!(examine(one_page(both, &rows, expect)).await, []);

    let told = counts(one_page(json!({}), &rows, vec![]), &TestWorld::new()).await.unwrap().notices;
    let [notice] = &told[..] else { panic!("one warning, for the expired site, not {told:?}") };
    assert_eq!(
        (notice.level, notice.code, notice.company.as_deref()),
        (Level::Warning, Some(Code::LeftOut), Some("Site 22"))
    );
    let mut excluded = one_page(json!({}), &rows, vec![]);
    excluded.exclude = vec!["22"];
    assert_eq!(counts(excluded, &TestWorld::new()).await.unwrap().notices, []);
}

#[tokio::test]
async fn an_empty_default_site_is_a_customer_once_the_user_says_whose() {
    let named = json!({ "isDefault": true, "name": "Copper Bend Freight" });
    let rows = [
        row("31", OWN, 0, json!({ "isDefault": true, "name": "Default Site" })),
        row("32", OWN, 0, json!({ "isDefault": true, "name": "Default site" })),
        row("33", OWN, 0, named),
    ];
    let expect = vec![
        site("31", "Default Site (Northgate IT)", "0", "Complete").number("Total licenses", "20"),
        site("32", "Default site (Northgate IT)", "0", "Complete").number("Total licenses", "20").not_customer(),
        site("33", "Copper Bend Freight", "0", "Complete").number("Total licenses", "20"),
    ];
    let mut case = one_page(json!({}), &rows, expect);
    case.known_ids = vec!["31"];
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn a_product_is_named_by_its_bundles_else_by_the_older_fields() {
    let bundles = |bundles: Value| json!({ "licenses": { "bundles": bundles } });
    let none = json!({ "licenses": { "bundles": [] }, "sku": null, "suite": null });
    let rules = [
        (bundles(json!([{ "name": "core", "displayName": "Core" }])), Expected::Text("Core")),
        (bundles(json!([{ "name": "new_thing_2031", "displayName": "" }])), Expected::Text("new_thing_2031")),
        (json!({ "licenses": null }), Expected::Text("Complete")),
        (json!({ "licenses": { "bundles": [] }, "sku": "" }), Expected::Text("Core")),
        // It has none, and it does not say.
        (none, Expected::NotApplicable),
        (json!({ "licenses": null, "sku": null, "suite": null }), Expected::Failed(Code::MissingValue)),
    ];
    for (special, expected) in rules {
        let org = Org::new("41", "Site 41").number("Active licenses", "7").value("SKU", expected);
        let org = org.number("Total licenses", "20").number("Trial licenses", "0");
        assert_eq!(examine(one_page(json!({}), &[row("41", OWN, 7, special)], vec![org])).await, []);
    }
}

#[tokio::test]
async fn there_is_no_total_where_there_is_no_limit() {
    let surface = |count: i32| json!({ "bundles": [{ "displayName": "Complete", "surfaces": [{ "name": "Total Agents", "count": count }] }] });
    let rules = [
        (json!({ "unlimitedLicenses": true, "totalLicenses": 0 }), Expected::NotApplicable),
        (json!({ "totalLicenses": -1 }), Expected::NotApplicable),
        (
            json!({ "licenses": { "bundles": [{ "displayName": "Complete", "totalSurfaces": -1 }] } }),
            Expected::NotApplicable,
        ),
        (json!({ "licenses": surface(-1) }), Expected::NotApplicable),
        (json!({ "licenses": surface(20) }), Expected::Number("20")),
        (json!({ "totalLicenses": null }), Expected::Failed(Code::MissingValue)),
    ];
    for (special, expected) in rules {
        let org = site("51", "Site 51", "7", "Complete").value("Total licenses", expected);
        assert_eq!(examine(one_page(json!({}), &[row("51", OWN, 7, special)], vec![org])).await, []);
    }
}
