//! The suite that every connector passes. A connector's test is data, a [`Case`]; the suite finds the connector in
//! the registry, decodes its settings, serves the case's answers over HTTP under a path prefix, and asks it again
//! and again. Nobody waits: the clock is a fake one.
//!
//! ```text
//! #[tokio::test]
//! async fn conforms() {
//!     conformance(case()).await;
//! }
//! ```
//!
//! | step | promise |
//! | --- | --- |
//! | `happy` | `counts` gives what the case expects: each org, value, total and what is left out; a ticket desk looks up, finds, makes, attaches and notes what it should; a ledger bills line by line, reads one, and changes it by exactly the expected request. Each exchange of a list is asked exactly once, each for a token at most once, and the order of answers changes nothing |
//! | `orgs` | `orgs` lists the same orgs |
//! | `companies` | a company directory lists what the case expects, each company once, and asks nothing twice; where a call of it fails, it lists nothing |
//! | `check` | `check` says whose credential it is |
//! | `pages` | the case has a list of three pages or more, of unequal sizes, one in the middle empty |
//! | `retry` | after one 429 or 503, at any call, the result is the same, with exactly one call more |
//! | `refresh` | after one 401 one new token is asked for, and the result is the same; without tokens it ends |
//! | `classified` | a lasting fault at any call ends with its code, as an error or as the failure of the one org that the call was about: never with a number |
//! | `loops` | a vendor that repeats a page for ever is an error, soon |
//! | `own_host` | an address of another host in an answer is an error, and that host hears nothing |
//! | `totals` | a vendor's total that disagrees with its rows is an error |
//! | `missing` | a counted value that is absent or null fails, and a quantity of a ledger is unknown; it is never zero |
//! | `single_flight` | ten calls at once need one token |
//! | `polite` | the user's `requests_per_minute` holds in every sixty seconds, and every call says that it is Tallysheet's |
//! | `wrong_names` | a ticket's wrong board, status or company is answered with those that exist |
//! | `finds_nothing` | a search for tickets that finds none says so |
//! | `once` | a change whose answer is lost is asked for once, and the error says that it may be done |
//! | `billed` | a connector that bills has a ledger in its case, and the order of answers changes nothing |
//! | `shapes` | of what is billed, whatever has another shape is `bad-response`: never a list without it, never a zero |
//! | `gone` | a line that is gone, however the PSA says it, is none, and no failure |
//! | `written` | a change that is refused is asked for once and has not happened; a quantity that the PSA cannot hold is not sent |
//! | `mutated` | an answer changed at random at any one place: no panic, an end, no error that repeats it, and a counted value that is no exact number fails |
//! | `declared` | what the connector declares is what it does: capabilities, metrics, how changes are taken |
//! | `documented` | its README has the headings and every key, its `example.toml` works |
//! | `quiet` | in all of this nothing that is said holds a secret or the body of an answer |
//!
//! In every step a request that no exchange expects is a failure, told with what is different from the nearest.
//! A step that cannot apply is named in [`Case::skips`], with the reason.

use crate::bench::Bench;
use crate::case::Case;
use crate::server::Script;
use crate::steps::{calls, claims, desk, faults, ledger, mutated};
use crate::world::TestWorld;
use futures_util::future::LocalBoxFuture;
use jiff::civil::Date;
use std::fmt;
use tallysheet_core::billing::Ledger;
use tallysheet_core::{Counts, Error, Result};

/// A promise that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The connector.
    pub slug: &'static str,
    /// The step that found it.
    pub step: &'static str,
    /// What is wrong, and at which exchange.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.slug, self.step, self.message)
    }
}

/// A step says what is wrong, one line each.
type Step = for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Vec<String>>;

