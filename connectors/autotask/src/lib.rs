#![doc = include_str!("../README.md")]

mod contract;
mod desk;
mod ledger;
mod sort;
mod standing;
mod wire;
mod zone;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sort::SetUp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::wire::Id;
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, Reply};
use tokio::sync::OnceCell;
use wire::{Company, Fields, Item, Page};
use zone::Zones;

/// Settings of a `kind = "autotask"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The user name of an API user.
    username: String,
    /// Its secret (password).
    secret: Secret,
    /// The tracking identifier of the API user.
    integration_code: Secret,
    /// Where zone discovery asks, where that is not the vendor's own address.
    zone_url: Option<String>,
}

/// Makes tickets, lists companies, and knows what is billed.
pub struct Autotask {
    /// Its address is known once zone discovery was asked, or from `url`.
    api: OnceCell<Api>,
    zones: Zones,
    credential: ApiKey,
    username: String,
    cx: Context,
    set_up: SetUp,
}

/// The most rows that a page may have.
const PAGE: usize = 500;
impl ConnectorSpec for Autotask {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "autotask",
        title: "Autotask",
        default_url: Some("https://webservicesN.autotask.net/ATServicesRest/V1.0"),
        capabilities: &[Capability::Tickets, Capability::Companies, Capability::Billing],
        metrics: &[],
        permissions: "an API user whose security level may log in to Web Services, view all companies (CRM: Customer & \
                      Cancellation), and view all and add tickets (Service Desk: Tickets); for billing also view all \
                      contracts with full visibility and read Products & Services, and to change quantities modify the \
                      services of contracts",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let Config { username, secret, integration_code, zone_url } = config;
        let credential = ApiKey::new("apiintegrationcode", &integration_code)
            .and("username", &Secret::new(&username))
            .and("secret", &secret);
        let zones = Zones::new(cx, zone_url.as_deref())?;
        let api = cx.url.as_ref().map(|_| client(cx, &credential)).transpose()?;
        let (api, set_up) = (OnceCell::new_with(api), SetUp::default());
        let me = Arc::new(Self { api, zones, credential, username, cx: cx.clone(), set_up });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me.clone()).billing(me))
    }
}
register_connector!(Autotask);

#[async_trait]
impl Probe for Autotask {
    async fn check(&self) -> Result<Identity> {
        // The own company has the id 0; where it is not to be seen, the user must do.
        let own: Item<Company> = self.api().await?.json(&Call::get("/Companies/0")).await?;
        let account = own.item.map_or_else(|| self.username.clone(), |company| company.company_name);
        Ok(Identity::unnamed(account))
    }
}

#[async_trait]
impl CompanyDirectory for Autotask {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        let companies = self.all_companies().await?;
        Ok(companies.into_iter().map(|(id, company)| company.listed(id)).collect())
    }
}

impl Autotask {
    /// The client. Zone discovery is asked once, by however many callers.
    async fn api(&self) -> Result<&Api> {
        let found = self.api.get_or_try_init(async || {
            let url = Some(self.zones.of(&self.username).await?);
            client(&Context { url, ..self.cx.clone() }, &self.credential)
        });
        found.await
    }

    async fn all_companies(&self) -> Result<BTreeMap<String, Company>> {
        let fields = ["id", "companyName", "companyType", "isActive", "webAddress"];
        let companies = self.query("Companies", &fields, &[everything()], |company: &Company| &company.id).await?;
        if companies.is_empty() {
            // Who lacks the right is told nothing, not that it is lacking.
            return Err(Error::new(ErrorKind::Forbidden, "the API user may see no company at all"));
        }
        Ok(companies)
    }

    async fn fields(&self, entity: &str) -> Result<Fields> {
        self.api().await?.json(&Call::get(format!("/{entity}/entityInformation/fields"))).await
    }

    /// All rows that every part of the filter lets through. Further pages want the same body.
    async fn query<T: DeserializeOwned>(
        &self,
        entity: &str,
        fields: &[&str],
        filter: &[Value],
        id: fn(&T) -> &Id,
    ) -> Result<BTreeMap<String, T>> {
        let body = json!({ "MaxRecords": PAGE, "IncludeFields": fields, "Filter": filter });
        let call = Call::post(format!("/{entity}/query")).repeatable().json(&body)?;
        self.api().await?.list(call, id, |page: Page<T>, _| page.part()).await
    }
}

fn client(cx: &Context, credential: &ApiKey) -> Result<Api> {
    // Three at once for each kind of thing; 10,000 an hour, which all integrations of the account share.
    let api = Api::builder(cx, None).auth(credential.clone()).concurrency(2).per_minute(100).seconds_after_429(1);
    api.classify(refusal).build()
}

/// Ids and choices are whole numbers; one that is not is sent as it is, for the vendor to refuse.
fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

/// The filter that lets all through: a query must have one, and ids begin with 0, the own company's.
fn everything() -> Value {
    json!({ "op": "gte", "field": "id", "value": 0 })
}

/// Fields that a refusal may name: their names may be told, its text may not.
const NAMES: [&str; 10] = [
    "queueID",
    "dueDateTime",
    "issueType",
    "subIssueType",
    "ticketCategory",
    "ticketType",
    "assignedResourceID",
    "billingCodeID",
    "contactID",
    "contractID",
];

/// `{"errors": […]}` is a refusal, whatever the status (mostly 500): nothing was done.
fn refusal(reply: &Reply) -> Option<Error> {
    if !matches!(reply.status(), 200..=299 | 400 | 409 | 500) {
        return None;
    }
    let errors: Vec<Value> = reply.json_at(&["/errors"]).ok().flatten()?;
    if errors.is_empty() {
        return None;
    }
    let request = reply.request();
    let says = |words: &[&str]| words.iter().any(|word| reply.mentions(word));
    if says(&["thread threshold", "itgenatr005"]) {
        return Some(Error::new(ErrorKind::RateLimited, format!("{request}: too many requests at once")));
    }
    if says(&["permission", "security level", "not authorized"]) {
        return Some(Error::new(ErrorKind::Forbidden, format!("{request}: the API user lacks a right")));
    }
    if says(&["contract_service_period"]) {
        let message =
            format!("{request}: the service was changed on that day already, and Autotask takes one change a day");
        return Some(Error::bad_response(message).advice("choose another day"));
    }
    let error = Error::bad_response(format!("{request}: Autotask refuses it ({}, with errors)", reply.status()));
    let named: Vec<&str> = NAMES.into_iter().filter(|name| reply.mentions(name)).collect();
    Some(if named.is_empty() { error } else { error.advice(&format!("it is about {}", named.join(", "))) })
}
