//! Counts that outlive their runs. A count is written only when it became another one, so that a year of daily runs
//! stays small: a row of `count` holds from its snapshot on, as long as no later one of its series follows.
//!
//! Whether a series is known at a snapshot says `answered`: an integration that failed wrote nothing.

use crate::{Accepted, Baseline, LastGood, SnapshotOf};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::Decimal;
use tallysheet_core::history::{Entry, Kept, Place, Snapshot, State};

/// The tables, as the second version of the file has them.
pub(crate) const TABLES: &str = "
    ALTER TABLE run ADD COLUMN schedule TEXT;
    ALTER TABLE run ADD COLUMN asked TEXT;        -- the integrations by name, a line each
    CREATE TABLE snapshot (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,              -- the run itself may be gone
        at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE answered (
        integration TEXT NOT NULL,
        snapshot INTEGER NOT NULL REFERENCES snapshot (number) ON DELETE CASCADE,
        orgs INTEGER NOT NULL,
        good INTEGER NOT NULL,
        PRIMARY KEY (integration, snapshot)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX answered_snapshot ON answered (snapshot);
    CREATE TABLE company (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        unmapped INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        company INTEGER NOT NULL REFERENCES company (id) ON DELETE CASCADE,
        integration TEXT NOT NULL,
        metric TEXT NOT NULL,
        title TEXT NOT NULL,
        unit TEXT NOT NULL,
        UNIQUE (company, integration, metric)
    ) STRICT;
    CREATE TABLE count (
        series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
        snapshot INTEGER NOT NULL,                -- may be gone: the row still says from when on
        state INTEGER NOT NULL,
        value TEXT,
        good INTEGER NOT NULL,
        PRIMARY KEY (series, snapshot)
    ) STRICT, WITHOUT ROWID;
";

/// The last believed row of a series: `count g` of `series s`.
const IS_LAST_GOOD: &str = "g.snapshot = (SELECT max(c.snapshot) FROM count c
    WHERE c.series = s.id AND c.good = 1 AND c.state <> 4)";

const FAILED: u8 = 4;

fn number(state: State) -> u8 {
    match state {
        State::Counted => 0,
        State::NotMapped => 1,
        State::NotApplicable => 2,
        State::LeftOut => 3,
        State::Failed => FAILED,
        State::Gone => 5,
    }
}

fn state(number: u8) -> State {
    // A state of a newer version is none that this one could compare.
    State::ALL.into_iter().find(|state| self::number(*state) == number).unwrap_or(State::Failed)
}

fn entry(row: &Row<'_>, first: usize) -> rusqlite::Result<Entry> {
    let value: Option<String> = row.get(first + 1)?;
    Ok(Entry {
        state: state(row.get(first)?),
        value: value.and_then(|value| value.parse().ok()),
        good: row.get(first + 2)?,
    })
}

/// Keeps the counts of a run. The same run again changes nothing.
pub(crate) fn keep(connection: &Connection, of: &SnapshotOf<'_>) -> rusqlite::Result<()> {
    let inserted = connection.execute(
        "INSERT OR IGNORE INTO snapshot (run_id, at) VALUES (?1, ?2)",
        params![of.run_id, of.at.to_string()],
    )?;
    if inserted == 0 {
        return Ok(());
    }
    let snapshot = connection.last_insert_rowid();
    for (integration, orgs) in &of.orgs {
        let good = !of.fewer.contains(integration);
        let orgs = i64::try_from(*orgs).unwrap_or(i64::MAX);
        connection
            .execute("INSERT INTO answered VALUES (?1, ?2, ?3, ?4)", params![integration, snapshot, orgs, good])?;
    }
    let mut known = known(connection, &of.orgs)?;
    let mut companies: HashMap<&str, i64> = HashMap::new();
    let mut write = connection.prepare("INSERT INTO count VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut write = |series: i64, entry: Entry| {
        let value = entry.value.map(|value| value.normalize().to_string());
        write.execute(params![series, snapshot, number(entry.state), value, entry.good]).map(|_| ())
    };
    for (place, entry) in &of.counts {
        let name = (place.key.clone(), place.integration.clone(), place.metric.clone());
        let before = known.remove(&name);
        let series = match before {
            Some((_, before)) if before == *entry => continue,
            Some((series, _)) => series,
            // What was never there is not worth a row.
            None if entry.value.is_none() => continue,
            None => {
                let company = match companies.get(place.key.as_str()) {
                    Some(company) => *company,
                    None => self::company(connection, place)?,
                };
                companies.insert(&place.key, company);
                connection.query_row(
                    "INSERT INTO series (company, integration, metric, title, unit) VALUES (?1, ?2, ?3, ?4, ?5)
                     RETURNING id",
                    params![company, place.integration, place.metric, place.title, place.unit],
                    |row| row.get(0),
                )?
            }
        };
        write(series, *entry)?;
    }
    // Rows and columns of integrations that answered, which are there no more.
    for ((key, integration, _), (series, before)) in known {
        let gone = Entry { state: State::Gone, value: None, good: !of.gone.contains(&(key, integration)) };
        if before != gone {
            write(series, gone)?;
        }
    }
    names(connection, &of.counts)
}

/// Companies and columns are called as they are now; their keys stay.
fn names(connection: &Connection, counts: &[(Place, Entry)]) -> rusqlite::Result<()> {
    let mut company = connection.prepare("UPDATE company SET name = ?2 WHERE key = ?1 AND name <> ?2")?;
    let query =
        "UPDATE series SET title = ?3, unit = ?4 WHERE integration = ?1 AND metric = ?2 AND (title, unit) <> (?3, ?4)";
    let mut column = connection.prepare(query)?;
    let (mut companies, mut columns) = (BTreeSet::new(), BTreeSet::new());
    for (place, _) in counts {
        if companies.insert(place.key.as_str()) {
            company.execute([&place.key, &place.company])?;
        }
        if columns.insert((place.integration.as_str(), place.metric.as_str())) {
            column.execute([&place.integration, &place.metric, &place.title, &place.unit])?;
        }
    }
    Ok(())
}

type Name = (String, String, String);

/// What each series of the integrations has by now, by key, integration and metric.
fn known(connection: &Connection, orgs: &BTreeMap<String, usize>) -> rusqlite::Result<HashMap<Name, (i64, Entry)>> {
    let mut statement = connection.prepare(
        "SELECT co.key, s.metric, s.id, c.state, c.value, c.good FROM series s JOIN company co ON co.id = s.company
         JOIN count c ON c.series = s.id AND c.snapshot = (SELECT max(n.snapshot) FROM count n WHERE n.series = s.id)
         WHERE s.integration = ?1",
    )?;
    let mut known = HashMap::new();
    for integration in orgs.keys() {
        let mut rows = statement.query([integration])?;
        while let Some(row) = rows.next()? {
            known.insert((row.get(0)?, integration.clone(), row.get(1)?), (row.get(2)?, entry(row, 3)?));
        }
    }
    Ok(known)
}

/// The company's number; its name is the newest one.
fn company(connection: &Connection, place: &Place) -> rusqlite::Result<i64> {
    connection.query_row(
        "INSERT INTO company (key, name, unmapped) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET name = excluded.name, unmapped = excluded.unmapped RETURNING id",
        params![place.key, place.company, place.unmapped],
        |row| row.get(0),
    )
}

/// The last believed counts of these integrations, and their last believed numbers of orgs.
pub(crate) fn baseline(connection: &Connection, integrations: &BTreeSet<String>) -> rusqlite::Result<Baseline> {
    let mut baseline = Baseline::default();
    // Good until the row that follows it; the last snapshot before that one is the last that had it.
    let query = format!(
        "SELECT co.key, co.name, co.unmapped, s.metric, g.value, (
            SELECT p.at FROM answered a JOIN snapshot p ON p.number = a.snapshot
            WHERE a.integration = s.integration AND a.snapshot >= g.snapshot AND a.snapshot < ifnull((
                SELECT min(n.snapshot) FROM count n WHERE n.series = s.id AND n.snapshot > g.snapshot), 1 << 62)
            ORDER BY a.snapshot DESC LIMIT 1)
         FROM series s JOIN company co ON co.id = s.company JOIN count g ON g.series = s.id AND {IS_LAST_GOOD}
         WHERE s.integration = ?1 AND g.value IS NOT NULL ORDER BY co.key, s.metric"
    );
    let mut counts = connection.prepare(&query)?;
    let mut orgs = connection.prepare(
        "SELECT a.orgs, p.at FROM answered a JOIN snapshot p ON p.number = a.snapshot
         WHERE a.integration = ?1 AND a.good = 1 ORDER BY a.snapshot DESC LIMIT 1",
    )?;
    for integration in integrations {
        let mut rows = counts.query([integration])?;
        while let Some(row) = rows.next()? {
            let value: String = row.get(4)?;
            let at: Option<String> = row.get(5)?;
            // A value that this version cannot read is compared with nothing.
            let Ok(value) = value.parse::<Decimal>() else { continue };
            baseline.counts.push(LastGood {
                key: row.get(0)?,
                company: row.get(1)?,
                unmapped: row.get(2)?,
                integration: integration.clone(),
                metric: row.get(3)?,
                value,
                at: time(at.as_deref()),
            });
        }
        let last = orgs.query_row([integration], |row| {
            let (orgs, at): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok((usize::try_from(orgs).unwrap_or_default(), time(Some(&at))))
        });
        if let Some(last) = last.optional()? {
            baseline.orgs.insert(integration.clone(), last);
        }
    }
    Ok(baseline)
}

