//! What the merge tells: what failed, what was left out and why, and how the totals stand to the vendor's own.

use super::columns::{Index, key};
use super::join::Join;
use super::{KeyedCompany, Placement, Source, display_name};
use crate::code::Code;
use crate::counts::{Counted, Counts, OrgCounts, Outcome};
use crate::model::{Metric, MetricKind};
use crate::notice::{Level, Notice, Phase};
use crate::sheet::{Cell, Column, EXCLUDED, Totals};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

pub(super) struct Log {
    pub(super) notices: Vec<Notice>,
    pub(super) complete: bool,
}

impl Log {
    pub(super) fn say(&mut self, level: Level, source: &Source, code: Code, about: Option<&str>, message: String) {
        let notice = Notice::new(level, Phase::Merge, code, message).of(&source.name);
        self.notices.push(match about {
            Some(company) => notice.about(company),
            None => notice,
        });
    }

    pub(super) fn failure(&mut self, source: &Source, code: Code, about: &str, message: String) {
        self.complete = false;
        self.say(Level::Warning, source, code, Some(about), message);
    }
}

/// Tells what failed of one org: as a warning that makes the run incomplete, or, where the file says `-`, in passing.
pub(super) fn org_failures(
    source: &Source,
    org: &OrgCounts,
    columns: &[Column],
    joins: &[Join],
    placement: Placement,
    companies: &[KeyedCompany],
    log: &mut Log,
) {
    let org_name = display_name(&org.org);
    let about = match placement {
        Placement::Company(company) => companies[company].company.name.as_str(),
        Placement::Declined(_) | Placement::Unmapped => org_name.as_str(),
    };
    if let Some(failure) = org.failure() {
        let message = format!("{org_name}: {}", failure.message);
        if matches!(placement, Placement::Declined(_)) {
            log.say(Level::Info, source, failure.code, Some(about), format!("{message} (the companies file says `-`)"));
        } else {
            log.failure(source, failure.code, about, message);
        }
        return;
    }
    for (column, join) in columns.iter().zip(joins) {
        if let Join::Failed(code) = join {
            let message = format!("{org_name}: {} could not be counted", column.title);
            log.failure(source, *code, about, message);
        }
    }
}

/// Tells of an org that maps to no company. A `-` in the companies file ends the matter where there is nothing to show.
pub(super) fn tell_unmapped(
    source: &Source,
    org: &OrgCounts,
    placement: Placement,
    companies: &[KeyedCompany],
    has_value: bool,
    log: &mut Log,
) {
    let why = match placement {
        Placement::Declined(_) if !has_value => return,
        Placement::Declined(company) => {
            let company = &companies[company].company.name;
            format!("looks like {company}, where the companies file says `-`, but it has counts")
        }
        _ => "maps to no company; add its id to the companies file, or to `exclude`".to_owned(),
    };
    let name = display_name(&org.org);
    let message = format!("{name} ({}) {why}", org.org.id);
    log.say(Level::Warning, source, Code::UnmappedOrg, Some(&name), message);
}

/// Adds what an org's rules left out to the totals.
pub(super) fn leave_out(org: &OrgCounts, index: &Index, totals: &mut [Totals]) {
    for left_out in &org.left_out {
        if let Some(place) = index.get(&key(&left_out.metric)) {
            add(&mut totals[*place].left_out, left_out.quantity);
        }
    }
}

