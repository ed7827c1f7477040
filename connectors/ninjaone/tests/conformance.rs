//! NinjaOne against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_connector_ninjaone as _;
use tallysheet_core::ticket::TicketForm;
use tallysheet_core::{Code, ErrorKind, Level};
use tallysheet_testkit::{
    Case, Desk, Exchange, Org, Part, TestWorld, conformance, counts, fixture, ticket_conformance,
};

const LABELS: [&str; 8] = [
    "Workstations",
    "Servers",
    "Network devices",
    "VM hosts",
    "VM guests",
    "Mobile devices",
    "Cloud monitors",
    "Other devices",
];

fn token(form: &[(&str, &str)]) -> Exchange {
    let client = [("client_id", "northgate-app"), ("client_secret", "planted-secret & more")];
    let form: Vec<_> = client.into_iter().chain(form.iter().copied()).collect();
    Exchange::post("/ws/oauth/token").token().form(&form).reply(fixture!("token.json"))
}

fn organizations() -> Exchange {
    Exchange::get("/v2/organizations").query("pageSize", "1000")
}

fn devices(index: usize, after: Option<&str>) -> Exchange {
    let call = Exchange::get("/v2/devices").query("pageSize", "1000").page("devices", index, "");
    after.map_or(call.clone(), |after| call.query("after", after))
}

/// Workstations of Quarry Lane with these ids.
fn workstations(ids: impl Iterator<Item = u32>) -> Vec<Value> {
    ids.map(|id| json!({ "id": id, "organizationId": 5, "nodeClass": "WINDOWS_WORKSTATION" })).collect()
}

/// A page of a thousand rows: these, and as many workstations as are lacking.
fn full(mut rows: Vec<Value>, from: u32) -> Value {
    let lacking = 1000 - rows.len();
    rows.extend(workstations((from..).take(lacking)));
    json!(rows)
}

/// One organization with one of all, in one page.
fn small(further: Value) -> Case {
    let mut settings = json!({ "client_id": "northgate-app", "client_secret": "planted-secret & more" });
    if let (Some(settings), Value::Object(further)) = (settings.as_object_mut(), further) {
        settings.extend(further);
    }
    Case {
        slug: "ninjaone",
        settings,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            token(&[("grant_type", "client_credentials"), ("scope", "monitoring")]),
            Exchange::get("/v2/devices").query("pageSize", "1").check().reply(json!([])),
            organizations().reply(fixture!("organizations.json")),
            devices(0, None)
                .reply(fixture!("devices-1.json"))
                .counted_at("/0/nodeClass")
                .counted_at("/0/organizationId"),
        ],
        account: ("northgate-app", None),
        expect: vec![
            larkspur(["3", "3", "3", "1", "2", "2", "1", "1"]),
            org("5", "Quarry Lane Legal LLP", ["0"; 8]),
            org("8", "Foxglove Bakery", ["0"; 8]),
            org("12", "Tidewater Surveyors", ["0"; 8]),
        ],
        errors_in_200: vec![(
            json!({ "resultCode": "FAILURE", "errorMessage": "planted-body", "incidentId": "7f1" }),
            Code::BadResponse,
        )],
        skips: vec![("pages", "a page that is not full is the last, so none in the middle is empty or shorter")],
        ..Case::default()
    }
}

/// Three pages: two full ones, the second beginning with the last row of the first once more, and a short one.
fn case() -> Case {
    let mut case = small(Value::Null);
    let first: Vec<Value> = serde_json::from_value(fixture!("devices-1.json")).unwrap();
    case.exchanges.splice(
        3..,
        [
            devices(0, None).reply(full(first, 1001)).counted_at("/0/nodeClass").counted_at("/0/organizationId"),
            devices(1, Some("1980")).reply(full(workstations(1980..1981), 2001)),
            devices(2, Some("2999")).reply(fixture!("devices-3.json")),
        ],
    );
    case.expect[1] = org("5", "Quarry Lane Legal LLP", ["1979", "0", "0", "0", "0", "0", "0", "0"]);
    case.expect[3] = org("12", "Tidewater Surveyors", ["1", "0", "1", "1", "1", "1", "0", "0"]);
    case
}

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 8]) -> Org {
    LABELS.into_iter().zip(numbers).fold(Org::new(id, name), |org, (label, number)| org.number(label, number))
}

