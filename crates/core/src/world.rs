//! The interface to the outside world. `tallysheet-host` implements it; tests bring their own.

use crate::error::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// Clock, sleep, randomness, files that the config names, and the state folder. The only way for code above to reach them.
#[async_trait]
pub trait World: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, never going back.
    fn monotonic(&self) -> Duration;
    /// Waits.
    async fn sleep(&self, duration: Duration);
    /// A number from 0 up to but not including 1.
    fn random(&self) -> f64;
    /// Reads a text file that the user names, as a setting of the type [`FilePath`](crate::FilePath). `NotFound` where it
    /// cannot be read, `BadResponse` where it is no text.
    fn read_text(&self, path: &Path) -> Result<String>;
    /// Reads an entry of the state folder; `None` where there is none.
    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// Writes an entry of the state folder: whole and durable when this returns, or not at all.
    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Where an entry of the state folder is, as people are told it.
    fn state_place(&self, name: &str) -> String;
    /// Takes the lock `name` if nobody else, in this process or another, holds it; it is given back when dropped.
    fn try_lock_state(&self, name: &str) -> Result<Option<Box<dyn Send + Sync>>>;
}
