//! Answers that are changed at one place at random, however oddly. Nothing panics, every run ends, no secret is told, and a
//! counted value that is no exact number is a failure: never a number.
//!
//! How many changes are tried follows `PROPTEST_CASES`, a part of it per connector. A failure names its change, so that
//! it can be made a test of its own.

use crate::bench::Bench;
use crate::case::Exchange;
use crate::server::Answer;
use crate::steps::faults::{lasting, not_missing, remove, replace};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use tallysheet_core::{Code, Error, ErrorKind};

/// One connector gets this part of proptest's cases: all connectors together cost as much as a few other properties.
const SHARE: u32 = 16;
/// A text that looks like the end of a decoding error, behind which our own words stand.
const LIKE_OURS: &str = "strange, expected the answer's own text";
/// Stands in a changed answer for JSON that no [`Value`] can hold.
const RAW: &str = "here-stands-raw-json";

/// What is done to a place of an answer.
#[derive(Debug, Clone)]
enum Change {
    /// Another value.
    Value(Value),
    /// This text, whatever it is, as JSON.
    Raw(String),
    /// The value inside a list, or an object.
    Wrapped(bool),
    /// The value as text, if it is a number.
    AsText,
    /// It is not there.
    Absent,
    /// Its key is another.
    Renamed,
    /// It stands there twice, if it is in a list.
    Twice,
}

impl Change {
    /// Whether no count can be meant by it. What digits a number may have is a property of `core::wire`.
    fn is_no_number(&self) -> bool {
        let too_large = |number: f64| !(-1e15..=1e15).contains(&number);
        match self {
            Self::Value(Value::Number(number)) => number.is_f64() && number.as_f64().is_none_or(too_large),
            Self::Value(Value::String(text)) => !text.trim().starts_with(|first: char| first.is_ascii_digit()),
            Self::Raw(raw) => raw.parse().map_or(true, too_large),
            Self::Value(_) | Self::Wrapped(_) | Self::Absent => true,
            Self::AsText | Self::Renamed | Self::Twice => false,
        }
    }

    /// The answer with the change in it; `None` where it changes nothing.
    fn apply(&self, reply: &Value, pointer: &str) -> Option<String> {
        let (mut changed, old) = (reply.clone(), reply.pointer(pointer)?.clone());
        match self {
            Self::Value(value) => replace(&mut changed, pointer, value.clone()),
            Self::Raw(_) => replace(&mut changed, pointer, json!(RAW)),
            Self::Wrapped(true) => replace(&mut changed, pointer, json!([old])),
            Self::Wrapped(false) => replace(&mut changed, pointer, json!({ "value": old })),
            Self::AsText => replace(&mut changed, pointer, json!(old.as_number()?.to_string())),
            Self::Absent | Self::Renamed | Self::Twice => {
                let (parent, key) = pointer.rsplit_once('/')?;
                match (self, changed.pointer_mut(parent)?) {
                    (Self::Absent, _) => remove(&mut changed, pointer),
                    (Self::Renamed, Value::Object(fields)) => {
                        let old = fields.remove(&unescaped(key))?;
                        fields.insert("strange".to_owned(), old);
                    }
                    (Self::Twice, Value::Array(values)) => values.push(old),
                    _ => return None,
                }
            }
        }
        let text = changed.to_string();
        let Self::Raw(raw) = self else { return (changed != *reply).then_some(text) };
        Some(text.replace(&format!("\"{RAW}\""), raw))
    }
}

/// Tries changes.
pub(crate) async fn mutated(bench: &Bench) -> Vec<String> {
    let places = Places::of(bench);
    if places.all.is_empty() {
        return Vec::new();
    }
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = config.cases.div_ceil(SHARE);
    let mut runner = TestRunner::new(config);
    let choice = (any::<bool>(), any::<Index>(), any::<Index>(), change());
    let mut found = Vec::new();
    for _ in 0..cases {
        let Ok(tree) = choice.new_tree(&mut runner) else { continue };
        let (counted, place, asker, change) = tree.current();
        // Every other change is made where a number is counted.
        let from = if counted && !places.counted.is_empty() { &places.counted } else { &places.all };
        let (index, pointer) = place.get(from);
        let exchange = &bench.case.exchanges[*index];
        let Some(body) = change.apply(&exchange.reply, pointer) else { continue };
        let ask = *asker.get(&bench.askers(*index));
        let must_fail = change.is_no_number() && places.counted.contains(&(*index, pointer.clone()));

        let answer = Answer { body, ..Answer::of(exchange) };
        let run = AssertUnwindSafe(lasting(bench, ask, *index, answer)).catch_unwind().await;
        let told = match run {
            Err(_) => Some("it panicked".to_owned()),
            Ok(run) if must_fail => not_missing(bench, ask, &run, &[Code::MissingValue, Code::BadResponse]),
            Ok(run) => run.result.as_ref().err().and_then(wrong),
        };
        // Whoever is given another id may ask for what no exchange expects.
        let endless = bench.strays().unexpected.into_iter().filter(|line| line.contains("no end"));
        let leaks = bench.overheard.leaks().into_iter().map(|line| format!("it was said: {line}"));
        let name = bench.case.name_of(*index);
        let what = format!("{ask:?}, {name}, `{pointer}`: {}", short(&change));
        found.extend(told.into_iter().chain(endless).chain(leaks).map(|line| format!("{what}: {line}")));
    }
    found
}