/// Left out: a workstation that waits for approval, one that is decommissioned, a staged server, an unmanaged device.
fn larkspur(numbers: [&'static str; 8]) -> Org {
    let org = org("3", "Larkspur Dental Group", numbers);
    org.left_out("Workstations", "2").left_out("Servers", "1").left_out("Other devices", "1")
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn guests_are_servers_too_on_request() {
    let mut case = small(json!({ "servers_include_vm_guests": true }));
    case.expect[0] = larkspur(["3", "5", "3", "1", "2", "2", "1", "1"]);
    conformance(case).await;
}

#[tokio::test]
async fn devices_without_contact_for_long_are_left_out_on_request() {
    let mut case = small(json!({ "max_offline_days": 30 }));
    // The probe's last contact is not told: it counts.
    case.expect[0] = org("3", "Larkspur Dental Group", ["2", "3", "3", "1", "2", "2", "1", "1"])
        .left_out("Workstations", "3")
        .left_out("Servers", "1")
        .left_out("Other devices", "1");
    conformance(case).await;
}

#[tokio::test]
async fn a_refresh_token_is_shown_without_a_scope() {
    let mut case = small(json!({ "refresh_token": "planted-first" }));
    case.exchanges[0] = token(&[("grant_type", "refresh_token"), ("refresh_token", "planted-first")]);
    conformance(case).await;
}

#[tokio::test]
async fn the_next_refresh_token_is_kept_and_shown() {
    let world = TestWorld::new();
    for (shown, next) in [("planted-first", "planted-second"), ("planted-second", "planted-third")] {
        let mut case = small(json!({ "refresh_token": "planted-first" }));
        let mut reply = fixture!("token.json");
        reply["refresh_token"] = json!(next);
        case.exchanges[0] = token(&[("grant_type", "refresh_token"), ("refresh_token", shown)]).reply(reply);
        assert_eq!(counts(case, &world).await.unwrap().orgs.len(), 4, "{shown}");
    }
}

#[tokio::test]
async fn the_users_scopes_are_asked_for() {
    let mut case = small(json!({ "scope": "monitoring management" }));
    case.exchanges[0] = token(&[("grant_type", "client_credentials"), ("scope", "monitoring management")]);
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs.len(), 4);
}

#[tokio::test]
async fn a_scope_that_is_not_granted_is_told() {
    let mut case = small(Value::Null);
    let refused = case.exchanges.remove(0).status(400).reply(fixture!("invalid-scope.json"));
    case.exchanges.insert(0, refused);
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("invalid_scope") && error.to_string().contains("scopes"), "{error}");
}

#[tokio::test]
async fn behind_a_full_page_may_be_nothing() {
    let mut case = small(Value::Null);
    case.exchanges.truncate(3);
    case.exchanges.push(devices(0, None).reply(full(Vec::new(), 1)));
    case.exchanges.push(devices(1, Some("1000")).reply(json!([])));
    case.expect[0] = org("3", "Larkspur Dental Group", ["0"; 8]);
    case.expect[1] = org("5", "Quarry Lane Legal LLP", ["1000", "0", "0", "0", "0", "0", "0", "0"]);
    case.skips.push(("declared", "the main case tries each metric"));
    conformance(case).await;
}

#[tokio::test]
async fn organizations_come_in_pages_too() {
    let organization = |id: u32| json!({ "id": id, "name": format!("Org {id}") });
    let thousand: Vec<Value> = (1..=1000).map(organization).collect();
    let mut case = small(Value::Null);
    case.exchanges[2] = organizations().reply(json!(thousand));
    case.exchanges.push(organizations().query("after", "1000").reply(json!([organization(1001)])));
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs.len(), 1001);
}

/// What comes of these devices beside the usual organizations.
async fn counted(rows: Value) -> tallysheet_core::Counts {
    let mut case = small(Value::Null);
    case.exchanges[3] = devices(0, None).reply(rows);
    counts(case, &TestWorld::new()).await.unwrap()
}

#[tokio::test]
async fn a_device_of_an_organization_that_is_not_listed_is_not_dropped() {
    let counts = counted(json!([{ "id": 1, "organizationId": 99, "nodeClass": "MAC" }])).await;
    let stray = counts.orgs.iter().find(|org| org.org.id == "99").unwrap();
    assert_eq!(stray.org.name, "(unlisted 99)");
}

#[tokio::test]
async fn a_class_that_is_not_known_is_told_once_where_it_counts() {
    let device = |id: u32, class: &str, status: &str| json!({ "id": id, "organizationId": 3, "nodeClass": class, "approvalStatus": status });
    let counts = counted(json!([
        device(1, "TOASTER", "APPROVED"),
        device(2, "Toaster", "APPROVED"),
        device(3, "KETTLE", "PENDING"),
        device(4, "MANAGED_DEVICE", "APPROVED"),
    ]));
    let notices = counts.await.notices;
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].level, Level::Warning);
    assert!(notices[0].message.ends_with("are in \"Other devices\": toaster"), "{}", notices[0].message);
}

/// The search for tickets by their title, on the board of all tickets.
fn search() -> Exchange {
    Exchange::post("/v2/ticketing/trigger/board/4/run")
        .json(json!({ "pageSize": 100, "searchCriteria": "Billing Reconciliation",
            "sortBy": [{ "field": "createTime", "direction": "DESC" }], "includeColumns": ["id", "createTime"] }))
        .reply(
            json!({ "data": [{ "id": 78, "createTime": 1_793_512_900.5 }, { "id": 77, "createTime": 1_793_512_880.0 },
            { "id": 76, "createTime": 1_793_512_860.0 }, { "id": 75, "createTime": 1_793_512_850.0 }],
            "metadata": { "columns": [], "lastCursorId": 75 } }),
        )
        .nothing(json!({ "data": [], "metadata": { "lastCursorId": null } }))
}

