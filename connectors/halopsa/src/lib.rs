#![doc = include_str!("../README.md")]

mod desk;
mod invoice;
mod ledger;
mod token;
mod wire;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Tokens};
use token::Issuer;
use wire::{Client, Made, Rows};

/// Settings of a `kind = "halopsa"` integration.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API application.
    client_id: String,
    /// Its secret.
    client_secret: Secret,
    /// Where tokens are issued; HaloPSA is asked for it where it is not set.
    token_url: Option<String>,
    /// The tenant's name; HaloPSA is asked for it where it is not set. Not needed where you host it yourself.
    tenant: Option<String>,
    /// What each token is for; the scopes that its work needs where it is not set.
    scope: Option<String>,
}

/// Makes tickets, lists companies, and knows what is billed.
pub struct HaloPsa {
    api: Api,
    /// The same with a token that reads what is billed.
    bills: Api,
    /// The same with one that changes it.
    changes: Api,
    cx: Context,
}

/// The rows of a page.
const PAGE: usize = 100;
/// The client that catches what belongs to nobody.
const CATCHALL: &str = "Unknown";

impl ConnectorSpec for HaloPsa {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "halopsa",
        title: "HaloPSA",
        default_url: None,
        capabilities: &[Capability::Tickets, Capability::Companies, Capability::Billing],
        metrics: &[],
        permissions: "an API application with the scopes read:customers, read:tickets and edit:tickets, whose agent may \
                      use all customers, and read and add tickets of the type; for what is billed read:invoices, and \
                      the agent's right to read recurring invoices; to change quantities edit:invoices, and the right \
                      to modify them",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let cx = Context { url: cx.url.as_deref().map(with_api), ..cx.clone() };
        // 700 in five minutes, and no more than two a second (README, Limits).
        let api = Api::builder(&cx, None).per_minute(120).seconds_after_429(5).build()?;
        let issuer = Issuer::new(&cx, &api, config)?;
        let of_scope = |scope| api.with_auth(Tokens::new(&cx, issuer.of_scope(scope)));
        let (bills, changes) = (of_scope(token::BILLS), of_scope(token::CHANGES));
        let api = api.with_auth(Tokens::new(&cx, issuer));
        let me = Arc::new(Self { api, bills, changes, cx });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me.clone()).billing(me))
    }
}
register_connector!(HaloPsa);

#[async_trait]
impl Probe for HaloPsa {
    async fn check(&self) -> Result<Identity> {
        let one = Call::get("/Client").query("pageinate", true).query("page_size", 1).query("page_no", 1);
        let (clients, _) = self.api.json::<Rows<Client>>(&one).await?.parts();
        seen(clients.len())?;
        // No call names the account, so its host stands for it (README, Quirks).
        Ok(Identity { account: self.api.host().to_owned(), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for HaloPsa {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.clients().await?.into_iter().map(|(id, client)| client.listed(id)).collect())
    }
}

impl HaloPsa {
    /// All clients, active or not. Who may not use all customers gets a shorter list, and no error (README, Credential).
    async fn clients(&self) -> Result<BTreeMap<String, Client>> {
        let first = Call::get("/Client").query("includeinactive", true).query("includeactive", true);
        let first = first.query("pageinate", true).query("page_size", PAGE).query("order", "id");
        let clients = self.api.numbered(first, "page_no", |client: &Client| &client.id, Rows::parts).await?;
        seen(clients.len()).map(|()| clients)
    }

    /// Every body is a list, even of one record.
    async fn post(&self, path: &str, record: &Value) -> Result<Made> {
        self.api.json(&Call::post(path).json(&[record])?).await
    }
}

/// Whoever pastes the host alone means its API.
fn with_api(url: &str) -> String {
    let is_host = url.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    if is_host { format!("{url}/api") } else { url.to_owned() }
}

/// An agent without the customers gets an empty list, not 403.
fn seen(clients: usize) -> Result<()> {
    let error = || Error::new(ErrorKind::Forbidden, "HaloPSA shows the application's agent no customers");
    if clients > 0 { Ok(()) } else { Err(error().advice("set `Allow use of all Customers` for the agent")) }
}

fn whole_number(id: &str) -> Value {
    // One that is none is sent as it is, for the vendor to refuse.
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_means_its_api() {
        for (url, whole) in [
            ("https://northgate.halopsa.com", "https://northgate.halopsa.com/api"),
            ("https://northgate.halopsa.com/api", "https://northgate.halopsa.com/api"),
            ("http://127.0.0.1:8080/halo/api", "http://127.0.0.1:8080/halo/api"),
        ] {
            assert_eq!(with_api(url), whole);
        }
    }
}
