//! What it bills: agreements in a list, the additions of each in a list of its own, and a patch of one.

use super::{Side, paged, refused};
use crate::bills::{BilledLine, LineKind, WriteFault};
use crate::kit::{Pairs, answer};
use axum::Router;
use axum::extract::{Json, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Agreements that bill nothing, each with an addition that would: by id, what is said of them.
fn dead() -> BTreeMap<u32, Value> {
    BTreeMap::from([
        (11, json!({ "cancelledFlag": true, "agreementStatus": "Cancelled" })),
        (12, json!({ "agreementStatus": "Expired", "noEndingDateFlag": false, "endDate": "2021-01-01T00:00:00Z" })),
        // The status lags behind the date.
        (13, json!({ "noEndingDateFlag": false, "endDate": "2021-01-01T00:00:00Z" })),
        (14, json!({ "agreementStatus": "Inactive" })),
        (15, json!({ "startDate": "2099-01-01T00:00:00Z" })),
    ])
}

/// What the addition of such an agreement holds.
const DEAD_QUANTITY: u32 = 500;

pub(super) fn routes() -> Router<Arc<Side>> {
    Router::new()
        .route("/finance/agreements", get(agreements))
        .route("/finance/agreements/{id}", get(agreement))
        .route("/finance/agreements/{id}/additions", get(additions))
        .route("/finance/agreements/{id}/additions/{addition}", get(addition).patch(patch))
}

fn all_agreements(psa: &Side) -> BTreeMap<u32, Value> {
    let lines = psa.bills.lines();
    let Some(first) = lines.first() else { return BTreeMap::new() };
    let mut all: BTreeMap<u32, Value> = lines.iter().map(|line| (line.agreement, agreement_row(line))).collect();
    for (id, said) in dead() {
        let mut row = agreement_row(&BilledLine { agreement: id, ..first.clone() });
        merge(&mut row, said);
        all.insert(id, row);
    }
    all
}

fn agreement_row(line: &BilledLine) -> Value {
    let (id, extra) = (line.agreement, line.agreement % 2 == 1);
    let mut row = json!({
        "id": id, "name": if extra { "Security and licences" } else { "Managed services" },
        "type": { "id": 3, "name": "Managed" },
        "company": { "id": line.company, "identifier": format!("C{}", line.company), "name": line.company_name },
        "contact": { "id": 7, "name": "Contact" }, "agreementStatus": "Active", "cancelledFlag": false,
        "startDate": "2020-01-01T00:00:00Z", "noEndingDateFlag": false, "billingCycle": { "id": 2, "name": "Monthly" },
        "billAmount": 250.0, "periodType": "Current", "prorateFlag": extra, "nextInvoiceDate": "",
        "currency": { "id": 7, "name": "US Dollars", "currencyCode": "USD" }, "_info": {},
    });
    if extra {
        // Somebody else pays, and a date that stayed behind.
        let billed_to = json!({ "id": 2, "name": crate::OWN_COMPANY });
        merge(
            &mut row,
            json!({ "noEndingDateFlag": true, "endDate": "2021-01-01T00:00:00Z", "billToCompany": billed_to }),
        );
    } else {
        merge(&mut row, unset("endDate", id));
    }
    row
}

/// The additions of an agreement; nothing where there is no such agreement.
fn all_additions(psa: &Side, agreement: u32) -> Option<BTreeMap<u32, Value>> {
    if !all_agreements(psa).contains_key(&agreement) {
        return None;
    }
    let mut lines = psa.bills.of(agreement);
    if dead().contains_key(&agreement) {
        let like = psa.bills.lines().into_iter().next()?;
        let (id, quantity, kind) = (agreement, DEAD_QUANTITY, LineKind::Billed);
        lines.push(BilledLine { id, agreement, quantity, kind, ..like });
    }
    Some(lines.iter().map(|line| (line.id, addition_row(line))).collect())
}

fn addition_row(line: &BilledLine) -> Value {
    let (id, product) = (line.id, line.product);
    let price = f64::from(product.cents) / 100.0;
    let billed = line.quantity.saturating_sub(line.included);
    let mut row = json!({
        "id": id, "product": { "id": product.id, "identifier": product.code, "serializedFlag": false },
        // Numbers are doubles.
        "quantity": f64::from(line.quantity), "unitPrice": price, "unitCost": price / 2.0, "billCustomer": "Billable",
        "effectiveDate": "2020-01-01T00:00:00Z", "taxableFlag": true, "invoiceDescription": product.name,
        "description": product.name, "agreementId": line.agreement, "billedQuantity": f64::from(billed),
        "extPrice": f64::from(billed) * price, "uom": "Each", "sequenceNumber": f64::from(id - id.min(9000)),
        "prorateCurrentPeriodFlag": false, "agreementStatus": "Active", "_info": {},
    });
    if line.included > 0 || id % 4 == 0 {
        row["lessIncluded"] = f64::from(line.included).into();
    }
    merge(&mut row, unset("cancelledDate", id));
    merge(
        &mut row,
        match line.kind {
            LineKind::Cancelled => json!({ "cancelledDate": "2021-01-01T00:00:00Z" }),
            LineKind::Future => json!({ "effectiveDate": "2099-01-01T00:00:00Z" }),
            LineKind::NotBilled => json!({ "billCustomer": if id % 2 == 0 { "NoCharge" } else { "DoNotBill" } }),
            LineKind::Billed | LineKind::Automated => json!({}),
        },
    );
    row
}

/// A date that is not set: empty, null or absent, as versions differ.
fn unset(field: &str, id: u32) -> Value {
    match id % 3 {
        0 => json!({ field: "" }),
        1 => json!({ field: null }),
        _ => json!({}),
    }
}

fn merge(row: &mut Value, more: Value) {
    if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
}

/// A row with no more than the fields that were asked for.
fn shown(row: Value, query: &Pairs) -> Value {
    let (Some(fields), Value::Object(row)) = (query.get("fields"), &row) else { return row };
    let asked = |name: &String| fields.split(',').any(|field| field.split('/').next() == Some(name.as_str()));
    Value::Object(
        row.iter().filter(|(name, _)| asked(name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
    )
}

async fn agreements(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let cancelled = match query.get("conditions").map(String::as_str) {
        None => None,
        Some("cancelledFlag=false") => Some(false),
        Some("cancelledFlag=true") => Some(true),
        Some(_) => return refused(StatusCode::BAD_REQUEST, "InvalidObject"),
    };
    let meant = |row: &Value| cancelled.is_none_or(|cancelled| row["cancelledFlag"] == cancelled);
    let rows = all_agreements(&psa).into_values().filter(meant).map(|row| shown(row, &query));
    paged(&psa, "/finance/agreements", &query, rows.collect())
}

async fn agreement(State(psa): State<Arc<Side>>, Path(id): Path<u32>, Query(query): Query<Pairs>) -> Response {
    let row = all_agreements(&psa).remove(&id);
    row.map_or_else(not_found, |row| answer(StatusCode::OK, shown(row, &query)))
}

async fn additions(State(psa): State<Arc<Side>>, Path(id): Path<u32>, Query(query): Query<Pairs>) -> Response {
    let Some(rows) = all_additions(&psa, id) else { return not_found() };
    let rows = rows.into_values().map(|row| shown(row, &query)).collect();
    paged(&psa, &format!("/finance/agreements/{id}/additions"), &query, rows)
}

async fn addition(
    State(psa): State<Arc<Side>>,
    Path((id, addition)): Path<(u32, u32)>,
    Query(query): Query<Pairs>,
) -> Response {
    let row = all_additions(&psa, id).and_then(|mut rows| rows.remove(&addition));
    row.map_or_else(not_found, |row| answer(StatusCode::OK, shown(row, &query)))
}

/// A JSON Patch: steps with names of fields, without a slash before them.
async fn patch(
    State(psa): State<Arc<Side>>,
    Path((id, addition)): Path<(u32, u32)>,
    Json(steps): Json<Vec<Map<String, Value>>>,
) -> Response {
    let known = |psa: &Side| psa.bills.of(id).into_iter().find(|line| line.id == addition);
    let fault = psa.bills.fault();
    if fault == Some(WriteFault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "Forbidden");
    }
    let [step] = &steps[..] else { return refused(StatusCode::BAD_REQUEST, "InvalidObject") };
    let replaces = step.get("op") == Some(&json!("replace")) && step.get("path") == Some(&json!("quantity"));
    let quantity = step.get("value").and_then(Value::as_u64).and_then(|quantity| u32::try_from(quantity).ok());
    let (true, Some(quantity)) = (replaces, quantity) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    };
    if known(&psa).is_none() || !psa.bills.write(addition, quantity) {
        return not_found();
    }
    if fault == Some(WriteFault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Timeout");
    }
    known(&psa).map_or_else(not_found, |line| answer(StatusCode::OK, addition_row(&line)))
}

fn not_found() -> Response {
    refused(StatusCode::NOT_FOUND, "NotFound")
}
