//! The words of Tallysheet as types: what connectors say, what the sheet holds, what a run returns.
//!
//! This room does no I/O. It knows no HTTP, no file, no clock and no vendor; what it needs of the
//! outside world comes in through [`World`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`code`], [`error`] | the contract's codes, and the one error type |
//! | [`model`] | companies, vendor orgs, metrics, products |
//! | [`counts`] | what a count source answers: outcomes, what was left out, the vendor's own totals |
//! | [`tally`] | what all device sources and all subscription sources share |
//! | [`capability`] | the traits a connector can offer |
//! | [`billing`] | what a PSA bills: lines, and changes of their quantities |
//! | [`variance`] | counted against billed, in money |
//! | [`ticket`] | tickets of a PSA: what is asked for, looked up, found and made |
//! | [`registry`] | how connectors are found |
//! | [`world`] | the interface to clock, sleep, randomness, files and the state folder |
//! | [`sheet`], [`merge`] | the company-keyed table, and the one function that makes it |
//! | [`guard`], [`changes`] | what fell in a way that is hard to believe; what moved since an earlier sheet |
//! | [`history`] | counts that are kept, and how they become days |
//! | [`month`] | a month's figure by the vendor's own rule |
//! | [`notice`] | what is told of a run |
//! | [`run`] | what a run returns |
//! | [`shape`] | keys and types of answers, never a value |
//! | [`table`] | tables that users write: rows of cells that know their line |
//! | [`wire`] | lenient types for ids, numbers and times as vendors send them |

pub mod billing;
pub mod capability;
pub mod changes;
pub mod code;
pub mod counts;
pub mod error;
pub mod guard;
pub mod history;
pub mod merge;
pub mod model;
pub mod month;
pub mod notice;
pub mod registry;
pub mod run;
pub mod shape;
pub mod sheet;
pub mod table;
pub mod tally;
pub mod ticket;
pub mod variance;
pub mod wire;
pub mod world;

pub use async_trait::async_trait;
pub use billing::BillingLedger;
pub use capability::{
    Capability, CompanyDirectory, CountSource, DirectoryCompany, Identity, Mailer, Probe, TicketDesk,
};
pub use code::Code;
pub use counts::{Counted, Counts, Failure, LeftOut, OrgCounts, Outcome, Standing};
pub use error::{Error, ErrorKind, Result};
pub use model::{Company, Figure, Hint, Link, Metric, MetricDef, MetricKind, Product, PsaId, VendorOrg};
pub use notice::{Level, Notice, Phase};
pub use registry::{Connector, ConnectorSpec, Context, Entry, FilePath, Meta, Registry, Secret};
pub use rust_decimal::Decimal;
pub use tally::{Devices, Subscriptions, Verdict};
pub use world::World;

#[doc(hidden)]
pub use inventory as __inventory;
