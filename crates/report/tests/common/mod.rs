//! Runs made by hand. The names are invented.
#![allow(dead_code, reason = "not each test needs each helper")]

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::run::{LogEntry, Run, RunStatus};
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Flag, Row, Sheet, Totals, Value};
use tallysheet_core::{Code, Decimal, Level, Notice, Phase};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn number(text: &str) -> Cell {
    Cell::Counted(Value::Number(text.parse::<Decimal>().unwrap()))
}

pub(crate) fn text(text: &str) -> Cell {
    Cell::Counted(Value::Text(text.into()))
}

pub(crate) fn failed(code: Code) -> Cell {
    Cell::Blank(Blank::Failed(code))
}

pub(crate) fn column(title: &str, metric: &str, kind: ColumnKind) -> Column {
    Column {
        title: format!("{title}: {metric}"),
        integration: title.to_lowercase().replace(' ', "-"),
        metric: metric.to_owned(),
        kind,
        unit: "devices".to_owned(),
        counted_at: Some(at("2026-11-25T18:00:01.5Z")),
    }
}

pub(crate) fn row(company: &str, cells: Vec<Cell>) -> Row {
    Row {
        company: company.to_owned(),
        key: company.to_lowercase(),
        unmapped: false,
        carried: Vec::new(),
        cells,
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

pub(crate) fn run(sheet: Sheet) -> Run {
    Run {
        id: "20261125T180000Z-4f2a".to_owned(),
        started_at: at("2026-11-25T18:00:00Z"),
        finished_at: None,
        status: RunStatus::Partial,
        exit_status: 3,
        schedule: None,
        asked: BTreeSet::new(),
        answered: BTreeSet::new(),
        changes: None,
        reconciliation: None,
        sheet,
        deliveries: Vec::new(),
        log: Vec::new(),
    }
}

/// Two companies and an unmapped org, one integration that answered and one that failed, a cell in every state.
pub(crate) fn sample() -> Run {
    let mut birch = row("Birch Dental", vec![number("12.50"), text("Complete; Control"), failed(Code::AuthFailed)]);
    birch.carried = vec!["A-17".to_owned()];
    birch.notes = "Duo failed: auth-failed".into();
    let mut quarry = row(
        "Quarry Lane Legal",
        vec![Cell::Blank(Blank::NotMapped), Cell::Blank(Blank::LeftOut("trial")), Cell::Blank(Blank::NotApplicable)],
    );
    quarry.carried = vec![String::new()];
    let mut stray = row(
        "Tern Optics (unmapped, Sentry)",
        vec![number("0"), Cell::Blank(Blank::Failed(Code::MissingValue)), Cell::Blank(Blank::NotMapped)],
    );
    stray.carried = vec![String::new()];
    stray.unmapped = true;
    stray.key = "sentry:77".into();

    let mut failed_column = column("Duo", "Users", ColumnKind::Number);
    failed_column.counted_at = None;
    let counted = Totals {
        counted: "12.5".parse().unwrap(),
        left_out: 3.into(),
        vendor: Some("15.5".parse().unwrap()),
        ..Totals::default()
    };
    let mut run = run(Sheet {
        notes: true,
        carried: vec!["account".to_owned()],
        columns: vec![
            column("Sentry", "Agents", ColumnKind::Number),
            column("Sentry", "SKU", ColumnKind::Text),
            failed_column,
        ],
        rows: vec![birch, quarry, stray],
        totals: vec![counted, Totals::default(), Totals::default()],
    });
    let notice = |level, phase, code, message: &str| Notice::new(level, phase, code, message);
    let failure = notice(Level::Error, Phase::Collect, Some(Code::AuthFailed), "Duo failed: 401").of("duo");
    let stray = notice(Level::Warning, Phase::Merge, Some(Code::UnmappedOrg), "Tern Optics (77) maps to no company");
    let started = notice(Level::Info, Phase::Validate, None, "2 integrations");
    run.log = [started, failure, stray.of("sentry").about("Tern Optics")]
        .into_iter()
        .map(|notice| LogEntry { time: at("2026-11-25T18:00:02Z"), notice })
        .collect();
    run
}

/// One column of numbers with a row in every state: failed, zero, not mapped, not applicable, left out, hard to believe.
pub(crate) fn states() -> Run {
    let mut flagged = row("Flagged", vec![number("2")]);
    let flag = Flag { code: Code::Implausible, last: 90.into(), date: "2026-10-31".parse().unwrap() };
    flagged.flags.insert(0, flag);
    let rows = vec![
        row("Failed", vec![failed(Code::TimedOut)]),
        row("Zero", vec![number("0")]),
        row("Unmapped", vec![Cell::Blank(Blank::NotMapped)]),
        row("Declined", vec![Cell::Blank(Blank::NotApplicable)]),
        row("Trial", vec![Cell::Blank(Blank::LeftOut("trial"))]),
        flagged,
    ];
    run(Sheet { columns: vec![column("S", "A", ColumnKind::Number)], rows, ..Sheet::default() })
}
