//! SuperOps: clients and tickets; GraphQL, where errors come with status 200, ids have 19 digits, and a file is uploaded
//! before anything can point at it.

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{answer, page};
use crate::msp::Msp;
use axum::Router;
use axum::extract::{Json, Multipart, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const TOKEN: &str = "so_token_simulated";
const SUBDOMAIN: &str = "examplemsp";
/// Every id is one of 19 digits.
const IDS: u64 = 7_100_000_000_000_000_000;
const GROUPS: &[(u64, &str)] = &[(301, "Help Desk"), (302, "Finance")];
const STATUSES: &[(u64, &str)] = &[(201, "New"), (202, "In Progress"), (203, "Closed")];
const PRIORITIES: &[(u64, &str)] = &[(211, "Low"), (212, "High")];
const SOURCES: &[&str] = &["FORM", "AGENT", "EMAIL", "AI", "PHONE", "INTEGRATION"];
/// Fields that are leaves: nothing can be selected in them.
const LEAVES: &[&str] = &["client", "site", "requester", "technician", "techGroup"];
/// What is added to a ticket's number for its id.
const FIRST: u64 = 50_000;

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let desk = Desk::default();
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let side = Side { accounts: companies(msp), desk: desk.clone(), uploads: Mutex::default() };
    let vendor = Vendor {
        name: "superops",
        title: "SuperOps",
        about: "The PSA: who is a customer, and where the report becomes a ticket.",
        settings: format!("url = \"{base}/superops/msp\"\napi_token = \"{TOKEN}\"\nsubdomain = \"{SUBDOMAIN}\"\n"),
        routes: routes(side),
        books,
        story: vec![format!(
            "A ticket of the group Finance in SuperOps, for {OWN_COMPANY}: its description has the sheet."
        )],
    };
    let delivery = format!("to = \"superops\"\ncompany = \"{OWN_COMPANY}\"\nqueue = \"Finance\"\nstatus = \"New\"\n");
    Psa { vendor, delivery, desk, bills: Bills::default() }
}

struct Side {
    accounts: Vec<Account>,
    desk: Desk,
    /// Files that were uploaded and wait for a ticket: by the name that they got.
    uploads: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
}

fn routes(side: Side) -> Router {
    let routes = Router::new().route("/msp", post(graphql)).route("/upload", post(upload));
    Router::new().nest("/superops", routes.layer(from_fn(authorised)).with_state(Arc::new(side)))
}

fn has(request: &Request, name: &str, value: &str) -> bool {
    request.headers().get(name).is_some_and(|sent| sent.as_bytes() == value.as_bytes())
}

async fn authorised(request: Request, next: Next) -> Response {
    let of_account = has(&request, "customersubdomain", SUBDOMAIN);
    let of_technician = has(&request, "authorization", &format!("Bearer {TOKEN}"));
    match (of_account, of_technician) {
        (true, true) => next.run(request).await,
        (true, false) => {
            answer(StatusCode::UNAUTHORIZED, json!({ "message": "The API token used is invalid or deleted." }))
        }
        (false, _) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// An error: with status 200 all the same.
fn refused(code: &str, attribute: &str) -> Response {
    let error = json!({ "code": code, "param": { "attributes": [attribute] } });
    let error = json!({ "message": null, "extensions": { "clientError": [error] } });
    answer(StatusCode::OK, json!({ "data": null, "errors": [error] }))
}

/// A mistake in the query itself.
fn mistaken(kind: &str) -> Response {
    answer(
        StatusCode::OK,
        json!({ "errors": [{ "message": kind, "extensions": { "classification": "ValidationError" } }] }),
    )
}

fn told(operation: &str, value: Value) -> Response {
    let data = Map::from_iter([(operation.to_owned(), value)]);
    answer(StatusCode::OK, json!({ "data": data }))
}

async fn graphql(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    let query: String = body["query"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    if LEAVES.iter().any(|leaf| query.contains(&format!(" {leaf}{{")) || query.contains(&format!(" {leaf} {{"))) {
        return mistaken("SubSelectionNotAllowed");
    }
    let operation =
        query.split_once('{').map_or("", |(_, rest)| rest.split(['(', '{']).next().unwrap_or_default().trim());
    let input = &body["variables"]["input"];
    let is_change = operation.starts_with("create");
    if is_change != query.starts_with("mutation") {
        return mistaken("FieldUndefined");
    }
    if is_change && psa.desk.fault() == Some(Fault::NoRight) {
        return refused("forbidden", "");
    }
    let choices = |key: &str, choices: &[(u64, &str)]| {
        choices.iter().map(|(id, name)| json!({ key: (IDS + id).to_string(), "name": name })).collect::<Value>()
    };
    match operation {
        "getClientList" => clients(&psa, input),
        "getTicketList" => tickets(&psa, input),
        "getStatusList" => told(operation, choices("id", STATUSES)),
        "getPriorityList" => told(operation, choices("id", PRIORITIES)),
        "getTechnicianGroupList" => told(operation, choices("groupId", GROUPS)),
        "getTicketConversationList" => conversation(&psa, input),
        "getTicketNoteList" => notes(&psa, input),
        "createTicket" => make_ticket(&psa, input),
        "createTicketNote" => make_note(&psa, input),
        _ => mistaken("FieldUndefined"),
    }
}

/// A page of rows. On the last one nothing is said of more.
fn listed(operation: &str, rows_at: &str, input: &Value, rows: &[Value]) -> Response {
    let size =
        input["pageSize"].as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| (1..=100).contains(size));
    let at = input["page"].as_u64().and_then(|at| usize::try_from(at).ok()).filter(|at| *at > 0);
    let (Some(size), Some(at)) = (size, at) else { return refused("value_pattern_validation_failed", "pageSize") };
    let more = if at * size < rows.len() { json!(true) } else { Value::Null };
    let info = json!({ "page": at, "pageSize": size, "hasMore": more, "totalCount": rows.len() });
    told(operation, json!({ rows_at: page(rows, at - 1, size), "listInfo": info }))
}

fn clients(psa: &Side, input: &Value) -> Response {
    let row = |account: &Account| {
        json!({ "accountId": (IDS + u64::from(account.id)).to_string(), "name": account.name,
            "emailDomains": account.domain.as_ref().map(|domain| json!([domain])) })
    };
    listed("getClientList", "clients", input, &psa.accounts.iter().map(row).collect::<Vec<_>>())
}

fn account_of<'a>(psa: &'a Side, id: &str) -> Option<&'a Account> {
    psa.accounts.iter().find(|account| (IDS + u64::from(account.id)).to_string() == id)
}

