#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Customer, Items, Subscription};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use tallysheet_core::tally::Billing;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Figure, Identity, Meta, MetricDef, Notice,
    OrgCounts, Outcome, Probe, Product, Result, Secret, Standing, Subscriptions, VendorOrg, async_trait,
    register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, OAuth2, Tokens, side_by_side};

/// Settings of a `kind = "sherweb"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API application.
    client_id: String,
    /// The secret that belongs to it.
    client_secret: Secret,
    /// The subscription key of the API gateway.
    subscription_key: Secret,
    /// Where tokens are issued; `{url}/auth/oidc/connect/token` where it is not set.
    token_url: Option<String>,
    /// Leaves suspended customers out, although they may still be billed.
    #[serde(default)]
    exclude_suspended: bool,
    /// Shows monthly and yearly subscriptions of one product as two columns.
    #[serde(default)]
    split_by_term: bool,
}

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "seats");

const CUSTOMERS: &str = "/service-provider/v1/customers";
const DETAILS: &str = "/service-provider/v1/billing/subscriptions/details";
/// What there was before [`DETAILS`], with the same ids and quantities.
const OLDER: &str = "/service-provider/v1/billing/subscriptions";

/// Counts the seats of every product that a customer subscribes to.
pub struct Sherweb {
    api: Api,
    config: Config,
    cx: Context,
    /// Whether only the older list of subscriptions answers.
    older: AtomicBool,
}

impl ConnectorSpec for Sherweb {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "sherweb",
        title: "Sherweb",
        default_url: Some("https://api.sherweb.com"),
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY],
        permissions: "an API application with the service provider API",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // Products are named in the language that is asked for, and no limit is published (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).header("accept-language", "en").concurrency(2);
        let api = api.seconds_after_429(3).build()?;
        let key = ApiKey::new("ocp-apim-subscription-key", &config.subscription_key);
        let token_url = api.address(config.token_url.clone(), "/auth/oidc/connect/token");
        let tokens = OAuth2::client_credentials(cx, &token_url, &config.client_id, config.client_secret.clone())?;
        let tokens = Tokens::new(cx, tokens.field("scope", "service-provider").key(key.clone()));
        let (api, older) = (api.with_auth(key.beside(tokens)), AtomicBool::new(false));
        Ok(Connector::counting(Self { api, config, cx: cx.clone(), older }))
    }
}
register_connector!(Sherweb);

#[async_trait]
impl Probe for Sherweb {
    async fn check(&self) -> Result<Identity> {
        self.customers().await?;
        Ok(self.identity())
    }

    fn known(&self) -> Option<Identity> {
        Some(self.identity())
    }
}

#[async_trait]
impl CountSource for Sherweb {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let customers = self.customers().await?;
        let direct = direct(&customers);
        Ok(customers.values().filter(|row| !self.is_theirs(row, direct)).map(Customer::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let customers = self.customers().await?;
        let (excluded, listed): (Vec<_>, Vec<_>) = customers.values().partition(|row| self.cx.excludes(&row.id.0));
        let is_left_out = |row: &&Customer| self.config.exclude_suspended && row.is_suspended();
        let (suspended, asked): (Vec<_>, Vec<_>) = listed.into_iter().partition(is_left_out);

        let (mut fold, mut notices, mut answers) = (Subscriptions::new(), Vec::new(), Vec::new());
        // The first alone: it shows which of the two lists there is.
        let (first, others) = asked.split_at(asked.len().min(1));
        for group in [first, others] {
            answers.extend(side_by_side(group.len(), |at| self.subscriptions(&group[at].id.0)).await);
        }
        excluded.into_iter().for_each(|row| fold.org(row.org()));
        for (customer, answer) in asked.iter().zip(answers) {
            match answer {
                Ok(list) => self.tally(customer, list, &mut fold, &mut notices),
                Err(error) => fold.fail(customer.org(), &error),
            }
        }
        let direct = direct(&customers);
        let place = |org: OrgCounts| match customers.get(&org.org.id) {
            Some(row) if self.is_theirs(row, direct) => OrgCounts { standing: Standing::NotCustomer(THEIRS), ..org },
            _ => org,
        };
        let suspended = suspended.into_iter().map(|row| OrgCounts::whole(row.org(), Outcome::LeftOut("suspended")));
        let orgs = fold.finish().into_iter().chain(suspended).map(place).collect();
        Ok(Counts { orgs, notices, ..Counts::default() })
    }
}

/// Why a customer gets no row.
const THEIRS: &str = "the customer of a reseller below you, by its path";

/// How long the path of a customer of ours is: at least the MSP's name and its own (README, What is counted).
fn direct(customers: &BTreeMap<String, Customer>) -> usize {
    customers.values().map(Customer::depth).filter(|depth| *depth > 0).min().unwrap_or_default().max(2)
}

impl Sherweb {
    /// No call tells whose credential it is, so its id stands for the account (README, Quirks).
    fn identity(&self) -> Identity {
        Identity::unnamed(&self.config.client_id)
    }

    /// All customers: they come in one answer, and page parameters make the vendor fail (README, Quirks).
    async fn customers(&self) -> Result<BTreeMap<String, Customer>> {
        self.api.list(Call::get(CUSTOMERS), |row: &Customer| &row.id, Items::part).await
    }

    /// What a customer subscribes to; `None` where the vendor sends null in its place.
    async fn subscriptions(&self, customer: &str) -> Result<Option<Vec<Subscription>>> {
        let call = |path| Call::get(path).query("customerId", customer);
        if !self.older.load(Ordering::Relaxed)
            && let Some(found) = self.api.find::<Items<Subscription>>(&call(DETAILS)).await?
        {
            return Ok(found.items);
        }
        let found: Items<Subscription> = self.api.json(&call(OLDER)).await?;
        self.older.store(true, Ordering::Relaxed);
        Ok(found.items)
    }

    /// Adds what a customer subscribes to, each at its quantity of today.
    fn tally(
        &self,
        customer: &Customer,
        list: Option<Vec<Subscription>>,
        fold: &mut Subscriptions,
        notices: &mut Vec<Notice>,
    ) {
        let (id, org) = (&customer.id.0, customer.org());
        let mut tell = |message| notices.push(Notice::warning(None, message).about(&org.name));
        if customer.is_suspended() {
            tell(format!("{} is suspended; its seats count", org.name));
        }
        if list.is_none() {
            tell(format!("{} has null in place of its subscriptions; taken for none", org.name));
        }
        fold.org(org.clone());
        for row in list.into_iter().flatten() {
            let quantity = row.quantity.map(|quantity| quantity.0);
            if row.has_ended(&self.cx) && quantity.is_some_and(|quantity| !quantity.is_zero()) {
                let what = format!("{}: the term of {} is over and not renewed", org.name, row.product_name);
                tell(format!("{what}; its seats count as long as it is listed"));
            }
            let term = row.term().filter(|_| self.config.split_by_term);
            let product = Product::new(row.product_id(), &*row.product_name).of_term(term);
            fold.add(id, &format!("{id} {}", row.id), product, Billing::Counted(Figure::Quantity), quantity);
        }
    }

    /// Whether a customer stands below a reseller of ours. One whose id is in the companies file is ours all the same.
    fn is_theirs(&self, customer: &Customer, direct: usize) -> bool {
        customer.depth() > direct && !self.cx.known_ids.contains(&customer.id.0)
    }
}
