//! Freshdesk's side of the wire.

use super::basic;
use crate::common::{client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn freshdesk_refuses_what_it_does_not_know_and_its_search_learns_late() {
    let client = client(Options { psa: "freshdesk", companies: 40, ..Options::default() }).await;
    let api = |path: &str| format!("{}/api/v2{path}", client.setting("freshdesk", "url"));
    let key = basic(client.setting("freshdesk", "api_key"), "X");
    assert_eq!(client.get(&api("/agents/me"), &basic("wrong", "X")).0, 401);
    assert_eq!(client.get(&api("/agents"), &key).0, 403, "the agent is no administrator");
    assert_eq!(client.get(&api("/companies?per_page=101"), &key).0, 400);
    assert_eq!(rows(&client.read(&api("/companies"), &key)).len(), 30, "the vendor's default");
    let mut companies = Vec::new();
    for page in 1..=7 {
        companies.extend(rows(&client.read(&api(&format!("/companies?per_page=7&page={page}")), &key)));
    }
    assert_eq!((companies.len(), distinct(&companies, "id")), (42, 42));

    let known = |email: &str| rows(&client.read(&api(&format!("/contacts?email={email}")), &key));
    let contact = known("billing@example-msp.example").swap_remove(0);
    assert!(known(client.setting("freshdesk", "requester")).is_empty(), "an agent is no contact");
    let good = json!({ "subject": "Counts", "description": "<p>7</p>", "status": 2, "priority": 1, "source": 2,
        "requester_id": contact["id"], "tags": ["tallysheet-1"] });
    let make = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        let (status, answer) = client.post_json(&api("/tickets"), &key, &body);
        (status, answer["errors"][0]["field"].clone(), answer["errors"][0]["code"].clone())
    };
    for (field, value, code) in [
        ("company_id", json!(2), "inaccessible_field"),
        ("colour", json!("red"), "invalid_field"),
        ("requester_id", json!(1), "invalid_value"),
        ("subject", json!(""), "missing_field"),
        ("status", json!(77), "invalid_value"),
        ("tags", json!(["a tag of more than thirty-two characters"]), "invalid_value"),
    ] {
        assert_eq!(make(field, value), (400, json!(field), json!(code)));
    }
    assert!(client.simulation.desk().tickets().is_empty());

    assert_eq!(make("priority", json!(1)).0, 201);
    let found = || client.read(&api("/search/tickets?query=%22tag:%27tallysheet-1%27%22"), &key)["total"].clone();
    let listed = rows(&client.read(&api("/tickets"), &key));
    assert_eq!((found(), listed.len()), (json!(0), 1), "a list knows at once, the search does not");
    assert_eq!(make("priority", json!(4)).0, 201);
    assert_eq!(found(), 1);
    assert_eq!(client.get(&api("/search/tickets?query=subject"), &key).0, 400, "a subject cannot be searched for");
}
