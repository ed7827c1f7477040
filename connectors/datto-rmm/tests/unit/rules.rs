//! The counting rule, one line a case, and over all records that can be.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn device(fields: &Value) -> Device {
    let mut whole = json!({ "uid": "d-1", "siteUid": "s-1" });
    whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn site(name: &str, on_demand: bool) -> Site {
    serde_json::from_value(json!({ "uid": "s-1", "name": name, "onDemand": on_demand })).unwrap()
}

#[test]
fn a_device_is_of_one_class() {
    let server = Some("Microsoft Windows SERVER 2019 Standard");
    for (class, category, system, expected) in [
        (Some("rmmnetworkdevice"), Some("Server"), None, &NETWORK),
        (Some("printer"), None, None, &PRINTERS),
        (Some("EsxiHost"), Some("ESXi Host"), None, &ESXI),
        (Some("unknown"), Some("Network Device"), server, &OTHER),
        (Some("device"), Some("Server"), None, &SERVERS),
        (Some("device"), Some("Desktop"), server, &WORKSTATIONS),
        (Some("device"), Some(" LAPTOP "), None, &WORKSTATIONS),
        (None, Some("Workstation"), None, &WORKSTATIONS),
        (Some("device"), Some("Network Device (Router)"), None, &NETWORK),
        (Some("device"), Some("Multifunction Printer"), None, &PRINTERS),
        (Some("device"), Some("VMware ESXi"), None, &ESXI),
        (Some("device"), Some("Appliance"), server, &SERVERS),
        (Some("device"), Some("Appliance"), Some("Linux"), &OTHER),
        (Some("device"), None, server, &SERVERS),
        (Some("device"), None, None, &OTHER),
        (Some("toaster"), None, None, &OTHER),
    ] {
        let kind = category.map(|category| json!({ "category": category }));
        let device = device(&json!({ "deviceClass": class, "deviceType": kind, "operatingSystem": system }));
        assert_eq!(device.class(), expected, "{class:?} {category:?} {system:?}");
    }
}

#[test]
fn system_sites_are_known_by_their_whole_names() {
    for (name, customer) in [
        ("Deleted Devices", false),
        ("DELETED DEVICES", false),
        ("Managed", false),
        ("OnDemand", false),
        ("Acme Managed IT", true),
        ("On Demand Printing", true),
    ] {
        assert_eq!(site(name, false).standing() == Standing::Customer, customer, "{name}");
    }
}

proptest! {
    #[test]
    fn every_device_counts_once_or_is_left_out_for_a_reason(
        class in "rmmnetworkdevice|printer|esxihost|device|unknown|[a-z ]{0,9}",
        category in proptest::option::of("Server|Desktop|Laptop|Network Device|Printer|ESXi Host|\\PC{0,12}"),
        system in proptest::option::of("Microsoft Windows Server|\\PC{0,12}"),
        deleted: Option<bool>,
        suspended: Option<bool>,
        last_seen: Option<i64>,
        exclude_suspended: bool,
        max_offline_days: Option<u32>,
        on_demand: bool,
        name in "Managed|Deleted Devices|[A-Z][a-z]{3,9}",
    ) {
        let device = device(&json!({
            "deviceClass": class, "deviceType": { "category": category }, "operatingSystem": system,
            "deleted": deleted, "suspended": suspended, "lastSeen": last_seen,
        }));
        let (site, now) = (site(&name, on_demand), "2026-11-01T06:00:00Z".parse().unwrap());
        let verdict = device.verdict(Some(&site), exclude_suspended, OfflineLimit::days(max_offline_days, now));
        let classes = verdict.metrics().iter().filter(|metric| ![&DEVICES, &ON_DEMAND].contains(metric)).count();
        prop_assert_eq!(classes, 1);
        prop_assert!(verdict.metrics().contains(&&DEVICES));
        prop_assert_eq!(verdict.metrics().contains(&&ON_DEMAND), on_demand);
        let gone = deleted == Some(true) || name == "Deleted Devices";
        prop_assert_eq!(verdict.reason() == Some(DELETED), gone);
        prop_assert!(verdict.reason().is_none() || gone || exclude_suspended || max_offline_days.is_some());
    }
}
