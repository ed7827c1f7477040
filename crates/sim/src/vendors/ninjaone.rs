//! NinjaOne: organizations, and one list of all devices; client credentials with scopes, pages by the last id, devices
//! that are not approved, virtual machines that stand in the list twice.

use super::{Psa, Vendor};
use crate::bills::Bills;
use crate::books::{Books, Entry, Org, fixed};
use crate::desk::{Desk, Fault, OWN_COMPANY, Ticket};
use crate::kit::{Pairs, Tokens, answer, number, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Json, Multipart, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const CLIENT: &str = "simulated-app";
const SECRET: &str = "simulated & secret";
/// The scopes that the app was granted: without tickets, and with them.
const SCOPE: &str = "monitoring";
const DESK_SCOPE: &str = "monitoring management";
const BOARD: usize = 4;
const STATUSES: &[(u32, &str, &str)] = &[(1000, "NEW", "New"), (2000, "OPEN", "Open"), (6000, "CLOSED", "Closed")];
const FIRST_TICKET: usize = 1001;
const COLUMNS: &[&str] = &["Workstations", "Servers", "Network devices"];
/// The classes of each column, and of what has none.
const WORKSTATION: &[&str] = &["WINDOWS_WORKSTATION", "WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION"];
const SERVER: &[&str] = &["WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER"];
const NETWORK: &[&str] = &["NMS_SWITCH", "NMS_FIREWALL", "NMS_WAP", "NMS_COMPUTER", "NMS_NETWORK_MANAGEMENT_AGENT"];
const OTHER: &[&str] = &["ANDROID", "APPLE_IOS", "CLOUD_MONITOR_TARGET", "MANAGED_DEVICE", "UNMANAGED_DEVICE"];
const NOT_APPROVED: &[&str] = &["PENDING", "STAGED", "DECOMMISSIONED"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    invent(msp, base, None)
}

/// The same as the MSP's PSA: tickets are made in the MSP's own organization.
pub(crate) fn psa(msp: &Msp, base: &str) -> Psa {
    let desk = Desk::default();
    let mut vendor = invent(msp, base, Some(&desk));
    let scope = format!("scope = \"{DESK_SCOPE}\"\n");
    vendor.settings.push_str(&scope);
    let delivery = format!("to = \"ninjaone\"\ncompany = \"{OWN_COMPANY}\"\nstatus = \"New\"\npriority = \"LOW\"\n");
    Psa { vendor, delivery, desk, bills: Bills::default() }
}

fn invent(msp: &Msp, base: &str, desk: Option<&Desk>) -> Vendor {
    let ninja = Ninja { scope: SCOPE, ..Ninja::default() };
    let mut ledger = Ledger { rng: msp.rng("ninjaone"), books: Books::new(COLUMNS), ninja };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[2].spelled(Spelling::Usual);
    ledger.organization(&stranger, None, [6, 1, 2]);
    if let Some(desk) = desk {
        ledger.listed(OWN_COMPANY, None, [0; 3]);
        (ledger.ninja.desk, ledger.ninja.scope) = (desk.clone(), DESK_SCOPE);
    }
    ledger.ninja.tokens = Tokens::of(msp);
    ledger.books.list("organizations", ledger.ninja.organizations.len());
    ledger.books.list("devices", ledger.ninja.devices.len());

    Vendor {
        name: "ninjaone",
        title: "NinjaOne",
        about: "Devices of every organization, by class.",
        settings: format!("url = \"{base}/ninjaone\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"),
        routes: routes(ledger.ninja),
        books: ledger.books,
        story: vec![
            format!(
                "{}: its NinjaOne devices all wait for approval: zero, and told as left out.",
                msp.who(Role::NoDevices)
            ),
            format!("{stranger}: an organization at NinjaOne that no row of companies.csv knows: a row of its own."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    ninja: Ninja,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Usual);
        let id = if company.role == Some(Role::NoDevices) {
            let id = self.listed(&name, Some(number), [0; 3]);
            for _ in 0..company.workstations {
                self.device(id, WORKSTATION, "PENDING", None);
            }
            id
        } else {
            let network = self.rng.u32(0..5);
            self.organization(&name, Some(number), [company.workstations, company.servers, network])
        };
        company.entry(None, [id.to_string()])
    }

    fn organization(&mut self, name: &str, company: Option<usize>, counts: [u32; 3]) -> usize {
        let id = self.listed(name, company, counts);
        let [workstations, servers, network] = counts;
        for (classes, count) in [(WORKSTATION, workstations), (NETWORK, network), (OTHER, 2)] {
            for _ in 0..count {
                self.device(id, classes, "APPROVED", None);
            }
        }
        // Every server runs on a host, which reports it besides: a guest is no second server.
        let host = (servers > 0).then(|| self.device(id, &["HYPERV_VMM_HOST"], "APPROVED", None));
        for _ in 0..servers {
            self.device(id, SERVER, "APPROVED", None);
            self.device(id, &["HYPERV_VMM_GUEST"], "APPROVED", host);
        }
        // No devices yet, or no more.
        let status = NOT_APPROVED[self.rng.usize(..NOT_APPROVED.len())];
        self.device(id, WORKSTATION, status, None);
        self.device(id, SERVER, status, None);
        id
    }

    fn listed(&mut self, name: &str, company: Option<usize>, counts: [u32; 3]) -> usize {
        let id = self.ninja.organizations.len() + 2;
        self.ninja.organizations.push(json!({
            "id": id, "name": name, "description": "", "userData": {}, "nodeApprovalMode": "MANUAL",
        }));
        let counted = fixed(COLUMNS, counts);
        self.books.orgs.push(Org { id: id.to_string(), name: name.to_owned(), company, counted });
        id
    }

    /// Of one of these classes. Offline ones are devices like all others.
    fn device(&mut self, organization: usize, classes: &[&str], status: &str, host: Option<usize>) -> usize {
        let rng = &mut self.rng;
        let id = self.ninja.devices.len() + 11;
        let contact = f64::from(1_795_000_000 - rng.u32(0..7_000_000)) + 0.25;
        self.ninja.devices.push(json!({
            "id": id, "uid": uuid(rng), "parentDeviceId": host, "organizationId": organization, "locationId": organization,
            "nodeClass": classes[rng.usize(..classes.len())], "nodeRoleId": 11, "rolePolicyId": 5, "policyId": null,
            "approvalStatus": status, "offline": rng.u8(0..4) == 0, "displayName": format!("HOST-{id:05}"),
            "created": 1_704_067_200.12, "lastContact": contact, "lastUpdate": contact, "tags": [], "maintenance": null,
        }));
        id
    }
}

/// Both lists by rising id.
#[derive(Default)]
struct Ninja {
    tokens: Tokens,
    organizations: Vec<Value>,
    devices: Vec<Value>,
    /// What the app was granted.
    scope: &'static str,
    desk: Desk,
}

type Shared = State<Arc<Ninja>>;

fn routes(ninja: Ninja) -> Router {
    let ninja = Arc::new(ninja);
    let api = Router::new()
        .route("/organizations", get(organizations))
        .route("/devices", get(devices))
        .route("/ticketing/ticket-form", get(ticket_forms))
        .route("/ticketing/statuses", get(statuses))
        .route("/ticketing/trigger/boards", get(boards))
        .route("/ticketing/trigger/board/{board}/run", post(run_board))
        .route("/ticketing/ticket", post(make_ticket))
        .route("/ticketing/ticket/{id}", get(ticket))
        .route("/ticketing/ticket/{id}/comment", post(comment))
        .route("/ticketing/ticket/{id}/log-entry", get(log_entries))
        .route_layer(from_fn_with_state(Arc::clone(&ninja), authorised));
    Router::new().route("/ninjaone/ws/oauth/token", post(token)).nest("/ninjaone/v2", api).with_state(ninja)
}

async fn authorised(State(ninja): Shared, request: Request, next: Next) -> Response {
    if ninja.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    answer(StatusCode::UNAUTHORIZED, json!({"resultCode": "401", "errorMessage": "Unauthorized"}))
}

/// One scope too many, and there is no token at all.
async fn token(State(ninja): Shared, Form(form): Form<Pairs>) -> Response {
    let sent = |key: &str| form.get(key).map_or("", String::as_str);
    let error = match [sent("grant_type"), sent("client_id"), sent("client_secret"), sent("scope")] {
        ["client_credentials", CLIENT, SECRET, scope] if scope == ninja.scope => None,
        ["client_credentials", CLIENT, SECRET, _] => Some("invalid_scope"),
        ["client_credentials", ..] => Some("invalid_client"),
        _ => Some("unsupported_grant_type"),
    };
    if let Some(error) = error {
        return answer(StatusCode::BAD_REQUEST, json!({"error": error}));
    }
    let token = ninja.tokens.issue(CLIENT);
    answer(
        StatusCode::OK,
        json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer", "scope": ninja.scope}),
    )
}

async fn organizations(State(ninja): Shared, Query(query): Query<Pairs>) -> Response {
    page(&query, &ninja.organizations)
}

async fn devices(State(ninja): Shared, Query(query): Query<Pairs>) -> Response {
    page(&query, &ninja.devices)
}

/// The rows behind the id that the page before ended with.
fn page(query: &Pairs, rows: &[Value]) -> Response {
    let (Some(size), Some(after)) =
        (number(query, "pageSize", 100, 1..=1000), number(query, "after", 0, 0..=usize::MAX))
    else {
        let body =
            json!({"resultCode": "FAILURE", "errorMessage": "pageSize and after are numbers", "incidentId": "1"});
        return answer(StatusCode::BAD_REQUEST, body);
    };
    // Rows stand by id.
    let start = rows.partition_point(|row| row["id"].as_u64().is_some_and(|id| id <= after as u64));
    answer(StatusCode::OK, json!(&rows[start..rows.len().min(start + size)]))
}

fn refused(status: StatusCode, code: &str) -> Response {
    answer(status, json!({"resultCode": code, "errorMessage": "as the vendor says it", "incidentId": "1"}))
}

async fn ticket_forms() -> Response {
    answer(StatusCode::OK, json!([{"id": 1, "name": "Default", "active": true, "default": true, "fields": []}]))
}

async fn statuses() -> Response {
    let status = |(id, name, shown): &(u32, &str, &str)| json!({"name": name, "displayName": shown, "parentId": null, "statusId": id});
    answer(StatusCode::OK, STATUSES.iter().map(status).collect())
}

async fn boards() -> Response {
    answer(StatusCode::OK, json!([{"id": BOARD, "name": "All tickets", "system": true, "ticketCount": 0}]))
}

/// Tickets whose title holds the searched text, newest first.
async fn run_board(State(ninja): Shared, Path(board): Path<usize>, Json(body): Json<Value>) -> Response {
    if board != BOARD {
        return refused(StatusCode::NOT_FOUND, "NOT_FOUND");
    }
    let searched = body["searchCriteria"].as_str().unwrap_or_default();
    let tickets = ninja.desk.tickets();
    let hits = tickets.iter().enumerate().rev().filter(|(_, ticket)| ticket.title.contains(searched));
    let rows: Vec<Value> =
        hits.map(|(number, _)| json!({"id": FIRST_TICKET + number, "createTime": created(number)})).collect();
    answer(StatusCode::OK, json!({"data": rows, "metadata": {"columns": [], "allColumns": [], "lastCursorId": null}}))
}

/// Later than any run begins here.
fn created(number: usize) -> f64 {
    4_000_000_000.5 + f64::from(u32::try_from(number).unwrap_or_default())
}

async fn make_ticket(State(ninja): Shared, Json(body): Json<Value>) -> Response {
    if ninja.desk.fault() == Some(Fault::NoRight) {
        return refused(StatusCode::FORBIDDEN, "user_context_required");
    }
    let client = body["clientId"].as_u64();
    let known = ninja.organizations.iter().any(|organization| organization["id"].as_u64() == client);
    let status = STATUSES.iter().any(|(id, ..)| body["status"].as_str() == Some(&id.to_string()));
    let title = body["subject"].as_str().unwrap_or_default();
    let private = body["description"]["public"] == false;
    if !known || !status || !private || body["ticketFormId"] != 1 || title.is_empty() || title.chars().count() > 200 {
        return refused(StatusCode::BAD_REQUEST, "FAILURE");
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = ninja.desk.make(Ticket {
        title: title.to_owned(),
        company: client.unwrap_or_default().to_string(),
        body: text(&body["description"]["body"]) + &text(&body["description"]["htmlBody"]),
        key: text(&body["tags"][0]),
        ..Ticket::default()
    });
    if ninja.desk.fault() == Some(Fault::AnswerLost) {
        return refused(StatusCode::BAD_GATEWAY, "FAILURE");
    }
    answer(StatusCode::OK, json!({"id": FIRST_TICKET + number, "version": 1}))
}

/// The ticket of an id, with its number from 0.
fn held(ninja: &Ninja, id: usize) -> Option<(usize, Ticket)> {
    let number = id.checked_sub(FIRST_TICKET)?;
    Some((number, ninja.desk.tickets().get(number)?.clone()))
}

async fn ticket(State(ninja): Shared, Path(id): Path<usize>) -> Response {
    let Some((number, ticket)) = held(&ninja, id) else { return refused(StatusCode::NOT_FOUND, "ENTITY_NOT_FOUND") };
    let status = if ticket.closed { 6000 } else { 1000 };
    answer(
        StatusCode::OK,
        json!({"id": id, "version": 1, "clientId": ticket.company.parse::<u32>().ok(), "subject": ticket.title,
            "status": {"name": "X", "statusId": status}, "tags": [ticket.key], "createTime": created(number), "deleted": false}),
    )
}

/// A comment is told by the notes of the ticket; one that brings a file holds its name only.
async fn log_entries(State(ninja): Shared, Path(id): Path<usize>) -> Response {
    let Some((_, ticket)) = held(&ninja, id) else { return refused(StatusCode::NOT_FOUND, "ENTITY_NOT_FOUND") };
    let notes = ticket.notes.iter().map(|(text, _)| text.clone());
    let files = ticket.files.iter().map(|(name, _)| format!("File: {name}"));
    let rows =
        (1..).zip(notes.chain(files)).map(|(id, body): (u32, _)| json!({"id": id, "type": "COMMENT", "body": body}));
    answer(StatusCode::OK, rows.collect())
}

async fn comment(State(ninja): Shared, Path(id): Path<usize>, mut form: Multipart) -> Response {
    let Some((number, _)) = held(&ninja, id) else { return refused(StatusCode::NOT_FOUND, "ENTITY_NOT_FOUND") };
    let (mut comment, mut files) = (None, Vec::new());
    while let Ok(Some(part)) = form.next_field().await {
        let (name, file_name) = (part.name().map(str::to_owned), part.file_name().map(str::to_owned));
        let is_json = part.content_type() == Some("application/json");
        let bytes = part.bytes().await.unwrap_or_default().to_vec();
        match (name.as_deref(), file_name) {
            (Some("files"), Some(file_name)) => files.push((file_name, bytes)),
            (Some("comment"), None) if is_json => comment = serde_json::from_slice::<Value>(&bytes).ok(),
            _ => return refused(StatusCode::BAD_REQUEST, "FAILURE"),
        }
    }
    let Some(comment) = comment.filter(|comment| comment["public"].is_boolean()) else {
        return refused(StatusCode::BAD_REQUEST, "FAILURE");
    };
    if !files.is_empty() && ninja.desk.fault() == Some(Fault::FilesRefused) {
        return refused(StatusCode::BAD_REQUEST, "FAILURE");
    }
    let text = comment["body"].as_str().unwrap_or_default().to_owned();
    ninja.desk.change(number, |ticket| {
        if files.is_empty() {
            ticket.notes.push((text, comment["public"] == true));
        }
        ticket.files.extend(files);
    });
    StatusCode::NO_CONTENT.into_response()
}
