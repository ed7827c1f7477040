//! Email against the suite for mailers and a real mail server, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::sync::Arc;
use tallysheet_connector_smtp as _;
use tallysheet_core::capability::Mail;
use tallysheet_core::ticket::Body;
use tallysheet_core::{Code, Connector, Context, Error, ErrorKind, Registry, Result};
use tallysheet_testkit::smtp::{Encryption, SmtpServer};
use tallysheet_testkit::{MailCase, TestWorld, mail_conformance};

fn connect(settings: Value) -> Result<Connector> {
    let context = Context {
        integration: "smtp".to_owned(),
        url: None,
        max_concurrency: None,
        requests_per_minute: None,
        metrics: Vec::new(),
        exclude: Vec::new(),
        known_ids: Arc::default(),
        recorder: None,
        world: Arc::new(TestWorld::new()),
    };
    Registry::new(&["smtp"]).find("smtp")?.connect(settings, &context)
}

fn mail(recipients: &[&str]) -> Mail {
    Mail {
        recipients: recipients.iter().map(|&to| to.to_owned()).collect(),
        subject: "Counts".to_owned(),
        body: Body { text: "Companies: 3".to_owned(), html: "<p>Companies: 3</p>".to_owned() },
        attachments: Vec::new(),
        message_id: "tallysheet.20261101T060000Z-4f2a.finance".to_owned(),
    }
}

async fn send(settings: Value, recipients: &[&str]) -> Result<Option<String>> {
    connect(settings)?.mail.unwrap().send(&mail(recipients)).await
}

async fn check(settings: Value) -> Result<String> {
    connect(settings)?.probe.check().await.map(|identity| identity.account)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn conforms() {
    let Some(mut server) = SmtpServer::start("conforms", Encryption::None, folder().path()) else { return };
    let case = MailCase {
        slug: "smtp",
        from: SmtpServer::FROM,
        account: (SmtpServer::USERNAME, None),
        takes_text: true,
        names_refused: true,
        // The name and the password, as PLAIN and LOGIN send them.
        encoded_secrets: vec!["cGxhbnRlZC1wYXNzd29yZA", "AHBsYW50ZWQtcGFzc3dvcmQ", "BsYW50ZWQtcGFzc3dvcm"],
        skips: Vec::new(),
    };
    mail_conformance(&case, &mut server).await;
}

#[tokio::test]
async fn the_headers_are_those_of_a_machine_that_says_who_it_is() {
    let Some(mut server) = SmtpServer::start("headers", Encryption::None, folder().path()) else { return };
    send(server.settings(), &["finance@msp.example", "cfo@msp.example"]).await.unwrap();
    let letter = &server.letters()[0];
    let headers = &letter["headers"];
    assert_eq!(headers["Message-ID"], "<tallysheet.20261101T060000Z-4f2a.finance@msp.example>");
    assert_eq!(headers["Date"], "Sun, 01 Nov 2026 06:00:00 +0000");
    assert_eq!(headers["User-Agent"], concat!("Tallysheet/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers["To"], "finance@msp.example, cfo@msp.example");
    assert_eq!(headers["From"], "Reports <reports@msp.example>");
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    assert_eq!(letter["hello"], "msp.example");
    assert_eq!(letter["parts"], json!(["multipart/mixed", "multipart/alternative", "text/plain", "text/html"]));
    assert_eq!(letter["ascii"], true);
}

#[tokio::test]
async fn a_relay_that_knows_its_senders_wants_no_sign_in() {
    let Some(mut server) = SmtpServer::start_with("relay", Encryption::None, folder().path(), false) else { return };
    assert_eq!(check(server.settings()).await.unwrap(), SmtpServer::FROM);
    send(server.settings(), &["finance@msp.example"]).await.unwrap();
    assert_eq!(server.letters().len(), 1);

    // One that offers no sign-in cannot be signed in to.
    let mut settings = server.settings();
    settings["username"] = json!("reports@msp.example");
    settings["password"] = json!("planted-password");
    settings["tls"] = json!("starttls");
    let error = check(settings).await.unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("offers no STARTTLS, so nothing was sent"), "{error}");
}

#[tokio::test]
async fn a_server_that_wants_a_sign_in_says_so() {
    let Some(server) = SmtpServer::start("sign-in", Encryption::None, folder().path()) else { return };
    let mut settings = server.settings();
    settings.as_object_mut().unwrap().retain(|key, _| key != "username" && key != "password");
    let error = send(settings, &["finance@msp.example"]).await.unwrap_err();
    assert_eq!(error.code(), Code::AuthFailed);
    assert!(error.to_string().contains("wants a sign-in first (530)"), "{error}");
}

#[tokio::test]
async fn a_message_that_is_refused_at_its_end_is_not_there_and_not_tried_again() {
    let Some(mut server) = SmtpServer::start("refused", Encryption::None, folder().path()) else { return };
    server.mood("refuses-sender", 0);
    let error = send(server.settings(), &["finance@msp.example"]).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_done(), server.attempts()), (Code::Forbidden, false, 1));
    assert!(error.to_string().contains("refuses the message (554); check `from`"), "{error}");
}

#[tokio::test]
async fn a_server_that_puts_us_off_for_ever_is_asked_four_times() {
    let Some(mut server) = SmtpServer::start("put off", Encryption::None, folder().path()) else { return };
    server.mood("well", 100);
    let error = send(server.settings(), &["finance@msp.example"]).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_done(), server.attempts()), (Code::Unavailable, false, 4));
    assert!(error.to_string().ends_with("(given up after 4 attempts)"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_taken() {
    for encryption in [Encryption::Starttls, Encryption::Required] {
        let folder = folder();
        let Some(mut server) = SmtpServer::start("certificate", encryption, folder.path()) else { return };
        for error in [
            check(server.settings()).await.unwrap_err(),
            send(server.settings(), &["finance@msp.example"]).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::Unavailable);
            let told = error.to_string();
            assert!(
                told.contains("no TLS with 127.0.0.1") && told.contains("nobody whom this machine trusts"),
                "{told}"
            );
        }
        assert_eq!(server.attempts(), 0);
    }
}

#[tokio::test]
async fn the_wrong_way_of_encrypting_is_told_with_the_right_one() {
    let Some(server) = SmtpServer::start("required", Encryption::None, folder().path()) else { return };
    let mut settings = server.settings();
    settings["tls"] = json!("required");
    let told = check(settings).await.unwrap_err().to_string();
    assert!(told.contains("it is not encrypted from the start; take `tls = \"starttls\"`"), "{told}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_place() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = json!({ "host": "127.0.0.1", "port": port, "from": "reports@msp.example", "tls": "none" });
    let error = send(settings, &["finance@msp.example"]).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_done()), (Code::Unavailable, false));
    assert!(error.to_string().contains(&format!("no connection to the mail server 127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_send_are_refused() {
    let good = json!({ "host": "mail.msp.example", "from": "reports@msp.example" });
    for (key, value, told) in [
        ("from", json!("reports"), "`from`: `reports` is no mail address"),
        ("username", json!("reports"), "`username` needs a `password`"),
        ("password", json!("planted-password"), "`password` needs a `username`"),
    ] {
        let mut settings = good.clone();
        settings[key] = value;
        let error = connect(settings).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(told), "{error}");
    }
    let told = |error: Error| error.to_string();
    let wrong = send(good.clone(), &["finance"]).await.map_err(told).unwrap_err();
    assert_eq!(wrong, "`finance` is no mail address");
    let beyond = send(good, &["finanz@größe.example"]).await.map_err(told).unwrap_err();
    assert!(beyond.contains("xn--"), "{beyond}");
}
