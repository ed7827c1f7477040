//! Getting a token, keeping it, renewing it.

use crate::support::{Vendor, context, header, ok, status};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tallysheet_core::wire::Id;
use tallysheet_core::{Context, Error, ErrorKind, Secret};
use tallysheet_http::{Api, ApiKey, Call, Grant, OAuth2, Part, Position, Tokens};
use tallysheet_testkit::TestWorld;
use wiremock::{Request, ResponseTemplate};

/// A vendor whose `/token` answers `issue(how many it issued)`, and everything else `answer(the credential shown)`.
pub(crate) async fn vendor(
    issue: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static,
    answer: impl Fn(&str) -> ResponseTemplate + Send + Sync + 'static,
) -> Vendor {
    let issued = AtomicUsize::new(0);
    Vendor::deciding(move |request| {
        if request.url.path().ends_with("/token") {
            return issue(issued.fetch_add(1, Ordering::SeqCst) + 1);
        }
        answer(&header(request, "authorization"))
    })
    .await
}

/// Tokens `t1`, `t2`, … that live for an hour.
pub(crate) fn hourly(n: usize) -> ResponseTemplate {
    ok(json!({ "access_token": format!("t{n}"), "expires_in": 3600 }))
}

pub(crate) fn any(_: &str) -> ResponseTemplate {
    ok(json!({}))
}

fn client() -> Grant {
    Grant::ClientCredentials { client_id: "id".to_owned(), client_secret: Secret::new("planted-secret") }
}

pub(crate) fn rotating(first: &str) -> Grant {
    Grant::RefreshToken { first: Secret::new(first), client: None }
}

pub(crate) fn source(vendor: &Vendor, cx: &Context, grant: Grant) -> OAuth2 {
    OAuth2::new(cx, &format!("{}/token", vendor.url()), grant).unwrap()
}

pub(crate) fn api_with(vendor: &Vendor, grant: Grant) -> Api {
    let cx = vendor.context();
    Api::builder(&cx, None).auth(Tokens::new(&cx, source(vendor, &cx, grant))).build().unwrap()
}

/// What the token endpoint was sent, each as sorted text.
async fn token_requests(vendor: &Vendor) -> Vec<Request> {
    let requests = vendor.requests().await.into_iter();
    requests.filter(|request| request.url.path() == "/api/v1/token").collect()
}

pub(crate) async fn forms(vendor: &Vendor) -> Vec<String> {
    let requests = token_requests(vendor).await.into_iter();
    requests.map(|request| String::from_utf8(request.body).unwrap()).collect()
}

pub(crate) async fn shown(vendor: &Vendor) -> Vec<String> {
    let requests = vendor.requests().await.into_iter();
    requests.map(|request| header(&request, "authorization")).filter(|shown| shown.starts_with("Bearer")).collect()
}

#[tokio::test]
async fn a_lifetime_beyond_all_measure_is_long_and_no_panic() {
    for seconds in [json!(u64::MAX), json!("18446744073709551615"), json!(i64::MAX)] {
        let issue = move |n| ok(json!({ "access_token": format!("t{n}"), "expires_in": seconds }));
        let vendor = vendor(issue, any).await;
        let api = api_with(&vendor, client());
        for _ in 0..2 {
            api.send(&Call::get("/a")).await.unwrap();
        }
        assert_eq!(forms(&vendor).await.len(), 1);
    }
}

#[tokio::test]
async fn ten_calls_at_once_ask_for_one_token() {
    let slow = |n| hourly(n).set_delay(Duration::from_millis(30));
    let vendor = vendor(slow, any).await;
    let api = api_with(&vendor, client());
    let call = Call::get("/sites");
    for result in join_all((0..10).map(|_| api.send(&call))).await {
        result.unwrap();
    }
    assert_eq!(token_requests(&vendor).await.len(), 1);
    assert_eq!(shown(&vendor).await, ["Bearer t1"; 10]);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    // Sixty seconds before, or a tenth of its life where that is less.
    for (life, renewed_after) in [(json!(3600), 3540), (json!("3600"), 3540), (json!(100), 90), (json!(599.9), 539)] {
        let issue = {
            let life = life.clone();
            move |n| ok(json!({ "access_token": format!("t{n}"), "expires_in": life }))
        };
        let vendor = vendor(issue, any).await;
        let api = api_with(&vendor, client());
        api.send(&Call::get("/sites")).await.unwrap();
        vendor.world.advance(Duration::from_secs(renewed_after - 1));
        api.send(&Call::get("/sites")).await.unwrap();
        vendor.world.advance(Duration::from_secs(2));
        api.send(&Call::get("/sites")).await.unwrap();
        assert_eq!(shown(&vendor).await, ["Bearer t1", "Bearer t1", "Bearer t2"], "{life}");
    }
}

