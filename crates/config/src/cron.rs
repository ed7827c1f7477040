//! Cron expressions of five fields. Written here, as the crates for them bring another version of the time library.

use jiff::civil::{Date, Time};
use std::str::FromStr;

/// A cron expression: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

/// The numbers that one field allows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// In order, each once.
    values: Vec<u8>,
    /// Whether it allows all.
    any: bool,
    /// Whether it is `*` or has a step: it means "every so often", not "at this time".
    repeats: bool,
}

/// What a field is called, its range, and its words, the first of which stands for the least number.
struct Kind(&'static str, u8, u8, &'static [&'static str]);

const MINUTE: Kind = Kind("minute", 0, 59, &[]);
const HOUR: Kind = Kind("hour", 0, 23, &[]);
const DAY: Kind = Kind("day of the month", 1, 31, &[]);
const MONTH: Kind =
    Kind("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]);
/// Sunday is 0 or 7.
const WEEKDAY: Kind = Kind("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err("a cron expression has five fields, such as \"0 6 1 * *\"".to_owned());
        };
        let mut weekday = field(weekday, &WEEKDAY)?;
        for value in &mut weekday.values {
            *value %= 7;
        }
        weekday.values.sort_unstable();
        weekday.values.dedup();
        let cron = Self {
            text: fields.join(" "),
            minute: field(minute, &MINUTE)?,
            hour: field(hour, &HOUR)?,
            day: field(day, &DAY)?,
            month: field(month, &MONTH)?,
            weekday,
        };
        // With days of the week there is always one; else some month must have such a day.
        let longest = |month: u8| [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(month) - 1];
        let has_day = cron.month.values.iter().any(|month| cron.day.values[0] <= longest(*month));
        if cron.weekday.any && !has_day {
            return Err("this cron expression is never due: its months have no such day".to_owned());
        }
        Ok(cron)
    }
}

impl Cron {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is due on this day. Where both kinds of days are limited, either will do, as in every cron.
    pub fn falls_on(&self, date: Date) -> bool {
        let has = |field: &Field, value: i8| u8::try_from(value).is_ok_and(|value| field.values.contains(&value));
        let of_month = has(&self.day, date.day());
        let of_week = has(&self.weekday, date.weekday().to_sunday_zero_offset());
        let day = match (self.day.any, self.weekday.any) {
            (false, false) => of_month || of_week,
            _ => of_month && of_week,
        };
        has(&self.month, date.month()) && day
    }

    /// The times of such a day, in order.
    pub fn times(&self) -> Vec<Time> {
        let minutes = |hour: u8| self.minute.values.iter().map(move |minute| (hour, *minute));
        let times = self.hour.values.iter().flat_map(|hour| minutes(*hour));
        times.filter_map(|(hour, minute)| Time::new(hour.cast_signed(), minute.cast_signed(), 0, 0).ok()).collect()
    }

    /// Whether it means "every so often" (`*`, `*/15`) rather than certain times of the day.
    pub const fn repeats(&self) -> bool {
        self.minute.repeats || self.hour.repeats
    }

    /// Minutes, hours, days of the month, months, days of the week (0 is Sunday); `None` where all are allowed.
    pub fn fields(&self) -> [Option<&[u8]>; 5] {
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday]
            .map(|field| (!field.any).then_some(field.values.as_slice()))
    }
}

fn field(text: &str, kind: &Kind) -> Result<Field, String> {
    let Kind(name, least, most, _) = *kind;
    let wrong =
        || format!("`{text}` is no {name} of a cron expression: {least} to {most}, such as 5, 1-5, 1,15 or */10");
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|step| *step > 0).ok_or_else(wrong)?)),
            None => (part, None),
        };
        let number = |word: &str| number(word, kind).ok_or_else(wrong);
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, if name == WEEKDAY.0 { 6 } else { most }),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            // `5/10` is from 5 on.
            (_, None) => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        if from > to {
            return Err(wrong());
        }
        values.extend((from..=to).step_by(usize::from(step.unwrap_or(1))));
    }
    values.sort_unstable();
    values.dedup();
    Ok(Field { any: text == "*", repeats: text.contains(['*', '/']), values })
}

fn number(word: &str, Kind(_, least, most, words): &Kind) -> Option<u8> {
    let word = word.to_lowercase();
    let by_word = words.iter().zip(*least..).find(|(known, _)| **known == word).map(|(_, value)| value);
    by_word.or_else(|| word.parse().ok()).filter(|value| (least..=most).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn expressions_are_read_as_every_cron_reads_them() {
        let cases: [(&str, [Option<&[u8]>; 5]); 6] = [
            ("0 6 1 * *", [Some(&[0]), Some(&[6]), Some(&[1]), None, None]),
            (
                "*/20 8-10 * JAN,dec mon-fri",
                [Some(&[0, 20, 40]), Some(&[8, 9, 10]), None, Some(&[1, 12]), Some(&[1, 2, 3, 4, 5])],
            ),
            ("5/25 0 * * 7", [Some(&[5, 30, 55]), Some(&[0]), None, None, Some(&[0])]),
            ("1-7/3,2 0 31 * sun", [Some(&[1, 2, 4, 7]), Some(&[0]), Some(&[31]), None, Some(&[0])]),
            ("* * * * *", [None; 5]),
            ("0  0 29 2 *", [Some(&[0]), Some(&[0]), Some(&[29]), Some(&[2]), None]),
        ];
        for (text, fields) in cases {
            assert_eq!(text.parse::<Cron>().unwrap().fields(), fields, "{text}");
        }
        for text in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1,,2 * * * *",
            "* * * *",
            "@daily",
            "0 0 30 2 *",
            "0 0 31 4,6 *",
            "L * * * *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }

    #[test]
    fn either_kind_of_day_will_do_where_both_are_limited() {
        let falls = |text: &str, day: i8| text.parse::<Cron>().unwrap().falls_on(date(2026, 11, day));
        // The 1st of November 2026 is a Sunday.
        assert!(falls("0 0 2 * sun", 1) && falls("0 0 2 * sun", 2) && !falls("0 0 2 * sun", 3));
        assert!(falls("0 0 * * sun", 1) && !falls("0 0 * * sun", 2));
        assert!(falls("0 0 2 11 *", 2) && !falls("0 0 2 12 *", 2));
    }
}
