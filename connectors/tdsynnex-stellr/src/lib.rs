#![doc = include_str!("../README.md")]

mod shape;

use crate::shape::{CustomerFields, Record, Region, Shape, SubscriptionFields, VENDORS_ID};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::tally::Billing;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Figure, Identity, Meta,
    MetricDef, Notice, Probe, Product, Result, Secret, Subscriptions, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, OAuth2, Tokens, side_by_side};

/// Settings of a `kind = "tdsynnex-stellr"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the production credentials.
    client_id: String,
    /// The secret that belongs to it.
    client_secret: Secret,
    /// Whose API it is: `us`, `ca`, `br`, `mx`, or `custom` with `url` and `token_url`; `us` where it is not set.
    #[serde(default)]
    region: Region,
    /// Where tokens are issued; by region where it is not set.
    token_url: Option<String>,
    /// The scope to ask for; none where it is not set.
    scope: Option<String>,
    /// Where customers are listed; `/api/v1/cloud/customers` where it is not set.
    customers_path: Option<String>,
    /// Where subscriptions are listed; `/api/v1/customers/{customerNo}/subscriptions` where it is not set. Without
    /// `{customerNo}` it is one list for all customers.
    subscriptions_path: Option<String>,
    /// The parameter of a page's number; `pageNo` where it is not set.
    page_param: Option<String>,
    /// The parameter of a page's size; `pageSize` where it is not set.
    size_param: Option<String>,
    /// How many records a page has; 100 where it is not set.
    page_size: Option<usize>,
    /// Where in an answer the records stand, a JSON pointer; `/data/records` where it is not set.
    records_at: Option<String>,
    /// Where the number of all records stands, a JSON pointer; `/data/total` where it is not set.
    total_at: Option<String>,
    /// The fields of a customer; of several names the first that is there.
    #[serde(default)]
    customer_fields: CustomerFields,
    /// The fields of a subscription; of several names the first that is there.
    #[serde(default)]
    subscription_fields: SubscriptionFields,
}

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "seats");

/// Counts the seats of every product that a customer subscribes to.
pub struct Stellr {
    api: Api,
    config: Config,
    shape: Shape,
    cx: Context,
}

impl ConnectorSpec for Stellr {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "tdsynnex-stellr",
        title: "Stellr",
        default_url: Some("https://api.us.tdsynnex.com"),
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY],
        permissions: "client credentials of the developer portal, bound to the reseller's number",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let (url, token_url) = config.region.addresses();
        let token_url = config.token_url.as_deref().or(token_url);
        let token_url = token_url.ok_or_else(|| Error::config("`token_url` is missing: `region` is custom"))?;
        let tokens = OAuth2::client_credentials(cx, token_url, &config.client_id, config.client_secret.clone())?;
        let tokens = config.scope.iter().fold(tokens, |tokens, scope| tokens.field("scope", scope));
        // No limit is published; the kit's four calls at once are what the vendor is known to take (README, Limits).
        let api = Api::builder(cx, url).auth(Tokens::new(cx, tokens)).build()?;
        Ok(Connector::counting(Self { api, shape: Shape::new(&config)?, config, cx: cx.clone() }))
    }
}
register_connector!(Stellr);

#[async_trait]
impl Probe for Stellr {
    async fn check(&self) -> Result<Identity> {
        let page: Value = self.api.json(&self.shape.one(self.shape.customers())).await?;
        if self.shape.records(&page)?.is_empty() {
            return Err(nothing("customers"));
        }
        Ok(self.identity())
    }

    fn known(&self) -> Option<Identity> {
        Some(self.identity())
    }
}

#[async_trait]
impl CountSource for Stellr {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        if !self.shape.is_by_customer() {
            return Ok(self.counts().await?.orgs.into_iter().map(|org| org.org).collect());
        }
        let customers = self.customers().await?;
        customers.iter().map(|(id, customer)| self.org(id, customer)).collect()
    }

    async fn counts(&self) -> Result<Counts> {
        let customers = self.customers().await?;
        let orgs = customers.iter().map(|(id, customer)| Ok((id.as_str(), self.org(id, customer)?)));
        let orgs: BTreeMap<&str, VendorOrg> = orgs.collect::<Result<_>>()?;
        let mut fold = Subscriptions::new();
        orgs.values().for_each(|org| fold.org(org.clone()));
        let (mut held, mut failed) = (Vec::new(), false);
        if self.shape.is_by_customer() {
            let asked: Vec<&str> = orgs.keys().copied().filter(|id| !self.cx.excludes(id)).collect();
            let answers = side_by_side(asked.len(), |at| self.subscriptions(asked[at])).await;
            for (id, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(rows) => held.extend(rows.into_iter().map(|(row_id, row)| (id.to_owned(), row_id, row))),
                    Err(error) => {
                        failed = true;
                        fold.fail(orgs[id].clone(), &error);
                    }
                }
            }
        } else {
            let fields = &self.config.subscription_fields.customer;
            let rows = self.subscriptions("").await?.into_iter();
            held.extend(rows.map(|(id, row)| (row.text(fields).unwrap_or_default(), id, row)));
        }
        let quantity = |row: &Record| row.number(&self.config.subscription_fields.quantity);
        // A wrong binding of the credential is answered with nothing at all, and no error.
        if !failed && !held.iter().any(|(.., row)| quantity(row).is_none_or(|quantity| !quantity.is_zero())) {
            return Err(nothing("subscriptions"));
        }
        for (customer, id, row) in &held {
            // The id may be a number that another customer has too.
            fold.add(customer, &format!("{customer} {id}"), self.product(row), self.billing(row), quantity(row));
        }
        let notices = self.told(&customers, &orgs, &held);
        Ok(Counts { orgs: fold.finish(), notices, ..Counts::default() })
    }
}

