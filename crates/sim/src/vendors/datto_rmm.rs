//! Datto RMM: sites, and one list of all devices; a password grant, pages by link, system sites, a site that the
//! account's list tells in part only.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, Tokens, answer, has_basic, number, page, uuid};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, http::Uri};
use fastrand::Rng;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

const KEY: &str = "simulated-key";
const SECRET: &str = "simulated & secret";
pub(super) const COLUMNS: &[&str] = &["Devices", "Workstations", "Servers", "Network devices"];
/// What a device is: its class, its category, its operating system. The first three are the columns of their own.
const WORKSTATION: &[Kind] = &[
    ("device", Some("Desktop"), Some("Microsoft Windows 11 Pro")),
    ("device", Some("Laptop"), Some("Microsoft Windows 11 Pro")),
    ("device", Some("Laptop"), Some("macOS 15.1")),
];
const SERVER: &[Kind] = &[
    ("device", Some("Server"), Some("Microsoft Windows Server 2022 Standard")),
    ("device", None, Some("Microsoft Windows Server 2019 Standard")),
];
const NETWORK: &[Kind] =
    &[("rmmnetworkdevice", Some("Network Device"), None), ("device", Some("Network Device"), None)];
const OTHER: &[Kind] =
    &[("printer", Some("Printer"), None), ("esxihost", Some("ESXi Host"), None), ("unknown", None, None)];

type Kind = (&'static str, Option<&'static str>, Option<&'static str>);

/// How many of each column a site has, and of what has none.
#[derive(Clone, Copy, Default)]
struct Stock {
    workstations: u32,
    servers: u32,
    network: u32,
    other: u32,
}

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("datto-rmm"), books: Books::new(COLUMNS), datto: Datto::new(base) };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[0].spelled(Spelling::Usual);
    ledger.site(&stranger, Some("31999"), None, Stock { workstations: 8, servers: 1, network: 2, other: 0 });
    ledger.system_sites();
    ledger.datto.tokens = Tokens::of(msp);
    ledger.datto.tell();
    ledger.books.list("sites", ledger.datto.sites.len());
    ledger.books.list("devices", ledger.datto.account_list.len());
    ledger.books.list("sites told short", ledger.datto.short_list.len());

    let url = format!("{base}/datto");
    Vendor {
        name: "datto-rmm",
        title: "Datto RMM",
        about: "Managed devices of every site.",
        settings: format!("url = \"{url}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n"),
        routes: routes(ledger.datto),
        books: ledger.books,
        story: vec![
            format!("{}: found at every vendor by its name alone, whatever its legal form.", msp.who(Role::ByName)),
            format!("{}: another name at Datto RMM, found by the Autotask id kept there.", msp.who(Role::ByPsaId)),
            format!("{}: two Datto sites, summed in one row.", msp.who(Role::TwoSites)),
            format!("{}: a Datto customer without a device: zero, not blank.", msp.who(Role::NoDevices)),
            format!("{}: its Datto site is on-demand, another licence: left out, not zero.", msp.who(Role::OnDemand)),
            format!(
                "{}: the account's list misses devices of its site; they are read from the site.",
                msp.who(Role::ShortList)
            ),
            format!("{stranger}: a customer at Datto RMM, Microsoft 365 and Huntress, in no row of companies.csv."),
            "Two agents are parked in Datto's own site \"Managed\": no row, a warning in the log.".to_owned(),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    datto: Datto,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(Some(Evidence::PsaId), Spelling::Short);
        let psa_id = company.psa_id();
        let stock = match company.role {
            Some(Role::NoDevices) => Stock::default(),
            _ => Stock {
                workstations: company.workstations,
                servers: company.servers,
                network: self.rng.u32(0..4),
                other: self.rng.u32(0..3),
            },
        };
        let ids = match company.role {
            Some(Role::TwoSites) => {
                let depot = Stock { workstations: 3, network: 1, ..Stock::default() };
                vec![
                    self.site(&format!("{name} - Main"), psa_id, Some(number), stock),
                    self.site(&format!("{name} - Depot"), psa_id, Some(number), depot),
                ]
            }
            Some(Role::OnDemand) => vec![self.on_demand_site(&name, psa_id, number, stock)],
            _ => vec![self.site(&name, psa_id, Some(number), stock)],
        };
        if company.role == Some(Role::ShortList) {
            self.datto.short_list.extend(ids.iter().cloned());
        }
        company.entry(Some(Evidence::PsaId), ids)
    }

    fn site(&mut self, name: &str, psa_id: Option<&str>, company: Option<usize>, stock: Stock) -> String {
        let id = uuid(&mut self.rng);
        let Stock { workstations, servers, network, other } = stock;
        let counted = fixed(COLUMNS, [workstations + servers + network + other, workstations, servers, network]);
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        self.datto.sites.push(site(&id, name, psa_id, false));
        self.stock(&id, name, stock);
        // One more in the deletion queue, which is no device any more.
        self.device(&id, name, WORKSTATION, true);
        id
    }

    fn on_demand_site(&mut self, name: &str, psa_id: Option<&str>, company: usize, stock: Stock) -> String {
        let id = uuid(&mut self.rng);
        let counted = Counted::Whole(Truth::LeftOut);
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company: Some(company), counted });
        self.datto.sites.push(site(&id, name, psa_id, true));
        self.stock(&id, name, stock);
        id
    }

    /// Sites that are no customers, by the vendor's own names. The id of the last one is no UUID.
    fn system_sites(&mut self) {
        for (id, name, on_demand) in [(uuid(&mut self.rng), "Managed", false), (uuid(&mut self.rng), "OnDemand", true)]
        {
            self.datto.sites.push(site(&id, name, None, on_demand));
            self.stock(&id, name, Stock { workstations: 2, ..Stock::default() });
        }
        let (id, name) = ("deleted-devices", "Deleted Devices");
        self.datto.sites.push(site(id, name, None, false));
        for _ in 0..5 {
            self.device(id, name, WORKSTATION, true);
        }
    }

    fn stock(&mut self, site: &str, name: &str, stock: Stock) {
        let Stock { workstations, servers, network, other } = stock;
        for (kinds, count) in [(WORKSTATION, workstations), (SERVER, servers), (NETWORK, network), (OTHER, other)] {
            for _ in 0..count {
                self.device(site, name, kinds, false);
            }
        }
    }

    /// Offline and suspended devices are licensed like all others.
    fn device(&mut self, site: &str, name: &str, kinds: &[Kind], deleted: bool) {
        let rng = &mut self.rng;
        let number = self.datto.devices.len() + 1;
        let (class, category, system) = kinds[rng.usize(..kinds.len())];
        self.datto.devices.push(json!({
            "id": 7000 + number, "uid": uuid(rng), "siteUid": site, "siteName": name,
            "deviceType": category.map(|category| json!({"category": category, "type": null})),
            "hostname": format!("HOST-{number:05}"), "operatingSystem": system, "domain": null,
            "online": rng.u8(0..4) > 0, "suspended": rng.u8(0..12) == 0, "deleted": deleted,
            "lastSeen": 1_795_000_000_000_u64 - rng.u64(0..7_000_000_000), "creationDate": 1_704_067_200_000_u64,
            "deviceClass": class, "udf": null, "patchManagement": null,
        }));
    }
}

