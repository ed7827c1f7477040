//! Plans as a person, or a disk, has damaged them: read with everything in bounds, or an error that names file and place.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tallysheet_reconcile::plan::{Limits, Plan};

const LIMITS: Limits = Limits { percent: 50, least: 5 };

fn plan() -> Value {
    let change = |line: &str| {
        json!({ "company": "Acme", "product": "Workstation", "agreement": "Managed services",
                "line": { "agreement": "55", "id": line, "product": "W" }, "old": 10, "new": "12",
                "effective": "2026-12-01", "proration": "none", "money": "4.00", "currency": "USD" })
    };
    json!({ "tallysheet_plan": 1, "id": "20261125T180000Z-4f2a", "made_at": "2026-11-25T18:00:00Z", "ledger": "psa",
            "run": "20261125T170000Z-1111", "undoes": null, "changes": [change("9001"), change("9002")],
            "left": [{ "company": "B", "product": "W", "class": "not-counted", "why": "nothing is counted" }] })
}

/// Where a value can be put: JSON pointers.
const PLACES: [&str; 14] = [
    "",
    "/tallysheet_plan",
    "/made_at",
    "/changes",
    "/changes/0",
    "/changes/0/old",
    "/changes/0/new",
    "/changes/1/new",
    "/changes/1/line",
    "/changes/1/line/id",
    "/changes/0/effective",
    "/changes/0/money",
    "/left/0/class",
    "/undoes",
];

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
        Just(json!("")),
        Just(json!(-1)),
        Just(json!("79228162514264337593543950335")),
        Just(json!("-79228162514264337593543950335")),
        Just(json!(1e300)),
        Just(json!("0.0000000000000000000000000001")),
        Just(json!("9001")),
        Just(json!("9999-12-31")),
        Just(json!("2026-02-30")),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn is_within(plan: &Plan) -> bool {
    let fits = |old, new| LIMITS.refuse(old, new).is_none();
    let each = plan.changes.iter().all(|change| plan.undoes.is_some() || fits(change.old, change.new));
    each && plan
        .changes
        .iter()
        .all(|change| change.old != change.new && (change.new.is_zero() || change.new.is_sign_positive()))
}

#[test]
fn the_plan_of_these_tests_is_good() {
    assert!(is_within(&Plan::read("plan.json", &plan().to_string(), LIMITS).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_plan_is_read_within_its_limits_or_refused(
        changes in prop::collection::vec((prop::sample::select(&PLACES[..]), values()), 1..4),
    ) {
        let mut json = plan();
        for (place, value) in changes {
            if let Some(at) = json.pointer_mut(place) {
                *at = value;
            }
        }
        match Plan::read("plan.json", &json.to_string(), LIMITS) {
            Ok(plan) => {
                prop_assert!(is_within(&plan), "{json}");
                let again = Plan::read("plan.json", &plan.text().unwrap(), LIMITS).unwrap();
                prop_assert_eq!(again, plan);
            }
            Err(error) => prop_assert!(error.to_string().starts_with("plan.json: "), "{error}"),
        }
    }

    #[test]
    fn a_damaged_plan_is_refused(edits in prop::collection::vec((any::<Index>(), 0..9_usize, ".{0,4}"), 1..4)) {
        let text = edits.iter().fold(plan().to_string(), |text, (at, cut, put)| {
            let at = at.index(text.chars().count() + 1);
            text.chars().take(at).chain(put.chars()).chain(text.chars().skip(at + cut)).collect()
        });
        match Plan::read("plan.json", &text, LIMITS) {
            Ok(plan) => prop_assert!(is_within(&plan), "{text}"),
            Err(error) => prop_assert!(error.to_string().starts_with("plan.json: "), "{error}"),
        }
    }

    #[test]
    fn what_stands_behind_a_plan_is_no_part_of_it(more in "[a-z{\\[0-9]{1,5}") {
        let error = Plan::read("plan.json", &format!("{}\n{more}", plan()), LIMITS).unwrap_err().to_string();
        prop_assert!(error.starts_with("plan.json: "), "{error}");
    }
}
