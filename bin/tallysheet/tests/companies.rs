//! `tallysheet companies` and pinned accounts as their users see them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use assert_cmd::Command;
use serde_json::Value;
use std::process::Output;
use tallysheet_sim::{Options, Simulation};
use tempfile::TempDir;

/// A folder with a config against a simulated MSP, and no companies file yet.
struct Msp {
    folder: TempDir,
    simulation: Simulation,
}

impl Msp {
    async fn start() -> Self {
        let simulation = Simulation::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = simulation.config_toml().replace("carry     = [\"account\"]", "");
        std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
        Self { folder, simulation }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("tallysheet").unwrap();
        command.current_dir(self.folder.path()).args(arguments).env_remove("TALLYSHEET_CONFIG");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", stderr(&output)))
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_file_is_exported_listed_and_never_overwritten() {
    let msp = Msp::start().await;
    // One vendor of the simulation refuses its credential.
    let first = msp.run(&["companies", "export"]).await;
    assert_eq!(status(&first), 3, "{}", stderr(&first));
    assert!(stdout(&first).contains("companies are in "), "{}", stdout(&first));
    assert!(msp.read("companies.csv").starts_with("\u{feff}company,domains,datto-rmm,datto-west,"));
    let again = msp.run(&["companies", "export"]).await;
    assert_eq!(status(&again), 2);
    assert!(stderr(&again).contains("has companies already"), "{}", stderr(&again));
    let book = msp.run(&["companies", "export", "--output", "first.xlsx"]).await;
    assert_eq!(status(&book), 3, "{}", stderr(&book));
    msp.write("tallysheet.toml", &msp.read("tallysheet.toml").replace("companies.csv", "first.xlsx"));

    let list = msp.json(&["companies", "list"]).await;
    assert!(list["companies"].as_array().unwrap().len() >= 25);
    assert!(
        list["companies"].as_array().unwrap().iter().any(|one| one["orgs"][0]["by"] == "id"),
        "the workbook was read"
    );
    assert_eq!(list["failed"][0]["code"], "auth-failed");
    let text = stdout(&msp.run(&["companies", "list"]).await);
    assert!(text.contains("Companies: ") && text.contains("Datto RMM: "), "{text}");
    assert_eq!(status(&msp.run(&["run", "--output", "-"]).await), 3, "a run reads the workbook too");
}

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_are_written_only_where_someone_said_so() {
    let msp = Msp::start().await;
    let names: Vec<String> = msp.simulation.who_is_who().into_values().flatten().collect();
    let mut names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\";\r\n")).collect();
    names.sort();
    names.dedup();
    let file =
        format!("#tier;company;huntress\r\n{}", names.iter().flat_map(|name| ["gold;", name]).collect::<String>());
    msp.write("companies.csv", &file);

    let shown = stdout(&msp.run(&["companies", "suggest"]).await);
    assert!(shown.contains("same name") && shown.contains("Huntress: "), "{shown}");
    let dry = msp.run(&["companies", "accept"]).await;
    assert!(stdout(&dry).contains("Nothing is written. `--yes` writes these."), "{}", stdout(&dry));
    assert_eq!(msp.read("companies.csv"), file);

    // By a file: one is accepted, one becomes a row, one is ignored, one gets a wrong answer.
    assert_eq!(status(&msp.run(&["companies", "suggest", "--output", "s.csv"]).await), 3);
    let rows: Vec<String> = msp.read("s.csv").lines().map(str::to_owned).collect();
    let stranger = rows.iter().find(|row| row.starts_with(",,,")).unwrap();
    let first = &rows[1];
    msp.write("s.csv", &format!("{}\r\nmaybe{first}\r\n", rows[0]));
    let wrong = msp.run(&["companies", "accept", "--from", "s.csv"]).await;
    assert_eq!(status(&wrong), 2);
    assert!(stderr(&wrong).contains("s.csv:2:1: `maybe` is no answer"), "{}", stderr(&wrong));
    msp.write("s.csv", &format!("{}\r\nx{first}\r\nnew{stranger}\r\n", rows[0]));
    let some = msp.run(&["companies", "accept", "--from", "s.csv"]).await;
    assert!(stdout(&some).contains("2 matches are written into "), "{} {}", stdout(&some), stderr(&some));
    assert_eq!(status(&msp.run(&["companies", "accept", "--from", "s.csv"]).await), 2, "they stand there already");

    let all = msp.json(&["companies", "accept", "--yes"]).await;
    assert!(all["accepted"].as_array().unwrap().len() > 100, "{all}");
    let after = msp.read("companies.csv");
    assert!(after.starts_with("#tier;company;huntress;"), "{after}");
    for (line, before) in after.lines().skip(1).zip(file.lines().skip(1)) {
        assert!(line.starts_with(before.trim_end_matches(';')), "{line} was {before}");
    }
    // What was written speaks for more at other vendors, until nothing is left that is certain.
    let mut none = msp.json(&["companies", "accept", "--yes"]).await;
    assert!(none["accepted"].as_array().unwrap().len() < 10, "{none}");
    for _ in 0..3 {
        none = msp.json(&["companies", "accept", "--yes"]).await;
    }
    assert_eq!((&none["written"], none["accepted"].as_array().unwrap().len()), (&Value::Null, 0));
    let sheet = stdout(&msp.run(&["run", "--output", "-"]).await);
    assert!(!sheet.contains("could be"), "{sheet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_account_stops_and_is_pinned_again_by_a_word() {
    let msp = Msp::start().await;
    assert_eq!(
        status(&msp.run(&["run", "--only", "huntress", "--output", "one.csv"]).await),
        2,
        "no companies file yet"
    );
    msp.write("companies.csv", "company\n");
    assert_eq!(status(&msp.run(&["run", "--only", "huntress", "--output", "one.csv"]).await), 0);
    let pinned = msp.read("state/accounts/huntress");
    msp.write("state/accounts/huntress", &pinned.replace("311", "42"));
    let stopped = msp.run(&["run", "--only", "huntress", "--output", "two.csv"]).await;
    assert_eq!(status(&stopped), 1);
    assert!(
        stderr(&stopped).contains("wrong-account") && stderr(&stopped).contains("check --repin huntress"),
        "{}",
        stderr(&stopped)
    );
    assert_eq!(status(&msp.run(&["check", "huntress"]).await), 1);
    assert_eq!(status(&msp.run(&["check", "--repin", "huntress"]).await), 0);
    assert_eq!(msp.read("state/accounts/huntress"), pinned);
    let checked = msp.json(&["check", "huntress"]).await;
    assert_eq!(checked["integrations"][0]["notices"], Value::Array(Vec::new()));
}
