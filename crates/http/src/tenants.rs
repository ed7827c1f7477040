//! One vendor, many tenants, a token for each.

use crate::api::Api;
use crate::builder::ApiBuilder;
use crate::call::segment;
use crate::token::{Grant, OAuth2, Tokens};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tallysheet_core::{Context, Error, Result};

/// The clients of a vendor's tenants. They share limits; each is made once, so that its token serves every call.
pub struct Tenants {
    /// The client of the tenant that the credential belongs to.
    pub home: Api,
    login: OAuth2,
    token_url: String,
    clients: Mutex<BTreeMap<String, Api>>,
    cx: Context,
}

impl Tenants {
    /// `token_url` holds `{tenant}` in the place of a tenant's id; `login` says what a token is asked for.
    pub fn new(
        cx: &Context,
        api: ApiBuilder,
        token_url: String,
        home: &str,
        grant: Grant,
        login: impl FnOnce(OAuth2) -> OAuth2,
    ) -> Result<Self> {
        if !token_url.contains("{tenant}") {
            return Err(Error::config("`token_url` must hold {tenant} in the place of the tenant's id"));
        }
        let login = login(OAuth2::new(cx, &of_tenant(&token_url, home), grant)?);
        let client = api.auth(Tokens::new(cx, login.clone())).build()?;
        let clients = Mutex::new(BTreeMap::from([(home.to_lowercase(), client.clone())]));
        Ok(Self { home: client, login, token_url, clients, cx: cx.clone() })
    }

    /// The client of a tenant. An id is the same in any case.
    pub fn client(&self, id: &str) -> Result<Api> {
        let login = self.login.at(&of_tenant(&self.token_url, id))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = || self.home.with_auth(Tokens::new(&self.cx, login));
        Ok(clients.entry(id.to_lowercase()).or_insert_with(client).clone())
    }
}

fn of_tenant(token_url: &str, id: &str) -> String {
    token_url.replace("{tenant}", &segment(id))
}
