//! What all device sources share, and what all subscription sources share: folding a stream of records into
//! counts per org, each record with a verdict, nothing dropped without being told.
//!
//! A connector classifies (a pure function, `record -> Verdict`); these fold.

use crate::code::Code;
use crate::counts::{Counted, Failure, LeftOut, OrgCounts, Outcome, Standing};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Figure, Metric, MetricDef, MetricKind, Product, VendorOrg};
use crate::wire::Moment;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a record counts as: every record has exactly one verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    metrics: Vec<&'static MetricDef>,
    left_out: Option<&'static str>,
}

impl Verdict {
    /// Counted as each of these metrics (a class, and perhaps a total).
    pub fn counted(metrics: impl IntoIterator<Item = &'static MetricDef>) -> Self {
        Self { metrics: metrics.into_iter().collect(), left_out: None }
    }

    /// The same record, but left out of all its metrics because of `reason`.
    #[must_use]
    pub fn left_out(self, reason: &'static str) -> Self {
        Self { left_out: Some(reason), ..self }
    }

    /// Left out if `condition` holds and it is not left out already.
    #[must_use]
    pub fn left_out_if(self, condition: bool, reason: &'static str) -> Self {
        if condition && self.left_out.is_none() { self.left_out(reason) } else { self }
    }

    /// Why it is left out, if it is.
    pub const fn reason(&self) -> Option<&'static str> {
        self.left_out
    }

    /// What it counts as, or would.
    pub fn metrics(&self) -> &[&'static MetricDef] {
        &self.metrics
    }
}

/// The `max_offline_days` setting: whether a device was last seen too long ago.
#[derive(Debug, Clone, Copy)]
pub struct OfflineLimit(Option<Timestamp>);

impl OfflineLimit {
    /// Why such a device is left out.
    pub const REASON: &'static str = "offline for longer than max_offline_days";

    /// Devices last seen more than `days` before `now` are too old; `None` is never.
    pub fn days(days: Option<u32>, now: Timestamp) -> Self {
        Self(days.and_then(|days| now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok()))
    }

    /// Whether a device last seen then is too old. One that was never seen, or whose time is unknown, is not.
    pub fn exceeded(self, last_seen: Moment) -> bool {
        matches!((self.0, last_seen.0), (Some(limit), Some(seen)) if seen < limit)
    }
}

/// Which records were seen already. It keeps 64-bit hashes: at a million records the chance that two different
/// ones are taken for one is about one in forty million.
#[derive(Debug, Default)]
pub struct Seen(HashSet<u64>);

impl Seen {
    /// Whether a record was not seen before. From now on it was.
    pub fn is_new(&mut self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.0.insert(hasher.finish())
    }

    /// How many were seen.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The rows of a list that comes in pages: each id once (a page that shifted repeats rows), and as many as the vendor
/// says there are.
#[derive(Debug)]
pub struct Listed<T> {
    rows: BTreeMap<String, T>,
    stated: Option<usize>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), stated: None }
    }
}

impl<T> Listed<T> {
    /// Notes the total that a page states. Where pages differ, the largest stands: a row that went away between two
    /// pages pulls another one over the edge, unseen.
    pub fn stated(&mut self, total: Option<usize>) {
        self.stated = self.stated.max(total);
    }

    /// Adds a row. One with an id that was added before is ignored.
    pub fn add(&mut self, id: String, row: T) {
        self.rows.entry(id).or_insert(row);
    }

    /// How many different rows were added: a page that adds none repeats others.
    pub fn distinct(&self) -> usize {
        self.rows.len()
    }

    /// The rows by id, or an error where the vendor states another total.
    pub fn finish(self, what: &str) -> Result<BTreeMap<String, T>> {
        as_stated(self.rows.len(), self.stated, what).map(|()| self.rows)
    }
}

/// An error where the vendor states another number of rows than it lists.
pub fn as_stated(listed: usize, stated: Option<usize>, what: &str) -> Result<()> {
    match stated {
        Some(stated) if stated != listed => Err(Error::new(
            ErrorKind::TotalDiffers,
            format!("the vendor states {stated} {what}, but lists {listed}; none is used"),
        )
        .advice("if something changed just now, run again")),
        _ => Ok(()),
    }
}

