//! Every PSA, played on loopback: one ticket with the file, none twice, and what is wrong is told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::run::{DeliveryStatus, Run};
use tallysheet_core::{Level, Result, World};
use tallysheet_engine::{Delivery, Selection, Silent, assemble, deliver_again, run};
use tallysheet_host::Environment;
use tallysheet_sim::{Desk, Fault, OWN_COMPANY, Options, Simulation};
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;

/// A simulated MSP with a PSA, and its config with a ticket delivery. Nobody waits: the clock is a fake one.
struct Office {
    simulation: Simulation,
    folder: tempfile::TempDir,
    world: Arc<TestWorld>,
    store: Arc<Sqlite>,
}

impl Office {
    async fn open(psa: &'static str) -> Self {
        let simulation = Simulation::start(Options { psa, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        let world = Arc::new(TestWorld::new());
        Self { simulation, folder, world, store: Arc::new(Sqlite::in_memory().unwrap()) }
    }

    fn desk(&self) -> &Desk {
        self.simulation.desk()
    }

    /// The config, after a change to its delivery.
    fn assembled(&self, change: impl Fn(String) -> String) -> tallysheet_engine::Assembled {
        let registry = tallysheet_connectors::registry();
        let text = self.simulation.config_toml() + &change(self.simulation.delivery_toml());
        let path: &Path = &self.folder.path().join("tallysheet.toml");
        let config = Config::parse(&text, path, &Environment::default(), &registry).unwrap();
        let selection = Selection { only: Some(vec!["huntress".to_owned()]), deliver: true, ..Selection::default() };
        assemble(config, &registry, self.world.clone(), self.store.clone(), &selection).unwrap()
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.assembled(|text| text).deliveries
    }

    async fn run(&self) -> Run {
        self.world.advance(std::time::Duration::from_mins(7));
        run(self.assembled(|text| text).plan().unwrap(), &Silent).await
    }

    async fn again(&self, run: &Run) -> Run {
        let world: Arc<dyn World> = self.world.clone();
        deliver_again(&run.id, &self.deliveries(), &jiff::tz::TimeZone::UTC, &world, &*self.store).await.unwrap()
    }

    async fn check(&self, change: impl Fn(String) -> String) -> Result<()> {
        self.assembled(change).deliveries[0].to.check().await
    }
}

fn error_of(run: &Run) -> String {
    run.deliveries[0].error.clone().unwrap_or_default()
}

/// `files`: whether the PSA takes files at all.
async fn a_desk_keeps_its_promises(psa: &'static str, wrong: (&str, &str, &str), right: &str) {
    let office = Office::open(psa).await;
    let desk = office.desk();
    office.check(|text| text).await.unwrap();

    let first = office.run().await;
    assert_eq!(first.deliveries[0].status, DeliveryStatus::Delivered, "{psa}: {}", error_of(&first));
    let made = desk.tickets();
    assert_eq!(made.len(), 1, "{psa}: one ticket");
    assert_eq!(made[0].title, "Billing Reconciliation");
    let csv = tallysheet_report::render(&first, tallysheet_report::Format::Csv).unwrap();
    assert_eq!(made[0].files.iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>(), [csv.len()], "{psa}: its file");
    assert_eq!(made[0].files[0].1, csv);
    let names: Vec<&String> = first.sheet.rows.iter().map(|row| &row.company).collect();
    let said = format!("{}{}", made[0].title, made[0].body);
    assert!(names.iter().all(|name| !said.contains(name.as_str())), "{psa}: no customer's name in title or body");
    assert!(said.contains("Huntress"), "{psa}: the body tells totals: {said}");

    let again = office.again(&first).await;
    assert_eq!(again.deliveries[0].status, DeliveryStatus::Delivered, "{psa}: {}", error_of(&again));
    assert_eq!((desk.tickets().len(), desk.tickets()[0].files.len()), (1, 1), "{psa}: a second delivery makes nothing");

    // A ticket without its file is completed.
    desk.change(0, |ticket| ticket.files.clear());
    office.again(&first).await;
    assert_eq!((desk.tickets().len(), desk.tickets()[0].files.len()), (1, 1), "{psa}: it is completed");

    desk.fail(Some(Fault::AnswerLost));
    let lost = office.run().await;
    assert_eq!(lost.deliveries[0].status, DeliveryStatus::Delivered, "{psa}: {}", error_of(&lost));
    assert_eq!(desk.tickets().len(), 2, "{psa}: a ticket whose answer is lost is not made twice");
    assert_eq!(desk.tickets()[1].files.len(), 1);

    desk.fail(Some(Fault::NoRight));
    let refused = office.run().await;
    assert_eq!((refused.deliveries[0].status, refused.exit_status), (DeliveryStatus::Failed, 4));
    assert!(error_of(&refused).contains(right), "{psa}: the right is named: {}", error_of(&refused));
    assert_eq!(desk.tickets().len(), 2);

    desk.fail(Some(Fault::FilesRefused));
    let noted = office.run().await;
    assert_eq!(noted.deliveries[0].status, DeliveryStatus::Delivered, "{psa}: {}", error_of(&noted));
    let ticket = desk.tickets().swap_remove(2);
    assert!(ticket.files.is_empty() && !ticket.notes.is_empty(), "{psa}: a note stands for the file");
    assert!(ticket.notes.iter().all(|(_, public)| !public), "{psa}: the note is internal");
    assert!(ticket.notes.iter().any(|(text, _)| text.contains("Huntress")));
    let warned = |run: &Run| {
        run.log
            .iter()
            .any(|entry| entry.notice.level == Level::Warning && entry.notice.message.contains("no file is attached"))
    };
    assert!(warned(&noted));
    desk.fail(None);

    let (field, value, told) = wrong;
    let error = office.check(|text| with_field(&text, field, value)).await.unwrap_err().to_string();
    assert!(error.contains(told) && error.contains(field), "{psa}: a wrong {field} lists the right ones: {error}");
    let error = office.check(|text| with_field(&text, "company", "No Such Company")).await.unwrap_err().to_string();
    assert!(error.contains(OWN_COMPANY), "{psa}: a wrong company lists the right ones: {error}");

    // A customer's own ticket is refused.
    let customer = first.sheet.rows.iter().find(|row| !row.unmapped && row.cells[0].number().is_some()).unwrap();
    let plan = office.assembled(|text| with_field(&text, "company", &customer.company)).plan().unwrap();
    let refused = run(plan, &Silent).await;
    assert!(error_of(&refused).contains("a customer's ticket"), "{psa}: {}", error_of(&refused));

    // One ticket is kept alive.
    let before = desk.tickets().len();
    for _ in 0..2 {
        office.world.advance(std::time::Duration::from_mins(7));
        let plan = office.assembled(|text| format!("{text}reuse = \"open\"\n")).plan().unwrap();
        let run = run(plan, &Silent).await;
        assert_eq!(run.deliveries[0].status, DeliveryStatus::Delivered, "{psa}: {}", error_of(&run));
    }
    assert_eq!(desk.tickets().len(), before, "{psa}: an open ticket of this delivery takes the new file");
    let newest = desk.tickets().pop().unwrap();
    assert_eq!((newest.files.len(), newest.notes.len() >= 2), (2, true), "{psa}: two files and their notes");
}

/// The delivery with another value of a key.
fn with_field(delivery: &str, field: &str, value: &str) -> String {
    let other = |line: &&str| !line.starts_with(&format!("{field} = "));
    let kept: Vec<&str> = delivery.lines().filter(other).collect();
    format!("{}\n{field} = {value:?}\n", kept.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn connectwise_psa() {
    a_desk_keeps_its_promises("connectwise-psa", ("board", "Finanz", "Finance (7)"), "Service Tickets").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ninjaone() {
    a_desk_keeps_its_promises("ninjaone", ("status", "Neu", "New (1000)"), "refresh_token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn autotask() {
    a_desk_keeps_its_promises("autotask", ("queue", "Finanz", "Finance (29682833)"), "Service Desk: Tickets").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halopsa() {
    a_desk_keeps_its_promises("halopsa", ("type", "Bilings", "Billing (33)"), "edit:tickets").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kaseya_bms() {
    a_desk_keeps_its_promises("kaseya-bms", ("queue", "Finanz", "Finance (9)"), "service desk tickets").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servicenow() {
    let told = "Finance (5a5a5a5a00004000800000000000f1a0)";
    a_desk_keeps_its_promises("servicenow", ("queue", "Finanz", told), "role itil").await;
}
