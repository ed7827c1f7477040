//! ImmyBot: tenants and persons in one answer each, computers by offset; a token of Entra's. Offline computers show only
//! where they are asked for, and pages overlap unless they are sorted by id.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, Tokens, answer, number, uuid};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const ENTRA: &str = "msp.example";
const CLIENT: &str = "1b1b1b1b-0000-4000-8000-00000000c11e";
const SECRET: &str = "simulated~value";
/// The MSP's own tenant.
const OWN: u64 = 1;
const COLUMNS: &[&str] = &["Devices", "Users"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let url = format!("{base}/immybot");
    let mut ledger = Ledger { next: 90, books: Books::new(COLUMNS), immy: Immy::new(&url) };
    ledger.immy.tenants.push(tenant(OWN, "Example MSP", None));
    ledger.person(&mut msp.rng("immybot own"), OWN, "counting", false);
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(&mut msp.rng(&format!("immybot {number}")), number, company);
        ledger.books.entries.push(entry);
    }
    let leaving = msp.strangers[2].spelled(Spelling::Usual);
    ledger.leaving(&leaving);
    ledger.immy.tokens = Tokens::of(msp);
    ledger.books.list("tenants", ledger.immy.tenants.len());
    ledger.books.list("computers", ledger.immy.computers.iter().filter(|row| row["deletedAt"].is_null()).count());
    ledger.books.list("persons", ledger.immy.persons.len());

    Vendor {
        name: "immybot",
        title: "ImmyBot",
        about: "Computers and persons of every tenant, but the MSP's own.",
        settings: format!(
            "url = \"{url}\"\ntoken_url = \"{base}/entra/{ENTRA}/oauth2/v2.0/token\"\ntenant_id = \"{ENTRA}\"\n\
             client_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"
        ),
        routes: routes(ledger.immy),
        books: ledger.books,
        story: vec![
            format!("{}: two ImmyBot tenants of one name, told apart by their ids.", msp.who(Role::TwoOrgs)),
            format!("{leaving}: an empty ImmyBot tenant that is marked for deletion: left out, no zero."),
        ],
    }
}

struct Ledger {
    next: u64,
    books: Books,
    immy: Immy,
}

impl Ledger {
    fn customer(&mut self, rng: &mut Rng, number: usize, company: &Company) -> Entry {
        match company.presence(rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let evidence = Some(Evidence::Domain);
        let name = company.name_at(evidence, Spelling::Usual);
        let (computers, shared) = (company.workstations + company.servers, rng.u32(0..4));
        let mut ids = vec![self.tenant(rng, &name, company, number, [computers, company.users + shared])];
        if company.role == Some(Role::TwoOrgs) {
            ids.push(self.tenant(rng, &name, company, number, [2, 3]));
        }
        company.entry(evidence, ids)
    }

    fn tenant(&mut self, rng: &mut Rng, name: &str, company: &Company, at: usize, counts: [u32; 2]) -> String {
        self.next += 5;
        let id = self.next;
        self.immy.tenants.push(tenant(id, name, Some((&uuid(rng), &company.name.domain()))));
        for computer in 0..counts[0] {
            // The operating system tells what it is only where no role does.
            let kind = match computer {
                0 => (Some(3), "Microsoft Windows Server 2022 Standard"),
                1 => (None, "Microsoft Windows Server 2019 Standard"),
                _ => (Some(1), "Microsoft Windows 11 Pro"),
            };
            self.computer(rng, id, kind, "");
        }
        // What is no computer of the customer's.
        for mark in ["isDevLab", "isSandbox", "deletedAt"] {
            self.computer(rng, id, (Some(1), "Microsoft Windows 11 Pro"), mark);
        }
        (0..counts[1]).for_each(|_| self.person(rng, id, &company.name.domain(), false));
        self.person(rng, id, &company.name.domain(), true);
        let org = Org { id: id.to_string(), name: name.to_owned(), company: Some(at), counted: fixed(COLUMNS, counts) };
        self.books.orgs.push(org);
        id.to_string()
    }

    fn leaving(&mut self, name: &str) {
        self.next += 5;
        let mut leaving = tenant(self.next, name, None);
        leaving["markedForDeletionAtUtc"] = json!("2026-01-31T08:00:00Z");
        self.immy.tenants.push(leaving);
        let (id, counted) = (self.next.to_string(), Counted::Whole(Truth::LeftOut));
        self.books.orgs.push(Org { id, name: name.to_owned(), company: None, counted });
    }

    /// The status of onboarding is a word or its number; whether a computer is online or licensed may be unknown.
    fn computer(&mut self, rng: &mut Rng, tenant: u64, (role, system): (Option<u8>, &str), mark: &str) {
        let id = 5000 + self.immy.computers.len();
        let statuses = [json!("NeedsOnboarding"), json!("Onboarded"), json!(0), json!(2)];
        self.immy.computers.push(json!({
            "id": id, "computerName": format!("HOST-{id}"), "deviceId": uuid(rng), "tenantId": tenant,
            "operatingSystem": system, "domainRole": role, "isOnline": rng.choice([Some(true), Some(false), None]),
            "licensed": rng.choice([Some(true), Some(true), Some(false), None]),
            "onboardingStatus": statuses[rng.usize(..statuses.len())], "excludeFromMaintenance": false,
            "isDevLab": mark == "isDevLab", "isSandbox": mark == "isSandbox",
            "deletedAt": (mark == "deletedAt").then_some("2026-01-31T08:00:00Z"),
            "createdDate": "2025-02-01T00:00:00Z", "lastProviderAgentEventDateUtc": "2026-01-04T10:00:00Z",
        }));
    }

    fn person(&mut self, rng: &mut Rng, tenant: u64, domain: &str, expired: bool) {
        let id = 16_000 + self.immy.persons.len();
        self.immy.persons.push(json!({
            "id": id, "firstName": "Person", "lastName": id.to_string(), "fullName": format!("Person {id}"),
            "emailAddress": (rng.u8(0..9) > 0).then(|| format!("person{id}@{domain}")), "azurePrincipalId": uuid(rng),
            "tenantId": tenant, "userId": null,
            "expirationDateUTC": expired.then_some("2025-12-31T00:00:00Z"), "personTagIds": [],
        }));
    }
}

/// Active or not is told of no tenant rightly.
fn tenant(id: u64, name: &str, entra: Option<(&str, &str)>) -> Value {
    let link = entra.map(|(entra, domain)| {
        let domains = json!([{"immyTenantId": id, "azTenantId": entra, "domainName": domain}]);
        json!({"immyTenantId": id, "azTenantId": entra, "shouldLimitDomains": true, "limitToDomains": domains})
    });
    json!({
        "id": id, "name": name, "slug": format!("tenant-{id}"), "ownerTenantId": OWN, "parentTenantId": null,
        "isMsp": id == OWN, "active": false, "markedForDeletionAtUtc": null, "azureTenantLink": link,
        "tenantTagIds": [], "createdDateUTC": "2022-06-24T14:11:43Z", "updatedDateUTC": "2022-06-24T14:11:43Z",
    })
}

struct Immy {
    /// What a token must be for.
    scope: String,
    tokens: Tokens,
    tenants: Vec<Value>,
    computers: Vec<Value>,
    persons: Vec<Value>,
}

impl Immy {
    fn new(url: &str) -> Self {
        let (tokens, scope) = (Tokens::default(), format!("{url}/.default"));
        Self { scope, tokens, tenants: Vec::new(), computers: Vec::new(), persons: Vec::new() }
    }
}

type Shared = State<Arc<Immy>>;

fn routes(immy: Immy) -> Router {
    let immy = Arc::new(immy);
    let api = Router::new()
        .route("/tenants", get(async |State(immy): Shared, query| whole(&immy.tenants, query)))
        .route("/persons", get(async |State(immy): Shared, query| whole(&immy.persons, query)))
        .route("/computers/paged", get(computers))
        .route_layer(from_fn_with_state(Arc::clone(&immy), authorised));
    Router::new().route("/entra/{tenant}/oauth2/v2.0/token", post(token)).nest("/immybot/api/v1", api).with_state(immy)
}

async fn authorised(State(immy): Shared, request: Request, next: Next) -> Response {
    if immy.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "unauthorized")
}

