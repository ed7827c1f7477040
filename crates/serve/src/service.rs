//! Making the runs of schedules, and how far each schedule is.

use crate::due::{last_due, words};
use crate::held::Held;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tallysheet_config::{Config, Schedule};
use tallysheet_core::registry::nearest;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, ErrorKind, Registry, Result, World};
use tallysheet_engine::{Alerts, Plan, Progress, Selection, alerts, assemble, of_error, run_id};
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
        let held = self.hold(&lock_of(schedule)).await?.ok_or_else(busy)?;
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
        let (_told, mut never) = watch::channel(false);
        let Some(run) = held.run(id, plan, progress, &mut never).await? else { return Ok(None) };
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
        Ok(last_of(schedule, self.store.note(&note_of(schedule)).await?.as_deref()))
    }

    /// Notes that a schedule was run for this time.
    pub(crate) async fn done(&self, schedule: &Schedule, last: Timestamp) -> Result<()> {
        let (name, past) = (note_of(schedule), text(&Past { when: words(&schedule.when), last })?);
        loop {
            let before = self.store.note(&name).await?;
            // What was done stays done, whoever else is at it.
            if last_of(schedule, before.as_deref()).is_some_and(|known| known >= last)
                || self.store.swap_note(&name, before.as_deref(), &past).await?
            {
                return Ok(());
            }
        }
    }

    /// Takes a lock, so that nobody else makes such a run: in this process, in another that shares the state folder, or on
    /// another machine that shares the store.
    pub(crate) async fn hold(&self, name: &str) -> Result<Option<Held<'_>>> {
        let Some(lock) = self.world.try_lock_state(name)? else { return Ok(None) };
        let Some(claim) = self.store.claim(name).await? else { return Ok(None) };
        let job = self.store.note(&job_of(name)).await?;
        Ok(Some(Held::new(self, name, lock, claim, job)))
    }

    /// Whether a run under this lock is going on somewhere, or was cut off.
    pub(crate) async fn unended(&self, name: &str) -> Result<bool> {
        Ok(self.store.note(&job_of(name)).await?.is_some_and(|job| !job.is_empty()))
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

/// What a schedule's run is made of.
pub(crate) fn selection_of(schedule: &Schedule) -> Selection {
    let (deliveries, schedule) = (schedule.deliver.clone(), Some(schedule.name.clone()));
    Selection { deliver: true, deliveries, schedule, ..Selection::default() }
}

pub(crate) fn lock_of(schedule: &Schedule) -> String {
    format!("schedule-{}", schedule.name)
}

/// Up to when a schedule has nothing to make up for, as its note says.
fn last_of(schedule: &Schedule, note: Option<&str>) -> Option<Timestamp> {
    let past = note.and_then(|note| serde_json::from_str::<Past>(note).ok());
    past.filter(|past| past.when == words(&schedule.when)).map(|past| past.last)
}

fn note_of(schedule: &Schedule) -> String {
    format!("schedule/{}", schedule.name)
}

pub(crate) fn job_of(lock: &str) -> String {
    format!("job/{lock}")
}

pub(crate) fn text(value: &impl Serialize) -> Result<String> {
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
        let held = service.hold("schedule-a").await.unwrap();
        assert!(held.is_some() && service.hold("schedule-a").await.unwrap().is_none());
        let busy = service.run_schedule("a", false, |_| Ok(()), &tallysheet_engine::Silent).await.unwrap_err();
        assert!(busy.to_string().contains("is going on"), "{busy}");
        drop(held);
        // There is nothing to ask, and that is told as such.
        let none = service.run_schedule("a", false, |_| Ok(()), &tallysheet_engine::Silent).await.unwrap_err();
        assert!(none.to_string().contains("no integration counts anything"), "{none}");
    }
}
