//! Alerts: what is told of a run or a check, never with a customer's name, once a day. And runs that were cut off.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::Options;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, LogEntry, Run, RunStatus};
use tallysheet_core::sheet::Sheet;
use tallysheet_core::{Code, Error, ErrorKind, Identity, Level, Notice, Phase, Result, World, async_trait};
use tallysheet_engine::{
    Companies, Deliver, Delivery, Keep, Plan, Receipt, Report, Undelivered, alerts, of_check, of_error, of_run, resume,
};
use tallysheet_host::Environment;
use tallysheet_report::Format;
use tallysheet_store::{Sqlite, Store};
use tallysheet_testkit::TestWorld;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const CUSTOMER: &str = "Birch Dental Ltd";

fn outcome(name: &str, status: DeliveryStatus) -> DeliveryOutcome {
    let error = Some(format!("`company` is {CUSTOMER}"));
    DeliveryOutcome { name: name.into(), kind: "ticket".into(), status, reference: None, error }
}

fn a_run(status: RunStatus) -> Run {
    Run {
        id: "20261101T060000Z-8000".into(),
        started_at: "2026-11-01T06:00:00Z".parse().unwrap(),
        finished_at: None,
        status,
        exit_status: 0,
        schedule: None,
        asked: BTreeSet::new(),
        answered: BTreeSet::new(),
        changes: None,
        reconciliation: None,
        sheet: Sheet { notes: true, carried: Vec::new(), columns: Vec::new(), rows: Vec::new(), totals: Vec::new() },
        deliveries: Vec::new(),
        log: Vec::new(),
    }
}

fn entry(level: Level, code: Code, integration: &str, company: Option<&str>) -> LogEntry {
    let mut notice = Notice::new(level, Phase::Collect, code, format!("{CUSTOMER}: no")).of(integration);
    notice.company = company.map(str::to_owned);
    LogEntry { time: Timestamp::UNIX_EPOCH, notice }
}

#[test]
fn of_a_run_what_failed_is_told_without_a_customers_name() {
    let run = Run {
        deliveries: vec![
            outcome("ticket", DeliveryStatus::Failed),
            outcome("mail", DeliveryStatus::Unknown),
            outcome("file", DeliveryStatus::Delivered),
            outcome("late", DeliveryStatus::Skipped),
        ],
        log: vec![
            entry(Level::Error, Code::AuthFailed, "duo", None),
            entry(Level::Error, Code::Unavailable, "pax8", None),
            entry(Level::Warning, Code::CredentialExpires, "sherweb", None),
            entry(Level::Warning, Code::ConsentMissing, "microsoft-graph", Some(CUSTOMER)),
        ],
        ..a_run(RunStatus::Failed)
    };
    let told = of_run(&run);
    let causes: Vec<&str> = told.iter().map(|alert| alert.cause.as_str()).collect();
    assert_eq!(causes, ["run", "delivery/ticket", "delivery/mail", "credential/duo", "credential/sherweb"]);
    for alert in &told {
        assert!(!format!("{alert:?}").contains("Birch"), "{alert:?}");
        assert_eq!(alert.run.as_deref(), Some(run.id.as_str()));
    }
    assert!(of_run(&a_run(RunStatus::Partial)).is_empty(), "its report says what is lacking");
    assert!(!format!("{:?}", of_error(&Error::config(CUSTOMER))).contains("Birch"));
}

#[test]
fn a_credential_that_died_or_ends_soon_is_told() {
    let now: Timestamp = "2026-11-01T06:00:00Z".parse().unwrap();
    let cause = |answer: Result<Identity>| of_check("duo", &answer, now, 14).map(|alert| alert.subject);
    let until = |at: Option<&str>| Ok(Identity { expires: at.map(|at| at.parse().unwrap()), ..Identity::default() });
    assert_eq!(cause(until(None)), None);
    assert_eq!(cause(until(Some("2026-11-16T06:00:00Z"))), None);
    assert_eq!(cause(until(Some("2026-11-15T06:00:00Z"))).unwrap(), "The credential of duo ends soon");
    assert_eq!(cause(Err(Error::new(ErrorKind::Auth, "no"))).unwrap(), "The credential of duo does not work");
    assert_eq!(cause(Err(Error::new(ErrorKind::Unavailable, "no"))), None, "it may be there again by itself");
}

