//! Where a call goes, and how it is spelled.

use crate::support::{Vendor, context, header, ok, status};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;
use tallysheet_core::{Context, ErrorKind, Secret};
use tallysheet_http::{Api, Bearer, Call, segment};
use tallysheet_testkit::TestWorld;

#[tokio::test]
async fn paths_are_appended_to_the_url_whose_prefix_survives() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    for url in [vendor.url(), format!("{}/", vendor.url())] {
        let api = Api::builder(&Context { url: Some(url), ..vendor.context() }, None).build().unwrap();
        assert_eq!(api.address(None, "/token"), format!("{}/token", vendor.url()));
        api.send(&Call::get("/sites")).await.unwrap();
        api.send(&Call::get(format!("/sites/{}/users", segment("a/b ?#ü")))).await.unwrap();
        api.send(&Call::get("")).await.unwrap();
    }
    let once = ["GET /api/v1/sites", "GET /api/v1/sites/a%2Fb%20%3F%23%C3%BC/users", "GET /api/v1"];
    assert_eq!(vendor.asked().await, [once, once].concat());
}

#[test]
fn an_ending_of_the_url_may_be_written_or_left_out() {
    let base = |url: &str| {
        let cx = context(url, Arc::new(TestWorld::new()));
        Api::builder(&cx, None).without("/api/v2").without("/api").build().unwrap().address(None, "")
    };
    for url in ["https://x.example", "https://x.example/api", "https://x.example/api/v2", "https://x.example/api/v2/"] {
        assert_eq!(base(url), "https://x.example");
    }
    assert_eq!(base("https://proxy.example/datto"), "https://proxy.example/datto");
}

#[test]
fn another_host_keeps_scheme_port_and_path_unless_it_names_its_own() {
    let moved = |url: &str, host: &str| {
        let api = Api::builder(&context(url, Arc::new(TestWorld::new())), None).build().unwrap();
        api.at_host(host).map(|api| (api.host().to_owned(), api.address(None, "/x"))).map_err(|error| error.kind())
    };
    for (url, host, address) in [
        ("https://a.example", "b.example", "https://b.example/x"),
        ("https://a.example", "B.Example", "https://b.example/x"),
        ("http://127.0.0.1:8080/mount", "127.0.0.1", "http://127.0.0.1:8080/mount/x"),
        ("http://127.0.0.1:8080/mount", "127.0.0.1:9090", "http://127.0.0.1:9090/mount/x"),
        ("https://a.example:8443", "b.example:443", "https://b.example/x"),
        ("https://a.example:8443", "https://b.example", "https://b.example/x"),
        ("http://a.example", "https://b.example:8443/", "https://b.example:8443/x"),
        ("http://a.example:8080", "[::1]", "http://[::1]:8080/x"),
    ] {
        assert_eq!(moved(url, host).map(|(_, address)| address), Ok(address.to_owned()), "{url}, {host}");
    }
    assert_eq!(moved("https://a.example", "B.example").map(|(host, _)| host), Ok("b.example".to_owned()));
    // Nothing but a host, and never without the encryption that there was.
    for host in
        ["", "b.example/path", "b.example?x=1", "me@b.example", "b example", "http://b.example", "ftp://b.example"]
    {
        assert_eq!(moved("https://a.example", host).err(), Some(ErrorKind::BadResponse), "{host}");
    }
}

#[tokio::test]
async fn queries_are_spelled_as_rfc_3986_says() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let call = Call::get("/sites")
        .query("$select", "id,name")
        .query("filter", "a b+c&d=é")
        .query("page", 1)
        // The same parameter again replaces the earlier one.
        .query("page", 2);
    vendor.api().send(&call).await.unwrap();
    assert_eq!(vendor.asked().await, ["GET /api/v1/sites?%24select=id%2Cname&filter=a%20b%2Bc%26d%3D%C3%A9&page=2"]);
}

#[tokio::test]
async fn a_query_or_a_fragment_in_a_path_is_a_defect() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    for path in ["/sites?page=2", "/sites#top"] {
        let error = vendor.api().send(&Call::get(path)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Internal, "{path}");
    }
    assert!(vendor.requests().await.is_empty());
}

