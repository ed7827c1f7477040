//! Auvik: tenants in a tree, and one JSON:API list of the devices below a tenant; a key as a password. The links to the
//! next page forget the filters, and a tenant that the key may not read shows only where it is not filtered away.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, has_basic, number};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

const USER: &str = "tallysheet@msp.example";
const KEY: &str = "simulated-key";
const PREFIX: &str = "examplemsp";
const MEDIA_TYPE: &str = "application/vnd.api+json";
/// The first id; the MSP's main account.
const ROOT: u64 = 199_762_235_015_168_500;
const COLUMNS: &[&str] = &["Billable devices", "Devices"];
/// What is billed where it is managed.
const BILLED: &[&str] = &["router", "switch", "l3Switch", "voipSwitch", "stack", "firewall", "utm", "controller"];
/// What never is.
const FREE: &[&str] =
    &["workstation", "server", "accessPoint", "printer", "ipPhone", "hypervisor", "securityAppliance"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let auvik = Auvik { url: format!("{base}/auvik"), tenants: Vec::new(), devices: Vec::new() };
    let mut ledger = Ledger { books: Books::new(COLUMNS), auvik };
    let root = ledger.tenant("Example MSP", PREFIX, "multiClient", None);
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(&mut msp.rng(&format!("auvik {number}")), root, number, company);
        ledger.books.entries.push(entry);
    }
    let mut rng = msp.rng("auvik strangers");
    let [new, left, locked] = [0, 1, 2].map(|at: usize| msp.strangers[at].spelled(Spelling::Long));
    ledger.client(&mut rng, root, &new, None, [3, 8]);
    // Disabled, with its devices still listed.
    let id = ledger.tenant(&left, "left", "client", Some(root));
    ledger.auvik.tenants.last_mut().into_iter().for_each(|tenant| tenant["attributes"]["enabled"] = json!(false));
    ledger.devices(&mut rng, id, [2, 3]);
    let org = Org { id: id.to_string(), name: left.clone(), company: None, counted: Counted::Whole(Truth::LeftOut) };
    ledger.books.orgs.push(org);
    // Not for this key.
    ledger.tenant(&locked, "locked", "client", Some(root));
    ledger.books.list("devices", ledger.auvik.devices.len());

    Vendor {
        name: "auvik",
        title: "Auvik",
        about: "Network devices of every client: those that are billed, and all.",
        settings: format!(
            "url = \"{}\"\nusername = \"{USER}\"\napi_key = \"{KEY}\"\ndomain_prefix = \"{PREFIX}\"\n",
            ledger.auvik.url
        ),
        routes: routes(ledger.auvik),
        books: ledger.books,
        story: vec![
            format!("{}: two Auvik clients below one multi-client, summed in one row.", msp.who(Role::TwoSites)),
            format!("{}: an Auvik client whose devices are all unmanaged: nothing billable.", msp.who(Role::NoDevices)),
            format!("{left}: an Auvik client that is not enabled any more: left out, although it has devices."),
        ],
    }
}

struct Ledger {
    books: Books,
    auvik: Auvik,
}

impl Ledger {
    fn customer(&mut self, rng: &mut Rng, root: u64, number: usize, company: &Company) -> Entry {
        match company.presence(rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Short);
        let free = company.workstations + company.servers;
        let ids = match company.role {
            Some(Role::TwoSites) => {
                let holder = self.tenant(&name, &prefix(&name), "multiClient", Some(root));
                let main = self.client(rng, holder, &format!("{name} - Main"), Some(number), [5, free]);
                vec![main, self.client(rng, holder, &format!("{name} - Depot"), Some(number), [2, 3])]
            }
            Some(Role::NoDevices) => vec![self.client(rng, root, &name, Some(number), [0, free])],
            _ => {
                let billed = rng.u32(1..=9);
                vec![self.client(rng, root, &name, Some(number), [billed, free])]
            }
        };
        company.entry(None, ids)
    }

    /// A client with so many devices that are billed, and so many that never are.
    fn client(&mut self, rng: &mut Rng, above: u64, name: &str, company: Option<usize>, kinds: [u32; 2]) -> String {
        let id = self.tenant(name, &prefix(name), "client", Some(above));
        let unmanaged = self.devices(rng, id, kinds);
        let counted = fixed(COLUMNS, [kinds[0], kinds[0] + kinds[1] + unmanaged]);
        self.books.orgs.push(Org { id: id.to_string(), name: name.to_owned(), company, counted });
        id.to_string()
    }

    fn tenant(&mut self, name: &str, prefix: &str, kind: &str, above: Option<u64>) -> u64 {
        let id = ROOT + self.auvik.tenants.len() as u64 * 11;
        let mut tenant = json!({ "type": "tenants", "id": id.to_string(), "attributes": {
            "domainPrefix": prefix, "displayName": name, "tenantType": kind, "enabled": true, "subscribed": true,
            "subscriptionOwner": PREFIX, "running": true,
        } });
        if let Some(above) = above {
            tenant["relationships"] = json!({ "parent": { "data": { "type": "tenants", "id": above.to_string() } } });
        }
        self.auvik.tenants.push(tenant);
        id
    }

    /// Returns how many of a billed type are not managed, which come on top.
    fn devices(&mut self, rng: &mut Rng, tenant: u64, [billed, free]: [u32; 2]) -> u32 {
        let unmanaged = rng.u32(1..=3);
        for (types, count, managed) in
            [(BILLED, billed, Some(true)), (BILLED, unmanaged, Some(false)), (FREE, free, None)]
        {
            for _ in 0..count {
                let is_managed = managed.unwrap_or_else(|| rng.bool());
                self.device(rng, tenant, types, is_managed);
            }
        }
        unmanaged
    }

