//! Kaseya BMS against the conformance suite, and its own traps.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_kaseya_bms as _;
use tallysheet_core::Code;
use tallysheet_core::ticket::TicketForm;
use tallysheet_testkit::{Case, Company, Desk, Exchange, Part, examine, fixture, ticket_conformance};

const TOTP_SECRET: &str = "planted-GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// What it makes of the time of the test's world.
const PASSCODE: &str = "182146";

fn envelope(result: Value) -> Value {
    json!({ "success": true, "error": null, "result": result })
}

fn refusal(code: i64, message: &str) -> Value {
    json!({ "success": false, "result": null,
        "error": { "code": code, "message": message, "details": null, "stackStrace": null, "subErrors": [] } })
}

fn login(passcode: Option<&str>) -> Exchange {
    let mut form = vec![("GrantType", "password"), ("UserName", "tallysheet"), ("Password", "planted-password")];
    form.push(("Tenant", "Northgate IT"));
    form.extend(passcode.map(|passcode| ("MFACode", passcode)));
    Exchange::post("/v2/security/authenticate").form(&form).token().reply(envelope(json!({
        "accessToken": "planted-token-{{n}}", "refreshToken": "planted-refresh",
        "accessTokenExpireOn": "2026-11-01T06:15:00Z", "refreshTokenExpireOn": "2026-11-01T18:00:00Z" })))
}

fn paged(path: &str, page: &str) -> Exchange {
    Exchange::get(path).query("PageSize", "100").query("PageNumber", page)
}

fn accounts(index: usize, page: &str, rows_at: &'static str) -> Exchange {
    paged("/v2/crm/accounts/summary", page).page("accounts", index, rows_at)
}

fn tickets(since: &str) -> Exchange {
    let nothing = json!({ "success": true, "error": null, "totalRecords": 0, "result": null });
    let call = paged("/v2/servicedesk/tickets", "1").query("Filter.AccountIds", "51000");
    let call = call.query("Filter.CreatedOnFrom", since).total_at("/totalRecords");
    call.reply(fixture!("tickets.json")).nothing(nothing)
}

fn case() -> Case {
    let choices = |path: &str, choices: Value| Exchange::get(path).reply(envelope(choices));
    let made = json!({ "id": 7001, "ticketNumber": "1001", "title": "Billing Reconciliation", "accountId": 51000 });
    Case {
        slug: "kaseya-bms",
        settings: json!({ "tenant": "Northgate IT", "username": "tallysheet", "password": "planted-password" }),
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            login(None),
            Exchange::get("/v2/security/userinfo")
                .check()
                .reply(envelope(json!({ "userId": 12, "tenantId": 77, "businessName": "Northgate IT Ltd" }))),
            accounts(0, "1", "/result").total_at("/totalRecords").reply(fixture!("accounts-1.json")),
            accounts(1, "2", "/Result").total_at("/TotalRecords").reply(fixture!("accounts-2.json")),
            accounts(2, "3", "/Result").total_at("/TotalRecords").reply(fixture!("accounts-3.json")),
            choices(
                "/v2/system/queues/lookup",
                json!([{ "id": 1, "name": "Help Desk", "isActive": true }, { "id": 9, "name": "Finance", "isActive": true },
                    { "id": 3, "name": "Gone", "isActive": false }]),
            ),
            choices("/v2/hr/assignees/lookup", json!([{ "id": 5, "name": "Ada Example", "jobTitle": null }])),
            choices(
                "/v2/system/statuses/lookup",
                json!([{ "id": 1, "name": "New", "isActive": true }, { "id": 2, "name": "Completed", "isActive": true }]),
            ),
            choices(
                "/v2/system/priorities/lookup",
                json!([{ "id": 4, "name": "Medium", "isDefault": false }, { "id": 3, "name": "Low", "isDefault": true }]),
            ),
            choices(
                "/v2/system/lookup/TicketType",
                json!([{ "id": 2, "name": "Service Request", "isDefault": true, "isActive": true }]),
            ),
            choices("/v2/system/lookup/TicketSource", json!([{ "id": 4, "name": "Web", "isActive": true }])),
            tickets("2026-10-31T06:00:00Z"),
            tickets("2025-09-27T06:00:00Z").query("Filter.ExcludeCompleted", "1"),
            Exchange::post("/v2/servicedesk/tickets")
                .json(json!({ "Title": "Billing Reconciliation", "AccountId": 51000, "LocationId": 61000, "QueueId": 9,
                    "AssigneeId": 5, "StatusId": 1, "PriorityId": 3, "TypeId": 2, "SourceId": 4, "ContractId": 31,
                    "Details": format!("{}<p>{}</p>", Desk::HTML, Desk::KEY), "OpenDate": "2026-11-01T06:00:00Z" }))
                .reply(envelope(made))
                .changes(),
            paged("/v2/system/attachments/22/7001", "1").total_at("/TotalRecords").reply(json!({ "Success": true,
                "TotalRecords": 1, "Result": [{ "Id": 88, "OriginalFileName": "billing-counts-2026-10-01.csv" }] })),
            Exchange::post("/v2/system/attachments/22/7001")
                .multipart(vec![Part::file("formFile")])
                .reply(envelope(json!([{ "id": 89, "originalFileName": Desk::FILE_NAME, "moduleId": 22 }])))
                .changes(),
            choices(
                "/v2/system/lookup/NoteType",
                json!([{ "id": 6, "name": "Ticket", "isDefault": false }, { "id": 7, "name": "Note", "isDefault": true }]),
            ),
            Exchange::post("/v2/servicedesk/tickets/7001/notes")
                .json(json!({ "Details": Desk::HTML, "IsInternal": true, "TypeId": 7, "NoteDate": "2026-11-01T06:00:00Z" }))
                .reply(envelope(json!({ "id": 12, "isInternal": true })))
                .changes(),
        ],
        account: ("Northgate IT Ltd", Some("77")),
        companies: vec![
            Company::new("51000", "Northgate IT").domain("northgate.example"),
            // Not the domain of a branch that is closed.
            Company::new("51001", "Hazel Dental").domain("hazel-mail.example").domain("hazeldental.example"),
            Company::new("51002", "Old Mill Bakery").inactive(),
            Company::new("51003", "Contoso Supplies").inactive(),
            Company::new("51004", "Harbour Optics"),
        ],
        desk: Some(Desk {
            form: TicketForm {
                company: "northgate it".into(),
                title: "Billing Reconciliation".into(),
                fields: BTreeMap::from([
                    ("queue", "finance".to_owned()),
                    ("assignee", "Ada Example".to_owned()),
                    ("status", "New".to_owned()),
                    ("priority", "3".to_owned()),
                    ("type", "Service Request".to_owned()),
                    ("source", "Web".to_owned()),
                ]),
                extra: BTreeMap::from([("ContractId".to_owned(), json!(31))]),
            },
            company: ("51000", "Northgate IT"),
            wrong: vec![
                ("company", vec!["Northgate IT (51000)", "Hazel Dental (51001)"]),
                ("queue", vec!["there are Finance (9), Help Desk (1)"]),
                ("assignee", vec!["Ada Example (5)"]),
                ("status", vec!["there are Completed (2), New (1)"]),
                ("priority", vec!["there are Low (3), Medium (4)"]),
                ("type", vec!["Service Request (2)"]),
                ("source", vec!["Web (4)"]),
                ("board", vec!["queue, assignee, status"]),
            ],
            found: vec![("7002", "1002", true), ("7001", "1001", false)],
            found_of_any_run: vec![("7003", "1003", true), ("7002", "1002", true), ("7001", "1001", false)],
            created: ("7001", "1001"),
            created_with_file: false,
            attachments: vec!["billing-counts-2026-10-01.csv"],
        }),
        errors_in_200: vec![
            (refusal(5, "planted-body"), Code::BadResponse),
            (refusal(7, "You do not have permission"), Code::Forbidden),
            (json!({ "Success": false, "Error": { "Code": 978_001, "Message": "Security Error" } }), Code::AuthFailed),
        ],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    ticket_conformance(case()).await;
}

