//! Microsoft Graph: the customers of the partner tenant, a token of its own for every tenant, licences per SKU.

use super::Vendor;
use crate::books::{Books, Column, Counted, Entry, Org, Truth};
use crate::kit::{Pairs, Tokens, answer, uuid};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::{Code, Figure};

const CLIENT: &str = "0c0c0c0c-0000-4000-8000-00000000c11e";
const SECRET: &str = "simulated~secret";
const PARTNER: &str = "9c9c9c9c-0000-4000-8000-0000000000a1";

/// A SKU by its part number and id, with the name that Microsoft publishes for it.
struct Sku {
    part: &'static str,
    id: &'static str,
    name: &'static str,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Seats,
    /// Bought for the tenant as a whole: nobody is assigned one.
    Tenant,
    /// Free of charge: no licence to count.
    Free,
}

const fn sku(part: &'static str, id: &'static str, name: &'static str, kind: Kind) -> Sku {
    Sku { part, id, name, kind }
}

const PREMIUM: &Sku =
    &sku("SPB", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "Microsoft 365 Business Premium", Kind::Seats);
const BASIC: &Sku = &sku(
    "O365_BUSINESS_ESSENTIALS",
    "3b555118-da6a-4418-894f-7df1e2096870",
    "Microsoft 365 Business Basic",
    Kind::Seats,
);
const EXCHANGE: &Sku =
    &sku("EXCHANGESTANDARD", "4b9405b0-7788-4568-add1-99614e613b69", "Exchange Online (Plan 1)", Kind::Seats);
const APPS: &Sku =
    &sku("O365_BUSINESS", "cdd28e44-67e3-425e-be4c-737fab2899d3", "Microsoft 365 Apps for Business", Kind::Seats);
/// Another SKU of the same name: one column.
const OLD_APPS: &Sku =
    &sku("SMB_BUSINESS", "b214fe43-f5a3-4703-beeb-fa97188220fc", "Microsoft 365 Apps for Business", Kind::Seats);
const VISIO: &Sku = &sku("VISIOCLIENT", "c5928f49-12ba-48f7-ada3-0d743a3601d5", "Visio Plan 2", Kind::Seats);
const POWER_BI: &Sku = &sku("POWER_BI_PRO", "f8a1db68-be16-40ed-86d5-cb42ce701560", "Power BI Pro", Kind::Seats);
/// Too new for any list of names: its part number is shown.
const NEW: &Sku =
    &sku("INVENTED_SUITE_2027", "5e5e5e5e-0000-4000-8000-000000002027", "INVENTED_SUITE_2027", Kind::Seats);
const STORAGE: &Sku =
    &sku("SHAREPOINTSTORAGE", "99049c9c-6011-4908-bf17-15f496e6519d", "Office 365 Extra File Storage", Kind::Tenant);
const FLOW: &Sku =
    &sku("FLOW_FREE", "f30db892-07e9-47e9-837c-80727f46fd3d", "Microsoft Power Automate Free", Kind::Free);
const FABRIC: &Sku =
    &sku("POWER_BI_STANDARD", "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", "Microsoft Fabric (Free)", Kind::Free);

/// One row of a tenant's licences.
struct Licence {
    sku: &'static Sku,
    status: &'static str,
    units: u32,
    assigned: u32,
    trial: bool,
}

impl Licence {
    const fn new(sku: &'static Sku, units: u32, assigned: u32) -> Self {
        Self { sku, status: "Enabled", units, assigned, trial: false }
    }

