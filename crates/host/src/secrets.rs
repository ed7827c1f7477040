//! Where secrets come from. No error here holds a secret, nor what a program or a file says.

use crate::environment::Environment;
use crate::{files, text};
use serde_json::Value;
use std::io::Read;
use std::path::{Component, Path};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tallysheet_core::{Error, Result, Secret};
use wait_timeout::ChildExt;

/// How long a program may take to print a secret: a password manager may ask the user first.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any key; less than a disk image that was named by mistake.
const LARGEST: u64 = 64 * 1024;

/// Resolves a secret as the config writes it: a string, `{ env }`, `{ file }`, `{ command }` or `{ keyring }`.
/// Relative paths are relative to `base_dir`.
pub fn resolve(spec: &Value, environment: &Environment, base_dir: &Path) -> Result<Secret> {
    let secret = match spec {
        Value::String(text) => text.clone(),
        Value::Object(form) if form.len() == 1 => match form.iter().next().map(|(key, value)| (key.as_str(), value)) {
            Some(("env", Value::String(name))) => from_variable(name, environment)?,
            Some(("file", Value::String(path))) => from_file(&base_dir.join(path))?,
            Some(("command", Value::Array(words))) => from_command(words, base_dir, PATIENCE)?,
            Some(("keyring", Value::String(name))) => from_keyring(name)?,
            _ => return Err(wrong_form()),
        },
        _ => return Err(wrong_form()),
    };
    if secret.trim().is_empty() {
        return Err(Error::config("the secret is empty; give one"));
    }
    Ok(Secret::new(secret))
}

fn wrong_form() -> Error {
    Error::config(
        "a secret is a string, { env = \"NAME\" }, { file = \"PATH\" }, { command = [\"PROGRAM\", …] } or { keyring = \"NAME\" }",
    )
}

fn from_variable(name: &str, environment: &Environment) -> Result<String> {
    match environment.get(name) {
        Some("") => Err(Error::config(format!("the environment variable {name} is empty; give it a value"))),
        Some(secret) => Ok(secret.to_owned()),
        None => Err(Error::config(format!(
            "the environment variable {name} is not set; set it, or put it into the env file"
        ))),
    }
}

fn from_file(path: &Path) -> Result<String> {
    let secret = without_line_end(files::read_text(path)?);
    if secret.is_empty() {
        return Err(Error::config(format!("{}: the file is empty; put the secret into it", path.display())));
    }
    Ok(secret)
}

/// Runs a program, without a shell, and takes what it prints.
fn from_command(words: &[Value], base_dir: &Path, patience: Duration) -> Result<String> {
    let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
    let Some([program, arguments @ ..]) = words.as_deref() else { return Err(wrong_form()) };
    // Arguments are not shown: one may be a secret.
    let failed = |what: String| Error::config(format!("the command `{program}` {what}"));

    let mut command = Command::new(found_program(program, base_dir));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if base_dir.components().next().is_some() {
        command.current_dir(base_dir);
    }
    let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
    let deadline = Instant::now() + patience;
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // Reading has a thread of its own, as a program may neither print nor end.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(LARGEST + 1).read_to_end(&mut bytes);
            let _ = sender.send(read.map(|_| bytes));
        });
    }
    let output = receiver.recv_timeout(patience);
    let too_long = matches!(&output, Ok(Ok(bytes)) if bytes.len() as u64 > LARGEST);
    let left = if too_long { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
    let status = child.wait_timeout(left).map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    if too_long {
        return Err(failed(format!("printed more than {} KiB; a secret is shorter", LARGEST / 1024)));
    }
    let Some(status) = status else {
        return Err(failed(format!("did not end within {} s; does it ask for something?", patience.as_secs())));
    };
    if !status.success() {
        let code = status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}"));
        return Err(failed(format!("ended {code}; run it by hand to see why")));
    }
    let Ok(Ok(bytes)) = output else { return Err(failed("printed something that could not be read".to_owned())) };
    let secret = without_line_end(text::decode(&bytes).map_err(|error| failed(format!("printed no text: {error}")))?);
    if secret.is_empty() {
        return Err(failed("printed nothing".to_owned()));
    }
    Ok(secret)
}

