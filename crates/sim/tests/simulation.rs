//! The MSP itself: the same for the same seed, its files, its story, and what its sheet must say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tallysheet_core::Code;
use tallysheet_sim::{Expected, Options, Simulation, Truth};

async fn start(options: Options) -> Simulation {
    Simulation::start(options).await.unwrap()
}

#[tokio::test]
async fn the_same_seed_invents_the_same_msp() {
    let (one, two) = (start(Options::default()).await, start(Options::default()).await);
    let other = start(Options { seed: 8, ..Options::default() }).await;
    assert_eq!(one.companies_csv().unwrap(), two.companies_csv().unwrap());
    assert_eq!(one.expected(), two.expected());
    assert_eq!(one.story(), two.story());
    assert_ne!(one.companies_csv().unwrap(), other.companies_csv().unwrap());
    assert_ne!(one.expected(), other.expected());
}

#[tokio::test]
async fn every_number_of_companies_keeps_its_promises() {
    for companies in [14, 25, 300] {
        let simulation = start(Options { companies, ..Options::default() }).await;
        let expected = simulation.expected();
        let titles: BTreeSet<&String> = expected.columns.iter().collect();
        assert_eq!(titles.len(), expected.columns.len(), "no column twice");
        let names: BTreeSet<&String> = expected.rows.iter().map(|row| &row.company).collect();
        assert_eq!(names.len(), expected.rows.len(), "no row twice");
        assert_eq!(expected.rows.iter().filter(|row| !row.unmapped).count(), companies);
        assert!(expected.rows.iter().all(|row| row.cells.len() == expected.columns.len()));
        assert_eq!(simulation.companies_csv().unwrap().lines().count(), companies + 1);
    }
    let too_few = Simulation::start(Options { companies: 3, ..Options::default() }).await;
    assert!(too_few.is_err_and(|error| error.to_string().contains("at least 14")));
}

/// The company of the story line that holds `words`.
fn who(story: &[String], words: &str) -> String {
    let line = story.iter().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no line tells {words:?}"));
    line.split(": ").next().unwrap().to_owned()
}

#[tokio::test]
async fn what_the_story_tells_is_in_the_sheet() {
    let simulation = start(Options::default()).await;
    let (story, expected) = (simulation.story(), simulation.expected());
    let cell = |words: &str, column: &str| expected.cell(&who(&story, words), column).unwrap().clone();

    assert_eq!(cell("without a device", "Datto RMM: Devices"), Truth::Number(0.into()));
    assert_eq!(cell("without a computer", "ConnectWise Automate: Servers"), Truth::Number(0.into()));
    assert_eq!(cell("wait for approval", "NinjaOne: Workstations"), Truth::Number(0.into()));
    assert_eq!(cell("on-demand", "Datto RMM: Devices"), Truth::LeftOut);
    assert_eq!(cell("is stale", "Huntress: Agents"), Truth::Failed(Code::UnknownOrg));
    assert_eq!(cell("companies.csv says so", "PAX8: Mail Filter Advanced"), Truth::NotApplicable);
    assert_eq!(cell("sends no quantity", "PAX8: Email Signature Studio"), Truth::Failed(Code::MissingValue));
    assert_eq!(
        cell("not consented", "Microsoft 365: Microsoft 365 Business Premium (purchased)"),
        Truth::Failed(Code::ConsentMissing)
    );
    assert_eq!(cell("refuses to be read", "Duo: Users"), Truth::Failed(Code::Forbidden));
    assert_eq!(cell("deactivated at Dropsuite", "Dropsuite: Active seats"), Truth::LeftOut);
    assert!(matches!(cell("two Dropsuite plans", "Dropsuite: Used seats"), Truth::Number(_)));
    assert_eq!(cell("Cork refuses", "Cork: Devices"), Truth::Failed(Code::Forbidden));
    assert_eq!(cell("SentinelOne site that is on trial", "SentinelOne: Active licenses"), Truth::LeftOut);
    assert!(matches!(cell("two ImmyBot tenants", "ImmyBot: Devices"), Truth::Number(_)));
    for words in ["two Datto sites", "by the Autotask id", "by its name alone"] {
        assert!(matches!(cell(words, "Datto RMM: Devices"), Truth::Number(_)), "{words}");
    }
    let states = |expected: &Expected, column: &str| -> BTreeSet<&str> {
        let place = expected.columns.iter().position(|title| title == column).unwrap();
        expected.rows.iter().map(|row| row.cells[place].state()).collect()
    };
    assert_eq!(states(&expected, "Datto West: Servers"), BTreeSet::from(["failed", "not-applicable", "not-mapped"]));
    for title in [
        "Datto RMM",
        "ConnectWise Automate",
        "NinjaOne",
        "ConnectWise Asio",
        "Microsoft 365",
        "Huntress",
        "Duo",
        "Dropsuite",
        "PAX8",
    ] {
        let unmapped = |row: &&tallysheet_sim::ExpectedRow| row.company.ends_with(&format!("(unmapped, {title})"));
        assert!(expected.rows.iter().any(|row| row.unmapped && unmapped(&row)), "{title}");
    }
}

#[tokio::test]
async fn who_is_found_without_an_id_has_none_in_the_file() {
    let simulation = start(Options::default()).await;
    let (story, csv) = (simulation.story(), simulation.companies_csv().unwrap());
    let mut table = csv::Reader::from_reader(csv.as_bytes());
    let header = table.headers().unwrap().clone();
    assert!(csv.starts_with("company,domains,#account,autotask,datto-rmm,datto-west,connectwise-automate,ninjaone,"));
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cell = |words: &str, column: &str| {
        let (name, place) = (who(&story, words), header.iter().position(|title| title == column).unwrap());
        rows.iter().find(|row| row[0] == name).unwrap()[place].to_owned()
    };
    for integration in header.iter().skip(4).filter(|name| *name != "autotask") {
        // A dash at the vendor that refuses its key, and blanks at all others.
        let told = if integration == "datto-west" { "-" } else { "" };
        assert_eq!(cell("by its name alone", integration), told, "{integration}");
    }
    assert_eq!(cell("by its name alone", "domains"), "");
    assert_eq!(cell("by its domain", "pax8"), "");
    assert_eq!(cell("by the Autotask id", "datto-rmm"), "");
    assert!(cell("two Datto sites", "datto-rmm").contains(';'));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_counted_and_delayed_and_end_with_the_simulation() {
    let latency = Duration::from_millis(60);
    let simulation = start(Options { latency, ..Options::default() }).await;
    let config: toml::Table = toml::from_str(&simulation.config_toml()).unwrap();
    let url = config["integrations"]["huntress"]["url"].as_str().unwrap().to_owned();
    assert_eq!(simulation.total_calls(), 0);

    let began = Instant::now();
    let answer = ureq::get(&format!("{url}/actor")).call();
    assert!(matches!(answer, Err(ureq::Error::StatusCode(401))), "{answer:?}");
    assert!(began.elapsed() >= latency);
    assert_eq!(simulation.calls()["huntress"], 1);
    assert_eq!(simulation.total_calls(), 1);

    drop(simulation);
    let address = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < deadline, "the port is still served");
        tokio::task::yield_now().await;
    }
}
