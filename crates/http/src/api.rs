//! The client and its loop of attempts.

use crate::auth::{Auth, NoAuth, Outgoing, Stamp};
use crate::builder::{ApiBuilder, Retry};
use crate::call::{Body, Call, FormPart, Target};
use crate::limit::Limits;
use crate::reply::Reply;
use crate::token::refusal;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::shape::{Answer, Recorder};
use tallysheet_core::wire::Id;
use tallysheet_core::{Context, Error, ErrorKind, Identity, Result, World};

/// More than any page that a vendor sends, unpacked: larger is a fault. Headers have hyper's own limits (100 of them).
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Tells what a connector's vendor means by an answer, where statuses alone do not: `None` leaves it to the status.
pub(crate) type Classify = Arc<dyn Fn(&Reply) -> Option<Error> + Send + Sync>;

/// A client for one vendor, one origin and one credential. Clones share limits and tokens.
#[derive(Clone)]
pub struct Api {
    pub(crate) base: Url,
    #[allow(clippy::disallowed_types, reason = "the one home of HTTP")]
    pub(crate) client: reqwest::Client,
    pub(crate) auth: Arc<dyn Auth>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) policy: Arc<Policy>,
}

#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) integration: String,
    pub(crate) headers: HeaderMap,
    pub(crate) retry: Retry,
    pub(crate) classify: Classify,
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) world: Arc<dyn World>,
}

impl Api {
    /// A client for the integration's `url`, else the vendor's own address.
    pub fn builder(cx: &Context, default_url: Option<&str>) -> ApiBuilder {
        let url = cx.url.as_deref().or(default_url).ok_or_else(|| Error::config("`url` is missing"));
        ApiBuilder::at(cx, url.and_then(parse_base))
    }

    /// A client for a token endpoint: its own origin and limits, no credential but the one in the body. What it refuses
    /// (400, 401, 403) is the credential.
    pub fn token_endpoint(cx: &Context, token_url: &str) -> Result<Self> {
        ApiBuilder::at(cx, parse_base(token_url)).classify(refusal).build()
    }

    /// A client for one whole address that the user gives, query and all: a webhook. See [`Call::post_to`].
    pub fn endpoint(cx: &Context, url: &str) -> ApiBuilder {
        let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
        let base = origin.map_err(|_| Error::config("`url` is no address; write it like https://host.example/hook"));
        ApiBuilder::at(cx, base.and_then(|origin| parse_base(&origin)))
    }

    /// The user's own address, else `path` under this client's: for a token endpoint.
    pub fn address(&self, own: Option<String>, path: &str) -> String {
        own.unwrap_or_else(|| format!("{}{path}", self.base.as_str().trim_end_matches('/')))
    }

    /// The same client with another credential: another tenant of the same vendor.
    #[must_use]
    pub fn with_auth(&self, auth: impl Auth + 'static) -> Self {
        Self { auth: Arc::new(auth), ..self.clone() }
    }

    /// The same client with another reading of answers.
    pub(crate) fn with_classify(&self, classify: impl Fn(&Reply) -> Option<Error> + Send + Sync + 'static) -> Self {
        Self { policy: Arc::new(Policy { classify: Arc::new(classify), ..(*self.policy).clone() }), ..self.clone() }
    }

    /// The same client and credential at another address of the same vendor. Only for addresses that the connector
    /// derives on purpose; a link in an answer never comes here.
    pub fn at(&self, url: &str) -> Result<Self> {
        Ok(Self { base: parse_base(url)?, ..self.clone() })
    }

    /// The same client at another host of the same vendor that an answer names: each account has its own. Scheme, port
    /// and path stay, but for a scheme or a port that `host` names.
    pub fn at_host(&self, host: &str) -> Result<Self> {
        let unusable = || Error::bad_response("the vendor names a host that is none");
        let (scheme, authority) = host.split_once("://").unwrap_or((self.base.scheme(), host));
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let names_port = authority.trim_end_matches('/').rsplit_once(':').is_some_and(|(_, port)| is_port(port));
        let mut base = parse_base(&format!("{scheme}://{authority}")).map_err(|_| unusable())?;
        let unsafer = self.base.scheme() == "https" && base.scheme() != "https";
        if unsafer || base.path() != "/" {
            return Err(unusable());
        }
        if !names_port && !host.contains("://") {
            base.set_port(self.base.port()).map_err(|()| unusable())?;
        }
        base.set_path(self.base.path());
        Ok(Self { base, ..self.clone() })
    }

