//! Duo: a list of accounts below the MSP's, each asked apart; every request is signed, and one account refuses.

use super::Vendor;
use crate::books::{Books, Counted, Entry, Org, Truth, fixed};
use crate::kit::{Pairs, answer, now, number};
use crate::msp::{Company, Msp, Presence, Role};
use crate::names::Spelling;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use tallysheet_core::Code;

const INTEGRATION: &str = "DISIMULATED000000001";
const SECRET: &str = "simulatedSecretKey0000000000000000000001";
const COLUMNS: &[&str] = &["Users"];
/// A request may be so many seconds old, or early.
const TOO_OLD: i64 = 300;

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut ledger = Ledger { rng: msp.rng("duo"), books: Books::new(COLUMNS), duo: Duo::new(base) };
    for (number, company) in msp.companies.iter().enumerate() {
        let entry = ledger.customer(number, company);
        ledger.books.entries.push(entry);
    }
    let stranger = msp.strangers[1].spelled(Spelling::Short);
    ledger.account(&stranger, None, 6);
    ledger.books.list("accounts", ledger.duo.accounts.len());

    Vendor {
        name: "duo",
        title: "Duo",
        about: "Users of every account.",
        settings: format!("url = \"{base}/duo\"\nintegration_key = \"{INTEGRATION}\"\nsecret_key = \"{SECRET}\"\n"),
        routes: routes(ledger.duo),
        books: ledger.books,
        story: vec![
            format!(
                "{}: its Duo account refuses to be read: blank there (forbidden), all others are counted.",
                msp.who(Role::LockedAccount)
            ),
            format!("{stranger}: a Duo account that no row of companies.csv knows: a row of its own."),
        ],
    }
}

struct Ledger {
    rng: Rng,
    books: Books,
    duo: Duo,
}

impl Ledger {
    fn customer(&mut self, number: usize, company: &Company) -> Entry {
        match company.presence(&mut self.rng) {
            Presence::Absent => return Entry::Blank,
            Presence::Declined => return Entry::Dash,
            Presence::Customer => {}
        }
        let users = if company.role == Some(Role::NoDevices) { 0 } else { company.users };
        let name = company.name_at(None, Spelling::Short);
        let mut ids = vec![self.account(&name, Some(number), users)];
        if company.role == Some(Role::LockedAccount) {
            self.duo.locked.extend(ids.iter().cloned());
            if let Some(org) = self.books.orgs.last_mut() {
                org.counted = Counted::Whole(Truth::Failed(Code::Forbidden));
            }
        }
        if company.role == Some(Role::TwoOrgs) {
            // Accounts may have one name; the same person in both has two licences.
            ids.push(self.account(&name, Some(number), 3));
        }
        company.entry(None, ids)
    }

    fn account(&mut self, name: &str, company: Option<usize>, users: u32) -> String {
        let id = self.id("DA");
        let statuses = ["active", "active", "active", "bypass", "disabled", "locked out"];
        let mut people: Vec<Value> = (0..users).map(|_| self.user(statuses[self.duo.people % 6])).collect();
        // What stands in the trash is in the list, and not in the number of users.
        people.extend((0..self.duo.accounts.len() % 3).map(|_| self.user("pending deletion")));
        self.duo.accounts.insert(id.clone(), Account { name: name.to_owned(), people });
        let counted = fixed(COLUMNS, [users]);
        self.books.orgs.push(Org { id: id.clone(), name: name.to_owned(), company, counted });
        id
    }

    fn user(&mut self, status: &str) -> Value {
        self.duo.people += 1;
        let number = self.duo.people;
        let enrolled = self.rng.u8(0..9) > 0;
        json!({
            "user_id": self.id("DU"), "username": format!("user{number}"), "realname": format!("User {number}"),
            "firstname": "User", "lastname": number.to_string(), "email": "", "status": status, "is_enrolled": enrolled,
            "created": 1_689_612_729, "last_login": enrolled.then_some(1_772_210_000), "last_directory_sync": null,
            "alias1": format!("u{number}"), "alias2": null, "alias3": null, "alias4": null, "notes": "",
            "groups": [], "phones": [], "tokens": [], "webauthncredentials": [],
        })
    }

    fn id(&mut self, kind: &str) -> String {
        let letters = (0..18).map(|_| if self.rng.bool() { self.rng.digit(10) } else { self.rng.uppercase() });
        kind.chars().chain(letters).collect::<String>().to_uppercase()
    }
}

struct Account {
    name: String,
    people: Vec<Value>,
}

struct Duo {
    /// Where every account is asked, without scheme and port.
    host: String,
    accounts: BTreeMap<String, Account>,
    /// Accounts that refuse.
    locked: Vec<String>,
    people: usize,
}

impl Duo {
    fn new(base: &str) -> Self {
        let host = base.split("://").last().and_then(|rest| rest.split(':').next()).unwrap_or_default().to_owned();
        Self { host, accounts: BTreeMap::new(), locked: Vec::new(), people: 0 }
    }

