//! HaloPSA against the conformance suite, and its own traps.

mod books;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_halopsa as _;
use tallysheet_core::ticket::TicketForm;
use tallysheet_testkit::{Case, Company, Desk, Exchange, examine, fixture, ticket_conformance};

/// A token for each sort of work.
const SCOPES: [&str; 3] = ["read:customers read:tickets edit:tickets", "read:invoices", "read:invoices edit:invoices"];

fn token(path: &str, scope: &str) -> Exchange {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "0c0c0c0c"),
        ("client_secret", "planted-secret"),
        ("scope", scope),
    ];
    Exchange::post(path)
        .form(&form)
        .token()
        .reply(json!({ "access_token": "planted-token-{{n}}", "token_type": "Bearer", "expires_in": 3600 }))
}

fn clients(index: usize, page: &str, reply: Value) -> Exchange {
    Exchange::get("/Client")
        .query("includeinactive", "true")
        .query("includeactive", "true")
        .query("pageinate", "true")
        .query("page_size", "100")
        .query("order", "id")
        .query("page_no", page)
        .page("clients", index, "/clients")
        .total_at("/record_count")
        .reply(reply)
}

fn tickets(since: &str, open: bool) -> Exchange {
    let call = Exchange::get("/Tickets")
        .query("client_id", "3")
        .query("datesearch", "dateoccured")
        .query("startdate", since)
        .query("enddate", "2026-11-03")
        .query("count", "1000")
        .query("order", "id")
        .query("orderdesc", "true");
    let call = if open { call.query("open_only", "true") } else { call };
    call.total_at("/record_count").reply(fixture!("tickets.json")).nothing(json!({ "record_count": 0, "tickets": [] }))
}

/// The case, after the exchanges that tell where tokens are issued and issue them.
fn case(settings: &Value, tokens: Vec<Exchange>) -> Case {
    let mut own = json!({ "client_id": "0c0c0c0c", "client_secret": "planted-secret" });
    for (key, value) in settings.as_object().into_iter().flatten() {
        own[key] = value.clone();
    }
    let others = vec![
        Exchange::get("/Client")
            .query("pageinate", "true")
            .query("page_size", "1")
            .query("page_no", "1")
            .check()
            .reply(json!({ "record_count": 5, "clients": [{ "id": 1, "name": "Unknown" }] })),
        clients(0, "1", fixture!("clients-1.json")),
        clients(1, "2", fixture!("clients-2.json")),
        clients(2, "3", fixture!("clients-3.json")),
        Exchange::get("/TicketType")
            .query("showall", "true")
            .reply(json!([{ "id": 1, "name": "Incident" }, { "id": 33, "name": "Billing" }])),
        // Not all versions send a bare list.
        Exchange::get("/Status").reply(json!({ "record_count": 2, "statuses": [
            { "id": 1, "name": "New" }, { "id": 9, "name": "Closed" }] })),
        Exchange::get("/Priority").reply(json!([
            { "id": "0a", "slaid": 1, "priorityid": 4, "name": "Low" },
            { "id": "0b", "slaid": 1, "priorityid": 1, "name": "Critical" },
            { "id": "0c", "slaid": 2, "priorityid": 4, "name": "Low" }])),
        Exchange::get("/Team").reply(json!([{ "id": 2, "name": "Finance" }, { "id": 1, "name": "1st Line" }])),
        tickets("2026-10-31", false),
        tickets("2025-09-27", true),
        // The list tells nothing of what this one carries.
        Exchange::get("/Tickets/4714").query("includedetails", "true").tolerates(404).reply(json!({ "id": 4714,
            "summary": "Renamed", "third_party_id_string": "", "hasbeenclosed": false,
            "details": "<pre>Companies: 3</pre><p>tallysheet:20261101T060000Z-4f2a:ticket</p>" })),
        Exchange::post("/Tickets")
            .json(json!([{ "summary": "Billing Reconciliation", "client_id": 3, "tickettype_id": 33, "status_id": 1,
                "priority_id": 4, "team": "Finance", "category_1": "Billing", "third_party_id_string": Desk::KEY,
                "details_html": format!("{}<p>{}</p>", Desk::HTML, Desk::KEY), "donotapplytemplateintheapi": true,
                "site_id": null, "usertype": 1,
                "userlookup": { "id": -1, "lookupdisplay": "Enter Details Manually" } }]))
            .reply(json!({ "id": 4711, "summary": "Billing Reconciliation", "_warning": "" }))
            .changes(),
        Exchange::get("/Attachment").query("ticket_id", "4711").total_at("/record_count").reply(json!({
            "record_count": 1, "attachments": [
                { "id": 90, "filename": "billing-counts-2026-10-01.csv", "filesize": 2210 }] })),
        Exchange::post("/Attachment")
            .json(json!([{ "ticket_id": 4711, "filename": Desk::FILE_NAME, "showforusers": false,
                "data_base64": "Q29tcGFueSxEZXZpY2VzDQpwbGFudGVkLWN1c3RvbWVyLDMNCg==" }]))
            .status(201)
            .reply(json!([{ "id": 91, "filename": Desk::FILE_NAME }]))
            .changes(),
        Exchange::post("/Actions")
            .json(json!([{ "ticket_id": 4711, "outcome_id": 7, "note_html": Desk::HTML, "hiddenfromuser": true,
                "sendemail": false }]))
            .status(201)
            .reply(json!({ "id": 3, "ticket_id": 4711 }))
            .changes(),
    ];
    Case {
        slug: "halopsa",
        settings: own,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: tokens.into_iter().chain(others).collect(),
        account: ("127.0.0.1", None),
        companies: vec![
            Company::new("3", "Northgate IT").domain("northgate.example"),
            Company::new("12", "Bluefin Dental").domain("bluefin-mail.example").domain("bluefin.example"),
            Company::new("15", "Harbour Optics"),
            Company::new("1", "Unknown").inactive(),
            Company::new("14", "Old Mill Bakery").inactive(),
        ],
        desk: Some(Desk {
            form: TicketForm {
                company: "northgate it".into(),
                title: "Billing Reconciliation".into(),
                fields: BTreeMap::from([
                    ("type", "billing".to_owned()),
                    ("status", "New".to_owned()),
                    ("priority", "Low".to_owned()),
                    ("queue", "2".to_owned()),
                ]),
                extra: BTreeMap::from([("category_1".to_owned(), json!("Billing"))]),
            },
            company: ("3", "Northgate IT"),
            wrong: vec![
                // Not who is no customer any more.
                ("company", vec!["there are Bluefin Dental (12), Harbour Optics (15), Northgate IT (3), Unknown (1)"]),
                ("type", vec!["there are Billing (33), Incident (1)"]),
                ("status", vec!["there are Closed (9), New (1)"]),
                // Each once, though each service level has its own.
                ("priority", vec!["there are Critical (1), Low (4)"]),
                ("queue", vec!["there are 1st Line (1), Finance (2)"]),
                ("board", vec!["type, status, priority, queue"]),
            ],
            // By its own field, by the line in its body, by its body asked for alone; neither another run's nor another delivery's.
            found: vec![("4714", "4714", true), ("4712", "4712", true), ("4711", "4711", false)],
            found_of_any_run: vec![
                ("4714", "4714", true),
                ("4713", "4713", true),
                ("4712", "4712", true),
                ("4711", "4711", false),
            ],
            created: ("4711", "4711"),
            created_with_file: false,
            attachments: vec!["billing-counts-2026-10-01.csv"],
        }),
        ..Case::default()
    }
}