fn ticket(id: u32, client: u32, status: u32, tags: &Value) -> Exchange {
    Exchange::get(format!("/v2/ticketing/ticket/{id}")).reply(json!({ "id": id, "version": 1, "clientId": client,
        "subject": "Billing Reconciliation", "status": { "name": "X", "statusId": status }, "tags": tags,
        "createTime": 1_793_512_800.25 + f64::from(id), "deleted": false }))
}

fn comment(parts: Vec<Part>) -> Exchange {
    Exchange::post("/v2/ticketing/ticket/77/comment").multipart(parts).status(204).changes()
}

fn desk_case() -> Case {
    let mut case = small(json!({ "scope": "monitoring management" }));
    case.exchanges[0] = token(&[("grant_type", "client_credentials"), ("scope", "monitoring management")]);
    case.exchanges.extend([
        Exchange::get("/v2/ticketing/ticket-form").reply(json!([
            { "id": 1, "name": "Default", "active": true, "default": true },
            { "id": 2, "name": "Billing", "active": true }, { "id": 3, "name": "Retired", "active": false }])),
        Exchange::get("/v2/ticketing/statuses").reply(json!([
            { "name": "NEW", "displayName": "New", "parentId": null, "statusId": 1000 },
            { "name": "OPEN", "displayName": "Open", "parentId": null, "statusId": 2000 },
            { "name": "CLOSED", "displayName": "Closed", "parentId": null, "statusId": 6000 },
            { "name": "PAID", "displayName": "Paid", "parentId": 6000, "statusId": 6001 }])),
        Exchange::get("/v2/ticketing/trigger/boards")
            .reply(json!([{ "id": 4, "name": "All tickets", "system": true }, { "id": 9, "name": "Mine" }])),
        search(),
        // A status of one's own below CLOSED is closed; another organization's and another delivery's do not count.
        ticket(78, 3, 6001, &json!(["billing", Desk::KEY])),
        ticket(77, 3, 2000, &json!([Desk::KEY])),
        ticket(76, 5, 1000, &json!([Desk::KEY])),
        ticket(75, 3, 1000, &json!(["tallysheet:20261001T060000Z-1111:ticket", "x"])),
        Exchange::post("/v2/ticketing/ticket")
            .json(json!({ "clientId": 3, "ticketFormId": 2, "subject": "Billing Reconciliation", "status": "1000",
                "priority": "LOW", "type": "TASK", "severity": "NONE", "tags": [Desk::KEY],
                "description": { "public": false, "body": Desk::TEXT, "htmlBody": Desk::HTML } }))
            .reply(json!({ "id": 77, "version": 1 }))
            .changes(),
        Exchange::get("/v2/ticketing/ticket/77/log-entry").query("type", "COMMENT").query("pageSize", "100").reply(
            json!([{ "id": 1, "body": "File: old.csv\n" }, { "id": 2, "body": "Please see the file." }, { "id": 3 }]),
        ),
        comment(vec![
            Part::typed(
                "comment",
                "application/json",
                json!({ "public": false, "body": format!("File: {}", Desk::FILE_NAME) }).to_string(),
            ),
            Part::file("files"),
        ]),
        comment(vec![Part::typed(
            "comment",
            "application/json",
            json!({ "public": false, "body": Desk::TEXT, "htmlBody": Desk::HTML }).to_string(),
        )]),
    ]);
    case.desk = Some(Desk {
        form: TicketForm {
            company: "larkspur dental group".into(),
            title: "Billing Reconciliation".into(),
            fields: BTreeMap::from([
                ("form", "Billing".to_owned()),
                ("status", "New".to_owned()),
                ("priority", "low".to_owned()),
                ("type", "task".to_owned()),
                ("board", "All tickets".to_owned()),
            ]),
            extra: BTreeMap::from([("severity".to_owned(), json!("NONE"))]),
        },
        company: ("3", "Larkspur Dental Group"),
        wrong: vec![
            ("company", vec!["Larkspur Dental Group (3)"]),
            ("form", vec!["there are Billing (2), Default (1)"]),
            ("status", vec!["Closed (6000), New (1000), Open (2000), Paid (6001)"]),
            ("priority", vec!["HIGH, LOW, MEDIUM, NONE"]),
            ("type", vec!["INCIDENT", "TASK"]),
            ("board", vec!["All tickets (4), Mine (9)"]),
            ("queue", vec!["form, status, priority, type, board"]),
        ],
        found: vec![("78", "78", false), ("77", "77", true)],
        found_of_any_run: vec![("78", "78", false), ("77", "77", true), ("75", "75", true)],
        created: ("77", "77"),
        created_with_file: false,
        attachments: vec!["old.csv"],
    });
    case
}

#[tokio::test]
async fn tickets_conform() {
    ticket_conformance(desk_case()).await;
}
