//! Recurring service contracts: no line holds a quantity, but a row for every month does, past and future, and one more
//! for every adjustment. Adjustments are only made, never seen again.

use super::{Psas, Side, picklist, queried, refused};
use crate::bills::{BilledLine, BilledProduct, Bills, LineKind, PRODUCTS, WriteFault};
use crate::kit::{Pairs, answer, json_number};
use axum::Router;
use axum::extract::{Json, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

const STATUSES: &[(&str, &str)] = &[("1", "In Effect"), ("0", "Inactive")];
const CONTRACT_PERIODS: &[(&str, &str)] = &[("2", "Monthly"), ("5", "Yearly")];
const SERVICE_PERIODS: &[(&str, &str)] = &[("1", "One-Time"), ("2", "Monthly"), ("5", "Yearly")];
/// The product that is a bundle of services, and the one whose price is that of a year.
const BUNDLE: u32 = 315;
const YEARLY: u32 = 313;
/// Contracts run from here to there.
const START: Date = date(2019, 1, 1);
const END: Date = date(2039, 12, 31);
/// On this day every fourth line became one less, in the middle of a month.
const ONE_LESS: Date = date(2024, 3, 15);
/// Beside each contract there is one that has expired, and one of another type; beside some an inactive one.
const EXPIRED: u32 = 10_000;
const OF_ANOTHER_TYPE: u32 = 20_000;
const INACTIVE: u32 = 30_000;

/// What is billed, and how it was adjusted.
#[derive(Clone)]
pub(super) struct Books {
    bills: Bills,
    /// The adjustments of each line: from which day on, and by how much.
    adjusted: Arc<Mutex<BTreeMap<u32, BTreeMap<Date, i64>>>>,
}

pub(super) fn routes() -> Router<Arc<Side>> {
    let (service, bundle) = (Sort { is_bundle: false }, Sort { is_bundle: true });
    Router::new()
        .route("/ThresholdInformation", get(threshold))
        .route("/Contracts/query", post(query_contracts))
        .route("/Contracts/entityInformation/fields", get(contract_fields))
        .route("/Contracts/{id}", get(contract))
        .merge(of_sort(service, "Services", "ContractService", "ServiceAdjustments"))
        .merge(of_sort(bundle, "ServiceBundles", "ContractServiceBundle", "ServiceBundleAdjustments"))
}

/// Services or bundles.
#[derive(Clone, Copy)]
struct Sort {
    is_bundle: bool,
}

fn of_sort(sort: Sort, catalogue: &'static str, line: &str, adjustments: &str) -> Router<Arc<Side>> {
    let (lines, units) = (format!("{line}s"), format!("{line}Units"));
    let query_products = move |State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>| async move {
        queried(&psa, catalogue, &at, &body, sort.products().map(listed).collect())
    };
    let (lines_path, units_path) = (format!("/{lines}/query"), format!("/{units}/query"));
    let query_lines = move |State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>| async move {
        let rows = psa.books.lines(sort).iter().map(|line| sort.terms(line)).collect();
        queried(&psa, &lines, &at, &body, rows)
    };
    let query_units = move |State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>| async move {
        let rows = psa.books.units(sort, &body);
        queried(&psa, &units, &at, &body, rows)
    };
    let fields = async || answer(StatusCode::OK, json!({ "fields": [picklist("periodType", SERVICE_PERIODS, None)] }));
    let adjust = move |State(psa): Psas, Path(contract): Path<u32>, Json(body): Json<Value>| async move {
        psa.books.adjust(sort, contract, &body)
    };
    Router::new()
        .route(&format!("/{catalogue}/query"), post(query_products))
        .route(&format!("/{catalogue}/entityInformation/fields"), get(fields))
        .route(&lines_path, post(query_lines))
        .route(&units_path, post(query_units))
        .route(&format!("/Contracts/{{id}}/{adjustments}"), post(adjust))
}

impl Sort {
    fn products(self) -> impl Iterator<Item = &'static BilledProduct> {
        PRODUCTS.iter().filter(move |product| (product.id == BUNDLE) == self.is_bundle)
    }

    fn line_id(self) -> &'static str {
        if self.is_bundle { "contractServiceBundleID" } else { "contractServiceID" }
    }

    fn product_id(self) -> &'static str {
        if self.is_bundle { "serviceBundleID" } else { "serviceID" }
    }

    /// A service on a contract: everything but how many.
    fn terms(self, line: &BilledLine) -> Value {
        let price = unit_price(&line.product);
        let mut row = json!({ "id": line.id, "contractID": contract_of(line), "unitPrice": price,
            "internalCurrencyUnitPrice": price, "internalCurrencyAdjustedPrice": price, "invoiceDescription": null,
            "internalDescription": null, "quoteItemID": null, "userDefinedFields": [] });
        row[self.product_id()] = line.product.id.into();
        row
    }

    /// The rows of a month: one, and one more for each adjustment in the middle of it, which begins on the day on which the
    /// row before it ends.
    fn month(self, line: &BilledLine, month: Date, adjusted: &BTreeMap<Date, i64>, billed: Option<Date>) -> Vec<Value> {
        let last = month.last_of_month();
        let mut starts = vec![month];
        starts.extend(adjusted.keys().filter(|day| month < **day && **day <= last));
        let row = |(part, start): (u32, &Date)| {
            let end = starts.iter().find(|next| *next > start).copied().unwrap_or(last);
            let later: i64 = adjusted.iter().filter(|(day, _)| *day > start).map(|(_, change)| change).sum();
            let units = i64::from(line.quantity) - later;
            let days = i64::from(end.day() - start.day()) + 1;
            let price = Decimal::new(units * i64::from(line.product.cents) * days, 2) / Decimal::from(last.day());
            let number = i64::from(month.year()) * 12 + i64::from(month.month());
            let posted = billed.is_some_and(|billed| month <= billed).then(|| midnight(month));
            let mut row = json!({ "id": i64::from(line.id) * 1_000_000 + number * 10 + i64::from(part),
                "contractID": contract_of(line), "units": units, "price": json_number(price.round_dp(2)),
                "internalCurrencyPrice": json_number(price.round_dp(2)), "cost": 0, "startDate": midnight(*start),
                "endDate": midnight(end), "approveAndPostDate": posted });
            row[self.line_id()] = line.id.into();
            row[self.product_id()] = line.product.id.into();
            row
        };
        (0..).zip(&starts).map(row).collect()
    }
}

