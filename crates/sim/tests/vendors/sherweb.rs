//! Sherweb: a gateway's key, a token of one scope, one list a customer.

use crate::common::{Client, bearer, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::Value;
use tallysheet_sim::Options;

fn login(client: &Client, secret: &str, scope: &str) -> (u16, Value) {
    let setting = |key| client.setting("sherweb", key);
    let url = format!("{}/auth/oidc/connect/token", setting("url"));
    let grant = [("grant_type", "client_credentials"), ("client_id", setting("client_id"))];
    let form = [grant[0], grant[1], ("client_secret", secret), ("scope", scope)];
    client.post_form(&url, "", &form)
}

fn get(client: &Client, path: &str, token: &str, key: &str, language: &str) -> (u16, Value) {
    let url = format!("{}/service-provider/v1/{path}", client.setting("sherweb", "url"));
    let headers = [("Authorization", token), ("Ocp-Apim-Subscription-Key", key), ("Accept-Language", language)];
    client.get_with(&url, &headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn sherweb_subscriptions_add_up_by_product_in_english() {
    let client = client(Options::default()).await;
    let (secret, key) = (client.setting("sherweb", "client_secret"), client.setting("sherweb", "subscription_key"));
    assert_eq!(login(&client, "wrong", "service-provider").1["error"], "invalid_client");
    assert_eq!(login(&client, secret, "distributor").1["error"], "invalid_scope");
    let token = bearer(login(&client, secret, "service-provider"));
    assert_eq!(get(&client, "customers", &token, "wrong", "en").0, 401);
    assert_eq!(get(&client, "customers", "Bearer invented", key, "en").0, 401);
    assert_eq!(get(&client, "customers?page=1&pageSize=50", &token, key, "en").0, 500);

    let customers = rows(&get(&client, "customers", &token, key, "en").1["items"]);
    assert_eq!(distinct(&customers, "id"), customers.len());
    let (mut all, mut unknown) = (Vec::new(), 0);
    for customer in customers.iter().filter(|customer| customer["path"].as_array().unwrap().len() == 2) {
        let path = format!("billing/subscriptions/details?customerId={}", customer["id"].as_str().unwrap());
        let mut token = token.clone();
        if all.len() > 20 {
            token = bearer(login(&client, secret, "service-provider"));
        }
        match get(&client, &path, &token, key, "en") {
            (200, body) => all.extend(rows(&body["items"])),
            (404, body) => {
                assert_eq!(body["title"], "CustomerNotFound");
                unknown += 1;
            }
            answer => panic!("{answer:?}"),
        }
    }
    assert_eq!((unknown, distinct(&all, "id")), (1, all.len()));
    for name in ["Office Suite Premium", "Hosted Mail", "Voice Line"] {
        let seats: u64 =
            all.iter().filter(|row| row["productName"] == name).filter_map(|row| row["quantity"].as_u64()).sum();
        assert_eq!(Decimal::from(seats), expected_sum(&client.simulation, &format!("Sherweb: {name}")), "{name}");
    }

    let nested = customers.iter().find(|customer| customer["path"].as_array().unwrap().len() == 3).unwrap();
    let path = format!("billing/subscriptions/details?customerId={}", nested["id"].as_str().unwrap());
    let token = bearer(login(&client, secret, "service-provider"));
    assert_eq!(get(&client, &path, &token, key, "fr-CA").1["items"][0]["productName"], "Courriel hébergé");
    assert_eq!(get(&client, "billing/subscriptions/details", &token, key, "en").0, 400);
}
