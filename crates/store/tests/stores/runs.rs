//! Runs, what belongs to them, and notes.

use crate::{Home, time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, LogEntry, Run, RunStatus};
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, EXCLUDED, Flag, Sheet, Totals, Value};
use tallysheet_core::{Code, Level, Notice, Phase};
use tallysheet_store::RenderedFile;

fn run(id: &str) -> Run {
    let cells = vec![
        Cell::Counted(Value::Number("12345678901234567890.5".parse().unwrap())),
        Cell::Counted(Value::Text("Gold; Silver".into())),
        Cell::Blank(Blank::NotMapped),
        Cell::Blank(Blank::NotApplicable),
        Cell::Blank(Blank::LeftOut(EXCLUDED)),
        Cell::Blank(Blank::LeftOut("trial")),
        Cell::Blank(Blank::Failed(Code::UnknownOrg)),
    ];
    let column = |number: usize| Column {
        title: format!("Duo: {number}"),
        integration: "duo".into(),
        metric: number.to_string(),
        kind: if number == 1 { ColumnKind::Text } else { ColumnKind::Number },
        unit: "users".into(),
        counted_at: (number > 0).then(|| time("2026-11-01T06:00:00Z")),
    };
    let flag = Flag { code: Code::Implausible, last: "3.5".parse().unwrap(), date: "2026-10-01".parse().unwrap() };
    let row = tallysheet_core::sheet::Row {
        company: "Birch \"Dental\" <é>".into(),
        key: "birch".into(),
        unmapped: false,
        carried: vec!["A-1".into()],
        flags: BTreeMap::from([(0, flag)]),
        notes: "Duo failed: unknown-org".into(),
        cells,
    };
    let totals = Totals { counted: "1.5".parse().unwrap(), vendor: Some("2".parse().unwrap()), ..Totals::default() };
    let notice = Notice::warning(Code::UnmappedOrg, "an org").of("duo").about("Birch");
    let log = vec![
        LogEntry { time: time("2026-11-01T06:00:01Z"), notice },
        LogEntry { time: time("2026-11-01T06:00:02Z"), notice: Notice::new(Level::Error, Phase::Deliver, None, "x") },
    ];
    Run {
        id: id.into(),
        started_at: time("2026-11-01T06:00:00.25Z"),
        finished_at: None,
        status: RunStatus::Partial,
        exit_status: 3,
        schedule: Some("nightly".into()),
        asked: BTreeSet::from(["duo".into(), "pax8".into()]),
        answered: BTreeSet::from(["duo".into()]),
        changes: Some(tallysheet_core::changes::Changes { run: "r0".into(), ..Default::default() }),
        reconciliation: Some(tallysheet_core::variance::Reconciliation { ledger: "psa".into(), ..Default::default() }),
        sheet: Sheet {
            notes: true,
            carried: vec!["account".into()],
            columns: (0..7).map(column).collect(),
            rows: vec![row],
            totals: vec![totals; 7],
        },
        deliveries: Vec::new(),
        log,
    }
}

fn outcome(name: &str, status: DeliveryStatus) -> DeliveryOutcome {
    DeliveryOutcome { name: name.into(), kind: "file".into(), status, reference: Some("here".into()), error: None }
}

pub(crate) async fn what_is_kept_comes_back_whole(home: Home) {
    let mut kept = run("r1");
    {
        let store = home.open().await;
        store.begin("r1", kept.started_at).await.unwrap();
        assert_eq!(store.run("r1").await.unwrap(), None, "a run without a sheet is no run");
        let csv = RenderedFile { format: "csv".into(), bytes: b"Company\r\n\xc3\xa9".to_vec() };
        store.keep(&kept, &[csv]).await.unwrap();
        assert_eq!(store.run("r1").await.unwrap().unwrap(), kept);
        kept.finished_at = Some(time("2026-11-01T06:01:00Z"));
        kept.exit_status = 4;
        kept.deliveries = vec![outcome("ticket", DeliveryStatus::Unknown), outcome("a", DeliveryStatus::Skipped)];
        store.keep(&kept, &[]).await.unwrap();
    }
    let store = home.open().await;
    assert_eq!(store.run("r1").await.unwrap().unwrap(), kept);
    assert_eq!(store.file("r1", "csv").await.unwrap().unwrap(), b"Company\r\n\xc3\xa9");
    assert_eq!(store.file("r1", "xlsx").await.unwrap(), None);
    store.keep_delivery("r1", &outcome("ticket", DeliveryStatus::Delivered)).await.unwrap();
    let statuses: Vec<_> =
        store.run("r1").await.unwrap().unwrap().deliveries.into_iter().map(|told| told.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Delivered, DeliveryStatus::Skipped]);
}

pub(crate) async fn runs_are_listed_newest_first_and_one_that_was_cut_off_has_no_status(home: Home) {
    let store = home.open().await;
    store.keep(&run("r1"), &[]).await.unwrap();
    store.begin("r2", time("2026-11-02T06:00:00Z")).await.unwrap();
    let heads = store.runs(10).await.unwrap();
    let told: Vec<_> = heads.iter().map(|head| (head.id.as_str(), head.status, head.exit_status)).collect();
    assert_eq!(told, [("r2", None, None), ("r1", Some(RunStatus::Partial), None)]);
    assert_eq!(store.runs(1).await.unwrap().len(), 1);
    assert!(store.begin("r2", time("2026-11-02T06:00:00Z")).await.is_err(), "no id serves twice");
}