/// As the catalogue has it.
fn listed(product: &BilledProduct) -> Value {
    let period = if product.id == YEARLY { 5 } else { 2 };
    json!({ "id": product.id, "name": product.code, "invoiceDescription": product.name, "periodType": period,
        "unitPrice": unit_price(product), "isActive": true, "userDefinedFields": [] })
}

/// What one unit costs in the service's own period.
fn unit_price(product: &BilledProduct) -> Value {
    let months = if product.id == YEARLY { 12 } else { 1 };
    json_number(Decimal::new(i64::from(product.cents * months), 2))
}

/// What is not billed stands on a contract of its own that is not active.
fn contract_of(line: &BilledLine) -> u32 {
    if line.kind == LineKind::NotBilled { line.agreement + INACTIVE } else { line.agreement }
}

/// From when until when there are rows of a line.
fn span(line: &BilledLine) -> (Date, Date) {
    match line.kind {
        LineKind::Cancelled => (START, date(2022, 12, 31)),
        LineKind::Future => (date(2034, 1, 1), END),
        LineKind::Billed | LineKind::NotBilled | LineKind::Automated => (START, END),
    }
}

impl Books {
    pub(super) fn new(bills: Bills) -> Self {
        Self { bills, adjusted: Arc::default() }
    }

    fn lines(&self, sort: Sort) -> Vec<BilledLine> {
        self.bills.lines().into_iter().filter(|line| (line.product.id == BUNDLE) == sort.is_bundle).collect()
    }

    fn contracts(&self) -> Vec<Value> {
        let lines = self.bills.lines();
        let in_effect: BTreeSet<_> = lines.iter().map(|line| (line.agreement, line.company)).collect();
        let inactive = lines.iter().filter(|line| line.kind == LineKind::NotBilled);
        let inactive: BTreeSet<_> = inactive.map(|line| (contract_of(line), line.company)).collect();
        let row = |id: u32, company: u32, kind: u32, status: u32, start: Date, end: Date| {
            json!({ "id": id, "contractName": format!("Contract {id}"), "contractNumber": null, "companyID": company,
                "billToCompanyID": null, "contractType": kind, "contractPeriodType": 2, "status": status,
                "startDate": midnight(start), "endDate": midnight(end), "userDefinedFields": [] })
        };
        let beside = |(id, company): (u32, u32)| {
            [
                row(id, company, 7, 1, START, END),
                row(id + EXPIRED, company, 7, 1, date(2015, 1, 1), date(2018, 12, 31)),
                row(id + OF_ANOTHER_TYPE, company, 1, 1, START, END),
            ]
        };
        let inactive = inactive.into_iter().map(|(id, company)| row(id, company, 7, 0, START, END));
        in_effect.into_iter().flat_map(beside).chain(inactive).collect()
    }

