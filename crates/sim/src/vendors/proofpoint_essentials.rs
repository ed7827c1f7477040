//! Proofpoint Essentials: one answer with the partner's organisations of the next level, its numbers at times text and
//! its names at times the older ones; a reseller with customers of its own.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, answer};
use crate::msp::{Company, Evidence, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::Code;

const PARTNER: &str = "msp.example";
const RESELLER: &str = "reseller.example";
const USER: &str = "counting@msp.example";
const PASSWORD: &str = "simulated password";
const COLUMNS: &[&str] = &["Active users", "Licenses"];
/// What the MSP's own partner and the reseller below it are called in a hierarchy.
const ABOVE: &str = "4411 : 'Example MSP'";
const PACKAGES: &[&str] = &["beginner", "business", "advanced", "Business_Plus"];

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { next: 510_000, books: Books::new(COLUMNS), below: BTreeMap::new() };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(&mut msp.rng(&format!("proofpoint {number}")), number, company);
        ledger.books.entries.push(entry);
    }
    let mut rng = msp.rng("proofpoint new");
    let stranger = |place: usize| About {
        name: msp.strangers[place].spelled(Spelling::Usual),
        domain: msp.strangers[place].domain(),
        company: None,
    };
    ledger.customer_of_ours(&mut rng, stranger(0), [6, 10], Standing::Billed);
    ledger.reseller(&mut rng, [stranger(1), stranger(2)]);
    ledger.books.list("resellers", ledger.below.len() - 1);

    Vendor {
        name: "proofpoint-essentials",
        title: "Proofpoint",
        about: "Active users and licenses of every customer organisation.",
        settings: format!(
            "url = \"{base}/proofpoint/api/v1\"\npartner = \"{PARTNER}\"\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n"
        ),
        routes: routes(ledger.below),
        books: ledger.books,
        story: vec![
            format!(
                "{}: Proofpoint sends no number of active users: blank (missing-value); its licenses stand.",
                msp.who(Role::NoQuantity)
            ),
            format!("{}: customer of a reseller below the MSP at Proofpoint: no row.", stranger(1).name),
        ],
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Billed,
    OnTrial,
    Inactive,
    /// The vendor does not say how many users are active.
    Untold,
}

/// Whom an organisation is for.
struct About {
    name: String,
    domain: String,
    company: Option<usize>,
}

/// By a partner's domain, the organisations directly below it.
type Below = BTreeMap<&'static str, Vec<Value>>;

struct Ledger {
    next: u64,
    books: Books,
    below: Below,
}

