//! A vendor's own log-in, with a second factor.

use crate::support::{Vendor, ok, status};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tallysheet_core::wire::Moment;
use tallysheet_core::{Error, ErrorKind, Result, Secret};
use tallysheet_http::{Api, Call, Login, Reply, Tokens};
use wiremock::{Request, ResponseTemplate};

/// Base32 text of RFC 6238; at the beginning of the test's world its passcode is 518359, a minute later 064294.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    ends: Moment,
}

fn token(reply: &Reply, with_passcode: bool) -> Result<(Secret, Moment)> {
    let answer: Answer = reply.json()?;
    let refused = || Error::new(ErrorKind::Auth, if with_passcode { "a wrong passcode" } else { "no passcode" });
    Ok((answer.token.ok_or_else(refused)?, answer.ends))
}

/// A client that logs in at `/login` of the vendor.
fn api(vendor: &Vendor, secret: Option<&str>) -> Api {
    let call = |passcode: Option<&str>| Call::post("").json(&passcode);
    let url = format!("{}/login", vendor.url());
    let secret = secret.map(Secret::new);
    let login = Login::new(&vendor.context(), &url, secret.as_ref(), call, token).unwrap();
    vendor.api().with_auth(Tokens::new(&vendor.context(), login))
}

/// The same where the vendor takes each passcode once.
fn api_with_single_use(vendor: &Vendor, secret: Option<&str>) -> Api {
    let call = |passcode: Option<&str>| Call::post("").json(&passcode);
    let (url, secret) = (format!("{}/login", vendor.url()), secret.map(Secret::new));
    let login = Login::new(&vendor.context(), &url, secret.as_ref(), call, token).unwrap().single_use();
    vendor.api().with_auth(Tokens::new(&vendor.context(), login))
}

/// What was sent to the log-in.
async fn passcodes(vendor: &Vendor) -> Vec<String> {
    let requests = vendor.requests().await;
    let logins = requests.iter().filter(|request| is_login(request));
    logins.map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect()
}

fn is_login(request: &Request) -> bool {
    request.url.path().ends_with("/login")
}

fn good(ends: &str) -> ResponseTemplate {
    ok(json!({ "token": "t", "ends": ends }))
}

#[tokio::test]
async fn the_passcode_is_that_of_the_moment_or_there_is_none() {
    for (secret, sent) in [(Some(SECRET), "\"518359\""), (None, "null")] {
        let vendor = Vendor::deciding(|_| good("")).await;
        api(&vendor, secret).send(&Call::get("/me")).await.unwrap();
        assert_eq!(passcodes(&vendor).await, [sent]);
    }
}

#[tokio::test]
async fn a_passcode_that_was_over_after_a_wait_is_replaced_once() {
    for (newer_is_good, expected) in [(true, None), (false, Some("a wrong passcode".to_owned()))] {
        let refused = ok(json!({ "token": null, "ends": null }));
        let second = if newer_is_good { good("") } else { refused.clone() };
        let busy = status(429).insert_header("retry-after", "60");
        let vendor = Vendor::answering([busy, refused, second]).await;
        let result = api(&vendor, Some(SECRET)).send(&Call::get("/me")).await;
        assert_eq!(result.err().map(|error| error.to_string()), expected);
        assert_eq!(passcodes(&vendor).await, ["\"518359\"", "\"518359\"", "\"064294\""]);
    }
}

#[tokio::test]
async fn a_passcode_that_serves_once_is_not_shown_again() {
    // For a second token, the next one is waited for.
    let vendor = Vendor::answering([good(""), status(401), good(""), ok(json!({}))]).await;
    api_with_single_use(&vendor, Some(SECRET)).send(&Call::get("/me")).await.unwrap();
    let sent = passcodes(&vendor).await;
    assert_eq!((sent.len(), sent[0].as_str()), (2, "\"518359\""));
    assert_ne!(sent[0], sent[1]);
    assert_eq!(vendor.world.slept(), [Duration::from_secs(30)]);

    // It may be spent although no answer came. Without a second factor nothing is.
    for (secret, logins) in [(Some(SECRET), 1), (None, 2)] {
        let vendor = Vendor::answering([status(503), good(""), ok(json!({}))]).await;
        let result = api_with_single_use(&vendor, secret).send(&Call::get("/me")).await;
        assert_eq!((passcodes(&vendor).await.len(), result.is_ok()), (logins, logins == 2));
    }
}

#[tokio::test]
async fn a_refused_passcode_that_is_still_good_is_not_shown_again() {
    let vendor = Vendor::deciding(|_| ok(json!({ "token": null, "ends": null }))).await;
    for secret in [Some(SECRET), None] {
        let error = api(&vendor, secret).send(&Call::get("/me")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Auth);
    }
    assert_eq!(passcodes(&vendor).await.len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_the_moment_at_which_it_ends() {
    // One that is over by our clock, or whose end is not told, serves until it is refused.
    for (ends, logins) in [("2026-11-01T07:00:00Z", 2), ("2026-11-01T05:59:00Z", 1), ("soon", 1)] {
        let vendor = Vendor::deciding(move |_| good(ends)).await;
        let api = api(&vendor, None);
        api.send(&Call::get("/me")).await.unwrap();
        vendor.world.advance(Duration::from_mins(58));
        api.send(&Call::get("/me")).await.unwrap();
        assert_eq!(passcodes(&vendor).await.len(), 1, "{ends}");
        vendor.world.advance(Duration::from_mins(2));
        api.send(&Call::get("/me")).await.unwrap();
        assert_eq!(passcodes(&vendor).await.len(), logins, "{ends}");
    }
}
