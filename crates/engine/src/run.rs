//! One run, from the first question to the kept result.

use crate::account::{Guard, Guards};
use crate::collect::{Collected, Event, Progress, collect};
use crate::deliver::{INCOMPLETE, Way, deliver_all};
use crate::directory::{self, with_directory};
use crate::keep::{is_fixed, keep, keep_undelivered};
use crate::log::Log;
use crate::look_back::{self, answered as names, doubts, forget, keep_counts, since_last};
use crate::perhaps::note;
use crate::place::{place, renamed};
use crate::plan::{Companies, Directory, Plan, Reconciling, Source};
use crate::reconcile;
use futures_util::future::join3;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::billing::Ledger;
use tallysheet_core::guard::{Doubts, Guard as DropGuard, Seen};
use tallysheet_core::history::day;
use tallysheet_core::merge::{KeptColumn, Merged, merge};
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run, RunStatus};
use tallysheet_core::sheet::{Column, Sheet};
use tallysheet_core::{Code, Error, Level, Notice, Phase, Result, World};
use tallysheet_store::Store;

/// Runs a plan. It always ends with a [`Run`]; what went wrong stands in its log, its status and its exit status.
pub async fn run(plan: Plan, progress: &dyn Progress) -> Run {
    let id = run_id(&*plan.world);
    run_as(id, plan, progress).await
}

/// The same under a [`run_id`] that was chosen before, for those who must know it should the run be cut off.
pub async fn run_as(id: String, plan: Plan, progress: &dyn Progress) -> Run {
    let world = plan.world.clone();
    let mut log = Log::new(world.clone());
    let started_at = world.now();
    log.extend(plan.notices);

    let store = plan.store.clone();
    let kept = begin(&id, started_at, &*store, &mut log).await;
    let sources: Vec<Source> = plan.sources;
    let asked = sources.iter().map(|source| source.name.clone()).collect();
    let rows_from_vendors = matches!(plan.companies, Companies::FromNames);
    let is_fixed_column = fixed_columns(&sources);
    let today = day(started_at, &plan.timezone);
    let Asked { collected, listed, billed } =
        Box::pin(ask_all(sources, plan.directory.as_ref(), plan.reconciling.as_ref(), today, &world, progress)).await;
    tell_collected(&collected, &mut log);
    let (companies, answered_directory) = match (&plan.directory, listed) {
        (Some(directory), Some(listed)) => {
            let (companies, notices) = with_directory(plan.companies, directory, &listed);
            log.extend(listed.notices.into_iter().chain(notices));
            (companies, listed.fresh)
        }
        _ => (plan.companies, true),
    };

    log.extend(renamed(&collected, &plan.names));
    let mut placed = place(companies, collected, &kept);
    log.extend(std::mem::take(&mut placed.notices));
    let answered = placed.sources.iter().any(|source| source.answer.is_ok());
    let seen = look_back::seen(&placed, rows_from_vendors);
    let Merged { mut sheet, notices, complete, counted } = merge(&placed.companies, placed.sources, &plan.options);
    log.extend(notices);
    let complete = complete && answered_directory && billed.as_ref().is_none_or(Result::is_ok);
    let status = status(answered, complete, counted);
    let doubted = match status {
        RunStatus::Failed => Doubts::default(),
        _ => doubt(&mut sheet, &seen, &plan.guard, &plan.timezone, &*store, &mut log).await,
    };
    let status = if doubted.none() { status } else { RunStatus::Partial };
    note(&mut sheet, &placed.perhaps);
    let reconciliation = plan.reconciling.zip(billed).map(|(one, billed)| {
        let (reconciliation, notices) = reconcile::compared(&one, today, billed, &sheet, &placed.companies);
        log.extend(notices);
        reconciliation
    });

    let mut run = Run {
        id,
        started_at,
        finished_at: None,
        status,
        exit_status: exit_status(status, &[]),
        schedule: plan.schedule,
        asked,
        answered: names(&seen),
        sheet,
        changes: None,
        reconciliation,
        deliveries: Vec::new(),
        log: log.entries(),
    };

    let held_back = plan.strict && status == RunStatus::Partial;
    let mut outcomes = skipped(plan.skipped.into_iter().map(|(name, kind)| (name, kind, None)));
    let mut files = Vec::new();
    if status == RunStatus::Failed {
        let why = "nothing could be counted";
        log.say(Notice::new(Level::Error, Phase::Deliver, None, format!("no report is delivered: {why}")));
        let names = plan.deliveries.iter().map(|to| (to.name.clone(), to.kind.clone(), Some(why)));
        outcomes.extend(skipped(names));
    } else {
        look_at(&mut run, seen, doubted, &plan.timezone, &*store, &mut log).await;
        if held_back {
            let message = format!("no file is delivered: {INCOMPLETE}");
            log.say(Notice::new(Level::Error, Phase::Deliver, None, message));
        } else if plan.deliveries.is_empty() {
            log.say(Notice::new(Level::Info, Phase::Deliver, Code::NoDelivery, "there is no delivery and no output"));
        }
        run.log = log.entries();
        before_delivery(&run, progress, &*store, &mut log).await;
        let way = Way { timezone: &plan.timezone, world: &*world, store: &*store, held_back, test: false };
        let delivered = deliver_all(&plan.deliveries, &run, &way).await;
        outcomes.extend(delivered.outcomes);
        log.extend(delivered.notices);
        files = delivered.files;
    }

    run.exit_status = exit_status(status, &outcomes);
    run.deliveries = outcomes;
    run.finished_at = Some(world.now());
    let end = format!("run {} ended with status {}", run.id, run.exit_status);
    log.say(Notice::new(Level::Info, Phase::Complete, None, end));
    run.log = log.entries();
    if let Err(error) = keep(&*store, &run, &files, is_fixed_column).await {
        log.say(unkept(&error));
    }
    if let Err(error) = forget(plan.keep, world.now(), &*store).await {
        log.say(Notice::new(Level::Warning, Phase::Complete, error.code(), format!("nothing old is deleted: {error}")));
    }
    run.log = log.entries();
    run
}

