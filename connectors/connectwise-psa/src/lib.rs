#![doc = include_str!("../README.md")]

mod desk;
mod ledger;
mod wire;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, async_trait, register_connector,
};
use tallysheet_http::{Api, Basic, Call, Part, Position, Reply};
use wire::{Company, Count, HasId, Status};

/// Settings of a `kind = "connectwise-psa"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The short name of the company that you log in with.
    company_id: String,
    /// The public key of the API member.
    public_key: Secret,
    /// The private key that belongs to it.
    private_key: Secret,
    /// The client id that the vendor's developer portal issues.
    client_id: String,
}

/// Makes tickets, lists companies, and knows what is billed.
pub struct ConnectWisePsa {
    api: Api,
    company_id: String,
}

/// What is behind the host, where the user does not say it.
const API: &str = "/v4_6_release/apis/3.0";
/// The most rows that a page may have.
const PAGE: usize = 1000;
/// The built-in company that catches what belongs to nobody.
const CATCHALL: &str = "catchall";

impl ConnectorSpec for ConnectWisePsa {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "connectwise-psa",
        title: "ConnectWise PSA",
        default_url: None,
        capabilities: &[Capability::Tickets, Capability::Companies, Capability::Billing],
        metrics: &[],
        permissions: "an API member whose role has Company Maintenance: Inquire, Table Setup: Inquire, Service Tickets: \
                      Inquire, Add and Edit, Manage Attachments: Inquire and Add; for what is billed Finance, Agreements: \
                      Inquire, and Edit to change quantities",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let user = format!("{}+{}", config.company_id, config.public_key.expose());
        let whole = |url: &String| if url.ends_with("/apis/3.0") { url.clone() } else { format!("{url}{API}") };
        let cx = Context { url: cx.url.as_ref().map(whole), ..cx.clone() };
        let api = Api::builder(&cx, None)
            .auth(Basic::new(&user, &config.private_key))
            .header("clientid", config.client_id)
            // No limit is published (README, Limits).
            .seconds_after_429(2)
            .classify(unroutable)
            .build()?;
        let me = Arc::new(Self { api, company_id: config.company_id });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me.clone()).billing(me))
    }
}
register_connector!(ConnectWisePsa);

#[async_trait]
impl Probe for ConnectWisePsa {
    async fn check(&self) -> Result<Identity> {
        let _: Count = self.api.json(&Call::get("/company/companies/count")).await?;
        Ok(Identity { account: self.company_id.clone(), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for ConnectWisePsa {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        // Statuses are the tenant's own words: only their flag says who is a customer.
        let statuses: BTreeMap<String, Status> =
            self.list("/company/companies/statuses", "id,name,inactiveFlag", None).await?;
        let inactive: BTreeSet<&str> =
            statuses.iter().filter(|(_, status)| status.inactive_flag).map(|(id, _)| id.as_str()).collect();
        let companies = self.all_companies().await?;
        Ok(companies.into_iter().map(|(id, company)| company.listed(id, &inactive)).collect())
    }
}

impl ConnectWisePsa {
    async fn all_companies(&self) -> Result<BTreeMap<String, Company>> {
        let fields = "id,identifier,name,status,website,isVendorFlag";
        self.list("/company/companies", fields, Some("deletedFlag=false")).await
    }

    /// A whole list, by id.
    async fn list<T: DeserializeOwned + HasId + Send>(
        &self,
        path: &str,
        fields: &str,
        conditions: Option<&str>,
    ) -> Result<BTreeMap<String, T>> {
        let call = list(path).query("fields", fields);
        let call = conditions.into_iter().fold(call, |call, conditions| call.query("conditions", conditions));
        self.api.list(call, T::id, page).await
    }
}

/// A list in an order that stays, so that no row is lost between two pages.
fn list(path: &str) -> Call {
    Call::get(path).query("orderBy", "id").query("pageSize", PAGE)
}

fn page<T>(rows: Vec<T>, at: &Position<'_>) -> Part<T> {
    Part::linked(rows, at).full_at(PAGE)
}

/// A wrong path, company or client id is answered with 400 and plain text, which looks like a wrong request.
fn unroutable(reply: &Reply) -> Option<Error> {
    let in_words = reply.status() == 400 && reply.json::<Value>().is_err();
    let message = "the vendor does not know this combination of `url`, `company_id` and `client_id`";
    in_words.then(|| Error::new(ErrorKind::Auth, message).advice("check all three"))
}
