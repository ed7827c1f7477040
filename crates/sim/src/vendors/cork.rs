//! Cork: a list of clients without numbers, and lists of devices and inboxes for each. One client's list is refused for
//! good, one client is hidden, and some are not warranted.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, each};
use crate::kit::{Pairs, answer, number, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::Code;

const KEY: &str = "simulated-cork-key";
const COLUMNS: &[&str] = &["Devices", "Users", "Warranty status"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { books: Books::new(COLUMNS), cork: Cork::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(&mut msp.rng(&format!("cork {number}")), number, company);
        ledger.books.entries.push(entry);
    }
    // A customer that left: hidden, with all that was ever seen of it.
    let left = msp.strangers[1].spelled(Spelling::Long);
    let mut rng = msp.rng("cork hidden");
    ledger.cork.client(&mut rng, &left, "unwarranted", [7, 9]);
    if let Some(client) = ledger.cork.clients.last_mut() {
        client["hidden"] = json!(true);
    }
    ledger.books.list("clients", ledger.cork.clients.len() - 1);

    Vendor {
        name: "cork",
        title: "Cork",
        about: "Devices, users and the warranty status of every client.",
        settings: format!("url = \"{base}/cork/api/v1\"\napi_key = \"{KEY}\"\n"),
        routes: routes(ledger.cork),
        books: ledger.books,
        story: vec![format!(
            "{}: Cork refuses this one client's devices: blank there (forbidden), all others are counted.",
            msp.who(Role::FailingClient)
        )],
    }
}

struct Ledger {
    books: Books,
    cork: Cork,
}

impl Ledger {
    fn customer(&mut self, rng: &mut Rng, number: usize, company: &Company) -> Entry {
        match company.presence(rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Long);
        let devices = if company.role == Some(Role::NoDevices) { 0 } else { company.workstations + company.servers };
        // Shared mailboxes are inboxes too.
        let inboxes = company.users + rng.u32(0..4);
        let status = if number.is_multiple_of(3) { "unwarranted" } else { "warranted" };
        let id = self.cork.client(rng, &name, status, [devices, inboxes]);
        let numbers = [devices, inboxes].map(|count| Truth::Number(count.into()));
        let counted = if company.role == Some(Role::FailingClient) {
            self.cork.refused = Some(id.clone());
            Counted::Whole(Truth::Failed(Code::Forbidden))
        } else {
            each(COLUMNS, numbers.into_iter().chain([Truth::texts(&[status])]))
        };
        self.books.orgs.push(Org { id: id.clone(), name, company: Some(number), counted });
        company.entry(None, [id])
    }
}

#[derive(Default)]
struct Cork {
    clients: Vec<Value>,
    warranties: Vec<Value>,
    /// How many devices and inboxes each client has.
    held: BTreeMap<String, [u32; 2]>,
    /// The client whose devices are refused.
    refused: Option<String>,
}

impl Cork {
    fn client(&mut self, rng: &mut Rng, name: &str, status: &str, held: [u32; 2]) -> String {
        let id = uuid(rng);
        let vendor = json!({"key": "ninja", "name": "NinjaOne", "type": "RMM"});
        let integration = json!({
            "uuid": uuid(rng), "display_name": "RMM", "connection_status": "ok", "last_synced_at": "2099-01-01T00:00:00Z",
            "vendor": vendor,
        });
        self.clients.push(json!({
            "uuid": id, "name": name, "hidden": false, "warranty_status": status, "created_at": "2025-01-05T10:00:00Z",
            "score_history": [{"score": 712, "created_at": "2026-03-01T00:00:00Z"}],
            "associated_tenants": [{"uuid": uuid(rng), "name": name, "integration": integration}],
        }));
        // An older package that is over, and the one that stands.
        for (package, active) in [("Essentials 100", false), ("Premium 250", true)] {
            if status == "warranted" {
                self.warranties.push(json!({
                    "uuid": uuid(rng), "client_uuid": id, "client_name": name, "package": package, "active": active,
                    "start_date": if active { "2025-06-01T00:00:00Z" } else { "2024-06-01T00:00:00Z" },
                }));
            }
        }
        self.held.insert(id.clone(), held);
        id
    }
}

type Shared = State<Arc<Cork>>;

fn routes(cork: Cork) -> Router {
    let routes = Router::new()
        .route("/me", get(async || answer(StatusCode::OK, json!({"name": "Example MSP"}))))
        .route("/clients", get(clients))
        .route("/clients/{client}/{list}", get(of_client))
        .route(
            "/warranties",
            get(async |State(cork): Shared, Query(query)| {
                listed(&query, cork.warranties.len(), |at| cork.warranties[at].clone())
            }),
        )
        .route_layer(from_fn(authorised))
        .with_state(Arc::new(cork));
    Router::new().nest("/cork/api/v1", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    let wanted = format!("Bearer {KEY}");
    if request.headers().get(AUTHORIZATION).is_some_and(|sent| sent.as_bytes() == wanted.as_bytes()) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "invalid or expired API key")
}

fn refused(status: StatusCode, error: &str) -> Response {
    answer(status, json!({"error": error, "status": status.as_u16().to_string(), "context": null}))
}

async fn clients(State(cork): Shared, Query(query): Query<Pairs>) -> Response {
    let hidden = match query.get("show_hidden").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return refused(StatusCode::BAD_REQUEST, "show_hidden must be true or false"),
    };
    let shown: Vec<&Value> = cork.clients.iter().filter(|client| hidden || client["hidden"] == false).collect();
    listed(&query, shown.len(), |at| shown[at].clone())
}

