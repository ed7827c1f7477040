//! A world for tests: the clock moves only when somebody sleeps, files and the state folder are in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result, World, async_trait};

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
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::constant(1_793_512_800, 0) + self.inner().elapsed
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
