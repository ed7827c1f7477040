//! IT Glue's side of the wire.

use crate::common::{Client, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tallysheet_sim::Options;

fn pages(client: &Client, path: &str) -> Vec<Value> {
    let (url, key) = (client.setting("itglue", "url"), client.setting("itglue", "api_key"));
    let (mut all, mut next) = (Vec::new(), json!(1));
    while !next.is_null() {
        let page = format!("{url}/{path}?page[number]={next}&page[size]=70&sort=id");
        let (status, body) = client.get_with(&page, &[("x-api-key", key)]);
        assert_eq!(status, 200, "{body}");
        all.extend(rows(&body["data"]));
        next = body["meta"]["next-page"].clone();
        assert!(!next.is_null() || body["meta"]["total-count"] == json!(all.len()));
    }
    assert_eq!(distinct(&all, "id"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn myglue_users_add_up_without_the_msps_own_and_its_staff() {
    let client = client(Options::default()).await;
    let url = format!("{}/organizations", client.setting("itglue", "url"));
    let key = [("x-api-key", client.setting("itglue", "api_key"))];
    assert_eq!(client.get_with(&url, &[("x-api-key", "wrong")]).0, 401);
    for wrong in ["page[size]=1001", "page[number]=0", "sort=colour", "filter[primary]=False", "page=2"] {
        assert_eq!(client.get_with(&format!("{url}?{wrong}"), &key).0, 422, "{wrong}");
    }
    assert_eq!(client.get_with(&format!("{url}/1"), &key).0, 404);
    let own = rows(&client.get_with(&format!("{url}?filter[primary]=true"), &key).1["data"]);
    assert_eq!(own.len(), 1);

    let (organizations, users) = (pages(&client, "organizations"), pages(&client, "users"));
    assert!(users.len() > 140, "two pages test no paging");
    let account = |row: &Value| match &row["attributes"]["my-glue-account-id"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        number => Some(number.to_string()),
    };
    let accounts: Vec<String> = organizations.iter().filter_map(account).collect();
    assert_eq!(accounts.iter().collect::<BTreeSet<_>>().len(), accounts.len() - 1, "two organizations share one");
    assert!(accounts.len() < organizations.len());
    let mine = users.iter().filter(|user| user["attributes"]["my-glue"] == true && account(user) != account(&own[0]));
    assert_eq!(Decimal::from(mine.count()), expected_sum(&client.simulation, "MyGlue: Users"));
}
