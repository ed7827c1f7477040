//! HaloPSA: clients, tickets and recurring invoices; client credentials with scopes, whose address it tells itself; every body
//! is a list.

mod billing;

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry};
use crate::desk::{Account, Desk, Fault, OWN_COMPANY, Ticket, companies};
use crate::kit::{Pairs, Tokens, answer, number, page};
use crate::msp::Msp;
use axum::Router;
use axum::extract::{Form, Json, Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

const CLIENT: &str = "7a7a7a7a-0000-4000-8000-00000000beef";
const SECRET: &str = "halo_secret_simulated";
const TENANT: &str = "examplemsp";
/// The scopes that the application was granted.
const SCOPES: &[&str] = &["read:customers", "read:tickets", "edit:tickets", "read:invoices", "edit:invoices"];
const TYPES: &[(u64, &str)] = &[(1, "Incident"), (33, "Billing")];
const STATUSES: &[(u64, &str)] = &[(1, "New"), (9, "Closed")];
const PRIORITIES: &[(u64, &str)] = &[(1, "Critical"), (4, "Low")];
const TEAMS: &[(u64, &str)] = &[(1, "1st Line"), (2, "Finance")];
/// The built-in actions of which one is a private note.
const ACTIONS: &[u64] = &[3, 7];
/// The number of the first ticket.
const FIRST: usize = 2000;

pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let (desk, bills) = (Desk::default(), Bills::default());
    let url = format!("{base}/halopsa");
    let mut books = Books::new(&[]);
    books.entries = vec![Entry::Blank; msp.companies.len()];
    let vendor = Vendor {
        name: "halopsa",
        title: "HaloPSA",
        about: "The PSA: who is a customer, what is billed, and where the report becomes a ticket.",
        settings: format!("url = \"{url}/api\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"),
        routes: routes(Side {
            url,
            accounts: companies(msp),
            desk: desk.clone(),
            bills: bills.clone(),
            tokens: Tokens::default(),
        }),
        books,
        story: vec![format!("A ticket of the type Billing in HaloPSA, for {OWN_COMPANY}: the sheet is attached.")],
    };
    let delivery = format!(
        "to = \"halopsa\"\ncompany = \"{OWN_COMPANY}\"\ntype = \"Billing\"\nstatus = \"New\"\nqueue = \"Finance\"\n"
    );
    Psa { vendor, delivery, desk, bills }
}

struct Side {
    url: String,
    accounts: Vec<Account>,
    desk: Desk,
    bills: Bills,
    tokens: Tokens,
}

fn routes(side: Side) -> Router {
    let side = Arc::new(side);
    let choices = |choices: &'static [(u64, &'static str)], id: &'static str| {
        get(move || async move {
            let row = |(number, name): &(u64, &str)| json!({ "id": number, id: number, "name": name });
            answer(StatusCode::OK, choices.iter().map(row).collect())
        })
    };
    let api = Router::new()
        .route("/Client", get(list_clients))
        .route("/TicketType", choices(TYPES, "id"))
        .route("/Status", choices(STATUSES, "id"))
        .route("/Priority", choices(PRIORITIES, "priorityid"))
        .route("/Team", choices(TEAMS, "id"))
        .route("/Tickets", get(tickets).post(make_ticket))
        .route("/Tickets/{id}", get(ticket))
        .route("/Attachment", get(attachments).post(attach))
        .route("/Actions", post(act))
        .route("/RecurringInvoice", get(billing::list))
        .route("/RecurringInvoice/updatelines", post(billing::update_lines))
        .route("/RecurringInvoice/{id}", get(billing::one))
        .layer(from_fn_with_state(side.clone(), authorised));
    let open = Router::new().route("/api/authinfo", get(authinfo)).route("/auth/token", post(token));
    Router::new().nest("/halopsa", open.nest("/api", api)).with_state(side)
}

async fn authinfo(State(psa): State<Arc<Side>>) -> Response {
    answer(StatusCode::OK, json!({ "auth_url": format!("{}/auth", psa.url), "tenant_id": TENANT }))
}