    /// The account that a call is about.
    fn account(&self, query: &Pairs) -> Result<&Account, Box<Response>> {
        // Without its id a call is about the parent, which these keys may not read.
        let id = query.get("account_id").map(String::as_str).unwrap_or_default();
        let account = self.accounts.get(id).filter(|_| !self.locked.iter().any(|locked| locked == id));
        account.ok_or_else(|| Box::new(refused(StatusCode::FORBIDDEN, 1, "Access forbidden")))
    }
}

type Shared = State<Arc<Duo>>;

fn routes(duo: Duo) -> Router {
    let wrong_method = async || refused(StatusCode::METHOD_NOT_ALLOWED, 1, "Method not allowed");
    Router::new()
        .route("/duo/accounts/v1/account/list", post(accounts).fallback(wrong_method))
        .route("/duo/admin/v1/info/summary", get(summary))
        .route("/duo/admin/v1/users", get(users))
        .route("/duo/admin/v1/billing/edition", get(edition))
        .route_layer(from_fn(signed))
        .with_state(Arc::new(duo))
}

fn granted(response: &Value) -> Response {
    answer(StatusCode::OK, json!({"stat": "OK", "response": response}))
}

fn refused(status: StatusCode, number: u16, message: &str) -> Response {
    answer(
        status,
        json!({"stat": "FAIL", "code": u32::from(status.as_u16()) * 100 + u32::from(number), "message": message}),
    )
}

async fn accounts(State(duo): Shared) -> Response {
    let row =
        |(id, account): (&String, &Account)| json!({"account_id": id, "api_hostname": duo.host, "name": account.name});
    granted(&duo.accounts.iter().map(row).collect())
}

async fn summary(State(duo): Shared, Query(query): Query<Pairs>) -> Response {
    let account = match duo.account(&query) {
        Ok(account) => account,
        Err(refusal) => return *refusal,
    };
    let pending = account.people.iter().filter(|user| user["status"] == "pending deletion").count();
    granted(&json!({
        "admin_count": 2, "integration_count": 7, "telephony_credits_remaining": 480,
        "user_count": account.people.len() - pending, "user_pending_deletion_count": pending,
    }))
}

async fn users(State(duo): Shared, Query(query): Query<Pairs>) -> Response {
    let account = match duo.account(&query) {
        Ok(account) => account,
        Err(refusal) => return *refusal,
    };
    let (Some(limit), Some(offset)) =
        (number(&query, "limit", 100, 1..=300), number(&query, "offset", 0, 0..=usize::MAX))
    else {
        return refused(StatusCode::BAD_REQUEST, 2, "Invalid request parameters");
    };
    let (total, next) = (account.people.len(), offset.saturating_add(limit));
    let page: Vec<&Value> = account.people.iter().skip(offset).take(limit).collect();
    let metadata = json!({
        "next_offset": (next < total).then_some(next), "prev_offset": offset.checked_sub(limit), "total_objects": total,
    });
    answer(StatusCode::OK, json!({"stat": "OK", "metadata": metadata, "response": page}))
}

/// For those only for whom Duo's support enables it.
async fn edition() -> Response {
    refused(StatusCode::FORBIDDEN, 1, "Access forbidden")
}

/// Lets a request through whose signature is right, of version 5 or 2.
async fn signed(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, 1 << 20).await else {
        return refused(StatusCode::BAD_REQUEST, 1, "Invalid request parameters");
    };
    match refusal(&parts.method, &parts.uri, &parts.headers, &bytes) {
        Some((number, message)) => refused(StatusCode::UNAUTHORIZED, number, message),
        None => next.run(Request::from_parts(parts, Body::from(bytes))).await,
    }
}

fn refusal(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<(u16, &'static str)> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let pair = header(AUTHORIZATION).strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok()).unwrap_or_default();
    let Some((integration, signature)) = pair.split_once(':') else {
        return Some((1, "Missing request credentials"));
    };
    if integration != INTEGRATION {
        return Some((2, "Invalid integration key in request credentials"));
    }
    let date = header(DATE);
    match jiff::fmt::rfc2822::parse(date).map(|date| (date.timestamp().as_second() - now().as_second()).abs()) {
        Err(_) => return Some((4, "Missing request timestamp")),
        Ok(seconds) if seconds > TOO_OLD => return Some((5, "Bad request timestamp")),
        Ok(_) => {}
    }
    let sent = Sent {
        date,
        method: method.as_str(),
        host: header(HOST),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        media_type: header(CONTENT_TYPE),
        body,
    };
    let good = sent.signatures(SECRET).iter().any(|good| good == signature);
    (!good).then_some((3, "Invalid signature in request credentials"))
}

/// What a signature covers.
struct Sent<'a> {
    date: &'a str,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    media_type: &'a str,
    body: &'a [u8],
}

