//! Runs that are kept: the sheet with its states, the log, what became of each delivery, and the rendered files.
//!
//! A run is known from its beginning, so that one that was cut off can be told from one that is whole. It becomes whole
//! in one step. How counts are made, and where reports go, is not known here.
//!
//! | module | holds |
//! | --- | --- |
//! | `runs`, `counts` | the store over any database: runs and what belongs to them, the counts that outlive them |
//! | `migrations` | the tables |
//! | `step` | what is asked of a database |
//! | `sqlite` | [`Sqlite`], the store in one file |
//! | `postgres` | the store of several machines (feature `postgres`) |
//! | `claim` | who makes the runs of a schedule, where several could |
//! | `packed` | how a run becomes bytes and a run again |

mod claim;
mod counts;
mod migrations;
mod packed;
#[cfg(feature = "postgres")]
mod postgres;
mod runs;
mod sqlite;
mod step;

pub use claim::Claim;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use sqlite::Sqlite;

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::history::{Entry, Kept, Place};
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::{DeliveryOutcome, Run, RunStatus};
use tallysheet_core::{Decimal, Result, Secret, async_trait};

/// The store that a connection URL names, which several machines may share.
#[cfg(feature = "postgres")]
pub async fn shared(url: &Secret) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Postgres::open(url).await?))
}

/// The store that a connection URL names, which several machines may share.
#[cfg(not(feature = "postgres"))]
#[allow(clippy::unused_async, reason = "as with the feature")]
pub async fn shared(_url: &Secret) -> Result<Arc<dyn Store>> {
    Err(tallysheet_core::Error::config(
        "[run] `store`: this build lacks the feature `postgres`; leave the key out, or build with it",
    ))
}

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// Its id.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended; `None` where it never made a sheet: it runs still, or was cut off.
    pub status: Option<RunStatus>,
    /// The exit status of the contract, once it ended.
    pub exit_status: Option<u8>,
}

/// A report as it was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// The format's word: `csv`.
    pub format: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The counts of a run.
#[derive(Debug, Clone)]
pub struct SnapshotOf<'a> {
    /// The run.
    pub run_id: &'a str,
    /// When it began.
    pub at: Timestamp,
    /// What each integration answered. Those that failed are absent.
    pub answers: BTreeMap<String, AnswerOf>,
    /// Rows that have nothing at an integration any more, which is not believed: key and integration.
    pub gone: BTreeSet<(String, String)>,
    /// Integrations with so few orgs that it is not believed.
    pub fewer: BTreeSet<String>,
}

/// What an integration answered.
#[derive(Debug, Clone, Default)]
pub struct AnswerOf {
    /// How many orgs it listed.
    pub orgs: usize,
    /// Each number, or why there is none.
    pub counts: Vec<(Place, Entry)>,
}

/// The last counts that were believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// By integration, key and metric.
    pub counts: Vec<LastGood>,
    /// How many orgs each integration listed, and when.
    pub orgs: BTreeMap<String, (usize, Timestamp)>,
}

/// The last count of a place that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastGood {
    /// The row's key.
    pub key: String,
    /// The row's name.
    pub company: String,
    /// Whether the row was a vendor org without a company.
    pub unmapped: bool,
    /// The integration's name.
    pub integration: String,
    /// The column's name behind the title.
    pub metric: String,
    /// How many.
    pub value: Decimal,
    /// The last run that had it.
    pub at: Timestamp,
}

/// An implausible count that is believed from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The company; `None` for the number of orgs of an integration.
    pub company: Option<String>,
    /// The column's title, or the integration's name.
    pub column: String,
    /// How many; `None` for none at all.
    pub value: Option<Decimal>,
}

/// Keeps runs.
#[async_trait]
pub trait Store: Send + Sync {
    /// Notes that a run begins.
    async fn begin(&self, id: &str, started_at: Timestamp) -> Result<()>;
    /// Keeps a run that has a sheet, whole or not at all. Before delivery and after it: the later one stands.
    async fn keep(&self, run: &Run, files: &[RenderedFile]) -> Result<()>;
    /// Keeps what became of one delivery of a kept run, at once.
    async fn keep_delivery(&self, run_id: &str, outcome: &DeliveryOutcome) -> Result<()>;
    /// A kept run; `None` where there is none of this id, or it never made a sheet.
    async fn run(&self, id: &str) -> Result<Option<Run>>;
    /// A rendered file of a kept run.
    async fn file(&self, id: &str, format: &str) -> Result<Option<Vec<u8>>>;
    /// The newest runs first, at most so many.
    async fn runs(&self, most: usize) -> Result<Vec<RunHead>>;
    /// What the product columns of each integration were called when it last answered.
    async fn columns(&self) -> Result<BTreeMap<String, Vec<KeptColumn>>>;
    /// Replaces the product columns of the integrations that are named.
    async fn keep_columns(&self, columns: &BTreeMap<String, Vec<KeptColumn>>) -> Result<()>;
    /// The run to compare with: the newest of the schedule; without one, the newest complete one over the same
    /// integrations, or the newest partial one. Never `id` itself.
    async fn last(&self, id: &str, schedule: Option<&str>, asked: &BTreeSet<String>) -> Result<Option<Run>>;
    /// Keeps the counts of a run. The same run again changes nothing.
    async fn keep_counts(&self, of: &SnapshotOf<'_>) -> Result<()>;
    /// The last counts of these integrations that were believed.
    async fn baseline(&self, integrations: &BTreeSet<String>) -> Result<Baseline>;
    /// The counts of runs that began at `from` or later, and before `to`.
    async fn counts(&self, from: Timestamp, to: Timestamp) -> Result<Kept>;
    /// Believes the implausible counts of a run, of all companies or of these, by key or name. `None` where the counts
    /// of this run are not kept.
    async fn accept(&self, run_id: &str, companies: Option<&[String]>) -> Result<Option<Vec<Accepted>>>;
    /// Deletes what is older: whole runs, but for the newest that counted something, and counts.
    async fn forget(&self, runs_before: Option<Timestamp>, counts_before: Option<Timestamp>) -> Result<()>;
    /// A small thing that is remembered by name: a schedule's last time, the day of an alert.
    async fn note(&self, name: &str) -> Result<Option<String>>;
    /// Remembers it, in place of what was there.
    async fn keep_note(&self, name: &str, text: &str) -> Result<()>;
    /// Remembers it if what is there is still `before`. Of several who try at once, one is told `true`.
    async fn swap_note(&self, name: &str, before: Option<&str>, text: &str) -> Result<bool>;
    /// Claims something by its name, so that nobody else has it who shares the store; `None` where somebody has. A store that
    /// lies in a state folder grants it always: those who share that folder have its locks.
    async fn claim(&self, name: &str) -> Result<Option<Claim>>;
    /// Where it is, as people are told it: never a credential.
    fn place(&self) -> String;
}
