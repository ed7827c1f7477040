//! A plan of changes: made from variances, read and edited by a person, carried out one by one, and undone by another plan.
//!
//! What is decided here is pure: [`candidates`] and [`Change::of`] say what may be planned, [`before`] and [`after`] what a
//! look at the PSA means for a change.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::billing::{LineRef, QuantityChange, Standing};
use tallysheet_core::variance::{Class, Reconciliation, Variance};
use tallysheet_core::{Error, Result};

/// What a plan says of its own form.
const VERSION: u32 = 1;

/// What an undo on the day after means for the invoice.
const NEXT_DAY: &str = "the change stands for one day, and the PSA prorates both";

/// How large a change may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A change by more than this share, in percent, is too large …
    pub percent: u32,
    /// … if it is by more than so many units.
    pub least: u32,
}

impl Limits {
    /// Why a change is too large; `None` where it is not.
    pub fn refuse(self, old: Decimal, new: Decimal) -> Option<String> {
        let by = new.saturating_sub(old).abs();
        let share = old.saturating_mul(self.percent.into()) / Decimal::ONE_HUNDRED;
        let too_large = by > self.least.into() && by > share;
        too_large.then(|| {
            format!(
                "{} to {} is a change by more than {} % and more than {} units ([reconcile] `percent` and `least`)",
                old.normalize(),
                new.normalize(),
                self.percent,
                self.least
            )
        })
    }
}

/// Changes of quantities that a person may approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The form.
    pub tallysheet_plan: u32,
    /// Its name.
    pub id: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The integration that bills.
    pub ledger: String,
    /// The run whose counts it is made of.
    pub run: String,
    /// The plan that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// What is to be changed.
    pub changes: Vec<Change>,
    /// What differs and is not planned, and why.
    #[serde(default)]
    pub left: Vec<Left>,
}

/// A quantity that is to become another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The company.
    pub company: String,
    /// The product.
    pub product: String,
    /// What the agreement is called.
    #[serde(default)]
    pub agreement: String,
    /// The line.
    pub line: LineRef,
    /// What it holds.
    #[serde(deserialize_with = "number")]
    pub old: Decimal,
    /// What it is to hold.
    #[serde(deserialize_with = "number")]
    pub new: Decimal,
    /// From when on; absent where it is at once.
    #[serde(default)]
    pub effective: Option<Date>,
    /// What the PSA makes of a part of a period.
    #[serde(default)]
    pub proration: String,
    /// By how much a month's invoice grows.
    #[serde(default)]
    pub money: Option<Decimal>,
    /// The currency's code.
    #[serde(default)]
    pub currency: String,
}

/// People write numbers with quotes or without.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Decimal::from_str_exact(&text).map_err(|_| D::Error::custom(format!("{value} is no number like 12 or 12.5")))
}

/// What differs and is not planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// The company.
    pub company: String,
    /// The product.
    pub product: String,
    /// What the comparison says.
    pub class: Class,
    /// Why nothing is planned.
    pub why: String,
}

impl Left {
    /// Says why a variance is not planned.
    pub fn of(variance: &Variance, why: impl Into<String>) -> Self {
        Self {
            company: variance.company.clone(),
            product: variance.product.clone(),
            class: variance.class,
            why: why.into(),
        }
    }
}

/// What may be planned, and what may not. Blank and implausible counts never are.
pub fn candidates(reconciliation: &Reconciliation, limits: Limits) -> (Vec<&Variance>, Vec<Left>) {
    let (mut candidates, mut left) = (Vec::new(), Vec::new());
    for variance in &reconciliation.variances {
        let why = match variance.class {
            Class::Equal => continue,
            Class::NotComparable => Some("it cannot be compared".to_owned()),
            Class::NotBilled => Some("there is no line to change; add it in the PSA".to_owned()),
            Class::NotCounted => Some("nothing is counted; end the line in the PSA if it is right".to_owned()),
            Class::UnderBilled | Class::OverBilled => variance.locked.clone(),
        };
        let numbers = variance.billed.zip(variance.counted);
        let why = why.or_else(|| numbers.and_then(|(old, new)| limits.refuse(old, new)));
        match why {
            Some(why) => left.push(Left::of(variance, why)),
            None => candidates.push(variance),
        }
    }
    (candidates, left)
}

