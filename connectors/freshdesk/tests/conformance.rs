//! Freshdesk against the conformance suite, and its own traps.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_freshdesk as _;
use tallysheet_core::ticket::TicketForm;
use tallysheet_testkit::{Case, Company, Desk, Exchange, Part, examine, fixture, ticket_conformance};

/// What stands for the key of this run, and for the delivery, in the tags of a ticket.
const OF_RUN: &str = "tallysheet-39baf98505929d417383";
const OF_DELIVERY: &str = "tallysheet-14069429150abcbf244c";
const OF_ANOTHER_RUN: &str = "tallysheet-8d559814a8d418b8e09a";
const OF_ANOTHER_DELIVERY: &str = "tallysheet-f8d0aa9072932dc1418f";

fn list(path: &str) -> Exchange {
    Exchange::get(format!("/api/v2{path}")).query("per_page", "100")
}

fn companies(index: usize) -> Exchange {
    let call = if index == 0 { list("/companies") } else { list("/companies").query("page", &(index + 1).to_string()) };
    call.page("companies", index, "")
}

fn next(page: u32) -> String {
    format!("<{{{{url}}}}/api/v2/companies?per_page=100&page={page}>;rel=\"next\"")
}

fn search(tag: &str, page: &str) -> Exchange {
    let query = format!("\"tag:'{tag}'\"");
    Exchange::get("/api/v2/search/tickets").query("query", &query).query("page", page)
}

fn ticket(id: u64, status: u64, tags: &[&str]) -> Value {
    json!({ "id": id, "subject": "Billing Reconciliation", "status": status, "tags": tags, "spam": false })
}

/// A page of thirty that the search takes for the same, and two behind it.
fn hits_of_any_run() -> (Value, Value) {
    let alike = (100..130).map(|id| ticket(id, 2, &[OF_ANOTHER_DELIVERY]));
    let meant = [ticket(7001, 5, &[OF_RUN, OF_DELIVERY]), ticket(6001, 6, &["vip", OF_ANOTHER_RUN, OF_DELIVERY])];
    let hits = |rows: Vec<Value>| json!({ "total": 32, "results": rows });
    (hits(alike.collect()), hits(meant.to_vec()))
}

