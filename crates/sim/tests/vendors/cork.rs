//! Cork's side of the wire.

use crate::common::{Client, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::Value;
use tallysheet_sim::Options;

fn pages(client: &Client, url: &str, key: &str, more: &str) -> Vec<Value> {
    let (mut all, mut total) = (Vec::new(), 1);
    for page in 1.. {
        if all.len() == total {
            break;
        }
        let body = client.read(&format!("{url}?page={page}&page_size=9{more}"), key);
        all.extend(rows(&body["items"]));
        total = usize::try_from(body["pagination"]["total_items"].as_u64().unwrap()).unwrap();
    }
    assert_eq!(distinct(&all, "uuid"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn corks_lists_add_up_and_one_client_is_refused() {
    let client = client(Options::default()).await;
    let key = format!("Bearer {}", client.setting("cork", "api_key"));
    let base = client.setting("cork", "url");
    let url = format!("{base}/clients");
    assert_eq!(client.get(&url, "Bearer wrong").0, 401);
    for query in ["page=0", "page_size=101", "page_size=0", "show_hidden=perhaps"] {
        assert_eq!(client.get(&format!("{url}?{query}"), &key).0, 400, "{query}");
    }
    assert_eq!(client.get(&format!("{url}/unknown/devices"), &key).0, 404);
    assert_eq!(rows(&client.read(&url, &key)["items"]).len(), 10, "the vendor's default");

    let clients = pages(&client, &url, &key, "");
    assert_eq!(pages(&client, &url, &key, "&show_hidden=true").len(), clients.len() + 1);
    let (mut refused, mut devices, mut users) = (0, Decimal::ZERO, Decimal::ZERO);
    for row in &clients {
        let list = |list: &str| format!("{url}/{}/{list}", row["uuid"].as_str().unwrap());
        if client.get(&list("devices"), &key).0 == 403 {
            refused += 1;
            continue;
        }
        devices += Decimal::from(pages(&client, &list("devices"), &key, "").len());
        let first = client.read(&format!("{}?page=1&page_size=1", list("inboxes")), &key);
        users += Decimal::from(first["pagination"]["total_items"].as_u64().unwrap());
    }
    assert_eq!(refused, 1);
    assert_eq!(devices, expected_sum(&client.simulation, "Cork: Devices"));
    assert_eq!(users, expected_sum(&client.simulation, "Cork: Users"));

    let warranted = clients.iter().filter(|row| row["warranty_status"] == "warranted").count();
    let warranties = pages(&client, &format!("{base}/warranties"), &key, "");
    assert_eq!(warranties.iter().filter(|row| row["active"] == true).count(), warranted);
    assert!(warranties.len() > warranted && warranted < clients.len());
}
