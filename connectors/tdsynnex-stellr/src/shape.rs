//! The shape of Stellr's answers, which is not public: what is known of it, and what the operator corrects.

use crate::Config;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::tally::Listed;
use tallysheet_core::wire::{Id, Number};
use tallysheet_core::{Decimal, Error, Result};
use tallysheet_http::{Api, Call, Next, Position, segment};

/// Where the id of a customer goes in a path.
const CUSTOMER: &str = "{customerNo}";
/// Where a failure stands that comes with status 200.
const FAILURES: [&str; 4] = ["errorMessage", "errorDetail", "ErrorMessage", "bizError"];

/// Where the vendor's own id of a subscription stands.
pub(crate) const VENDORS_ID: &str = "vendorSubscriptionId";

/// Whose API it is.
#[derive(Deserialize, JsonSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Region {
    #[default]
    Us,
    Ca,
    Br,
    Mx,
    Custom,
}

/// The fields of a customer.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CustomerFields {
    /// Its id.
    pub(crate) id: Vec<String>,
    /// Its name.
    pub(crate) name: Vec<String>,
    /// Its own domain.
    pub(crate) domain: Vec<String>,
    /// Its status.
    pub(crate) status: Vec<String>,
}

/// The fields of a subscription.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SubscriptionFields {
    /// Its id.
    pub(crate) id: Vec<String>,
    /// The product's name.
    pub(crate) product: Vec<String>,
    /// The product's number, shown where there is no name.
    pub(crate) sku: Vec<String>,
    /// How many.
    pub(crate) quantity: Vec<String>,
    /// Its status.
    pub(crate) status: Vec<String>,
    /// How often it is billed.
    pub(crate) cycle: Vec<String>,
    /// The product's vendor, shown before its number.
    pub(crate) vendor: Vec<String>,
    /// The customer's id: only where all subscriptions stand in one list.
    pub(crate) customer: Vec<String>,
}

/// Where things are asked for and found.
pub(crate) struct Shape {
    customers_path: String,
    subscriptions_path: String,
    page_param: String,
    size_param: String,
    page_size: usize,
    records_at: String,
    total_at: String,
    /// The fields that may be read.
    read: BTreeSet<Arc<str>>,
}

/// A record as the vendor sends it, of which only the fields are kept that may be read: an account has many.
pub(crate) struct Record(Box<[(Arc<str>, Value)]>);

