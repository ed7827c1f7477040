//! Kaseya BMS's side of the wire.

use crate::common::{Client, client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::Options;

fn log_in(client: &Client, tenant: &str) -> Value {
    let setting = |key| client.setting("kaseya-bms", key);
    let form = [
        ("GrantType", "password"),
        ("UserName", setting("username")),
        ("Password", setting("password")),
        ("Tenant", tenant),
    ];
    let (status, answer) = client.post_form(&format!("{}/v2/security/authenticate", setting("url")), "", &form);
    assert_eq!(status, 200, "a refusal, too");
    answer
}

fn token(client: &Client) -> String {
    let answer = log_in(client, client.setting("kaseya-bms", "tenant"));
    format!("Bearer {}", answer["result"]["accessToken"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_names_its_tenant_and_accounts_come_in_pages() {
    let client = client(Options { psa: "kaseya-bms", companies: 130, ..Options::default() }).await;
    assert_eq!(log_in(&client, "Other")["success"], false);
    let (token, url) = (token(&client), format!("{}/v2/crm/accounts/summary", client.setting("kaseya-bms", "url")));
    assert_eq!(client.get(&url, "Bearer invented").0, 401);
    assert_eq!(client.read(&format!("{url}?PageSize=101"), &token)["success"], false);
    let mut all = Vec::new();
    for page in 1..=2 {
        let answer = client.read(&format!("{url}?PageSize=100&PageNumber={page}"), &token);
        assert_eq!(answer["totalRecords"], 132, "the customers, the MSP's own, and one that left");
        all.extend(rows(&answer["result"]));
    }
    assert_eq!((all.len(), distinct(&all, "id")), (132, 132));
    assert_eq!(client.read(&format!("{url}?Filter.IsActive=true"), &token)["totalRecords"], 131);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_refused_with_status_200() {
    let client = client(Options { psa: "kaseya-bms", ..Options::default() }).await;
    let (token, url) = (token(&client), format!("{}/v2/servicedesk/tickets", client.setting("kaseya-bms", "url")));
    let post = |path: &str, body: &Value| client.post_json(&format!("{url}{path}"), &token, body).1;
    let good = json!({ "Title": "T", "Details": "D", "AccountId": 2, "LocationId": 500_002, "StatusId": 1,
        "PriorityId": 3, "TypeId": 2, "SourceId": 4, "QueueId": 9, "OpenDate": "2026-11-22T12:00:00Z" });
    for key in good.as_object().unwrap().keys() {
        let mut body = good.clone();
        body[key] = Value::Null;
        assert_eq!(post("", &body)["success"], false, "{key}");
    }
    let mut elsewhere = good.clone();
    elsewhere["LocationId"] = json!(529_000);
    assert_eq!(post("", &elsewhere)["success"], false, "another account's location");
    assert!(client.simulation.desk().tickets().is_empty());

    let made = post("", &good);
    assert_eq!((&made["result"]["id"], &made["result"]["ticketNumber"]), (&json!(7000), &json!("1")));
    let found = client.read(&format!("{url}?Filter.AccountIds=2&Filter.CreatedOnFrom=2026-11-01T00:00:00Z"), &token);
    assert_eq!((&found["totalRecords"], &found["result"][0]["details"]), (&json!(1), &json!("D")));
    assert_eq!(client.read(&format!("{url}?Filter.CreatedOnFrom=soon"), &token)["success"], false);

    let note = json!({ "Details": "N", "IsInternal": true, "TypeId": 7, "NoteDate": "2026-11-22T12:00:00Z" });
    assert_eq!(post("/7000/notes", &note)["success"], true);
    assert_eq!(post("/7000/notes", &json!({ "Details": "N", "IsInternal": true }))["success"], false);
    assert_eq!(client.simulation.desk().tickets()[0].notes, [("N".to_owned(), false)]);
}
