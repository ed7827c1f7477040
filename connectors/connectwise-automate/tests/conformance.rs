//! ConnectWise Automate against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

use proptest::prelude::*;
use serde_json::{Value, json};
use tallysheet_connector_connectwise_automate as _;
use tallysheet_core::{Counts, Decimal, Error, ErrorKind, MetricDef, OrgCounts};
use tallysheet_testkit::{Case, Exchange, Org, TestWorld, conformance, counts, examine, fixture};

const CLIENT_ID: &str = "11111111-2222-4333-8444-555555555555";
/// Base32 text, as it happens.
const TOTP_SECRET: &str = "planted-GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// What it makes of the time of the test's world.
const PASSCODE: &str = "182146";

fn login(passcode: Option<&str>) -> Exchange {
    let mut body = json!({ "UserName": "tallysheet", "Password": "planted-password" });
    if let Some(passcode) = passcode {
        body["TwoFactorPasscode"] = json!(passcode);
    }
    Exchange::post("/api/v1/apitoken").token().header("clientid", CLIENT_ID).json(body).reply(fixture!("token.json"))
}

fn list(what: &'static str, page: usize) -> Exchange {
    let call = Exchange::get(format!("/api/v1/{what}")).query("pageSize", "1000").query("orderBy", "Id asc");
    call.query("page", &page.to_string()).page(what, page - 1, "")
}

