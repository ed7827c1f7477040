//! Freshdesk: companies and tickets; an agent's key, `Link` headers, a search that learns late, files in notes.

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, answer, has_basic, number, page};
use crate::msp::Msp;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Json, Multipart, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "fdkey0simulated0000";
/// The agent of the key, who is no administrator and asks in the tickets, and a contact of the MSP's own company.
const AGENT: (u32, &str) = (32, "desk@example-msp.example");
const CONTACT: (u32, &str) = (43, "billing@example-msp.example");
const GROUPS: &[(u32, &str)] = &[(65, "Help Desk"), (156, "Finance")];
const STATUSES: &[(u32, &str)] =
    &[(2, "Open"), (3, "Pending"), (4, "Resolved"), (5, "Closed"), (6, "Waiting on Finance")];
/// The number of the first ticket.
const FIRST: usize = 7000;
/// What a ticket may be made with. Anything else is refused.
const KNOWN: &[&str] = &[
    "subject",
    "description",
    "status",
    "priority",
    "source",
    "tags",
    "type",
    "group_id",
    "responder_id",
    "requester_id",
    "custom_fields",
];

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let desk = Desk::default();
    let url = format!("{base}/freshdesk");
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let vendor = Vendor {
        name: "freshdesk",
        title: "Freshdesk",
        about: "The PSA: who is a customer, and where the report becomes a ticket.",
        settings: format!("url = \"{url}\"\napi_key = \"{KEY}\"\nrequester = \"{}\"\n", AGENT.1),
        routes: routes(Side { url, accounts: companies(msp), desk: desk.clone() }),
        books,
        story: vec![format!(
            "A ticket of the group Finance in Freshdesk, for {OWN_COMPANY}: a private note holds the sheet."
        )],
    };
    let delivery = format!(
        "to = \"freshdesk\"\ncompany = \"{OWN_COMPANY}\"\nqueue = \"Finance\"\nstatus = \"Open\"\npriority = \"Low\"\n"
    );
    Psa { vendor, delivery, desk, bills: Bills::default() }
}

struct Side {
    url: String,
    accounts: Vec<Account>,
    desk: Desk,
}

