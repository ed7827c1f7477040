//! The vendor's spellings, one line a case.

use super::*;
use serde_json::json;

fn organization(fields: Value) -> Organization {
    serde_json::from_value(fields).unwrap()
}

fn told(number: Option<Number>) -> Option<String> {
    number.map(|number| number.0.to_string())
}

#[test]
fn a_flag_is_read_in_every_spelling() {
    for (flag, expected) in [
        (json!(true), Some(true)),
        (json!("true"), Some(true)),
        (json!(" True"), Some(true)),
        (json!(1), Some(true)),
        (json!("1"), Some(true)),
        (json!(false), Some(false)),
        (json!("False"), Some(false)),
        (json!(0), Some(false)),
        (json!("0"), Some(false)),
        (json!(null), None),
        (json!(""), None),
        (json!(2), None),
        (json!("maybe"), None),
        (json!([true]), None),
    ] {
        assert_eq!(yes(&flag), expected, "{flag}");
        let row = organization(json!({ "is_active": flag, "is_on_trial": flag }));
        assert_eq!((row.is_active(), row.is_on_trial()), (expected != Some(false), expected == Some(true)), "{flag}");
    }
}

#[test]
fn a_number_is_exact_or_missing() {
    for (number, expected) in [
        (json!(41), Some("41")),
        (json!("41"), Some("41")),
        (json!(" 41 "), Some("41")),
        (json!(0), Some("0")),
        (json!(null), None),
        (json!(""), None),
        (json!("unlimited"), None),
        (json!(true), None),
        (json!({ "count": 41 }), None),
    ] {
        let row = organization(json!({ "active_users": number, "user_licenses": number }));
        assert_eq!(told(row.active()).as_deref(), expected, "{number}");
        assert_eq!(told(row.licenses()).as_deref(), expected, "{number}");
    }
    assert!(organization(json!({})).active().is_none());
}

#[test]
fn an_older_name_stands_in_for_an_absent_one_and_not_for_a_null() {
    for (row, licenses, on_trial) in [
        (json!({ "user_licences": 5, "on_trial": 1 }), Some("5"), true),
        (json!({ "user_licenses": 7, "user_licences": 5, "is_on_trial": false, "on_trial": 1 }), Some("7"), false),
        (json!({ "user_licenses": null, "user_licences": 5, "is_on_trial": null, "on_trial": 1 }), None, false),
    ] {
        let row = organization(row);
        assert_eq!((told(row.licenses()).as_deref(), row.is_on_trial()), (licenses, on_trial));
    }
}

#[test]
fn only_an_organization_is_a_customer() {
    for (kind, is_partner) in [
        (json!("organization"), false),
        (json!("Organization"), false),
        (json!(null), false),
        (json!("channel"), true),
        (json!("strategic_partner"), true),
        (json!("oem_partner"), true),
        (json!("distributor"), true),
    ] {
        assert_eq!(organization(json!({ "type": kind })).is_partner(), is_partner, "{kind}");
    }
}

#[test]
fn an_organisation_is_known_by_eid_or_domain_and_asked_by_domain_or_eid() {
    for (row, id, address) in [
        (json!({ "eid": 12, "primary_domain": "Acme.example" }), "12", "Acme.example"),
        (json!({ "eid": " ", "primary_domain": " Acme.example " }), "acme.example", "Acme.example"),
        (json!({ "primary_domain": "Acme.example" }), "acme.example", "Acme.example"),
        (json!({ "eid": "12", "primary_domain": null }), "12", "12"),
        (json!({}), "", ""),
    ] {
        let row = organization(row);
        assert_eq!((row.id().as_str(), row.address().as_str()), (id, address));
    }
    let row = organization(json!({ "eid": 12, "primary_domain": "Acme.example" }));
    assert!(row.is_called("acme.example") && row.is_called("12") && !row.is_called("acme"));
}

#[test]
fn a_hierarchy_tells_who_stands_above() {
    let row = organization(json!({
        "eid": 12, "organization_hierarchy": ["12 : 'Acme: West'", "90 : 'Seabright'", "no id", 7, "4411 : 'Northgate'"],
    }));
    assert_eq!(row.above().collect::<Vec<_>>(), ["90", "4411"]);
    assert_eq!(organization(json!({ "eid": 12, "organization_hierarchy": "12 : 'Acme'" })).above().count(), 0);
}

#[test]
fn who_may_list_customers_is_an_admin_of_a_partner() {
    for (kind, is_partners) in [
        ("channel_admin", true),
        ("Strategic_Partner_Admin", true),
        ("oem_partner_admin", true),
        ("organization_admin", false),
        ("end_user", false),
        ("functional_account", false),
    ] {
        let me: Me = serde_json::from_value(json!({ "type": kind })).unwrap();
        assert_eq!(me.is_partners(), is_partners, "{kind}");
    }
}
