//! Huntress: one list of organisations, each with its counts; a cursor for pages; basic credentials.

use super::Vendor;
use crate::books::{Books, Entry, Org, fixed};
use crate::kit::{Pairs, answer, has_basic, number};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "hk_simulated";
const SECRET: &str = "hs_simulated";
const ACCOUNT: u32 = 311;
const COLUMNS: &[&str] = &["Agents", "Identities", "SAT learners"];
/// An id that the vendor does not list any more.
const GONE: &str = "60001";

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let url = format!("{base}/huntress/v1");
    let mut ledger = Ledger { next: 70_400, books: Books::new(COLUMNS), records: Vec::new() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(msp, number, company);
        ledger.books.entries.push(entry);
    }
    // A new customer that is in no row yet, and an organisation that an installer made by mistake.
    ledger.organisation(&msp.strangers[0].spelled(Spelling::Without), None, [9, 11, 0]);
    ledger.organisation(&msp.strangers[1].spelled(Spelling::Without), None, [0, 0, 0]);
    ledger.books.list("organizations", ledger.records.len());

    Vendor {
        name: "huntress",
        title: "Huntress",
        about: "Security agents, identities and learners of every organisation.",
        settings: format!("url = \"{url}\"\napi_key = \"{KEY}\"\napi_secret = \"{SECRET}\"\n"),
        routes: routes(url, ledger.records),
        books: ledger.books,
        story: vec![
            format!("{}: two Huntress organisations, summed in one row.", msp.who(Role::TwoOrgs)),
            format!(
                "{}: its Huntress id {GONE} in companies.csv is stale: unknown-org, never zero.",
                msp.who(Role::StaleId)
            ),
            format!(
                "{}, {}: organisations at Huntress that no row of companies.csv knows: rows of their own.",
                msp.strangers[0].spelled(Spelling::Without),
                msp.strangers[1].spelled(Spelling::Without)
            ),
        ],
    }
}

struct Ledger {
    next: u64,
    books: Books,
    records: Vec<Value>,
}

impl Ledger {
    fn customer(&mut self, msp: &Msp, number: usize, company: &Company) -> Entry {
        let mut rng = msp.rng(&format!("huntress {number}"));
        match company.presence(&mut rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        if company.role == Some(Role::StaleId) {
            return Entry::Ids(vec![GONE.to_owned()]);
        }
        let name = company.name_at(None, Spelling::Without);
        let agents = company.workstations + company.servers - rng.u32(0..=1);
        let learners = if rng.bool() { company.users } else { 0 };
        let mut ids = vec![self.organisation(&name, Some(number), [agents, company.users, learners])];
        if company.role == Some(Role::TwoOrgs) {
            ids.push(self.organisation(&format!("{name} Warehouse"), Some(number), [4, 0, 0]));
        }
        company.entry(None, ids)
    }

    fn organisation(&mut self, name: &str, company: Option<usize>, [agents, identities, learners]: [u32; 3]) -> String {
        self.next += 7;
        let id = self.next.to_string();
        let key = name.to_lowercase().replace(' ', "-");
        // The deprecated keys still come along, with another number.
        self.records.push(json!({
            "id": self.next, "account_id": ACCOUNT, "name": name, "key": key,
            "agents_count": agents, "billable_identity_count": identities, "sat_learner_count": learners,
            "logs_sources_count": u32::from(learners > 0), "incident_reports_count": 0,
            "identity_provider_tenant_id": null, "microsoft_365_tenant_id": null,
            "microsoft_365_users_count": identities + 5,
            "report_recipients": [format!("owner@{key}.example")], "notify_emails": [format!("owner@{key}.example")],
            "created_at": "2023-05-02T14:11:09Z", "updated_at": "2026-02-27T08:00:31Z",
        }));
        let counted = fixed(COLUMNS, [agents, identities, learners]);
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        id
    }
}

struct Huntress {
    url: String,
    /// By falling id, as the vendor sorts by default.
    organisations: Vec<(u64, Value)>,
}

fn routes(url: String, records: Vec<Value>) -> Router {
    let mut organisations: Vec<(u64, Value)> =
        records.into_iter().map(|record| (record["id"].as_u64().unwrap_or_default(), record)).collect();
    organisations.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    let routes = Router::new()
        .route("/actor", get(actor))
        .route("/account", get(account))
        .route("/organizations", get(organizations))
        .route("/organizations/{id}", get(organization))
        .layer(from_fn(authorised))
        .with_state(Arc::new(Huntress { url, organisations }));
    Router::new().nest("/huntress/v1", routes)
}

async fn authorised(request: Request, next: Next) -> Response {
    if has_basic(request.headers(), KEY, SECRET) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "Invalid API credentials")
}

fn refused(status: StatusCode, message: &str) -> Response {
    answer(status, json!({"error": {"code": status.as_u16(), "message": message}}))
}

async fn actor() -> Response {
    answer(
        StatusCode::OK,
        json!({"account": {"id": ACCOUNT, "name": "Example MSP", "subdomain": "example", "status": "enabled"}}),
    )
}

async fn account() -> Response {
    let seats = json!({"edr": 50, "ispm": 0, "itdr": 50, "sat": 50, "siem": 0});
    let account = json!({"id": ACCOUNT, "name": "Example MSP", "subdomain": "example", "status": "enabled", "neighborhood_watch": seats});
    answer(StatusCode::OK, json!({"account": account}))
}

async fn organizations(State(huntress): State<Arc<Huntress>>, Query(query): Query<Pairs>) -> Response {
    let Some(limit) = number(&query, "limit", 10, 1..=500) else {
        return refused(StatusCode::BAD_REQUEST, "limit does not have a valid value");
    };
    // The cursor is the last id of the page before.
    let below = match query.get("page_token").map(|token| token.strip_prefix("after-").map(str::parse::<u64>)) {
        None => u64::MAX,
        Some(Some(Ok(id))) => id,
        Some(_) => return refused(StatusCode::BAD_REQUEST, "page_token is invalid"),
    };
    let rest: Vec<&(u64, Value)> = huntress.organisations.iter().filter(|(id, _)| *id < below).collect();
    let rows: Vec<&Value> = rest.iter().take(limit).map(|(_, record)| record).collect();
    let pagination = match rest.get(limit - 1) {
        Some((last, _)) if rest.len() > limit => {
            let token = format!("after-{last}");
            json!({"next_page_token": token, "next_page_url": format!("{}/organizations?page_token={token}&limit={limit}", huntress.url)})
        }
        _ => json!({}),
    };
    answer(StatusCode::OK, json!({"organizations": rows, "pagination": pagination}))
}

async fn organization(State(huntress): State<Arc<Huntress>>, Path(id): Path<u64>) -> Response {
    let found = huntress.organisations.iter().find(|(known, _)| *known == id);
    let Some((_, record)) = found else { return refused(StatusCode::NOT_FOUND, "Resource not found") };
    let mut record = record.clone();
    // Only active products appear.
    record["actual_usages"] = json!({
        "edr": {"billable_agents_count": record["agents_count"], "unresponsive_agents_count": 0, "outdated_agents_count": 0, "isolated_agents_count": 0},
        "itdr": [{"type": "microsoft", "billable_identities_count": record["billable_identity_count"], "total_identities_count": record["microsoft_365_users_count"]}],
    });
    answer(StatusCode::OK, json!({"organization": record}))
}
