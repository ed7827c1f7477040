//! The `[run]` section.

use crate::values::{SecretSource, age, duration, time_zone};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the whole run goes.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Who is who at which vendor: a file with a row for each company. Without it companies are matched by name alone.
    #[schemars(length(min = 1))]
    pub companies: Option<PathBuf>,
    /// An integration whose active companies are rows too.
    #[schemars(length(min = 1))]
    pub directory: Option<String>,
    /// How a vendor's record of a customer may be matched to a company by itself.
    #[serde(rename = "match")]
    #[schemars(length(min = 1))]
    pub matching: Vec<MatchBy>,
    /// Columns of the companies file that begin with # and are shown in the sheet, without the #.
    pub carry: Vec<String>,
    /// The time zone of dates, by its IANA name. Default: the machine's.
    #[serde(deserialize_with = "time_zone")]
    #[schemars(with = "String")]
    pub timezone: TimeZone,
    /// Whether what maps to no company gets rows of its own.
    pub unmapped: Unmapped,
    /// Whether an incomplete file is held back, and only the message that says why is delivered.
    pub strict: bool,
    /// How long each integration may take.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String", length(min = 1))]
    pub timeout: Duration,
    /// The folder for rotated tokens, caches and kept runs. Default: `state` beside this file.
    #[schemars(with = "String", length(min = 1))]
    pub state: PathBuf,
    /// The PostgreSQL database that keeps the runs, for several machines: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Default: a
    /// file in the state folder.
    pub store: Option<SecretSource>,
    /// A file with environment variables. Default: `.env` beside this file, where there is one.
    #[schemars(length(min = 1))]
    pub env_file: Option<PathBuf>,
    /// Whether the sheet has the column `Notes`.
    pub notes: bool,
    /// How long whole runs and their reports are kept: 90d, 60w, 2y, or forever.
    #[serde(deserialize_with = "age")]
    #[schemars(with = "String", length(min = 1))]
    pub keep: Option<Duration>,
    /// How long the counts behind history and report are kept; at least as long as runs.
    #[serde(deserialize_with = "age")]
    #[schemars(with = "String", length(min = 1))]
    pub keep_counts: Option<Duration>,
}

/// A way to match a vendor's record of a customer to a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatchBy {
    /// Its id stands in the companies file.
    Id,
    /// The PSA id that the vendor keeps for it stands there.
    PsaId,
    /// One of its domains is a company's.
    Domain,
    /// Its name equals a company's.
    Name,
}

/// What becomes of a vendor's record of a customer that maps to no company. Either way it is told in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// It gets a row of its own.
    Rows,
    /// It gets none.
    Omit,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            companies: None,
            directory: None,
            matching: vec![MatchBy::Id, MatchBy::PsaId, MatchBy::Domain, MatchBy::Name],
            carry: Vec::new(),
            timezone: TimeZone::system(),
            unmapped: Unmapped::Rows,
            strict: false,
            timeout: Duration::from_mins(30),
            state: PathBuf::from("state"),
            store: None,
            env_file: None,
            notes: true,
            keep: Some(days(400)),
            keep_counts: Some(days(1100)),
        }
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

impl Run {
    /// Takes relative paths as relative to the config.
    pub(crate) fn beside(mut self, base_dir: &Path) -> Self {
        self.companies = self.companies.map(|path| base_dir.join(path));
        self.env_file = self.env_file.map(|path| base_dir.join(path));
        self.state = base_dir.join(self.state);
        self
    }
}
