//! Counted against billed at each simulated PSA: every class and every amount is right; a plan is carried out once, shows
//! no variance any more, and is undone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_core::billing::Writing;
use tallysheet_core::history::day;
use tallysheet_core::run::Run;
use tallysheet_core::variance::{Class, Variance};
use tallysheet_core::{Decimal, World};
use tallysheet_engine::{Applied, Applying, Reconciling, Selection, Silent, assemble, run};
use tallysheet_host::Environment;
use tallysheet_reconcile::plan::{Entry, Outcome, Plan, Step};
use tallysheet_sim::{BilledLine, BilledProduct, LineKind, Options, PRODUCTS, Simulation, Truth, WriteFault};
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;

/// What a PSA can tell.
#[derive(Clone, Copy)]
struct Psa {
    name: &'static str,
    /// Whether it knows units that are free.
    includes: bool,
    /// Whether it works some quantities out by itself.
    works_out: bool,
    /// How long it takes until a change is in effect.
    wait: Duration,
}

const CONNECTWISE: Psa = Psa { name: "connectwise-psa", includes: true, works_out: false, wait: Duration::ZERO };
const AUTOTASK: Psa = Psa { name: "autotask", includes: false, works_out: false, wait: Duration::from_hours(24 * 70) };
const HALO: Psa = Psa { name: "halopsa", includes: false, works_out: true, wait: Duration::ZERO };

