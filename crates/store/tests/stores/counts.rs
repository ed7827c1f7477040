//! Counts that outlive their runs: written when they change, read by day, believed or not.

use crate::{Home, time};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tallysheet_core::Decimal;
use tallysheet_core::history::{Entry, Kept, Place, PlaceColumn, PlaceRow, State};
use tallysheet_store::{AnswerOf, SnapshotOf, Store};

fn place(company: &str, integration: &str, metric: &str) -> Place {
    Place {
        row: PlaceRow { company: company.into(), key: company.to_lowercase(), unmapped: false }.into(),
        column: PlaceColumn {
            integration: integration.into(),
            metric: metric.into(),
            title: format!("{integration}: {metric}"),
            unit: "devices".into(),
        }
        .into(),
    }
}

fn counted(value: i64) -> Entry {
    Entry { state: State::Counted, value: Some(value.into()), good: true }
}

fn implausible(value: i64) -> Entry {
    Entry { good: false, ..counted(value) }
}

const FAILED: Entry = Entry { state: State::Failed, value: None, good: true };
const NOT_MAPPED: Entry = Entry { state: State::NotMapped, value: None, good: true };

/// A run with counts of `Birch` at `rmm`.
fn birch<'a>(run_id: &'a str, at: &str, devices: Entry) -> SnapshotOf<'a> {
    SnapshotOf {
        run_id,
        at: time(at),
        answers: rmm(12, vec![(place("Birch", "rmm", "Devices"), devices)]),
        gone: BTreeSet::new(),
        fewer: BTreeSet::new(),
    }
}

fn rmm(orgs: usize, counts: Vec<(Place, Entry)>) -> BTreeMap<String, AnswerOf> {
    BTreeMap::from([("rmm".to_owned(), AnswerOf { orgs, counts })])
}

async fn kept(store: &dyn Store) -> Kept {
    store.counts(Timestamp::MIN, Timestamp::MAX).await.unwrap()
}

/// `2026-11-01 5`, a line a day.
async fn days(store: &dyn Store) -> Vec<String> {
    let of_each = kept(store).await.by_day(&TimeZone::UTC);
    let told = of_each.iter().flat_map(|days| &days.days).map(|day| {
        let doubt = if day.entry.good { "" } else { "?" };
        match day.entry.value {
            Some(value) => format!("{} {value}{doubt}", day.date),
            None => format!("{} {}{doubt}", day.date, day.entry.state.as_str()),
        }
    });
    told.collect()
}

async fn last_good(store: &dyn Store) -> Option<(Decimal, String)> {
    let baseline = store.baseline(&BTreeSet::from(["rmm".to_owned()])).await.unwrap();
    baseline.counts.first().map(|good| (good.value, good.at.to_string()))
}

pub(crate) async fn what_stays_is_written_once_and_read_every_day(home: Home) {
    let store = home.open().await;
    for (run, at, devices) in [
        ("r1", "2026-11-01T06:00:00Z", counted(5)),
        ("r2", "2026-11-02T06:00:00Z", counted(5)),
        ("r3", "2026-11-03T06:00:00Z", FAILED),
        ("r4", "2026-11-04T06:00:00Z", counted(5)),
    ] {
        store.keep_counts(&birch(run, at, devices)).await.unwrap();
    }
    // The integration did not answer at all: the day is not known.
    let silent = SnapshotOf { answers: BTreeMap::new(), ..birch("r5", "2026-11-05T06:00:00Z", FAILED) };
    store.keep_counts(&silent).await.unwrap();
    let gone = SnapshotOf { answers: rmm(12, Vec::new()), ..birch("r6", "2026-11-06T06:00:00Z", FAILED) };
    store.keep_counts(&gone).await.unwrap();
    let rows = kept(&*store).await.series.iter().map(|(_, entries)| entries.len()).sum::<usize>();
    assert_eq!(rows, 4, "5, failed, 5, gone");
    let expected = ["2026-11-01 5", "2026-11-02 5", "2026-11-03 failed", "2026-11-04 5", "2026-11-06 gone"];
    assert_eq!(days(&*store).await, expected);
}

