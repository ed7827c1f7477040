//! How single values are written: durations, time zones, ids, lists, secrets.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;
use tallysheet_core::registry::nearest;
use tallysheet_core::{Result, Secret};
use tallysheet_host::{Environment, secrets};

/// A secret as the config writes it, not resolved yet. It has no `Debug`: it may be the secret itself.
#[derive(Clone, Deserialize)]
pub struct SecretSource(Value);

impl SecretSource {
    /// The secret. `base_dir` is where relative paths begin: [`Config::base_dir`](crate::Config::base_dir).
    pub fn resolve(&self, environment: &Environment, base_dir: &Path) -> Result<Secret> {
        secrets::resolve(&self.0, environment, base_dir)
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        Secret::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Secret::json_schema(generator)
    }
}

/// Text or a whole number, where ids are told: a number is taken as its text.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Id {
    Text(#[schemars(length(min = 1))] String),
    Number(i64),
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        match id {
            Id::Text(text) => text.trim().to_owned(),
            Id::Number(number) => number.to_string(),
        }
    }
}

/// A list, or one text with `,` or `;` between its parts.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum List {
    Parts(Vec<String>),
    Text(String),
}

impl From<List> for Vec<String> {
    fn from(list: List) -> Self {
        let parts = match list {
            List::Parts(parts) => parts,
            List::Text(text) => text.split([',', ';']).map(str::to_owned).collect(),
        };
        parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// Reads one value as another type: `#[serde(deserialize_with = "from::<Id, _, _>")]`.
pub(crate) fn from<'de, A: Deserialize<'de>, B: From<A>, D: Deserializer<'de>>(deserializer: D) -> Result<B, D::Error> {
    A::deserialize(deserializer).map(B::from)
}

/// The same for a value that need not be there.
pub(crate) fn from_option<'de, A, B, D>(deserializer: D) -> Result<Option<B>, D::Error>
where
    A: Deserialize<'de>,
    B: From<A>,
    D: Deserializer<'de>,
{
    Ok(Option::<A>::deserialize(deserializer)?.map(B::from))
}

/// The same for each of a list.
pub(crate) fn from_each<'de, A, B, D>(deserializer: D) -> Result<Vec<B>, D::Error>
where
    A: Deserialize<'de>,
    B: From<A>,
    D: Deserializer<'de>,
{
    Ok(Vec::<A>::deserialize(deserializer)?.into_iter().map(B::from).collect())
}

/// A duration: `30m`, `90s`, `1h30m`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    let wrong = || D::Error::custom(format!("`{text}` is no duration; write one like 30m, 90s or 1h30m"));
    duration.filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

/// The same, for a key that is there.
pub(crate) fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// An age: `90d`, `60w`, `2y` of 365 days each, `forever`. `None` is for ever.
pub(crate) fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("`{text}` is no age; write one like 90d, 60w or 2y, or forever"));
    let word = text.trim().to_lowercase();
    if word == "forever" {
        return Ok(None);
    }
    let unit = word.chars().next_back().ok_or_else(wrong)?;
    let days = match unit {
        'd' => 1,
        'w' => 7,
        'y' => 365,
        _ => return Err(wrong()),
    };
    let count: u64 = word[..word.len() - 1].trim().parse().map_err(|_| wrong())?;
    let hours = count.checked_mul(24 * days).filter(|hours| (1..=24 * 365 * 1000).contains(hours)).ok_or_else(wrong)?;
    Ok(Some(Duration::from_hours(hours)))
}

/// An IANA time zone.
pub(crate) fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let near = nearest(&name, known.iter().map(String::as_str));
        let hint =
            near.map_or_else(|| "write one like America/New_York".to_owned(), |near| format!("did you mean `{near}`?"));
        D::Error::custom(format!("there is no time zone `{name}`; {hint}"))
    })
}
