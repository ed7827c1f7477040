//! A report to a web address: signed, told apart from a repeated one, and quiet about the address.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;
use std::sync::Arc;
use tallysheet_core::run::DeliveryStatus;
use tallysheet_core::{Secret, World};
use tallysheet_engine::{Delivery, WebhookDelivery, deliver_test};
use tallysheet_report::Format;
use tallysheet_store::Sqlite;
use tallysheet_testkit::TestWorld;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn deliver(server: &MockServer, path: &str) -> tallysheet_core::run::DeliveryOutcome {
    let world: Arc<dyn World> = Arc::new(TestWorld::new());
    let headers = vec![("x-team".to_owned(), Secret::new("planted-header"))];
    let url = format!("{}{path}", server.uri());
    let to = WebhookDelivery::new("hook", &url, Some(Secret::new("planted-secret")), headers, world.clone()).unwrap();
    let hook = Delivery { name: "hook".into(), kind: "webhook".into(), format: Format::Json, to: Box::new(to) };
    let store = Sqlite::in_memory().unwrap();
    deliver_test(&hook, &jiff::tz::TimeZone::UTC, &world, &store).await.unwrap()
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"planted-secret").unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[tokio::test]
async fn the_body_is_signed_and_sent_again_after_a_fault_under_the_same_key() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(202)).mount(&server).await;
    let outcome = deliver(&server, "/hooks/planted-path?sig=planted%2Bsig&v=1").await;
    assert_eq!((outcome.status, outcome.reference.as_deref()), (DeliveryStatus::Delivered, Some("answered with 202")));

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/hooks/planted-path"));
        assert_eq!(request.url.query(), Some("sig=planted%2Bsig&v=1"));
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("x-tallysheet-signature"), signature(&request.body));
        assert_eq!(header("x-team"), "planted-header");
        assert_eq!(header("x-tallysheet-delivery"), requests[0].headers["x-tallysheet-delivery"].to_str().unwrap());
        assert!(serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["csv"].is_string());
    }
}

#[tokio::test]
async fn what_is_refused_is_told_without_any_part_of_the_address() {
    for (status, told) in [(403, "403"), (500, "given up after 5 attempts")] {
        let server = MockServer::start().await;
        let refusal = ResponseTemplate::new(status).set_body_string("planted-body");
        Mock::given(any()).respond_with(refusal).mount(&server).await;
        let outcome = deliver(&server, "/hooks/planted-path?sig=planted-sig").await;
        let error = outcome.error.unwrap();
        assert_eq!(outcome.status, DeliveryStatus::Failed);
        assert!(error.contains(told) && !error.contains("planted"), "{error}");
    }
}
