//! ConnectWise Asio against the conformance suite, in both generations of its API, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_connectwise_asio as _;
use tallysheet_core::{Code, Counted, Counts, ErrorKind, Level, Outcome, Result, Standing};
use tallysheet_testkit::{Case, Exchange, Org, TestWorld, conformance, counts, fixture};

const LARKSPUR: &str = "436f6d6d-616e-6420-4944-313030313233";
const QUARRY: &str = "436f6d6d-616e-6420-4944-313030313234";
const FOXGLOVE: &str = "436f6d6d-616e-6420-4944-313030313235";
const TIDEWATER: &str = "436f6d6d-616e-6420-4944-313030313236";
const OLD_MILL: &str = "436f6d6d-616e-6420-4944-313030313237";
const HARBOUR: &str = "436f6d6d-616e-6420-4944-313030313238";

const COMPANIES: &str = "/api/platform/v1/company/companies";
const ENDPOINTS: &str = "/api/platform/v1/device/endpoints";
const DEVICES: &str = "/api/platform/v2/device/categories/all/endpoints";

fn token(scope: &str) -> Exchange {
    Exchange::post("/v1/token")
        .token()
        .json(json!({
            "grant_type": "client_credentials", "client_id": "0e30-app", "client_secret": "planted-secret", "scope": scope,
        }))
        .reply(fixture!("token.json"))
        .means(423, Code::RateLimited)
}

/// The answer's link to the next page.
fn followed_by(exchange: Exchange, place: &str) -> Exchange {
    exchange.reply_header("link", &format!("<{{{{url}}}}{place}>; rel=\"next\""))
}

fn companies() -> [Exchange; 2] {
    [
        followed_by(Exchange::get(COMPANIES), &format!("{COMPANIES}?after=3"))
            .reply(fixture!("companies-1.json"))
            .counted_at("/0/id"),
        Exchange::get(COMPANIES).query("after", "3").reply(fixture!("companies-2.json")),
    ]
}

/// v1: one list of all devices, under its name or bare.
fn endpoints() -> [Exchange; 3] {
    let page = |index, rows_at, reply| {
        let call = Exchange::get(ENDPOINTS).page("endpoints", index, rows_at).reply(reply);
        if index == 0 { call } else { call.query("page", &index.to_string()) }
    };
    [
        followed_by(page(0, "/endpoints", fixture!("endpoints-1.json")), &format!("{ENDPOINTS}?page=1"))
            .counted_at("/endpoints/0/endpointId")
            .counted_at("/endpoints/0/clientId")
            .counted_at("/endpoints/0/endpointType"),
        followed_by(page(1, "/endpoints", fixture!("endpoints-2.json")), &format!("{ENDPOINTS}?page=2")),
        page(2, "", fixture!("endpoints-3.json")),
    ]
}

/// v2: a list of the devices of these companies.
fn devices(companies: &[&str], cursor: &str) -> Exchange {
    Exchange::post(DEVICES)
        .query("limit", "500")
        .query("cursor", cursor)
        .query("field", "endpointType,os")
        .json(json!({ "resourceType": "company", "resources": companies }))
}

fn v2_devices() -> [Exchange; 4] {
    let four = [LARKSPUR, QUARRY, FOXGLOVE, TIDEWATER];
    let page = |index, cursor, reply| devices(&four, cursor).page("devices", index, "/platform").reply(reply);
    let next = |cursor| format!("{DEVICES}?limit=500&cursor={cursor}&field=endpointType%2Cos");
    [
        followed_by(page(0, "0", fixture!("devices-1.json")), &next("500"))
            .tolerates(404)
            .counted_at("/platform/0/companyID")
            .counted_at("/platform/0/endpoints/0/endpointID"),
        followed_by(page(1, "500", fixture!("devices-2.json")), &next("1000")),
        page(2, "1000", fixture!("devices-3.json")),
        devices(&[OLD_MILL, HARBOUR], "0").reply(fixture!("devices-4.json")).tolerates(404),
    ]
}

const V1_SCOPE: &str = "platform.companies.read platform.asset.read";
const V2_SCOPE: &str = "platform.companies.read platform.devices.read";

fn case(settings: &Value, scope: &str, lists: impl IntoIterator<Item = Exchange>, expect: Vec<Org>) -> Case {
    let mut all = json!({ "client_id": "0e30-app", "client_secret": "planted-secret" });
    all.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap_or_default());
    Case {
        slug: "connectwise-asio",
        settings: all,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: [token(scope)].into_iter().chain(companies()).chain(lists).collect(),
        account: ("p-4711", Some("p-4711")),
        expect,
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 4]) -> Org {
    let labels = ["Workstations", "Servers", "Network devices", "Other devices"];
    labels.into_iter().zip(numbers).fold(Org::new(id, name), |org, (label, number)| org.number(label, number))
}

