//! What HaloPSA bills: the lines of recurring invoices, and how the quantity of one is changed.

use super::{HaloPsa, PAGE, whole_number};
use crate::invoice::{Invoice, NAMELESS, Raw};
use crate::wire::Rows;
use futures_util::future::try_join_all;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_core::billing::{Ledger, LineRef, QuantityChange, Standing, Writing};
use tallysheet_core::wire::{Id, Number};
use tallysheet_core::{BillingLedger, Code, Decimal, Error, ErrorKind, Notice, Result, VendorOrg, async_trait};
use tallysheet_http::Call;
use tallysheet_http::call::segment;

#[async_trait]
impl BillingLedger for HaloPsa {
    async fn billed(&self, on: Date) -> Result<Ledger> {
        let first = Call::get("/RecurringInvoice").query("pageinate", true).query("page_size", PAGE);
        let first = first.query("order", "id");
        let listed = self.bills.numbered(first, "page_no", |invoice: &Invoice| &invoice.id, Rows::parts).await;
        let listed = listed.map_err(|error| lacking(error, READING))?;
        if listed.is_empty() {
            // Who may not read them gets an empty list, not 403.
            let error = Error::new(ErrorKind::Forbidden, "HaloPSA shows the application's agent no recurring invoices");
            return Err(error.advice(READING));
        }
        let (mut ledger, mut companies) = (Ledger::default(), BTreeMap::<String, VendorOrg>::new());
        let mut live = Vec::new();
        for invoice in listed.into_values() {
            match invoice.left_out(on) {
                Some(reason) => *ledger.left_out.entry(reason).or_default() += 1,
                None => live.push(invoice.id),
            }
        }
        if live.is_empty() {
            ledger.notices.push(Notice::warning(None, "no recurring invoice is in effect, so nothing is billed"));
        }
        // A list has no lines, whatever it is asked for (README, Quirks).
        for invoice in try_join_all(live.iter().map(|id| self.invoice(id))).await? {
            for line in invoice.lines()? {
                match invoice.addition(line, on)? {
                    Ok((company, addition)) => {
                        ledger.additions.push(addition);
                        companies.entry(company.id.clone()).or_insert(company);
                    }
                    Err(reason) => *ledger.left_out.entry(reason).or_default() += 1,
                }
            }
        }
        if let Some(lines) = ledger.left_out.get(NAMELESS) {
            let message = format!(
                "lines of recurring invoices that are another client's, whose id HaloPSA does not tell: {lines}; they are \
                 compared with nothing"
            );
            ledger.notices.push(Notice::warning(Code::LeftOut, message));
        }
        ledger.companies = companies.into_values().collect();
        Ok(ledger)
    }

    async fn line(&self, line: &LineRef, today: Date, _: Option<Date>) -> Result<Option<Standing>> {
        let found = self.bills.find_reply(&one(&line.agreement)).await;
        let Some(reply) = found.map_err(|error| lacking(error, READING))? else { return Ok(None) };
        let Some(invoice) = reply.json::<Option<Invoice>>()? else { return Ok(None) };
        let Some(found) = invoice.lines()?.iter().find(|found| found.id.as_str() == line.id) else { return Ok(None) };
        let Ok((_, addition)) = invoice.addition(found, today)? else { return Ok(None) };
        let proration = invoice.proration(found);
        let untouched = reply.json::<Raw>()?.untouched(&found.id);
        Ok(Some(Standing { addition, effective: None, proration, untouched }))
    }

    async fn change(&self, change: &QuantityChange) -> Result<()> {
        let [id, ihid] = [&change.line.id, &change.line.agreement].map(|id| whole_number(id));
        if !id.is_i64() || !ihid.is_i64() {
            return Err(Error::config("this is no line of a recurring invoice: HaloPSA has whole numbers as ids"));
        }
        let call = Call::post("/RecurringInvoice/updatelines");
        let call = call.json(&[NewQuantity { id, ihid, qty_order: Number(change.new) }])?;
        let told: Value = self.changes.json(&call).await.map_err(|error| lacking(error, WRITING))?;
        // It tells something of the line, what is not documented.
        let nothing = || Error::bad_response("a changed quantity was answered with nothing").with_maybe_done();
        if told.is_object() || told.is_array() { Ok(()) } else { Err(nothing()) }
    }

    fn holds(&self, _: Decimal) -> Result<()> {
        Ok(())
    }

    fn writing(&self) -> Writing {
        Writing::Quantity
    }
}

/// The body of a change: exactly these fields.
#[derive(Serialize)]
struct NewQuantity {
    id: Value,
    ihid: Value,
    qty_order: Number,
}

impl HaloPsa {
    /// A recurring invoice with its lines.
    async fn invoice(&self, id: &Id) -> Result<Invoice> {
        let invoice: Invoice = self.bills.json(&one(id.as_str())).await.map_err(|error| lacking(error, READING))?;
        if invoice.id == *id {
            Ok(invoice)
        } else {
            Err(Error::bad_response(format!("recurring invoice {id} was asked for, and another one came")))
        }
    }
}

fn one(id: &str) -> Call {
    Call::get(format!("/RecurringInvoice/{}", segment(id))).query("includedetails", true)
}

const READING: &str = "the application needs the scope `read:invoices` (some versions `read:contracts` too: set `scope`), and its \
                       agent the right to read recurring invoices of all customers";
const WRITING: &str =
    "the application needs the scope `edit:invoices`, and its agent the right to modify recurring invoices";

/// What right may be missing.
fn lacking(error: Error, advice: &str) -> Error {
    if error.kind() == ErrorKind::Forbidden { error.advice(advice) } else { error }
}