#[tokio::test]
async fn the_same_cause_is_told_once_a_day_and_again_where_nobody_could_be_told() {
    let server = MockServer::start().await;
    let config = format!(
        "[run]\ntimezone = \"America/New_York\"\n[alert]\nwebhook = {{ url = \"{0}/alert?key=k\", secret = \"s\" }}\nheartbeat = \"{0}/beat\"\n",
        server.uri()
    );
    let registry = tallysheet_connectors::registry();
    let config = Config::parse(&config, Path::new("tallysheet.toml"), &Environment::default(), &registry).unwrap();
    let world = TestWorld::new();
    let (shared, store): (Arc<dyn World>, Arc<dyn Store>) =
        (Arc::new(world.clone()), Arc::new(Sqlite::in_memory().unwrap()));
    let alerts = alerts(&config, &shared, &store).unwrap();
    let told = async || server.received_requests().await.unwrap().iter().filter(|one| one.method == "POST").count();
    let failed = Run { exit_status: 1, ..a_run(RunStatus::Failed) };

    // The address refuses: the day is not spent.
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(400)).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).and(path("/alert")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(method("GET"))
        .and(path("/beat"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    alerts.after(&failed).await;
    for _ in 0..3 {
        alerts.after(&failed).await;
    }
    assert_eq!(told().await, 2);
    // 01:00 in New York: the day ends at 05:00 UTC.
    world.advance(Duration::from_hours(22));
    alerts.after(&failed).await;
    assert_eq!(told().await, 2);
    world.advance(Duration::from_hours(2));
    alerts.after(&failed).await;
    assert_eq!(told().await, 3);
    alerts.after(&a_run(RunStatus::Complete)).await;
    let requests = server.received_requests().await.unwrap();
    assert!(requests[1].headers.contains_key("x-tallysheet-signature"));
}

/// Remembers that it was called.
struct Counted(Arc<Mutex<usize>>);

#[async_trait]
impl Deliver for Counted {
    async fn deliver(&self, _: &Report<'_>) -> Result<Receipt, Undelivered> {
        *self.0.lock().unwrap() += 1;
        Ok(Receipt::default())
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_delivered_once_and_no_mail_twice() {
    let world: Arc<dyn World> = Arc::new(TestWorld::new());
    let store: Arc<dyn Store> = Arc::new(Sqlite::in_memory().unwrap());
    let calls: Vec<Arc<Mutex<usize>>> = (0..3).map(|_| Arc::default()).collect();
    let plan = || Plan {
        sources: Vec::new(),
        companies: Companies::FromNames,
        directory: None,
        reconciling: None,
        names: Vec::new(),
        options: Options::default(),
        schedule: None,
        guard: Guard::default(),
        keep: Keep::default(),
        strict: false,
        deliveries: [("archive", "file"), ("finance", "email"), ("desk", "ticket")]
            .into_iter()
            .zip(&calls)
            .map(|((name, kind), calls)| Delivery {
                name: name.into(),
                kind: kind.into(),
                format: Format::Csv,
                to: Box::new(Counted(calls.clone())),
            })
            .collect(),
        skipped: vec![("later".into(), "file".into())],
        timezone: jiff::tz::TimeZone::UTC,
        notices: Vec::new(),
        world: world.clone(),
        store: store.clone(),
    };
    let run = a_run(RunStatus::Complete);
    assert!(resume(&run.id, plan()).await.unwrap().is_none(), "without a sheet there is nothing to deliver");
    store.begin(&run.id, run.started_at).await.unwrap();
    assert!(resume(&run.id, plan()).await.unwrap().is_none());
    store.keep(&run, &[]).await.unwrap();
    store.keep_delivery(&run.id, &outcome("desk", DeliveryStatus::Delivered)).await.unwrap();

    let ended = resume(&run.id, plan()).await.unwrap().unwrap();
    let told: Vec<_> = ended.deliveries.iter().map(|told| (told.name.as_str(), told.status)).collect();
    assert_eq!(
        told,
        [
            ("desk", DeliveryStatus::Delivered),
            ("finance", DeliveryStatus::Unknown),
            ("archive", DeliveryStatus::Delivered),
            ("later", DeliveryStatus::Skipped)
        ]
    );
    assert_eq!((ended.exit_status, ended.finished_at.is_some(), ended.id.as_str()), (4, true, run.id.as_str()));
    assert_eq!(resume(&run.id, plan()).await.unwrap().unwrap(), store.run(&run.id).await.unwrap().unwrap());
    let calls: Vec<usize> = calls.iter().map(|calls| *calls.lock().unwrap()).collect();
    assert_eq!(calls, [1, 0, 0]);
}
