//! The schema of just one file: each of its sections by its name, with the keys of its kind.

use crate::check::choice;
use crate::delivery::Kind;
use crate::guard::{guard_schema, report_schema};
use crate::overrides::{Overrides, folded};
use crate::places::{Problems, below, section};
use crate::schema;
use serde_json::{Map, Value, json};
use tallysheet_core::Registry;

/// The schema of `file` with what the environment adds. A section of an unknown kind is a problem, and may hold anything.
pub(crate) fn shape(file: &Value, overrides: &Overrides<'_>, registry: &Registry, problems: &mut Problems) -> Value {
    let table = |sections: Map<String, Value>| json!({ "type": "object", "properties": sections });
    let schedules = names(file, "schedule").into_iter().map(|name| (name, schema::schedule())).collect();
    let integrations = integrations(file, overrides, registry, problems);
    // Names that are none are told later, with those that there are.
    let of_each = |there: Vec<String>, schema: &Value| {
        let names = integrations.keys().cloned().chain(there);
        table(names.map(|name| (name, schema.clone())).collect())
    };
    let guard = guard_schema(&schema::guard(), &of_each(names(&file["guard"], "integrations"), &schema::guard()));
    let report = report_schema(&of_each(names(&file["report"], "rules"), &schema::rule()));
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "run": schema::run(),
            "integrations": table(integrations),
            "deliver": table(deliveries(file, overrides, problems)),
            "schedule": table(schedules),
            "guard": guard,
            "report": report,
            "serve": schema::serve(),
            "alert": schema::alert(),
            "reconcile": schema::reconcile(),
        },
    })
}

fn integrations(
    file: &Value,
    overrides: &Overrides<'_>,
    registry: &Registry,
    problems: &mut Problems,
) -> Map<String, Value> {
    let mut sections = Map::new();
    for name in names(file, "integrations") {
        let kind = kind(file, overrides, "integrations", &name).unwrap_or_else(|| name.clone());
        let schema = match registry.find(&kind) {
            Ok(entry) => schema::integration(entry),
            Err(error) => {
                let at = ["integrations".to_owned(), name.clone()];
                problems.add(&below(&at, "kind"), format!("{}{error}", section(&at)));
                json!({})
            }
        };
        sections.insert(name, schema);
    }
    // One whose keys all stand in the environment needs no section.
    for entry in registry.entries() {
        let slug = entry.meta.slug;
        if overrides.reach_into(&["integrations", slug]) && !sections.keys().any(|name| folded(name) == folded(slug)) {
            sections.insert(slug.to_owned(), schema::integration(entry));
        }
    }
    sections
}

fn deliveries(file: &Value, overrides: &Overrides<'_>, problems: &mut Problems) -> Map<String, Value> {
    let kinds = Kind::ALL.map(Kind::as_str);
    let mut sections = Map::new();
    for name in names(file, "deliver") {
        let word = kind(file, overrides, "deliver", &name);
        let known = Kind::ALL.into_iter().find(|kind| word.as_deref() == Some(kind.as_str()));
        if known.is_none() {
            let at = ["deliver".to_owned(), name.clone()];
            let message = word.map_or_else(
                || format!("the key `kind` is missing; there is {}", kinds.join(", ")),
                |word| format!("there is no kind `{word}`; {}", choice(&word, &kinds)),
            );
            problems.add(&below(&at, "kind"), format!("{}{message}", section(&at)));
        }
        sections.insert(name, known.map_or_else(|| json!({}), schema::delivery));
    }
    sections
}

fn names(file: &Value, table: &str) -> Vec<String> {
    file[table].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn kind(file: &Value, overrides: &Overrides<'_>, table: &str, name: &str) -> Option<String> {
    let replaced = overrides.text(&[table, name, "kind"]).map(str::to_owned);
    replaced.or_else(|| file[table][name]["kind"].as_str().map(str::to_owned))
}
