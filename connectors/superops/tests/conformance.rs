//! SuperOps against the conformance suite, and its own traps.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_superops as _;
use tallysheet_core::Code;
use tallysheet_core::ticket::TicketForm;
use tallysheet_testkit::{Case, Company, Desk, Exchange, Part, examine, fixture, ticket_conformance};

const CLIENTS: &str = "query($input: ListInfoInput!){getClientList(input:$input){clients{accountId name emailDomains} \
    listInfo{hasMore totalCount}}}";
const TICKETS: &str = "query($input: ListInfoInput!){getTicketList(input:$input){tickets{ticketId displayId source client \
    status createdTime resolutionTime} listInfo{hasMore totalCount}}}";
const CONVERSATIONS: &str = "query($input: TicketIdentifierInput!){getTicketConversationList(input:$input){content \
    attachments{originalFileName}}}";
const NOTES: &str =
    "query($input: TicketIdentifierInput!){getTicketNoteList(input:$input){content attachments{originalFileName}}}";
const MAKE_TICKET: &str = "mutation($input: CreateTicketInput!){createTicket(input:$input){ticketId displayId}}";
const MAKE_NOTE: &str = "mutation($input: CreateTicketNoteInput!){createTicketNote(input:$input){noteId}}";
/// The ticket that is made.
const MADE: &str = "7100000000000000110";

fn ask(query: &str, input: impl Into<Value>) -> Exchange {
    let input: Value = input.into();
    Exchange::post("").json(json!({ "query": query, "variables": { "input": input } }))
}

fn choices(query: &str) -> Exchange {
    Exchange::post("").json(json!({ "query": query, "variables": {} }))
}

fn clients(index: usize) -> Exchange {
    let call = ask(CLIENTS, json!({ "page": index + 1, "pageSize": 100 }));
    call.page("clients", index, "/data/getClientList/clients").total_at("/data/getClientList/listInfo/totalCount")
}

fn tickets(page: u32) -> Exchange {
    ask(
        TICKETS,
        json!({ "page": page, "pageSize": 100, "sort": [{ "attribute": "createdTime", "order": "DESC" }],
            "condition": { "attribute": "client.name", "operator": "is", "value": "Northgate IT" } }),
    )
}

/// What a ticket says. Its description is one of the entries.
fn conversation(ticket: &str, key: &str) -> Exchange {
    let content = format!("<p>Counts</p><p>{key}</p>");
    let entries = json!([{ "content": null, "attachments": null }, { "content": content, "attachments": [] }]);
    ask(CONVERSATIONS, json!({ "ticketId": ticket })).reply(json!({ "data": { "getTicketConversationList": entries } }))
}

fn files(query: &str, operation: &str, names: &[&str]) -> Exchange {
    let files: Vec<Value> = names.iter().map(|name| json!({ "originalFileName": name })).collect();
    let entries = json!([{ "content": "<p>-</p>", "attachments": files }]);
    ask(query, json!({ "ticketId": MADE })).reply(json!({ "data": { operation: entries } }))
}

fn upload(parts: Vec<Part>) -> Exchange {
    let taken = json!({ "fileName": "billing_counts_1.csv", "originalFileName": Desk::FILE_NAME, "fileSize": 41 });
    Exchange::post("/upload").multipart(parts).reply(json!({ "data": [taken], "errors": null }))
}

/// The file as it is handed on: under the name that it got, its size as text.
fn taken() -> Value {
    json!([{ "fileName": "billing_counts_1.csv", "originalFileName": Desk::FILE_NAME, "fileSize": "41" }])
}

fn new_ticket() -> Value {
    json!({ "subject": "Billing Reconciliation", "client": { "accountId": "7100000000000000001" },
        "source": "INTEGRATION", "status": "New", "priority": "Low", "techGroup": { "groupId": "7100000000000000302" },
        "description": format!("{}<p>{}</p>", Desk::HTML, Desk::KEY), "requestType": "Incident" })
}

