//! How a credential is shown. It goes to the API's own origin only: the client sees to that before it asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::sync::Arc;
use tallysheet_core::{Error, Result, Secret, async_trait};

/// Which credential was shown: a later refresh does nothing if a newer one is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(pub u64);

/// A way to show a credential.
#[async_trait]
pub trait Auth: Send + Sync {
    /// Puts the credential on a request.
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp>;
    /// After a 401: gets a new credential. `false` where there is none to get.
    async fn refresh(&self, rejected: Stamp) -> Result<bool>;
}

/// A request that is about to be sent.
pub struct Outgoing<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) body: &'a [u8],
    pub(crate) headers: &'a mut HeaderMap,
}

impl Outgoing<'_> {
    /// The method, in upper case.
    pub fn method(&self) -> &str {
        self.method
    }

    /// The host without its port, in lower case.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The path as it is sent.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The query as it is sent, without the question mark.
    pub fn query(&self) -> &str {
        self.url.query().unwrap_or_default()
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        self.body
    }

    /// Sets a header whose value is kept out of every log.
    pub fn secret_header(&mut self, name: &str, value: &str) -> Result<()> {
        let name = HeaderName::try_from(name).map_err(|_| Error::config(format!("`{name}` is no header name")))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            Error::config("a credential holds characters that no header can carry (a line end, perhaps)")
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }
}

/// `Authorization: Basic …`.
pub struct Basic {
    header: Secret,
}

impl Basic {
    /// Basic authentication with a user name (or key) and a password (or secret).
    pub fn new(username: &str, password: &Secret) -> Self {
        let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
        Self { header: Secret::new(format!("Basic {pair}")) }
    }
}

#[async_trait]
impl Auth for Basic {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        request.secret_header("authorization", self.header.expose())?;
        Ok(Stamp(0))
    }
    async fn refresh(&self, _: Stamp) -> Result<bool> {
        Ok(false)
    }
}

/// `Authorization: Bearer …` with a token that does not change.
pub struct Bearer(ApiKey);

impl Bearer {
    /// A static bearer token.
    pub fn new(token: &Secret) -> Self {
        Self(ApiKey::new("authorization", token).prefix("Bearer "))
    }
}

#[async_trait]
impl Auth for Bearer {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        self.0.apply(request).await
    }
    async fn refresh(&self, rejected: Stamp) -> Result<bool> {
        self.0.refresh(rejected).await
    }
}

/// One or several headers that hold keys.
#[derive(Clone)]
pub struct ApiKey {
    headers: Vec<(Cow<'static, str>, Secret)>,
}

impl ApiKey {
    /// A key in a header.
    pub fn new(header: impl Into<Cow<'static, str>>, key: &Secret) -> Self {
        Self { headers: vec![(header.into(), key.clone())] }
    }

    /// Puts a word before the key last added: `ApiToken `.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        if let Some((_, key)) = self.headers.last_mut() {
            *key = Secret::new(format!("{prefix}{}", key.expose()));
        }
        self
    }

    /// One more key in another header.
    #[must_use]
    pub fn and(mut self, header: impl Into<Cow<'static, str>>, key: &Secret) -> Self {
        self.headers.push((header.into(), key.clone()));
        self
    }

    /// The key of a gateway that stands before the vendor: shown besides the vendor's own credential.
    pub fn beside<A: Auth>(self, auth: A) -> Beside<A> {
        Beside { key: self, auth }
    }
}

#[async_trait]
impl Auth for ApiKey {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        for (header, key) in &self.headers {
            request.secret_header(header, key.expose())?;
        }
        Ok(Stamp(0))
    }
    async fn refresh(&self, _: Stamp) -> Result<bool> {
        Ok(false)
    }
}

/// A credential and a key besides; see [`ApiKey::beside`].
pub struct Beside<A> {
    key: ApiKey,
    auth: A,
}

#[async_trait]
impl<A: Auth> Auth for Beside<A> {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        self.key.apply(request).await?;
        self.auth.apply(request).await
    }
    async fn refresh(&self, rejected: Stamp) -> Result<bool> {
        self.auth.refresh(rejected).await
    }
}

/// A signature over each request.
#[derive(Clone)]
pub struct Signed {
    sign: Arc<Sign>,
}

type Sign = dyn Fn(&mut Outgoing<'_>) -> Result<()> + Send + Sync;

impl Signed {
    /// Signs with a function that sets headers from the request.
    pub fn new(sign: impl Fn(&mut Outgoing<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { sign: Arc::new(sign) }
    }
}

#[async_trait]
impl Auth for Signed {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        (self.sign)(request)?;
        Ok(Stamp(0))
    }
    async fn refresh(&self, _: Stamp) -> Result<bool> {
        Ok(false)
    }
}

/// No credential: token endpoints carry theirs in the body.
pub(crate) struct NoAuth;

#[async_trait]
impl Auth for NoAuth {
    async fn apply(&self, _: &mut Outgoing<'_>) -> Result<Stamp> {
        Ok(Stamp(0))
    }
    async fn refresh(&self, _: Stamp) -> Result<bool> {
        Ok(false)
    }
}
