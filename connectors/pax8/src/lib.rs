#![doc = include_str!("../README.md")]

use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use tallysheet_core::registry::chosen;
use tallysheet_core::tally::Billing;
use tallysheet_core::wire::{Id, Moment, Number, Word};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Figure, Identity, Meta, MetricDef, Probe,
    Product, Result, Secret, Subscriptions, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Next, OAuth2, Part, Position, Tokens};

/// Settings of a `kind = "pax8"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API credentials.
    client_id: String,
    /// The secret that belongs to it.
    client_secret: Secret,
    /// Where tokens are issued; `{url}/token` where it is not set.
    token_url: Option<String>,
    /// The audience of the token; `https://api.pax8.com` where it is not set.
    audience: Option<String>,
    /// The statuses of subscriptions that count; `Active`, `Activated` and `PendingCancel` where it is not set.
    statuses: Option<Vec<String>>,
    /// Shows monthly and yearly subscriptions of one product as two columns.
    #[serde(default)]
    split_by_term: bool,
}

/// Every status that a subscription may have.
const STATUSES: &str = "Active Activated PendingCancel Trial Converted PendingActivation PendingManual PendingAutomated \
                        WaitingForDetails Cancelled";

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "licences");
static TRIAL: MetricDef = MetricDef::product(Figure::Trial, "licences").on_request();

/// Counts the licences of every product that a company subscribes to.
pub struct Pax8 {
    api: Api,
    config: Config,
    statuses: BTreeSet<&'static str>,
    cx: Context,
}

impl ConnectorSpec for Pax8 {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "pax8",
        title: "PAX8",
        default_url: Some("https://api.pax8.com/v1"),
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY, &TRIAL],
        permissions: "API credentials of the partner account (they have no scopes)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let statuses = chosen("statuses", config.statuses.as_deref(), "Active Activated PendingCancel", STATUSES)?;
        // 1,000 calls a minute for the whole partner: half is left to others (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).per_minute(500).seconds_after_429(8).build()?;
        let token_url = api.address(config.token_url.clone(), "/token");
        let audience = config.audience.as_deref().unwrap_or("https://api.pax8.com");
        let tokens = OAuth2::client_credentials(cx, &token_url, &config.client_id, config.client_secret.clone())?;
        let api = api.with_auth(Tokens::new(cx, tokens.json().field("audience", audience)));
        Ok(Connector::counting(Self { api, config, statuses, cx: cx.clone() }))
    }
}
register_connector!(Pax8);

#[async_trait]
impl Probe for Pax8 {
    async fn check(&self) -> Result<Identity> {
        let page: Page<Subscription> = self.api.json(&Call::get("/subscriptions").query("size", 1)).await?;
        // No call tells whose credential it is, so its id stands for the account (README, Quirks).
        Ok(Identity::unnamed(&self.config.client_id).sees(page.content.len()))
    }
}

#[async_trait]
impl CountSource for Pax8 {
    async fn counts(&self) -> Result<Counts> {
        let mut statuses = self.statuses.clone();
        statuses.extend(self.cx.wants(&TRIAL).then_some("Trial"));
        // Sorted, so that no row moves to another page while they are read.
        let list = |path, sort, status| Call::get(path).query("size", 200).query("sort", sort).query("status", status);
        let subscriptions = statuses.into_iter().map(|status| list("/subscriptions", "createdDate,asc", status));
        // An inactive company merely lacks a contact: its subscriptions are billed like all others.
        let companies = ["Active", "Inactive"].map(|status| list("/companies", "name,asc", status));
        let subscriptions = self.api.lists(subscriptions, |row: &Subscription| &row.id, Page::part);
        let companies = self.api.lists(companies, |row: &Company| &row.id, Page::part);
        let (subscriptions, companies) = try_join(subscriptions, companies).await?;

        let mut fold = Subscriptions::new();
        companies.into_iter().for_each(|(id, company)| fold.org(company.org(id)));
        for (id, row) in subscriptions {
            let billing = self.billing(&row);
            let term = row.term().filter(|_| self.config.split_by_term && billing != Billing::Counted(Figure::Trial));
            let product = Product::new(row.product_id.0, row.product_name.unwrap_or_default()).of_term(term.as_deref());
            fold.add(row.company_id.as_str(), &id, product, billing, row.quantity.map(|quantity| quantity.0));
        }
        // Deleted companies, and products of older accounts.
        let companies = self.api.find_all::<Company>("/companies", fold.unlisted());
        let products = self.api.find_all::<Named>("/products", fold.nameless());
        let (companies, products) = try_join(companies, products).await?;
        companies.into_iter().for_each(|(id, company)| fold.org(company.org(id)));
        products.iter().for_each(|(id, product)| fold.name(id, &product.name));
        Ok(Counts { orgs: fold.finish(), ..Counts::default() })
    }
}

impl Pax8 {
    /// What a subscription counts as (README, What is counted). The vendor may answer a status with rows of another.
    fn billing(&self, row: &Subscription) -> Billing {
        let trial = if self.cx.wants(&TRIAL) { Billing::Counted(Figure::Trial) } else { Billing::LeftOut("on trial") };
        let counts = self.statuses.iter().any(|status| status.eq_ignore_ascii_case(&row.status));
        let is_over = row.end_date.0.is_some_and(|end| end < self.cx.now());
        match (&*row.status, row.billing_term.as_deref().unwrap_or_default().to_lowercase().as_str()) {
            ("trial", _) => trial,
            _ if !counts => Billing::LeftOut("of a status that does not count"),
            ("pendingcancel", _) if is_over => Billing::LeftOut("cancelled and over"),
            (_, "trial") => trial,
            (_, "one-time") => Billing::LeftOut("bought once, not recurring"),
            _ => Billing::Counted(Figure::Quantity),
        }
    }
}

impl Subscription {
    /// The commitment's term, else the billing term.
    fn term(&self) -> Option<String> {
        self.commitment_term.as_ref().and_then(|term| term.term.as_ref()).or(self.billing_term.as_ref()).cloned()
    }
}

impl Company {
    fn org(self, id: String) -> VendorOrg {
        VendorOrg::new(id, self.name).domain(&self.website.unwrap_or_default()).reference(self.external_id.as_ref())
    }
}

impl<T> Page<T> {
    /// By the page's own number: a page that comes twice is noticed.
    fn part(self, _: &Position<'_>) -> Part<T> {
        let next = Next::until("page", self.page.number.saturating_add(1), self.page.total_pages);
        Part { rows: self.content, stated: Some(self.page.total_elements), next }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    content: Vec<T>,
    page: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    total_elements: usize,
    total_pages: usize,
    number: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: Id,
    company_id: Id,
    product_id: Id,
    product_name: Option<String>,
    quantity: Option<Number>,
    status: Word,
    billing_term: Option<String>,
    commitment_term: Option<Commitment>,
    #[serde(default)]
    end_date: Moment,
}

#[derive(Deserialize)]
struct Commitment {
    term: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Company {
    id: Id,
    name: String,
    website: Option<String>,
    external_id: Option<Id>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}
