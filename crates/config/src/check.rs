//! Checks a config against its JSON Schema: unknown and missing keys, wrong types, wrong words. It knows the part of JSON
//! Schema that our own types make, and says for each problem what would be right.

use crate::places::{Problems, below, section};
use serde_json::{Map, Value};
use tallysheet_core::registry::nearest;

/// Adds every problem of `value` to `problems`.
pub(crate) fn check(value: &Value, schema: &Value, at: &[String], problems: &mut Problems) {
    if is_secret(schema) {
        return check_secret(value, at, problems);
    }
    let all = alternatives(schema);
    let fitting: Vec<&Value> = all.iter().copied().filter(|schema| fits(value, schema)).collect();
    let Some(first) = fitting.first() else {
        let mut wanted: Vec<&str> =
            all.iter().flat_map(|schema| types(schema)).filter(|name| *name != "null").collect();
        wanted.dedup();
        let wanted: Vec<&str> = wanted.into_iter().map(type_words).collect();
        let found = type_words(type_of(value));
        return problems.add(at, format!("{}must be {}, but is {found}", key(at), wanted.join(" or ")));
    };
    if fitting.iter().all(|schema| !words(schema).is_empty()) {
        return check_word(value, &fitting, at, problems);
    }
    match value {
        Value::Object(table) => check_table(table, first, at, problems),
        Value::Array(items) => check_items(items, first, at, problems),
        Value::String(text) => check_text(text, first, at, problems),
        Value::Number(number) => {
            let least = first.get("minimum").and_then(Value::as_f64);
            if let (Some(least), Some(number)) = (least, number.as_f64())
                && number < least
            {
                problems.add(at, format!("{}must be at least {least}", key(at)));
            }
        }
        _ => {}
    }
}

/// Whether a schema is a secret's, optional or not.
pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret") == Some(&Value::Bool(true)) || any_of(schema).is_some_and(|any| any.iter().any(is_secret))
}

/// The schemas of which a value must match one.
pub(crate) fn alternatives(schema: &Value) -> Vec<&Value> {
    any_of(schema).map_or_else(|| vec![schema], |schemas| schemas.iter().flat_map(alternatives).collect())
}

fn any_of(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)?.as_array())
}

/// The names of the types that a schema allows; none where it allows all.
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(value: &Value, schema: &Value) -> bool {
    let types = types(schema);
    let found = type_of(value);
    types.is_empty() || types.contains(&found) || (found == "integer" && types.contains(&"number"))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_words(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text in quotes",
        "array" => "a list",
        "object" => "a table",
        _ => "no number",
    }
}

/// The fixed words of a schema.
fn words(schema: &Value) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

fn check_word(value: &Value, schemas: &[&Value], at: &[String], problems: &mut Problems) {
    let known: Vec<&str> = schemas.iter().flat_map(|schema| words(schema)).collect();
    let Some(word) = value.as_str() else { return };
    if !known.contains(&word) {
        problems.add(at, format!("{}cannot be `{word}`; {}", key(at), choice(word, &known)));
    }
}

/// `did you mean …?`, and what there is.
pub(crate) fn choice(word: &str, known: &[&str]) -> String {
    let hint = nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    if known.is_empty() { format!("{hint}there is none") } else { format!("{hint}there is {}", known.join(", ")) }
}

fn check_table(table: &Map<String, Value>, schema: &Value, at: &[String], problems: &mut Problems) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in table {
        let path = below(at, name);
        match (properties.get(name), schema.get("additionalProperties")) {
            (None, Some(Value::Bool(false))) => {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let message = unknown_key(name, &known);
                problems.add(&path, format!("{}{message}", section(at)));
            }
            (Some(schema), _) | (None, Some(schema)) => check(value, schema, &path, problems),
            (None, None) => {}
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !table.contains_key(*name)) {
        let about = properties.get(name).and_then(|schema| schema.get("description")).and_then(Value::as_str);
        let about = about.map(|about| format!(" ({})", first_sentence(about))).unwrap_or_default();
        problems.add(at, format!("{}the key `{name}` is missing{about}", section(at)));
    }
}

/// `unknown key …`, with the nearest known one.
pub(crate) fn unknown_key(name: &str, known: &[&str]) -> String {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    format!("unknown key `{}`; {hint}", name.escape_debug())
}

fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn check_items(items: &[Value], schema: &Value, at: &[String], problems: &mut Problems) {
    if schema.get("minItems").and_then(Value::as_u64).is_some_and(|least| (items.len() as u64) < least) {
        problems.add(at, format!("{}must not be empty", key(at)));
    }
    let Some(each) = schema.get("items") else { return };
    for (index, item) in items.iter().enumerate() {
        check(item, each, &below(at, index.to_string()), problems);
    }
}

fn check_text(text: &str, schema: &Value, at: &[String], problems: &mut Problems) {
    if schema.get("minLength").is_some() && text.trim().is_empty() {
        problems.add(at, format!("{}must not be empty", key(at)));
    }
    if let Some(control) = text.chars().find(|c| c.is_control())
        && schema.get("x-free-text").is_none()
    {
        let message = format!(
            "{}holds the control character `{}`; in double quotes a backslash begins such a character, so write a \
             Windows path in single quotes ('C:\\temp') or with /",
            key(at),
            control.escape_debug()
        );
        problems.add(at, message);
    }
}

fn check_secret(value: &Value, at: &[String], problems: &mut Problems) {
    let good = match value {
        Value::String(_) => true,
        Value::Object(form) if form.len() == 1 => form.iter().all(|(key, value)| match key.as_str() {
            "env" | "file" | "keyring" => value.as_str().is_some_and(|text| !text.is_empty()),
            "command" => value.as_array().is_some_and(|words| !words.is_empty() && words.iter().all(Value::is_string)),
            _ => false,
        }),
        _ => false,
    };
    if !good {
        let forms = "{ env = \"NAME\" }, { file = \"PATH\" }, { command = [\"PROGRAM\", …] } or { keyring = \"NAME\" }";
        problems.add(at, format!("{}is a secret: a text in quotes, {forms}", key(at)));
    }
}

/// How a key is named in a message: its table, then the key itself.
fn key(at: &[String]) -> String {
    match at {
        [] => String::new(),
        [table @ .., key] => format!("{}`{key}` ", section(table)),
    }
}
