//! NinjaOne against the conformance suite, and its own traps.

use serde_json::json;
use tallysheet_connector_ninjaone as _;
use tallysheet_testkit::{Case, Exchange, Org, conformance, fixture};

fn case() -> Case {
    Case {
        slug: "ninjaone",
        settings: json!({ "api_key": "planted-key" }),
        auth: vec![("authorization", "Bearer planted-key")],
        exchanges: vec![
            Exchange::get("/me").check().reply(json!({ "id": 1, "name": "(to do)" })),
            // To do: three pages of unequal sizes, an empty one in the middle, with the traps of the vendor.
            Exchange::get("/customers").query("limit", "500").page("customers", 0, "/customers").reply(fixture!("page-1.json")),
        ],
        account: ("(to do)", Some("1")),
        expect: vec![Org::new("(to do)", "(to do)").number("Devices", "0")],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}
