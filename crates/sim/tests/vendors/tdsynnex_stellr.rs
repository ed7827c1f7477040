//! Stellr: nothing without page number and size, and each customer by itself.

use crate::common::{Client, bearer, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tallysheet_sim::Options;

fn pages(client: &Client, path: &str, token: &str) -> Vec<Value> {
    let (url, mut all) = (client.setting("tdsynnex-stellr", "url"), Vec::new());
    for page in 1.. {
        let body = client.read(&format!("{url}/api/v1/{path}?pageNo={page}&pageSize=7"), token);
        let records = rows(&body["data"]["records"]);
        if records.is_empty() {
            assert_eq!(body["data"]["total"], json!(all.len()));
            break;
        }
        all.extend(records);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_that_are_billed_add_up() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("tdsynnex-stellr", key);
    let login = |secret: &str| {
        let form =
            [("grant_type", "client_credentials"), ("client_id", setting("client_id")), ("client_secret", secret)];
        client.post_form(setting("token_url"), "", &form)
    };
    assert_eq!(login("wrong"), (401, json!({ "error": "invalid_client" })));
    let token = || bearer(login(setting("client_secret")));
    let customers = format!("{}/api/v1/cloud/customers", setting("url"));
    assert_eq!(client.get(&customers, "Bearer invented").0, 401);
    for query in ["", "?pageNo=1", "?pageSize=10"] {
        let data = &client.read(&format!("{customers}{query}"), &token())["data"];
        assert_eq!(*data, json!({ "total": 0, "records": [] }), "{query}");
    }

    let customers = pages(&client, "cloud/customers", &token());
    assert_eq!(distinct(&customers, "customerNo"), customers.len());
    let mut all = Vec::new();
    for customer in &customers {
        let path = format!("customers/{}/subscriptions", customer["customerNo"].as_str().unwrap());
        let held = pages(&client, &path, &token());
        assert_eq!(distinct(&held, "subscriptionId"), held.len());
        all.extend(held);
    }
    for product in ["NCE Office Suite Business (Annual)", "NCE Office Suite Business (Monthly)", "Meetings and Calling"]
    {
        let is_billed = |row: &&Value| {
            let status = row["status"].as_str().unwrap_or_default();
            row["productName"] == product && matches!(status, "Active" | "") && row["billingFrequency"] == "month"
        };
        let quantity = |row: &Value| {
            let text = row["quantity"].as_str().map_or_else(|| row["quantity"].to_string(), str::to_owned);
            text.parse::<Decimal>().unwrap()
        };
        let sum: Decimal = all.iter().filter(is_billed).map(quantity).sum();
        assert_eq!(sum, expected_sum(&client.simulation, &format!("Stellr: {product}")), "{product}");
    }
}
