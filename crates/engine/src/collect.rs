//! Asking every source, side by side, each with its own deadline; the failure of one, even a panic, stays its own.

use crate::plan::Source;
use futures_util::future::join_all;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Counts, Error, ErrorKind, Identity, Probe, Result, World};

/// What happens while the sources are asked.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A source is being asked.
    Started(&'a str),
    /// It answered; so many orgs.
    Answered(&'a str, usize),
    /// It failed.
    Failed(&'a str, &'a Error),
}

/// Someone who watches.
pub trait Progress: Send + Sync {
    /// Is told each event as it happens.
    fn event(&self, event: Event<'_>);
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
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
}

pub(crate) async fn collect(sources: Vec<Source>, world: &Arc<dyn World>, progress: &dyn Progress) -> Vec<Collected> {
    join_all(sources.into_iter().map(|source| async move {
        progress.event(Event::Started(&source.name));
        let started = world.monotonic();
        let answer = guarded(source.clone()).await;
        match &answer {
            Ok(counts) => progress.event(Event::Answered(&source.name, counts.orgs.len())),
            Err(error) => progress.event(Event::Failed(&source.name, error)),
        }
        Collected { source, answer, at: world.now(), took: world.monotonic().saturating_sub(started) }
    }))
    .await
}

/// Asks in a task of its own: a panic ends that task only.
pub(crate) async fn guarded(source: Source) -> Result<Counts> {
    let timeout = source.timeout;
    let task = tokio::spawn(async move { ask(&source).await });
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

async fn ask(source: &Source) -> Result<Counts> {
    if let (Some(expected), Some(probe)) = (&source.expect_account, &source.probe) {
        expect_account(&**probe, Some(expected)).await?;
    }
    source.counts.counts().await?.deduplicated()
}

/// Asks whose credential it is; another account than expected, by name or id, is an error.
pub(crate) async fn expect_account(probe: &dyn Probe, expected: Option<&str>) -> Result<Identity> {
    let identity = probe.check().await?;
    match expected {
        Some(expected) if identity.account != expected && identity.id.as_deref() != Some(expected) => {
            let message = format!("the credential belongs to `{}`, not to `{expected}`", identity.account);
            Err(Error::new(ErrorKind::WrongAccount, message))
        }
        _ => Ok(identity),
    }
}