async fn token(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>, Form(form): Form<Pairs>) -> Response {
    let sent = |key: &str| form.get(key).map_or("", String::as_str);
    let known = (sent("client_id"), sent("client_secret")) == (CLIENT, SECRET);
    let error = match (sent("grant_type"), query.get("tenant").map(String::as_str)) {
        ("client_credentials", Some(TENANT)) if !known => "invalid_client",
        ("client_credentials", Some(TENANT)) if !sent("scope").split(' ').all(|scope| SCOPES.contains(&scope)) => {
            "invalid_scope"
        }
        ("client_credentials", Some(TENANT)) => {
            let token = psa.tokens.issue(sent("scope"));
            let issued =
                json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": sent("scope") });
            return answer(StatusCode::OK, issued);
        }
        _ => "invalid_request",
    };
    answer(StatusCode::BAD_REQUEST, json!({ "error": error, "error_description": "as the vendor says it" }))
}

/// A token, and the scope that the call needs.
async fn authorised(State(psa): State<Arc<Side>>, request: Request, next: Next) -> Response {
    let Some(scopes) = psa.tokens.subject(request.headers()) else {
        return refused(StatusCode::UNAUTHORIZED, "Unauthorized");
    };
    let needed = match (request.method(), request.uri().path()) {
        (_, path) if path.ends_with("/Client") => "read:customers",
        (&Method::POST, path) if path.contains("/RecurringInvoice") => "edit:invoices",
        (_, path) if path.contains("/RecurringInvoice") => "read:invoices",
        (&Method::POST, _) => "edit:tickets",
        _ => "read:tickets",
    };
    if scopes.split(' ').any(|scope| scope == needed) {
        next.run(request).await
    } else {
        refused(StatusCode::FORBIDDEN, "Forbidden")
    }
}

fn refused(status: StatusCode, message: &str) -> Response {
    answer(status, json!({ "ClassName": "HaloException", "Message": message }))
}

async fn list_clients(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let asked = |key: &str, default: bool| query.get(key).map_or(default, |flag| flag == "true");
    let (active, inactive) = (asked("includeactive", true), asked("includeinactive", false));
    let meant = psa.accounts.iter().filter(|account| if account.left { inactive } else { active });
    let row = |account: &Account| {
        json!({ "id": account.id, "name": account.name, "toplevel_id": 2, "toplevel_name": "Clients",
            "inactive": account.left, "domain": account.domain.clone().unwrap_or_default() })
    };
    let rows: Vec<Value> = meant.map(row).collect();
    let shown = if query.get("pageinate").is_some_and(|flag| flag == "true") {
        let (size, at) = (number(&query, "page_size", 50, 1..=100), number(&query, "page_no", 1, 1..=usize::MAX));
        let (Some(size), Some(at)) = (size, at) else { return refused(StatusCode::BAD_REQUEST, "page") };
        page(&rows, at - 1, size).to_vec()
    } else {
        page(&rows, 0, number(&query, "count", 50, 1..=1000).unwrap_or(50)).to_vec()
    };
    answer(StatusCode::OK, json!({ "record_count": rows.len(), "clients": shown }))
}

async fn tickets(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let is_day = |key: &str| query.get(key).is_none_or(|day| day.parse::<jiff::civil::Date>().is_ok());
    let (true, true, Some(count)) = (is_day("startdate"), is_day("enddate"), number(&query, "count", 50, 1..=1000))
    else {
        return refused(StatusCode::BAD_REQUEST, "search");
    };
    let open_only = query.get("open_only").is_some_and(|flag| flag == "true");
    let client = query.get("client_id");
    let of_client = |ticket: &Ticket| client.is_none_or(|client| *client == ticket.company);
    let all = psa.desk.tickets();
    let meant = all.iter().enumerate().filter(|(_, ticket)| of_client(ticket) && !(open_only && ticket.closed));
    // What a ticket carries is told of each alone.
    let mut rows: Vec<Value> = meant
        .map(|(number, ticket)| {
            json!({ "id": FIRST + number, "summary": ticket.title, "client_id": ticket.company,
                "hasbeenclosed": ticket.closed })
        })
        .collect();
    if query.get("orderdesc").is_some_and(|flag| flag == "true") {
        rows.reverse();
    }
    answer(StatusCode::OK, json!({ "record_count": rows.len(), "tickets": page(&rows, 0, count) }))
}

async fn ticket(State(psa): State<Arc<Side>>, Path(id): Path<usize>, Query(query): Query<Pairs>) -> Response {
    let Some(number) = number_of(&psa, id) else { return refused(StatusCode::NOT_FOUND, "Ticket") };
    let ticket = psa.desk.tickets().swap_remove(number);
    let mut shown = json!({ "id": id, "summary": ticket.title, "hasbeenclosed": ticket.closed });
    if query.get("includedetails").is_some_and(|flag| flag == "true") {
        shown["details_html"] = json!(ticket.body);
        shown["third_party_id_string"] = json!(ticket.key);
    }
    answer(StatusCode::OK, shown)
}

