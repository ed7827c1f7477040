//! What is billed: the units of services and bundles on recurring service contracts.
//!
//! A quantity stands in no line, but in a row for every period, so it is always that of a day; it is changed by adding a
//! difference from a day on.

use super::{Autotask, everything, number};
use crate::contract::{Contract, Life, Listed, Product, RECURRING_SERVICE, Terms, Threshold, Units, Words, covering};
use crate::sort::{BUNDLE, SERVICE, Sort, sort_of};
use crate::standing::{Setting, TWICE};
use crate::wire::{Item, Made};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::billing::{BillingLedger, Ledger, LineRef, QuantityChange, Standing, Writing};
use tallysheet_core::{Decimal, Error, ErrorKind, Notice, Result, VendorOrg, async_trait};
use tallysheet_http::{Call, segment};
use tokio::try_join;

/// Above this part of the hour's requests, in hundredths, other integrations of the account need the rest.
const BUSY: u64 = 80;
/// Ids in one filter (README, Limits).
const IDS: usize = 200;

#[async_trait]
impl BillingLedger for Autotask {
    async fn billed(&self, on: Date) -> Result<Ledger> {
        self.leaves_room().await?;
        let of_day = [at_most("startDate", on), at_least("endDate", on)];
        let (companies, contracts, words, services, bundles) = try_join!(
            self.all_companies(),
            self.contracts(&of_day),
            self.words(),
            self.units(&SERVICE, &of_day),
            self.units(&BUNDLE, &of_day),
        )?;
        let mut ledger = Ledger::default();
        if contracts.is_empty() {
            ledger.notices.push(unseen("no recurring service contract that is in effect"));
        } else if services.is_empty() && bundles.is_empty() {
            ledger.notices.push(unseen("contracts, but no units of any service"));
        }
        for (sort, rows) in [(&SERVICE, &services), (&BUNDLE, &bundles)] {
            let mut lines = Vec::new();
            for row in covering(rows.values(), on).into_values() {
                let Some(contract) = contracts.get(row.contract_id.as_str()) else {
                    *ledger.left_out.entry("its contract is no recurring service contract in effect").or_default() += 1;
                    continue;
                };
                match contract.left_out(words, on) {
                    None => lines.push((row, contract)),
                    Some(reason) => *ledger.left_out.entry(reason).or_default() += 1,
                }
            }
            self.add(sort, &lines, words, &mut ledger).await?;
        }
        let ids: BTreeSet<&String> = ledger.additions.iter().map(|addition| &addition.company_id).collect();
        let org = |id: &String| VendorOrg::new(id, companies.get(id).map_or("", |company| &company.company_name));
        ledger.companies = ids.into_iter().map(org).collect();
        let unlisted = ledger.companies.iter().filter(|company| company.name.is_empty()).count();
        let unlisted =
            told(unlisted, format!("companies that are billed and that the API user may not see: {unlisted}"));
        ledger.notices.extend(unlisted);
        Ok(ledger)
    }

    async fn line(&self, line: &LineRef, today: Date, effective: Option<Date>) -> Result<Option<Standing>> {
        let (sort, product) = sort_of(line)?;
        let of_product = [
            equal("contractID", number(&line.agreement)),
            equal(sort.product_id, number(product)),
            at_least("endDate", effective.map_or(today, |day| day.min(today))),
        ];
        let of_line = [equal("id", number(&line.id))];
        let (rows, contract, words, terms, catalogue) = try_join!(
            self.units(sort, &of_product),
            self.contract(&line.agreement),
            self.words(),
            self.terms(sort, &of_line),
            self.catalogue(sort),
        )?;
        let setting = Setting { sort, words, catalogue };
        let Some(contract) = contract else { return Ok(None) };
        Ok(setting.standing(line, &rows, (&contract, terms.get(&line.id)), today, effective))
    }

