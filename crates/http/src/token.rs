//! Getting a token and keeping it: one request for it at a time, renewed before it ends, once after a 401.

use crate::api::Api;
use crate::auth::{ApiKey, Auth, Outgoing, Stamp};
use crate::call::Call;
use crate::reply::Reply;
use crate::rotation::Rotation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Context, Error, ErrorKind, Result, Secret, World, async_trait};
use tokio::sync::Mutex;

/// A token is renewed this long before it ends (or a tenth of its life, where that is less).
const MARGIN: Duration = Duration::from_mins(1);
/// How long a credential is taken to be locked where the vendor does not say. Longer than any wait within a run.
const LOCK: Duration = Duration::from_mins(5);

/// A token as an endpoint issues it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// How long it lives, where the vendor says so.
    pub lifetime: Option<Duration>,
}

/// Something that issues tokens: an `OAuth2` endpoint, a login call.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A new token.
    async fn issue(&self) -> Result<Token>;
}

/// Shows a token from a [`TokenSource`], asking for one only when needed.
pub struct Tokens<S> {
    source: S,
    world: Arc<dyn World>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    generation: u64,
    token: Option<Secret>,
    renew_at: Option<Duration>,
    refusal: Option<Error>,
}

impl<S: TokenSource> Tokens<S> {
    /// A cache before a source, shown as `Authorization: Bearer …`.
    pub fn new(cx: &Context, source: S) -> Self {
        Self { source, world: cx.world.clone(), current: Mutex::new(Current::default()) }
    }

    /// A token that is good now. Callers that come while one asks wait for its answer.
    pub async fn token(&self) -> Result<(Secret, Stamp)> {
        let mut current = self.current.lock().await;
        let now = self.world.monotonic();
        if let Some(token) = &current.token
            && current.renew_at.is_none_or(|renew_at| now < renew_at)
        {
            return Ok((token.clone(), Stamp(current.generation)));
        }
        if let Some(refusal) = &current.refusal {
            return Err(refusal.clone());
        }
        let token = self.source.issue().await.inspect_err(|error| {
            // Some vendors lock a key that asks again and again; a refused credential stays refused.
            current.refusal = Some(error.clone()).filter(|error| !error.kind().is_transient());
        })?;
        *current = Current {
            generation: current.generation + 1,
            renew_at: token.lifetime.map(|life| now.saturating_add(life.saturating_sub(MARGIN.min(life / 10)))),
            token: Some(token.secret.clone()),
            refusal: None,
        };
        Ok((token.secret, Stamp(current.generation)))
    }
}

#[async_trait]
impl<S: TokenSource> Auth for Tokens<S> {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        let (token, stamp) = self.token().await?;
        request.secret_header("authorization", &format!("Bearer {}", token.expose()))?;
        Ok(stamp)
    }

    async fn refresh(&self, rejected: Stamp) -> Result<bool> {
        let mut current = self.current.lock().await;
        // Where another call has renewed it meanwhile, the new one serves.
        if current.generation == rejected.0 {
            current.token = None;
        }
        Ok(true)
    }
}

