//! Dropsuite against the conformance suite, and its own traps.

use serde_json::{Value, json};
use tallysheet_connector_dropsuite as _;
use tallysheet_core::{Code, Counts, Hint, Result};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

fn users(page: usize) -> Exchange {
    Exchange::get("/users").query("per_page", "100").query("page", &page.to_string())
}

fn list(page: usize) -> Exchange {
    users(page).page("users", page - 1, "/result_set")
}

fn probe() -> Exchange {
    Exchange::get("/users").query("per_page", "1").query("page", "1").check().reply(fixture!("users-one.json"))
}

fn case() -> Case {
    let counted = [
        "/result_set/0/active_seats",
        "/result_set/0/seats_used",
        "/result_set/0/paid_shared_mailboxes",
        "/result_set/0/seats_available",
        "/result_set/0/free_shared_mailboxes",
        "/result_set/0/deactivated_seats",
    ];
    Case {
        slug: "dropsuite",
        settings: json!({ "reseller_token": "planted-reseller", "access_token": "planted-access" }),
        auth: vec![("x-reseller-token", "planted-reseller"), ("x-access-token", "planted-access")],
        exchanges: vec![
            probe(),
            counted.iter().fold(list(1).reply(fixture!("users-1.json")), |page, at| page.counted_at(at)),
            list(2).reply(fixture!("users-2.json")),
            list(3).reply(fixture!("users-3.json")),
        ],
        account: ("127.0.0.1", None),
        expect: vec![
            // Two plans, of which one id is a number: summed. The mark behind the name is none of it.
            org("6401", "Fjord Legal LLP", ["21", "23", "1", "25", "4", "2"]),
            org("6402", "Harbor Dental", ["9", "9", "0", "10", "1", "0"]),
            // Suspended, a row that comes twice, and two log-ins of one plan: the larger of each number.
            org("6403", "Kestrel Freight", ["30", "33", "3", "40", "2", "1"]),
            deactivated(),
            org("6405", "Osprey Printing", ["0", "0", "0", "0", "0", "0"]),
            // One of its plans is over.
            org("6406", "Quarry Roofing", ["3", "3", "0", "3", "0", "0"])
                .left_out("Active seats", "4")
                .left_out("Used seats", "4")
                .left_out("Paid shared mailboxes", "1")
                .left_out("Purchased seats", "6"),
            // An older server: what it does not tell is no zero, and no other number stands in.
            METRICS.iter().fold(Org::new("6407", "Rowan Surveying"), |org, metric| match *metric {
                "Used seats" => org.number(metric, "11"),
                "Purchased seats" => org.number(metric, "12"),
                _ => org.value(metric, Expected::Failed(Code::MissingValue)),
            }),
        ],
        ..Case::default()
    }
}

const METRICS: [&str; 6] = [
    "Active seats",
    "Used seats",
    "Paid shared mailboxes",
    "Purchased seats",
    "Free shared mailboxes",
    "Deactivated seats",
];

