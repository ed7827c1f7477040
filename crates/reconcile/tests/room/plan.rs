//! What may be planned, what a look at the PSA means, and how a plan is undone.

use crate::common::{ledger, number, reconcile, rule, sheet};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use std::collections::BTreeMap;
use tallysheet_core::billing::{Quantity, Standing};
use tallysheet_core::variance::Reconciliation;
use tallysheet_reconcile::plan::{Change, Entry, Limits, Outcome, Plan, Record, Step, after, before, candidates};

const LIMITS: Limits = Limits { percent: 50, least: 5 };
const TODAY: Date = date(2026, 11, 25);

fn made() -> Reconciliation {
    let rows: &[(&str, &[&str])] = &[
        ("A", &["12"]),
        ("B", &["40"]),
        ("C", &["?"]),
        ("D", &["7"]),
        ("E", &[""]),
        ("F", &["5"]),
        ("G", &["9"]),
        ("H", &["3"]),
    ];
    let lines = ledger(&[
        ("A", "P", "10", 0, "2"),
        ("B", "P", "10", 0, "2"),
        ("C", "P", "10", 0, "2"),
        ("E", "P", "10", 0, "2"),
        ("F", "P", "5", 0, "2"),
        ("G", "P", "4", 0, "2"),
        ("G", "P", "4", 0, "2"),
        ("H", "P", "1", 0, "2"),
    ]);
    reconcile(&sheet(&["X: Y"], rows), &lines, &[rule("P", &["X: Y"])]).0
}

#[test]
fn only_what_is_sure_and_not_too_large_is_planned() {
    let made = made();
    let (planned, left) = candidates(&made, LIMITS);
    let companies: Vec<&str> = planned.iter().map(|variance| variance.company.as_str()).collect();
    // H triples, but by two units only.
    assert_eq!(companies, ["A", "H"]);
    let left: BTreeMap<&str, &str> = left.iter().map(|left| (left.company.as_str(), left.why.as_str())).collect();
    for (company, why) in [
        ("B", "10 to 40 is a change by more than 50 %"),
        ("C", "it cannot be compared"),
        ("D", "there is no line to change"),
        ("E", "nothing is counted"),
        ("G", "2 lines bill it"),
    ] {
        assert!(left[company].starts_with(why), "{company}: {}", left[company]);
    }
    assert_eq!(left.len(), 5, "F is equal");
}

type Holds = Box<dyn Fn(&Step) -> bool>;

fn standing(quantity: &str) -> Standing {
    let mut addition = ledger(&[("A", "P", quantity, 0, "2")]).additions.remove(0);
    addition.quantity = match quantity {
        "?" => Quantity::Unknown("why".to_owned()),
        quantity => Quantity::Known(number(quantity)),
    };
    let untouched = BTreeMap::from([("unitPrice".to_owned(), "2".to_owned())]);
    Standing { addition, effective: None, proration: "none".to_owned(), untouched }
}

fn change() -> Change {
    let made = made();
    let variance = made.variances.iter().find(|variance| variance.company == "A").unwrap();
    Change::of(variance, Some(&standing("10")), LIMITS).unwrap()
}

#[test]
fn a_change_is_made_of_the_line_as_it_stands_then() {
    let made = made();
    let a = made.variances.iter().find(|variance| variance.company == "A").unwrap();
    let change = change();
    assert_eq!((change.old, change.new, change.money), (number("10"), number("12"), Some(number("4"))));
    // Someone has entered a change for a later day already.
    let then = Standing { effective: Some(date(2026, 12, 1)), ..standing("12") };
    assert_eq!(Change::of(a, Some(&then), LIMITS).unwrap_err(), "the line holds 12 already from 2026-12-01 on");
    assert_eq!(Change::of(a, None, LIMITS).unwrap_err(), "the line is gone");
    assert_eq!(Change::of(a, Some(&standing("?")), LIMITS).unwrap_err(), "the quantity is not known");
    assert!(Change::of(a, Some(&standing("100")), LIMITS).unwrap_err().contains("more than 50 %"));
    let mut locked = standing("10");
    locked.addition.locked = Some("it is worked out".to_owned());
    assert_eq!(Change::of(a, Some(&locked), LIMITS).unwrap_err(), "it is worked out");
}

#[test]
fn a_look_before_says_what_to_do() {
    let change = change();
    let ended = |outcome| move |step: &Step| matches!(step, Step::Ended(is, _) if *is == outcome);
    let writes = |step: &Step| *step == Step::Write;
    let cases: Vec<(Option<&str>, Option<Outcome>, Holds)> = vec![
        (Some("10"), None, Box::new(writes)),
        // We were cut off before it was sent, or it was refused.
        (Some("10"), Some(Outcome::Begun), Box::new(writes)),
        (Some("10"), Some(Outcome::Failed), Box::new(writes)),
        (Some("10"), Some(Outcome::Unknown), Box::new(writes)),
        // We were cut off after it was sent.
        (Some("12"), Some(Outcome::Begun), Box::new(ended(Outcome::Done))),
        (Some("12"), Some(Outcome::Unknown), Box::new(ended(Outcome::Done))),
        (Some("12"), Some(Outcome::Done), Box::new(ended(Outcome::Done))),
        // Someone else did it.
        (Some("12"), None, Box::new(ended(Outcome::Held))),
        (Some("12"), Some(Outcome::Held), Box::new(ended(Outcome::Held))),
        // Someone changed it.
        (Some("11"), None, Box::new(ended(Outcome::Refused))),
        (Some("11"), Some(Outcome::Begun), Box::new(ended(Outcome::Refused))),
        // Someone changed it back: not again without a new plan.
        (Some("10"), Some(Outcome::Done), Box::new(ended(Outcome::Refused))),
        (Some("?"), None, Box::new(ended(Outcome::Refused))),
        (None, None, Box::new(ended(Outcome::Refused))),
    ];
    for (holds, earlier, is) in cases {
        let standing = holds.map(standing);
        let step = before(&change, earlier, standing.as_ref(), TODAY);
        assert!(is(&step), "{holds:?} after {earlier:?}: {step:?}");
    }
    let late = Change { effective: Some(date(2026, 11, 24)), ..change.clone() };
    assert!(ended(Outcome::Refused)(&before(&late, None, Some(&standing("10")), TODAY)));
    let in_time = Change { effective: Some(TODAY), ..change };
    assert!(writes(&before(&in_time, None, Some(&standing("10")), TODAY)));
}

