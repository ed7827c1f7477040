//! Asking every source, side by side, each with its own deadline; the failure of one, even a panic, stays its own.

use crate::account::Guards;
use crate::plan::Source;
use futures_util::future::join_all;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Counts, Error, ErrorKind, Notice, Result, World, async_trait};

/// What happens while the sources are asked.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A source is being asked.
    Started(&'a str),
    /// It answered; so many orgs.
    Answered(&'a str, usize),
    /// It failed.
    Failed(&'a str, &'a Error),
    /// All were asked; now the sheet is kept and delivered.
    Delivering,
}

/// Someone who watches.
#[async_trait]
pub trait Progress: Send + Sync {
    /// Is told each event as it happens.
    fn event(&self, event: Event<'_>);
    /// Is waited for before the first delivery. `kept` tells whether the run could be kept by then. Whoever knows that it must
    /// not be delivered any more does not return, and drops it.
    async fn before_delivery(&self, _kept: bool) {}
}

/// Nobody watches.
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// A source with its answer.
pub(crate) struct Collected {
    pub(crate) source: Source,
    pub(crate) answer: Result<Counts>,
    /// What is to be known of its credential.
    pub(crate) notices: Vec<Notice>,
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
}

pub(crate) async fn collect(
    sources: Vec<Source>,
    guards: &Guards,
    world: &Arc<dyn World>,
    progress: &dyn Progress,
) -> Vec<Collected> {
    join_all(sources.into_iter().map(|source| async move {
        progress.event(Event::Started(&source.name));
        let started = world.monotonic();
        let guard = guards.get(&source.name).cloned();
        let (asked, counts) = (guard.clone(), source.counts.clone());
        let answer = guarded(source.timeout, async move {
            // Before anything is counted: a wrong account's numbers must not even be seen.
            if let Some(guard) = &asked {
                guard.admit().await?;
            }
            counts.counts().await?.deduplicated()
        })
        .await;
        let mut notices = Vec::new();
        if let (Some(guard), Ok(_)) = (&guard, &answer) {
            notices.extend(guard.admit().await.map(|identity| identity.notices).unwrap_or_default());
            notices.extend(guard.pin().await);
        }
        match &answer {
            Ok(counts) => progress.event(Event::Answered(&source.name, counts.orgs.len())),
            Err(error) => progress.event(Event::Failed(&source.name, error)),
        }
        Collected { source, answer, notices, at: world.now(), took: world.monotonic().saturating_sub(started) }
    }))
    .await
}

/// Asks in a task of its own, until a deadline: a panic ends that task only.
pub(crate) async fn guarded<T: Send + 'static>(
    timeout: Duration,
    asking: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let task = tokio::spawn(asking);
    let abort = task.abort_handle();
    match tokio::time::timeout(timeout, task).await {
        Ok(Ok(answer)) => answer,
        // What a panic says may hold anything, so it is not shown.
        Ok(Err(_)) => Err(Error::internal("the connector has a defect and stopped; please report it")),
        Err(_) => {
            abort.abort();
            let message = format!("not done after {} s; a longer `timeout` may help", timeout.as_secs());
            Err(Error::new(ErrorKind::TimedOut, message))
        }
    }
}
