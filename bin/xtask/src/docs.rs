//! The generated parts of the documentation: `docs/integrations.md`, from what the connectors say of themselves.

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{Entry, MetricKind};

/// The page of all integrations.
const PAGE: &str = "docs/integrations.md";

/// Writes the page.
pub(crate) fn write(root: &Path) -> Result<String, String> {
    std::fs::write(root.join(PAGE), page()).map_err(|error| format!("{PAGE}: {error}"))?;
    Ok(format!("{PAGE} written"))
}

/// Fails where the page is out of date.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let now = std::fs::read_to_string(root.join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    if now.replace("\r\n", "\n") == page() {
        Ok(format!("{PAGE} is up to date"))
    } else {
        Err(format!("{PAGE} is out of date: cargo run -p xtask -- docs"))
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Integrations\n\nMade by `cargo run -p xtask -- docs` from the connectors themselves. Keys that every integration takes \
         (`kind`, `title`, `enabled`, `url`, `timeout`, `max_concurrency`, `requests_per_minute`, `metrics`, `exclude`, \
         `expect_account`) are not repeated. Metrics in bold are counted without being asked for.\n",
    );
    for entry in tallysheet_connectors::registry().entries() {
        section(&mut page, entry);
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let meta = entry.meta;
    let capabilities: Vec<&str> = meta.capabilities.iter().map(|capability| capability.as_str()).collect();
    let metrics: Vec<String> = meta.metrics.iter().map(|metric| describe(metric)).collect();
    let url = match meta.default_url {
        None => "none: `url` is required".to_owned(),
        Some(NO_URL) => "none: it calls no address".to_owned(),
        Some(url) => format!("`{url}`"),
    };
    let _ = write!(
        page,
        "\n## {} (`{}`)\n\n| | |\n| --- | --- |\n| can do | {} |\n| metrics | {} |\n| default `url` | {url} |\n| least right | {} |\n\
         | page | [connectors/{}](../connectors/{}/README.md) |\n\n| key | | |\n| --- | --- | --- |\n",
        meta.title,
        meta.slug,
        capabilities.join(", "),
        metrics.join(", "),
        meta.permissions,
        meta.slug,
        meta.slug,
    );
    let schema = Value::from((entry.settings)());
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required.contains(&key.as_str()) { "required" } else { "optional" };
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let _ = writeln!(page, "| `{key}` | {need} | {about} |");
    }
}

fn describe(metric: &tallysheet_core::MetricDef) -> String {
    let name = if metric.default { format!("**{}**", metric.name) } else { metric.name.to_owned() };
    match metric.kind {
        MetricKind::Number => name,
        MetricKind::Text => format!("{name} (text)"),
        MetricKind::Product(_) => format!("{name} (of each product)"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_up_to_date() {
        super::check(&crate::root()).unwrap();
    }
}
