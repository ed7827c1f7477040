//! What a billing ledger is asked and must answer: the part of a [`Case`](crate::Case) for PSAs that tell what they bill;
//! and what a ledger said, as words by label, so that it can be compared.

use crate::bench::LedgerVerb;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::str::FromStr;
use tallysheet_core::billing::{self, Addition, LineRef, Price, Quantity, QuantityChange, Standing, Writing};
use tallysheet_core::{Decimal, VendorOrg};

/// What a ledger is asked, and what must come out. One line is read anew and gets a new quantity.
#[derive(Clone)]
pub struct Ledger {
    /// The day whose lines are wanted; it is also `today` where a line is read anew.
    pub on: &'static str,
    /// Every company that a line speaks of: id and name.
    pub companies: Vec<(&'static str, &'static str)>,
    /// The lines in effect, in any order.
    pub lines: Vec<Line>,
    /// How many lines each rule leaves out.
    pub left_out: Vec<(&'static str, usize)>,
    /// What must be told besides, word by word.
    pub notices: Vec<&'static str>,
    /// The line that is read anew, as it stands on the day on which a change takes effect.
    pub read: Line,
    /// That day, where the PSA knows such.
    pub effective: Option<&'static str>,
    /// How a change is prorated, word by word.
    pub proration: &'static str,
    /// What a change must leave as it is.
    pub untouched: Vec<(&'static str, &'static str)>,
    /// The quantity that it gets: an exchange that [`changes`](crate::Exchange::changes) holds the request.
    pub new: &'static str,
    /// Quantities that the PSA cannot hold: refused before anything is sent.
    pub cannot_hold: Vec<&'static str>,
    /// How the ledger takes changes.
    pub writing: Writing,
}

/// A line that must come out.
#[derive(Clone, Debug)]
pub struct Line(pub(crate) Addition);

impl Line {
    /// A line of an agreement, by their ids, with the id (and perhaps the sort) of its product. Nothing is included, nothing
    /// else is known.
    pub fn new(agreement: &str, id: &str, product: &str) -> Self {
        let owned = str::to_owned;
        Self(Addition {
            line: LineRef { agreement: owned(agreement), id: owned(id), product: owned(product) },
            company_id: String::new(),
            agreement: String::new(),
            product: String::new(),
            description: String::new(),
            quantity: Quantity::or_missing(None),
            included: Decimal::ZERO,
            price: None,
            from: None,
            until: None,
            next_invoice: None,
            locked: None,
        })
    }

    /// The company's id, and what the agreement is called.
    #[must_use]
    pub fn of(self, company: &str, agreement: &str) -> Self {
        Self(Addition { company_id: company.to_owned(), agreement: agreement.to_owned(), ..self.0 })
    }

    /// The product's code, and what stands on the invoice.
    #[must_use]
    pub fn product(self, code: &str, description: &str) -> Self {
        Self(Addition { product: code.to_owned(), description: description.to_owned(), ..self.0 })
    }

    /// So many.
    #[must_use]
    pub fn quantity(self, quantity: &str) -> Self {
        Self(Addition { quantity: Quantity::Known(decimal(quantity)), ..self.0 })
    }

    /// The quantity is not told, and why.
    #[must_use]
    pub fn unknown(self, why: &str) -> Self {
        Self(Addition { quantity: Quantity::Unknown(why.to_owned()), ..self.0 })
    }

    /// So many of them are free.
    #[must_use]
    pub fn included(self, units: &str) -> Self {
        Self(Addition { included: decimal(units), ..self.0 })
    }

    /// What one costs, in which currency, for how many months.
    #[must_use]
    pub fn price(self, amount: &str, currency: &str, months: Option<u32>) -> Self {
        let price = Price { amount: decimal(amount), currency: currency.to_owned(), months };
        Self(Addition { price: Some(price), ..self.0 })
    }

    /// The day from which it is billed.
    #[must_use]
    pub fn from(self, day: &str) -> Self {
        Self(Addition { from: Some(date(day)), ..self.0 })
    }

    /// The first day on which it is billed no more.
    #[must_use]
    pub fn until(self, day: &str) -> Self {
        Self(Addition { until: Some(date(day)), ..self.0 })
    }

    /// When the next invoice is made.
    #[must_use]
    pub fn next_invoice(self, day: &str) -> Self {
        Self(Addition { next_invoice: Some(date(day)), ..self.0 })
    }

    /// Why its quantity cannot be written, word by word.
    #[must_use]
    pub fn locked(self, why: &str) -> Self {
        Self(Addition { locked: Some(why.to_owned()), ..self.0 })
    }
}

impl Ledger {
    pub(crate) fn on(&self) -> Date {
        date(self.on)
    }

    pub(crate) fn effective(&self) -> Option<Date> {
        self.effective.map(date)
    }

    pub(crate) const fn line(&self) -> &LineRef {
        &self.read.0.line
    }

    /// The change to this quantity.
    pub(crate) fn change(&self, new: &str) -> QuantityChange {
        let old = self.read.0.quantity.known().unwrap_or_else(|| panic!("`read` has no quantity to be changed"));
        QuantityChange { line: self.line().clone(), old, new: decimal(new), effective: self.effective() }
    }

