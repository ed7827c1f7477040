//! What every vendor's side of the wire needs: credentials, tokens, query numbers, pages.

use crate::msp::Msp;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use rust_decimal::Decimal;
use serde_json::{Number, Value};
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// The pairs of a query string or a form.
pub(crate) type Pairs = BTreeMap<String, String>;

/// The tokens that a vendor has issued.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    number: usize,
    /// How many calls the next one serves, if it ever ends.
    calls: Option<usize>,
    /// Whom a token is for, and how many calls it still serves.
    live: HashMap<String, (String, usize)>,
}

impl Tokens {
    /// Tokens that serve as many calls as the options say.
    pub(crate) fn of(msp: &Msp) -> Self {
        Self(Mutex::new(Issued { calls: Some(msp.token_calls), ..Issued::default() }))
    }

    pub(crate) fn issue(&self, subject: &str) -> String {
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        issued.number += 1;
        let token = format!("simulated-token-{}", issued.number);
        let calls = issued.calls.unwrap_or(usize::MAX);
        issued.live.insert(token.clone(), (subject.to_owned(), calls));
        token
    }

    /// Whom the bearer token of a call is for; nobody where it is missing, unknown or used up.
    pub(crate) fn subject(&self, headers: &HeaderMap) -> Option<String> {
        let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (subject, calls) = issued.live.get_mut(token)?;
        *calls = calls.checked_sub(1)?;
        Some(subject.clone())
    }
}

/// Whether the call carries this user name and password.
pub(crate) fn has_basic(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    headers.get(AUTHORIZATION).is_some_and(|sent| sent.as_bytes() == wanted.as_bytes())
}

/// The vendors' time of day: the machine's, and where a test lets the runtime's time jump, as much ahead.
#[expect(clippy::disallowed_methods, reason = "the vendors' clocks are none of ours")]
pub(crate) fn now() -> jiff::Timestamp {
    let ahead = tokio::time::Instant::now().into_std().saturating_duration_since(std::time::Instant::now());
    jiff::Timestamp::now().saturating_add(ahead).unwrap_or(jiff::Timestamp::MAX)
}

/// An answer with a JSON body.
pub(crate) fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

/// A number of the query, `default` where it is not sent, nothing where it is out of range.
pub(crate) fn number(query: &Pairs, key: &str, default: usize, range: RangeInclusive<usize>) -> Option<usize> {
    let Some(text) = query.get(key) else { return Some(default) };
    text.parse().ok().filter(|number| range.contains(number))
}

/// One page of the rows.
pub(crate) fn page<T>(rows: &[T], page: usize, size: usize) -> &[T] {
    let start = page.saturating_mul(size).min(rows.len());
    &rows[start..start.saturating_add(size).min(rows.len())]
}

/// A decimal as a JSON number.
pub(crate) fn json_number(number: Decimal) -> Value {
    number.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
}

/// A version 4 UUID of the dice.
pub(crate) fn uuid(rng: &mut Rng) -> String {
    let bits = (rng.u128(..) & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