fn error_in_200(code: &str) -> Value {
    json!({ "data": null, "errors": [{ "message": null,
        "extensions": { "clientError": [{ "code": code, "param": { "attributes": ["status"] } }] } }] })
}

fn desk() -> Desk {
    Desk {
        form: TicketForm {
            company: "northgate it".into(),
            title: "Billing Reconciliation".into(),
            fields: BTreeMap::from([
                ("status", "new".to_owned()),
                ("priority", "7100000000000000211".to_owned()),
                ("queue", "Finance".to_owned()),
                ("source", "integration".to_owned()),
            ]),
            extra: BTreeMap::from([("requestType".to_owned(), json!("Incident"))]),
        },
        company: ("7100000000000000001", "Northgate IT"),
        wrong: vec![
            ("company", vec!["Northgate IT (7100000000000000001)", "Bluefin Dental LLC"]),
            ("status", vec!["Closed (7100000000000000202), New (7100000000000000201)"]),
            ("priority", vec!["High (7100000000000000212), Low (7100000000000000211)"]),
            ("queue", vec!["Finance (7100000000000000302), Help Desk (7100000000000000301)"]),
            ("source", vec!["AGENT, AI, EMAIL, FORM, INTEGRATION, PHONE"]),
            ("board", vec!["status, priority, queue, source"]),
        ],
        // Of another client of the same name, of another source, of another delivery and too old are none.
        found: vec![("7100000000000000101", "261101-0003", true), ("7100000000000000102", "261101-0002", false)],
        found_of_any_run: vec![
            ("7100000000000000101", "261101-0003", true),
            ("7100000000000000090", "251101-0001", true),
        ],
        created: (MADE, "261101-0004"),
        created_with_file: true,
        attachments: vec!["billing-counts-2026-10-01.csv", "billing-counts-2026-10-31.csv"],
    }
}

