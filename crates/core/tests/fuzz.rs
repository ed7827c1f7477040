//! The lenient types of `wire`, given anything: exact or an error, and no panic.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

use proptest::prelude::*;
use tallysheet_core::Decimal;
use tallysheet_core::wire::{Day, Field, Id, Moment, Number, Word};

/// Numbers as JSON writes them.
fn digits() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,30})",
        "-?(0|[1-9][0-9]{0,18})\\.[0-9]{1,32}",
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?[eE][+-]?[0-9]{1,3}",
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
    ]
}

/// A JSON number's exact value, worked out another way than the code does; `None` where a decimal cannot hold it.
fn exact(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let kept = all.trim_end_matches('0');
    if kept.is_empty() {
        return Some(Decimal::ZERO);
    }
    let dropped = i32::try_from(all.len() - kept.len()).ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent - dropped;
    let (kept, scale) = if scale < 0 {
        (format!("{kept}{}", "0".repeat(usize::try_from(-scale).ok().filter(|zeros| *zeros < 40)?)), 0)
    } else {
        (kept.to_owned(), u32::try_from(scale).ok()?)
    };
    let number: i128 = format!("{sign}{kept}").parse().ok()?;
    Decimal::try_from_i128_with_scale(number, scale).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_is_exact_or_refused(digits in digits(), quoted: bool, spaces in " {0,2}") {
        let json = if quoted { format!("\"{spaces}{digits}{spaces}\"") } else { digits.clone() };
        if let Ok(Number(number)) = serde_json::from_str::<Number>(&json) {
            let is_exact = Some(number) == exact(&digits).map(|number| number.normalize());
            // A fraction comes as a double, so that nobody can see more of it than a double shows.
            let is_fraction = !quoted && digits.contains(['.', 'e', 'E']);
            let significant = digits.split(['e', 'E']).next().unwrap().bytes().filter(u8::is_ascii_digit).count();
            let double = |text: &str| text.parse::<f64>().unwrap().to_bits() << 1;
            let is_same_double = double(&number.to_string()) == double(&digits);
            prop_assert!(is_exact || (is_fraction && significant > 15 && is_same_double) || (is_fraction && number.is_zero() && is_same_double), "{json} is {number}");
            let sum = (0..1000).fold(Decimal::ZERO, |sum, _| sum + number);
            prop_assert_eq!(sum / Decimal::ONE_THOUSAND, number, "a sum of them");
        }
    }

    #[test]
    fn a_number_is_written_as_it_was_read(digits: i64, scale in 0..=12_u32) {
        let number = Number(Decimal::new(digits, scale).normalize());
        let written = serde_json::to_string(&number).unwrap();
        prop_assert_eq!(exact(&written), Some(number.0));
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), "[-+0-9TZ:. ]{0,30}", "[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,12}"]) {
        let json = serde_json::to_string(&text).unwrap();
        if let Ok(Day(Some(day))) = serde_json::from_str::<Day>(&json) {
            prop_assert!(text.trim().starts_with(&day.to_string()), "{text} is no {day}");
        }
        prop_assert_eq!(serde_json::from_str::<Id>(&json).unwrap().0, text.trim());
        prop_assert_eq!(&*serde_json::from_str::<Word>(&json).unwrap(), text.trim().to_lowercase());
        serde_json::from_str::<Moment>(&json).unwrap();
        let _ = serde_json::from_str::<Number>(&json);
    }

    #[test]
    fn no_json_panics(json in prop_oneof![digits(), "(\\[|\\{\"a\":|null|true|1|\"x\"|\\]|\\}|,){0,12}"]) {
        let _ = serde_json::from_str::<Day>(&json);
        let _ = serde_json::from_str::<Id>(&json);
        let _ = serde_json::from_str::<Moment>(&json);
        let _ = serde_json::from_str::<Field<Number>>(&json);
        if let (Ok(id), true) = (serde_json::from_str::<Id>(&json), json.bytes().all(|byte| byte.is_ascii_digit())) {
            prop_assert_eq!(id.0, json, "an id keeps every digit");
        }
    }
}