impl Sent<'_> {
    /// Every signature that is right: which version it is, its length and the kind of body tell.
    fn signatures(&self, secret: &str) -> Vec<String> {
        let host = self.host.to_lowercase();
        let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
        let lines = |parameters: &str| [self.date, self.method, host, self.path, parameters].join("\n");
        let whole = |parameters: &str| {
            let body = hex(&Sha512::digest(self.body));
            [lines(parameters), body, hex(&Sha512::digest(b""))].join("\n")
        };
        let sha1 = |text: String| hex(&keyed::<Hmac<Sha1>>(secret, &text));
        let sha512 = |text: String| hex(&keyed::<Hmac<Sha512>>(secret, &text));
        match self.method {
            "GET" | "DELETE" => {
                let parameters = canonical(self.query);
                vec![sha512(whole(&parameters)), sha512(lines(&parameters)), sha1(lines(&parameters))]
            }
            _ if self.media_type.starts_with("application/json") => vec![sha512(whole(""))],
            _ => {
                let parameters = canonical(&String::from_utf8_lossy(self.body));
                vec![sha512(lines(&parameters)), sha1(lines(&parameters))]
            }
        }
    }
}

fn keyed<M: Mac + KeyInit>(secret: &str, text: &str) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(text));
    mac.map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
}

/// Parameters in the form that is signed, in whatever form they came.
fn canonical(sent: &str) -> String {
    let uri = format!("/?{sent}").parse::<Uri>().unwrap_or_default();
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&uri).map(|pairs| pairs.0).unwrap_or_default();
    let mut pairs: Vec<(String, String)> =
        pairs.into_iter().map(|(key, value)| (percent_encoded(&key), percent_encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            // Writing to a text cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "tallysheetInventedSecretKey0123456789abc";
    const LIST: Sent = Sent {
        date: "Tue, 03 Mar 2026 09:15:42 -0000",
        method: "POST",
        host: "api-0a1b2c3d.duosecurity.com",
        path: "/accounts/v1/account/list",
        query: "",
        media_type: "application/json",
        body: b"{}",
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    const GET: Sent = Sent {
        method: "GET",
        host: "API-4e5f6a7b.duosecurity.com:8443",
        path: "/admin/v1/info/summary",
        query: "account_id=DAZXCVBNM1ASDFGHJKL2",
        media_type: "",
        body: b"",
        ..LIST
    };

    #[test]
    fn the_worked_examples_are_right_in_every_version() {
        assert_eq!(
            LIST.signatures(SECRET),
            [
                "15820f42f6b5c5889e7b2d5abc848c6a4d5c3bf493f48033311fae3050d21b767248c4b019cc383ae8d12a664bccdb97cf11657cbfcddfed592c2769a807fe4c"
            ]
        );
        assert_eq!(
            Sent { media_type: FORM, body: b"", ..LIST }.signatures(SECRET),
            [
                "9e393ba168dbff86fa076b37d90f2da6741bb698fea8e75fa03cf10f442f404655c093600fabfef6c66059184269cc868d6d64323264dcdfbda0c19ef0e47e92",
                "ef99b5a31337f6412f7ff3d2c1da9ac6c2af9d65",
            ]
        );
        assert_eq!(
            GET.signatures(SECRET),
            [
                "aeef30a76ea6c6da7fb358347797303efdadde72df4155163040c87282c47a376bf5e78086a7eb9f97615254c6f6427a04912a1d5ab181c447fcd00fc007a639",
                "c64656114a10b2be467b2f62db94c69e39df4e1084067c523d4b8834037d92df0bc9fa5309087dc0132a2951e16c811d563c47403a7ddd87b6de5cc446d55a4b",
                "e59d5681e3d02b01f69fcea70bb9d0a105a0f732",
            ]
        );
        let users =
            Sent { path: "/admin/v1/users", query: "offset=300&limit=300&account_id=DAZXCVBNM1ASDFGHJKL2", ..GET };
        assert_eq!(
            users.signatures(SECRET)[..2],
            [
                "442075fd31864ba816f748a664a8e5ede3c42d08eccf312581121c4b5ef15450a2c7ae15b161e49bace63f1d9494282a4e3f9daf733ff07ed5f293547cef83af",
                "9e41acc0c5e11a2c4dc919831d17b6647a2e6193c73dc6ce3352fc7ae5e775fa00ad3ca9f9f1c67afbbefe7a310a0e3d6e859ba5872abf9ab915bdf91256cf56",
            ]
        );
    }

    #[test]
    fn the_example_that_the_vendor_publishes_is_right() {
        let published = Sent {
            date: "Tue, 21 Aug 2012 17:29:18 -0000",
            host: "api-XXXXXXXX.duosecurity.com",
            media_type: FORM,
            body: b"username=root&realname=First+Last",
            ..LIST
        };
        let signatures = published.signatures("Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep");
        assert_eq!(signatures[1], "2d97d6166319781b5a3a07af39d366f491234edc");
    }
}
