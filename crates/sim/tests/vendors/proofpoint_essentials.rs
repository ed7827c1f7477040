//! Proofpoint Essentials: two headers, one answer, a reseller's customers apart.

use crate::common::{Client, client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::Value;
use tallysheet_sim::Options;

fn get(client: &Client, path: &str, password: &str) -> (u16, Value) {
    let setting = |key| client.setting("proofpoint-essentials", key);
    let headers = [("X-User", setting("username")), ("X-Password", password)];
    client.get_with(&format!("{}{path}", setting("url")), &headers)
}

fn yes(flag: &Value) -> bool {
    ["true", "1"].contains(&flag.to_string().trim_matches('"').to_lowercase().as_str())
}

fn number(number: &Value) -> Decimal {
    number.to_string().trim_matches('"').parse().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn proofpoint_tells_all_in_one_answer_and_a_resellers_customers_apart() {
    let client = client(Options { companies: 60, ..Options::default() }).await;
    let password = client.setting("proofpoint-essentials", "password");
    let partner = client.setting("proofpoint-essentials", "partner");
    let own = format!("/orgs/{partner}/orgs");
    assert_eq!(get(&client, &own, "wrong").0, 401);
    assert_eq!(get(&client, &format!("{own}?page=2"), password).0, 400);
    assert_eq!(get(&client, "/orgs/elsewhere.example/orgs", password).0, 404);
    assert_eq!(get(&client, "/me", password).1["type"], "channel_admin");

    let orgs = rows(&get(&client, &own, password).1["orgs"]);
    assert_eq!(distinct(&orgs, "eid"), orgs.len());
    let (customers, partners): (Vec<_>, Vec<_>) = orgs.into_iter().partition(|org| org["type"] == "organization");
    let billed: Vec<&Value> = customers
        .iter()
        .filter(|org| yes(&org["is_active"]) && !yes(&org["is_on_trial"]) && !yes(&org["on_trial"]))
        .collect();
    assert!(billed.len() < customers.len(), "some are on trial, or not active");
    for (key, older, column) in
        [("active_users", "active_users", "Active users"), ("user_licenses", "user_licences", "Licenses")]
    {
        let told: Decimal = billed.iter().map(|org| number(org.get(key).unwrap_or(&org[older]))).sum();
        assert_eq!(told, expected_sum(&client.simulation, &format!("Proofpoint: {column}")), "{column}");
    }

    let [reseller] = &partners[..] else { panic!("{partners:?}") };
    let domain = reseller["primary_domain"].as_str().unwrap();
    let theirs = rows(&get(&client, &format!("/orgs/{domain}/orgs"), password).1["orgs"]);
    assert!(!theirs.is_empty() && theirs.iter().all(|org| !customers.iter().any(|own| own["eid"] == org["eid"])));
}