fn refused(status: StatusCode, code: &str) -> Response {
    answer(
        status,
        json!({"error": {"code": code, "message": "the simulated ImmyBot refuses this call", "details": null}}),
    )
}

async fn token(State(immy): Shared, Path(tenant): Path<String>, Form(form): Form<Pairs>) -> Response {
    let refuse = |status, error: &str, number: u32, text: &str| {
        let description = format!("AADSTS{number}: {text}");
        answer(status, json!({"error": error, "error_description": description, "error_codes": [number]}))
    };
    let is = |key: &str, value: &str| form.get(key).is_some_and(|sent| sent == value);
    if tenant != ENTRA || !is("client_id", CLIENT) || !is("grant_type", "client_credentials") {
        return refuse(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, "Application was not found.");
    }
    if !is("client_secret", SECRET) {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, "Invalid client secret provided.");
    }
    if !is("scope", &immy.scope) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, "The resource was not found.");
    }
    let token = immy.tokens.issue("application");
    answer(StatusCode::OK, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

/// All rows, unless a page is asked for.
fn whole(rows: &[Value], Query(query): Query<Pairs>) -> Response {
    let (Some(page), Some(size)) =
        (number(&query, "page", 1, 1..=usize::MAX), number(&query, "pageSize", rows.len(), 1..=usize::MAX))
    else {
        return refused(StatusCode::BAD_REQUEST, "badRequest");
    };
    answer(StatusCode::OK, json!(crate::kit::page(rows, page - 1, size)))
}

async fn computers(State(immy): Shared, Query(query): Query<Pairs>) -> Response {
    let is = |key: &str, value: &str| query.get(key).is_some_and(|sent| sent == value);
    let (Some(skip), Some(take)) = (number(&query, "skip", 0, 0..=usize::MAX), number(&query, "take", 25, 1..=10_000))
    else {
        return refused(StatusCode::BAD_REQUEST, "badRequest");
    };
    let shown = |row: &&Value| {
        let offline = row["isOnline"] == false && !is("includeOffline", "true");
        row["deletedAt"].is_null() != is("deletedOnly", "true") && !offline
    };
    let rows: Vec<&Value> = immy.computers.iter().filter(shown).collect();
    // Without a stable order each page begins a row too early.
    let skip = if is("sort", "id") { skip } else { skip.saturating_sub(1) };
    let page: Vec<&&Value> = rows.iter().skip(skip).take(take).collect();
    answer(StatusCode::OK, json!({"count": rows.len(), "results": page}))
}
