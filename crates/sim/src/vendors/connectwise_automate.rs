//! ConnectWise Automate: a log-in with a second factor whose refusals come with status 200, bare arrays without a total,
//! a client id on every call, types in any spelling, and a computer that belongs to nobody.

use super::Vendor;
use crate::books::{Books, Entry, Org, fixed};
use crate::kit::{Pairs, Tokens, answer, now, number, page};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::extract::{Json, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, http::HeaderName};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const USER: &str = "tallysheet";
const PASSWORD: &str = "simulated & password";
const CLIENT_ID: &str = "7a1c2d3e-0000-4000-8000-00000000c0de";
const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const COLUMNS: &[&str] = &["Workstations", "Servers"];
/// Types and operating systems. A type that says nothing leaves it to the operating system.
const WORKSTATION: &[(Option<&str>, &str)] = &[
    (Some("Workstation"), "Microsoft Windows 11 Pro x64"),
    (Some("workstation"), "macOS 15.1"),
    (Some(""), "Microsoft Windows 10 Pro x64"),
    (Some("Laptop"), "Ubuntu 24.04"),
];
const SERVER: &[(Option<&str>, &str)] = &[
    (Some("Server"), "Microsoft Windows Server 2022 Standard x64"),
    (Some("SERVER"), "Debian GNU/Linux 12"),
    (None, "Microsoft Windows Server 2019 Standard x64"),
];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let rng = msp.rng("connectwise-automate");
    let mut ledger = Ledger { rng, books: Books::new(COLUMNS), clients: Vec::new(), computers: Vec::new() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[2].spelled(Spelling::Long);
    ledger.client(&stranger, None, [5, 1]);
    // An agent that was installed before anybody said whose it is.
    ledger.computer(&Value::Null, WORKSTATION);
    let nobodys =
        Org { id: String::new(), name: "(no client)".to_owned(), company: None, counted: fixed(COLUMNS, [1, 0]) };
    ledger.books.orgs.push(nobodys);
    ledger.books.list("clients", ledger.clients.len());
    ledger.books.list("computers", ledger.computers.len());
    let tokens = Tokens::of(msp);

    let url = format!("{base}/automate/cwa");
    Vendor {
        name: "connectwise-automate",
        title: "ConnectWise Automate",
        about: "Agents of every client. Its user has a second factor.",
        settings: format!(
            "url = \"{url}\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\nclient_id = \"{CLIENT_ID}\"\ntotp_secret = \"{TOTP_SECRET}\"\n"
        ),
        routes: routes(tokens, ledger.clients, ledger.computers),
        books: ledger.books,
        story: vec![
            format!("{}: a client of Automate without a computer: zero, not blank.", msp.who(Role::NoDevices)),
            "One computer at Automate belongs to no client: a row of its own, never dropped.".to_owned(),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    clients: Vec<Value>,
    computers: Vec<Value>,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let agents = match company.role {
            Some(Role::NoDevices) => [0, 0],
            _ => [company.workstations - self.rng.u32(0..=1), company.servers],
        };
        let id = self.client(&company.name_at(None, Spelling::Long), Some(number), agents);
        company.entry(None, [id])
    }

    fn client(&mut self, name: &str, company: Option<usize>, agents: [u32; 2]) -> String {
        let id = (self.clients.len() + 2).to_string();
        self.clients.push(json!({
            "Id": id, "Name": name, "Company": name, "City": null, "State": null, "ZipCode": null, "PhoneNumber": null,
            "Country": "US", "Comment": null, "ExternalId": "0", "UsesInHouseSupportStaff": false,
            "IsHiddenFromAllInclusiveGroup": false,
        }));
        let counted = fixed(COLUMNS, agents);
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        for (kinds, count) in [(WORKSTATION, agents[0]), (SERVER, agents[1])] {
            for _ in 0..count {
                self.computer(&json!({"Id": id, "Name": name}), kinds);
            }
        }
        id
    }

    /// Agents that are offline, however long, hold a licence until somebody retires them.
    fn computer(&mut self, client: &Value, kinds: &[(Option<&str>, &str)]) {
        let number = self.computers.len() + 1501;
        let (kind, system) = kinds[self.rng.usize(..kinds.len())];
        let online = self.rng.u8(0..5) > 0;
        let seen = if online { "2026-11-20T09:12:00Z" } else { "2025-01-05T09:12:00" };
        self.computers.push(json!({
            "Id": number.to_string(), "ComputerName": format!("HOST-{number}"), "FriendlyName": "", "Type": kind,
            "Status": if online { "Online" } else { "Offline" }, "OperatingSystemName": system, "IsVirtualMachine": false,
            "RemoteAgentVersion": "250.2", "RemoteAgentLastContact": seen, "DateAdded": "2023-04-01T00:00:00Z",
            "Client": client, "Location": {"Id": "9", "Name": "Main Office"},
        }));
    }
}

struct Automate {
    tokens: Tokens,
    totp: Option<totp_rs::Totp>,
    clients: Vec<Value>,
    computers: Vec<Value>,
}

type Shared = State<Arc<Automate>>;

fn routes(tokens: Tokens, clients: Vec<Value>, computers: Vec<Value>) -> Router {
    let secret = totp_rs::Secret::try_from_base32(TOTP_SECRET).ok();
    let totp = secret.and_then(|secret| totp_rs::Builder::new().with_secret(secret).build().ok());
    let automate = Arc::new(Automate { tokens, totp, clients, computers });
    let lists = Router::new()
        .route("/Clients", get(async |State(automate): Shared, query: Query<Pairs>| list(&automate.clients, &query)))
        .route(
            "/Computers",
            get(async |State(automate): Shared, query: Query<Pairs>| list(&automate.computers, &query)),
        )
        .route_layer(from_fn_with_state(Arc::clone(&automate), authorised));
    let api = lists.route("/apitoken", post(token)).with_state(automate);
    Router::new().nest("/automate/cwa/api/v1", api)
}

/// A call without the client id is refused like one without a token.
async fn authorised(State(automate): Shared, request: Request, next: Next) -> Response {
    let client_id = request.headers().get(HeaderName::from_static("clientid"));
    if client_id.is_some_and(|id| id == CLIENT_ID) && automate.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "Authorization has been denied for this request.")
}

