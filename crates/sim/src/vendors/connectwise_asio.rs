//! ConnectWise Asio: companies, and one list of all endpoints; a token for JSON, pages by `Link` headers that repeat a
//! row, types in any case, companies that are inactive or deleted.

use super::Vendor;
use crate::books::{Books, Entry, Org, fixed};
use crate::kit::{Pairs, Tokens, answer, number, page, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::extract::{Json, Query, Request, State};
use axum::http::{StatusCode, header::LINK};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, http::Uri};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const CLIENT: &str = "0e30-simulated";
const SECRET: &str = "simulated & secret";
/// What was ticked when the key was made.
const SCOPES: &[&str] = &["platform.companies.read", "platform.sites.read", "platform.asset.read"];
const COLUMNS: &[&str] = &["Workstations", "Servers"];
/// The types of each column, and of what has none. Laptops are desktops.
const WORKSTATION: &[&str] = &["Desktop", "Desktop", "desktop"];
const SERVER: &[&str] = &["Server", "Server", "SERVER"];
const OTHER: &[&str] = &["NetworkDevice", "Appliance"];
const PAGE: usize = 300;

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("connectwise-asio"), books: Books::new(COLUMNS), asio: Asio::new(base) };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let [left, gone] = [&msp.strangers[1], &msp.strangers[2]].map(|name| name.spelled(Spelling::Usual));
    let id = ledger.company(&left, &json!({"activityStatus": {"id": "2", "name": "Inactive", "activeFlag": false}}));
    ledger.customers_endpoints(&id, &left, None, [2, 1]);
    ledger.company(&gone, &json!({"deletedDate": "2025-12-31T00:00:00Z", "deletedBy": "u-1"}));
    ledger.asio.tokens = Tokens::of(msp);
    ledger.books.list("companies", ledger.asio.companies.len());
    ledger.books.list("endpoints", ledger.asio.endpoints.len());

    let url = format!("{base}/asio");
    Vendor {
        name: "connectwise-asio",
        title: "ConnectWise Asio",
        about: "Endpoints of every company, by class.",
        settings: format!("url = \"{url}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"),
        routes: routes(ledger.asio),
        books: ledger.books,
        story: vec![
            format!("{left}: inactive at ConnectWise Asio, and its agents still run: counted, with a warning."),
            format!("{gone}: deleted at ConnectWise Asio, and without agents: no row, a line in the log."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    asio: Asio,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Usual);
        let counts = match company.role {
            Some(Role::NoDevices) => [0, 0],
            _ => [company.workstations, company.servers],
        };
        let id = self.company(&name, &json!({"externalIds": [{"externalId": company.autotask, "productId": "p-1"}]}));
        self.customers_endpoints(&id, &name, Some(number), counts);
        company.entry(None, [id])
    }

    /// Ids spell `Command ID` and a number. A date that is not set is null or of the year 1.
    fn company(&mut self, name: &str, more: &Value) -> String {
        let digits = format!("{:06}", 100_100 + self.asio.companies.len());
        let digits: Vec<String> = digits.bytes().map(|digit| format!("{digit:02x}")).collect();
        let id = format!("436f6d6d-616e-6420-4944-{}", digits.concat());
        let unset = self.rng.bool().then_some("0001-01-01T00:00:00Z");
        let mut company = json!({
            "id": id, "name": name, "friendlyName": if self.rng.bool() { name } else { "" }, "partnerId": "p-4711",
            "activityStatus": {"id": "1", "name": "Active", "activeFlag": true, "defaultFlag": true},
            "acquiredDate": "2021-01-01T00:00:00Z", "inactiveDate": unset, "deletedDate": unset, "deletedBy": null,
            "externalIds": null, "primaryContact": null,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            company[key] = value.clone();
        }
        self.asio.companies.push(company);
        id
    }

    fn customers_endpoints(&mut self, id: &str, name: &str, company: Option<usize>, counts: [u32; 2]) {
        let counted = fixed(COLUMNS, counts);
        self.books.orgs.push(Org { id: id.to_owned(), name: name.to_owned(), company, counted });
        let others = self.rng.u32(0..4);
        for (types, count) in [(WORKSTATION, counts[0]), (SERVER, counts[1]), (OTHER, others)] {
            for _ in 0..count {
                let number = 778_001 + self.asio.endpoints.len();
                self.asio.endpoints.push(json!({
                    "clientId": id, "siteId": uuid(&mut self.rng), "endpointId": uuid(&mut self.rng),
                    "regId": number.to_string(), "endpointType": types[self.rng.usize(..types.len())], "osType": "Windows",
                }));
            }
        }
    }
}

struct Asio {
    url: String,
    tokens: Tokens,
    companies: Vec<Value>,
    endpoints: Vec<Value>,
}

impl Asio {
    fn new(base: &str) -> Self {
        let url = format!("{base}/asio/api/platform/v1");
        Self { url, tokens: Tokens::default(), companies: Vec::new(), endpoints: Vec::new() }
    }
}

type Shared = State<Arc<Asio>>;

fn routes(asio: Asio) -> Router {
    let asio = Arc::new(asio);
    let api = Router::new()
        .route("/company/companies", get(async |State(asio): Shared| answer(StatusCode::OK, json!(asio.companies))))
        .route("/device/endpoints", get(endpoints))
        .route_layer(from_fn_with_state(Arc::clone(&asio), authorised));
    Router::new().route("/asio/v1/token", post(token)).nest("/asio/api/platform/v1", api).with_state(asio)
}

async fn authorised(State(asio): Shared, request: Request, next: Next) -> Response {
    if asio.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "access_denied")
}

fn refused(status: StatusCode, error: &str) -> Response {
    answer(status, json!({"error": error, "description": "the simulated ConnectWise Asio refuses this call"}))
}

/// A scope that was not ticked, and there is no token at all.
async fn token(State(asio): Shared, Json(body): Json<Value>) -> Response {
    let scope = body["scope"].as_str().unwrap_or_default();
    if body["grant_type"] != "client_credentials" || body["client_id"] != CLIENT || body["client_secret"] != SECRET {
        return refused(StatusCode::BAD_REQUEST, "invalid_client");
    }
    if !scope.split(' ').all(|scope| SCOPES.contains(&scope)) {
        return refused(StatusCode::BAD_REQUEST, "invalid_scope");
    }
    let token = asio.tokens.issue("partner");
    answer(StatusCode::OK, json!({"access_token": token, "scope": scope, "token_type": "Bearer", "expires_in": 3599}))
}

/// One page; each but the first begins with the last row of the page before.
async fn endpoints(State(asio): Shared, uri: Uri, Query(query): Query<Pairs>) -> Response {
    let Some(at) = number(&query, "page", 0, 0..=usize::MAX - 1) else {
        return refused(StatusCode::BAD_REQUEST, "bad_request");
    };
    let before = at.saturating_mul(PAGE).checked_sub(1).and_then(|last| asio.endpoints.get(last));
    let rows: Vec<&Value> = before.into_iter().chain(page(&asio.endpoints, at, PAGE)).collect();
    let body = answer(StatusCode::OK, json!({"endpoints": rows}));
    if at.saturating_add(1).saturating_mul(PAGE) >= asio.endpoints.len() {
        return body;
    }
    let next = format!("<{}{}?page={}>; rel=\"next\"", asio.url, uri.path(), at + 1);
    ([(LINK, next)], body).into_response()
}
