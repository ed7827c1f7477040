//! `init`, `integrations` and `schema`: what there is, told from the connectors themselves.

use crate::arguments::Global;
use crate::output;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{Entry, Error, MetricKind, Result};

/// Writes a starter config; never over one that exists.
pub(crate) fn init(global: &Global, integrations: &[String], path: Option<&Path>) -> Result<u8> {
    let registry = tallysheet_connectors::registry();
    let text = tallysheet_config::starter(&registry, integrations)?;
    let path = path.or(global.config.as_deref()).unwrap_or(Path::new("tallysheet.toml"));
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::config(format!("{} exists already; --path writes it elsewhere", path.display()))
        }
        _ => Error::config(format!("{}: {error}", path.display())),
    })?;
    if global.json {
        output::print_json(&json!({ "path": path.display().to_string() }))?;
    } else if !global.quiet {
        output::print(&format!(
            "{} is written. Next: set the secrets it names, then `tallysheet check`.\n",
            path.display()
        ))?;
    }
    Ok(0)
}

/// The JSON Schema of the config.
pub(crate) fn schema() -> Result<u8> {
    output::print_json(&tallysheet_config::schema(&tallysheet_connectors::registry()))?;
    Ok(0)
}

/// All connectors, or one with its keys.
pub(crate) fn integrations(global: &Global, name: Option<&str>) -> Result<u8> {
    let registry = tallysheet_connectors::registry();
    let entries = match name {
        Some(name) => vec![registry.find(name)?],
        None => registry.entries().to_vec(),
    };
    if global.json {
        let described: Vec<Value> = entries.iter().map(|entry| as_json(entry)).collect();
        output::print_json(&json!({ "integrations": described }))?;
    } else if name.is_some() {
        output::print(&entries.iter().map(|entry| page(entry)).collect::<String>())?;
    } else {
        let width = entries.iter().map(|entry| entry.meta.slug.len()).max().unwrap_or_default();
        let line = |entry: &&Entry| {
            let meta = entry.meta;
            format!("{:width$}  {}: {}\n", meta.slug, meta.title, capabilities(entry).join(", "))
        };
        output::print(&entries.iter().map(line).collect::<String>())?;
        output::print("\n`tallysheet integrations NAME` shows the keys of one.\n")?;
    }
    Ok(0)
}

fn capabilities(entry: &Entry) -> Vec<&'static str> {
    entry.meta.capabilities.iter().map(|capability| capability.as_str()).collect()
}

fn as_json(entry: &Entry) -> Value {
    let meta = entry.meta;
    let metrics: Vec<Value> =
        meta.metrics.iter().map(|metric| json!({ "name": metric.name, "default": metric.default })).collect();
    json!({ "slug": meta.slug, "title": meta.title, "capabilities": capabilities(entry), "metrics": metrics,
        "default_url": meta.default_url.filter(|url| *url != NO_URL), "permissions": meta.permissions, "settings": Value::from((entry.settings)()) })
}

fn page(entry: &Entry) -> String {
    let meta = entry.meta;
    let schema = Value::from((entry.settings)());
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = format!("{} (kind = \"{}\"): {}\n\n", meta.title, meta.slug, capabilities(entry).join(", "));
    let url = match meta.default_url {
        None => "required",
        Some(NO_URL) => "none",
        Some(url) => url,
    };
    let _ = writeln!(text, "least right: {}\nurl: {url}\n", meta.permissions);
    text.push_str("Metrics:\n");
    for metric in meta.metrics {
        let how = if metric.default { "" } else { " (on request)" };
        let kind = if matches!(metric.kind, MetricKind::Product(_)) { " of each product" } else { "" };
        let _ = writeln!(text, "  {}{kind}{how}", metric.name);
    }
    text.push_str("\nKeys, besides those of every integration:\n");
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required.contains(&key.as_str()) { "required" } else { "optional" };
        let _ = writeln!(
            text,
            "  {key} ({need}): {}",
            property["description"].as_str().unwrap_or_default().replace('\n', " ")
        );
    }
    text
}