/// Folds devices (or persons, or any record that counts as one) into counts per org.
#[derive(Debug)]
pub struct Devices {
    metrics: &'static [&'static MetricDef],
    orgs: BTreeMap<String, DeviceOrg>,
    seen: Seen,
}

#[derive(Debug)]
struct DeviceOrg {
    org: VendorOrg,
    standing: Standing,
    listed: bool,
    /// By metric: a handful, so a map would take more than it saves.
    numbers: Vec<(&'static str, u64)>,
    /// By metric and reason.
    left_out: Vec<((&'static str, &'static str), u64)>,
}

impl DeviceOrg {
    fn add(&mut self, other: &Self) {
        for (metric, number) in &other.numbers {
            *number_of(&mut self.numbers, *metric) += number;
        }
        for (what, number) in &other.left_out {
            *number_of(&mut self.left_out, *what) += number;
        }
    }
}

/// The number of one of a few, zero where it is new.
fn number_of<K: PartialEq>(numbers: &mut Vec<(K, u64)>, of: K) -> &mut u64 {
    let at = numbers.iter().position(|(known, _)| *known == of).unwrap_or_else(|| {
        numbers.reserve_exact(1);
        numbers.push((of, 0));
        numbers.len() - 1
    });
    &mut numbers[at].1
}

impl Devices {
    /// A fold over the connector's metrics. An org without devices has zero of each.
    pub fn new(metrics: &'static [&'static MetricDef]) -> Self {
        Self { metrics, orgs: BTreeMap::new(), seen: Seen::default() }
    }

    /// Adds a listed org, before its devices or after. Its first listing stands.
    pub fn org(&mut self, org: VendorOrg, standing: Standing) {
        let entry = self.entry(&org.id);
        if !entry.listed {
            (entry.org, entry.standing, entry.listed) = (org, standing, true);
        }
    }

    /// Adds a device. One that was added before (a page that shifted) is ignored. A device of an org that was not
    /// listed makes an org of its own, which becomes an unmapped row: it is never dropped.
    pub fn add(&mut self, org_id: &str, device_id: &str, verdict: &Verdict) {
        if !self.seen.is_new(device_id) {
            return;
        }
        let entry = self.entry(org_id);
        for metric in &verdict.metrics {
            match verdict.left_out {
                None => *number_of(&mut entry.numbers, metric.name) += 1,
                Some(reason) => *number_of(&mut entry.left_out, (metric.name, reason)) += 1,
            }
        }
    }

    /// Gives what was added for an id to these orgs, to each all of it: for vendors whose devices name another id than the
    /// org's, and who it is shows only when all came. The id itself is no org any more.
    pub fn give(&mut self, id: &str, orgs: &[&str]) {
        let Some(given) = self.orgs.remove(id) else { return };
        orgs.iter().for_each(|org| self.entry(org).add(&given));
    }

    /// Adds the devices of another fold, read beside this one. No org may be listed there.
    pub fn join(&mut self, other: Self) {
        other.orgs.iter().for_each(|(id, org)| self.entry(id).add(org));
        self.seen.0.extend(other.seen.0);
    }

    /// The ids of orgs that devices speak of or that were added.
    pub fn org_ids(&self) -> impl Iterator<Item = &str> {
        self.orgs.keys().map(String::as_str)
    }

    fn entry(&mut self, id: &str) -> &mut DeviceOrg {
        self.orgs.entry(id.to_owned()).or_insert_with(|| DeviceOrg {
            org: unlisted(id),
            standing: Standing::Customer,
            listed: false,
            numbers: Vec::new(),
            left_out: Vec::new(),
        })
    }

