//! The whole job against the simulated MSP: config, companies file, real connectors, real HTTP, and every cell of the
//! sheet as the vendors' books have it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_core::sheet::{Blank, Cell};
use tallysheet_core::{Code, Level, Notice};
use tallysheet_engine::{Selection, Silent, assemble, run};
use tallysheet_host::{Environment, System};
use tallysheet_sim::{Options, Simulation, Truth};
use tallysheet_store::Sqlite;

async fn run_in(folder: &Path, simulation: &Simulation) -> Run {
    let path = folder.join("tallysheet.toml");
    std::fs::write(&path, simulation.config_toml()).unwrap();
    std::fs::write(folder.join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
    let registry = tallysheet_connectors::registry();
    let config = Config::load(&path, &Environment::default(), &registry).unwrap();
    let world = Arc::new(System::new(folder.join("state")));
    let selection = Selection { deliver: true, ..Selection::default() };
    let store = Arc::new(Sqlite::in_memory().unwrap());
    let plan = assemble(config, &registry, world, store, &selection).unwrap().plan().unwrap();
    run(plan, &Silent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_books_have_it() {
    for (companies, seed) in [(25, 1), (60, 2), (140, 3)] {
        let simulation = Simulation::start(Options { companies, seed, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = run_in(folder.path(), &simulation).await;
        let expected = simulation.expected();

        let titles: Vec<&String> = run.sheet.columns.iter().map(|column| &column.title).collect();
        assert_eq!(titles, expected.columns.iter().collect::<Vec<_>>());
        let names: Vec<(&String, bool)> = run.sheet.rows.iter().map(|row| (&row.company, row.unmapped)).collect();
        assert_eq!(names, expected.rows.iter().map(|row| (&row.company, row.unmapped)).collect::<Vec<_>>());
        for (row, truth) in run.sheet.rows.iter().zip(&expected.rows) {
            for ((cell, truth), title) in row.cells.iter().zip(&truth.cells).zip(&titles) {
                assert!(truth.is_told_by(cell), "{}, {title}: {cell:?}, in the books {truth:?}", row.company);
            }
        }
        assert_eq!((run.status, run.exit_status), (RunStatus::Partial, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_code() {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), &simulation).await;
    let told = |code, level, integration: &str| {
        run.log.iter().any(|entry| {
            let notice = &entry.notice;
            (notice.code, notice.level, notice.integration.as_deref()) == (Some(code), level, Some(integration))
        })
    };
    assert!(told(Code::AuthFailed, Level::Error, "datto-west"));
    assert!(told(Code::ConsentMissing, Level::Warning, "microsoft-graph"));
    assert!(told(Code::UnknownOrg, Level::Warning, "huntress"));
    assert!(told(Code::UnmappedOrg, Level::Warning, "pax8"));
    assert!(told(Code::MissingValue, Level::Warning, "pax8"));
    assert!(told(Code::LeftOut, Level::Warning, "datto-rmm"));
    assert!(told(Code::MatchedByPsaId, Level::Info, "datto-rmm"));
    assert!(told(Code::MatchedByDomain, Level::Info, "pax8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_fails_for_good_is_blank_alone() {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), &simulation).await;
    let story = simulation.story();
    let line = story.iter().find(|line| line.contains("Duo account refuses")).unwrap();
    let locked = line.split(": ").next().unwrap();

    let place = run.sheet.columns.iter().position(|column| column.title == "Duo: Users").unwrap();
    let cells: Vec<_> = run.sheet.rows.iter().map(|row| (row.company.as_str(), &row.cells[place])).collect();
    let failed: Vec<_> = cells.iter().filter(|(_, cell)| cell.state() == "failed").collect();
    assert!(
        matches!(failed[..], [(company, cell)] if *company == locked && cell.code() == Some(Code::Forbidden)),
        "{failed:?}"
    );
    // Everybody else who is a customer there has a number.
    let expected = simulation.expected();
    let counted = |company: &str| matches!(expected.cell(company, "Duo: Users"), Some(Truth::Number(_)));
    let others = cells.iter().filter(|(company, _)| counted(company));
    assert!(others.clone().count() > 15 && others.clone().all(|(_, cell)| cell.number().is_some()));

    let row = run.sheet.rows.iter().find(|row| row.company == locked).unwrap();
    assert!(row.notes.contains("Duo failed: forbidden"), "{}", row.notes);
    let told = run.log.iter().map(|entry| &entry.notice).filter(|notice| notice.integration.as_deref() == Some("duo"));
    let told: Vec<_> =
        told.filter(|notice| notice.level != Level::Info && notice.code != Some(Code::UnmappedOrg)).collect();
    let [notice] = told[..] else { panic!("{told:?}") };
    assert_eq!((notice.level, notice.code), (Level::Warning, Some(Code::Forbidden)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_that_fails_takes_no_other_with_it() {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), &simulation).await;
    let story = simulation.story();
    let line = story.iter().find(|line| line.contains("Cork refuses")).unwrap();
    let failing = line.split(": ").next().unwrap();

    let refused =
        |notice: &&Notice| notice.integration.as_deref() == Some("cork") && notice.code == Some(Code::Forbidden);
    let warnings: Vec<&Notice> = run.log.iter().map(|entry| &entry.notice).filter(refused).collect();
    let [warning] = warnings[..] else { panic!("one warning, not {warnings:?}") };
    assert_eq!((warning.level, warning.company.as_deref()), (Level::Warning, Some(failing)));

    let columns = run.sheet.columns.iter().enumerate().filter(|(_, column)| column.title.starts_with("Cork: "));
    let columns: Vec<usize> = columns.map(|(place, _)| place).collect();
    assert_eq!(columns.len(), 3);
    let (mut counted, mut elsewhere) = (0, 0);
    for row in run.sheet.rows.iter().filter(|row| !row.unmapped) {
        let cells: Vec<&Cell> = columns.iter().map(|place| &row.cells[*place]).collect();
        if row.company == failing {
            assert!(cells.iter().all(|cell| **cell == Cell::Blank(Blank::Failed(Code::Forbidden))), "{cells:?}");
            assert!(row.notes.contains("Cork failed: forbidden"), "{}", row.notes);
        } else if cells.iter().all(|cell| matches!(cell, Cell::Counted(_))) {
            counted += 1;
        } else {
            // Who is no client of Cork's has nothing to be counted.
            let is_blank = |cell: &&Cell| matches!(cell, Cell::Blank(Blank::NotMapped | Blank::NotApplicable));
            assert!(cells.iter().all(is_blank), "{}: {cells:?}", row.company);
            elsewhere += 1;
        }
    }
    assert_eq!(counted + elsewhere + 1, 25);
    assert!(counted > elsewhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_give_the_same_sheet() {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (run_in(folder.path(), &simulation).await, run_in(folder.path(), &simulation).await);
    let text = |run: &Run| tallysheet_report::render(run, tallysheet_report::Format::Csv).unwrap();
    assert_eq!(text(&one), text(&two));
    assert_ne!(one.id, two.id);
}