fn routes(side: Side) -> Router {
    let routes = Router::new()
        .route("/agents/me", get(me))
        .route("/agents", get(async || refused(StatusCode::FORBIDDEN, "access_denied")))
        .route("/contacts", get(contacts))
        .route("/companies", get(list_companies))
        .route("/ticket_fields", get(ticket_fields))
        .route("/search/tickets", get(search))
        .route("/tickets", get(list_tickets).post(make_ticket))
        .route("/tickets/{id}", get(ticket))
        .route("/tickets/{id}/notes", post(make_note))
        .route("/tickets/{id}/conversations", get(conversations))
        .layer(from_fn(authorised))
        .with_state(Arc::new(side));
    Router::new().nest("/freshdesk/api/v2", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    if has_basic(request.headers(), KEY, "X") {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "invalid_credentials")
}

fn refused(status: StatusCode, code: &str) -> Response {
    answer(status, json!({ "code": code, "message": "as the vendor says it" }))
}

/// 400 for a field of the request.
fn invalid(field: &str, code: &str) -> Response {
    let error = json!({ "field": field, "message": "as the vendor says it", "code": code });
    answer(StatusCode::BAD_REQUEST, json!({ "description": "Validation failed", "errors": [error] }))
}

/// Nothing of that id: without a body.
fn unknown() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn me() -> Response {
    let (id, email) = AGENT;
    answer(StatusCode::OK, json!({ "id": id, "type": "support_agent", "contact": { "email": email, "active": true } }))
}

async fn contacts(Query(query): Query<Pairs>) -> Response {
    let (id, email) = CONTACT;
    let known = query.get("email").is_none_or(|wanted| wanted == email);
    let row = known.then(|| json!({ "id": id, "name": "Billing", "email": email, "company_id": 2, "active": true }));
    answer(StatusCode::OK, row.into_iter().collect())
}

async fn list_companies(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let row = |account: &Account| json!({ "id": account.id, "name": account.name, "domains": account.domain.iter().collect::<Vec<_>>() });
    paged(&psa, "/companies", &query, &psa.accounts.iter().map(row).collect::<Vec<_>>())
}

/// A page, with the address of the next if there is one.
fn paged(psa: &Side, path: &str, query: &Pairs, rows: &[Value]) -> Response {
    let Some(size) = number(query, "per_page", 30, 1..=100) else { return invalid("per_page", "invalid_value") };
    let Some(at) = number(query, "page", 1, 1..=usize::MAX) else { return invalid("page", "invalid_value") };
    let response = answer(StatusCode::OK, Value::from(page(rows, at - 1, size).to_vec()));
    if at * size >= rows.len() {
        return response;
    }
    let kept: Vec<String> =
        query.iter().filter(|(key, _)| *key != "page").map(|(key, value)| format!("{key}={value}&")).collect();
    let link = format!("<{}/api/v2{path}?{}page={}>;rel=\"next\"", psa.url, kept.concat(), at + 1);
    ([("link", link)], response).into_response()
}

async fn ticket_fields() -> Response {
    let groups: Value = GROUPS.iter().map(|(id, name)| ((*name).to_owned(), json!(id))).collect();
    let statuses: Value =
        STATUSES.iter().map(|(id, name)| (id.to_string(), json!([name, "Being Processed"]))).collect();
    answer(
        StatusCode::OK,
        json!([
            { "id": 1, "name": "requester", "type": "default_requester" },
            { "id": 3, "name": "ticket_type", "type": "default_ticket_type", "choices": ["Question", "Incident"] },
            { "id": 5, "name": "status", "type": "default_status", "choices": statuses },
            { "id": 6, "name": "priority", "type": "default_priority", "choices": { "Low": 1, "Medium": 2, "High": 3, "Urgent": 4 } },
            { "id": 7, "name": "group", "type": "default_group", "choices": groups },
        ]),
    )
}

fn shown(number: usize, ticket: &Ticket) -> Value {
    json!({ "id": FIRST + number, "subject": ticket.title, "status": if ticket.closed { 5 } else { 2 }, "spam": false,
        "requester_id": AGENT.0, "company_id": null, "tags": ticket.key.split(',').collect::<Vec<_>>() })
}

/// Only `tag` can be searched for here, in the vendor's quotes. The index lags: the newest ticket is not in it.
async fn search(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let text = query.get("query").map_or("", String::as_str);
    let tag = text.strip_prefix("\"tag:'").and_then(|rest| rest.strip_suffix("'\""));
    let (Some(tag), Some(at)) = (tag, number(&query, "page", 1, 1..=10)) else {
        return invalid("query", "invalid_value");
    };
    let tickets = psa.desk.tickets();
    let indexed = tickets.iter().enumerate().take(tickets.len().saturating_sub(1));
    let rows: Vec<Value> = indexed
        .filter(|(_, ticket)| ticket.key.split(',').any(|known| known == tag))
        .map(|(number, ticket)| shown(number, ticket))
        .collect();
    answer(StatusCode::OK, json!({ "total": rows.len(), "results": page(&rows, at - 1, 30) }))
}

async fn list_tickets(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let since = query.get("updated_since").is_none_or(|since| since.parse::<jiff::Timestamp>().is_ok());
    let order = query.get("order_by").is_none_or(|order| order == "created_at");
    if !since || !order {
        return invalid("updated_since", "invalid_value");
    }
    let of_agent = query.get("requester_id").is_none_or(|id| *id == AGENT.0.to_string());
    let tickets = psa.desk.tickets();
    let newest_first = tickets.iter().enumerate().rev().filter(|_| of_agent);
    let rows: Vec<Value> = newest_first.map(|(number, ticket)| shown(number, ticket)).collect();
    paged(&psa, "/tickets", &query, &rows)
}

/// The ticket of an id, counted from 0.
fn number_of(psa: &Side, id: usize) -> Option<usize> {
    id.checked_sub(FIRST).filter(|number| *number < psa.desk.tickets().len())
}

async fn ticket(State(psa): State<Arc<Side>>, Path(id): Path<usize>) -> Response {
    let Some(number) = number_of(&psa, id) else { return unknown() };
    answer(StatusCode::OK, shown(number, &psa.desk.tickets()[number]))
}

/// Why a ticket is not made: which field, and the vendor's word for it.
fn wrong_in(body: &Value) -> Option<(&str, &'static str)> {
    let fields = body.as_object()?;
    if fields.contains_key("company_id") {
        return Some(("company_id", "inaccessible_field"));
    }
    if let Some(field) = fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
        return Some((field, "invalid_field"));
    }
    let tags = body["tags"].as_array().into_iter().flatten();
    let known = |choices: &[(u32, &str)], key: &str| choices.iter().any(|(id, _)| body[key] == *id);
    [
        ("requester_id", body["requester_id"].is_null(), "missing_field"),
        ("requester_id", body["requester_id"] != CONTACT.0 && body["requester_id"] != AGENT.0, "invalid_value"),
        ("subject", body["subject"].as_str().is_none_or(str::is_empty), "missing_field"),
        ("description", body["description"].as_str().is_none_or(str::is_empty), "missing_field"),
        ("status", !known(STATUSES, "status"), "invalid_value"),
        ("group_id", !body["group_id"].is_null() && !known(GROUPS, "group_id"), "invalid_value"),
        ("tags", tags.clone().any(|tag| tag.as_str().is_none_or(|tag| tag.chars().count() > 32)), "invalid_value"),
    ]
    .into_iter()
    .find_map(|(field, wrong, code)| wrong.then_some((field, code)))
}