fn case() -> Case {
    let (first, second) = hits_of_any_run();
    let none = || json!({ "total": 0, "results": [] });
    let agent = json!({ "id": 7, "type": "support_agent", "contact": { "email": "Desk@northgate.example" } });
    Case {
        slug: "freshdesk",
        settings: json!({ "api_key": "planted-key", "requester": "desk@northgate.example" }),
        auth: vec![("authorization", "Basic cGxhbnRlZC1rZXk6WA==")],
        exchanges: vec![
            Exchange::get("/api/v2/agents/me")
                .check()
                .reply(json!({ "id": 32, "contact": { "email": "robin@northgate.example" } })),
            companies(0).reply(fixture!("companies-1.json")).reply_header("link", &next(2)),
            companies(1).reply(json!([])).reply_header("link", &next(3)),
            companies(2).reply(fixture!("companies-3.json")),
            Exchange::get("/api/v2/contacts").query("email", "desk@northgate.example").reply(json!([])),
            Exchange::get("/api/v2/agents").query("email", "desk@northgate.example").reply(json!([agent])),
            list("/ticket_fields").reply(fixture!("ticket-fields.json")),
            search(OF_RUN, "1")
                .reply(json!({ "total": 3, "results": [ticket(7001, 5, &[OF_RUN, OF_DELIVERY]),
                    { "id": 7000, "status": 2, "tags": [OF_RUN], "spam": true },
                    { "id": 6999, "status": 2, "tags": [OF_RUN], "deleted": true }] }))
                .nothing(none()),
            search(OF_DELIVERY, "1").reply(first).nothing(none()),
            search(OF_DELIVERY, "2").reply(second),
            list("/tickets")
                .query("requester_id", "7")
                .query("updated_since", "2026-10-31T06:00:00Z")
                .query("order_by", "created_at")
                .query("order_type", "desc")
                .reply(json!([{ "id": 7004, "status": 2, "subject": "no tags are told" },
                    ticket(7003, 2, &[OF_ANOTHER_DELIVERY]), ticket(7002, 2, &[OF_RUN, OF_DELIVERY])]))
                .nothing(json!([])),
            // Deleted since it was listed: no ticket.
            Exchange::get("/api/v2/tickets/7004").reply(ticket(7004, 2, &["vip"])).tolerates(404),
            Exchange::post("/api/v2/tickets")
                .json(json!({ "subject": "Billing Reconciliation", "requester_id": 7, "status": 6, "priority": 3,
                    "source": 3, "type": "Billing", "group_id": 156, "responder_id": 32, "product_id": 9,
                    "description": format!("{}<p>{}</p>", Desk::HTML, Desk::KEY),
                    "tags": [OF_RUN, OF_DELIVERY, "month end"] }))
                .status(201)
                .reply(json!({ "id": 7010, "subject": "Billing Reconciliation", "attachments": [] }))
                .changes(),
            list("/tickets/7010/conversations").reply(json!([
                { "id": 1, "private": true, "attachments": [{ "id": 90, "name": "billing-counts-2026-10-01.csv" }] },
                { "id": 2, "private": false, "attachments": [] }])),
            Exchange::post("/api/v2/tickets/7010/notes")
                .multipart(vec![
                    Part::text("body", "<p>The sheet.</p>"),
                    Part::text("private", "true"),
                    Part::file("attachments[]"),
                ])
                .status(201)
                .reply(json!({ "id": 3, "private": true }))
                .changes(),
            Exchange::post("/api/v2/tickets/7010/notes")
                .json(json!({ "body": Desk::HTML, "private": true }))
                .status(201)
                .reply(json!({ "id": 4, "private": true }))
                .changes(),
        ],
        account: ("127.0.0.1", None),
        companies: vec![
            Company::new("3001", "Northgate IT").domain("northgate.example"),
            Company::new("3002", "Bluefin Dental LLC").domain("bluefin.example").domain("bluefin-ortho.example"),
            Company::new("48000000000000003", "Old Mill Bakery"),
        ],
        desk: Some(Desk {
            form: TicketForm {
                company: "northgate it".into(),
                title: "Billing Reconciliation".into(),
                fields: BTreeMap::from([
                    ("status", "Waiting on Finance".to_owned()),
                    ("priority", "high".to_owned()),
                    ("source", "3".to_owned()),
                    ("type", "billing".to_owned()),
                    ("queue", "Finance".to_owned()),
                    ("assignee", "Robin Vale".to_owned()),
                ]),
                extra: BTreeMap::from([("product_id".to_owned(), json!(9)), ("tags".to_owned(), json!(["month end"]))]),
            },
            company: ("3001", "Northgate IT"),
            wrong: vec![
                ("company", vec!["Northgate IT (3001)", "Bluefin Dental LLC (3002)"]),
                ("status", vec!["Open (2), Resolved (4), Waiting on Finance (6)"]),
                ("priority", vec!["High (3), Low (1), Medium (2), Urgent (4)"]),
                ("source", vec!["Email (1), Phone (3), Portal (2)"]),
                ("type", vec!["Billing, Question"]),
                ("queue", vec!["Finance (156), Help Desk (65)"]),
                ("assignee", vec!["Robin Vale (32), Sam Oak (7)"]),
                ("board", vec!["status, priority, source, type, queue, assignee"]),
            ],
            // The search does not know the newest; what was thrown away is no ticket.
            found: vec![("7002", "7002", true), ("7001", "7001", false)],
            found_of_any_run: vec![("7002", "7002", true), ("7001", "7001", false), ("6001", "6001", true)],
            created: ("7010", "7010"),
            created_with_file: false,
            attachments: vec!["billing-counts-2026-10-01.csv"],
        }),
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    ticket_conformance(case()).await;
}

/// What is wrong where the contacts and the agents are these.
async fn with_persons(requester: &str, contacts: Value, agents: Value) -> String {
    let mut case = case();
    case.settings["requester"] = json!(requester);
    let look_up = |path: &str, reply: Value| Exchange::get(path).query("email", requester).reply(reply);
    case.exchanges[4] = look_up("/api/v2/contacts", contacts);
    case.exchanges[5] = look_up("/api/v2/agents", agents);
    examine(case).await.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn nobody_is_made_and_no_customer_asks() {
    let unknown = with_persons("typo@northgate.example", json!([]), json!([])).await;
    assert!(unknown.contains("knows no agent and no contact `typo@northgate.example`"), "{unknown}");
    // A filter that is not heeded tells somebody else.
    let other = json!([{ "id": 43, "email": "someone@bluefin.example", "company_id": 3002 }]);
    let other = with_persons("typo@northgate.example", other, json!([])).await;
    assert!(other.contains("knows no agent and no contact"), "{other}");
    let customer = json!([{ "id": 43, "email": "ann@bluefin.example", "company_id": 3002 }]);
    let customer = with_persons("ann@bluefin.example", customer, json!([])).await;
    assert!(customer.contains("belongs to another company"), "{customer}");
}
