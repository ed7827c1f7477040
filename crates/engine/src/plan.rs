//! Everything that a run needs, gathered before it starts.

use crate::deliver::Delivery;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::merge::{KeyedCompany, Options};
use tallysheet_core::{CountSource, MetricDef, Notice, Probe, World};
use tallysheet_matching::Rule;
use tallysheet_store::Store;

/// A run that can begin.
pub struct Plan {
    /// Whom to ask.
    pub sources: Vec<Source>,
    /// Which companies there are, and how an org may be matched to one.
    pub companies: Companies,
    /// How the sheet looks.
    pub options: Options,
    /// Whether an incomplete report is held back.
    pub strict: bool,
    /// Where the report goes.
    pub deliveries: Vec<Delivery>,
    /// Deliveries of the config that this run leaves out: name and kind.
    pub skipped: Vec<(String, String)>,
    /// For dates in file names.
    pub timezone: TimeZone,
    /// What reading the files already told.
    pub notices: Vec<Notice>,
    /// Clock, randomness, and the state folder.
    pub world: Arc<dyn World>,
    /// Where the run is kept.
    pub store: Arc<dyn Store>,
}

/// Which companies there are.
pub enum Companies {
    /// Those of a companies file.
    Listed {
        /// The companies.
        companies: Vec<KeyedCompany>,
        /// How an org may be matched to one.
        rules: Rules,
    },
    /// No file: orgs with equal names are one company.
    FromNames,
}

/// How an org may be matched to a company.
pub struct Rules {
    /// The ways that are allowed.
    pub allowed: Vec<Rule>,
    /// The columns that hold ids of a PSA, by the PSA's slug.
    pub psa_columns: BTreeMap<String, Vec<String>>,
}

/// One integration that counts.
#[derive(Clone)]
pub struct Source {
    /// Its name in the config.
    pub name: String,
    /// The prefix of its columns.
    pub title: String,
    /// Its place in the order of columns.
    pub order: usize,
    /// What to count.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids to leave out.
    pub exclude: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// What `check` must answer as the account, by name or id.
    pub expect_account: Option<String>,
    /// Who it is.
    pub probe: Option<Arc<dyn Probe>>,
    /// What it counts.
    pub counts: Arc<dyn CountSource>,
}

impl Source {
    /// A source with the defaults of the contract: all its metrics, thirty minutes.
    pub fn new(name: &str, title: &str, metrics: Vec<&'static MetricDef>, counts: Arc<dyn CountSource>) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            order: 0,
            metrics,
            exclude: Vec::new(),
            timeout: Duration::from_mins(30),
            expect_account: None,
            probe: None,
            counts,
        }
    }
}