impl Change {
    /// The change that makes a line hold what is counted, as the line stands on the day of the change. Where there is
    /// none, why.
    pub fn of(variance: &Variance, standing: Option<&Standing>, limits: Limits) -> Result<Self, String> {
        let standing = standing.ok_or("the line is gone")?;
        let line = &standing.addition;
        if let Some(why) = &line.locked {
            return Err(why.clone());
        }
        let (Some(old), Some(new)) = (line.quantity.known(), variance.counted) else {
            return Err("the quantity is not known".to_owned());
        };
        if old == new {
            let from = standing.effective.map(|day| format!(" from {day} on")).unwrap_or_default();
            return Err(format!("the line holds {} already{from}", new.normalize()));
        }
        if let Some(why) = limits.refuse(old, new) {
            return Err(why);
        }
        Ok(Self {
            company: variance.company.clone(),
            product: variance.product.clone(),
            agreement: line.agreement.clone(),
            line: line.line.clone(),
            old: old.normalize(),
            new: new.normalize(),
            effective: standing.effective,
            proration: standing.proration.clone(),
            money: variance.money,
            currency: variance.currency.clone(),
        })
    }

    /// What the ledger is told.
    pub fn quantity(&self) -> QuantityChange {
        QuantityChange { line: self.line.clone(), old: self.old, new: self.new, effective: self.effective }
    }

    fn key(&self) -> (&LineRef, Option<Date>) {
        (&self.line, self.effective)
    }
}

impl Plan {
    /// A plan of these changes.
    pub fn new(id: String, made_at: Timestamp, ledger: &str, run: &str, changes: Vec<Change>, left: Vec<Left>) -> Self {
        let (ledger, run) = (ledger.to_owned(), run.to_owned());
        Self { tallysheet_plan: VERSION, id, made_at, ledger, run, undoes: None, changes, left }
    }

    /// Reads a plan that a person may have edited. The error says where it is wrong; `file` is how it is called there.
    pub fn read(file: &str, text: &str, limits: Limits) -> Result<Self> {
        let wrong = |message: String| Error::config(format!("{file}: {message}"));
        let mut json = serde_json::Deserializer::from_str(text);
        let plan: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| wrong(format!("`{}`: {}", error.path(), error.inner())))?;
        json.end().map_err(|error| wrong(format!("behind the plan stands something else: {error}")))?;
        if plan.tallysheet_plan != VERSION {
            return Err(wrong(format!(
                "it is a plan of the form {}; this version reads {VERSION}",
                plan.tallysheet_plan
            )));
        }
        let mut seen = BTreeSet::new();
        for (place, change) in plan.changes.iter().enumerate() {
            let wrong = |what: &str| {
                let Change { company, product, .. } = change;
                Err(wrong(format!("`changes[{place}]` ({company}, {product}): {what}")))
            };
            if !seen.insert(change.key()) {
                return wrong("its line stands in the plan twice");
            }
            if change.new.is_sign_negative() && !change.new.is_zero() {
                return wrong("`new` is below zero");
            }
            if change.new == change.old {
                return wrong("`new` is `old`; delete the change if nothing is to change");
            }
            // What was done within the limits may be undone, whatever they are now.
            if plan.undoes.is_none()
                && let Some(why) = limits.refuse(change.old, change.new)
            {
                return wrong(&why);
            }
        }
        Ok(plan)
    }

    /// The text of its file.
    pub fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::internal(format!("the plan cannot be written: {error}")))
    }

    /// The plan that undoes what was done. Where a difference cannot be taken back, the opposite one follows on `day` after.
    #[must_use]
    pub fn undo(&self, record: &Record, at: Timestamp, day_after: bool) -> Self {
        let done = record.entries.iter().filter(|entry| entry.outcome == Outcome::Done);
        let back = |entry: &Entry| {
            let change = &entry.change;
            Change {
                old: change.new,
                new: change.old,
                money: change.money.map(|money| -money),
                effective: change.effective.map(|day| if day_after { day.tomorrow().unwrap_or(day) } else { day }),
                proration: if day_after { NEXT_DAY.to_owned() } else { change.proration.clone() },
                ..change.clone()
            }
        };
        let changes = done.map(back).collect();
        Self {
            undoes: Some(self.id.clone()),
            ..Self::new(format!("{}-undo", self.id), at, &self.ledger, &self.run, changes, Vec::new())
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is being made; where this stays, we were cut off.
    Begun,
    /// It is made, and was read back.
    Done,
    /// The PSA held the new quantity before.
    Held,
    /// The PSA holds neither the old nor the new one, or the line may not be written.
    Refused,
    /// The PSA did not take it.
    Failed,
    /// It may have been made.
    Unknown,
    /// It is made, and something else moved with it.
    Differs,
}

impl Outcome {
    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Differs => "differs",
        }
    }
}

