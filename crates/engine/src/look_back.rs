//! What earlier runs say of this one: which counts are hard to believe, and what changed. Then its counts are kept, for
//! the next one.

use crate::place::Placed;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::changes::{Answered, Changes, changes};
use tallysheet_core::guard::{Doubts, Good, Guard, Seen, guard};
use tallysheet_core::history::{Entry, Place, PlaceColumn, PlaceRow, State, day};
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::{Link, Result};
use tallysheet_store::{AnswerOf, SnapshotOf, Store};

/// How long things are kept; `None` is for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Whole runs and their reports.
    pub runs: Option<Duration>,
    /// Counts; at least as long as runs.
    pub counts: Option<Duration>,
}

/// What the guard must know of the answers, before the merge takes them.
pub(crate) fn seen(placed: &Placed, rows_from_vendors: bool) -> Seen {
    let declined = placed.companies.iter().flat_map(|company| {
        let links = company.company.links.iter().filter(|(_, link)| matches!(link, Link::NotCustomer));
        links.map(|(integration, _)| (company.key.clone(), integration.clone()))
    });
    let orgs = placed.sources.iter().filter_map(|source| {
        let counts = source.answer.as_ref().ok()?;
        Some((source.name.clone(), counts.orgs.len()))
    });
    Seen {
        orgs: orgs.collect(),
        titles: placed.sources.iter().map(|source| (source.name.clone(), source.title.clone())).collect(),
        declined: declined.collect(),
        rows_from_vendors,
    }
}

/// Marks what fell in a way that is hard to believe.
pub(crate) async fn doubts(
    sheet: &mut Sheet,
    seen: &Seen,
    limits: &Guard,
    timezone: &TimeZone,
    store: &dyn Store,
) -> Result<Doubts> {
    let baseline = store.baseline(&seen.orgs.keys().cloned().collect()).await?;
    let good: Vec<Good> = baseline
        .counts
        .into_iter()
        .map(|last| Good {
            date: day(last.at, timezone),
            key: last.key,
            company: last.company,
            unmapped: last.unmapped,
            integration: last.integration,
            metric: last.metric,
            value: last.value,
        })
        .collect();
    let orgs: BTreeMap<_, _> =
        baseline.orgs.into_iter().map(|(name, (orgs, at))| (name, (orgs, day(at, timezone)))).collect();
    Ok(guard(sheet, &good, &orgs, seen, limits))
}

/// What changed since the run to compare with, where there is one.
pub(crate) async fn since_last(run: &Run, timezone: &TimeZone, store: &dyn Store) -> Result<Option<Changes>> {
    let Some(last) = store.last(&run.id, run.schedule.as_deref(), &run.asked).await? else { return Ok(None) };
    let date = day(last.started_at, timezone);
    let [then, now] = [&last, run].map(|run| Answered { sheet: &run.sheet, integrations: &run.answered });
    Ok(Some(changes(&last.id, date, then, now)))
}

/// Keeps the counts of those integrations that answered.
pub(crate) async fn keep_counts(run: &Run, seen: Seen, doubts: Doubts, store: &dyn Store) -> Result<()> {
    let answer = |(integration, orgs)| (integration, AnswerOf { orgs, counts: Vec::new() });
    let mut answers: BTreeMap<String, AnswerOf> = seen.orgs.into_iter().map(answer).collect();
    let row = |Row { company, key, unmapped, .. }: &Row| PlaceRow {
        company: company.clone(),
        key: key.clone(),
        unmapped: *unmapped,
    };
    let rows: Vec<(Arc<PlaceRow>, &Row)> = run.sheet.rows.iter().map(|kept| (row(kept).into(), kept)).collect();
    for (at, column) in run.sheet.columns.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Number) {
        let Some(answer) = answers.get_mut(&column.integration) else { continue };
        let Column { integration, metric, title, unit, .. } = column.clone();
        let column = Arc::new(PlaceColumn { integration, metric, title, unit });
        answer.counts.extend(rows.iter().filter_map(|(row, Row { cells, flags, .. })| {
            let cell = cells.get(at)?;
            let entry = Entry { state: state(cell), value: cell.number(), good: !flags.contains_key(&at) };
            Some((Place { row: row.clone(), column: column.clone() }, entry))
        }));
    }
    let of = SnapshotOf { run_id: &run.id, at: run.started_at, answers, gone: doubts.gone, fewer: doubts.fewer };
    store.keep_counts(&of).await
}

fn state(cell: &Cell) -> State {
    match cell {
        Cell::Counted(Value::Number(_)) => State::Counted,
        // Texts are not kept.
        Cell::Counted(Value::Text(_)) | Cell::Blank(Blank::NotApplicable) => State::NotApplicable,
        Cell::Blank(Blank::NotMapped) => State::NotMapped,
        Cell::Blank(Blank::LeftOut(_)) => State::LeftOut,
        Cell::Blank(Blank::Failed(_)) => State::Failed,
    }
}

/// Deletes what is older than it is to be kept.
pub(crate) async fn forget(keep: Keep, now: Timestamp, store: &dyn Store) -> Result<()> {
    let before = |age: Option<Duration>| age.and_then(|age| now.checked_sub(age).ok());
    let counts = match (keep.runs, keep.counts) {
        (Some(runs), Some(counts)) => Some(runs.max(counts)),
        _ => None,
    };
    if keep.runs.is_none() && counts.is_none() {
        return Ok(());
    }
    store.forget(before(keep.runs), before(counts)).await
}

/// The names of the integrations that answered.
pub(crate) fn answered(seen: &Seen) -> BTreeSet<String> {
    seen.orgs.keys().cloned().collect()
}