impl Ledger {
    fn customer(&mut self, rng: &mut Rng, number: usize, company: &Company) -> Entry {
        match company.presence(rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let evidence = Some(Evidence::Domain);
        let name = company.name_at(evidence, Spelling::Long);
        let standing = match (company.role, number % 9) {
            (Some(Role::NoQuantity), _) => Standing::Untold,
            (None, 5) => Standing::OnTrial,
            (None, 7) => Standing::Inactive,
            _ => Standing::Billed,
        };
        let about = |ending: &str, before: &str| About {
            name: format!("{name}{ending}"),
            domain: format!("{before}{}", company.name.domain()),
            company: Some(number),
        };
        // Without a cap there are at times more users than seats.
        let counts = [company.users, (company.users + 4).saturating_sub(rng.u32(0..7))];
        let mut ids = vec![self.customer_of_ours(rng, about("", ""), counts, standing)];
        if company.role == Some(Role::TwoOrgs) {
            ids.push(self.customer_of_ours(rng, about(" Warehouse", "warehouse-"), [3, 5], Standing::Billed));
        }
        company.entry(evidence, ids)
    }

    fn customer_of_ours(&mut self, rng: &mut Rng, about: About, counts: [u32; 2], standing: Standing) -> String {
        let record = self.organisation(rng, &about, "", counts, standing);
        let id = record["eid"].to_string();
        self.below.entry(PARTNER).or_default().push(record);
        let counted = match (standing, fixed(COLUMNS, counts)) {
            (Standing::OnTrial | Standing::Inactive, _) => Counted::Whole(Truth::LeftOut),
            (Standing::Untold, Counted::Each(mut values)) => {
                values.values_mut().take(1).for_each(|users| *users = Truth::Failed(Code::MissingValue));
                Counted::Each(values)
            }
            (_, counted) => counted,
        };
        self.books.orgs.push(Org { id: id.clone(), name: about.name, company: about.company, counted });
        id
    }

    /// A reseller with a number of its own, and customers that are none of the MSP's.
    fn reseller(&mut self, rng: &mut Rng, customers: [About; 2]) {
        let about = About { name: "Tradewind Hosting".to_owned(), domain: RESELLER.to_owned(), company: None };
        let mut reseller = self.organisation(rng, &about, "", [30, 40], Standing::Billed);
        reseller["type"] = json!("channel");
        let above = format!("{} : '{}'", reseller["eid"], about.name);
        self.below.entry(PARTNER).or_default().push(reseller);
        for about in customers {
            let customer = self.organisation(rng, &about, &above, [14, 20], Standing::Billed);
            self.below.entry(RESELLER).or_default().push(customer);
        }
    }

    /// A record, at times with text for numbers, with words for flags, and with the older names.
    fn organisation(
        &mut self,
        rng: &mut Rng,
        about: &About,
        above: &str,
        [users, licenses]: [u32; 2],
        standing: Standing,
    ) -> Value {
        self.next += 11;
        let spelled = |rng: &mut Rng, number: u32| if rng.bool() { json!(number) } else { json!(number.to_string()) };
        let flag = |rng: &mut Rng, yes: bool| match (rng.u8(0..3), yes) {
            (0, _) => json!(u8::from(yes)),
            (1, true) => json!("True"),
            (1, false) => json!("False"),
            _ => json!(yes),
        };
        let (on_trial, bought) =
            if rng.u8(0..5) == 0 { ("on_trial", "user_licences") } else { ("is_on_trial", "user_licenses") };
        let hierarchy = [&format!("{} : '{}'", self.next, about.name), above, ABOVE];
        let hierarchy: Vec<&str> = hierarchy.into_iter().filter(|entry| !entry.is_empty()).collect();
        let mut record = json!({
            "primary_domain": about.domain, "name": about.name, "type": "organization", "eid": self.next,
            "organization_hierarchy": hierarchy, "is_active": flag(rng, standing != Standing::Inactive),
            "licensing_package": PACKAGES[rng.usize(..PACKAGES.len())], "when_renewal": "2027/01/15",
            "is_beginner_plus": false, "billing_method": "Annual", "www": format!("https://{}", about.domain),
            "address": "", "postcode": "", "country": "GB", "phone": "",
            "admin_user": {"uid": self.next * 10, "primary_email": format!("it@{}", about.domain), "type": "organization_admin"},
            "domains": [{"name": about.domain, "is_active": true, "is_relay": true, "destination": "mx.example", "failovers": []}],
            "outgoing_servers": [], "safe_list_senders": ["news@shop.example"], "block_list_senders": [],
        });
        record["active_users"] = if standing == Standing::Untold { Value::Null } else { spelled(rng, users) };
        record[bought] = spelled(rng, licenses);
        record[on_trial] = flag(rng, standing == Standing::OnTrial);
        record
    }
}

fn routes(below: Below) -> Router {
    let api = Router::new()
        .route("/me", get(me))
        .route("/orgs/{domain}/orgs", get(orgs))
        .layer(from_fn(authorised))
        .with_state(Arc::new(below));
    Router::new().nest("/proofpoint/api/v1", api)
}

async fn authorised(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if [("x-user", USER), ("x-password", PASSWORD)]
        .iter()
        .any(|(name, value)| headers.get(*name).is_none_or(|sent| sent != value))
    {
        return answer(StatusCode::UNAUTHORIZED, json!({"message": "the simulated Proofpoint knows no such user"}));
    }
    next.run(request).await
}

async fn me() -> Response {
    let me = json!({
        "type": "channel_admin", "is_admin": true, "is_partner_admin": true, "read_only_user": false,
        "entity_type": "channel", "entity_primary_domain": PARTNER,
    });
    answer(StatusCode::OK, me)
}

/// No parameter is documented, so none is taken.
async fn orgs(State(below): State<Arc<Below>>, Path(domain): Path<String>, Query(query): Query<Pairs>) -> Response {
    if !query.is_empty() {
        return answer(StatusCode::BAD_REQUEST, json!({"message": "the simulated Proofpoint has no pages"}));
    }
    match below.get(domain.as_str()) {
        Some(orgs) => answer(StatusCode::OK, json!({"orgs": orgs})),
        None => answer(StatusCode::NOT_FOUND, json!({"message": "the simulated Proofpoint has no such organisation"})),
    }
}
