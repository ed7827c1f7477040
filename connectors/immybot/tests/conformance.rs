//! ImmyBot against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_immybot as _;
use tallysheet_core::{Counted, ErrorKind, Hint, Metric, Outcome, Result};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

fn tenants() -> Exchange {
    Exchange::get("/api/v1/tenants")
}

fn persons() -> Exchange {
    Exchange::get("/api/v1/persons")
}

fn computers(skip: &str) -> Exchange {
    Exchange::get("/api/v1/computers/paged")
        .query("skip", skip)
        .query("take", "500")
        .query("sort", "id")
        .query("sortDesc", "false")
        .query("includeOffline", "true")
        .total_at("/count")
}

fn page(index: usize, skip: &str) -> Exchange {
    computers(skip).page("computers", index, "/results")
}

/// The settings, with `further` ones.
fn settings(further: &Value) -> Value {
    let mut settings = json!({
        "tenant_id": "northgate.example", "client_id": "app-1", "client_secret": "planted-secret",
        "token_url": "{{url}}/oauth2/v2.0/token",
    });
    settings.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap_or_default());
    settings
}

fn token(scope: &str) -> Exchange {
    Exchange::post("/oauth2/v2.0/token")
        .token()
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "app-1"),
            ("client_secret", "planted-secret"),
            ("scope", scope),
        ])
        .reply(fixture!("token.json"))
}

fn case() -> Case {
    Case {
        slug: "immybot",
        settings: settings(&Value::Null),
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            token("{{url}}/.default"),
            tenants().reply(fixture!("tenants.json")).counted_at("/0/id").counted_at("/1/name"),
            page(0, "0").reply(fixture!("computers-1.json")).counted_at("/results/0/tenantId").counted_at("/count"),
            page(1, "4").reply(fixture!("computers-2.json")),
            page(2, "6").reply(fixture!("computers-3.json")).counted_at("/results/0/id"),
            persons().reply(fixture!("persons.json")).counted_at("/0/id").counted_at("/0/tenantId"),
        ],
        account: ("Northgate IT", Some("1")),
        expect: vec![
            org("1", "Northgate IT", ["1", "1", "0", "1", "0"]).not_customer(),
            // Offline and not onboarded ones count; a role of null leaves it to the operating system.
            org("95", "Larkspur Dental", ["3", "3", "1", "2", "1"])
                .domain("larkspur.example")
                .domain("larkspurdental.example")
                .left_out("Users", "1"),
            // Deleted, in the dev lab, a sandbox: none counts.
            org("96", "Quarry Lane Legal", ["1", "2", "1", "0", "1"])
                .left_out("Devices", "3")
                .left_out("Workstations", "2")
                .left_out("Servers", "1")
                .left_out("Licensed devices", "1"),
            org("97", "Foxglove Bakery", ["0"; 5]),
            // Marked for deletion: left out where it is empty, counted where it is not.
            Org::new("98", "Tidewater Surveyors").value("*", Expected::LeftOut),
            org("99", "Old Mill Garden Centre", ["1", "0", "0", "1", "0"]),
        ],
        vendor_totals: vec![("Devices", "9")],
        skips: vec![(
            "pages",
            "pages are cut by offset out of a stated total: an empty one before its end contradicts it",
        )],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 5]) -> Org {
    let labels = ["Devices", "Users", "Licensed devices", "Workstations", "Servers"];
    labels.into_iter().zip(numbers).fold(Org::new(id, name), |org, (label, number)| org.number(label, number))
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn computers_that_need_onboarding_are_left_out_on_request() {
    let mut case = Case { settings: settings(&json!({ "exclude_needs_onboarding": true })), ..case() };
    case.expect[1] = org("95", "Larkspur Dental", ["2", "3", "1", "2", "0"])
        .domain("larkspur.example")
        .domain("larkspurdental.example")
        .left_out("Users", "1")
        .left_out("Devices", "1")
        .left_out("Servers", "1");
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn persons_are_not_asked_for_where_nobody_wants_them() {
    let mut case = Case { unasked: vec!["Users"], ..case() };
    case.exchanges.pop();
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    assert_eq!(counts.orgs.len(), 6);
}

#[tokio::test]
async fn the_entra_tenant_is_a_hint_wherever_the_instance_keeps_it() {
    let counts = counts(case(), &TestWorld::new()).await.unwrap();
    let hints: BTreeMap<_, _> =
        counts.orgs.iter().flat_map(|org| org.org.hints.iter().map(|hint| (org.org.id.as_str(), hint))).collect();
    let tenant = |end: &str| Hint::EntraTenant(format!("00000000-0000-4000-8000-0000000000{end}"));
    assert_eq!(hints, BTreeMap::from([("95", &tenant("c1")), ("97", &tenant("c3"))]));
}

#[tokio::test]
async fn a_scope_of_the_users_own_is_asked_for() {
    let mut case = Case { settings: settings(&json!({ "scope": "api://immy/.default" })), ..case() };
    case.exchanges[0] = token("api://immy/.default");
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs.len(), 6);
}

#[tokio::test]
async fn who_may_not_see_the_msps_own_tenant_is_known_by_the_application() {
    let mut case = case();
    case.exchanges[1] = tenants().reply(json!([{ "id": 95, "name": "Larkspur Dental", "isMsp": false }]));
    case.account = ("app-1", None);
    let failures = examine(case).await;
    assert!(failures.iter().all(|failure| failure.step != "check"), "{failures:?}");
}

/// Some computers of one tenant, the list read as `pages` say: where from, the total, the ids.
async fn listed(pages: &[(&str, usize, &[u32])]) -> Result<Vec<String>> {
    let mut case = case();
    let page = |(skip, count, ids): &(&str, usize, &[u32])| {
        let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "tenantId": 97 })).collect();
        computers(skip).reply(json!({ "count": count, "results": rows }))
    };
    case.exchanges.splice(2..5, pages.iter().map(page));
    let counts = counts(case, &TestWorld::new()).await?;
    let org = counts.orgs.iter().find(|org| org.org.id == "97").unwrap();
    let Counted::Each(values) = &org.counted else { panic!("{org:?}") };
    Ok(values.iter().map(|(metric, outcome)| format!("{metric} {outcome:?}")).collect())
}

