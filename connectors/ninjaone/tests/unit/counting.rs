//! The counting rule, one line a case, and over all records that can be.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn device(fields: &Value) -> Device {
    let mut whole = json!({ "id": 1, "organizationId": 3 });
    whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn offline(days: Option<u32>) -> OfflineLimit {
    OfflineLimit::days(days, "2026-11-01T06:00:00Z".parse().unwrap())
}

#[test]
fn a_device_is_of_one_class() {
    for (metric, classes) in [
        (&WORKSTATIONS, "WINDOWS_WORKSTATION MAC LINUX_WORKSTATION mac"),
        (&SERVERS, "WINDOWS_SERVER LINUX_SERVER MAC_SERVER Windows_Server"),
        (&VM_HOSTS, "VMWARE_VM_HOST HYPERV_VMM_HOST"),
        (&VM_GUESTS, "VMWARE_VM_GUEST HYPERV_VMM_GUEST"),
        (&MOBILE, "ANDROID APPLE_IOS APPLE_IPADOS"),
        (&CLOUD, "CLOUD_MONITOR_TARGET"),
        (&OTHER, "MANAGED_DEVICE UNMANAGED_DEVICE MAC_MINI NMS TOASTER"),
        (
            &NETWORK,
            "NMS_SWITCH NMS_ROUTER NMS_FIREWALL NMS_PRIVATE_NETWORK_GATEWAY NMS_PRINTER NMS_SCANNER NMS_DIAL_MANAGER \
             NMS_WAP NMS_IPSLA NMS_COMPUTER NMS_VM_HOST NMS_APPLIANCE NMS_OTHER NMS_SERVER NMS_PHONE \
             NMS_VIRTUAL_MACHINE NMS_NETWORK_MANAGEMENT_AGENT NMS_SOMETHING_NEW",
        ),
    ] {
        for class in classes.split_whitespace() {
            let verdict = device(&json!({ "nodeClass": class })).verdict(false, offline(None));
            assert_eq!(verdict.metrics(), [metric], "{class}");
            assert_eq!(verdict.reason(), (class == "UNMANAGED_DEVICE").then_some("unmanaged"), "{class}");
        }
    }
}

#[test]
fn only_what_is_approved_counts() {
    for (status, reason) in [
        (json!("APPROVED"), None),
        (json!(" approved"), None),
        (Value::Null, None),
        (json!("PENDING"), Some("waiting for approval")),
        (json!("STAGED"), Some("staged")),
        (json!("DECOMMISSIONED"), Some("decommissioned")),
        (json!("ON_LOAN"), Some("of an approval status that is not known")),
    ] {
        let device = device(&json!({ "nodeClass": "MAC", "approvalStatus": status }));
        assert_eq!(device.verdict(false, offline(None)).reason(), reason, "{status}");
    }
}

proptest! {
    #[test]
    fn every_device_counts_once_or_is_left_out_for_a_reason(
        class in "WINDOWS_SERVER|MAC|NMS_[A-Z]{0,5}|HYPERV_VMM_GUEST|(UN)?MANAGED_DEVICE|[A-Za-z_]{0,9}",
        status in proptest::option::of("APPROVED|PENDING|STAGED|DECOMMISSIONED|[A-Za-z]{0,9}"),
        last_contact in proptest::option::of(0.0..3e9_f64),
        guests_are_servers: bool,
        max_offline_days: Option<u32>,
    ) {
        let device = device(&json!({ "nodeClass": class, "approvalStatus": status, "lastContact": last_contact }));
        let verdict = device.verdict(guests_are_servers, offline(max_offline_days));
        let guest = class == "HYPERV_VMM_GUEST";
        prop_assert_eq!(verdict.metrics().len(), 1 + usize::from(guest && guests_are_servers));
        let approved = status.is_none_or(|status| status.eq_ignore_ascii_case("APPROVED"));
        let counts = approved && class != "UNMANAGED_DEVICE";
        prop_assert!(verdict.reason().is_some() || counts);
        prop_assert!(verdict.reason().is_none() || !counts || verdict.reason() == Some(OfflineLimit::REASON));
        prop_assert!(verdict.reason() != Some(OfflineLimit::REASON) || max_offline_days.is_some());
    }
}
