//! What is tried again, how long that takes, and when it ends.

use crate::support::{Line, Unwell, Vendor, context, ok, status};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind};
use tallysheet_http::{Api, Call, Retry};
use tallysheet_testkit::TestWorld;
use wiremock::ResponseTemplate;

const SOUND: Line = Line::Says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");

async fn get(vendor: &Vendor) -> Result<Value, Error> {
    vendor.api().json(&Call::get("/sites")).await
}

/// A client for a server that is not well, with short patience for each attempt.
fn patient(server: &Unwell, world: &TestWorld) -> Api {
    let retry = Retry { attempts: 3, attempt_timeout: Duration::from_millis(200), ..Retry::default() };
    Api::builder(&context(&server.url, Arc::new(world.clone())), None).retry(retry).build().unwrap()
}

#[tokio::test]
async fn what_may_get_better_is_tried_again() {
    for fault in [408, 423, 429, 500, 502, 503, 504] {
        let vendor = Vendor::answering([status(fault), status(fault), ok(json!({ "sites": 2 }))]).await;
        assert_eq!(get(&vendor).await.unwrap(), json!({ "sites": 2 }), "{fault}");
        assert_eq!(vendor.requests().await.len(), 3, "{fault}");
    }
}

#[tokio::test]
async fn what_cannot_get_better_is_not_tried_again() {
    for (fault, kind) in [
        (301, ErrorKind::BadResponse),
        (400, ErrorKind::BadResponse),
        (401, ErrorKind::Auth),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (422, ErrorKind::BadResponse),
    ] {
        let vendor = Vendor::answering([status(fault), ok(json!({}))]).await;
        let error = get(&vendor).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault}");
        assert!(error.to_string().starts_with(&format!("GET /sites was answered with {fault}; ")), "{error}");
        assert_eq!(vendor.requests().await.len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_gateways_words_tell_the_wait_where_no_header_does() {
    let told = |code, body: &str| ResponseTemplate::new(code).set_body_string(body);
    for (answer, wait) in [
        (told(429, r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 7 seconds."}"#), 7000),
        (told(429, r#"{"title":"Too many","detail":"Try again in 1 second."}"#), 1000),
        (told(429, "Please try again in 2 minutes."), 250),
        (told(429, "Try again in a few seconds."), 250),
        (told(429, "Try again in 7 seconds.").insert_header("retry-after", "3"), 3000),
        (told(503, "Try again in 7 seconds."), 250),
    ] {
        let vendor = Vendor::answering([answer, ok(json!({}))]).await;
        get(&vendor).await.unwrap();
        assert_eq!(vendor.world.slept(), [Duration::from_millis(wait)]);
    }
}

#[tokio::test]
async fn waits_double_with_jitter_and_the_attempts_end() {
    let vendor = Vendor::answering([status(503)]).await;
    let error = get(&vendor).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().ends_with("(given up after 5 attempts)"), "{error}");
    assert_eq!(vendor.requests().await.len(), 5);
    // The fake world's chance is always one half.
    assert_eq!(vendor.world.slept(), [250, 500, 1000, 2000].map(Duration::from_millis));
}

#[tokio::test]
async fn retry_after_is_obeyed_in_both_its_forms() {
    // The fake world's time is 06:00:00.
    for (value, seconds) in
        [("7", 7), ("0", 0), ("120", 120), ("Sun, 01 Nov 2026 06:01:30 GMT", 90), ("Sun, 01 Nov 2026 05:59:00 GMT", 0)]
    {
        for fault in [429, 503] {
            let vendor = Vendor::answering([status(fault).insert_header("retry-after", value), ok(json!({}))]).await;
            get(&vendor).await.unwrap();
            assert_eq!(vendor.world.slept(), [Duration::from_secs(seconds)], "{fault} {value}");
        }
    }
    let vendor = Vendor::answering([status(429).insert_header("retry-after", "soon"), ok(json!({}))]).await;
    get(&vendor).await.unwrap();
    assert_eq!(vendor.world.slept(), [Duration::from_millis(250)], "what cannot be read is not there");
}

#[tokio::test]
async fn a_wait_of_more_than_two_minutes_ends_the_attempts_and_is_named() {
    for value in ["121", "3600", "Sun, 01 Nov 2026 07:00:00 GMT", "18446744073709551615"] {
        let vendor = Vendor::answering([status(429).insert_header("retry-after", value), ok(json!({}))]).await;
        let error = get(&vendor).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.to_string().contains("asks to wait"), "{error}");
        assert_eq!(vendor.requests().await.len(), 1);
        assert!(vendor.world.slept().is_empty());
    }
}

#[tokio::test]
async fn a_429_waits_as_long_as_the_connector_says_at_least() {
    let vendor = Vendor::answering([status(429), status(503), ok(json!({}))]).await;
    let retry = Retry { wait_after_429: Duration::from_secs(8), ..Retry::default() };
    let api = vendor.builder().retry(retry).build().unwrap();
    api.send(&Call::get("/sites")).await.unwrap();
    assert_eq!(vendor.world.slept(), [8250, 500].map(Duration::from_millis));
}

#[tokio::test]
async fn all_attempts_and_waits_together_are_bounded() {
    let vendor = Vendor::answering([status(429).insert_header("retry-after", "100")]).await;
    let retry = Retry { attempts: 1000, total: Duration::from_mins(10), ..Retry::default() };
    let api = vendor.builder().retry(retry).build().unwrap();
    let error = api.send(&Call::get("/sites")).await.err().unwrap();
    assert!(error.to_string().ends_with("(given up after 7 attempts)"), "{error}");
    assert_eq!(vendor.world.slept().iter().sum::<Duration>(), Duration::from_mins(10));
}

#[tokio::test]
async fn a_post_is_repeated_only_where_nothing_can_have_happened() {
    for (fault, call, requests) in [
        (503, Call::post("/tickets"), 1),
        (500, Call::post("/tickets"), 1),
        (408, Call::post("/tickets"), 1),
        // Refused unseen.
        (429, Call::post("/tickets"), 2),
        // It only reads.
        (503, Call::post("/query").repeatable(), 2),
    ] {
        let vendor = Vendor::answering([status(fault), ok(json!({}))]).await;
        assert_eq!(vendor.api().send(&call).await.is_ok(), requests == 2, "{fault}");
        assert_eq!(vendor.requests().await.len(), requests, "{fault}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_but_not_for_a_post() {
    let cut = Line::Says("HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"sites\":[");
    for broken in [Line::HangsUp, cut] {
        let (server, world) = (Unwell::start(&[broken, SOUND]), TestWorld::new());
        patient(&server, &world).send(&Call::get("/sites")).await.unwrap();
        assert_eq!(server.connections(), 2);

        let server = Unwell::start(&[broken, SOUND]);
        let error = patient(&server, &world).send(&Call::post("/tickets")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "POST /tickets: the connection to 127.0.0.1 broke");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_tried_again_but_not_for_a_post() {
    let (server, world) = (Unwell::start(&[Line::SaysNothing, SOUND]), TestWorld::new());
    patient(&server, &world).send(&Call::get("/sites")).await.unwrap();
    assert_eq!(server.connections(), 2);

    let server = Unwell::start(&[Line::SaysNothing]);
    let error = patient(&server, &world).send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "GET /sites: 127.0.0.1 did not answer in time; (given up after 3 attempts)");
    assert_eq!(server.connections(), 3);

    let server = Unwell::start(&[Line::SaysNothing, SOUND]);
    let error = patient(&server, &world).send(&Call::post("/tickets")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_never_arrived_is_tried_again_even_a_post() {
    // A port that was free a moment ago has no one who listens.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = TestWorld::new();
    let api = Api::builder(&context(&format!("http://{nobody}"), Arc::new(world.clone())), None).build().unwrap();
    let error = api.send(&Call::post("/tickets")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no connection to 127.0.0.1; check the network, a proxy, and `url`"), "{error}");
    assert_eq!(world.slept().len(), 4, "five attempts");
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let (server, world) = (Unwell::start(&[Line::Pours(80 * 1024 * 1024)]), TestWorld::new());
    let api = Api::builder(&context(&server.url, Arc::new(world)), None).build().unwrap();
    let error = api.send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert_eq!(error.to_string(), "GET /sites was answered with more than 64 MiB");
    assert_eq!(server.connections(), 1);
}
