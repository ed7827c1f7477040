//! Counts that outlive their runs. A count is written only when it became another one, so that a year of daily runs
//! stays small: a row of `count` holds from its snapshot on, as long as no later one of its series follows.
//!
//! Whether a series is known at a snapshot says `answered`: an integration that failed wrote nothing.

use crate::step::{Row, Step, Value, values};
use crate::{Accepted, Baseline, LastGood, SnapshotOf};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use tallysheet_core::history::{Entry, Kept, Place, PlaceColumn, PlaceRow, Snapshot, State};
use tallysheet_core::{Error, Result};

/// The last believed row of a series: `count g` of `series s`.
const IS_LAST_GOOD: &str = "g.snapshot = (SELECT max(c.snapshot) FROM count c
    WHERE c.series = s.id AND c.good = 1 AND c.state <> 4)";

const FAILED: i64 = 4;

/// How many rows are bound before they are written.
const AT_A_TIME: usize = 1_000;

fn number(state: State) -> i64 {
    match state {
        State::Counted => 0,
        State::NotMapped => 1,
        State::NotApplicable => 2,
        State::LeftOut => 3,
        State::Failed => FAILED,
        State::Gone => 5,
    }
}

fn state(number: i64) -> State {
    // A state of a newer version is none that this one could compare.
    State::ALL.into_iter().find(|state| self::number(*state) == number).unwrap_or(State::Failed)
}

fn entry(row: &mut Row) -> Result<Entry> {
    Ok(Entry { state: state(row.number()?), value: row.decimal()?, good: row.is()? })
}

/// Keeps the counts of a run. The same run again changes nothing.
pub(crate) async fn keep(step: &mut dyn Step, of: &SnapshotOf<'_>) -> Result<()> {
    let insert = "INSERT INTO snapshot (run_id, at) VALUES ($1, $2) ON CONFLICT (run_id) DO NOTHING RETURNING number";
    let Some(mut row) = step.row(insert, values![of.run_id, of.at.to_string()]).await? else { return Ok(()) };
    let snapshot = row.number()?;
    let answered = of.answers.iter().map(|(integration, answer)| {
        let good = !of.fewer.contains(integration);
        values![integration, snapshot, answer.orgs, good]
    });
    let insert = "INSERT INTO answered (integration, snapshot, orgs, good) VALUES ($1, $2, $3, $4)";
    step.each(insert, answered.collect()).await?;

    let mut ids = Ids::default();
    for (integration, answer) in &of.answers {
        keep_answer(step, snapshot, integration, &answer.counts, &of.gone, &mut ids).await?;
    }
    names(step, of).await
}

/// The ids of companies by key, as far as they were needed.
type Ids = HashMap<String, i64>;

/// Keeps the counts of one integration: of the sheet of a large MSP all that is known of one at a time.
async fn keep_answer(
    step: &mut dyn Step,
    snapshot: i64,
    integration: &str,
    counts: &[(Place, Entry)],
    not_believed: &BTreeSet<(String, String)>,
    ids: &mut Ids,
) -> Result<()> {
    let mut known = known(step, integration).await?;
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (place, entry) in counts {
        match known.remove(&(place.row.key.clone(), place.column.metric.clone())) {
            Some((_, before)) if before == *entry => {}
            Some((series, _)) => changed.push((series, *entry)),
            // What was never there is not worth a row.
            None if entry.value.is_none() => {}
            None => added.push((place, *entry)),
        }
    }
    // Rows and columns that are there no more.
    for ((key, _), (series, before)) in known {
        let good = !not_believed.contains(&(key, integration.to_owned()));
        let gone = Entry { state: State::Gone, value: None, good };
        if before != gone {
            changed.push((series, gone));
        }
    }
    if !added.is_empty() {
        changed.extend(begun(step, integration, &added, ids).await?);
    }
    let changed = changed.into_iter().map(|(series, entry)| {
        let Entry { state, value, good } = entry;
        values![series, snapshot, number(state), value.map(|value| value.normalize().to_string()), good]
    });
    each(step, "INSERT INTO count (series, snapshot, state, value, good) VALUES ($1, $2, $3, $4, $5)", changed).await
}

