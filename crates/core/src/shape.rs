//! The shape of a vendor's answers: keys and types, never a value. What `tallysheet probe` shows.
//!
//! A [`Recorder`] is handed whole answers and reduces each at once: what it keeps is method, path, names and types.

use serde_json::Value;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many answers are enough to know the shapes; an account of thousands of pages is not read whole for them.
const ENOUGH: usize = 200;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The method of its request.
    pub method: &'static str,
    /// The path of its request, below the integration's `url`.
    pub path: &'a str,
    /// The names of the query's parameters.
    pub query: Vec<String>,
    /// Its status.
    pub status: u16,
    /// The names of its headers.
    pub headers: Vec<String>,
    /// Its body.
    pub body: &'a [u8],
}

/// What one call is answered with, over all its answers of one status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallShape {
    /// The names of parameters that were sent, with one request or another.
    pub query: BTreeSet<String>,
    /// The names of headers that came.
    pub headers: BTreeSet<String>,
    /// What the bodies are: `JSON`, `empty`, `HTML or XML`, `no JSON`.
    pub bodies: BTreeSet<&'static str>,
    /// The shape of those that are JSON.
    pub shape: Shape,
}

/// Which call: method, path with `{id}` for what is no plain word, status.
pub type CallKey = (&'static str, String, u16);

/// Gathers the shapes of answers.
#[derive(Debug, Default)]
pub struct Recorder {
    inner: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    answers: usize,
    calls: BTreeMap<CallKey, CallShape>,
    /// Hashes of words that stood as values in answers: where one becomes a segment of a path it is an id.
    values: HashSet<u64>,
}

impl Recorder {
    /// Reduces an answer to its shape.
    pub fn record(&self, answer: &Answer<'_>) {
        let mut recorded = self.inner();
        recorded.answers += 1;
        let path = masked(answer.path, &recorded.values);
        let call = recorded.calls.entry((answer.method, path, answer.status)).or_default();
        call.query.extend(answer.query.iter().map(|name| shown(name)));
        call.headers.extend(answer.headers.iter().cloned());
        let body = answer.body.trim_ascii();
        let json = serde_json::from_slice::<Value>(body).ok();
        call.bodies.insert(match (&json, body.first()) {
            (Some(_), _) => "JSON",
            (None, None) => "empty",
            (None, Some(b'<')) => "HTML or XML",
            (None, Some(_)) => "no JSON",
        });
        if let Some(json) = json {
            call.shape.merge(Shape::of(&json));
            note_words(&json, &mut recorded.values);
        }
    }

    /// Whether more answers would tell nothing new.
    pub fn has_enough(&self) -> bool {
        self.inner().answers >= ENOUGH
    }

    /// What was recorded, by path, method and status.
    pub fn calls(&self) -> Vec<(CallKey, CallShape)> {
        let mut calls: Vec<_> = self.inner().calls.clone().into_iter().collect();
        calls.sort_by(|((method, path, status), _), ((other, other_path, other_status), _)| {
            (path, method, status).cmp(&(other_path, other, other_status))
        });
        calls
    }

    fn inner(&self) -> MutexGuard<'_, Recorded> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The types that stand at one place, and what is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    types: BTreeSet<&'static str>,
    /// How many objects stood here.
    objects: usize,
    /// By key, and in how many of the objects.
    fields: BTreeMap<String, (Shape, usize)>,
    /// What all items of the arrays are.
    items: Option<Box<Shape>>,
}

/// One line of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands: a JSON pointer, with `*` for each item of an array.
    pub at: String,
    /// Its types, sorted: `null`, `boolean`, `integer`, `number`, `string`, `array`, `object`.
    pub types: Vec<&'static str>,
    /// Whether some of the objects lack it.
    pub optional: bool,
}

impl Shape {
    /// The shape of one JSON value.
    pub fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.types.insert(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        match value {
            Value::Array(items) => {
                let all = items.iter().map(Self::of).reduce(|mut all, item| {
                    all.merge(item);
                    all
                });
                shape.items = all.map(Box::new);
            }
            Value::Object(fields) => {
                shape.objects = 1;
                for (key, value) in fields {
                    // Several keys that are not shown are one field.
                    let (field, times) = shape.fields.entry(shown(key)).or_default();
                    field.merge(Self::of(value));
                    *times = 1;
                }
            }
            _ => {}
        }
        shape
    }

    /// Adds what another value at the same place is.
    pub fn merge(&mut self, other: Self) {
        self.types.extend(other.types);
        self.objects += other.objects;
        for (key, (field, times)) in other.fields {
            let (known, known_times) = self.fields.entry(key).or_default();
            known.merge(field);
            *known_times += times;
        }
        match (&mut self.items, other.items) {
            (Some(items), Some(others)) => items.merge(*others),
            (items @ None, others) => *items = others,
            (Some(_), None) => {}
        }
    }

    /// The shape as lines, from the top.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.add_lines("", false, &mut lines);
        lines
    }

    fn add_lines(&self, at: &str, optional: bool, lines: &mut Vec<Line>) {
        if self.types.is_empty() {
            return;
        }
        lines.push(Line { at: at.to_owned(), types: self.types.iter().copied().collect(), optional });
        for (key, (field, times)) in &self.fields {
            field.add_lines(&format!("{at}/{key}"), *times < self.objects, lines);
        }
        if let Some(items) = &self.items {
            items.add_lines(&format!("{at}/*"), false, lines);
        }
    }
}