    /// How many different devices were added.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no device was added.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The counts, by org id.
    pub fn finish(self) -> Vec<OrgCounts> {
        let metrics = self.metrics;
        let def = |name: &str| metrics.iter().copied().find(|metric| metric.name == name);
        self.orgs
            .into_values()
            .map(|mut entry| OrgCounts {
                counted: Counted::Each(
                    metrics
                        .iter()
                        .filter(|metric| metric.kind == MetricKind::Number)
                        .map(|metric| {
                            let number = *number_of(&mut entry.numbers, metric.name);
                            (Metric::Fixed(metric), Outcome::Number(number.into()))
                        })
                        .collect(),
                ),
                left_out: sorted(entry.left_out)
                    .filter_map(|((name, reason), quantity)| {
                        Some(LeftOut { metric: Metric::Fixed(def(name)?), reason, quantity: quantity.into() })
                    })
                    .collect(),
                org: entry.org,
                standing: entry.standing,
            })
            .collect()
    }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> impl Iterator<Item = T> {
    all.sort_unstable();
    all.into_iter()
}

/// An org that records speak of and that the vendor did not list.
fn unlisted(org_id: &str) -> VendorOrg {
    let name = if org_id.is_empty() { "(no customer)".to_owned() } else { format!("(unlisted {org_id})") };
    VendorOrg::new(org_id, name)
}

/// Whether a subscription is counted, and as which figure of its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billing {
    /// Counted as this figure.
    Counted(Figure),
    /// Left out because of this.
    LeftOut(&'static str),
}

/// Folds subscriptions into one number per org, product and figure.
#[derive(Debug, Default)]
pub struct Subscriptions {
    orgs: BTreeMap<String, SubscriptionOrg>,
    /// Each once, without its name.
    products: BTreeSet<Arc<Product>>,
    /// By product id; blank where nothing has told it.
    names: BTreeMap<String, String>,
    seen: Seen,
}

#[derive(Debug)]
struct SubscriptionOrg {
    org: VendorOrg,
    listed: bool,
    whole: Option<Outcome>,
    /// `None` where one subscription has no quantity.
    sums: BTreeMap<(Arc<Product>, Figure), Option<Decimal>>,
    left_out: BTreeMap<(Arc<Product>, &'static str), Decimal>,
}

impl Subscriptions {
    /// An empty fold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an org, before its subscriptions or after. Its first listing stands.
    pub fn org(&mut self, org: VendorOrg) {
        let entry = self.entry(&org.id);
        if !entry.listed {
            (entry.org, entry.listed) = (org, true);
        }
    }

    /// The ids of orgs that subscriptions speak of and that were not added: for vendors that can be asked for one.
    pub fn unlisted(&self) -> Vec<String> {
        let unlisted = self.orgs.iter().filter(|(id, entry)| !entry.listed && !id.is_empty());
        unlisted.map(|(id, _)| id.clone()).collect()
    }

    /// The ids of products that no row names: for vendors that can be asked for one.
    pub fn nameless(&self) -> Vec<String> {
        let nameless = self.names.iter().filter(|(id, name)| name.is_empty() && !id.is_empty());
        nameless.map(|(id, _)| id.clone()).collect()
    }

    /// Names a product by its id. Of several names the first by code point is shown; without any, the id.
    pub fn name(&mut self, product_id: &str, name: &str) {
        let (name, shown) = (name.trim(), self.names.entry(product_id.to_owned()).or_default());
        if shown.is_empty() || (!name.is_empty() && name < shown.as_str()) {
            name.clone_into(shown);
        }
    }

    /// Marks an org as failed: none of its numbers is used.
    pub fn fail(&mut self, org: VendorOrg, failure: impl Into<Failure>) {
        let id = org.id.clone();
        self.org(org);
        self.entry(&id).whole = Some(Outcome::Failed(failure.into()));
    }

    /// Adds a subscription. One that was added before is ignored; a quantity of zero is no product; a missing
    /// quantity blanks this product of this org. An org that was not listed becomes an unmapped row.
    pub fn add(&mut self, org_id: &str, id: &str, product: Product, billing: Billing, quantity: Option<Decimal>) {
        if !self.seen.is_new(id) {
            return;
        }
        match billing {
            Billing::Counted(figure) => self.figures(org_id, product, &[(figure, quantity)]),
            Billing::LeftOut(reason) => self.leave_out(org_id, product, reason, quantity.unwrap_or_default()),
        }
    }

    /// Adds several figures of one product at once: where all are zero it is no product, else a zero stands. A quantity below
    /// zero is as good as missing.
    pub fn figures(&mut self, org_id: &str, product: Product, figures: &[(Figure, Option<Decimal>)]) {
        if figures.iter().all(|(_, quantity)| quantity.is_some_and(|quantity| quantity.is_zero())) {
            self.entry(org_id);
            return;
        }
        let product = self.canonical(product);
        let sums = &mut self.entry(org_id).sums;
        for (figure, quantity) in figures {
            // One below zero would take from another's, unseen.
            let quantity = &quantity.filter(|quantity| *quantity >= Decimal::ZERO);
            sums.entry((product.clone(), *figure))
                .and_modify(|sum| *sum = sum.zip(*quantity).and_then(|(a, b)| a.checked_add(b)))
                .or_insert(*quantity);
        }
    }