/// How an `OAuth2` endpoint is asked.
#[derive(Clone)]
pub enum Grant {
    /// `client_credentials`: the id and secret in the body.
    ClientCredentials {
        /// The client's id.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
    /// `password`, perhaps with a client of the vendor's own in a Basic header.
    Password {
        /// The user name, or key.
        username: String,
        /// The password, or secret.
        password: Secret,
        /// The vendor's public client, shown as Basic.
        client: Option<(&'static str, &'static str)>,
    },
    /// `refresh_token`: each exchange may return the next one, which is kept in the state folder before the access token
    /// is used, whatever happens to the run.
    RefreshToken {
        /// The first one, from the config.
        first: Secret,
        /// The client's id and secret, where the vendor wants them.
        client: Option<(String, Secret)>,
    },
}

/// An `OAuth2` token endpoint.
#[derive(Clone)]
pub struct OAuth2 {
    endpoint: Api,
    grant: Grant,
    extra: Vec<(&'static str, String)>,
    query: Vec<(&'static str, String)>,
    json: bool,
    rotation: Rotation,
    /// Whether the next refresh token is this endpoint's to keep.
    keeps: bool,
}

#[derive(Deserialize)]
struct Issued {
    /// Where it is missing, a refresh token beside it must be kept all the same.
    #[serde(default)]
    access_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<Lifetime>,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

/// Some endpoints send the seconds as text.
#[derive(Deserialize)]
struct Lifetime(tallysheet_core::wire::Number);

impl OAuth2 {
    /// An endpoint at `token_url`, asked with a form.
    pub fn new(cx: &Context, token_url: &str, grant: Grant) -> Result<Self> {
        Ok(Self {
            endpoint: Api::token_endpoint(cx, token_url).map_err(|error| error.context("`token_url`"))?,
            grant,
            extra: Vec::new(),
            query: Vec::new(),
            json: false,
            rotation: Rotation::new(&cx.integration, cx.world.clone()),
            keeps: true,
        })
    }

    /// The same for the grant that most vendors have.
    pub fn client_credentials(cx: &Context, token_url: &str, client_id: &str, client_secret: Secret) -> Result<Self> {
        Self::new(cx, token_url, Grant::ClientCredentials { client_id: client_id.to_owned(), client_secret })
    }

    /// Sends the request as JSON instead of a form.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// One more field in the request: `scope`, `audience`.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// A parameter that the endpoint wants in its address, besides what stands in the request.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// A key that the endpoint wants in a header, besides what stands in the request.
    #[must_use]
    pub fn key(mut self, key: ApiKey) -> Self {
        self.endpoint = self.endpoint.with_auth(key);
        self
    }

    /// What a refusal means, where the vendor tells more than its status.
    #[must_use]
    pub fn explain(mut self, explain: fn(&Reply) -> Option<Error>) -> Self {
        self.endpoint = self.endpoint.with_classify(move |reply| explain(reply).or_else(|| refusal(reply)));
        self
    }

    /// The same grant at the endpoint of another tenant, with shared limits. A refresh token is the newest that the
    /// first endpoint keeps: it is not spent here, and what this one returns is not kept.
    pub fn at(&self, token_url: &str) -> Result<Self> {
        let endpoint = self.endpoint.at(token_url).map_err(|error| error.context("`token_url`"))?;
        Ok(Self { endpoint, keeps: false, ..self.clone() })
    }

    async fn exchange(&self, own: &[(&str, &str)], basic: Option<(&str, &str)>, repeatable: bool) -> Result<Issued> {
        let extra = self.extra.iter().map(|(name, value)| (*name, value.as_str()));
        let fields: Vec<(&str, &str)> = own.iter().copied().chain(extra).collect();
        let mut call = if self.json {
            Call::post("").json(&fields.into_iter().collect::<BTreeMap<_, _>>())?
        } else {
            Call::post("").form(&fields)
        };
        call = self.query.iter().fold(call, |call, (name, value)| call.query(name, value));
        if let Some((user, password)) = basic {
            call = call.header("authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        }
        let call = if repeatable { call.repeatable() } else { call };
        self.endpoint.json(&call).await
    }

    async fn refresh(&self, token: &Secret, client: Option<&(String, Secret)>, repeatable: bool) -> Result<Issued> {
        let mut own = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        if let Some((id, secret)) = client {
            own.extend([("client_id", id.as_str()), ("client_secret", secret.expose())]);
        }
        self.exchange(&own, None, repeatable).await
    }

    /// Exchanges the newest refresh token and keeps its successor. Never repeated where the token may be spent although
    /// no answer came.
    async fn rotate(self, first: Secret, client: Option<(String, Secret)>) -> Result<Issued> {
        let turn = self.rotation.begin(&first).await?;
        match self.refresh(turn.token(), client.as_ref(), false).await {
            Ok(issued) => {
                turn.issued(issued.refresh_token.as_ref().filter(|next| !next.expose().is_empty())).await?;
                Ok(issued)
            }
            Err(error) => Err(turn.failed(error)),
        }
    }
}

#[async_trait]
impl TokenSource for OAuth2 {
    async fn issue(&self) -> Result<Token> {
        let issued = match &self.grant {
            Grant::ClientCredentials { client_id, client_secret } => {
                let own = [
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                ];
                self.exchange(&own, None, true).await
            }
            Grant::Password { username, password, client } => {
                let own = [("grant_type", "password"), ("username", username), ("password", password.expose())];
                self.exchange(&own, *client, true).await
            }
            Grant::RefreshToken { first, client } if self.keeps => {
                // A run that is given up (a deadline, another call that failed) must not give up what is on its way.
                let rotation = tokio::spawn(self.clone().rotate(first.clone(), client.clone())).await;
                rotation.unwrap_or_else(|_| Err(Error::internal("the exchange of the refresh token broke off")))
            }
            Grant::RefreshToken { first, client } => {
                self.refresh(&self.rotation.newest(first)?, client.as_ref(), true).await
            }
        };
        let issued = issued.map_err(|error| error.context("getting a token"))?;
        let Some(secret) = issued.access_token else {
            return Err(Error::bad_response("getting a token: the vendor answered without one"));
        };
        if secret.expose().is_empty() {
            return Err(Error::new(ErrorKind::Auth, "getting a token: the vendor issued an empty one"));
        }
        let seconds = issued.expires_in.and_then(|life| u64::try_from(life.0.0.trunc()).ok());
        Ok(Token { secret, lifetime: seconds.map(Duration::from_secs) })
    }
}

/// What a refusal of a token endpoint means: the credential is not accepted, with the `OAuth2` word for why; or it is
/// locked for some minutes, which asking again would only prolong.
pub(crate) fn refusal(reply: &Reply) -> Option<Error> {
    if reply.status() == 423 {
        let error = Error::new(ErrorKind::RateLimited, "the credential is locked, as too many tokens were asked for");
        return Some(error.with_retry_after(reply.header("retry-after").is_none().then_some(LOCK)));
    }
    if !matches!(reply.status(), 400 | 401 | 403) {
        return None;
    }
    let word = reply.word("/error").map(|word| format!(" ({word})")).unwrap_or_default();
    let message = format!("the vendor issues no token: {}{word}; check the credential and its scopes", reply.status());
    Some(Error::new(ErrorKind::Auth, message))
}
