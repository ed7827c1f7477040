//! The fewest calls that a run needs at each vendor of the simulated MSP: worked out from how the vendors' APIs page, never
//! from what the connectors do. A test holds the connectors to it.

use std::collections::BTreeMap;
use std::time::Duration;

/// How many rows each list of a vendor has.
pub(crate) type Lists = BTreeMap<&'static str, usize>;

/// Calls in steps. A step begins when the one before it is done, and holds chains that do not need each other; a chain is so
/// many calls that each need the answer of the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan(Vec<Vec<usize>>);

impl Plan {
    /// One call, for a token or to learn whose the credential is. No call tells that at Duo, Dropsuite, Sherweb and TD SYNNEX.
    fn one() -> Self {
        Self::default().then([1])
    }

    /// A token, and whose credential it is: no run counts anything before it knows.
    fn with_token() -> Self {
        Self::one().then([1])
    }

    /// One more step.
    pub(crate) fn then(mut self, chains: impl IntoIterator<Item = usize>) -> Self {
        self.0.push(chains.into_iter().collect());
        self
    }

    /// One more step, of so many calls that do not need each other.
    fn each(self, calls: usize) -> Self {
        self.then(std::iter::repeat_n(1, calls))
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    /// How long it takes where each answer takes `latency`, and `at_once` calls may be under way.
    pub(crate) fn ideal(&self, latency: Duration, at_once: usize) -> Duration {
        let rounds = |step: &Vec<usize>| {
            let longest = step.iter().copied().max().unwrap_or_default();
            longest.max(step.iter().sum::<usize>().div_ceil(at_once))
        };
        let rounds: usize = self.0.iter().map(rounds).sum();
        latency.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

/// Pages of a list whose end is told: by a total, a link, a cursor.
fn pages(rows: usize, size: usize) -> usize {
    rows.div_ceil(size).max(1)
}

/// Pages of a list whose end is a page that is not full.
fn until_short(rows: usize, size: usize) -> usize {
    rows / size + 1
}

/// Pages of a list whose end is a page without rows.
fn until_empty(rows: usize, size: usize) -> usize {
    rows.div_ceil(size) + 1
}

/// The cheapest plan for lists of such lengths.
type Cheapest = fn(&Lists) -> Plan;

/// The plan of each integration of the simulated MSP.
pub(crate) const PLANS: &[(&str, Cheapest)] = &[
    // The account's list tells too few devices of some sites: these are asked themselves.
    ("datto-rmm", |has| {
        let lists = [pages(has["sites"], 250), pages(has["devices"], 250)];
        Plan::with_token().then(lists).each(has["sites told short"])
    }),
    // Its key is refused, and that ends it.
    ("datto-west", |_| Plan::one()),
    // What fills a page is not known but to be a round number, so a last page of such a length is followed by another.
    ("connectwise-automate", |has| {
        let list = |rows: usize| pages(rows, 1000) + usize::from(rows.is_multiple_of(5));
        Plan::with_token().then([list(has["clients"]), list(has["computers"])])
    }),
    ("ninjaone", |has| {
        Plan::with_token().then([until_short(has["organizations"], 1000), until_short(has["devices"], 1000)])
    }),
    // The companies come in one answer; the vendor chooses how long pages of endpoints are.
    ("connectwise-asio", |has| Plan::with_token().then([1, pages(has["endpoints"], 300)])),
    ("immybot", |has| {
        // A list that comes whole, and is as long as a page may be, is followed by a page.
        let whole = |rows: usize| 1 + usize::from([10, 20, 25, 50, 100, 200, 250, 500, 1000].contains(&rows));
        Plan::with_token().then([whole(has["tenants"]), whole(has["persons"]), pages(has["computers"], 500)])
    }),
    // A token and a list of licences for each tenant; one that has not consented issues no token.
    ("microsoft-graph", |has| {
        let (closed, open) = (has["closed"], has["customers"] - has["closed"]);
        let tenants = std::iter::repeat_n(2, open).chain(std::iter::repeat_n(1, closed));
        Plan::with_token().then([pages(has["contracts"], 999)]).then(tenants)
    }),
    ("huntress", |has| Plan::one().then([pages(has["organizations"], 500)])),
    ("sentinelone", |has| Plan::one().then([pages(has["sites"], 1000)])),
    ("duo", |has| Plan::one().each(has["accounts"])),
    ("itglue", |has| Plan::one().then([pages(has["organizations"], 1000), pages(has["users"], 1000)])),
    ("auvik", |has| Plan::one().then([1]).then([pages(has["devices"], 10_000)])),
    // Its own customers, then those of each reseller below it.
    ("proofpoint-essentials", |has| Plan::one().then([1]).each(has["resellers"])),
    // A page of one row tells how many there are: of devices and of inboxes.
    ("cork", |has| Plan::one().then([pages(has["clients"], 100)]).each(2 * has["clients"])),
    // The server sends 25 rows, whatever is asked for.
    ("dropsuite", |has| Plan::default().then([until_empty(has["rows"], 25)])),
    ("pax8", |has| {
        let kinds = ["active subscriptions", "activated subscriptions", "cancelled subscriptions"];
        let lists =
            kinds.into_iter().chain(["active companies", "inactive companies"]).map(|kind| pages(has[kind], 200));
        // Whom no list of companies tells, and what has no name in the list of subscriptions, is asked for by its id.
        Plan::with_token().then(lists).each(has["deleted companies"] + has["unnamed products"])
    }),
    ("sherweb", |has| Plan::one().then([1]).each(has["customers"])),
    ("tdsynnex-stellr", |has| Plan::one().then([pages(has["customers"], 100)]).each(has["customers"])),
    // The vendor sends 60 customers, whatever is asked for.
    ("tdsynnex-streamone-ion", |has| Plan::one().then([pages(has["customers"], 60), pages(has["subscriptions"], 100)])),
    // It counts nothing; whose credential it is must be known all the same.
    ("connectwise-psa", |_| Plan::one()),
];

/// The plan of an integration.
pub(crate) fn plan(integration: &str, lists: &Lists) -> Plan {
    PLANS.iter().find(|(name, _)| *name == integration).map(|(_, plan)| plan(lists)).unwrap_or_default()
}
