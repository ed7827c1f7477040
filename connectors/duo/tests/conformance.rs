//! Duo against the conformance suite, and its own traps.

use serde_json::{Value, json};
use tallysheet_connector_duo as _;
use tallysheet_core::{Code, Counts};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const LARKSPUR: &str = "DAZXCVBNM1ASDFGHJKL2";
const PINECREST: &str = "DAQAZWSXEDCRFVTGBYHN";
const EMPTY: &str = "DAPLOKMIJNUHBYGVTFCR";
const OWN: &str = "DA0NOTFORRESALE00NFR";

fn accounts() -> Exchange {
    Exchange::post("/accounts/v1/account/list").json(json!({}))
}

fn get(account: &'static str, path: &str) -> Exchange {
    Exchange::get(format!("/admin/v1/{path}")).query("account_id", account).scope(account)
}

fn case() -> Case {
    Case {
        slug: "duo",
        settings: json!({ "integration_key": "planted-integration", "secret_key": "planted-secret" }),
        // The signature covers the moment and the address, which differ in each run: `tests/unit/signature.rs` proves it,
        // and the simulated vendor checks it.
        auth: vec![],
        exclude: vec![OWN],
        exchanges: vec![
            accounts().reply(fixture!("accounts.json")),
            get(LARKSPUR, "info/summary")
                .reply(fixture!("summary-larkspur.json"))
                .counted_at("/response/user_count")
                .counted_at("/response/user_pending_deletion_count"),
            get(PINECREST, "info/summary").reply(fixture!("summary-pinecrest.json")),
            get(EMPTY, "info/summary").reply(fixture!("summary-empty.json")),
            // Its summary tells no edition.
            get(PINECREST, "billing/edition").reply(fixture!("edition-pinecrest.json")).counted_at("/response/edition"),
        ],
        account: ("127.0.0.1", None),
        expect: vec![
            org(LARKSPUR, "Larkspur Dental Group", ["53", "1"], "Duo Premier"),
            org(PINECREST, "Pinecrest Law", ["18", "4"], "Duo Advantage"),
            // Another account of the same name, without users: zero.
            org(EMPTY, "Pinecrest Law", ["0", "0"], "Duo Essentials"),
            // Listed, but not asked.
            Org::new(OWN, "Northgate IT (NFR)"),
        ],
        errors_in_200: vec![
            (json!({ "stat": "FAIL", "code": 40301, "message": "planted-body" }), Code::BadResponse),
            (json!({ "stat": "FAIL", "response": { "user_count": 3, "edition": "BEYOND" } }), Code::BadResponse),
        ],
        skips: vec![("pages", "the list of accounts and the summaries come in one answer each")],
        ..Case::default()
    }
}

