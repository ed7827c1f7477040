//! StreamOne Ion: a refresh token that is good for one use, and two ways of paging.

use crate::common::{Client, bearer, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tallysheet_sim::Options;

fn exchange(client: &Client, refresh_token: &str) -> (u16, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    let url = format!("{}/oauth/token", client.setting("tdsynnex-streamone-ion", "url"));
    client.post_form(&url, "", &form)
}

#[tokio::test(flavor = "multi_thread")]
async fn licences_that_are_billed_add_up() {
    let client = client(Options { companies: 90, ..Options::default() }).await;
    let setting = |key| client.setting("tdsynnex-streamone-ion", key);
    let spent = (400, json!({ "error": "cannot validate token: redis: nil" }));
    assert_eq!(exchange(&client, "invented"), spent);
    let first = exchange(&client, setting("refresh_token"));
    assert_eq!(exchange(&client, setting("refresh_token")), spent, "it is good for one use");
    let second = exchange(&client, first.1["refresh_token"].as_str().unwrap());
    let token = bearer(second);

    let account = format!("{}/api/v3/accounts/{}", setting("url"), setting("account_id"));
    let list = |query: &str| client.get(&format!("{account}/{query}"), &token);
    assert_eq!(client.get(&format!("{account}/customers?pageSize=5"), "Bearer invented").0, 401);
    assert_eq!(list("customers").0, 400, "a page size must be asked for");
    let stranger = format!("{}/api/v3/accounts/70002/customers?pageSize=5", setting("url"));
    assert_eq!(client.get(&stranger, &token).1["error"], "PERMISSION_DENIED");

    let (mut customers, mut next) = (Vec::new(), String::new());
    loop {
        let more = if next.is_empty() { String::new() } else { format!("&pageToken={}", next.replace('=', "%3D")) };
        let body = list(&format!("customers?pageSize=1000{more}")).1;
        customers.extend(rows(&body["customers"]));
        body["nextPageToken"].as_str().unwrap().clone_into(&mut next);
        if next.is_empty() {
            break;
        }
    }
    assert!(customers.len() > 60, "one page tests no paging");
    assert_eq!(distinct(&customers, "name"), customers.len());

    let mut all = Vec::new();
    loop {
        let body = list(&format!("subscriptions?pagination.offset={}", all.len())).1;
        let page = rows(&body["items"]);
        if page.is_empty() {
            assert_eq!(body["paginationResponse"]["totalSize"], json!(all.len()));
            break;
        }
        all.extend(page);
    }
    assert_eq!(distinct(&all, "id"), all.len());
    for product in ["Office Suite Business [Licenses]", "Office Suite Frontline [Licenses]", "Endpoint Defence [Users]"]
    {
        let is_billed = |row: &&Value| {
            let name = format!(
                "{} [{}]",
                row["ccpProductInfo"]["skuDisplayName"].as_str().unwrap(),
                row["unitType"].as_str().unwrap()
            );
            let status = row["subscriptionStatus"].as_str().unwrap().to_lowercase();
            name == product
                && matches!(status.as_str(), "active" | "suspended")
                && row["isTrial"] == false
                && row["subscriptionBillingCycle"] == "monthly"
                && row["resourceType"] == "AZURE::Subscription"
                && row["resellerId"] == setting("account_id")
        };
        let quantity = |row: &Value| row["subscriptionTotalLicenses"].as_str().unwrap().parse::<Decimal>().unwrap();
        let sum: Decimal = all.iter().filter(is_billed).map(quantity).sum();
        assert_eq!(sum, expected_sum(&client.simulation, &format!("StreamOne ION: {product}")), "{product}");
    }
}