#[tokio::test(flavor = "multi_thread")]
async fn connectwise_psa() {
    keeps_its_promises(CONNECTWISE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn autotask() {
    keeps_its_promises(AUTOTASK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halopsa() {
    keeps_its_promises(HALO).await;
}

/// A simulated MSP whose PSA bills. Nobody waits: the clock is a fake one.
struct Office {
    psa: Psa,
    simulation: Simulation,
    folder: tempfile::TempDir,
    world: Arc<TestWorld>,
    store: Arc<Sqlite>,
    undo: Mutex<Option<Plan>>,
}

impl Office {
    async fn open(psa: Psa) -> Self {
        let simulation = Simulation::start(Options { psa: psa.name, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        // Duo's requests are signed with the time of day, which is a fake one here.
        let products = simulation.products_csv();
        let kept: Vec<&str> = products.lines().filter(|line| !line.contains("Duo")).collect();
        std::fs::write(folder.path().join("products.csv"), kept.join("\n")).unwrap();
        let (world, store) = (Arc::new(TestWorld::new()), Arc::new(Sqlite::in_memory().unwrap()));
        Self { psa, simulation, folder, world, store, undo: Mutex::new(None) }
    }

    fn assembled(&self, only: Option<Vec<String>>) -> tallysheet_engine::Assembled {
        let registry = tallysheet_connectors::registry();
        let text = self.simulation.config_toml() + &self.simulation.reconcile_toml();
        let path = self.folder.path().join("tallysheet.toml");
        let config = Config::parse(&text, &path, &Environment::default(), &registry).unwrap();
        let selection = Selection { only, ..Selection::default() };
        assemble(config, &registry, self.world.clone(), self.store.clone(), &selection).unwrap()
    }

    async fn run(&self) -> Run {
        self.world.advance(Duration::from_secs(7));
        run(self.assembled(None).plan().unwrap(), &Silent).await
    }

    fn ledger(&self) -> Reconciling {
        self.assembled(Some(vec![self.psa.name.to_owned()])).reconciling.unwrap()
    }

    fn applying<'a>(&self, one: &'a Reconciling) -> Applying<'a> {
        let world: Arc<dyn World> = self.world.clone();
        Applying { one, today: day(world.now(), &jiff::tz::TimeZone::UTC), world }
    }

    async fn propose(&self, run: &Run) -> Plan {
        self.applying(&self.ledger()).propose(run).await.unwrap()
    }

    async fn look(&self, plan: &Plan) -> Vec<Step> {
        let steps = self.applying(&self.ledger()).look(plan).await.unwrap();
        steps.into_iter().map(|(_, step)| step).collect()
    }

    async fn apply(&self, plan: &Plan) -> Applied {
        let ledger = self.ledger();
        let keep = |undo: &Plan| {
            *self.undo.lock().unwrap() = Some(undo.clone());
            Ok(())
        };
        self.applying(&ledger).apply(plan, &keep, &|_: &Entry| {}).await.unwrap()
    }

    fn undo(&self) -> Plan {
        self.undo.lock().unwrap().clone().unwrap()
    }

    /// The lines that bill a product of a company.
    fn lines(&self, company: &str, product: &BilledProduct) -> Vec<BilledLine> {
        let lines = self.simulation.bills().lines().into_iter();
        let billed = |line: &BilledLine| matches!(line.kind, LineKind::Billed | LineKind::Automated);
        lines.filter(|line| billed(line) && line.company_name == company && line.product == *product).collect()
    }

    /// What must be said of a company's product, from the vendors' books and the PSA's.
    fn truth(&self, counted: &Truth, company: &str, product: &BilledProduct) -> Option<(Class, Option<Decimal>)> {
        let lines = self.lines(company, product);
        let price = Decimal::new(product.cents.into(), 2);
        let unknown = self.psa.works_out && lines.iter().any(|line| line.kind == LineKind::Automated);
        let billed: Decimal = lines.iter().map(|line| Decimal::from(line.quantity)).sum();
        let free: Decimal =
            if self.psa.includes { lines.iter().map(|line| Decimal::from(line.included)).sum() } else { Decimal::ZERO };
        let charged = |units: Decimal| (units - free).max(Decimal::ZERO);
        let told = match counted {
            Truth::Number(counted) if counted.is_zero() && lines.is_empty() => return None,
            Truth::NotMapped | Truth::NotApplicable if lines.is_empty() => return None,
            Truth::Number(counted) if lines.is_empty() => (Class::NotBilled, Some(*counted * price)),
            _ if unknown => (Class::NotComparable, None),
            Truth::Number(counted) => {
                let class = match counted.cmp(&billed) {
                    std::cmp::Ordering::Less => Class::OverBilled,
                    std::cmp::Ordering::Equal => Class::Equal,
                    std::cmp::Ordering::Greater => Class::UnderBilled,
                };
                (class, Some((charged(*counted) - charged(billed)) * price))
            }
            Truth::NotMapped | Truth::NotApplicable => (Class::NotCounted, Some(-charged(billed) * price)),
            _ => (Class::NotComparable, None),
        };
        Some(told)
    }

    /// The quantities of all lines, by id.
    fn quantities(&self) -> BTreeMap<u32, u32> {
        self.simulation.bills().lines().iter().map(|line| (line.id, line.quantity)).collect()
    }
}

async fn keeps_its_promises(psa: Psa) {
    let office = Office::open(psa).await;
    let first = office.run().await;
    every_figure_is_right(&office, &first);
    let plan = a_plan_holds_what_is_sure(&office, &first).await;
    a_plan_is_carried_out_once(&office, &plan).await;
    what_is_done_is_undone(&office, &plan).await;
    if !psa.wait.is_zero() {
        what_is_added_is_followed_by_its_opposite(psa).await;
    }
    an_answer_that_is_lost_changes_nothing_twice(psa).await;
}

fn every_figure_is_right(office: &Office, run: &Run) {
    let (name, expected) = (office.psa.name, office.simulation.expected());
    let made = run.reconciliation.as_ref().unwrap();
    assert_eq!((made.failed, &made.missing), (None, &Vec::new()), "{name}");
    let mut told: BTreeMap<(&str, &str), &Variance> = BTreeMap::new();
    for variance in made.variances.iter().filter(|one| !one.company.contains("(unmapped")) {
        let twice = told.insert((&variance.company, &variance.product), variance);
        assert!(twice.is_none(), "{name}: {variance:?} stands there twice");
    }
    let mut classes = BTreeSet::new();
    for row in expected.rows.iter().filter(|row| !row.unmapped) {
        for product in PRODUCTS.iter().filter(|product| !product.column.starts_with("Duo")) {
            let counted = expected.cell(&row.company, product.column).unwrap();
            let truth = office.truth(counted, &row.company, product);
            let variance = told.remove(&(row.company.as_str(), product.code));
            let shown = variance.map(|one| (one.class, one.money));
            assert_eq!(shown, truth, "{name}: {}, {}: {counted:?}, {variance:?}", row.company, product.code);
            classes.extend(truth.map(|(class, _)| class));
            if let Some(variance) = variance {
                let quantity: u32 = office.lines(&row.company, product).iter().map(|line| line.quantity).sum();
                assert!(variance.billed.is_none_or(|billed| billed == quantity.into()), "{name}: {variance:?}");
                assert!(variance.figures.iter().any(|figure| figure.column == product.column));
            }
        }
    }
    assert!(told.is_empty(), "{name}: of nothing: {told:?}");
    assert_eq!(classes.len(), Class::ALL.len(), "{name}: every class was tried");
}

async fn a_plan_holds_what_is_sure(office: &Office, run: &Run) -> Plan {
    let plan = office.propose(run).await;
    assert!(plan.changes.len() > 5, "{}: {plan:?}", office.psa.name);
    let made = run.reconciliation.as_ref().unwrap();
    let differ = made.variances.iter().filter(|one| one.class != Class::Equal).count();
    assert_eq!(plan.changes.len() + plan.left.len(), differ, "each difference is planned or says why not");
    for change in &plan.changes {
        let variance = made.variances.iter().find(|one| one.company == change.company && one.product == change.product);
        let variance = variance.unwrap();
        assert!(matches!(variance.class, Class::UnderBilled | Class::OverBilled), "{variance:?}");
        assert_eq!((Some(change.old), Some(change.new)), (variance.billed, variance.counted));
        assert!(!change.proration.is_empty());
    }
    assert!(office.look(&plan).await.iter().all(|step| *step == Step::Write));
    assert!(office.simulation.bills().writes().is_empty(), "{}: a look writes nothing", office.psa.name);
    plan
}

async fn a_plan_is_carried_out_once(office: &Office, plan: &Plan) {
    let (name, before) = (office.psa.name, office.quantities());
    let id = |place: usize| plan.changes[place].line.id.trim_start_matches('-').parse::<u32>().unwrap();
    let applied = office.apply(plan).await;
    assert!(applied.failure.is_none(), "{name}: {:?} {:?}", applied.failure, applied.record);
    assert!(applied.record.entries.iter().all(|entry| entry.outcome == Outcome::Done), "{name}: {:?}", applied.record);
    let writes = office.simulation.bills().writes();
    assert_eq!(writes.len(), plan.changes.len(), "{name}: each once");
    for (place, change) in plan.changes.iter().enumerate() {
        assert!(writes.iter().any(|(line, old, new)| *line == id(place)
            && Decimal::from(*old) == change.old
            && Decimal::from(*new) == change.new));
    }
    let untouched =
        |(line, quantity): (&u32, &u32)| writes.iter().all(|write| write.0 != *line) && before[line] != *quantity;
    assert!(!office.quantities().iter().any(untouched), "{name}: only planned lines moved");

    // The same plan again finds everything done.
    let again = office.apply(plan).await;
    assert!(again.failure.is_none());
    assert_eq!(office.simulation.bills().writes().len(), plan.changes.len(), "{name}: nothing is done twice");

    office.world.advance(office.psa.wait);
    let second = office.run().await;
    for change in &plan.changes {
        let made = second.reconciliation.as_ref().unwrap();
        let now = made.variances.iter().find(|one| one.company == change.company && one.product == change.product);
        assert_eq!(now.unwrap().class, Class::Equal, "{name}: no variance is left: {now:?}");
    }
}

async fn what_is_done_is_undone(office: &Office, plan: &Plan) {
    let (name, undo) = (office.psa.name, office.undo());
    assert_eq!(undo.changes.len(), plan.changes.len());
    if office.ledger().ledger.writing() == Writing::Difference {
        // Its day has passed with the fake clock: that is refused, never sent.
        let late = office.look(&undo).await;
        assert!(late.iter().all(|step| matches!(step, Step::Ended(Outcome::Refused, _))), "{name}: {late:?}");
        return;
    }
    let undone = office.apply(&undo).await;
    assert!(undone.failure.is_none(), "{name}: {:?}", undone.failure);
    for (line, old, _) in office.simulation.bills().writes().iter().take(plan.changes.len()) {
        assert_eq!(office.quantities()[line], *old, "{name}: as it was");
    }
    // What was undone is not done again by the old plan.
    let writes = office.simulation.bills().writes().len();
    office.apply(plan).await;
    assert_eq!(office.simulation.bills().writes().len(), writes, "{name}: a person must make a new plan");
}

/// Where differences are added, an undo before its day brings back what was.
async fn what_is_added_is_followed_by_its_opposite(psa: Psa) {
    let office = Office::open(psa).await;
    let (name, first) = (psa.name, office.run().await);
    let (plan, before) = (office.propose(&first).await, office.quantities());
    assert!(office.apply(&plan).await.failure.is_none(), "{name}");
    assert_ne!(office.quantities(), before, "{name}: it was done");
    let undone = office.apply(&office.undo()).await;
    assert!(undone.failure.is_none(), "{name}: {:?} {:?}", undone.failure, undone.record);
    // What was nothing before is not taken off by us; all else is done, and it stops nothing.
    for entry in &undone.record.entries {
        let outcome = if entry.change.new.is_zero() { Outcome::Refused } else { Outcome::Done };
        assert_eq!(entry.outcome, outcome, "{name}: {entry:?}");
    }
    let from_nothing: BTreeSet<String> =
        plan.changes.iter().filter(|change| change.old.is_zero()).map(|change| change.line.id.clone()).collect();
    let others = |mut quantities: BTreeMap<u32, u32>| {
        quantities.retain(|line, _| !from_nothing.contains(&line.to_string()));
        quantities
    };
    assert!(!from_nothing.is_empty() && from_nothing.len() < plan.changes.len(), "{name}: both were tried");
    assert_eq!(others(office.quantities()), others(before), "{name}: as it was");

    office.world.advance(psa.wait);
    let (was, now) = (first.reconciliation.unwrap(), office.run().await.reconciliation.unwrap());
    for change in plan.changes.iter().filter(|change| !change.old.is_zero()) {
        let of = |made: &tallysheet_core::variance::Reconciliation| {
            let mut variances = made.variances.iter();
            let found = variances.find(|one| one.company == change.company && one.product == change.product);
            found.map(|one| (one.class, one.billed))
        };
        assert_eq!(of(&now), of(&was), "{name}: the PSA bills again what it billed: {change:?}");
    }
}

async fn an_answer_that_is_lost_changes_nothing_twice(psa: Psa) {
    let office = Office::open(psa).await;
    let name = psa.name;
    let mut plan = office.propose(&office.run().await).await;
    plan.changes.truncate(4);
    let bills = office.simulation.bills();
    let id = |place: usize| plan.changes[place].line.id.trim_start_matches('-').parse::<u32>().unwrap();

    bills.fail(Some(WriteFault::NoRight));
    let refused = office.apply(&plan).await;
    assert!(refused.failure.is_some() && bills.writes().is_empty(), "{name}");
    assert_eq!(refused.record.entries[0].outcome, Outcome::Failed, "{name}: {:?}", refused.record);
    assert_eq!(refused.record.entries.len(), 1, "{name}: it stops there");

    bills.fail(Some(WriteFault::AnswerLost));
    if psa.wait.is_zero() {
        // Someone at the PSA writes something else meanwhile.
        bills.change(id(1), |line| line.quantity += 100);
    }
    let lost = office.apply(&plan).await;
    let outcomes: Vec<Outcome> = lost.record.entries.iter().map(|entry| entry.outcome).collect();
    assert!(lost.failure.is_none(), "{name}: {:?} {:?}", lost.failure, lost.record);
    let second = if psa.wait.is_zero() { Outcome::Refused } else { Outcome::Done };
    assert_eq!(outcomes, [Outcome::Done, second, Outcome::Done, Outcome::Done], "{name}: {:?}", lost.record);
    let lines: BTreeSet<u32> = bills.writes().iter().map(|write| write.0).collect();
    assert_eq!(lines.len(), bills.writes().len(), "{name}: each once");
}
