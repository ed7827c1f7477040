//! Whose rows there are, and whose account it is: a PSA's companies, the row `(ignore)`, notes on what may be unmapped,
//! names behind ids, pinned accounts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tallysheet_core::capability::DirectoryCompany;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::{KeyedCompany, Options};
use tallysheet_core::run::Run;
use tallysheet_core::{
    Code, Company, CompanyDirectory, CountSource, Counts, Error, ErrorKind, Identity, Level, Link, Metric, MetricDef,
    OrgCounts, Outcome, Probe, Result, VendorOrg, async_trait,
};
use tallysheet_engine::{Companies, Directory, Keep, NamedId, Plan, Rule, Rules, Silent, Source, run};
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");

/// A vendor with these orgs, each with one device, and the account of its credential.
#[derive(Clone)]
struct Vendor {
    orgs: Vec<VendorOrg>,
    account: Identity,
    checks: Arc<AtomicUsize>,
}

fn vendor(orgs: &[(&str, &str)]) -> Vendor {
    let orgs = orgs.iter().map(|(id, name)| VendorOrg::new(*id, *name)).collect();
    Vendor { orgs, account: Identity::of("Northgate IT", "311"), checks: Arc::default() }
}

#[async_trait]
impl CountSource for Vendor {
    async fn counts(&self) -> Result<Counts> {
        let one =
            |org: &VendorOrg| OrgCounts::new(org.clone(), vec![(Metric::Fixed(&DEVICES), Outcome::Number(1.into()))]);
        Ok(Counts { orgs: self.orgs.iter().map(one).collect(), ..Counts::default() })
    }
}

#[async_trait]
impl Probe for Vendor {
    async fn check(&self) -> Result<Identity> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        Ok(self.account.clone())
    }
}

struct Psa(Option<Vec<DirectoryCompany>>);

#[async_trait]
impl CompanyDirectory for Psa {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        self.0.clone().ok_or_else(|| Error::new(ErrorKind::Unavailable, "as told"))
    }
}

fn listed(id: &str, name: &str, active: bool) -> DirectoryCompany {
    DirectoryCompany { id: id.into(), name: name.into(), domains: Vec::new(), active }
}

fn source(name: &str, title: &str, vendor: &Vendor) -> Source {
    Source {
        probe: Some(Arc::new(vendor.clone())),
        ..Source::new(name, title, vec![&DEVICES], Arc::new(vendor.clone()))
    }
}

fn company(name: &str, links: &[(&str, &str)]) -> KeyedCompany {
    let links = links.iter().map(|(column, id)| ((*column).to_owned(), Link::Ids(vec![(*id).to_owned()])));
    let company = Company { name: name.to_owned(), links: links.collect(), ..Company::default() };
    KeyedCompany { key: company.name.clone(), company }
}

fn plan(world: &TestWorld, sources: Vec<Source>, companies: Vec<KeyedCompany>) -> Plan {
    let rules = Rules { allowed: Rule::ALL.to_vec(), psa_columns: BTreeMap::new() };
    Plan {
        sources,
        companies: Companies::Listed { companies, rules },
        directory: None,
        reconciling: None,
        names: Vec::new(),
        options: Options { notes: true, unmapped_rows: true, ..Options::default() },
        schedule: None,
        guard: Guard::default(),
        keep: Keep::default(),
        strict: false,
        deliveries: Vec::new(),
        skipped: Vec::new(),
        timezone: jiff::tz::TimeZone::UTC,
        notices: Vec::new(),
        world: Arc::new(world.clone()),
        store: Arc::new(Sqlite::in_memory().unwrap()),
    }
}

fn directory(companies: Option<Vec<DirectoryCompany>>, vendor: &Vendor) -> Directory {
    Directory {
        name: "psa".into(),
        title: "PSA".into(),
        timeout: Duration::from_secs(5),
        expect_account: None,
        probe: Arc::new(vendor.clone()),
        ignored: vec!["99".into()],
        companies: Arc::new(Psa(companies)),
    }
}

/// Name, key and notes of each row.
fn rows(run: &Run) -> Vec<(&str, &str, &str)> {
    run.sheet.rows.iter().map(|row| (row.company.as_str(), row.key.as_str(), row.notes.as_str())).collect()
}

fn told(run: &Run, level: Level, part: &str) -> bool {
    run.log.iter().any(|entry| entry.notice.level == level && entry.notice.message.contains(part))
}

#[tokio::test]
async fn a_psas_active_companies_are_rows_and_the_file_wins() {
    let world = TestWorld::new();
    let duo = vendor(&[("d1", "Birch Dental")]);
    let list = || {
        vec![
            listed("1", "Alder Law (new name)", true),
            listed("2", "Birch Dental LLC", true),
            listed("3", "Gone Ltd", false),
            listed("4", "Cedar Bakery", true),
            listed("99", "Northgate IT", true),
        ]
    };
    let file = || vec![company("Alder Law", &[("psa", "1")]), company("Elm", &[("psa", "404")])];
    let with = |companies| Plan {
        directory: Some(directory(companies, &duo)),
        ..plan(&world, vec![source("duo", "Duo", &duo)], file())
    };

    let first = run(with(Some(list())), &Silent).await;
    let expected = [
        ("Alder Law", "Alder Law", ""),
        ("Birch Dental LLC", "psa:2", ""),
        ("Cedar Bakery", "psa:4", ""),
        ("Elm", "Elm", ""),
    ];
    assert_eq!(rows(&first), expected);
    assert!(told(&first, Level::Info, "Alder Law is called Alder Law (new name) in PSA now"));
    assert!(told(&first, Level::Warning, "Elm: the id 404"));
    assert_eq!(first.sheet.rows[1].cells[0].number(), Some(1.into()), "matched by name to the PSA's company");

    let without = run(with(None), &Silent).await;
    assert_eq!(rows(&without), expected, "the companies of the last answer serve");
    assert_eq!(without.exit_status, 3);
    assert!(told(&without, Level::Error, "PSA does not list its companies"));
}

