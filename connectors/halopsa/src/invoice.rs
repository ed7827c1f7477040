//! Recurring invoices and their lines: what HaloPSA sends, and what each line bills.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tallysheet_core::billing::{Addition, LineRef, Price, Quantity};
use tallysheet_core::wire::{Day, Id, Number};
use tallysheet_core::{Decimal, Error, Result, VendorOrg};

/// A recurring invoice. In a list it has no lines.
#[derive(Deserialize)]
pub(crate) struct Invoice {
    pub(crate) id: Id,
    client_id: Option<Id>,
    client_name: Option<String>,
    name: Option<String>,
    contract_ref: Option<String>,
    disabled: Option<bool>,
    #[serde(default)]
    startdate: Day,
    #[serde(default)]
    enddate: Day,
    #[serde(default)]
    nextcreationdate: Day,
    period: Option<i64>,
    periodname: Option<String>,
    currency: Option<String>,
    currency_code_name: Option<String>,
    lines: Option<Vec<Line>>,
}

/// A line of it.
#[derive(Deserialize, Default)]
pub(crate) struct Line {
    pub(crate) id: Id,
    #[serde(rename = "_itemid")]
    item_id: Option<Id>,
    item_code: Option<String>,
    item_shortdescription: Option<String>,
    qty_order: Option<Number>,
    unit_price: Option<Number>,
    discount_perc: Option<Number>,
    recurring_invoice_quantity_type: Option<i64>,
    isinactive: Option<bool>,
    isgroupdesc: Option<bool>,
    onetimecharge: Option<bool>,
    #[serde(default)]
    startdate: Day,
    #[serde(default)]
    enddate: Day,
    billingperiod: Option<i64>,
    line_periods: Option<i64>,
    client_id: Option<Id>,
    original_client_id: Option<Id>,
    client_name: Option<String>,
    prorata_next_invoice: Option<bool>,
    quantity_licences: Option<Vec<Counting>>,
    quantity_users: Option<Vec<Counting>>,
    quantity_assets: Option<Vec<Counting>>,
    quantity_subscriptions: Option<Vec<Counting>>,
}

/// What a quantity is worked out from.
#[derive(Deserialize)]
struct Counting {
    qty_free: Option<Number>,
    minimum_qty: Option<Number>,
}

/// Why a line is compared with nothing although it is billed.
pub(crate) const NAMELESS: &str = "another client's, whose id is not told";

