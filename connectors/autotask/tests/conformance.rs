//! Autotask against the conformance suite, and its own traps.

mod billed;

use jiff::civil::date;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_autotask as _;
use tallysheet_core::billing::Ledger;
use tallysheet_core::ticket::TicketForm;
use tallysheet_core::{Code, Result};
use tallysheet_testkit::{Case, Company, Desk, Exchange, fixture, ticket_conformance};

/// Errors come with the status 500 and are refusals.
fn refused(exchange: Exchange) -> Exchange {
    exchange.means(500, Code::BadResponse)
}

fn get(path: &str) -> Exchange {
    refused(Exchange::get(path))
}

fn query(path: &str, fields: &[&str], filter: &Value) -> Exchange {
    refused(Exchange::post(path)).json(json!({ "MaxRecords": 500, "IncludeFields": fields, "Filter": filter }))
}

fn companies(path: &str, index: usize) -> Exchange {
    let fields = ["id", "companyName", "companyType", "isActive", "webAddress"];
    let all = json!([{ "op": "gte", "field": "id", "value": 0 }]);
    query(path, &fields, &all).page("companies", index, "/items")
}

/// The own company has the id 0.
fn tickets(root: &str, since: &str, open_only: bool) -> Exchange {
    let fields = ["id", "ticketNumber", "externalID", "description", "completedDate"];
    let mut filter = vec![
        json!({ "op": "eq", "field": "companyID", "value": 0 }),
        json!({ "op": "gte", "field": "createDate", "value": since }),
    ];
    filter.extend(open_only.then(|| json!({ "op": "notExist", "field": "completedDate" })));
    let nothing = json!({ "items": [], "pageDetails": { "count": 0, "nextPageUrl": null } });
    query(&format!("{root}/Tickets/query"), &fields, &filter.into()).reply(fixture!("tickets.json")).nothing(nothing)
}

fn create(root: &str, with: &Value) -> Exchange {
    let mut body = json!({ "companyID": 0, "title": "Billing Reconciliation", "description": Desk::TEXT,
        "externalID": Desk::KEY, "queueID": 29_682_833, "status": 1 });
    for (field, value) in with.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    refused(Exchange::post(format!("{root}/Tickets"))).json(body).reply(json!({ "itemId": 987_654 })).changes()
}

/// Everything that is asked below `root`; the ticket is made with these fields besides.
fn exchanges(root: &str, with: &Value) -> Vec<Exchange> {
    let at = |path: &str| format!("{root}{path}");
    vec![
        get(&at("/Companies/0")).check().reply(json!({ "item": { "id": 0, "companyName": "Northgate IT" } })),
        companies(&at("/Companies/query"), 0).reply(fixture!("companies-1.json")),
        // The vendor's own address, with the same body.
        companies("/Companies/query/next", 1)
            .query("paging", "{\"pageSize\":500}")
            .reply(fixture!("companies-2.json")),
        companies("/Companies/query/next", 2).query("paging", "2").reply(fixture!("companies-3.json")),
        get(&at("/Tickets/entityInformation/fields")).reply(fixture!("ticket-fields.json")),
        tickets(root, "2026-10-31T06:00:00Z", false),
        tickets(root, "2025-09-27T06:00:00Z", true),
        create(root, with),
        get(&at("/Tickets/987654")).reply(json!({ "item": { "id": 987_654, "ticketNumber": "T20261101.0007" } })),
        get(&at("/Tickets/987654/Attachments")).reply(json!({ "items": [
            { "id": 1, "attachmentType": "FILE_ATTACHMENT", "title": "Counts", "fullPath": "billing-counts-2026-10-01.csv" },
            { "id": 2, "attachmentType": "URL", "title": "Runbook", "fullPath": null }],
            "pageDetails": { "count": 2, "requestCount": 500, "prevPageUrl": null, "nextPageUrl": null } })),
        get(&at("/TicketAttachments/entityInformation/fields")).reply(fixture!("attachment-fields.json")),
        refused(Exchange::post(at("/Tickets/987654/Attachments")))
            .json(json!({ "id": 0, "attachmentType": "FILE_ATTACHMENT", "title": Desk::FILE_NAME,
                "fullPath": Desk::FILE_NAME, "publish": 2,
                "data": "Q29tcGFueSxEZXZpY2VzDQpwbGFudGVkLWN1c3RvbWVyLDMNCg==" }))
            .reply(json!({ "item": { "itemId": 4 } }))
            .changes(),
        get(&at("/TicketNotes/entityInformation/fields")).reply(fixture!("note-fields.json")),
        refused(Exchange::post(at("/Tickets/987654/Notes")))
            .json(json!({ "title": "Tallysheet", "description": Desk::TEXT, "publish": 2, "noteType": 3 }))
            .reply(json!({ "itemId": 5 }))
            .changes(),
    ]
}

