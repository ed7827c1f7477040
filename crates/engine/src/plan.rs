//! Everything that a run needs, gathered before it starts.

use crate::deliver::Delivery;
use crate::look_back::Keep;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::{KeyedCompany, Options};
use tallysheet_core::variance::ProductRule;
use tallysheet_core::{BillingLedger, CompanyDirectory, CountSource, MetricDef, Notice, Probe, World};
use tallysheet_matching::Rule;
use tallysheet_reconcile::plan::Limits;
use tallysheet_store::Store;

/// A run that can begin.
pub struct Plan {
    /// Whom to ask.
    pub sources: Vec<Source>,
    /// Which companies there are, and how an org may be matched to one.
    pub companies: Companies,
    /// The PSA whose active companies are rows too.
    pub directory: Option<Directory>,
    /// The PSA whose agreements are compared with the sheet.
    pub reconciling: Option<Reconciling>,
    /// Names that the companies file has behind ids.
    pub names: Vec<NamedId>,
    /// How the sheet looks.
    pub options: Options,
    /// The schedule that makes this run; it is compared with that one's last.
    pub schedule: Option<String>,
    /// When a count fell too far to be believed.
    pub guard: Guard,
    /// How long runs and counts are kept.
    pub keep: Keep,
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
#[derive(Clone)]
pub struct Rules {
    /// The ways that are allowed.
    pub allowed: Vec<Rule>,
    /// The columns that hold ids of a PSA, by the PSA's slug.
    pub psa_columns: BTreeMap<String, Vec<String>>,
}

/// An id of the companies file with the name behind it.
#[derive(Debug, Clone)]
pub struct NamedId {
    /// Where it stands: `companies.csv:3:4`.
    pub place: String,
    /// The integration.
    pub integration: String,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// An integration that lists the MSP's customers.
#[derive(Clone)]
pub struct Directory {
    /// Its name in the config.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// How long it may take.
    pub timeout: Duration,
    /// The account, as of a [`Source`].
    pub expect_account: Option<String>,
    /// Who it is.
    pub probe: Arc<dyn Probe>,
    /// The ids there that are nobody's customers.
    pub ignored: Vec<String>,
    /// The list.
    pub companies: Arc<dyn CompanyDirectory>,
}

/// The integration that bills, and what its products are made of.
#[derive(Clone)]
pub struct Reconciling {
    /// Its name in the config.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// How long it may take.
    pub timeout: Duration,
    /// The account, as of a [`Source`].
    pub expect_account: Option<String>,
    /// Who it is.
    pub probe: Arc<dyn Probe>,
    /// What it bills.
    pub ledger: Arc<dyn BillingLedger>,
    /// Which columns make which product.
    pub rules: Vec<ProductRule>,
    /// The ids there that are nobody's customers.
    pub ignored: Vec<String>,
    /// How its companies may be matched.
    pub matching: Rules,
    /// How large a change may be planned.
    pub limits: Limits,
}

/// One integration that counts.
#[derive(Clone)]
pub struct Source {
    /// Its name in the config.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The prefix of its columns.
    pub title: String,
    /// Its place in the order of columns.
    pub order: usize,
    /// What to count.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids to leave out.
    pub exclude: Vec<String>,
    /// Ids of the companies file's row `(ignore)`: left out, and never matched.
    pub ignored: Vec<String>,
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
            kind: name.to_owned(),
            title: title.to_owned(),
            order: 0,
            metrics,
            exclude: Vec::new(),
            ignored: Vec::new(),
            timeout: Duration::from_mins(30),
            expect_account: None,
            probe: None,
            counts,
        }
    }
}
