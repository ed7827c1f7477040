//! Where tokens are issued: where the user says, else where HaloPSA says.

use super::Config;
use serde::Deserialize;
use std::sync::{Arc, OnceLock};
use tallysheet_core::{Context, Error, Result, async_trait};
use tallysheet_http::{Api, Call, OAuth2, Token, TokenSource};

/// What a token of the ticket desk and the company directory must be good for.
const DESK: &str = "read:customers read:tickets edit:tickets";
/// What one must be good for that reads what is billed.
pub(crate) const BILLS: &str = "read:invoices";
/// The same for one that changes it.
pub(crate) const CHANGES: &str = "read:invoices edit:invoices";
/// The vendor's own hosts: the secret is theirs.
const VENDOR: &str = ".halopsa.com";

/// Issues tokens of a scope, once it is known where. Clones share where that is.
#[derive(Clone)]
pub(crate) struct Issuer {
    cx: Context,
    config: Config,
    url: String,
    info: Api,
    endpoint: Arc<OnceLock<OAuth2>>,
    scope: &'static str,
}

#[derive(Deserialize)]
struct AuthInfo {
    auth_url: Option<String>,
    tenant_id: Option<String>,
}

impl Issuer {
    pub(crate) fn new(cx: &Context, api: &Api, config: Config) -> Result<Self> {
        let info = Api::token_endpoint(cx, &api.address(None, "/authinfo"))?;
        let (url, endpoint) = (api.address(None, ""), Arc::default());
        let issuer = Self { cx: cx.clone(), url, info, endpoint, config, scope: DESK };
        if let Some(token_url) = &issuer.config.token_url {
            // It cannot be there yet.
            let _ = issuer.endpoint.set(issuer.at(token_url, None)?);
        }
        Ok(issuer)
    }

    /// The same for another scope: a token is good for no more than its work. The user's own `scope` stands for each.
    pub(crate) fn of_scope(&self, scope: &'static str) -> Self {
        Self { scope, ..self.clone() }
    }

    fn at(&self, token_url: &str, tenant: Option<String>) -> Result<OAuth2> {
        let Config { client_id, client_secret, .. } = &self.config;
        let endpoint = OAuth2::client_credentials(&self.cx, token_url, client_id, client_secret.clone())?;
        let tenant = self.config.tenant.clone().or(tenant).filter(|tenant| !tenant.is_empty());
        Ok(tenant.into_iter().fold(endpoint, |endpoint, tenant| endpoint.query("tenant", tenant)))
    }

    async fn discover(&self) -> Result<OAuth2> {
        let info: Option<AuthInfo> = self.info.find(&Call::get("")).await.map_err(|error| {
            error.context("asking where tokens are issued").advice("`token_url` makes that needless")
        })?;
        let (auth_url, tenant) = info.map(|info| (info.auth_url, info.tenant_id)).unwrap_or_default();
        match auth_url.map(|url| url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty()) {
            Some(auth_url) if is_trusted(&auth_url, &self.url) => self.at(&format!("{auth_url}/token"), tenant),
            Some(auth_url) => {
                let host = origin(&auth_url);
                let error = Error::config(format!("HaloPSA says that tokens are issued at another host, {host}"));
                Err(error.advice(&format!("if that is right, set `token_url`, most likely to {host}/auth/token")))
            }
            None => self.at(&beside(&self.url), tenant),
        }
    }
}

#[async_trait]
impl TokenSource for Issuer {
    async fn issue(&self) -> Result<Token> {
        if self.endpoint.get().is_none() {
            // Whoever was first meanwhile learned the same.
            let _ = self.endpoint.set(self.discover().await?);
        }
        let endpoint = self.endpoint.get().ok_or_else(|| Error::internal("where tokens are issued is not known"))?;
        let scope = self.config.scope.as_deref().unwrap_or(self.scope);
        let issued = endpoint.clone().field("scope", scope).issue().await;
        let is_desk = self.scope == DESK || self.config.scope.is_some();
        issued
            .map_err(|error| if is_desk { error } else { error.advice(&format!("the scopes {scope} were asked for")) })
    }
}

/// The token address of an API that does not say it.
fn beside(url: &str) -> String {
    format!("{}/auth/token", url.strip_suffix("/api").unwrap_or(url))
}

/// Whether the secret may go to an address that an answer names: the API's own origin, or the vendor's.
fn is_trusted(address: &str, url: &str) -> bool {
    let is_plain = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let of_vendor = |host: &str| is_plain(host) && host.to_ascii_lowercase().ends_with(VENDOR);
    origin(address).eq_ignore_ascii_case(origin(url)) || origin(address).strip_prefix("https://").is_some_and(of_vendor)
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let ends = |character: char| matches!(character, '/' | '?' | '#' | '\\');
    url[host..].find(ends).map_or(url, |end| &url[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_goes_to_the_apis_own_origin_or_to_the_vendors() {
        for (address, url, trusted) in [
            ("https://northgate.halopsa.com/auth", "https://northgate.halopsa.com/api", true),
            ("https://Northgate.halopsa.com/auth", "https://desk.northgate.example/api", true),
            ("http://127.0.0.1:8080/auth", "http://127.0.0.1:8080/api", true),
            ("http://127.0.0.1:8081/auth", "http://127.0.0.1:8080/api", false),
            ("http://northgate.halopsa.com/auth", "https://northgate.halopsa.com/api", false),
            ("https://auth.northgate.example", "https://desk.northgate.example/api", false),
            ("https://evil.example\\.halopsa.com", "https://northgate.halopsa.com/api", false),
            ("https://northgate.halopsa.com@evil.example/auth", "https://northgate.halopsa.com/api", false),
            ("https://evil.example?.halopsa.com", "https://northgate.halopsa.com/api", false),
            ("", "https://northgate.halopsa.com/api", false),
        ] {
            assert_eq!(is_trusted(address, url), trusted, "{address}");
        }
    }

    #[test]
    fn an_api_that_does_not_say_it_has_its_tokens_beside_it() {
        assert_eq!(beside("https://northgate.halopsa.com/api"), "https://northgate.halopsa.com/auth/token");
        assert_eq!(beside("http://127.0.0.1:8080/halo"), "http://127.0.0.1:8080/halo/auth/token");
    }
}