/// Customer, id and record of a subscription.
type Held = (String, String, Record);

impl Stellr {
    /// No call tells whose credential it is, so its id stands for the account (README, Quirks).
    fn identity(&self) -> Identity {
        Identity::unnamed(&self.config.client_id)
    }

    async fn customers(&self) -> Result<BTreeMap<String, Record>> {
        let (fields, key) = (&self.config.customer_fields.id, "customer_fields.id");
        let customers = self.shape.list(&self.api, self.shape.customers(), "customers", fields, key).await?;
        let CustomerFields { name, status, .. } = &self.config.customer_fields;
        customers.values().try_for_each(|customer| customer.readable(&[name, status]))?;
        if customers.is_empty() { Err(nothing("customers")) } else { Ok(customers) }
    }

    async fn subscriptions(&self, customer: &str) -> Result<BTreeMap<String, Record>> {
        let (fields, key) = (&self.config.subscription_fields.id, "subscription_fields.id");
        let rows = self.shape.list(&self.api, self.shape.subscriptions(customer), "subscriptions", fields, key).await?;
        let SubscriptionFields { product, status, cycle, .. } = &self.config.subscription_fields;
        rows.values().try_for_each(|row| row.readable(&[product, status, cycle]))?;
        Ok(rows)
    }

    fn org(&self, id: &str, customer: &Record) -> Result<VendorOrg> {
        let fields = &self.config.customer_fields;
        let name = customer.needed(&fields.name, "customer_fields.name")?;
        Ok(VendorOrg::new(id, name).domain(&customer.text(&fields.domain).unwrap_or_default()))
    }

    /// A product is its name: what one part number stands for is told apart by the name alone (README, Quirks).
    fn product(&self, row: &Record) -> Product {
        let fields = &self.config.subscription_fields;
        let name = row.text(&fields.product).unwrap_or_else(|| {
            let parts = [row.text(&fields.vendor), row.text(&fields.sku)];
            let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
            if name.is_empty() { "(no name)".to_owned() } else { name }
        });
        Product::new(name.clone(), name)
    }

    /// What a subscription counts as (README, What is counted).
    fn billing(&self, row: &Record) -> Billing {
        let fields = &self.config.subscription_fields;
        let cycle = row.word(&fields.cycle).replace([' ', '-', '_'], "");
        match Status::of(&row.word(&fields.status)) {
            Status::Ended => Billing::LeftOut("ended or cancelled"),
            Status::Suspended => Billing::LeftOut("suspended"),
            _ if cycle == "onetime" => Billing::LeftOut("bought once, not recurring"),
            Status::Running | Status::Unknown => Billing::Counted(Figure::Quantity),
        }
    }

    /// What counts, or does not, and should be looked at.
    fn told(
        &self,
        customers: &BTreeMap<String, Record>,
        orgs: &BTreeMap<&str, VendorOrg>,
        held: &[Held],
    ) -> Vec<Notice> {
        let status = |row: &Record| row.word(&self.config.subscription_fields.status);
        let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let (mut unknown, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for (customer, _, row) in held {
            let counts = matches!(self.billing(row), Billing::Counted(_));
            let state = Status::of(&status(row));
            unknown.extend((state == Status::Unknown && counts).then(|| status(row)));
            let vendors_id = row.text(&[VENDORS_ID.to_owned()]);
            let is_twice = counts && vendors_id.is_some_and(|id| !seen.insert((customer, id)));
            let left = customers.get(customer).map(|customer| customer.word(&self.config.customer_fields.status));
            for (holds, message) in [
                (state == Status::Suspended, "suspended subscriptions do not count"),
                (is_twice, "subscriptions with the vendorSubscriptionId of another one count too"),
                (counts && left.as_deref() == Some("discontinued"), "subscriptions of a discontinued customer count"),
            ] {
                if holds {
                    *told.entry((customer, message)).or_default() += 1;
                }
            }
        }
        let about = |((id, message), count): ((&str, &str), usize)| {
            let name = orgs.get(id).map_or(id, |org| org.name.as_str());
            Notice::warning(None, format!("{message}: {count}")).about(name)
        };
        let words = unknown.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("subscriptions of a status that is not known count: {words}");
        let unknown = (!words.is_empty()).then(|| Notice::warning(None, message));
        told.into_iter().map(about).chain(unknown).collect()
    }
}

/// What a status means for the bill. The vendor often tells none, which is a subscription that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Suspended,
    Ended,
    Unknown,
}

impl Status {
    fn of(word: &str) -> Self {
        match word {
            "" | "active" => Self::Running,
            "suspended" => Self::Suspended,
            "expired" | "canceled" | "cancelled" | "inactive" | "discontinued" => Self::Ended,
            _ => Self::Unknown,
        }
    }
}

/// An account without anything is taken for a wrong credential.
fn nothing(what: &str) -> Error {
    let message =
        format!("the vendor lists no {what} at all, which is how it answers a credential of another reseller");
    Error::new(ErrorKind::WrongAccount, message)
        .advice("check the reseller's number, `region`, `url` (sandbox?), and `page_param` and `size_param`")
}