#[tokio::test]
async fn what_may_be_unmapped_is_noted_beside_the_company() {
    let world = TestWorld::new();
    let duo = vendor(&[("2", "ACME DENTAL"), ("1", "Acme Dental")]);
    let pax8 = vendor(&[("p", "Acme Dentl")]);
    let sources = vec![source("duo", "Duo", &duo), source("pax8", "PAX8", &pax8)];
    let companies = vec![company("Acme Dental", &[("duo", "1"), ("huntress", "7")]), company("Zebra Law", &[])];
    let run = run(plan(&world, sources, companies), &Silent).await;
    let notes = "Duo: perhaps \"ACME DENTAL (2)\"; PAX8: perhaps \"Acme Dentl (p)\"";
    assert_eq!(rows(&run)[..2], [("Acme Dental", "Acme Dental", notes), ("Zebra Law", "Zebra Law", "")]);
    assert_eq!(run.sheet.rows.len(), 4, "a note is no match: both have rows of their own");
}

#[tokio::test]
async fn what_is_ignored_has_no_row_and_no_warning() {
    let world = TestWorld::new();
    let duo = vendor(&[("1", "Acme Dental"), ("lab", "Acme Dental"), ("2", "Lab")]);
    let ignored = vec!["lab".to_owned(), "2".to_owned()];
    let one = Source { exclude: ignored.clone(), ignored, ..source("duo", "Duo", &duo) };
    let run = run(plan(&world, vec![one], vec![company("Acme Dental", &[])]), &Silent).await;
    assert_eq!((rows(&run), run.exit_status), (vec![("Acme Dental", "Acme Dental", "")], 0));
    assert_eq!(run.sheet.rows[0].cells[0].number(), Some(1.into()));
    assert!(run.log.iter().all(|entry| entry.notice.level == Level::Info));
}

#[tokio::test]
async fn a_name_behind_an_id_that_is_not_todays_is_told() {
    let world = TestWorld::new();
    let duo = vendor(&[("1", "Zebra Law"), ("2", "Birch (HQ")]);
    let named = |id: &str, name: &str| NamedId {
        place: format!("c.csv:2:{id}"),
        integration: "duo".into(),
        id: id.into(),
        name: name.into(),
    };
    let companies = vec![company("Acme", &[("duo", "1")]), company("Birch", &[("duo", "2")])];
    let run = run(
        Plan {
            names: vec![named("1", "Acme"), named("2", "BIRCH [HQ")],
            ..plan(&world, vec![source("duo", "Duo", &duo)], companies)
        },
        &Silent,
    )
    .await;
    assert!(told(&run, Level::Warning, "c.csv:2:1: 1 is `Zebra Law` at Duo now, not `Acme`"));
    assert!(!told(&run, Level::Warning, "c.csv:2:2"));
}

#[tokio::test]
async fn another_account_than_the_first_stops_the_integration() {
    let world = TestWorld::new();
    let mut duo = vendor(&[("1", "Acme")]);
    let once = async |duo: &Vendor, expected: Option<&str>| {
        let one = Source { expect_account: expected.map(str::to_owned), ..source("duo", "Duo", duo) };
        run(plan(&world, vec![one], vec![company("Acme", &[])]), &Silent).await
    };
    assert_eq!(once(&duo, None).await.exit_status, 0);
    assert_eq!(duo.checks.load(Ordering::Relaxed), 1, "asked once");
    assert_eq!(once(&duo, None).await.exit_status, 0);

    duo.account = Identity::of("Other MSP", "999");
    let stopped = once(&duo, None).await;
    assert_eq!(stopped.exit_status, 1);
    assert!(stopped.log.iter().any(|entry| entry.notice.code == Some(Code::WrongAccount)));
    assert!(told(&stopped, Level::Error, "until now it was `Northgate IT` (311); use the right credential"));
    assert!(told(&stopped, Level::Error, "tallysheet check --repin duo"));
    assert_eq!(once(&duo, Some("999")).await.exit_status, 0, "`expect_account` says so");

    // A credential whose account is not named cannot look like a change.
    let unnamed = vendor(&[("1", "Acme")]);
    for key in ["key-1", "key-2"] {
        let keyed = source("pax8", "PAX8", &Vendor { account: Identity::unnamed(key), ..unnamed.clone() });
        assert_eq!(run(plan(&world, vec![keyed], vec![company("Acme", &[])]), &Silent).await.exit_status, 0);
    }
}

#[tokio::test]
async fn an_account_is_pinned_by_a_good_run_only_and_warnings_are_told() {
    let world = TestWorld::new();
    let failing = Vendor { orgs: vec![VendorOrg::new("1", "A"), VendorOrg::new("1", "B")], ..vendor(&[]) };
    let failed = run(plan(&world, vec![source("duo", "Duo", &failing)], Vec::new()), &Silent).await;
    assert_eq!(failed.exit_status, 1);
    let soon =
        Identity { expires: Some(failed.started_at + Duration::from_hours(24)), ..Identity::of("Other MSP", "999") };
    let good = Vendor { account: soon.sees(0), ..vendor(&[("1", "Acme")]) };
    let run = run(plan(&world, vec![source("duo", "Duo", &good)], vec![company("Acme", &[])]), &Silent).await;
    assert_eq!(run.exit_status, 0);
    assert!(
        told(&run, Level::Warning, "the credential ends ")
            && told(&run, Level::Warning, "sees nothing of any customer")
    );
}
