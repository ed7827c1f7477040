//! Dropsuite: both tokens, short pages, and rows that add up plan by plan.

use crate::common::{client, distinct, rows};
use crate::expected_sum;
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn plans_add_up_once_log_ins_are_one_and_who_left_is_left_out() {
    let client = client(Options { companies: 90, ..Options::default() }).await;
    let setting = |key| client.setting("dropsuite", key);
    let url = format!("{}/users", setting("url"));
    let (reseller, access) =
        (("X-Reseller-Token", setting("reseller_token")), ("X-Access-Token", setting("access_token")));
    let read = |query: &str| {
        let (status, body) = client.get_with(&format!("{url}{query}"), &[reseller, access]);
        assert_eq!(status, 200, "{body}");
        rows(&body)
    };
    let mut all: Vec<Value> = Vec::new();
    for page in 1.. {
        let more = read(&format!("?page={page}&per_page=100"));
        if more.is_empty() {
            break;
        }
        assert!(more.len() <= 25, "the server's own limit");
        all.extend(more);
    }
    assert!(all.len() > 50 && distinct(&all, "id") == all.len());

    let one = all[0]["id"].as_str().unwrap();
    assert_eq!(client.get_with(&format!("{url}/{one}"), &[reseller, access]).1, all[0]);
    let plans = rows(&client.get_with(&url.replace("/users", "/plans"), &[reseller, access]).1);
    assert!(all.iter().all(|row| plans.iter().any(|plan| plan["id"] == row["plan_id"])));

    let mut deactivated = 0;
    let mut seats: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
    for row in &all {
        if row["customer_deactivated"] == true {
            deactivated += 1;
            continue;
        }
        let told = ["active_seats", "seats_used", "paid_shared_mailboxes"].map(|key| row[key].as_u64().unwrap());
        let plan = seats.entry((row["organization_id"].to_string(), row["plan_id"].to_string())).or_default();
        *plan = std::array::from_fn(|place| plan[place].max(told[place]));
    }
    assert_eq!((deactivated, seats.len()), (1, all.len() - 2), "one log-in is the second of its plan");
    for (place, column) in ["Active seats", "Used seats", "Paid shared mailboxes"].into_iter().enumerate() {
        let sum: Decimal = seats.values().map(|plan| Decimal::from(plan[place])).sum();
        assert_eq!(sum, expected_sum(&client.simulation, &format!("Dropsuite: {column}")), "{column}");
    }

    let customers = all[0]["authentication_token"].as_str().unwrap();
    for headers in [vec![reseller], vec![access], vec![reseller, ("X-Access-Token", customers)], vec![]] {
        assert_eq!(client.get_with(&url, &headers).0, 401, "{headers:?}");
    }
    assert_eq!(client.get_with(&format!("{url}?page=0"), &[reseller, access]).0, 400);
    assert_eq!(client.get_with(&format!("{url}/none"), &[reseller, access]).0, 404);
}
