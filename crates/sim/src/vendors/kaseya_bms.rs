//! Kaseya BMS: accounts and service desk tickets; a log-in with a tenant, everything in an envelope, and refusals with
//! status 200.

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, Tokens, answer, number, page};
use crate::msp::Msp;
use axum::Router;
use axum::extract::{Form, Json, Multipart, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

const TENANT: &str = "Example MSP";
const USER: &str = "tallysheet-api";
const PASSWORD: &str = "bms & simulated";
const QUEUES: &[(u64, &str)] = &[(1, "Help Desk"), (9, "Finance")];
const STATUSES: &[(u64, &str)] = &[(1, "New"), (2, "Completed")];
const ASSIGNEES: &[(u64, &str)] = &[(5, "Ada Example")];
/// Of these the first is the default.
const PRIORITIES: &[(u64, &str)] = &[(3, "Low"), (4, "High")];
const TYPES: &[(u64, &str)] = &[(2, "Service Request"), (8, "Alert")];
const SOURCES: &[(u64, &str)] = &[(4, "Web"), (6, "Phone")];
const NOTE_TYPES: &[(u64, &str)] = &[(7, "Note")];
/// The module that tickets are, for attachments.
const TICKETS: u64 = 22;
/// The number of the first ticket; its id is another.
const FIRST: usize = 7000;
/// What the id of a main location is above its account's.
const LOCATIONS: u64 = 500_000;

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let desk = Desk::default();
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let vendor = Vendor {
        name: "kaseya-bms",
        title: "Kaseya BMS",
        about: "The PSA: who is a customer, and where the report becomes a ticket.",
        settings: format!(
            "url = \"{base}/kaseya-bms\"\ntenant = \"{TENANT}\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n"
        ),
        routes: routes(Side { accounts: companies(msp), desk: desk.clone(), tokens: Tokens::default() }),
        books,
        story: vec![format!("A ticket in the queue Finance of Kaseya BMS, for {OWN_COMPANY}: the sheet is attached.")],
    };
    let delivery = format!(
        "to = \"kaseya-bms\"\ncompany = \"{OWN_COMPANY}\"\nqueue = \"Finance\"\nstatus = \"New\"\nsource = \"Web\"\n"
    );
    Psa { vendor, delivery, desk, bills: Bills::default() }
}

struct Side {
    accounts: Vec<Account>,
    desk: Desk,
    tokens: Tokens,
}

fn routes(side: Side) -> Router {
    let side = Arc::new(side);
    let choices = |choices: &'static [(u64, &'static str)]| {
        get(move || async move {
            let default = choices[0].0;
            let row = |(id, name): &(u64, &str)| json!({ "id": id, "name": name, "isActive": true, "isDefault": *id == default });
            good(choices.iter().map(row).collect::<Value>())
        })
    };
    let guarded = Router::new()
        .route("/security/userinfo", get(userinfo))
        .route("/crm/accounts/summary", get(accounts))
        .route("/system/queues/lookup", choices(QUEUES))
        .route("/system/statuses/lookup", choices(STATUSES))
        .route("/system/priorities/lookup", choices(PRIORITIES))
        .route("/system/lookup/TicketType", choices(TYPES))
        .route("/system/lookup/TicketSource", choices(SOURCES))
        .route("/system/lookup/NoteType", choices(NOTE_TYPES))
        .route("/hr/assignees/lookup", choices(ASSIGNEES))
        .route("/servicedesk/tickets", get(tickets).post(make_ticket))
        .route("/servicedesk/tickets/{id}/notes", post(make_note))
        .route("/system/attachments/{module}/{id}", get(attachments).post(upload))
        .layer(from_fn_with_state(side.clone(), authorised));
    let all = Router::new().route("/security/authenticate", post(log_in)).merge(guarded);
    Router::new().nest("/kaseya-bms/v2", all).with_state(side)
}

fn good(result: impl Into<Value>) -> Response {
    let result: Value = result.into();
    answer(StatusCode::OK, json!({ "success": true, "error": null, "result": result }))
}

fn refused(status: StatusCode, code: u32, message: &str) -> Response {
    let error = json!({ "code": code, "message": message, "details": null, "stackStrace": null, "subErrors": [] });
    answer(status, json!({ "success": false, "error": error, "result": null }))
}

fn wrong(message: &str) -> Response {
    refused(StatusCode::OK, 400, message)
}

async fn log_in(State(psa): State<Arc<Side>>, Form(form): Form<Pairs>) -> Response {
    let sent = |key: &str| form.get(key).map_or("", String::as_str);
    let known = (sent("Tenant"), sent("UserName"), sent("Password")) == (TENANT, USER, PASSWORD);
    if sent("GrantType") != "password" || !known {
        return wrong("Invalid credentials");
    }
    good(json!({ "accessToken": psa.tokens.issue(USER), "refreshToken": "simulated-refresh" }))
}

async fn authorised(State(psa): State<Arc<Side>>, request: Request, next: Next) -> Response {
    match psa.tokens.subject(request.headers()) {
        Some(_) => next.run(request).await,
        None => refused(StatusCode::UNAUTHORIZED, 978_001, "Security Error"),
    }
}

async fn userinfo() -> Response {
    good(json!({ "userId": 12, "fullName": "Tallysheet", "tenantId": 77, "businessName": TENANT }))
}

/// A page, in an order that nobody promises.
fn paged(query: &Pairs, mut rows: Vec<Value>) -> Response {
    rows.reverse();
    let (size, at) = (number(query, "PageSize", 20, 1..=100), number(query, "PageNumber", 1, 1..=usize::MAX));
    let (Some(size), Some(at)) = (size, at) else { return wrong("Invalid paging") };
    let shown = page(&rows, at - 1, size);
    answer(StatusCode::OK, json!({ "success": true, "error": null, "totalRecords": rows.len(), "result": shown }))
}

