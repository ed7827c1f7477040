//! The drop guard and the changes, over sheets made by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::civil::{Date, date};
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::changes::{Answered, changes};
use tallysheet_core::guard::{Good, Guard, Limits, Seen, guard};
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, EXCLUDED, Row, Sheet, Value};
use tallysheet_core::{Code, Decimal};

const LAST: Date = date(2026, 11, 20);

fn n(value: &str) -> Cell {
    Cell::Counted(Value::Number(value.parse().unwrap()))
}

fn column(integration: &str, metric: &str) -> Column {
    Column {
        title: format!("{}: {metric}", integration.to_uppercase()),
        integration: integration.into(),
        metric: metric.into(),
        kind: ColumnKind::Number,
        unit: "devices".into(),
        counted_at: None,
    }
}

fn row(company: &str, cells: Vec<Cell>) -> Row {
    Row {
        company: company.into(),
        key: company.to_lowercase(),
        unmapped: false,
        carried: Vec::new(),
        cells,
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

fn sheet(columns: &[(&str, &str)], rows: Vec<Row>) -> Sheet {
    Sheet {
        notes: true,
        columns: columns.iter().map(|(integration, metric)| column(integration, metric)).collect(),
        rows,
        ..Sheet::default()
    }
}

fn good(company: &str, integration: &str, metric: &str, value: &str) -> Good {
    Good {
        key: company.to_lowercase(),
        company: company.into(),
        unmapped: false,
        integration: integration.into(),
        metric: metric.into(),
        value: value.parse().unwrap(),
        date: LAST,
    }
}

fn seen(orgs: &[(&str, usize)]) -> Seen {
    Seen {
        orgs: orgs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        titles: orgs.iter().map(|(name, _)| ((*name).to_owned(), name.to_uppercase())).collect(),
        ..Seen::default()
    }
}

#[test]
fn only_a_great_fall_is_hard_to_believe() {
    for (last, now, flagged) in [
        ("3", n("0"), true),
        ("2", n("0"), false),
        ("10", n("5"), false),
        ("10", n("4"), true),
        ("8", n("3"), true),
        ("7", n("3"), false),
        ("4", n("1"), false),
        ("200", n("100"), false),
        ("200", n("99.5"), true),
        ("5", n("500"), false),
        ("0", n("0"), false),
        ("-5", n("-20"), true),
        // A blank is no zero, and a failure no count.
        ("50", Cell::Blank(Blank::Failed(Code::TimedOut)), false),
        ("50", Cell::Blank(Blank::LeftOut(EXCLUDED)), false),
        ("50", Cell::Blank(Blank::NotMapped), true),
        ("2", Cell::Blank(Blank::NotMapped), false),
    ] {
        let mut now_sheet = sheet(&[("rmm", "Devices")], vec![row("Birch", vec![now.clone()])]);
        let doubts = guard(
            &mut now_sheet,
            &[good("Birch", "rmm", "Devices", last)],
            &BTreeMap::new(),
            &seen(&[("rmm", 1)]),
            &Guard::default(),
        );
        let row = &now_sheet.rows[0];
        assert_eq!((row.flags.len(), doubts.none()), (usize::from(flagged), !flagged), "{last} to {now:?}");
        assert_eq!(row.cells[0], now, "the cell stays as it is");
        if flagged {
            assert_eq!((row.flags[&0].last, row.flags[&0].date), (last.parse().unwrap(), LAST));
            assert!(doubts.notices.iter().all(|told| told.code == Some(Code::Implausible)));
        }
    }
}

#[test]
fn one_product_less_is_no_alarm_and_all_of_them_are() {
    let columns = [("pax8", "Mail"), ("pax8", "Suite")];
    let none = || Cell::Blank(Blank::NotApplicable);
    let mut now = sheet(
        &columns,
        vec![
            row("Birch", vec![none(), n("7")]),
            row("Quarry", vec![none(), none()]),
            row("Tern", vec![none(), none()]),
        ],
    );
    let good = [
        good("Birch", "pax8", "Mail", "40"),
        good("Birch", "pax8", "Suite", "7"),
        good("Quarry", "pax8", "Old", "9"),
        good("Quarry", "pax8", "Suite", "1"),
        good("Tern", "pax8", "Suite", "9"),
    ];
    let mut seen = seen(&[("pax8", 3)]);
    seen.declined.insert(("tern".into(), "pax8".into()));
    let doubts = guard(&mut now, &good, &BTreeMap::new(), &seen, &Guard::default());
    assert!(now.rows[0].flags.is_empty() && now.rows[2].flags.is_empty(), "a product less; `-` in the file");
    assert_eq!(now.rows[1].flags.keys().copied().collect::<Vec<_>>(), [1], "a column that is gone has no flag");
    let notes = "PAX8: Suite implausible: none, was 1 on 2026-11-20; PAX8: Old implausible: none, was 9 on 2026-11-20";
    assert_eq!(now.rows[1].notes, notes);
    assert_eq!(doubts.gone, BTreeSet::from([("quarry".to_owned(), "pax8".to_owned())]));
    assert_eq!(doubts.notices.len(), 1);
}

#[test]
fn a_row_that_the_vendors_no_longer_list_is_told() {
    let run = |rows_from_vendors, orgs: &[(&str, usize)]| {
        let mut now = sheet(&[("duo", "Users"), ("rmm", "Devices")], Vec::new());
        let seen = Seen { rows_from_vendors, ..seen(orgs) };
        let stray = Good { unmapped: true, ..good("rmm:9", "rmm", "Devices", "90") };
        let good = [good("Birch", "rmm", "Devices", "9"), good("Birch", "duo", "Users", "2"), stray];
        guard(&mut now, &good, &BTreeMap::new(), &seen, &Guard::default())
    };
    let doubts = run(true, &[("duo", 0), ("rmm", 0)]);
    assert_eq!(doubts.notices.len(), 1, "not for two users, nor for an org that may be mapped by now");
    assert_eq!(doubts.notices[0].company.as_deref(), Some("Birch"));
    assert!(run(false, &[("duo", 0), ("rmm", 0)]).none(), "the user took it out of the file");
    assert!(run(true, &[("duo", 0)]).none(), "the integration failed, or was not asked");
}

#[test]
fn limits_are_those_of_the_integration() {
    let off = Limits { enabled: false, ..Limits::default() };
    let strict = Limits { percent: 10.into(), least: 1.into(), ..Limits::default() };
    let limits =
        Guard { integrations: BTreeMap::from([("off".into(), off), ("strict".into(), strict)]), ..Guard::default() };
    let columns = [("off", "A"), ("strict", "A"), ("usual", "A")];
    let mut now = sheet(&columns, vec![row("Birch", vec![n("0"), n("8"), n("8")])]);
    let good = columns.map(|(integration, metric)| good("Birch", integration, metric, "10"));
    let orgs = [("off", 10), ("strict", 10), ("usual", 10)];
    let last = orgs.map(|(name, _)| (name.to_owned(), (20, LAST)));
    let doubts = guard(&mut now, &good, &last.into(), &seen(&orgs), &limits);
    assert_eq!(now.rows[0].flags.keys().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(doubts.fewer, BTreeSet::from(["strict".to_owned(), "usual".to_owned()]));
    assert_eq!(doubts.notices[0].message, "STRICT lists 10 orgs; the last good number is 20, of 2026-11-20");
    assert!(guard(&mut now, &[], &BTreeMap::new(), &seen(&orgs), &limits).none(), "the first run is quiet");
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn changes_come_biggest_first_and_leave_out_what_is_not_known() {
    let failed = || Cell::Blank(Blank::Failed(Code::TimedOut));
    let none = || Cell::Blank(Blank::NotMapped);
    let before = sheet(
        &[("duo", "Users"), ("rmm", "Devices"), ("rmm", "Old")],
        vec![
            row("Birch", vec![n("10"), n("5"), n("1")]),
            row("Gone Ltd", vec![n("2"), none(), none()]),
            row("Quarry", vec![n("7.5"), n("8"), none()]),
        ],
    );
    let after = sheet(
        &[("duo", "Users"), ("pax8", "Suite"), ("rmm", "Devices")],
        vec![
            row("Birch Dental", vec![n("13"), n("3"), n("5.00")]),
            row("New Ltd", vec![none(), none(), n("4")]),
            row("Quarry", vec![n("7"), n("3"), failed()]),
        ],
    );
    let mut after = after;
    after.rows[0].key = "birch".into();
    let told = changes(
        "r1",
        LAST,
        Answered { sheet: &before, integrations: &set(&["duo", "rmm"]) },
        Answered { sheet: &after, integrations: &set(&["duo", "pax8", "rmm"]) },
    );
    assert_eq!((told.new, told.gone), (vec!["New Ltd".to_owned()], vec!["Gone Ltd".to_owned()]));
    let text = |value: Option<Decimal>| value.map_or("-".to_owned(), |value| value.to_string());
    let counts: Vec<String> = told
        .counts
        .iter()
        .map(|change| {
            let figures = [change.last, change.now, change.difference()].map(text).join(" ");
            format!("{} {} {figures}", change.company, change.column)
        })
        .collect();
    let expected = [
        "New Ltd RMM: Devices - 4 -",
        "Birch Dental DUO: Users 10 13 3",
        "Gone Ltd DUO: Users 2 - -",
        "Birch Dental RMM: Old 1 - -",
        "Quarry DUO: Users 7.5 7 -0.5",
    ];
    assert_eq!(counts, expected, "PAX8 was not asked then, and Quarry's devices are not known now");
    let totals: Vec<String> = told
        .totals
        .iter()
        .map(|change| {
            format!("{} {}", change.column, [change.last, change.now, change.difference()].map(text).join(" "))
        })
        .collect();
    assert_eq!(totals, ["RMM: Old 1 - -", "DUO: Users 19.5 20 0.5"], "devices are not known as a sum");
}
