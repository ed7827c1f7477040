//! Sherweb: a gateway's key beside the token, a list of subscriptions for each customer, names in the language that is
//! asked for; terms of one product side by side, and a customer of a reseller below.

use super::Vendor;
use crate::books::{Books, Column, Counted, Entry, Org, Truth};
use crate::kit::{Pairs, Tokens, answer, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use fastrand::Rng;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::{Code, Figure};

const CLIENT: &str = "simulated-application";
const SECRET: &str = "simulated-secret";
const KEY: &str = "5140000000000000000000000000feed";
const SCOPE: &str = "service-provider";
const RESELLER: &str = "Tradewind Hosting";

/// SKU without its term, English name, French name.
const PRODUCTS: &[(&str, &str, &str)] = &[
    ("SIM-OFFICE", "Office Suite Premium", "Suite bureautique Premium"),
    ("SIM-MAIL", "Hosted Mail", "Courriel hébergé"),
    ("SIM-BACKUP", "Cloud Backup", "Sauvegarde infonuagique"),
    ("SIM-VOICE", "Voice Line", "Ligne téléphonique"),
];
const UNTOLD: usize = 2;
const TERMS: &[&str] = &["Monthly", "Annual", "Triennial"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("sherweb"), books: Books::new(&[]), sherweb: Sherweb::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let new = msp.strangers[0].spelled(Spelling::Usual);
    let (id, values) = (ledger.record(&new, &[], false), BTreeMap::from([(1, Decimal::from(6))]));
    ledger.subscribe(&id, &new, None, values);
    // Of the same name as a customer of the MSP's own, and none of its customers.
    let name = msp.who(Role::TwoSites);
    let id = ledger.record(&name, &[RESELLER], false);
    ledger.subscription(&id, 1, "Monthly", Some(40));
    ledger.sherweb.tokens = Tokens::of(msp);
    ledger.books.list("customers", ledger.sherweb.customers.len());

    Vendor {
        name: "sherweb",
        title: "Sherweb",
        about: "Seats of every product that a customer subscribes to.",
        settings: format!(
            "url = \"{base}/sherweb\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\nsubscription_key = \"{KEY}\"\n"
        ),
        routes: routes(ledger.sherweb),
        books: ledger.books,
        story: vec![
            format!(
                "{}: Sherweb does not find this customer's subscriptions (not-found): blank, and no other is.",
                msp.who(Role::FailingClient)
            ),
            format!("{name}: its namesake at Sherweb is a customer of {RESELLER}, a reseller below the MSP: no row."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    sherweb: Sherweb,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Usual);
        let id = self.record(&name, &[], number % 11 == 4);
        if company.role == Some(Role::FailingClient) {
            self.sherweb.subscriptions.remove(&id);
            let counted = Counted::Whole(Truth::Failed(Code::NotFound));
            self.books.orgs.push(Org { id: id.clone(), name, company: Some(number), counted });
            return company.entry(None, [id]);
        }
        let first = self.rng.usize(..PRODUCTS.len());
        let products = (0..self.rng.usize(1..=3)).map(|step| (first + step) % PRODUCTS.len());
        let values = products.map(|product| (product, Decimal::from(company.users))).collect();
        if company.role == Some(Role::NoQuantity) {
            self.subscription(&id, UNTOLD, "Monthly", None);
        }
        self.subscribe(&id, &name, Some(number), values);
        company.entry(None, [id])
    }

    fn record(&mut self, name: &str, above: &[&str], suspended: bool) -> String {
        let id = uuid(&mut self.rng);
        let path: Vec<&str> = ["Example MSP"].into_iter().chain(above.iter().copied()).chain([name]).collect();
        self.sherweb.customers.push(json!({
            "id": id, "displayName": name, "path": path,
            "suspendedOn": suspended.then_some("2026-01-13T20:30:05.7613888"),
        }));
        self.sherweb.subscriptions.insert(id.clone(), Vec::new());
        id
    }

    /// Each product at times in two terms, which are one column; and one that was reduced to nothing.
    fn subscribe(&mut self, id: &str, name: &str, company: Option<usize>, values: BTreeMap<usize, Decimal>) {
        let untold = self.sherweb.subscriptions[id].iter().any(|row| row["quantity"].is_null());
        let mut counted = BTreeMap::new();
        let column = |product: usize| Column::product(PRODUCTS[product].1, Figure::Quantity);
        for (product, quantity) in values {
            let topped_up = self.rng.u32(0..3);
            let quantity = u32::try_from(quantity).unwrap_or_default();
            let term = TERMS[self.rng.usize(..TERMS.len())];
            self.subscription(id, product, term, Some(quantity));
            if topped_up > 0 {
                self.subscription(id, product, "Monthly", Some(topped_up));
            }
            counted.insert(column(product), Truth::Number((quantity + topped_up).into()));
        }
        if untold {
            counted.insert(column(UNTOLD), Truth::Failed(Code::MissingValue));
        }
        self.subscription(id, 3, "Annual", Some(0));
        self.books.orgs.push(Org {
            id: id.to_owned(),
            name: name.to_owned(),
            company,
            counted: Counted::Each(counted),
        });
    }

    fn subscription(&mut self, customer: &str, product: usize, term: &str, quantity: Option<u32>) {
        let (sku, name, french) = PRODUCTS[product];
        // At the renewal, and down to which it may be reduced, there are other numbers.
        let commitment = json!({
            "type": term, "termEndDate": "2099-03-03",
            "renewalConfiguration": {"renewalDate": "2099-03-04", "scheduledQuantity": quantity.map(|seats| seats + 7)},
            "committedMinimalQuantities": [{"committedUntil": "2025-03-11", "quantity": 1}],
        });
        let row = json!({
            "id": uuid(&mut self.rng), "productName": [name, french], "description": format!("{term} commitment"),
            "sku": format!("{sku}-{term}"), "quantity": quantity, "renewalSettingsConfigurable": true,
            "purchaseDate": "2025-03-04T15:00:00.0000000", "commitmentTerm": commitment,
        });
        self.sherweb.subscriptions.entry(customer.to_owned()).or_default().push(row);
    }
}

#[derive(Default)]
struct Sherweb {
    tokens: Tokens,
    customers: Vec<Value>,
    /// By customer, each with its name in two languages.
    subscriptions: BTreeMap<String, Vec<Value>>,
}

type Shared = State<Arc<Sherweb>>;

fn routes(sherweb: Sherweb) -> Router {
    let sherweb = Arc::new(sherweb);
    let api = Router::new()
        .route("/customers", get(customers))
        .route("/billing/subscriptions/details", get(subscriptions))
        .route_layer(from_fn_with_state(Arc::clone(&sherweb), authorised));
    Router::new()
        .nest("/sherweb/service-provider/v1", api)
        .route("/sherweb/auth/oidc/connect/token", post(token))
        .with_state(sherweb)
}

fn refused(status: StatusCode, title: &str) -> Response {
    answer(status, json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": "simulated"}))
}

async fn authorised(State(sherweb): Shared, request: Request, next: Next) -> Response {
    if request.headers().get("ocp-apim-subscription-key").is_none_or(|key| key != KEY) {
        let message = "Access denied due to missing subscription key.";
        return answer(StatusCode::UNAUTHORIZED, json!({"statusCode": 401, "message": message}));
    }
    if sherweb.tokens.subject(request.headers()).is_none() {
        return refused(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    next.run(request).await
}

async fn token(State(sherweb): Shared, Form(form): Form<Pairs>) -> Response {
    let is = |key: &str, value: &str| form.get(key).is_some_and(|sent| sent == value);
    if !is("client_id", CLIENT) || !is("client_secret", SECRET) || !is("grant_type", "client_credentials") {
        return answer(StatusCode::BAD_REQUEST, json!({"error": "invalid_client"}));
    }
    if !is("scope", SCOPE) {
        return answer(StatusCode::BAD_REQUEST, json!({"error": "invalid_scope"}));
    }
    let token = sherweb.tokens.issue(CLIENT);
    answer(StatusCode::OK, json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}))
}

/// It has no parameters, and fails where one is sent.
async fn customers(State(sherweb): Shared, Query(query): Query<Pairs>) -> Response {
    if !query.is_empty() {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    }
    answer(StatusCode::OK, json!({"items": sherweb.customers}))
}

async fn subscriptions(State(sherweb): Shared, headers: HeaderMap, Query(query): Query<Pairs>) -> Response {
    let asked = query.get("customerId").filter(|_| query.len() == 1);
    let Some(customer) = asked else { return refused(StatusCode::BAD_REQUEST, "InvalidParameters") };
    let Some(rows) = sherweb.subscriptions.get(customer) else {
        return refused(StatusCode::NOT_FOUND, "CustomerNotFound");
    };
    let is_english = headers.get("accept-language").is_some_and(|language| language.as_bytes().starts_with(b"en"));
    let mut rows = rows.clone();
    for row in &mut rows {
        row["productName"] = row["productName"][usize::from(!is_english)].take();
    }
    answer(StatusCode::OK, json!({"items": rows}))
}