impl Shape {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let or = |own: &Option<String>, usual: &str| own.clone().unwrap_or_else(|| usual.to_owned());
        let shape = Self {
            customers_path: or(&config.customers_path, "/api/v1/cloud/customers"),
            subscriptions_path: or(&config.subscriptions_path, "/api/v1/customers/{customerNo}/subscriptions"),
            page_param: or(&config.page_param, "pageNo"),
            size_param: or(&config.size_param, "pageSize"),
            page_size: config.page_size.unwrap_or(100),
            records_at: or(&config.records_at, "/data/records"),
            total_at: or(&config.total_at, "/data/total"),
            read: fields_of(&config.customer_fields, &config.subscription_fields),
        };
        let is_path = |path: &str| path.starts_with('/') && !path.contains(['?', '#']);
        for (key, path) in [
            ("customers_path", &shape.customers_path),
            ("subscriptions_path", &shape.subscriptions_path),
            ("records_at", &shape.records_at),
            ("total_at", &shape.total_at),
        ] {
            if !is_path(path) {
                return Err(Error::config(format!("`{key}` begins with / and has no query; it is `{path}`")));
            }
        }
        if shape.page_size == 0 {
            return Err(Error::config("`page_size` is zero; the vendor would send nothing"));
        }
        Ok(shape)
    }

    /// The first page of the customers.
    pub(crate) fn customers(&self) -> Call {
        self.first_page(&self.customers_path)
    }

    /// Whether subscriptions are asked for customer by customer.
    pub(crate) fn is_by_customer(&self) -> bool {
        self.subscriptions_path.contains(CUSTOMER)
    }

    /// The first page of the subscriptions, of one customer where they are asked for so.
    pub(crate) fn subscriptions(&self, customer: &str) -> Call {
        self.first_page(&self.subscriptions_path.replace(CUSTOMER, &segment(customer)))
    }

    /// Both parameters must be there: without them the vendor sends no record.
    fn first_page(&self, path: &str) -> Call {
        Call::get(path).query(&self.page_param, 1).query(&self.size_param, self.page_size)
    }

    /// As little as can be asked for.
    pub(crate) fn one(&self, call: Call) -> Call {
        call.query(&self.size_param, 1)
    }

    /// What comes after page `index` (from 0), when so many records came with it and `received` in all. A page may be
    /// shorter than asked for, so only the total, or a page without records, is an end.
    pub(crate) fn next(&self, page: &Value, index: usize, received: usize) -> Next {
        let is_empty = self.records(page).is_ok_and(<[Value]>::is_empty);
        let is_last = match self.total(page) {
            Some(total) => received >= total || (is_empty && (index + 1).saturating_mul(self.page_size) >= total),
            None => is_empty,
        };
        if is_last { Next::End } else { Next::query(&self.page_param, index + 2) }
    }

    pub(crate) fn total(&self, page: &Value) -> Option<usize> {
        let total = Number::deserialize(page.pointer(&self.total_at)?).ok()?;
        usize::try_from(total.0).ok()
    }

    /// The records of a page: at the pointer, else in the one list of records under `/data`.
    pub(crate) fn records<'a>(&self, page: &'a Value) -> Result<&'a [Value]> {
        let lists = || {
            let under = page.get("data").and_then(Value::as_object).into_iter().flat_map(Map::values);
            let mut lists = under.filter_map(Value::as_array).filter(|list| list.iter().all(Value::is_object));
            lists.next().filter(|_| lists.next().is_none())
        };
        let found = page.pointer(&self.records_at).and_then(Value::as_array).or_else(lists);
        let failure = |key: &&str| page.get(key).is_some_and(|told| !told.is_null() && told != "");
        match found {
            Some(records) if !records.is_empty() => Ok(records),
            _ if FAILURES.iter().any(failure) => {
                Err(Error::bad_response("the vendor tells of an error, although with status 200"))
            }
            Some(_) => Ok(&[]),
            // Where there are none, a list of none may be missing.
            None if self.total(page) == Some(0) => Ok(&[]),
            None => Err(Error::bad_response("the answer holds no records where `records_at` says")),
        }
    }

    /// All records of a list by their ids.
    pub(crate) async fn list(
        &self,
        api: &Api,
        first: Call,
        what: &str,
        ids: &[String],
        key: &str,
    ) -> Result<BTreeMap<String, Record>> {
        let (mut rows, mut received) = (Listed::default(), 0);
        let mut pages = api.pages(first, |page: &Value, at: &Position<'_>| {
            received += self.records(page).map_or(0, <[Value]>::len);
            self.next(page, at.index, received)
        });
        while let Some(page) = pages.next().await? {
            let (records, known) = (self.records(&page)?, rows.distinct());
            rows.stated(self.total(&page));
            for record in records {
                let record = Record::new(record, &self.read)?;
                rows.add(record.needed(ids, key)?, record);
            }
            if !records.is_empty() && rows.distinct() == known {
                return Err(Error::bad_response(format!("a page of {what} repeats another; see `page_param`")));
            }
        }
        rows.finish(what)
    }
}

impl Region {
    /// Of the API and of tokens.
    pub(crate) const fn addresses(self) -> (Option<&'static str>, Option<&'static str>) {
        const TOKENS: Option<&str> = Some("https://sso.us.tdsynnex.com/oauth2/v1/token");
        match self {
            Self::Us => (Some("https://api.us.tdsynnex.com"), TOKENS),
            Self::Ca => (Some("https://api.ca.tdsynnex.com"), Some("https://sso.ca.tdsynnex.com/oauth2/v1/token")),
            Self::Br => (Some("https://api-br.lac.tdsynnex.com"), TOKENS),
            Self::Mx => (Some("https://api-mx.lac.tdsynnex.com"), TOKENS),
            Self::Custom => (None, None),
        }
    }
}

