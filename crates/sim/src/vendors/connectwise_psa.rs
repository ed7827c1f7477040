//! ConnectWise PSA: companies, service tickets and agreements; basic credentials and a client id; `Link` headers for pages.

mod billing;

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, answer, has_basic, number, page};
use crate::msp::Msp;
use axum::Router;
use axum::extract::{Json, Multipart, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;

const USER: &str = "examplemsp+cw_public_simulated";
const PRIVATE: &str = "cw_private_simulated";
const CLIENT: &str = "5d5d5d5d-0000-4000-8000-00000000cafe";
const BOARDS: &[(u32, &str)] = &[(1, "Help Desk"), (7, "Finance")];
const STATUSES: &[(u32, &str)] = &[(101, "New"), (102, "Completed")];

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let (desk, bills) = (Desk::default(), Bills::default());
    let url = format!("{base}/connectwise-psa");
    let side = Side { url, accounts: companies(msp), desk: desk.clone(), bills: bills.clone() };
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let vendor = Vendor {
        name: "connectwise-psa",
        title: "ConnectWise PSA",
        about: "The PSA: who is a customer, what is billed, and where the report becomes a ticket.",
        settings: format!(
            "url = \"{}\"\ncompany_id = \"examplemsp\"\npublic_key = \"cw_public_simulated\"\n\
             private_key = \"{PRIVATE}\"\nclient_id = \"{CLIENT}\"\n",
            side.url
        ),
        routes: routes(side),
        books,
        story: vec![format!(
            "A ticket on the board Finance of ConnectWise PSA, for {OWN_COMPANY}: the sheet is attached."
        )],
    };
    let delivery =
        format!("to = \"connectwise-psa\"\ncompany = \"{OWN_COMPANY}\"\nboard = \"Finance\"\nstatus = \"New\"\n");
    Psa { vendor, delivery, desk, bills }
}

struct Side {
    url: String,
    accounts: Vec<Account>,
    desk: Desk,
    bills: Bills,
}

fn routes(side: Side) -> Router {
    let routes = Router::new()
        .route("/company/companies", get(list_companies))
        .route("/company/companies/count", get(count))
        .route("/company/companies/statuses", get(company_statuses))
        .route("/service/boards", get(boards))
        .route("/service/boards/{board}/statuses", get(board_statuses))
        .route("/service/boards/{board}/types", get(none))
        .route("/service/priorities", get(none))
        .route("/service/tickets", get(tickets).post(make_ticket))
        .route("/service/tickets/{id}/notes", post(make_note))
        .route("/system/documents", get(documents).post(upload))
        .merge(billing::routes())
        .layer(from_fn(authorised))
        .with_state(Arc::new(side));
    Router::new().nest("/connectwise-psa/v4_6_release/apis/3.0", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    let client = request.headers().get("clientid").is_some_and(|client| client.as_bytes() == CLIENT.as_bytes());
    match (client, has_basic(request.headers(), USER, PRIVATE)) {
        (true, true) => next.run(request).await,
        (true, false) => refused(StatusCode::UNAUTHORIZED, "Unauthorized"),
        (false, _) => (StatusCode::BAD_REQUEST, "Cannot route. Codebase/company is invalid").into_response(),
    }
}

fn refused(status: StatusCode, code: &str) -> Response {
    answer(status, json!({ "code": code, "message": "as the vendor says it", "errors": null }))
}

async fn count(State(psa): State<Arc<Side>>) -> Response {
    answer(StatusCode::OK, json!({ "count": psa.accounts.len() }))
}

async fn company_statuses() -> Response {
    let statuses = json!([{ "id": 1, "name": "Active", "inactiveFlag": false },
        { "id": 4, "name": "Former", "inactiveFlag": true }]);
    answer(StatusCode::OK, statuses)
}

async fn list_companies(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let rows = psa.accounts.iter().map(|account| {
        let status =
            if account.left { json!({ "id": 4, "name": "Former" }) } else { json!({ "id": 1, "name": "Active" }) };
        json!({ "id": account.id, "identifier": format!("C{}", account.id), "name": account.name, "status": status,
            "website": account.domain.as_ref().map(|domain| format!("https://www.{domain}")), "isVendorFlag": false })
    });
    paged(&psa, "/company/companies", &query, rows.collect())
}

/// A page in the order of ids, with the address of the next.
fn paged(psa: &Side, path: &str, query: &Pairs, mut rows: Vec<Value>) -> Response {
    rows.sort_by_key(|row| row["id"].as_u64());
    let size = number(query, "pageSize", 25, 1..=1000);
    let (Some(size), Some(at)) = (size, number(query, "page", 1, 1..=usize::MAX)) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    };
    if query.get("orderBy").is_none_or(|order| order != "id") && rows.len() > size {
        // Without an order rows come as they like: a caller that asks so must see it.
        rows.reverse();
    }
    let shown = page(&rows, at - 1, size).to_vec();
    let response = answer(StatusCode::OK, Value::from(shown));
    if at * size >= rows.len() {
        return response;
    }
    let encode = |text: &String| percent(text);
    let kept: Vec<String> =
        query.iter().filter(|(key, _)| *key != "page").map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let link = format!("<{}/v4_6_release/apis/3.0{path}?{}&page={}>; rel=\"next\"", psa.url, kept.join("&"), at + 1);
    ([("link", link)], response).into_response()
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded + &char::from(byte).to_string(),
        byte => format!("{encoded}%{byte:02X}"),
    })
}

