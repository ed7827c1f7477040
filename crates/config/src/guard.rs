//! The `[guard]` and `[report]` sections: when a count fell too far to be believed, and which figure of a month counts.

use crate::check::choice;
use crate::integration::Integration;
use crate::load::Loader;
use crate::places::{below, section};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tallysheet_core::guard::{Guard, Limits};
use tallysheet_core::month::Rule;

/// The keys of the drop guard, for all integrations or for one.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// Whether counts are compared with the last good ones.
    enabled: Option<bool>,
    /// A fall to zero is implausible from this last count on.
    zero_from: Option<u32>,
    /// So is a fall by more than this share, in percent.
    percent: Option<u32>,
    /// But only if it is at least so many.
    least: Option<u32>,
    /// An integration that lists fewer customers by more than this share, in percent, is implausible.
    orgs_percent: Option<u32>,
    /// But only if they are at least so many fewer.
    orgs_least: Option<u32>,
}

impl Keys {
    fn over(self, limits: &Limits) -> Limits {
        let or = |key: Option<u32>, limit| key.map_or(limit, Into::into);
        Limits {
            enabled: self.enabled.unwrap_or(limits.enabled),
            zero_from: or(self.zero_from, limits.zero_from),
            percent: or(self.percent, limits.percent),
            least: or(self.least, limits.least),
            orgs_percent: or(self.orgs_percent, limits.orgs_percent),
            orgs_least: or(self.orgs_least, limits.orgs_least),
        }
    }
}

/// A month's rule as the config writes it: `"last"`, `"average"`, `"peak"`, or a day.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum RuleForm {
    Day(i64),
    Word(String),
}

impl RuleForm {
    fn rule(&self) -> Option<Rule> {
        let day = |number: i64| i8::try_from(number).ok().filter(|day| (1..=31).contains(day)).map(Rule::Day);
        match self {
            Self::Day(number) => day(*number),
            Self::Word(word) => match word.trim().to_lowercase().as_str() {
                "last" => Some(Rule::Last),
                "average" => Some(Rule::Average),
                "peak" => Some(Rule::Peak),
                word => day(word.parse().ok()?),
            },
        }
    }
}

/// Reads `[guard]`, its table of integrations apart.
pub(crate) fn read(mut table: Map<String, Value>, integrations: &[Integration], loader: &mut Loader<'_>) -> Guard {
    let at = ["guard".to_owned()];
    let own = match table.remove("integrations") {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    let limits = loader.decode::<Keys>(table, &at).unwrap_or_default().over(&Limits::default());
    let mut guard = Guard { limits, integrations: BTreeMap::new() };
    let at = below(&at, "integrations");
    for (name, keys) in own {
        must_be_there(&name, integrations, &at, loader);
        if let Value::Object(keys) = keys {
            let keys: Keys = loader.decode(keys, &below(&at, &name)).unwrap_or_default();
            let limits = keys.over(&guard.limits);
            guard.integrations.insert(name, limits);
        }
    }
    guard
}

/// Reads `[report.rules]`: the rule of each integration, the usual one where the file has none.
pub(crate) fn rules(table: &Value, integrations: &[Integration], loader: &mut Loader<'_>) -> BTreeMap<String, Rule> {
    let usual = |one: &Integration| (one.name.clone(), Rule::usual(&one.kind));
    let mut rules: BTreeMap<String, Rule> = integrations.iter().map(usual).collect();
    let at = ["report".to_owned(), "rules".to_owned()];
    for (name, value) in table["rules"].as_object().into_iter().flatten() {
        must_be_there(name, integrations, &at, loader);
        let Some(rule) = RuleForm::deserialize(value).ok().and_then(|form| form.rule()) else {
            let right = "a rule is \"last\", \"average\", \"peak\", or a day from 1 to 31";
            loader.problems.add(&below(&at, name), format!("{}`{name}`: {right}", section(&at)));
            continue;
        };
        rules.insert(name.clone(), rule);
    }
    rules
}

fn must_be_there(name: &str, integrations: &[Integration], at: &[String], loader: &mut Loader<'_>) {
    let known: Vec<&str> = integrations.iter().map(|one| one.name.as_str()).collect();
    if !known.contains(&name) {
        let message = format!("{}there is no section [integrations.{name}]; {}", section(at), choice(name, &known));
        loader.problems.add(&below(at, name), message);
    }
}

/// The schema of `[guard]`; `integrations` is the part of a table that says which names it has.
pub(crate) fn guard_schema(keys: &Value, integrations: &Value) -> Value {
    let mut schema = keys.clone();
    let mut table = json!({ "description": "The same keys for one integration, by its name.", "type": "object" });
    merge(&mut table, integrations);
    schema["properties"]["integrations"] = table;
    schema
}

/// The schema of `[report]`, likewise.
pub(crate) fn report_schema(rules: &Value) -> Value {
    let mut table =
        json!({ "description": "Which figure of a month counts: last, average, peak or a day.", "type": "object" });
    merge(&mut table, rules);
    json!({ "description": "The figures of a month.", "type": "object", "additionalProperties": false,
        "properties": { "rules": table } })
}

fn merge(table: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        table[key] = value.clone();
    }
}