impl Invoice {
    /// Why none of its lines is billed on a day, if so (README, What is billed).
    pub(crate) fn left_out(&self, on: Date) -> Option<&'static str> {
        if self.disabled == Some(true) {
            return Some("whole recurring invoices that are disabled");
        }
        let (later, ended) = ("whole recurring invoices that begin later", "whole recurring invoices that have ended");
        outside(self.startdate, self.enddate, on, later, ended)
    }

    /// Its lines; they are a part of every answer about one invoice.
    pub(crate) fn lines(&self) -> Result<&[Line]> {
        let message = || Error::bad_response(format!("recurring invoice {} came without its lines", self.id));
        self.lines.as_deref().ok_or_else(message)
    }

    /// Whose line it is; `None` where that is another client than the invoice's, and HaloPSA does not tell its id.
    fn company(&self, line: &Line) -> Result<Option<VendorOrg>> {
        let no_client = || Error::bad_response(format!("recurring invoice {} names no client", self.id));
        let own = self.client_id.as_ref().filter(|id| is_set(id)).ok_or_else(no_client)?;
        let (told, own_name) = (text(line.client_name.as_ref()), text(self.client_name.as_ref()));
        let other = [&line.original_client_id, &line.client_id].into_iter().flatten().find(|id| is_set(id));
        let (id, name) = match other {
            Some(id) if id != own => (id, told),
            Some(_) => (own, own_name),
            None if told.is_empty() || own_name.is_empty() || told.eq_ignore_ascii_case(own_name) => (own, own_name),
            None => return Ok(None),
        };
        Ok(Some(VendorOrg::new(id.as_str(), if name.is_empty() { id.as_str() } else { name })))
    }

    /// What a line bills on a day, and whom; or why it is left out.
    pub(crate) fn addition(&self, line: &Line, on: Date) -> Result<Result<(VendorOrg, Addition), &'static str>> {
        if let Some(reason) = self.left_out(on).or_else(|| line.left_out(on)) {
            return Ok(Err(reason));
        }
        let Some(company) = self.company(line)? else { return Ok(Err(NAMELESS)) };
        let quantity = line.quantity();
        let locked = match &quantity {
            Quantity::Known(_) => None,
            Quantity::Unknown(why) => Some(why.clone()),
        };
        let addition = Addition {
            line: LineRef { agreement: self.id.0.clone(), id: line.id.0.clone(), product: String::new() },
            company_id: company.id.clone(),
            agreement: self.title(),
            product: line.product(),
            description: text(line.item_shortdescription.as_ref()).to_owned(),
            quantity,
            // Free units are known only where a quantity is worked out.
            included: Decimal::ZERO,
            price: self.price(line),
            from: line.startdate.0.max(self.startdate.0),
            until: [line.enddate, self.enddate].into_iter().filter_map(|day| day.0?.tomorrow().ok()).min(),
            next_invoice: self.nextcreationdate.0,
            locked,
        };
        Ok(Ok((company, addition)))
    }

    fn title(&self) -> String {
        let told = [&self.name, &self.contract_ref].into_iter().map(|told| text(told.as_ref()));
        told.into_iter().find(|told| !told.is_empty()).unwrap_or(self.id.as_str()).to_owned()
    }

    /// The price of one unit; `None` where a discount is taken from it, in a way that is not documented.
    fn price(&self, line: &Line) -> Option<Price> {
        let amount = line.unit_price.filter(|_| line.discount_perc.is_none_or(|percent| percent.0.is_zero()))?.0;
        let is_code = |code: &&str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        let currency = [&self.currency, &self.currency_code_name].into_iter().map(|code| text(code.as_ref()));
        let currency = currency.into_iter().find(is_code).unwrap_or_default().to_ascii_uppercase();
        // A line may be for several periods, or for one of its own, which is told by number only.
        let is_set = |number: &i64| *number != 0;
        let own_period = line.billingperiod.filter(is_set).is_some_and(|period| Some(period) != self.period);
        let several = line.line_periods.filter(is_set).is_some_and(|periods| periods != 1);
        let months = self.periodname.as_deref().filter(|_| !own_period && !several).and_then(months);
        Some(Price { amount, currency, months })
    }

    /// What becomes of the time before a change.
    pub(crate) fn proration(&self, line: &Line) -> String {
        let day = self.nextcreationdate.0.map(|day| format!(", of {day},")).unwrap_or_default();
        let before = if line.prorata_next_invoice == Some(true) {
            "the line is set to be prorated on it"
        } else {
            "for the time before it HaloPSA charges what its own pro rata settings say"
        };
        format!("the next invoice{day} has the new quantity; {before}")
    }
}

