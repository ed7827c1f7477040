//! What is billed: the units of services and bundles on recurring service contracts.
//!
//! A quantity stands in no line, but in a row for every period, so it is always that of a day; it is changed by adding a
//! difference from a day on.

use super::{Autotask, everything, number};
use crate::contract::{Contract, Life, Listed, Product, RECURRING_SERVICE, Terms, Threshold, Units, Words, covering};
use crate::wire::{Item, Made};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::billing::{Addition, BillingLedger, Ledger, LineRef, Quantity, QuantityChange, Standing, Writing};
use tallysheet_core::{Decimal, Error, ErrorKind, Notice, Result, VendorOrg, async_trait};
use tallysheet_http::{Call, segment};
use tokio::sync::OnceCell;
use tokio::try_join;

/// Above this part of the hour's requests, in hundredths, other integrations of the account need the rest.
const BUSY: u64 = 80;
/// Ids in one filter (README, Limits).
const IDS: usize = 200;

/// What can stand on a contract, and what Autotask calls everything about it.
struct Sort {
    /// What stands before a product's id in a [`LineRef`].
    word: &'static str,
    catalogue: &'static str,
    known: fn(&SetUp) -> &OnceCell<BTreeMap<String, Product>>,
    terms: &'static str,
    units: &'static str,
    adjustments: &'static str,
    line_id: &'static str,
    product_id: &'static str,
}

static SERVICE: Sort = Sort {
    word: "service",
    catalogue: "Services",
    known: |set_up| &set_up.services,
    terms: "ContractServices",
    units: "ContractServiceUnits",
    adjustments: "ServiceAdjustments",
    line_id: "contractServiceID",
    product_id: "serviceID",
};
static BUNDLE: Sort = Sort {
    word: "bundle",
    catalogue: "ServiceBundles",
    known: |set_up| &set_up.bundles,
    terms: "ContractServiceBundles",
    units: "ContractServiceBundleUnits",
    adjustments: "ServiceBundleAdjustments",
    line_id: "contractServiceBundleID",
    product_id: "serviceBundleID",
};

/// What is set up in the account, and asked for once.
#[derive(Default)]
pub(crate) struct SetUp {
    words: OnceCell<Words>,
    services: OnceCell<BTreeMap<String, Product>>,
    bundles: OnceCell<BTreeMap<String, Product>>,
}

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
        let unlisted = told(unlisted, format!("{unlisted} companies are billed that the API user may not see"));
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
        let own = || rows.values().filter(|row| row.line_id.as_str() == line.id);
        let open = own().filter(|row| !row.is_billed() && row.start_date.0 >= today).map(|row| row.start_date.0).min();
        let day = effective.or(open);
        let on = day.unwrap_or(today);
        let of_day = covering(rows.values(), on);
        let (Some(contract), Some(&row)) = (contract, of_day.get(line.id.as_str())) else { return Ok(None) };
        if contract.left_out(words, on).is_some() {
            return Ok(None);
        }
        let terms = terms.get(&line.id);
        let mut addition = addition(sort, row, &contract, words, catalogue.get(product), terms);
        let again = own().filter(|other| other.start_date > row.start_date && other.quantity() != row.quantity());
        let again = again.map(|other| other.start_date.0).min();
        addition.locked = addition.locked.or_else(|| {
            if of_day.len() > 1 {
                return Some(TWICE.to_owned());
            }
            if effective.is_some_and(|day| day < today) {
                return Some("the day has passed: Autotask would bill it anew".to_owned());
            }
            if day.is_none() {
                return Some("no period begins today or later that is not billed yet".to_owned());
            }
            again.map(|again| format!("it holds another quantity from {again} on: change it in Autotask"))
        });
        let mut untouched = terms.map(Terms::untouched).unwrap_or_default();
        let before = on.yesterday().ok().filter(|before| *before >= today);
        let before = before.and_then(|before| covering(own(), before).into_values().next()?.quantity());
        untouched.extend(before.map(|quantity| (format!("units before {on}"), quantity.to_string())));
        Ok(Some(Standing { addition, effective: day, proration: proration(row, on), untouched }))
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

    fn writing(&self) -> Writing {
        Writing::Difference
    }
}

