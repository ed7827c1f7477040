#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{Me, Organization, Page};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tallysheet_core::wire::Number;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Error, ErrorKind, Identity,
    Meta, MetricDef, Notice, OrgCounts, Probe, Result, Secret, Standing, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, Retry, segment};

/// Settings of a `kind = "proofpoint-essentials"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The partner whose customers are counted: its primary domain, or its id.
    partner: String,
    /// The mail address of a channel admin of the partner.
    username: String,
    /// The password that belongs to it.
    password: Secret,
    /// Counts organisations on trial like all others.
    #[serde(default)]
    count_trials: bool,
}

static ACTIVE: MetricDef = MetricDef::number("Active users", "users");
static LICENSES: MetricDef = MetricDef::number("Licenses", "licenses");
static TRIAL: MetricDef = MetricDef::number("Trial users", "users").on_request();
static PACKAGE: MetricDef = MetricDef::text("Package").on_request();

/// Counts the active users of every customer organisation.
pub struct Proofpoint {
    api: Api,
    config: Config,
}

impl ConnectorSpec for Proofpoint {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "proofpoint-essentials",
        title: "Proofpoint",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: &[&ACTIVE, &LICENSES, &TRIAL, &PACKAGE],
        permissions: "a channel admin of the partner",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let auth = ApiKey::new("x-user", &Secret::new(&*config.username)).and("x-password", &config.password);
        // A large partner's list is megabytes long, and comes in one answer (README, Limits).
        let (attempt_timeout, wait_after_429) = (Duration::from_mins(2), Duration::from_secs(3));
        let retry = Retry { attempt_timeout, wait_after_429, ..Retry::default() };
        let api = Api::builder(cx, Self::META.default_url).auth(auth).concurrency(2).retry(retry).build()?;
        Ok(Connector::counting(Self { api, config }))
    }
}
register_connector!(Proofpoint);

