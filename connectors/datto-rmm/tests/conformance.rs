//! Datto RMM against the conformance suite, and its own traps.

use serde_json::{Value, json};
use std::time::Duration;
use tallysheet_connector_datto_rmm as _;
use tallysheet_core::{Code, Counts, Decimal, ErrorKind, MetricDef, OrgCounts, Standing};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const LARKSPUR: &str = "5f0c2b1e-1111-4222-8333-000000000001";
const QUARRY: &str = "5f0c2b1e-1111-4222-8333-000000000002";
const FOXGLOVE: &str = "5f0c2b1e-1111-4222-8333-000000000003";
const TIDEWATER: &str = "5f0c2b1e-1111-4222-8333-000000000004";
const OLD_MILL: &str = "5f0c2b1e-1111-4222-8333-000000000005";
const MANAGED: &str = "5f0c2b1e-1111-4222-8333-000000000006";
const ON_DEMAND: &str = "5f0c2b1e-1111-4222-8333-000000000007";
const LABELS: [&str; 8] = [
    "Devices",
    "Workstations",
    "Servers",
    "Network devices",
    "Printers",
    "ESXi hosts",
    "Other devices",
    "On-demand devices",
];

const DEFAULT: &[&str] = &["Devices", "Workstations", "Servers", "Network devices"];

fn token() -> Exchange {
    Exchange::post("/auth/oauth/token")
        .token()
        .header("authorization", "Basic cHVibGljLWNsaWVudDpwdWJsaWM=")
        .form(&[("grant_type", "password"), ("username", "planted-key"), ("password", "planted-secret & more")])
        .reply(fixture!("token.json"))
}

/// A page of a list; the links of the vendor lose `max`, and it must not be lost.
fn list(path: &str, page: Option<&str>) -> Exchange {
    let call = Exchange::get(path).query("max", "250");
    page.map_or(call.clone(), |page| call.query("page", page))
}

fn sites(page: Option<&str>) -> Exchange {
    list("/api/v2/account/sites", page).total_at("/pageDetails/totalCount")
}

fn devices(index: usize, page: Option<&str>) -> Exchange {
    list("/api/v2/account/devices", page).page("devices", index, "/devices")
}

fn case(further: Value) -> Case {
    let mut settings = json!({ "api_key": "planted-key", "api_secret": "planted-secret & more" });
    if let (Some(settings), Value::Object(further)) = (settings.as_object_mut(), further) {
        settings.extend(further);
    }
    Case {
        slug: "datto-rmm",
        settings,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            token(),
            Exchange::get("/api/v2/account").check().reply(fixture!("account.json")),
            sites(None).reply(fixture!("sites-1.json")).counted_at("/sites/0/onDemand"),
            sites(Some("1")).reply(fixture!("sites-2.json")),
            devices(0, None).reply(fixture!("devices-1.json")).counted_at("/devices/0/siteUid"),
            devices(1, Some("1")).reply(fixture!("devices-2.json")),
            devices(2, Some("2")).reply(fixture!("devices-3.json")),
            list(&format!("/api/v2/site/{OLD_MILL}/devices"), None)
                .scope(OLD_MILL)
                .reply(fixture!("devices-depot.json")),
        ],
        account: ("Northgate IT", Some("acc1")),
        expect: vec![
            // One of each class; a printer stands on two pages; suspended and offline ones hold a licence.
            org(LARKSPUR, "Larkspur Dental", ["8", "2", "2", "1", "1", "1", "1", "0"])
                .psa_id("autotask", "29683")
                .left_out("Devices", "1")
                .left_out("Workstations", "1"),
            org(QUARRY, "Quarry Managed IT", ["2", "1", "0", "1", "0", "0", "0", "0"]),
            org(FOXGLOVE, "Foxglove Bakery", ["0"; 8]),
            on_demand(),
            // The account's list has one of its three devices.
            org(OLD_MILL, "Old Mill - Depot", ["3", "1", "1", "0", "1", "0", "0", "0"])
                .left_out("Devices", "1")
                .left_out("Workstations", "1"),
            org(MANAGED, "Managed", ["1", "1", "0", "0", "0", "0", "0", "0"]).not_customer(),
            org(ON_DEMAND, "onDemand", ["1", "1", "0", "0", "0", "0", "0", "1"]).not_customer(),
            // Its uid is no GUID, and it is never asked for.
            org("deleted-devices", "Deleted Devices", ["0"; 8])
                .not_customer()
                .left_out("Devices", "2")
                .left_out("Workstations", "1")
                .left_out("Servers", "1"),
        ],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 8]) -> Org {
    LABELS.into_iter().zip(numbers).fold(Org::new(id, name), |org, (label, number)| org.number(label, number))
}