/// What v1 tells. A device stands on two pages.
fn v1_orgs() -> Vec<Org> {
    vec![
        org(LARKSPUR, "Larkspur Dental Group", ["2", "1", "1", "1"]),
        org(QUARRY, "Quarry Lane Legal LLP", ["1", "1", "0", "0"]),
        // Its dates are of the year 1: it is a customer, without devices.
        org(FOXGLOVE, "Foxglove Bakery", ["0"; 4]),
        org(TIDEWATER, "Tidewater Surveyors", ["0"; 4]).not_customer(),
        // Inactive, and still has a device.
        org(OLD_MILL, "Old Mill Hotel", ["1", "0", "0", "0"]),
        org(HARBOUR, "Harbour Chandlers", ["0"; 4]).not_customer(),
    ]
}

fn v2_orgs() -> Vec<Org> {
    let mut orgs = v1_orgs();
    orgs[0] = org(LARKSPUR, "Larkspur Dental Group", ["1", "1", "1", "1"]);
    orgs[4] = org(OLD_MILL, "Old Mill Hotel", ["1", "0", "0", "1"]);
    orgs
}

fn v1_case() -> Case {
    case(&json!({ "api_generation": "v1" }), V1_SCOPE, endpoints(), v1_orgs())
}

fn v2_case() -> Case {
    case(&json!({ "api_generation": "v2" }), V2_SCOPE, v2_devices(), v2_orgs())
}

#[tokio::test]
async fn conforms() {
    // Where v1 is refused, v2 is asked: a test of its own, below.
    let endpoints = endpoints().map(|page| page.tolerates(401).tolerates(403).tolerates(404));
    conformance(case(&json!({}), V1_SCOPE, endpoints, v1_orgs())).await;
}

#[tokio::test]
async fn conforms_with_v1_alone() {
    conformance(v1_case()).await;
}

#[tokio::test]
async fn conforms_with_v2_alone() {
    conformance(v2_case()).await;
}

