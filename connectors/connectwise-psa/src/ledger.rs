//! What is billed: the additions of live agreements, and a new quantity for one of them.

use crate::ConnectWisePsa;
use crate::wire::{Addition, Agreement, Made};
use futures_util::future::{try_join, try_join_all};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tallysheet_core::billing::{
    Addition as Billed, Ledger, LineRef, Price, Quantity, QuantityChange, Standing, Writing,
};
use tallysheet_core::wire::Number;
use tallysheet_core::{BillingLedger, Code, Decimal, Error, Notice, Result, VendorOrg, async_trait};
use tallysheet_http::{Call, segment};

const AGREEMENT: &str = "id,name,company,agreementStatus,cancelledFlag,startDate,endDate,noEndingDateFlag,billingCycle,\
                         nextInvoiceDate,prorateFlag,currency";
const ADDITION: &str = "id,product,quantity,lessIncluded,unitPrice,billCustomer,effectiveDate,cancelledDate,\
                        invoiceDescription,description,billedQuantity";
/// What follows from the quantity, so that it moves with it.
const FOLLOWS: [&str; 6] = ["quantity", "billedQuantity", "extPrice", "extCost", "margin", "_info"];
/// How many digits a double holds, which the vendor keeps quantities in.
const DIGITS: u32 = 15;
/// How many lines a notice names.
const NAMED: usize = 5;

#[async_trait]
impl BillingLedger for ConnectWisePsa {
    async fn billed(&self, on: Date) -> Result<Ledger> {
        let agreements: BTreeMap<String, Agreement> =
            self.list("/finance/agreements", AGREEMENT, Some("cancelledFlag=false")).await?;
        let mut ledger = Ledger::default();
        let (mut live, mut companies, mut odd) = (Vec::new(), BTreeMap::new(), Vec::new());
        for agreement in agreements.values() {
            match agreement.left_out(on) {
                Some(reason) => *ledger.left_out.entry(reason).or_default() += 1,
                None => live.push(agreement),
            }
        }
        if live.is_empty() {
            ledger.notices.push(Notice::warning(None, "no agreement is in effect, so nothing is billed"));
        }
        // There is no list across agreements (README, Limits).
        let lists = try_join_all(live.iter().map(|agreement| self.additions(agreement))).await?;
        for (agreement, additions) in live.into_iter().zip(lists) {
            for addition in additions.into_values() {
                if let Some(reason) = addition.left_out(on) {
                    *ledger.left_out.entry(reason).or_default() += 1;
                    continue;
                }
                if addition.bills_another_quantity() {
                    odd.push(addition.id.0.clone());
                }
                let company = &agreement.company;
                companies.entry(company.id.0.clone()).or_insert_with(|| company.name.clone());
                ledger.additions.push(line_of(agreement, addition, on));
            }
        }
        ledger.companies = companies.into_iter().map(|(id, name)| VendorOrg::new(id, name)).collect();
        ledger.notices.extend(oddly_billed(&odd));
        Ok(ledger)
    }

    async fn line(&self, line: &LineRef, today: Date, _: Option<Date>) -> Result<Option<Standing>> {
        let agreement = format!("/finance/agreements/{}", segment(&line.agreement));
        let (addition, agreement) = (Call::get(path_of(line)), Call::get(agreement).query("fields", AGREEMENT));
        let found = try_join(self.api.find(&agreement), self.api.find_reply(&addition));
        let (Some(agreement), Some(reply)): (Option<Agreement>, _) = found.await? else { return Ok(None) };
        let (addition, fields): (Addition, Map<String, Value>) = (reply.json()?, reply.json()?);
        if agreement.left_out(today).or(addition.left_out(today)).is_some() {
            return Ok(None);
        }
        Ok(Some(Standing {
            proration: proration(agreement.prorate_flag).to_owned(),
            addition: line_of(&agreement, addition, today),
            effective: None,
            untouched: fields.into_iter().filter_map(untouched).collect(),
        }))
    }

    async fn change(&self, change: &QuantityChange) -> Result<()> {
        self.holds(change.new)?;
        let quantity = change.new.normalize();
        let replace = [Replace { op: "replace", path: "quantity", value: Number(quantity) }];
        let _: Made = self.api.json(&Call::patch(path_of(&change.line)).json(&replace)?).await?;
        Ok(())
    }

