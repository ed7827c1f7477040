//! Huntress against the conformance suite, and its own traps.

use serde_json::{Value, json};
use tallysheet_connector_huntress as _;
use tallysheet_core::Code;
use tallysheet_testkit::{Case, Exchange, Expected, Org, conformance, examine, fixture};

fn list(index: usize, token: Option<&str>) -> Exchange {
    let call = Exchange::get("/organizations").query("limit", "500");
    let call = token.map_or(call.clone(), |token| call.query("page_token", token));
    call.page("organizations", index, "/organizations")
}

fn case() -> Case {
    Case {
        slug: "huntress",
        settings: json!({ "api_key": "planted-key", "api_secret": "planted-secret" }),
        auth: vec![("authorization", "Basic cGxhbnRlZC1rZXk6cGxhbnRlZC1zZWNyZXQ=")],
        exchanges: vec![
            Exchange::get("/actor").check().reply(fixture!("actor.json")),
            list(0, None)
                .reply(fixture!("organizations-1.json"))
                .counted_at("/organizations/0/agents_count")
                .counted_at("/organizations/0/billable_identity_count")
                .counted_at("/organizations/0/sat_learner_count")
                .counted_at("/organizations/0/logs_sources_count"),
            list(1, Some("NzA0MjA")).reply(fixture!("organizations-2.json")),
            list(2, Some("NzA0MjE")).reply(fixture!("organizations-3.json")),
        ],
        account: ("Northgate IT", Some("311")),
        expect: vec![
            org("70412", "Larkspur Dental Group", ["37", "52", "41", "3"]),
            // A second org of the same name, empty: zero, and apart from the first.
            org("70413", "Larkspur Dental Group", ["0", "0", "0", "0"]),
            org("70420", "Quarry Lane Legal LLP", ["12", "0", "9", "0"]),
            // The older field stands in only where the new one is absent.
            org("70501", "Foxglove Bakery", ["4", "6", "0", "1"]),
            org("70502", "Tidewater Surveyors", ["19", "21", "20", "2"]),
        ],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, [agents, identities, learners, sources]: [&'static str; 4]) -> Org {
    Org::new(id, name)
        .number("Agents", agents)
        .number("Identities", identities)
        .number("SAT learners", learners)
        .number("SIEM sources", sources)
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

/// One small page after another, told apart by `tell`: what the pagination says.
fn small_pages(second: Exchange, tell: &[Value; 2]) -> Case {
    let page = |id: u64, agents: u64, pagination: &Value| {
        json!({ "organizations": [{ "id": id, "name": format!("Org {id}"), "agents_count": agents,
            "billable_identity_count": 1, "sat_learner_count": 2, "logs_sources_count": 3 }], "pagination": pagination })
    };
    Case {
        exchanges: vec![
            case().exchanges.remove(0),
            list(0, None).reply(page(1, 5, &tell[0])),
            second.page("organizations", 1, "/organizations").reply(page(2, 7, &tell[1])),
        ],
        expect: vec![org("1", "Org 1", ["5", "1", "2", "3"]), org("2", "Org 2", ["7", "1", "2", "3"])],
        skips: vec![("pages", "the three pages are in the main case")],
        ..case()
    }
}

#[tokio::test]
async fn the_older_page_numbers_are_followed() {
    let second = Exchange::get("/organizations").query("limit", "500").query("page", "2");
    let tell = [1, 2].map(|page| json!({ "current_page": page, "total_pages": 2, "total_count": 2, "limit": 1 }));
    conformance(small_pages(second, &tell)).await;
}

#[tokio::test]
async fn a_link_is_followed_where_there_is_no_token() {
    let second = Exchange::get("/organizations").query("limit", "500").query("page_token", "Mg");
    let link = json!({ "next_page_url": "{{url}}/organizations?page_token=Mg&limit=500" });
    conformance(small_pages(second, &[link, json!({ "next_page_token": "", "next_page_url": null })])).await;
}

#[tokio::test]
async fn a_null_is_missing_even_where_the_older_field_has_a_number() {
    let mut page = fixture!("organizations-3.json");
    page["organizations"][1]["billable_identity_count"] = Value::Null;
    let mut case = case();
    case.exchanges[3] = list(2, Some("NzA0MjE")).reply(page);
    case.expect[4] = Org::new("70502", "Tidewater Surveyors")
        .number("Agents", "19")
        .value("Identities", Expected::Failed(Code::MissingValue))
        .number("SAT learners", "20")
        .number("SIEM sources", "2");
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn a_resellers_key_is_refused_and_an_account_under_actor_is_read() {
    let checked = |actor: Value| async move {
        let mut case = case();
        case.exchanges[0] = Exchange::get("/actor").check().reply(actor);
        examine(case).await
    };
    let nested = checked(json!({ "actor": { "account": { "id": "311", "name": "Northgate IT" } } })).await;
    assert_eq!(nested, []);
    let reseller = checked(json!({ "reseller": { "id": 4, "name": "Northgate Distribution" } })).await;
    assert!(
        reseller
            .iter()
            .any(|failure| failure.step == "check" && failure.message.contains("no single Huntress account"))
    );
}
