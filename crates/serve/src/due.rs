//! When a schedule is due. Pure: the clock is asked by those who call.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tallysheet_config::{MonthDay, Schedule, When};

/// A schedule is due within so many days, or never: the 29th of February of a year like 2100 is the longest wait.
const DAYS: usize = 8 * 366 + 2;

/// The first time after `after` at which a schedule is due.
///
/// A time that the day does not have, as the clocks go forward, is due when it would have come: 02:30 at 03:30. One that the
/// day has twice is due the first time. A cron expression that means "every so often" goes by the clock on the wall.
pub fn next_due(schedule: &Schedule, timezone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let when = &schedule.when;
    let (times, every) = times(when);
    // A time that was moved out of a gap may belong to the day before.
    let first = after.to_zoned_datetime(timezone.clone()).date().yesterday().ok()?;
    let days = std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(DAYS);
    days.filter(|date| falls_on(when, *date)).find_map(|date| {
        let instants = times.iter().flat_map(|time| instants(timezone, date, *time, every));
        instants.filter(|instant| *instant > after).min()
    })
}

/// The last time after `after`, up to and with `until`, at which a schedule was due.
pub fn last_due(schedule: &Schedule, timezone: &TimeZone, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
    // Looked for near the end first: a schedule that is due each minute may have been missed for months.
    for hours in [1, 24, 40 * 24, 400 * 24, i64::MAX] {
        let since = SignedDuration::try_from_hours(hours).and_then(|back| until.checked_sub(back).ok());
        let since = since.map_or(after, |since| since.max(after));
        let dues = std::iter::successors(next_due(schedule, timezone, since), |due| next_due(schedule, timezone, *due));
        if let Some(due) = dues.take_while(|due| *due <= until).last() {
            return Some(due);
        }
        if since == after {
            break;
        }
    }
    None
}

/// The times of a day, and whether they mean "every so often".
fn times(when: &When) -> (Vec<Time>, bool) {
    match when {
        When::Monthly(monthly) => (vec![monthly.at], false),
        When::Weekly(weekly) => (vec![weekly.at], false),
        When::Daily(daily) => (vec![daily.at], false),
        When::Cron(cron) => (cron.times(), cron.repeats()),
    }
}

fn falls_on(when: &When, date: Date) -> bool {
    match when {
        When::Monthly(monthly) => {
            let wanted = match monthly.day {
                MonthDay::Last => date.days_in_month(),
                MonthDay::Day(day) => day.cast_signed().min(date.days_in_month()),
            };
            date.day() == wanted
        }
        When::Weekly(weekly) => date.weekday() == weekly.day,
        When::Daily(_) => true,
        When::Cron(cron) => cron.falls_on(date),
    }
}

/// The moments at which the clock on the wall shows this.
fn instants(timezone: &TimeZone, date: Date, time: Time, every: bool) -> Vec<Timestamp> {
    let ambiguous = timezone.to_ambiguous_timestamp(date.to_datetime(time));
    let instants = match (ambiguous.offset(), every) {
        (AmbiguousOffset::Gap { .. }, true) => return Vec::new(),
        (AmbiguousOffset::Fold { .. }, true) => vec![ambiguous.earlier(), ambiguous.later()],
        _ => vec![ambiguous.compatible()],
    };
    instants.into_iter().flatten().collect()
}

