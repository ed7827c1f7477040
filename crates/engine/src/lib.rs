//! The run: integrations side by side, one failure kept from the others; then merge, render, deliver, log.
//!
//! ```text
//! Config ──assemble──> Plan ──run──> Run
//!                        │
//!                        ├─ collect   ask every source, a deadline each
//!                        ├─ place     which org is which company
//!                        ├─ merge     (tallysheet-core)
//!                        ├─ reconcile with what a PSA bills
//!                        ├─ look back what fell too far, what changed, against the runs that are kept
//!                        ├─ deliver   render and take it where it goes
//!                        └─ keep      the run, in the store
//! ```
//!
//! The command line, a schedule and an embedding program all call [`run`]. A program that brings its own sources
//! makes a [`Plan`] by hand: see `examples/embed.rs`.

mod account;
mod again;
mod alert;
mod apply;
mod assemble;
mod collect;
mod deliver;
mod directory;
mod keep;
mod log;
mod look_back;
mod perhaps;
mod place;
mod plan;
mod probe;
mod reconcile;
mod resume;
mod run;
mod who;

pub use again::{deliver_again, deliver_test, kept};
pub use alert::{Alert, Alerts, of_check, of_error, of_run};
pub use apply::{Applied, Applying};
pub use assemble::{Assembled, Connected, Selection, alerts, assemble};
pub use collect::{Event, Progress, Silent};
pub use deliver::{
    Deliver, Delivery, EmailDelivery, FileDelivery, Receipt, Report, StreamDelivery, TicketDelivery, Undelivered,
    WebhookDelivery,
};
pub use look_back::Keep;
pub use plan::{Companies, Directory, NamedId, Plan, Reconciling, Rules, Source};
pub use probe::{Probed, probe};
pub use resume::resume;
pub use run::{run, run_as, run_id};
pub use tallysheet_matching::{CERTAIN, Likely, Reason, Rule, Suggestion};
pub use who::{Export, Listed, Opinion, Suggested, Taken, Who, WhoPart, write, write_new};