#[tokio::test]
async fn a_token_without_a_known_end_is_kept() {
    let vendor = vendor(|_| ok(json!({ "access_token": "t1", "expires_in": null })), any).await;
    let api = api_with(&vendor, client());
    for _ in 0..2 {
        api.send(&Call::get("/sites")).await.unwrap();
        vendor.world.advance(Duration::from_hours(24 * 365));
    }
    assert_eq!(token_requests(&vendor).await.len(), 1);
}

#[tokio::test]
async fn a_gateways_key_is_kept_while_the_token_is_renewed() {
    let vendor = vendor(hourly, |shown| if shown == "Bearer t1" { status(401) } else { ok(json!({})) }).await;
    let (cx, key) = (vendor.context(), ApiKey::new("x-gateway", &Secret::new("k1")));
    let tokens = Tokens::new(&cx, source(&vendor, &cx, client()).key(key.clone()));
    let api = Api::builder(&cx, None).auth(key.beside(tokens)).build().unwrap();
    api.send(&Call::get("/sites")).await.unwrap();
    let keys: Vec<String> = vendor.requests().await.iter().map(|request| header(request, "x-gateway")).collect();
    assert_eq!(keys, ["k1"; 4]);
}

#[tokio::test]
async fn an_endpoint_may_want_a_parameter_in_its_address() {
    let vendor = vendor(hourly, any).await;
    let cx = vendor.context();
    let tokens = Tokens::new(&cx, source(&vendor, &cx, client()).query("tenant", "a b"));
    let api = Api::builder(&cx, None).auth(tokens).build().unwrap();
    api.send(&Call::get("/sites")).await.unwrap();
    assert!(vendor.asked().await[0].ends_with("?tenant=a%20b"));
}

#[tokio::test]
async fn a_401_gets_one_new_token_and_then_it_ends() {
    let good_is_second = |shown: &str| if shown == "Bearer t2" { ok(json!({})) } else { status(401) };
    let recovers = vendor(hourly, good_is_second).await;
    let api = api_with(&recovers, client());
    api.send(&Call::get("/sites")).await.unwrap();
    api.send(&Call::get("/sites")).await.unwrap();
    assert_eq!(shown(&recovers).await, ["Bearer t1", "Bearer t2", "Bearer t2"]);

    let never = vendor(hourly, |_| status(401)).await;
    let error = api_with(&never, client()).send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(shown(&never).await, ["Bearer t1", "Bearer t2"]);
    assert!(never.world.slept().is_empty());
}

#[tokio::test]
async fn many_calls_with_an_old_token_renew_it_once() {
    let good_is_second = |shown: &str| match shown {
        "Bearer t2" => ok(json!({})),
        _ => status(401).set_delay(Duration::from_millis(20)),
    };
    let vendor = vendor(hourly, good_is_second).await;
    let api = api_with(&vendor, client());
    let call = Call::get("/sites");
    for result in join_all((0..4).map(|_| api.send(&call))).await {
        result.unwrap();
    }
    assert_eq!(token_requests(&vendor).await.len(), 2);
}