impl Record {
    fn new(value: &Value, read: &BTreeSet<Arc<str>>) -> Result<Self> {
        let fields = value.as_object().map(|all| {
            let read = all.iter().filter_map(|(field, value)| Some((read.get(field.as_str())?.clone(), value.clone())));
            read.collect()
        });
        fields.map(Self).ok_or_else(|| Error::bad_response("a record is no object; see `records_at`"))
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| **name == *field).map(|(_, value)| value)
    }

    /// The text of the first of these fields that has one.
    pub(crate) fn text(&self, fields: &[String]) -> Option<String> {
        let texts = fields.iter().filter_map(|field| Id::deserialize(self.get(field)?).ok());
        texts.map(|Id(text)| text).find(|text| !text.is_empty())
    }

    /// The same as a word: in lower case, blank where there is none.
    pub(crate) fn word(&self, fields: &[String]) -> String {
        self.text(fields).unwrap_or_default().to_lowercase()
    }

    /// What decides is text or a whole number, or nothing: a status that is something else would be taken for one that is not told.
    pub(crate) fn readable(&self, kinds: &[&[String]]) -> Result<()> {
        for fields in kinds {
            let told = fields.iter().find_map(|field| Some((field, self.get(field).filter(|told| !told.is_null())?)));
            if let Some((field, _)) = told.filter(|(_, told)| Id::deserialize(*told).is_err()) {
                return Err(Error::bad_response(format!("a record's `{field}` is neither text nor a whole number")));
            }
        }
        Ok(())
    }

    /// The number in the first of these fields that is there: another may not stand in for one that says nothing.
    pub(crate) fn number(&self, fields: &[String]) -> Option<Decimal> {
        let value = fields.iter().find_map(|field| self.get(field))?;
        Number::deserialize(value).ok().map(|number| number.0)
    }

    /// A text that must be there.
    pub(crate) fn needed(&self, fields: &[String], key: &str) -> Result<String> {
        self.text(fields).ok_or_else(|| {
            let tried = fields.join(", ");
            Error::bad_response(format!("a record has none of the fields {tried}; put the right one into `{key}`"))
        })
    }
}

fn fields_of(customer: &CustomerFields, subscription: &SubscriptionFields) -> BTreeSet<Arc<str>> {
    let CustomerFields { id, name, domain, status } = customer;
    let of_customer = [id, name, domain, status];
    let SubscriptionFields { id, product, sku, quantity, status, cycle, vendor, customer } = subscription;
    let of_subscription = [id, product, sku, quantity, status, cycle, vendor, customer];
    let named = of_customer.into_iter().chain(of_subscription).flatten().map(String::as_str);
    named.chain([VENDORS_ID]).map(Arc::from).collect()
}

fn names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

impl Default for CustomerFields {
    fn default() -> Self {
        Self {
            id: names(&["customerNo"]),
            name: names(&["companyName", "name", "customerName", "displayName"]),
            domain: names(&["domain", "defaultDomain"]),
            status: names(&["status"]),
        }
    }
}

impl Default for SubscriptionFields {
    fn default() -> Self {
        Self {
            id: names(&["subscriptionId", "id"]),
            product: names(&["productName", "name", "description"]),
            sku: names(&["mfgPartNo", "offerId", "skuNo"]),
            quantity: names(&["quantity", "seats", "qty"]),
            status: names(&["status"]),
            cycle: names(&["billingFrequency", "billingCycle"]),
            vendor: names(&["vendorName", "vendor", "vendorId"]),
            customer: names(&["customerNo"]),
        }
    }
}
