//! What schedules, API and page share: the service, the runs of this process, and the wish to stop.

use crate::access::{Access, Limits};
use crate::service::Service;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_engine::{Event, Progress};
use tallysheet_report::status_word;
use tallysheet_store::RunHead;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Shared by all tasks of a `serve`.
pub(crate) struct App {
    pub(crate) service: Service,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    /// Runs of this process that are going on, by id.
    live: Mutex<BTreeMap<String, Live>>,
    pub(crate) counts: Mutex<Counts>,
    /// Runs that the API started.
    pub(crate) tasks: Mutex<JoinSet<()>>,
    stop: watch::Sender<bool>,
}

/// A run that is going on.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) started_at: Timestamp,
    /// `asking`, `answered`, `failed`, by integration.
    pub(crate) integrations: BTreeMap<String, &'static str>,
}

/// What the metrics tell.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Runs that ended, by how.
    pub(crate) runs: BTreeMap<&'static str, u64>,
    /// Answers, by status.
    pub(crate) answers: BTreeMap<u16, u64>,
}

impl App {
    pub(crate) fn new(service: Service) -> Self {
        let access = Access::of(&service.config.serve);
        Self {
            service,
            access,
            limits: Limits::default(),
            live: Mutex::default(),
            counts: Mutex::default(),
            tasks: Mutex::default(),
            stop: watch::Sender::new(false),
        }
    }

    /// A view of the wish to stop.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(crate) fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Tells everybody to stop.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits, but no longer than until all is to stop.
    pub(crate) async fn nap(&self, duration: Duration) {
        let mut stop = self.stop();
        tokio::select! {
            () = self.service.world.sleep(duration) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, BTreeMap<String, Live>> {
        lock(&self.live)
    }

    /// Counts a run that has ended.
    pub(crate) fn ended(&self, run: &Run) {
        *lock(&self.counts).runs.entry(status_word(run.status)).or_default() += 1;
    }

    /// The word for what a run is: `unfinished` where it was cut off, or goes on in another process.
    pub(crate) fn state(&self, head: &RunHead) -> &'static str {
        match (head.finished_at, head.status) {
            (Some(_), Some(status)) => status_word(status),
            (Some(_), None) => status_word(RunStatus::Failed),
            _ if self.live().contains_key(&head.id) => "running",
            _ => "unfinished",
        }
    }
}

/// A lock, whatever became of who held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows a run among those that are going on, until it is dropped.
pub(crate) struct Follower<'a> {
    app: &'a App,
    id: String,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(app: &'a App, id: &str, started_at: Timestamp) -> Self {
        app.live().insert(id.to_owned(), Live { started_at, integrations: BTreeMap::new() });
        Self { app, id: id.to_owned() }
    }
}

impl Progress for Follower<'_> {
    fn event(&self, event: Event<'_>) {
        let (name, state) = match event {
            Event::Started(name) => (name, "asking"),
            Event::Answered(name, _) => (name, "answered"),
            Event::Failed(name, _) => (name, "failed"),
            Event::Delivering => return,
        };
        if let Some(live) = self.app.live().get_mut(&self.id) {
            live.integrations.insert(name.to_owned(), state);
        }
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.app.live().remove(&self.id);
    }
}
