//! Lenient types for what vendors send: ids as text or number, numbers as number or text, times in many forms.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{self, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// A field that may be absent, null or sent, told apart: an older field may stand in for an absent one, not for a null.
/// Needs `#[serde(default)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The vendor does not know the field.
    #[default]
    Absent,
    /// The vendor sent null.
    Null,
    /// The vendor sent this.
    Sent(T),
}

impl<T> Field<T> {
    /// The value; `older` only where the field is absent.
    pub fn or_if_absent(self, older: Option<T>) -> Option<T> {
        match self {
            Self::Absent => older,
            Self::Null => None,
            Self::Sent(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Sent))
    }
}

/// An id: text, whatever the vendor sends. Trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub String);

impl Id {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id (text or a whole number)")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        Ok(Id(text.trim().to_owned()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
        Ok(Id(number.to_string()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
        Ok(Id(number.to_string()))
    }
}

/// An enum-like word, trimmed and in lower case: vendors change the case, and a match needs no more than the word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(String);

impl Deref for Word {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.trim().to_lowercase()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number, exactly as the vendor sent it (as a JSON number or as text).
///
/// Exact or refused: a fraction with more digits than a double holds exactly (15) is an error, never rounded; so is what a
/// sum of many could not hold. A JSON number comes here as a double: what it says beyond that cannot be seen (`1e-400` is
/// 0), and no quantity is written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl Number {
    /// The number as a count of things, which is never below zero.
    pub fn count(self) -> Option<Decimal> {
        (self.0 >= Decimal::ZERO).then_some(self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// A JSON number with exactly its digits, a whole one as a whole one: no double stands in between.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.normalize().to_string()).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Twenty digits, as many as the largest whole number in JSON that comes without loss. A sum of a thousand million such
/// numbers is still exact.
const MOST: u128 = 100_000_000_000_000_000_000;

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of at most 15 digits")
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number.into()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(number.into()))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
        // The shortest text that reads back as this double is the vendor's own text, up to 15 digits.
        let text = number.to_string();
        if text.bytes().filter(u8::is_ascii_digit).count() > 15 {
            return Err(E::invalid_value(de::Unexpected::Float(number), &self));
        }
        self.visit_str(&text)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        // `from_str` would round.
        let exact = Decimal::from_str_exact(text.trim()).ok().map(|number| number.normalize());
        let exact = exact.filter(|number| number.mantissa().unsigned_abs() < MOST);
        exact.map(Number).ok_or_else(|| E::invalid_value(de::Unexpected::Other("text that is no number"), &self))
    }
}

/// A day, as told: a date, or a time whose date stands first. Null, empty and any day before 1901 (what vendors send where
/// there is none) are no day. What cannot be read is an error: a line would be billed for longer, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day(pub Option<Date>);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(None));
        }
        let (date, time) = text.split_at_checked(10).unwrap_or((text, ""));
        let date: Option<Date> = date.parse().ok().filter(|_| time.is_empty() || time.starts_with(['T', ' ']));
        let unreadable = || de::Error::invalid_value(de::Unexpected::Other("text that is no date"), &"a date");
        date.map(|date| Self(Some(date).filter(|date| date.year() > 1900))).ok_or_else(unreadable)
    }
}

/// A moment: epoch seconds or milliseconds (whole or with a fraction), RFC 3339, or a bare date. What cannot be
/// read is [`Moment::UNKNOWN`]: a run never fails on a date. So is what lies before 1980: zero and the year 1 are what vendors
/// send for "never", and a number of chance is none that could decide whether something is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment(pub Option<Timestamp>);

impl Moment {
    /// A moment that the vendor did not tell, or not in a form we know.
    pub const UNKNOWN: Self = Self(None);

    fn from_text(text: &str) -> Self {
        let text = text.trim();
        let zoned = |text: &str| Timestamp::from_str(text).ok();
        Self::of(zoned(text).or_else(|| zoned(&format!("{text}Z"))).or_else(|| zoned(&format!("{text}T00:00:00Z"))))
    }

    fn from_epoch(seconds_or_millis: f64) -> Self {
        // No vendor speaks of a time after the year 5138 in seconds, so such a number is milliseconds.
        let millis = if seconds_or_millis.abs() >= 1e11 { seconds_or_millis } else { seconds_or_millis * 1000.0 };
        #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates, and out of range is unknown")]
        Self::of(Timestamp::from_millisecond(millis as i64).ok())
    }