/// Its devices are under another licence: blank, not zero, in all columns but the last.
fn on_demand() -> Org {
    let org = Org::new(TIDEWATER, "Tidewater Surveyors").psa_id("autotask", "29690").number("On-demand devices", "2");
    let org = LABELS[..7].iter().fold(org, |org, label| org.value(label, Expected::LeftOut));
    org.left_out("Devices", "2").left_out("Workstations", "2")
}

#[tokio::test]
async fn conforms() {
    conformance(case(Value::Null)).await;
}

#[tokio::test]
async fn suspended_devices_are_left_out_on_request() {
    let mut case = case(json!({ "exclude_suspended": true }));
    case.expect[0] = without_the_laptop();
    conformance(case).await;
}

#[tokio::test]
async fn devices_not_seen_for_long_are_left_out_on_request() {
    let mut case = case(json!({ "max_offline_days": 30 }));
    // The network device was never seen, as far as the vendor tells, and counts.
    case.expect[0] = without_the_laptop();
    conformance(case).await;
}

fn without_the_laptop() -> Org {
    org(LARKSPUR, "Larkspur Dental", ["7", "1", "2", "1", "1", "1", "1", "0"])
        .psa_id("autotask", "29683")
        .left_out("Devices", "2")
        .left_out("Workstations", "2")
}

#[tokio::test]
async fn a_site_that_is_asked_itself_is_told() {
    let counts = counts(case(Value::Null), &TestWorld::new()).await.unwrap();
    let told: Vec<_> = counts.notices.iter().map(|notice| (notice.code, notice.company.as_deref())).collect();
    assert_eq!(told, [(Some(Code::TotalDiffers), Some("Old Mill - Depot"))]);
    let message = &counts.notices[0].message;
    assert!(message.contains("has 1 of its devices, it states 3"), "{message}");
}

#[tokio::test]
async fn a_site_whose_own_list_is_short_too_fails_alone() {
    let mut case = case(Value::Null);
    let mut page = fixture!("devices-depot.json");
    page["pageDetails"]["totalCount"] = json!(7);
    case.exchanges.pop();
    case.exchanges.push(list(&format!("/api/v2/site/{OLD_MILL}/devices"), None).reply(page));
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let failed: Vec<_> = counts.orgs.iter().filter_map(|org| Some((&*org.org.name, org.failure()?.code))).collect();
    assert_eq!(failed, [("Old Mill - Depot", Code::TotalDiffers)]);
}

#[tokio::test]
async fn a_device_of_a_site_that_is_not_listed_is_not_dropped() {
    let mut case = case(Value::Null);
    case.exchanges.truncate(4);
    case.exchanges[2] = sites(None).reply(json!({ "pageDetails": { "nextPageUrl": null }, "sites": [] }));
    case.exchanges[3] = list("/api/v2/account/devices", None).reply(fixture!("devices-stray.json"));
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    assert_eq!(counts.orgs.len(), 1);
    assert_eq!(counts.orgs[0].org.id, "5f0c2b1e-1111-4222-8333-0000000000ff");
}

/// What the vendor answers where it has these sites and these devices.
fn listing(further: Value, sites_rows: &[Value], devices: &[Value]) -> Case {
    let mut case = case(further);
    case.exchanges.truncate(2);
    case.exchanges.push(sites(None).reply(json!({ "pageDetails": {}, "sites": sites_rows })));
    let devices = json!({ "pageDetails": {}, "devices": devices });
    case.exchanges.push(list("/api/v2/account/devices", None).reply(devices));
    case
}

