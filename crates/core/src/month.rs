//! A month's figure by the vendor's own rule, from the counts of its days. Pure, and nothing is estimated.

use crate::history::{DayEntry, Kept, Place, State};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::{BTreeMap, BTreeSet};

/// How many decimals an average has.
pub const DECIMALS: u32 = 4;

/// Which figure of a month is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// That of a day; of a shorter month its last.
    Day(i8),
    /// That of the last day.
    Last,
    /// The average of the days that have one.
    Average,
    /// The highest.
    Peak,
}

impl Rule {
    /// How the vendor itself bills, where it says so; the last day elsewhere. The one table of such rules.
    pub fn usual(kind: &str) -> Self {
        match kind {
            // Billed is the average number of billable devices a day.
            "auvik" => Self::Average,
            // "huntress": billed are the agents that are there on the last day of the cycle, which is the usual rule.
            _ => Self::Last,
        }
    }

    /// As a report says it.
    pub fn label(self) -> String {
        match self {
            Self::Day(day) => format!("day {day}"),
            Self::Last => "last day".to_owned(),
            Self::Average => "average".to_owned(),
            Self::Peak => "peak".to_owned(),
        }
    }
}

/// A month, as far as it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: Date,
    /// The last of its days that can have a count: its last, or today.
    pub until: Date,
}

impl Month {
    /// The month of this first day, seen from `today`. `None` where it has not begun.
    pub fn of(first: Date, today: Date) -> Option<Self> {
        let first = first.first_of_month();
        (first <= today).then(|| Self { first, until: first.last_of_month().min(today) })
    }

    /// Whether it is over.
    pub fn complete(self) -> bool {
        self.until == self.first.last_of_month()
    }

    /// The days that can have a count.
    pub fn days(self) -> impl Iterator<Item = Date> {
        self.first.series(jiff::Span::new().days(1)).take_while(move |day| *day <= self.until)
    }

    /// Those that are not among `there`.
    pub fn missing(self, there: &BTreeSet<Date>) -> Vec<Date> {
        self.days().filter(|day| !there.contains(day)).collect()
    }
}

/// The figure of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure {
    /// The number; `None` where there is none.
    pub value: Option<Decimal>,
    /// The first and the last day whose counts are in it.
    pub of: Option<(Date, Date)>,
    /// How many days of the month have a count.
    pub days: usize,
    /// What must be known of it.
    pub remarks: Vec<String>,
}

/// The figure of a count. `entries` are its days, `snapshots` those on which the integration answered.
pub fn figure(rule: Rule, month: Month, snapshots: &BTreeSet<Date>, entries: &[DayEntry]) -> Figure {
    let entries: Vec<&DayEntry> =
        entries.iter().filter(|day| (month.first..=month.until).contains(&day.date)).collect();
    let counted: Vec<(Date, Decimal)> = entries.iter().filter_map(|day| Some((day.date, day.entry.value?))).collect();
    let mut figure = match rule {
        Rule::Last => of_day(month.until, snapshots, &entries),
        Rule::Day(day) => {
            let last = month.first.last_of_month();
            let wanted = month.first.with().day(day.clamp(1, last.day())).build().unwrap_or(last);
            if wanted > month.until {
                return Figure { remarks: vec![format!("{wanted} has not come yet")], ..Figure::default() };
            }
            of_day(wanted, snapshots, &entries)
        }
        Rule::Average => Figure { value: average(&counted), of: span(&counted), ..missing(month, snapshots) },
        Rule::Peak => {
            // The first of several such days.
            let peak = counted.iter().rev().max_by_key(|(_, value)| *value);
            Figure {
                value: peak.map(|(_, value)| *value),
                of: peak.map(|(date, _)| (*date, *date)),
                ..missing(month, snapshots)
            }
        }
    };
    figure.days = counted.len();
    let in_it = |day: &&&DayEntry| match (rule, figure.of) {
        (Rule::Average | Rule::Peak, _) => true,
        (_, of) => of.is_some_and(|(first, last)| (first..=last).contains(&day.date)),
    };
    let on = |which: &dyn Fn(&DayEntry) -> bool| -> Vec<Date> {
        entries.iter().filter(in_it).filter(|day| which(day)).map(|day| day.date).collect()
    };
    let failed = on(&|day| day.entry.state == State::Failed);
    let blank = on(&|day| !matches!(day.entry.state, State::Failed | State::Counted));
    let doubtful = on(&|day| day.entry.value.is_some() && !day.entry.good);
    for (what, days) in [("failed on", failed), ("no count on", blank), ("implausible on", doubtful)] {
        if !days.is_empty() {
            figure.remarks.push(format!("{what} {}", ranges(&days)));
        }
    }
    if !month.complete() && !matches!(rule, Rule::Day(_)) {
        figure.remarks.push("the month is not over".to_owned());
    }
    figure
}

