//! The connectors make no call more than the cheapest plan, and none less.

use super::plans::{PLANS, Plan, plan};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_engine::{Selection, Silent, assemble, run};
use tallysheet_host::{Environment, System};
use tallysheet_sim::{Options, Simulation};
use tallysheet_store::Sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn every_vendor_is_asked_as_little_as_can_be() {
    // Small pages are full with few companies, large ones with many; of devices there are several pages each time.
    for (companies, devices_per_company, seed) in [(25, 100, 1), (140, 16, 2)] {
        let options = Options { companies, devices_per_company, seed, token_calls: usize::MAX, ..Options::default() };
        let simulation = Simulation::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tallysheet.toml");
        std::fs::write(&path, simulation.config_toml()).unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        let registry = tallysheet_connectors::registry();
        let config = Config::load(&path, &Environment::default(), &registry).unwrap();
        let world = Arc::new(System::new(folder.path().join("state")));
        let store = Arc::new(Sqlite::in_memory().unwrap());
        let plan_of_run = assemble(config, &registry, world, store, &Selection::default()).unwrap().plan().unwrap();
        run(plan_of_run, &Silent).await;

        let lists = simulation.lists();
        let made: Vec<(&str, usize)> = simulation.calls().into_iter().collect();
        let least: Vec<(&str, usize)> =
            made.iter().map(|(name, _)| (*name, plan(name, &lists[name]).calls())).collect();
        // Of a Cork client that refuses one of its two questions, the other may not be asked any more.
        for ((name, made), (_, least)) in made.into_iter().zip(least) {
            let few = made == least || (name == "cork" && made + 1 == least);
            assert!(few, "{name}: {made} calls made, {least} are the fewest possible");
        }
    }
}

#[tokio::test]
async fn every_simulated_vendor_has_a_plan() {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let names: Vec<&str> = simulation.lists().into_keys().collect();
    let mut planned: Vec<&str> = PLANS.iter().map(|(name, _)| *name).collect();
    planned.sort_unstable();
    assert_eq!(names, planned);
}

#[test]
fn a_step_takes_as_long_as_its_longest_chain_or_as_the_calls_at_once_allow() {
    let second = Duration::from_secs(1);
    let plan = Plan::default().then([1]).then([5, 2]).then([1; 10]);
    assert_eq!(plan.calls(), 18);
    assert_eq!(plan.ideal(second, 4), second * (1 + 5 + 3));
    assert_eq!(plan.ideal(second, 1), second * 18);
}
