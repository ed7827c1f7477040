//! Counts from a file on disk, beside those of `companies.csv`: from the config to the sheet.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_core::{Code, Level};
use tallysheet_engine::{Selection, Silent, assemble, run};
use tallysheet_host::{Environment, System};
use tallysheet_store::Sqlite;

const CONFIG: &str = r#"
[run]
companies = "companies.csv"
[integrations.Backup]
kind = "csv"
path = "counts/backup.csv"
exclude = ["Total"]
[integrations.phones]
kind = "csv"
title = "Phone system"
path = "counts/phones.csv"
"#;

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

async fn run_in(folder: &Path, backup: &[u8]) -> Run {
    // The config is named by its path: what it names must not be looked for in the working folder.
    let path = folder.join("tallysheet.toml");
    let companies = "company,Backup,phones\nAcme Dental,,\nBirch Legal,B-7,-\nCedar & Co,,\n";
    std::fs::create_dir_all(folder.join("counts")).unwrap();
    std::fs::write(&path, CONFIG).unwrap();
    std::fs::write(folder.join("companies.csv"), companies).unwrap();
    std::fs::write(folder.join("counts/backup.csv"), backup).unwrap();
    std::fs::write(folder.join("counts/phones.csv"), "company,metric,value\nacme dental ltd,Lines,12\n").unwrap();
    let config = Config::load(&path, &Environment::default(), &tallysheet_connectors::registry()).unwrap();
    let world = Arc::new(System::new(folder.join("state")));
    let selection = Selection { deliver: true, ..Selection::default() };
    let plan =
        assemble(config, &tallysheet_connectors::registry(), world, Arc::new(Sqlite::in_memory().unwrap()), &selection)
            .unwrap()
            .plan()
            .unwrap();
    run(plan, &Silent).await
}

fn csv(run: &Run) -> String {
    String::from_utf8(tallysheet_report::render(run, tallysheet_report::Format::Csv).unwrap()).unwrap()
}

#[tokio::test]
async fn a_file_is_counted_like_any_vendor() {
    let folder = tempfile::tempdir().unwrap();
    let backup =
        "company;id;Servers;TB\r\nAcme Dental;A-1;4;2.50\r\nBirch;B-7;0;\r\nZoë's;Z;1;\r\nTotal;Total;5;2.5\r\n";
    let run = run_in(folder.path(), &utf16(backup)).await;
    assert_eq!(
        csv(&run).lines().collect::<Vec<_>>(),
        [
            "Company,Notes,Backup: Servers,Backup: TB,Phone system: Lines",
            "Acme Dental,,4,2.5,12",
            // A written zero; a blank that is none.
            "Birch Legal,,0,,",
            "Cedar & Co,,,,",
            "\"Zoë's (unmapped, Backup)\",,1,,",
        ]
    );
    assert_eq!(run.status, RunStatus::Complete);
}

#[tokio::test]
async fn a_file_that_is_wrong_fails_alone_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), b"company,id,Servers\nAcme Dental,A-1,4\nBirch,B-7,none\n").await;
    let lines = csv(&run);
    assert!(lines.contains("Acme Dental,Backup failed: bad-response,12"), "{lines}");
    assert_eq!(run.status, RunStatus::Partial);
    let error = run.log.iter().find(|entry| entry.notice.level == Level::Error).unwrap();
    assert_eq!(error.notice.code, Some(Code::BadResponse));
    let place = format!("{}:3:3: `none`", folder.path().join("counts/backup.csv").display());
    assert!(error.notice.message.contains(&place), "{}", error.notice.message);
}
