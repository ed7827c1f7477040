//! Strict decoding: an error names the place and what was expected there, never what stood there.

use crate::support::{Vendor, ok, status};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use tallysheet_core::wire::{Id, Number};
use tallysheet_core::{Error, ErrorKind};
use tallysheet_http::Call;
use wiremock::ResponseTemplate;

#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only whether it can be decoded matters")]
struct Page {
    sites: Vec<Site>,
}

#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only whether it can be decoded matters")]
struct Site {
    id: Id,
    name: String,
    devices: Option<Number>,
    kind: Option<Kind>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Managed,
}

async fn decode(answer: ResponseTemplate) -> Result<Page, Error> {
    let vendor = Vendor::answering([answer]).await;
    vendor.api().json(&Call::get("/sites")).await
}

async fn message(body: &str) -> String {
    let error = decode(ResponseTemplate::new(200).set_body_string(body)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    let message = error.to_string();
    assert!(!format!("{error:?}{error:#?}").contains("planted"), "{message}");
    message.strip_prefix("GET /sites was answered with ").unwrap().to_owned()
}

#[tokio::test]
async fn a_wrong_value_is_told_by_its_place() {
    let site = |site: &str| format!(r#"{{"sites":[{{"id":1,"name":"a"}},{site}]}}"#);
    for (body, said) in [
        (site(r#"{"id":2}"#), "an unexpected shape at `sites[1]` (missing field `name`"),
        (site(r#"{"id":2,"name":7}"#), "an unexpected shape at `sites[1].name` (not a string"),
        (site(r#"{"id":true,"name":"a"}"#), "an unexpected shape at `sites[1].id` (not an id"),
        (site(r#"{"id":null,"name":"a"}"#), "an unexpected shape at `sites[1].id` (not an id"),
        (site(r#"{"id":2,"name":"a","devices":"planted"}"#), "an unexpected shape at `sites[1].devices` (not a number"),
        // What a vendor sends may look like our own words.
        (
            site(r#"{"id":2,"name":"a","devices":"1, expected planted"}"#),
            "an unexpected shape at `sites[1].devices` (not a number",
        ),
        (
            site(r#"{"id":2,"name":"a","kind":"planted, expected planted"}"#),
            "an unexpected shape at `sites[1].kind` (not `managed`",
        ),
        (site(r#"{"id":2,"name":{"planted":1}}"#), "an unexpected shape at `sites[1].name` (not a string"),
        (r#"{"sites":"missing field planted, expected"}"#.to_owned(), "an unexpected shape at `sites` (not a sequence"),
        (r#"{"rows":[]}"#.to_owned(), "an unexpected shape at `.` (missing field `sites`"),
        ("null".to_owned(), "an unexpected shape at `.` (not struct Page"),
    ] {
        let message = message(&body).await;
        assert!(message.starts_with(said), "{body}\n  said: {message}");
        assert!(!message.contains("planted"), "{body}\n  said: {message}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_told_for_what_it_is() {
    for (body, said) in [
        ("", "an empty body instead of JSON"),
        ("  \r\n", "an empty body instead of JSON"),
        ("\n<!doctype html><title>planted</title>", "HTML instead of JSON (a proxy, a login page or maintenance?)"),
        (r#"{"sites":[{"id":1,"name":"plan"#, "JSON that ends in the middle"),
        (r#"{"sites":["#, "JSON that ends in the middle"),
        ("planted", "something that is no JSON"),
        (r#"{"sites":[]} planted"#, "something that is no JSON"),
        ("{'sites': []}", "something that is no JSON"),
    ] {
        assert_eq!(message(body).await, said, "{body}");
    }
}

#[tokio::test]
async fn a_value_of_another_spelling_serves() {
    let page = decode(ok(json!({ "sites": [{ "id": "7", "name": "", "devices": "3", "more": [1] }] }))).await.unwrap();
    assert_eq!(page.sites[0].id.0, "7");
    assert_eq!(page.sites[0].devices.map(|number| number.0.to_string()).as_deref(), Some("3"));
}

#[tokio::test]
async fn the_first_place_that_holds_something_is_decoded() {
    let body = json!({ "account": null, "actor": { "account": { "id": 7, "name": true } }, "id": 9 });
    let vendor = Vendor::answering([ok(body)]).await;
    let reply = vendor.api().send(&Call::get("/actor")).await.unwrap();
    let id = |pointers: &[&str]| reply.json_at::<Id>(pointers).unwrap().map(|id| id.0);
    assert_eq!(id(&["/account", "/actor/account/id", "/id"]).as_deref(), Some("7"));
    assert_eq!(id(&["/account", "/nowhere"]), None);
    let error = reply.json_at::<Site>(&["/actor/account"]).err().unwrap();
    assert!(error.to_string().contains("at `/actor/account/name` (not a string"), "{error}");
}

#[tokio::test]
async fn what_an_error_says_is_not_repeated() {
    let body = json!({ "error": "planted", "message": "planted", "errors": [{ "detail": "planted" }] });
    for fault in [400, 401, 403, 404, 422, 429, 500, 503] {
        let error = decode(status(fault).set_body_json(&body)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("planted"), "{fault}: {error}");
    }
}

#[tokio::test]
async fn a_vendors_own_meaning_comes_before_the_status() {
    let body = json!({ "errors": [{ "message": "Rate LIMIT exceeded" }] });
    let vendor = Vendor::answering([ok(body), ok(json!({ "sites": [] }))]).await;
    let api = vendor
        .builder()
        .classify(|reply| {
            reply.mentions("rate limit").then(|| Error::new(ErrorKind::RateLimited, "the vendor asks to slow down"))
        })
        .build()
        .unwrap();
    let page: Page = api.json(&Call::get("/sites")).await.unwrap();
    assert!(page.sites.is_empty());
    assert_eq!(vendor.requests().await.len(), 2, "and it is tried again as its kind says");
}

#[tokio::test]
async fn only_short_plain_words_of_an_answer_are_shown() {
    for (body, word) in [
        (json!({ "error": "invalid_grant" }), Some("invalid_grant")),
        (json!({ "error": "Planted Text" }), None),
        (json!({ "error": "a".repeat(41) }), None),
        (json!({ "error": 7 }), None),
        (json!({}), None),
    ] {
        let vendor = Vendor::answering([ok(body)]).await;
        let reply = vendor.api().send(&Call::get("/sites")).await.unwrap();
        assert_eq!(reply.word("/error").as_deref(), word);
    }
}

#[tokio::test]
async fn only_what_does_not_exist_is_found_to_be_nothing() {
    for (answer, found) in [(status(404), Some(false)), (status(410), Some(false)), (status(403), None)] {
        let vendor = Vendor::answering([answer]).await;
        let result = vendor.api().find::<Page>(&Call::get("/sites/1")).await;
        assert_eq!(result.ok().map(|page| page.is_some()), found);
    }
    let vendor = Vendor::deciding(|request| match request.url.path() {
        "/api/v1/products/2" => status(404),
        path => ok(json!(path.rsplit('/').next())),
    })
    .await;
    let ids = ["3", "1", "2", "1"].map(str::to_owned);
    let found: BTreeMap<String, String> = vendor.api().find_all("/products", ids).await.unwrap();
    assert_eq!(found, BTreeMap::from(["1", "3"].map(|id| (id.to_owned(), id.to_owned()))));
    assert_eq!(vendor.asked().await.len(), 3);
}

#[tokio::test]
async fn an_identity_has_an_id_and_perhaps_a_name() {
    let named = json!({ "data": { "id": 7, "name": "Northgate IT" } });
    let nameless = json!({ "data": { "id": 7, "name": null } });
    let vendor = Vendor::answering([ok(named), ok(nameless), ok(json!({}))]).await;
    let (api, call) = (vendor.api(), Call::get("/me"));
    let identity = api.identity(&call, "/data/name", "/data/id").await.unwrap();
    assert_eq!((identity.account.as_str(), identity.id.as_deref()), ("Northgate IT", Some("7")));
    assert_eq!(api.identity(&call, "/data/name", "/data/id").await.unwrap().account, "7");
    let error = api.identity(&call, "/data/name", "/data/id").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("GET /me was answered without `/data/id`"), "{error}");
}