pub(crate) async fn columns_of_integrations_that_are_not_named_stay(home: Home) {
    let store = home.open().await;
    let column = |label: &str| KeptColumn { label: label.into(), unit: "seats".into() };
    let both = [("pax8".to_owned(), vec![column("Suite"), column("Mail")]), ("duo".to_owned(), vec![column("D")])];
    store.keep_columns(&BTreeMap::from(both)).await.unwrap();
    store.keep_columns(&BTreeMap::from([("pax8".to_owned(), vec![column("New")])])).await.unwrap();
    let columns = store.columns().await.unwrap();
    assert_eq!(columns["pax8"], [column("New")]);
    assert_eq!(columns["duo"], [column("D")]);
}

pub(crate) async fn a_note_is_swapped_by_one_only(home: Home) {
    let store = home.open().await;
    assert_eq!(store.note("alert/pax8").await.unwrap(), None);
    assert!(store.swap_note("alert/pax8", None, "2026-11-01").await.unwrap());
    assert!(!store.swap_note("alert/pax8", None, "2026-11-02").await.unwrap());
    assert!(store.swap_note("alert/pax8", Some("2026-11-01"), "2026-11-02").await.unwrap());
    assert!(!store.swap_note("alert/pax8", Some("2026-11-01"), "2026-11-03").await.unwrap());
    store.keep_note("alert/pax8", "").await.unwrap();
    assert_eq!(store.note("alert/pax8").await.unwrap().as_deref(), Some(""));
}

pub(crate) async fn two_processes_write_side_by_side(home: Home) {
    let (one, two) = (home.open().await, home.open().await);
    for number in 0..10 {
        one.keep(&run(&format!("one-{number}")), &[]).await.unwrap();
        two.keep(&run(&format!("two-{number}")), &[]).await.unwrap();
    }
    assert_eq!(one.runs(100).await.unwrap().len(), 20);
}

pub(crate) async fn the_run_to_compare_with_is_that_of_the_schedule_or_of_the_same_integrations(home: Home) {
    let store = home.open().await;
    let run = |id: &str, day: i64, schedule: Option<&str>, asked: &[&str], status| Run {
        started_at: time("2026-11-01T06:00:00Z") + Duration::from_hours(24 * u64::try_from(day).unwrap()),
        schedule: schedule.map(str::to_owned),
        asked: asked.iter().map(|name| (*name).to_owned()).collect(),
        status,
        ..run(id)
    };
    for kept in [
        run("a", 1, Some("month-end"), &["duo", "pax8"], RunStatus::Partial),
        run("b", 2, None, &["duo", "pax8"], RunStatus::Complete),
        run("c", 3, None, &["duo"], RunStatus::Complete),
        run("d", 4, Some("daily"), &["duo", "pax8"], RunStatus::Partial),
        run("e", 5, Some("daily"), &["duo", "pax8"], RunStatus::Failed),
    ] {
        store.keep(&kept, &[]).await.unwrap();
    }
    let both = BTreeSet::from(["duo".to_owned(), "pax8".to_owned()]);
    let last = |id: &'static str, schedule: Option<&'static str>, asked: BTreeSet<String>| {
        let store = &store;
        async move { store.last(id, schedule, &asked).await.unwrap().map(|run| run.id) }
    };
    assert_eq!(last("x", Some("month-end"), both.clone()).await.as_deref(), Some("a"));
    assert_eq!(last("x", Some("daily"), both.clone()).await.as_deref(), Some("d"), "not the failed one");
    assert_eq!(last("x", Some("new"), both.clone()).await.as_deref(), Some("b"), "complete before partial");
    assert_eq!(last("b", None, both).await.as_deref(), Some("d"), "never itself");
    assert_eq!(last("x", None, BTreeSet::from(["pax8".to_owned()])).await, None);
}

pub(crate) async fn old_runs_go_but_for_the_last_that_counted(home: Home) {
    let store = home.open().await;
    for (id, at, status) in [
        ("r1", "2025-01-01T06:00:00Z", RunStatus::Complete),
        ("r2", "2025-02-01T06:00:00Z", RunStatus::Partial),
        ("r3", "2025-03-01T06:00:00Z", RunStatus::Failed),
    ] {
        store.keep(&Run { started_at: time(at), status, ..run(id) }, &[]).await.unwrap();
        store.keep_delivery(id, &outcome("a", DeliveryStatus::Delivered)).await.unwrap();
    }
    store.forget(None, None).await.unwrap();
    assert_eq!(store.runs(9).await.unwrap().len(), 3, "for ever");
    store.forget(Some(time("2026-01-01T00:00:00Z")), None).await.unwrap();
    let heads = store.runs(9).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.id.as_str()).collect::<Vec<_>>(), ["r2"]);
    assert_eq!(store.run("r2").await.unwrap().unwrap().deliveries.len(), 1);
}

pub(crate) async fn texts_are_sorted_by_their_bytes_and_may_hold_anything(home: Home) {
    let store = home.open().await;
    let labels = ["Zoo", "apple", "Äpfel", "a b", "a-b", "100%", "$1", "?", "'; DROP TABLE run; --", "\u{1f600}"];
    let columns = labels.map(|label| KeptColumn { label: label.into(), unit: String::new() });
    store.keep_columns(&BTreeMap::from([("pax8".to_owned(), columns.to_vec())])).await.unwrap();
    let mut sorted = labels;
    sorted.sort_unstable();
    let kept: Vec<String> = store.columns().await.unwrap()["pax8"].iter().map(|column| column.label.clone()).collect();
    assert_eq!(kept, sorted);
    store.keep_note("nul", "a\0b").await.unwrap();
    assert!(store.note("nul").await.unwrap().unwrap().starts_with('a'));
}
