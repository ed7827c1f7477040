//! Making runs so that none is made twice: a lock for each schedule, and a note of what a run was to do, by which one that
//! was cut off is ended.

use crate::due::{last_due, words};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tallysheet_config::{Config, Schedule};
use tallysheet_core::registry::nearest;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, ErrorKind, Registry, Result, World};
use tallysheet_engine::{Alerts, Event, Plan, Progress, Selection, alerts, assemble, of_error, resume, run_as, run_id};
use tallysheet_store::Store;
use tokio::sync::watch;

/// The lock of runs that the API starts.
pub(crate) const BY_API: &str = "api";

/// What makes runs: a config, and where it is used.
pub struct Service {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) world: Arc<dyn World>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) alerts: Alerts,
}

/// What a run was to do, kept while it does.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Job {
    run: String,
    only: Option<Vec<String>>,
    deliver: bool,
    deliveries: Option<Vec<String>>,
    /// The time that it was due at.
    due: Option<Timestamp>,
}

/// How far a schedule is.
#[derive(Debug, Serialize, Deserialize)]
struct Past {
    /// When it was due, in words: another time makes it another schedule.
    when: String,
    /// Up to here it has nothing to make up for.
    last: Timestamp,
}

impl Service {
    /// Resolves the secrets of the alerts; those of a run are resolved by the run.
    pub fn new(config: Config, registry: Registry, world: Arc<dyn World>, store: Arc<dyn Store>) -> Result<Self> {
        let alerts = alerts(&config, &world, &store)?;
        Ok(Self { config, registry, world, store, alerts })
    }

    /// Those who are told when something fails.
    pub const fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// A schedule by its name; a wrong one is answered with those that there are.
    pub fn schedule(&self, name: &str) -> Result<&Schedule> {
        let schedules = &self.config.schedules;
        schedules.iter().find(|schedule| schedule.name == name).ok_or_else(|| {
            let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
            if names.is_empty() {
                return Error::config(format!("there is no schedule `{name}`; add a section [schedule.{name}]"));
            }
            let hint = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let (hint, all) = (hint.unwrap_or_else(|| ".".to_owned()), names.join(", "));
            Error::config(format!("there is no schedule `{name}`{hint} The config has {all}"))
        })
    }

    /// Makes a schedule's run now, for `tallysheet run --schedule`. With `if_due` only where a time has passed that was not
    /// run; `None` where none has. `amend` may add to the plan.
    pub async fn run_schedule(
        &self,
        name: &str,
        if_due: bool,
        amend: impl FnOnce(&mut Plan) -> Result<()>,
        progress: &dyn Progress,
    ) -> Result<Option<Run>> {
        let schedule = self.schedule(name)?;
        let busy =
            || Error::internal(format!("a run of the schedule `{name}` is going on, in this process or another"));
        let held = self.hold(&lock_of(schedule))?.ok_or_else(busy)?;
        if let Some(due) = held.recover().await? {
            self.done(schedule, due).await?;
        }
        let now = self.world.now();
        let due = if if_due { self.due(schedule, now).await? } else { Some(now) };
        let Some(due) = due else { return Ok(None) };
        let made = async {
            let selection = selection_of(schedule);
            let mut plan = self.plan(&selection)?;
            amend(&mut plan)?;
            held.note(&run_id(&*self.world), &selection, Some(due)).await.map(|id| (id, plan))
        };
        let (id, plan) = self.told(made.await).await?;
        let run = run_as(id, plan, progress).await;
        self.done(schedule, due).await?;
        held.forget().await?;
        self.alerts.after(&run).await;
        Ok(Some(run))
    }

    /// Says that a schedule has nothing to make up for, as it is handed to another scheduler now.
    pub async fn begin_schedule(&self, schedule: &Schedule) -> Result<()> {
        self.past(schedule, self.world.now()).await.map(|_| ())
    }

    /// The time at which a schedule was due and not run: the newest, if there are several.
    pub(crate) async fn due(&self, schedule: &Schedule, now: Timestamp) -> Result<Option<Timestamp>> {
        let last = self.past(schedule, now).await?;
        Ok(last_due(schedule, &self.config.run.timezone, last, now))
    }