/// An error that is a defect of ours, or repeats the answer. A name that somebody must find may stand in one (`Config`).
fn wrong(error: &Error) -> Option<String> {
    let is_defect = error.kind() == ErrorKind::Internal;
    let repeats = error.kind() != ErrorKind::Config && error.to_string().contains(LIKE_OURS);
    (is_defect || repeats).then(|| format!("it failed so: {error}"))
}

/// Where answers can be changed: exchange and JSON pointer.
#[derive(Default)]
struct Places {
    all: Vec<(usize, String)>,
    /// Where a number is counted.
    counted: Vec<(usize, String)>,
}

impl Places {
    fn of(bench: &Bench) -> Self {
        let mut places = Self::default();
        for (index, exchange) in bench.case.exchanges.iter().enumerate() {
            let mut pointers = Vec::new();
            collect(&exchange.reply, String::new(), &mut pointers);
            places.all.extend(pointers.into_iter().map(|pointer| (index, pointer)));
            places.counted.extend(numbers(exchange).map(|pointer| (index, pointer.to_owned())));
        }
        places
    }
}

/// Where an exchange's counted numbers stand. A text, an id or a whole list may be counted by as well: what is wrong there
/// is not the same for all.
fn numbers(exchange: &Exchange) -> impl Iterator<Item = &'static str> {
    let all = exchange.counted_at.iter().copied();
    let is_id = |pointer: &str| pointer.to_lowercase().ends_with("id");
    all.filter(move |pointer| exchange.reply.pointer(pointer).is_some_and(Value::is_number) && !is_id(pointer))
}

fn collect(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
            fields.iter().for_each(|(key, value)| collect(value, format!("{at}/{}", escaped(key)), found));
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(index, value)| collect(value, format!("{at}/{index}"), found));
        }
        _ => {}
    }
    found.push(at);
}

/// A key of an object, without the escapes of a JSON pointer.
pub(crate) fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

fn change() -> impl Strategy<Value = Change> {
    let odd = vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(""),
        json!("strange"),
        json!(LIKE_OURS),
        json!("NaN"),
        json!("-"),
        json!("\u{661}\u{662}"),
        json!("\u{0}strange\u{202e}\u{ffff}"),
        json!("p".repeat(100_000)),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(-1),
        json!("79228162514264337593543950335"),
        json!("0.12345678901234567890123456789012345"),
        json!("2026-02-30"),
        json!("9999-12-31T23:59:60Z"),
        json!("https://strange.example/path"),
        json!({ "strange": ["strange"] }),
    ];
    let raw = vec![
        "1e300".to_owned(),
        "1e400".to_owned(),
        "-1e-400".to_owned(),
        "1e-7".to_owned(),
        "0.1234567890123456789".to_owned(),
        "0.100000000000000000001".to_owned(),
        "123456789012345678901234567890".to_owned(),
        "NaN".to_owned(),
        "\"\\ud800\"".to_owned(),
        "[".repeat(100_000),
        format!("{}{}", "[".repeat(100), "]".repeat(100)),
        format!("{}1{}", "{\"strange\":".repeat(100), "}".repeat(100)),
    ];
    prop_oneof![
        4 => select(odd).prop_map(Change::Value),
        2 => select(raw).prop_map(Change::Raw),
        2 => any_json().prop_map(Change::Value),
        1 => any::<bool>().prop_map(Change::Wrapped),
        1 => Just(Change::AsText),
        2 => Just(Change::Absent),
        1 => Just(Change::Renamed),
        1 => Just(Change::Twice),
    ]
}

/// Any JSON at all, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

fn short(change: &Change) -> String {
    let text = format!("{change:?}");
    let cut: String = text.chars().take(80).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { text }
}