fn site(id: &str, name: &str, psa_id: Option<&str>, on_demand: bool) -> Value {
    json!({
        "uid": id, "accountUid": "acc1", "name": name, "description": null, "onDemand": on_demand,
        "autotaskCompanyName": psa_id.map(|_| name), "autotaskCompanyId": psa_id,
    })
}

struct Datto {
    /// Where the API's paths begin.
    url: String,
    tokens: Tokens,
    sites: Vec<Value>,
    devices: Vec<Value>,
    /// The devices, as the account's list tells them.
    account_list: Vec<Value>,
    /// Sites of which the account's list tells every third device not.
    short_list: Vec<String>,
}

impl Datto {
    fn new(base: &str) -> Self {
        Self {
            url: format!("{base}/datto/api/v2"),
            tokens: Tokens::default(),
            sites: Vec::new(),
            devices: Vec::new(),
            account_list: Vec::new(),
            short_list: Vec::new(),
        }
    }

    /// Adds what only the whole account tells: each site's number of devices, and the account's list of them.
    fn tell(&mut self) {
        let mut online: HashMap<&str, [u32; 2]> = HashMap::new();
        // Those in the deletion queue are no devices any more.
        for device in self.devices.iter().filter(|device| device["deleted"] == false) {
            let site = device["siteUid"].as_str().unwrap_or_default();
            online.entry(site).or_default()[usize::from(device["online"] == true)] += 1;
        }
        for (number, site) in self.sites.iter_mut().enumerate() {
            let [off, on] = online.get(site["uid"].as_str().unwrap_or_default()).copied().unwrap_or_default();
            site["id"] = json!(101 + number);
            site["devicesStatus"] =
                json!({"numberOfDevices": off + on, "numberOfOnlineDevices": on, "numberOfOfflineDevices": off});
        }
        let short = |device: &Value| self.short_list.iter().any(|site| device["siteUid"] == site.as_str());
        let told = self.devices.iter().enumerate().filter(|(number, device)| number % 3 > 0 || !short(device));
        self.account_list = told.map(|(_, device)| device.clone()).collect();
    }

