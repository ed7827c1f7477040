//! Cork against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_cork as _;
use tallysheet_core::{Code, Level, Notice};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

const FJORD: &str = "c1a00000-0000-4000-8000-000000000001";
const LARKSPUR: &str = "c1a00000-0000-4000-8000-000000000002";
const QUARRY: &str = "c1a00000-0000-4000-8000-000000000003";
const FOXGLOVE: &str = "c1a00000-0000-4000-8000-000000000004";
const TIDEWATER: &str = "c1a00000-0000-4000-8000-000000000005";

fn list(path: &'static str, index: usize) -> Exchange {
    let call = Exchange::get(path).query("page", &(index + 1).to_string()).query("page_size", "100");
    call.page(path, index, "/items").total_at("/pagination/total_items")
}

fn clients(index: usize) -> Exchange {
    list("/clients", index).query("show_hidden", "false")
}

/// The first page of clients, which tells no paging.
fn unpaged() -> Exchange {
    Exchange::get("/clients").query("page", "1").query("page_size", "100").query("show_hidden", "false")
}

/// The first page of a client's list, of one row.
fn of(client: &'static str, what: &str) -> Exchange {
    let call = Exchange::get(format!("/clients/{client}/{what}")).query("page", "1").query("page_size", "1");
    call.scope(client).counted_at("/pagination/total_items")
}

/// So many rows, one of them shown.
fn total(number: u32) -> Value {
    let row = json!({ "uuid": "de000000-0000-4000-8000-000000000009" });
    json!({ "items": [row], "pagination": { "page": 1, "page_size": 1, "total_items": number, "total_pages": number } })
}

fn case() -> Case {
    Case {
        slug: "cork",
        settings: json!({ "api_key": "planted-key" }),
        auth: vec![("authorization", "Bearer planted-key")],
        exchanges: vec![
            Exchange::get("/me").check().reply(fixture!("me.json")),
            clients(0).reply(fixture!("clients-1.json")),
            clients(1).reply(fixture!("clients-2.json")),
            clients(2).reply(fixture!("clients-3.json")),
            list("/warranties", 0).reply(fixture!("warranties-1.json")),
            list("/warranties", 1).reply(fixture!("warranties-2.json")),
            of(FJORD, "devices").reply(total(14)),
            of(FJORD, "inboxes").reply(total(20)),
            of(LARKSPUR, "devices").reply(fixture!("devices.json")),
            of(LARKSPUR, "inboxes").reply(fixture!("inboxes.json")),
            of(QUARRY, "devices").reply(fixture!("none.json")).total_at("/pagination/total_items"),
            of(QUARRY, "inboxes").reply(total(1)),
            of(FOXGLOVE, "devices").reply(total(6)),
            of(FOXGLOVE, "inboxes").reply(fixture!("none.json")).total_at("/pagination/total_items"),
            of(TIDEWATER, "devices").reply(total(250)),
            of(TIDEWATER, "inboxes").reply(total(101)),
        ],
        account: ("Northgate IT", None),
        expect: vec![
            // Counted although it is not warranted: the status stands beside.
            client(FJORD, "Fjord Legal LLP", ["14", "20"], "unwarranted", None),
            // Of two active packages the newer, not the one that is over.
            client(LARKSPUR, "Larkspur Dental Group", ["31", "44"], "warranted", Some("Premium 250")),
            client(QUARRY, "Quarry Lane Insurance", ["0", "1"], "active", None),
            client(FOXGLOVE, "Foxglove Bakery", ["6", "0"], "warranted", Some("Essentials 100")),
            client(TIDEWATER, "Tidewater Surveyors", ["250", "101"], "unwarranted", None),
        ],
        ..Case::default()
    }
}

