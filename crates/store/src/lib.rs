//! Runs that are kept: the sheet with its states, the log, what became of each delivery, and the rendered files.
//!
//! A run is known from its beginning, so that one that was cut off can be told from one that is whole. It becomes whole
//! in one step. How counts are made, and where reports go, is not known here.
//!
//! | module | holds |
//! | --- | --- |
//! | `sqlite` | [`Sqlite`], the store in one file |
//! | `packed` | how a run becomes bytes and a run again |

mod packed;
mod sqlite;

pub use sqlite::Sqlite;

use jiff::Timestamp;
use std::collections::BTreeMap;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::{DeliveryOutcome, Run, RunStatus};
use tallysheet_core::{Result, async_trait};

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
    /// A small thing that is remembered by name: a schedule's last time, the day of an alert.
    async fn note(&self, name: &str) -> Result<Option<String>>;
    /// Remembers it, in place of what was there.
    async fn keep_note(&self, name: &str, text: &str) -> Result<()>;
    /// Remembers it if what is there is still `before`. Of several who try at once, one is told `true`.
    async fn swap_note(&self, name: &str, before: Option<&str>, text: &str) -> Result<bool>;
    /// Where it is, as people are told it.
    fn place(&self) -> String;
}