/// The audit record of a plan: everything that was done, and what stood there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The plan's name.
    pub plan: String,
    /// The integration that bills.
    pub ledger: String,
    /// The account that was written to.
    pub account: String,
    /// Each change that was begun, in the order of the plan.
    pub entries: Vec<Entry>,
}

/// One change in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The change.
    pub change: Change,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was begun.
    pub began_at: Timestamp,
    /// When that was known.
    pub ended_at: Option<Timestamp>,
    /// What is to be known.
    pub told: String,
    /// What stood at the line before, besides its quantity.
    pub before: BTreeMap<String, String>,
}

impl Record {
    /// The entry of a change.
    pub fn entry(&self, change: &Change) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.change.key() == change.key() && entry.change.new == change.new)
    }

    /// Sets the entry of a change.
    pub fn set(&mut self, entry: Entry) {
        let same =
            |other: &&mut Entry| other.change.key() == entry.change.key() && other.change.new == entry.change.new;
        match self.entries.iter_mut().find(same) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
    }
}

/// What to do with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write it.
    Write,
    /// Nothing is to be written, and this is why.
    Ended(Outcome, String),
}

/// What a look at the line means before a change is written. `earlier` is what the record says of an attempt before.
pub fn before(change: &Change, earlier: Option<Outcome>, standing: Option<&Standing>, today: Date) -> Step {
    let refused = |why: String| Step::Ended(Outcome::Refused, why);
    let Some(standing) = standing else { return refused("the line is gone; make a new plan".to_owned()) };
    let Some(quantity) = standing.addition.quantity.known() else {
        return refused("the PSA does not tell the quantity any more".to_owned());
    };
    if quantity == change.new {
        return match earlier {
            Some(Outcome::Held) | None => Step::Ended(Outcome::Held, "the PSA held it before".to_owned()),
            Some(_) => Step::Ended(Outcome::Done, "read back".to_owned()),
        };
    }
    if quantity != change.old {
        let (holds, old) = (quantity.normalize(), change.old.normalize());
        return refused(format!("the PSA holds {holds}, not {old}; make a new plan"));
    }
    if matches!(earlier, Some(Outcome::Done | Outcome::Differs)) {
        return refused("it was done, and someone changed it back since; make a new plan".to_owned());
    }
    if let Some(why) = &standing.addition.locked {
        return refused(why.clone());
    }
    if change.effective.is_some_and(|day| day < today) {
        return refused("its day has passed; make a new plan".to_owned());
    }
    Step::Write
}

/// What a look at the line means after a change was sent. `sure` says that the PSA answered and took it.
pub fn after(change: &Change, was: &Standing, now: Option<&Standing>, sure: bool) -> (Outcome, String) {
    let Some(now) = now else { return (Outcome::Differs, "the line is gone".to_owned()) };
    let Some(quantity) = now.addition.quantity.known() else {
        return (Outcome::Unknown, "the PSA does not tell the quantity any more".to_owned());
    };
    if quantity == change.old {
        return if sure {
            (Outcome::Failed, "the PSA took it, and holds the old quantity still".to_owned())
        } else {
            let told =
                "the answer was lost, and the PSA holds the old quantity still; look there before you apply again";
            (Outcome::Unknown, told.to_owned())
        };
    }
    if quantity != change.new {
        return (Outcome::Differs, format!("the PSA holds {} now", quantity.normalize()));
    }
    match moved(&was.untouched, &now.untouched) {
        None => (Outcome::Done, "read back".to_owned()),
        Some(told) => (Outcome::Differs, told),
    }
}

/// What else is not as it was, in words.
pub fn moved(was: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let names: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
    let moved: Vec<&str> =
        names.into_iter().filter(|name| was.get(*name) != now.get(*name)).map(String::as_str).collect();
    (!moved.is_empty()).then(|| format!("something else moved with it: {}", moved.join(", ")))
}
