//! SentinelOne: one list of sites with the licenses in use at each, a cursor for pages, an API token. Some sites are on
//! trial, one has expired, one is deleted, and one is for agents that belong to none.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, each};
use crate::kit::{Pairs, answer, number};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

const TOKEN: &str = "simulated.api.token";
const ACCOUNT: &str = "1711110000000000001";
const COLUMNS: &[&str] = &["Active licenses", "SKU"];
/// The bundles of a site, and what the deprecated field says of them.
const PRODUCTS: &[(&[&str], Option<&str>)] = &[
    (&["Complete"], Some("Complete")),
    (&["Control", "Singularity Identity"], None),
    (&["Core"], Some("Core")),
    (&["Complete"], None),
];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { books: Books::new(COLUMNS), sites: Vec::new() };
    // The first site of an account catches what belongs to no other.
    let site = Site { bundles: 0, active: 3, company: None, special: json!({"isDefault": true}) };
    ledger.site("Default site", "Default site (Example MSP)", site);
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(msp, number, company);
        ledger.books.entries.push(entry);
    }
    let [new, lapsed, deleted] = [0, 1, 2].map(|at| msp.strangers[at].spelled(Spelling::Short));
    let stranger = |active, special| Site { bundles: 2, active, company: None, special };
    ledger.site(&new, &new, stranger(12, json!({})));
    ledger.site(&lapsed, &lapsed, stranger(2, json!({"state": "expired"})));
    ledger.site(&deleted, &deleted, stranger(5, json!({"state": "deleted"})));
    ledger.books.list("sites", ledger.sites.iter().filter(|site| site["state"] != "deleted").count());

    Vendor {
        name: "sentinelone",
        title: "SentinelOne",
        about: "Licenses in use at every site, and its products.",
        settings: format!("url = \"{base}/sentinelone\"\napi_token = \"{TOKEN}\"\n"),
        routes: routes(ledger.sites),
        books: ledger.books,
        story: vec![
            format!("{}: a SentinelOne site that is on trial: left out, not invoiced.", msp.who(Role::OnDemand)),
            "Default site (Example MSP): licenses at SentinelOne of agents that belong to no customer: a row of their own."
                .to_owned(),
        ],
    }
}

struct Ledger {
    books: Books,
    sites: Vec<Value>,
}

/// What a site holds, and what is special about it.
struct Site {
    bundles: usize,
    active: u32,
    company: Option<usize>,
    special: Value,
}

impl Ledger {
    fn customer(&mut self, msp: &Msp, number: usize, company: &Company) -> Entry {
        let mut rng = msp.rng(&format!("sentinelone {number}"));
        match company.presence(&mut rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Short);
        let active = if company.role == Some(Role::NoDevices) { 0 } else { company.workstations + company.servers };
        let special = match number % 5 {
            _ if company.role == Some(Role::OnDemand) => json!({"siteType": "Trial"}),
            0 => json!({"unlimitedLicenses": true, "totalLicenses": 0}),
            // Fewer than are in use.
            1 => json!({"totalLicenses": active.saturating_sub(2)}),
            _ => json!({}),
        };
        let site = Site { bundles: number % PRODUCTS.len(), active, company: Some(number), special };
        let mut ids = vec![self.site(&name, &name, site)];
        if company.role == Some(Role::TwoSites) {
            let annex = format!("{name} Annex");
            ids.push(self.site(
                &annex,
                &annex,
                Site { bundles: 1, active: 4, company: Some(number), special: json!({}) },
            ));
        }
        company.entry(None, ids)
    }

    /// A site under its name in the console; `shown` is the name that tells whose it is.
    fn site(&mut self, name: &str, shown: &str, Site { bundles, active, company, special }: Site) -> String {
        let id = (1_834_550_912_345_678_901_u64 + 17 * self.sites.len() as u64).to_string();
        let ((bundles, sku), seats) = (PRODUCTS[bundles], active + 5);
        let bundle = |name: &&str| {
            json!({"name": name.to_lowercase().replace(' ', "_"), "displayName": name, "majorVersion": 1, "minorVersion": 30,
                "totalSurfaces": seats, "surfaces": [{"name": "Total Agents", "count": seats}]})
        };
        let mut site = json!({
            "id": id, "name": name, "accountId": ACCOUNT, "accountName": "Example MSP", "state": "active", "siteType": "Paid",
            "isDefault": false, "healthStatus": true, "activeLicenses": active, "totalLicenses": seats,
            "unlimitedLicenses": false, "expiration": "2027-01-31T00:00:00Z", "unlimitedExpiration": false,
            "inheritAccountExpiration": false, "sku": sku, "suite": sku, "usageType": "customer", "externalId": null,
            "description": null, "registrationToken": "simulated-registration",
            "licenses": {"bundles": bundles.iter().map(bundle).collect::<Vec<_>>(), "modules": [], "settings": []},
            "creator": "A Tech", "creatorId": "900000000000000001",
            "createdAt": "2024-02-01T10:00:00.000000Z", "updatedAt": "2026-02-20T10:00:00.000000Z",
        });
        for (key, value) in special.as_object().into_iter().flatten() {
            site[key] = value.clone();
        }
        let counted = match (site["siteType"] == "Trial", site["state"].as_str()) {
            (false, Some("active")) => each(COLUMNS, [Truth::Number(active.into()), Truth::texts(bundles)]),
            _ => Counted::Whole(Truth::LeftOut),
        };
        if site["state"] != "deleted" {
            self.books.orgs.push(Org { id: id.clone(), name: shown.to_owned(), company, counted });
        }
        self.sites.push(site);
        id
    }
}