fn client(
    id: &'static str,
    name: &'static str,
    [devices, users]: [&'static str; 2],
    status: &'static str,
    package: Option<&'static str>,
) -> Org {
    let org = Org::new(id, name).number("Devices", devices).number("Users", users);
    org.value("Warranty status", Expected::Text(status))
        .value("Package", package.map_or(Expected::NotApplicable, Expected::Text))
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

/// One client with a status, and what its lists say.
fn asked(status: &Value) -> Case {
    let row = json!({ "uuid": FJORD, "name": "Fjord Legal LLP", "warranty_status": status });
    let page =
        json!({ "items": [row], "pagination": { "page": 1, "page_size": 100, "total_items": 1, "total_pages": 1 } });
    Case {
        exchanges: vec![
            case().exchanges.remove(0),
            clients(0).reply(page),
            of(FJORD, "devices").reply(total(14)),
            of(FJORD, "inboxes").reply(total(20)),
        ],
        unasked: vec!["Package"],
        skips: vec![
            ("pages", "the three pages are in the main case"),
            ("declared", "not every metric is met in a small case"),
        ],
        ..case()
    }
}

fn of_one(devices: Expected, users: Expected, status: Expected) -> Vec<Org> {
    let org = Org::new(FJORD, "Fjord Legal LLP").value("Devices", devices).value("Users", users);
    vec![org.value("Warranty status", status).value("Package", Expected::NotApplicable)]
}

const MISSING: Expected = Expected::Failed(Code::MissingValue);

#[tokio::test]
async fn where_one_list_is_refused_its_client_fails_and_no_other() {
    let mut case = case();
    let refused = of(LARKSPUR, "devices").reply(fixture!("forbidden.json")).status(403);
    case.exchanges[8] = refused;
    let found = counts(case, &TestWorld::new()).await.unwrap();
    let failed: Vec<(&str, Code)> =
        found.orgs.iter().filter_map(|org| Some((org.org.id.as_str(), org.failure()?.code))).collect();
    assert_eq!(failed, [(LARKSPUR, Code::Forbidden)]);
    assert_eq!(found.orgs.len(), 5);
}

#[tokio::test]
async fn what_only_warranted_clients_are_to_count() {
    let numbers = || (Expected::Number("14"), Expected::Number("20"));
    for (status, counted) in [
        (json!("warranted"), true),
        // A word that is not known is no reason to leave anybody out.
        (json!("in_review"), true),
        (json!("Unwarranted"), false),
    ] {
        let mut case = asked(&status);
        case.settings["warranted_only"] = json!(true);
        let (devices, users) = if counted { numbers() } else { (Expected::LeftOut, Expected::LeftOut) };
        let text = if status == "warranted" {
            "warranted"
        } else if counted {
            "in_review"
        } else {
            "Unwarranted"
        };
        case.expect = of_one(devices, users, Expected::Text(text));
        // Who is left out is not asked for.
        case.exchanges.truncate(if counted { 4 } else { 2 });
        assert_eq!(examine(case).await, [], "{status}");
    }
    for status in [Value::Null, json!(" ")] {
        let mut case = asked(&status);
        case.expect = of_one(numbers().0, numbers().1, MISSING);
        assert_eq!(examine(case).await, [], "{status}");
        let mut case = asked(&status);
        case.settings["warranted_only"] = json!(true);
        case.exchanges.truncate(2);
        case.expect = of_one(MISSING, MISSING, MISSING);
        assert_eq!(examine(case).await, [], "{status}, warranted only");
    }
}

#[tokio::test]
async fn a_distributor_asks_for_one_partner_and_the_older_envelope_is_read() {
    let mut case = asked(&json!("warranted"));
    case.settings["partner_uuid"] = json!("9a000000-0000-4000-8000-000000000001");
    let row = json!({ "uuid": FJORD, "name": "Fjord Legal LLP", "warranty_status": "warranted" });
    // No paging is told, and the page is not full: it is the last.
    let call = unpaged().query("partner_uuid", "9a000000-0000-4000-8000-000000000001");
    case.exchanges[1] = call.reply(json!({ "data": [row] }));
    case.expect = of_one(Expected::Number("14"), Expected::Number("20"), Expected::Text("warranted"));
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn a_full_page_without_paging_is_no_whole_list() {
    let rows: Vec<Value> = (0..100).map(|row| json!({ "uuid": format!("c-{row}"), "name": "Client" })).collect();
    let mut case = asked(&json!("warranted"));
    case.exchanges[1] = unpaged().reply(json!({ "items": rows }));
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap_err().code(), Code::BadResponse);
}

#[tokio::test]
async fn metrics_that_are_not_asked_for_and_clients_that_are_excluded_cost_no_call() {
    let mut case = asked(&json!("warranted"));
    case.unasked = vec!["Devices", "Users", "Package"];
    case.exchanges.truncate(2);
    case.expect = of_one(Expected::NotApplicable, Expected::NotApplicable, Expected::Text("warranted"));
    assert_eq!(examine(case).await, []);
    let mut case = asked(&json!("warranted"));
    case.exclude = vec![FJORD];
    case.exchanges.truncate(2);
    case.expect = vec![Org::new(FJORD, "Fjord Legal LLP").value("*", Expected::NotApplicable)];
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn what_contradicts_itself_or_is_old_or_hidden_is_told() {
    let world = TestWorld::new();
    let now = tallysheet_core::World::now(&world);
    let days_ago = |days: i64| (now - jiff::SignedDuration::from_hours(24 * days)).to_string();
    let tenant = |days| json!({ "name": "Fjord", "integration": { "connection_status": "ok", "last_synced_at": days_ago(days) } });
    let told = async |status: &str, days: i64, warranties: Value| -> Vec<Notice> {
        let mut case = asked(&json!(status));
        case.unasked.clear();
        let row = json!({ "uuid": FJORD, "name": "Fjord Legal LLP", "warranty_status": status, "associated_tenants": [tenant(days)] });
        let page =
            |rows: Value| json!({ "items": rows, "pagination": { "page": 1, "total_items": 1, "total_pages": 1 } });
        case.exchanges[1] = clients(0).reply(page(json!([row])));
        case.exchanges.push(list("/warranties", 0).reply(page(warranties)));
        counts(case, &world).await.unwrap().notices
    };
    let warranty = |client: &str| json!([{ "uuid": "w-1", "client_uuid": client, "client_name": "Hidden Harbor", "package": "Essentials" }]);
    let warned = |notices: Vec<Notice>| match &notices[..] {
        [notice] if notice.level == Level::Warning => notice.company.clone().unwrap(),
        _ => panic!("one warning, not {notices:?}"),
    };
    assert_eq!(told("warranted", 6, warranty(FJORD)).await, []);
    assert_eq!(warned(told("warranted", 8, warranty(FJORD)).await), "Fjord Legal LLP");
    assert_eq!(warned(told("unwarranted", 6, warranty(FJORD)).await), "Fjord Legal LLP");
    assert_eq!(warned(told("warranted", 6, warranty("c-hidden")).await), "Hidden Harbor");
}

#[tokio::test]
async fn an_ended_key_is_told_with_what_to_do() {
    let mut case = asked(&json!("warranted"));
    case.exchanges[1] = clients(0).status(401).reply(json!({ "error": "unauthorized", "status": "401" }));
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::AuthFailed);
    assert!(error.to_string().contains("180 days"), "{error}");
}