fn refused(status: StatusCode, message: &str) -> Response {
    answer(status, json!({"Message": message}))
}

async fn token(State(automate): Shared, Json(body): Json<Value>) -> Response {
    if body["UserName"] != USER || body["Password"] != PASSWORD {
        return refused(StatusCode::UNAUTHORIZED, "Invalid credentials.");
    }
    let at = u64::try_from(now().as_second()).unwrap_or_default();
    let passcode = body["TwoFactorPasscode"].as_str().unwrap_or_default();
    let is_good = automate.totp.as_ref().is_some_and(|totp| totp.check(passcode, at).is_some());
    let token = if is_good { automate.tokens.issue(USER) } else { String::new() };
    answer(
        StatusCode::OK,
        json!({
            "UserId": "12", "AccessToken": token, "TokenType": "bearer", "ExpirationDate": "2099-12-31T23:00:00.123Z",
            "AbsoluteExpirationDate": "2099-12-31T23:59:59Z", "InternalUserName": USER,
            "IsTwoFactorRequired": !is_good, "IsInternalTwoFactorRequired": false,
        }),
    )
}

/// One page, a bare array: nobody tells how many there are.
fn list(rows: &[Value], query: &Pairs) -> Response {
    let (Some(size), Some(shown)) = (number(query, "pageSize", 25, 1..=1000), number(query, "page", 1, 1..=usize::MAX))
    else {
        return refused(StatusCode::BAD_REQUEST, "The request is invalid.");
    };
    answer(StatusCode::OK, json!(page(rows, shown - 1, size)))
}