/// What everyone answered.
struct Asked {
    collected: Vec<Collected>,
    listed: Option<directory::Listed>,
    billed: Option<Result<Ledger>>,
}

/// Asks the vendors, the directory and the ledger side by side.
async fn ask_all(
    sources: Vec<Source>,
    directory: Option<&Directory>,
    reconciling: Option<&Reconciling>,
    today: Date,
    world: &Arc<dyn World>,
    progress: &dyn Progress,
) -> Asked {
    let guards = guards(&sources, directory, reconciling, world);
    let listing = async {
        match directory {
            Some(directory) => Some(directory::ask(directory, &guards, &**world, progress).await),
            None => None,
        }
    };
    let billing = async {
        match reconciling {
            Some(one) => Some(reconcile::ask(one, &guards, today, progress).await),
            None => None,
        }
    };
    let (collected, listed, billed) = join3(collect(sources, &guards, world, progress), listing, billing).await;
    Asked { collected, listed, billed }
}

/// Notes that the run begins, and reads what the product columns were called.
async fn begin(id: &str, started_at: Timestamp, store: &dyn Store, log: &mut Log) -> BTreeMap<String, Vec<KeptColumn>> {
    if let Err(error) = store.begin(id, started_at).await {
        log.say(unkept(&error));
    }
    store.columns().await.unwrap_or_else(|error| {
        log.say(Notice::new(Level::Warning, Phase::Collect, error.code(), error.to_string()));
        BTreeMap::new()
    })
}

/// Marks and tells what is hard to believe.
async fn doubt(
    sheet: &mut Sheet,
    seen: &Seen,
    limits: &DropGuard,
    timezone: &TimeZone,
    store: &dyn Store,
    log: &mut Log,
) -> Doubts {
    let doubted = doubts(sheet, seen, limits, timezone, store).await.unwrap_or_else(|error| {
        log.say(not_compared(&error));
        Doubts::default()
    });
    log.extend(doubted.notices.iter().cloned());
    doubted
}

/// Notes what changed, and keeps the counts, before anything is delivered.
async fn look_at(run: &mut Run, seen: Seen, doubted: Doubts, timezone: &TimeZone, store: &dyn Store, log: &mut Log) {
    run.changes = since_last(run, timezone, store).await.unwrap_or_else(|error| {
        log.say(not_compared(&error));
        None
    });
    if let Err(error) = keep_counts(run, seen, doubted, store).await {
        log.say(unkept(&error));
    }
}