fn org(id: &'static str, name: &'static str, numbers: [&'static str; 6]) -> Org {
    METRICS.iter().zip(numbers).fold(Org::new(id, name), |org, (metric, number)| org.number(metric, number))
}

fn deactivated() -> Org {
    let numbers = METRICS.iter().zip(["7", "8", "2", "8", "1", "1"]);
    numbers.fold(Org::new("6404", "Merlin Bakery"), |org, (metric, number)| {
        org.value(metric, Expected::LeftOut).left_out(metric, number)
    })
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

fn row(organization: u32, seats: u32) -> Value {
    json!({ "id": format!("{organization}-12"), "organization_id": organization, "organization_name": format!("Org {organization}"),
        "plan_id": 12, "active_seats": seats, "seats_used": seats, "paid_shared_mailboxes": seats, "seats_available": seats,
        "free_shared_mailboxes": seats, "deactivated_seats": seats })
}

/// The numbers of a row that [`row`] makes.
fn same(id: &'static str, name: &'static str, seats: &'static str) -> Org {
    org(id, name, [seats; 6])
}

/// What comes of pages in another form.
fn paged(pages: Vec<Exchange>, expect: Vec<Org>, skips: &[&'static str]) -> Case {
    let reason = "the form of these pages does not tell it; the main case does";
    Case {
        exchanges: [vec![probe()], pages].concat(),
        expect,
        skips: skips.iter().map(|step| (*step, reason)).collect(),
        ..case()
    }
}

#[tokio::test]
async fn a_bare_list_ends_where_nothing_new_comes() {
    let page = |number: usize, rows: Value| users(number).page("users", number - 1, "").reply(rows);
    let expect = vec![same("1", "Org 1", "5"), same("2", "Org 2", "7"), same("3", "Org 3", "9")];
    // A server that sends less than was asked for, one that sends all in any case, and one that has one page.
    for pages in [
        vec![page(1, json!([row(1, 5), row(2, 7)])), page(2, json!([row(3, 9)])), page(3, json!([]))],
        vec![page(1, json!([row(1, 5), row(2, 7), row(3, 9)])), page(2, json!([row(1, 5), row(2, 7), row(3, 9)]))],
        vec![page(1, json!([row(1, 5), row(2, 7), row(3, 9)])), page(2, json!([]))],
    ] {
        conformance(paged(pages, expect.clone(), &["pages", "loops"])).await;
    }
}

#[tokio::test]
async fn a_wrapped_list_is_read() {
    let page = |number: usize, rows: Value| {
        let body = json!([{ "result_set": rows }]);
        users(number).page("users", number - 1, "/0/result_set").reply(body)
    };
    let pages = vec![page(1, json!([row(1, 5), row(2, 7)])), page(2, json!([row(3, 9)])), page(3, json!([]))];
    let expect = vec![same("1", "Org 1", "5"), same("2", "Org 2", "7"), same("3", "Org 3", "9")];
    conformance(paged(pages, expect, &["pages", "loops"])).await;
}

#[tokio::test]
async fn the_next_page_is_followed_until_there_is_none() {
    let page = |number: usize, rows: Value, tell: Value| {
        let body = json!({ "data": rows, "pagination": tell });
        users(number).page("users", number - 1, "/data").reply(body)
    };
    let pages = vec![
        page(
            1,
            json!([row(1, 5), row(2, 7)]),
            json!({ "current_page": 1, "next_page": 2, "next_url": "{{url}}/users?page=2" }),
        ),
        page(2, json!([]), json!({ "next_page": 3 })),
        page(3, json!([row(3, 9)]), json!({ "current_page": 3, "per_page": 100 })),
    ];
    let expect = vec![same("1", "Org 1", "5"), same("2", "Org 2", "7"), same("3", "Org 3", "9")];
    conformance(paged(pages, expect, &[])).await;
}

#[tokio::test]
async fn a_whole_bare_page_that_comes_again_may_have_been_cut() {
    let hundred = |count: u32| Value::from((1..=count).map(|number| row(number, 1)).collect::<Vec<_>>());
    for (count, is_good) in [(99, true), (100, false), (101, false)] {
        let pages = vec![users(1).reply(hundred(count)), users(2).reply(hundred(count))];
        let answer = counts(paged(pages, vec![], &[]), &TestWorld::new()).await;
        assert_eq!(answer.is_ok(), is_good, "{count}");
    }
}

#[tokio::test]
async fn pages_that_do_not_say_which_they_are_may_not_repeat_each_other() {
    let mut case = case();
    for exchange in 1..4 {
        let mut page =
            [fixture!("users-1.json"), fixture!("users-1.json"), fixture!("users-3.json")][exchange - 1].clone();
        page["pagination"] = json!({ "total_pages": 3 });
        case.exchanges[exchange] = list(exchange).reply(page);
    }
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap_err().code(), Code::BadResponse);
}

/// The main case with its first page changed.
async fn where_the_first_page(change: impl FnOnce(&mut Value)) -> Result<Counts> {
    let (mut case, mut page) = (case(), fixture!("users-1.json"));
    change(&mut page);
    case.exchanges[1] = list(1).reply(page);
    counts(case, &TestWorld::new()).await
}

#[tokio::test]
async fn another_page_than_asked_for_is_an_error() {
    let answer = where_the_first_page(|page| page["pagination"]["current_page"] = json!(2)).await;
    assert_eq!(answer.unwrap_err().code(), Code::BadResponse);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_fails_all_and_shows_no_token() {
    for (field, value) in [
        ("seats_used", json!("planted-customer-1")),
        ("organization_id", Value::Null),
        ("plan_id", Value::Null),
        ("customer_deactivated", json!("planted-customer-1")),
    ] {
        let error = where_the_first_page(|page| page["result_set"][1][field] = value).await.unwrap_err();
        assert_eq!(error.code(), Code::BadResponse, "{field}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }
}

#[tokio::test]
async fn who_operates_is_told_of_what_is_odd() {
    let mut case = case();
    let told = |counts: Counts| -> Vec<(Option<String>, String)> {
        counts.notices.into_iter().map(|notice| (notice.company, notice.message)).collect()
    };
    let kestrel = |message: &str| (Some("Kestrel Freight".to_owned()), message.to_owned());
    assert_eq!(
        told(counts(case.clone(), &TestWorld::new()).await.unwrap()),
        [
            kestrel("the customer is suspended; its seats count"),
            kestrel("several log-ins for one plan: the larger number counts, not the sum"),
        ]
    );
    case.exclude = vec!["6403"];
    assert_eq!(told(counts(case, &TestWorld::new()).await.unwrap()), []);

    let none = counts(paged(vec![users(1).reply(json!([]))], vec![], &[]), &TestWorld::new()).await.unwrap();
    assert!(told(none)[0].1.contains("lists no customer"));
}

#[tokio::test]
async fn a_name_as_it_is_told_and_a_mail_address_are_hints() {
    let counts = counts(case(), &TestWorld::new()).await.unwrap();
    let hints = |id: &str| counts.orgs.iter().find(|org| org.org.id == id).unwrap().org.hints.clone();
    let domain = |domain: &str| Hint::Domain(domain.to_owned());
    assert_eq!(hints("6402"), [domain("harbor.example"), Hint::Name("Harbor Dental [c3d4e5] - NFR".to_owned())]);
    assert_eq!(hints("6405"), [domain("osprey.example")]);
    assert!(counts.orgs.iter().all(|org| org.org.domains.is_empty()));
}

#[tokio::test]
async fn a_refusal_says_which_token_is_meant() {
    let mut case = case();
    case.exchanges[0] = case.exchanges[0].clone().status(401).reply(json!("not authorized to perform this action"));
    let told = examine(case).await;
    assert!(
        told.iter().any(|failure| failure.step == "check" && failure.message.contains("must be the reseller's own"))
    );
}