/// A client can be searched for by name only. Without an order tickets come as they like: oldest first.
fn tickets(psa: &Side, input: &Value) -> Response {
    let condition = &input["condition"];
    if !condition.is_null() && (condition["attribute"] != "client.name" || condition["operator"] != "is") {
        return refused("value_pattern_validation_failed", "condition");
    }
    let of_client = |ticket: &Ticket| {
        condition.is_null()
            || account_of(psa, &ticket.company).is_some_and(|account| condition["value"] == account.name)
    };
    let all = psa.desk.tickets();
    let row = |(number, ticket): (u64, &Ticket)| {
        // In an object of no declared shape an id is a number.
        let client: Value = json!({ "accountId": ticket.company.parse::<u64>().unwrap_or_default() });
        json!({ "ticketId": (IDS + FIRST + number).to_string(), "displayId": display_id(number), "subject": ticket.title,
            "source": "INTEGRATION", "client": client, "status": if ticket.closed { "Closed" } else { "New" },
            "createdTime": format!("2026-11-01T06:{:02}:00.000", number % 60), "resolutionTime": null })
    };
    let mut rows: Vec<Value> = (0..).zip(&all).filter(|(_, ticket)| of_client(ticket)).map(row).collect();
    if input["sort"][0] == json!({ "attribute": "createdTime", "order": "DESC" }) {
        rows.reverse();
    }
    listed("getTicketList", "tickets", input, &rows)
}

fn display_id(number: u64) -> String {
    format!("261101-{:04}", number + 1)
}

/// The ticket of an id, counted from 0.
fn number_of(psa: &Side, input: &Value) -> Option<usize> {
    let id = input["ticketId"].as_str()?.parse::<u64>().ok()?;
    let number = usize::try_from(id.checked_sub(IDS + FIRST)?).ok()?;
    (number < psa.desk.tickets().len()).then_some(number)
}

fn files(ticket: &Ticket) -> Value {
    let file = |(name, bytes): &(String, Vec<u8>)| json!({ "fileName": name.replace('-', "_"), "originalFileName": name, "fileSize": bytes.len().to_string() });
    ticket.files.iter().map(file).collect()
}

/// What the ticket was made with, and all its files.
fn conversation(psa: &Side, input: &Value) -> Response {
    let Some(number) = number_of(psa, input) else { return refused("entity_does_not_exist", "ticketId") };
    let ticket = psa.desk.tickets().swap_remove(number);
    let entry =
        json!({ "conversationId": "1", "type": "DESCRIPTION", "content": ticket.body, "attachments": files(&ticket) });
    told("getTicketConversationList", json!([entry]))
}

fn notes(psa: &Side, input: &Value) -> Response {
    let Some(number) = number_of(psa, input) else { return refused("entity_does_not_exist", "ticketId") };
    let notes = psa.desk.tickets().swap_remove(number).notes;
    let note = |(content, _): &(String, bool)| json!({ "noteId": "1", "content": content, "attachments": null });
    told("getTicketNoteList", notes.iter().map(note).collect())
}

