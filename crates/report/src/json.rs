//! The one object that a run is: for programs, for `--json`, and for a delivered JSON file.

use crate::reconcile::ReconciliationObject;
use crate::{sheet, summary, text};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use tallysheet_core::changes::{Change, Changes, TotalChange};
use tallysheet_core::run::{DeliveryOutcome, LogEntry, Run};
use tallysheet_core::sheet::{Cell, Column, ColumnKind, Flag, Row, Sheet, Value};
use tallysheet_core::{Code, Error, Level, Phase, Result};

/// The run as JSON, on one line.
pub fn json(run: &Run) -> Result<String> {
    line(&json_object(run)?)
}

/// The log as JSON, one entry a line.
pub fn log_lines(run: &Run) -> Result<String> {
    run.log.iter().map(|entry| line(&Entry::of(entry))).collect()
}

fn line(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n").map_err(|error| Error::internal(format!("the run cannot be written as JSON: {error}")))
}

/// The run as something that `serde_json` can write.
pub fn json_object(run: &Run) -> Result<impl Serialize + '_> {
    let sheet = &run.sheet;
    let csv = String::from_utf8(sheet::csv(sheet)?)
        .map_err(|error| Error::internal(format!("the sheet's CSV is not UTF-8: {error}")))?;
    Ok(Object {
        run: Head {
            id: &run.id,
            started_at: run.started_at,
            finished_at: run.finished_at,
            status: summary::status_word(run.status),
        },
        columns: sheet.columns.iter().map(ColumnObject::of).collect(),
        rows: sheet.rows.iter().map(|row| row_object(sheet, row)).collect(),
        totals: totals(sheet),
        changes: run.changes.as_ref().map(ChangesObject::of),
        reconciliation: run.reconciliation.as_ref().map(ReconciliationObject::of),
        csv,
        deliveries: &run.deliveries,
        log: Log {
            success: matches!(run.exit_status, 0 | 3),
            status_code: run.exit_status,
            entries: run.log.iter().map(Entry::of).collect(),
        },
    })
}

#[derive(serde::Serialize)]
struct Object<'a, R, T> {
    run: Head<'a>,
    columns: Vec<ColumnObject<'a>>,
    rows: Vec<R>,
    totals: T,
    changes: Option<ChangesObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciliation: Option<ReconciliationObject<'a>>,
    csv: String,
    deliveries: &'a [DeliveryOutcome],
    log: Log<'a>,
}

#[derive(serde::Serialize)]
struct ChangesObject<'a> {
    since: Since<'a>,
    new: &'a [String],
    gone: &'a [String],
    counts: Vec<CountChange<'a>>,
    totals: Vec<TotalChangeObject<'a>>,
}

#[derive(serde::Serialize)]
struct Since<'a> {
    run: &'a str,
    date: jiff::civil::Date,
}

#[derive(serde::Serialize)]
struct CountChange<'a> {
    company: &'a str,
    key: &'a str,
    column: &'a str,
    last: Option<Exact>,
    now: Option<Exact>,
    difference: Option<Exact>,
}

#[derive(serde::Serialize)]
struct TotalChangeObject<'a> {
    column: &'a str,
    last: Option<Exact>,
    now: Option<Exact>,
    difference: Option<Exact>,
}

impl<'a> ChangesObject<'a> {
    fn of(changes: &'a Changes) -> Self {
        let count = |change: &'a Change| CountChange {
            company: &change.company,
            key: &change.key,
            column: &change.column,
            last: change.last.map(Exact),
            now: change.now.map(Exact),
            difference: change.difference().map(Exact),
        };
        let total = |change: &'a TotalChange| TotalChangeObject {
            column: &change.column,
            last: change.last.map(Exact),
            now: change.now.map(Exact),
            difference: change.difference().map(Exact),
        };
        Self {
            since: Since { run: &changes.run, date: changes.date },
            new: &changes.new,
            gone: &changes.gone,
            counts: changes.counts.iter().map(count).collect(),
            totals: changes.totals.iter().map(total).collect(),
        }
    }
}

#[derive(serde::Serialize)]
struct Head<'a> {
    id: &'a str,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    status: &'static str,
}

