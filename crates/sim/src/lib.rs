//! A simulated managed service provider: its vendors' APIs over real HTTP on loopback, its config, its companies file,
//! and the true numbers behind them.
//!
//! It plays the vendors' side of the wire only, from their public documentation; it knows nothing of the connectors.
//! The same [`Options`] invent the same MSP, down to the last device.
//!
//! | module | holds |
//! | --- | --- |
//! | `names`, `msp` | the invented companies, their sizes, and who plays which part of the story |
//! | `books` | what is true at a vendor: its orgs, their counts, its column of the companies file |
//! | `desk`, `bills` | the tickets of its PSA, and what it bills |
//! | `vendors` | one file a vendor: its books, its routes, its section of the config, its lines of the story |
//! | `kit` | what all vendors need to answer calls |
//! | `files` | `tallysheet.toml` and `companies.csv` |
//! | `expected` | the sheet that a correct run must make |
//! | `server` | the listener, the count of calls, the latency |
//! | `chaos` | what goes wrong between the vendors and their callers, where that is asked for |

mod bills;
mod books;
mod chaos;
mod desk;
mod expected;
mod files;
mod kit;
mod msp;
mod names;
mod server;
mod vendors;

pub use bills::{BilledLine, BilledProduct, Bills, LineKind, PRODUCTS, WriteFault};
pub use books::Truth;
pub use chaos::{Chaos, Disturbed};
pub use desk::{Desk, Fault, OWN_COMPANY, Ticket};
pub use expected::{Expected, ExpectedRow};

use crate::msp::Msp;
use crate::server::Server;
use crate::vendors::{All, Vendor};
use std::collections::BTreeMap;
use std::time::Duration;
use tallysheet_core::{Error, Result};

/// What kind of MSP to simulate.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many companies are in the companies file.
    pub companies: usize,
    /// The dice: the same seed invents the same MSP.
    pub seed: u64,
    /// How many workstations a company has, about.
    pub devices_per_company: u32,
    /// How long every answer takes.
    pub latency: Duration,
    /// The PSA that the MSP has.
    pub psa: &'static str,
    /// How many calls a token serves. A count instead of hours, so that renewing it is met in every longer run; and more
    /// than wait in one queue, as no real token ends while those before it in the queue are served.
    pub token_calls: usize,
    /// What goes wrong on the way; nothing without.
    pub chaos: Option<Chaos>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            companies: 25,
            seed: 7,
            devices_per_company: 16,
            latency: Duration::ZERO,
            psa: "connectwise-psa",
            token_calls: 150,
            chaos: None,
        }
    }
}

/// A running simulation. It ends when this is dropped.
pub struct Simulation {
    msp: Msp,
    vendors: Vec<Vendor>,
    desk: Desk,
    bills: Bills,
    delivery: String,
    psa: &'static str,
    server: Server,
}

impl Simulation {
    /// Invents the MSP and answers for its vendors on a free port of 127.0.0.1. Needs a tokio runtime.
    pub async fn start(options: Options) -> Result<Self> {
        let msp = Msp::invent(&options)?;
        let listener = server::listen().await?;
        let all = vendors::all(&msp, &listener.url, options.psa);
        let All { mut vendors, desk, bills, delivery } =
            all.ok_or_else(|| Error::config(format!("there is no PSA `{}` in the simulation", options.psa)))?;
        let server = listener.serve(&mut vendors, options.latency, options.chaos);
        bills.fill(&msp, &Expected::of(&msp, &vendors));
        Ok(Self { msp, vendors, desk, bills, delivery, psa: options.psa, server })
    }

    /// The text of a `tallysheet.toml` whose integrations point here; it expects `companies.csv` beside it.
    pub fn config_toml(&self) -> String {
        files::config_toml(&self.vendors)
    }

    /// A ticket delivery to the MSP's PSA, to be added to the config.
    pub fn delivery_toml(&self) -> String {
        format!("\n[deliver.ticket]\nkind = \"ticket\"\n{}", self.delivery)
    }

    /// The tickets of the PSA.
    pub const fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What the PSA bills.
    pub const fn bills(&self) -> &Bills {
        &self.bills
    }

    /// What compares the sheet with the PSA, to be added to the config; it expects `products.csv` beside it.
    pub fn reconcile_toml(&self) -> String {
        format!("\n[reconcile]\nledger = \"{}\"\nproducts = \"products.csv\"\n", self.psa)
    }

    /// The text of the `products.csv`.
    pub fn products_csv(&self) -> String {
        bills::products_csv()
    }

    /// The text of the `companies.csv`.
    pub fn companies_csv(&self) -> Result<String> {
        files::companies_csv(&self.msp, &self.vendors)
    }

    /// How many calls each integration's vendor has had, by the integration's name.
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.server.calls()
    }

    /// How long each integration's vendor was asked, from the first call to the last answer.
    pub fn spans(&self) -> BTreeMap<&'static str, Duration> {
        self.server.spans()
    }

    /// How many rows the lists of each integration's vendor have, by the integration's name and the list's: whoever knows
    /// a vendor's pages can tell how many calls it takes to read them.
    pub fn lists(&self) -> BTreeMap<&'static str, BTreeMap<&'static str, usize>> {
        self.vendors.iter().map(|vendor| (vendor.name, vendor.books.lists.clone())).collect()
    }

    /// How many calls all vendors have had.
    pub fn total_calls(&self) -> usize {
        self.calls().values().sum()
    }

    /// What went wrong on the way, in its order.
    pub fn disturbed(&self) -> Vec<Disturbed> {
        self.server.disturbed()
    }

    /// What is to be seen in the sheet, in plain lines.
    pub fn story(&self) -> Vec<String> {
        self.vendors.iter().flat_map(|vendor| vendor.story.iter().cloned()).chain(self.bills.story()).collect()
    }

    /// Whose each listed org is, by integration and id: the company's name in the companies file, or nobody's.
    pub fn who_is_who(&self) -> BTreeMap<(&'static str, String), Option<String>> {
        let org = |vendor: &Vendor, org: &books::Org| {
            let company = org.company.map(|company| self.msp.companies[company].title());
            ((vendor.name, org.id.clone()), company)
        };
        self.vendors.iter().flat_map(|vendor| vendor.books.orgs.iter().map(|one| org(vendor, one))).collect()
    }

    /// The sheet that a correct run must make.
    pub fn expected(&self) -> Expected {
        Expected::of(&self.msp, &self.vendors)
    }
}
