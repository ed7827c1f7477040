//! Files: reading with an error that helps, writing whole or not at all.

use crate::text;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use tallysheet_core::{Error, Result};
use tempfile::{Builder, NamedTempFile};

/// Reads a file that the user names.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
            ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
            _ => error.to_string(),
        };
        Error::config(format!("{}: {why}", path.display()))
    })
}

/// Reads a text file that the user names: UTF-8 or UTF-16, as [`text::decode`] understands it.
pub fn read_text(path: &Path) -> Result<String> {
    text::decode(&read(path)?).map_err(|error| error.context(path.display()))
}

/// The user's folder for configuration, by the conventions of the operating system; `None` where there is no home.
pub fn config_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    etcetera::choose_base_strategy().ok().map(|folders| folders.config_dir())
}

/// The user's home; `None` where there is none.
pub fn home_folder() -> Option<PathBuf> {
    etcetera::home_dir().ok()
}

/// Writes a file that must not exist yet, and its folders. Where there is one, `-2`, `-3` … goes before the ending.
/// Returns the path that was written. Nobody ever sees half of it, and two who write at once get two files.
pub fn write_new_file(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let failed = |error: std::io::Error| {
        let advice = "choose a folder that can be written to, with room left";
        Error::internal(format!("{} cannot be written: {error}", path.display())).advice(advice)
    };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut whole = temporary(folder, 0o666, bytes).map_err(failed)?;
    for number in 1_u64.. {
        let path = numbered(path, number);
        match whole.persist_noclobber(&path) {
            Ok(_) => {
                make_durable(folder).map_err(failed)?;
                return Ok(path);
            }
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => whole = error.file,
            Err(error) => return Err(failed(error.error)),
        }
    }
    Err(Error::internal(format!("{}: every number is taken", path.display())))
}

/// Replaces a file that the user edits too, if it still holds what was read from it: whole and durable, or not at all. A
/// link to it stays a link, and its permissions stay. Whoever calls holds a lock against others of our own.
pub fn replace_unchanged(path: &Path, before: &[u8], after: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| {
        let advice = "close it in other programs, and see that its folder can be written to";
        Error::internal(format!("{} cannot be written: {error}", path.display())).advice(advice)
    };
    let place = fs::canonicalize(path).map_err(failed)?;
    let folder = folder_of(&place);
    let whole = temporary(folder, 0o600, after).map_err(failed)?;
    let permissions = fs::metadata(&place).map_err(failed)?.permissions();
    whole.as_file().set_permissions(permissions).map_err(failed)?;
    // As late as can be: an editor knows nothing of our lock.
    if read(&place)? != before {
        let message = format!("{} was changed by someone else meanwhile; nothing was written", path.display());
        return Err(Error::config(message).advice("run the command again"));
    }
    whole.persist(&place).map_err(|error| failed(error.error))?;
    make_durable(folder).map_err(failed)
}

/// Writes a file that must not exist yet, under this very name: whole and durable, or not at all.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Error::config(format!("{} exists already; nothing was written", path.display())),
        _ => Error::config(format!("{} cannot be written: {error}", path.display())),
    };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(failed)?;
    let whole = temporary(folder, 0o666, bytes).map_err(failed)?;
    whole.persist_noclobber(path).map_err(|error| failed(error.error))?;
    make_durable(folder).map_err(failed)
}

/// Writes or replaces a file that only the user can read, and that nobody else writes: whole and durable, or not at all.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes).map_err(|error| Error::internal(format!("{} cannot be written: {error}", path.display())))
}

/// Writes or replaces a file of the user's own (0600) in a folder that exists: whole and durable, or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = folder_of(path);
    temporary(folder, 0o600, bytes)?.persist(path)?;
    make_durable(folder)
}

/// A finished file beside its later place, so that moving it there is one step.
fn temporary(folder: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".tallysheet-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A new name is durable once its folder is. Windows does this by itself, and cannot open a folder as a file.
fn make_durable(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `reports/2026-11.csv`, `reports/2026-11-2.csv`, …
fn numbered(path: &Path, number: u64) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("-{number}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folders/counts.v1.csv");
        let written: Vec<PathBuf> =
            ["a", "b", "c"].iter().map(|text| write_new_file(&path, text.as_bytes()).unwrap()).collect();
        let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["counts.v1.csv", "counts.v1-2.csv", "counts.v1-3.csv"]);
        let texts: Vec<String> = written.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn writers_at_once_get_a_file_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let mut written: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| write_new_file(&path, b"whole").unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        written.sort();
        written.dedup();
        assert_eq!(written.len(), 8);
        assert!(written.contains(&folder.path().join("report-8")));
    }

    #[test]
    fn only_what_was_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("companies.csv");
        fs::write(&path, "old").unwrap();
        replace_unchanged(&path, b"old", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let message = replace_unchanged(&path, b"old", b"newer").unwrap_err().to_string();
        assert!(message.contains("changed by someone else"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(create(&path, b"x").unwrap_err().to_string().contains("exists already"));
        create(&folder.path().join("other.csv"), b"x").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn whoever_reads_meanwhile_sees_a_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("companies.csv");
        let texts = ["old ".repeat(40_000), "new ".repeat(50_000)];
        fs::write(&path, &texts[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for turn in 0..40 {
                    replace_unchanged(&path, texts[turn % 2].as_bytes(), texts[(turn + 1) % 2].as_bytes()).unwrap();
                }
            });
            while !writer.is_finished() {
                // A crash at any moment leaves what a reader sees at that moment.
                assert!(texts.contains(&fs::read_to_string(&path).unwrap()));
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace_unchanged(&link, b"old", b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("companies.csv");
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("companies.csv: there is no such file"), "{message}");
        let latin1 = folder.path().join("latin1.csv");
        fs::write(&latin1, b"company\nZo\xEB").unwrap();
        let message = read_text(&latin1).unwrap_err().to_string();
        assert!(message.contains("latin1.csv: line 2 is not UTF-8"), "{message}");
    }
}
