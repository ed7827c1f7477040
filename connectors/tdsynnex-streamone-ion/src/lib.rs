#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Customer, Customers, Page, Subscription};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::tally::Billing;
use tallysheet_core::wire::Id;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counted, Counts, Error, ErrorKind, Figure, Identity,
    Meta, MetricDef, Notice, OrgCounts, Probe, Result, Secret, Standing, Subscriptions, async_trait,
    register_connector,
};
use tallysheet_http::{Api, Call, Grant, OAuth2, Position, Reply, Tokens, segment};

/// Settings of a `kind = "tdsynnex-streamone-ion"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's number (Settings, Account Information).
    #[schemars(with = "String", extend("type" = ["string", "integer"]))]
    account_id: Id,
    /// The first refresh token, as the portal shows it once. Those that come after it are kept in the state folder.
    refresh_token: Secret,
    /// Where tokens are issued; `{url}/oauth/token` where it is not set.
    token_url: Option<String>,
    /// Whether subscriptions count that are suspended, past due or paused; `true` where it is not set.
    count_suspended: Option<bool>,
    /// Counts trials too.
    #[serde(default)]
    count_trials: bool,
    /// Shows monthly and yearly subscriptions of one product as two columns.
    #[serde(default)]
    split_by_term: bool,
}

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "licences");

/// Counts the licences of every product that a customer subscribes to.
pub struct StreamoneIon {
    api: Api,
    config: Config,
}

impl ConnectorSpec for StreamoneIon {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "tdsynnex-streamone-ion",
        title: "StreamOne ION",
        default_url: Some("https://ion.tdsynnex.com"),
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY],
        permissions: "credentials of a user of any role but \"User\"",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // No limit is published: two calls at once are thought to be safe (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).without("/api/v3").concurrency(2).classify(ended).build()?;
        let grant = Grant::RefreshToken { first: config.refresh_token.clone(), client: None };
        let tokens = OAuth2::new(cx, &api.address(config.token_url.clone(), "/oauth/token"), grant)?.explain(spent);
        let api = api.with_auth(Tokens::new(cx, tokens));
        Ok(Connector::counting(Self { api, config }))
    }
}
register_connector!(StreamoneIon);

#[async_trait]
impl Probe for StreamoneIon {
    async fn check(&self) -> Result<Identity> {
        let _: Customers = self.api.json(&self.list("customers").query("pageSize", 1)).await?;
        Ok(self.identity())
    }

    fn known(&self) -> Option<Identity> {
        Some(self.identity())
    }
}

#[async_trait]
impl CountSource for StreamoneIon {
    async fn counts(&self) -> Result<Counts> {
        let customers = self.list("customers").query("pageSize", 100);
        let customers = self.api.list(customers, |customer: &Customer| &customer.id, Customers::part);
        let subscriptions = self.list("subscriptions").query("pagination.limit", 100).query("pagination.offset", 0);
        let mut received = 0;
        let part = |page: Page, _: &Position<'_>| page.part(&mut received);
        let subscriptions = self.api.list(subscriptions, |row: &Subscription| &row.id, part);
        let (customers, subscriptions) = try_join(customers, subscriptions).await?;

        let mut fold = Subscriptions::new();
        customers.values().for_each(|customer| fold.org(customer.org()));
        for (id, row) in &subscriptions {
            let product = row.product(self.config.split_by_term);
            fold.add(row.customer_id.as_str(), id, product, self.billing(row), row.subscription_total_licenses);
        }
        let mut orgs = fold.finish();
        for org in orgs.iter_mut().filter(|org| !customers.contains_key(&org.org.id)) {
            org.standing = self.standing(org, subscriptions.values());
        }
        Ok(Counts { orgs, notices: self.told(&customers, &subscriptions), ..Counts::default() })
    }
}

impl StreamoneIon {
    /// No call names the account, so its number stands for it (README, Quirks).
    fn identity(&self) -> Identity {
        Identity::unnamed(&self.config.account_id.0)
    }

    fn list(&self, what: &str) -> Call {
        Call::get(format!("/api/v3/accounts/{}/{what}", segment(self.config.account_id.as_str())))
    }

