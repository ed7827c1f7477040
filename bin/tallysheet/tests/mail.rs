//! Reports by mail, from the config to a real mail server's mailbox.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tallysheet_testkit::smtp::{Encryption, SmtpServer, decode_base64};

const CONFIG: &str = r#"
[integrations.backup]
kind = "csv"
path = "backup.csv"

[integrations.smtp]
host     = "127.0.0.1"
port     = {port}
from     = "Reports <reports@msp.example>"
username = "reports@msp.example"
password = { env = "SMTP_PASSWORD" }
tls      = "{tls}"

[deliver.finance]
kind       = "email"
via        = "smtp"
recipients = "finance@msp.example; cfo@msp.example, billing@northgate.example"
subject    = "Zählung {status}"
"#;

/// Where the system's own authorities can be replaced for one process.
const ENCRYPTED: Encryption = if cfg!(target_os = "linux") { Encryption::Starttls } else { Encryption::None };

struct Office {
    folder: tempfile::TempDir,
    server: SmtpServer,
}

impl Office {
    fn open(test: &str, encryption: Encryption) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = SmtpServer::start(test, encryption, folder.path())?;
        let config = CONFIG.replace("{port}", &server.port.to_string()).replace("{tls}", encryption.as_str());
        std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
        std::fs::write(folder.path().join("backup.csv"), "company,Servers\nAcme Dental,4\nZoë's,0\n").unwrap();
        Some(Self { folder, server })
    }

    /// Runs with the server's certificate among the trusted ones.
    fn tallysheet(&self, arguments: &[&str]) -> Output {
        self.trusting(&self.folder.path().join("certificate.pem"), arguments)
    }

    fn trusting(&self, certificates: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("tallysheet").unwrap();
        command.current_dir(self.folder.path()).env("SMTP_PASSWORD", SmtpServer::PASSWORD);
        command.env("SSL_CERT_FILE", certificates).env_remove("SSL_CERT_DIR").args(arguments).output().unwrap()
    }

    fn run(&self) -> (i32, Value) {
        let output = self.tallysheet(&["run", "--json"]);
        (status(&output), serde_json::from_slice(&output.stdout).unwrap())
    }
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_report_reaches_all_recipients_and_goes_again_as_the_same_message() {
    let Some(mut office) = Office::open("mail to all", ENCRYPTED) else { return };
    let checked = office.tallysheet(&["check", "--json"]);
    assert_eq!(status(&checked), 0, "{}", stderr(&checked));
    assert!(office.server.letters().is_empty());

    let (status_of_run, run) = office.run();
    assert_eq!(status_of_run, 0, "{run}");
    let letters = office.server.letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    let recipients = ["finance@msp.example", "cfo@msp.example", "billing@northgate.example"];
    assert_eq!(letter["recipients"], serde_json::json!(recipients));
    assert_eq!(run["deliveries"][0]["reference"], recipients.join(", "));
    assert_eq!((&letter["subject"], &letter["encrypted"]), (&"Zählung complete".into(), &true.into()));
    let file = &letter["files"][0];
    assert!(file["name"].as_str().unwrap().starts_with("billing-counts-"), "{file}");
    assert_eq!(decode_base64(file["base64"].as_str().unwrap()), run["csv"].as_str().unwrap().as_bytes());
    for body in ["text", "html"] {
        let body = letter[body].as_str().unwrap();
        assert!(body.contains("Servers") && !body.contains("Acme"), "{body}");
    }

    let again = office.tallysheet(&["deliver", "last"]);
    assert_eq!(status(&again), 0, "{}", stderr(&again));
    let id = |letter: &Value| letter["headers"]["Message-ID"].as_str().unwrap().to_owned();
    let letters = office.server.letters();
    assert_eq!(id(&letters[0]), id(&letters[1]));
    assert!(id(&letters[0]).contains(run["run"]["id"].as_str().unwrap()));

    let tested = office.tallysheet(&["deliver", "--test", "finance"]);
    assert_eq!(status(&tested), 0, "{}", stderr(&tested));
    let letters = office.server.letters();
    assert_eq!(letters[2]["subject"], "[Test] Zählung complete");
    assert_ne!(id(&letters[0]), id(&letters[2]));
    assert!(letters[2]["text"].as_str().unwrap().contains("This is a test"));
}

#[test]
fn a_mail_that_may_have_arrived_is_unknown_and_goes_again_only_when_asked_for() {
    let Some(mut office) = Office::open("unknown mail", ENCRYPTED) else { return };
    office.server.mood("loses-answers", 0);
    let (status_of_run, run) = office.run();
    let delivery = &run["deliveries"][0];
    assert_eq!((status_of_run, &delivery["status"]), (4, &"unknown".into()), "{run}");
    assert!(delivery["error"].as_str().unwrap().contains("got the message, but the connection broke"), "{delivery}");
    assert_eq!((office.server.letters().len(), office.server.attempts()), (1, 1));

    office.server.mood("well", 0);
    let all = office.tallysheet(&["deliver", "last"]);
    assert!(stderr(&all).contains("left out, as its mail may have arrived"), "{}", stderr(&all));
    assert!(office.server.letters().is_empty());
    let named = office.tallysheet(&["deliver", "last", "finance"]);
    assert_eq!((status(&named), office.server.letters().len()), (0, 1), "{}", stderr(&named));
}

#[test]
fn a_refused_recipient_and_a_wrong_password_fail_the_delivery_with_the_reason() {
    let Some(mut office) = Office::open("refused mail", ENCRYPTED) else { return };
    for (mood, reason) in [
        ("refuses", "does not take mail for cfo@msp.example (550)"),
        ("wrong-password", "refuses `username` and `password` (535)"),
    ] {
        office.server.mood(mood, 0);
        let (status, run) = office.run();
        let delivery = &run["deliveries"][0];
        assert_eq!((status, &delivery["status"]), (4, &"failed".into()), "{run}");
        assert!(delivery["error"].as_str().unwrap().contains(reason), "{delivery}");
        assert!(!run.to_string().contains("planted-"), "{run}");
        assert!(office.server.letters().is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_is_trusted_as_far_as_the_system_says() {
    for encryption in [Encryption::Starttls, Encryption::Required] {
        let Some(mut office) = Office::open("trust", encryption) else { return };
        let output = office.tallysheet(&["deliver", "--test", "finance"]);
        assert_eq!((status(&output), office.server.letters().len()), (0, 1), "{}", stderr(&output));
        assert_eq!(office.server.letters()[0]["encrypted"], true);

        // Another certificate of the same name vouches for nothing.
        let other = tempfile::tempdir().unwrap();
        let Some(_other) = SmtpServer::start("trust", encryption, other.path()) else { return };
        let output = office.trusting(&other.path().join("certificate.pem"), &["check", "smtp"]);
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("no TLS with 127.0.0.1"), "{told}");
    }
}