/// Does the same with each of these, some at a time: there is one for each cell of a sheet.
async fn each(step: &mut dyn Step, sql: &str, values: impl Iterator<Item = Vec<Value>> + Send) -> Result<()> {
    let mut values = values.fuse();
    loop {
        let some: Vec<_> = values.by_ref().take(AT_A_TIME).collect();
        if some.is_empty() {
            return Ok(());
        }
        step.each(sql, some).await?;
    }
}

/// Makes series of one integration; which of them has which entry.
async fn begun(
    step: &mut dyn Step,
    integration: &str,
    added: &[(&Place, Entry)],
    ids: &mut Ids,
) -> Result<Vec<(i64, Entry)>> {
    let of_company = |ids: &Ids, place: &Place| ids.get(&place.row.key).copied();
    let unknown = added.iter().filter(|(place, _)| of_company(ids, place).is_none());
    let unknown: BTreeMap<&str, &PlaceRow> = unknown.map(|(place, _)| (&*place.row.key, &*place.row)).collect();
    if !unknown.is_empty() {
        let companies = unknown.into_values().map(|row| values![&row.key, &row.company, row.unmapped]);
        each(
            step,
            "INSERT INTO company (key, name, unmapped) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET name = excluded.name, unmapped = excluded.unmapped",
            companies,
        )
        .await?;
        for mut row in step.rows("SELECT key, id FROM company", values![]).await? {
            ids.insert(row.text()?, row.number()?);
        }
    }
    let series = added.iter().filter_map(|(place, _)| {
        let PlaceColumn { integration, metric, title, unit } = &*place.column;
        Some(values![of_company(ids, place)?, integration, metric, title, unit])
    });
    let insert = "INSERT INTO series (company, integration, metric, title, unit) VALUES ($1, $2, $3, $4, $5)";
    each(step, insert, series).await?;
    let mut made: HashMap<(i64, String), i64> = HashMap::new();
    let query = "SELECT company, metric, id FROM series WHERE integration = $1";
    for mut row in step.rows(query, values![integration]).await? {
        made.insert((row.number()?, row.text()?), row.number()?);
    }
    let entry = |(place, entry): &(&Place, Entry)| {
        let company = of_company(ids, place);
        let series = company.and_then(|company| made.get(&(company, place.column.metric.clone())));
        let lost = || Error::internal(format!("{} of {} was not kept", place.column.title, place.row.company));
        Ok((*series.ok_or_else(lost)?, *entry))
    };
    added.iter().map(entry).collect()
}

/// Companies and columns are called as they are now; their keys stay.
async fn names(step: &mut dyn Step, of: &SnapshotOf<'_>) -> Result<()> {
    let (mut companies, mut columns) = (BTreeMap::new(), BTreeMap::new());
    for (Place { row, column }, _) in of.answers.values().flat_map(|answer| &answer.counts) {
        companies.entry(&row.key).or_insert(row);
        columns.entry((&column.integration, &column.metric)).or_insert(column);
    }
    let companies = companies.into_values().map(|row| values![&row.key, &row.company]);
    each(step, "UPDATE company SET name = $2 WHERE key = $1 AND name <> $2", companies).await?;
    let columns = columns.into_values().map(|column| {
        let PlaceColumn { integration, metric, title, unit } = &**column;
        values![integration, metric, title, unit]
    });
    let update =
        "UPDATE series SET title = $3, unit = $4 WHERE integration = $1 AND metric = $2 AND (title, unit) <> ($3, $4)";
    each(step, update, columns).await
}

/// What each series of an integration has by now, by key and metric.
async fn known(step: &mut dyn Step, integration: &str) -> Result<HashMap<(String, String), (i64, Entry)>> {
    let query = "SELECT co.key, s.metric, s.id, c.state, c.value, c.good FROM series s
         JOIN company co ON co.id = s.company
         JOIN count c ON c.series = s.id AND c.snapshot = (SELECT max(n.snapshot) FROM count n WHERE n.series = s.id)
         WHERE s.integration = $1";
    let rows = step.rows(query, values![integration]).await?.into_iter();
    rows.map(|mut row| Ok(((row.text()?, row.text()?), (row.number()?, entry(&mut row)?)))).collect()
}

