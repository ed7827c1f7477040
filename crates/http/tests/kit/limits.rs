//! How many calls at once, and how many in a minute.

use crate::support::{Vendor, header, ok};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tallysheet_core::{Context, Secret, World};
use tallysheet_http::{Api, Bearer, Call, Signed};

/// How long the fake clock says that five calls took.
async fn five_calls(users: Option<u32>, connectors: Option<u32>) -> Duration {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let builder = Api::builder(&Context { requests_per_minute: users, ..vendor.context() }, None);
    let builder = match connectors {
        Some(limit) => builder.per_minute(limit),
        None => builder,
    };
    let api = builder.build().unwrap();
    for _ in 0..5 {
        api.send(&Call::get("/sites")).await.unwrap();
    }
    vendor.world.monotonic()
}

#[tokio::test]
async fn the_users_limit_replaces_the_connectors() {
    assert_eq!(five_calls(None, None).await, Duration::ZERO);
    assert_eq!(five_calls(None, Some(2)).await, Duration::from_mins(2));
    assert_eq!(five_calls(Some(4), Some(2)).await, Duration::from_mins(1));
    assert_eq!(five_calls(Some(1), None).await, Duration::from_mins(4));
    assert_eq!(five_calls(Some(600), Some(1)).await, Duration::ZERO);
}

#[tokio::test]
async fn whoever_shows_the_same_connection_shares_its_limit() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let api = vendor.builder().per_minute(1).build().unwrap();
    let other_tenant = api.with_auth(Bearer::new(&Secret::new("other")));
    let other_place = api.at(&vendor.url()).unwrap();
    for client in [&api, &api.clone(), &other_tenant, &other_place] {
        client.send(&Call::get("/sites")).await.unwrap();
    }
    assert_eq!(vendor.world.monotonic(), Duration::from_mins(3));
}

#[tokio::test]
async fn a_credential_is_made_after_the_wait_for_its_turn() {
    let vendor = Vendor::answering([ok(json!({}))]).await;
    let clock = vendor.world.clone();
    let dated = Signed::new(move |request| request.secret_header("x-at", &clock.monotonic().as_secs().to_string()));
    let api = vendor.builder().per_minute(1).auth(dated).build().unwrap();
    for _ in 0..2 {
        api.send(&Call::get("/sites")).await.unwrap();
    }
    let shown: Vec<String> = vendor.requests().await.iter().map(|request| header(request, "x-at")).collect();
    assert_eq!(shown, ["0", "60"]);
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_allowed() {
    const ANSWER_TAKES: Duration = Duration::from_millis(50);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let seen = arrivals.clone();
    let vendor = Vendor::deciding(move |_| {
        seen.lock().unwrap().push(Instant::now());
        ok(json!({})).set_delay(ANSWER_TAKES)
    })
    .await;
    let cx = Context { max_concurrency: Some(2), ..vendor.context() };
    let api = Api::builder(&cx, None).concurrency(6).build().unwrap();
    let call = Call::get("/sites");
    for result in join_all((0..6).map(|_| api.send(&call))).await {
        result.unwrap();
    }
    let arrivals = arrivals.lock().unwrap();
    for three in arrivals.windows(3) {
        assert!(three[2].duration_since(three[0]) >= ANSWER_TAKES, "three at once: {arrivals:?}");
    }
    let two_at_once = arrivals.windows(2).any(|two| two[1].duration_since(two[0]) < ANSWER_TAKES);
    assert!(two_at_once, "and two at once are used: {arrivals:?}");
}
