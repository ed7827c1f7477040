//! SentinelOne's side of the wire.

use crate::common::{client, distinct, rows};
use crate::{expected_sum, sum};
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn sentinelone_sites_add_up_once_trials_and_what_is_over_are_left_out() {
    let client = client(Options::default()).await;
    let token = format!("ApiToken {}", client.setting("sentinelone", "api_token"));
    let base = format!("{}/web/api/v2.1", client.setting("sentinelone", "url"));
    let sites = format!("{base}/sites");
    let status = |query: &str| client.get(&format!("{sites}{query}"), &token).0;
    assert_eq!(client.get(&sites, &token.replace("ApiToken", "Bearer")).0, 401);
    assert_eq!(client.get(&sites, "ApiToken wrong").1["errors"][0]["code"], 4_010_010);
    for query in
        ["?limit=1001", "?limit=0", "?states=open", "?cursor=wrong", "?sortBy=owner", "?skip=1&cursor=cm93OjE="]
    {
        assert_eq!(status(query), 400, "{query}");
    }
    assert_eq!(client.post_json(&sites, &token, &serde_json::json!({})).0, 404, "a POST does not read");
    assert_eq!(rows(&client.read(&sites, &token)["data"]["sites"]).len(), 10, "the vendor's default");

    let (mut all, mut next, mut total) = (Vec::new(), Some(String::new()), 0);
    while let Some(cursor) = next {
        let page = client.read(&format!("{sites}?limit=7&states=active,expired&sortBy=id{cursor}"), &token);
        all.extend(rows(&page["data"]["sites"]));
        next = page["pagination"]["nextCursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
        total = page["pagination"]["totalItems"].as_u64().unwrap();
    }
    assert_eq!((distinct(&all, "id"), all.len() as u64), (all.len(), total));
    let everything = rows(&client.read(&format!("{sites}?limit=1000"), &token)["data"]["sites"]);
    assert_eq!(everything.len(), all.len() + 1, "a deleted site is listed unasked");

    let counts = all.iter().filter(|site| site["state"] == "active" && site["siteType"] == "Paid");
    assert_eq!(sum(counts.clone(), "activeLicenses"), expected_sum(&client.simulation, "SentinelOne: Active licenses"));
    assert!(all.len() - counts.count() >= 2);
    let accounts = client.read(&format!("{base}/accounts?states=active"), &token);
    assert_eq!(rows(&accounts["data"])[0]["id"], all[0]["accountId"]);
}