    fn holds(&self, quantity: Decimal) -> Result<()> {
        if quantity.normalize().mantissa().unsigned_abs() < 10_u128.pow(DIGITS) {
            return Ok(());
        }
        Err(Error::config(format!("ConnectWise PSA holds quantities of at most {DIGITS} digits, so not {quantity}")))
    }

    fn writing(&self) -> Writing {
        Writing::Quantity
    }
}

impl ConnectWisePsa {
    async fn additions(&self, agreement: &Agreement) -> Result<BTreeMap<String, Addition>> {
        self.list(&format!("/finance/agreements/{}/additions", agreement.id), ADDITION, None).await
    }
}

fn path_of(line: &LineRef) -> String {
    format!("/finance/agreements/{}/additions/{}", segment(&line.agreement), segment(&line.id))
}

/// A step of a JSON Patch; the vendor names fields without a slash.
#[derive(Serialize)]
struct Replace {
    op: &'static str,
    path: &'static str,
    value: Number,
}

impl Agreement {
    /// Why none of its lines is billed on a day, if so.
    pub(crate) fn left_out(&self, on: Date) -> Option<&'static str> {
        let status = self.agreement_status.as_deref();
        // An end counts only where the agreement says that it has one (README, What is billed).
        let end = self.end_date.0.filter(|_| self.no_ending_date_flag == Some(false));
        if self.cancelled_flag == Some(true) || status == Some("cancelled") {
            Some("whole agreements that are cancelled")
        } else if status.is_some_and(|status| status != "active") {
            Some("whole agreements that are not active")
        } else if self.start_date.0.is_some_and(|start| start > on) {
            Some("whole agreements that begin later")
        } else if end.is_some_and(|end| end < on) {
            Some("whole agreements that have ended")
        } else {
            None
        }
    }

    /// How many months it bills at once. The names are the tenant's own: only those that are plain are understood.
    fn months(&self) -> Option<u32> {
        let name = self.billing_cycle.as_ref()?.name.as_deref()?.trim().to_lowercase().replace([' ', '_'], "-");
        match name.as_str() {
            "monthly" => Some(1),
            "quarterly" => Some(3),
            "semi-annual" | "semi-annually" | "semiannual" | "semiannually" => Some(6),
            "annual" | "annually" | "yearly" => Some(12),
            _ => None,
        }
    }

    /// The first day after the period that a day is in: that of the next invoice, else after a period from the day on.
    fn period_end(&self, on: Date) -> Option<Date> {
        let invoice = self.next_invoice_date.date().filter(|next| *next > on);
        invoice.or_else(|| on.checked_add(i64::from(self.months().unwrap_or(1)).months()).ok())
    }
}

impl Addition {
    /// Why it is not billed on a day, if so (README, What is billed).
    pub(crate) fn left_out(&self, on: Date) -> Option<&'static str> {
        if self.cancelled_date.0.is_some_and(|cancelled| cancelled <= on) {
            return Some("cancelled");
        }
        if self.effective_date.0.is_some_and(|effective| effective > on) {
            return Some("effective later");
        }
        match self.bill_customer.as_deref() {
            Some("billable") => None,
            Some("nocharge") => Some("printed at no charge"),
            Some("donotbill") => Some("not to be billed"),
            _ => Some("not said to be billable"),
        }
    }

    /// Whether the vendor's own figure is another than what quantity and included units make.
    fn bills_another_quantity(&self) -> bool {
        let (Some(billed), Some(quantity)) = (&self.billed_quantity, self.quantity) else { return false };
        decimal(billed) != Some(quantity.0.saturating_sub(self.included()).max(Decimal::ZERO))
    }

    fn included(&self) -> Decimal {
        self.less_included.map_or(Decimal::ZERO, |included| included.0)
    }
}