    /// What a subscription counts as (README, What is counted).
    fn billing(&self, row: &Subscription) -> Billing {
        let is_trial = row.is_trial == Some(true) || &*row.subscription_status == "trial";
        let is_usage = matches!(row.resource_type.as_deref(), Some("aws::resource" | "gcp::resource"));
        match Status::of(row) {
            Status::Ended => Billing::LeftOut("ended or cancelled"),
            Status::Beginning => Billing::LeftOut("not begun yet"),
            Status::Unknown => Billing::LeftOut("of a status that is not known"),
            Status::Suspended if self.config.count_suspended == Some(false) => Billing::LeftOut("suspended"),
            Status::Running | Status::Suspended if is_usage => Billing::LeftOut("billed by use, not by licences"),
            _ if row.subscription_billing_cycle.as_deref() == Some("one_time") => {
                Billing::LeftOut("bought once, not recurring")
            }
            _ if is_trial && !self.config.count_trials => Billing::LeftOut("on trial"),
            Status::Running | Status::Suspended => Billing::Counted(Figure::Quantity),
        }
    }

    /// Whether an org is a customer that only subscriptions speak of.
    fn standing<'a>(&self, org: &OrgCounts, rows: impl Iterator<Item = &'a Subscription>) -> Standing {
        let mut sellers = rows.filter(|row| row.customer_id.0 == org.org.id).map(|row| row.reseller_id.as_ref());
        if sellers.all(|seller| seller.is_some_and(|seller| *seller != self.config.account_id)) {
            return Standing::NotCustomer("a customer of a sub-reseller");
        }
        match &org.counted {
            Counted::Each(values) if values.is_empty() => Standing::NotCustomer("listed no more, and nothing counts"),
            _ => Standing::Customer,
        }
    }

    /// What counts, or does not, and should be looked at.
    fn told(&self, customers: &BTreeMap<String, Customer>, rows: &BTreeMap<String, Subscription>) -> Vec<Notice> {
        let counted = |row: &&Subscription| matches!(self.billing(row), Billing::Counted(_));
        let (mut suspended, mut holders, mut unknown) =
            (BTreeMap::<&str, usize>::new(), BTreeSet::new(), BTreeSet::new());
        for row in rows.values().filter(counted) {
            holders.insert(row.customer_id.as_str());
            if Status::of(row) == Status::Suspended {
                *suspended.entry(row.customer_id.as_str()).or_default() += 1;
            }
        }
        unknown.extend(
            rows.values().filter(|row| Status::of(row) == Status::Unknown).map(|row| &*row.subscription_status),
        );
        let about = |id: &str, message: String| {
            let name = customers.get(id).map_or_else(|| id.to_owned(), |customer| customer.org().name);
            Notice::warning(None, message).about(name)
        };
        let suspended = suspended.into_iter().map(|(id, count)| {
            about(
                id,
                format!("subscriptions that are suspended, past due or paused count: {count} (`count_suspended`)"),
            )
        });
        let inactive =
            customers.iter().filter(|(id, customer)| customer.is_inactive() && holders.contains(id.as_str()));
        let inactive =
            inactive.map(|(id, _)| about(id, "an inactive customer has subscriptions: they count".to_owned()));
        let words = unknown.iter().copied().collect::<Vec<_>>().join(", ");
        let message = format!("subscriptions of a status that is not known do not count: {words}");
        let unknown = (!unknown.is_empty()).then(|| Notice::warning(None, message));
        suspended.chain(inactive).chain(unknown).collect()
    }
}

/// What a status means for the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Suspended,
    Ended,
    Beginning,
    Unknown,
}

impl Status {
    fn of(row: &Subscription) -> Self {
        match &*row.subscription_status {
            "active" | "enabled" | "running" | "trial" => Self::Running,
            "suspended" | "past_due" | "paused" => Self::Suspended,
            "deleted" | "cancelled" | "canceled" | "expired" | "failed" | "error" | "stopped" | "disabled" => {
                Self::Ended
            }
            "pending" | "initiated" | "in_progress" | "accepted" | "confirmed" | "available" | "complete" => {
                Self::Beginning
            }
            _ => Self::Unknown,
        }
    }
}

/// An access token that ended is told with 400.
fn ended(reply: &Reply) -> Option<Error> {
    let is_ended = reply.status() == 400 && reply.mentions("cannot validate token");
    is_ended.then(|| Error::new(ErrorKind::Auth, "the vendor refuses the access token"))
}

/// The one thing that the token endpoint refuses: there is no client id.
fn spent(reply: &Reply) -> Option<Error> {
    let message = "the refresh token is spent, or ended after 32 days without a run: in the portal, request new \
                   credentials of the user and put the token into `refresh_token`";
    (reply.status() == 400).then(|| Error::new(ErrorKind::Auth, message))
}
