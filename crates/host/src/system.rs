//! The real world: clock, sleep, randomness, and the state folder.

use crate::{files, text};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tallysheet_core::{Error, Result, World, async_trait};

/// The world as it is, with the state folder at a path. The folder is made when something is first kept.
#[derive(Debug)]
pub struct System {
    state: PathBuf,
    started: Instant,
}

impl System {
    /// The world with its state folder.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { state: state_dir.into(), started: Instant::now() }
    }

    /// Where a file of the state folder belongs that another library writes. The folder is made, for the user alone.
    pub fn private_file(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name)?;
        make_folder_of(&path).map_err(|error| failed(&path, "written", &error))?;
        Ok(path)
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let mut path = self.state.clone();
        for part in name.split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return Err(Error::internal(format!("`{name}` is no name in the state folder")));
            }
            path.push(utf8_percent_encode(part, UNSAFE).to_string());
        }
        Ok(path)
    }
}

/// What some file system does not take in a name.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b' ');

#[async_trait]
impl World for System {
    #[allow(clippy::disallowed_methods, reason = "the clock's home")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[allow(clippy::disallowed_methods, reason = "waiting's home")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> f64 {
        fastrand::f64()
    }

    fn read_text(&self, path: &Path) -> Result<String> {
        let bytes = files::read(path).map_err(|error| error.with_kind(tallysheet_core::ErrorKind::NotFound))?;
        let no_text = |error: Error| error.context(path.display()).with_kind(tallysheet_core::ErrorKind::BadResponse);
        text::decode(&bytes).map_err(no_text)
    }

    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name)?;
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(failed(&path, "read", &error)),
        }
    }

    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        make_folder_of(&path)
            .and_then(|()| files::replace(&path, bytes))
            .map_err(|error| failed(&path, "written", &error))
    }

    fn state_place(&self, name: &str) -> String {
        self.path(name).unwrap_or_else(|_| self.state.clone()).display().to_string()
    }

    fn try_lock_state(&self, name: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        let path = self.path(&format!("locks/{name}.lock"))?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = make_folder_of(&path)
            .and_then(|()| options.open(&path))
            .map_err(|error| failed(&path, "opened", &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&path, "locked", &error)),
        }
    }
}

/// Tokens are kept here, so only the user may look in.
fn make_folder_of(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    path.parent().map_or(Ok(()), |folder| builder.create(folder))
}

fn failed(path: &Path, done: &str, error: &std::io::Error) -> Error {
    let advice = "the state folder must be on a local disk with room left and belong to the user who runs Tallysheet; \
                  `state` under [run] names another";
    Error::internal(format!("{} cannot be {done}: {error}", path.display())).advice(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_replaced_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let world = System::new(&state);
        assert_eq!(world.read_state("runs/1/run.json").unwrap(), None);
        assert!(!state.exists(), "reading makes no folder");
        for text in ["first", "second, longer", ""] {
            world.write_state("runs/1/run.json", text.as_bytes()).unwrap();
            assert_eq!(world.read_state("runs/1/run.json").unwrap().unwrap(), text.as_bytes());
        }
        assert_eq!(fs::read_dir(state.join("runs/1")).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_name_stays_inside_the_state_folder() {
        let folder = tempfile::tempdir().unwrap();
        let world = System::new(folder.path().join("state"));
        for name in ["../out", "a/../../out", "/etc/out", "", "a//b", "."] {
            assert!(world.write_state(name, b"x").is_err(), "{name}");
        }
        world.write_state("tokens/a:b\\..\\c*?.json", b"x").unwrap();
        assert!(folder.path().join("state/tokens/a%3Ab%5C..%5Cc%2A%3F.json").exists());
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (System::new(folder.path()), System::new(folder.path()));
        let held = one.try_lock_state("huntress").unwrap();
        assert!(held.is_some());
        assert!(one.try_lock_state("huntress").unwrap().is_none());
        assert!(other.try_lock_state("huntress").unwrap().is_none());
        assert!(other.try_lock_state("pax8").unwrap().is_some());
        drop(held);
        assert!(other.try_lock_state("huntress").unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_the_state() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        System::new(folder.path().join("state")).write_state("tokens/pax8.json", b"x").unwrap();
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("state"), 0o700);
        assert_eq!(mode("state/tokens"), 0o700);
        assert_eq!(mode("state/tokens/pax8.json"), 0o600);
    }

    #[test]
    fn a_state_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        fs::write(&file, "a file stands here").unwrap();
        let world = System::new(&file);
        let message = world.write_state("runs/1", b"x").unwrap_err().to_string();
        assert!(message.contains("state") && message.contains("cannot be written"), "{message}");
        assert_eq!(world.read_state("runs/1").unwrap(), None);
    }

    #[tokio::test]
    async fn the_clock_goes_on_while_sleeping() {
        let world = System::new("unused");
        let (before, monotonic) = (world.now(), world.monotonic());
        world.sleep(Duration::from_millis(5)).await;
        assert!(world.now() > before);
        assert!(world.monotonic() >= monotonic + Duration::from_millis(5));
        assert!((0.0..1.0).contains(&world.random()));
    }
}
