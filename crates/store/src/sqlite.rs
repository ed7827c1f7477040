//! The store in one SQLite file. Several processes may use it at once.

use crate::counts;
use crate::packed::{pack, pack_bytes, unpack, unpack_bytes};
use crate::{Accepted, Baseline, RenderedFile, RunHead, SnapshotOf, Store};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::history::Kept;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run, RunStatus};
use tallysheet_core::{Error, Result, async_trait};

/// How long one process waits for another's write.
const PATIENCE: Duration = Duration::from_secs(20);

/// Each brings the file from the version that is its index to the next.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE run (
        id TEXT PRIMARY KEY,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        status TEXT,          -- absent until there is a sheet
        exit_status INTEGER,
        packed BLOB           -- the whole run
    ) STRICT;
    CREATE INDEX run_started ON run (started_at);
    CREATE TABLE delivery (
        run_id TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        reference TEXT,
        error TEXT,
        PRIMARY KEY (run_id, name)
    ) STRICT;
    CREATE TABLE file (
        run_id TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        format TEXT NOT NULL,
        packed BLOB NOT NULL,
        PRIMARY KEY (run_id, format)
    ) STRICT;
    CREATE TABLE product_column (
        integration TEXT NOT NULL,
        label TEXT NOT NULL,
        unit TEXT NOT NULL,
        PRIMARY KEY (integration, label)
    ) STRICT;
",
    counts::TABLES,
    "
    CREATE TABLE note (
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
",
];

/// Runs in a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Sqlite {
    /// The store at a path, made or brought up to date. Its folder must exist; only the user can read the file.
    pub fn open(path: &Path) -> Result<Self> {
        make_private(path).map_err(|error| failed(path, &error.to_string()))?;
        let connection = Connection::open(path).map_err(|error| failed(path, &error.to_string()))?;
        Self::with(connection, path)
    }

    /// A store that is gone when it is dropped.
    pub fn in_memory() -> Result<Self> {
        let path = Path::new("memory");
        Self::with(Connection::open_in_memory().map_err(|error| failed(path, &error.to_string()))?, path)
    }

    fn with(mut connection: Connection, path: &Path) -> Result<Self> {
        prepare(&mut connection).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Does something with the connection; what goes wrong names the file.
    fn with_connection<T>(&self, act: impl FnOnce(&mut Connection) -> Result<T, Problem>) -> Result<T> {
        let mut connection: MutexGuard<'_, Connection> = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut connection).map_err(|problem| match problem {
            Problem::Sqlite(error) => failed(&self.path, &error.to_string()),
            Problem::Other(error) => error,
        })
    }
}

/// What can go wrong: the file, or what is put into it.
enum Problem {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn begin(&self, id: &str, started_at: Timestamp) -> Result<()> {
        self.with_connection(|connection| {
            let begin = "INSERT INTO run (id, started_at) VALUES (?1, ?2)";
            connection.execute(begin, params![id, started_at.to_string()])?;
            Ok(())
        })
    }