    /// The same client without its credential, for a whole address that an answer names as the place for a file. See
    /// [`Call::put_to`]. Never an unsafer one.
    pub fn unsigned_at(&self, url: &str) -> Result<Self> {
        let unusable = || Error::bad_response("the vendor names a place for a file that is none");
        let whole = Url::parse(url).map_err(|_| unusable())?;
        let base = parse_base(&whole.origin().ascii_serialization()).map_err(|_| unusable())?;
        if self.base.scheme() == "https" && base.scheme() != "https" {
            return Err(unusable());
        }
        Ok(Self { base, auth: Arc::new(NoAuth), ..self.clone() })
    }

    /// The host that is asked.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Sends a call and decodes its answer.
    pub async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        decoded(call, &self.send(call).await?)
    }

    /// The same, but `None` where the vendor has no such thing (404, 410).
    pub async fn find<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>> {
        self.find_reply(call).await?.map(|reply| decoded(call, &reply)).transpose()
    }

    /// Sends a call as [`Self::send`] does, but `None` where the vendor has no such thing (404, 410). A token endpoint that
    /// is not there says nothing of that.
    pub async fn find_reply(&self, call: &Call) -> Result<Option<Reply>> {
        match self.attempts(call).await {
            Ok(reply) => Ok(Some(reply)),
            Err(Refused(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(Unsent(error) | Refused(error)) => Err(error),
        }
    }

    /// Whose credential it is: the JSON pointers of its name (else the id serves) and its id in the answer.
    pub async fn identity(&self, call: &Call, name: &str, id: &str) -> Result<Identity> {
        let reply = self.send(call).await?;
        let missing = || Error::bad_response(format!("{} was answered without `{id}`", self.describe(call)));
        let id = reply.json_at::<Id>(&[id])?.ok_or_else(missing)?.0;
        Ok(Identity::of(reply.json_at(&[name])?.unwrap_or_else(|| id.clone()), id))
    }

    /// Sends a call, and again where that is safe and may help. Returns only answers of success.
    pub async fn send(&self, call: &Call) -> Result<Reply> {
        self.attempts(call).await.map_err(|(Unsent(error) | Refused(error))| error)
    }

    async fn attempts(&self, call: &Call) -> Result<Reply, Unanswered> {
        let url = self.url_of(call).map_err(Unsent)?;
        let Policy { retry, world, recorder, .. } = &*self.policy;
        if recorder.as_ref().is_some_and(|recorder| recorder.has_enough()) {
            return Err(Unsent(Error::new(ErrorKind::Unsupported, "enough answers were seen to know their shapes")));
        }
        let started = world.monotonic();
        let (mut attempt, mut refreshed) = (1, false);
        loop {
            let failed = match self.attempt(call, &url, attempt).await {
                Ok(reply) => return Ok(reply),
                Err(Failed::Final(error)) => return Err(Unsent(error)),
                Err(Failed::Attempt(failed)) => failed,
            };
            let refused = failed.error.kind() == ErrorKind::Auth && !refreshed;
            if refused && self.auth.refresh(failed.stamp).await.map_err(Unsent)? {
                refreshed = true;
                continue;
            }
            let Some(wait) = self.wait_before_retry(call, &failed, attempt) else {
                let done = !call.repeatable && failed.may_have_happened();
                let error = name_long_wait(failed.error, retry.longest_retry_after);
                return Err(Refused(if done { error.with_maybe_done() } else { error }));
            };
            let spent = world.monotonic().saturating_sub(started) + wait;
            if attempt >= retry.attempts || spent > retry.total {
                let note = format!("(given up after {attempt} attempts)");
                return Err(Refused(failed.error.advice(&note)));
            }
            world.sleep(wait).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next attempt; `None` where there must not be one.
    fn wait_before_retry(&self, call: &Call, failed: &FailedAttempt, attempt: u32) -> Option<Duration> {
        let retry = &self.policy.retry;
        let safe = call.repeatable || !failed.may_have_happened();
        if !failed.error.kind().is_transient() || !safe {
            return None;
        }
        if let Some(wait) = failed.error.retry_after() {
            return (wait <= retry.longest_retry_after).then_some(wait);
        }
        let doubled = retry.first_wait.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(retry.longest_wait);
        let floor = if failed.error.kind() == ErrorKind::RateLimited { retry.wait_after_429 } else { Duration::ZERO };
        Some(floor + doubled.mul_f64(self.policy.world.random()))
    }

    async fn attempt(&self, call: &Call, url: &Url, attempt: u32) -> Result<Reply, Failed> {
        let Policy { integration, headers, retry, classify, recorder, world } = &*self.policy;
        let mut headers = headers.clone();
        for (name, value) in &call.headers {
            let value = HeaderValue::try_from(value).map_err(|_| defect("a header value cannot be sent"))?;
            let name = HeaderName::try_from(name).map_err(|_| defect("a header's name cannot be sent"))?;
            headers.insert(name, value);
        }
        let body = match &call.body {
            Some(Body::Plain { bytes, .. }) => &bytes[..],
            // No vendor signs a body of parts.
            Some(Body::Multipart(_)) | None => &[],
        };
        let mut outgoing = Outgoing { method: call.method, url, body, headers: &mut headers };
        // The credential comes after the wait: a token or a signature that waited with us could be too old by then.
        let _permit = self.limits.acquire(&**world).await;
        let stamp = self.auth.apply(&mut outgoing).await.map_err(Failed::Final)?;

        let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| defect("an unknown method"))?;
        let mut request = self.client.request(method, url.clone()).headers(headers).timeout(retry.attempt_timeout);
        match &call.body {
            Some(Body::Plain { content_type, bytes }) => {
                request = request.header("content-type", *content_type).body(bytes.clone());
            }
            Some(Body::Multipart(parts)) => request = request.multipart(multipart(parts)?),
            None => {}
        }
        let started = world.monotonic();
        let result = self.receive(call, request).await;
        let millis = world.monotonic().saturating_sub(started).as_millis();
        let status = result.as_ref().map_or(0, Reply::status);
        tracing::debug!(integration, request = %self.describe(call), status, attempt, %millis, "Call");

        if let (Some(recorder), Ok(reply)) = (recorder, &result) {
            self.record(recorder, call, url, reply);
        }

        let failed = |error, not_processed| Failed::Attempt(FailedAttempt { error, stamp, not_processed });
        let reply = result.map_err(|(error, not_processed)| failed(error, not_processed))?;
        let error = classify(&reply).or_else(|| (!(200..300).contains(&reply.status)).then(|| reply.error()));
        let Some(error) = error else { return Ok(reply) };
        let wait = error.retry_after().or_else(|| reply.retry_after(world.now()));
        Err(failed(error.with_retry_after(wait), false))
    }

    /// Sends one request and reads its answer up to the size limit. The error says whether the request never
    /// reached the vendor.
    #[allow(clippy::disallowed_types, reason = "the one home of HTTP")]
    async fn receive(&self, call: &Call, request: reqwest::RequestBuilder) -> Result<Reply, (Error, bool)> {
        let mut response = request.send().await.map_err(|error| self.transport(call, &error))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let length = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(length.unwrap_or_default().min(MAX_BODY));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(call, &error))? {
            if body.len() + chunk.len() > MAX_BODY {
                let message = format!("{} was answered with more than {} MiB", self.describe(call), MAX_BODY >> 20);
                return Err((Error::bad_response(message), false));
            }
            body.extend_from_slice(&chunk);
        }
        let is_secret_place = matches!(call.target, Target::Whole(_));
        Ok(Reply { request: self.describe(call), is_secret_place, status, headers, body })
    }

    /// Hands an answer to a probe, with names only of what was sent.
    fn record(&self, recorder: &Recorder, call: &Call, url: &Url, reply: &Reply) {
        let path = url.path().strip_prefix(self.base.path().trim_end_matches('/')).filter(|path| !path.is_empty());
        recorder.record(&Answer {
            method: call.method,
            path: path.unwrap_or_else(|| url.path()),
            query: url.query_pairs().map(|(name, _)| name.into_owned()).collect(),
            status: reply.status,
            headers: reply.headers.keys().map(ToString::to_string).collect(),
            body: &reply.body,
        });
    }

    fn transport(&self, call: &Call, error: &reqwest::Error) -> (Error, bool) {
        let host = self.base.host_str().unwrap_or_default();
        let what = self.describe(call);
        let never_arrived = error.is_connect();
        let error = if error.is_timeout() {
            Error::new(ErrorKind::TimedOut, format!("{what}: {host} did not answer in time"))
        } else if error.is_connect() {
            Error::new(
                ErrorKind::Unavailable,
                format!("{what}: no connection to {host}; check the network, a proxy, and `url`"),
            )
        } else {
            Error::new(ErrorKind::Unavailable, format!("{what}: the connection to {host} broke"))
        };
        (error, never_arrived)
    }

    /// `GET /organizations`: what an error or a log line may say of a call. No query, no host.
    pub(crate) fn describe(&self, call: &Call) -> String {
        let path = match &call.target {
            Target::Path(path) => path.clone(),
            Target::Link(link) => Url::parse(link).map(|url| url.path().to_owned()).unwrap_or_default(),
            Target::Whole(_) => return format!("{} to {}", call.method, self.base.host_str().unwrap_or_default()),
        };
        let path = if path.is_empty() { self.base.path() } else { &path };
        format!("{} {path}", call.method)
    }

    /// The address of a call. A link of the vendor's must lead to the base's own origin.
    pub(crate) fn url_of(&self, call: &Call) -> Result<Url> {
        let mut url = match &call.target {
            Target::Path(path) => {
                if path.contains(['?', '#']) {
                    return Err(Error::internal("a path holds a query or a fragment; use Call::query, call::segment"));
                }
                let mut url = self.base.clone();
                url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
                url
            }
            Target::Link(link) | Target::Whole(link) => {
                let url = Url::parse(link).map_err(|_| {
                    Error::bad_response(format!("{}: the next page's address is no URL", self.describe(call)))
                })?;
                if url.origin() != self.base.origin() {
                    return Err(Error::bad_response(format!(
                        "the next page is said to be at {}, not at {}; the credential is not sent there",
                        url.host_str().unwrap_or("another host"),
                        self.base.host_str().unwrap_or_default()
                    )));
                }
                url
            }
        };
        let query = call.encoded_query();
        if !query.is_empty() {
            let whole = url.query().map_or_else(|| query.clone(), |before| format!("{before}&{query}"));
            url.set_query(Some(&whole));
        }
        Ok(url)
    }
}

/// Why there is no answer of success to a call.
enum Unanswered {
    /// It was not even sent: no token was to be had, say.
    Unsent(Error),
    /// The last attempt failed so.
    Refused(Error),
}
use Unanswered::{Refused, Unsent};

/// Decodes an answer. A change whose answer cannot be read was made all the same.
fn decoded<T: DeserializeOwned>(call: &Call, reply: &Reply) -> Result<T> {
    reply.json().map_err(|error| if call.repeatable { error } else { error.with_maybe_done() })
}

/// Why there is no answer of success to an attempt.
enum Failed {
    /// Another attempt cannot help: the request was not even sent.
    Final(Error),
    /// This attempt failed.
    Attempt(FailedAttempt),
}

struct FailedAttempt {
    error: Error,
    /// The credential that was shown.
    stamp: Stamp,
    /// The request never reached the vendor, so that nothing can have happened.
    not_processed: bool,
}

fn multipart(parts: &[FormPart]) -> Result<reqwest::multipart::Form, Failed> {
    parts.iter().try_fold(reqwest::multipart::Form::new(), |form, part| {
        let mut sent = reqwest::multipart::Part::bytes(part.bytes.clone());
        if let Some(name) = &part.file_name {
            sent = sent.file_name(name.clone());
        }
        if let Some(content_type) = part.content_type {
            sent = sent.mime_str(content_type).map_err(|_| defect("a media type cannot be sent"))?;
        }
        Ok(form.part(part.name, sent))
    })
}

impl FailedAttempt {
    /// What the vendor refused to look at, or never received, has certainly not happened; neither has what it refused.
    fn may_have_happened(&self) -> bool {
        !self.not_processed && matches!(self.error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut)
    }
}

/// Says that a vendor asks for more patience than we have.
fn name_long_wait(error: Error, longest: Duration) -> Error {
    match error.retry_after() {
        Some(wait) if wait > longest && error.kind().is_transient() => {
            let note = format!("the vendor asks to wait for {} seconds, which is too long: try then", wait.as_secs());
            error.advice(&note)
        }
        _ => error,
    }
}

fn defect(message: &str) -> Failed {
    Failed::Final(Error::internal(message))
}

pub(crate) fn parse_base(url: &str) -> Result<Url> {
    let parsed = Url::parse(url.trim_end_matches('/'))
        .map_err(|_| Error::config("`url` is no address; write it like https://api.vendor.example/v1"))?;
    let more = parsed.query().is_some() || parsed.fragment().is_some();
    if !matches!(parsed.scheme(), "https" | "http") || parsed.host_str().is_none() || more {
        return Err(Error::config("`url` must be https://HOST, perhaps with a path; no query, no fragment"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Error::config("`url` must not hold a user name or a password"));
    }
    Ok(parsed)
}