/// A program by a relative path stands beside the config; a mere name is looked for where the system does.
fn found_program(program: &str, base_dir: &Path) -> std::path::PathBuf {
    let path = Path::new(program);
    let is_name = matches!(path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    let beside = if is_name { path.to_owned() } else { base_dir.join(path) };
    // The program starts in `base_dir`, so a path that is still relative would be taken twice.
    if is_name { beside } else { std::path::absolute(&beside).unwrap_or(beside) }
}

#[cfg(feature = "keyring")]
fn from_keyring(name: &str) -> Result<String> {
    keyring::Entry::new("tallysheet", name).and_then(|entry| entry.get_password()).map_err(|error| match error {
        keyring::Error::NoEntry => Error::config(format!(
            "the keyring has no entry `{name}`; store it under the service `tallysheet` and the user `{name}`"
        )),
        _ => Error::config(format!("the keyring's entry `{name}` cannot be read; is the keyring unlocked?")),
    })
}

#[cfg(not(feature = "keyring"))]
fn from_keyring(name: &str) -> Result<String> {
    Err(Error::config(format!(
        "the keyring's entry `{name}` cannot be read: this build lacks the feature `keyring`; use another form or build with it"
    )))
}

fn without_line_end(mut text: String) -> String {
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolved(spec: &Value, base_dir: &Path) -> Result<String, String> {
        let environment = Environment::from_iter([("KEY", "from env"), ("EMPTY", "")]);
        resolve(spec, &environment, base_dir)
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_string_and_a_variable() {
        let base = Path::new("");
        assert_eq!(resolved(&json!("plain"), base).unwrap(), "plain");
        assert_eq!(resolved(&json!({ "env": "KEY" }), base).unwrap(), "from env");
        assert!(resolved(&json!({ "env": "NO_KEY" }), base).unwrap_err().contains("NO_KEY is not set"));
        assert!(resolved(&json!({ "env": "EMPTY" }), base).unwrap_err().contains("EMPTY is empty"));
        assert!(resolved(&json!(""), base).unwrap_err().contains("empty"));
        for wrong in
            [json!({}), json!({ "env": "KEY", "file": "x" }), json!({ "vault": "x" }), json!(7), json!({ "env": 1 })]
        {
            assert!(resolved(&wrong, base).unwrap_err().contains("a secret is a string"), "{wrong}");
        }
    }

    #[test]
    fn a_file_as_every_system_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let utf16: Vec<u8> = "\u{feff}s3cret\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in ["s3cret", "s3cret\n", "s3cret\r\n", "\u{feff}s3cret\n"]
            .map(str::as_bytes)
            .iter()
            .chain([&utf16.as_slice()])
        {
            std::fs::write(folder.path().join("key"), bytes).unwrap();
            assert_eq!(resolved(&json!({ "file": "key" }), folder.path()).unwrap(), "s3cret");
        }
        std::fs::write(folder.path().join("key"), "\n").unwrap();
        assert!(resolved(&json!({ "file": "key" }), folder.path()).unwrap_err().contains("the file is empty"));
        assert!(resolved(&json!({ "file": "none" }), folder.path()).unwrap_err().contains("there is no such file"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let message = resolved(&json!({ "command": ["no-such-program-here", "s3cret"] }), Path::new("")).unwrap_err();
        assert!(
            message.contains("`no-such-program-here` cannot be started") && !message.contains("s3cret"),
            "{message}"
        );
        assert!(resolved(&json!({ "command": [] }), Path::new("")).unwrap_err().contains("a secret is a string"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_prints_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = |script: &str| resolved(&json!({ "command": ["sh", "-c", script] }), folder.path());
        assert_eq!(run("echo from-command; echo noise >&2").unwrap(), "from-command");
        assert_eq!(run("echo key > beside; cat beside").unwrap(), "key", "it runs beside the config");
        let message = run("echo hunter2; echo hunter2 >&2; exit 3").unwrap_err();
        assert!(message.contains("exit code 3") && !message.contains("hunter2"), "{message}");
        assert!(run("exit 0").unwrap_err().contains("printed nothing"));
        assert!(run("head -c 70000 /dev/zero | tr '\\0' x").unwrap_err().contains("more than 64 KiB"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_by_a_relative_path_stands_beside_the_config() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("secret.sh");
        std::fs::write(&script, "#!/bin/sh\necho beside\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(resolved(&json!({ "command": ["./secret.sh"] }), folder.path()).unwrap(), "beside");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let words = [json!("sleep"), json!("60")];
        let message = from_command(&words, Path::new(""), Duration::from_millis(50)).unwrap_err().to_string();
        assert!(message.contains("did not end"), "{message}");
    }

    #[cfg(not(feature = "keyring"))]
    #[test]
    fn a_build_without_the_keyring_says_so() {
        assert!(resolved(&json!({ "keyring": "pax8" }), Path::new("")).unwrap_err().contains("feature `keyring`"));
    }
}
