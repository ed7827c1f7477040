//! Auvik against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tallysheet_connector_auvik as _;
use tallysheet_core::{Code, Counted, Counts, ErrorKind, Hint, Outcome, Result};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

const ROOT: &str = "199762235015168500";
const LARKSPUR: &str = "199762235015168511";
const QUARRY: &str = "199762235015168520";
const QUARRY_MAIN: &str = "199762235015168521";
const QUARRY_DEPOT: &str = "199762235015168522";
const FOXGLOVE: &str = "199762235015168530";
const TIDEWATER: &str = "199762235015168540";
const OLD_MILL: &str = "199762235015168550";

/// The settings, with `further` ones.
fn settings(further: &Value) -> Value {
    let mut settings =
        json!({ "username": " user@northgate.example", "api_key": "planted-key ", "domain_prefix": "northgate" });
    settings.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap_or_default());
    settings
}

fn tenants() -> Exchange {
    Exchange::get("/v1/tenants/detail")
        .query("tenantDomainPrefix", "northgate")
        .query("filter[availableTenants]", "true")
}

fn devices(after: Option<&str>) -> Exchange {
    let call = Exchange::get("/v2/api/inventory/device/info").query("tenant", ROOT).query("page[first]", "10000");
    after.map_or(call.clone(), |after| call.query("page[after]", after))
}

fn page(index: usize, after: Option<&str>) -> Exchange {
    devices(after).page("devices", index, "/data")
}

fn usage() -> Exchange {
    let enabled = [LARKSPUR, QUARRY_MAIN, QUARRY_DEPOT, FOXGLOVE, OLD_MILL].join(",");
    Exchange::get("/v1/billing/usage/client")
        .query("filter[fromDate]", "2026-10-01")
        .query("filter[thruDate]", "2026-10-31")
        .query("tenants", &enabled)
}

