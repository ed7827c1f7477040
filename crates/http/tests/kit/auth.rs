//! How a credential is shown.

use crate::support::{Vendor, header, ok};
use serde_json::json;
use tallysheet_core::{ErrorKind, Secret};
use tallysheet_http::{ApiKey, Auth, Basic, Bearer, Call, Signed};
use wiremock::Request;

async fn request_with(auth: impl Auth + 'static) -> Request {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let api = vendor.builder().auth(auth).build().unwrap();
    let call = Call::post("/query").query("b", "2").query("a", "1").json(&json!([1])).unwrap();
    api.send(&call).await.unwrap();
    vendor.requests().await.remove(0)
}

#[tokio::test]
async fn credentials_are_shown_as_the_vendor_wants_them() {
    let secret = Secret::new("s3cret");
    let basic = request_with(Basic::new("key", &secret)).await;
    assert_eq!(header(&basic, "authorization"), "Basic a2V5OnMzY3JldA==");

    let bearer = request_with(Bearer::new(&secret)).await;
    assert_eq!(header(&bearer, "authorization"), "Bearer s3cret");

    let keys = ApiKey::new("authorization", &secret).prefix("ApiToken ").and("x-key", &Secret::new("k2"));
    let keys = request_with(keys).await;
    assert_eq!(header(&keys, "authorization"), "ApiToken s3cret");
    assert_eq!(header(&keys, "x-key"), "k2");
}

#[tokio::test]
async fn a_gateways_key_is_shown_besides_the_credential() {
    let key = ApiKey::new("x-gateway", &Secret::new("k1"));
    let request = request_with(key.beside(Bearer::new(&Secret::new("s3cret")))).await;
    assert_eq!(header(&request, "authorization"), "Bearer s3cret");
    assert_eq!(header(&request, "x-gateway"), "k1");
}

#[tokio::test]
async fn a_signature_sees_what_is_sent() {
    let signed = Signed::new(|request| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let line = [request.method(), request.host(), request.path(), request.query(), &body].join(" ");
        request.secret_header("x-signature", &line)
    });
    let request = request_with(signed).await;
    assert_eq!(header(&request, "x-signature"), "POST 127.0.0.1 /api/v1/query b=2&a=1 [1]");
}

#[tokio::test]
async fn a_credential_that_no_header_can_carry_is_a_wrong_setting() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let api = vendor.builder().auth(Bearer::new(&Secret::new("planted\nsecond line"))).build().unwrap();
    let error = api.send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    assert!(vendor.requests().await.is_empty());
}
