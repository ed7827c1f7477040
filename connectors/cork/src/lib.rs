#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Client, Me, Page, Warranty};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use tallysheet_core::tally::OfflineLimit;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Identity, Meta, Metric,
    MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Bearer, Call, Reply, segment, side_by_side};

/// Settings of a `kind = "cork"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An API key.
    api_key: Secret,
    /// Counts devices and users of warranted clients only.
    #[serde(default)]
    warranted_only: bool,
    /// The partner whose clients are asked for, where the account is a distributor's.
    partner_uuid: Option<String>,
}

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static USERS: MetricDef = MetricDef::number("Users", "inboxes");
static STATUS: MetricDef = MetricDef::text("Warranty status");
static PACKAGE: MetricDef = MetricDef::text("Package").on_request();

/// Counts the devices and users of every client.
pub struct Cork {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for Cork {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "cork",
        title: "Cork",
        default_url: Some("https://api.corkinc.com/api/v1"),
        capabilities: &[Capability::Counts],
        metrics: &[&DEVICES, &USERS, &STATUS, &PACKAGE],
        permissions: "an API key of a user who sees every client",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // No limit is published: two requests a second are thought to be safe (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).auth(Bearer::new(&config.api_key)).classify(refused);
        let api = api.concurrency(2).per_minute(120).seconds_after_429(30).build()?;
        Ok(Connector::counting(Self { api, config, cx: cx.clone() }))
    }
}
register_connector!(Cork);

/// A key that worked for months ends without a word.
fn refused(reply: &Reply) -> Option<Error> {
    let error = || Error::new(ErrorKind::Auth, "Cork refuses the API key");
    (reply.status() == 401).then(|| error().advice("a key lasts 180 days at most: make a new one (Admin, API Keys)"))
}

#[async_trait]
impl Probe for Cork {
    async fn check(&self) -> Result<Identity> {
        let me: Me = self.api.json(&Call::get("/me")).await?;
        Ok(Identity::unnamed(me.name))
    }
}

#[async_trait]
impl CountSource for Cork {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.clients().await?.values().map(Client::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let (clients, warranties) = try_join(self.clients(), self.warranties()).await?;
        let asked: Vec<&Client> = clients.values().collect();
        let warranty = |client: &Client| warranties.get(client.uuid.as_str());
        let orgs = side_by_side(asked.len(), |at| self.counts_of(asked[at], warranty(asked[at]))).await;
        let mut notices: Vec<Notice> = Vec::new();
        for client in clients.values().filter(|client| !self.cx.excludes(client.uuid.as_str())) {
            notices.extend(self.told(client, warranty(client)));
        }
        let unlisted = warranties.into_iter().filter(|(id, _)| !clients.contains_key(id) && !self.cx.excludes(id));
        notices.extend(unlisted.map(|(id, warranty)| {
            let message = "an active warranty of a client that is not listed (hidden?): it is not counted";
            Notice::warning(None, message).about(warranty.client_name.unwrap_or(id))
        }));
        Ok(Counts { orgs, notices, ..Counts::default() })
    }
}

const UNWARRANTED: &str = "not warranted";

impl Cork {
    async fn clients(&self) -> Result<BTreeMap<String, Client>> {
        let call = self.list("/clients").query("show_hidden", false);
        self.api.list(call, |client: &Client| &client.uuid, Page::part).await
    }

    /// The warranty of each client, where the metric is asked for.
    async fn warranties(&self) -> Result<BTreeMap<String, Warranty>> {
        if !self.cx.wants(&PACKAGE) {
            return Ok(BTreeMap::new());
        }
        let listed = self.api.list(self.list("/warranties"), |row: &Warranty| &row.uuid, Page::part).await?;
        Ok(latest(listed.into_values()))
    }

    /// A list of all clients together.
    fn list(&self, path: &str) -> Call {
        let call = Call::get(path).query("page", 1).query("page_size", wire::PAGE);
        self.config.partner_uuid.iter().fold(call, |call, partner| call.query("partner_uuid", partner))
    }