fn time(text: Option<&str>) -> Timestamp {
    text.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Everything up to a point in time: snapshots from another one on.
pub(crate) fn kept(connection: &Connection, from: Timestamp, to: Timestamp) -> rusqlite::Result<Kept> {
    let mut kept = Kept::default();
    let mut snapshots = connection.prepare("SELECT number, at FROM snapshot ORDER BY number")?;
    let mut rows = snapshots.query([])?;
    while let Some(row) = rows.next()? {
        let at: String = row.get(1)?;
        let snapshot = Snapshot { number: row.get(0)?, at: time(Some(&at)) };
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
    let query = "SELECT integration, snapshot FROM answered WHERE snapshot BETWEEN ?1 AND ?2";
    let mut answered = connection.prepare(query)?;
    let mut rows = answered.query([first, last])?;
    while let Some(row) = rows.next()? {
        let snapshot: i64 = row.get(1)?;
        if here.contains(&snapshot) {
            kept.answered.entry(row.get(0)?).or_default().insert(snapshot);
        }
    }
    let mut series = connection.prepare(
        "SELECT s.id, co.name, co.key, co.unmapped, s.integration, s.metric, s.title, s.unit
         FROM series s JOIN company co ON co.id = s.company",
    )?;
    let mut places: HashMap<i64, Place> = HashMap::new();
    let mut rows = series.query([])?;
    while let Some(row) = rows.next()? {
        let place = Place {
            company: row.get(1)?,
            key: row.get(2)?,
            unmapped: row.get(3)?,
            integration: row.get(4)?,
            metric: row.get(5)?,
            title: row.get(6)?,
            unit: row.get(7)?,
        };
        places.insert(row.get(0)?, place);
    }
    let query = "SELECT series, snapshot, state, value, good FROM count WHERE snapshot <= ?1 ORDER BY series, snapshot";
    let mut counts = connection.prepare(query)?;
    let mut rows = counts.query([last])?;
    let mut entries: HashMap<i64, Vec<(i64, Entry)>> = HashMap::new();
    while let Some(row) = rows.next()? {
        entries.entry(row.get(0)?).or_default().push((row.get(1)?, entry(row, 2)?));
    }
    kept.series = entries.into_iter().filter_map(|(id, entries)| Some((places.remove(&id)?, entries))).collect();
    let name = |place: &Place| (place.company.to_lowercase(), place.key.clone(), place.title.clone());
    kept.series.sort_by_cached_key(|(place, _)| name(place));
    Ok(kept)
}

/// Believes the implausible counts of a run; `None` where its counts are not kept.
pub(crate) fn accept(
    connection: &Connection,
    run_id: &str,
    companies: Option<&[String]>,
) -> rusqlite::Result<Option<Vec<Accepted>>> {
    let query = "SELECT number FROM snapshot WHERE run_id = ?1";
    let Some(snapshot) = connection.query_row(query, [run_id], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(None);
    };
    let mut accepted = Vec::new();
    let mut statement = connection.prepare(
        "SELECT s.id, g.snapshot, co.key, co.name, s.title, g.value FROM answered a
         JOIN series s ON s.integration = a.integration JOIN company co ON co.id = s.company
         JOIN count g ON g.series = s.id
            AND g.snapshot = (SELECT max(c.snapshot) FROM count c WHERE c.series = s.id AND c.snapshot <= a.snapshot)
         WHERE a.snapshot = ?1 AND g.good = 0 ORDER BY co.name, co.key, s.title",
    )?;
    let mut rows = statement.query([snapshot])?;
    while let Some(row) = rows.next()? {
        let (key, name): (String, String) = (row.get(2)?, row.get(3)?);
        let is = |wanted: &String| *wanted == key || wanted.trim().to_lowercase() == name.to_lowercase();
        if companies.is_some_and(|wanted| !wanted.iter().any(is)) {
            continue;
        }
        let (series, from): (i64, i64) = (row.get(0)?, row.get(1)?);
        connection.execute("UPDATE count SET good = 1 WHERE series = ?1 AND snapshot = ?2", [series, from])?;
        let value: Option<String> = row.get(5)?;
        let value = value.and_then(|value| value.parse().ok());
        accepted.push(Accepted { company: Some(name), column: row.get(4)?, value });
    }
    if companies.is_none() {
        let query = "UPDATE answered SET good = 1 WHERE snapshot = ?1 AND good = 0 RETURNING integration, orgs";
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([snapshot])?;
        while let Some(row) = rows.next()? {
            let orgs: i64 = row.get(1)?;
            accepted.push(Accepted { company: None, column: row.get(0)?, value: Some(orgs.into()) });
        }
    }
    Ok(Some(accepted))
}

/// Deletes snapshots from before a point in time, and the rows that no later snapshot needs. What the guard compares
/// with stays.
pub(crate) fn forget(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let before = before.to_string();
    if connection.execute("DELETE FROM snapshot WHERE at < ?1", [&before])? == 0 {
        return Ok(());
    }
    let query = "SELECT min(number) FROM snapshot";
    let Some(first) = connection.query_row(query, [], |row| row.get::<_, Option<i64>>(0))? else { return Ok(()) };
    connection.execute(
        "DELETE FROM count AS d WHERE d.snapshot < ?1
         AND EXISTS (SELECT 1 FROM count n WHERE n.series = d.series AND n.snapshot > d.snapshot AND n.snapshot <= ?1)
         AND d.snapshot <> ifnull((SELECT max(c.snapshot) FROM count c
            WHERE c.series = d.series AND c.good = 1 AND c.state <> 4), -1)",
        [first],
    )?;
    // A series that is gone since then, and was believed to be, says nothing any more.
    connection.execute(
        "DELETE FROM series WHERE id IN (SELECT c.series FROM count c GROUP BY c.series
         HAVING count(*) = 1 AND max(c.state) = 5 AND max(c.good) = 1 AND max(c.snapshot) < ?1)",
        [first],
    )?;
    connection.execute("DELETE FROM company WHERE id NOT IN (SELECT company FROM series)", [])?;
    Ok(())
}