    async fn keep(&self, run: &Run, files: &[RenderedFile]) -> Result<()> {
        let packed = pack(run)?;
        let files: Vec<(&str, Vec<u8>)> =
            files.iter().map(|file| Ok((file.format.as_str(), pack_bytes(&file.bytes)?))).collect::<Result<_>>()?;
        self.with_connection(|connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step.execute(
                "INSERT INTO run (id, started_at, finished_at, status, exit_status, packed, schedule, asked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, status = excluded.status,
                 exit_status = excluded.exit_status, packed = excluded.packed, schedule = excluded.schedule,
                 asked = excluded.asked",
                params![
                    run.id,
                    run.started_at.to_string(),
                    run.finished_at.map(|at| at.to_string()),
                    status_word(run.status),
                    run.finished_at.map(|_| run.exit_status),
                    packed,
                    run.schedule,
                    lines(&run.asked)
                ],
            )?;
            for (format, packed) in files {
                step.execute("INSERT OR REPLACE INTO file VALUES (?1, ?2, ?3)", params![run.id, format, packed])?;
            }
            for outcome in &run.deliveries {
                keep_outcome(&step, &run.id, outcome)?;
            }
            step.commit()?;
            Ok(())
        })
    }

    async fn keep_delivery(&self, run_id: &str, outcome: &DeliveryOutcome) -> Result<()> {
        self.with_connection(|connection| Ok(keep_outcome(connection, run_id, outcome)?))
    }

    async fn run(&self, id: &str) -> Result<Option<Run>> {
        self.with_connection(|connection| {
            let query = "SELECT packed FROM run WHERE id = ?1 AND packed IS NOT NULL";
            let packed: Option<Vec<u8>> = connection.query_row(query, [id], |row| row.get(0)).optional()?;
            let Some(packed) = packed else { return Ok(None) };
            let mut run = unpack(&packed)?;
            run.deliveries = outcomes(connection, id, &run.deliveries)?;
            Ok(Some(run))
        })
    }

    async fn file(&self, id: &str, format: &str) -> Result<Option<Vec<u8>>> {
        self.with_connection(|connection| {
            let query = "SELECT packed FROM file WHERE run_id = ?1 AND format = ?2";
            let packed: Option<Vec<u8>> = connection.query_row(query, [id, format], |row| row.get(0)).optional()?;
            Ok(packed.map(|packed| unpack_bytes(&packed)).transpose()?)
        })
    }

    async fn runs(&self, most: usize) -> Result<Vec<RunHead>> {
        self.with_connection(|connection| {
            let query = "SELECT id, started_at, finished_at, status, exit_status FROM run
                         ORDER BY started_at DESC, id DESC LIMIT ?1";
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let mut statement = connection.prepare(query)?;
            let heads = statement.query_map([most], head)?.collect::<Result<Vec<_>, _>>()?;
            Ok(heads)
        })
    }

    async fn columns(&self) -> Result<BTreeMap<String, Vec<KeptColumn>>> {
        self.with_connection(|connection| {
            let mut columns: BTreeMap<String, Vec<KeptColumn>> = BTreeMap::new();
            let query = "SELECT integration, label, unit FROM product_column ORDER BY integration, label";
            let mut statement = connection.prepare(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let column = KeptColumn { label: row.get(1)?, unit: row.get(2)? };
                columns.entry(row.get(0)?).or_default().push(column);
            }
            Ok(columns)
        })
    }

    async fn keep_columns(&self, columns: &BTreeMap<String, Vec<KeptColumn>>) -> Result<()> {
        self.with_connection(|connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (integration, columns) in columns {
                step.execute("DELETE FROM product_column WHERE integration = ?1", [integration])?;
                for column in columns {
                    let insert = "INSERT OR REPLACE INTO product_column VALUES (?1, ?2, ?3)";
                    step.execute(insert, [integration, &column.label, &column.unit])?;
                }
            }
            step.commit()?;
            Ok(())
        })
    }

    async fn last(&self, id: &str, schedule: Option<&str>, asked: &BTreeSet<String>) -> Result<Option<Run>> {
        self.with_connection(|connection| {
            let find = |which: &str, wanted: &str| {
                let query = format!(
                    "SELECT packed FROM run WHERE id <> ?1 AND packed IS NOT NULL AND {which}
                     ORDER BY started_at DESC, id DESC LIMIT 1"
                );
                connection.query_row(&query, [id, wanted], |row| row.get::<_, Vec<u8>>(0)).optional()
            };
            let mut packed = None;
            if let Some(schedule) = schedule {
                packed = find("schedule = ?2 AND status <> 'failed'", schedule)?;
            }
            for which in ["asked = ?2 AND status = 'complete'", "asked = ?2 AND status = 'partial'"] {
                packed = match packed {
                    None => find(which, &lines(asked))?,
                    found => found,
                };
            }
            Ok(packed.map(|packed| unpack(&packed)).transpose()?)
        })
    }

    async fn keep_counts(&self, of: &SnapshotOf<'_>) -> Result<()> {
        self.with_connection(|connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            counts::keep(&step, of)?;
            step.commit()?;
            Ok(())
        })
    }

    async fn baseline(&self, integrations: &BTreeSet<String>) -> Result<Baseline> {
        self.with_connection(|connection| Ok(counts::baseline(connection, integrations)?))
    }

    async fn counts(&self, from: Timestamp, to: Timestamp) -> Result<Kept> {
        self.with_connection(|connection| Ok(counts::kept(connection, from, to)?))
    }

    async fn accept(&self, run_id: &str, companies: Option<&[String]>) -> Result<Option<Vec<Accepted>>> {
        self.with_connection(|connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let accepted = counts::accept(&step, run_id, companies)?;
            step.commit()?;
            Ok(accepted)
        })
    }

    async fn forget(&self, runs_before: Option<Timestamp>, counts_before: Option<Timestamp>) -> Result<()> {
        self.with_connection(|connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(before) = runs_before {
                step.execute(
                    "DELETE FROM run WHERE started_at < ?1 AND id <> ifnull((SELECT id FROM run
                     WHERE status IN ('complete', 'partial') ORDER BY started_at DESC, id DESC LIMIT 1), '')",
                    [before.to_string()],
                )?;
            }
            if let Some(before) = counts_before {
                counts::forget(&step, before)?;
            }
            step.commit()?;
            Ok(())
        })
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        self.with_connection(|connection| {
            let query = "SELECT text FROM note WHERE name = ?1";
            Ok(connection.query_row(query, [name], |row| row.get(0)).optional()?)
        })
    }

    async fn keep_note(&self, name: &str, text: &str) -> Result<()> {
        self.with_connection(|connection| {
            connection.execute("INSERT OR REPLACE INTO note VALUES (?1, ?2)", [name, text])?;
            Ok(())
        })
    }

    async fn swap_note(&self, name: &str, before: Option<&str>, text: &str) -> Result<bool> {
        self.with_connection(|connection| {
            let changed = match before {
                None => connection.execute("INSERT OR IGNORE INTO note VALUES (?1, ?2)", [name, text])?,
                Some(before) => {
                    let update = "UPDATE note SET text = ?2 WHERE name = ?1 AND text = ?3";
                    connection.execute(update, [name, text, before])?
                }
            };
            Ok(changed == 1)
        })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

/// Names as one text, the same for the same ones.
fn lines(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn keep_outcome(connection: &Connection, run_id: &str, outcome: &DeliveryOutcome) -> rusqlite::Result<()> {
    let DeliveryOutcome { name, kind, status, reference, error } = outcome;
    connection
        .execute(
            "INSERT OR REPLACE INTO delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![run_id, name, kind, delivery_word(*status), reference, error],
        )
        .map(|_| ())
}

/// What became of each delivery, by now: those of the run in their order, then later ones.
fn outcomes(connection: &Connection, run_id: &str, known: &[DeliveryOutcome]) -> Result<Vec<DeliveryOutcome>, Problem> {
    let query = "SELECT name, kind, status, reference, error FROM delivery WHERE run_id = ?1 ORDER BY name";
    let mut statement = connection.prepare(query)?;
    let mut outcomes = statement
        .query_map([run_id], |row| {
            let status: String = row.get(2)?;
            Ok(DeliveryOutcome {
                name: row.get(0)?,
                kind: row.get(1)?,
                status: of_word(&[DeliveryStatus::Delivered, DeliveryStatus::Failed, DeliveryStatus::Skipped], &status)
                    .unwrap_or(DeliveryStatus::Unknown),
                reference: row.get(3)?,
                error: row.get(4)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let place = |name: &str| known.iter().position(|outcome| outcome.name == name).unwrap_or(usize::MAX);
    outcomes.sort_by_key(|outcome| place(&outcome.name));
    Ok(outcomes)
}

fn of_word(statuses: &[DeliveryStatus], word: &str) -> Option<DeliveryStatus> {
    statuses.iter().copied().find(|status| delivery_word(*status) == word)
}

const fn delivery_word(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::Skipped => "skipped",
        DeliveryStatus::Unknown => "unknown",
    }
}

const fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Complete => "complete",
        RunStatus::Partial => "partial",
        RunStatus::Failed => "failed",
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<RunHead> {
    let time = |place: usize| -> rusqlite::Result<Option<Timestamp>> {
        let text: Option<String> = row.get(place)?;
        Ok(text.and_then(|text| text.parse().ok()))
    };
    let status: Option<String> = row.get(3)?;
    let statuses = [RunStatus::Complete, RunStatus::Partial, RunStatus::Failed];
    Ok(RunHead {
        id: row.get(0)?,
        started_at: time(1)?.unwrap_or(Timestamp::UNIX_EPOCH),
        finished_at: time(2)?,
        status: status.and_then(|word| statuses.into_iter().find(|status| status_word(*status) == word)),
        exit_status: row.get(4)?,
    })
}

/// Settings of the connection, then the migrations that are lacking, all or none.
fn prepare(connection: &mut Connection) -> Result<(), String> {
    let told = |error: rusqlite::Error| error.to_string();
    connection.busy_timeout(PATIENCE).map_err(told)?;
    // In memory there is no log to write ahead; the answer is the mode that holds.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(told)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;").map_err(told)?;
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
    let version: u16 = step.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(told)?;
    let Some(lacking) = MIGRATIONS.get(usize::from(version)..) else {
        return Err(format!(
            "it is of version {version}, and this program knows {}: use a newer one",
            MIGRATIONS.len()
        ));
    };
    for migration in lacking {
        step.execute_batch(migration).map_err(told)?;
    }
    let newest = u16::try_from(MIGRATIONS.len()).unwrap_or(u16::MAX);
    step.pragma_update(None, "user_version", newest).map_err(told)?;
    step.commit().map_err(told)
}

/// The sheet names every customer: only the user may read it. SQLite gives its other files the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

fn failed(path: &Path, why: &str) -> Error {
    Error::internal(format!("the kept runs in {} cannot be used: {why}", path.display()))
        .advice("the state folder must be on a local disk with room left; `state` under [run] names another")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, EXCLUDED, Flag, Sheet, Totals, Value};
    use tallysheet_core::{Code, Level, Notice, Phase, run::LogEntry};

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

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
        let totals =
            Totals { counted: "1.5".parse().unwrap(), vendor: Some("2".parse().unwrap()), ..Totals::default() };
        let notice = Notice::warning(Code::UnmappedOrg, "an org").of("duo").about("Birch");
        let log = vec![
            LogEntry { time: time("2026-11-01T06:00:01Z"), notice },
            LogEntry {
                time: time("2026-11-01T06:00:02Z"),
                notice: Notice::new(Level::Error, Phase::Deliver, None, "x"),
            },
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

    #[tokio::test]
    async fn what_is_kept_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let mut kept = run("r1");
        {
            let store = Sqlite::open(&path).unwrap();
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
        let store = Sqlite::open(&path).unwrap();
        assert_eq!(store.run("r1").await.unwrap().unwrap(), kept);
        assert_eq!(store.file("r1", "csv").await.unwrap().unwrap(), b"Company\r\n\xc3\xa9");
        assert_eq!(store.file("r1", "xlsx").await.unwrap(), None);
        store.keep_delivery("r1", &outcome("ticket", DeliveryStatus::Delivered)).await.unwrap();
        let statuses: Vec<_> =
            store.run("r1").await.unwrap().unwrap().deliveries.into_iter().map(|told| told.status).collect();
        assert_eq!(statuses, [DeliveryStatus::Delivered, DeliveryStatus::Skipped]);
    }

    #[tokio::test]
    async fn runs_are_listed_newest_first_and_one_that_was_cut_off_has_no_status() {
        let store = Sqlite::in_memory().unwrap();
        store.keep(&run("r1"), &[]).await.unwrap();
        store.begin("r2", time("2026-11-02T06:00:00Z")).await.unwrap();
        let heads = store.runs(10).await.unwrap();
        let told: Vec<_> = heads.iter().map(|head| (head.id.as_str(), head.status, head.exit_status)).collect();
        assert_eq!(told, [("r2", None, None), ("r1", Some(RunStatus::Partial), None)]);
        assert_eq!(store.runs(1).await.unwrap().len(), 1);
        assert!(store.begin("r2", time("2026-11-02T06:00:00Z")).await.is_err(), "no id serves twice");
    }

    #[tokio::test]
    async fn columns_of_integrations_that_are_not_named_stay() {
        let store = Sqlite::in_memory().unwrap();
        let column = |label: &str| KeptColumn { label: label.into(), unit: "seats".into() };
        let both = [("pax8".to_owned(), vec![column("Suite"), column("Mail")]), ("duo".to_owned(), vec![column("D")])];
        store.keep_columns(&BTreeMap::from(both)).await.unwrap();
        store.keep_columns(&BTreeMap::from([("pax8".to_owned(), vec![column("New")])])).await.unwrap();
        let columns = store.columns().await.unwrap();
        assert_eq!(columns["pax8"], [column("New")]);
        assert_eq!(columns["duo"], [column("D")]);
    }

    #[tokio::test]
    async fn a_note_is_swapped_by_one_only() {
        let store = Sqlite::in_memory().unwrap();
        assert_eq!(store.note("alert/pax8").await.unwrap(), None);
        assert!(store.swap_note("alert/pax8", None, "2026-11-01").await.unwrap());
        assert!(!store.swap_note("alert/pax8", None, "2026-11-02").await.unwrap());
        assert!(store.swap_note("alert/pax8", Some("2026-11-01"), "2026-11-02").await.unwrap());
        assert!(!store.swap_note("alert/pax8", Some("2026-11-01"), "2026-11-03").await.unwrap());
        store.keep_note("alert/pax8", "").await.unwrap();
        assert_eq!(store.note("alert/pax8").await.unwrap().as_deref(), Some(""));
    }

    #[tokio::test]
    async fn two_processes_write_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let (one, two) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
        for number in 0..10 {
            one.keep(&run(&format!("one-{number}")), &[]).await.unwrap();
            two.keep(&run(&format!("two-{number}")), &[]).await.unwrap();
        }
        assert_eq!(one.runs(100).await.unwrap().len(), 20);
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_is_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let kept =
            Run { schedule: None, asked: BTreeSet::new(), answered: BTreeSet::new(), changes: None, ..run("r1") };
        let mut first = serde_json::to_value(&kept).unwrap();
        for key in ["schedule", "asked", "answered", "changes"] {
            first.as_object_mut().unwrap().remove(key);
        }
        {
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch(MIGRATIONS[0]).unwrap();
            connection.pragma_update(None, "user_version", 1).unwrap();
            let insert = "INSERT INTO run VALUES ('r1', '2026-11-01T06:00:00.25Z', NULL, 'partial', NULL, ?1)";
            connection.execute(insert, [pack_bytes(first.to_string().as_bytes()).unwrap()]).unwrap();
        }
        let store = Sqlite::open(&path).unwrap();
        assert_eq!(store.run("r1").await.unwrap().unwrap(), kept);
        assert_eq!(store.last("r2", None, &kept.asked).await.unwrap(), None, "nobody knows what it was a run of");
        store.keep(&run("r2"), &[]).await.unwrap();
        drop(store);
        let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0));
        assert_eq!(version(&Connection::open(&path).unwrap()), Ok(u16::try_from(MIGRATIONS.len()).unwrap()));
        assert_eq!(Sqlite::open(&path).unwrap().runs(9).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_run_to_compare_with_is_that_of_the_schedule_or_of_the_same_integrations() {
        let store = Sqlite::in_memory().unwrap();
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

    #[tokio::test]
    async fn old_runs_go_but_for_the_last_that_counted() {
        let store = Sqlite::in_memory().unwrap();
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

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.db");
        std::fs::write(&text, "this is no database, and it is long enough to be sure of that").unwrap();
        let message = Sqlite::open(&text).unwrap_err().to_string();
        assert!(message.contains("text.db") && message.contains("state"), "{message}");
        let newer = folder.path().join("newer.db");
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(Sqlite::open(&newer).unwrap_err().to_string().contains("use a newer one"));
        let nowhere = folder.path().join("no/such/folder.db");
        assert!(Sqlite::open(&nowhere).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let _store = Sqlite::open(&path).unwrap();
        for name in ["runs.db", "runs.db-wal", "runs.db-shm"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
        }
    }
}
