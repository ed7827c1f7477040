//! StreamOne Ion: customers by a page token, and one list of all subscriptions by offsets; a refresh token that is good for
//! one use; quantities as text, statuses in any case, rows of sub-resellers and of customers that are gone.

use super::Vendor;
use crate::books::{Books, Column, Counted, Entry, Org, Truth};
use crate::kit::{Pairs, Tokens, answer, number, page, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tallysheet_core::{Code, Figure};

const ACCOUNT: &str = "70001";
const SUB_RESELLER: &str = "70500";
const FIRST: &str = "simulated-refresh-token";
/// More customers than this are never on a page, whatever is asked for.
const LARGEST_PAGE: usize = 60;

/// The catalogue's product and SKU, its name, its unit.
const PRODUCTS: &[(&str, &str, &str, &str)] = &[
    ("Suite-NCE", "Office-Suite-Business", "Office Suite Business", "Licenses"),
    ("Suite-NCE", "Office-Suite-Frontline", "Office Suite Frontline", "Licenses"),
    ("Vault", "Vault-Storage", "Vault Storage", "GB"),
    ("Defence", "Endpoint-Defence", "Endpoint Defence", "Users"),
];
const UNTOLD: usize = 2;

/// Status and term of a subscription that is billed.
const COUNTED: &[(&str, &str)] = &[("active", "P1Y"), ("active", "P1M"), ("ACTIVE", "P3Y"), ("suspended", "P1Y")];

/// What a subscription that is not billed by its licences is like.
fn left_out() -> [Value; 7] {
    [
        json!({ "subscriptionStatus": "deleted" }),
        json!({ "subscriptionStatus": "CANCELLED" }),
        json!({ "subscriptionStatus": "canceled" }),
        json!({ "subscriptionStatus": "pending" }),
        json!({ "subscriptionStatus": "active", "isTrial": true }),
        json!({ "subscriptionStatus": "active", "subscriptionBillingCycle": "one_time" }),
        json!({ "subscriptionStatus": "active", "resourceType": "AWS::Resource", "price": 0 }),
    ]
}

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let rng = msp.rng("tdsynnex-streamone-ion");
    let mut ledger = Ledger { rng, books: Books::new(&[]), ion: Ion::default() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    // A customer that is listed no more, whose subscription runs on; and one of a sub-reseller, who bills it.
    let gone = "989001";
    let values = BTreeMap::from([ledger.product(gone, 0, 7)]);
    ledger.books.orgs.push(Org {
        id: gone.to_owned(),
        name: format!("(unlisted {gone})"),
        company: None,
        counted: Counted::Each(values),
    });
    ledger.subscription("990001", 1, "25", &json!({ "subscriptionStatus": "active", "resellerId": SUB_RESELLER }));
    ledger.ion.tokens = Tokens::of(msp);
    ledger.books.list("customers", ledger.ion.customers.len());
    ledger.books.list("subscriptions", ledger.ion.subscriptions.len());

    let told = PRODUCTS[UNTOLD].2;
    Vendor {
        name: "tdsynnex-streamone-ion",
        title: "StreamOne ION",
        about: "Licences of every subscription, from a distributor whose refresh token is good for one use.",
        settings: format!("url = \"{base}/streamone-ion\"\naccount_id = \"{ACCOUNT}\"\nrefresh_token = \"{FIRST}\"\n"),
        routes: routes(ledger.ion),
        books: ledger.books,
        story: vec![
            format!("{}: StreamOne ION tells no quantity of {told}: blank (missing-value).", msp.who(Role::NoQuantity)),
            format!(
                "(unlisted {gone}): no customer of StreamOne ION any more, and billed all the same: a row of its own."
            ),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    ion: Ion,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let (id, name) = ((81_000 + number).to_string(), company.name_at(None, Spelling::Long));
        // The contact's name and mailbox tell nothing of the customer.
        self.ion.customers.push(json!({
            "name": format!("accounts/{ACCOUNT}/customers/{id}"), "customerOrganization": name,
            "customerName": "Sam Contact", "customerEmail": "sam.contact@mailbox.example", "customerTitle": "",
            "customerAddress": { "street": "1 Quay", "city": "Ghent", "state": "VOV", "zip": "9000", "country": "BE" },
            "createTime": "2024-06-03T09:55:19Z", "languageCode": "EN", "uid": uuid(&mut self.rng),
            "customerStatus": if number % 9 == 4 { "INACTIVE" } else { "ACTIVE" },
        }));
        let mut values: BTreeMap<Column, Truth> = BTreeMap::new();
        let first = self.rng.usize(..PRODUCTS.len());
        for product in (0..self.rng.usize(2..=3)).map(|step| (first + step) % PRODUCTS.len()) {
            let (column, truth) = self.product(&id, product, company.users);
            values.insert(column, truth);
        }
        for like in [number, number + 3] {
            let product = self.rng.usize(..PRODUCTS.len());
            self.subscription(&id, product, "5", &left_out()[like % left_out().len()]);
        }
        self.subscription(&id, first, "0", &json!({ "subscriptionStatus": "active" }));
        if company.role == Some(Role::NoQuantity) {
            self.subscription(&id, UNTOLD, "", &json!({ "subscriptionStatus": "active" }));
            values.insert(column(UNTOLD), Truth::Failed(Code::MissingValue));
        }
        self.books.orgs.push(Org { id: id.clone(), name, company: Some(number), counted: Counted::Each(values) });
        company.entry(None, [id])
    }

    /// A product of a customer: at times under two terms, which are two subscriptions.
    fn product(&mut self, customer: &str, product: usize, quantity: u32) -> (Column, Truth) {
        let more = self.rng.u32(0..4);
        for quantity in [quantity, more].into_iter().filter(|quantity| *quantity > 0) {
            let (status, term) = COUNTED[self.rng.usize(..COUNTED.len())];
            let like = json!({ "subscriptionStatus": status, "subscriptionBillingTerm": term });
            self.subscription(customer, product, &quantity.to_string(), &like);
        }
        (column(product), Truth::Number((quantity + more).into()))
    }

    fn subscription(&mut self, customer: &str, product: usize, quantity: &str, like: &Value) {
        let (family, sku, name, unit) = PRODUCTS[product];
        let mut row = json!({
            "id": (5_550_000 + self.ion.subscriptions.len()).to_string(), "customerId": customer, "resellerId": ACCOUNT,
            "isvId": "60001", "cloudProviderId": "30", "subscriptionId": uuid(&mut self.rng),
            "subscriptionName": "as the reseller calls it", "resourceType": "AZURE::Subscription", "ccpProductId": family,
            "ccpSkuId": sku, "ccpPlanId": "Monthly-n12", "subscriptionTotalLicenses": quantity, "unitType": unit,
            "subscriptionBillingType": "license", "subscriptionBillingCycle": "monthly", "subscriptionBillingTerm": "P1Y",
            "parentSubscriptionId": "", "isTrial": false, "customerName": "Sam Contact", "price": 22.0, "total": 0,
            "ccpProductInfo": {
                "productId": family, "productDisplayName": family, "skuId": sku, "skuDisplayName": name,
                "planId": "Monthly-n12", "planDisplayName": name,
            },
        });
        for (key, value) in like.as_object().into_iter().flatten() {
            row[key] = value.clone();
        }
        self.ion.subscriptions.push(row);
    }
}

fn column(product: usize) -> Column {
    let (_, _, name, unit) = PRODUCTS[product];
    Column::product(&format!("{name} [{unit}]"), Figure::Quantity)
}

struct Ion {
    tokens: Tokens,
    /// The one refresh token that is good, and how many there were.
    refresh_token: Mutex<(String, usize)>,
    customers: Vec<Value>,
    subscriptions: Vec<Value>,
}

impl Default for Ion {
    fn default() -> Self {
        let refresh_token = Mutex::new((FIRST.to_owned(), 1));
        Self { tokens: Tokens::default(), refresh_token, customers: Vec::new(), subscriptions: Vec::new() }
    }
}

type Shared = State<Arc<Ion>>;

fn routes(ion: Ion) -> Router {
    let ion = Arc::new(ion);
    let api = Router::new()
        .route("/accounts/{account}/customers", get(customers))
        .route("/accounts/{account}/subscriptions", get(subscriptions))
        .route_layer(from_fn_with_state(Arc::clone(&ion), authorised));
    Router::new().route("/streamone-ion/oauth/token", post(token)).nest("/streamone-ion/api/v3", api).with_state(ion)
}

async fn authorised(State(ion): Shared, request: Request, next: Next) -> Response {
    if ion.tokens.subject(request.headers()).is_some() {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED")
}

fn refused(status: StatusCode, word: &str) -> Response {
    let details = json!([{ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "simulated" }]);
    let message = "the simulated StreamOne Ion refuses this call";
    answer(status, json!({ "error": word, "message": message, "code": status.as_u16(), "details": details }))
}

/// Each refresh token is good for one use.
async fn token(State(ion): Shared, Form(form): Form<Pairs>) -> Response {
    let mut good = ion.refresh_token.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = [("grant_type", "refresh_token"), ("refresh_token", good.0.as_str())];
    if !form.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(wanted) {
        return answer(StatusCode::BAD_REQUEST, json!({ "error": "cannot validate token: redis: nil" }));
    }
    *good = (format!("{FIRST}-{}", good.1 + 1), good.1 + 1);
    let token = ion.tokens.issue(ACCOUNT);
    let body = json!({ "access_token": token, "expires_in": 7200, "refresh_token": good.0, "token_type": "Bearer" });
    answer(StatusCode::OK, body)
}

async fn customers(State(ion): Shared, Path(account): Path<String>, Query(query): Query<Pairs>) -> Response {
    if account != ACCOUNT {
        return refused(StatusCode::FORBIDDEN, "PERMISSION_DENIED");
    }
    let token = query.get("pageToken").map(String::as_str);
    let is_asked_for = token.is_some() || query.contains_key("pageSize");
    let start = token.map_or(Some(0), offset_of);
    let (Some(size), Some(start), true) = (number(&query, "pageSize", 20, 1..=1000), start, is_asked_for) else {
        return refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST");
    };
    let end = start.saturating_add(size.min(LARGEST_PAGE)).min(ion.customers.len());
    let next = if end < ion.customers.len() { STANDARD.encode(format!("offset={end}")) } else { String::new() };
    answer(StatusCode::OK, json!({ "customers": ion.customers[start.min(end)..end], "nextPageToken": next }))
}

fn offset_of(token: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("offset=")?.parse().ok()
}

async fn subscriptions(State(ion): Shared, Path(account): Path<String>, Query(query): Query<Pairs>) -> Response {
    if account != ACCOUNT {
        return refused(StatusCode::FORBIDDEN, "PERMISSION_DENIED");
    }
    let limit = number(&query, "pagination.limit", 100, 1..=100);
    let (Some(limit), Some(offset)) = (limit, number(&query, "pagination.offset", 0, 0..=usize::MAX)) else {
        return refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST");
    };
    let rest = &ion.subscriptions[offset.min(ion.subscriptions.len())..];
    let total = json!({ "totalSize": ion.subscriptions.len() });
    answer(StatusCode::OK, json!({ "items": page(rest, 0, limit), "paginationResponse": total }))
}
