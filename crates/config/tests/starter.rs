//! The starter file and the schema for editors.

mod common;

use common::{read, registry};
use tallysheet_config::{schema, starter};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_starter_loads_and_says_what_to_fill_in() {
    let text = starter(&registry(), &names(&["acme-rmm", "acme-desk", "acme-rmm"])).unwrap();
    let config = read(&text).unwrap();
    let sections: Vec<&str> = config.integrations.iter().map(|integration| integration.name.as_str()).collect();
    assert_eq!(sections, ["acme-desk", "acme-rmm"]);
    assert_eq!(config.deliveries.len(), 1);
    for line in [
        "api_key = { env = \"ACME_RMM_API_KEY\" }",
        "# The API key. It belongs to a user.",
        "# refresh_token = { env = \"ACME_RMM_REFRESH_TOKEN\" }",
        "# max_offline_days = 1",
        "# mode = \"inventory\"",
        "# exclude_suspended = false",
        "# metrics = [\"Workstations\", \"Servers\", \"Printers\"]",
        "tenant = \"FILL-IN\"",
        "url = \"https://fill-in.example\"",
        "# url = \"https://desk.acme.example/api\"",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}

#[test]
fn every_key_that_is_commented_out_would_load() {
    let text = starter(&registry(), &names(&["acme-rmm", "acme-desk"])).unwrap();
    let is_key = |line: &str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let active = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    let text: String = text.lines().map(active).collect();
    assert!(text.contains("\nmax_offline_days = "), "{text}");
    if let Err(message) = read(&text) {
        panic!("{message}\n{text}");
    }
}

#[test]
fn the_starter_of_an_unknown_kind_says_what_there_is() {
    let message = starter(&registry(), &names(&["acme-desc"])).unwrap_err().to_string();
    assert!(message.contains("did you mean `acme-desk`?"), "{message}");
}

#[test]
fn the_schema_describes_every_key() {
    let schema = schema(&registry());
    let rmm = &schema["$defs"]["acme-rmm"];
    assert_eq!(rmm["additionalProperties"], false);
    let required: Vec<&str> = rmm["required"].as_array().unwrap().iter().filter_map(|key| key.as_str()).collect();
    assert_eq!(required, ["api_key", "url"]);
    assert_eq!(rmm["properties"]["api_key"]["description"], "The API key. It belongs to a user.");
    let properties = &schema["properties"];
    let schedule = &properties["schedule"]["additionalProperties"];
    for section in [rmm, &properties["run"], schedule, &properties["serve"], &properties["alert"]] {
        for (key, schema) in section["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{key}: {schema}");
        }
    }
    let any_integration = &schema["$defs"]["by-kind"]["allOf"];
    assert_eq!(any_integration[0]["then"]["$ref"], "#/$defs/acme-desk");
}
