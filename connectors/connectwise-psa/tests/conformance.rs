//! ConnectWise PSA against the conformance suite, and its own traps.

#[path = "conformance/ledger.rs"]
mod ledger;

use serde_json::json;
use std::collections::BTreeMap;
use tallysheet_connector_connectwise_psa as _;
use tallysheet_core::ticket::TicketForm;
use tallysheet_testkit::{Case, Company, Desk, Exchange, Part, fixture, ticket_conformance};

const API: &str = "/v4_6_release/apis/3.0";
const COMPANY_FIELDS: &str = "id,identifier,name,status,website,isVendorFlag";

fn list(path: &str) -> Exchange {
    Exchange::get(format!("{API}{path}")).query("orderBy", "id").query("pageSize", "1000")
}

fn companies(index: usize, page: Option<&str>) -> Exchange {
    let call = list("/company/companies").query("conditions", "deletedFlag=false").query("fields", COMPANY_FIELDS);
    let call = page.map_or(call.clone(), |page| call.query("page", page));
    call.page("companies", index, "")
}

fn next(page: u32) -> String {
    next_of("/company/companies", "conditions=deletedFlag%3Dfalse&", COMPANY_FIELDS, page)
}

fn next_of(path: &str, conditions: &str, fields: &str, page: u32) -> String {
    let fields = fields.replace(',', "%2C");
    let query = format!("orderBy=id&pageSize=1000&{conditions}fields={fields}&page={page}");
    format!("<{{{{url}}}}{API}{path}?{query}>; rel=\"next\"")
}

fn tickets(conditions: &str) -> Exchange {
    let call = list("/service/tickets").query("fields", "id,externalXRef,closedFlag");
    call.query("conditions", conditions).reply(fixture!("tickets.json")).nothing(json!([]))
}

/// The calls of the directory and of the ticket desk.
fn exchanges() -> Vec<Exchange> {
    let choice = |path: &str, fields: &str| list(path).query("fields", fields);
    vec![
        Exchange::get(format!("{API}/company/companies/count")).check().reply(json!({ "count": 5 })),
        list("/company/companies/statuses")
            .query("fields", "id,name,inactiveFlag")
            .reply(json!([{ "id": 1, "name": "Active", "inactiveFlag": false },
                    { "id": 5, "name": "Gone", "inactiveFlag": true }])),
        companies(0, None).reply(fixture!("companies-1.json")).reply_header("link", &next(2)),
        companies(1, Some("2")).reply(json!([])).reply_header("link", &next(3)),
        companies(2, Some("3")).reply(fixture!("companies-3.json")),
        choice("/service/boards", "id,name,inactiveFlag,projectFlag").reply(fixture!("boards.json")),
        choice("/service/boards/7/statuses", "id,name,inactive,inactiveFlag")
            .reply(json!([{ "id": 101, "name": "New" }, { "id": 102, "name": "Done", "closedStatus": true },
                { "id": 103, "name": "Old", "inactive": true }])),
        choice("/service/boards/7/types", "id,name,inactive,inactiveFlag")
            .reply(json!([{ "id": 55, "name": "Billing", "inactiveFlag": false }])),
        choice("/service/priorities", "id,name").reply(json!([{ "id": 3, "name": "Low" }])),
        tickets("company/id=2 and dateEntered>=[2026-10-31T06:00:00Z]"),
        tickets("company/id=2 and closedFlag=false and dateEntered>=[2025-09-27T06:00:00Z]"),
        Exchange::post(format!("{API}/service/tickets"))
            .json(json!({ "summary": "Billing Reconciliation", "company": { "id": 2 }, "board": { "id": 7 },
                    "status": { "id": 101 }, "type": { "id": 55 }, "priority": { "id": 3 }, "source": { "id": 4 },
                    "initialDescription": Desk::TEXT, "externalXRef": Desk::KEY, "recordType": "ServiceTicket" }))
            .status(201)
            .reply(json!({ "id": 4711, "summary": "Billing Reconciliation" }))
            .changes(),
        Exchange::get(format!("{API}/system/documents"))
            .query("orderBy", "id")
            .query("pageSize", "1000")
            .query("recordType", "Ticket")
            .query("recordId", "4711")
            .reply(json!([{ "id": 90, "title": "Counts", "fileName": "billing-counts-2026-10-01.csv" }])),
        Exchange::post(format!("{API}/system/documents"))
            .multipart(vec![
                Part::text("recordType", "Ticket"),
                Part::text("recordId", "4711"),
                Part::text("title", Desk::FILE_NAME),
                Part::text("privateFlag", "true"),
                Part::text("readOnlyFlag", "false"),
                Part::text("isAvatar", "false"),
                Part::file("file"),
            ])
            .status(201)
            .reply(json!({ "id": 91, "fileName": Desk::FILE_NAME }))
            .changes(),
        Exchange::post(format!("{API}/service/tickets/4711/notes"))
            .json(json!({ "text": Desk::TEXT, "detailDescriptionFlag": false, "internalAnalysisFlag": true,
                    "resolutionFlag": false }))
            .status(201)
            .reply(json!({ "id": 12 }))
            .changes(),
    ]
}

fn case() -> Case {
    Case {
        slug: "connectwise-psa",
        settings: json!({ "company_id": "northgate", "public_key": "planted-public", "private_key": "planted-private",
            "client_id": "0c0c0c0c-0000-4000-8000-00000000000c" }),
        ledger: Some(ledger::ledger()),
        auth: vec![
            ("authorization", "Basic bm9ydGhnYXRlK3BsYW50ZWQtcHVibGljOnBsYW50ZWQtcHJpdmF0ZQ=="),
            ("clientid", "0c0c0c0c-0000-4000-8000-00000000000c"),
        ],
        exchanges: [exchanges(), ledger::exchanges()].concat(),
        account: ("northgate", None),
        companies: vec![
            Company::new("2", "Northgate IT"),
            Company::new("19", "Bluefin Dental LLC").domain("bluefin.example"),
            // Of an inactive status.
            Company::new("20", "Old Mill Bakery").inactive(),
            Company::new("21", "Contoso Supplies").inactive(),
            Company::new("250", "Catchall (for company)").inactive(),
        ],
        desk: Some(Desk {
            form: TicketForm {
                company: "northgate it".into(),
                title: "Billing Reconciliation".into(),
                fields: BTreeMap::from([
                    ("board", "Finance".to_owned()),
                    ("status", "New".to_owned()),
                    ("type", "55".to_owned()),
                    ("priority", "low".to_owned()),
                ]),
                extra: BTreeMap::from([("source/id".to_owned(), json!(4))]),
            },
            company: ("2", "Northgate IT"),
            wrong: vec![
                ("company", vec!["Northgate IT (2)", "Bluefin Dental LLC (19)"]),
                // Neither a board that is switched off nor one of projects.
                ("board", vec!["there are Finance (7), Help Desk (1)"]),
                ("status", vec!["there are Done (102), New (101)"]),
                ("type", vec!["Billing (55)"]),
                ("priority", vec!["Low (3)"]),
                ("queue", vec!["board, status, type, priority"]),
            ],
            // Newest first; neither another run's nor another delivery's nor one without a key.
            found: vec![("4712", "4712", true), ("4711", "4711", false)],
            found_of_any_run: vec![("4713", "4713", true), ("4712", "4712", true), ("4711", "4711", false)],
            created: ("4711", "4711"),
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
