//! Autotask: zone discovery, three headers of a credential, queries by POST, errors as 500.

mod billing;

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, answer, page};
use crate::msp::Msp;
use axum::Router;
use axum::extract::{Json, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

const USER: &str = "tallysheet+api@example-msp.example";
const SECRET: &str = "autotask_secret_simulated";
const CODE: &str = "AUTOTASKCODESIMULATED";
const QUEUES: &[(&str, &str)] = &[("5", "Client Portal"), ("29682833", "Finance")];
const STATUSES: &[(&str, &str)] = &[("1", "New"), ("5", "Complete")];
const PRIORITIES: &[(&str, &str)] = &[("2", "Medium"), ("3", "Low")];
const PUBLISH: &[(&str, &str)] = &[("1", "All Autotask Users"), ("2", "Internal Users Only")];
const NOTE_TYPES: &[(&str, &str)] = &[("3", "Task Notes")];
/// Where the ids of tickets begin.
const FIRST_TICKET: usize = 987_000;
const MOST_FILE_BYTES: usize = 6_000_000;

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let (desk, bills, url) = (Desk::default(), Bills::default(), format!("{base}/autotask"));
    // The own company has the id 0.
    let zeroed = |account: Account| Account { id: if account.name == OWN_COMPANY { 0 } else { account.id }, ..account };
    let accounts = companies(msp).into_iter().map(zeroed).collect();
    let side = Side { url: url.clone(), accounts, desk: desk.clone(), books: billing::Books::new(bills.clone()) };
    let mut books = Books::new(&[]);
    let entry = |id: Option<&str>| id.map_or(Entry::Blank, |id| Entry::Ids(vec![id.to_owned()]));
    books.entries = msp.companies.iter().map(|company| entry(company.psa_id())).collect();
    let vendor = Vendor {
        name: "autotask",
        title: "Autotask",
        about: "The PSA: who is a customer, what is billed, and where the report becomes a ticket. Its zone is discovered.",
        settings: format!(
            "zone_url = \"{url}/atservicesrest/v1.0/zoneInformation\"\nusername = \"{USER}\"\nsecret = \"{SECRET}\"\n\
             integration_code = \"{CODE}\"\n"
        ),
        routes: routes(side),
        books,
        story: vec![format!("A ticket in the queue Finance of Autotask, for {OWN_COMPANY}: the sheet is attached.")],
    };
    let delivery = format!("to = \"autotask\"\ncompany = \"{OWN_COMPANY}\"\nqueue = \"Finance\"\n");
    Psa { vendor, delivery, desk, bills }
}

struct Side {
    url: String,
    accounts: Vec<Account>,
    desk: Desk,
    books: billing::Books,
}

type Psas = State<Arc<Side>>;

fn routes(side: Side) -> Router {
    let side = Arc::new(side);
    let api = Router::new()
        .route("/Companies/query", post(query_companies))
        .route("/Companies/{id}", get(company))
        .route("/Tickets", post(make_ticket))
        .route("/Tickets/query", post(query_tickets))
        .route("/Tickets/entityInformation/fields", get(ticket_fields))
        .route("/Tickets/{id}", get(ticket))
        .route("/Tickets/{id}/Attachments", get(files).post(attach))
        .route("/Tickets/{id}/Notes", post(make_note))
        .route("/TicketAttachments/entityInformation/fields", get(attachment_fields))
        .route("/TicketNotes/entityInformation/fields", get(note_fields))
        .merge(billing::routes())
        .layer(from_fn(authorised))
        .with_state(side.clone());
    let zones = Router::new().route("/autotask/atservicesrest/v1.0/zoneInformation", get(zone)).with_state(side);
    Router::new().nest("/autotask/zone22/ATServicesRest/V1.0", api).merge(zones)
}

/// Wants no credential, and is shown none by a careful caller.
async fn zone(State(psa): Psas, headers: HeaderMap, Query(query): Query<Pairs>) -> Response {
    if headers.contains_key("secret") || query.get("user").is_none_or(|user| user != USER) {
        return refused("Zone information could not be determined.");
    }
    let url = format!("{}/zone22/ATServicesRest/", psa.url);
    answer(StatusCode::OK, json!({ "zoneName": "Simulated 22", "url": url, "webUrl": psa.url, "ci": 4711 }))
}

