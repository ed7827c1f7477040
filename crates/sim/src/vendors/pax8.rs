//! PAX8: companies, and one list of all subscriptions with tranches, trials, one-time items and cancelled rows.

use super::Vendor;
use crate::books::{Books, Column, Counted, Entry, Org, Truth};
use crate::kit::{Pairs, Tokens, answer, json_number, number, page, uuid};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use fastrand::Rng;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::{Code, Figure};

const CLIENT: &str = "simulated-client";
const SECRET: &str = "simulated-secret";
const AUDIENCE: &str = "https://api.pax8.com";

const PRODUCTS: &[(&str, &str)] = &[
    ("91aa0000-0000-4000-8000-000000000001", "Cloud Backup per Server"),
    ("91aa0000-0000-4000-8000-000000000002", "Email Signature Studio"),
    ("91aa0000-0000-4000-8000-000000000003", "Mail Archive Unlimited"),
    ("91aa0000-0000-4000-8000-000000000004", "Mail Filter Advanced"),
    ("91aa0000-0000-4000-8000-000000000005", "Password Vault Business"),
    ("91aa0000-0000-4000-8000-000000000006", "Object Storage (TB)"),
    // The same product under a newer id: one column.
    ("91aa0000-0000-4000-8000-000000000007", "Mail Filter Advanced"),
];
const FRACTIONAL: usize = 5;
const UNTOLD: usize = 1;
/// The product whose name the subscriptions do not carry: it must be asked for.
const UNNAMED: usize = 4;

/// Status, billing term and end of a subscription that runs and is billed.
const COUNTED: &[Standing] = &[
    ("Active", "Monthly", None),
    ("Active", "Annual", None),
    ("Activated", "Activation", None),
    ("PendingCancel", "Monthly", Some("2099-01-01")),
];
/// Of one that is not counted: over, not begun, on trial, paid once.
const LEFT_OUT: &[Standing] = &[
    ("Cancelled", "Monthly", Some("2025-03-01T00:00:00Z")),
    ("Converted", "Trial", None),
    ("Trial", "Trial", None),
    ("Active", "Trial", None),
    ("Active", "One-Time", None),
    ("PendingManual", "Annual", None),
    ("PendingActivation", "Activation", None),
    ("PendingCancel", "Monthly", Some("2020-12-03")),
    ("WaitingForDetails", "Monthly", None),
];

