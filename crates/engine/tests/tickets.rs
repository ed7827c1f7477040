//! Tickets: looked for before they are made, never made twice, completed where a file is lacking.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::Options;
use tallysheet_core::run::{DeliveryStatus, Run};
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
};
use tallysheet_core::{
    Code, CountSource, Counts, Error, ErrorKind, Metric, MetricDef, OrgCounts, Outcome, Result, TicketDesk, VendorOrg,
    async_trait,
};
use tallysheet_engine::{
    Companies, Delivery, FileDelivery, Keep, Plan, Silent, Source, TicketDelivery, deliver_again, deliver_test, run,
};
use tallysheet_report::Format;
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");

/// One customer, or one customer and a failure.
struct Devices {
    fails: bool,
}

#[async_trait]
impl CountSource for Devices {
    async fn counts(&self) -> Result<Counts> {
        let org = |id: &str, name: &str, outcome| {
            OrgCounts::new(VendorOrg::new(id, name), vec![(Metric::Fixed(&DEVICES), outcome)])
        };
        let mut orgs = vec![org("1", "Birch Dental Ltd", Outcome::Number(3.into()))];
        if self.fails {
            let failure = tallysheet_core::Failure::new(Code::Forbidden, "no right");
            orgs.push(org("2", "Quarry Legal", Outcome::Failed(failure)));
        }
        Ok(Counts { orgs, ..Counts::default() })
    }
}

#[derive(Clone, Default)]
struct Ticket {
    title: String,
    body: String,
    key: String,
    closed: bool,
    files: Vec<(String, usize)>,
    notes: Vec<String>,
}

/// A PSA in memory that fails as it is told.
#[derive(Clone)]
struct Desk {
    tickets: Arc<Mutex<Vec<Ticket>>>,
    creates: Arc<Mutex<usize>>,
    faults: Arc<Mutex<Faults>>,
    limits: DeskLimits,
}

#[derive(Clone, Copy, Default)]
struct Faults {
    /// The ticket is made, and the answer is lost.
    answer_lost: bool,
    /// Nothing is made, and nobody can tell.
    create_lost: bool,
    create: Option<ErrorKind>,
    attach: Option<ErrorKind>,
    /// The file is attached, and the answer is lost.
    attach_answer_lost: bool,
    note: Option<ErrorKind>,
}

impl Desk {
    fn new() -> Self {
        let limits = DeskLimits { title: 100, file: 1_000_000, note: 30_000 };
        Self { tickets: Arc::default(), creates: Arc::default(), faults: Arc::default(), limits }
    }

    fn tickets(&self) -> Vec<Ticket> {
        self.tickets.lock().unwrap().clone()
    }

    fn with<T>(&self, ticket: &TicketRef, act: impl FnOnce(&mut Ticket) -> T) -> T {
        act(&mut self.tickets.lock().unwrap()[ticket.id.parse::<usize>().unwrap()])
    }

    fn fail(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap()
    }
}

fn refused(kind: Option<ErrorKind>) -> Result<()> {
    kind.map_or(Ok(()), |kind| Err(Error::new(kind, "as told")))
}

fn lost() -> Error {
    Error::new(ErrorKind::TimedOut, "no answer").with_maybe_done()
}