impl Line {
    /// Why it is not billed on a day, if so (README, What is billed).
    fn left_out(&self, on: Date) -> Option<&'static str> {
        if self.isinactive == Some(true) {
            Some("inactive")
        } else if self.isgroupdesc == Some(true) {
            Some("headings of groups")
        } else if self.onetimecharge == Some(true) {
            Some("one-time charges")
        } else {
            outside(self.startdate, self.enddate, on, "begins later", "ended")
        }
    }

    /// What the line holds, unless HaloPSA works it out when it invoices: what it holds then is an old number
    /// (README, What is billed).
    fn quantity(&self) -> Quantity {
        let lists =
            [&self.quantity_licences, &self.quantity_users, &self.quantity_assets, &self.quantity_subscriptions];
        let mut counted = lists.into_iter().flatten().flatten().peekable();
        let from = match self.recurring_invoice_quantity_type {
            Some(0) => return Quantity::or_missing(self.qty_order.map(|quantity| quantity.0)),
            None if counted.peek().is_none() => return Quantity::or_missing(self.qty_order.map(|quantity| quantity.0)),
            Some(1) => "from licences",
            Some(2) => "from users",
            Some(3) => "from devices",
            Some(4) => "from subscriptions",
            None | Some(_) => "by a rule that is not known",
        };
        let of = |figure: Option<Number>| figure.map_or(Decimal::ZERO, |figure| figure.0);
        let (least, free) = counted.fold((Decimal::ZERO, Decimal::ZERO), |(least, free), one| {
            (least.saturating_add(of(one.minimum_qty)), free.saturating_add(of(one.qty_free)))
        });
        let told = [(least, format!("at least {least}")), (free, format!("{free} free"))];
        let told = told.into_iter().filter(|(figure, _)| !figure.is_zero()).map(|(_, words)| words);
        let told = told.collect::<Vec<_>>().join(", ");
        let told = if told.is_empty() { told } else { format!(" ({told})") };
        Quantity::Unknown(format!("HaloPSA works it out {from} when it invoices{told}"))
    }

    /// Its code, else its name, else its id.
    fn product(&self) -> String {
        let told = [&self.item_code, &self.item_shortdescription].into_iter().map(|told| text(told.as_ref()));
        let mut told = told.chain(self.item_id.iter().map(Id::as_str)).filter(|told| !told.is_empty());
        told.next().unwrap_or(self.id.as_str()).to_owned()
    }
}

/// What may differ in a line that got a new quantity: that, the amounts and taxes that follow from it, and when it happened.
const FOLLOWS: [&str; 14] = [
    "qty_order",
    "net_amount",
    "net_amount_converted",
    "net_total",
    "total_net_total",
    "total_price",
    "total_price_converted",
    "total_discount",
    "discount_converted",
    "tax_amount",
    "tax_converted",
    "total_tax",
    "total_tax_converted",
    "lineactiondate",
];

/// An invoice's lines as they are.
#[derive(Deserialize)]
pub(crate) struct Raw {
    lines: Vec<Map<String, Value>>,
}

impl Raw {
    /// Everything that a change of a line must leave as it is, of that line and of all others: what becomes of fields that
    /// a change does not send is not documented.
    pub(crate) fn untouched(&self, id: &Id) -> BTreeMap<String, String> {
        let of_line = |line: &Map<String, Value>| {
            let told = line.get("id").and_then(|id| Id::deserialize(id).ok()).unwrap_or_default();
            let follows = |name: &str| told == *id && FOLLOWS.contains(&name);
            let fields = line.iter().filter(|(name, _)| !follows(name));
            fields.map(|(name, value)| (format!("line {told}: {name}"), value.to_string())).collect::<Vec<_>>()
        };
        self.lines.iter().flat_map(of_line).collect()
    }
}

/// Why a day is outside of those from the first to the last, both inclusive.
fn outside(first: Day, last: Day, on: Date, not_begun: &'static str, ended: &'static str) -> Option<&'static str> {
    if first.0.is_some_and(|first| on < first) {
        Some(not_begun)
    } else {
        last.0.filter(|last| on > *last).map(|_| ended)
    }
}

/// The months of a period, by its words: the numbers of periods differ from text to text. `None` where they are not
/// understood, and for weeks, which no number of months holds.
fn months(period: &str) -> Option<u32> {
    let words: String = period.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match words.to_ascii_lowercase().as_str() {
        "month" | "monthly" => 1,
        "quarter" | "quarterly" | "3monthly" | "3months" => 3,
        "halfyear" | "halfyearly" | "6monthly" | "6months" | "sixmonthly" => 6,
        "year" | "yearly" | "annual" | "annually" | "12months" => 12,
        "2yearly" | "2years" | "twoyearly" => 24,
        "3yearly" | "3years" | "threeyearly" => 36,
        "4yearly" | "4years" => 48,
        "5yearly" | "5years" => 60,
        _ => return None,
    })
}

/// Whether a client's id is one: none is told as 0, -1 or nothing.
fn is_set(id: &Id) -> bool {
    !matches!(id.as_str(), "" | "0" | "-1")
}

fn text(told: Option<&String>) -> &str {
    told.map_or("", |told| told.trim())
}

#[cfg(test)]
mod tests;