fn line_of(agreement: &Agreement, addition: Addition, on: Date) -> Billed {
    let period_end = agreement.period_end(on);
    let ending = addition.cancelled_date.0.filter(|ends| period_end.is_none_or(|end| *ends <= end));
    let told = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let price = addition.unit_price.as_ref().and_then(decimal).map(|amount| Price {
        amount,
        currency: agreement.currency.as_ref().and_then(|currency| currency.currency_code.clone()).unwrap_or_default(),
        months: agreement.months(),
    });
    Billed {
        included: addition.included(),
        line: LineRef { agreement: agreement.id.0.clone(), id: addition.id.0, product: addition.product.id.0 },
        company_id: agreement.company.id.0.clone(),
        agreement: agreement.name.clone(),
        product: addition.product.identifier,
        description: told(addition.invoice_description).or(told(addition.description)).unwrap_or_default(),
        quantity: Quantity::or_missing(addition.quantity.map(|quantity| quantity.0)),
        price,
        from: addition.effective_date.0,
        until: addition.cancelled_date.0,
        next_invoice: agreement.next_invoice_date.date(),
        // What ends within the period is a charge for once: its quantity is no count of anything.
        locked: ending.map(|ends| format!("it ends on {ends}, within the current period")),
    }
}

/// A figure that nothing is compared with: one that no decimal can hold is unknown, and no reason to bill nothing.
fn decimal(number: &serde_json::Number) -> Option<Decimal> {
    number.to_string().parse().ok()
}

/// What the vendor's own figure says otherwise, told once.
fn oddly_billed(lines: &[String]) -> Option<Notice> {
    let first = lines.first().map(|_| lines[..lines.len().min(NAMED)].join(", "))?;
    let more = if lines.len() > NAMED { ", …" } else { "" };
    let message = format!(
        "of {} additions ConnectWise PSA itself bills another quantity than theirs less what is included: {first}{more}",
        lines.len()
    );
    Some(Notice::warning(Code::TotalDiffers, message))
}

/// In the words that a person reads before a change is made.
const fn proration(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => {
            "the agreement prorates; a quantity changed in place may count for the whole current period all the same"
        }
        Some(false) => "not prorated: the new quantity counts for the whole current period",
        None => "not told; the new quantity may count for the whole current period",
    }
}

