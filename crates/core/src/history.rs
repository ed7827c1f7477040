//! Counts that are kept: each as the runs in which it became another one. Pure; where they are kept is not known here.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of a kept count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is a number.
    Counted,
    /// No listed org was this company.
    NotMapped,
    /// No customer, or without the counted thing.
    NotApplicable,
    /// A rule left it out.
    LeftOut,
    /// It could not be counted: not known.
    Failed,
    /// Its row or its column is there no more.
    Gone,
}

impl State {
    /// Every state there is.
    pub const ALL: [Self; 6] =
        [Self::Counted, Self::NotMapped, Self::NotApplicable, Self::LeftOut, Self::Failed, Self::Gone];

    /// Whether it says something: a failure says nothing.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Failed)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::NotMapped => "not-mapped",
            Self::NotApplicable => "not-applicable",
            Self::LeftOut => "left-out",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

/// What one run had at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its state.
    pub state: State,
    /// The number, where it was counted.
    pub value: Option<Decimal>,
    /// Whether it was believed: not implausible, or accepted.
    pub good: bool,
}

/// Which count it is: where a row and a column meet. There are as many as a sheet has cells, so they share both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The row.
    pub row: Arc<PlaceRow>,
    /// The column.
    pub column: Arc<PlaceColumn>,
}

/// The row of a kept count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlaceRow {
    /// Its name.
    pub company: String,
    /// Its key.
    pub key: String,
    /// Whether it is a vendor org without a company.
    pub unmapped: bool,
}

/// The column of a kept count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlaceColumn {
    /// The integration's name.
    pub integration: String,
    /// Its name behind the title.
    pub metric: String,
    /// Its title.
    pub title: String,
    /// What one of it is.
    pub unit: String,
}

/// A run whose counts are kept. The numbers grow with time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number.
    pub number: i64,
    /// When the run began.
    pub at: Timestamp,
}

/// Kept counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The runs, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// In which of them each integration answered.
    pub answered: BTreeMap<String, BTreeSet<i64>>,
    /// Each count, with the runs from which on it was so. Between them, and after the last one, it stayed.
    pub series: Vec<(Place, Vec<(i64, Entry)>)>,
}

/// What one day had at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayEntry {
    /// The day.
    pub date: Date,
    /// What its last run had that could count it; failed where none could.
    pub entry: Entry,
}

/// A count day by day. A day on which the integration did not answer is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Which count.
    pub place: Place,
    /// The days, in order.
    pub days: Vec<DayEntry>,
}

impl Kept {
    /// The days on which an integration answered.
    pub fn days_of(&self, integration: &str, timezone: &TimeZone) -> BTreeSet<Date> {
        let Some(answered) = self.answered.get(integration) else { return BTreeSet::new() };
        let here = self.snapshots.iter().filter(|snapshot| answered.contains(&snapshot.number));
        here.map(|snapshot| day(snapshot.at, timezone)).collect()
    }

    /// Each count day by day, in a time zone. Of several runs on a day the last one counts that could count it: a
    /// failure undoes no count.
    pub fn by_day(&self, timezone: &TimeZone) -> Vec<Days> {
        let dates: BTreeMap<i64, Date> =
            self.snapshots.iter().map(|snapshot| (snapshot.number, day(snapshot.at, timezone))).collect();
        let none = BTreeSet::new();
        let of_each = self.series.iter().map(|(place, entries)| {
            let mut days: Vec<DayEntry> = Vec::new();
            let mut next = 0;
            for number in self.answered.get(&place.column.integration).unwrap_or(&none) {
                while entries.get(next).is_some_and(|(from, _)| from <= number) {
                    next += 1;
                }
                let Some((date, entry)) = dates.get(number).zip(next.checked_sub(1).map(|at| entries[at].1)) else {
                    continue;
                };
                // Runs come in the order of time, but for clocks that are set back: the search ends at once.
                let place = days.iter().rposition(|day| day.date <= *date);
                match place.map(|at| (at, &mut days[at])) {
                    Some((_, day)) if day.date == *date => {
                        if entry.state != State::Failed || day.entry.state == State::Failed {
                            day.entry = entry;
                        }
                    }
                    found => {
                        let at = found.map_or(0, |(at, _)| at + 1);
                        days.insert(at, DayEntry { date: *date, entry });
                    }
                }
            }
            Days { place: place.clone(), days }
        });
        of_each.collect()
    }
}

/// The day of a point in time.
pub fn day(at: Timestamp, timezone: &TimeZone) -> Date {
    at.to_zoned_datetime(timezone.clone()).date()
}
