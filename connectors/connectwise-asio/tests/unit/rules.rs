//! The counting rule, one line a case, and over all records that can be.

use super::*;
use proptest::prelude::*;

fn device(category: &str, kind: Option<&str>, system: Option<&str>) -> Device {
    let row =
        json!({ "endpointId": "e-1", "endpointType": kind, "os": system.map(|system| json!({ "product": system })) });
    let mut device: Device = serde_json::from_value(row).unwrap();
    category.clone_into(&mut device.category);
    device
}

#[test]
fn a_device_is_of_one_class() {
    let server = Some("Microsoft Windows SERVER 2022");
    for (category, kind, system, expected) in [
        ("", Some("Desktop"), server, &WORKSTATIONS),
        ("platform", Some(" LAPTOP "), None, &WORKSTATIONS),
        ("platform", Some("Workstation"), None, &WORKSTATIONS),
        ("", Some("server"), Some("Windows 11"), &SERVERS),
        ("", Some("NetworkDevice"), None, &NETWORK),
        ("network", None, server, &NETWORK),
        ("network", Some("Desktop"), None, &NETWORK),
        ("cloud", Some("Desktop"), server, &OTHER),
        ("cloud", None, None, &OTHER),
        ("platform", None, server, &SERVERS),
        ("platform", Some(""), Some("macOS 15"), &WORKSTATIONS),
        ("platform", None, Some(" "), &OTHER),
        ("platform", None, None, &OTHER),
        ("platform", Some("Printer"), server, &OTHER),
    ] {
        assert_eq!(device(category, kind, system).class(), expected, "{category} {kind:?} {system:?}");
    }
}

proptest! {
    #[test]
    fn every_device_counts_exactly_once(
        category in "platform|network|cloud|[a-z]{0,6}",
        kind in proptest::option::of("Desktop|Server|NetworkDevice|\\PC{0,9}"),
        system in proptest::option::of("Windows Server 2022|\\PC{0,9}"),
    ) {
        let device = device(&category, kind.as_deref(), system.as_deref());
        let verdict = Verdict::counted([device.class()]);
        prop_assert!(verdict.reason().is_none() && verdict.metrics().len() == 1);
        prop_assert!(METRICS.contains(&verdict.metrics()[0]));
        prop_assert!(category != "cloud" || verdict.metrics() == [&OTHER]);
    }
}