#[tokio::test]
async fn where_v1_is_closed_or_gone_v2_is_asked_with_the_same_token() {
    for status in [401, 403, 404, 410] {
        let scope = "platform.companies.read platform.asset.read platform.devices.read";
        let [first, ..] = endpoints();
        let lists = [first.status(status)].into_iter().chain(v2_devices());
        let case = case(&json!({ "scope": scope }), scope, lists, Vec::new());
        let counts = counts(case, &TestWorld::new()).await.unwrap();
        assert_eq!(told(&counts), told(&self::counts(v2_case(), &TestWorld::new()).await.unwrap()), "{status}");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_is_read_again_by_v2_and_never_used_in_part() {
    let [first, second, _] = endpoints();
    let lists = [first, second.status(404)].into_iter().chain(v2_devices());
    let counts = counts(case(&json!({}), V1_SCOPE, lists, Vec::new()), &TestWorld::new()).await.unwrap();
    assert_eq!(told(&counts)[0].1, ["1"; 4]);
}

#[tokio::test]
async fn a_page_that_came_in_the_place_of_another_is_no_end() {
    let mut case = v1_case();
    case.exchanges.pop();
    case.exchanges.push(Exchange::get(ENDPOINTS).query("page", "2").reply(fixture!("endpoints-1.json")));
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn a_fault_of_v1_is_no_reason_to_ask_v2() {
    let [first, ..] = endpoints();
    let case = case(&json!({}), V1_SCOPE, [first.status(500)].into_iter().chain(v2_devices()), Vec::new());
    assert_eq!(failure(counts(case, &TestWorld::new()).await).0, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_locked_key_is_not_asked_for_a_token_again() {
    let mut case = v1_case();
    case.exchanges.insert(0, token(V1_SCOPE).status(423));
    let world = TestWorld::new();
    let (kind, message) = failure(counts(case, &world).await);
    assert_eq!(kind, ErrorKind::RateLimited);
    assert!(message.contains("too many tokens"), "{message}");
    assert!(world.slept().is_empty());
}

/// v2 with one batch of four and one of two; the second batch answers `second`, and each of the two alone as given.
fn batches(second: u16, alone: [Exchange; 2]) -> Case {
    let [first, middle, last, rest] = v2_devices();
    let mut case = v2_case();
    case.exchanges.splice(3.., [first, middle, last, rest.status(second)].into_iter().chain(alone));
    case
}

#[tokio::test]
async fn a_404_for_several_companies_is_asked_again_one_by_one() {
    let of_old_mill = devices(&[OLD_MILL], "0").reply(fixture!("devices-4.json"));
    let case = batches(404, [of_old_mill, devices(&[HARBOUR], "0").status(404)]);
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    assert_eq!(told(&counts)[4].1, ["1", "0", "0", "1"]);
    assert_eq!(told(&counts)[5].1, ["0"; 4]);
}

#[tokio::test]
async fn a_404_for_every_company_is_not_taken_for_zero() {
    let mut case = v2_case();
    let all = [LARKSPUR, QUARRY, FOXGLOVE, TIDEWATER, OLD_MILL, HARBOUR];
    let batches = [&all[..4], &all[4..]].into_iter().chain(all.chunks(1));
    case.exchanges.splice(3.., batches.map(|ids| devices(ids, "0").status(404)));
    assert_eq!(failure(counts(case, &TestWorld::new()).await).0, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_full_page_of_v2_without_a_link_is_an_error() {
    let endpoints =
        |n: usize| (0..n).map(|n| json!({ "endpointID": n, "endpointType": "Desktop" })).collect::<Vec<_>>();
    for (rows, kind) in [(499, None), (500, Some(ErrorKind::BadResponse))] {
        let mut case = v2_case();
        let page = json!({ "platform": [{ "companyID": QUARRY, "endpoints": endpoints(rows) }] });
        let four = devices(&[LARKSPUR, QUARRY, FOXGLOVE, TIDEWATER], "0").reply(page);
        let [.., rest] = v2_devices();
        case.exchanges.splice(3.., [four, rest]);
        assert_eq!(counts(case, &TestWorld::new()).await.err().map(|error| error.kind()), kind, "{rows}");
    }
}

#[tokio::test]
async fn a_device_without_a_type_is_told() {
    let counts = counts(v2_case(), &TestWorld::new()).await.unwrap();
    let warning = counts.notices.iter().find(|notice| notice.code == Some(Code::MissingValue)).unwrap();
    assert!(warning.level == Level::Warning && warning.message.starts_with("4 devices"), "{}", warning.message);
}

#[tokio::test]
async fn an_inactive_company_with_devices_is_told_and_one_without_gets_no_row() {
    let counts = counts(v1_case(), &TestWorld::new()).await.unwrap();
    let told: Vec<_> = counts.notices.iter().filter_map(|notice| notice.company.as_deref()).collect();
    assert_eq!(told, ["Old Mill Hotel"]);
    let aside = counts.orgs.iter().filter(|org| org.standing != Standing::Customer);
    assert_eq!(aside.map(|org| org.org.id.as_str()).collect::<Vec<_>>(), [TIDEWATER, HARBOUR]);
}

/// What comes out where v1 lists one desktop for each of these company ids.
async fn owned_by(ids: &[&str]) -> Counts {
    let row = |(n, id): (usize, &&str)| json!({ "endpointId": n, "clientId": id, "endpointType": "Desktop" });
    let rows: Vec<Value> = ids.iter().enumerate().map(row).collect();
    let list = Exchange::get(ENDPOINTS).reply(json!(rows));
    counts(case(&json!({}), V1_SCOPE, [list], Vec::new()), &TestWorld::new()).await.unwrap()
}

#[tokio::test]
async fn devices_that_name_companies_by_number_or_by_another_products_id_find_them() {
    let counts = owned_by(&["19304", "100124", "100124"]).await;
    let told = told(&counts);
    assert_eq!((told.len(), told[0].1[0].as_str(), told[1].1[0].as_str()), (6, "1", "2"));
    assert!(counts.notices.iter().any(|notice| notice.message.contains("other company ids")));
}

#[tokio::test]
async fn where_one_id_is_known_or_one_is_not_clear_nothing_is_guessed_and_nothing_dropped() {
    for ids in [["19304", LARKSPUR], ["19304", "999"]] {
        let told = told(&owned_by(&ids).await);
        let strangers = told.iter().filter(|(id, _)| !id.starts_with("436f"));
        assert_eq!(strangers.count(), ids.iter().filter(|id| **id != LARKSPUR).count(), "{ids:?}");
        let all: Vec<&str> = told.iter().map(|(_, numbers)| numbers[0].as_str()).filter(|n| *n == "1").collect();
        assert_eq!(all.len(), 2, "{ids:?}: {told:?}");
    }
}

/// Each org with its numbers.
fn told(counts: &Counts) -> Vec<(String, Vec<String>)> {
    let number = |outcome: &Outcome| if let Outcome::Number(number) = outcome { number.to_string() } else { panic!() };
    let numbers = |counted: &Counted| match counted {
        Counted::Each(values) => values.iter().map(|(_, outcome)| number(outcome)).collect(),
        Counted::Whole(whole) => panic!("{whole:?}"),
    };
    counts.orgs.iter().map(|org| (org.org.id.clone(), numbers(&org.counted))).collect()
}

fn failure(counts: Result<Counts>) -> (ErrorKind, String) {
    let error = counts.expect_err("it must fail");
    (error.kind(), error.to_string())
}
