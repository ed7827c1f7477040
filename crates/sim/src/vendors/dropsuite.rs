//! Dropsuite: one bare list with a row for each plan and log-in of a customer, 25 rows at most whatever is asked for.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, answer, number, page, uuid};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use fastrand::Rng;
use serde_json::{Value, json};
use std::sync::Arc;

const RESELLER: &str = "5e5e5e5e-0000-4000-8000-00000000d201";
const ACCESS: &str = "5e5e5e5e-0000-4000-8000-00000000d202";
const COLUMNS: &[&str] = &["Active seats", "Used seats", "Paid shared mailboxes"];
const MAIL: u32 = 12;
const ARCHIVE: u32 = 15;
/// No page is longer.
const CAP: usize = 25;

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger =
        Ledger { rng: msp.rng("dropsuite"), books: Books::new(COLUMNS), rows: Vec::new(), login: 2_200_400 };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[2].spelled(Spelling::Without);
    let id = ledger.organization(&stranger, None, fixed(COLUMNS, [4, 5, 0]));
    ledger.row(&id, &stranger, MAIL, [4, 5, 0], &json!({}));
    ledger.books.list("rows", ledger.rows.len());

    Vendor {
        name: "dropsuite",
        title: "Dropsuite",
        about: "Seats and shared mailboxes of every organisation.",
        settings: format!(
            "url = \"{base}/dropsuite/api\"\nreseller_token = \"{RESELLER}\"\naccess_token = \"{ACCESS}\"\n"
        ),
        routes: routes(ledger.rows),
        books: ledger.books,
        story: vec![
            format!("{}: two Dropsuite plans, summed in one row.", msp.who(Role::TwoSites)),
            format!("{}: two log-ins for one Dropsuite plan: counted once, with a warning.", msp.who(Role::ShortList)),
            format!("{}: deactivated at Dropsuite: left out, blank.", msp.who(Role::OnDemand)),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    rows: Vec<Value>,
    login: u32,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let name = company.name_at(None, Spelling::Without);
        let (active, shared) =
            if company.role == Some(Role::NoDevices) { (0, 0) } else { (company.users, self.rng.u32(0..4)) };
        let mail = [active, active + company.users % 3, shared];
        let none = json!({});
        let counted = match company.role {
            Some(Role::OnDemand) => Counted::Whole(Truth::LeftOut),
            Some(Role::TwoSites) => fixed(COLUMNS, [mail[0] + 5, mail[1] + 6, mail[2]]),
            _ => fixed(COLUMNS, mail),
        };
        let id = self.organization(&name, Some(number), counted);
        match company.role {
            Some(Role::OnDemand) => self.row(&id, &name, MAIL, mail, &json!({"customer_deactivated": true})),
            Some(Role::TwoSites) => {
                self.row(&id, &name, MAIL, mail, &none);
                self.row(&id, &name, ARCHIVE, [5, 6, 0], &json!({"archive": true}));
            }
            Some(Role::ShortList) => {
                self.row(&id, &name, MAIL, mail, &none);
                self.row(&id, &name, MAIL, mail, &json!({"admin": false}));
            }
            // One that is suspended counts, and a log-in that is closed does not matter.
            _ => self.row(
                &id,
                &name,
                MAIL,
                mail,
                &json!({"flg_suspended": number % 9 == 4, "login_disabled": number % 4 == 1}),
            ),
        }
        company.entry(None, [id])
    }

    fn organization(&mut self, name: &str, company: Option<usize>, counted: Counted) -> String {
        let id = (6400 + 3 * self.books.orgs.len()).to_string();
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        id
    }

    /// A log-in of an organisation for one plan.
    fn row(&mut self, id: &str, name: &str, plan: u32, [active, used, shared]: [u32; 3], marks: &Value) {
        self.login += 7;
        let domain = name.to_lowercase().replace(' ', "-");
        // What tells tenants of one name apart; at some, more follows.
        let mark = format!(
            "[{:04x}]{}",
            0xa1b0 + id.parse::<u32>().unwrap_or_default() % 4096,
            if used % 4 == 3 { " - M365" } else { "" }
        );
        let mut row = json!({
            "id": format!("{}-{plan}", self.login), "email": format!("backup@{domain}.example"),
            "organization_id": id.parse::<u32>().unwrap_or_default(), "organization_name": format!("{name} {mark}"),
            "plan_id": plan.to_string(), "reseller_token": RESELLER, "authentication_token": uuid(&mut self.rng),
            "external_id": null, "notification_email": ["it@msp.example"], "is_business": true, "admin": true,
            "customer_deactivated": false, "login_disabled": false, "flg_suspended": false,
            "seats_used": used, "seats_available": used + 2, "active_seats": active, "deactivated_seats": used - active,
            "required_seats": used, "paid_shared_mailboxes": shared, "free_shared_mailboxes": 4, "auto_license": used % 2 == 0,
            "storage_used": 41.5, "storage_available": 0, "archive": false, "backup_summary": null,
        });
        for (key, value) in marks.as_object().into_iter().flatten() {
            row[key] = value.clone();
        }
        self.rows.push(row);
    }
}

type Shared = State<Arc<Vec<Value>>>;

fn routes(rows: Vec<Value>) -> Router {
    let routes = Router::new()
        .route("/users", get(users))
        .route("/users/{id}", get(user))
        .route("/plans", get(plans))
        .layer(from_fn(authorised))
        .with_state(Arc::new(rows));
    Router::new().nest("/dropsuite/api", routes)
}

/// Both tokens are needed, and a customer's own is none of them.
async fn authorised(request: Request, next: Next) -> Response {
    if has(request.headers(), "x-reseller-token", RESELLER) && has(request.headers(), "x-access-token", ACCESS) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "not authorized to perform this action")
}

fn has(headers: &HeaderMap, name: &str, token: &str) -> bool {
    headers.get(name).is_some_and(|sent| sent == token)
}

fn refused(status: StatusCode, message: &str) -> Response {
    answer(status, json!({"error": message}))
}

async fn users(State(rows): Shared, Query(query): Query<Pairs>) -> Response {
    let (Some(at), Some(size)) =
        (number(&query, "page", 1, 1..=usize::MAX), number(&query, "per_page", CAP, 1..=usize::MAX))
    else {
        return refused(StatusCode::BAD_REQUEST, "page or per_page is invalid");
    };
    answer(StatusCode::OK, json!(page(&rows, at - 1, size.min(CAP))))
}

async fn user(State(rows): Shared, Path(id): Path<String>) -> Response {
    match rows.iter().find(|row| row["id"] == id.as_str()) {
        Some(row) => answer(StatusCode::OK, row.clone()),
        None => refused(StatusCode::NOT_FOUND, "not found"),
    }
}

async fn plans() -> Response {
    let plan = |id: u32, name: &str| {
        json!({"id": id.to_string(), "name": name, "product_type": "backup", "currency": "USD", "amount": "2.50",
            "periodicity": "monthly", "data_storage": "unlimited"})
    };
    answer(StatusCode::OK, json!([plan(MAIL, "Email Backup M365"), plan(ARCHIVE, "Email Archive M365")]))
}
