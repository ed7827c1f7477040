//! The store in one SQLite file. Several processes may use it at once.

use crate::Claim;
use crate::migrations::{MIGRATIONS, lacking};
use crate::step::{Database, Row, Step, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tallysheet_core::{Error, Result, async_trait};
use tokio::sync::{Mutex, MutexGuard};

/// How long one process waits for another's write.
const PATIENCE: Duration = Duration::from_secs(20);

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

    async fn begin(&self, begin: &str) -> Result<Box<dyn Step + '_>> {
        let connection = self.connection.lock().await;
        connection.execute_batch(begin).map_err(|error| failed(&self.path, &error.to_string()))?;
        Ok(Box::new(SqliteStep { connection, path: &self.path, ended: false }))
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn reading(&self) -> Result<Box<dyn Step + '_>> {
        self.begin("BEGIN").await
    }

    async fn writing(&self) -> Result<Box<dyn Step + '_>> {
        self.begin("BEGIN IMMEDIATE").await
    }

    async fn claim(&self, _name: &str) -> Result<Option<Claim>> {
        Ok(Some(Claim::of_folder()))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

struct SqliteStep<'a> {
    connection: MutexGuard<'a, Connection>,
    path: &'a Path,
    ended: bool,
}

impl SqliteStep<'_> {
    fn with<T>(&self, sql: &str, act: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let done = self.connection.prepare(sql).and_then(|mut statement| act(&mut statement));
        done.map_err(|error| failed(self.path, &error.to_string()))
    }
}

#[async_trait]
impl Step for SqliteStep<'_> {
    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        self.with(sql, |statement| {
            bind(statement, &places(statement, values.len())?, &values)?;
            statement.raw_execute().map(|changed| changed as u64)
        })
    }

    async fn each(&mut self, sql: &str, values: Vec<Vec<Value>>) -> Result<()> {
        self.with(sql, |statement| {
            let places = places(statement, values.first().map_or(0, Vec::len))?;
            for values in &values {
                bind(statement, &places, values)?;
                statement.raw_execute()?;
            }
            Ok(())
        })
    }

    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        self.with(sql, |statement| {
            bind(statement, &places(statement, values.len())?, &values)?;
            let columns = statement.column_count();
            let (mut answer, mut rows) = (statement.raw_query(), Vec::new());
            while let Some(row) = answer.next()? {
                let values = (0..columns).map(|column| row.get_ref(column).and_then(value));
                rows.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
            }
            Ok(rows)
        })
    }

    async fn end(mut self: Box<Self>) -> Result<()> {
        self.connection.execute_batch("COMMIT").map_err(|error| failed(self.path, &error.to_string()))?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for SqliteStep<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // Where this fails, SQLite has undone the step already.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// Where the values go. `$1` is a name to SQLite, whose place in the statement may be any, or none.
fn places(statement: &Statement<'_>, values: usize) -> rusqlite::Result<Vec<Option<usize>>> {
    (1..=values).map(|number| statement.parameter_index(&format!("${number}"))).collect()
}

fn bind(statement: &mut Statement<'_>, places: &[Option<usize>], values: &[Value]) -> rusqlite::Result<()> {
    for (place, value) in places.iter().zip(values) {
        let Some(place) = *place else { continue };
        match value {
            Value::Number(number) => statement.raw_bind_parameter(place, number)?,
            Value::Text(text) => statement.raw_bind_parameter(place, text)?,
            Value::Bytes(bytes) => statement.raw_bind_parameter(place, bytes)?,
        }
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Number(None),
        ValueRef::Integer(number) => Value::Number(Some(number)),
        ValueRef::Text(_) => Value::Text(Some(value.as_str()?.to_owned())),
        ValueRef::Blob(bytes) => Value::Bytes(Some(bytes.to_owned())),
        // No column has such numbers.
        ValueRef::Real(_) => return Err(rusqlite::Error::InvalidQuery),
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
    let version: i64 = step.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(told)?;
    for migration in lacking(version)? {
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
    use crate::Store;
    use crate::packed::pack_bytes;
    use std::collections::BTreeSet;
    use tallysheet_core::run::{Run, RunStatus};
    use tallysheet_core::sheet::Sheet;

    fn run(id: &str) -> Run {
        Run {
            id: id.into(),
            started_at: "2026-11-01T06:00:00.25Z".parse().unwrap(),
            finished_at: None,
            status: RunStatus::Partial,
            exit_status: 3,
            schedule: None,
            asked: BTreeSet::new(),
            answered: BTreeSet::new(),
            changes: None,
            reconciliation: None,
            sheet: Sheet::default(),
            deliveries: Vec::new(),
            log: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_is_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let kept = run("r1");
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
