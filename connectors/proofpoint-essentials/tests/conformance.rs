//! Proofpoint Essentials against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::time::Duration;
use tallysheet_connector_proofpoint_essentials as _;
use tallysheet_core::{Code, Counts, ErrorKind, Hint, Level, OrgCounts, Standing};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

const SEABRIGHT: &str = "510090";

fn list(partner: &str) -> Exchange {
    Exchange::get(format!("/orgs/{partner}/orgs"))
}

/// The settings, with `further` ones.
fn settings(further: &Value) -> Value {
    let mut settings = json!({
        "partner": "northgate.example", "username": "counting@northgate.example", "password": "planted-password",
    });
    settings.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap_or_default());
    settings
}

fn case() -> Case {
    Case {
        slug: "proofpoint-essentials",
        settings: settings(&Value::Null),
        auth: vec![("x-user", "counting@northgate.example"), ("x-password", "planted-password")],
        exchanges: vec![
            Exchange::get("/me").check().reply(fixture!("me.json")),
            list("northgate.example")
                .reply(fixture!("orgs.json"))
                .counted_at("/orgs/1/active_users")
                .counted_at("/orgs/1/user_licenses")
                .counted_at("/orgs/1/licensing_package"),
            // What a reseller cannot tell concerns the reseller only.
            list("seabright.example")
                .reply(fixture!("orgs-seabright.json"))
                .scope(SEABRIGHT)
                .counted_at("/orgs/0/active_users")
                .counted_at("/orgs/0/user_licenses"),
            list("inlet.example").reply(fixture!("orgs-inlet.json")).scope(SEABRIGHT),
        ],
        account: ("northgate.example", None),
        expect: vec![
            // Listed twice, counted once; a domain that is active no more is not its own.
            org("510023", "Larkspur Dental Group", ["41", "50", "0"], "business")
                .domain("larkspurdental.example")
                .domain("larkspur.example"),
            // Numbers and flags as text; more users than seats.
            org("510024", "Quarry Lane Legal LLP", ["62", "50", "0"], "Business_Plus").domain("quarrylane.example"),
            org("510025", "Foxglove Bakery", ["0", "5", "0"], "business").domain("foxglove.example"),
            Org::new("510026", "Tidewater Surveyors")
                .domain("tidewater.example")
                .value("Active users", Expected::LeftOut)
                .value("Licenses", Expected::LeftOut)
                .number("Trial users", "12")
                .value("Package", Expected::LeftOut)
                .left_out("Active users", "12")
                .left_out("Licenses", "15"),
            Org::new("510027", "Old Mill Garden Centre")
                .domain("oldmill.example")
                .value("Active users", Expected::LeftOut)
                .value("Licenses", Expected::LeftOut)
                .value("Trial users", Expected::LeftOut)
                .value("Package", Expected::LeftOut)
                .left_out("Active users", "3")
                .left_out("Licenses", "10"),
            Org::new("510028", "Harbour Lights Hotel")
                .domain("harbour.example")
                .value("Active users", Expected::Failed(Code::MissingValue))
                .number("Licenses", "25")
                .number("Trial users", "0")
                .value("Package", Expected::Text("business")),
            // Its customers and those of the partner below it together, but for one on trial: not its own number.
            Org::new(SEABRIGHT, "Seabright Hosting")
                .domain("seabright.example")
                .not_customer()
                .number("Active users", "37")
                .number("Licenses", "44"),
            org("elmhurst.example", "Elmhurst School", ["8", "8", "0"], "business").domain("elmhurst.example"),
        ],
        errors_in_200: vec![
            (json!({}), Code::BadResponse),
            (json!({ "orgs": null }), Code::BadResponse),
            (json!([]), Code::BadResponse),
            (json!({ "message": "Please sign in" }), Code::BadResponse),
        ],
        skips: vec![("pages", "the vendor sends everything in one answer")],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 3], package: &'static str) -> Org {
    let labels = ["Active users", "Licenses", "Trial users"];
    let org =
        labels.into_iter().zip(numbers).fold(Org::new(id, name), |org, (label, number)| org.number(label, number));
    org.value("Package", Expected::Text(package))
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn trials_count_on_request() {
    let mut case = Case { settings: settings(&json!({ "count_trials": true })), ..case() };
    case.expect[3] = org("510026", "Tidewater Surveyors", ["12", "15", "12"], "advanced").domain("tidewater.example");
    case.expect[6] = Org::new(SEABRIGHT, "Seabright Hosting")
        .domain("seabright.example")
        .not_customer()
        .number("Active users", "47")
        .number("Licenses", "54");
    assert_eq!(examine(case).await, []);
}

/// What the partner's own list and those of the partners below it answer.
async fn counted(partner: &str, lists: Vec<Exchange>) -> Counts {
    let settings = settings(&json!({ "partner": partner }));
    counts(Case { settings, exchanges: lists, ..case() }, &TestWorld::new()).await.unwrap()
}

fn row(eid: u64, kind: &str, above: &[u64]) -> Value {
    let hierarchy: Vec<String> = [eid].iter().chain(above).map(|eid| format!("{eid} : 'Org {eid}'")).collect();
    json!({ "eid": eid, "primary_domain": format!("{eid}.example"), "name": format!("Org {eid}"), "type": kind,
        "organization_hierarchy": hierarchy, "active_users": eid, "user_licenses": eid })
}

fn rows(rows: &[&Value]) -> Value {
    json!({ "orgs": rows })
}

/// The ids that get a row, and the others, each with its active users.
fn told(counts: &Counts) -> [Vec<String>; 2] {
    let told = |org: &OrgCounts| match org.failure() {
        Some(failure) => format!("{}: {}", org.org.id, failure.code),
        None => format!("{}: {}", org.org.id, org.held(&ACTIVE, "")),
    };
    let of = |is_customer| {
        let orgs = counts.orgs.iter().filter(|org| (org.standing == Standing::Customer) == is_customer);
        orgs.map(told).collect()
    };
    [of(true), of(false)]
}

static ACTIVE: tallysheet_core::MetricDef = tallysheet_core::MetricDef::number("Active users", "users");

#[tokio::test]
async fn a_list_of_all_levels_gives_the_same_rows_as_one_of_the_next_level() {
    let (own, reseller, deeper) = (row(1, "organization", &[7]), row(2, "channel", &[7]), row(3, "channel", &[2, 7]));
    let (theirs, deepest) = (row(20, "organization", &[2, 7]), row(30, "organization", &[3, 2, 7]));
    let of_deeper = || list("3.example").reply(rows(&[&deepest]));
    let by_level = vec![
        list("northgate.example").reply(rows(&[&own, &reseller])),
        list("2.example").reply(rows(&[&theirs, &deeper])),
        of_deeper(),
    ];
    let flat = vec![
        list("northgate.example").reply(rows(&[&own, &deepest, &theirs, &deeper, &reseller])),
        list("2.example").reply(rows(&[&deepest, &theirs, &deeper])),
        of_deeper(),
    ];
    for lists in [by_level, flat] {
        let expected = [vec!["1: 1".to_owned()], vec!["2: 50".to_owned()]];
        assert_eq!(told(&counted("northgate.example", lists).await), expected);
    }
}

#[tokio::test]
async fn whose_list_fails_is_told_by_the_hierarchy_and_stops_nobody_else() {
    let (own, reseller, theirs) =
        (row(1, "organization", &[7]), row(2, "channel", &[7]), row(20, "organization", &[2, 7]));
    let lists = |refusal: Exchange| vec![list("northgate.example").reply(rows(&[&own, &reseller, &theirs])), refusal];
    for (refusal, code) in [
        (list("2.example").status(404), "not-found"),
        (list("2.example").status(403), "forbidden"),
        // A list that names the partner itself is another's.
        (list("2.example").reply(rows(&[&reseller, &own])), "bad-response"),
    ] {
        let expected = [vec!["1: 1".to_owned()], vec![format!("2: {code}")]];
        assert_eq!(told(&counted("northgate.example", lists(refusal)).await), expected);
    }
}

#[tokio::test]
async fn the_partner_itself_is_no_reseller_below_itself() {
    let (own, partner) = (row(1, "organization", &[7]), row(7, "channel", &[]));
    for name in ["7.EXAMPLE", "7"] {
        let counts = counted(name, vec![list(name).reply(rows(&[&partner, &own]))]).await;
        assert_eq!(told(&counts), [vec!["1: 1".to_owned()], vec![]]);
    }
}

#[tokio::test]
async fn a_partner_is_asked_for_once_even_where_two_name_each_other() {
    let (first, second) = (row(2, "channel", &[7]), row(3, "channel", &[7]));
    let lists = vec![
        list("northgate.example").reply(rows(&[&first])),
        list("2.example").reply(rows(&[&second])),
        list("3.example").reply(rows(&[&first, &row(30, "organization", &[])])),
    ];
    assert_eq!(told(&counted("northgate.example", lists).await)[0], Vec::<String>::new());
}

#[tokio::test]
async fn one_organisation_with_two_numbers_is_no_number() {
    let (one, mut other) = (row(1, "organization", &[]), row(1, "organization", &[]));
    other["active_users"] = json!(2);
    let case = Case { exchanges: vec![list("northgate.example").reply(rows(&[&one, &other]))], ..case() };
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn a_mark_that_is_none_fails_its_organisation_alone() {
    let good = row(7, "organization", &[]);
    for (mark, odd) in [("is_on_trial", json!(-3)), ("is_on_trial", json!({})), ("is_active", json!("perhaps"))] {
        let mut bad = row(8, "organization", &[]);
        bad[mark] = odd;
        let counts = counted("11", vec![list("11").reply(rows(&[&good, &bad]))]).await;
        let failed: Vec<_> = counts.orgs.iter().filter_map(|org| Some((&*org.org.id, org.failure()?.code))).collect();
        assert_eq!(failed, [("8", Code::BadResponse)], "{mark}");
    }
}

#[tokio::test]
async fn an_organisation_without_id_and_domain_is_an_error() {
    let reply = rows(&[&json!({ "name": "Acme", "type": "organization", "active_users": 1 })]);
    let case = Case { exchanges: vec![list("northgate.example").reply(reply)], ..case() };
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap_err().kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn what_needs_care_is_told() {
    let warnings = |counts: &Counts| -> Vec<String> {
        assert!(counts.notices.iter().all(|notice| notice.level == Level::Warning));
        counts.notices.iter().map(|notice| notice.message.clone()).collect()
    };
    let all = counts(case(), &TestWorld::new()).await.unwrap();
    assert_eq!(warnings(&all), ["Old Mill Garden Centre is not active, and has 3 active users: they do not count"]);
    let none = counted("northgate.example", vec![list("northgate.example").reply(rows(&[]))]).await;
    assert!(none.orgs.is_empty() && warnings(&none)[0].contains("is this the stack"), "{none:?}");

    let case = Case { exchanges: vec![list("northgate.example").status(404)], ..case() };
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert!(error.to_string().contains("`partner`") && error.to_string().contains("the stack"), "{error}");
}

#[tokio::test]
async fn a_partner_known_by_an_id_is_asked_by_it_and_an_administrators_domain_is_a_hint() {
    let id = "0f0f0f0f-0000-4000-8000-000000000001";
    let mut own = row(1, "organization", &[]);
    own["admin_user"] = json!({ "primary_email": "help@consultant.example" });
    let counts = counted(id, vec![list(id).reply(rows(&[&own]))]).await;
    assert_eq!(counts.orgs[0].org.hints, [Hint::Domain("consultant.example".to_owned())]);
    assert_eq!(counts.orgs[0].org.domains, ["1.example"]);
}

#[tokio::test]
async fn the_login_of_one_organisation_is_refused_by_check() {
    let checked = |me: Value| async move {
        let mut case = case();
        case.exchanges[0] = Exchange::get("/me").check().reply(me);
        examine(case).await
    };
    let refused = checked(json!({ "type": "organization_admin", "entity_primary_domain": "acme.example" })).await;
    assert!(refused.iter().any(|failure| failure.step == "check" && failure.message.contains("channel admin")));
    let nameless = checked(json!({ "type": "channel_admin" })).await;
    assert!(nameless.iter().any(|failure| failure.message.contains("counting@northgate.example")), "{nameless:?}");
}

#[tokio::test]
async fn a_429_without_a_wait_is_waited_out_for_three_seconds() {
    let own = row(1, "organization", &[]);
    let partner = || list("northgate.example");
    let case = Case { exchanges: vec![partner().status(429), partner().reply(rows(&[&own]))], ..case() };
    let world = TestWorld::new();
    assert_eq!(counts(case, &world).await.unwrap().orgs.len(), 1);
    assert!(world.slept()[0] >= Duration::from_secs(3), "{:?}", world.slept());
}