    /// Offline devices stay managed.
    fn device(&mut self, rng: &mut Rng, tenant: u64, types: &[&str], is_managed: bool) {
        let id = format!("MTk5{:08}", self.auvik.devices.len());
        let link = format!("{}/v2/api/inventory/device/info/{id}", self.auvik.url);
        let attributes = json!({
            "deviceName": format!("device-{id}"), "deviceType": types[rng.usize(..types.len())],
            "make": "Example", "model": "X1", "makeModel": "Example X1", "ipAddresses": [], "serialNumber": id,
            "onlineStatus": rng.choice(["online", "online", "offline", "dormant"]),
            "lastSeenTime": "2026-01-02T18:34:39.452Z", "manageStatus": is_managed,
        });
        let tenant = json!({ "data": { "type": "tenant", "id": tenant.to_string() } });
        self.auvik.devices.push(json!({ "type": "device", "id": id, "attributes": attributes,
            "relationships": { "tenant": tenant }, "links": { "self": link } }));
    }
}

fn prefix(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

struct Auvik {
    url: String,
    tenants: Vec<Value>,
    devices: Vec<Value>,
}

impl Auvik {
    /// The ids of a tenant and of those below it: each stands behind the one above it.
    fn within(&self, top: &str) -> HashSet<&str> {
        let mut within = HashSet::new();
        for tenant in &self.tenants {
            let above = tenant.pointer("/relationships/parent/data/id").and_then(Value::as_str);
            let id = tenant["id"].as_str().unwrap_or_default();
            if id == top || above.is_some_and(|above| within.contains(above)) {
                within.insert(id);
            }
        }
        within
    }
}

type Shared = State<Arc<Auvik>>;

fn routes(auvik: Auvik) -> Router {
    let routes = Router::new()
        .route("/v1/authentication/verify", get(async || StatusCode::OK))
        .route("/v1/tenants/detail", get(tenants))
        .route("/v2/api/inventory/device/info", get(devices))
        .layer(from_fn(authorised))
        .with_state(Arc::new(auvik));
    Router::new().nest("/auvik", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    let sent = |headers: &HeaderMap| headers.get(ACCEPT).is_some_and(|sent| sent.as_bytes() == MEDIA_TYPE.as_bytes());
    if !has_basic(request.headers(), USER, KEY) {
        return refused(StatusCode::UNAUTHORIZED);
    }
    if !sent(request.headers()) {
        return refused(StatusCode::NOT_ACCEPTABLE);
    }
    next.run(request).await
}

fn refused(status: StatusCode) -> Response {
    told(status, &json!({ "errors": [{ "title": "the simulated Auvik refuses this call" }] }))
}

fn told(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, MEDIA_TYPE)], body.to_string()).into_response()
}

async fn tenants(State(auvik): Shared, Query(query): Query<Pairs>) -> Response {
    let available = query.get("filter[availableTenants]").map(String::as_str);
    match query.get("tenantDomainPrefix").map(String::as_str) {
        None => return refused(StatusCode::BAD_REQUEST),
        Some(prefix) if prefix != PREFIX => return refused(StatusCode::NOT_FOUND),
        Some(_) => {}
    }
    let is_locked = |tenant: &Value| tenant["attributes"]["domainPrefix"] == "locked";
    let rows: Vec<&Value> = match available {
        None => auvik.tenants.iter().collect(),
        Some("true") => auvik.tenants.iter().filter(|tenant| !is_locked(tenant)).collect(),
        Some("false") => auvik.tenants.iter().filter(|tenant| is_locked(tenant)).collect(),
        Some(_) => return refused(StatusCode::BAD_REQUEST),
    };
    told(StatusCode::OK, &json!({ "data": rows }))
}

async fn devices(State(auvik): Shared, Query(query): Query<Pairs>) -> Response {
    let known = ["tenant", "filter[manageStatus]", "page[first]", "page[after]"];
    let (Some(size), Some(tenant)) = (number(&query, "page[first]", 1000, 1..=10_000), query.get("tenant")) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let start = match query.get("page[after]").map(|cursor| cursor.strip_prefix("Y3Vyc29y").map(str::parse::<usize>)) {
        None => 0,
        Some(Some(Ok(start))) => start,
        Some(_) => return refused(StatusCode::BAD_REQUEST),
    };
    if query.keys().any(|key| !known.contains(&key.as_str())) {
        return refused(StatusCode::BAD_REQUEST);
    }
    let within = auvik.within(tenant);
    if within.is_empty() {
        return refused(StatusCode::FORBIDDEN);
    }
    let managed = query.get("filter[manageStatus]").map(|managed| managed == "true");
    let mut rows = auvik.devices.iter().filter(|device| {
        device["relationships"]["tenant"]["data"]["id"].as_str().is_some_and(|id| within.contains(id))
            && managed.is_none_or(|managed| device["attributes"]["manageStatus"] == managed)
    });
    let page: Vec<&Value> = rows.by_ref().skip(start).take(size).collect();
    let address = format!("{}/v2/api/inventory/device/info?page[first]={size}", auvik.url);
    let mut links = json!({ "first": address });
    if rows.next().is_some() {
        links["next"] = json!(format!("{address}&page[after]=Y3Vyc29y{}", start + size));
    }
    told(StatusCode::OK, &json!({ "data": page, "links": links }))
}