async fn make_ticket(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    if psa.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "access_denied");
    }
    if let Some((field, code)) = wrong_in(&body) {
        return invalid(field, code);
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let tags: Vec<&str> = body["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let number = psa.desk.make(Ticket {
        title: text("subject"),
        company: "2".to_owned(),
        body: text("description"),
        key: tags.join(","),
        ..Ticket::default()
    });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "timeout");
    }
    answer(StatusCode::CREATED, shown(number, &psa.desk.tickets()[number]))
}

/// A note, and with a form perhaps a file. It is private unless it says otherwise.
async fn make_note(State(psa): State<Arc<Side>>, Path(id): Path<usize>, request: Request) -> Response {
    let Some(number) = number_of(&psa, id) else { return unknown() };
    let is_form = request.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
    let (mut body, mut public, mut files) = (String::new(), false, Vec::new());
    if is_form {
        let Ok(mut form) = Multipart::from_request(request, &()).await else { return invalid("body", "invalid_value") };
        while let Ok(Some(part)) = form.next_field().await {
            let (name, file_name) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
            let bytes = part.bytes().await.unwrap_or_default().to_vec();
            match (name.as_str(), file_name) {
                ("attachments[]", Some(file_name)) => files.push((file_name, bytes)),
                ("body", None) => body = String::from_utf8_lossy(&bytes).into_owned(),
                ("private", None) => public = bytes != b"true",
                _ => return invalid("attachments", "invalid_field"),
            }
        }
    } else {
        let bytes = Bytes::from_request(request, &()).await.unwrap_or_default();
        let Ok(json) = serde_json::from_slice::<Value>(&bytes) else { return invalid("body", "invalid_json") };
        json["body"].as_str().unwrap_or_default().clone_into(&mut body);
        public = json["private"] == false;
    }
    if body.is_empty() {
        return invalid("body", "missing_field");
    }
    if !files.is_empty() && psa.desk.fault() == Some(Fault::FilesRefused) {
        return invalid("attachments", "invalid_value");
    }
    psa.desk.change(number, |ticket| {
        ticket.files.extend(files);
        ticket.notes.push((body, public));
    });
    answer(StatusCode::CREATED, json!({ "id": 1, "ticket_id": id, "private": !public, "attachments": [] }))
}

/// Each file in a note of its own.
async fn conversations(State(psa): State<Arc<Side>>, Path(id): Path<usize>, Query(query): Query<Pairs>) -> Response {
    let Some(number) = number_of(&psa, id) else { return unknown() };
    let files = psa.desk.tickets().swap_remove(number).files;
    let note = |(id, (name, bytes)): (u32, (String, Vec<u8>))| json!({ "id": id, "private": true, "attachments": [{ "id": id, "name": name, "file_size": bytes.len() }] });
    let rows: Vec<Value> = (1..).zip(files).map(note).collect();
    paged(&psa, &format!("/tickets/{id}/conversations"), &query, &rows)
}