async fn accounts(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let asked = query.get("Filter.IsActive").map(|flag| flag == "true");
    let meant = psa.accounts.iter().filter(|account| asked.is_none_or(|active| active != account.left));
    let row = |account: &Account| {
        json!({ "id": account.id, "accountCode": format!("C{}", account.id), "accountName": account.name,
            "accountType": "Client", "isActive": !account.left, "website": account.domain, "locations": [
                { "id": u64::from(account.id) + 2 * LOCATIONS, "locationName": "Branch", "isMain": false, "isActive": true },
                { "id": u64::from(account.id) + LOCATIONS, "locationName": "Main", "isMain": true, "isActive": true,
                  "addresses": [] }] })
    };
    paged(&query, meant.map(row).collect())
}

async fn tickets(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let since = query.get("Filter.CreatedOnFrom");
    if since.is_some_and(|since| since.parse::<jiff::Timestamp>().is_err()) {
        return wrong("Invalid date");
    }
    let open_only = query.get("Filter.ExcludeCompleted").is_some_and(|flag| flag == "1");
    let accounts: Option<Vec<&str>> = query.get("Filter.AccountIds").map(|ids| ids.split(',').collect());
    let of_accounts = |ticket: &Ticket| accounts.as_ref().is_none_or(|ids| ids.contains(&ticket.company.as_str()));
    let all = psa.desk.tickets();
    let meant = all.iter().enumerate().filter(|(_, ticket)| of_accounts(ticket) && !(open_only && ticket.closed));
    let row = |(number, ticket): (usize, &Ticket)| {
        let completed = ticket.closed.then_some("2026-11-02T08:00:00Z");
        json!({ "id": FIRST + number, "ticketNumber": (number + 1).to_string(), "title": ticket.title,
            "details": ticket.body, "accountId": ticket.company, "completedDate": completed })
    };
    paged(&query, meant.map(row).collect())
}

async fn make_ticket(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    if psa.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::OK, 403, "You do not have permission to do this.");
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let id = |key: &str| body[key].as_u64().unwrap_or_default();
    let is = |choices: &[(u64, &str)], key: &str| choices.iter().any(|(known, _)| *known == id(key));
    let known =
        is(STATUSES, "StatusId") && is(PRIORITIES, "PriorityId") && is(TYPES, "TypeId") && is(SOURCES, "SourceId");
    let assigned = is(QUEUES, "QueueId") || is(ASSIGNEES, "AssigneeId");
    let account_known = psa.accounts.iter().any(|account| !account.left && u64::from(account.id) == id("AccountId"));
    let located = id("LocationId") == id("AccountId") + LOCATIONS;
    let told = !text("Title").is_empty() && !text("Details").is_empty();
    let dated = text("OpenDate").parse::<jiff::Timestamp>().is_ok();
    if !(known && assigned && account_known && located && told && dated) {
        return wrong("A field is missing or wrong.");
    }
    let (title, company, details) = (text("Title"), id("AccountId").to_string(), text("Details"));
    let number = psa.desk.make(Ticket { title, company, body: details, ..Ticket::default() });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, Value::Null);
    }
    good(json!({ "id": FIRST + number, "ticketNumber": (number + 1).to_string(), "title": body["Title"] }))
}

/// The ticket of an id, counted from 0.
fn number_of(psa: &Side, id: usize) -> Option<usize> {
    id.checked_sub(FIRST).filter(|number| *number < psa.desk.tickets().len())
}

async fn make_note(State(psa): State<Arc<Side>>, Path(id): Path<usize>, Json(body): Json<Value>) -> Response {
    let dated = body["NoteDate"].as_str().is_some_and(|date| date.parse::<jiff::Timestamp>().is_ok());
    let known = NOTE_TYPES.iter().any(|(kind, _)| body["TypeId"] == *kind);
    let (Some(number), Some(internal), true) = (number_of(&psa, id), body["IsInternal"].as_bool(), dated && known)
    else {
        return wrong("A field is missing or wrong.");
    };
    let text = body["Details"].as_str().unwrap_or_default().to_owned();
    psa.desk.change(number, |ticket| ticket.notes.push((text, !internal)));
    good(json!({ "id": 1, "isInternal": internal }))
}

async fn attachments(
    State(psa): State<Arc<Side>>,
    Path((module, id)): Path<(u64, usize)>,
    Query(query): Query<Pairs>,
) -> Response {
    let Some(number) = number_of(&psa, id).filter(|_| module == TICKETS) else { return wrong("Not found") };
    let files = psa.desk.tickets().swap_remove(number).files;
    let row = |(number, (name, _)): (u32, (String, Vec<u8>))| json!({ "id": number, "originalFileName": name, "objectId": id });
    paged(&query, (1..).zip(files).map(row).collect())
}

async fn upload(State(psa): State<Arc<Side>>, Path((module, id)): Path<(u64, usize)>, mut form: Multipart) -> Response {
    let mut files = Vec::new();
    while let Ok(Some(part)) = form.next_field().await {
        let (name, file_name) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let bytes = part.bytes().await.unwrap_or_default().to_vec();
        files.extend(file_name.filter(|_| name == "formFile").map(|file_name| (file_name, bytes)));
    }
    let (Some(number), [file]) = (number_of(&psa, id).filter(|_| module == TICKETS), files.as_slice()) else {
        return wrong("One file is wanted.");
    };
    if psa.desk.fault() == Some(Fault::FilesRefused) {
        return wrong("The file is refused.");
    }
    psa.desk.change(number, |ticket| ticket.files.push(file.clone()));
    good(json!([{ "id": 1, "originalFileName": file.0, "moduleId": TICKETS }]))
}
