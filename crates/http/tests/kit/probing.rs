//! A probe sees each answer and keeps keys and types.

use crate::support::{Vendor, ok, status};
use serde_json::json;
use std::sync::Arc;
use tallysheet_core::shape::Recorder;
use tallysheet_core::{Context, Secret};
use tallysheet_http::{Api, ApiKey, Call};

#[tokio::test]
async fn nothing_that_was_sent_or_came_is_kept_but_names_and_types() {
    let vendor = Vendor::deciding(|request| {
        if request.url.path().ends_with("/broken") {
            return status(500).set_body_string("planted-text");
        }
        ok(json!({ "rows": [{ "id": 70_412, "code": "planted-value" }], "planted name": 1 }))
            .insert_header("x-account", "planted-header")
    })
    .await;
    let recorder = Arc::new(Recorder::default());
    let cx = Context { recorder: Some(recorder.clone()), ..vendor.context() };
    let auth = ApiKey::new("x-key", &Secret::new("planted-key"));
    let api = Api::builder(&cx, None).auth(auth).build().unwrap();
    api.send(&Call::get("/rows")).await.unwrap();
    api.send(&Call::get("/rows/70412/planted-value").query("filter", "planted-query")).await.unwrap();
    assert!(api.send(&Call::get("/broken")).await.is_err());

    let told = format!("{:?}{recorder:?}", recorder.calls());
    assert!(!told.contains("planted") && !told.contains("70412") && !told.contains("70_412"), "{told}");
    for name in ["/rows/{id}/{id}", "filter", "x-account", "rows", "id", "/broken", "500", "no JSON"] {
        assert!(told.contains(name), "{name} is not in {told}");
    }
}
