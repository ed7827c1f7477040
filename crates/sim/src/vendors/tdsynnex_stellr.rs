//! Stellr: customers, and each customer's subscriptions by itself; pages that are empty unless they are asked for by number and
//! size, statuses that are often blank, lines of one contract.

use super::Vendor;
use crate::books::{Books, Column, Counted, Entry, Org, Truth};
use crate::kit::{Pairs, Tokens, answer, json_number, number, page, uuid};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use fastrand::Rng;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::{Code, Figure};

const CLIENT: &str = "simulated-client";
const SECRET: &str = "simulated+secret";
/// What the resellers themselves report as the most that a page may have.
const LARGEST_PAGE: usize = 200;

const PRODUCTS: &[(&str, &str, &str)] = &[
    ("Microsoft", "CFQ7TTC0EXMP:0001", "NCE Office Suite Business (Annual)"),
    // The same part number: only the name tells them apart.
    ("Microsoft", "CFQ7TTC0EXMP:0001", "NCE Office Suite Business (Monthly)"),
    ("Cisco", "MEET-CALL", "Meetings and Calling"),
    ("Google", "GWS-STD", "Workspace Standard"),
];
const UNTOLD: usize = 3;

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("tdsynnex-stellr"), books: Books::new(&[]), stellr: Stellr::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[1].spelled(Spelling::Long);
    let id = ledger.listed(&stranger, &msp.strangers[1].domain(), "Active");
    let values = BTreeMap::from([ledger.product(&id, 2, Decimal::from(4))]);
    ledger.books.orgs.push(Org { id, name: stranger.clone(), company: None, counted: Counted::Each(values) });
    ledger.stellr.tokens = Tokens::of(msp);
    ledger.books.list("customers", ledger.stellr.customers.len());

    Vendor {
        name: "tdsynnex-stellr",
        title: "Stellr",
        about: "Seats of every subscription, asked for customer by customer.",
        settings: format!(
            "url = \"{base}/stellr\"\ntoken_url = \"{base}/stellr/oauth2/v1/token\"\nclient_id = \"{CLIENT}\"\n\
             client_secret = \"{SECRET}\"\n"
        ),
        routes: routes(ledger.stellr),
        books: ledger.books,
        story: vec![
            format!(
                "{}: Stellr sends a quantity of {} that is no number: blank (missing-value).",
                msp.who(Role::NoQuantity),
                PRODUCTS[UNTOLD].2
            ),
            format!("{stranger}: a customer of Stellr that no row of companies.csv knows: a row of its own."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    stellr: Stellr,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let evidence = Some(Evidence::Domain);
        let name = company.name_at(evidence, Spelling::Usual);
        // A customer that is discontinued may have paid up to the end.
        let id = self.listed(&name, &company.name.domain(), if number % 10 == 6 { "Discontinued" } else { "Active" });
        let mut values: BTreeMap<Column, Truth> = BTreeMap::new();
        let first = self.rng.usize(..PRODUCTS.len());
        for product in (0..self.rng.usize(1..=3)).map(|step| (first + step) % PRODUCTS.len()) {
            let (column, truth) = self.product(&id, product, company.users.into());
            values.insert(column, truth);
        }
        let product = self.rng.usize(..PRODUCTS.len());
        for status in [["Expired", "cancelled"], ["Suspended", "Canceled"], ["INACTIVE", "Discontinued"]][number % 3] {
            self.subscription(&id, product, &json!(5), &json!({ "status": status }));
        }
        self.subscription(&id, product, &json!(1), &json!({ "billingFrequency": "one_time" }));
        self.subscription(&id, first, &json!(0), &json!({}));
        if company.role == Some(Role::NoQuantity) {
            self.subscription(&id, UNTOLD, &json!("n/a"), &json!({}));
            values.insert(column(UNTOLD), Truth::Failed(Code::MissingValue));
        }
        self.books.orgs.push(Org { id: id.clone(), name, company: Some(number), counted: Counted::Each(values) });
        company.entry(evidence, [id])
    }

    fn listed(&mut self, name: &str, domain: &str, status: &str) -> String {
        let id = (701_000 + self.stellr.customers.len()).to_string();
        self.stellr.customers.push(json!({
            "customerNo": id, "companyName": name, "address1": "10 Elm St", "city": "Toronto", "state": "ON",
            "zipCode": "M5H1A1", "country": "CA", "domain": domain, "status": status,
        }));
        id
    }

    /// A product of a customer, at times in two lines of one contract, and its quantity at times as text.
    fn product(&mut self, customer: &str, product: usize, quantity: Decimal) -> (Column, Truth) {
        let more = Decimal::new(self.rng.i64(0..4) * 5, 1);
        for quantity in [quantity, more].into_iter().filter(|quantity| !quantity.is_zero()) {
            let status = [json!("Active"), json!(""), json!(null)][self.rng.usize(..3)].clone();
            let told = if self.rng.bool() { json_number(quantity) } else { json!(quantity.to_string()) };
            self.subscription(customer, product, &told, &json!({ "status": status }));
        }
        (column(product), Truth::Number(quantity + more))
    }

    fn subscription(&mut self, customer: &str, product: usize, quantity: &Value, like: &Value) {
        let (vendor, part, name) = PRODUCTS[product];
        let lines = self.stellr.subscriptions.entry(customer.to_owned()).or_default();
        // Contracts are numbered by customer, so that an id alone is nobody's.
        let mut row = json!({
            "subscriptionId": format!("500100_{}", lines.len() + 1), "vendorSubscriptionId": uuid(&mut self.rng),
            "contractNo": "500100", "vendorId": vendor, "productId": "P-1", "skuNo": 6_543_210 + product, "mfgPartNo": part,
            "productName": name, "quantity": quantity, "status": "Active", "billingFrequency": "month", "unitPrice": 22.0,
            "customerPrice": 26.4, "currency": "CAD", "startDate": "2026-01-01", "endDate": "2026-12-31",
        });
        for (key, value) in like.as_object().into_iter().flatten() {
            row[key] = value.clone();
        }
        lines.push(row);
    }
}

fn column(product: usize) -> Column {
    Column::product(PRODUCTS[product].2, Figure::Quantity)
}

#[derive(Default)]
struct Stellr {
    tokens: Tokens,
    customers: Vec<Value>,
    /// By the customer's number.
    subscriptions: BTreeMap<String, Vec<Value>>,
}

type Shared = State<Arc<Stellr>>;

fn routes(stellr: Stellr) -> Router {
    let stellr = Arc::new(stellr);
    let api = Router::new()
        .route("/cloud/customers", get(customers))
        .route("/customers/{customer}/subscriptions", get(subscriptions))
        .route_layer(from_fn_with_state(Arc::clone(&stellr), authorised));
    Router::new().route("/stellr/oauth2/v1/token", post(token)).nest("/stellr/api/v1", api).with_state(stellr)
}

async fn authorised(State(stellr): Shared, request: Request, next: Next) -> Response {
    if stellr.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    answer(StatusCode::UNAUTHORIZED, json!({ "requestId": "simulated", "errorMessage": "Unauthorized" }))
}

async fn token(State(stellr): Shared, Form(form): Form<Pairs>) -> Response {
    let wanted = [("client_id", CLIENT), ("client_secret", SECRET), ("grant_type", "client_credentials")];
    if !form.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(wanted) {
        return answer(StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }));
    }
    let token = stellr.tokens.issue(CLIENT);
    answer(StatusCode::OK, json!({ "access_token": token, "token_type": "Bearer", "expires_in": 7200 }))
}

async fn customers(State(stellr): Shared, Query(query): Query<Pairs>) -> Response {
    listed(&stellr.customers, &query)
}

async fn subscriptions(State(stellr): Shared, Path(customer): Path<String>, Query(query): Query<Pairs>) -> Response {
    match stellr.subscriptions.get(&customer) {
        Some(rows) => listed(rows, &query),
        None => answer(StatusCode::NOT_FOUND, json!({ "requestId": "simulated", "errorMessage": "no such customer" })),
    }
}

/// Whoever does not ask for a page by number and size gets none, and is not told.
fn listed(rows: &[Value], query: &Pairs) -> Response {
    let number = |key| number(query, key, 0, 1..=usize::MAX).filter(|number| *number > 0);
    let (total, records) = match (number("pageNo"), number("pageSize")) {
        (Some(at), Some(size)) => (rows.len(), page(rows, at - 1, size.min(LARGEST_PAGE))),
        _ => (0, &[][..]),
    };
    answer(StatusCode::OK, json!({ "requestId": "simulated", "data": { "total": total, "records": records } }))
}
