//! The tables, as they came to be. They stand here once, in the words of SQLite; PostgreSQL has other words for the same.

/// Each brings a store from the version that is its index to the next.
pub(crate) const MIGRATIONS: &[&str] = &[
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
    "
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
",
    "
    CREATE TABLE note (
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
",
    "
    CREATE INDEX series_column ON series (integration, metric);
",
];

/// The migrations that a store of a version lacks; why not, where it is newer than this program.
pub(crate) fn lacking(version: i64) -> Result<&'static [&'static str], String> {
    usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)).ok_or_else(|| {
        format!("it is of version {version}, and this program knows {}: use a newer one", MIGRATIONS.len())
    })
}

/// A migration in the words of PostgreSQL. Texts are compared byte by byte, as SQLite does, in whatever language the
/// database is.
#[cfg(feature = "postgres")]
pub(crate) fn for_postgres(migration: &str) -> String {
    [
        (" STRICT, WITHOUT ROWID;", ";"),
        (" STRICT;", ";"),
        ("INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGER PRIMARY KEY"),
        ("INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        ("INTEGER", "BIGINT"),
        ("TEXT", "TEXT COLLATE \"C\""),
        ("BLOB", "BYTEA"),
    ]
    .into_iter()
    .fold(migration.to_owned(), |text, (word, ours)| text.replace(word, ours))
}
