//! The drop guard, a month's figures, and how long things are kept.

mod common;

use common::{read, read_with};
use std::time::Duration;
use tallysheet_core::month::Rule;

const FILE: &str = r#"
[run]
keep = "60w"
keep_counts = "forever"

[integrations.acme-rmm]
url = "https://rmm.acme.example"
api_key = "k"

[integrations.west]
kind = "acme-rmm"
title = "West"
url = "https://rmm.acme.example"
api_key = "k"

[guard]
percent = 40

[guard.integrations.west]
zero_from = 10
enabled = false

[report.rules]
west = 19
"#;

#[test]
fn keys_of_one_integration_go_over_those_of_all() {
    let config = read(FILE).unwrap();
    assert_eq!(config.run.keep, Some(Duration::from_hours(24 * 420)));
    assert_eq!(config.run.keep_counts, None);
    let limits = &config.guard.limits;
    assert_eq!((limits.percent, limits.zero_from, limits.least), (40.into(), 3.into(), 5.into()));
    let west = &config.guard.integrations["west"];
    assert_eq!((west.percent, west.zero_from, west.enabled), (40.into(), 10.into(), false));
    assert_eq!(config.rules["west"], Rule::Day(19));
    assert_eq!(config.rules["acme-rmm"], Rule::Last);
}

#[test]
fn variables_reach_them_too() {
    let set = [
        ("TALLYSHEET__GUARD__INTEGRATIONS__ACME_RMM__LEAST", "9"),
        ("TALLYSHEET__REPORT__RULES__ACME_RMM", "average"),
        ("TALLYSHEET__REPORT__RULES__WEST", "31"),
        ("TALLYSHEET__RUN__KEEP", "2y"),
    ];
    let config = read_with(FILE, &set).unwrap();
    assert_eq!(config.guard.integrations["acme-rmm"].least, 9.into());
    assert_eq!((config.rules["acme-rmm"], config.rules["west"]), (Rule::Average, Rule::Day(31)));
    assert_eq!(config.run.keep, Some(Duration::from_hours(24 * 730)));
}

#[test]
fn what_is_wrong_is_told_with_what_is_right() {
    for (from, to, wanted) in [
        ("percent = 40", "per_cent = 40", "did you mean `percent`?"),
        ("percent = 40", "percent = -1", "at least 0"),
        ("west = 19", "west = 32", "a day from 1 to 31"),
        ("west = 19", "west = \"median\"", "\"average\", \"peak\""),
        ("west = 19", "wets = 19", "there is no section [integrations.wets]"),
        ("[guard.integrations.west]", "[guard.integrations.wets]", "did you mean `west`?"),
        ("\"60w\"", "\"60m\"", "write one like 90d, 60w or 2y, or forever"),
        ("\"60w\"", "\"0d\"", "is no age"),
    ] {
        let message = read(&FILE.replace(from, to)).err().unwrap();
        assert!(message.contains(wanted) && message.contains("tallysheet.toml:"), "{to}: {message}");
    }
}
