//! The commented `tallysheet.toml` that `init` writes: just what must be filled in, and beside it, commented out, what may.

use crate::check::{alternatives, is_secret, types};
use crate::integration::Common;
use crate::schema::{self, properties};
use serde_json::Value;
use std::fmt::Write;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{Capability, Entry, Registry, Result};

const HEAD: &str = r#"# What Tallysheet asks, and where the report goes. A line that begins with # is a comment: remove the # to use its key.
# `tallysheet check` says whether all is well.

[run]
# Who is who at which vendor. Without it customers are joined by name.
# companies = "companies.csv"
# The time zone of dates. Default: the machine's.
# timezone = "America/New_York"

# A secret can stand in an environment variable or in a file `.env` beside this one, as below; in a file of its own,
# { file = "PATH" }; or with a password manager, { command = ["PROGRAM", "ARGUMENT"] }.
"#;

const TAIL: &str = r#"
[deliver.archive]
kind = "file"
# {month}, {time}, {run} and {status} serve too. A file that exists is never overwritten: -2, -3 … is appended.
path = "reports/{date}.csv"
"#;

/// Stands where the user must say something.
const FILL_IN: &str = "FILL-IN";

/// The starter file for connectors, by their slugs, in the order of columns.
pub fn starter(registry: &Registry, names: &[String]) -> Result<String> {
    let mut entries: Vec<&Entry> = names.iter().map(|name| registry.find(name)).collect::<Result<_>>()?;
    entries.sort_by_key(|entry| registry.position(entry.meta.slug));
    entries.dedup_by_key(|entry| entry.meta.slug);

    let mut text = HEAD.to_owned();
    for entry in &entries {
        add_integration(&mut text, entry);
    }
    text.push_str(TAIL);
    let bills =
        |entry: &&&Entry| entry.meta.capabilities.contains(&Capability::Billing) && entry.meta.metrics.is_empty();
    if let Some(entry) = entries.iter().find(bills) {
        let slug = entry.meta.slug;
        let _ = writeln!(
            text,
            "\n# To compare the counts with what {} bills, add a section [reconcile] with `ledger = \"{slug}\"`; then\n\
             # `tallysheet products suggest --yes` writes the first products.csv, and `tallysheet reconcile` compares.",
            entry.meta.title
        );
    }
    Ok(text)
}

fn add_integration(text: &mut String, entry: &Entry) {
    let meta = entry.meta;
    let schema = schema::integration(entry);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let common = schema::keys_of::<Common>();

    let _ =
        writeln!(text, "\n# {}. The credential needs {}.\n[integrations.{}]", meta.title, meta.permissions, meta.slug);
    for (key, schema) in properties(&schema).filter(|(key, _)| required.contains(&key.as_str())) {
        add_key(text, "", key, schema, &example(meta.slug, key, schema));
    }
    for (key, schema) in
        properties(&schema).filter(|(key, _)| !required.contains(&key.as_str()) && !common.contains(key))
    {
        add_key(text, "# ", key, schema, &example(meta.slug, key, schema));
    }
    if let Some(url) = meta.default_url.filter(|url| *url != NO_URL) {
        add_key(text, "# ", "url", &schema["properties"]["url"], &quoted(url));
    }
    if !meta.metrics.is_empty() {
        let names: Vec<String> = meta.metrics.iter().map(|metric| quoted(metric.name)).collect();
        add_key(text, "# ", "metrics", &schema["properties"]["metrics"], &format!("[{}]", names.join(", ")));
    }
}

fn add_key(text: &mut String, lead: &str, key: &str, schema: &Value, value: &str) {
    for line in schema["description"].as_str().unwrap_or_default().lines().filter(|line| !line.trim().is_empty()) {
        let _ = writeln!(text, "# {}", line.trim());
    }
    let _ = writeln!(text, "{lead}{key} = {value}");
}

/// A value that is right in form.
fn example(slug: &str, key: &str, schema: &Value) -> String {
    if is_secret(schema) {
        let variable = format!("{slug}_{key}").to_uppercase().replace('-', "_");
        return format!("{{ env = {} }}", quoted(&variable));
    }
    let first = alternatives(schema).into_iter().next().unwrap_or(schema);
    let given = [schema, first].into_iter().find_map(|schema| {
        let default = schema.get("default").filter(|value| !value.is_null());
        default
            .or_else(|| schema.get("examples")?.get(0))
            .or_else(|| schema.get("enum")?.get(0))
            .or(schema.get("const"))
    });
    if let Some(value) = given.and_then(toml_value) {
        return value;
    }
    match types(first).first() {
        _ if key == "url" => quoted(&format!("https://{FILL_IN}.example").to_lowercase()),
        Some(&"boolean") => "true".to_owned(),
        Some(&"integer" | &"number") => "1".to_owned(),
        Some(&"array") => "[]".to_owned(),
        Some(&"object") => "{}".to_owned(),
        _ => quoted(FILL_IN),
    }
}

fn toml_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(quoted(text)),
        _ => toml::Value::try_from(value).ok().map(|value| value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