    /// What stands in the sheet of it: what is usable today, of what is bought.
    fn counts(&self) -> bool {
        self.status != "Suspended" && self.sku.kind != Kind::Free
    }
}

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { books: Books::new(&[]), graph: Graph::new(base) };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(msp, number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = &msp.strangers[0];
    let id = uuid(&mut msp.rng("microsoft-graph stranger"));
    let licences = vec![Licence::new(PREMIUM, 10, 9), Licence::new(FLOW, 10_000, 3)];
    ledger.tenant(&id, &stranger.spelled(Spelling::Long), &stranger.domain(), None, &licences);
    ledger.graph.tokens = Tokens::of(msp);
    // One customer has two contracts; the partner's own tenant has none.
    ledger.books.list("contracts", ledger.graph.tenants.len());
    ledger.books.list("customers", ledger.graph.tenants.len() - 1);
    ledger.books.list("closed", ledger.graph.closed.len());

    Vendor {
        name: "microsoft-graph",
        title: "Microsoft 365",
        about: "Licences of every customer's tenant: purchased and assigned.",
        settings: format!(
            "url = \"{base}/graph/v1.0\"\ntoken_url = \"{base}/login/{{tenant}}/oauth2/v2.0/token\"\n\
             tenant_id = \"{PARTNER}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n"
        ),
        routes: routes(ledger.graph),
        books: ledger.books,
        story: vec![
            format!(
                "{}: its Microsoft tenant has not consented: blank there (consent-missing).",
                msp.who(Role::NoConsent)
            ),
            format!("{}: another name at Microsoft 365 and PAX8, found by its domain.", msp.who(Role::ByDomain)),
        ],
    }
}

struct Ledger {
    books: Books,
    graph: Graph,
}

impl Ledger {
    fn customer(&mut self, msp: &Msp, number: usize, company: &Company) -> Entry {
        let mut rng = msp.rng(&format!("microsoft-graph {number}"));
        match company.presence(&mut rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let (id, users) = (uuid(&mut rng), company.users);
        let suite = if rng.bool() { PREMIUM } else { BASIC };
        let mut licences =
            vec![Licence::new(suite, users + rng.u32(0..3), users), Licence::new(FLOW, 10_000, rng.u32(0..9))];
        licences.extend(match number % 8 {
            // Expired and within the grace period: still usable, still bought.
            0 => vec![Licence { status: "Warning", ..Licence::new(EXCHANGE, 6, 6) }],
            // Cancelled: whoever is still assigned one cannot use it.
            1 => vec![Licence { status: "Suspended", ..Licence::new(VISIO, 4, 2) }],
            2 => vec![Licence::new(APPS, 5, 4), Licence::new(OLD_APPS, 3, 3)],
            3 => vec![Licence { trial: true, ..Licence::new(POWER_BI, 25, 1) }],
            // Two rows of one SKU; more assigned than bought.
            4 => vec![Licence::new(EXCHANGE, 3, 3), Licence::new(EXCHANGE, 2, 4)],
            5 => vec![Licence::new(STORAGE, 40, 0), Licence::new(FABRIC, 1_000_000, 2)],
            6 => vec![Licence::new(NEW, 7, 0)],
            _ => vec![Licence::new(VISIO, 2, 1)],
        });
        let evidence = Some(Evidence::Domain);
        let name = company.name_at(evidence, Spelling::Long);
        self.tenant(&id, &name, &company.name.domain(), Some(number), &licences);
        if company.role == Some(Role::NoConsent) {
            self.graph.closed.push(id.clone());
            if let Some(org) = self.books.orgs.last_mut() {
                org.counted = Counted::Whole(Truth::Failed(Code::ConsentMissing));
            }
        }
        company.entry(evidence, [id])
    }

    fn tenant(&mut self, id: &str, name: &str, domain: &str, company: Option<usize>, licences: &[Licence]) {
        let mut values: BTreeMap<Column, Truth> = BTreeMap::new();
        let mut add = |name: &str, figure: Figure, number: u32| {
            let number = Truth::Number(Decimal::from(number));
            let sum = values.entry(Column::product(name, figure)).or_insert(Truth::NotApplicable);
            *sum = sum.clone().with(number);
        };
        for licence in licences.iter().filter(|licence| licence.counts()) {
            add(licence.sku.name, Figure::Purchased, licence.units);
            if licence.sku.kind == Kind::Seats {
                add(licence.sku.name, Figure::Assigned, licence.assigned);
            }
        }
        self.books.orgs.push(Org { id: id.to_owned(), name: name.to_owned(), company, counted: Counted::Each(values) });
        self.graph.tenants.insert(id.to_owned(), Tenant::new(id, name, domain, licences));
    }
}

/// A tenant as Graph tells it.
struct Tenant {
    name: String,
    domain: String,
    skus: Vec<Value>,
    subscriptions: Vec<Value>,
}

impl Tenant {
    fn new(id: &str, name: &str, domain: &str, licences: &[Licence]) -> Self {
        let subscription = |number: usize| format!("{}-{number:012}", &id[..23]);
        let sku = |(number, licence): (usize, &Licence)| {
            let Licence { sku, status, units, assigned, .. } = licence;
            let held = |wanted: &str| if *status == wanted { *units } else { 0 };
            json!({
                // Of the account that bought them, and the SKU.
                "id": format!("{}_{}", subscription(number + 200), sku.id), "skuId": sku.id, "skuPartNumber": sku.part,
                "appliesTo": if sku.kind == Kind::Tenant { "Company" } else { "User" },
                "capabilityStatus": status, "consumedUnits": assigned,
                "prepaidUnits": {"enabled": held("Enabled"), "warning": held("Warning"), "suspended": held("Suspended"), "lockedOut": 0},
                "subscriptionIds": [subscription(number)],
            })
        };
        let bought = |(number, licence): (usize, &Licence)| {
            json!({
                "id": subscription(number), "commerceSubscriptionId": subscription(number + 100),
                "skuId": licence.sku.id, "skuPartNumber": licence.sku.part, "status": licence.status,
                "totalLicenses": licence.units, "isTrial": licence.trial, "ownerTenantId": PARTNER,
                "createdDateTime": "2026-01-31T00:00:00Z", "nextLifecycleDateTime": "2027-01-31T00:00:00Z",
            })
        };
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            skus: licences.iter().enumerate().map(sku).collect(),
            subscriptions: licences.iter().enumerate().map(bought).collect(),
        }
    }