fn case() -> Case {
    let module = || Part::text("module", "TICKET_CONVERSATION_ATTACHMENT");
    let mut with_file = new_ticket();
    with_file["descriptionAttachments"] = taken();
    let named = |id: &str, operation: &str, names: &[(&str, &str)]| {
        let rows: Vec<Value> = names.iter().map(|(number, name)| json!({ id: number, "name": name })).collect();
        json!({ "data": { operation: rows } })
    };
    Case {
        slug: "superops",
        settings: json!({ "api_token": "planted-token", "subdomain": "northgate" }),
        auth: vec![("authorization", "Bearer planted-token"), ("customersubdomain", "northgate")],
        exchanges: vec![
            ask(CLIENTS, json!({ "page": 1, "pageSize": 1 }))
                .check()
                .reply(json!({ "data": { "getClientList": { "clients": [], "listInfo": { "hasMore": true, "totalCount": 3 } } } })),
            clients(0).reply(fixture!("clients-1.json")),
            clients(1).reply(fixture!("clients-2.json")),
            clients(2).reply(fixture!("clients-3.json")),
            choices("query{getStatusList{id name}}").reply(named(
                "id",
                "getStatusList",
                &[("7100000000000000201", "New"), ("7100000000000000202", "Closed")],
            )),
            choices("query{getPriorityList{id name}}").reply(named(
                "id",
                "getPriorityList",
                &[("7100000000000000211", "Low"), ("7100000000000000212", "High")],
            )),
            choices("query{getTechnicianGroupList{groupId name}}").reply(named(
                "groupId",
                "getTechnicianGroupList",
                &[("7100000000000000301", "Help Desk"), ("7100000000000000302", "Finance")],
            )),
            tickets(1).reply(fixture!("tickets-1.json")).nothing(
                json!({ "data": { "getTicketList": { "tickets": null, "listInfo": { "hasMore": null, "totalCount": 0 } } } }),
            ),
            tickets(2).reply(fixture!("tickets-2.json")),
            conversation("7100000000000000101", Desk::KEY),
            conversation("7100000000000000102", Desk::KEY),
            conversation("7100000000000000105", "tallysheet:20261101T060000Z-4f2a:finance"),
            conversation("7100000000000000106", ""),
            conversation("7100000000000000090", "tallysheet:20251101T060000Z-1111:ticket"),
            upload(vec![module(), Part::file("files")]),
            ask(MAKE_TICKET, with_file)
                .reply(json!({ "data": { "createTicket": { "ticketId": MADE, "displayId": "261101-0004" } } }))
                .changes(),
            files(CONVERSATIONS, "getTicketConversationList", &["billing-counts-2026-10-01.csv"]),
            files(NOTES, "getTicketNoteList", &["billing-counts-2026-10-31.csv"]),
            upload(vec![module(), Part::text("details", format!("{{\"ticketId\":\"{MADE}\"}}")), Part::file("files")]),
            ask(
                MAKE_NOTE,
                json!({ "ticket": { "ticketId": MADE }, "content": "<p>The sheet.</p>", "privacyType": "PRIVATE",
                    "attachments": taken() }),
            )
            .reply(json!({ "data": { "createTicketNote": { "noteId": "7100000000000000401" } } }))
            .changes(),
            ask(
                MAKE_NOTE,
                json!({ "ticket": { "ticketId": MADE }, "content": Desk::HTML, "privacyType": "PRIVATE" }),
            )
            .reply(json!({ "data": { "createTicketNote": { "noteId": "7100000000000000402" } } }))
            .changes(),
        ],
        account: ("northgate", None),
        companies: vec![
            Company::new("7100000000000000001", "Northgate IT").domain("northgate.example"),
            Company::new("7100000000000000002", "Bluefin Dental LLC")
                .domain("bluefin.example")
                .domain("bluefin-ortho.example"),
            Company::new("7100000000000000123", "Old Mill Bakery"),
        ],
        desk: Some(desk()),
        errors_in_200: vec![
            (error_in_200("forbidden"), Code::Forbidden),
            (error_in_200("rate_limit_exceeded"), Code::RateLimited),
            (error_in_200("subscription_trial_expired"), Code::Unsupported),
            (error_in_200("something_new"), Code::BadResponse),
            (json!({ "errors": [{ "message": "SubSelectionNotAllowed" }] }), Code::BadResponse),
        ],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    ticket_conformance(case()).await;
}

async fn broken(change: impl FnOnce(&mut Case)) -> String {
    let mut case = case();
    change(&mut case);
    examine(case).await.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_refused_file_does_not_hold_the_ticket_back() {
    for (status, refusal) in [(200, error_in_200("type_validation_failed")), (413, json!(null))] {
        let told = broken(|case| {
            case.exchanges[14] = case.exchanges[14].clone().status(status).reply(refusal);
            case.exchanges[15] = ask(MAKE_TICKET, new_ticket())
                .reply(json!({ "data": { "createTicket": { "ticketId": MADE, "displayId": "261101-0004" } } }))
                .changes();
        });
        let told = told.await;
        assert!(told.contains("(261101-0004)") && told.contains("with the file") && !told.contains("failed"), "{told}");
    }
}

#[tokio::test]
async fn a_ticket_without_a_mandatory_field_is_told() {
    let told = broken(|case| {
        case.exchanges[15] = case.exchanges[15].clone().reply(error_in_200("mandatory_validation_failed"));
    });
    let told = told.await;
    assert!(told.contains("SuperOps does not accept `status` (mandatory_validation_failed)"), "{told}");
}

#[tokio::test]
async fn where_no_usual_status_exists_it_must_be_set() {
    let told = broken(|case| {
        if let Some(desk) = &mut case.desk {
            desk.form.fields.remove("status");
        }
        case.exchanges[4] = choices("query{getStatusList{id name}}")
            .reply(json!({ "data": { "getStatusList": [{ "id": "1", "name": "Neu" }] } }));
    });
    let told = told.await;
    assert!(told.contains("there are Neu (1); set `status` in the delivery"), "{told}");
}