#[tokio::test]
async fn a_list_that_disagrees_with_its_total_is_read_once_more_and_then_refused() {
    let whole = listed(&[("0", 3, &[1, 2]), ("2", 3, &[3])]).await.unwrap();
    assert_eq!(whole[0], "Devices Number(3)");
    // A row at the edge came twice, and another not at all.
    let repeated = listed(&[("0", 3, &[1, 2]), ("2", 3, &[2]), ("0", 3, &[1, 2]), ("2", 3, &[3])]).await;
    assert_eq!(repeated.unwrap(), whole);
    // Pages ended too soon.
    let short = listed(&[("0", 3, &[1, 2]), ("2", 3, &[]), ("0", 2, &[1, 2])]).await;
    assert_eq!(short.unwrap()[0], "Devices Number(2)");
    let never = listed(&[("0", 3, &[1, 2]), ("2", 3, &[])]).await;
    assert_eq!(never.unwrap_err().kind(), ErrorKind::TotalDiffers);
}

#[tokio::test]
async fn a_list_as_long_as_a_page_is_asked_for_more() {
    let people = |ids: std::ops::Range<u32>| {
        let rows: Vec<Value> = ids.map(|id| json!({ "id": id, "tenantId": 97 })).collect();
        Value::from(rows)
    };
    let next = |page: &str, rows| persons().query("page", page).query("pageSize", "10").reply(rows);
    for (further, users) in [
        // It was whole: the vendor knows no pages and sends it again, or the next page is empty.
        (vec![next("2", people(0..10))], 10),
        (vec![next("2", people(0..0))], 10),
        // It was not.
        (vec![next("2", people(10..20)), next("3", people(20..23)), next("4", people(0..0))], 23),
    ] {
        let mut case = case();
        case.exchanges.truncate(5);
        case.exchanges.push(persons().reply(people(0..10)));
        case.exchanges.extend(further);
        let counts = counts(case, &TestWorld::new()).await.unwrap();
        let org = counts.orgs.iter().find(|org| org.org.id == "97").unwrap();
        let users = Outcome::Number(users.into());
        assert!(matches!(&org.counted, Counted::Each(values) if values[1].1 == users), "{org:?}");
    }
}

#[tokio::test]
async fn what_a_refusal_means_is_told() {
    for (status, kind) in [(401, ErrorKind::Auth), (403, ErrorKind::Forbidden)] {
        let mut case = case();
        case.exchanges[1] = tenants().status(status);
        let error = counts(case, &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("enterprise application's object id"), "{error}");
    }
}

/// What each of these computers counts as, and why not: each stands in a tenant of its own.
async fn verdicts(rows: &[Value], further: Value) -> Vec<(Vec<&'static str>, Vec<(&'static str, &'static str)>)> {
    let mut case = Case { settings: settings(&further), unasked: vec!["Users"], ..case() };
    let named: Vec<Value> = (0..rows.len()).map(|id| json!({ "id": id, "name": format!("Tenant {id}") })).collect();
    let rows = rows.iter().enumerate().map(|(id, row)| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().extend([("id".to_owned(), id.into()), ("tenantId".to_owned(), id.into())]);
        row
    });
    let listed = json!({ "count": rows.len(), "results": rows.collect::<Vec<_>>() });
    let size = named.len().to_string();
    case.exchanges = vec![
        token("{{url}}/.default"),
        tenants().reply(named.into()),
        tenants().query("page", "2").query("pageSize", &size).reply(json!([])),
        computers("0").reply(listed),
    ];
    let mut orgs = counts(case, &TestWorld::new()).await.unwrap().orgs;
    orgs.sort_by_key(|org| org.org.id.parse::<usize>().unwrap());
    let name = |metric: &Metric| if let Metric::Fixed(metric) = metric { metric.name } else { "" };
    let verdict = |org: &tallysheet_core::OrgCounts| {
        let Counted::Each(values) = &org.counted else { panic!("{org:?}") };
        let one = Outcome::Number(1.into());
        let counted = values.iter().filter(|(_, outcome)| *outcome == one).map(|(metric, _)| name(metric));
        (counted.collect(), org.left_out.iter().map(|left| (name(&left.metric), left.reason)).collect())
    };
    orgs.iter().map(verdict).collect()
}

