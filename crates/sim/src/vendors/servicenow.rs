//! ServiceNow: tokens for a client with a user; tables whose pages hide rows; attachments as raw bytes.

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, Tokens, answer, number, page};
use crate::msp::Msp;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, Json, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const CLIENT: &str = "5e5e5e5e00004000800000000000c0de";
const CLIENT_SECRET: &str = "servicenow_client_simulated";
const USER: &str = "tallysheet";
const PASSWORD: &str = "servicenow_password_simulated";
const GROUPS: &[(&str, &str)] =
    &[("5a5a5a5a00004000800000000000f1a0", "Finance"), ("5a5a5a5a00004000800000000000de5c", "Service Desk")];

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let (desk, url) = (Desk::default(), format!("{base}/servicenow"));
    let side = Side { accounts: companies(msp), desk: desk.clone(), tokens: Tokens::default() };
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let vendor = Vendor {
        name: "servicenow",
        title: "ServiceNow",
        about: "The PSA: who is a customer, and where the report becomes a ticket.",
        settings: format!(
            "url = \"{url}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{CLIENT_SECRET}\"\nusername = \"{USER}\"\n\
             password = \"{PASSWORD}\"\n"
        ),
        routes: routes(side),
        books,
        story: vec![format!(
            "An incident of the group Finance in ServiceNow, for {OWN_COMPANY}: the sheet is attached."
        )],
    };
    let delivery = format!(
        "to = \"servicenow\"\ncompany = \"{OWN_COMPANY}\"\nqueue = \"Finance\"\nfields = {{ caller_id = \"{}\" }}\n",
        sys_id(1_u32)
    );
    Psa { vendor, delivery, desk, bills: Bills::default() }
}

struct Side {
    accounts: Vec<Account>,
    desk: Desk,
    tokens: Tokens,
}

type Instance = State<Arc<Side>>;

fn routes(side: Side) -> Router {
    let side = Arc::new(side);
    let api = Router::new()
        .route("/table/core_company", get(list_companies))
        .route("/table/sys_user_group", get(groups))
        .route("/table/incident", get(incidents).post(make_incident))
        .route("/table/incident/{id}", axum::routing::patch(change_incident))
        .route("/table/{other}", get(no_table).post(no_table))
        .route("/attachment", get(attachments))
        .route("/attachment/file", post(upload))
        .layer(from_fn_with_state(side.clone(), authorised));
    let routes = Router::new().nest("/api/now", api).route("/oauth_token.do", post(token)).with_state(side);
    Router::new().nest("/servicenow", routes)
}

async fn token(State(instance): Instance, Form(form): Form<Pairs>) -> Response {
    let wanted = [
        ("grant_type", "password"),
        ("client_id", CLIENT),
        ("client_secret", CLIENT_SECRET),
        ("username", USER),
        ("password", PASSWORD),
    ];
    if !wanted.iter().all(|(name, value)| form.get(*name).is_some_and(|sent| sent == value)) {
        let refusal = json!({ "error": "access_denied", "error_description": "access_denied" });
        return answer(StatusCode::UNAUTHORIZED, refusal);
    }
    let token = json!({ "access_token": instance.tokens.issue(USER), "refresh_token": "simulated", "scope": "useraccount",
        "token_type": "Bearer", "expires_in": 1799 });
    answer(StatusCode::OK, token)
}