    fn organization(&self, id: &str) -> Value {
        let initial = format!("{}.onmicrosoft.com", self.domain.trim_end_matches(".example"));
        json!({"id": id, "displayName": self.name, "verifiedDomains": [
            {"name": self.domain, "isDefault": true, "isInitial": false},
            {"name": initial, "isDefault": false, "isInitial": true},
        ]})
    }
}

struct Graph {
    url: String,
    tokens: Tokens,
    tenants: BTreeMap<String, Tenant>,
    /// Tenants that have not consented.
    closed: Vec<String>,
}

type Shared = State<Arc<Graph>>;
type Told = (StatusCode, Value);

fn routes(graph: Graph) -> Router {
    Router::new()
        .route("/login/{tenant}/oauth2/v2.0/token", post(token))
        .route("/graph/v1.0/$batch", post(batch))
        .route("/graph/v1.0/{*path}", get(read))
        .with_state(Arc::new(graph))
}

async fn token(State(graph): Shared, Path(tenant): Path<String>, Form(form): Form<Pairs>) -> Response {
    let refuse = |status, error: &str, number: u32, text: &str| {
        let description = format!("AADSTS{number}: {text}");
        answer(status, json!({"error": error, "error_description": description, "error_codes": [number]}))
    };
    let sent = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    let Some(id) = graph.resolve(&tenant) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", 90002, "Tenant not found.");
    };
    if graph.closed.contains(&id) || sent("client_id") != CLIENT {
        let text = "Application was not found in the directory; no administrator of the tenant has consented to it.";
        return refuse(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text);
    }
    if sent("client_secret") != SECRET {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, "Invalid client secret provided.");
    }
    if sent("grant_type") != "client_credentials" || !sent("scope").ends_with("/.default") {
        return refuse(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012, "The scope must end in /.default.");
    }
    let token = graph.tokens.issue(&id);
    answer(
        StatusCode::OK,
        json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}),
    )
}

async fn read(
    State(graph): Shared,
    Path(path): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let Some(tenant) = graph.tokens.subject(&headers) else { return expired() };
    let (status, body) = graph.tell(&tenant, &path, &query);
    answer(status, body)
}