    /// What a client has. Where one call fails, the client fails, and no other.
    async fn counts_of(&self, client: &Client, warranty: Option<&Warranty>) -> OrgCounts {
        let org = client.org();
        if self.cx.excludes(&org.id) {
            return OrgCounts::whole(org, Outcome::NotApplicable);
        }
        let numbers = try_join(self.total(client, &DEVICES, "devices"), self.total(client, &USERS, "inboxes"));
        let (devices, users) = match numbers.await {
            Ok(numbers) => numbers,
            Err(error) => return OrgCounts::failed(org, &error),
        };
        let package = warranty.map(|warranty| Outcome::text_or_missing(warranty.package.as_deref(), PACKAGE.name));
        let values = [
            (&DEVICES, devices),
            (&USERS, users),
            (&STATUS, Outcome::text_or_missing(client.status(), STATUS.name)),
            (&PACKAGE, package.unwrap_or(Outcome::NotApplicable)),
        ];
        OrgCounts::new(org, values.map(|(metric, outcome)| (Metric::Fixed(metric), outcome)).into())
    }

    /// How many rows a list of the client has, as its first page says: one call, however many there are.
    async fn total(&self, client: &Client, metric: &MetricDef, list: &str) -> Result<Outcome> {
        if let Some(outcome) = self.unasked(client, metric) {
            return Ok(outcome);
        }
        let call = Call::get(format!("/clients/{}/{list}", segment(client.uuid.as_str())));
        let page: Page<IgnoredAny> = self.api.json(&call.query("page", 1).query("page_size", 1)).await?;
        let (shown, stated) = (page.items.len(), page.pagination.and_then(|pagination| pagination.total_items));
        match stated {
            Some(stated) if shown > stated || (shown == 0 && stated > 0) => {
                let message = format!("the vendor states {stated} {list}, but shows {shown} on the first page");
                Err(Error::new(ErrorKind::TotalDiffers, message))
            }
            stated => Ok(Outcome::number_or_missing(stated.map(Into::into), metric.name)),
        }
    }

    /// What a number is without a call, if it needs none (README, What is counted).
    fn unasked(&self, client: &Client, metric: &MetricDef) -> Option<Outcome> {
        match client.status() {
            _ if !self.cx.wants(metric) => Some(Outcome::NotApplicable),
            _ if !self.config.warranted_only => None,
            // Nobody can tell whether it is to be billed.
            None => Some(Outcome::text_or_missing(None, STATUS.name)),
            Some(_) => client.is_unwarranted().then_some(Outcome::LeftOut(UNWARRANTED)),
        }
    }

    /// What the operator should know of a client besides its counts.
    fn told(&self, client: &Client, warranty: Option<&Warranty>) -> Vec<Notice> {
        let week = OfflineLimit::days(Some(7), self.cx.now());
        let is_stale = client.synced_at().any(|moment| week.exceeded(moment));
        let left_out = self.config.warranted_only && client.is_unwarranted();
        let told = [
            (left_out, Notice::info(Code::LeftOut, "its devices and users are left out: not warranted")),
            (
                is_stale,
                Notice::warning(None, "an integration of it at Cork has not synced for a week: its counts are old"),
            ),
            (
                client.is_unwarranted() && warranty.is_some(),
                Notice::warning(None, "Cork says that it is unwarranted, and lists an active warranty of it"),
            ),
        ];
        told.into_iter().filter(|(holds, _)| *holds).map(|(_, notice)| notice.about(&client.name)).collect()
    }
}

/// The warranty that stands for each client: one that is active, of several the newest.
fn latest(rows: impl Iterator<Item = Warranty>) -> BTreeMap<String, Warranty> {
    let mut latest: BTreeMap<String, Warranty> = BTreeMap::new();
    for row in rows.filter(|row| row.active != Some(false)) {
        match latest.get(row.client_uuid.as_str()) {
            Some(other) if other.rank() >= row.rank() => {}
            _ => drop(latest.insert(row.client_uuid.0.clone(), row)),
        }
    }
    latest
}
