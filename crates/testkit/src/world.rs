//! Worlds for tests: one whose clock moves only when somebody sleeps, with files and state folder in memory; and one in the
//! runtime's own time.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result, World, async_trait};
use tokio::time::Instant;

/// 2026-11-01T06:00:00Z: when the tests' time begins.
pub const BEGINNING: Timestamp = Timestamp::constant(1_793_512_800, 0);

/// A fake world. Clones share it.
#[derive(Clone, Default)]
pub struct TestWorld {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    slept: Vec<Duration>,
    elapsed: Duration,
    files: BTreeMap<PathBuf, String>,
    state: BTreeMap<String, Vec<u8>>,
    locks: BTreeSet<String>,
}

impl TestWorld {
    /// A world at 2026-11-01T06:00:00Z.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every sleep so far.
    pub fn slept(&self) -> Vec<Duration> {
        self.inner().slept.clone()
    }

    /// Puts a text file there.
    pub fn put_file(&self, path: impl Into<PathBuf>, text: impl Into<String>) {
        self.inner().files.insert(path.into(), text.into());
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.inner().elapsed += duration;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl World for TestWorld {
    fn now(&self) -> Timestamp {
        BEGINNING + self.inner().elapsed
    }

    fn monotonic(&self) -> Duration {
        self.inner().elapsed
    }

    async fn sleep(&self, duration: Duration) {
        {
            let mut inner = self.inner();
            inner.slept.push(duration);
            inner.elapsed += duration;
        }
        tokio::task::yield_now().await;
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn read_text(&self, path: &Path) -> Result<String> {
        let none = || Error::new(ErrorKind::NotFound, format!("{}: there is no such file", path.display()));
        self.inner().files.get(path).cloned().ok_or_else(none)
    }

    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.inner().state.get(name).cloned())
    }

    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.inner().state.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn state_place(&self, name: &str) -> String {
        format!("state/{name}")
    }

    fn try_lock_state(&self, name: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        let fresh = self.inner().locks.insert(name.to_owned());
        Ok(fresh.then(|| Box::new(Lock { world: self.clone(), name: name.to_owned() }) as Box<dyn Send + Sync>))
    }
}

struct Lock {
    world: TestWorld,
    name: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.world.inner().locks.remove(&self.name);
    }
}

/// A world in the runtime's own time, which a test may let jump; all else is as the world behind it has it.
pub struct Jumping<W> {
    rest: W,
    began: Instant,
    time_of_day: fn(Duration) -> Timestamp,
}

impl<W: World> Jumping<W> {
    /// `time_of_day` tells it by how much of the runtime's time has passed.
    pub fn new(rest: W, time_of_day: fn(Duration) -> Timestamp) -> Self {
        Self { rest, began: Instant::now(), time_of_day }
    }
}

#[async_trait]
impl<W: World> World for Jumping<W> {
    fn now(&self) -> Timestamp {
        (self.time_of_day)(self.monotonic())
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