/// The count of a day, or of the nearest earlier one of the month that is known.
fn of_day(wanted: Date, snapshots: &BTreeSet<Date>, entries: &[&DayEntry]) -> Figure {
    let known = entries.iter().rev().find(|day| day.date <= wanted && day.entry.state != State::Failed);
    let remark = (known.is_none_or(|day| day.date < wanted)).then(|| {
        let why = if snapshots.contains(&wanted) { "not counted on" } else { "no snapshot on" };
        match known {
            Some(day) => format!("{why} {wanted}: {} stands in", day.date),
            None => format!("{why} {wanted}, nor earlier in the month"),
        }
    });
    Figure {
        value: known.and_then(|day| day.entry.value),
        of: known.map(|day| (day.date, day.date)),
        days: 0,
        remarks: remark.into_iter().collect(),
    }
}

fn missing(month: Month, snapshots: &BTreeSet<Date>) -> Figure {
    let missing = month.missing(snapshots);
    let remark = (!missing.is_empty()).then(|| format!("no snapshot on {}", ranges(&missing)));
    Figure { remarks: remark.into_iter().collect(), ..Figure::default() }
}

/// Exact but for the division, which is rounded once; halves go up.
fn average(counted: &[(Date, Decimal)]) -> Option<Decimal> {
    let sum: Decimal = counted.iter().map(|(_, value)| value).sum();
    let average = sum.checked_div(Decimal::from(counted.len()))?;
    Some(average.round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero).normalize())
}

fn span(counted: &[(Date, Decimal)]) -> Option<(Date, Date)> {
    Some((counted.first()?.0, counted.last()?.0))
}

/// `2026-11-03, 2026-11-07 to 2026-11-09`.
pub fn ranges(days: &[Date]) -> String {
    let groups = days.chunk_by(|a, b| a.tomorrow().is_ok_and(|next| next == *b));
    let told = groups.map(|group| match group {
        [first, .., last] => format!("{first} to {last}"),
        _ => group[0].to_string(),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The figures of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which month.
    pub month: Month,
    /// Each integration with its rule, and the days on which it did not answer.
    pub integrations: Vec<(String, Rule, Vec<Date>)>,
    /// A line for each count that was one on any day of the month.
    pub lines: Vec<Line>,
}

/// The figure of one count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which count.
    pub place: Place,
    /// By which rule.
    pub rule: Rule,
    /// The figure.
    pub figure: Figure,
}

/// The figures of a month from what is kept, of the integrations that have a rule.
pub fn report(kept: &Kept, rules: &BTreeMap<String, Rule>, month: Month, timezone: &TimeZone) -> Report {
    let snapshots: BTreeMap<&str, BTreeSet<Date>> =
        rules.keys().map(|name| (name.as_str(), kept.days_of(name, timezone))).collect();
    let here = |day: &DayEntry| (month.first..=month.until).contains(&day.date) && day.entry.value.is_some();
    let lines = kept.by_day(timezone).into_iter().filter(|days| days.days.iter().any(here)).filter_map(|days| {
        let rule = *rules.get(&days.place.column.integration)?;
        let figure = figure(rule, month, snapshots.get(days.place.column.integration.as_str())?, &days.days);
        Some(Line { place: days.place, rule, figure })
    });
    let lines = lines.collect();
    let integrations = rules.iter().filter(|(name, _)| kept.answered.contains_key(*name));
    Report {
        month,
        integrations: integrations
            .map(|(name, rule)| (name.clone(), *rule, month.missing(&snapshots[name.as_str()])))
            .collect(),
        lines,
    }
}
