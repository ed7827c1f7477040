//! What HaloPSA bills: recurring invoices, whose ids are negative, and their lines. Lists have no lines, whatever is asked.

use super::{Side, record, refused};
use crate::bills::{BilledLine, LineKind, WriteFault};
use crate::desk::Account;
use crate::kit::{Pairs, answer, number, page};
use axum::extract::{Json, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ways in which a recurring invoice has no last day.
const NO_DAY: [&str; 2] = ["", "0001-01-01T00:00:00"];
const PAST: &str = "2021-12-31T00:00:00";
const FUTURE: &str = "2035-01-01T00:00:00";
/// The first id of a line that no truth knows.
const TRAP: u32 = 70_000;

/// The id of an agreement's recurring invoice.
fn id_of(agreement: u32) -> i64 {
    -i64::from(agreement)
}

/// All recurring invoices without their lines, each with its agreement; none where it is no one's.
fn headers(psa: &Side) -> Vec<(Option<u32>, Value)> {
    let agreements: BTreeMap<u32, u32> =
        psa.bills.lines().into_iter().map(|line| (line.agreement, line.company)).collect();
    let mut headers: Vec<(Option<u32>, Value)> = Vec::new();
    for (place, (agreement, company)) in agreements.iter().enumerate() {
        // One customer's invoices are made out to another: only its lines say whose they are.
        let client = if place == 2 && *company > 29_000 { company - 1 } else { *company };
        let mut header = header(psa, id_of(*agreement), client);
        header["startdate"] = json!("2022-01-01T00:00:00");
        // The last one does not even have the field.
        if let Some(none) = NO_DAY.get(place % 3) {
            header["enddate"] = json!(none);
        }
        headers.push((Some(*agreement), header));
    }
    // What bills nothing today.
    for (id, field, value) in
        [(-1, "disabled", json!(true)), (-2, "enddate", json!(PAST)), (-3, "startdate", json!(FUTURE))]
    {
        let mut header = header(psa, id, 29_000);
        header[field] = value;
        headers.push((None, header));
    }
    headers
}

fn name_of(accounts: &[Account], client: u32) -> &str {
    accounts.iter().find(|account| account.id == client).map_or("", |account| account.name.as_str())
}

fn header(psa: &Side, id: i64, client: u32) -> Value {
    json!({ "id": id, "client_id": client, "client_name": name_of(&psa.accounts, client), "site_name": "Main",
        "name": format!("Managed services {}", -id), "contract_id": null, "contract_ref": "", "disabled": false,
        "period": 2, "periodname": "Monthly", "currency": "USD", "nextcreationdate": "2030-01-01T00:00:00",
        "client_to_invoice_to_id": 0, "original_client_id": null })
}

/// A line of a client's invoice as HaloPSA tells it.
fn line(psa: &Side, line: &BilledLine, client: Option<u64>) -> Value {
    let (quantity, price) = (f64::from(line.quantity), f64::from(line.product.cents) / 100.0);
    let own = if client == Some(line.company.into()) { 0 } else { line.company };
    let mut told = json!({ "id": line.id, "ihid": id_of(line.agreement), "_itemid": line.product.id,
        "item_code": line.product.code, "item_shortdescription": line.product.name, "qty_order": quantity,
        "unit_price": price, "unit_cost": 0.0, "net_amount": quantity * price, "tax_amount": 0.0,
        "recurring_invoice_quantity_type": 0, "isinactive": false, "isgroupdesc": false, "onetimecharge": false,
        "startdate": null, "enddate": null, "line_periods": 1, "original_client_id": own,
        "client_name": name_of(&psa.accounts, line.company), "quantity_users": [], "quantity_assets": [],
        "quantity_licences": [], "quantity_subscriptions": [] });
    match line.kind {
        LineKind::Billed => {}
        LineKind::Cancelled if line.id.is_multiple_of(2) => told["isinactive"] = json!(true),
        LineKind::Cancelled => told["enddate"] = json!(PAST),
        LineKind::Future => told["startdate"] = json!(FUTURE),
        LineKind::NotBilled => told["isgroupdesc"] = json!(true),
        LineKind::Automated => {
            let kinds = ["quantity_licences", "quantity_users", "quantity_assets", "quantity_subscriptions"];
            for (number, kind) in (0..).zip(kinds).filter(|(number, _)| *number == line.id % 4) {
                told["recurring_invoice_quantity_type"] = json!(number + 1);
                told[kind] = json!([{ "id": line.id, "invoice_line_id": line.id, "qty_free": 1, "minimum_qty": 5 }]);
            }
        }
    }
    told
}

pub(super) async fn list(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let mut rows: Vec<Value> = headers(&psa).into_iter().map(|(_, header)| header).collect();
    rows.sort_by_key(|row| row["id"].as_i64());
    let shown = if query.get("pageinate").is_some_and(|flag| flag == "true") {
        let (size, at) = (number(&query, "page_size", 50, 1..=100), number(&query, "page_no", 1, 1..=usize::MAX));
        let (Some(size), Some(at)) = (size, at) else { return refused(StatusCode::BAD_REQUEST, "page") };
        page(&rows, at - 1, size)
    } else {
        page(&rows, 0, number(&query, "count", 50, 1..=1000).unwrap_or(50))
    };
    answer(StatusCode::OK, json!({ "record_count": rows.len(), "invoices": shown }))
}

pub(super) async fn one(State(psa): State<Arc<Side>>, Path(id): Path<i64>, Query(query): Query<Pairs>) -> Response {
    let found = headers(&psa).into_iter().find(|(_, header)| header["id"] == id);
    let Some((agreement, mut header)) = found else { return refused(StatusCode::NOT_FOUND, "RecurringInvoice") };
    if query.get("includedetails").is_some_and(|flag| flag == "true") {
        let lines = agreement.map(|agreement| psa.bills.of(agreement)).unwrap_or_default();
        let client = header["client_id"].as_u64();
        let mut told: Vec<Value> = lines.iter().map(|one| line(&psa, one, client)).collect();
        // Each was set up once.
        told.extend(lines.first().map(|first| {
            let once = BilledLine { id: TRAP + first.id, quantity: 1, kind: LineKind::Billed, ..first.clone() };
            let mut once = line(&psa, &once, client);
            once["onetimecharge"] = json!(true);
            once
        }));
        header["lines"] = json!(told);
    }
    answer(StatusCode::OK, header)
}

pub(super) async fn update_lines(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    if psa.bills.fault() == Some(WriteFault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "Forbidden");
    }
    let wanted = record(&body).and_then(|body| {
        let quantity = u32::try_from(body["qty_order"].as_u64()?).ok()?;
        let is_meant = |line: &BilledLine| body["id"] == line.id && body["ihid"] == id_of(line.agreement);
        let found = psa.bills.lines().into_iter().find(is_meant);
        Some((found?.id, quantity))
    });
    let Some((id, quantity)) = wanted else { return refused(StatusCode::BAD_REQUEST, "a line is wanted") };
    psa.bills.write(id, quantity);
    if psa.bills.fault() == Some(WriteFault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Timeout");
    }
    let changed = psa.bills.lines().into_iter().find(|line| line.id == id);
    answer(StatusCode::OK, changed.map_or(Value::Null, |changed| line(&psa, &changed, None)))
}
