#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Company, Named, Page, Subscription};
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::tally::{Billing, Listed};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, Figure, Identity, Meta, MetricDef,
    Probe, Product, Result, Secret, Subscriptions, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Grant, Next, OAuth2, Retry, Tokens, segment};

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

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "licences");
static TRIAL: MetricDef = MetricDef::product(Figure::Trial, "licences").on_request();

/// Counts the licences of every product that a company subscribes to.
pub struct Pax8 {
    api: Api,
    client_id: String,
    statuses: Vec<&'static str>,
    split_by_term: bool,
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
        let statuses = match config.statuses.as_deref() {
            None => vec!["Active", "Activated", "PendingCancel"],
            Some(words) => words.iter().map(|word| known_status(word)).collect::<Result<_>>()?,
        };
        if statuses.is_empty() {
            return Err(Error::config("`statuses` is empty, so nothing would count; leave it out"));
        }
        // 1,000 calls a minute for the whole partner: half is left to others (README, Limits).
        let retry = Retry { wait_after_429: Duration::from_secs(8), ..Retry::default() };
        let api = Api::builder(cx, Self::META.default_url).per_minute(500).retry(retry).build()?;
        let token_url = config.token_url.unwrap_or_else(|| format!("{}/token", api.base()));
        let audience = config.audience.unwrap_or_else(|| "https://api.pax8.com".to_owned());
        let client_id = config.client_id;
        let grant = Grant::ClientCredentials { client_id: client_id.clone(), client_secret: config.client_secret };
        let tokens = OAuth2::new(cx, &token_url, grant)?.json().field("audience", audience);
        let api = api.with_auth(Tokens::new(cx, tokens));
        let me = Arc::new(Self { api, client_id, statuses, split_by_term: config.split_by_term, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me))
    }
}
register_connector!(Pax8);

#[async_trait]
impl Probe for Pax8 {
    async fn check(&self) -> Result<Identity> {
        let _: Page<Subscription> = self.api.json(&Call::get("/subscriptions").query("size", 1)).await?;
        // No call tells whose credential it is, so its id stands for the account (README, Quirks).
        Ok(Identity { account: self.client_id.clone(), ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for Pax8 {
    /// A deleted company may have subscriptions and be an org: only counting finds it.
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.counts().await?.orgs.into_iter().map(|org| org.org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let trials = self.cx.wants(&TRIAL);
        let statuses: BTreeSet<&str> = self.statuses.iter().copied().chain(trials.then_some("Trial")).collect();
        let sweeps = statuses.into_iter().map(|status| self.sweep("/subscriptions", "createdDate,asc", status));
        // An inactive company merely lacks a contact: its subscriptions are billed like all others.
        let companies = ["Active", "Inactive"].map(|status| self.sweep::<Company>("/companies", "name,asc", status));
        let (rows, companies) = try_join(try_join_all(sweeps), try_join_all(companies)).await?;

        let rows: BTreeMap<String, Subscription> = rows.into_iter().flatten().collect();
        let mut fold = Subscriptions::new();
        companies.into_iter().flatten().for_each(|(id, company)| fold.org(company.org(id)));
        let mut names: BTreeMap<&str, String> =
            rows.values().filter_map(|row| Some((row.product_id.as_str(), row.name()?))).collect();
        let strangers = rows.values().map(|row| row.company_id.as_str()).filter(|id| !fold.has_org(id));
        let nameless = rows.values().map(|row| row.product_id.as_str()).filter(|id| !names.contains_key(id));
        let (strangers, nameless) = (each("/companies", strangers), each("/products", nameless));
        let (strangers, products) = try_join(self.api.find_all(strangers), self.api.find_all(nameless)).await?;
        for (id, company) in strangers {
            let known = company.map(|company: Company| company.org(id.to_owned()));
            fold.org(known.unwrap_or_else(|| VendorOrg::new(id, id)));
        }
        names.extend(products.into_iter().filter_map(|(id, product): (_, Option<Named>)| Some((id, product?.name))));

        for (id, row) in &rows {
            let product_id = row.product_id.as_str();
            let name = names.get(product_id).map_or(product_id, String::as_str);
            let billing = row.billing(&self.statuses, trials, self.cx.now());
            let term = row.term().filter(|_| self.split_by_term && billing != Billing::Counted(Figure::Trial));
            let product = Product { term, ..Product::new(product_id, name) };
            fold.add(row.company_id.as_str(), id, product, billing, row.quantity.map(|quantity| quantity.0));
        }
        Ok(Counts { orgs: fold.finish(), ..Counts::default() })
    }
}

impl Pax8 {
    /// All rows of one status, by id. They are sorted, so that none moves to another page while they are read.
    async fn sweep<T: DeserializeOwned>(&self, path: &str, sort: &str, status: &str) -> Result<BTreeMap<String, T>> {
        let first = Call::get(path).query("size", 200).query("sort", sort).query("status", status);
        // By the page's own number: a page that comes twice is noticed.
        let mut pages = self.api.pages(first, |page: &Page<T>, _| match page.page.number + 1 {
            next if next < page.page.total_pages => Next::query("page", next),
            _ => Next::End,
        });
        let mut rows = Listed::default();
        while let Some(page) = pages.next().await? {
            rows.stated(Some(page.page.total_elements));
            page.content.into_iter().for_each(|row| rows.add(row.id.0, row.rest));
        }
        rows.finish(&format!("rows of {path} with the status {status}"))
    }
}

/// A call for each record, once.
fn each<'a>(path: &str, ids: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Call)> {
    let ids: BTreeSet<&str> = ids.collect();
    ids.into_iter().map(|id| (id, Call::get(format!("{path}/{}", segment(id))))).collect()
}

/// A status as the vendor spells it: one that it does not have would count nothing, without a word.
fn known_status(word: &str) -> Result<&'static str> {
    const KNOWN: &str = "Active, Activated, PendingCancel, Trial, Converted, PendingActivation, PendingManual, \
                         PendingAutomated, WaitingForDetails, Cancelled";
    let known = KNOWN.split(", ").find(|known| known.eq_ignore_ascii_case(word.trim()));
    known.ok_or_else(|| Error::config(format!("`statuses`: there is no status `{word}`; there are {KNOWN}")))
}

impl Subscription {
    /// What it counts as (README, What is counted). The vendor may answer a status with rows of another.
    fn billing(&self, statuses: &[&str], trials: bool, now: Timestamp) -> Billing {
        let status = |word: &str| self.status.eq_ignore_ascii_case(word);
        let term = |word: &str| self.billing_term.as_deref().is_some_and(|term| term.eq_ignore_ascii_case(word));
        if !status("Trial") && !statuses.iter().any(|counted| status(counted)) {
            return Billing::LeftOut("of a status that does not count");
        }
        if status("PendingCancel") && self.end_date.0.is_some_and(|end| end < now) {
            return Billing::LeftOut("cancelled and over");
        }
        if status("Trial") || term("Trial") {
            return if trials { Billing::Counted(Figure::Trial) } else { Billing::LeftOut("on trial") };
        }
        if term("One-Time") {
            return Billing::LeftOut("bought once, not recurring");
        }
        Billing::Counted(Figure::Quantity)
    }
}

#[cfg(test)]
mod tests;
