//! Keeping the schedules, and asking the integrations once a day.

use crate::app::{App, Follower};
use crate::due::next_due;
use crate::held::Held;
use crate::service::{BY_API, lock_of, selection_of};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_config::Schedule;
use tallysheet_core::{Error, ErrorKind, Result};
use tallysheet_engine::{Selection, assemble, of_check, of_error, run_id};

/// The longest sleep: clocks are set, and machines are put to sleep.
const NAP: Duration = Duration::from_secs(20);
/// How long somebody else's lock, or a fault of the store, is waited for.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether the integrations were asked today.
const LOOK: Duration = Duration::from_mins(15);

/// Keeps one schedule until it is told to stop.
pub(crate) async fn keep(app: Arc<App>, schedule: Schedule) {
    while !app.stopping() {
        let wait = turn(&app, &schedule).await.unwrap_or_else(|error| {
            tracing::error!("schedule {}: {error}", schedule.name);
            AGAIN
        });
        if !wait.is_zero() {
            app.nap(wait).await;
        }
    }
}

/// Makes what is due. Returns how long to wait.
async fn turn(app: &App, schedule: &Schedule) -> Result<Duration> {
    let service = &app.service;
    let now = service.world.now();
    let lock = lock_of(schedule);
    if service.due(schedule, now).await?.is_none() && !service.unended(&lock).await? {
        let last = service.past(schedule, now).await?;
        let next = next_due(schedule, &service.config.run.timezone, last.max(now));
        return Ok(next.map_or(NAP, |next| until(now, next).min(NAP)));
    }
    let Some(held) = service.hold(&lock).await? else { return Ok(AGAIN) };
    if let Some(due) = held.recover().await? {
        service.done(schedule, due).await?;
    }
    // Somebody else may have run it before the lock was ours.
    let Some(due) = service.due(schedule, service.world.now()).await? else { return Ok(Duration::ZERO) };
    if make(app, &held, schedule, due).await? {
        service.done(schedule, due).await?;
        held.forget().await?;
    }
    Ok(Duration::ZERO)
}

/// Makes a run for a time that was due; false where it was given up.
async fn make(app: &App, held: &Held<'_>, schedule: &Schedule, due: Timestamp) -> Result<bool> {
    let service = &app.service;
    let selection = selection_of(schedule);
    let plan = match service.plan(&selection) {
        Ok(plan) => plan,
        Err(error) => {
            tracing::error!("schedule {}: {error}", schedule.name);
            service.alerts.tell(vec![of_error(&error)]).await;
            return Ok(true);
        }
    };
    let id = held.note(&run_id(&*service.world), &selection, Some(due)).await?;
    let follower = Follower::new(app, &id, service.world.now());
    let Some(run) = held.run(id, plan, &follower, &mut app.stop()).await? else { return Ok(false) };
    app.ended(&run);
    service.alerts.after(&run).await;
    Ok(true)
}

/// Ends runs of the API that were cut off, in this process before it began, or on another host.
pub(crate) async fn recover_api(app: Arc<App>) {
    while !app.stopping() {
        if let Err(error) = recover_one(&app).await {
            tracing::error!("a run that was cut off could not be ended: {error}");
        }
        app.nap(NAP).await;
    }
}

async fn recover_one(app: &App) -> Result<()> {
    if app.service.unended(BY_API).await?
        && let Some(held) = app.service.hold(BY_API).await?
    {
        held.recover().await?;
    }
    Ok(())
}

/// Asks each integration once a day whose credential it is, and tells of those that have died or end soon.
pub(crate) async fn check_daily(app: Arc<App>) {
    while !app.stopping() {
        if let Err(error) = check_today(&app).await {
            tracing::error!("the integrations could not be asked: {error}");
        }
        app.nap(LOOK).await;
    }
}

async fn check_today(app: &App) -> Result<()> {
    let service = &app.service;
    let (world, store) = (&service.world, &service.store);
    let day = world.now().to_zoned_datetime(service.config.run.timezone.clone()).date().to_string();
    let before = store.note("check").await?;
    if before.as_deref() == Some(day.as_str()) || !store.swap_note("check", before.as_deref(), &day).await? {
        return Ok(());
    }
    let config = service.config.clone();
    let assembled = match assemble(config, &service.registry, world.clone(), store.clone(), &Selection::default()) {
        Ok(assembled) => assembled,
        Err(error) => {
            service.alerts.tell(vec![of_error(&error)]).await;
            return Err(error);
        }
    };
    for integration in &assembled.integrations {
        if app.stopping() {
            return Ok(());
        }
        let late = |_| Error::new(ErrorKind::TimedOut, "no answer in time");
        let answer = tokio::time::timeout(integration.config.timeout, integration.check(world)).await;
        let answer = answer.map_err(late).and_then(|answer| answer);
        let days = service.alerts.expiry_days();
        service.alerts.tell(of_check(&integration.config.name, &answer, world.now(), days).into_iter().collect()).await;
    }
    Ok(())
}

fn until(now: Timestamp, next: Timestamp) -> Duration {
    // Never zero: a clock that stands still must not make a busy loop.
    Duration::try_from(next.duration_since(now)).unwrap_or_default().max(Duration::from_millis(50))
}