/// A field that a change must leave as it is. Null and empty are no value, as the vendor sends either.
fn untouched((name, value): (String, Value)) -> Option<(String, String)> {
    let follows =
        FOLLOWS.contains(&name.as_str()) || name.starts_with("prorate") || name.starts_with("extendedProrate");
    let empty = value.is_null() || value == "";
    (!follows && !empty).then(|| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn agreement(more: &Value) -> Agreement {
        let mut whole = json!({ "id": 55, "name": "Managed", "company": { "id": 19, "name": "Bluefin" },
            "agreementStatus": "Active", "cancelledFlag": false });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn addition(more: &Value) -> Addition {
        let mut whole = json!({ "id": 9001, "product": { "id": 310, "identifier": "MNG-WKS" }, "quantity": 4,
            "billCustomer": "Billable" });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn agreements_are_live_or_left_out() {
        let (cancelled, inactive) = ("whole agreements that are cancelled", "whole agreements that are not active");
        let (later, ended) = ("whole agreements that begin later", "whole agreements that have ended");
        for (more, reason) in [
            (json!({}), None),
            (json!({ "agreementStatus": null, "cancelledFlag": null, "endDate": "", "startDate": null }), None),
            (json!({ "cancelledFlag": true }), Some(cancelled)),
            (json!({ "agreementStatus": "Cancelled" }), Some(cancelled)),
            (json!({ "agreementStatus": "Expired" }), Some(inactive)),
            (json!({ "agreementStatus": "Inactive" }), Some(inactive)),
            (json!({ "startDate": "2026-11-01T00:00:00Z" }), None),
            (json!({ "startDate": "2026-11-02T00:00:00Z" }), Some(later)),
            (json!({ "endDate": "2026-10-31T00:00:00Z", "noEndingDateFlag": false }), Some(ended)),
            (json!({ "endDate": "2026-11-01T00:00:00Z", "noEndingDateFlag": false }), None),
            (json!({ "endDate": "2026-10-31T00:00:00Z", "noEndingDateFlag": true }), None),
            (json!({ "endDate": "2026-10-31T00:00:00Z" }), None),
            (json!({ "endDate": "", "noEndingDateFlag": false }), None),
        ] {
            assert_eq!(agreement(&more).left_out(day("2026-11-01")), reason, "{more}");
        }
    }

    #[test]
    fn additions_are_billed_or_left_out() {
        for (more, reason) in [
            (json!({}), None),
            (json!({ "effectiveDate": "", "cancelledDate": "" }), None),
            (json!({ "effectiveDate": null, "cancelledDate": null }), None),
            (json!({ "effectiveDate": "2026-11-01T00:00:00Z" }), None),
            (json!({ "effectiveDate": "2026-11-02T00:00:00Z" }), Some("effective later")),
            (json!({ "cancelledDate": "2026-11-02T00:00:00Z" }), None),
            (json!({ "cancelledDate": "2026-11-01T00:00:00Z" }), Some("cancelled")),
            (json!({ "quantity": 0 }), None),
            (json!({ "billCustomer": "NoCharge" }), Some("printed at no charge")),
            (json!({ "billCustomer": "DoNotBill" }), Some("not to be billed")),
            (json!({ "billCustomer": null }), Some("not said to be billable")),
            (json!({ "billCustomer": "Sometimes" }), Some("not said to be billable")),
        ] {
            assert_eq!(addition(&more).left_out(day("2026-11-01")), reason, "{more}");
        }
    }

    #[test]
    fn only_plain_cycles_have_months() {
        for (name, months) in [
            (json!("Monthly"), Some(1)),
            (json!(" quarterly"), Some(3)),
            (json!("Semi-Annual"), Some(6)),
            (json!("Semi Annually"), Some(6)),
            (json!("Yearly"), Some(12)),
            (json!("Annual"), Some(12)),
            (json!("Bi-Monthly"), None),
            (json!("Weekly"), None),
            (json!("2 Years"), None),
            (json!(null), None),
        ] {
            assert_eq!(agreement(&json!({ "billingCycle": { "id": 2, "name": name } })).months(), months, "{name}");
        }
        assert_eq!(agreement(&json!({})).months(), None);
    }

    #[test]
    fn what_ends_within_the_period_is_locked() {
        let quarterly = json!({ "billingCycle": { "id": 3, "name": "Quarterly" } });
        let invoiced = json!({ "nextInvoiceDate": "2026-12-01T00:00:00Z" });
        let overdue = json!({ "nextInvoiceDate": "2026-10-01T00:00:00Z" });
        for (cycle, cancelled, locked) in [
            (&invoiced, json!("2026-12-01T00:00:00Z"), true),
            (&invoiced, json!("2026-12-02T00:00:00Z"), false),
            (&invoiced, json!(""), false),
            (&overdue, json!("2026-12-01T00:00:00Z"), true),
            (&overdue, json!("2026-12-15T00:00:00Z"), false),
            (&quarterly, json!("2027-02-01T00:00:00Z"), true),
            (&quarterly, json!("2027-02-02T00:00:00Z"), false),
            (&json!({}), json!("2026-12-01T00:00:00Z"), true),
        ] {
            let line = line_of(&agreement(cycle), addition(&json!({ "cancelledDate": cancelled })), day("2026-11-01"));
            assert_eq!(line.locked.is_some(), locked, "{cycle} {cancelled}");
        }
    }

    #[test]
    fn the_vendors_own_figure_is_compared() {
        for (more, odd) in [
            (json!({}), false),
            (json!({ "billedQuantity": null }), false),
            (json!({ "billedQuantity": 4.0 }), false),
            (json!({ "billedQuantity": 3, "lessIncluded": 1 }), false),
            (json!({ "billedQuantity": 0, "lessIncluded": 9 }), false),
            (json!({ "billedQuantity": 4, "lessIncluded": 1 }), true),
            (json!({ "billedQuantity": 4, "quantity": null }), false),
        ] {
            assert_eq!(addition(&more).bills_another_quantity(), odd, "{more}");
        }
    }

    #[test]
    fn what_follows_from_a_quantity_is_not_watched() {
        let told = |name: &str, value: Value| untouched((name.to_owned(), value)).map(|(_, text)| text);
        for name in [
            "quantity",
            "billedQuantity",
            "extPrice",
            "extCost",
            "margin",
            "_info",
            "proratePrice",
            "prorateCurrentPeriodFlag",
            "extendedProratePrice",
        ] {
            assert_eq!(told(name, json!(1)), None, "{name}");
        }
        assert_eq!(told("cancelledDate", json!("")), None);
        assert_eq!(told("cancelledDate", json!(null)), None);
        assert_eq!(told("unitPrice", json!(35.5)).as_deref(), Some("35.5"));
        assert_eq!(told("billCustomer", json!("Billable")).as_deref(), Some("Billable"));
        assert_eq!(told("product", json!({ "id": 310 })).as_deref(), Some("{\"id\":310}"));
    }
}
