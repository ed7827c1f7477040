//! NinjaOne: organizations, and one list of all devices; client credentials with scopes, pages by the last id, devices
//! that are not approved, virtual machines that stand in the list twice.

use super::Vendor;
use crate::books::{Books, Entry, Org, fixed};
use crate::kit::{Pairs, Tokens, answer, number, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const CLIENT: &str = "simulated-app";
const SECRET: &str = "simulated & secret";
/// The one scope that the app was granted.
const SCOPE: &str = "monitoring";
const COLUMNS: &[&str] = &["Workstations", "Servers", "Network devices"];
/// The classes of each column, and of what has none.
const WORKSTATION: &[&str] = &["WINDOWS_WORKSTATION", "WINDOWS_WORKSTATION", "MAC", "LINUX_WORKSTATION"];
const SERVER: &[&str] = &["WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER"];
const NETWORK: &[&str] = &["NMS_SWITCH", "NMS_FIREWALL", "NMS_WAP", "NMS_COMPUTER", "NMS_NETWORK_MANAGEMENT_AGENT"];
const OTHER: &[&str] = &["ANDROID", "APPLE_IOS", "CLOUD_MONITOR_TARGET", "MANAGED_DEVICE", "UNMANAGED_DEVICE"];
const NOT_APPROVED: &[&str] = &["PENDING", "STAGED", "DECOMMISSIONED"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("ninjaone"), books: Books::new(COLUMNS), ninja: Ninja::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[2].spelled(Spelling::Usual);
    ledger.organization(&stranger, None, [6, 1, 2]);

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
}

type Shared = State<Arc<Ninja>>;

fn routes(ninja: Ninja) -> Router {
    let ninja = Arc::new(ninja);
    let api = Router::new()
        .route("/organizations", get(organizations))
        .route("/devices", get(devices))
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
        ["client_credentials", CLIENT, SECRET, SCOPE] => None,
        ["client_credentials", CLIENT, SECRET, _] => Some("invalid_scope"),
        ["client_credentials", ..] => Some("invalid_client"),
        _ => Some("unsupported_grant_type"),
    };
    if let Some(error) = error {
        return answer(StatusCode::BAD_REQUEST, json!({"error": error}));
    }
    let token = ninja.tokens.issue(CLIENT);
    answer(StatusCode::OK, json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer", "scope": SCOPE}))
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
    let behind = |row: &&Value| row["id"].as_u64().is_some_and(|id| usize::try_from(id).is_ok_and(|id| id > after));
    answer(StatusCode::OK, rows.iter().filter(behind).take(size).cloned().collect())
}
