//! Autotask: the zone, the three headers, pages by POST, refusals as 500.

use crate::common::{client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn autotask_is_found_by_its_zone_and_its_pages_want_the_same_body() {
    let client = client(Options { psa: "autotask", companies: 45, ..Options::default() }).await;
    let setting = |key| client.setting("autotask", key);
    let user = setting("username").replace('+', "%2B").replace('@', "%40");
    let zone = client.get_with(&format!("{}?user={user}", setting("zone_url")), &[]);
    assert_eq!(client.get_with(&format!("{}?user=nobody", setting("zone_url")), &[]).0, 500);
    let unescaped = format!("{}?user={}", setting("zone_url"), setting("username"));
    assert_eq!(client.get_with(&unescaped, &[]).0, 500, "a plus sign is a space");
    let url = format!("{}V1.0", zone.1["url"].as_str().unwrap());

    let headers = [
        ("ApiIntegrationCode", setting("integration_code")),
        ("UserName", setting("username")),
        ("Secret", setting("secret")),
    ];
    let all =
        json!({ "MaxRecords": 500, "IncludeFields": ["id"], "Filter": [{ "op": "gte", "field": "id", "value": 0 }] });
    let (mut companies, mut next) = (Vec::new(), Some(format!("{url}/Companies/query")));
    while let Some(url) = next {
        let (status, body) = client.post_with(&url, &headers, &all);
        assert_eq!(status, 200, "{body}");
        companies.extend(rows(&body["items"]));
        next = body["pageDetails"]["nextPageUrl"].as_str().map(str::to_owned);
    }
    // The own company, and one that left.
    assert_eq!((companies.len(), distinct(&companies, "id")), (47, 47));
    assert_eq!(companies[0]["id"], 0);

    let refused = |body: &Value| client.post_with(&format!("{url}/Companies/query"), &headers, body).0;
    assert_eq!(refused(&json!({ "MaxRecords": 501, "IncludeFields": ["id"], "Filter": all["Filter"] })), 500);
    assert_eq!(refused(&json!({ "MaxRecords": 500, "IncludeFields": ["id"], "Filter": [] })), 500);
    let (status, body) = client.post_with(&format!("{url}/Tickets"), &headers, &json!({ "companyID": 0 }));
    assert_eq!((status, body["errors"].as_array().map(Vec::len)), (500, Some(1)));
}