async fn of_client(
    State(cork): Shared,
    Path((client, list)): Path<(String, String)>,
    Query(query): Query<Pairs>,
) -> Response {
    let Some([devices, inboxes]) = cork.held.get(&client) else {
        return refused(StatusCode::NOT_FOUND, "no such client");
    };
    if list == "devices" && cork.refused.as_ref() == Some(&client) {
        return refused(StatusCode::FORBIDDEN, "the key may not read this client's devices");
    }
    match list.as_str() {
        "devices" => listed(&query, *devices as usize, |at| device(&client, at)),
        "inboxes" => listed(&query, *inboxes as usize, |at| inbox(&client, at)),
        _ => refused(StatusCode::NOT_FOUND, "no such list"),
    }
}

/// One device, however many integrations report it.
fn device(client: &str, at: usize) -> Value {
    let kind = ["workstation", "laptop", "server", "other"][at % 4];
    let endpoint =
        json!({"name": format!("HOST-{at}"), "integration_identifier": at.to_string(), "ip_addresses": ["192.0.2.7"]});
    json!({
        "uuid": format!("{}-{at:012x}", &client[..23]), "name": format!("HOST-{at}"),
        "device_type": kind,
        "created_at": "2025-01-05T10:00:00Z", "associated_endpoints": [endpoint, endpoint],
    })
}

fn inbox(client: &str, at: usize) -> Value {
    json!({
        "uuid": format!("{}-{:012x}", &client[..23], at + 0x1000), "name": format!("Inbox {at}"),
        "email": format!("inbox{at}@client.example"), "inbox_type": "mailbox", "created_at": "2025-01-05T10:00:00Z",
    })
}

/// One page, by its number from 1.
fn listed(query: &Pairs, total: usize, row: impl Fn(usize) -> Value) -> Response {
    let (Some(at), Some(size)) = (number(query, "page", 1, 1..=usize::MAX), number(query, "page_size", 10, 1..=100))
    else {
        return refused(StatusCode::BAD_REQUEST, "page begins at 1, page_size is 1 to 100");
    };
    let start = (at - 1).saturating_mul(size).min(total);
    let items: Vec<Value> = (start..total.min(start + size)).map(row).collect();
    let pagination = json!({"page": at, "page_size": size, "total_items": total, "total_pages": total.div_ceil(size)});
    answer(StatusCode::OK, json!({"items": items, "pagination": pagination}))
}
