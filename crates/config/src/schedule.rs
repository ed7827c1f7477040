//! The `[schedule.NAME]` sections: when runs are made.

use crate::cron::Cron;
use crate::load::Loader;
use crate::places::{below, section};
use jiff::civil::{Time, Weekday};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// When runs are made, and what each delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The section's name.
    pub name: String,
    /// When.
    pub when: When,
    /// The names of the deliveries; `None` for all.
    pub deliver: Option<Vec<String>>,
}

/// When a schedule is due, in the run's time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// On a day of each month.
    Monthly(Monthly),
    /// On a day of each week.
    Weekly(Weekly),
    /// Each day.
    Daily(Daily),
    /// By a cron expression of five fields.
    Cron(Cron),
}

/// A day of each month.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monthly {
    /// From 1 to 31, or "last". A month that is too short has it on its last day.
    #[serde(deserialize_with = "day_of_month")]
    #[schemars(with = "DayForm")]
    pub day: MonthDay,
    /// At which time, such as 18:00.
    #[schemars(with = "String")]
    pub at: Time,
}

/// A day of each week.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Such as mon.
    #[serde(deserialize_with = "weekday")]
    #[schemars(with = "String")]
    pub day: Weekday,
    /// At which time, such as 18:00.
    #[schemars(with = "String")]
    pub at: Time,
}

/// Each day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Daily {
    /// At which time, such as 18:00.
    #[schemars(with = "String")]
    pub at: Time,
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// This one, or the last of a shorter month.
    Day(u8),
    /// The last.
    Last,
}

/// The keys of a schedule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// On a day of each month: { day = "last", at = "18:00" }.
    monthly: Option<Monthly>,
    /// On a day of each week: { day = "mon", at = "18:00" }.
    weekly: Option<Weekly>,
    /// Each day: { at = "18:00" }.
    daily: Option<Daily>,
    /// By a cron expression: minute, hour, day of the month, month, day of the week.
    #[schemars(length(min = 1))]
    cron: Option<String>,
    /// The names of the deliveries. Default: all.
    deliver: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum DayForm {
    Number(i64),
    Word(String),
}

fn day_of_month<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MonthDay, D::Error> {
    let wrong = || D::Error::custom("a day of the month is a number from 1 to 31, or \"last\"");
    let number = match DayForm::deserialize(deserializer)? {
        DayForm::Word(word) if word.eq_ignore_ascii_case("last") => return Ok(MonthDay::Last),
        DayForm::Word(word) => word.parse().map_err(|_| wrong())?,
        DayForm::Number(number) => number,
    };
    u8::try_from(number).ok().filter(|day| (1..=31).contains(day)).map(MonthDay::Day).ok_or_else(wrong)
}

fn weekday<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = String::deserialize(deserializer)?.to_lowercase();
    let index = NAMES.iter().position(|name| *name == word || (word.len() == 3 && name.starts_with(&word)));
    index
        .and_then(|index| i8::try_from(index + 1).ok())
        .and_then(|number| Weekday::from_monday_one_offset(number).ok())
        .ok_or_else(|| {
            D::Error::custom(format!("`{word}` is no day of the week; write mon, tue, wed, thu, fri, sat or sun"))
        })
}

/// Reads the section of one schedule; a problem is added and leaves it out.
pub(crate) fn read(
    name: &str,
    table: Map<String, Value>,
    deliveries: &[String],
    loader: &mut Loader<'_>,
) -> Option<Schedule> {
    let at = ["schedule".to_owned(), name.to_owned()];
    let keys: Keys = loader.decode(table, &at)?;
    for delivery in keys.deliver.iter().flatten().filter(|name| !deliveries.contains(name)) {
        let message = format!("{}there is no section [deliver.{delivery}]", section(&at));
        loader.problems.add(&below(&at, "deliver"), message);
    }
    let cron = match keys.cron.as_deref().map(str::parse).transpose() {
        Ok(cron) => cron.map(When::Cron),
        Err(why) => {
            let why: String = why;
            loader.problems.add(&below(&at, "cron"), format!("{}{why}", section(&at)));
            return None;
        }
    };
    let times = [keys.monthly.map(When::Monthly), keys.weekly.map(When::Weekly), keys.daily.map(When::Daily), cron];
    let mut times: Vec<When> = times.into_iter().flatten().collect();
    if times.len() != 1 {
        loader.problems.add(&at, format!("{}wants one of `monthly`, `weekly`, `daily` and `cron`", section(&at)));
        return None;
    }
    let when = times.pop()?;
    Some(Schedule { name: name.to_owned(), when, deliver: keys.deliver })
}