type Standing = (&'static str, &'static str, Option<&'static str>);

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("pax8"), books: Books::new(&[]), pax8: Pax8::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let deleted = msp.strangers[2].spelled(Spelling::Long);
    let id = ledger.company(&deleted, &msp.strangers[2].domain(), "", "Deleted");
    let values = BTreeMap::from([ledger.product(&id, 0, Decimal::from(3))]);
    ledger.list(id, &deleted, None, values);
    ledger.pax8.tokens = Tokens::of(msp);
    let of_status = |rows: &[Value], status: &str| rows.iter().filter(|row| row["status"] == status).count();
    let (companies, subscriptions) = (&ledger.pax8.companies, &ledger.pax8.subscriptions);
    ledger.books.list("active companies", of_status(companies, "Active"));
    ledger.books.list("inactive companies", of_status(companies, "Inactive"));
    ledger.books.list("deleted companies", of_status(companies, "Deleted"));
    ledger.books.list("active subscriptions", of_status(subscriptions, "Active"));
    ledger.books.list("activated subscriptions", of_status(subscriptions, "Activated"));
    ledger.books.list("cancelled subscriptions", of_status(subscriptions, "PendingCancel"));
    let unnamed = subscriptions.iter().any(|row| row["productName"] == "");
    ledger.books.list("unnamed products", usize::from(unnamed));

    Vendor {
        name: "pax8",
        title: "PAX8",
        about: "Quantities of every product that a company subscribes to.",
        settings: format!("url = \"{base}/pax8/v1\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"),
        routes: routes(ledger.pax8),
        books: ledger.books,
        story: vec![
            format!(
                "{}: no customer at PAX8, and companies.csv says so (-): blank, no warning.",
                msp.who(Role::Declined)
            ),
            format!(
                "{}: PAX8 sends no quantity of {}: blank (missing-value), never a guess.",
                msp.who(Role::NoQuantity),
                PRODUCTS[UNTOLD].1
            ),
            format!("{deleted}: deleted at PAX8, yet a subscription is still billed: a row of its own."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    pax8: Pax8,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer if company.role == Some(Role::Declined) => return Entry::Dash,
            Presence::Customer => {}
        }
        let evidence = Some(Evidence::Domain);
        let name = company.name_at(evidence, Spelling::Usual);
        // One that merely lacks a contact is inactive, and billed like all others.
        let status = if number % 8 == 3 { "Inactive" } else { "Active" };
        let id = self.company(&name, &company.name.domain(), &company.autotask, status);

        let mut values: BTreeMap<Column, Truth> = BTreeMap::new();
        let first = self.rng.usize(..PRODUCTS.len());
        for product in (0..self.rng.usize(2..=4)).map(|step| (first + step) % PRODUCTS.len()) {
            let quantity = match product {
                FRACTIONAL => Decimal::new(i64::from(company.users) * 5, 1),
                _ => Decimal::from(company.users),
            };
            let (column, truth) = self.product(&id, product, quantity);
            let sum = values.remove(&column).unwrap_or(Truth::NotApplicable);
            values.insert(column, sum.with(truth));
        }
        let (product, standing) = (self.rng.usize(..PRODUCTS.len()), LEFT_OUT[number % LEFT_OUT.len()]);
        self.subscription(&id, product, standing, Some(Decimal::from(5)));
        self.subscription(&id, product, COUNTED[0], Some(Decimal::ZERO));
        if company.role == Some(Role::NoQuantity) {
            self.subscription(&id, UNTOLD, COUNTED[0], None);
            values.insert(Column::product(PRODUCTS[UNTOLD].1, Figure::Quantity), Truth::Failed(Code::MissingValue));
        }
        self.list(id.clone(), &name, Some(number), values);
        company.entry(evidence, [id])
    }

    fn company(&mut self, name: &str, domain: &str, reference: &str, status: &'static str) -> String {
        let id = uuid(&mut self.rng);
        self.pax8.companies.push(json!({
            "id": id, "name": name, "website": format!("https://www.{domain}/"), "externalId": reference, "status": status,
            "billOnBehalfOfEnabled": false, "selfServiceAllowed": true, "orderApprovalRequired": false,
            "updatedDate": "2026-03-02T09:15:00.000-0600",
        }));
        id
    }

    fn list(&mut self, id: String, name: &str, company: Option<usize>, values: BTreeMap<Column, Truth>) {
        self.books.orgs.push(Org { id, name: name.to_owned(), company, counted: Counted::Each(values) });
    }

    /// A product of a company, at times bought in two tranches.
    fn product(&mut self, company: &str, product: usize, quantity: Decimal) -> (Column, Truth) {
        let standing = COUNTED[self.rng.usize(..COUNTED.len())];
        self.subscription(company, product, standing, Some(quantity));
        let topped_up = Decimal::from(self.rng.u32(0..3));
        if !topped_up.is_zero() {
            self.subscription(company, product, COUNTED[0], Some(topped_up));
        }
        (Column::product(PRODUCTS[product].1, Figure::Quantity), Truth::Number(quantity + topped_up))
    }

    fn subscription(&mut self, company: &str, product: usize, standing: Standing, quantity: Option<Decimal>) {
        let (status, term, end) = standing;
        let (product_id, name) = PRODUCTS[product];
        self.pax8.subscriptions.push(json!({
            "id": uuid(&mut self.rng), "companyId": company, "productId": product_id,
            "productName": if product == UNNAMED { "" } else { name },
            "quantity": quantity.map(json_number), "status": status, "billingTerm": term,
            "startDate": "2025-02-01T08:30:00Z", "endDate": end, "createdDate": "2025-01-30", "billingStart": "2025-02-01",
            "price": 6.5, "partnerCost": 5.1, "currencyCode": "USD", "parentSubscriptionId": null, "commitmentTerm": null,
        }));
    }
}

#[derive(Default)]
struct Pax8 {
    tokens: Tokens,
    companies: Vec<Value>,
    subscriptions: Vec<Value>,
}

type Shared = State<Arc<Pax8>>;

fn routes(pax8: Pax8) -> Router {
    let pax8 = Arc::new(pax8);
    let api = Router::new()
        .route("/companies", get(companies))
        .route("/companies/{id}", get(company))
        .route("/subscriptions", get(subscriptions))
        .route("/products/{id}", get(product))
        .route_layer(from_fn_with_state(Arc::clone(&pax8), authorised))
        .route("/token", post(token));
    Router::new().nest("/pax8/v1", api).with_state(pax8)
}

async fn authorised(State(pax8): Shared, request: Request, next: Next) -> Response {
    if pax8.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
}

fn refused(status: StatusCode, kind: &str) -> Response {
    let message = "the simulated PAX8 refuses this call";
    answer(status, json!({"type": kind, "message": message, "status": status.as_u16(), "details": []}))
}

async fn token(State(pax8): Shared, Json(body): Json<Value>) -> Response {
    let wanted = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("audience", AUDIENCE),
        ("grant_type", "client_credentials"),
    ];
    if wanted.iter().any(|(key, value)| body[key] != *value) {
        return answer(
            StatusCode::UNAUTHORIZED,
            json!({"error": "access_denied", "error_description": "Unauthorized"}),
        );
    }
    let token = pax8.tokens.issue("partner");
    answer(StatusCode::OK, json!({"access_token": token, "expires_in": 86_400, "token_type": "Bearer"}))
}

