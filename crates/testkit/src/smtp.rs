//! A real mail server, started by a test: `aiosmtpd` in Python, as a child process. A machine without it skips these
//! tests by name; where `TALLYSHEET_TESTS_SKIP_NOTHING` is set, a skip is a failure.

use crate::mail::{Arrived, MailCase, Mailbox, Mood, Site};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tallysheet_core::async_trait;

/// How the server's connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// After `STARTTLS`, and nothing goes before it.
    Starttls,
    /// From the start.
    Required,
}

impl Encryption {
    /// The word of the setting `tls`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starttls => "starttls",
            Self::Required => "required",
        }
    }
}

/// A running server. It ends with this value.
pub struct SmtpServer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    encryption: Encryption,
    signs_in: bool,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl SmtpServer {
    /// Who signs in.
    pub const USERNAME: &'static str = "reports@msp.example";
    /// With which password.
    pub const PASSWORD: &'static str = "planted-password";
    /// The sender.
    pub const FROM: &'static str = "reports@msp.example";

    /// Starts a server that wants a sign-in. `None` where this machine cannot, which is told.
    pub fn start(test: &str, encryption: Encryption, folder: &Path) -> Option<Self> {
        Self::start_with(test, encryption, folder, true)
    }

    /// The same for a relay that knows its senders without a sign-in.
    ///
    /// # Panics
    /// Where it cannot be started, although this machine has all that it needs; or where it lacks something, and nothing
    /// may be skipped.
    pub fn start_with(test: &str, encryption: Encryption, folder: &Path, signs_in: bool) -> Option<Self> {
        if let Err(lacking) = wanting(encryption) {
            let strict = std::env::var_os("TALLYSHEET_TESTS_SKIP_NOTHING").is_some();
            assert!(!strict, "{test}: {lacking}, and nothing may be skipped");
            say_skipped(test, &lacking);
            return None;
        }
        let options = json!({
            "tls": encryption.as_str(),
            "username": if signs_in { Self::USERNAME } else { "" },
            "password": Self::PASSWORD,
            "refused": MailCase::REFUSED,
            "certificate": certificate(encryption, folder),
            "key": folder.join("key.pem"),
        });
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/smtp/server.py");
        let mut child = Command::new("python3")
            .args([script, &options.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It tells of every connection that a test breaks.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("python3: {error}"));
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both are pipes")
        };
        let mut server = Self { child, input, output: BufReader::new(output), encryption, signs_in, port: 0 };
        let port = server.answer()["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        server.port = port.unwrap_or_else(|| panic!("the mail server names no port"));
        Some(server)
    }

    /// Forgets what arrived, and behaves like this from here on: a mood's word, or one of the script's own.
    pub fn mood(&mut self, mood: &str, put_off: u32) {
        self.ask(&format!("begin {}", json!({ "mood": mood, "put_off": put_off })));
    }

    /// What arrived, with all that the server knows of it.
    pub fn letters(&mut self) -> Vec<Value> {
        self.ask("arrived")["arrived"].as_array().cloned().unwrap_or_default()
    }

    /// How often somebody began to send.
    pub fn attempts(&mut self) -> u64 {
        self.ask("arrived")["attempts"].as_u64().unwrap_or_default()
    }

    /// The settings of an integration that sends here.
    pub fn settings(&self) -> Value {
        let mut settings = json!({
            "host": "127.0.0.1",
            "port": self.port,
            "from": format!("Reports <{}>", Self::FROM),
            "tls": self.encryption.as_str(),
        });
        if self.signs_in {
            settings["username"] = Self::USERNAME.into();
            settings["password"] = Self::PASSWORD.into();
        }
        settings
    }

    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.input, "{line}").unwrap_or_else(|error| panic!("the mail server is gone: {error}"));
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap_or_else(|error| panic!("the mail server is gone: {error}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the mail server said `{line}`: {error}"))
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[async_trait]
impl Mailbox for SmtpServer {
    async fn begin(&mut self, mood: Mood) -> Site {
        let (word, put_off) = match mood {
            Mood::Well => ("well", 0),
            Mood::WrongPassword => ("wrong-password", 0),
            Mood::Refuses => ("refuses", 0),
            Mood::PutsOffOnce => ("well", 1),
            Mood::LosesAnswers => ("loses-answers", 0),
        };
        self.mood(word, put_off);
        Site { settings: self.settings(), url: None }
    }

    async fn arrived(&mut self) -> Vec<Arrived> {
        self.letters().iter().map(Arrived::from).collect()
    }
}

impl From<&Value> for Arrived {
    fn from(letter: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let file = |file: &Value| {
            let bytes = decode_base64(file["base64"].as_str().unwrap_or_default());
            (text(&file["name"]).unwrap_or_default(), bytes)
        };
        Self {
            from: text(&letter["from"]).unwrap_or_default(),
            recipients: list(&letter["recipients"]).iter().filter_map(text).collect(),
            subject: text(&letter["subject"]).unwrap_or_default(),
            text: text(&letter["text"]),
            html: text(&letter["html"]),
            files: list(&letter["files"]).iter().map(file).collect(),
            id: text(&letter["headers"]["Message-ID"]).unwrap_or_default(),
        }
    }
}

/// Decodes standard Base64.
///
/// # Panics
/// Where it is none.
pub fn decode_base64(text: &str) -> Vec<u8> {
    base64::engine::Engine::decode(&base64::prelude::BASE64_STANDARD, text)
        .unwrap_or_else(|error| panic!("this is no Base64: {error}"))
}

/// What this machine lacks.
fn wanting(encryption: Encryption) -> Result<(), String> {
    let runs = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let ended = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    };
    if !runs("python3", &["-c", "import aiosmtpd"]) {
        return Err("there is no python3 with aiosmtpd (pip install aiosmtpd)".to_owned());
    }
    if encryption != Encryption::None && !runs("openssl", &["version"]) {
        return Err("there is no openssl to make a certificate with".to_owned());
    }
    Ok(())
}

/// A certificate that nobody vouches for but whoever is told to trust it: `certificate.pem` in the folder, for 127.0.0.1.
fn certificate(encryption: Encryption, folder: &Path) -> PathBuf {
    let path = folder.join("certificate.pem");
    if encryption != Encryption::None && !path.exists() {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=Mail server of a Tallysheet test", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(folder.join("key.pem"))
            .arg("-out")
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "openssl made no certificate");
    }
    path
}

#[allow(clippy::print_stderr, reason = "a skip must be seen where the tests are run")]
fn say_skipped(test: &str, reason: &str) {
    eprintln!("{test} is skipped: {reason}");
}