    /// One page. The link to the next keeps `max` and drops all else, as the vendor's does.
    fn page<T: Serialize>(&self, uri: &Uri, query: &Pairs, key: &str, rows: &[T]) -> Response {
        let (Some(max), Some(number)) =
            (number(query, "max", 250, 1..=250), number(query, "page", 0, 0..=usize::MAX - 1))
        else {
            return refused(StatusCode::BAD_REQUEST, "page and max must be numbers, max at most 250");
        };
        let shown = page(rows, number, max);
        let link = |page: usize| format!("{}{}?page={page}&max={max}", self.url, uri.path());
        let more = number.saturating_add(1).saturating_mul(max) < rows.len();
        let details = json!({
            "count": shown.len(), "totalCount": rows.len(),
            "prevPageUrl": (number > 0).then(|| link(number - 1)), "nextPageUrl": more.then(|| link(number + 1)),
        });
        answer(StatusCode::OK, json!({"pageDetails": details, key: shown}))
    }
}

fn routes(datto: Datto) -> Router {
    let datto = Arc::new(datto);
    let api = Router::new()
        .route("/account", get(account))
        .route("/account/sites", get(sites))
        .route("/account/devices", get(devices))
        .route("/site/{uid}/devices", get(site_devices))
        .route("/system/pagination", get(async || answer(StatusCode::OK, json!({"max": 250}))))
        .route_layer(from_fn_with_state(Arc::clone(&datto), authorised));
    Router::new().route("/datto/auth/oauth/token", post(token)).nest("/datto/api/v2", api).with_state(datto)
}

type Shared = State<Arc<Datto>>;

async fn authorised(State(datto): Shared, request: Request, next: Next) -> Response {
    if datto.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "invalid_token")
}

fn refused(status: StatusCode, error: &str) -> Response {
    answer(status, json!({"error": error, "error_description": "the simulated Datto RMM refuses this call"}))
}

async fn token(State(datto): Shared, headers: HeaderMap, Form(form): Form<Pairs>) -> Response {
    let is = |key: &str, value: &str| form.get(key).is_some_and(|sent| sent == value);
    let client = has_basic(&headers, "public-client", "public");
    if !client || !is("grant_type", "password") || !is("username", KEY) || !is("password", SECRET) {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let token = datto.tokens.issue("account");
    answer(
        StatusCode::OK,
        json!({"access_token": token, "token_type": "bearer", "expires_in": 360_000, "scope": "default"}),
    )
}

async fn account(State(datto): Shared) -> Response {
    let sum = |on_demand: bool| -> u64 {
        let sites = datto.sites.iter().filter(|site| site["onDemand"] == on_demand);
        sites.filter_map(|site| site["devicesStatus"]["numberOfDevices"].as_u64()).sum()
    };
    let (managed, on_demand) = (sum(false), sum(true));
    let status = json!({"numberOfDevices": managed + on_demand, "numberOfManagedDevices": managed, "numberOfOnDemandDevices": on_demand});
    answer(
        StatusCode::OK,
        json!({"id": 9, "uid": "acc1", "name": "Example MSP", "currency": "USD", "devicesStatus": status}),
    )
}

async fn sites(State(datto): Shared, uri: Uri, Query(query): Query<Pairs>) -> Response {
    datto.page(&uri, &query, "sites", &datto.sites)
}

async fn devices(State(datto): Shared, uri: Uri, Query(query): Query<Pairs>) -> Response {
    datto.page(&uri, &query, "devices", &datto.account_list)
}

async fn site_devices(
    State(datto): Shared,
    uri: Uri,
    Path(site): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    let listed = |known: &Value| known["uid"] == site.as_str();
    if site == "deleted-devices" || !datto.sites.iter().any(listed) {
        return refused(StatusCode::NOT_FOUND, "not_found");
    }
    let of_site = |device: &&Value| device["siteUid"] == site.as_str();
    let rows: Vec<&Value> = datto.devices.iter().filter(of_site).collect();
    datto.page(&uri, &query, "devices", &rows)
}