#[async_trait]
impl Probe for Proofpoint {
    async fn check(&self) -> Result<Identity> {
        let me: Me = self.api.json(&Call::get("/me")).await?;
        if !me.is_partners() {
            let error =
                Error::new(ErrorKind::Forbidden, "this login is no partner's: it sees one organisation at most");
            return Err(error.advice("use a channel admin of the partner"));
        }
        let account = me.entity_primary_domain.unwrap_or_else(|| self.config.username.clone());
        Ok(Identity { account, ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for Proofpoint {
    async fn counts(&self) -> Result<Counts> {
        let (own, lists) = self.lists().await?;
        let (below, mut orgs, mut notices) = (all_below(&own, &lists), Vec::new(), Vec::new());
        if own.is_empty() {
            let message = "the partner has no organisations here: is this the stack where its customers are?";
            notices.push(Notice::warning(None, message));
        }
        for row in own.iter().filter(|row| !below.contains(&row.id())) {
            if row.is_partner() {
                orgs.push(self.reseller(row, &lists));
                continue;
            }
            notices.extend(row.gone());
            orgs.push(row.counts(self.config.count_trials));
        }
        Counts { orgs, notices, ..Counts::default() }.deduplicated()
    }
}

/// By a partner's id, what stands below it.
type Lists = BTreeMap<String, Result<Vec<Organization>>>;

/// Why a reseller of ours, with all that is below it, gets no row.
const RESELLER: &str = "a reseller below the partner";
const INACTIVE: &str = "not active";
const ON_TRIAL: &str = "on trial";

impl Proofpoint {
    /// What stands below the partner, and below each partner that is found on the way down. Where the list of one of
    /// these fails, it concerns that one only: it may live on another stack.
    async fn lists(&self) -> Result<(Vec<Organization>, Lists)> {
        let partner = &self.config.partner;
        let mut own = self.list(partner).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.advice("check `partner`, and that `url` is the stack where it is"),
            _ => error,
        })?;
        own.retain(|row| !row.is_called(partner));
        let (mut lists, mut open) = (Lists::new(), partners(&own));
        while !open.is_empty() {
            let asked = open.into_iter().map(async |(id, domain)| {
                let list = self.list(&domain).await.and_then(|rows| without(&id, rows));
                (id, list)
            });
            let answers = join_all(asked).await;
            open = answers.iter().flat_map(|(_, list)| list.iter()).flat_map(|rows| partners(rows)).collect();
            lists.extend(answers);
            open.retain(|id, _| !lists.contains_key(id));
        }
        Ok((own, lists))
    }

    /// All of a list comes in one answer, and page parameters are not sent (README, Quirks).
    async fn list(&self, partner: &str) -> Result<Vec<Organization>> {
        let rows = self.api.json::<Page>(&Call::get(format!("/orgs/{}/orgs", segment(partner)))).await?.orgs;
        if rows.iter().any(|row| row.id().is_empty()) {
            return Err(Error::bad_response("an organisation has neither `eid` nor `primary_domain`"));
        }
        Ok(rows)
    }

    /// A reseller below us, with what its customers have together: told in the log, no row of ours.
    fn reseller(&self, row: &Organization, lists: &Lists) -> OrgCounts {
        let org = match below(&row.id(), lists) {
            Err(error) => OrgCounts::failed(row.org(), error),
            Ok(found) => {
                let counts = |row: &&Organization| !row.is_partner() && row.reason(self.config.count_trials).is_none();
                let customers: Vec<&Organization> = found.into_values().filter(counts).collect();
                let sum = |figure: fn(&Organization) -> Option<Number>| {
                    let numbers = customers.iter().map(|row| figure(row).map(|number| number.0));
                    numbers.sum::<Option<Decimal>>().map(Number)
                };
                let numbers = [(&ACTIVE, sum(Organization::active)), (&LICENSES, sum(Organization::licenses))];
                OrgCounts::numbers(row.org(), numbers)
            }
        };
        OrgCounts { standing: Standing::NotCustomer(RESELLER), ..org }
    }
}

/// The partners among these, by id, with the name by which each is asked.
fn partners(rows: &[Organization]) -> BTreeMap<String, String> {
    rows.iter().filter(|row| row.is_partner()).map(|row| (row.id(), row.address())).collect()
}

/// A list that names the partner itself is not the list of what is below it: then it is another's.
fn without(id: &str, rows: Vec<Organization>) -> Result<Vec<Organization>> {
    if rows.iter().any(|row| row.id() == id) {
        return Err(Error::bad_response("what stands below a partner names the partner itself; it is not used"));
    }
    Ok(rows)
}

/// Everything below a partner by id, at any depth.
fn below<'a>(partner: &str, lists: &'a Lists) -> Result<BTreeMap<String, &'a Organization>, &'a Error> {
    let (mut found, mut open) = (BTreeMap::new(), vec![partner.to_owned()]);
    while let Some(partner) = open.pop() {
        for row in lists.get(&partner).map_or(Ok(&[][..]), |list| list.as_deref())? {
            if found.insert(row.id(), row).is_none() && row.is_partner() {
                open.push(row.id());
            }
        }
    }
    Ok(found)
}

/// The ids of all that belongs to a partner below us. Whether a list holds the next level only, or all of them, is not
/// established: the lists of those partners tell, and each record's own hierarchy.
fn all_below(own: &[Organization], lists: &Lists) -> BTreeSet<String> {
    let listed = lists.values().flatten().flatten();
    let placed = own.iter().filter(|row| row.above().any(|id| lists.contains_key(id)));
    listed.chain(placed).map(Organization::id).collect()
}

impl Organization {
    /// What it has, or why it is left out (README, What is counted).
    fn counts(&self, count_trials: bool) -> OrgCounts {
        if let Some(mark) = self.odd_mark() {
            return OrgCounts::failed(
                self.org(),
                &Error::bad_response(format!("its `{mark}` is neither true nor false")),
            );
        }
        let on_trial = if self.is_on_trial() { self.active() } else { Some(Number(Decimal::ZERO)) };
        let numbers = [(&ACTIVE, self.active()), (&LICENSES, self.licenses()), (&TRIAL, on_trial)];
        let org = OrgCounts::numbers(self.org(), numbers).text(&PACKAGE, self.package());
        match self.reason(count_trials) {
            None => org,
            Some(ON_TRIAL) => org.left_out_but(&TRIAL, ON_TRIAL),
            Some(reason) => org.left_out(reason),
        }
    }

    /// Why it does not count, if it does not.
    fn reason(&self, count_trials: bool) -> Option<&'static str> {
        if !self.is_active() {
            return Some(INACTIVE);
        }
        (self.is_on_trial() && !count_trials).then_some(ON_TRIAL)
    }

    /// What is to be told of one that is not active and has users all the same.
    fn gone(&self) -> Option<Notice> {
        let users = self.active().filter(|users| !self.is_active() && !users.0.is_zero())?.0;
        let name = self.org().name;
        let message = format!("{name} is not active, and has {users} active users: they do not count");
        Some(Notice::warning(Code::LeftOut, message).about(name))
    }
}