    /// Up to when a schedule has nothing to make up for. One that is new, or was changed, begins now.
    pub(crate) async fn past(&self, schedule: &Schedule, now: Timestamp) -> Result<Timestamp> {
        if let Some(last) = self.last(schedule).await? {
            return Ok(last);
        }
        self.done(schedule, now).await?;
        Ok(now)
    }

    /// The same, and nothing for one that is new or was changed.
    pub(crate) async fn last(&self, schedule: &Schedule) -> Result<Option<Timestamp>> {
        let kept = self.store.note(&note_of(schedule)).await?;
        let past = kept.and_then(|kept| serde_json::from_str::<Past>(&kept).ok());
        Ok(past.filter(|past| past.when == words(&schedule.when)).map(|past| past.last))
    }

    /// Notes that a schedule was run for this time.
    pub(crate) async fn done(&self, schedule: &Schedule, last: Timestamp) -> Result<()> {
        if self.last(schedule).await?.is_some_and(|known| known >= last) {
            return Ok(());
        }
        let past = Past { when: words(&schedule.when), last };
        self.store.keep_note(&note_of(schedule), &text(&past)?).await
    }

    /// Takes a lock, so that nobody else makes such a run, in this process or another.
    pub(crate) fn hold(&self, name: &str) -> Result<Option<Held<'_>>> {
        let lock = self.world.try_lock_state(name)?;
        Ok(lock.map(|lock| Held { service: self, name: name.to_owned(), _lock: lock }))
    }

    /// A plan of this part of the config.
    pub(crate) fn plan(&self, selection: &Selection) -> Result<Plan> {
        let (world, store) = (self.world.clone(), self.store.clone());
        assemble(self.config.clone(), &self.registry, world, store, selection)?.plan()
    }

    /// Tells of a run that could not begin.
    async fn told<T>(&self, made: Result<T>) -> Result<T> {
        if let Err(error) = &made {
            self.alerts.tell(vec![of_error(error)]).await;
        }
        made
    }
}

/// A lock that is held.
pub(crate) struct Held<'a> {
    service: &'a Service,
    name: String,
    _lock: Box<dyn Send + Sync>,
}

impl Held<'_> {
    /// Ends the run that was cut off under this lock, if there is one: what it had not delivered is delivered now, under
    /// its id. The time that it was due at, where it has a sheet; without one it must be made again.
    pub(crate) async fn recover(&self) -> Result<Option<Timestamp>> {
        let Self { service, name, .. } = self;
        let kept = service.store.note(&format!("job/{name}")).await?;
        let Some(job) = kept.and_then(|kept| serde_json::from_str::<Job>(&kept).ok()) else { return Ok(None) };
        let Some(run) = service.store.run(&job.run).await? else {
            self.forget().await?;
            return Ok(None);
        };
        if run.finished_at.is_none() {
            let selection =
                Selection { only: job.only, deliver: job.deliver, deliveries: job.deliveries, ..Selection::default() };
            // The note stays where this fails: the next start tries again.
            if let Some(run) = resume(&job.run, service.plan(&selection)?).await? {
                tracing::warn!("run {} was cut off; what was not delivered yet is delivered now", run.id);
                service.alerts.after(&run).await;
            }
        }
        self.forget().await?;
        Ok(job.due)
    }

    /// Notes what a run is to do, before it begins.
    pub(crate) async fn note(&self, id: &str, selection: &Selection, due: Option<Timestamp>) -> Result<String> {
        let job = Job {
            run: id.to_owned(),
            only: selection.only.clone(),
            deliver: selection.deliver,
            deliveries: selection.deliveries.clone(),
            due,
        };
        self.service.store.keep_note(&format!("job/{}", self.name), &text(&job)?).await?;
        Ok(id.to_owned())
    }

    /// Says that there is nothing to be ended.
    pub(crate) async fn forget(&self) -> Result<()> {
        self.service.store.keep_note(&format!("job/{}", self.name), "").await
    }

    /// Makes a run. Told to stop, it gives up one that still asks the vendors, and ends one that delivers. `None` where it
    /// was given up.
    pub(crate) async fn run(
        &self,
        id: String,
        plan: Plan,
        progress: &dyn Progress,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Run> {
        let watched = Watched { progress, delivering: AtomicBool::new(false) };
        let mut run = std::pin::pin!(run_as(id, plan, &watched));
        let stopped = async { stop.wait_for(|stop| *stop).await.is_ok() };
        tokio::select! {
            biased;
            run = &mut run => Some(run),
            _ = stopped => {
                if watched.delivering.load(Ordering::Relaxed) { Some(run.await) } else { None }
            }
        }
    }
}