async fn companies(State(pax8): Shared, Query(query): Query<Pairs>) -> Response {
    listed(&pax8.companies, &query, &["status"])
}

async fn subscriptions(State(pax8): Shared, Query(query): Query<Pairs>) -> Response {
    let known = |id: &String| pax8.companies.iter().any(|company| company["id"] == id.as_str());
    if query.get("companyId").is_some_and(|id| !known(id)) {
        return refused(StatusCode::FORBIDDEN, "FORBIDDEN");
    }
    listed(&pax8.subscriptions, &query, &["status", "billingTerm", "companyId", "productId"])
}

async fn company(State(pax8): Shared, Path(id): Path<String>) -> Response {
    let found = pax8.companies.iter().find(|company| company["id"] == id.as_str());
    found.map_or_else(|| refused(StatusCode::NOT_FOUND, "NOT_FOUND"), |company| answer(StatusCode::OK, company.clone()))
}

async fn product(Path(id): Path<String>) -> Response {
    let found = PRODUCTS.iter().find(|(known, _)| *known == id);
    found.map_or_else(
        || refused(StatusCode::NOT_FOUND, "NOT_FOUND"),
        |(id, name)| {
            answer(StatusCode::OK, json!({"id": id, "name": name, "vendorName": "Example Software", "sku": id}))
        },
    )
}

/// One page of the rows that pass the query's filters.
fn listed(rows: &[Value], query: &Pairs, filters: &[&str]) -> Response {
    let (Some(size), Some(number)) = (number(query, "size", 10, 1..=200), number(query, "page", 0, 0..=usize::MAX))
    else {
        return refused(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    };
    let passes =
        |row: &&Value| filters.iter().all(|key| query.get(*key).is_none_or(|wanted| row[key] == wanted.as_str()));
    let found: Vec<&Value> = rows.iter().filter(passes).collect();
    let envelope = json!({
        "size": size, "totalElements": found.len(), "totalPages": found.len().div_ceil(size), "number": number,
    });
    answer(StatusCode::OK, json!({"content": page(&found, number, size), "page": envelope}))
}