    /// Tells of something that is left out of a product without being a record of its own; zero is nothing to tell.
    pub fn leave_out(&mut self, org_id: &str, product: Product, reason: &'static str, quantity: Decimal) {
        if quantity.is_zero() {
            self.entry(org_id);
            return;
        }
        let key = (self.canonical(product), reason);
        let sum = self.entry(org_id).left_out.entry(key).or_default();
        *sum = sum.saturating_add(quantity);
    }

    /// How many different subscriptions were added.
    pub fn len(&self) -> usize {
        self.seen.0.len()
    }

    /// Whether no subscription was added.
    pub fn is_empty(&self) -> bool {
        self.seen.0.is_empty()
    }

    /// The counts, by org id.
    pub fn finish(self) -> Vec<OrgCounts> {
        let Self { orgs, products, names, .. } = self;
        let named = products.into_iter().map(|product| {
            let name = names.get(&product.id).filter(|name| !name.is_empty()).unwrap_or(&product.id);
            let named = Arc::new(Product { name: name.clone(), ..Product::clone(&product) });
            (product, named)
        });
        let named: BTreeMap<Arc<Product>, Arc<Product>> = named.collect();
        let shown = |product: Arc<Product>| named.get(&product).cloned().unwrap_or(product);
        orgs.into_values()
            .map(|entry| OrgCounts {
                org: entry.org,
                standing: Standing::Customer,
                counted: entry.whole.map_or_else(
                    || {
                        Counted::Each(
                            entry
                                .sums
                                .into_iter()
                                .map(|((product, figure), sum)| {
                                    let product = shown(product);
                                    let outcome =
                                        Outcome::number_or_missing(sum, &format!("quantity of {}", product.name));
                                    (Metric::Product(product, figure), outcome)
                                })
                                .collect(),
                        )
                    },
                    Counted::Whole,
                ),
                left_out: entry
                    .left_out
                    .into_iter()
                    .map(|((product, reason), quantity)| LeftOut {
                        metric: Metric::Product(shown(product), Figure::Quantity),
                        reason,
                        quantity,
                    })
                    .collect(),
            })
            .collect()
    }

    fn entry(&mut self, org_id: &str) -> &mut SubscriptionOrg {
        self.orgs.entry(org_id.to_owned()).or_insert_with(|| SubscriptionOrg {
            org: unlisted(org_id),
            listed: false,
            whole: None,
            sums: BTreeMap::new(),
            left_out: BTreeMap::new(),
        })
    }

    /// A product is its id (with term and unit), whatever it is called.
    fn canonical(&mut self, product: Product) -> Arc<Product> {
        self.name(&product.id, &product.name);
        let product = Product { name: String::new(), ..product };
        if let Some(known) = self.products.get(&product) {
            return known.clone();
        }
        let product = Arc::new(product);
        self.products.insert(product.clone());
        product
    }
}

/// A failure for a quantity that the vendor left out.
pub fn missing(what: &str) -> Failure {
    Failure::new(Code::MissingValue, format!("the vendor sent no {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_another_total_than_the_vendor_states_is_refused() {
        let list = |stated: &[Option<usize>], ids: &[&str]| {
            let mut list = Listed::default();
            for total in stated {
                list.stated(*total);
            }
            for id in ids {
                list.add((*id).to_owned(), ());
            }
            list.finish("rows").map(|rows| rows.len()).map_err(|error| error.kind())
        };
        assert_eq!(list(&[Some(2), None, Some(2)], &["a", "b", "a"]), Ok(2));
        assert_eq!(list(&[None], &["a"]), Ok(1));
        assert_eq!(list(&[Some(3), Some(2)], &["a", "b"]), Err(ErrorKind::TotalDiffers));
        assert_eq!(list(&[Some(1)], &["a", "b"]), Err(ErrorKind::TotalDiffers));
        assert_eq!(list(&[Some(2)], &["a", "a"]), Err(ErrorKind::TotalDiffers));
    }
}