async fn authorised(State(instance): Instance, request: Request, next: Next) -> Response {
    match instance.tokens.subject(request.headers()) {
        Some(_) => next.run(request).await,
        None => refused(StatusCode::UNAUTHORIZED, "User Not Authenticated"),
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    answer(status, json!({ "error": { "message": message, "detail": null }, "status": "failure" }))
}

async fn no_table() -> Response {
    refused(StatusCode::BAD_REQUEST, "Invalid table")
}

/// 32 hexadecimal digits.
fn sys_id(number: impl Into<u64>) -> String {
    format!("{:032x}", 0xa000_0000_u64 + number.into())
}

/// What meets an encoded query. A part with an unknown field or operator is dropped.
fn meets(row: &Map<String, Value>, query: &str) -> bool {
    query.split('^').filter(|part| !part.starts_with("ORDERBY")).all(|part| {
        let text = |field: &str| row.get(field).and_then(Value::as_str);
        let parted = |operator: &str| part.split_once(operator).and_then(|(field, value)| Some((text(field)?, value)));
        if let Some((held, wanted)) = parted("STARTSWITH") {
            return held.starts_with(wanted);
        }
        if let Some((held, wanted)) = parted(">=") {
            return held >= wanted;
        }
        parted("=").is_none_or(|(held, wanted)| held == wanted)
    })
}

/// A page: first it is cut, then what the user may not see is taken out of it.
fn listed(query: &Pairs, rows: Vec<Value>) -> Response {
    let text = |key: &str| query.get(key).map_or("", String::as_str);
    let (limit, offset) =
        (number(query, "sysparm_limit", 10_000, 1..=10_000), number(query, "sysparm_offset", 0, 0..=usize::MAX));
    let (Some(limit), Some(offset)) = (limit, offset) else { return refused(StatusCode::BAD_REQUEST, "Invalid limit") };
    let meant = rows.into_iter().filter_map(|row| row.as_object().cloned());
    let mut meant: Vec<_> = meant.filter(|row| meets(row, text("sysparm_query"))).collect();
    meant.sort_by_key(|row| row["sys_id"].to_string());
    if !text("sysparm_query").contains("ORDERBYsys_id") && offset > 0 {
        // Without an order rows come as they like: a caller that asks so must see it.
        meant.reverse();
    }
    let total = meant.len().to_string();
    let cut = page(&meant[offset.min(meant.len())..], 0, limit);
    let fields: Vec<&str> = text("sysparm_fields").split(',').filter(|field| !field.is_empty()).collect();
    let shown = cut.iter().filter(|row| row.get("hidden").is_none()).map(|row| {
        row.iter()
            .filter(|(field, _)| fields.is_empty() || fields.contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<Map<_, _>>()
    });
    let result: Vec<Value> = shown.map(Value::from).collect();
    ([("x-total-count", total)], answer(StatusCode::OK, json!({ "result": result }))).into_response()
}

async fn list_companies(Query(query): Query<Pairs>, State(instance): Instance) -> Response {
    let row = |account: &Account| {
        let website = account.domain.as_ref().map_or_else(String::new, |domain| format!("https://www.{domain}"));
        let customer = !account.left && account.name != OWN_COMPANY;
        json!({ "sys_id": sys_id(account.id), "name": account.name, "website": website, "parent": "",
            "customer": customer.to_string() })
    };
    // Makers of printers that the user may not see: more than a page of them, before all others.
    let hidden =
        (0..1200_u64).map(|maker| json!({ "sys_id": format!("{maker:032x}"), "name": "Maker", "hidden": true }));
    listed(&query, hidden.chain(instance.accounts.iter().map(row)).collect())
}

async fn groups(Query(query): Query<Pairs>) -> Response {
    let row = |(id, name): &(&str, &str)| json!({ "sys_id": id, "name": name, "active": "true" });
    listed(&query, GROUPS.iter().map(row).collect())
}

fn incident((number, ticket): (u32, &Ticket)) -> Value {
    json!({ "sys_id": sys_id(500_000 + number), "number": format!("INC{:07}", 10_001 + number),
        "short_description": ticket.title, "correlation_id": ticket.key, "active": (!ticket.closed).to_string(),
        "sys_created_on": format!("2099-01-01 00:{:02}:00", number % 60), "sys_class_name": "incident" })
}

async fn incidents(State(instance): Instance, Query(query): Query<Pairs>) -> Response {
    listed(&query, (0..).zip(&instance.desk.tickets()).map(incident).collect())
}

async fn make_incident(State(instance): Instance, Query(query): Query<Pairs>, Json(body): Json<Value>) -> Response {
    if instance.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "Operation Failed");
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let company = instance.accounts.iter().find(|account| sys_id(account.id) == text("company"));
    let group_known = GROUPS.iter().any(|(id, _)| body["assignment_group"] == *id);
    let (Some(company), true) = (company, group_known && !text("caller_id").is_empty()) else {
        let error =
            json!({ "message": "Operation Failed", "detail": "Data Policy Exception: fields are mandatory: Caller" });
        return answer(StatusCode::FORBIDDEN, json!({ "error": error, "status": "failure" }));
    };
    let made = instance.desk.make(Ticket {
        title: text("short_description"),
        company: company.id.to_string(),
        body: text("description"),
        key: text("correlation_id"),
        ..Ticket::default()
    });
    if instance.desk.fault() == Some(Fault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Timeout");
    }
    let number = u32::try_from(made).unwrap_or_default();
    let row = incident((number, &instance.desk.tickets()[made]));
    let asked = query.get("sysparm_fields").map_or("", String::as_str);
    let shown: Map<String, Value> =
        asked.split(',').filter_map(|field| Some((field.to_owned(), row.get(field)?.clone()))).collect();
    answer(StatusCode::CREATED, json!({ "result": shown }))
}

/// The ticket of an id, counted from 0.
fn ticket_number(instance: &Side, id: &str) -> Option<usize> {
    (0..instance.desk.tickets().len())
        .find(|number| u32::try_from(*number).is_ok_and(|number| sys_id(500_000 + number) == id))
}

/// Journals are written by changing the record.
async fn change_incident(State(instance): Instance, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let Some(number) = ticket_number(&instance, &id) else { return refused(StatusCode::NOT_FOUND, "No Record found") };
    for (field, is_public) in [("work_notes", false), ("comments", true)] {
        if let Some(text) = body[field].as_str() {
            instance.desk.change(number, |ticket| ticket.notes.push((text.to_owned(), is_public)));
        }
    }
    answer(StatusCode::OK, json!({ "result": { "sys_id": id } }))
}

async fn attachments(State(instance): Instance, Query(query): Query<Pairs>) -> Response {
    let files = (0_u32..).zip(instance.desk.tickets()).flat_map(|(number, ticket)| {
        let row = move |(place, (name, bytes)): (u32, (String, Vec<u8>))| {
            json!({ "sys_id": sys_id(900_000 + number * 100 + place), "table_name": "incident",
                "table_sys_id": sys_id(500_000 + number), "file_name": name, "size_bytes": bytes.len().to_string() })
        };
        (0..).zip(ticket.files).map(row)
    });
    listed(&query, files.collect())
}

async fn upload(State(instance): Instance, Query(query): Query<Pairs>, headers: HeaderMap, bytes: Bytes) -> Response {
    let text = |key: &str| query.get(key).map_or("", String::as_str);
    let (ticket, name) = (ticket_number(&instance, text("table_sys_id")), text("file_name"));
    if text("table_name") != "incident" || name.is_empty() || bytes.is_empty() {
        return refused(StatusCode::BAD_REQUEST, "Invalid request");
    }
    let Some(number) = ticket else { return refused(StatusCode::NOT_FOUND, "No Record found") };
    // The type must be that of the ending.
    let typed = headers.get("content-type").is_some_and(|sent| sent.as_bytes() == b"text/csv");
    if !typed || instance.desk.fault() == Some(Fault::FilesRefused) {
        return refused(StatusCode::FORBIDDEN, "Operation Failed");
    }
    instance.desk.change(number, |ticket| ticket.files.push((name.to_owned(), bytes.to_vec())));
    let file = json!({ "sys_id": sys_id(900_000_u32), "table_name": "incident", "file_name": name });
    answer(StatusCode::CREATED, json!({ "result": file }))
}
