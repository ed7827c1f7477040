//! A run's promises: one failure stays its own, and the exit status says what happened.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::Options;
use tallysheet_core::run::{DeliveryStatus, Run, RunStatus};
use tallysheet_core::{
    Code, CountSource, Counts, Error, ErrorKind, Figure, Identity, Metric, MetricDef, OrgCounts, Outcome, Probe,
    Product, Result, VendorOrg, World, async_trait,
};
use tallysheet_engine::{
    Companies, Deliver, Delivery, FileDelivery, Keep, Plan, Receipt, Report, Rules, Silent, Source, Undelivered,
    deliver_again, run,
};
use tallysheet_report::Format;
use tallysheet_store::{Sqlite, Store};
use tallysheet_testkit::TestWorld;

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");

/// A source that does as it is told.
#[derive(Clone)]
enum Puppet {
    Counts(Vec<(&'static str, &'static str, Outcome)>),
    Seats(i64),
    Fails(ErrorKind),
    Panics,
    Hangs,
}

#[async_trait]
impl CountSource for Puppet {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.counts().await?.orgs.into_iter().map(|org| org.org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        match self {
            Self::Counts(orgs) => {
                let org = |(id, name, outcome): &(&str, &str, Outcome)| {
                    OrgCounts::new(VendorOrg::new(*id, *name), vec![(Metric::Fixed(&DEVICES), outcome.clone())])
                };
                Ok(Counts { orgs: orgs.iter().map(org).collect(), ..Counts::default() })
            }
            Self::Seats(seats) => {
                let seats =
                    (Metric::product(Product::new("s", "Suite"), Figure::Quantity), Outcome::Number((*seats).into()));
                let org = OrgCounts::new(VendorOrg::new("1", "Birch Dental"), vec![seats]);
                Ok(Counts { orgs: vec![org], ..Counts::default() })
            }
            Self::Fails(kind) => Err(Error::new(*kind, "as told")),
            Self::Panics => panic!("planted-secret"),
            Self::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Probe for Puppet {
    async fn check(&self) -> Result<Identity> {
        Ok(Identity::of("Northgate IT", "311"))
    }
}

fn source(name: &str, puppet: Puppet) -> Source {
    Source { timeout: Duration::from_millis(200), ..Source::new(name, name, vec![&DEVICES], Arc::new(puppet)) }
}

fn good(count: i64) -> Puppet {
    Puppet::Counts(vec![("1", "Birch Dental", Outcome::Number(count.into()))])
}

fn plan(sources: Vec<Source>) -> Plan {
    Plan {
        sources,
        companies: Companies::FromNames,
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
        world: Arc::new(TestWorld::new()),
        store: Arc::new(Sqlite::in_memory().unwrap()),
    }
}

fn csv(run: &Run) -> String {
    String::from_utf8(tallysheet_report::render(run, Format::Csv).unwrap()).unwrap()
}

fn codes(run: &Run) -> Vec<Code> {
    run.log.iter().filter_map(|entry| entry.notice.code).collect()
}

/// Fails as it is told.
struct Broken(fn() -> Undelivered);

#[async_trait]
impl Deliver for Broken {
    async fn deliver(&self, _: &Report<'_>) -> Result<Receipt, Undelivered> {
        Err((self.0)())
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}

fn delivery(name: &str, to: impl Deliver + 'static) -> Delivery {
    Delivery { name: name.into(), kind: "file".into(), format: Format::Csv, to: Box::new(to) }
}

#[tokio::test]
async fn a_good_run_is_complete() {
    let run = run(plan(vec![source("one", good(3)), source("two", good(0))]), &Silent).await;
    assert_eq!((run.status, run.exit_status), (RunStatus::Complete, 0));
    assert_eq!(csv(&run), "Company,Notes,one: Devices,two: Devices\r\nBirch Dental,,3,0\r\n");
    assert!(codes(&run).contains(&Code::NoDelivery));
}

#[tokio::test]
async fn failure_panic_and_delay_stay_with_their_source() {
    let sources = vec![
        source("a-good", good(3)),
        source("b-fails", Puppet::Fails(ErrorKind::Auth)),
        source("c-panics", Puppet::Panics),
        source("d-hangs", Puppet::Hangs),
    ];
    let run = run(plan(sources), &Silent).await;
    assert_eq!((run.status, run.exit_status), (RunStatus::Partial, 3));
    let notes = "b-fails failed: auth-failed; c-panics failed: internal; d-hangs failed: timed-out";
    assert!(csv(&run).contains(&format!("Birch Dental,{notes},3,,,\r\n")), "{}", csv(&run));
    assert!(run.log.iter().all(|entry| !entry.notice.message.contains("planted")));
}

#[tokio::test]
async fn nothing_counted_is_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut all_failed = plan(vec![source("one", Puppet::Fails(ErrorKind::Unavailable))]);
    all_failed.deliveries.push(delivery("archive", FileDelivery { path: folder.path().join("report.csv") }));
    let run = run(all_failed, &Silent).await;
    assert_eq!((run.status, run.exit_status), (RunStatus::Failed, 1));
    assert_eq!(run.deliveries[0].status, DeliveryStatus::Skipped);
    assert!(!folder.path().join("report.csv").exists());
}

#[tokio::test]
async fn what_is_counted_in_rows_that_are_left_out_is_counted_all_the_same() {
    let mut omitted = plan(vec![source("one", good(3)), source("two", Puppet::Fails(ErrorKind::Auth))]);
    omitted.companies =
        Companies::Listed { companies: Vec::new(), rules: Rules { allowed: Vec::new(), psa_columns: BTreeMap::new() } };
    omitted.options.unmapped_rows = false;
    let run = run(omitted, &Silent).await;
    assert_eq!((run.status, run.exit_status, run.sheet.rows.len()), (RunStatus::Partial, 3, 0));
}

#[tokio::test]
async fn deliveries_stand_alone_and_4_wins_over_3() {
    let folder = tempfile::tempdir().unwrap();
    let mut partial = plan(vec![source("one", good(3)), source("two", Puppet::Fails(ErrorKind::Forbidden))]);
    partial.deliveries = vec![
        delivery("broken", Broken(|| Undelivered::Failed(Error::internal("the disk is full")))),
        delivery("archive", FileDelivery { path: folder.path().join("{month}/{date}-{time}-{status}.csv") }),
        delivery("lost", Broken(|| Undelivered::Unknown(Error::new(ErrorKind::TimedOut, "no answer")))),
    ];
    let run = run(partial, &Silent).await;
    assert_eq!(run.exit_status, 4);
    let statuses: Vec<DeliveryStatus> = run.deliveries.iter().map(|delivery| delivery.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Failed, DeliveryStatus::Delivered, DeliveryStatus::Unknown]);
    assert!(codes(&run).contains(&Code::DeliveryFailed) && codes(&run).contains(&Code::DeliveryUnknown));
    let text = std::fs::read_to_string(folder.path().join("2026-11/2026-11-01-060000-partial.csv")).unwrap();
    assert_eq!(text, csv(&run));
}

#[tokio::test]
async fn strict_holds_an_incomplete_report_back() {
    let folder = tempfile::tempdir().unwrap();
    for (two, status, held) in [(good(1), 0, false), (Puppet::Fails(ErrorKind::Auth), 3, true)] {
        let path = folder.path().join(format!("{status}.csv"));
        let mut strict = plan(vec![source("one", good(3)), source("two", two)]);
        strict.strict = true;
        strict.deliveries = vec![delivery("archive", FileDelivery { path: path.clone() })];
        let run = run(strict, &Silent).await;
        assert_eq!((run.exit_status, path.exists()), (status, !held));
        let expected = if held { DeliveryStatus::Skipped } else { DeliveryStatus::Delivered };
        assert_eq!(run.deliveries[0].status, expected);
    }
}

#[tokio::test]
async fn another_account_than_expected_is_not_counted() {
    for (expected, status) in [("311", 0), ("Northgate IT", 0), ("Other MSP", 1)] {
        let one = Source {
            expect_account: Some(expected.to_owned()),
            probe: Some(Arc::new(good(3))),
            ..source("one", good(3))
        };
        let run = run(plan(vec![one]), &Silent).await;
        assert_eq!(run.exit_status, status, "{expected}");
        assert_eq!(codes(&run).contains(&Code::WrongAccount), status == 1);
    }
}

#[tokio::test]
async fn an_org_listed_twice_is_taken_once_or_refused() {
    let org = |count: i64| ("1", "Birch Dental", Outcome::Number(count.into()));
    let twice = |a, b| run_one(Puppet::Counts(vec![org(a), org(b)]));
    assert!(csv(&twice(3, 3).await).contains("Birch Dental,,3\r\n"));
    let contradiction = twice(3, 4).await;
    assert_eq!(contradiction.exit_status, 1);
    assert!(codes(&contradiction).contains(&Code::BadResponse));
}

async fn run_one(puppet: Puppet) -> Run {
    run(plan(vec![source("one", puppet)]), &Silent).await
}

static SEATS: MetricDef = MetricDef::product(Figure::Quantity, "seats");

/// Product columns are remembered for each integration on its own.
#[tokio::test]
async fn a_run_of_one_integration_forgets_no_columns_of_another() {
    let store: Arc<Sqlite> = Arc::new(Sqlite::in_memory().unwrap());
    let products = |name: &str, puppet: Puppet| Source { metrics: vec![&SEATS], ..source(name, puppet) };
    let in_world = |sources| Plan { store: store.clone(), ..plan(sources) };
    let (one, two) = (products("one", Puppet::Seats(7)), products("two", Puppet::Seats(9)));
    run(in_world(vec![one, two.clone()]), &Silent).await;
    run(in_world(vec![two.clone()]), &Silent).await;
    let last = run(in_world(vec![products("one", Puppet::Fails(ErrorKind::Auth)), two]), &Silent).await;
    assert_eq!(csv(&last), "Company,Notes,one: Suite,two: Suite\r\nBirch Dental,one failed: auth-failed,,9\r\n");
}

#[tokio::test]
async fn the_run_is_kept_whole_and_can_be_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world): (Arc<Sqlite>, Arc<dyn World>) =
        (Arc::new(Sqlite::in_memory().unwrap()), Arc::new(TestWorld::new()));
    let mut kept = Plan { store: store.clone(), world: world.clone(), ..plan(vec![source("one", good(3))]) };
    kept.deliveries = vec![
        delivery("archive", Broken(|| Undelivered::Failed(Error::internal("the disk is full")))),
        delivery("lost", Broken(|| Undelivered::Unknown(Error::internal("no answer")))),
    ];
    let first = run(kept, &Silent).await;
    assert_eq!(first.exit_status, 4);
    assert_eq!(store.run(&first.id).await.unwrap().unwrap(), first);
    assert_eq!(store.file(&first.id, "csv").await.unwrap().unwrap(), csv(&first).into_bytes());
    let undelivered = world.read_state(&format!("undelivered/{}/archive.csv", first.id)).unwrap().unwrap();
    assert_eq!(String::from_utf8(undelivered).unwrap(), csv(&first));
    assert!(first.deliveries[0].error.as_ref().unwrap().contains("the report is kept in state/undelivered/"));

    let path = folder.path().join("{run}.csv");
    let again = [delivery("archive", FileDelivery { path })];
    let second = deliver_again(&first.id, &again, &jiff::tz::TimeZone::UTC, &world, &*store).await.unwrap();
    assert_eq!(second.exit_status, 0);
    assert_eq!(std::fs::read_to_string(folder.path().join(format!("{}.csv", first.id))).unwrap(), csv(&first));
    let statuses = |run: &Run| run.deliveries.iter().map(|told| (told.name.clone(), told.status)).collect::<Vec<_>>();
    let expected =
        vec![("lost".to_owned(), DeliveryStatus::Unknown), ("archive".to_owned(), DeliveryStatus::Delivered)];
    assert_eq!(statuses(&second), expected);
    assert_eq!(statuses(&store.run(&first.id).await.unwrap().unwrap()), expected);

    let error = deliver_again("r0", &again, &jiff::tz::TimeZone::UTC, &world, &*store).await.unwrap_err().to_string();
    assert!(error.contains("there is no run r0") && error.contains(&first.id), "{error}");
}
