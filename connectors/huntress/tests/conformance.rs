//! Huntress against the conformance suite, and its own traps.

use serde_json::json;
use tallysheet_connector_huntress as _;
use tallysheet_testkit::{Case, Exchange, Org, conformance, fixture};

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
