//! HaloPSA's side of the wire.

use crate::common::{Client, bearer, client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::{LineKind, Options, WriteFault};

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

#[tokio::test(flavor = "multi_thread")]
async fn recurring_invoices_have_lines_each_for_itself() {
    let client = client(Options { psa: "halopsa", companies: 40, ..Options::default() }).await;
    let (url, secret) = (client.setting("halopsa", "url"), client.setting("halopsa", "client_secret"));
    let list = format!("{url}/RecurringInvoice");
    let other = bearer(token(&client, "examplemsp", secret, "read:tickets"));
    assert_eq!(client.get(&list, &other).0, 403);
    let token = bearer(token(&client, "examplemsp", secret, "read:invoices"));
    assert_eq!(rows(&client.read(&list, &token)["invoices"]).len(), 50, "the vendor's default");
    let (mut all, mut page) = (Vec::new(), 1);
    let total = loop {
        let query = format!("pageinate=true&page_size=30&page_no={page}&includelines=true");
        let answer = client.read(&format!("{list}?{query}"), &token);
        if rows(&answer["invoices"]).is_empty() {
            break answer["record_count"].as_u64().unwrap();
        }
        all.extend(rows(&answer["invoices"]));
        page += 1;
    };
    assert_eq!((all.len() as u64, distinct(&all, "id") as u64), (total, total));
    assert!(all.iter().all(|row| row["id"].as_i64().unwrap() < 0 && row["lines"].is_null()));
    assert!(all.iter().any(|row| row["disabled"] == true));

    let (mut lines, mut foreign, mut setups) = (0, 0, 0);
    let bills = client.simulation.bills().lines();
    for header in &all {
        let one = format!("{list}/{}?includedetails=true", header["id"]);
        for line in rows(&client.read(&one, &token)["lines"]) {
            assert_eq!(line["ihid"], header["id"]);
            let Some(truth) = bills.iter().find(|truth| line["id"] == truth.id) else {
                setups += usize::from(line["onetimecharge"] == true);
                continue;
            };
            lines += 1;
            assert_eq!(line["qty_order"].as_f64(), Some(truth.quantity.into()));
            let automated = truth.kind == LineKind::Automated;
            assert_eq!(line["recurring_invoice_quantity_type"] != 0, automated);
            foreign += usize::from(line["original_client_id"] != 0);
            let owner =
                if line["original_client_id"] == 0 { &header["client_id"] } else { &line["original_client_id"] };
            assert_eq!(*owner, truth.company);
        }
    }
    assert_eq!(lines, bills.len());
    assert!(foreign > 0 && setups > 0, "{foreign} {setups}");
    assert!(client.read(&format!("{list}/{}", all[0]["id"]), &token)["lines"].is_null(), "nothing of it was asked for");
    assert_eq!(client.get(&format!("{list}/-4"), &token).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_changed_by_its_id_and_that_of_its_invoice() {
    let client = client(Options { psa: "halopsa", ..Options::default() }).await;
    let (url, secret) = (client.setting("halopsa", "url"), client.setting("halopsa", "client_secret"));
    let line = client.simulation.bills().lines().swap_remove(0);
    let (update, ihid) = (format!("{url}/RecurringInvoice/updatelines"), -i64::from(line.agreement));
    let body = json!([{ "id": line.id, "ihid": ihid, "qty_order": line.quantity + 2 }]);
    let reader = bearer(token(&client, "examplemsp", secret, "read:invoices"));
    assert_eq!(client.post_json(&update, &reader, &body).0, 403);

    let token = bearer(token(&client, "examplemsp", secret, "read:invoices edit:invoices"));
    let post = |body: &Value| client.post_json(&update, &token, body);
    for (key, wrong) in [("id", json!(1)), ("ihid", json!(-ihid)), ("qty_order", json!("7")), ("qty_order", json!(-1))]
    {
        let mut body = body.clone();
        body[0][key] = wrong;
        assert_eq!(post(&body).0, 400, "{key}");
    }
    assert_eq!(post(&body[0]).0, 400, "no list");
    client.simulation.bills().fail(Some(WriteFault::NoRight));
    assert_eq!(post(&body).0, 403);
    assert!(client.simulation.bills().writes().is_empty());
    client.simulation.bills().fail(Some(WriteFault::AnswerLost));
    assert_eq!(post(&body).0, 503);
    client.simulation.bills().fail(None);
    let written = [(line.id, line.quantity, line.quantity + 2)];
    assert_eq!(client.simulation.bills().writes(), written);
    let (status, changed) = post(&body);
    assert_eq!((status, changed["qty_order"].as_f64()), (200, Some((line.quantity + 2).into())));
}