#[tokio::test]
async fn every_call_says_who_asks_and_for_what() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let api = vendor.builder().header("x-partner", "7").build().unwrap();
    api.send(&Call::get("/sites").header("x-tenant", "8")).await.unwrap();
    api.send(&Call::post("/query").json(&json!({ "page": 1 })).unwrap()).await.unwrap();
    api.send(&Call::post("/login").form(&[("user name", "a+b@msp.example"), ("p", "1&2=3")])).await.unwrap();

    let requests = vendor.requests().await;
    for request in &requests {
        assert!(header(request, "user-agent").starts_with("Tallysheet/"));
        assert_eq!(header(request, "accept"), "application/json");
        assert_eq!(header(request, "x-partner"), "7");
    }
    assert_eq!(header(&requests[0], "x-tenant"), "8");
    assert_eq!(header(&requests[1], "content-type"), "application/json");
    assert_eq!(requests[1].body, br#"{"page":1}"#);
    assert_eq!(header(&requests[2], "content-type"), "application/x-www-form-urlencoded");
    assert_eq!(requests[2].body, b"user%20name=a%2Bb%40msp.example&p=1%262%3D3");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named() {
    let elsewhere = Vendor::answering([ok(json!({}))]).await;
    for code in [301, 302, 307, 308] {
        let target = format!("{}/sites?key=planted", elsewhere.url());
        let vendor = Vendor::answering([status(code).insert_header("location", target.as_str())]).await;
        let api = vendor.builder().auth(Bearer::new(&Secret::new("planted-token"))).build().unwrap();
        let error = api.send(&Call::get("/sites")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::BadResponse);
        assert_eq!(
            error.to_string(),
            format!(
                "GET /sites was answered with {code} to {}/sites; it is not followed: set `url` to the new address",
                elsewhere.url()
            )
        );
    }
    assert!(elsewhere.requests().await.is_empty());
}

#[test]
fn a_url_that_cannot_be_meant_is_a_wrong_setting() {
    let world = Arc::new(TestWorld::new());
    for (url, said) in [
        ("api.vendor.example", "is no address"),
        ("", "is no address"),
        ("ftp://vendor.example", "must be https://HOST"),
        ("https://vendor.example/v1?key=planted", "must be https://HOST"),
        ("https://vendor.example/v1#planted", "must be https://HOST"),
        ("https://planted:planted@vendor.example", "must not hold a user name"),
    ] {
        let error = Api::builder(&context(url, world.clone()), None).build().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.to_string().contains(said) && !error.to_string().contains("planted"), "{error}");
    }
    let without = Context { url: None, ..context("", world) };
    let error = Api::builder(&without, None).build().err().unwrap();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, "`url` is missing"));
    let api = Api::builder(&without, Some("https://api.vendor.example/v1")).build().unwrap();
    assert_eq!(api.address(None, "/token"), "https://api.vendor.example/v1/token");
    let own = "https://login.vendor.example/token";
    assert_eq!(api.address(Some(own.to_owned()), "/token"), own);
}

#[tokio::test]
async fn a_place_for_a_file_gets_no_credential_and_is_never_told() {
    let vendor = Vendor::answering([status(503), ok(json!({}))]).await;
    let api = vendor.builder().auth(Bearer::new(&Secret::new("planted-token"))).build().unwrap();
    let url = format!("{}/planted-place?key=planted-key", vendor.url());
    let place = api.unsigned_at(&url).unwrap();
    let call = Call::put_to(&url).bytes("application/octet-stream", b"ab".to_vec());
    let error = place.send(&call).await.err().unwrap();
    assert!(error.maybe_done() && !format!("{error:?}").contains("planted-"), "{error:?}");
    place.send(&call.repeatable()).await.unwrap();
    for request in vendor.requests().await {
        assert_eq!((request.method.as_str(), request.url.query()), ("PUT", Some("key=planted-key")));
        assert_eq!((header(&request, "authorization"), request.body), (String::new(), b"ab".to_vec()));
    }
    assert!(place.send(&Call::put_to("https://elsewhere.example/x")).await.is_err(), "it is bound to its own origin");

    let safe = Api::builder(&context("https://a.example", Arc::new(TestWorld::new())), None).build().unwrap();
    for url in ["http://b.example/x", "ftp://b.example/x", "b.example"] {
        assert_eq!(safe.unsigned_at(url).err().map(|error| error.kind()), Some(ErrorKind::BadResponse), "{url}");
    }
}

/// Addresses as a vendor, or a user, may write them.
fn addresses() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "(https?|ftp|file|javascript|data)?(:|//|/|@|\\\\|\\?|#|%2[ef]|\\.|\\[::1\\]|a\\.example|b\\.example|:443|:99999|xn--|ß|\t| ){1,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_address_leads_a_credential_to_a_place_without_encryption(address in addresses()) {
        let world = || Arc::new(TestWorld::new());
        let base = context("https://a.example/v1", world());
        let api = Api::builder(&base, None).auth(Bearer::new(&Secret::new("planted-token"))).build().unwrap();
        for (moved, is_signed) in [(api.at_host(&address), true), (api.unsigned_at(&address), false)] {
            let Ok(moved) = moved else { continue };
            let place = moved.address(None, "/x");
            prop_assert!(place.starts_with("https://") && !place.contains('@') && !moved.host().is_empty(), "{address}: {place}");
            prop_assert!(!is_signed || place.ends_with("/v1/x"), "{address}: {place}");
        }
        // What the user writes is an address, or an error that does not repeat it: it may hold a password.
        if let Err(error) = Api::builder(&context(&format!("planted-{address}"), world()), None).build() {
            prop_assert!(!error.to_string().contains("planted-"), "{error}");
        }
        let _ = Api::builder(&context(&address, world()), None).build();
        let _ = Api::endpoint(&base, &address).build();
    }
}
