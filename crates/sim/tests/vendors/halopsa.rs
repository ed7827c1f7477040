//! HaloPSA's side of the wire.

use crate::common::{Client, bearer, client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::Options;

fn token(client: &Client, tenant: &str, secret: &str, scope: &str) -> (u16, Value) {
    let url = client.setting("halopsa", "url");
    let info = client.read(&format!("{url}/authinfo"), "");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client.setting("halopsa", "client_id")),
        ("client_secret", secret),
        ("scope", scope),
    ];
    client.post_form(&format!("{}/token?tenant={tenant}", info["auth_url"].as_str().unwrap()), "", &form)
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_a_tenant_and_scopes_and_clients_pages() {
    let client = client(Options { psa: "halopsa", companies: 130, ..Options::default() }).await;
    let (url, secret) = (client.setting("halopsa", "url"), client.setting("halopsa", "client_secret"));
    assert_eq!(token(&client, "examplemsp", "wrong", "read:tickets").1["error"], "invalid_client");
    assert_eq!(token(&client, "examplemsp", secret, "all").1["error"], "invalid_scope");
    assert_eq!(token(&client, "other", secret, "read:tickets").1["error"], "invalid_request");
    let tickets_only = bearer(token(&client, "examplemsp", secret, "read:tickets"));
    assert_eq!(client.get(&format!("{url}/Client"), &tickets_only).0, 403);
    assert_eq!(client.post_json(&format!("{url}/Tickets"), &tickets_only, &json!([{}])).0, 403);

    let token = bearer(token(&client, "examplemsp", secret, "read:customers edit:tickets"));
    assert_eq!(client.get(&format!("{url}/Client"), "Bearer invented").0, 401);
    assert_eq!(rows(&client.read(&format!("{url}/Client"), &token)["clients"]).len(), 50, "the vendor's default");
    let mut all = Vec::new();
    for page in 1..=2 {
        let query = format!("pageinate=true&page_size=100&page_no={page}&includeinactive=true");
        let answer = client.read(&format!("{url}/Client?{query}"), &token);
        assert_eq!(answer["record_count"], 132, "the customers, the MSP's own, and one that left");
        all.extend(rows(&answer["clients"]));
    }
    assert_eq!((all.len(), distinct(&all, "id")), (132, 132));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_is_a_list_and_what_is_wrong_is_refused() {
    let client = client(Options { psa: "halopsa", ..Options::default() }).await;
    let (url, secret) = (client.setting("halopsa", "url"), client.setting("halopsa", "client_secret"));
    let token = bearer(token(&client, "examplemsp", secret, "read:tickets edit:tickets"));
    let post = |path: &str, body: &Value| client.post_json(&format!("{url}/{path}"), &token, body);
    let good = json!({ "summary": "S", "details_html": "<p>tallysheet:r:d</p>", "client_id": 2, "tickettype_id": 33,
        "usertype": 1, "userlookup": { "id": -1 }, "third_party_id_string": "tallysheet:r:d" });
    let but = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        json!([body])
    };
    assert_eq!(post("Tickets", &good).0, 400);
    for (key, wrong) in [
        ("summary", json!("")),
        ("client_id", json!(5)),
        ("tickettype_id", json!(null)),
        ("usertype", json!(null)),
        ("team", json!("Sales")),
        ("status_id", json!(77)),
    ] {
        assert_eq!(post("Tickets", &but(key, wrong)).0, 400, "{key}");
    }
    assert!(client.simulation.desk().tickets().is_empty());
    let (status, made) = post("Tickets", &json!([good]));
    assert_eq!((status, &made["id"]), (201, &json!(2000)));

    let found = client.read(&format!("{url}/Tickets?client_id=2&count=1000&open_only=true"), &token);
    assert_eq!(found["record_count"], 1);
    let told = client.read(&format!("{url}/Tickets/2000?includedetails=true"), &token);
    assert_eq!(told["third_party_id_string"], "tallysheet:r:d");
    assert_eq!(client.get(&format!("{url}/Tickets?startdate=soon"), &token).0, 400);

    let file = json!([{ "ticket_id": 2000, "filename": "a.csv", "data_base64": "QQ==", "showforusers": false }]);
    assert_eq!(post("Attachment", &file).0, 201);
    assert_eq!(post("Attachment", &json!([{ "ticket_id": 2000, "filename": "b.csv", "data_base64": "QQ==" }])).0, 400);
    let note = json!([{ "ticket_id": 2000, "outcome_id": 7, "note_html": "N", "hiddenfromuser": true }]);
    assert_eq!(post("Actions", &note).0, 201);
    assert_eq!(post("Actions", &json!([{ "ticket_id": 2000, "note_html": "N" }])).0, 400);
    let ticket = client.simulation.desk().tickets().remove(0);
    assert_eq!(
        (ticket.files, ticket.notes),
        (vec![("a.csv".to_owned(), b"A".to_vec())], vec![("N".to_owned(), false)])
    );
}
