//! Lenient types for what vendors send: ids as text or number, numbers as number or text, times in many forms.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};
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
/// Exact or refused: a fraction with more digits than a double holds exactly (15) is an error, never rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

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
        Decimal::from_str(text.trim())
            .map(|number| Number(number.normalize()))
            .map_err(|_| E::invalid_value(de::Unexpected::Other("text that is no number"), &self))
    }
}

/// A moment: epoch seconds or milliseconds (whole or with a fraction), RFC 3339, or a bare date. What cannot be
/// read is [`Moment::UNKNOWN`]: a run never fails on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment(pub Option<Timestamp>);

impl Moment {
    /// A moment that the vendor did not tell, or not in a form we know.
    pub const UNKNOWN: Self = Self(None);

    fn from_text(text: &str) -> Self {
        let text = text.trim();
        let zoned = |text: &str| Timestamp::from_str(text).ok();
        Self(zoned(text).or_else(|| zoned(&format!("{text}Z"))).or_else(|| zoned(&format!("{text}T00:00:00Z"))))
    }

    fn from_epoch(seconds_or_millis: f64) -> Self {
        // No vendor speaks of a time after the year 5138 in seconds, so such a number is milliseconds.
        let millis = if seconds_or_millis.abs() >= 1e11 { seconds_or_millis } else { seconds_or_millis * 1000.0 };
        #[allow(clippy::cast_possible_truncation, reason = "a float cast saturates, and out of range is unknown")]
        Self(Timestamp::from_millisecond(millis as i64).ok())
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
        for json in ["0.12345678901234567", "1e300", "\"many\"", "true", "null", "[]", "\"\""] {
            assert_eq!(number(json), None, "{json}");
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
            ("null", None),
            ("1e300", None),
        ] {
            let moment = serde_json::from_str::<Moment>(json).unwrap();
            assert_eq!(moment.0.map(Timestamp::as_second), seconds, "{json}");
        }
    }
}
