//! The whole sheet, from all connectors that count, through a network and vendors that fail at random: whatever happens, a cell
//! is right or it is blank and says why. What can happen stands in `crates/sim/src/chaos.rs`.
//!
//! Time is not real: it jumps to the next moment at which anybody waits for something, so that a run with all its waits takes
//! as long as its work.
//!
//! `TALLYSHEET_CHAOS_RUNS` is how many seeds are run, `TALLYSHEET_CHAOS_FROM` the first of them; `TALLYSHEET_CHAOS_SEED` runs one
//! alone and prints what was disturbed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "it tells its figures")]

mod held;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_core::Level;
use tallysheet_core::run::Run;
use tallysheet_engine::{Selection, Silent, assemble, run};
use tallysheet_host::Environment;
use tallysheet_sim::{Chaos, Disturbed, Expected, Options, Simulation};
use tallysheet_store::Sqlite;
use tallysheet_testkit::{Jumping, TestWorld};
use tokio::time::Instant;

/// In `cargo test`.
const RUNS: u64 = 24;
/// Guards only: nothing may hang.
const WATCHDOG: Duration = Duration::from_mins(10);
/// What an integration may take, in the time of the run.
const DEADLINE: Duration = Duration::from_mins(30);

/// What a seed did.
struct Outcome {
    seed: u64,
    disturbed: Vec<Disturbed>,
    cells: held::Cells,
    problems: Vec<String>,
}

#[test]
fn a_cell_is_right_or_blank_whatever_happens() {
    let panics = count_panics();
    let columns = columns();
    let (first, runs) = match number("TALLYSHEET_CHAOS_SEED") {
        Some(seed) => (seed, 1),
        None => (number("TALLYSHEET_CHAOS_FROM").unwrap_or(1), number("TALLYSHEET_CHAOS_RUNS").unwrap_or(RUNS)),
    };
    let (next, (told, outcomes)) = (Arc::new(AtomicU64::new(first)), channel());
    for _ in 0..2 {
        let (next, told, columns) = (next.clone(), told.clone(), columns.clone());
        thread::spawn(move || {
            while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < first + runs) {
                if told.send(one(seed, &columns)).is_err() {
                    return;
                }
            }
        });
    }
    drop(told);

    let (mut kinds, mut cells, mut failed): (BTreeMap<String, usize>, _, _) =
        (BTreeMap::new(), held::Cells::default(), Vec::new());
    for done in 0..runs {
        let outcome = outcomes.recv_timeout(WATCHDOG).unwrap_or_else(|_| {
            panic!("a run hangs: {done} seeds of {runs} from {first} are done; {:?}", panics.lock().unwrap())
        });
        outcome.disturbed.iter().for_each(|one| *kinds.entry(one.fault.clone()).or_default() += 1);
        cells += outcome.cells;
        if runs == 1 {
            outcome.disturbed.iter().for_each(|one| println!("{}: {}", one.fault, one.call));
        }
        if !outcome.problems.is_empty() {
            let Outcome { seed, problems, disturbed, .. } = outcome;
            println!("seed {seed} (TALLYSHEET_CHAOS_SEED={seed}):\n  {}", problems.join("\n  "));
            failed.push((seed, disturbed.len()));
        }
    }
    println!("{runs} runs from seed {first}; {cells:?}; faults {}", kinds.values().sum::<usize>());
    kinds.iter().for_each(|(kind, count)| println!("  {kind} {count}"));
    assert!(failed.is_empty(), "failed seeds, each with its number of faults: {failed:?}");
    assert!(panics.lock().unwrap().is_empty(), "panics: {:?}", panics.lock().unwrap());
    // Chaos that disturbs nothing, or lets nothing through, would hold anything.
    assert!(runs < RUNS || (kinds.len() > 30 && cells.counted > 0 && cells.failed > 0), "{kinds:?}, {cells:?}");
}

/// Notes what every panic says, of any thread.
fn count_panics() -> Arc<Mutex<Vec<String>>> {
    let (panics, usual) = (Arc::new(Mutex::new(Vec::new())), std::panic::take_hook());
    let noted = panics.clone();
    std::panic::set_hook(Box::new(move |panic| {
        noted.lock().unwrap().push(panic.to_string());
        usual(panic);
    }));
    panics
}

#[allow(clippy::disallowed_methods, reason = "how much is tested is no setting of Tallysheet")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The MSP of a seed: small, as thousands of runs ask for it; one in five has lists of many pages.
fn msp(seed: u64) -> Options {
    let (companies, devices_per_company) = if seed % 5 == 4 { (40, 100) } else { (16, 24) };
    let per_mille = [2, 10, 40, 150][usize::try_from(seed % 4).unwrap()];
    Options { companies, devices_per_company, chaos: Some(Chaos { seed, per_mille }), ..Options::default() }
}

/// Which integration each title is, by a run without faults, in which every cell is as the books have it.
fn columns() -> Arc<BTreeMap<String, String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (run, expected) = runtime.block_on(async {
        let simulation = Simulation::start(Options { chaos: None, ..msp(1) }).await.unwrap();
        (run_of(&simulation).await, simulation.expected())
    });
    let titles = |run: &Run| -> BTreeMap<String, String> {
        run.sheet.columns.iter().map(|column| (column.title.clone(), column.integration.clone())).collect()
    };
    let titles = titles(&run);
    let by_title: BTreeMap<String, String> = titles
        .iter()
        .map(|(title, integration)| (title.split(": ").next().unwrap().to_owned(), integration.clone()))
        .collect();
    let mut cells = held::Cells::default();
    let problems = held::problems(&run, &expected, &by_title, &mut cells);
    assert!(problems.is_empty() && titles.len() == expected.columns.len(), "without faults: {problems:?}");
    let truths = expected.rows.iter().flat_map(|row| &row.cells).filter(|truth| truth.state() == "counted").count();
    let told = || run.log.iter().map(|entry| &entry.notice).filter(|notice| notice.level != Level::Info);
    assert_eq!(cells.counted, truths, "{:#?}", told().collect::<Vec<_>>());
    Arc::new(by_title)
}

/// Runs one seed in a time of its own.
fn one(seed: u64, columns: &BTreeMap<String, String>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let simulation = Simulation::start(msp(seed)).await.unwrap();
        let run = run_of(&simulation).await;
        let expected: Expected = simulation.expected();
        let mut cells = held::Cells::default();
        let mut problems = held::problems(&run, &expected, columns, &mut cells);
        if began.elapsed() > DEADLINE + Duration::from_secs(1) {
            problems.push(format!("it took {:?}", began.elapsed()));
        }
        Outcome { seed, disturbed: simulation.disturbed(), cells, problems }
    })
}

/// The machine's time of day, and as much ahead as the runtime's time has jumped.
#[allow(clippy::disallowed_methods, reason = "it is a world's")]
fn as_the_vendors_have_it(_: Duration) -> jiff::Timestamp {
    jiff::Timestamp::now() + Instant::now().into_std().saturating_duration_since(std::time::Instant::now())
}

async fn run_of(simulation: &Simulation) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("tallysheet.toml");
    std::fs::write(path, simulation.config_toml()).unwrap();
    std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
    let registry = tallysheet_connectors::registry();
    let config = Config::load(path, &Environment::default(), &registry).unwrap();
    let (world, store) =
        (Arc::new(Jumping::new(TestWorld::new(), as_the_vendors_have_it)), Arc::new(Sqlite::in_memory().unwrap()));
    let plan = assemble(config, &registry, world, store, &Selection::default()).unwrap().plan().unwrap();
    run(plan, &Silent).await
}