pub(crate) async fn the_last_run_of_a_day_stands_for_it_and_a_failure_undoes_no_count(home: Home) {
    let store = home.open().await;
    for (run, at, devices) in [
        ("r1", "2026-11-01T06:00:00Z", counted(5)),
        ("r2", "2026-11-01T18:00:00Z", counted(7)),
        ("r3", "2026-11-01T20:00:00Z", FAILED),
        ("r4", "2026-11-02T03:30:00Z", counted(8)),
    ] {
        store.keep_counts(&birch(run, at, devices)).await.unwrap();
    }
    store.keep_counts(&birch("r4", "2026-11-02T03:30:00Z", counted(99))).await.unwrap();
    assert_eq!(days(&*store).await, ["2026-11-01 7", "2026-11-02 8"], "and the same run again changes nothing");
    let new_york = TimeZone::get("America/New_York").unwrap();
    let there = kept(&*store).await.by_day(&new_york);
    let told: Vec<_> = there[0].days.iter().map(|day| (day.date.to_string(), day.entry.value)).collect();
    assert_eq!(told, [("2026-11-01".to_owned(), Some(8.into()))], "03:30 in London is the evening before in New York");
}

pub(crate) async fn what_is_not_believed_is_no_last_good_count_until_it_is_accepted(home: Home) {
    let store = home.open().await;
    let keep = |run: &'static str, at: &'static str, devices| {
        let store = &*store;
        async move { store.keep_counts(&birch(run, at, devices)).await.unwrap() }
    };
    assert_eq!(last_good(&*store).await, None);
    keep("r1", "2026-11-01T06:00:00Z", counted(14)).await;
    keep("r2", "2026-11-02T06:00:00Z", counted(14)).await;
    keep("r3", "2026-11-03T06:00:00Z", FAILED).await;
    keep("r4", "2026-11-04T06:00:00Z", implausible(0)).await;
    keep("r5", "2026-11-05T06:00:00Z", implausible(0)).await;
    let good = Some((14.into(), "2026-11-02T06:00:00Z".to_owned()));
    assert_eq!(last_good(&*store).await, good, "neither the failure nor the fall");
    let none = store.accept("r5", Some(&["Quarry".to_owned()])).await.unwrap().unwrap();
    assert!(none.is_empty());
    assert_eq!(last_good(&*store).await, good);
    assert_eq!(store.accept("r0", None).await.unwrap(), None, "an unknown run");
    let accepted = store.accept("r5", Some(&["birch".to_owned()])).await.unwrap().unwrap();
    assert_eq!((accepted.len(), accepted[0].value), (1, Some(0.into())));
    assert_eq!(last_good(&*store).await, Some((0.into(), "2026-11-05T06:00:00Z".to_owned())));
    assert!(store.accept("r5", None).await.unwrap().unwrap().is_empty(), "once is enough");
    keep("r6", "2026-11-06T06:00:00Z", NOT_MAPPED).await;
    assert_eq!(last_good(&*store).await, None, "a blank that is believed is compared with nothing");
}

pub(crate) async fn rows_that_are_gone_and_too_few_orgs_are_accepted_too(home: Home) {
    let store = home.open().await;
    store.keep_counts(&birch("r1", "2026-11-01T06:00:00Z", counted(14))).await.unwrap();
    let gone = SnapshotOf {
        answers: rmm(2, Vec::new()),
        gone: BTreeSet::from([("birch".to_owned(), "rmm".to_owned())]),
        fewer: BTreeSet::from(["rmm".to_owned()]),
        ..birch("r2", "2026-11-02T06:00:00Z", FAILED)
    };
    store.keep_counts(&gone).await.unwrap();
    let orgs = || async { store.baseline(&BTreeSet::from(["rmm".to_owned()])).await.unwrap().orgs["rmm"].0 };
    assert_eq!((last_good(&*store).await.unwrap().0, orgs().await), (14.into(), 12));
    let accepted = store.accept("r2", None).await.unwrap().unwrap();
    let told: Vec<_> = accepted.iter().map(|one| (one.company.as_deref(), one.column.as_str(), one.value)).collect();
    assert_eq!(told, [(Some("Birch"), "rmm: Devices", None), (None, "rmm", Some(2.into()))]);
    assert_eq!((last_good(&*store).await, orgs().await), (None, 2));
}