    async fn change(&self, change: &QuantityChange) -> Result<()> {
        let (sort, product) = sort_of(&change.line)?;
        let difference = difference(change.old, change.new)?;
        let day =
            change.effective.ok_or_else(|| Error::config("Autotask changes units from a day on, and none is told"))?;
        let mut body = json!({ "contractID": number(&change.line.agreement), "unitChange": difference,
            "effectiveDate": format!("{day}T00:00:00") });
        // Without both, Autotask would put the service on the contract once more.
        body[sort.line_id] = number(&change.line.id);
        body[sort.product_id] = number(product);
        let path = format!("/Contracts/{}/{}", segment(&change.line.agreement), sort.adjustments);
        self.api().await?.json::<Made>(&Call::post(path).json(&body)?).await.map(|_| ())
    }

    fn holds(&self, quantity: Decimal) -> Result<()> {
        writable(quantity).map(|_| ())
    }

    fn writing(&self) -> Writing {
        Writing::Difference
    }
}

impl Autotask {
    /// Whether the account's requests of the hour leave room for ours.
    async fn leaves_room(&self) -> Result<()> {
        let used: Threshold = self.api().await?.json(&Call::get("/ThresholdInformation")).await?;
        let Threshold { external_request_threshold: all, current_timeframe_request_count: used } = used;
        if used.saturating_mul(100) <= all.saturating_mul(BUSY) {
            return Ok(());
        }
        let message = format!("all integrations of the account have made {used} of {all} requests of this hour");
        Err(Error::new(ErrorKind::RateLimited, message)
            .advice("Tallysheet leaves the rest to the others: try in an hour"))
    }

    async fn contracts(&self, of_day: &[Value]) -> Result<BTreeMap<String, Contract>> {
        let fields =
            ["id", "contractName", "companyID", "contractType", "contractPeriodType", "status", "startDate", "endDate"];
        let filter: Vec<Value> = of_day.iter().cloned().chain([equal("contractType", RECURRING_SERVICE)]).collect();
        self.query("Contracts", &fields, &filter, |contract: &Contract| &contract.id).await
    }

    async fn contract(&self, id: &str) -> Result<Option<Contract>> {
        let found: Option<Item<Contract>> =
            self.api().await?.find(&Call::get(format!("/Contracts/{}", segment(id)))).await?;
        Ok(found.and_then(|found| found.item))
    }

    async fn words(&self) -> Result<&Words> {
        let asked = self.set_up.words.get_or_try_init(async || {
            let fields = self.fields("Contracts").await?;
            Ok(Words { statuses: fields.labels("status"), periods: fields.labels("contractPeriodType") })
        });
        asked.await
    }

    async fn units(&self, sort: &Sort, filter: &[Value]) -> Result<BTreeMap<String, Units>> {
        let fields =
            ["id", "contractID", sort.line_id, sort.product_id, "units", "startDate", "endDate", "approveAndPostDate"];
        self.query(sort.units, &fields, filter, |row: &Units| &row.id).await
    }

    async fn terms(&self, sort: &Sort, filter: &[Value]) -> Result<BTreeMap<String, Terms>> {
        let fields =
            ["id", "invoiceDescription", "unitPrice", "internalCurrencyUnitPrice", "internalCurrencyAdjustedPrice"];
        self.query(sort.terms, &fields, filter, |terms: &Terms| &terms.id).await
    }

    /// The services or the bundles that there are. Whoever may see none of them cannot tell what is billed.
    async fn catalogue(&self, sort: &Sort) -> Result<&BTreeMap<String, Product>> {
        let asked = (sort.known)(&self.set_up).get_or_try_init(async || {
            let all = [everything()];
            let fields = ["id", "name", "invoiceDescription", "periodType"];
            let (listed, words) = try_join!(
                self.query(sort.catalogue, &fields, &all, |listed: &Listed| &listed.id),
                self.fields(sort.catalogue),
            )?;
            if listed.is_empty() {
                let message =
                    format!("a contract bills a {}, and the API user may see none of the catalogue", sort.word);
                return Err(Error::new(ErrorKind::Forbidden, message).advice("give it Admin: Products & Services"));
            }
            let periods = words.labels("periodType");
            Ok(listed.into_iter().map(|(id, listed)| (id, listed.product(&periods))).collect())
        });
        asked.await
    }

