//! Faults between the simulated vendors and whoever asks them: what networks, gateways and vendors do on bad days.
//!
//! A layer in front of each vendor. Whether a call is disturbed, and how, is drawn from the seed, the call (method, path,
//! query) and how often it came: the same seed disturbs the same calls in the same way, as far as the order of calls side by
//! side does not matter. A fault lasts for one call or for some in a row.
//!
//! Every fault can be noticed by whoever knows the vendor's protocol, so a caller has no excuse for a wrong number. What nobody
//! could notice is left out on purpose:
//!
//! - A number, a name, an id or a word that is another one of the same form. So names and ids are never null or a text of
//!   chance here: whose record it is would be well-formed and wrong. They do become lists and objects.
//! - Rows that vanish where no total is stated in the same answer: Huntress, `NinjaOne`, `ConnectWise` Asio, Auvik, Microsoft
//!   Graph, Proofpoint and the customers of `StreamOne` ION have none. Elsewhere they vanish: one row, a whole page, all
//!   that would come after a page.
//! - A whole list that is empty where it may be: `[]` for a list that is the whole answer.
//! - A fact that is null although it is documented (a class, a status, a mark): vendors leave such out every day, and each
//!   connector's page says how that is read. Counted numbers and the lists of an answer do become null, and are left out.
//! - 404 and 403: they are answers ("there is none", "you may not"), which each vendor's own tests hold.
//! - A total alone that is another number is noticed, and is no wrong number; it is not drawn, as a lost row is the same.

mod fault;
mod paging;
mod shape;

use crate::server::pause;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use fault::{Change, Fault};
use futures_util::{StreamExt, stream};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    /// The dice.
    pub seed: u64,
    /// How many of a thousand calls begin a fault.
    pub per_mille: u32,
}

/// A fault that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disturbed {
    /// What was asked.
    pub call: String,
    /// What went wrong with the answer.
    pub fault: String,
}

/// The faults of a simulation.
pub(crate) struct Faults {
    chaos: Chaos,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// By call: how often it came, and the dice of the fault that still lasts for so many calls.
    calls: HashMap<String, (u32, Option<(u64, u32)>)>,
    /// The last good page of each list: at which position, and what it said.
    pages: HashMap<String, (String, Bytes)>,
    disturbed: Vec<Disturbed>,
}

impl Faults {
    pub(crate) fn new(chaos: Chaos) -> Self {
        Self { chaos, seen: Mutex::default() }
    }

    pub(crate) fn disturbed(&self) -> Vec<Disturbed> {
        self.seen().disturbed.clone()
    }

    /// The dice of a call that is to be disturbed.
    fn draw(&self, call: &str) -> Option<Rng> {
        let mut seen = self.seen();
        let (count, lasting) = seen.calls.entry(call.to_owned()).or_default();
        *count += 1;
        if let Some((dice, left)) = lasting.take() {
            *lasting = (left > 1).then_some((dice, left - 1));
            return Some(Rng::with_seed(dice));
        }
        let mut hasher = DefaultHasher::new();
        (self.chaos.seed, call, *count).hash(&mut hasher);
        let mut rng = Rng::with_seed(hasher.finish());
        if rng.u32(0..1000) >= self.chaos.per_mille {
            return None;
        }
        let dice = rng.u64(..);
        let more = [0, 0, 0, 1, 2, 3, 9][rng.usize(..7)];
        *lasting = (more > 0).then_some((dice, more));
        Some(Rng::with_seed(dice))
    }

    fn note(&self, call: &str, fault: impl std::fmt::Debug) {
        let disturbed = Disturbed { call: call.to_owned(), fault: format!("{fault:?}") };
        self.seen().disturbed.push(disturbed);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a call, perhaps badly.
pub(crate) async fn disturb(faults: Arc<Faults>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let call = format!("{} {path}", request.method());
    let drawn = faults.draw(&call).map(|mut rng| (Fault::draw(&mut rng), rng));
    let drawn = match drawn {
        Some((Fault::Instead(instead), mut rng)) => {
            faults.note(&call, instead);
            return instead.answer(&mut rng).await;
        }
        Some((Fault::Changed(change), rng)) => Some((change, rng)),
        None => None,
    };
    let answer = next.run(request).await;
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let (list, position) = paging::apart(&path);
    let before = faults.seen().pages.insert(list, (position.clone(), body.clone()));
    let earlier = before.filter(|(at, _)| *at != position).map(|(_, page)| page);
    let Some((change, mut rng)) = drawn else { return Response::from_parts(parts, body.into()) };
    // Not every fault fits every answer: then another one is drawn.
    let mut change = change;
    let mut changed = change.of(&body, earlier.as_ref(), &path, &mut rng);
    while changed.is_none() {
        change = Change::draw(&mut rng);
        changed = change.of(&body, earlier.as_ref(), &path, &mut rng);
    }
    let Some(changed) = changed else { return Response::from_parts(parts, body.into()) };
    faults.note(&call, change);
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(changed.headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))));
    if let Some(status) = changed.status {
        parts.status = status;
    }
    pause(changed.late).await;
    let body = match changed.end {
        End::Whole => Body::from(changed.body),
        End::Broken => broken(changed.body),
        End::Silent => Body::from_stream(stream::iter([Ok::<_, io::Error>(changed.body)]).chain(stream::pending())),
    };
    Response::from_parts(parts, body)
}

/// An answer as it goes out.
struct Changed {
    body: Bytes,
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, &'static str)>,
    end: End,
    late: Duration,
}

/// How an answer ends.
#[derive(Clone, Copy)]
enum End {
    Whole,
    /// The connection breaks behind these bytes; without any it breaks before the answer.
    Broken,
    /// Nothing comes any more, and the connection stays.
    Silent,
}

impl Changed {
    fn body(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), status: None, headers: Vec::new(), end: End::Whole, late: Duration::ZERO }
    }
}

/// What came so far, and then an end of the connection.
fn broken(bytes: Bytes) -> Body {
    let lost = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
    let rest = stream::once(async move {
        // What came so far goes out by itself.
        pause(Duration::from_millis(1)).await;
        lost()
    });
    if bytes.is_empty() {
        Body::from_stream(stream::iter([lost()]))
    } else {
        Body::from_stream(stream::iter([Ok(bytes)]).chain(rest))
    }
}

/// A refusal with a text for people.
fn refusal(status: StatusCode, headers: &[(HeaderName, String)]) -> Response {
    let mut answer = (status, "<html><body><h1>Please try again later</h1></body></html>").into_response();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}