/// The last believed counts of these integrations, and their last believed numbers of orgs.
pub(crate) async fn baseline(step: &mut dyn Step, integrations: &BTreeSet<String>) -> Result<Baseline> {
    let mut baseline = Baseline::default();
    // Good until the row that follows it; the last snapshot before that one is the last that had it.
    let counts = format!(
        "SELECT co.key, co.name, co.unmapped, s.metric, g.value, (
            SELECT p.at FROM answered a JOIN snapshot p ON p.number = a.snapshot
            WHERE a.integration = s.integration AND a.snapshot >= g.snapshot AND a.snapshot < coalesce((
                SELECT min(n.snapshot) FROM count n WHERE n.series = s.id AND n.snapshot > g.snapshot),
                9223372036854775807)
            ORDER BY a.snapshot DESC LIMIT 1)
         FROM series s JOIN company co ON co.id = s.company JOIN count g ON g.series = s.id AND {IS_LAST_GOOD}
         WHERE s.integration = $1 AND g.value IS NOT NULL ORDER BY co.key, s.metric"
    );
    let orgs = "SELECT a.orgs, p.at FROM answered a JOIN snapshot p ON p.number = a.snapshot
         WHERE a.integration = $1 AND a.good = 1 ORDER BY a.snapshot DESC LIMIT 1";
    for integration in integrations {
        for mut row in step.rows(&counts, values![integration]).await? {
            let (key, company, unmapped, metric) = (row.text()?, row.text()?, row.is()?, row.text()?);
            // A value that this version cannot read is compared with nothing.
            let Some(value) = row.decimal()? else { continue };
            let (integration, at) = (integration.clone(), time(&mut row)?);
            baseline.counts.push(LastGood { key, company, unmapped, integration, metric, value, at });
        }
        if let Some(mut row) = step.row(orgs, values![integration]).await? {
            let orgs = usize::try_from(row.number()?).unwrap_or_default();
            baseline.orgs.insert(integration.clone(), (orgs, time(&mut row)?));
        }
    }
    Ok(baseline)
}