/// Sees the moment from which on a run is not given up.
struct Watched<'a> {
    progress: &'a dyn Progress,
    delivering: AtomicBool,
}

impl Progress for Watched<'_> {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Delivering) {
            self.delivering.store(true, Ordering::Relaxed);
        }
        self.progress.event(event);
    }
}

/// What a schedule's run is made of.
pub(crate) fn selection_of(schedule: &Schedule) -> Selection {
    let (deliveries, schedule) = (schedule.deliver.clone(), Some(schedule.name.clone()));
    Selection { deliver: true, deliveries, schedule, ..Selection::default() }
}

pub(crate) fn lock_of(schedule: &Schedule) -> String {
    format!("schedule-{}", schedule.name)
}

fn note_of(schedule: &Schedule) -> String {
    format!("schedule/{}", schedule.name)
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;
    use tallysheet_host::Environment;
    use tallysheet_store::Sqlite;
    use tallysheet_testkit::TestWorld;

    fn service(world: &TestWorld, store: &Arc<Sqlite>, when: &str) -> Service {
        let text = format!("[run]\ntimezone = \"UTC\"\n[schedule.a]\n{when}\n");
        let registry = Registry::new(&[]);
        let config = Config::parse(&text, Path::new("t.toml"), &Environment::default(), &registry).unwrap();
        Service::new(config, registry, Arc::new(world.clone()), store.clone()).unwrap()
    }

    /// What is due now.
    async fn due(service: &Service) -> Option<String> {
        let now = service.world.now();
        service.due(service.schedule("a").unwrap(), now).await.unwrap().map(|due| due.to_string())
    }

    #[tokio::test]
    async fn what_was_missed_is_due_once_and_only_for_the_newest_time() {
        // At 06:00 on the 1st of November.
        let (world, store) = (TestWorld::new(), Arc::new(Sqlite::in_memory().unwrap()));
        let at_six = service(&world, &store, "daily = { at = \"06:00\" }");
        assert_eq!(due(&at_six).await, None, "a new schedule begins now");
        world.advance(Duration::from_secs(24 * 3600 - 1));
        assert_eq!(due(&at_six).await, None);
        world.advance(Duration::from_secs(1));
        assert_eq!(due(&at_six).await.unwrap(), "2026-11-02T06:00:00Z");
        // Nobody ran it; three days later only the newest is due.
        world.advance(Duration::from_hours(73));
        let newest = due(&at_six).await.unwrap();
        assert_eq!(newest, "2026-11-05T06:00:00Z");
        let schedule = at_six.schedule("a").unwrap();
        at_six.done(schedule, newest.parse().unwrap()).await.unwrap();
        assert_eq!(due(&at_six).await, None);
        at_six.done(schedule, "2026-11-03T06:00:00Z".parse().unwrap()).await.unwrap();
        assert_eq!(due(&at_six).await, None, "what was done stays done");

        let changed = service(&world, &store, "daily = { at = \"05:00\" }");
        assert_eq!(due(&changed).await, None, "a changed schedule has missed nothing");
        world.advance(Duration::from_hours(24));
        assert_eq!(due(&changed).await.unwrap(), "2026-11-06T05:00:00Z");
    }

    #[tokio::test]
    async fn one_schedule_has_one_lock() {
        let (world, store) = (TestWorld::new(), Arc::new(Sqlite::in_memory().unwrap()));
        let service = service(&world, &store, "daily = { at = \"06:00\" }");
        let held = service.hold("schedule-a").unwrap();
        assert!(held.is_some() && service.hold("schedule-a").unwrap().is_none());
        let busy = service.run_schedule("a", false, |_| Ok(()), &tallysheet_engine::Silent).await.unwrap_err();
        assert!(busy.to_string().contains("is going on"), "{busy}");
        drop(held);
        // There is nothing to ask, and that is told as such.
        let none = service.run_schedule("a", false, |_| Ok(()), &tallysheet_engine::Silent).await.unwrap_err();
        assert!(none.to_string().contains("no integration counts anything"), "{none}");
    }
}