async fn authorised(request: Request, next: Next) -> Response {
    let shown = [("apiintegrationcode", CODE), ("username", USER), ("secret", SECRET)];
    let known = shown
        .iter()
        .all(|(name, value)| request.headers().get(*name).is_some_and(|shown| shown.as_bytes() == value.as_bytes()));
    if known { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}

/// What is wrong with a request comes as a fault of the server.
fn refused(error: &str) -> Response {
    answer(StatusCode::INTERNAL_SERVER_ERROR, json!({ "errors": [error] }))
}

fn items(rows: &[Value], next: Option<&str>) -> Response {
    let details = json!({ "count": rows.len(), "requestCount": 500, "prevPageUrl": null, "nextPageUrl": next });
    answer(StatusCode::OK, json!({ "items": rows, "pageDetails": details }))
}

/// A page of a query, in the order of ids. The next one wants the same body again.
fn queried(psa: &Side, entity: &str, at: &Pairs, body: &Value, rows: Vec<Value>) -> Response {
    let (Some(size @ 1..=500), Some(filters)) = (body["MaxRecords"].as_u64(), body["Filter"].as_array()) else {
        return refused("The query is not complete.");
    };
    let included = body["IncludeFields"].as_array().filter(|fields| fields.contains(&json!("id")));
    let Some(included) = included.filter(|_| !filters.is_empty()) else {
        return refused("A query needs a filter and the field id.");
    };
    let mut meant = Vec::new();
    for row in rows {
        match filters.iter().map(|filter| lets_through(filter, &row)).collect::<Option<Vec<bool>>>() {
            None => return refused("The filter holds an unknown operator."),
            Some(let_through) if let_through.iter().all(|passes| *passes) => meant.push(row),
            Some(_) => {}
        }
    }
    meant.sort_by_key(|row| row["id"].as_u64());
    for row in meant.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|field, _| included.iter().any(|included| included == field));
    }
    // Small pages, so that paging is met; of what stands on contracts there is much.
    let size = usize::try_from(size).unwrap_or(1).min(if entity.starts_with("ContractService") { 100 } else { 20 });
    let number: usize = at.get("page").and_then(|page| page.parse().ok()).unwrap_or_default();
    let more = (number + 1) * size < meant.len();
    let next = format!("{}/zone22/ATServicesRest/V1.0/{entity}/query?page={}", psa.url, number + 1);
    items(page(&meant, number, size), more.then_some(next.as_str()))
}

fn lets_through(filter: &Value, row: &Value) -> Option<bool> {
    let (held, wanted) = (&row[filter["field"].as_str()?], &filter["value"]);
    Some(match filter["op"].as_str()? {
        "eq" => held == wanted,
        "notExist" => held.is_null(),
        "in" => wanted.as_array()?.contains(held),
        // What is made here is made now.
        "gte" if filter["field"] == "createDate" => true,
        // Times are texts of one form.
        "gte" if wanted.is_string() => held.as_str()? >= wanted.as_str()?,
        "lte" if wanted.is_string() => held.as_str()? <= wanted.as_str()?,
        "gte" => held.as_i64()? >= wanted.as_i64()?,
        _ => return None,
    })
}

async fn query_companies(State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>) -> Response {
    queried(&psa, "Companies", &at, &body, psa.accounts.iter().map(row).collect())
}

fn row(account: &Account) -> Value {
    json!({ "id": account.id, "companyName": account.name, "companyType": 1, "isActive": !account.left,
        "webAddress": account.domain.as_ref().map(|domain| format!("https://www.{domain}")), "userDefinedFields": [] })
}

async fn company(State(psa): Psas, Path(id): Path<u32>) -> Response {
    let item = psa.accounts.iter().find(|account| account.id == id).map(row);
    answer(StatusCode::OK, json!({ "item": item }))
}

fn picklist(name: &str, picks: &[(&str, &str)], default: Option<&str>) -> Value {
    let pick = |(value, label): &(&str, &str)| json!({ "value": value, "label": label, "isActive": true, "isSystem": false, "isDefaultValue": default == Some(value) });
    json!({ "name": name, "dataType": "integer", "isPickList": true,
        "picklistValues": picks.iter().map(pick).collect::<Vec<_>>() })
}

async fn ticket_fields() -> Response {
    let title = json!({ "name": "title", "dataType": "string", "isRequired": true, "isPickList": false, "picklistValues": null });
    let fields = [
        title,
        picklist("status", STATUSES, Some("1")),
        picklist("priority", PRIORITIES, Some("2")),
        picklist("queueID", QUEUES, None),
    ];
    answer(StatusCode::OK, json!({ "fields": fields }))
}

async fn attachment_fields() -> Response {
    answer(StatusCode::OK, json!({ "fields": [picklist("publish", PUBLISH, Some("1"))] }))
}

async fn note_fields() -> Response {
    let fields = [picklist("noteType", NOTE_TYPES, None), picklist("publish", PUBLISH, Some("1"))];
    answer(StatusCode::OK, json!({ "fields": fields }))
}