fn org(id: &'static str, name: &'static str, [users, pending]: [&'static str; 2], edition: &'static str) -> Org {
    let org = Org::new(id, name).number("Users", users).number("Users pending deletion", pending);
    org.value("Edition", Expected::Text(edition))
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

#[tokio::test]
async fn conforms_where_nobody_asks_for_the_edition() {
    let mut case = case();
    case.unasked = vec!["Edition"];
    case.exchanges.pop();
    let org =
        |id, name, users, pending| Org::new(id, name).number("Users", users).number("Users pending deletion", pending);
    case.expect = vec![
        org(LARKSPUR, "Larkspur Dental Group", "53", "1"),
        org(PINECREST, "Pinecrest Law", "18", "4"),
        org(EMPTY, "Pinecrest Law", "0", "0"),
        Org::new(OWN, "Northgate IT (NFR)"),
    ];
    case.skips.push(("declared", "all metrics are in the main case"));
    conformance(case).await;
}

/// What the main case gives where the list of accounts, or the answer to Pinecrest's summary, is another.
async fn where_it_answers(accounts: Option<Value>, pinecrest: Option<(u16, Value)>) -> Counts {
    let mut case = case();
    if let Some(reply) = accounts {
        case.exchanges[0] = case.exchanges[0].clone().reply(reply);
    }
    if let Some((status, reply)) = pinecrest {
        case.exchanges[2] = case.exchanges[2].clone().status(status).reply(reply);
    }
    counts(case, &TestWorld::new()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Which accounts failed, and with what.
fn failures(counts: &Counts) -> Vec<(&str, Code, &str)> {
    let failed = counts.orgs.iter().filter_map(|org| Some((org.org.id.as_str(), org.failure()?)));
    failed.map(|(id, failure)| (id, failure.code, failure.message.as_str())).collect()
}

#[tokio::test]
async fn an_account_is_asked_at_its_own_host() {
    let mut list = fixture!("accounts.json");
    // Nobody listens there.
    list["response"][1]["api_hostname"] = json!("127.0.0.1:9");
    list["response"][2]["api_hostname"] = Value::Null;
    let counts = where_it_answers(Some(list), None).await;
    let failed: Vec<_> = failures(&counts).into_iter().map(|(id, code, _)| (id, code)).collect();
    assert_eq!(failed, [(EMPTY, Code::BadResponse), (PINECREST, Code::Unavailable)]);
}

#[tokio::test]
async fn a_host_that_is_none_fails_its_account_and_is_not_told() {
    for host in ["", "planted/path", "planted@127.0.0.1", "planted host"] {
        let mut list = fixture!("accounts.json");
        list["response"][1]["api_hostname"] = json!(host);
        let counts = where_it_answers(Some(list), None).await;
        let failed = failures(&counts);
        assert_eq!(failed, [(PINECREST, Code::BadResponse, "the vendor names a host that is none")], "{host}");
    }
}

#[tokio::test]
async fn refusals_are_told_by_duos_numbers_and_fail_their_account_only() {
    for (status, number, code, said) in [
        (401, 40102, Code::AuthFailed, "`integration_key`"),
        (401, 40103, Code::AuthFailed, "`secret_key`"),
        (401, 40104, Code::AuthFailed, "clock"),
        (401, 40105, Code::AuthFailed, "clock"),
        (401, 40101, Code::AuthFailed, "the vendor refuses the credential"),
        (403, 40301, Code::Forbidden, "lacks a right"),
        (404, 40401, Code::NotFound, "/admin/v1/info/summary"),
        (429, 42901, Code::RateLimited, "given up after 5 attempts"),
    ] {
        let body = json!({ "stat": "FAIL", "code": number, "message": "planted-body" });
        let counts = where_it_answers(None, Some((status, body))).await;
        let failed = failures(&counts);
        assert!(
            matches!(failed[..], [(PINECREST, told, message)] if told == code && message.contains(said)),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn an_edition_that_nobody_may_tell_leaves_the_users_counted() {
    let mut case = case();
    let forbidden = json!({ "stat": "FAIL", "code": 40301, "message": "Access forbidden" });
    case.exchanges[4] = case.exchanges[4].clone().status(403).reply(forbidden).tolerates(403);
    case.exchanges[4] = case.exchanges[4].clone().scope(PINECREST);
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let pinecrest = counts.orgs.iter().find(|org| org.org.id == PINECREST).unwrap();
    let tallysheet_core::Counted::Each(values) = &pinecrest.counted else { panic!("{pinecrest:?}") };
    let told: Vec<String> = values.iter().map(|(metric, outcome)| format!("{metric}: {outcome:?}")).collect();
    assert_eq!(told[0], "Users: Number(18)");
    assert!(told[2].starts_with("Edition: Failed") && told[2].contains("Forbidden"), "{told:?}");
}

#[tokio::test]
async fn waits_reach_over_the_next_minute_where_duo_asks_to_slow_down() {
    let (mut case, world) = (case(), TestWorld::new());
    case.exchanges[2] = case.exchanges[2].clone().status(429).reply(json!({ "stat": "FAIL", "code": 42901 }));
    counts(case, &world).await.unwrap();
    assert!(world.slept().iter().sum::<std::time::Duration>().as_secs() >= 60, "{:?}", world.slept());
}
