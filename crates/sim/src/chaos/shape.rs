//! Faults of single values: of another type, null, gone, huge, negative.

use axum::body::Bytes;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stands for a number that no JSON value of ours can hold.
const PLACEHOLDER: &str = "@huge@";

/// A value of a type that is not documented at its place.
pub(super) fn wrong_type(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    change(
        body,
        rng,
        |_, _| true,
        |key, value, rng| {
            let others = match value {
                // Whose record it is stays told, or cannot be read.
                Value::String(_) | Value::Number(_) if is_identity(key) => vec![json!([]), json!({}), json!([[7]])],
                // A number as text is one of another value where it is a number.
                Value::String(text) if text.parse::<f64>().is_ok() => vec![json!([]), json!({}), json!("many")],
                Value::Number(_) => vec![json!("many"), json!(""), json!([]), json!({}), json!(true)],
                Value::String(_) => vec![json!([]), json!({}), json!(7.5), json!([null])],
                Value::Bool(_) => vec![json!("perhaps"), json!([]), json!({}), json!(7)],
                Value::Array(_) => vec![json!({}), json!("none"), json!(7), json!(true)],
                Value::Object(_) => vec![json!([]), json!("none"), json!(7), json!([[]])],
                Value::Null => return None,
            };
            Some(others[rng.usize(..others.len())].clone())
        },
    )
}

/// A number that the vendor does not know today.
pub(super) fn null_number(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    change(body, rng, is_amount, |_, _, _| Some(Value::Null))
}

/// A number that the vendor leaves out.
pub(super) fn gone_number(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    remove(body, rng, is_amount)
}

/// A list of an answer is null.
pub(super) fn null_list(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    change(body, rng, is_list, |_, _, _| Some(Value::Null))
}

/// A list of an answer is not there.
pub(super) fn gone_list(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    remove(body, rng, is_list)
}

/// A list of the answer, not of one of its rows: that may be evidence, of which there may be none.
fn is_list(place: &str, value: &Value) -> bool {
    let of_a_row = place.split('/').any(|step| step.parse::<usize>().is_ok());
    !of_a_row && value.as_array().is_some_and(|rows| rows.iter().any(Value::is_object))
}

/// A number beyond all measure.
pub(super) fn huge_number(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    let changed = change(body, rng, is_figure, |_, _, _| Some(json!(PLACEHOLDER)))?;
    let numbers = ["1e400", "123456789012345678901234567890123456789", "1e40", "-1e29", "0.1234567890123456789"];
    let text = String::from_utf8(changed).ok()?;
    Some(text.replace(&format!("\"{PLACEHOLDER}\""), numbers[rng.usize(..numbers.len())]).into_bytes())
}

/// A number below zero.
pub(super) fn negative_number(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    change(body, rng, is_figure, |_, _, _| Some(json!(-3)))
}

/// How long a token lives, of a clock or a configuration that is wrong.
pub(super) fn lifetime(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    let lifetime = |place: &str, value: &Value| key_of(place).to_lowercase().contains("expire") && !value.is_null();
    change(body, rng, lifetime, |_, _, rng| {
        let lives = [json!(0), json!(-1), json!(1), json!(u64::MAX), json!("9223372036854775807"), json!(null)];
        Some(lives[rng.usize(..lives.len())].clone())
    })
}

/// Whether a key says whose record it is, or which.
fn is_identity(key: &str) -> bool {
    let key = key.to_lowercase();
    ["id", "name", "domain", "key", "code", "sku", "guid"].iter().any(|end| key.ends_with(end))
}

fn is_figure(place: &str, value: &Value) -> bool {
    value.is_number() && !is_identity(key_of(place))
}

/// A figure that is no mark: vendors write yes and no as numbers, too, and a mark that is not sent is one that is not told.
fn is_amount(place: &str, value: &Value) -> bool {
    is_figure(place, value) && !["is_", "on_"].iter().any(|mark| key_of(place).starts_with(mark))
}

/// Changes one value of those that are meant. Each kind of place is as likely as any other, however many rows there are.
fn change(
    body: &Bytes,
    rng: &mut Rng,
    meant: impl Fn(&str, &Value) -> bool,
    other: impl Fn(&str, &Value, &mut Rng) -> Option<Value>,
) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let place = pick(&whole, rng, &meant)?;
    let value = whole.pointer_mut(&place)?;
    *value = other(key_of(&place), value, rng)?;
    serde_json::to_vec(&whole).ok()
}

/// Removes one value of those that are meant.
fn remove(body: &Bytes, rng: &mut Rng, meant: impl Fn(&str, &Value) -> bool) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let place = pick(&whole, rng, &meant)?;
    let (parent, key) = place.rsplit_once('/')?;
    whole.pointer_mut(parent)?.as_object_mut()?.remove(&key.replace("~1", "/").replace("~0", "~"))?;
    serde_json::to_vec(&whole).ok()
}

fn pick(whole: &Value, rng: &mut Rng, meant: &impl Fn(&str, &Value) -> bool) -> Option<String> {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    collect(whole, &mut String::new(), &mut |place, value| {
        if meant(place, value) {
            let kind: Vec<&str> =
                place.split('/').map(|step| if step.parse::<usize>().is_ok() { "*" } else { step }).collect();
            kinds.entry(kind.join("/")).or_default().push(place.to_owned());
        }
    });
    let kinds: Vec<Vec<String>> = kinds.into_values().collect();
    let places = kinds.get(rng.usize(..kinds.len().max(1)))?;
    Some(places[rng.usize(..places.len())].clone())
}

fn key_of(place: &str) -> &str {
    place.rsplit('/').find(|step| step.parse::<usize>().is_err()).unwrap_or_default()
}

/// Visits each value below `value` with its JSON pointer.
fn collect(value: &Value, at: &mut String, visit: &mut impl FnMut(&str, &Value)) {
    let mut below = |step: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(step);
        visit(at, value);
        collect(value, at, visit);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| below(&key.replace('~', "~0").replace('/', "~1"), value));
        }
        Value::Array(rows) => rows.iter().enumerate().for_each(|(place, value)| below(&place.to_string(), value)),
        _ => {}
    }
}