type Shared = State<Arc<Vec<Value>>>;

fn routes(sites: Vec<Value>) -> Router {
    // Asked otherwise than with GET, a path that reads does not exist.
    let routes = Router::new()
        .route("/sites", get(all_sites).fallback(missing))
        .route("/accounts", get(all_accounts).fallback(missing))
        .route("/system/info", get(info).fallback(missing))
        .route_layer(from_fn(authorised))
        .with_state(Arc::new(sites));
    Router::new().nest("/sentinelone/web/api/v2.1", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    let wanted = format!("ApiToken {TOKEN}");
    if request.headers().get(AUTHORIZATION).is_some_and(|sent| sent.as_bytes() == wanted.as_bytes()) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, 4_010_010, "Authentication Failed")
}

fn refused(status: StatusCode, code: u32, title: &str) -> Response {
    answer(status, json!({"errors": [{"code": code, "detail": null, "title": title}]}))
}

async fn missing() -> Response {
    refused(StatusCode::NOT_FOUND, 4_040_010, "Not found")
}

async fn info() -> Response {
    let data =
        json!({"release": "Simulated", "version": "25.1", "build": "1", "patch": "0", "latestAgentVersion": "25.1.1"});
    answer(StatusCode::OK, json!({"data": data}))
}

async fn all_sites(State(sites): Shared, Query(query): Query<Pairs>) -> Response {
    let Some(found) = matching(&sites, &query, &["siteIds", "accountIds"]) else { return bad_parameter() };
    let sum = |key: &str| found.iter().filter_map(|site| site[key].as_u64()).sum::<u64>();
    let all = json!({"activeLicenses": sum("activeLicenses"), "totalLicenses": sum("totalLicenses")});
    listed(&found, &query, |rows| json!({"allSites": all, "sites": rows}))
}

async fn all_accounts(State(sites): Shared, Query(query): Query<Pairs>) -> Response {
    let account = json!({
        "id": ACCOUNT, "name": "Example MSP", "state": "active", "accountType": "Paid", "isDefault": true, "activeAgents": 9,
        "totalLicenses": 99_999, "numberOfSites": sites.len(), "usageType": "mssp", "billingMode": "subscription",
    });
    let accounts = [account];
    let Some(found) = matching(&accounts, &query, &["accountIds"]) else { return bad_parameter() };
    listed(&found, &query, |rows| json!(rows))
}

fn bad_parameter() -> Response {
    refused(StatusCode::BAD_REQUEST, 400_010, "Bad parameter given")
}

/// The rows that pass the filters, in the order asked for; nothing where a filter is wrong. Without one of states,
/// what is deleted is listed too.
fn matching<'a>(rows: &'a [Value], query: &Pairs, by_id: &[&str]) -> Option<Vec<&'a Value>> {
    let words = |key: &str| query.get(key).map(|words| words.split(',').collect::<Vec<_>>());
    let states = words("states");
    let known = ["active", "expired", "deleted"];
    if states.iter().flatten().any(|state| !known.contains(state)) {
        return None;
    }
    let passes = |key: &str, wanted: Option<Vec<&str>>, row: &Value| {
        wanted.is_none_or(|wanted| wanted.iter().any(|wanted| row[key] == *wanted))
    };
    let id_of =
        |filter: &str, row: &Value| if filter == "siteIds" || row["accountId"].is_null() { "id" } else { "accountId" };
    let mut found: Vec<&Value> = rows.iter().filter(|row| passes("state", states.clone(), row)).collect();
    found.retain(|row| by_id.iter().all(|filter| passes(id_of(filter, row), words(filter), row)));
    let by = query.get("sortBy").map_or("createdAt", String::as_str);
    if !["id", "name", "state", "createdAt", "updatedAt", "totalLicenses", "activeLicenses"].contains(&by) {
        return None;
    }
    found.sort_by_cached_key(|row| row[by].to_string());
    match query.get("sortOrder").map(String::as_str) {
        None | Some("asc") => {}
        Some("desc") => found.reverse(),
        Some(_) => return None,
    }
    Some(found)
}

/// One page. The cursor says where the next one begins; it does not go together with `skip`.
fn listed(found: &[&Value], query: &Pairs, data: impl FnOnce(&[&Value]) -> Value) -> Response {
    let (Some(limit), Some(skip)) = (number(query, "limit", 10, 1..=1000), number(query, "skip", 0, 0..=1000)) else {
        return bad_parameter();
    };
    let start = match query.get("cursor") {
        None => Some(skip),
        Some(_) if query.contains_key("skip") => None,
        Some(cursor) => STANDARD
            .decode(cursor)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("row:")?.parse().ok()),
    };
    let Some(start) = start.filter(|start| *start <= found.len()) else { return bad_parameter() };
    let end = (start + limit).min(found.len());
    let next = (end < found.len()).then(|| STANDARD.encode(format!("row:{end}")));
    let pagination = json!({"nextCursor": next, "totalItems": found.len()});
    answer(StatusCode::OK, json!({"data": data(&found[start..end]), "pagination": pagination}))
}