#[tokio::test]
async fn a_second_factor_is_answered_with_the_first_call() {
    let mut case = case();
    case.settings["totp_secret"] = json!(TOTP_SECRET);
    case.exchanges[0] = login(Some(PASSCODE));
    let reason = "a passcode serves once, so another token needs the next one";
    case.skips = vec![("refresh", reason), ("classified", reason)];
    ticket_conformance(case).await;
}

/// What the suite says first of a case.
async fn first_failure(case: Case) -> String {
    examine(case).await.first().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_200_without_a_token_is_a_refused_credential() {
    let mut refused = case();
    refused.exchanges[0] = login(None).reply(refusal(1, "planted-body"));
    let failure = first_failure(refused).await;
    assert!(failure.contains("auth-failed") && failure.contains("set `totp_secret`"), "{failure}");
}

/// The case with fewer fields in its form.
fn without(fields: &[&str]) -> Case {
    let mut case = case();
    if let Some(desk) = &mut case.desk {
        desk.form.fields.retain(|field, _| !fields.contains(field));
    }
    case
}

#[tokio::test]
async fn what_bms_needs_and_nobody_set_is_its_default_or_is_named() {
    let failure = first_failure(without(&["queue", "assignee"])).await;
    assert!(failure.contains("`queue` is missing"), "{failure}");
    let failure = first_failure(without(&["status"])).await;
    assert!(
        failure.contains("`status` must be set: the PSA requires it; there are Completed (2), New (1)"),
        "{failure}"
    );
    let failure = first_failure(without(&["source"])).await;
    assert!(failure.contains("`source` must be set: the PSA requires it; there are Web (4)"), "{failure}");
    ticket_conformance(without(&["priority", "type"])).await;
}

#[tokio::test]
async fn a_ticket_without_an_id_was_perhaps_made() {
    let mut case = case();
    case.exchanges[13] = case.exchanges[13].clone().reply(envelope(json!({ "id": 0 })));
    let failure = first_failure(case).await;
    assert!(failure.contains("has no id"), "{failure}");
}

#[tokio::test]
async fn a_company_without_a_main_location_is_named() {
    let mut case = case();
    let mut accounts = fixture!("accounts-1.json");
    accounts["result"][0]["locations"][1]["isMain"] = json!(false);
    case.exchanges[2] = case.exchanges[2].clone().reply(accounts);
    let failure = first_failure(case).await;
    assert!(failure.contains("Northgate IT has no main location"), "{failure}");
}