/// The files that were uploaded before; `None` where one of them was not.
fn uploaded(psa: &Side, attachments: &Value) -> Option<Vec<(String, Vec<u8>)>> {
    let mut uploads = psa.uploads.lock().unwrap_or_else(PoisonError::into_inner);
    let mut files = Vec::new();
    for attachment in attachments.as_array().into_iter().flatten() {
        let file = uploads.remove(attachment["fileName"].as_str()?)?;
        let is_whole = attachment["fileSize"].as_str()? == file.1.len().to_string();
        if !is_whole || !attachment["originalFileName"].is_string() {
            return None;
        }
        files.push(file);
    }
    Some(files)
}

fn make_ticket(psa: &Side, input: &Value) -> Response {
    let text = |key: &str| input[key].as_str().unwrap_or_default();
    let named = |choices: &[(u64, &str)], key: &str| choices.iter().any(|(_, name)| *name == text(key));
    let group = input["techGroup"]["groupId"].as_str();
    let group_known = group.is_none_or(|id| GROUPS.iter().any(|(group, _)| (IDS + group).to_string() == id));
    let client = input["client"]["accountId"].as_str().unwrap_or_default();
    for (attribute, wrong, code) in [
        ("subject", text("subject").is_empty(), "mandatory_validation_failed"),
        ("status", text("status").is_empty(), "mandatory_validation_failed"),
        ("status", !named(STATUSES, "status"), "referred_value_does_not_exist"),
        ("source", !SOURCES.contains(&text("source")), "type_validation_failed"),
        ("priority", !input["priority"].is_null() && !named(PRIORITIES, "priority"), "referred_value_does_not_exist"),
        ("techGroup", !group_known, "referred_value_does_not_exist"),
        ("client", account_of(psa, client).is_none(), "referred_value_does_not_exist"),
    ] {
        if wrong {
            return refused(code, attribute);
        }
    }
    let Some(files) = uploaded(psa, &input["descriptionAttachments"]) else {
        return refused("referred_value_does_not_exist", "descriptionAttachments");
    };
    let number = psa.desk.make(Ticket {
        title: text("subject").to_owned(),
        company: client.to_owned(),
        body: text("description").to_owned(),
        files,
        ..Ticket::default()
    });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let number = u64::try_from(number).unwrap_or_default();
    let made = json!({ "ticketId": (IDS + FIRST + number).to_string(), "displayId": display_id(number) });
    told("createTicket", made)
}

fn make_note(psa: &Side, input: &Value) -> Response {
    let Some(number) = number_of(psa, &input["ticket"]) else { return refused("entity_does_not_exist", "ticket") };
    let content = input["content"].as_str().unwrap_or_default().to_owned();
    let Some(files) = uploaded(psa, &input["attachments"]) else {
        return refused("referred_value_does_not_exist", "attachments");
    };
    if content.is_empty() {
        return refused("mandatory_validation_failed", "content");
    }
    psa.desk.change(number, |ticket| {
        ticket.files.extend(files);
        ticket.notes.push((content, input["privacyType"] != "PRIVATE"));
    });
    told("createTicketNote", json!({ "noteId": (IDS + 900).to_string() }))
}

/// A file gets another name: dashes are not kept.
async fn upload(State(psa): State<Arc<Side>>, mut form: Multipart) -> Response {
    let (mut module, mut file) = (String::new(), None);
    while let Ok(Some(part)) = form.next_field().await {
        let (name, file_name) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let bytes = part.bytes().await.unwrap_or_default().to_vec();
        match (name.as_str(), file_name) {
            ("files", Some(file_name)) => file = Some((file_name, bytes)),
            ("module", None) => module = String::from_utf8_lossy(&bytes).into_owned(),
            ("details", None) if serde_json::from_slice::<Value>(&bytes).is_ok_and(|it| it["ticketId"].is_string()) => {
            }
            _ => return refused("type_validation_failed", "details"),
        }
    }
    let Some((name, bytes)) = file.filter(|_| module == "TICKET_CONVERSATION_ATTACHMENT") else {
        return refused("mandatory_validation_failed", "files");
    };
    if psa.desk.fault() == Some(Fault::FilesRefused) {
        return refused("type_validation_failed", "files");
    }
    let kept = name.replace('-', "_");
    let taken = json!({ "fileName": kept, "originalFileName": name, "fileSize": bytes.len() });
    psa.uploads.lock().unwrap_or_else(PoisonError::into_inner).insert(kept, (name, bytes));
    answer(StatusCode::OK, json!({ "data": [taken], "errors": null }))
}
