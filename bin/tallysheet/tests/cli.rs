//! The program as its users and other programs see it: output, files, exit statuses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tallysheet_connectors::BUILT;
use tallysheet_sim::{Options, Simulation};
use tallysheet_store::{Sqlite, Store};
use tempfile::TempDir;

/// A folder with a config against a simulated MSP.
struct Msp {
    folder: TempDir,
    _simulation: Simulation,
}

impl Msp {
    /// `more` is added to the simulation's own config.
    async fn start(more: &str) -> Self {
        let simulation = Simulation::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!("{}\n{more}", simulation.config_toml());
        std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        Self { folder, _simulation: simulation }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.folder.path(), arguments).await
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }
}

/// The program in a folder, without the environment's own settings. The simulation answers meanwhile.
async fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("tallysheet").unwrap();
    command.current_dir(folder).args(arguments).env_remove("TALLYSHEET_CONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
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
async fn the_demo_prints_a_sheet_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), &["demo", "--companies", "14", "--seed", "5"]).await;
    let text = stdout(&output);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    for expected in ["Datto RMM", "Microsoft 365", "Total", "would end with exit status 3", "calls were made"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 200));
    let sheet = std::fs::read_to_string(folder.path().join("tallysheet-demo.csv")).unwrap();
    assert!(sheet.starts_with("Company,Notes,account,Datto RMM: Devices,"));
    assert_eq!(sheet.lines().filter(|line| !line.contains("(unmapped, ")).count(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_returns_one_json_object() {
    let msp = Msp::start("").await;
    let output = msp.run(&["run", "--json", "--log", "run.jsonl"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["run"]["status"], "partial");
    assert_eq!((run["log"]["success"].as_bool(), run["log"]["status_code"].as_u64()), (Some(true), Some(3)));
    let title = run["columns"][0]["title"].as_str().unwrap();
    for row in run["rows"].as_array().unwrap() {
        assert!(row["values"].get(title).is_some() != row["states"].get(title).is_some(), "in one of both: {row}");
    }
    let id = run["run"]["id"].as_str().unwrap();
    assert!(msp.folder.path().join("state/tallysheet.db").exists());
    let again = msp.run(&["deliver", id]).await;
    assert_eq!(status(&again), 2, "the run is kept, but the config has no delivery");
    assert!(stderr(&again).contains("[deliver.archive]"), "{}", stderr(&again));
    let log = msp.read("run.jsonl");
    let codes: Vec<Value> =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["code"].clone()).collect();
    assert!(codes.contains(&"consent-missing".into()) && codes.contains(&"no-delivery".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_delivery_the_sheet_goes_to_standard_output() {
    let msp = Msp::start("").await;
    let csv = msp.run(&["run", "--only", "huntress,pax8"]).await;
    let text = stdout(&csv);
    assert!(text.starts_with("Company,Notes,account,Huntress: Agents,") && text.contains("PAX8: "), "{text}");
    assert!(!text.contains("Datto"), "integrations outside --only have no columns");
    let long = msp.run(&["run", "--only", "huntress", "--format", "long"]).await;
    assert!(stdout(&long).starts_with("Company,Integration,Metric,Value,State,Code,Counted at\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_delivered_and_never_overwritten() {
    let msp = Msp::start("[deliver.archive]\nkind = \"file\"\npath = \"reports/{month}-{status}.csv\"").await;
    for _ in 0..2 {
        let output = msp.run(&["run", "--only", "huntress", "--output", "out.json"]).await;
        assert_eq!((status(&output), stdout(&output)), (3, String::new()), "{}", stderr(&output));
    }
    let mut reports: Vec<String> = std::fs::read_dir(msp.folder.path().join("reports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    reports.sort();
    assert!(reports[0].ends_with("-partial-2.csv") && reports[1].ends_with("-partial.csv"), "{reports:?}");
    let delivered: Value = serde_json::from_str(&msp.read("out-2.json")).unwrap();
    assert_eq!((&delivered["deliveries"], &delivered["run"]["finished_at"]), (&Value::Array(vec![]), &Value::Null));

    let output = msp.run(&["run", "--only", "huntress", "--no-deliver", "--output", "-"]).await;
    assert!(stdout(&output).starts_with("Company,"));
    assert_eq!(std::fs::read_dir(msp.folder.path().join("reports")).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_4_and_the_run_is_kept() {
    let msp = Msp::start("[deliver.archive]\nkind = \"file\"\npath = \"companies.csv/report.csv\"").await;
    let output = msp.run(&["run", "--only", "huntress"]).await;
    assert_eq!(status(&output), 4, "{}", stderr(&output));
    let told = stderr(&output);
    assert!(told.contains("archive: failed: ") && told.contains("is kept in "), "{told}");
    // The report is at hand in a file, and the run can be delivered once the cause is gone.
    let folders: Vec<_> = std::fs::read_dir(msp.folder.path().join("state/undelivered")).unwrap().collect();
    let report = folders[0].as_ref().unwrap().path().join("archive.csv");
    assert!(told.contains(report.file_name().unwrap().to_str().unwrap()), "{told}");
    let config = msp.read("tallysheet.toml").replace("companies.csv/report.csv", "reports/{run}.csv");
    std::fs::write(msp.folder.path().join("tallysheet.toml"), config).unwrap();
    let again = msp.run(&["deliver", "last", "archive"]).await;
    assert_eq!(status(&again), 3, "{}", stderr(&again));
    let id = folders[0].as_ref().unwrap().file_name().into_string().unwrap();
    assert_eq!(msp.read(&format!("reports/{id}.csv")), std::fs::read_to_string(report).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_named_wrongly_is_answered_with_those_there_are() {
    let msp = Msp::start("[deliver.archive]\nkind = \"file\"\npath = \"reports/{run}.csv\"").await;
    for (arguments, told) in [
        (["deliver", "last", "archive"].as_slice(), "no run is kept in"),
        (&["deliver", "20260101T000000Z-0000"], "there is no run 20260101T000000Z-0000"),
        (&["deliver", "--test", "archiv"], "did you mean `archive`?"),
    ] {
        let output = msp.run(arguments).await;
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
    let tested = msp.run(&["deliver", "--test", "archive"]).await;
    assert_eq!(status(&tested), 0, "{}", stderr(&tested));
    let name = std::fs::read_dir(msp.folder.path().join("reports")).unwrap().next().unwrap().unwrap().file_name();
    assert!(name.to_str().unwrap().starts_with("test-"), "{name:?}");
    let checked = msp.run(&["check", "--json"]).await;
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(checked["deliveries"][0]["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_holds_the_file_back_and_nothing_counted_is_1() {
    let msp = Msp::start("[deliver.archive]\nkind = \"file\"\npath = \"report.csv\"").await;
    let strict = ("TALLYSHEET__RUN__STRICT", "true");
    let mut command = Command::cargo_bin("tallysheet").unwrap();
    command.current_dir(msp.folder.path()).args(["run"]).env(strict.0, strict.1);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(!msp.folder.path().join("report.csv").exists());

    let nowhere = msp.run(&["run", "--only", "huntress", "--log", "no/such/folder/log"]).await;
    assert_eq!((status(&nowhere), stdout(&nowhere)), (2, String::new()), "told before anything is asked");

    let output = msp.run(&["run", "--only", "datto-west"]).await;
    assert_eq!((status(&output), stdout(&output)), (1, String::new()));
    assert!(stderr(&output).contains("auth-failed"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_who_and_0_3_or_1() {
    let msp = Msp::start("").await;
    let all = msp.run(&["check", "--json"]).await;
    assert_eq!(status(&all), 3, "{}", stderr(&all));
    let answers: Value = serde_json::from_slice(&all.stdout).unwrap();
    let west = answers["integrations"].as_array().unwrap().iter().find(|one| one["name"] == "datto-west").unwrap();
    assert_eq!((&west["ok"], &west["code"]), (&Value::Bool(false), &"auth-failed".into()));
    assert_eq!(status(&msp.run(&["check", "huntress", "pax8"]).await), 0);
    assert_eq!(status(&msp.run(&["check", "datto-west"]).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_shows_shapes_and_is_1_only_where_no_answer_came() {
    let msp = Msp::start("[integrations.backup]\nkind = \"csv\"\npath = \"none.csv\"").await;
    let output = msp.run(&["probe", "huntress"]).await;
    assert_eq!((status(&output), stderr(&output)), (0, String::new()));
    assert!(stdout(&output).contains("GET /organizations (200, JSON)\n  query: limit"), "{}", stdout(&output));

    let refused = msp.run(&["probe", "datto-west", "--json"]).await;
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(
        (status(&refused), &told["check"], &told["calls"][0]["status"]),
        (0, &"auth-failed".into(), &401.into())
    );
    assert!(stderr(&refused).contains("check failed: getting a token"), "{}", stderr(&refused));

    let file = msp.run(&["probe", "backup"]).await;
    assert!(status(&file) == 1 && stdout(&file).contains("no answer came"), "{}", stdout(&file));
    assert_eq!(status(&msp.run(&["probe", "huntres"]).await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_and_a_page_are_asked_for_by_ending_and_by_format() {
    let deliveries = "[deliver.book]\nkind = \"file\"\npath = \"out/counts.xlsx\"\n\
                      [deliver.page]\nkind = \"file\"\npath = \"out/page.txt\"\nformat = \"html\"\n";
    let msp = Msp::start(deliveries).await;
    let output = msp.run(&["run", "--only", "huntress", "--output", "counts.html"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(std::fs::read(msp.folder.path().join("out/counts.xlsx")).unwrap().starts_with(b"PK"));
    assert!(msp.read("out/page.txt").starts_with("<!doctype html>"));
    assert!(msp.read("counts.html").starts_with("<!doctype html>"));

    let output = msp.run(&["run", "--only", "huntress", "--no-deliver", "--format", "xlsx"]).await;
    assert!(output.stdout.starts_with(b"PK"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_2_and_says_where() {
    let huntress = "[integrations.huntress]\napi_key = \"k\"\napi_secret = \"s\"\n";
    let cases = [
        ("[run\n", "tallysheet.toml:1:"),
        ("[run]\ntimezon = \"UTC\"\n", "tallysheet.toml:2:1: [run] unknown key `timezon`; did you mean `timezone`?"),
        (
            "[integrations.huntres]\n",
            "tallysheet.toml:1:15: [integrations.huntres] there is no kind `huntres`; did you mean",
        ),
        ("[integrations.huntress]\napi_key = \"k\"\n", "the key `api_secret` is missing"),
        ("[integrations.huntress]\napi_key = { env = \"NO_SUCH\" }\napi_secret = \"s\"\n", "tallysheet.toml:2:1: "),
        ("[run]\ncompanies = \"none.csv\"\n{huntress}", "none.csv: there is no such file"),
        (
            "[run]\ncompanies = \"bad.csv\"\n{huntress}",
            "bad.csv:2:3: `1.8E+18` is a number that a spreadsheet has shortened",
        ),
        ("[deliver.t]\nkind = \"ticket\"\nto = \"huntress\"\ncompany = \"Us\"\n{huntress}", "tallysheet.toml:3:"),
        ("[run]\ncarry = [\"account\"]\n{huntress}", "[run] names no `companies`"),
        ("", "no integration counts anything"),
    ];
    for (config, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tallysheet.toml"), config.replace("{huntress}", huntress)).unwrap();
        std::fs::write(folder.path().join("bad.csv"), "company,domains,huntress\nAcme,,1.8E+18\n").unwrap();
        let output = run_in(folder.path(), &["run"]).await;
        assert_eq!(status(&output), 2, "{config}\n{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{config}\n{}", stderr(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), &["run"]).await;
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("tallysheet init"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_a_config_that_loads_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let built = BUILT.iter().filter(|(_, _, on)| *on).map(|(slug, ..)| *slug);
    let all: Vec<&str> = ["init"].into_iter().chain(built).collect();
    assert_eq!(status(&run_in(folder.path(), &all).await), 0);
    let output = run_in(folder.path(), &all).await;
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("exists already"), "{}", stderr(&output));
    let output = run_in(folder.path(), &["check"]).await;
    assert!(stderr(&output).contains("is not set"), "all but the secrets is there: {}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_and_the_connectors_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let schema: Value = serde_json::from_slice(&run_in(folder.path(), &["schema"]).await.stdout).unwrap();
    assert!(schema["properties"]["integrations"].is_object());
    let told = run_in(folder.path(), &["integrations", "--json"]).await;
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let slugs: Vec<&str> =
        told["integrations"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap()).collect();
    let built: Vec<&str> = BUILT.iter().filter(|(_, _, on)| *on).map(|(slug, ..)| *slug).collect();
    assert_eq!(slugs, built);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_said_or_kept() {
    let msp = Msp::start("").await;
    // Every secret of the config, and a wrong one that the vendor may repeat.
    let config = msp.read("tallysheet.toml");
    let secret_key =
        |line: &&str| ["_secret", "_key", "_token"].iter().any(|end| line.split(' ').next().unwrap().ends_with(end));
    let secrets: Vec<String> =
        config.lines().filter(secret_key).map(|line| line.split('"').nth(1).unwrap().to_owned()).collect();
    assert!(secrets.len() >= 6, "{secrets:?}");
    for arguments in [
        &["run", "--json", "--verbose"][..],
        &["check", "--verbose"],
        &["run", "--verbose", "--output", "-"],
        &["probe", "datto-rmm", "--verbose"],
        &["probe", "datto-west", "--verbose", "--json"],
    ] {
        let output = msp.run(arguments).await;
        let said = stdout(&output) + &stderr(&output);
        for secret in &secrets {
            assert!(!said.contains(secret.as_str()), "{arguments:?} says the secret {secret}");
        }
    }
    let store = Sqlite::open(&msp.folder.path().join("state/tallysheet.db")).unwrap();
    let kept = store.runs(10).await.unwrap();
    assert_eq!(kept.len(), 2);
    for head in kept {
        let text = format!("{:?}", store.run(&head.id).await.unwrap().unwrap());
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "run {} holds a secret", head.id);
    }
}