#[tokio::test]
async fn a_post_is_sent_again_with_a_new_token() {
    let good_is_second = |shown: &str| if shown == "Bearer t2" { ok(json!({})) } else { status(401) };
    let vendor = vendor(hourly, good_is_second).await;
    api_with(&vendor, client()).send(&Call::post("/tickets")).await.unwrap();
    assert_eq!(shown(&vendor).await, ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn each_grant_is_asked_for_in_its_own_way() {
    let vendor = vendor(hourly, any).await;
    let cx = vendor.context();
    let extended = source(&vendor, &cx, client()).field("scope", "a b").field("audience", "https://v");
    let as_json = source(&vendor, &cx, client()).field("scope", "a b").json();
    let password = Grant::Password {
        username: "key".to_owned(),
        password: Secret::new("pass"),
        client: Some(("public-client", "public")),
    };
    let password = source(&vendor, &cx, password);
    let refresh =
        Grant::RefreshToken { first: Secret::new("first"), client: Some(("id".to_owned(), Secret::new("secret"))) };
    let refresh = source(&vendor, &cx, refresh);
    for source in [extended, as_json, password, refresh] {
        Tokens::new(&cx, source).token().await.unwrap();
    }

    let requests = token_requests(&vendor).await;
    let body = |index: usize| String::from_utf8(requests[index].body.clone()).unwrap();
    assert_eq!(
        body(0),
        "grant_type=client_credentials&client_id=id&client_secret=planted-secret&scope=a%20b&audience=https%3A%2F%2Fv"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&body(1)).unwrap(),
        json!({ "grant_type": "client_credentials", "client_id": "id", "client_secret": "planted-secret", "scope": "a b" })
    );
    assert_eq!(body(2), "grant_type=password&username=key&password=pass");
    assert_eq!(header(&requests[2], "authorization"), "Basic cHVibGljLWNsaWVudDpwdWJsaWM=");
    assert_eq!(body(3), "grant_type=refresh_token&refresh_token=first&client_id=id&client_secret=secret");
    assert!(requests.iter().all(|request| request.method == "POST"));
}

#[tokio::test]
async fn a_refusal_of_a_token_is_the_credentials_fault_and_says_why() {
    for refused in [400, 401, 403] {
        let body = json!({ "error": "invalid_client", "error_description": "planted-secret of Planted Ltd is wrong" });
        let vendor = vendor(move |_| status(refused).set_body_json(&body), any).await;
        let error = api_with(&vendor, client()).send(&Call::get("/sites")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert_eq!(
            error.to_string(),
            format!(
                "getting a token: the vendor issues no token: {refused} (invalid_client); check the credential and its \
                 scopes"
            )
        );
        assert_eq!(vendor.requests().await.len(), 1, "and it is not tried again");
    }
}

#[tokio::test]
async fn a_locked_credential_is_left_alone_unless_the_wait_is_short() {
    let short = status(423).insert_header("retry-after", "7");
    for (answer, asked, slept) in [(status(423), 1, vec![]), (short, 2, vec![Duration::from_secs(7)])] {
        let vendor = vendor(move |n| if n == 1 { answer.clone() } else { hourly(n) }, any).await;
        let got = api_with(&vendor, client()).send(&Call::get("/sites")).await;
        assert_eq!(got.is_ok(), asked == 2);
        let kind = got.err().map(|error| error.kind());
        assert!(kind.is_none_or(|kind| kind == ErrorKind::RateLimited), "{kind:?}");
        assert_eq!((token_requests(&vendor).await.len(), vendor.world.slept()), (asked, slept));
    }
}

#[tokio::test]
async fn a_connector_may_explain_a_refusal_better() {
    let vendor = vendor(|_| status(400).set_body_json(json!({ "error_codes": [700_016] })), any).await;
    let cx = vendor.context();
    let source = source(&vendor, &cx, client()).explain(|reply| {
        reply.mentions("700016").then(|| Error::new(ErrorKind::Consent, "this tenant has not consented"))
    });
    let error = Tokens::new(&cx, source).token().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Consent);
}

#[tokio::test]
async fn an_answer_without_a_token_is_an_error() {
    for (answer, kind) in [
        (ok(json!({ "access_token": "" })), ErrorKind::Auth),
        (ok(json!({ "token_type": "bearer" })), ErrorKind::BadResponse),
        (status(200), ErrorKind::BadResponse),
        (status(404), ErrorKind::NotFound),
    ] {
        let vendor = vendor(move |_| answer.clone(), any).await;
        let error = api_with(&vendor, client()).send(&Call::get("/sites")).await.err().unwrap();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with("getting a token: "), "{error}");
        assert!(shown(&vendor).await.is_empty(), "and nothing is asked without one");
    }
}

#[tokio::test]
async fn an_endpoint_with_a_fault_is_tried_again_but_never_with_a_token_that_may_be_spent() {
    let second_time = |n: usize| if n == 1 { status(503) } else { hourly(n) };
    let plain = vendor(second_time, any).await;
    api_with(&plain, client()).send(&Call::get("/sites")).await.unwrap();
    assert_eq!(token_requests(&plain).await.len(), 2);

    let spending = vendor(second_time, any).await;
    let error = api_with(&spending, rotating("first")).send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(token_requests(&spending).await.len(), 1);
}

#[tokio::test]
async fn no_secret_can_be_printed() {
    let vendor = vendor(|_| ok(json!({ "access_token": "planted-token" })), any).await;
    let cx = vendor.context();
    let (token, _) = Tokens::new(&cx, source(&vendor, &cx, client())).token().await.unwrap();
    let form = Call::post("/token").form(&[("client_secret", "planted-secret")]);
    let json = Call::post("/token").json(&json!({ "client_secret": "planted-secret" })).unwrap();
    let issued = tallysheet_http::Token { secret: token.clone(), lifetime: None };
    let printed = format!("{token:?} {form:?} {json:#?} {issued:?}");
    assert!(!printed.contains("planted"), "{printed}");
    assert_eq!(token.expose(), "planted-token");
}

#[test]
fn a_token_address_that_cannot_be_meant_is_named() {
    let cx = context("https://vendor.example", Arc::new(TestWorld::new()));
    let error = OAuth2::new(&cx, "vendor.example/token", client()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("`token_url`: "), "{error}");
}

#[tokio::test]
async fn a_refused_credential_is_not_shown_again() {
    let vendor = vendor(|_| status(401), any).await;
    let api = api_with(&vendor, client());
    let call = Call::get("/sites");
    for result in join_all((0..10).map(|_| api.send(&call))).await {
        assert_eq!(result.err().unwrap().kind(), ErrorKind::Auth);
    }
    assert_eq!(token_requests(&vendor).await.len(), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_there_does_not_say_that_a_thing_is_not() {
    let vendor = vendor(|_| status(404), any).await;
    let api = api_with(&vendor, client());
    let error = api.find::<Value>(&Call::get("/sites/1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let linked = |rows: Vec<Id>, at: &Position<'_>| Part::linked(rows, at);
    let error = api.find_list(Call::get("/sites"), |row: &Id| row, linked).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