/// A key as it is shown: as it is where it is made like a field's name, else `{key}`. Some vendors use ids, addresses or
/// customers' names as keys.
fn shown(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    // `@odata.nextLink`
    let (rest, dots) = key.strip_prefix('@').map_or((key, false), |rest| (rest, true));
    let is_name = rest.chars().all(|c| plain(c) || (dots && c == '.'))
        && rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && key.len() <= 64
        && rest.bytes().filter(u8::is_ascii_digit).count() <= 3;
    if is_name { key.to_owned() } else { "{key}".to_owned() }
}

/// A path in which every segment that is no plain word, or that stood as a value in an answer, is `{id}`.
fn masked(path: &str, values: &HashSet<u64>) -> String {
    let segment = |segment: &str| {
        let known = segment.is_empty() || is_version(segment) || (is_word(segment) && !values.contains(&hash(segment)));
        if known { segment.to_owned() } else { "{id}".to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Letters, `-` and `_`, with one digit at the end at most: `customerCompany`, `oauth2`.
fn is_word(segment: &str) -> bool {
    let letters = segment.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(segment);
    let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '$');
    !letters.is_empty() && segment.len() <= 40 && letters.chars().all(plain)
}

/// `v1`, `v2.0`, `3.0`.
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').unwrap_or(segment);
    let is_digits = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
    number.split('.').all(is_digits) && (number.len() < segment.len() || number.contains('.'))
}

/// Notes each value that a path could hold as a word.
fn note_words(value: &Value, words: &mut HashSet<u64>) {
    match value {
        Value::String(text) if is_word(text) => {
            words.insert(hash(text));
        }
        Value::Array(items) => items.iter().for_each(|item| note_words(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| note_words(field, words)),
        _ => {}
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(values: &[Value]) -> Vec<String> {
        let mut shape = Shape::default();
        values.iter().for_each(|value| shape.merge(Shape::of(value)));
        let line = |line: Line| {
            format!("{} {}{}", line.at, line.types.join("|"), if line.optional { " ?" } else { "" }).trim().to_owned()
        };
        shape.lines().into_iter().map(line).collect()
    }

    #[test]
    fn answers_are_merged_into_keys_and_types() {
        let first =
            json!({ "rows": [{ "id": 1, "name": "Acme" }, { "id": "x", "name": null, "seats": 2.5 }], "next": null });
        let second = json!({ "rows": [], "next": "https://acme.example", "ok": true });
        assert_eq!(
            lines(&[first, second]),
            [
                "object",
                "/next null|string",
                "/ok boolean ?",
                "/rows array",
                "/rows/* object",
                "/rows/*/id integer|string",
                "/rows/*/name null|string",
                "/rows/*/seats number ?",
            ]
        );
        assert_eq!(lines(&[json!([])]), ["array"]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_key_that_is_data_is_not_shown() {
        for key in ["id", "agents_count", "@odata.nextLink", "microsoft_365_users_count", "X-Total", "$ref", "_links"] {
            assert_eq!(shown(key), key);
        }
        let uuid = "7d1c0a52-0000-4000-8000-0000000000a1";
        for key in ["Acme Dental", "acme.example", "me@acme.example", uuid, "70412", "a1b2c3d4", "", "Zoë", "@me.4711"]
        {
            assert_eq!(shown(key), "{key}", "{key}");
        }
        let map = json!({ "70412": { "seats": 1 }, "70413": { "seats": null } });
        assert_eq!(lines(&[map]), ["object", "/{key} object", "/{key}/seats integer|null"]);
    }

    #[test]
    fn segments_that_are_ids_are_masked() {
        let recorder = Recorder::default();
        let answer = |path, body: &'static str| {
            let (query, headers) = (vec!["page".to_owned()], vec!["link".to_owned()]);
            recorder.record(&Answer { method: "GET", path, query, status: 200, headers, body: body.as_bytes() });
        };
        answer("/v1/customers", r#"[{ "code": "acme" }]"#);
        answer("/customers/acme/users", "");
        answer("/customers/70412/users", "<html>");
        answer("/api/v2.0/oauth2/7d1c0a52-0000-4000-8000-0000000000a1", "none");
        answer("/users/me%40acme.example/3.0/acme.example", "{}");
        let told: Vec<(String, Vec<&str>)> = recorder
            .calls()
            .into_iter()
            .map(|((_, path, _), call)| (path, call.bodies.into_iter().collect()))
            .collect();
        let told: Vec<(&str, &[&str])> = told.iter().map(|(path, bodies)| (path.as_str(), bodies.as_slice())).collect();
        assert_eq!(
            told,
            [
                ("/api/v2.0/oauth2/{id}", &["no JSON"][..]),
                ("/customers/{id}/users", &["HTML or XML", "empty"]),
                ("/users/{id}/3.0/{id}", &["JSON"]),
                ("/v1/customers", &["JSON"]),
            ]
        );
    }
}