fn case() -> Case {
    Case {
        slug: "autotask",
        settings: json!({ "username": "tallysheet+api@northgate.example", "secret": "planted-secret",
            "integration_code": "planted-code" }),
        auth: vec![
            ("apiintegrationcode", "planted-code"),
            ("username", "tallysheet+api@northgate.example"),
            ("secret", "planted-secret"),
        ],
        exchanges: exchanges(
            "",
            &json!({ "ticketType": 1, "source": 8, "ticketCategory": 3, "issueType": 12,
            "priority": 3, "dueDateTime": "2026-11-30T17:00:00Z" }),
        )
        .into_iter()
        .chain(billed::exchanges())
        .collect(),
        account: ("Northgate IT", None),
        companies: vec![
            Company::new("0", "Northgate IT").domain("northgate.example"),
            Company::new("30112", "Bluefin Dental LLC").domain("bluefin.example"),
            Company::new("30113", "Old Mill Bakery").inactive(),
            Company::new("30114", "Harbor Lead").inactive(),
            Company::new("30115", "Tidewater Surveyors"),
        ],
        desk: Some(Desk {
            form: TicketForm {
                company: "northgate it".into(),
                title: "Billing Reconciliation".into(),
                fields: BTreeMap::from([
                    ("queue", "Finance".to_owned()),
                    ("status", "New".to_owned()),
                    ("priority", "low".to_owned()),
                    ("type", "1".to_owned()),
                    ("source", "Monitoring".to_owned()),
                    ("form", "Standard".to_owned()),
                ]),
                extra: BTreeMap::from([
                    ("issueType".to_owned(), json!(12)),
                    ("dueDateTime".to_owned(), json!("2026-11-30T17:00:00Z")),
                ]),
            },
            company: ("0", "Northgate IT"),
            wrong: vec![
                // Not one that is switched off.
                ("company", vec!["there are Bluefin Dental LLC (30112), Harbor Lead (30114), Northgate IT (0), T"]),
                ("queue", vec!["there are Client Portal (5), Finance (29682833)"]),
                ("status", vec!["there are Complete (5), New (1)"]),
                ("priority", vec!["Low (3), Medium (2)"]),
                ("type", vec!["Service Request (1)"]),
                ("source", vec!["Monitoring (8)"]),
                ("form", vec!["Standard (3)"]),
                ("board", vec!["queue, status, priority, type, source, form"]),
            ],
            // Newest first; neither another run's nor another delivery's nor a monitor's.
            found: vec![("987654", "T20261101.0007", true), ("987650", "T20261101.0003", false)],
            found_of_any_run: vec![
                ("987655", "T20261101.0008", true),
                ("987654", "T20261101.0007", true),
                ("987650", "T20261101.0003", false),
            ],
            created: ("987654", "T20261101.0007"),
            created_with_file: false,
            attachments: vec!["billing-counts-2026-10-01.csv", "Runbook"],
        }),
        ledger: Some(billed::ledger()),
        errors_in_200: vec![
            (json!({ "errors": ["planted-body"] }), Code::BadResponse),
            (json!({ "errors": ["You do not have permission to see planted-body"] }), Code::Forbidden),
            (json!({ "errors": ["A thread threshold of 3 threads has been exceeded"] }), Code::RateLimited),
        ],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    ticket_conformance(case()).await;
}

/// Without `url` the zone is asked for; without fields of its own a ticket takes the defaults.
#[tokio::test]
async fn conforms_where_the_zone_is_found() {
    let Case { mut settings, auth, desk, .. } = case();
    settings["zone_url"] = json!("{{url}}/atservicesrest/v1.0");
    let answer = json!({ "zoneName": "America East 3", "url": "{{url}}/", "webUrl": "https://ww22.example", "ci": 1 });
    let zone = Exchange::get("/atservicesrest/v1.0/zoneInformation")
        .query("user", "tallysheet+api@northgate.example")
        .reply(answer);
    let zone = [400, 401, 403, 404, 500].into_iter().fold(zone, |zone, status| zone.means(status, Code::AuthFailed));
    // The credential is shown in the zone, not where the zone is asked for.
    let shown = |exchange| auth.iter().fold(exchange, |exchange: Exchange, (name, value)| exchange.header(name, value));
    let defaults = json!({ "priority": 2, "dueDateTime": "2026-11-08T06:00:00Z" });
    let mut exchanges: Vec<Exchange> = exchanges("/V1.0", &defaults).into_iter().map(shown).collect();
    exchanges.insert(0, zone);
    let desk = desk.map(|desk| Desk {
        form: TicketForm {
            company: "0".into(),
            title: "Billing Reconciliation".into(),
            fields: BTreeMap::from([("queue", "Finance".to_owned())]),
            extra: BTreeMap::new(),
        },
        ..desk
    });
    let skips = vec![
        ("own_host", "a zone is another host by its nature; that links of lists are not is shown above"),
        ("billed", "what is billed is asked of the same client, as is shown above"),
    ];
    let errors_in_200 = Vec::new();
    let (auth, ledger) = (Vec::new(), None);
    let case = Case { settings, auth, exchanges, desk, ledger, skips, errors_in_200, finds_url: true, ..case() };
    ticket_conformance(case).await;
}

/// What is billed where some exchanges are answered otherwise.
async fn billed_where(answers: &[(usize, Value)]) -> Result<Ledger> {
    let mut billed = billed::exchanges();
    for (index, answer) in answers {
        billed[*index] = billed[*index].clone().reply(answer.clone());
    }
    let case = case();
    let exchanges = case.exchanges.iter().take(4).cloned().chain(billed).collect();
    let case = Case { exchanges, desk: None, ledger: None, ..case };
    tallysheet_testkit::billed(case, date(2026, 11, 15)).await
}

/// Who lacks a right is shown less, without an error.
#[tokio::test]
async fn what_is_not_shown_is_told() {
    let nothing = || json!({ "items": [], "pageDetails": { "count": 0, "nextPageUrl": null } });
    let no_units = [(billed::UNITS, nothing()), (billed::BUNDLE_UNITS, nothing())];
    let ledger = billed_where(&no_units).await.unwrap();
    assert!(ledger.additions.is_empty());
    assert!(ledger.notices[0].message.contains("contracts, but no units of any service; may"), "{ledger:?}");

    let ledger = billed_where(&[(billed::CONTRACTS, nothing())]).await.unwrap();
    assert!(ledger.additions.is_empty());
    assert_eq!(ledger.left_out.values().sum::<usize>(), 11);
    assert!(ledger.notices[0].message.contains("no recurring service contract that is in effect"), "{ledger:?}");

    let error = billed_where(&[(billed::SERVICES, nothing())]).await.unwrap_err();
    assert_eq!(error.code(), Code::Forbidden);
    assert!(error.to_string().contains("a contract bills a service"), "{error}");
}

#[tokio::test]
async fn a_busy_account_is_left_alone() {
    let used = |used: u32| json!({ "externalRequestThreshold": 10_000, "currentTimeframeRequestCount": used });
    let error = billed_where(&[(billed::THRESHOLD, used(8_001))]).await.unwrap_err();
    assert_eq!(error.code(), Code::RateLimited);
    assert!(error.to_string().contains("8001 of 10000"), "{error}");
    assert!(billed_where(&[(billed::THRESHOLD, used(8_000))]).await.is_ok());
}