fn time(row: &mut Row) -> Result<Timestamp> {
    Ok(row.parsed()?.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Everything up to a point in time: snapshots from another one on.
pub(crate) async fn kept(step: &mut dyn Step, from: Timestamp, to: Timestamp) -> Result<Kept> {
    let mut kept = Kept::default();
    for mut row in step.rows("SELECT number, at FROM snapshot ORDER BY number", values![]).await? {
        let snapshot = Snapshot { number: row.number()?, at: time(&mut row)? };
        if snapshot.at >= from && snapshot.at < to {
            kept.snapshots.push(snapshot);
        }
    }
    let (Some(first), Some(last)) =
        (kept.snapshots.first().map(|one| one.number), kept.snapshots.last().map(|one| one.number))
    else {
        return Ok(kept);
    };
    let here: BTreeSet<i64> = kept.snapshots.iter().map(|snapshot| snapshot.number).collect();
    let query = "SELECT snapshot, integration FROM answered WHERE snapshot BETWEEN $1 AND $2";
    for mut row in step.rows(query, values![first, last]).await? {
        let snapshot = row.number()?;
        if here.contains(&snapshot) {
            kept.answered.entry(row.text()?).or_default().insert(snapshot);
        }
    }
    let query = "SELECT s.id, co.name, co.key, co.unmapped, s.integration, s.metric, s.title, s.unit
         FROM series s JOIN company co ON co.id = s.company";
    let (mut places, mut of_rows, mut of_columns) = (HashMap::new(), HashSet::new(), HashSet::new());
    for mut row in step.rows(query, values![]).await? {
        let series = row.number()?;
        let of_row = PlaceRow { company: row.text()?, key: row.text()?, unmapped: row.is()? };
        let of_column =
            PlaceColumn { integration: row.text()?, metric: row.text()?, title: row.text()?, unit: row.text()? };
        places.insert(series, Place { row: shared(&mut of_rows, of_row), column: shared(&mut of_columns, of_column) });
    }
    let query = "SELECT series, snapshot, state, value, good FROM count WHERE snapshot <= $1 ORDER BY series, snapshot";
    let mut entries: HashMap<i64, Vec<(i64, Entry)>> = HashMap::new();
    for mut row in step.rows(query, values![last]).await? {
        entries.entry(row.number()?).or_default().push((row.number()?, entry(&mut row)?));
    }
    kept.series = entries.into_iter().filter_map(|(id, entries)| Some((places.remove(&id)?, entries))).collect();
    let name = |place: &Place| (place.row.company.to_lowercase(), place.row.key.clone(), place.column.title.clone());
    kept.series.sort_by_cached_key(|(place, _)| name(place));
    Ok(kept)
}

/// The one that is equal, if it came before.
fn shared<T: Eq + Hash>(all: &mut HashSet<Arc<T>>, one: T) -> Arc<T> {
    if let Some(known) = all.get(&one) {
        return known.clone();
    }
    let one = Arc::new(one);
    all.insert(one.clone());
    one
}

/// Believes the implausible counts of a run; `None` where its counts are not kept.
pub(crate) async fn accept(
    step: &mut dyn Step,
    run_id: &str,
    companies: Option<&[String]>,
) -> Result<Option<Vec<Accepted>>> {
    let query = "SELECT number FROM snapshot WHERE run_id = $1";
    let Some(mut row) = step.row(query, values![run_id]).await? else { return Ok(None) };
    let snapshot = row.number()?;
    let query = "SELECT s.id, g.snapshot, co.key, co.name, s.title, g.value FROM answered a
         JOIN series s ON s.integration = a.integration JOIN company co ON co.id = s.company
         JOIN count g ON g.series = s.id
            AND g.snapshot = (SELECT max(c.snapshot) FROM count c WHERE c.series = s.id AND c.snapshot <= a.snapshot)
         WHERE a.snapshot = $1 AND g.good = 0 ORDER BY co.name, co.key, s.title";
    let (mut accepted, mut believed) = (Vec::new(), Vec::new());
    for mut row in step.rows(query, values![snapshot]).await? {
        let (series, from, key, name) = (row.number()?, row.number()?, row.text()?, row.text()?);
        let is = |wanted: &String| *wanted == key || wanted.trim().to_lowercase() == name.to_lowercase();
        if companies.is_some_and(|wanted| !wanted.iter().any(is)) {
            continue;
        }
        believed.push(values![series, from]);
        accepted.push(Accepted { company: Some(name), column: row.text()?, value: row.decimal()? });
    }
    step.each("UPDATE count SET good = 1 WHERE series = $1 AND snapshot = $2", believed).await?;
    if companies.is_none() {
        let query = "UPDATE answered SET good = 1 WHERE snapshot = $1 AND good = 0 RETURNING integration, orgs";
        let mut fewer = BTreeMap::new();
        for mut row in step.rows(query, values![snapshot]).await? {
            fewer.insert(row.text()?, row.number()?);
        }
        let fewer =
            fewer.into_iter().map(|(column, orgs)| Accepted { company: None, column, value: Some(orgs.into()) });
        accepted.extend(fewer);
    }
    Ok(Some(accepted))
}

/// Deletes snapshots from before a point in time, and the rows that no later snapshot needs. What the guard compares
/// with stays.
pub(crate) async fn forget(step: &mut dyn Step, before: Timestamp) -> Result<()> {
    if step.run("DELETE FROM snapshot WHERE at < $1", values![before.to_string()]).await? == 0 {
        return Ok(());
    }
    let first = match step.row("SELECT min(number) FROM snapshot", values![]).await? {
        Some(mut row) => row.maybe_number()?,
        None => None,
    };
    let Some(first) = first else { return Ok(()) };
    step.run(
        "DELETE FROM count AS d WHERE d.snapshot < $1
         AND EXISTS (SELECT 1 FROM count n WHERE n.series = d.series AND n.snapshot > d.snapshot AND n.snapshot <= $1)
         AND d.snapshot <> coalesce((SELECT max(c.snapshot) FROM count c
            WHERE c.series = d.series AND c.good = 1 AND c.state <> 4), -1)",
        values![first],
    )
    .await?;
    // A series that is gone since then, and was believed to be, says nothing any more.
    step.run(
        "DELETE FROM series WHERE id IN (SELECT c.series FROM count c GROUP BY c.series
         HAVING count(*) = 1 AND max(c.state) = 5 AND max(c.good) = 1 AND max(c.snapshot) < $1)",
        values![first],
    )
    .await?;
    step.run("DELETE FROM company WHERE id NOT IN (SELECT company FROM series)", values![]).await?;
    Ok(())
}