async fn boards(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let projects = json!({ "id": 9, "name": "Projects", "inactiveFlag": false, "projectFlag": true });
    let board =
        |(id, name): &(u32, &str)| json!({ "id": id, "name": name, "inactiveFlag": false, "projectFlag": false });
    paged(&psa, "/service/boards", &query, BOARDS.iter().map(board).chain([projects]).collect())
}

async fn board_statuses(State(psa): State<Arc<Side>>, Path(board): Path<u32>, Query(query): Query<Pairs>) -> Response {
    if !BOARDS.iter().any(|(id, _)| *id == board) {
        return refused(StatusCode::NOT_FOUND, "NotFound");
    }
    let statuses = STATUSES.iter().map(|(id, name)| json!({ "id": id, "name": name, "inactive": false }));
    paged(&psa, "/service/boards", &query, statuses.collect())
}

async fn none() -> Response {
    answer(StatusCode::OK, json!([]))
}

async fn tickets(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let conditions = query.get("conditions").map_or("", String::as_str);
    let company = conditions.split("company/id=").nth(1).and_then(|rest| rest.split(' ').next());
    let open_only = conditions.contains("closedFlag=false");
    let all = psa.desk.tickets();
    let meant = all
        .iter()
        .enumerate()
        .filter(|(_, ticket)| company.is_none_or(|company| ticket.company == company) && !(open_only && ticket.closed));
    let row = |(number, ticket): (usize, &Ticket)| json!({ "id": 4000 + number, "summary": ticket.title, "externalXRef": ticket.key, "closedFlag": ticket.closed });
    paged(&psa, "/service/tickets", &query, meant.map(row).collect())
}

async fn make_ticket(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    if psa.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "Forbidden");
    }
    let company = body["company"]["id"].as_u64().unwrap_or_default();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let known = |list: &[(u32, &str)], key: &str| {
        body[key].is_null() || list.iter().any(|(id, _)| body[key]["id"].as_u64() == Some(u64::from(*id)))
    };
    let complete = !text("summary").is_empty() && text("summary").chars().count() <= 100;
    let company_known = psa.accounts.iter().any(|account| u64::from(account.id) == company);
    if !complete || !company_known || !known(BOARDS, "board") || !known(STATUSES, "status") {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    }
    let number = psa.desk.make(Ticket {
        title: text("summary"),
        company: company.to_string(),
        body: text("initialDescription"),
        key: text("externalXRef"),
        ..Ticket::default()
    });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Timeout");
    }
    answer(StatusCode::CREATED, json!({ "id": 4000 + number, "summary": body["summary"] }))
}

/// The ticket of an id, counted from 0.
fn ticket_number(psa: &Side, id: &str) -> Option<usize> {
    let number = id.parse::<usize>().ok()?.checked_sub(4000)?;
    (number < psa.desk.tickets().len()).then_some(number)
}

async fn make_note(State(psa): State<Arc<Side>>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let Some(number) = ticket_number(&psa, &id) else { return refused(StatusCode::NOT_FOUND, "NotFound") };
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    let is_public = body["internalAnalysisFlag"] != true;
    psa.desk.change(number, |ticket| ticket.notes.push((text, is_public)));
    answer(StatusCode::CREATED, json!({ "id": 1 }))
}

async fn documents(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let ticket = query.get("recordId").and_then(|id| ticket_number(&psa, id));
    let (Some(number), Some("Ticket")) = (ticket, query.get("recordType").map(String::as_str)) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    };
    let files = psa.desk.tickets().swap_remove(number).files;
    let rows = (1..)
        .zip(files)
        .map(|(id, (name, bytes)): (u32, _)| json!({ "id": id, "title": name, "fileName": name, "size": bytes.len() }));
    paged(&psa, "/system/documents", &query, rows.collect())
}

async fn upload(State(psa): State<Arc<Side>>, mut form: Multipart) -> Response {
    let (mut fields, mut file) = (Pairs::new(), None);
    while let Ok(Some(part)) = form.next_field().await {
        let (name, file_name) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let bytes = part.bytes().await.unwrap_or_default().to_vec();
        match file_name {
            Some(file_name) => file = Some((file_name, bytes)),
            None => drop(fields.insert(name, String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
    let ticket = fields.get("recordId").and_then(|id| ticket_number(&psa, id));
    let private = fields.get("privateFlag").is_some_and(|flag| flag == "true");
    let (Some(number), Some(file), true) = (ticket, file, private) else {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    };
    if psa.desk.fault() == Some(Fault::FilesRefused) {
        return refused(StatusCode::BAD_REQUEST, "InvalidObject");
    }
    let name = file.0.clone();
    psa.desk.change(number, |ticket| ticket.files.push(file));
    answer(StatusCode::CREATED, json!({ "id": 1, "fileName": name }))
}
