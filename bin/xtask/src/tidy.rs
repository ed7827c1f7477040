//! Which room depends on which: arrows go down only. `docs/ARCHITECTURE.md` draws the same picture.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Each room, and the rooms of ours that it may use (outside tests).
const ROOMS: &[(&str, &[&str])] = &[
    ("tallysheet-core", &[]),
    ("tallysheet-host", &["core"]),
    ("tallysheet-http", &["core"]),
    ("tallysheet-matching", &["core"]),
    ("tallysheet-reconcile", &["core"]),
    ("tallysheet-report", &["core"]),
    ("tallysheet-config", &["core", "host"]),
    ("tallysheet-store", &["core"]),
    ("tallysheet-engine", &["core", "host", "http", "matching", "reconcile", "report", "store", "config"]),
    ("tallysheet-serve", &["core", "config", "engine", "report", "store"]),
    ("tallysheet-sim", &["core"]),
    ("tallysheet-testkit", &["core"]),
];

/// What a connector may use: never reqwest, another connector, or anything above the kit.
const CONNECTOR: &[&str] = &["core", "http"];

/// Asks cargo for the packages and checks every dependency between ours.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let output = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata cannot be run: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let problems: Vec<String> = packages.iter().flat_map(problems).collect();
    if problems.is_empty() {
        Ok(format!("{} packages, every arrow goes down", packages.len()))
    } else {
        Err(problems.join("\n"))
    }
}

fn problems(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let is_connector = name.starts_with("tallysheet-connector-");
    let allowed =
        if is_connector { Some(CONNECTOR) } else { ROOMS.iter().find(|(room, _)| *room == name).map(|(_, to)| *to) };
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies
        .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str())
        .filter_map(|dependency| {
            if dependency == "reqwest" && name != "tallysheet-http" {
                return Some(format!("{name} names reqwest; HTTP has one home, crates/http"));
            }
            if dependency == "tallysheet-testkit" {
                return Some(format!("{name} depends on the testkit outside its tests"));
            }
            let room = dependency.strip_prefix("tallysheet-")?;
            let upward = allowed.is_some_and(|allowed| !allowed.contains(&room));
            upward.then(|| format!("{name} must not depend on {dependency}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_arrow_goes_down() {
        check(&crate::root()).unwrap();
    }

    #[test]
    fn an_arrow_up_is_told() {
        let package = |name: &str, dependency: &str, kind: Value| json!({ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] });
        for (name, dependency) in [
            ("tallysheet-core", "tallysheet-http"),
            ("tallysheet-connector-acme", "tallysheet-connector-other"),
            ("tallysheet-connector-acme", "reqwest"),
            ("tallysheet", "tallysheet-testkit"),
        ] {
            assert_eq!(problems(&package(name, dependency, Value::Null)).len(), 1, "{name} -> {dependency}");
        }
        assert!(problems(&package("tallysheet-http", "tallysheet-testkit", json!("dev"))).is_empty());
        assert!(problems(&package("tallysheet-connector-acme", "tallysheet-http", Value::Null)).is_empty());
    }
}