/// When a schedule is due, in words.
pub fn words(when: &When) -> String {
    let at = |time: Time| time.strftime("%H:%M").to_string();
    match when {
        When::Monthly(monthly) => match monthly.day {
            MonthDay::Last => format!("on the last day of each month at {}", at(monthly.at)),
            MonthDay::Day(day) => format!("on day {day} of each month at {}", at(monthly.at)),
        },
        When::Weekly(weekly) => {
            let day = Date::constant(2026, 11, 1).saturating_add((weekly.day.to_sunday_zero_offset()).days());
            format!("each {} at {}", day.strftime("%A"), at(weekly.at))
        }
        When::Daily(daily) => format!("each day at {}", at(daily.at)),
        When::Cron(cron) => format!("by cron {}", cron.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, time};
    use tallysheet_config::{Daily, Monthly, Weekly};

    fn schedule(when: When) -> Schedule {
        Schedule { name: "a".into(), when, deliver: None }
    }

    fn daily(hour: i8, minute: i8) -> Schedule {
        schedule(When::Daily(Daily { at: time(hour, minute, 0, 0) }))
    }

    fn monthly(day: MonthDay) -> Schedule {
        schedule(When::Monthly(Monthly { day, at: time(18, 0, 0, 0) }))
    }

    fn cron(text: &str) -> Schedule {
        schedule(When::Cron(text.parse().unwrap()))
    }

    /// The next times after a moment, as the wall shows them, with the offset.
    fn dues(schedule: &Schedule, zone: &str, after: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let mut dues = Vec::new();
        for _ in 0..count {
            at = next_due(schedule, &zone, at).unwrap();
            dues.push(at.to_zoned_datetime(zone.clone()).strftime("%m-%d %H:%M%:z").to_string());
        }
        dues
    }

    #[test]
    fn days_of_a_month_fall_on_the_last_of_a_shorter_one() {
        let all = |day, after| dues(&monthly(day), "America/New_York", after, 4);
        let from = "2026-01-01T00:00:00Z";
        assert_eq!(
            all(MonthDay::Last, from),
            ["01-31 18:00-05:00", "02-28 18:00-05:00", "03-31 18:00-04:00", "04-30 18:00-04:00"]
        );
        assert_eq!(all(MonthDay::Day(31), from), all(MonthDay::Last, from));
        assert_eq!(all(MonthDay::Day(30), from)[..3], ["01-30 18:00-05:00", "02-28 18:00-05:00", "03-30 18:00-04:00"]);
        assert_eq!(all(MonthDay::Day(29), from)[..2], ["01-29 18:00-05:00", "02-28 18:00-05:00"]);
        assert_eq!(all(MonthDay::Day(29), "2028-02-01T00:00:00Z")[..2], ["02-29 18:00-05:00", "03-29 18:00-04:00"]);
        assert_eq!(all(MonthDay::Last, "2028-02-01T00:00:00Z")[..1], ["02-29 18:00-05:00"]);
        assert_eq!(all(MonthDay::Day(1), "2026-12-31T23:00:00Z")[..1], ["01-01 18:00-05:00"]);
        // Due exactly now is not after now.
        assert_eq!(all(MonthDay::Last, "2026-01-31T23:00:00Z")[..1], ["02-28 18:00-05:00"]);
        assert_eq!(all(MonthDay::Last, "2026-01-31T22:59:59Z")[..1], ["01-31 18:00-05:00"]);
    }

    #[test]
    fn an_hour_that_is_skipped_is_made_up_for_and_one_that_comes_twice_counts_once() {
        for (schedule, zone, after, expected) in [
            // Forward: 02:00 is 03:00.
            (daily(2, 30), "America/New_York", "2026-03-07T12:00:00Z", ["03-08 03:30-04:00", "03-09 02:30-04:00"]),
            (daily(2, 0), "Europe/Berlin", "2026-03-28T12:00:00Z", ["03-29 03:00+02:00", "03-30 02:00+02:00"]),
            (daily(3, 0), "America/New_York", "2026-03-07T12:00:00Z", ["03-08 03:00-04:00", "03-09 03:00-04:00"]),
            // Back: 02:00 is 01:00 again.
            (daily(1, 30), "America/New_York", "2026-10-31T12:00:00Z", ["11-01 01:30-04:00", "11-02 01:30-05:00"]),
            (daily(2, 30), "Europe/Berlin", "2026-10-24T12:00:00Z", ["10-25 02:30+02:00", "10-26 02:30+01:00"]),
            (daily(18, 0), "America/New_York", "2026-10-31T12:00:00Z", ["10-31 18:00-04:00", "11-01 18:00-05:00"]),
            // Half an hour only, and a change at midnight.
            (daily(2, 15), "Australia/Lord_Howe", "2026-10-03T00:00:00Z", ["10-04 02:45+11:00", "10-05 02:15+11:00"]),
            (daily(0, 30), "America/Havana", "2026-03-07T12:00:00Z", ["03-08 01:30-04:00", "03-09 00:30-04:00"]),
            (daily(0, 30), "America/Havana", "2026-10-31T12:00:00Z", ["11-01 00:30-04:00", "11-02 00:30-05:00"]),
            (
                cron("30 2 * * *"),
                "America/New_York",
                "2026-03-07T12:00:00Z",
                ["03-08 03:30-04:00", "03-09 02:30-04:00"],
            ),
            (
                cron("30 1 * * *"),
                "America/New_York",
                "2026-10-31T12:00:00Z",
                ["11-01 01:30-04:00", "11-02 01:30-05:00"],
            ),
        ] {
            assert_eq!(dues(&schedule, zone, after, 2), expected, "{:?} in {zone}", schedule.when);
        }
    }

    #[test]
    fn what_is_due_every_so_often_goes_by_the_clock() {
        let half_hours = cron("*/30 * * * *");
        assert_eq!(
            dues(&half_hours, "America/New_York", "2026-03-08T06:15:00Z", 3),
            ["03-08 01:30-05:00", "03-08 03:00-04:00", "03-08 03:30-04:00"]
        );
        assert_eq!(
            dues(&half_hours, "America/New_York", "2026-11-01T05:00:00Z", 5),
            ["11-01 01:30-04:00", "11-01 01:00-05:00", "11-01 01:30-05:00", "11-01 02:00-05:00", "11-01 02:30-05:00"]
        );
    }

    #[test]
    fn weeks_and_cron_expressions_are_due_on_their_days() {
        let monday = schedule(When::Weekly(Weekly { day: Weekday::Monday, at: time(6, 0, 0, 0) }));
        assert_eq!(dues(&monday, "UTC", "2026-11-02T06:00:00Z", 2), ["11-09 06:00+00:00", "11-16 06:00+00:00"]);
        assert_eq!(words(&monday.when), "each Monday at 06:00");
        assert_eq!(
            dues(&cron("0 6 1 * *"), "UTC", "2026-11-02T06:00:00Z", 2),
            ["12-01 06:00+00:00", "01-01 06:00+00:00"]
        );
        assert_eq!(
            dues(&cron("0 0 29 2 *"), "UTC", "2026-11-02T06:00:00Z", 2),
            ["02-29 00:00+00:00", "02-29 00:00+00:00"]
        );
    }

    #[test]
    fn of_what_was_missed_the_newest_counts() {
        let last = |schedule: &Schedule, after: &str, until: &str| {
            last_due(schedule, &TimeZone::UTC, after.parse().unwrap(), until.parse().unwrap())
                .map(|due| due.to_string())
        };
        let at_six = daily(6, 0);
        assert_eq!(last(&at_six, "2026-11-01T06:00:00Z", "2026-11-02T05:59:59Z"), None);
        assert_eq!(last(&at_six, "2026-11-01T06:00:00Z", "2026-11-02T06:00:00Z").unwrap(), "2026-11-02T06:00:00Z");
        assert_eq!(last(&at_six, "2026-11-01T06:00:00Z", "2026-11-09T05:00:00Z").unwrap(), "2026-11-08T06:00:00Z");
        let each_minute = cron("* * * * *");
        assert_eq!(last(&each_minute, "2020-01-01T00:00:00Z", "2026-11-09T05:00:30Z").unwrap(), "2026-11-09T05:00:00Z");
        let leap = cron("0 0 29 2 *");
        assert_eq!(last(&leap, "2020-01-01T00:00:00Z", "2026-11-09T05:00:30Z").unwrap(), "2024-02-29T00:00:00Z");
        assert_eq!(last(&leap, "2025-01-01T00:00:00Z", "2026-11-09T05:00:30Z"), None);
        // The clock was put back.
        assert_eq!(last(&at_six, "2026-11-05T06:00:00Z", "2026-11-02T06:00:00Z"), None);
    }
}
