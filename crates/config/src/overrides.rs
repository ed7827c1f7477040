//! Environment variables that replace keys: `TALLYSHEET__INTEGRATIONS__DATTO_WEST__URL`. In names `_` stands for `-` too,
//! and case does not matter. A value is text; the key's schema says what it becomes.

use crate::check::{alternatives, is_secret, types, unknown_key};
use crate::places::{KeyPath, below};
use crate::schema::properties;
use serde_json::{Map, Value};
use tallysheet_core::{Error, Result};
use tallysheet_host::Environment;

const PREFIX: &str = "tallysheet__";

/// The variables that replace keys, by name: `(run__timezone, TALLYSHEET__RUN__TIMEZONE, UTC)`.
pub(crate) struct Overrides<'a>(Vec<(String, &'a str, &'a str)>);

/// One key with the value that replaces it.
pub(crate) struct Override<'a> {
    pub(crate) path: KeyPath,
    pub(crate) variable: &'a str,
    pub(crate) value: Value,
}

impl<'a> Overrides<'a> {
    /// Those of an environment.
    pub(crate) fn of(environment: &'a Environment) -> Self {
        let ours = |(variable, value): (&'a str, &'a str)| {
            let words = folded(variable).strip_prefix(PREFIX)?.to_owned();
            Some((words, variable, value))
        };
        Self(environment.iter().filter_map(ours).collect())
    }

    /// The text that replaces one key.
    pub(crate) fn text(&self, path: &[&str]) -> Option<&'a str> {
        let words = path.iter().map(|part| folded(part)).collect::<Vec<_>>().join("__");
        self.0.iter().find(|(other, ..)| *other == words).map(|(.., value)| *value)
    }

    /// Whether any replaces a key in this table.
    pub(crate) fn reach_into(&self, path: &[&str]) -> bool {
        let words: String = path.iter().map(|part| folded(part) + "__").collect();
        self.0.iter().any(|(other, ..)| other.starts_with(&words))
    }

    /// Finds the key of each in the schema of this file; those that have none are one error.
    pub(crate) fn resolve(&self, schema: &Value) -> Result<Vec<Override<'a>>> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for (words, variable, text) in &self.0 {
            match place(words, schema, &[]).and_then(|(path, schema)| Ok((path, coerced(text, schema)?))) {
                Ok((path, value)) => found.push(Override { path, variable, value }),
                Err(message) => wrong.push(format!("environment variable {variable}: {message}")),
            }
        }
        if wrong.is_empty() { Ok(found) } else { Err(Error::config(wrong.join("\n"))) }
    }
}

/// How a name is compared: `Datto-West` is `datto_west`.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// Walks the words along the tables of a schema. A name may itself hold `__`.
fn place<'s>(words: &str, schema: &'s Value, at: &[String]) -> Result<(KeyPath, &'s Value), String> {
    for (key, schema) in properties(schema) {
        let name = folded(key);
        if words == name {
            return Ok((below(at, key), schema));
        }
        let rest = words.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix("__"));
        if let Some(rest) = rest.filter(|_| properties(schema).next().is_some()) {
            return place(rest, schema, &below(at, key));
        }
    }
    let table = if at.is_empty() { "the config".to_owned() } else { format!("[{}]", at.join(".")) };
    let word = words.split("__").next().unwrap_or_default();
    let known: Vec<&str> = properties(schema).map(|(key, _)| key.as_str()).collect();
    Err(format!("{} in {table}", unknown_key(word, &known)))
}

/// The text as the type that the schema wants; a wrong one stays text, and the check says so.
fn coerced(text: &str, schema: &Value) -> Result<Value, String> {
    let wanted: Vec<&str> = alternatives(schema).into_iter().flat_map(types).collect();
    if is_secret(schema) || wanted.contains(&"string") {
        return Ok(text.into());
    }
    let trimmed = text.trim();
    for name in &wanted {
        let value = match *name {
            "boolean" => match trimmed.to_lowercase().as_str() {
                "true" | "1" => Some(true.into()),
                "false" | "0" => Some(false.into()),
                _ => None,
            },
            "integer" => trimmed.parse::<i64>().ok().map(Value::from),
            "number" => trimmed.parse::<f64>().ok().map(Value::from),
            "array" => {
                let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(|part| coerced(part, &schema["items"])).collect::<Result<_, _>>()?)
            }
            "object" => return Err("this is a table; set the keys in it".to_owned()),
            _ => None,
        };
        if let Some(value) = value {
            return Ok(value);
        }
    }
    Ok(text.into())
}

/// The overrides as tables in tables.
pub(crate) fn as_tables(overrides: &[Override<'_>]) -> Map<String, Value> {
    let mut tables = Map::new();
    for Override { path, value, .. } in overrides {
        insert(&mut tables, path, value);
    }
    tables
}

fn insert(table: &mut Map<String, Value>, path: &[String], value: &Value) {
    let Some((key, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.insert(key.clone(), value.clone());
        return;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}