#[async_trait]
impl TicketDesk for Desk {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        let there = [("1", "Northgate IT"), ("2", "BIRCH DENTAL"), ("3", "Birch at the Coast")];
        let companies = there.map(|(id, name)| (id.to_owned(), name.to_owned()));
        let (id, name) = choose("company", &form.company, &companies)?;
        let (company_id, company_name) = (id.clone(), name.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings: serde_json::Map::new() })
    }

    async fn find(&self, _: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let tickets = self.tickets();
        let found = tickets.iter().enumerate().rev().filter(|(_, ticket)| search.matches(&ticket.key));
        Ok(found
            .map(|(at, ticket)| Found {
                ticket: TicketRef { id: at.to_string(), number: format!("T-{at}") },
                open: !ticket.closed,
            })
            .collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        *self.creates.lock().unwrap() += 1;
        let faults = self.faults();
        refused(faults.create)?;
        if faults.create_lost {
            return Err(lost());
        }
        let mut tickets = self.tickets.lock().unwrap();
        tickets.push(Ticket {
            title: ticket.form.title.clone(),
            body: format!("{}{}", ticket.body.text, ticket.body.html),
            key: ticket.key.to_string(),
            ..Ticket::default()
        });
        if faults.answer_lost {
            return Err(lost());
        }
        let id = (tickets.len() - 1).to_string();
        Ok(Created { ticket: TicketRef { number: format!("T-{id}"), id }, attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        Ok(self.with(ticket, |ticket| ticket.files.iter().map(|(name, _)| name.clone()).collect()))
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        refused(self.faults().attach)?;
        self.with(ticket, |ticket| ticket.files.push((file.file_name.clone(), file.bytes.len())));
        if self.faults().attach_answer_lost { Err(lost()) } else { Ok(()) }
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        refused(self.faults().note)?;
        self.with(ticket, |ticket| ticket.notes.push(body.text.clone()));
        Ok(())
    }

    fn limits(&self) -> DeskLimits {
        self.limits
    }
}

fn ticket(desk: &Desk) -> TicketDelivery {
    TicketDelivery {
        name: "ticket".into(),
        desk: Arc::new(desk.clone()),
        permissions: "Service Tickets: Inquire, Add",
        form: TicketForm {
            company: "Northgate IT".into(),
            title: "Billing Reconciliation".into(),
            ..TicketForm::default()
        },
        file_name: None,
        own: false,
        keep_open: false,
        fallback_body: false,
        customers: BTreeMap::new(),
        world: Arc::new(TestWorld::new()),
    }
}

fn delivery(to: TicketDelivery) -> Delivery {
    Delivery { name: "ticket".into(), kind: "ticket".into(), format: Format::Csv, to: Box::new(to) }
}

struct Office {
    world: Arc<TestWorld>,
    store: Arc<Sqlite>,
}

impl Office {
    fn new() -> Self {
        Self { world: Arc::new(TestWorld::new()), store: Arc::new(Sqlite::in_memory().unwrap()) }
    }

    fn plan(&self, to: TicketDelivery, fails: bool) -> Plan {
        Plan {
            sources: vec![Source::new("one", "One", vec![&DEVICES], Arc::new(Devices { fails }))],
            companies: Companies::FromNames,
            directory: None,
            reconciling: None,
            names: Vec::new(),
            options: Options { notes: true, unmapped_rows: true, ..Options::default() },
            schedule: None,
            guard: Guard::default(),
            keep: Keep::default(),
            strict: false,
            deliveries: vec![delivery(to)],
            skipped: Vec::new(),
            timezone: jiff::tz::TimeZone::UTC,
            notices: Vec::new(),
            world: self.world.clone(),
            store: self.store.clone(),
        }
    }

    async fn run(&self, to: TicketDelivery) -> Run {
        // No two runs begin at once.
        self.world.advance(std::time::Duration::from_mins(7));
        run(self.plan(to, false), &Silent).await
    }

    async fn again(&self, run: &Run, to: TicketDelivery) -> Run {
        let world: Arc<dyn tallysheet_core::World> = self.world.clone();
        deliver_again(&run.id, &[delivery(to)], &jiff::tz::TimeZone::UTC, &world, &*self.store).await.unwrap()
    }
}

#[tokio::test]
async fn a_run_makes_one_ticket_with_the_file_and_a_second_delivery_makes_none() {
    let (office, desk) = (Office::new(), Desk::new());
    let run = office.run(ticket(&desk)).await;
    assert_eq!((run.exit_status, run.deliveries[0].reference.as_deref()), (0, Some("T-0")));
    let made = &desk.tickets()[0];
    assert_eq!(made.title, "Billing Reconciliation");
    assert_eq!(made.key, format!("tallysheet:{}:ticket", run.id));
    let csv = tallysheet_report::render(&run, Format::Csv).unwrap();
    assert_eq!(made.files, [("billing-counts-2026-11-01.csv".to_owned(), csv.len())]);
    assert!(made.body.contains("One: Devices: 3") && !made.body.to_lowercase().contains("birch"), "{}", made.body);

    let again = office.again(&run, ticket(&desk)).await;
    assert_eq!(again.exit_status, 0);
    let tickets = desk.tickets();
    assert_eq!((tickets.len(), tickets[0].files.len(), tickets[0].notes.len()), (1, 1, 0));

    office.run(ticket(&desk)).await;
    assert_eq!(desk.tickets().len(), 2, "another run has a ticket of its own");
}

#[tokio::test]
async fn a_ticket_that_may_have_been_made_is_looked_for_and_never_made_again() {
    for (faults, status, tickets) in [
        (Faults { answer_lost: true, ..Faults::default() }, DeliveryStatus::Delivered, 1),
        (Faults { create_lost: true, ..Faults::default() }, DeliveryStatus::Unknown, 0),
    ] {
        let (office, desk) = (Office::new(), Desk::new());
        desk.fail(faults);
        let run = office.run(ticket(&desk)).await;
        assert_eq!(run.deliveries[0].status, status);
        assert_eq!((desk.tickets().len(), *desk.creates.lock().unwrap()), (tickets, 1));
        assert!(desk.tickets().iter().all(|ticket| ticket.files.len() == 1));
        desk.fail(Faults::default());
        assert_eq!(office.again(&run, ticket(&desk)).await.exit_status, 0);
        assert_eq!(desk.tickets().len(), 1, "whoever delivers again gets one ticket in all");
    }
}

#[tokio::test]
async fn a_ticket_without_its_file_is_completed() {
    let (office, desk) = (Office::new(), Desk::new());
    desk.fail(Faults { attach: Some(ErrorKind::Unavailable), ..Faults::default() });
    let run = office.run(ticket(&desk)).await;
    assert_eq!((run.exit_status, run.deliveries[0].status), (4, DeliveryStatus::Failed));
    assert!(run.deliveries[0].error.as_ref().unwrap().starts_with("ticket T-0: "), "{:?}", run.deliveries[0].error);
    assert!(desk.tickets()[0].files.is_empty());
    desk.fail(Faults::default());
    assert_eq!(office.again(&run, ticket(&desk)).await.exit_status, 0);
    assert_eq!((desk.tickets().len(), desk.tickets()[0].files.len()), (1, 1));

    desk.fail(Faults { attach_answer_lost: true, ..Faults::default() });
    let run = office.run(ticket(&desk)).await;
    assert_eq!((run.exit_status, desk.tickets()[1].files.len()), (0, 1), "a file that arrived is not sent twice");
}

#[tokio::test]
async fn a_file_that_is_refused_goes_into_an_internal_note() {
    for (limits, fault) in [
        (DeskLimits { file: 0, ..Desk::new().limits }, None),
        (Desk::new().limits, Some(ErrorKind::BadResponse)),
        (Desk::new().limits, Some(ErrorKind::Forbidden)),
    ] {
        let (office, desk) = (Office::new(), Desk { limits, ..Desk::new() });
        desk.fail(Faults { attach: fault, ..Faults::default() });
        let run = office.run(ticket(&desk)).await;
        assert_eq!(run.exit_status, 0);
        let made = &desk.tickets()[0];
        assert_eq!((made.files.len(), made.notes.len()), (0, 1));
        assert!(made.notes[0].contains("Birch Dental Ltd,,3") && !made.body.contains("Birch"));
        let warning = run.log.iter().find(|entry| entry.notice.message.contains("no file is attached")).unwrap();
        assert_eq!(warning.notice.level, tallysheet_core::Level::Warning);
        assert_eq!(warning.notice.message.contains("Service Tickets"), fault == Some(ErrorKind::Forbidden));
    }
}

#[tokio::test]
async fn a_table_too_long_for_one_note_takes_several_and_one_too_long_for_all_fails() {
    let desk = Desk { limits: DeskLimits { file: 0, note: 245, title: 100 }, ..Desk::new() };
    let run = Office::new().run(ticket(&desk)).await;
    assert_eq!(run.exit_status, 4, "not even one line fits");
    let desk = Desk { limits: DeskLimits { file: 0, note: 0, title: 100 }, ..Desk::new() };
    let run = Office::new().run(ticket(&desk)).await;
    assert!(run.deliveries[0].error.as_ref().unwrap().contains("fallback = \"body\""));
    let desk = Desk { limits: DeskLimits { file: 0, note: 0, title: 100 }, ..Desk::new() };
    let run = Office::new().run(TicketDelivery { fallback_body: true, ..ticket(&desk) }).await;
    assert_eq!(run.exit_status, 0);
    assert!(desk.tickets()[0].body.contains("Birch Dental Ltd,,3"));
}

/// Five thousand customers.
struct Thousands;

#[async_trait]
impl CountSource for Thousands {
    async fn counts(&self) -> Result<Counts> {
        let org = |number: u32| {
            let org = VendorOrg::new(number.to_string(), format!("Customer number {number} of a large MSP"));
            OrgCounts::new(org, vec![(Metric::Fixed(&DEVICES), Outcome::Number(number.into()))])
        };
        Ok(Counts { orgs: (1..=5_000).map(org).collect(), ..Counts::default() })
    }
}

#[tokio::test]
async fn a_report_of_five_thousand_companies_is_attached_or_stands_in_notes() {
    let sources = || vec![Source::new("one", "One", vec![&DEVICES], Arc::new(Thousands))];
    // The smallest limits of the PSAs, and one that takes no files.
    for (file, note) in [(6_000_000, 3_200), (0, 30_000)] {
        let (office, desk) = (Office::new(), Desk { limits: DeskLimits { title: 100, file, note }, ..Desk::new() });
        let run = run(Plan { sources: sources(), ..office.plan(ticket(&desk), false) }, &Silent).await;
        assert_eq!((run.exit_status, run.deliveries[0].status), (0, DeliveryStatus::Delivered));
        let made = &desk.tickets()[0];
        let told = made.notes.concat();
        assert_eq!(made.files.len(), usize::from(file > 0));
        assert_eq!(told.contains("Customer number 4999 of a large MSP,,4999"), file == 0);
        assert!(!made.body.contains("Customer number"));
    }
}

#[tokio::test]
async fn a_customers_own_ticket_is_refused() {
    let desk = Desk::new();
    let to = |company: &str| {
        let mut to = ticket(&desk);
        to.form.company = company.into();
        to
    };
    let run = Office::new().run(to("2")).await;
    let error = run.deliveries[0].error.clone().unwrap();
    assert!(error.contains("Birch Dental Ltd, which is a row with counts") && error.contains("own = true"), "{error}");
    let known = BTreeMap::from([("3".to_owned(), "Birch Dental Ltd".to_owned())]);
    let run = Office::new().run(TicketDelivery { customers: known, ..to("Birch at the Coast") }).await;
    assert_eq!(run.exit_status, 4, "told by its id");
    assert!(desk.tickets().is_empty());
    let run = Office::new().run(TicketDelivery { own: true, ..to("2") }).await;
    assert_eq!((run.exit_status, desk.tickets().len()), (0, 1));
}

#[tokio::test]
async fn one_ticket_is_kept_alive_until_it_is_closed() {
    let (office, desk) = (Office::new(), Desk::new());
    let open = || TicketDelivery { keep_open: true, ..ticket(&desk) };
    let first = office.run(open()).await;
    let second = office.run(open()).await;
    let tickets = desk.tickets();
    assert_eq!((tickets.len(), tickets[0].notes.len()), (1, 1));
    let names: Vec<&str> = tickets[0].files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["billing-counts-2026-11-01.csv", &format!("billing-counts-2026-11-01-{}.csv", second.id)]);
    office.again(&first, open()).await;
    assert_eq!((desk.tickets().len(), desk.tickets()[0].files.len()), (1, 2));
    desk.tickets.lock().unwrap()[0].closed = true;
    office.run(open()).await;
    assert_eq!(desk.tickets().len(), 2);
}

#[tokio::test]
async fn a_right_that_is_lacking_is_named_and_a_long_title_refused() {
    let desk = Desk::new();
    desk.fail(Faults { create: Some(ErrorKind::Forbidden), ..Faults::default() });
    let run = Office::new().run(ticket(&desk)).await;
    assert_eq!(run.exit_status, 4);
    assert!(run.deliveries[0].error.as_ref().unwrap().contains("it needs: Service Tickets: Inquire, Add"));
    let mut long = ticket(&desk);
    long.form.title = "x".repeat(101);
    let run = Office::new().run(long).await;
    assert!(run.deliveries[0].error.as_ref().unwrap().contains("100 characters"));
}

#[tokio::test]
async fn strict_delivers_the_message_without_the_file() {
    let (office, desk) = (Office::new(), Desk::new());
    let folder = tempfile::tempdir().unwrap();
    let mut plan = office.plan(ticket(&desk), true);
    plan.strict = true;
    let path = folder.path().join("report.csv");
    let archive = FileDelivery { path: path.clone() };
    plan.deliveries.push(Delivery {
        name: "archive".into(),
        kind: "file".into(),
        format: Format::Csv,
        to: Box::new(archive),
    });
    let run = run(plan, &Silent).await;
    assert_eq!(run.exit_status, 3);
    let statuses: Vec<DeliveryStatus> = run.deliveries.iter().map(|told| told.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Delivered, DeliveryStatus::Skipped]);
    let made = &desk.tickets()[0];
    assert!(made.files.is_empty() && made.body.contains("No file goes with this"), "{}", made.body);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_test_is_marked_and_not_kept() {
    let (office, desk) = (Office::new(), Desk::new());
    let world: Arc<dyn tallysheet_core::World> = office.world.clone();
    let told = deliver_test(&delivery(ticket(&desk)), &jiff::tz::TimeZone::UTC, &world, &*office.store).await.unwrap();
    assert_eq!(told.status, DeliveryStatus::Delivered);
    let made = &desk.tickets()[0];
    assert_eq!(made.title, "[Test] Billing Reconciliation");
    assert!(made.body.contains("This is a test") && made.files.len() == 1);
    assert!(tallysheet_store::Store::runs(&*office.store, 10).await.unwrap().is_empty());

    // No report goes into its ticket, although one that is open would do.
    office.run(TicketDelivery { keep_open: true, ..ticket(&desk) }).await;
    let titles: Vec<String> = desk.tickets().into_iter().map(|ticket| ticket.title).collect();
    assert_eq!(titles, ["[Test] Billing Reconciliation", "Billing Reconciliation"]);
}
