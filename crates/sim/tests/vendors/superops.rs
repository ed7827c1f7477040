//! SuperOps' side of the wire.

use crate::common::{client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn superops_says_errors_with_status_200_and_nothing_of_more_on_the_last_page() {
    let client = client(Options { psa: "superops", companies: 40, ..Options::default() }).await;
    let setting = |key| client.setting("superops", key);
    let token = format!("Bearer {}", setting("api_token"));
    let headers = |token: &str, subdomain: &str, query: &str, input: &Value| {
        let body = json!({ "query": query, "variables": { "input": input } });
        let headers = [("Authorization", token), ("CustomerSubDomain", subdomain)];
        client.post_with(setting("url"), &headers, &body)
    };
    let ask = |query: &str, input: Value| headers(&token, setting("subdomain"), query, &input).1;
    let code = |answer: &Value| answer["errors"][0]["extensions"]["clientError"][0]["code"].clone();
    let list = "query($input: ListInfoInput!) { getClientList(input: $input) { clients { accountId name } listInfo { hasMore } } }";
    assert_eq!(headers("Bearer wrong", setting("subdomain"), list, &json!({ "page": 1, "pageSize": 7 })).0, 401);

    let (mut clients, mut more) = (Vec::new(), json!(true));
    for page in 1.. {
        if more != true {
            break;
        }
        let answer = ask(list, json!({ "page": page, "pageSize": 7 }))["data"]["getClientList"].clone();
        clients.extend(rows(&answer["clients"]));
        more = answer["listInfo"]["hasMore"].clone();
    }
    assert_eq!((more, clients.len(), distinct(&clients, "accountId")), (Value::Null, 42, 42));
    assert!(clients.iter().all(|client| client["accountId"].as_str().unwrap().len() == 19));
    assert_eq!(code(&ask(list, json!({ "page": 1, "pageSize": 101 }))), "value_pattern_validation_failed");
    let selected = "query($input: ListInfoInput!){getTicketList(input:$input){tickets{ticketId client{accountId}}}}";
    assert_eq!(ask(selected, json!({ "page": 1, "pageSize": 1 }))["errors"][0]["message"], "SubSelectionNotAllowed");

    let make = "mutation($input: CreateTicketInput!){createTicket(input:$input){ticketId displayId}}";
    let good = json!({ "subject": "Counts", "description": "<p>7</p>", "source": "INTEGRATION", "status": "New",
        "client": { "accountId": clients[0]["accountId"] } });
    for (field, value, wanted) in [
        ("subject", json!(""), "mandatory_validation_failed"),
        ("status", Value::Null, "mandatory_validation_failed"),
        ("status", json!("Open"), "referred_value_does_not_exist"),
        ("source", json!("API"), "type_validation_failed"),
        ("client", json!({ "accountId": "1" }), "referred_value_does_not_exist"),
        ("descriptionAttachments", json!([{ "fileName": "x" }]), "referred_value_does_not_exist"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        assert_eq!(code(&ask(make, body)), wanted, "{field}");
    }
    assert!(client.simulation.desk().tickets().is_empty());
    assert_eq!(ask(make, good)["data"]["createTicket"]["displayId"], "261101-0001");
}
