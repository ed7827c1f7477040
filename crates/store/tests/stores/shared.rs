//! What only a store of several machines has: claims, a connection that can be lost, a password.

use crate::database;
use std::sync::Arc;
use tallysheet_core::Secret;
use tallysheet_store::{Postgres, Store};
use tallysheet_testkit::postgres::PASSWORD;
use tokio_postgres::{Client, NoTls};

async fn open(url: &str) -> Postgres {
    Postgres::open(&Secret::new(url.to_owned())).await.unwrap()
}

/// Somebody else who uses the database.
async fn other(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Ends every connection of a store, as a server does that starts anew.
async fn cut(client: &Client) {
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'tallysheet'";
    client.query(cut, &[]).await.unwrap();
}

#[tokio::test]
async fn a_claim_has_one_holder_until_it_is_given_back_or_lost() {
    let Some(url) = database("a_claim_has_one_holder_until_it_is_given_back_or_lost") else { return };
    let (one, two) = (open(&url).await, open(&url).await);
    let held = one.claim("schedule-a").await.unwrap().unwrap();
    assert!(two.claim("schedule-a").await.unwrap().is_none());
    let another = two.claim("schedule-b").await.unwrap().unwrap();
    drop(held);
    // It is given back by a task.
    let mut again = None;
    while again.is_none() {
        again = two.claim("schedule-a").await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(one.claim("schedule-a").await.unwrap().is_none());

    cut(&other(&url).await).await;
    // Who lost it is told, and somebody else may have it.
    again.unwrap().lost().await;
    another.lost().await;
    assert!(one.claim("schedule-a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_hundred_claims_take_one_connection() {
    let Some(url) = database("a_hundred_claims_take_one_connection") else { return };
    let store = open(&url).await;
    let mut claims = Vec::new();
    for number in 0..100 {
        claims.push(store.claim(&format!("schedule-{number}")).await.unwrap().unwrap());
    }
    let count = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'tallysheet'";
    let connections: i64 = other(&url).await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(connections, 2, "one for the claims, one for all else");
}

#[tokio::test]
async fn a_connection_that_was_lost_is_made_anew() {
    let Some(url) = database("a_connection_that_was_lost_is_made_anew") else { return };
    let (store, other) = (open(&url).await, other(&url).await);
    store.keep_note("a", "1").await.unwrap();
    cut(&other).await;
    assert_eq!(store.note("a").await.unwrap().as_deref(), Some("1"));
    cut(&other).await;
    store.keep_note("a", "2").await.unwrap();
    // One who does not wait for the end of a step leaves nothing behind.
    let waits = other.query("SELECT pg_advisory_lock(hashtextextended('tallysheet/write/public', 0))", &[]).await;
    waits.unwrap();
    {
        let mut write = Box::pin(store.keep_note("a", "3"));
        assert!(futures_util::poll!(&mut write).is_pending());
    }
    other.query("SELECT pg_advisory_unlock_all()", &[]).await.unwrap();
    assert_eq!(store.note("a").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn many_may_start_at_once_and_a_newer_database_is_refused() {
    let Some(url) = database("many_may_start_at_once_and_a_newer_database_is_refused") else { return };
    let url = Arc::new(url);
    let opened: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { open(&url).await }
            })
        })
        .collect();
    for store in opened {
        assert!(store.await.unwrap().runs(1).await.unwrap().is_empty());
    }
    other(&url).await.execute("INSERT INTO migration VALUES (99)", &[]).await.unwrap();
    let newer = Postgres::open(&Secret::new((*url).clone())).await.unwrap_err().to_string();
    assert!(newer.contains("it is of version 99") && newer.contains("use a newer one"), "{newer}");
}

#[tokio::test]
async fn no_error_shows_the_password_or_what_is_kept() {
    let Some(url) = database("no_error_shows_the_password_or_what_is_kept") else { return };
    let store = open(&url).await;
    let place = url.rsplit_once('/').unwrap().1.to_owned();
    assert!(store.place().starts_with(&format!("the database {place} at 127.0.0.1:")), "{}", store.place());
    store.begin("a-customer", crate::time("2026-11-01T06:00:00Z")).await.unwrap();
    let twice = store.begin("a-customer", crate::time("2026-11-01T06:00:00Z")).await.unwrap_err();
    let mut told = vec![format!("{store:?}"), twice.to_string(), format!("{twice:?}")];
    for (word, other) in [(PASSWORD, "wrong-password"), (place.as_str(), "no_such_database"), ("tally:", "nobody:")] {
        let error = Postgres::open(&Secret::new(url.replace(word, other))).await.unwrap_err();
        told.extend([error.to_string(), format!("{error:?}")]);
    }
    // TLS is asked for, and this server has none.
    let error = Postgres::open(&Secret::new(format!("{url}?sslmode=require"))).await.unwrap_err();
    told.push(error.to_string());
    assert!(told.iter().any(|told| told.contains("28P01")), "{told:?}");
    for told in &told {
        assert!(!told.contains(PASSWORD) && !told.contains("wrong-password") && !told.contains("a-customer"), "{told}");
    }
    assert!(told.last().unwrap().contains("TLS"), "{told:?}");
}