pub(crate) async fn old_counts_go_and_what_is_needed_stays(home: Home) {
    let store = home.open().await;
    for (run, at, devices) in [
        ("r1", "2024-11-01T06:00:00Z", counted(5)),
        ("r2", "2024-11-02T06:00:00Z", counted(9)),
        ("r3", "2024-11-03T06:00:00Z", implausible(0)),
        ("r4", "2026-11-04T06:00:00Z", implausible(0)),
    ] {
        store.keep_counts(&birch(run, at, devices)).await.unwrap();
    }
    store.forget(None, Some(time("2026-01-01T00:00:00Z"))).await.unwrap();
    assert_eq!(days(&*store).await, ["2026-11-04 0?"]);
    let entries: Vec<_> = kept(&*store).await.series[0].1.iter().map(|(_, entry)| entry.value).collect();
    assert_eq!(entries, [Some(9.into()), Some(0.into())], "the last good one stays, however old");
    assert_eq!(last_good(&*store).await.unwrap().0, 9.into());
}

pub(crate) async fn names_are_those_of_today(home: Home) {
    let store = home.open().await;
    store.keep_counts(&birch("r1", "2026-11-01T06:00:00Z", counted(5))).await.unwrap();
    let mut renamed = birch("r2", "2026-11-02T06:00:00Z", counted(5));
    for (place, _) in &mut renamed.answers.get_mut("rmm").unwrap().counts {
        Arc::make_mut(&mut place.row).company = "Birch Dental Ltd".into();
        Arc::make_mut(&mut place.column).title = "RMM: Devices".into();
    }
    store.keep_counts(&renamed).await.unwrap();
    let kept = kept(&*store).await;
    assert_eq!(kept.series.len(), 1);
    let place = &kept.series[0].0;
    assert_eq!((place.row.company.as_str(), place.column.title.as_str()), ("Birch Dental Ltd", "RMM: Devices"));
}

/// A year of daily runs of 200 companies with 60 columns, of which two in a hundred move each day.
/// `cargo test -p tallysheet-store --test stores -- --ignored --nocapture`
pub(crate) async fn a_year_stays_small_and_quick(home: Home) {
    let store = home.open().await;
    let vendors: BTreeSet<String> = (0..12).map(|number| format!("vendor-{number}")).collect();
    let start = time("2026-01-01T06:00:00Z");
    for day in 0..365_i64 {
        let counts = |vendor: &String, columns: Range<i64>| {
            let cells = columns.flat_map(|column| (0..200_i64).map(move |company| (column, company)));
            let count = |(column, company)| {
                let company_name = format!("Company {company:03} with a usual name");
                let place = place(&company_name, vendor, &format!("Metric {column}"));
                (place, counted(100 + (day + company * 7 + column * 13) / 50))
            };
            AnswerOf { orgs: 200, counts: cells.map(count).collect() }
        };
        let answers = vendors
            .iter()
            .zip(0_i64..)
            .map(|(vendor, number)| (vendor.clone(), counts(vendor, number * 5..number * 5 + 5)));
        let id = format!("r{day}");
        let at = start + Duration::from_hours(24 * u64::try_from(day).unwrap());
        let of =
            SnapshotOf { run_id: &id, at, answers: answers.collect(), gone: BTreeSet::new(), fewer: BTreeSet::new() };
        store.keep_counts(&of).await.unwrap();
    }
    let began = Instant::now();
    let baseline = store.baseline(&vendors).await.unwrap();
    let compared = began.elapsed();
    let began = Instant::now();
    let kept = kept(&*store).await;
    let read = began.elapsed();
    let days = kept.by_day(&TimeZone::UTC);
    let size = home.size();
    eprintln!("{size:?} bytes; baseline {compared:?}, read {read:?}, by day {:?}", began.elapsed());
    assert_eq!((baseline.counts.len(), days.len(), days[0].days.len()), (12_000, 12_000, 365));
    assert!(size.is_none_or(|size| size < 20_000_000), "{size:?}");
}

/// Each is written as what differs from the one before it, so there must be one before it.
pub(crate) async fn two_processes_count_at_once(home: Home) {
    let (one, two) = (home.open().await, home.open().await);
    for number in 0..20_i64 {
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        let at = format!("2026-11-{:02}T06:00:00Z", number + 1);
        let (odd, even) = (birch(&a, &at, counted(1)), birch(&b, &at, counted(2)));
        let (one, two) = tokio::join!(one.keep_counts(&odd), two.keep_counts(&even));
        one.and(two).unwrap();
    }
    let kept = kept(&*one).await;
    let entries = &kept.series[0].1;
    assert!(entries.windows(2).all(|two| two[0].1 != two[1].1 && two[0].0 < two[1].0), "{entries:?}");
    assert_eq!(kept.snapshots.len(), 40);
}