    fn of(moment: Option<Timestamp>) -> Self {
        const YEAR_1980: i64 = 315_532_800;
        Self(moment.filter(|moment| moment.as_second() >= YEAR_1980))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }
    fn visit_unit<E>(self) -> Result<Moment, E> {
        Ok(Moment::UNKNOWN)
    }
    fn visit_str<E>(self, text: &str) -> Result<Moment, E> {
        Ok(Moment::from_text(text))
    }
    #[allow(clippy::cast_precision_loss, reason = "epoch values are far below 2^53")]
    fn visit_u64<E>(self, number: u64) -> Result<Moment, E> {
        Ok(Moment::from_epoch(number as f64))
    }
    #[allow(clippy::cast_precision_loss, reason = "epoch values are far below 2^53")]
    fn visit_i64<E>(self, number: i64) -> Result<Moment, E> {
        Ok(Moment::from_epoch(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Moment, E> {
        Ok(Moment::from_epoch(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Option<String> {
        serde_json::from_str::<Number>(json).ok().map(|n| n.0.to_string())
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        for (json, exact) in [
            ("12", "12"),
            ("12.0", "12"),
            ("0.1", "0.1"),
            ("\"7.50\"", "7.5"),
            ("\" 3 \"", "3"),
            ("-4", "-4"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(number(json).as_deref(), Some(exact), "{json}");
        }
        // Its nearest double has no shorter text; the one beside it has.
        for json in [
            "70000000074.826085",
            "0.12345678901234567",
            "\"0.1234567890123456789012345678901\"",
            "\"79228162514264337593543950335\"",
            "1e300",
            "\"many\"",
            "true",
            "null",
            "[]",
            "\"\"",
        ] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn numbers_are_written_with_their_own_digits() {
        for (json, written) in [("12.0", "12"), ("\"100\"", "100"), ("0.1", "0.1"), ("-4.50", "-4.5"), ("0", "0")] {
            let number = serde_json::from_str::<Number>(json).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), written);
            assert_eq!(serde_json::json!({ "value": number }).to_string(), format!("{{\"value\":{written}}}"));
        }
        let long = Number(Decimal::from_str("1234567890.123456789012").unwrap());
        assert_eq!(serde_json::to_string(&long).unwrap(), "1234567890.123456789012");
    }

    #[test]
    fn days_are_read_or_absent_or_refused() {
        for (json, day) in [
            ("\"2026-01-31\"", Some("2026-01-31")),
            ("\" 2026-01-31T00:00:00Z\"", Some("2026-01-31")),
            ("\"2026-01-31T23:59:59.997\"", Some("2026-01-31")),
            ("\"2026-01-31 00:00:00\"", Some("2026-01-31")),
            ("\"\"", None),
            ("null", None),
            ("\"0001-01-01T00:00:00\"", None),
            ("\"1900-01-01T00:00:00\"", None),
        ] {
            let told = serde_json::from_str::<Day>(json).unwrap().0;
            assert_eq!(told.map(|day| day.to_string()).as_deref(), day, "{json}");
        }
        for json in ["\"soon\"", "\"31.01.2026\"", "\"2026-01-31x\"", "\"2026-02-30\"", "1769817600", "\"äääääääää\""]
        {
            assert!(serde_json::from_str::<Day>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn ids_are_text() {
        for (json, id) in [("17", "17"), ("\" a-1 \"", "a-1"), ("18446744073709551615", "18446744073709551615")] {
            assert_eq!(serde_json::from_str::<Id>(json).unwrap().0, id);
        }
        assert!(serde_json::from_str::<Id>("1.5").is_err());
        assert!(serde_json::from_str::<Id>("null").is_err());
    }

    #[test]
    fn words_are_the_same_in_any_case() {
        assert_eq!(&*serde_json::from_str::<Word>("\" One-Time\"").unwrap(), "one-time");
        assert!(serde_json::from_str::<Word>("null").is_err());
    }

    #[test]
    fn moments_are_read_or_unknown() {
        for (json, seconds) in [
            ("1731600000", Some(1_731_600_000)),
            ("1731600000000", Some(1_731_600_000)),
            ("1731600000.5", Some(1_731_600_000)),
            ("\"2024-11-14T16:00:00Z\"", Some(1_731_600_000)),
            ("\"2024-11-14T10:00:00.000-0600\"", Some(1_731_600_000)),
            ("\"2024-11-14T16:00:00\"", Some(1_731_600_000)),
            ("\"2024-11-14\"", Some(1_731_542_400)),
            ("\"soon\"", None),
            ("\"0001-01-01T00:00:00Z\"", None),
            ("\"1970-01-01\"", None),
            ("null", None),
            ("0", None),
            ("7.5", None),
            ("-1", None),
            ("1e300", None),
        ] {
            let moment = serde_json::from_str::<Moment>(json).unwrap();
            assert_eq!(moment.0.map(Timestamp::as_second), seconds, "{json}");
        }
    }
}
