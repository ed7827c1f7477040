//! Folding devices (or persons, or any record that counts as one) into counts per org.

use super::{Seen, unlisted};
use crate::counts::{Counted, LeftOut, OrgCounts, Outcome, Standing};
use crate::model::{Metric, MetricDef, MetricKind, VendorOrg};
use crate::wire::Moment;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

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
