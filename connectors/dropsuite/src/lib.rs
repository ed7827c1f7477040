#![doc = include_str!("../README.md")]

mod wire;

use crate::wire::{PAGE, Page, Row};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Error, ErrorKind, Hint, Identity,
    LeftOut, Meta, Metric, MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, async_trait,
    register_connector,
};
use tallysheet_http::{Api, ApiKey, Call};

/// Settings of a `kind = "dropsuite"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The reseller token.
    reseller_token: Secret,
    /// The authentication token of the reseller, not of a customer.
    access_token: Secret,
}

static ACTIVE: MetricDef = MetricDef::number("Active seats", "seats");
static USED: MetricDef = MetricDef::number("Used seats", "seats");
static PAID_SHARED: MetricDef = MetricDef::number("Paid shared mailboxes", "mailboxes");
static PURCHASED: MetricDef = MetricDef::number("Purchased seats", "seats").on_request();
static FREE_SHARED: MetricDef = MetricDef::number("Free shared mailboxes", "mailboxes").on_request();
static DEACTIVATED: MetricDef = MetricDef::number("Deactivated seats", "seats").on_request();
static METRICS: &[&MetricDef] = &[&ACTIVE, &USED, &PAID_SHARED, &PURCHASED, &FREE_SHARED, &DEACTIVATED];

/// Counts the seats of every organization.
pub struct Dropsuite {
    api: Api,
    cx: Context,
}

impl ConnectorSpec for Dropsuite {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "dropsuite",
        title: "Dropsuite",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "the reseller's API tokens",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let auth = ApiKey::new("x-reseller-token", &config.reseller_token).and("x-access-token", &config.access_token);
        // No limit is told: five calls in a second, as careful clients make them (README, Limits).
        let api = Api::builder(cx, None).auth(auth).per_minute(300).concurrency(2).seconds_after_429(60);
        Ok(Connector::counting(Self { api: api.classify(|reply| refusal(reply.status())).build()?, cx: cx.clone() }))
    }
}
register_connector!(Dropsuite);

#[async_trait]
impl Probe for Dropsuite {
    async fn check(&self) -> Result<Identity> {
        // `/status` would answer whatever the second token is.
        self.api.json::<Page>(&users(1)).await?;
        Ok(self.identity())
    }

    fn known(&self) -> Option<Identity> {
        Some(self.identity())
    }
}

#[async_trait]
impl CountSource for Dropsuite {
    async fn counts(&self) -> Result<Counts> {
        let mut known = HashSet::new();
        let rows = self.api.list(users(PAGE), |row: &Row| &row.id, |page: Page, at| page.part(at, &mut known)).await?;
        let mut customers: BTreeMap<String, Customer> = BTreeMap::new();
        for row in rows.values() {
            customers.entry(row.organization_id.0.clone()).or_insert_with(|| Customer::new(row)).add(row);
        }
        let asked = customers.values().filter(|customer| !self.cx.excludes(&customer.org.id));
        let mut notices: Vec<Notice> = asked.flat_map(Customer::notices).collect();
        if rows.is_empty() {
            let message = "Dropsuite lists no customer: perhaps `access_token` is not the reseller's own";
            notices.push(Notice::warning(None, message));
        }
        let orgs = customers.into_values().map(Customer::counts).collect();
        Ok(Counts { orgs, notices, ..Counts::default() })
    }
}

impl Dropsuite {
    /// No call names the reseller.
    fn identity(&self) -> Identity {
        Identity::unnamed(self.api.host())
    }
}

fn users(size: usize) -> Call {
    Call::get("/users").query("per_page", size).query("page", 1)
}

fn refusal(status: u16) -> Option<Error> {
    let message = "Dropsuite refuses the tokens: check both";
    let advice = "`access_token` must be the reseller's own (Settings, API Settings), not that of a customer";
    (status == 401).then(|| Error::new(ErrorKind::Auth, message).advice(advice))
}

/// One number for each metric, in their order; `None` where the vendor does not tell it.
type Seats = [Option<Decimal>; METRICS.len()];

