//! Making one run so that none is made twice. Whoever makes it holds a lock and a claim; a note of what it was to do, under the
//! lock's name, is how a run that was cut off is ended by whoever holds them next.
//!
//! The note is only ever swapped for what stood there before. So one whose claim was lost without its knowledge, and taken by
//! another machine, finds another note there, and delivers nothing any more.

use crate::service::{Service, job_of, text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, Result, async_trait};
use tallysheet_engine::{Event, Plan, Progress, Selection, resume, run_as};
use tallysheet_store::Claim;
use tokio::sync::{Notify, watch};

/// How often, and how far apart, it is tried to have a lost claim back: a database that starts anew takes some seconds.
const TRIES: (usize, Duration) = (15, Duration::from_secs(2));

/// What a run was to do, kept while it does.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Job {
    run: String,
    only: Option<Vec<String>>,
    deliver: bool,
    deliveries: Option<Vec<String>>,
    /// The time that it was due at.
    due: Option<Timestamp>,
    /// How often somebody else took it over.
    #[serde(default)]
    taken_over: u32,
}

/// A lock and a claim that are held.
pub(crate) struct Held<'a> {
    service: &'a Service,
    name: String,
    claim: tokio::sync::Mutex<Claim>,
    is_shared: bool,
    /// The note as it stands, if the claim is still ours.
    job: Mutex<Option<String>>,
    _lock: Box<dyn Send + Sync>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(
        service: &'a Service,
        name: &str,
        lock: Box<dyn Send + Sync>,
        claim: Claim,
        job: Option<String>,
    ) -> Self {
        let (name, is_shared) = (name.to_owned(), claim.is_shared());
        Self { service, name, claim: tokio::sync::Mutex::new(claim), is_shared, job: Mutex::new(job), _lock: lock }
    }

    /// Ends the run that was cut off under this lock, if there is one: what it had not delivered is delivered now, under
    /// its id. The time that it was due at, where it has a sheet; without one it must be made again.
    pub(crate) async fn recover(&self) -> Result<Option<Timestamp>> {
        let service = self.service;
        let Some(kept) = self.job().filter(|kept| !kept.is_empty()) else { return Ok(None) };
        let Ok(mut job) = serde_json::from_str::<Job>(&kept) else {
            self.forget().await?;
            return Ok(None);
        };
        job.taken_over += 1;
        self.write(&text(&job)?).await?;
        let Some(run) = service.store.run(&job.run).await? else {
            self.forget().await?;
            return Ok(None);
        };
        if run.finished_at.is_none() {
            let selection =
                Selection { only: job.only, deliver: job.deliver, deliveries: job.deliveries, ..Selection::default() };
            // The note stays where this fails: the next start tries again.
            let resumed = resume(&job.run, service.plan(&selection)?);
            if let Some(run) = self.while_ours(resumed).await?? {
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
            taken_over: 0,
        };
        self.write(&text(&job)?).await?;
        Ok(id.to_owned())
    }

    /// Says that there is nothing to be ended.
    pub(crate) async fn forget(&self) -> Result<()> {
        self.write("").await
    }

    /// Makes a run. Told to stop, it gives up one that still asks the vendors, and ends one that delivers. `None` where it
    /// was given up.
    pub(crate) async fn run(
        &self,
        id: String,
        plan: Plan,
        progress: &dyn Progress,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Option<Run>> {
        let watched = Watched { held: self, progress, delivering: AtomicBool::new(false), refused: Notify::new() };
        let made = async {
            let mut run = Box::pin(run_as(id, plan, &watched));
            let stopped = async { stop.wait_for(|stop| *stop).await.is_ok() };
            tokio::select! {
                biased;
                run = &mut run => Ok(Some(run)),
                () = watched.refused.notified() => Err(self.taken_over()),
                _ = stopped => {
                    if !watched.delivering.load(Ordering::Relaxed) {
                        return Ok(None);
                    }
                    tokio::select! {
                        run = &mut run => Ok(Some(run)),
                        () = watched.refused.notified() => Err(self.taken_over()),
                    }
                }
            }
        };
        self.while_ours(made).await?
    }

    /// Goes on with something as long as the claim is ours, and stands still while that is not known.
    async fn while_ours<T>(&self, act: impl Future<Output = T>) -> Result<T> {
        let mut act = std::pin::pin!(act);
        loop {
            let lost = async { self.claim.lock().await.lost().await };
            tokio::select! {
                biased;
                () = lost => self.claim_again().await?,
                done = &mut act => return Ok(done),
            }
        }
    }

    /// The connection was lost. Unless somebody else has taken over, all is as it was.
    async fn claim_again(&self) -> Result<()> {
        let (store, world, mut last) = (&self.service.store, &self.service.world, None);
        for _ in 0..TRIES.0 {
            match store.claim(&self.name).await {
                Ok(Some(claim)) => {
                    *self.claim.lock().await = claim;
                    return if self.is_ours().await? { Ok(()) } else { Err(self.taken_over()) };
                }
                // The server may not know yet that the old session has ended: then it is ours who holds it.
                Ok(None) => last = Some(self.taken_over()),
                Err(error) => last = Some(error),
            }
            world.sleep(TRIES.1).await;
        }
        Err(last.unwrap_or_else(|| self.taken_over()))
    }

    /// Whether nobody has taken over, as the store says.
    async fn is_ours(&self) -> Result<bool> {
        let Some(job) = self.job() else { return Ok(true) };
        self.service.store.swap_note(&job_of(&self.name), Some(&job), &job).await
    }

    async fn write(&self, text: &str) -> Result<()> {
        if !self.service.store.swap_note(&job_of(&self.name), self.job().as_deref(), text).await? {
            return Err(self.taken_over());
        }
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
        Ok(())
    }

    fn job(&self) -> Option<String> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn taken_over(&self) -> Error {
        Error::internal(format!("the claim of {} was lost, and another host may have taken over", self.name))
    }
}

/// Sees the moment from which on a run is not given up, and that nobody else makes it by then.
struct Watched<'a> {
    held: &'a Held<'a>,
    progress: &'a dyn Progress,
    delivering: AtomicBool,
    refused: Notify,
}

#[async_trait]
impl Progress for Watched<'_> {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Delivering) {
            self.delivering.store(true, Ordering::Relaxed);
        }
        self.progress.event(event);
    }

    async fn before_delivery(&self, kept: bool) {
        // What is not kept could not be ended by another host, which would make it again.
        if self.held.is_shared && !(kept && self.held.is_ours().await.unwrap_or(false)) {
            self.refused.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