    /// Adds lines of one sort to the ledger.
    async fn add(
        &self,
        sort: &'static Sort,
        lines: &[(&Units, &Contract)],
        words: &Words,
        ledger: &mut Ledger,
    ) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let contracts: BTreeSet<&str> = lines.iter().map(|(row, _)| row.contract_id.as_str()).collect();
        let contracts: Vec<&str> = contracts.into_iter().collect();
        let setting = Setting { sort, words, catalogue: self.catalogue(sort).await? };
        let mut terms = BTreeMap::new();
        for some in contracts.chunks(IDS) {
            let ids: Vec<Value> = some.iter().map(|id| number(id)).collect();
            terms.extend(self.terms(sort, &[json!({ "op": "in", "field": "contractID", "value": ids })]).await?);
        }
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (row, _) in lines {
            *times.entry((row.contract_id.as_str(), row.product_id.as_str())).or_default() += 1;
        }
        let (mut unnamed, mut unclear) = (0, 0);
        for (row, contract) in lines {
            let mut addition = setting.addition(row, contract, terms.get(row.line_id.as_str()));
            if times.get(&(row.contract_id.as_str(), row.product_id.as_str())).is_some_and(|times| *times > 1) {
                addition.locked.get_or_insert_with(|| TWICE.to_owned());
            }
            let product = setting.catalogue.get(row.product_id.as_str());
            unnamed += usize::from(product.is_none_or(|product| product.name.is_empty()));
            unclear += usize::from(contract.life(words) == Life::Unclear);
            ledger.additions.push(addition);
        }
        let word = sort.word;
        let unnamed = told(unnamed, format!("lines whose {word} Autotask does not list: {unnamed}"));
        let unclear = told(
            unclear,
            format!("lines of a contract whose status says neither active nor inactive, taken as billed: {unclear}"),
        );
        ledger.notices.extend([unnamed, unclear].into_iter().flatten());
        Ok(())
    }
}

/// Autotask holds whole units.
fn whole(quantity: Decimal) -> Result<i64> {
    let number = i64::try_from(quantity).ok().filter(|number| quantity.is_integer() && *number >= 0);
    number.ok_or_else(|| Error::config(format!("Autotask holds whole units only, and {quantity} is none")))
}

/// 0 ends a service, which people do.
fn writable(quantity: Decimal) -> Result<i64> {
    match whole(quantity)? {
        0 => Err(Error::config("a quantity of 0 is not written: take the service off the contract in Autotask")),
        quantity => Ok(quantity),
    }
}

/// What is to be added to the units.
fn difference(old: Decimal, new: Decimal) -> Result<i64> {
    Ok(writable(new)? - whole(old)?)
}

/// Who lacks a right is shown nothing, not told that it is lacking.
fn unseen(what: &str) -> Notice {
    let message = format!("Autotask shows companies and {what}");
    Notice::warning(None, format!("{message}; may the API user view all contracts (contract visibility: full)?"))
}

fn told(times: usize, message: String) -> Option<Notice> {
    (times > 0).then(|| Notice::warning(None, message))
}

fn equal(field: &str, value: impl Into<Value>) -> Value {
    json!({ "op": "eq", "field": field, "value": value.into() })
}

/// On the day or earlier, whatever time is sent with it.
fn at_most(field: &str, day: Date) -> Value {
    json!({ "op": "lte", "field": field, "value": format!("{day}T23:59:59") })
}

fn at_least(field: &str, day: Date) -> Value {
    json!({ "op": "gte", "field": field, "value": format!("{day}T00:00:00") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_quantities_of_one_or_more_are_written() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        for (old, new, added) in [("42", "39", Ok(-3)), ("0", "5", Ok(5)), ("3.0", "4.00", Ok(1))] {
            assert_eq!(difference(decimal(old), decimal(new)).map_err(|error| error.to_string()), added, "{old} {new}");
        }
        for (old, new, says) in [
            ("5", "0", "take the service off"),
            ("5", "4.5", "whole units only, and 4.5"),
            ("1.5", "2", "whole units only, and 1.5"),
            ("5", "-1", "whole units only, and -1"),
        ] {
            let error = difference(decimal(old), decimal(new)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
