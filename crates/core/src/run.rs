//! What a run returns: its outcome, its log and its deliveries.

use crate::changes::Changes;
use crate::notice::Notice;
use crate::sheet::Sheet;
use crate::variance::Reconciliation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A line of the run log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was said.
    pub time: Timestamp,
    /// What was said.
    pub notice: Notice,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Every integration and org was counted, nothing is implausible.
    Complete,
    /// There is a report, with holes.
    Partial,
    /// Nothing could be counted.
    Failed,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// It arrived.
    Delivered,
    /// It did not.
    Failed,
    /// It was not tried, on purpose.
    Skipped,
    /// It may have arrived.
    Unknown,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryOutcome {
    /// The delivery's name in the config; `output` for the command line's own.
    pub name: String,
    /// `file`, `output`, `ticket`, …
    pub kind: String,
    /// How it ended.
    pub status: DeliveryStatus,
    /// Where it is: a path, a ticket number.
    pub reference: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// One run with all that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id: `20261125T180000Z-4f2a91c3`.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent in a report that is made before delivery.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub status: RunStatus,
    /// The exit status of the contract.
    pub exit_status: u8,
    /// The schedule that made it.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The integrations that were asked.
    #[serde(default)]
    pub asked: BTreeSet<String>,
    /// Those of them that answered.
    #[serde(default)]
    pub answered: BTreeSet<String>,
    /// The table.
    pub sheet: Sheet,
    /// What moved since an earlier run, where there is one.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// Counted against billed, where the config says what is.
    #[serde(default)]
    pub reconciliation: Option<Reconciliation>,
    /// What became of each delivery.
    pub deliveries: Vec<DeliveryOutcome>,
    /// Everything that was said.
    pub log: Vec<LogEntry>,
}