fn case(further: &Value) -> Case {
    Case {
        slug: "auvik",
        settings: settings(further),
        auth: vec![
            ("authorization", "Basic dXNlckBub3J0aGdhdGUuZXhhbXBsZTpwbGFudGVkLWtleQ=="),
            ("accept", "application/vnd.api+json"),
        ],
        exchanges: vec![
            tenants()
                .reply(fixture!("tenants.json"))
                .counted_at("/data/1/id")
                .counted_at("/data/1/attributes/tenantType"),
            page(0, None)
                .reply(fixture!("devices-1.json"))
                .counted_at("/data/0/attributes/manageStatus")
                .counted_at("/data/0/attributes/deviceType")
                .counted_at("/data/0/relationships/tenant/data/id")
                // Another list takes its place.
                .tolerates(404),
            page(1, Some("Y3Vyc29yOjE")).reply(fixture!("devices-2.json")),
            page(2, Some("Y3Vyc29yOjI")).reply(fixture!("devices-3.json")).counted_at("/data/0/id"),
        ],
        account: ("Northgate IT", Some(ROOT)),
        expect: vec![
            // Offline counts, unmanaged does not; access points and workstations are free.
            org(LARKSPUR, "Larkspur Dental Group", ["2", "5"]).left_out("Billable devices", "1"),
            org(QUARRY_MAIN, "Quarry Lane Main Street", ["1", "2"]),
            org(QUARRY_DEPOT, "quarrylane-depot", ["1", "1"]),
            org(FOXGLOVE, "Foxglove Bakery", ["0", "0"]),
            Org::new(TIDEWATER, "Tidewater Surveyors")
                .value("*", Expected::LeftOut)
                .left_out("Billable devices", "1")
                .left_out("Devices", "2"),
            org(OLD_MILL, "Old Mill Garden Centre", ["2", "2"]),
        ],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, [billable, devices]: [&'static str; 2]) -> Org {
    Org::new(id, name).number("Billable devices", billable).number("Devices", devices)
}

fn by_usage(further: &[(&str, &str)]) -> Case {
    let mut settings = json!({ "mode": "usage" });
    further.iter().for_each(|(key, value)| settings[*key] = json!(value));
    let mut case = case(&settings);
    case.exchanges[1] = page(0, None).reply(fixture!("devices-1.json")).tolerates(404);
    case.exchanges.push(
        usage()
            .reply(fixture!("usage.json"))
            .counted_at("/data/0/attributes/deviceUsage/averageDays")
            .counted_at("/data/1/attributes/deviceUsage")
            .counted_at("/data/0"),
    );
    case.expect = vec![
        // More digits than are exact: two are shown. What is not managed any more is in the average.
        org(LARKSPUR, "Larkspur Dental Group", ["8.16", "5"]),
        org(QUARRY_MAIN, "Quarry Lane Main Street", ["1", "2"]),
        org(QUARRY_DEPOT, "quarrylane-depot", ["1.52", "1"]),
        org(FOXGLOVE, "Foxglove Bakery", ["0", "0"]),
        Org::new(TIDEWATER, "Tidewater Surveyors").value("*", Expected::LeftOut).left_out("Devices", "2"),
        org(OLD_MILL, "Old Mill Garden Centre", ["2", "2"]),
    ];
    case
}

#[tokio::test]
async fn conforms() {
    conformance(case(&Value::Null)).await;
}

#[tokio::test]
async fn conforms_by_usage() {
    conformance(by_usage(&[])).await;
}

#[tokio::test]
async fn sites_are_summed_below_their_parent() {
    let quarry = |billable| org(QUARRY, "Quarry Lane Legal LLP", [billable, "3"]);
    let mut inventory = case(&json!({ "company_level": "parent" }));
    inventory.expect.splice(1..3, [quarry("2")]);
    assert_eq!(examine(inventory).await, []);
    // 1 and 1.5161…: summed before they are rounded.
    let mut usage = by_usage(&[("company_level", "parent")]);
    usage.expect.splice(1..3, [quarry("2.52")]);
    assert_eq!(examine(usage).await, []);
}

#[tokio::test]
async fn devices_are_asked_for_only_where_they_are_wanted() {
    let mut billed = by_usage(&[]);
    billed.unasked = vec!["Devices"];
    billed.exchanges.drain(1..4);
    let counts = counts(billed, &TestWorld::new()).await.unwrap();
    assert_eq!(told(&counts)[LARKSPUR][0], "8.16");

    let mut managed = Case { unasked: vec!["Devices"], ..case(&Value::Null) };
    let pages =
        [("devices-1.json", None), ("devices-2.json", Some("Y3Vyc29yOjE")), ("devices-3.json", Some("Y3Vyc29yOjI"))];
    for (at, (_, after)) in pages.into_iter().enumerate() {
        let reply = [fixture!("devices-1.json"), fixture!("devices-2.json"), fixture!("devices-3.json")][at].clone();
        managed.exchanges[at + 1] = devices(after).query("filter[manageStatus]", "true").reply(reply);
    }
    let counts = tallysheet_testkit::counts(managed, &TestWorld::new()).await.unwrap();
    assert_eq!(told(&counts)[LARKSPUR][0], "2");
}

/// Billable devices and Devices by org id.
fn told(counts: &Counts) -> BTreeMap<&str, [String; 2]> {
    let value = |outcome: &Outcome| match outcome {
        Outcome::Number(number) => number.to_string(),
        Outcome::Failed(failure) => failure.code.to_string(),
        other => format!("{other:?}"),
    };
    let mut told = BTreeMap::new();
    for org in &counts.orgs {
        if let Counted::Each(values) = &org.counted {
            let of = |name: &str| value(&values.iter().find(|(metric, _)| metric.label() == name).unwrap().1);
            told.insert(org.org.id.as_str(), ["Billable devices", "Devices"].map(of));
        }
    }
    told
}

/// The counts of devices of one type and state each, in a case of one page.
async fn listed(rows: &[Value]) -> Result<Counts> {
    let mut case = case(&Value::Null);
    case.exchanges.truncate(1);
    case.exchanges.push(devices(None).reply(json!({ "data": rows })));
    counts(case, &TestWorld::new()).await
}

fn device(id: usize, tenant: &str, attributes: &Value) -> Value {
    let of = json!({ "tenant": { "data": { "id": tenant } } });
    json!({ "id": id.to_string(), "attributes": attributes, "relationships": of })
}

#[tokio::test]
async fn a_device_is_billable_by_type_and_state() {
    let missing = Code::MissingValue.to_string();
    let table = [
        (json!({ "deviceType": "router", "manageStatus": true }), "1"),
        (json!({ "deviceType": "switch", "manageStatus": true }), "1"),
        (json!({ "deviceType": "L3SWITCH", "manageStatus": true }), "1"),
        (json!({ "deviceType": "voipSwitch", "manageStatus": true }), "1"),
        (json!({ "deviceType": "stack", "manageStatus": true }), "1"),
        (json!({ "deviceType": "firewall", "manageStatus": true, "onlineStatus": "offline" }), "1"),
        (json!({ "deviceType": "utm", "manageStatus": true }), "1"),
        (json!({ "deviceType": "controller", "manageStatus": true }), "1"),
        (json!({ "deviceType": "router", "manageStatus": false }), "0"),
        (json!({ "deviceType": "router", "manageStatus": null }), missing.as_str()),
        (json!({ "deviceType": "router" }), &missing),
        (json!({ "deviceType": null, "manageStatus": true }), &missing),
        (json!({}), &missing),
        (json!({ "manageStatus": false }), "0"),
        (json!({ "deviceType": "server" }), "0"),
        (json!({ "deviceType": "unknown", "manageStatus": true }), "0"),
        (json!({ "deviceType": "accessPoint", "manageStatus": true }), "0"),
        (json!({ "deviceType": "thinAccessPoint", "manageStatus": true }), "0"),
        (json!({ "deviceType": "securityAppliance", "manageStatus": true }), "0"),
        (json!({ "deviceType": "loadBalancer", "manageStatus": true }), "0"),
        (json!({ "deviceType": "chassis", "manageStatus": true }), "0"),
        (json!({ "deviceType": "sdwanGateway", "manageStatus": true }), "0"),
    ];
    for (attributes, billable) in table {
        let counts = listed(&[device(1, FOXGLOVE, &attributes)]).await.unwrap();
        assert_eq!(told(&counts)[FOXGLOVE], [billable, "1"], "{attributes}");
        let warned = counts.notices.iter().any(|notice| notice.message.contains("1 devices are of a type"));
        assert_eq!(warned, attributes["deviceType"] == "sdwanGateway", "{attributes}");
    }
}

#[tokio::test]
async fn a_device_of_nobody_or_of_a_multi_client_is_not_dropped() {
    let switch = json!({ "deviceType": "switch", "manageStatus": true });
    let rows =
        [device(1, QUARRY, &switch), device(2, "42", &switch), device(3, "42", &switch), device(3, "42", &switch)];
    let counts = listed(&rows).await.unwrap();
    assert_eq!(told(&counts)[QUARRY], ["1", "1"]);
    assert_eq!(told(&counts)["42"], ["2", "2"]);
}

#[tokio::test]
async fn a_trial_is_told_while_it_runs_and_a_prefix_is_a_hint() {
    let counts = listed(&[]).await.unwrap();
    let told: Vec<_> = counts.notices.iter().map(|notice| notice.company.as_deref()).collect();
    assert_eq!(told, [Some("Old Mill Garden Centre")]);
    let hints = |id: &str| counts.orgs.iter().find(|org| org.org.id == id).unwrap().org.hints.clone();
    assert_eq!(hints(LARKSPUR), [Hint::Name("larkspur".to_owned())]);
    assert_eq!(hints(QUARRY_DEPOT), []);
}

#[tokio::test]
async fn where_the_newer_list_is_gone_the_older_one_is_read() {
    let clients = [LARKSPUR, QUARRY_MAIN, QUARRY_DEPOT, FOXGLOVE, TIDEWATER, OLD_MILL].join(",");
    let older = |after: Option<&str>| {
        let call = Exchange::get("/v1/inventory/device/info").query("tenants", &clients).query("page[first]", "300");
        let call = call.query("include", "deviceDetail").query("fields[deviceDetail]", "manageStatus");
        after.map_or(call.clone(), |after| call.query("page[after]", after))
    };
    let detail = |id: &str, managed: bool| json!({ "type": "deviceDetail", "id": id, "attributes": { "manageStatus": managed } });
    let router = json!({ "deviceType": "router" });
    let mut case = case(&Value::Null);
    case.exchanges.truncate(1);
    case.exchanges.extend([
        devices(None).status(404),
        older(None).reply(json!({
            "data": [device(1, LARKSPUR, &router), device(2, LARKSPUR, &router)],
            "included": [detail("2", false), detail("1", true)],
            "links": { "next": { "meta": { "cursor": "b" } } },
        })),
        older(Some("b")).reply(json!({
            "data": [device(3, FOXGLOVE, &router)], "included": [],
            "links": { "next": { "href": "{{url}}/v1/inventory/device/info?page[after]=c" } },
        })),
        older(Some("c"))
            .reply(json!({ "data": [device(4, OLD_MILL, &router)], "included": [detail("4", true)], "links": {} })),
    ]);
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let told = told(&counts);
    let missing = Code::MissingValue.to_string();
    assert_eq!(told[LARKSPUR], ["1", "2"]);
    assert_eq!(told[FOXGLOVE], [missing.as_str(), "1"]);
    assert_eq!(told[OLD_MILL], ["1", "1"]);
    assert!(counts.notices.iter().any(|notice| notice.message.contains("404")), "{:?}", counts.notices);
}

#[tokio::test]
async fn several_roots_are_asked_one_by_one_and_clients_fifty_at_once() {
    let tenant = |id: usize| {
        json!({ "id": id.to_string(), "attributes": { "domainPrefix": format!("t{id}"),
        "displayName": format!("Tenant {id}"), "tenantType": "client", "enabled": true },
        "relationships": { "parent": { "data": { "id": "not listed" } } } })
    };
    let all: Vec<Value> = (100..160).map(tenant).collect();
    let ids = |range: std::ops::Range<usize>| range.map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let row = |id: usize| json!({ "id": id.to_string(), "attributes": { "deviceUsage": { "averageDays": 1 } } });
    let asked = |range: std::ops::Range<usize>, rows: Value| {
        Exchange::get("/v1/billing/usage/client")
            .query("filter[fromDate]", "2026-10-01")
            .query("filter[thruDate]", "2026-10-31")
            .query("tenants", &ids(range))
            .reply(json!({ "data": rows }))
    };
    let rows: Vec<Value> = (100..150).map(row).collect();
    let mut case = case(&json!({ "mode": "usage" }));
    case.unasked = vec!["Devices"];
    // Not all of the second part is told of, and what is stands there without a list.
    case.exchanges =
        vec![tenants().reply(json!({ "data": all })), asked(100..150, rows.into()), asked(150..160, row(151))];
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let told = told(&counts);
    assert_eq!((told["149"][0].as_str(), told["151"][0].as_str()), ("1", "1"));
    assert_eq!(told["150"][0], Code::MissingValue.to_string());

    let mut case = self::case(&Value::Null);
    case.exchanges = vec![tenants().reply(json!({ "data": [tenant(1), tenant(2)] }))];
    for root in [1, 2] {
        let switch = json!({ "deviceType": "switch", "manageStatus": true });
        let call = Exchange::get("/v2/api/inventory/device/info").query("tenant", &root.to_string());
        let reply = json!({ "data": [device(root, &root.to_string(), &switch)] });
        case.exchanges.push(call.query("page[first]", "10000").reply(reply));
    }
    let counts = tallysheet_testkit::counts(case, &TestWorld::new()).await.unwrap();
    assert_eq!(self::told(&counts)["2"], ["1", "1"]);
}

#[tokio::test]
async fn what_a_refusal_means_is_told() {
    let failed = |mut case: Case, at: usize, exchange: Exchange| async move {
        case.exchanges[at] = exchange;
        let world = TestWorld::new();
        let error = counts(case, &world).await.unwrap_err();
        (error.kind(), error.to_string(), world.slept())
    };
    let empty = failed(case(&Value::Null), 0, tenants().reply(json!({ "data": [] }))).await;
    assert_eq!(empty.0, ErrorKind::Forbidden);
    assert!(empty.1.contains("`domain_prefix`"), "{}", empty.1);

    let moved =
        tenants().status(308).reply_header("location", "https://auvikapi.eu1.my.auvik.com/v1/tenants/detail?x=1");
    let moved = failed(case(&Value::Null), 0, moved).await;
    assert!(moved.1.contains("https://auvikapi.eu1.my.auvik.com/v1") && moved.1.contains("set `url`"), "{}", moved.1);

    let billing = failed(by_usage(&[]), 4, usage().status(403)).await;
    assert_eq!(billing.0, ErrorKind::Forbidden);
    assert!(billing.1.contains("right to view billing"), "{}", billing.1);

    let limit = json!({ "errors": [{ "title": "Rate Limit exceeded" }] });
    let limited = failed(case(&Value::Null), 1, devices(None).status(403).reply(limit)).await;
    assert_eq!(limited.0, ErrorKind::RateLimited);
    assert!(limited.2.iter().sum::<Duration>() >= Duration::from_mins(5), "a window passes: {:?}", limited.2);
}
