//! What a PSA bills: agreements, their product lines, and how the quantity of one is changed.
//!
//! A line's quantity may be unknown, as where the PSA works it out when it invoices; then it says why, and nothing is
//! compared with it.

use crate::error::Result;
use crate::model::VendorOrg;
use crate::notice::Notice;
use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One product line of an agreement: what the PSA bills a company for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// Which line it is.
    pub line: LineRef,
    /// The company's id in the PSA.
    pub company_id: String,
    /// What the agreement is called.
    pub agreement: String,
    /// The product as the PSA's catalogue names it: its code, or its name where there are no codes.
    pub product: String,
    /// What stands on the invoice; empty where it is not told.
    pub description: String,
    /// The quantity of the line.
    pub quantity: Quantity,
    /// Units of it that are free of charge.
    pub included: Decimal,
    /// The price of one unit.
    pub price: Option<Price>,
    /// From which day on it is billed.
    pub from: Option<Date>,
    /// The first day on which it is billed no more.
    pub until: Option<Date>,
    /// When the next invoice is made.
    pub next_invoice: Option<Date>,
    /// Why its quantity cannot be written; `None` where it can.
    pub locked: Option<String>,
}

/// Which line of which agreement: all that the PSA needs to find it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineRef {
    /// The agreement's id.
    pub agreement: String,
    /// The line's id.
    pub id: String,
    /// The product's id, where the PSA wants it with a change; may say of which sort it is.
    #[serde(default)]
    pub product: String,
}

/// The quantity of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// So many.
    Known(Decimal),
    /// The PSA does not tell it, and why.
    Unknown(String),
}

impl Quantity {
    /// The number, where it is known.
    pub const fn known(&self) -> Option<Decimal> {
        match self {
            Self::Known(number) => Some(*number),
            Self::Unknown(_) => None,
        }
    }

    /// A quantity that the PSA must send; unknown where it sent none.
    pub fn or_missing(quantity: Option<Decimal>) -> Self {
        quantity.map_or_else(|| Self::Unknown("the PSA sent no quantity".to_owned()), Self::Known)
    }
}

/// What one unit costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The amount for a period.
    pub amount: Decimal,
    /// The currency's code; empty where the PSA does not tell it.
    pub currency: String,
    /// How many months the period has; `None` where it is not known, and then no money can be told a month.
    pub months: Option<u32>,
}

impl Price {
    /// What one unit costs a month.
    pub fn monthly(&self) -> Option<Decimal> {
        self.amount.checked_div(self.months?.into())
    }
}

/// What a PSA bills on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Every company that a line speaks of.
    pub companies: Vec<VendorOrg>,
    /// The lines in effect, in any order.
    pub additions: Vec<Addition>,
    /// How many lines a rule leaves out, by the rule.
    pub left_out: BTreeMap<&'static str, usize>,
    /// What is to be known besides.
    pub notices: Vec<Notice>,
}

/// A line as it stands on the day on which a change of it takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The line; its quantity is that of the day.
    pub addition: Addition,
    /// The day; `None` where a change takes effect at once.
    pub effective: Option<Date>,
    /// How the PSA prorates a change, in words.
    pub proration: String,
    /// Everything else that the PSA says of the line and that a change must leave as it is, by name.
    pub untouched: BTreeMap<String, String>,
}

/// A new quantity for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantityChange {
    /// The line.
    pub line: LineRef,
    /// What it holds.
    pub old: Decimal,
    /// What it is to hold.
    pub new: Decimal,
    /// From when on, as [`Standing::effective`] says.
    pub effective: Option<Date>,
}

/// How a ledger takes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It takes none.
    None,
    /// The new quantity is written; the old one can be written back.
    Quantity,
    /// The difference is added, and cannot be taken back, only followed by an opposite one on another day.
    Difference,
}

/// What the PSA bills.
#[async_trait]
pub trait BillingLedger: Send + Sync {
    /// All lines that are in effect on a day. An error means that nothing can be compared.
    async fn billed(&self, on: Date) -> Result<Ledger>;
    /// One line, read anew, as it stands on the day on which a change of it takes effect: on `effective`, else on the
    /// first one that the PSA allows and that is not before `today`. `None` where there is no such line any more.
    async fn line(&self, line: &LineRef, today: Date, effective: Option<Date>) -> Result<Option<Standing>>;
    /// Changes the quantity of a line. Never repeated where it may have happened; who calls it looks before and after.
    async fn change(&self, change: &QuantityChange) -> Result<()>;
    /// Whether a line can be made to hold a quantity; an error of the kind `Config` says why not. A change to such a one is
    /// refused before anything is sent.
    fn holds(&self, quantity: Decimal) -> Result<()>;
    /// How it takes changes.
    fn writing(&self) -> Writing;
}