/// An org that gets no row: its numbers go to the totals as left out, and are told.
pub(super) fn told_apart(
    source: &Source,
    org: &OrgCounts,
    reason: &str,
    index: &Index,
    totals: &mut [Totals],
    log: &mut Log,
) {
    // In column order; a product that no customer has is told behind them.
    let mut held: BTreeMap<(usize, String), Decimal> = BTreeMap::new();
    if let Counted::Each(values) = &org.counted {
        for (metric, outcome) in values.iter().filter(|(metric, _)| is_wanted(source, metric)) {
            let Outcome::Number(number) = outcome else { continue };
            let (label, place) = (metric.label(), index.get(&key(metric)));
            if let Some(place) = place {
                add(&mut totals[*place].left_out, *number);
            }
            add(held.entry((place.copied().unwrap_or(usize::MAX), label)).or_default(), *number);
        }
    }
    held.retain(|_, number| !number.is_zero());
    let name = display_name(&org.org);
    let excluded = reason == EXCLUDED;
    let code = if excluded { Code::Excluded } else { Code::LeftOut };
    // What nobody pays for is worth a warning; what the config leaves out on purpose is not.
    let level = if held.is_empty() || excluded { Level::Info } else { Level::Warning };
    let told: Vec<String> = held.iter().map(|((_, label), number)| format!("{label} {}", number.normalize())).collect();
    let held = match org.failure() {
        Some(failure) => format!("it could not be counted: {}", failure.message),
        None if told.is_empty() => "it holds nothing".to_owned(),
        None => format!("it holds {}", told.join(", ")),
    };
    log.say(level, source, code, Some(&name), format!("{name} gets no row ({reason}); {held}"));
}

/// Whether the config asks for a metric.
fn is_wanted(source: &Source, metric: &Metric) -> bool {
    source.metrics.iter().any(|wanted| match metric {
        Metric::Fixed(def) => wanted == def,
        Metric::Product(_, figure) => wanted.kind == MetricKind::Product(*figure),
    })
}

/// One line a reason: what the rules left out, over all orgs.
pub(super) fn tell_left_out(source: &Source, counts: &Counts, log: &mut Log) {
    let mut sums: BTreeMap<(&str, String), Decimal> = BTreeMap::new();
    for left_out in counts.orgs.iter().flat_map(|org| &org.left_out) {
        add(sums.entry((left_out.reason, left_out.metric.label())).or_default(), left_out.quantity);
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((reason, label), quantity) in sums {
        reasons.entry(reason).or_default().push(format!("{label} {}", quantity.normalize()));
    }
    for (reason, quantities) in reasons {
        log.say(Level::Info, source, Code::LeftOut, None, format!("left out ({reason}): {}", quantities.join(", ")));
    }
    let mut whole: Vec<(String, &str)> = counts
        .orgs
        .iter()
        .filter_map(|org| match org.counted {
            Counted::Whole(Outcome::LeftOut(reason)) => Some((display_name(&org.org), reason)),
            _ => None,
        })
        .collect();
    whole.sort();
    for (name, reason) in whole {
        log.say(Level::Info, source, Code::LeftOut, Some(&name), format!("{name} is left out: {reason}"));
    }
}

/// Sets the vendor's own totals beside ours.
pub(super) fn control_totals(
    source: &Source,
    counts: &Counts,
    columns: &[Column],
    index: &Index,
    totals: &mut [Totals],
    log: &mut Log,
) {
    let failed = counts.orgs.iter().any(|org| match &org.counted {
        Counted::Whole(outcome) => matches!(outcome, Outcome::Failed(_)),
        Counted::Each(values) => values.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_))),
    });
    for (metric, vendor) in &counts.vendor_totals {
        let Some(place) = index.get(&key(metric)) else { continue };
        let total = &mut totals[*place];
        total.vendor = Some(*vendor);
        let ours = total.counted.saturating_add(total.unmapped).saturating_add(total.left_out);
        let message = format!(
            "{}: the vendor states {}; rows {} + unmapped {} + left out {} = {}",
            columns[*place].title,
            vendor.normalize(),
            total.counted.normalize(),
            total.unmapped.normalize(),
            total.left_out.normalize(),
            ours.normalize()
        );
        let level = if ours == *vendor || failed { Level::Info } else { Level::Warning };
        log.say(level, source, Code::TotalDiffers, None, message);
        if let Some(last) = log.notices.last_mut().filter(|_| ours == *vendor) {
            last.code = None;
        }
    }
}

/// A total beyond what a decimal holds stays at the most it holds: the totals only tell, and nothing may panic.
fn add(total: &mut Decimal, number: Decimal) {
    *total = total.saturating_add(number);
}

pub(super) fn add_numbers(totals: &mut [Totals], cells: &[Cell], part: impl Fn(&mut Totals) -> &mut Decimal) {
    for (total, cell) in totals.iter_mut().zip(cells) {
        if let Some(number) = cell.number() {
            add(part(total), number);
        }
    }
}