    /// The rows of all lines that the query's dates and ids can mean.
    fn units(&self, sort: Sort, body: &Value) -> Vec<Value> {
        let asked = |op: &str, field: &str| {
            let filters = body["Filter"].as_array().into_iter().flatten();
            filters
                .filter(|filter| filter["op"] == op && filter["field"] == field)
                .map(|filter| filter["value"].clone())
                .next()
        };
        let day = |value: Option<Value>| value.as_ref().and_then(Value::as_str).and_then(day);
        let (from, to) = (day(asked("gte", "endDate")), day(asked("lte", "startDate")));
        let contract = asked("eq", "contractID");
        let meant = |line: &BilledLine| contract.as_ref().is_none_or(|id| *id == contract_of(line));
        let lines = self.lines(sort);
        lines.iter().filter(|line| meant(line)).flat_map(|line| self.units_of(sort, line, from, to)).collect()
    }

    fn units_of(&self, sort: Sort, line: &BilledLine, from: Option<Date>, to: Option<Date>) -> Vec<Value> {
        let ((start, end), adjusted) = (span(line), self.adjusted(line.id));
        let (first, last) = (from.map_or(start, |from| from.max(start)), to.map_or(end, |to| to.min(end)));
        // Whoever asks from a day on asks on that day. Every third line is billed a month ahead.
        let billed = from.map(|today| today.saturating_add(i32::from(line.id.is_multiple_of(3)).months()));
        let months = first.first_of_month().series(1.month()).take_while(|month| *month <= last);
        months.flat_map(|month| sort.month(line, month, &adjusted, billed)).collect()
    }

    /// The adjustments of a line.
    fn adjusted(&self, id: u32) -> BTreeMap<Date, i64> {
        let made = self.adjusted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut adjusted = made.get(&id).cloned().unwrap_or_default();
        if id.is_multiple_of(4) {
            adjusted.insert(ONE_LESS, -1);
        }
        adjusted
    }

    fn adjust(&self, sort: Sort, contract: u32, body: &Value) -> Response {
        if self.bills.fault() == Some(WriteFault::NoRight) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let id = |field: &str| body[field].as_u64().and_then(|id| u32::try_from(id).ok());
        let (Some(change), Some(from)) = (body["unitChange"].as_i64(), body["effectiveDate"].as_str().and_then(day))
        else {
            return refused("Missing Required Field: unitChange or effectiveDate");
        };
        let lines = self.lines(sort);
        let known = lines.iter().any(|line| contract_of(line) == contract);
        if !known || id("contractID") != Some(contract) || !(START..=END).contains(&from) {
            return refused("The date is not within the contract.");
        }
        let (line, product) = (id(sort.line_id()), id(sort.product_id()));
        let meant = |known: &&BilledLine| Some(known.id) == line && Some(known.product.id) == product;
        let Some(line) = lines.iter().filter(|line| contract_of(line) == contract).find(meant) else {
            // It makes one that nobody asked for, without a word.
            return answer(StatusCode::OK, json!({ "itemId": 1 }));
        };
        if self.adjusted(line.id).contains_key(&from) {
            return refused("Attempt to insert duplicate data into contract_service_period");
        }
        let Ok(units) = u32::try_from(i64::from(line.quantity) + change) else {
            return refused("The units must not become less than zero.");
        };
        self.adjusted.lock().unwrap_or_else(PoisonError::into_inner).entry(line.id).or_default().insert(from, change);
        self.bills.write(line.id, units);
        if self.bills.fault() == Some(WriteFault::AnswerLost) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        answer(StatusCode::OK, json!({ "itemId": null }))
    }
}

fn midnight(day: Date) -> String {
    format!("{day}T00:00:00")
}

/// The time behind it is cut off.
fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

async fn threshold() -> Response {
    let used = json!({ "externalRequestThreshold": 10_000, "requestThresholdTimeframe": 60,
        "currentTimeframeRequestCount": 124 });
    answer(StatusCode::OK, used)
}

async fn query_contracts(State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>) -> Response {
    queried(&psa, "Contracts", &at, &body, psa.books.contracts())
}

async fn contract(State(psa): Psas, Path(id): Path<u32>) -> Response {
    let item = psa.books.contracts().into_iter().find(|contract| contract["id"] == id);
    answer(StatusCode::OK, json!({ "item": item }))
}

async fn contract_fields() -> Response {
    let fields = [picklist("status", STATUSES, Some("1")), picklist("contractPeriodType", CONTRACT_PERIODS, None)];
    answer(StatusCode::OK, json!({ "fields": fields }))
}