#[derive(serde::Serialize)]
struct ColumnObject<'a> {
    title: &'a str,
    integration: &'a str,
    metric: &'a str,
    kind: &'static str,
    unit: &'a str,
}

impl<'a> ColumnObject<'a> {
    fn of(column: &'a Column) -> Self {
        Self {
            title: &column.title,
            integration: &column.integration,
            metric: &column.metric,
            kind: column.kind.as_str(),
            unit: &column.unit,
        }
    }
}

#[derive(serde::Serialize)]
struct RowObject<'a, V, S, F> {
    company: &'a str,
    key: &'a str,
    unmapped: bool,
    values: V,
    states: S,
    flags: F,
    notes: &'a str,
}

/// A column stands in `values` or in `states`, never in both.
fn row_object<'a>(sheet: &'a Sheet, row: &'a Row) -> impl Serialize + 'a {
    let cells = sheet.columns.iter().map(|column| column.title.as_str()).zip(&row.cells);
    RowObject {
        company: &row.company,
        key: &row.key,
        unmapped: row.unmapped,
        values: Pairs(cells.clone().filter_map(|(title, cell)| match cell {
            Cell::Counted(value) => Some((title, ValueObject(value))),
            Cell::Blank(_) => None,
        })),
        states: Pairs(cells.filter_map(|(title, cell)| match cell {
            Cell::Counted(_) => None,
            Cell::Blank(_) => Some((title, State { state: cell.state(), code: cell.code() })),
        })),
        flags: Pairs(
            row.flags
                .iter()
                .filter_map(|(place, flag)| Some((sheet.columns.get(*place)?.title.as_str(), FlagObject::of(flag)))),
        ),
        notes: &row.notes,
    }
}

#[derive(serde::Serialize)]
struct State {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

#[derive(serde::Serialize)]
struct FlagObject {
    code: Code,
    last: Exact,
    date: jiff::civil::Date,
}

impl FlagObject {
    const fn of(flag: &Flag) -> Self {
        Self { code: flag.code, last: Exact(flag.last), date: flag.date }
    }
}

/// Null where nothing was counted because of a failure.
#[derive(serde::Serialize)]
struct TotalsObject {
    counted: Option<Exact>,
    unmapped: Option<Exact>,
    left_out: Option<Exact>,
    vendor: Option<Exact>,
}

/// The control totals of the columns of numbers.
fn totals(sheet: &Sheet) -> impl Serialize + '_ {
    let numeric = |column: &Column| column.kind == ColumnKind::Number;
    Pairs(sheet.columns.iter().enumerate().filter(move |(_, column)| numeric(column)).map(|(place, column)| {
        let totals = text::totals(sheet, place);
        let object = TotalsObject {
            counted: totals.map(|totals| Exact(totals.counted)),
            unmapped: totals.map(|totals| Exact(totals.unmapped)),
            left_out: totals.map(|totals| Exact(totals.left_out)),
            vendor: totals.and_then(|totals| totals.vendor).map(Exact),
        };
        (column.title.as_str(), object)
    }))
}

#[derive(serde::Serialize)]
struct Log<'a> {
    success: bool,
    status_code: u8,
    entries: Vec<Entry<'a>>,
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    time: Timestamp,
    level: Level,
    phase: Phase,
    integration: Option<&'a str>,
    company: Option<&'a str>,
    code: Option<Code>,
    message: &'a str,
}

impl<'a> Entry<'a> {
    fn of(LogEntry { time, notice }: &'a LogEntry) -> Self {
        Self {
            time: *time,
            level: notice.level,
            phase: notice.phase,
            integration: notice.integration.as_deref(),
            company: notice.company.as_deref(),
            code: notice.code,
            message: &notice.message,
        }
    }
}

/// An object in the order of its pairs, written as they come: a big sheet is never held twice.
struct Pairs<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Pairs<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

struct ValueObject<'a>(&'a Value);

impl Serialize for ValueObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => Exact(*number).serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A number with every digit it has: a double would round it.
pub(crate) struct Exact(pub(crate) Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(text::number(self.0)).map_err(S::Error::custom)?.serialize(serializer)
    }
}