fn ticket_row((number, ticket): (usize, &Ticket)) -> Value {
    json!({ "id": FIRST_TICKET + number, "ticketNumber": format!("T20261101.{:04}", number + 1), "title": ticket.title,
        "companyID": ticket.company.parse::<u32>().ok(), "externalID": ticket.key, "description": ticket.body,
        "completedDate": ticket.closed.then_some("2026-11-01T00:00:00Z") })
}

async fn query_tickets(State(psa): Psas, Query(at): Query<Pairs>, Json(body): Json<Value>) -> Response {
    let rows = psa.desk.tickets().iter().enumerate().map(ticket_row).collect();
    queried(&psa, "Tickets", &at, &body, rows)
}

/// The ticket of an id, counted from 0.
fn ticket_number(psa: &Side, id: usize) -> Option<usize> {
    let number = id.checked_sub(FIRST_TICKET)?;
    (number < psa.desk.tickets().len()).then_some(number)
}

async fn ticket(State(psa): Psas, Path(id): Path<usize>) -> Response {
    let tickets = psa.desk.tickets();
    let item = ticket_number(&psa, id).map(|number| ticket_row((number, &tickets[number])));
    answer(StatusCode::OK, json!({ "item": item }))
}

async fn make_ticket(State(psa): Psas, Json(body): Json<Value>) -> Response {
    if psa.desk.fault() == Some(Fault::NoRight) {
        return refused("The logged in Resource does not have the adequate permissions to create this entity type.");
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let picked = |picks: &[(&str, &str)], key: &str| {
        body[key].as_u64().is_some_and(|value| picks.iter().any(|(known, _)| *known == value.to_string()))
    };
    if text("title").is_empty() || text("dueDateTime").is_empty() {
        return refused("Missing Required Field: title or dueDateTime");
    }
    for (key, picks) in [("status", STATUSES), ("priority", PRIORITIES), ("queueID", QUEUES)] {
        if !picked(picks, key) {
            return refused(&format!("Value does not exist for the required field : {key}."));
        }
    }
    let company = body["companyID"].as_u64();
    if !psa.accounts.iter().any(|account| Some(u64::from(account.id)) == company) || text("externalID").len() > 50 {
        return refused("Data violation.");
    }
    let number = psa.desk.make(Ticket {
        title: text("title"),
        company: company.unwrap_or_default().to_string(),
        body: text("description"),
        key: text("externalID"),
        ..Ticket::default()
    });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    answer(StatusCode::OK, json!({ "itemId": FIRST_TICKET + number }))
}

async fn files(State(psa): Psas, Path(id): Path<usize>) -> Response {
    let Some(number) = ticket_number(&psa, id) else { return StatusCode::NOT_FOUND.into_response() };
    let files = psa.desk.tickets().swap_remove(number).files;
    let row = |(id, (name, bytes)): (u32, (String, Vec<u8>))| {
        json!({ "id": id, "attachmentType": "FILE_ATTACHMENT", "title": name, "fullPath": name, "publish": 2,
            "fileSize": bytes.len() })
    };
    items(&(1..).zip(files).map(row).collect::<Vec<_>>(), None)
}

async fn attach(State(psa): Psas, Path(id): Path<usize>, Json(body): Json<Value>) -> Response {
    let Some(number) = ticket_number(&psa, id) else { return StatusCode::NOT_FOUND.into_response() };
    let bytes = body["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
    let (Some(bytes), Some(name)) = (bytes, body["fullPath"].as_str()) else {
        return refused("Missing Required Field: data or fullPath");
    };
    let internal = body["publish"] == 2 && body["attachmentType"] == "FILE_ATTACHMENT" && body["title"].is_string();
    if !internal || bytes.len() > MOST_FILE_BYTES || psa.desk.fault() == Some(Fault::FilesRefused) {
        return refused("The file is not allowed.");
    }
    psa.desk.change(number, |ticket| ticket.files.push((name.to_owned(), bytes)));
    answer(StatusCode::OK, json!({ "itemId": 1 }))
}

async fn make_note(State(psa): Psas, Path(id): Path<usize>, Json(body): Json<Value>) -> Response {
    let Some(number) = ticket_number(&psa, id) else { return StatusCode::NOT_FOUND.into_response() };
    let text = body["description"].as_str().unwrap_or_default().to_owned();
    if text.is_empty() || !body["title"].is_string() || body["noteType"] != 3 {
        return refused("Missing Required Field: description, title or noteType");
    }
    let is_public = body["publish"] != 2;
    psa.desk.change(number, |ticket| ticket.notes.push((text, is_public)));
    answer(StatusCode::OK, json!({ "itemId": 1 }))
}
