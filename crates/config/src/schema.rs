//! The JSON Schema of the config, made of our own types and of each connector's settings. Everything that must know the
//! keys works from it: the check, values from the environment, the starter file, editors.

use crate::check::{alternatives, is_secret};
use crate::delivery::{self, Kind};
use crate::guard::{self, guard_schema, report_schema};
use crate::run::Run;
use crate::{alert, integration, reconcile, schedule, serve};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use tallysheet_core::{Entry, Registry};

/// The JSON Schema of the whole file, for editors.
pub fn schema(registry: &Registry) -> Value {
    let kinds: Vec<&str> = registry.entries().iter().map(|entry| entry.meta.slug).collect();
    let mut definitions: Map<String, Value> =
        registry.entries().iter().map(|entry| (entry.meta.slug.to_owned(), integration(entry))).collect();
    let by_kind = |kind: &&str| when_kind(kind, &json!({ "$ref": format!("#/$defs/{kind}") }));
    let kind = json!({ "description": "Which connector it is.", "enum": kinds });
    definitions.insert(
        "by-kind".into(),
        json!({ "type": "object", "properties": { "kind": kind }, "required": ["kind"],
            "allOf": kinds.iter().map(by_kind).collect::<Vec<_>>() }),
    );
    let by_name = |kind: &&str| {
        let schema = json!({ "if": { "required": ["kind"] }, "then": { "$ref": "#/$defs/by-kind" },
            "else": { "$ref": format!("#/$defs/{kind}") } });
        ((*kind).to_owned(), schema)
    };
    let deliveries = Kind::ALL.map(|kind| when_kind(kind.as_str(), &delivery(kind)));
    let delivery_kinds = Kind::ALL.map(Kind::as_str);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tallysheet.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "run": run(),
            "integrations": {
                "description": "The connections to vendor systems, each with a name.",
                "type": "object",
                "properties": kinds.iter().map(by_name).collect::<Map<_, _>>(),
                "additionalProperties": { "$ref": "#/$defs/by-kind" },
            },
            "deliver": {
                "description": "Where the report goes: any number of deliveries, each with a name.",
                "type": "object",
                "additionalProperties": { "type": "object", "required": ["kind"], "allOf": deliveries,
                    "properties": { "kind": { "enum": delivery_kinds } } },
            },
            "schedule": {
                "description": "When runs are made: any number of schedules, each with a name.",
                "type": "object",
                "additionalProperties": schedule(),
            },
            "guard": guard_schema(&guard(), &json!({ "additionalProperties": guard() })),
            "report": report_schema(&json!({ "additionalProperties": rule() })),
            "serve": serve(),
            "alert": alert(),
            "reconcile": reconcile(),
        },
        "$defs": definitions,
    })
}

fn when_kind(kind: &str, then: &Value) -> Value {
    json!({ "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] }, "then": then })
}

/// The schema of `[run]`.
pub(crate) fn run() -> Value {
    of::<Run>()
}

/// The schema of a schedule's section.
pub(crate) fn schedule() -> Value {
    of::<schedule::Keys>()
}

/// The schema of the keys of `[guard]`.
pub(crate) fn guard() -> Value {
    of::<guard::Keys>()
}

/// The schema of a month's rule.
pub(crate) fn rule() -> Value {
    of::<guard::RuleForm>()
}

/// The schema of `[serve]`.
pub(crate) fn serve() -> Value {
    of::<serve::Serve>()
}

/// The schema of `[reconcile]`.
pub(crate) fn reconcile() -> Value {
    of::<reconcile::Reconcile>()
}

/// The schema of `[alert]`. Its ticket has the keys of a delivery's, but for those that only a report has.
pub(crate) fn alert() -> Value {
    let mut schema = of::<alert::Alert>();
    let ticket = &mut schema["properties"]["ticket"];
    for key in alert::OF_REPORTS {
        remove_property(ticket, key);
    }
    schema
}

/// Takes a key out of a table's schema, wherever the table stands among alternatives. Then it is unknown.
fn remove_property(schema: &mut Value, key: &str) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(key);
        schema["additionalProperties"] = Value::Bool(false);
    }
    for list in ["anyOf", "oneOf"] {
        for one in schema.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            remove_property(one, key);
        }
    }
}

/// The schema of an integration's section: the common keys, and the connector's own.
pub(crate) fn integration(entry: &Entry) -> Value {
    let meta = entry.meta;
    let mut schema = joined(&of::<integration::Common>(), &(entry.settings)().to_value());
    if meta.default_url.is_none()
        && let Some(required) = schema["required"].as_array_mut()
    {
        required.push("url".into());
    }
    // Only a proposal to editors: the words are taken in any case, and checked with an error that lists them.
    let names: Vec<&str> = meta.metrics.iter().map(|metric| metric.name).collect();
    schema["properties"]["metrics"]["items"] = json!({ "anyOf": [{ "type": "string" }, { "enum": names }] });
    schema
}

/// The schema of a delivery's section.
pub(crate) fn delivery(kind: Kind) -> Value {
    let own = match kind {
        Kind::File => of::<delivery::File>(),
        Kind::Ticket => of::<delivery::Ticket>(),
        Kind::Email => of::<delivery::Email>(),
        Kind::Webhook => of::<delivery::Webhook>(),
    };
    joined(&of::<delivery::Common>(), &own)
}

/// The keys of a section's schema that hold secrets.
pub(crate) fn secret_keys(schema: &Value) -> Vec<String> {
    properties(schema).filter(|(_, schema)| is_secret(schema)).map(|(key, _)| key.clone()).collect()
}

/// The keys of a section's schema that are paths of files.
pub(crate) fn path_keys(schema: &Value) -> Vec<String> {
    let is_path = |schema: &Value| alternatives(schema).iter().any(|schema| schema["x-path"] == true);
    properties(schema).filter(|(_, schema)| is_path(schema)).map(|(key, _)| key.clone()).collect()
}

/// The keys of a schema, by name.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Takes the keys of `T` out of a table, and leaves the others.
pub(crate) fn take<T: JsonSchema>(table: &mut Map<String, Value>) -> Map<String, Value> {
    keys_of::<T>().iter().filter_map(|key| table.remove_entry(key)).collect()
}

/// The keys of `T`.
pub(crate) fn keys_of<T: JsonSchema>() -> Vec<String> {
    properties(&of::<T>()).map(|(key, _)| key.clone()).collect()
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// One table of the keys of both, and of no others.
fn joined(common: &Value, own: &Value) -> Value {
    let list = |schema: &Value, key: &str| schema[key].as_array().cloned().unwrap_or_default();
    let required = [list(common, "required"), list(own, "required")].concat();
    let keys = properties(common).chain(properties(own)).map(|(key, schema)| (key.clone(), schema.clone()));
    json!({
        "type": "object",
        "description": own["description"],
        "properties": keys.collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}