async fn counted(case: Case) -> Counts {
    counts(case, &TestWorld::new()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// How many an org holds, counted or left out.
fn held(org: &OrgCounts, label: &'static str) -> Decimal {
    org.held(&MetricDef { default: DEFAULT.contains(&label), ..MetricDef::number(label, "devices") }, "")
}

#[tokio::test]
async fn a_device_is_of_one_class() {
    let server = Some("Microsoft Windows SERVER 2019 Standard");
    let rules = [
        (Some("rmmnetworkdevice"), Some("Server"), None, "Network devices"),
        (Some("printer"), None, None, "Printers"),
        (Some("EsxiHost"), Some("ESXi Host"), None, "ESXi hosts"),
        (Some("unknown"), Some("Network Device"), server, "Other devices"),
        (Some("device"), Some("Server"), None, "Servers"),
        (Some("device"), Some("Desktop"), server, "Workstations"),
        (Some("device"), Some(" LAPTOP "), None, "Workstations"),
        (None, Some("Workstation"), None, "Workstations"),
        (Some("device"), Some("Network Device (Router)"), None, "Network devices"),
        (Some("device"), Some("Multifunction Printer"), None, "Printers"),
        (Some("device"), Some("VMware ESXi"), None, "ESXi hosts"),
        (Some("device"), Some("Appliance"), server, "Servers"),
        (Some("device"), Some("Appliance"), Some("Linux"), "Other devices"),
        (Some("device"), None, server, "Servers"),
        (Some("device"), None, None, "Other devices"),
        (Some("toaster"), None, None, "Other devices"),
    ];
    // Each at a site of its own.
    let device = |(index, (class, category, system, _)): (usize, &(_, Option<&str>, _, _))| {
        let kind = category.map(|category| json!({ "category": category }));
        json!({ "uid": index, "siteUid": index, "deviceClass": class, "deviceType": kind, "operatingSystem": system })
    };
    let devices: Vec<Value> = rules.iter().enumerate().map(device).collect();
    let counts = counted(listing(Value::Null, &[], &devices)).await;
    for (index, rule) in rules.iter().enumerate() {
        let org = counts.orgs.iter().find(|org| org.org.id == index.to_string()).unwrap();
        let classes: Vec<&str> = LABELS.into_iter().filter(|label| held(org, label) == Decimal::ONE).collect();
        assert_eq!(classes, ["Devices", rule.3], "{rule:?}");
    }
}

#[tokio::test]
async fn every_device_counts_once_or_is_left_out_for_a_reason() {
    let sites = [("Acme Managed IT", false), ("On Demand Printing", true), ("DELETED DEVICES", false)];
    let sites = sites.map(|(name, on_demand)| json!({ "uid": name, "name": name, "onDemand": on_demand }));
    let mut devices = Vec::new();
    for class in ["rmmnetworkdevice", "device", "unknown", "toaster"] {
        for category in [json!(null), json!({ "category": "Laptop" }), json!({ "category": null })] {
            for (deleted, suspended) in [(None, None), (Some(true), Some(false)), (Some(false), Some(true))] {
                for (last_seen, site) in
                    [None, Some(1_500_000_000)].into_iter().flat_map(|at| sites.iter().map(move |s| (at, s)))
                {
                    devices.push(json!({ "uid": devices.len(), "siteUid": site["uid"], "deviceClass": class,
                        "deviceType": category, "deleted": deleted, "suspended": suspended, "lastSeen": last_seen }));
                }
            }
        }
    }
    let each = Decimal::from(devices.len() / sites.len());
    for settings in [json!({}), json!({ "exclude_suspended": true, "max_offline_days": 30 })] {
        for org in counted(listing(settings, &sites, &devices)).await.orgs {
            assert_eq!(held(&org, "Devices"), each);
            assert_eq!(LABELS[1..7].iter().map(|label| held(&org, label)).sum::<Decimal>(), each);
            let is_bin = org.org.name == "DELETED DEVICES";
            let all = MetricDef::number("Devices", "devices");
            assert_eq!(
                org.held(&all, "deleted"),
                if is_bin { 0.into() } else { each * Decimal::TWO / Decimal::from(3) }
            );
            let is_on_demand = org.org.name == "On Demand Printing";
            assert_eq!(held(&org, "On-demand devices"), if is_on_demand { each } else { Decimal::ZERO });
        }
    }
}

#[tokio::test]
async fn system_sites_are_known_by_their_whole_names() {
    let names = ["Deleted Devices", "DELETED DEVICES", "Managed", "OnDemand", "Acme Managed IT", "On Demand Printing"];
    let sites = names.map(|name| json!({ "uid": name, "name": name, "onDemand": false }));
    let orgs = counted(listing(Value::Null, &sites, &[])).await.orgs;
    let customers: Vec<&str> =
        orgs.iter().filter(|org| org.standing == Standing::Customer).map(|org| &*org.org.name).collect();
    assert_eq!(customers, names[4..]);
    assert_eq!(orgs.len(), names.len());
}

/// The answers to the list of sites, one after another, before the good one.
async fn after(statuses: &[u16]) -> (tallysheet_core::Result<Counts>, Vec<Duration>) {
    let mut case = case(Value::Null);
    let refused = statuses.iter().map(|status| sites(None).status(*status));
    case.exchanges.splice(2..2, refused);
    let world = TestWorld::new();
    (counts(case, &world).await, world.slept())
}

#[tokio::test]
async fn a_429_waits_for_a_minute_and_a_block_for_five() {
    let (counts, slept) = after(&[429, 403]).await;
    assert_eq!(counts.unwrap().orgs.len(), 8);
    assert!(slept[0] >= Duration::from_mins(1), "{slept:?}");
    assert_eq!(slept[1], Duration::from_mins(5), "{slept:?}");
}

#[tokio::test]
async fn a_403_without_a_429_before_it_is_a_missing_right() {
    let (counts, slept) = after(&[403]).await;
    assert_eq!(counts.map_err(|error| error.kind()).unwrap_err(), ErrorKind::Forbidden);
    assert!(slept.is_empty());
}