/// The ticket of an id, counted from 0.
fn number_of(psa: &Side, id: usize) -> Option<usize> {
    id.checked_sub(FIRST).filter(|number| *number < psa.desk.tickets().len())
}

/// The one record of a body.
fn record(body: &Value) -> Option<&Value> {
    body.as_array().filter(|records| records.len() == 1)?.first()
}

async fn make_ticket(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    let Some(body) = record(&body) else { return refused(StatusCode::BAD_REQUEST, "a list is wanted") };
    if psa.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "Forbidden");
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let known = |choices: &[(u64, &str)], key: &str| choices.iter().any(|(id, _)| body[key].as_u64() == Some(*id));
    let may = |choices: &[(u64, &str)], key: &str| body[key].is_null() || known(choices, key);
    let client = body["client_id"].as_u64().unwrap_or_default();
    let told = !text("summary").is_empty() && !(text("details_html") + &text("details")).is_empty();
    let of_someone = body["user_id"].is_u64() || (body["usertype"] == 1 && body["userlookup"]["id"] == -1);
    let client_known = psa.accounts.iter().any(|account| u64::from(account.id) == client);
    let team_known = body["team"].is_null() || TEAMS.iter().any(|(_, name)| body["team"] == *name);
    let fields = known(TYPES, "tickettype_id") && may(STATUSES, "status_id") && may(PRIORITIES, "priority_id");
    if !told || !of_someone || !client_known || !team_known || !fields {
        return refused(StatusCode::BAD_REQUEST, "a field is missing or wrong");
    }
    let number = psa.desk.make(Ticket {
        title: text("summary"),
        company: client.to_string(),
        body: text("details_html") + &text("details"),
        key: text("third_party_id_string"),
        ..Ticket::default()
    });
    if psa.desk.fault() == Some(Fault::AnswerLost) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Timeout");
    }
    answer(StatusCode::CREATED, json!({ "id": FIRST + number, "summary": body["summary"], "hasbeenclosed": false }))
}

async fn attachments(State(psa): State<Arc<Side>>, Query(query): Query<Pairs>) -> Response {
    let number = query.get("ticket_id").and_then(|id| id.parse().ok()).and_then(|id| number_of(&psa, id));
    let Some(number) = number else { return refused(StatusCode::NOT_FOUND, "Ticket") };
    let files = psa.desk.tickets().swap_remove(number).files;
    let row =
        |(id, (name, bytes)): (u32, (String, Vec<u8>))| json!({ "id": id, "filename": name, "filesize": bytes.len() });
    let rows: Vec<Value> = (1..).zip(files).map(row).collect();
    answer(StatusCode::OK, json!({ "record_count": rows.len(), "attachments": rows }))
}

async fn attach(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    let file = record(&body).and_then(|body| {
        let number = number_of(&psa, usize::try_from(body["ticket_id"].as_u64()?).ok()?)?;
        let hidden = body["showforusers"] == false;
        let bytes = STANDARD.decode(body["data_base64"].as_str()?).ok().filter(|_| hidden)?;
        Some((number, body["filename"].as_str()?.to_owned(), bytes))
    });
    let (Some((number, name, bytes)), false) = (file, psa.desk.fault() == Some(Fault::FilesRefused)) else {
        return refused(StatusCode::BAD_REQUEST, "the file is refused");
    };
    psa.desk.change(number, |ticket| ticket.files.push((name.clone(), bytes)));
    answer(StatusCode::CREATED, json!({ "id": 1, "filename": name }))
}

async fn act(State(psa): State<Arc<Side>>, Json(body): Json<Value>) -> Response {
    let action = record(&body).filter(|body| ACTIONS.iter().any(|action| body["outcome_id"] == *action));
    let Some(body) = action else {
        return refused(StatusCode::BAD_REQUEST, "An Outcome must be entered for this Action");
    };
    let number = body["ticket_id"].as_u64().and_then(|id| number_of(&psa, usize::try_from(id).ok()?));
    let Some(number) = number else { return refused(StatusCode::NOT_FOUND, "Ticket") };
    let text = body["note_html"].as_str().or(body["note"].as_str()).unwrap_or_default().to_owned();
    let is_public = body["hiddenfromuser"] != true || body["sendemail"] == true;
    psa.desk.change(number, |ticket| ticket.notes.push((text, is_public)));
    answer(StatusCode::CREATED, json!({ "id": 1, "ticket_id": body["ticket_id"] }))
}
