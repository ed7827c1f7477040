//! Every billing ledger, played on loopback: what it bills is what the PSA holds, line by line; a quantity is written once,
//! read back, and never again where nobody knows.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::civil::{Date, date};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::billing::{Addition, LineRef, Price, Quantity, QuantityChange, Standing, Writing};
use tallysheet_core::{BillingLedger, Code, Decimal};
use tallysheet_engine::{Selection, assemble};
use tallysheet_host::Environment;
use tallysheet_sim::{BilledLine, BilledProduct, Bills, LineKind, Options, Simulation, WriteFault};
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;

/// What a PSA can tell, and at which price.
struct Psa {
    name: &'static str,
    /// Whether it knows units that are free.
    includes: bool,
    /// Whether it works some quantities out by itself.
    works_out: bool,
    /// What its catalogue calls a product.
    product: fn(&BilledProduct) -> &'static str,
    /// The most calls for all that is billed, by how many agreements are live.
    calls: fn(usize) -> usize,
}

/// The first day of the tests' clock.
const TODAY: Date = date(2026, 11, 1);

#[tokio::test(flavor = "multi_thread")]
async fn connectwise_psa() {
    let calls = |agreements: usize| 1 + agreements;
    let product = |product: &BilledProduct| product.code;
    keeps_its_promises(Psa { name: "connectwise-psa", includes: true, works_out: false, product, calls }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halopsa() {
    // Where tokens are issued, a token, and a list besides.
    let calls = |agreements: usize| 3 + agreements;
    let product = |product: &BilledProduct| product.code;
    keeps_its_promises(Psa { name: "halopsa", includes: false, works_out: true, product, calls }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn autotask() {
    // However many contracts there are: the pages of the simulation are small.
    let calls = |_| 18;
    let product = |product: &BilledProduct| product.code;
    keeps_its_promises(Psa { name: "autotask", includes: false, works_out: false, product, calls }).await;
}

/// A simulated MSP with a PSA, and the ledger of it.
struct Office {
    psa: Psa,
    simulation: Simulation,
    ledger: Arc<dyn BillingLedger>,
}

impl Office {
    async fn open(psa: Psa) -> Self {
        let simulation = Simulation::start(Options { psa: psa.name, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        let registry = tallysheet_connectors::registry();
        let path = folder.path().join("tallysheet.toml");
        let config = Config::parse(&simulation.config_toml(), &path, &Environment::default(), &registry).unwrap();
        let selection = Selection { only: Some(vec![psa.name.to_owned()]), ..Selection::default() };
        let (world, store) = (Arc::new(TestWorld::new()), Arc::new(Sqlite::in_memory().unwrap()));
        let assembled = assemble(config, &registry, world, store, &selection).unwrap();
        let ledger = assembled.integrations[0].connector.billing.clone().unwrap();
        Self { psa, simulation, ledger }
    }

    fn bills(&self) -> &Bills {
        self.simulation.bills()
    }

    /// What must be billed: each line by its id, with its quantity where the PSA tells it.
    fn truth(&self) -> BTreeMap<u32, BilledLine> {
        let lines = self.bills().lines().into_iter();
        lines.filter(|line| in_effect(line.kind)).map(|line| (line.id, line)).collect()
    }

    fn is_worked_out(&self, line: &BilledLine) -> bool {
        self.psa.works_out && line.kind == LineKind::Automated
    }

    /// The addition of a line that may be written, and was not yet.
    async fn some_line(&self) -> (BilledLine, LineRef) {
        let billed = self.ledger.billed(TODAY).await.unwrap();
        let written: BTreeSet<u32> = self.bills().writes().into_iter().map(|(id, ..)| id).collect();
        let plain =
            |line: &&BilledLine| line.kind == LineKind::Billed && line.quantity > 3 && !written.contains(&line.id);
        let lines = self.truth();
        let addition = billed.additions.into_iter().filter(|addition| addition.locked.is_none());
        let mut found = addition.filter_map(|addition| Some((lines.get(&id_of(&addition))?.clone(), addition.line)));
        found.find(|(line, _)| plain(&line)).unwrap()
    }

    async fn read(&self, line: &LineRef, effective: Option<Date>) -> Option<Standing> {
        self.ledger.line(line, TODAY, effective).await.unwrap()
    }
}

fn in_effect(kind: LineKind) -> bool {
    matches!(kind, LineKind::Billed | LineKind::Automated)
}

/// The id in the PSA; one may count downwards.
fn id_of(addition: &Addition) -> u32 {
    addition.line.id.trim_start_matches('-').parse().unwrap()
}

fn change(line: &LineRef, standing: &Standing, new: u32) -> QuantityChange {
    let old = standing.addition.quantity.known().unwrap();
    QuantityChange { line: line.clone(), old, new: new.into(), effective: standing.effective }
}

async fn keeps_its_promises(psa: Psa) {
    let office = Office::open(psa).await;
    bills_what_the_psa_holds(&office).await;
    writes_once_and_reads_back(&office).await;
    tells_what_nobody_knows(&office).await;
    loses_what_is_gone(&office).await;
}

async fn bills_what_the_psa_holds(office: &Office) {
    let (name, truth) = (office.psa.name, office.truth());
    let before = office.simulation.calls()[name];
    let billed = office.ledger.billed(TODAY).await.unwrap();
    let calls = office.simulation.calls()[name] - before;
    let agreements = office.bills().lines().iter().map(|line| line.agreement).collect::<BTreeSet<_>>().len();
    assert!(calls <= (office.psa.calls)(agreements), "{name}: {calls} calls for {agreements} agreements");

    let ids: Vec<u32> = billed.additions.iter().map(id_of).collect();
    let distinct: BTreeSet<u32> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "{name}: no line twice");
    assert_eq!(distinct, truth.keys().copied().collect(), "{name}: each line in effect, and no other");
    let (mut worked_out, mut included) = (0, 0);
    for addition in &billed.additions {
        let line = &truth[&id_of(addition)];
        assert_eq!(addition.company_id, line.company.to_string(), "{name}: {line:?}");
        assert_eq!(addition.product, (office.psa.product)(&line.product), "{name}: {line:?}");
        let price = addition.price.as_ref().and_then(Price::monthly);
        assert_eq!(price, Some(Decimal::new(line.product.cents.into(), 2)), "{name}: {line:?}");
        if office.is_worked_out(line) {
            worked_out += 1;
            assert!(matches!(addition.quantity, Quantity::Unknown(_)), "{name}: a stale quantity: {addition:?}");
            assert!(addition.locked.is_some(), "{name}: {addition:?}");
            continue;
        }
        assert_eq!(addition.quantity, Quantity::Known(line.quantity.into()), "{name}: {line:?}");
        let free = if office.psa.includes { line.included } else { 0 };
        assert_eq!(addition.included, free.into(), "{name}: {line:?}");
        included += usize::from(free > 0);
    }
    let quantities: Vec<u32> = truth.values().map(|line| line.quantity).collect();
    assert!(quantities.contains(&0), "{name}: a line of quantity 0 is kept");
    assert_eq!((worked_out > 0, included > 0), (office.psa.works_out, office.psa.includes), "{name}: it was tried");

    let companies: BTreeMap<&str, &str> =
        billed.companies.iter().map(|org| (org.id.as_str(), org.name.as_str())).collect();
    assert_eq!(companies.len(), billed.companies.len(), "{name}: each company once");
    for line in truth.values() {
        assert_eq!(companies.get(line.company.to_string().as_str()), Some(&line.company_name.as_str()), "{name}");
    }
    assert!(billed.left_out.values().sum::<usize>() > 0, "{name}: it tells what it leaves out");
}

async fn writes_once_and_reads_back(office: &Office) {
    let name = office.psa.name;
    let (truth, line) = office.some_line().await;
    let standing = office.read(&line, None).await.unwrap();
    assert_eq!(standing.addition.quantity, Quantity::Known(truth.quantity.into()), "{name}");
    assert_eq!(standing.addition.line, line, "{name}");
    let (id, old) = (truth.id, truth.quantity);
    // What is added cannot be taken back on the same day.
    let goes_back = office.ledger.writing() == Writing::Quantity;
    for new in [Some(old + 2), goes_back.then_some(old)].into_iter().flatten() {
        let now = office.read(&line, standing.effective).await.unwrap();
        office.ledger.change(&change(&line, &now, new)).await.unwrap();
        let after = office.read(&line, standing.effective).await.unwrap();
        assert_eq!(after.addition.quantity, Quantity::Known(new.into()), "{name}");
        assert_eq!(after.untouched, standing.untouched, "{name}: nothing else moved");
        assert!(!after.untouched.is_empty(), "{name}: something is watched");
        let billed = office.ledger.billed(standing.effective.unwrap_or(TODAY)).await.unwrap();
        let found = billed.additions.iter().find(|addition| addition.line == line).unwrap();
        assert_eq!(found.quantity, Quantity::Known(new.into()), "{name}: it is billed from that day on");
    }
    let all = [(id, old, old + 2), (id, old + 2, old)];
    assert_eq!(office.bills().writes(), all[..=usize::from(goes_back)], "{name}: each once");
    if !goes_back {
        let now = office.read(&line, standing.effective).await.unwrap();
        let error = office.ledger.change(&change(&line, &now, old)).await.unwrap_err();
        assert!(!error.maybe_done() && error.to_string().contains("choose another day"), "{name}: {error}");
        let before = office.read(&line, Some(standing.effective.unwrap().yesterday().unwrap())).await.unwrap();
        assert_eq!(before.addition.quantity, Quantity::Known(old.into()), "{name}: not a day before");
        assert!(before.addition.locked.is_some(), "{name}: it will be another: {before:?}");
    }
}

async fn tells_what_nobody_knows(office: &Office) {
    let (name, bills) = (office.psa.name, office.bills());
    let (truth, line) = office.some_line().await;
    let standing = office.read(&line, None).await.unwrap();
    let before = bills.writes().len();

    bills.fail(Some(WriteFault::NoRight));
    let error = office.ledger.change(&change(&line, &standing, truth.quantity + 1)).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_done()), (Code::Forbidden, false), "{name}: {error}");
    assert_eq!(bills.writes().len(), before, "{name}");

    bills.fail(Some(WriteFault::AnswerLost));
    let error = office.ledger.change(&change(&line, &standing, truth.quantity + 1)).await.unwrap_err();
    assert!(error.maybe_done(), "{name}: {error}");
    assert_eq!(bills.writes().len(), before + 1, "{name}: it is not repeated");
    bills.fail(None);
    let after = office.read(&line, standing.effective).await.unwrap();
    assert_eq!(after.addition.quantity, Quantity::Known((truth.quantity + 1).into()), "{name}: a look tells");
}

async fn loses_what_is_gone(office: &Office) {
    let (truth, line) = office.some_line().await;
    assert_eq!(office.read(&LineRef { id: "8".to_owned(), ..line.clone() }, None).await, None, "no such line");
    office.bills().change(truth.id, |line| line.kind = LineKind::Cancelled);
    assert_eq!(office.read(&line, None).await, None, "{}: it ended meanwhile", office.psa.name);
    let billed = office.ledger.billed(TODAY).await.unwrap();
    assert!(billed.additions.iter().all(|addition| addition.line != line), "{}", office.psa.name);
}