#[tokio::test]
async fn a_computer_is_of_one_class() {
    let server = "Microsoft Windows SERVER 2022 Standard";
    let table = [
        (json!({ "domainRole": 0, "operatingSystem": server }), "Workstations"),
        (json!({ "domainRole": 1 }), "Workstations"),
        (json!({ "domainRole": 2 }), "Servers"),
        (json!({ "domainRole": 3, "operatingSystem": "Microsoft Windows 11 Pro" }), "Servers"),
        (json!({ "domainRole": 4 }), "Servers"),
        (json!({ "domainRole": "5" }), "Servers"),
        (json!({ "domainRole": null, "operatingSystem": server }), "Servers"),
        (json!({ "domainRole": 9, "operatingSystem": server }), "Servers"),
        (json!({ "domainRole": null, "operatingSystem": "Microsoft Windows 10 Pro" }), "Workstations"),
        (json!({ "operatingSystem": null }), "Workstations"),
        (json!({}), "Workstations"),
    ];
    let rows: Vec<Value> = table.iter().map(|(row, _)| row.clone()).collect();
    for ((counted, left_out), (row, class)) in verdicts(&rows, Value::Null).await.into_iter().zip(&table) {
        assert_eq!((counted, left_out), (vec!["Devices", class], vec![]), "{row}");
    }
}

#[tokio::test]
async fn a_computer_is_left_out_for_one_reason_only() {
    let table = [
        (json!({ "deletedAt": "2026-10-02T00:00:00Z", "isDevLab": true }), Some("deleted")),
        (json!({ "isDevLab": true, "isSandbox": true }), Some("in the dev lab")),
        (json!({ "isSandbox": true, "onboardingStatus": 0 }), Some("a sandbox")),
        (json!({ "onboardingStatus": "needsOnboarding" }), Some("needs onboarding")),
        (json!({ "onboardingStatus": "0" }), Some("needs onboarding")),
        (json!({ "onboardingStatus": "Onboarding" }), None),
        (json!({ "onboardingStatus": null, "deletedAt": null, "isDevLab": null, "isSandbox": null }), None),
    ];
    let rows: Vec<Value> = table.iter().map(|(row, _)| row.clone()).collect();
    let verdicts = verdicts(&rows, json!({ "exclude_needs_onboarding": true })).await;
    for ((counted, left_out), (row, reason)) in verdicts.into_iter().zip(&table) {
        assert_eq!(counted.is_empty(), reason.is_some(), "{row}");
        let told = reason.map_or(vec![], |reason| vec![("Devices", reason), ("Workstations", reason)]);
        assert_eq!(left_out, told, "{row}");
    }
}

prop_compose! {
    fn computer()(
        role in proptest::option::of(0..8_u8),
        system in proptest::option::of("Microsoft Windows (Server|11)|\\PC{0,12}"),
        licensed: Option<bool>,
        lab: Option<bool>,
        sandbox: Option<bool>,
        deleted in proptest::option::of("2026-10-0[1-9]T00:00:00Z"),
        status in prop_oneof![
            Just(Value::Null), (0..4_u8).prop_map(Value::from), "NeedsOnboarding|Onboarded|[a-z]{0,9}".prop_map(Value::from)
        ],
    ) -> Value {
        json!({ "domainRole": role, "operatingSystem": system, "licensed": licensed, "isDevLab": lab,
            "isSandbox": sandbox, "deletedAt": deleted, "onboardingStatus": status })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn every_computer_counts_once_or_is_left_out_for_a_reason(
        rows in proptest::collection::vec(computer(), 30..60),
        exclude: bool,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let verdicts = runtime.block_on(verdicts(&rows, json!({ "exclude_needs_onboarding": exclude })));
        for ((counted, left_out), row) in verdicts.into_iter().zip(&rows) {
            let is_new = row["onboardingStatus"] == 0 || row["onboardingStatus"] == "NeedsOnboarding";
            let gone = row["isDevLab"] == true || row["isSandbox"] == true || !row["deletedAt"].is_null();
            prop_assert_eq!(counted.is_empty(), gone || (exclude && is_new), "{}", row);
            prop_assert!(counted.is_empty() != left_out.is_empty(), "{}", row);
            let as_what: Vec<_> = counted.into_iter().chain(left_out.iter().map(|(metric, _)| *metric)).collect();
            let times = |metric: &str| as_what.iter().filter(|name| **name == metric).count();
            prop_assert_eq!(times("Devices"), 1);
            prop_assert_eq!(times("Workstations") + times("Servers"), 1);
            prop_assert_eq!(times("Licensed devices"), usize::from(row["licensed"] == true));
        }
    }
}
