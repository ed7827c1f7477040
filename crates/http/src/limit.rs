//! How many requests at once, and how many in any sixty seconds.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;
use tallysheet_core::World;
use tokio::sync::{Semaphore, SemaphorePermit};

const WINDOW: Duration = Duration::from_mins(1);

/// The limits of one credential at one origin, shared by every clone of its client.
pub(crate) struct Limits {
    slots: Semaphore,
    per_minute: Option<usize>,
    sent: Mutex<VecDeque<Duration>>,
}

impl Limits {
    pub(crate) fn new(concurrency: usize, per_minute: Option<u32>) -> Self {
        Self {
            slots: Semaphore::new(concurrency.max(1)),
            per_minute: per_minute.map(|limit| limit.max(1) as usize),
            sent: Mutex::new(VecDeque::new()),
        }
    }

    /// Waits until a request may be sent. The slot is held until the permit is dropped.
    ///
    /// The window slides: a request is sent only when fewer than the limit went out in the sixty seconds before it,
    /// which satisfies vendors that count by fixed minutes as well as those that count by any minute.
    pub(crate) async fn acquire(&self, world: &dyn World) -> Option<SemaphorePermit<'_>> {
        let permit = self.slots.acquire().await.ok();
        while let Some(wait) = self.reserve(world.monotonic()) {
            world.sleep(wait).await;
        }
        permit
    }

    /// Notes a request at `now`, or says how long to wait for the oldest to leave the window.
    fn reserve(&self, now: Duration) -> Option<Duration> {
        let limit = self.per_minute?;
        let mut sent = self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while sent.front().is_some_and(|oldest| now >= *oldest + WINDOW) {
            sent.pop_front();
        }
        if sent.len() < limit {
            sent.push_back(now);
            return None;
        }
        sent.front().map(|oldest| (*oldest + WINDOW).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_of_sixty_seconds_holds_more_than_the_limit() {
        let limits = Limits::new(4, Some(3));
        let (mut now, mut sent) = (Duration::ZERO, Vec::new());
        for step in 0..12 {
            while let Some(wait) = limits.reserve(now) {
                assert!(wait > Duration::ZERO);
                now += wait;
            }
            sent.push(now);
            now += Duration::from_secs(step);
        }
        for four in sent.windows(4) {
            assert!(four[3] >= four[0] + WINDOW, "{four:?}");
        }
        assert!(Limits::new(1, None).reserve(Duration::ZERO).is_none());
    }
}
