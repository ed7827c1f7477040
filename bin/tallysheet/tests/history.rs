//! History, its acceptance and the month's report, as users see them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::Output;

const CONFIG: &str = r#"
[run]
timezone = "UTC"

[integrations.phones]
kind = "csv"
path = "phones.csv"

[report.rules]
phones = "peak"
"#;

fn tallysheet(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tallysheet").unwrap();
    command.current_dir(folder).args(arguments).env_remove("TALLYSHEET_CONFIG").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_drop_is_told_shown_and_accepted_and_the_month_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("tallysheet.toml"), CONFIG).unwrap();
    let tally = |arguments: &[&str]| tallysheet(folder, arguments);
    let run = |acme: u32| {
        let counts = format!("company,Lines,Fax\nAcme,{acme},2\nBirch,3,2\n");
        std::fs::write(folder.join("phones.csv"), counts).unwrap();
        let output = tally(&["run"]);
        (output.status.code().unwrap(), stdout(&output), stderr(&output))
    };
    assert_eq!(tally(&["report", "--month", "2020-01"]).status.code(), Some(1), "nothing is kept of it");
    assert_eq!(run(12).0, 0);
    let (status, sheet, told) = run(5);
    assert_eq!(status, 3, "{told}");
    assert!(sheet.contains("Acme,\"phones: Lines implausible: 5, was 12 on "), "{sheet}");
    assert!(told.contains("implausible") && told.contains("phones: Lines: 8, was 15 (-7)"), "{told}");

    let moved = tally(&["history"]);
    assert!(moved.stdout.is_empty() && stderr(&moved).contains("--all"), "one day is no history: {}", stdout(&moved));
    let all = stdout(&tally(&["history", "acm", "--metric", "line", "--all"]));
    assert!(all.lines().count() == 2 && all.contains("5?"), "{all}");
    let days = json(&tally(&["history", "--all", "--json"]));
    assert_eq!(days["series"].as_array().unwrap().len(), 4);
    assert_eq!(days["series"][1]["points"][0]["implausible"], true, "{days}");
    let csv = stdout(&tally(&["history", "--all", "--csv", "--integration", "phones"]));
    assert!(csv.starts_with("Date,Company,Key,") && csv.contains(",5,counted,yes\r\n"), "{csv}");
    let wrong = tally(&["history", "--integration", "phone"]);
    assert!(wrong.status.code() == Some(2) && stderr(&wrong).contains("did you mean `phones`?"), "{}", stderr(&wrong));

    let accepted = tally(&["history", "accept", "last", "ACME"]);
    assert_eq!(stderr(&accepted), "accepted: Acme, phones: Lines: 5\n");
    assert_eq!(tally(&["history", "accept", "r0"]).status.code(), Some(2));
    assert_eq!(run(5).0, 0);

    let month = days["to"].as_str().unwrap()[..7].to_owned();
    let report = tally(&["report", "--month", &month]);
    assert_eq!(report.status.code(), Some(0), "{}", stderr(&report));
    let text = stdout(&report);
    assert!(text.starts_with("Company,Key,Integration,Metric,Unit,Value,Rule,Of,Days,Remarks\r\n"), "{text}");
    assert!(text.contains("phones,Lines,,5,peak,"), "the last run of the day: {text}");
    let object = json(&tally(&["report", "--month", &month, "--json", "--quiet"]));
    assert_eq!(object["integrations"][0]["rule"], "peak");
    assert_eq!(tally(&["report", "--month", &month, "--output", "m.xlsx"]).status.code(), Some(0));
    assert!(std::fs::read(folder.join("m.xlsx")).unwrap().starts_with(b"PK"));
    assert_eq!(tally(&["report", "--month", "2999-01"]).status.code(), Some(2), "it has not begun");
}