async fn batch(State(graph): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let Some(tenant) = graph.tokens.subject(&headers) else { return expired() };
    let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() || requests.len() > 20 {
        let (status, body) = error(StatusCode::BAD_REQUEST, "BadRequest", "A batch holds 1 to 20 requests.");
        return answer(status, body);
    }
    let part = |request: &Value| {
        let url = request["url"].as_str().unwrap_or_default();
        let path = url.split('?').next().unwrap_or_default().trim_start_matches('/');
        let (status, body) = graph.tell(&tenant, path, &Pairs::new());
        json!({"id": request["id"], "status": status.as_u16(), "headers": {"Content-Type": "application/json"}, "body": body})
    };
    // In any order, says the vendor: the last one first.
    let responses: Vec<Value> = requests.iter().rev().map(part).collect();
    answer(StatusCode::OK, json!({"responses": responses}))
}

fn expired() -> Response {
    let (status, body) =
        error(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", "Access token is missing or has expired.");
    answer(status, body)
}

fn error(status: StatusCode, code: &str, message: &str) -> Told {
    (status, json!({"error": {"code": code, "message": message, "innerError": {"date": "2026-11-01T08:00:00"}}}))
}

impl Graph {
    fn new(base: &str) -> Self {
        let url = format!("{base}/graph/v1.0");
        let own = Tenant::new(PARTNER, "Example MSP", "msp.example", &[]);
        let tenants = BTreeMap::from([(PARTNER.to_owned(), own)]);
        Self { url, tokens: Tokens::default(), tenants, closed: Vec::new() }
    }

    /// A tenant by its id or its domain.
    fn resolve(&self, tenant: &str) -> Option<String> {
        let by_domain = || self.tenants.iter().find(|(_, known)| known.domain == tenant);
        self.tenants.get_key_value(tenant).or_else(by_domain).map(|(id, _)| id.clone())
    }

    fn tell(&self, id: &str, path: &str, query: &Pairs) -> Told {
        let rows = |rows: &[Value]| (StatusCode::OK, json!({"value": rows}));
        match (path, self.tenants.get(id)) {
            ("contracts", _) if id == PARTNER => self.contracts(query),
            ("contracts", _) => error(
                StatusCode::FORBIDDEN,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            ("subscribedSkus", Some(tenant)) => rows(&tenant.skus),
            ("directory/subscriptions", Some(tenant)) => rows(&tenant.subscriptions),
            ("organization", Some(tenant)) => rows(&[tenant.organization(id)]),
            _ => error(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "Resource not found for the segment."),
        }
    }

    /// The partner's customers. The first one has two contracts.
    fn contracts(&self, query: &Pairs) -> Told {
        let top = query.get("$top").map_or(Ok(100), |top| top.parse::<usize>());
        let skip = query.get("$skiptoken").map_or(Ok(0), |skip| skip.parse::<usize>());
        let (Ok(top @ 1..=999), Ok(skip)) = (top, skip) else {
            return error(StatusCode::BAD_REQUEST, "Request_BadRequest", "$top must be 1 to 999.");
        };
        let customers = self.tenants.iter().filter(|(id, _)| *id != PARTNER);
        let rows = customers.clone().take(1).chain(customers).enumerate().map(|(number, (id, tenant))| {
            json!({
                "id": format!("c0c0c0c0-0000-4000-8000-{number:012}"), "contractType": "ResellerPartner",
                "customerId": id, "displayName": tenant.name, "defaultDomainName": tenant.domain,
            })
        });
        let value: Vec<Value> = rows.skip(skip).take(top).collect();
        let mut body = json!({"value": value});
        // As many as tenants: without the partner's own, with the one told twice.
        if skip + top < self.tenants.len() {
            body["@odata.nextLink"] = json!(format!("{}/contracts?$top={top}&$skiptoken={}", self.url, skip + top));
        }
        (StatusCode::OK, body)
    }
}