const TWICE: &str = "the service stands on the contract twice";

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
    async fn add(&self, sort: &Sort, lines: &[(&Units, &Contract)], words: &Words, ledger: &mut Ledger) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let contracts: BTreeSet<&str> = lines.iter().map(|(row, _)| row.contract_id.as_str()).collect();
        let contracts: Vec<&str> = contracts.into_iter().collect();
        let catalogue = self.catalogue(sort).await?;
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
            let (product, terms) = (catalogue.get(row.product_id.as_str()), terms.get(row.line_id.as_str()));
            let mut addition = addition(sort, row, contract, words, product, terms);
            let is_twice =
                times.get(&(row.contract_id.as_str(), row.product_id.as_str())).is_some_and(|times| *times > 1);
            addition.locked = addition.locked.or_else(|| is_twice.then(|| TWICE.to_owned()));
            unnamed += usize::from(product.is_none_or(|product| product.name.is_empty()));
            unclear += usize::from(contract.life(words) == Life::Unclear);
            ledger.additions.push(addition);
        }
        let word = sort.word;
        let unnamed = told(unnamed, format!("Autotask bills {unnamed} times a {word} that it does not list"));
        let unclear = told(
            unclear,
            format!(
                "{unclear} lines are taken as billed, as the status of their contracts says neither active nor inactive"
            ),
        );
        ledger.notices.extend([unnamed, unclear].into_iter().flatten());
        Ok(())
    }
}

/// A line as it stands in a row.
fn addition(
    sort: &Sort,
    row: &Units,
    contract: &Contract,
    words: &Words,
    product: Option<&Product>,
    terms: Option<&Terms>,
) -> Addition {
    let id = row.product_id.as_str();
    let described = terms.and_then(|terms| terms.invoice_description.as_deref()).filter(|text| !text.is_empty());
    let locked = if contract.life(words) == Life::Unclear {
        Some("the status of its contract says neither active nor inactive")
    } else if product.is_some_and(|product| product.is_one_time) {
        Some("it is billed once")
    } else {
        None
    };
    let named = product.map(|product| &product.name).filter(|name| !name.is_empty());
    Addition {
        line: LineRef {
            agreement: row.contract_id.0.clone(),
            id: row.line_id.0.clone(),
            product: format!("{}:{id}", sort.word),
        },
        company_id: contract.company_id.0.clone(),
        agreement: contract.contract_name.clone().unwrap_or_else(|| contract.id.0.clone()),
        product: named.cloned().unwrap_or_else(|| format!("{} {id}", sort.word)),
        description: described.or(product.map(|product| &*product.description)).unwrap_or_default().to_owned(),
        quantity: Quantity::or_missing(row.quantity()),
        included: Decimal::ZERO,
        price: product.zip(terms).and_then(|(product, terms)| terms.price(product, contract.months(words))),
        from: contract.start_date.map(|day| day.0),
        until: contract.end_date.and_then(|day| day.0.tomorrow().ok()),
        next_invoice: None,
        locked: locked.map(str::to_owned),
    }
}

/// Which sort of product a line is of, and the product's id.
fn sort_of(line: &LineRef) -> Result<(&'static Sort, &str)> {
    let unknown = || Error::config("the line is none of Autotask's: its product must be `service:ID` or `bundle:ID`");
    let (word, id) = line.product.split_once(':').ok_or_else(unknown)?;
    let sort = [&SERVICE, &BUNDLE].into_iter().find(|sort| sort.word == word).ok_or_else(unknown)?;
    Ok((sort, id))
}

/// What is to be added to the units. Autotask holds whole ones, and 0 ends a service, which people do.
fn difference(old: Decimal, new: Decimal) -> Result<i64> {
    let whole = |quantity: Decimal| {
        let number = i64::try_from(quantity).ok().filter(|number| quantity.is_integer() && *number >= 0);
        number.ok_or_else(|| Error::config(format!("Autotask holds whole units only, and {quantity} is none")))
    };
    match (whole(old)?, whole(new)?) {
        (_, 0) => Err(Error::config("a quantity of 0 is not written: take the service off the contract in Autotask")),
        (old, new) if old == new => {
            Err(Error::config(format!("the quantity is {new} already: nothing is to be changed")))
        }
        (old, new) => Ok(new - old),
    }
}

fn proration(row: &Units, on: Date) -> String {
    if row.start_date.0 == on {
        return "from the first day of a period on: nothing is prorated".to_owned();
    }
    format!(
        "in the middle of the period from {} to {}{}: Autotask prorates it and adds lines to the invoice",
        row.start_date.0,
        row.end_date.0,
        if row.is_billed() { ", which is billed already" } else { "" }
    )
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
            ("5", "5", "already"),
        ] {
            let error = difference(decimal(old), decimal(new)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_line_tells_its_sort() {
        let line = |product: &str| LineRef { agreement: "1".into(), id: "2".into(), product: product.to_owned() };
        assert_eq!(
            sort_of(&line("service:9")).map(|(sort, id)| (sort.units, id)).unwrap(),
            ("ContractServiceUnits", "9")
        );
        assert_eq!(sort_of(&line("bundle:9")).unwrap().0.line_id, "contractServiceBundleID");
        for product in ["", "9", "other:9"] {
            assert_eq!(sort_of(&line(product)).err().unwrap().kind(), ErrorKind::Config, "{product}");
        }
    }
}