/// An organization: it has a row for each plan, and may have several log-ins for one.
struct Customer {
    org: VendorOrg,
    live: BTreeMap<String, Seats>,
    deactivated: BTreeMap<String, Seats>,
    has_twins: bool,
    is_suspended: bool,
}

const GONE: &str = "customer deactivated";

impl Customer {
    fn new(row: &Row) -> Self {
        let org = VendorOrg::new(row.organization_id.as_str(), row.name()).contacts(row.email.as_slice());
        let told = row.told().trim();
        let org = if row.name() == told { org } else { org.hint(Hint::Name(told.to_owned())) };
        Self { org, live: BTreeMap::new(), deactivated: BTreeMap::new(), has_twins: false, is_suspended: false }
    }

    /// Two rows of one plan are two log-ins to the same seats: the larger number counts.
    fn add(&mut self, row: &Row) {
        let plans = if row.is_deactivated() { &mut self.deactivated } else { &mut self.live };
        match plans.entry(row.plan_id.0.clone()) {
            Entry::Vacant(plan) => {
                plan.insert(row.seats());
            }
            Entry::Occupied(mut plan) => {
                let larger = both(plan.get(), &row.seats(), |one, other| Some(one.max(other)));
                plan.insert(larger);
                self.has_twins |= !row.is_deactivated();
            }
        }
        self.is_suspended |= row.is_suspended() && !row.is_deactivated();
    }

    fn notices(&self) -> Vec<Notice> {
        let suspended = "the customer is suspended; its seats count";
        let twins = "several log-ins for one plan: the larger number counts, not the sum";
        let told = [(self.is_suspended, suspended), (self.has_twins, twins)].into_iter().filter(|(is, _)| *is);
        told.map(|(_, message)| Notice::warning(None, message).about(&self.org.name)).collect()
    }

    /// The sum of its plans.
    fn counts(self) -> OrgCounts {
        let (live, gone) = (sum(&self.live), sum(&self.deactivated));
        let outcome = |(metric, seats): (&&MetricDef, Option<Decimal>)| {
            if self.live.is_empty() { Outcome::LeftOut(GONE) } else { Outcome::number_or_missing(seats, metric.name) }
        };
        let values = METRICS.iter().zip(live).map(|pair| (Metric::Fixed(pair.0), outcome(pair))).collect();
        let told =
            METRICS.iter().zip(gone).filter_map(|(metric, seats)| Some((metric, seats.filter(|s| !s.is_zero())?)));
        let left = told.map(|(metric, quantity)| LeftOut { metric: Metric::Fixed(metric), reason: GONE, quantity });
        OrgCounts { left_out: left.collect(), ..OrgCounts::new(self.org, values) }
    }
}

fn sum(plans: &BTreeMap<String, Seats>) -> Seats {
    plans.values().fold([Some(Decimal::ZERO); METRICS.len()], |sum, seats| both(&sum, seats, Decimal::checked_add))
}

/// Two numbers of each metric become one; where one is not told, neither is what becomes of them, nor where it is beyond all
/// measure.
fn both(one: &Seats, other: &Seats, join: fn(Decimal, Decimal) -> Option<Decimal>) -> Seats {
    std::array::from_fn(|place| join(one[place]?, other[place]?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_neither_summed_nor_compared() {
        let seats = |number: u32| [Some(Decimal::from(number)); METRICS.len()];
        let mut untold = seats(7);
        untold[1] = None;
        let plans = BTreeMap::from([("1".to_owned(), seats(3)), ("2".to_owned(), untold)]);
        let mut expected = seats(10);
        expected[1] = None;
        assert_eq!(sum(&plans), expected);
        expected = seats(7);
        expected[1] = None;
        assert_eq!(both(&seats(3), &untold, |one, other| Some(one.max(other))), expected);
        let huge = [Some(Decimal::MAX); METRICS.len()];
        assert_eq!(sum(&BTreeMap::from([("1".to_owned(), huge), ("2".to_owned(), huge)])), [None; METRICS.len()]);
    }
}
