//! ServiceNow: tokens, pages that hide rows, conditions that are dropped.

use crate::common::{bearer, client, distinct, rows};
use serde_json::json;
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn servicenow_hides_rows_after_it_has_made_a_page_and_drops_unknown_conditions() {
    let client = client(Options { psa: "servicenow", ..Options::default() }).await;
    let setting = |key| client.setting("servicenow", key);
    let login = |password: &str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", setting("client_id")),
            ("client_secret", setting("client_secret")),
            ("username", setting("username")),
            ("password", password),
        ];
        client.post_form(&format!("{}/oauth_token.do", setting("url")), "", &form)
    };
    assert_eq!(login("wrong"), (401, json!({ "error": "access_denied", "error_description": "access_denied" })));
    let token = bearer(login(setting("password")));
    let table = |path: &str| format!("{}/api/now/table/{path}", setting("url"));
    assert_eq!(client.get(&table("core_company"), "Bearer invented").0, 401);
    assert_eq!(client.get(&table("no_such_table"), &token).0, 400);

    let page = |offset: usize, limit: usize| {
        let query = format!("?sysparm_query=ORDERBYsys_id&sysparm_limit={limit}&sysparm_offset={offset}");
        rows(&client.read(&table(&format!("core_company{query}")), &token)["result"])
    };
    assert!(page(0, 1000).is_empty(), "an empty page, and more behind it");
    let companies = page(1000, 1000);
    assert_eq!((companies.len(), distinct(&companies, "sys_id")), (27, 27));
    let dropped = client.read(&table("core_company?sysparm_query=colour=red&sysparm_limit=2000"), &token);
    assert_eq!(rows(&dropped["result"]).len(), 27);
}