/// The steps, in the order of running. The first must pass before the others say anything.
const STEPS: &[(&str, Step)] = &[
    ("happy", |bench| Box::pin(calls::happy(bench))),
    ("orgs", |bench| Box::pin(calls::orgs(bench))),
    ("companies", |bench| Box::pin(calls::companies(bench))),
    ("check", |bench| Box::pin(async { calls::check(bench) })),
    ("pages", |bench| Box::pin(async { claims::pages(bench) })),
    ("retry", |bench| Box::pin(faults::retry(bench))),
    ("refresh", |bench| Box::pin(faults::refresh(bench))),
    ("classified", |bench| Box::pin(faults::classified(bench))),
    ("loops", |bench| Box::pin(faults::loops(bench))),
    ("own_host", |bench| Box::pin(faults::own_host(bench))),
    ("totals", |bench| Box::pin(faults::totals(bench))),
    ("missing", |bench| Box::pin(faults::missing(bench))),
    ("single_flight", |bench| Box::pin(calls::single_flight(bench))),
    (POLITE, |bench| Box::pin(calls::polite(bench))),
    ("wrong_names", |bench| Box::pin(desk::wrong_names(bench))),
    ("finds_nothing", |bench| Box::pin(desk::finds_nothing(bench))),
    ("once", |bench| Box::pin(desk::once(bench))),
    ("billed", |bench| Box::pin(ledger::billed(bench))),
    ("shapes", |bench| Box::pin(ledger::shapes(bench))),
    ("gone", |bench| Box::pin(ledger::gone(bench))),
    ("written", |bench| Box::pin(ledger::written(bench))),
    ("mutated", |bench| Box::pin(mutated::mutated(bench))),
    ("declared", |bench| Box::pin(claims::declared(bench))),
    ("documented", |bench| Box::pin(async { claims::documented(bench.entry) })),
];

/// What is watched in every step besides what the step is about.
const POLITE: &str = "polite";
pub(crate) const QUIET: &str = "quiet";

/// Runs the suite.
///
/// # Panics
/// Where the connector breaks a promise: with all that it breaks.
pub async fn conformance(case: Case) {
    let failures = examine(case).await;
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} promises are broken:\n{}", told.len(), told.join("\n"));
}

/// Runs the suite for a connector with tickets.
///
/// # Panics
/// Where the case has no [`crate::case::Desk`], or the connector breaks a promise.
pub async fn ticket_conformance(case: Case) {
    assert!(case.desk.is_some(), "{}: the case says nothing of the ticket desk", case.slug);
    conformance(case).await;
}

/// What `counts` returns for a case, notices and all, in a world that the test holds: for a connector's own traps.
/// Exchanges that are equal are answered one after another.
pub async fn counts(case: Case, world: &TestWorld) -> Result<Counts> {
    let bench = Bench::set_up(case).await?;
    bench.begin(Script::default(), world, 1);
    let connector = bench.connect(world, |_| ())?;
    bench.counts(&connector).await
}

/// What a ledger bills on a day, notices and all: the same for ledgers.
pub async fn billed(case: Case, on: Date) -> Result<Ledger> {
    let bench = Bench::set_up(case).await?;
    let world = TestWorld::new();
    bench.begin(Script::default(), &world, 1);
    let connector = bench.connect(&world, |_| ())?;
    let books = connector.billing.ok_or_else(|| Error::config("the connector has no ledger"))?;
    books.billed(on).await
}

/// Runs the suite and returns what is wrong.
pub async fn examine(case: Case) -> Vec<Failure> {
    let slug = case.slug;
    let failure = |step, message| Failure { slug, step, message };
    let known = |step: &str| step == QUIET || STEPS.iter().any(|(name, _)| *name == step);
    let mut failures: Vec<Failure> = Vec::new();
    for (step, reason) in &case.skips {
        say_skipped(slug, step, reason);
        if !known(step) || reason.is_empty() {
            failures.push(failure(step, "a skip needs the name of a step, and a reason".to_owned()));
        }
    }
    let skipped: Vec<&str> = case.skips.iter().map(|(step, _)| *step).collect();
    let bench = match Bench::set_up(case).await {
        Ok(bench) => bench,
        Err(error) => return vec![failure("happy", error.to_string())],
    };

    for (step, run) in STEPS.iter().filter(|(step, _)| !skipped.contains(step)) {
        let found = run(&bench).await;
        failures.extend(found.into_iter().map(|message| failure(step, message)));
        let strays = bench.strays();
        failures.extend(strays.unexpected.into_iter().map(|message| failure(step, message)));
        failures.extend(strays.nameless.into_iter().map(|message| failure(POLITE, message)));
        let leaks = bench.overheard.leaks().into_iter().filter(|_| !skipped.contains(&QUIET));
        failures.extend(leaks.map(|line| failure(QUIET, format!("in the step `{step}` it was said: {line}"))));
        if *step == STEPS[0].0 && !failures.is_empty() {
            break;
        }
    }
    failures
}

#[allow(clippy::print_stderr, reason = "a skip must be seen where the tests are run")]
pub(crate) fn say_skipped(slug: &str, step: &str, reason: &str) {
    eprintln!("{slug}: the step `{step}` is skipped: {reason}");
}