/// Keeps the run as it is to be delivered, and waits until it may be.
async fn before_delivery(run: &Run, progress: &dyn Progress, store: &dyn Store, log: &mut Log) {
    progress.event(Event::Delivering);
    let kept = keep_undelivered(store, run).await;
    if let Err(error) = &kept {
        log.say(unkept(error));
    }
    progress.before_delivery(kept.is_ok()).await;
}

fn not_compared(error: &Error) -> Notice {
    let message = format!("this run is compared with no earlier one: {error}");
    Notice::new(Level::Warning, Phase::Merge, error.code(), message)
}

fn unkept(error: &Error) -> Notice {
    Notice::new(Level::Error, Phase::Complete, error.code(), format!("the run is not kept: {error}"))
}

fn fixed_columns(sources: &[Source]) -> impl Fn(&Column) -> bool + use<> {
    let fixed: BTreeSet<(String, &str)> = sources
        .iter()
        .flat_map(|source| source.metrics.iter().map(|metric| (source.name.clone(), *metric)))
        .filter(|(_, metric)| is_fixed(metric.kind))
        .map(|(name, metric)| (name, metric.name))
        .collect();
    move |column| fixed.contains(&(column.integration.clone(), column.metric.as_str()))
}

/// One guard an integration, whatever it is asked for.
fn guards(
    sources: &[Source],
    directory: Option<&Directory>,
    reconciling: Option<&Reconciling>,
    world: &Arc<dyn World>,
) -> Guards {
    let of_sources =
        sources.iter().filter_map(|source| Some((&source.name, &source.expect_account, source.probe.as_ref()?)));
    let of_directory = directory.map(|directory| (&directory.name, &directory.expect_account, &directory.probe));
    let of_ledger = reconciling.map(|one| (&one.name, &one.expect_account, &one.probe));
    of_directory
        .into_iter()
        .chain(of_ledger)
        .chain(of_sources)
        .map(|(name, expected, probe)| (name.clone(), Guard::new(name, expected.clone(), probe.clone(), world.clone())))
        .collect()
}

fn tell_collected(collected: &[Collected], log: &mut Log) {
    for Collected { source, answer, notices, took, .. } in collected {
        log.extend(notices.iter().map(|notice| notice.clone().of(&source.name)));
        match answer {
            Ok(counts) => {
                let message = format!("{} orgs counted in {:.1} s", counts.orgs.len(), took.as_secs_f64());
                log.say(Notice::info(None, message).of(&source.name));
                log.extend(counts.notices.iter().map(|notice| notice.clone().of(&source.name)));
            }
            Err(error) => {
                let message = format!("{} failed: {error}", source.title);
                log.say(Notice::new(Level::Error, Phase::Collect, error.code(), message).of(&source.name));
            }
        }
    }
}

pub(crate) fn skipped(names: impl Iterator<Item = (String, String, Option<&'static str>)>) -> Vec<DeliveryOutcome> {
    let outcome = |(name, kind, why): (String, String, Option<&str>)| DeliveryOutcome {
        name,
        kind,
        status: DeliveryStatus::Skipped,
        reference: None,
        error: why.map(str::to_owned),
    };
    names.map(outcome).collect()
}

/// `20261125T180000Z-4f2a91c3`: sorts by time, and no two are alike, though several machines begin a hundred at once.
pub fn run_id(world: &dyn World) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a random number below 2^32")]
    let tail = (world.random() * 4_294_967_296.0) as u32;
    format!("{}-{tail:08x}", world.now().strftime("%Y%m%dT%H%M%SZ"))
}

const fn status(answered: bool, complete: bool, counted: bool) -> RunStatus {
    match (answered, complete) {
        (true, true) => RunStatus::Complete,
        (true, false) if counted => RunStatus::Partial,
        _ => RunStatus::Failed,
    }
}

/// The exit status of the contract.
pub(crate) fn exit_status(status: RunStatus, deliveries: &[DeliveryOutcome]) -> u8 {
    let undelivered =
        |outcome: &DeliveryOutcome| matches!(outcome.status, DeliveryStatus::Failed | DeliveryStatus::Unknown);
    match status {
        RunStatus::Failed => 1,
        _ if deliveries.iter().any(undelivered) => 4,
        RunStatus::Partial => 3,
        RunStatus::Complete => 0,
    }
}
