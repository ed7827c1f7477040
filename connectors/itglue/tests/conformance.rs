//! IT Glue against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_itglue as _;
use tallysheet_core::{Code, Counted, Counts, ErrorKind, Outcome, Result, Standing};
use tallysheet_testkit::{Case, Company, Exchange, Expected, Org, TestWorld, conformance, counts, examine, fixture};

fn list(path: &str, size: &str, page: Option<&str>) -> Exchange {
    let call = Exchange::get(path).query("page[size]", size).query("sort", "id");
    page.map_or(call.clone(), |page| call.query("page[number]", page)).total_at("/meta/total-count")
}

fn organizations(index: usize, page: Option<&str>) -> Exchange {
    list("/organizations", "1000", page).page("organizations", index, "/data")
}

fn users(index: usize, page: Option<&str>) -> Exchange {
    list("/users", "1000", page).page("users", index, "/data")
}

/// The settings, with `further` ones.
fn settings(further: &Value) -> Value {
    let mut settings = json!({ "api_key": "planted-key", "region": "eu" });
    settings.as_object_mut().unwrap().extend(further.as_object().cloned().unwrap_or_default());
    settings
}

fn case() -> Case {
    Case {
        slug: "itglue",
        settings: settings(&Value::Null),
        auth: vec![("x-api-key", "planted-key")],
        exchanges: vec![
            Exchange::get("/organizations")
                .query("filter[primary]", "true")
                .query("page[size]", "1")
                .check()
                .reply(fixture!("own.json")),
            organizations(0, None).reply(fixture!("organizations-1.json")),
            organizations(1, Some("2")).reply(fixture!("organizations-2.json")),
            users(0, None).reply(fixture!("users-1.json")).counted_at("/data/0/attributes/my-glue"),
            users(1, Some("2")).reply(fixture!("users-2.json")),
            users(2, Some("3")).reply(fixture!("users-3.json")).counted_at("/data/0/id"),
        ],
        account: ("Northgate IT", Some("4100100")),
        expect: vec![
            Org::new("4100100", "Northgate IT").number("Users", "1").not_customer(),
            // Numbers and texts are one account; an invitation counts, a member of staff does not.
            Org::new("4100200", "Fjord Legal LLP").number("Users", "3"),
            Org::new("4100300", "Larkspur Dental Group").number("Users", "2"),
            Org::new("4100400", "Quarry Lane Legal LLP").number("Users", "0"),
            Org::new("4100500", "Foxglove Bakery").value("*", Expected::NotApplicable),
            // One account of two: the lower id has the users, although its text is the higher one.
            Org::new("99500", "Tidewater Surveyors").number("Users", "3"),
            Org::new("4100600", "Tidewater Marine LLC").value("*", Expected::LeftOut),
            // A status is the MSP's own word: who is inactive and still has users is counted.
            Org::new("4100700", "Old Mill Garden Centre").number("Users", "1"),
        ],
        companies: vec![
            Company::new("4100100", "Northgate IT").inactive(),
            Company::new("4100200", "Fjord Legal LLP"),
            Company::new("4100300", "Larkspur Dental Group"),
            Company::new("4100400", "Quarry Lane Legal LLP"),
            Company::new("4100500", "Foxglove Bakery"),
            Company::new("99500", "Tidewater Surveyors"),
            Company::new("4100600", "Tidewater Marine LLC"),
            Company::new("4100700", "Old Mill Garden Centre").inactive(),
        ],
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

/// What comes out by org id, in the order of ids.
fn told(counts: &Counts) -> Vec<(&str, String)> {
    let mut told: Vec<(&str, String)> =
        counts.orgs.iter().map(|org| (org.org.id.as_str(), value(&org.counted))).collect();
    told.sort();
    told
}

fn value(counted: &Counted) -> String {
    let outcome = match counted {
        Counted::Each(values) => &values[0].1,
        Counted::Whole(outcome) => outcome,
    };
    match outcome {
        Outcome::Number(number) => number.to_string(),
        Outcome::Failed(failure) => failure.code.to_string(),
        Outcome::NotApplicable => "not applicable".to_owned(),
        Outcome::LeftOut(_) => "left out".to_owned(),
        Outcome::Text(text) => text.clone(),
    }
}

/// The counts of some organizations and users, all in one answer each.
async fn counted(
    organizations: &[Value],
    users: &[Value],
    further: &Value,
    exclude: &[&'static str],
) -> Result<Counts> {
    let row = |row: &Value| json!({ "id": row["id"], "attributes": row });
    let page = |rows: &[Value]| json!({ "data": rows.iter().map(row).collect::<Vec<_>>() });
    let case = Case {
        settings: settings(further),
        exclude: exclude.to_vec(),
        exchanges: vec![
            list("/organizations", "1000", None).reply(page(organizations)),
            list("/users", "1000", None).reply(page(users)),
        ],
        ..case()
    };
    counts(case, &TestWorld::new()).await
}

fn tidewater() -> [Value; 3] {
    [
        json!({ "id": "7", "name": "Tidewater Holding", "my-glue-account-id": 1, "primary": true }),
        json!({ "id": "90", "name": "Tidewater Surveyors", "my-glue-account-id": 1 }),
        json!({ "id": "100", "name": "Tidewater Marine", "my-glue-account-id": "1" }),
    ]
}

fn two_users() -> [Value; 2] {
    [1, 2].map(|id| json!({ "id": id, "my-glue": true, "my-glue-account-id": 1, "invitation-accepted-at": null }))
}

#[tokio::test]
async fn who_shares_an_account_is_counted_as_the_setting_says_and_always_told() {
    let own = |value: &str| ("7", value.to_owned());
    for (shared, exclude, expected, place) in [
        ("first", vec![], vec![("100", "left out"), ("90", "2")], "at Tidewater Surveyors only"),
        ("first", vec!["90"], vec![("100", "2"), ("90", "left out")], "at Tidewater Marine only"),
        ("repeat", vec![], vec![("100", "2"), ("90", "2")], "at each of"),
        ("unassigned", vec![], vec![("100", "left out"), ("90", "left out"), ("account-1", "2")], "at none of"),
    ] {
        let further = json!({ "shared_accounts": shared });
        let counts = counted(&tidewater(), &two_users(), &further, &exclude).await.unwrap();
        let mut expected: Vec<_> = expected.into_iter().map(|(id, value)| (id, value.to_owned())).collect();
        expected.push(own(if shared == "repeat" { "2" } else { "left out" }));
        expected.sort();
        assert_eq!(told(&counts), expected, "{shared}");
        assert!(counts.orgs.iter().all(|org| (org.standing == Standing::Customer) == (org.org.id != "7")));
        let [notice] = &counts.notices[..] else { panic!("{:?}", counts.notices) };
        assert!(notice.message.contains("3 organizations share the MyGlue account 1"), "{}", notice.message);
        assert!(notice.message.contains(place) && notice.message.contains("Tidewater Holding"), "{}", notice.message);
    }
}

#[tokio::test]
async fn a_user_of_nobodys_account_is_not_dropped() {
    let organizations = [json!({ "id": "88099", "name": "Fjord Legal", "my-glue-account-id": 5 })];
    let users = [
        json!({ "id": 1, "my-glue": true, "my-glue-account-id": 88_099 }),
        json!({ "id": 2, "my-glue": true, "my-glue-account-id": null }),
        json!({ "id": 3, "my-glue": true, "my-glue-account-id": 5 }),
    ];
    let counts = counted(&organizations, &users, &Value::Null, &[]).await.unwrap();
    let expected = [("88099", "1"), ("account-88099", "1"), ("account-none", "1")];
    assert_eq!(told(&counts), expected.map(|(id, value)| (id, value.to_owned())));
}

#[tokio::test]
async fn who_has_not_accepted_is_left_out_on_request() {
    let mut case = Case { settings: settings(&json!({ "accepted_only": true })), ..case() };
    case.expect[1] = Org::new("4100200", "Fjord Legal LLP").number("Users", "2").left_out("Users", "1");
    case.expect[5] = Org::new("99500", "Tidewater Surveyors").number("Users", "2").left_out("Users", "1");
    assert_eq!(examine(case).await, []);
}

#[tokio::test]
async fn a_link_that_is_not_told_is_no_link_that_is_not_there() {
    let fjord = json!({ "id": "1", "name": "Fjord Legal", "my-glue-account-id": 5 });
    let untold = json!({ "id": "2", "name": "Larkspur" });
    let user =
        json!({ "id": 1, "my-glue": true, "my-glue-account-id": 5, "invitation-accepted-at": "2025-05-02T08:00:00Z" });
    let counts = counted(&[fjord.clone(), untold], std::slice::from_ref(&user), &Value::Null, &[]).await.unwrap();
    let missing = Code::MissingValue.to_string();
    assert_eq!(told(&counts), [("1", "1".to_owned()), ("2", missing)]);

    let accepted_only = json!({ "accepted_only": true });
    for (field, further) in [("my-glue-account-id", &Value::Null), ("invitation-accepted-at", &accepted_only)] {
        let mut untold = user.clone();
        untold.as_object_mut().unwrap().remove(field);
        let staff = json!({ "id": 2, "my-glue": false });
        let error = counted(std::slice::from_ref(&fjord), &[staff, untold], further, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadResponse);
        assert!(error.to_string().contains(field), "{error}");
    }
}

#[tokio::test]
async fn names_with_underscores_are_read_and_pages_without_a_next_one_by_number() {
    let user = |id: u32| json!({ "id": id, "attributes": { "my_glue": true, "my_glue_account_id": 5 } });
    let page =
        |id: u32| json!({ "data": [user(id)], "meta": { "current_page": id, "total_pages": 2, "total_count": 2 } });
    let organization = json!({ "id": 1, "attributes": { "name": "Fjord Legal", "my_glue_account_id": "5" } });
    let case = Case {
        exchanges: vec![
            list("/organizations", "1000", None).reply(json!({ "data": [organization] })),
            list("/users", "1000", None).reply(page(1)),
            list("/users", "1000", Some("2")).reply(page(2)),
        ],
        ..case()
    };
    assert_eq!(told(&counts(case, &TestWorld::new()).await.unwrap()), [("1", "2".to_owned())]);
}

#[tokio::test]
async fn a_full_page_that_tells_no_total_is_not_taken_for_the_last() {
    let users: Vec<Value> = (0..1000).map(|id| json!({ "id": id, "my-glue": false })).collect();
    assert_eq!(counted(&[], &users, &Value::Null, &[]).await.unwrap_err().kind(), ErrorKind::BadResponse);
    assert!(counted(&[], &users[1..], &Value::Null, &[]).await.unwrap().orgs.is_empty());
}

#[tokio::test]
async fn a_list_that_takes_too_long_is_read_again_in_smaller_pages() {
    let mut case = case();
    case.exchanges.splice(
        3..6,
        [
            users(0, None).reply(fixture!("users-1.json")),
            users(1, Some("2")).status(504),
            list("/users", "500", None).status(504),
            list("/users", "250", None).reply(fixture!("users-1.json")),
            list("/users", "250", Some("2")).reply(fixture!("users-2.json")),
            list("/users", "250", Some("3")).reply(fixture!("users-3.json")),
        ],
    );
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    assert!(told(&counts).contains(&("4100200", "3".to_owned())), "{counts:?}");
}

#[tokio::test]
async fn a_filter_that_is_not_obeyed_names_no_customer() {
    let mut case = case();
    let all = case.exchanges[0].clone().reply(fixture!("organizations-2.json"));
    case.exchanges[0] = all;
    case.account = ("IT Glue", None);
    assert_eq!(examine(case).await, []);
}
