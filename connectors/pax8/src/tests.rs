//! The counting rule, one line a case.

use crate::wire::Subscription;
use serde_json::json;
use tallysheet_core::Figure;
use tallysheet_core::tally::Billing::{self, Counted, LeftOut};

fn billing(status: &str, term: Option<&str>, end: Option<&str>, trials: bool) -> Billing {
    let row = json!({ "companyId": "c", "productId": "p", "status": status, "billingTerm": term, "endDate": end });
    let row: Subscription = serde_json::from_value(row).unwrap();
    let now = "2026-11-01T06:00:00Z".parse().unwrap();
    row.billing(&["Active", "Activated", "PendingCancel"], trials, now)
}

#[test]
fn a_subscription_counts_by_status_term_and_end() {
    let (counted, uncounted) = (Counted(Figure::Quantity), LeftOut("of a status that does not count"));
    for (status, term, end, expected) in [
        ("Active", Some("Monthly"), None, counted),
        ("ACTIVE", None, None, counted),
        ("Active", Some("3-Year"), Some("2020-12-03"), counted),
        ("Activated", Some("Activation"), None, counted),
        ("PendingCancel", Some("Annual"), None, counted),
        ("PendingCancel", Some("Annual"), Some("2026-12-01T00:00:00.000-0600"), counted),
        ("PendingCancel", Some("Annual"), Some("some day"), counted),
        ("PendingCancel", Some("Annual"), Some("2026-10-31"), LeftOut("cancelled and over")),
        ("Active", Some("One-Time"), None, LeftOut("bought once, not recurring")),
        ("Active", Some("trial"), None, LeftOut("on trial")),
        ("Trial", Some("Monthly"), None, LeftOut("on trial")),
        ("Cancelled", Some("Trial"), None, uncounted),
        ("Converted", Some("Monthly"), None, uncounted),
        ("PendingManual", None, None, uncounted),
        ("PendingAutomated", None, None, uncounted),
        ("PendingActivation", Some("Activation"), None, uncounted),
        ("WaitingForDetails", None, None, uncounted),
        ("Renewing", Some("Monthly"), None, uncounted),
    ] {
        assert_eq!(billing(status, term, end, false), expected, "{status} {term:?} {end:?}");
    }
}

#[test]
fn a_trial_counts_as_a_trial_where_trials_are_asked_for() {
    assert_eq!(billing("Trial", None, None, true), Counted(Figure::Trial));
    assert_eq!(billing("Active", Some("Trial"), None, true), Counted(Figure::Trial));
    assert_eq!(billing("PendingCancel", Some("Trial"), Some("2020-01-01"), true), LeftOut("cancelled and over"));
    assert_eq!(billing("Active", Some("Monthly"), None, true), Counted(Figure::Quantity));
}

#[test]
fn a_term_is_the_commitment_else_how_it_is_billed() {
    for (row, term) in [
        (json!({ "billingTerm": "Monthly", "commitmentTerm": { "id": "c1", "term": "1-Year" } }), Some("1-Year")),
        (json!({ "billingTerm": "Monthly", "commitmentTerm": { "term": null } }), Some("Monthly")),
        (json!({ "billingTerm": "Monthly", "commitmentTerm": null }), Some("Monthly")),
        (json!({}), None),
    ] {
        let mut whole = json!({ "companyId": "c", "productId": "p", "status": "Active" });
        whole.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
        let row: Subscription = serde_json::from_value(whole).unwrap();
        assert_eq!(row.term().as_deref(), term);
    }
}