fn case(further: Value) -> Case {
    let mut settings = json!({ "username": "tallysheet", "password": "planted-password", "client_id": CLIENT_ID });
    if let (Some(settings), Value::Object(further)) = (settings.as_object_mut(), further) {
        settings.extend(further);
    }
    let one = Exchange::get("/api/v1/Computers").query("pageSize", "1").query("page", "1");
    Case {
        slug: "connectwise-automate",
        settings,
        auth: vec![("authorization", "Bearer {{token}}"), ("clientid", CLIENT_ID)],
        exchanges: vec![
            login(None),
            one.check().reply(fixture!("computers-1.json")),
            list("Clients", 1).reply(fixture!("clients.json")).counted_at("/0/Id"),
            list("Computers", 1).reply(fixture!("computers-1.json")).counted_at("/0/Id"),
            list("Computers", 2).reply(fixture!("computers-2.json")),
            list("Computers", 3).reply(fixture!("computers-3.json")),
        ],
        account: ("tallysheet", None),
        expect: vec![
            // Types in any case; an agent that has been offline for months holds a licence.
            org("7", "Larkspur Dental", "4", "2").psa_id("connectwise-psa", "29683"),
            // Two without a type: one is a server by its operating system. One stands on two pages.
            org("9", "Quarry Lane Legal", "4", "2"),
            org("12", "Foxglove Bakery", "0", "0"),
            // Types that nobody knows, and ids as numbers and with spaces.
            org("15", "Tidewater Surveyors", "3", "2").psa_id("connectwise-psa", "29690"),
        ],
        skips: vec![("pages", "no total is told, so an empty page is the end of a list")],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, workstations: &'static str, servers: &'static str) -> Org {
    Org::new(id, name).number("Workstations", workstations).number("Servers", servers)
}

#[tokio::test]
async fn conforms() {
    conformance(case(Value::Null)).await;
}

#[tokio::test]
async fn a_second_factor_is_answered_with_the_first_call() {
    let mut case = case(json!({ "totp_secret": TOTP_SECRET }));
    case.exchanges[0] = login(Some(PASSCODE));
    conformance(case).await;
}

#[tokio::test]
async fn agents_not_heard_of_for_long_are_left_out_on_request() {
    let mut case = case(json!({ "max_offline_days": 30 }));
    // Of the agents at Quarry Lane and Tidewater, two tell no time, and count.
    case.expect[0] = org("7", "Larkspur Dental", "3", "1")
        .psa_id("connectwise-psa", "29683")
        .left_out("Workstations", "1")
        .left_out("Servers", "1");
    conformance(case).await;
}

/// The error of a run in which the exchange at `index` answers `reply`.
async fn error_with(further: Value, index: usize, exchange: Exchange) -> Error {
    let mut case = case(further);
    case.exchanges[index] = exchange;
    counts(case, &TestWorld::new()).await.unwrap_err()
}

#[tokio::test]
async fn a_200_without_a_token_is_a_refused_credential() {
    let secret = json!({ "totp_secret": TOTP_SECRET });
    for (settings, exchange, reply, advice) in [
        (Value::Null, login(None), fixture!("two-factor.json"), "set `totp_secret`"),
        (secret, login(Some(PASSCODE)), fixture!("two-factor.json"), "this machine's clock"),
        (Value::Null, login(None), json!({ "IsTwoFactorRequired": false }), "not by single sign-on"),
        (Value::Null, login(None), json!({ "AccessToken": null }), "not by single sign-on"),
    ] {
        let error = error_with(settings, 0, exchange.reply(reply)).await;
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_is_never_accepted_points_at_the_client_id() {
    let error = error_with(Value::Null, 2, list("Clients", 1).status(401)).await;
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("`client_id` is wrong"), "{error}");
}

#[tokio::test]
async fn a_secret_that_is_no_base32_is_a_wrong_setting() {
    let failures = examine(case(json!({ "totp_secret": "182146" }))).await;
    assert!(failures[0].message.contains("`totp_secret` is no Base32 text"), "{failures:?}");
}

#[tokio::test]
async fn what_the_user_may_not_see_is_no_zero() {
    let mut ownerless = fixture!("computers-3.json");
    ownerless.as_array_mut().unwrap().iter_mut().for_each(|computer| computer["Client"] = Value::Null);
    for (index, exchange, reply) in
        [(2, list("Clients", 1), json!([])), (3, list("Computers", 1), json!([])), (3, list("Computers", 1), ownerless)]
    {
        let error = error_with(Value::Null, index, exchange.reply(reply)).await;
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        assert!(error.to_string().contains("Show All"), "{error}");
    }
    let mut unseen = case(Value::Null);
    unseen.exchanges[1] = unseen.exchanges[1].clone().reply(json!([]));
    let failures = examine(unseen).await;
    assert!(failures.iter().any(|failure| failure.step == "check" && failure.message.contains("Show All")));
}

/// What is counted where the vendor has these computers, on pages of this size.
async fn counted(computers: &[Value], size: usize) -> Counts {
    let mut case = case(Value::Null);
    case.exchanges.truncate(3);
    // A last page that is full is followed by an empty one.
    let pages = computers.chunks(size).chain([&[][..]]).enumerate();
    case.exchanges.extend(pages.map(|(index, rows)| list("Computers", index + 1).reply(json!(rows))));
    counts(case, &TestWorld::new()).await.unwrap_or_else(|error| panic!("{error}"))
}

fn held(org: &OrgCounts, label: &'static str) -> Decimal {
    org.held(&MetricDef::number(label, "agents"), "")
}

#[tokio::test]
async fn a_page_that_may_be_full_is_not_the_last() {
    let computer = |id| json!({ "Id": id, "Type": "Server", "Client": { "Id": "7" } });
    let computers: Vec<Value> = (0..50).map(computer).collect();
    // The server gives 25 whatever is asked for, or 5, or all.
    for size in [5, 25, 50] {
        assert_eq!(held(&counted(&computers, size).await.orgs[2], "Servers"), 50.into(), "{size}");
    }
}

#[tokio::test]
async fn a_computer_without_a_client_or_of_a_new_one_is_not_dropped() {
    let counts = counted(
        &[
            json!({ "Id": "1", "Type": "Server", "Client": null }),
            json!({ "Id": "2", "Type": "Workstation" }),
            json!({ "Id": "3", "Type": "Workstation", "Client": { "Id": 99, "Name": "Old Mill" } }),
            json!({ "Id": "4", "Type": "Workstation", "Client": { "Id": 98 } }),
        ],
        5,
    )
    .await;
    let strangers: Vec<_> = counts.orgs.iter().filter(|org| !["7", "9", "12", "15"].contains(&&*org.org.id)).collect();
    let told: Vec<_> =
        strangers.iter().map(|org| (&*org.org.name, held(org, "Workstations"), held(org, "Servers"))).collect();
    let (none, one) = (Decimal::ZERO, Decimal::ONE);
    assert_eq!(told, [("(no client)", one, one), ("98", one, none), ("Old Mill", one, none)]);
}

#[tokio::test]
async fn how_many_are_guessed_is_told() {
    let told = counts(case(Value::Null), &TestWorld::new()).await.unwrap().notices;
    assert_eq!(told.len(), 1);
    assert!(told[0].message.starts_with("4 computers have no known type"), "{}", told[0].message);
    let known = counted(&[json!({ "Id": "1", "Type": "Server", "Client": { "Id": "7" } })], 5).await;
    assert_eq!(known.notices, []);
}

#[tokio::test]
async fn another_name_of_a_client_is_a_hint_and_a_blank_one_is_none() {
    let orgs = counts(case(Value::Null), &TestWorld::new()).await.unwrap().orgs;
    let hints: Vec<usize> = orgs.iter().map(|org| org.org.hints.len()).collect();
    assert_eq!(hints, [0, 1, 1, 0], "by id: 12, 15, 7, 9");
}

#[tokio::test]
async fn a_computer_is_of_one_class() {
    let server = Some("Microsoft Windows SERVER 2019 Standard");
    let rules = [
        (Some("Server"), None, "Servers", 0),
        (Some(" SERVER "), Some("Microsoft Windows 11 Pro"), "Servers", 0),
        (Some("Workstation"), server, "Workstations", 0),
        (Some("workstation"), None, "Workstations", 0),
        (Some(""), server, "Servers", 1),
        (None, server, "Servers", 1),
        (Some("Laptop"), server, "Servers", 1),
        (Some("Laptop"), Some("Ubuntu 24.04"), "Workstations", 1),
        (None, None, "Workstations", 1),
    ];
    for (kind, system, class, guessed) in rules {
        let computer = json!({ "Id": "1", "Type": kind, "OperatingSystemName": system, "Client": { "Id": "7" } });
        let counts = counted(&[computer], 5).await;
        let other = if class == "Servers" { "Workstations" } else { "Servers" };
        let org = counts.orgs.iter().find(|org| org.org.id == "7").unwrap();
        assert_eq!((held(org, class), held(org, other)), (Decimal::ONE, Decimal::ZERO), "{kind:?} {system:?}");
        assert_eq!(counts.notices.len(), guessed, "{kind:?} {system:?}");
    }
}

/// Type, operating system, last contact, client.
type Row = (Option<String>, Option<String>, Option<i64>, Option<u32>);

fn computer((id, (kind, system, seen, client)): (usize, &Row)) -> Value {
    let client = client.map(|client| json!({ "Id": client, "Name": "Acme" }));
    json!({ "Id": id, "Type": kind, "OperatingSystemName": system, "RemoteAgentLastContact": seen, "Client": client })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_computer_counts_once_or_is_left_out_for_a_reason(
        rows in proptest::collection::vec((
            proptest::option::of("Server|Workstation|\\PC{0,9}"),
            proptest::option::of("Microsoft Windows Server|\\PC{0,9}"),
            proptest::option::of(0_i64..1_900_000_000),
            proptest::option::of(0_u32..20),
        ), 1..120),
        days in proptest::option::of(0_u32..9000),
    ) {
        let mut computers: Vec<Value> = rows.iter().enumerate().map(computer).collect();
        computers.push(json!({ "Id": "last", "Client": { "Id": "7" } }));
        let mut case = case(json!({ "max_offline_days": days }));
        case.exchanges.truncate(3);
        case.exchanges.push(list("Computers", 1).reply(json!(computers)));
        case.exchanges.push(list("Computers", 2).reply(json!([])));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let counts = runtime.block_on(counts(case, &TestWorld::new())).unwrap();
        let held = counts.orgs.iter().map(|org| held(org, "Workstations") + held(org, "Servers")).sum::<Decimal>();
        prop_assert_eq!(held, Decimal::from(computers.len()));
        prop_assert!(days.is_some() || counts.orgs.iter().all(|org| org.left_out.is_empty()));
    }
}