/// Where only the ways to a token differ.
fn without_ledger(case: Case) -> Case {
    Case { skips: vec![("billed", "the first test has all that is billed")], ..case }
}

#[tokio::test]
async fn conforms() {
    let says_where = Exchange::get("/authinfo")
        .token()
        .tolerates(404)
        .reply(json!({ "auth_url": "{{url}}/login", "tenant_id": "northgate" }));
    let tokens = SCOPES.map(|scope| token("/login/token", scope).query("tenant", "northgate"));
    let mut case = case(&json!({}), [says_where].into_iter().chain(tokens).collect());
    case.exchanges.extend(books::exchanges());
    case.ledger = Some(books::ledger());
    ticket_conformance(case).await;
}

#[tokio::test]
async fn conforms_where_nothing_says_where_tokens_are_issued() {
    let says_nothing = Exchange::get("/authinfo").token().status(404).tolerates(404).reply(json!({}));
    let settings = json!({ "tenant": "north gate", "scope": "all" });
    let tokens = vec![says_nothing, token("/auth/token", "all").query("tenant", "north gate")];
    ticket_conformance(without_ledger(case(&settings, tokens))).await;
}

#[tokio::test]
async fn conforms_where_the_user_says_where_tokens_are_issued() {
    let settings = json!({ "token_url": "{{url}}/own/token" });
    ticket_conformance(without_ledger(case(&settings, vec![token("/own/token", SCOPES[0])]))).await;
}

#[tokio::test]
async fn a_ticket_without_a_type_is_refused_with_those_that_there_are() {
    let mut case = case(&json!({ "token_url": "{{url}}/own/token" }), vec![token("/own/token", SCOPES[0])]);
    if let Some(desk) = &mut case.desk {
        desk.form.fields.remove("type");
    }
    let failures = examine(case).await;
    let told = "`type` must be set: the PSA requires it; there are Billing (33), Incident (1)";
    assert!(failures[0].message.contains(told), "{failures:?}");
}
