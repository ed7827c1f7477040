//! A world in the runtime's own time, which a test may let jump.

use std::path::Path;
use std::time::Duration;
use tallysheet_core::{Result, World, async_trait};
use tallysheet_testkit::TestWorld;
use tokio::time::Instant;

/// The machine's time of day and as much ahead as the runtime's time has jumped, as the simulated vendors have it; and the files and the state of a [`TestWorld`].
pub(crate) struct Virtual {
    rest: TestWorld,
    began: Instant,
}

impl Virtual {
    pub(crate) fn new() -> Self {
        Self { rest: TestWorld::new(), began: Instant::now() }
    }
}

#[async_trait]
impl World for Virtual {
    #[allow(clippy::disallowed_methods, reason = "it is a world")]
    fn now(&self) -> jiff::Timestamp {
        let ahead = Instant::now().into_std().saturating_duration_since(std::time::Instant::now());
        jiff::Timestamp::now() + ahead
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "it is a world")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> f64 {
        self.rest.random()
    }

    fn read_text(&self, path: &Path) -> Result<String> {
        self.rest.read_text(path)
    }

    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.rest.read_state(name)
    }

    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.rest.write_state(name, bytes)
    }

    fn state_place(&self, name: &str) -> String {
        self.rest.state_place(name)
    }

    fn try_lock_state(&self, name: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        self.rest.try_lock_state(name)
    }
}
