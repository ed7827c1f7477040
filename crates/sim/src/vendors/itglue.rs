//! IT Glue: organisations and users, each a JSON:API list in numbered pages; a key in a header. Only an account number
//! links a MyGlue user to an organisation, and two organisations may have one.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, answer, number, page};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "ITG.simulated";
/// The MSP's own organisation.
const OWN: u64 = 4_099_000;
/// An account that is no organisation's any more.
const LOST: u64 = 87_000;
const COLUMNS: &[&str] = &["Users"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let url = format!("{base}/itglue");
    let mut ledger = Ledger { organisation: OWN, account: LOST, books: Books::new(COLUMNS), glue: Glue::default() };
    ledger.glue.organisations.push(organisation(OWN, "Example MSP", Some(LOST + 1), true));
    ledger.account += 1;
    let mut rng = msp.rng("itglue own");
    ledger.users(&mut rng, Some(LOST + 1), 2);
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(&mut msp.rng(&format!("itglue {number}")), number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[1].spelled(Spelling::Usual);
    let account = ledger.account();
    ledger.organisation(&stranger, None, Some(account), truth(6));
    ledger.users(&mut rng, Some(account), 6);
    // Users whom no organisation has: the vendor lists them all the same.
    for (account, id, name, count) in [
        (Some(LOST), format!("account-{LOST}"), format!("(MyGlue account {LOST})"), 3),
        (None, "account-none".to_owned(), "(no MyGlue account)".to_owned(), 1),
    ] {
        ledger.users(&mut rng, account, count);
        ledger.books.orgs.push(Org { id, name, company: None, counted: truth(count) });
    }
    ledger.books.list("organizations", ledger.glue.organisations.len());
    ledger.books.list("users", ledger.glue.users.len());

    Vendor {
        name: "itglue",
        title: "MyGlue",
        about: "MyGlue users of every organization.",
        settings: format!("url = \"{url}\"\napi_key = \"{KEY}\"\n"),
        routes: routes(ledger.glue),
        books: ledger.books,
        story: vec![
            format!("{}: a MyGlue account without users: zero, not blank.", msp.who(Role::NoDevices)),
            format!("{}: no MyGlue account at IT Glue: blank, not zero.", msp.who(Role::OnDemand)),
            format!("{}: two IT Glue organizations share a MyGlue account, counted once.", msp.who(Role::TwoOrgs)),
            format!("MyGlue account {LOST}: its users are no organization's, and have a row of their own."),
        ],
    }
}

fn truth(users: u32) -> Counted {
    fixed(COLUMNS, [users])
}

struct Ledger {
    organisation: u64,
    account: u64,
    books: Books,
    glue: Glue,
}

impl Ledger {
    fn customer(&mut self, rng: &mut Rng, number: usize, company: &Company) -> Entry {
        match company.presence(rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Usual);
        if company.role == Some(Role::OnDemand) || (company.role.is_none() && rng.u8(0..6) == 0) {
            let none = Counted::Whole(Truth::NotApplicable);
            return company.entry(None, [self.organisation(&name, Some(number), None, none)]);
        }
        let users = if company.role == Some(Role::NoDevices) { 0 } else { company.users };
        let account = self.account();
        let mut ids = vec![self.organisation(&name, Some(number), Some(account), truth(users))];
        self.users(rng, Some(account), users);
        if company.role == Some(Role::TwoOrgs) {
            let (annex, left_out) = (format!("{name} Annex"), Counted::Whole(Truth::LeftOut));
            ids.push(self.organisation(&annex, Some(number), Some(account), left_out));
        }
        company.entry(None, ids)
    }

    fn account(&mut self) -> u64 {
        self.account += 1;
        self.account
    }

    fn organisation(&mut self, name: &str, company: Option<usize>, account: Option<u64>, counted: Counted) -> String {
        self.organisation += 4;
        let id = self.organisation.to_string();
        self.glue.organisations.push(organisation(self.organisation, name, account, false));
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        id
    }

    /// So many MyGlue users of an account, and sometimes one of the MSP's staff who looks like them.
    fn users(&mut self, rng: &mut Rng, account: Option<u64>, count: u32) {
        for _ in 0..count {
            self.user(rng, true, account);
        }
        if rng.bool() {
            let account = account.filter(|_| rng.bool());
            self.user(rng, false, account);
        }
    }

    /// An account comes as a number or as text; an invitation may be open.
    fn user(&mut self, rng: &mut Rng, is_mine: bool, account: Option<u64>) {
        let number = 900_000 + self.glue.users.len();
        let account = account.map(|account| if rng.bool() { json!(account) } else { json!(account.to_string()) });
        let accepted = (rng.u8(0..5) > 0).then_some("2025-05-02T09:00:00.000Z");
        let attributes = json!({
            "first-name": "Person", "last-name": number.to_string(), "name": format!("Person {number}"),
            "email": format!("person{number}@customer.example"), "role-name": if is_mine { "Lite" } else { "Editor" },
            "my-glue": is_mine, "my-glue-account-id": account, "salesforce-id": null, "reputation": 0,
            "invitation-sent-at": "2025-05-01T00:00:00.000Z", "invitation-accepted-at": accepted,
            "created-at": "2025-05-01T00:00:00.000Z", "updated-at": "2025-05-01T00:00:00.000Z",
        });
        self.glue.users.push(json!({ "id": number.to_string(), "type": "users", "attributes": attributes }));
    }
}

fn organisation(id: u64, name: &str, account: Option<u64>, is_own: bool) -> Value {
    let attributes = json!({
        "name": name, "short-name": null, "description": null, "alert": null, "quick-notes": null,
        "organization-type-id": 11, "organization-type-name": "Customer",
        "organization-status-id": 21, "organization-status-name": "Active", "primary": is_own,
        "psa-integration": "disabled", "my-glue-account-id": account,
        "my-glue-account-status": account.map(|_| "active"), "logo": null,
        "created-at": "2024-01-02T03:04:05.000Z", "updated-at": "2026-01-02T03:04:05.000Z",
    });
    json!({ "id": id.to_string(), "type": "organizations", "attributes": attributes, "relationships": {} })
}

#[derive(Default)]
struct Glue {
    organisations: Vec<Value>,
    users: Vec<Value>,
}

type Shared = State<Arc<Glue>>;

fn routes(glue: Glue) -> Router {
    let routes = Router::new()
        .route("/organizations", get(organisations))
        .route("/organizations/{id}", get(one_organisation))
        .route("/users", get(users))
        .layer(from_fn(authorised))
        .with_state(Arc::new(glue));
    Router::new().nest("/itglue", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    if request.headers().get("x-api-key").is_some_and(|key| key.as_bytes() == KEY.as_bytes()) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "Unauthorized")
}

fn refused(status: StatusCode, title: &str) -> Response {
    let detail = "the simulated IT Glue refuses this call";
    answer(status, json!({"errors": [{"status": status.as_u16().to_string(), "title": title, "detail": detail}]}))
}

async fn organisations(State(glue): Shared, Query(mut query): Query<Pairs>) -> Response {
    let own = query.remove("filter[primary]");
    let rows: Vec<&Value> = match own.as_deref() {
        None => glue.organisations.iter().collect(),
        Some(own @ ("true" | "false")) => {
            glue.organisations.iter().filter(|row| row["attributes"]["primary"] == (own == "true")).collect()
        }
        Some(_) => return refused(StatusCode::UNPROCESSABLE_ENTITY, "Invalid filter"),
    };
    listed(&query, rows)
}

async fn users(State(glue): Shared, Query(query): Query<Pairs>) -> Response {
    listed(&query, glue.users.iter().collect())
}

async fn one_organisation(State(glue): Shared, Path(id): Path<String>) -> Response {
    let found = glue.organisations.iter().find(|row| row["id"] == id.as_str());
    let not_found = || refused(StatusCode::NOT_FOUND, "Record not found");
    found.map_or_else(not_found, |row| answer(StatusCode::OK, json!({ "data": row })))
}

/// One page. Rows come by name, in the other direction than by id, unless they are sorted.
fn listed(query: &Pairs, mut rows: Vec<&Value>) -> Response {
    let known = ["page[number]", "page[size]", "sort"];
    let (Some(size), Some(at)) =
        (number(query, "page[size]", 50, 1..=1000), number(query, "page[number]", 1, 1..=usize::MAX - 1))
    else {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "Invalid page");
    };
    match query.get("sort").map(String::as_str) {
        _ if query.keys().any(|key| !known.contains(&key.as_str())) => {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, "Unknown parameter");
        }
        Some("id") => {}
        None | Some("-id") => rows.reverse(),
        Some(_) => return refused(StatusCode::UNPROCESSABLE_ENTITY, "Invalid sort"),
    }
    let pages = rows.len().div_ceil(size);
    let meta = json!({
        "current-page": at, "next-page": (at < pages).then(|| at + 1), "prev-page": (at > 1).then(|| at - 1),
        "total-pages": pages, "total-count": rows.len(), "filters": {},
    });
    answer(StatusCode::OK, json!({ "data": page(&rows, at - 1, size), "links": {}, "meta": meta }))
}
