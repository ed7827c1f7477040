//! A month's figure by each rule, with holes in the month.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::civil::{Date, date};
use std::collections::BTreeSet;
use tallysheet_core::history::{DayEntry, Entry, State};
use tallysheet_core::month::{Figure, Month, Rule, figure, ranges};

fn november() -> Month {
    Month::of(date(2026, 11, 1), date(2026, 12, 3)).unwrap()
}

fn entry(day: i8, state: State, value: Option<&str>, good: bool) -> DayEntry {
    let value = value.map(|value| value.parse().unwrap());
    DayEntry { date: date(2026, 11, day), entry: Entry { state, value, good } }
}

fn counted(day: i8, value: &str) -> DayEntry {
    entry(day, State::Counted, Some(value), true)
}

fn told(figure: &Figure) -> String {
    let value = figure.value.map_or("-".to_owned(), |value| value.to_string());
    let of = figure.of.map_or("-".to_owned(), |(first, last)| format!("{}-{}", first.day(), last.day()));
    format!("{value} {of} {} {}", figure.days, figure.remarks.join("; "))
}

fn days(of: impl IntoIterator<Item = i8>) -> BTreeSet<Date> {
    of.into_iter().map(|day| date(2026, 11, day)).collect()
}

#[test]
fn each_rule_says_what_it_is_made_of() {
    let entries = [
        counted(1, "10"),
        counted(2, "12"),
        entry(3, State::Failed, None, true),
        counted(4, "11"),
        entry(5, State::Counted, Some("2"), false),
        counted(28, "12"),
    ];
    let snapshots = days([1, 2, 3, 4, 5, 28, 29]);
    for (rule, expected) in [
        (Rule::Last, "12 28-28 5 no snapshot on 2026-11-30: 2026-11-28 stands in"),
        (Rule::Day(31), "12 28-28 5 no snapshot on 2026-11-30: 2026-11-28 stands in"),
        (Rule::Day(29), "12 28-28 5 not counted on 2026-11-29: 2026-11-28 stands in"),
        (Rule::Day(3), "12 2-2 5 not counted on 2026-11-03: 2026-11-02 stands in"),
        (Rule::Day(5), "2 5-5 5 implausible on 2026-11-05"),
        (Rule::Day(2), "12 2-2 5 "),
        (
            Rule::Average,
            "9.4 1-28 5 no snapshot on 2026-11-06 to 2026-11-27, 2026-11-30; failed on 2026-11-03; implausible on 2026-11-05",
        ),
        (
            Rule::Peak,
            "12 2-2 5 no snapshot on 2026-11-06 to 2026-11-27, 2026-11-30; failed on 2026-11-03; implausible on 2026-11-05",
        ),
    ] {
        assert_eq!(told(&figure(rule, november(), &snapshots, &entries)), expected, "{rule:?}");
    }
}

#[test]
fn a_blank_last_day_is_blank_and_never_an_older_number() {
    let entries = [counted(29, "10"), entry(30, State::NotMapped, None, true)];
    let snapshots = days([29, 30]);
    assert_eq!(told(&figure(Rule::Last, november(), &snapshots, &entries)), "- 30-30 1 no count on 2026-11-30");
    let none = figure(Rule::Last, november(), &snapshots, &[]);
    assert_eq!(told(&none), "- - 0 not counted on 2026-11-30, nor earlier in the month");
    let average = figure(Rule::Average, november(), &days(1..=30), &entries);
    assert_eq!(told(&average), "10 29-29 1 no count on 2026-11-30", "a blank day is no zero");
}

#[test]
fn an_average_is_exact_but_for_one_rounding() {
    let average = |values: &[&str]| {
        let entries: Vec<_> = (1..).zip(values).map(|(day, value)| counted(day, value)).collect();
        figure(Rule::Average, november(), &days(1..=30), &entries).value.map(|value| value.to_string())
    };
    assert_eq!(average(&["1", "2", "2"]).unwrap(), "1.6667");
    assert_eq!(average(&["0.1", "0.2"]).unwrap(), "0.15");
    assert_eq!(average(&["0.0001", "0"]).unwrap(), "0.0001", "halves go up");
    assert_eq!(average(&["7", "7"]).unwrap(), "7");
    assert_eq!(average(&[]), None);
}

#[test]
fn a_month_that_lasts_says_so() {
    let month = Month::of(date(2026, 11, 1), date(2026, 11, 10)).unwrap();
    assert!(!month.complete() && november().complete());
    let snapshots = days(1..=10);
    let entries: Vec<_> = (1..=10).map(|day| counted(day, "3")).collect();
    assert_eq!(told(&figure(Rule::Last, month, &snapshots, &entries)), "3 10-10 10 the month is not over");
    assert_eq!(told(&figure(Rule::Day(19), month, &snapshots, &entries)), "- - 0 2026-11-19 has not come yet");
    assert_eq!(Month::of(date(2026, 12, 1), date(2026, 11, 30)), None);
    let february = Month::of(date(2028, 2, 1), date(2028, 3, 1)).unwrap();
    assert_eq!(february.days().count(), 29);
}

#[test]
fn the_usual_rule_is_the_vendors_own() {
    assert_eq!(Rule::usual("auvik"), Rule::Average);
    assert_eq!(Rule::usual("huntress"), Rule::Last);
    assert_eq!(ranges(&[date(2026, 11, 30), date(2026, 12, 1)]), "2026-11-30 to 2026-12-01");
}