    /// What must come out.
    pub(crate) fn expected(&self, verb: LedgerVerb) -> Told {
        match verb {
            LedgerVerb::Billed => {
                let companies = self.companies.iter().map(|(id, name)| VendorOrg::new(*id, *name)).collect();
                let additions = self.lines.iter().map(|line| line.0.clone()).collect();
                let left_out = self.left_out.iter().copied().collect();
                let notices =
                    self.notices.iter().map(|message| tallysheet_core::Notice::info(None, *message)).collect();
                billed(&billing::Ledger { companies, additions, left_out, notices })
            }
            LedgerVerb::Line | LedgerVerb::LineOnTheDay => line(Some(&Standing {
                addition: self.read.0.clone(),
                effective: self.effective(),
                proration: self.proration.to_owned(),
                untouched: self.untouched.iter().map(|(name, was)| ((*name).to_owned(), (*was).to_owned())).collect(),
            })),
            LedgerVerb::Change => changed(),
        }
    }
}

/// What a ledger said: words by label.
pub(crate) type Told = BTreeMap<String, String>;

/// What ends the label of a quantity.
const QUANTITY: &str = ": quantity";
/// What ends the label of why it cannot be written.
const LOCKED: &str = ": locked";
const UNKNOWN: &str = "unknown";

/// What it bills.
pub(crate) fn billed(ledger: &billing::Ledger) -> Told {
    let mut told = Told::new();
    let mut tell = |mut label: String, words: String| {
        // What is said twice stands twice.
        while told.contains_key(&label) {
            label.push_str(" (once more)");
        }
        told.insert(label, words);
    };
    for company in &ledger.companies {
        tell(format!("company {}", company.id), company.name.clone());
    }
    for addition in &ledger.additions {
        of_line(addition, &mut tell);
    }
    for (reason, lines) in ledger.left_out.iter().filter(|(_, lines)| **lines > 0) {
        tell(format!("left out, {reason}"), lines.to_string());
    }
    for notice in &ledger.notices {
        tell(format!("the notice {:?}", notice.message), "told".to_owned());
    }
    told
}

/// One line read anew.
pub(crate) fn line(standing: Option<&Standing>) -> Told {
    let mut told = Told::new();
    let Some(standing) = standing else { return Told::from([("the line".to_owned(), "gone".to_owned())]) };
    of_line(&standing.addition, &mut |label, words| drop(told.insert(label, words)));
    let fields = standing.untouched.iter().map(|(name, was)| (format!("untouched {name}"), was.clone()));
    told.extend(fields);
    told.insert("effective".to_owned(), format!("{:?}", standing.effective));
    told.insert("proration".to_owned(), standing.proration.clone());
    told
}

/// A change was sent.
pub(crate) fn changed() -> Told {
    Told::from([("the change".to_owned(), "sent".to_owned())])
}

fn of_line(addition: &Addition, tell: &mut impl FnMut(String, String)) {
    let LineRef { agreement, id, product } = &addition.line;
    let name = format!("{agreement}/{id}");
    let price = addition
        .price
        .as_ref()
        .map(|Price { amount, currency, months }| format!("{} {currency} for {months:?} months", amount.normalize()));
    let quantity = match &addition.quantity {
        Quantity::Known(quantity) => quantity.normalize().to_string(),
        Quantity::Unknown(why) => format!("{UNKNOWN}: {why}"),
    };
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    let words = [
        (": product's id", Some(product.clone())),
        (": company", Some(addition.company_id.clone())),
        (": agreement", Some(addition.agreement.clone())),
        (": product", Some(addition.product.clone())),
        (": description", Some(addition.description.clone())),
        (QUANTITY, Some(quantity)),
        (": included", Some(addition.included.normalize().to_string())),
        (": price", price),
        (": from", day(addition.from)),
        (": until", day(addition.until)),
        (": next invoice", day(addition.next_invoice)),
        (LOCKED, addition.locked.clone()),
    ];
    for (label, words) in words {
        if let Some(words) = words {
            tell(format!("{name}{label}"), words);
        }
    }
}

/// Whether quantities of `told` that `wanted` knows are unknown, and nothing else is different: else what is.
pub(crate) fn only_unknown(told: &Told, wanted: &Told) -> Result<bool, String> {
    let mut unknown = false;
    for label in told.keys().chain(wanted.keys()) {
        let (got, wanted) = (told.get(label), wanted.get(label));
        if got == wanted || label.ends_with(LOCKED) || label.starts_with("the notice") {
            continue;
        }
        if !label.ends_with(QUANTITY) || !got.is_some_and(|got| got.starts_with(UNKNOWN)) {
            return Err(format!("{label} is {got:?}, was {wanted:?}"));
        }
        unknown = true;
    }
    Ok(unknown)
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str(text).unwrap_or_else(|_| panic!("the case has `{text}`, which is no number"))
}

fn date(text: &str) -> Date {
    text.parse().unwrap_or_else(|_| panic!("the case has `{text}`, which is no day; write it like 2026-11-01"))
}