#[test]
fn a_look_after_says_what_became_of_it() {
    let (change, was) = (change(), standing("10"));
    let moved = Standing { untouched: BTreeMap::from([("unitPrice".to_owned(), "3".to_owned())]), ..standing("12") };
    for (now, sure, outcome) in [
        (Some(standing("12")), true, Outcome::Done),
        (Some(standing("12")), false, Outcome::Done),
        (Some(standing("10")), true, Outcome::Failed),
        (Some(standing("10")), false, Outcome::Unknown),
        (Some(standing("11")), true, Outcome::Differs),
        (Some(standing("?")), true, Outcome::Unknown),
        (Some(moved.clone()), true, Outcome::Differs),
        (None, true, Outcome::Differs),
    ] {
        assert_eq!(after(&change, &was, now.as_ref(), sure).0, outcome, "{now:?}");
    }
    assert_eq!(after(&change, &was, Some(&moved), true).1, "something else moved with it: unitPrice");
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan::new("20261125T060000Z-4f2a".to_owned(), Timestamp::UNIX_EPOCH, "psa", "run", changes, Vec::new())
}

#[test]
fn a_plan_is_read_as_it_was_written_or_edited() {
    let written = plan(vec![change()]);
    let text = written.text().unwrap();
    assert_eq!(Plan::read("plan.json", &text, LIMITS).unwrap(), written);
    // People write numbers without quotes, and delete what they do not need.
    let edited = text.replace("\"new\": \"12\"", "\"new\": 11.5").replace("\"proration\": \"none\",", "");
    assert_ne!(edited, text);
    assert_eq!(Plan::read("plan.json", &edited, LIMITS).unwrap().changes[0].new, number("11.5"));
    for (old, new, told) in [
        ("\"new\": \"12\"", "\"new\": \"many\"", "plan.json: `changes[0].new`: \"many\" is no number"),
        ("\"new\": \"12\"", "\"new\": \"-1\"", "`changes[0]` (A, P): `new` is below zero"),
        ("\"new\": \"12\"", "\"new\": \"10\"", "`new` is `old`"),
        ("\"new\": \"12\"", "\"new\": \"100\"", "more than 50 %"),
        ("\"new\": \"12\"", "\"news\": \"12\"", "unknown field `news`"),
        ("\"tallysheet_plan\": 1", "\"tallysheet_plan\": 2", "a plan of the form 2"),
    ] {
        let message = Plan::read("plan.json", &text.replace(old, new), LIMITS).unwrap_err().to_string();
        assert!(message.contains(told), "{message}");
    }
    let twice = plan(vec![change(), change()]).text().unwrap();
    assert!(Plan::read("plan.json", &twice, LIMITS).unwrap_err().to_string().contains("twice"));
}

#[test]
fn what_was_done_is_undone_and_nothing_else() {
    let other = |id: &str| {
        let mut change = change();
        change.line.id = id.to_owned();
        change
    };
    let dated = Change { effective: Some(date(2026, 12, 1)), ..other("d") };
    let entry = |change: Change, outcome| Entry {
        change,
        outcome,
        began_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
        told: String::new(),
        before: BTreeMap::new(),
    };
    let mut record = Record { plan: "p".into(), ledger: "psa".into(), account: "acme".into(), entries: Vec::new() };
    for (change, outcome) in [
        (other("a"), Outcome::Done),
        (other("b"), Outcome::Held),
        (other("c"), Outcome::Failed),
        (dated.clone(), Outcome::Begun),
        (dated.clone(), Outcome::Done),
    ] {
        record.set(entry(change, outcome));
    }
    assert_eq!(record.entries.len(), 4, "an entry is replaced, not added");
    assert_eq!(record.entry(&dated).map(|entry| entry.outcome), Some(Outcome::Done));

    let undo = plan(Vec::new()).undo(&record, Timestamp::UNIX_EPOCH, false);
    let shown: Vec<_> =
        undo.changes.iter().map(|one| (one.line.id.as_str(), one.old, one.new, one.effective)).collect();
    let (ten, twelve) = (number("10"), number("12"));
    assert_eq!(shown, [("a", twelve, ten, None), ("d", twelve, ten, Some(date(2026, 12, 1)))]);
    assert_eq!(undo.undoes.as_deref(), Some("20261125T060000Z-4f2a"));
    let later = plan(Vec::new()).undo(&record, Timestamp::UNIX_EPOCH, true);
    assert_eq!(later.changes[1].effective, Some(date(2026, 12, 2)));
    assert!(later.changes[1].proration.contains("the PSA prorates both"), "what held for the day before does not");
    assert!(Plan::read("undo.json", &undo.text().unwrap(), Limits { percent: 0, least: 0 }).is_ok());
}
