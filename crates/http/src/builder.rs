//! What a client is made of: the vendor's address, credential, limits and meanings.

use crate::api::{Api, Policy};
use crate::auth::{Auth, NoAuth};
use crate::limit::Limits;
use crate::reply::Reply;
use crate::tls;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tallysheet_core::{Context, Error, ErrorKind, Result};

/// What every vendor sees as the caller.
const USER_AGENT: &str = concat!("Tallysheet/", env!("CARGO_PKG_VERSION"));

/// How often and how patiently a request is repeated.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// The first wait; it doubles, with full jitter.
    pub first_wait: Duration,
    /// No wait is longer than this.
    pub longest_wait: Duration,
    /// The least wait after a 429 without `Retry-After`.
    pub wait_after_429: Duration,
    /// The longest `Retry-After` that is obeyed; a longer one ends the attempts.
    pub longest_retry_after: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long all attempts and waits together may take.
    pub total: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            wait_after_429: Duration::ZERO,
            longest_retry_after: Duration::from_mins(2),
            attempt_timeout: Duration::from_mins(1),
            total: Duration::from_mins(15),
        }
    }
}

/// Builds an [`Api`].
pub struct ApiBuilder {
    base: Result<Url>,
    auth: Arc<dyn Auth>,
    own: (Option<usize>, Option<u32>),
    concurrency: usize,
    per_minute: Option<u32>,
    policy: Policy,
    headers: Vec<(&'static str, String)>,
}

impl ApiBuilder {
    pub(crate) fn at(cx: &Context, base: Result<Url>) -> Self {
        Self {
            base,
            auth: Arc::new(NoAuth),
            own: (cx.max_concurrency, cx.requests_per_minute),
            concurrency: 4,
            per_minute: None,
            headers: Vec::new(),
            policy: Policy {
                integration: cx.integration.clone(),
                headers: HeaderMap::new(),
                retry: Retry::default(),
                classify: Arc::new(|_| None),
                recorder: cx.recorder.clone(),
                world: cx.world.clone(),
            },
        }
    }

    /// Takes an ending off `url` that users may write or leave out: `/api`.
    #[must_use]
    pub fn without(mut self, ending: &str) -> Self {
        if let Ok(base) = &mut self.base
            && let Some(path) = base.path().strip_suffix(ending).map(str::to_owned)
        {
            base.set_path(&path);
        }
        self
    }

    /// How the credential is shown.
    #[must_use]
    pub fn auth(mut self, auth: impl Auth + 'static) -> Self {
        self.auth = Arc::new(auth);
        self
    }

    /// The vendor's limit of requests in a minute, unless the user set `requests_per_minute`.
    #[must_use]
    pub fn per_minute(mut self, limit: u32) -> Self {
        self.per_minute = Some(limit);
        self
    }

    /// Requests at once (4 where it is not called), unless the user set `max_concurrency`.
    #[must_use]
    pub fn concurrency(mut self, limit: usize) -> Self {
        self.concurrency = limit;
        self
    }

    /// A header on every request. Never a credential.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Another patience than the default, where the vendor asks for it.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.policy.retry = retry;
        self
    }

    /// The least wait after a 429 without `Retry-After`, where the vendor asks for one.
    #[must_use]
    pub fn seconds_after_429(mut self, seconds: u64) -> Self {
        self.policy.retry.wait_after_429 = Duration::from_secs(seconds);
        self
    }

    /// What answers mean, where statuses alone do not tell.
    #[must_use]
    pub fn classify(mut self, classify: impl Fn(&Reply) -> Option<Error> + Send + Sync + 'static) -> Self {
        self.policy.classify = Arc::new(classify);
        self
    }

    /// Says that a 403 after a 429 is no missing right: the vendor blocks the address for so many seconds. After
    /// [`Self::classify`].
    #[must_use]
    pub fn block_after_429(mut self, seconds: u64) -> Self {
        let (wait, own, slowed_down) = (Duration::from_secs(seconds), self.policy.classify, AtomicBool::new(false));
        self.policy.retry.longest_retry_after = self.policy.retry.longest_retry_after.max(wait);
        self.policy.classify = Arc::new(move |reply| {
            slowed_down.fetch_or(reply.status == 429, Ordering::Relaxed);
            if reply.status != 403 || !slowed_down.load(Ordering::Relaxed) {
                return own(reply);
            }
            let error = Error::new(ErrorKind::RateLimited, "the vendor blocks this address, as it was asked too often");
            Some(error.advice("lower `requests_per_minute`").with_retry_after(Some(wait)))
        });
        self
    }

    /// The client.
    pub fn build(mut self) -> Result<Api> {
        self.policy.headers.insert("accept", HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            let value =
                HeaderValue::try_from(value).map_err(|_| Error::config(format!("the header {name} cannot be sent")))?;
            self.policy.headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Api {
            base: self.base?,
            client: client()?,
            auth: self.auth,
            limits: Arc::new(Limits::new(self.own.0.unwrap_or(self.concurrency), self.own.1.or(self.per_minute))),
            policy: Arc::new(self.policy),
        })
    }
}

#[allow(clippy::disallowed_types, reason = "the one home of HTTP")]
fn client() -> Result<reqwest::Client> {
    let unmade = |why: String| Error::internal(format!("no HTTP client can be made: {why}"));
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls::config().map_err(|error| unmade(error.to_string()))?)
        // A redirect could carry a key header to another host.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(20))
        .build()
        .map_err(|error| unmade(error.without_url().to_string()))
}
