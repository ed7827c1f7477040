//! StreamOne ION against the conformance suite, and its own traps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use tallysheet_connector_tdsynnex_streamone_ion as _;
use tallysheet_core::{Code, Counted, ErrorKind, Metric, Outcome};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const LARKSPUR: &str = "81001";
const QUARRY: &str = "81002";
const TIDEWATER: &str = "81003";
const FOXGLOVE: &str = "81005";

fn token(refresh_token: &str) -> Exchange {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    Exchange::post("/oauth/token").token().form(&form).reply(fixture!("token.json"))
}

fn customers(index: usize, token: Option<&str>) -> Exchange {
    let call = Exchange::get("/api/v3/accounts/70001/customers").query("pageSize", "100");
    let call = token.map_or(call.clone(), |token| call.query("pageToken", token));
    call.page("customers", index, "/customers")
}

fn subscriptions(index: usize, offset: &str) -> Exchange {
    Exchange::get("/api/v3/accounts/70001/subscriptions")
        .query("pagination.limit", "100")
        .query("pagination.offset", offset)
        .page("subscriptions", index, "/items")
}

fn case(more: &Value) -> Case {
    let mut settings = json!({ "account_id": 70001, "refresh_token": "planted-first" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Case {
        slug: "tdsynnex-streamone-ion",
        settings,
        auth: vec![("authorization", "Bearer {{token}}")],
        exchanges: vec![
            token("planted-first"),
            Exchange::get("/api/v3/accounts/70001/customers")
                .query("pageSize", "1")
                .check()
                .reply(fixture!("customers-one.json")),
            customers(0, None).reply(fixture!("customers-1.json")),
            customers(1, Some("b2Zmc2V0PTI=")).reply(fixture!("customers-2.json")),
            customers(2, Some("b2Zmc2V0PTM=")).reply(fixture!("customers-3.json")),
            subscriptions(0, "0")
                .reply(fixture!("subscriptions-1.json"))
                .counted_at("/items/0/subscriptionTotalLicenses")
                .total_at("/totalCount"),
            subscriptions(1, "4").reply(fixture!("subscriptions-2.json")).total_at("/paginationResponse/totalSize"),
            subscriptions(2, "10").reply(fixture!("subscriptions-3.json")),
        ],
        account: ("70001", None),
        ..Case::default()
    }
}

#[tokio::test]
async fn conforms() {
    let mut case = case(&json!({}));
    case.expect = vec![
        // Two terms of one product, an add-on of its own, and what was deleted long ago.
        Org::new(LARKSPUR, "Larkspur Dental Group")
            .number("Mail Suite Business [Licenses]", "17")
            .number("Archive Add-on", "2.5")
            .left_out("Mail Suite Business [Licenses]", "9"),
        // What is suspended is billed; a blank quantity is no zero; a trial and what was bought once do not count.
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .number("Mail Suite Business [Licenses]", "6")
            .value("Vault Storage [GB]", Expected::Failed(Code::MissingValue))
            .left_out("Mail Suite Business [Licenses]", "5")
            .left_out("Office Classic [Licenses]", "1"),
        // Inactive, and billed all the same. A status that nobody knows is not.
        Org::new(TIDEWATER, "Tidewater Surveyors")
            .number("Mail Suite Business [Licenses]", "7.25")
            .left_out("Mail Suite Business [Licenses]", "4")
            .left_out("Rented Machines [Licenses]", "1"),
        // The contact's name is not the customer's.
        Org::new("81004", "81004"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        // Gone with all that it had.
        Org::new("81098", "(unlisted 81098)").not_customer().left_out("Mail Suite Business [Licenses]", "8"),
        Org::new("81099", "(unlisted 81099)").number("Mail Suite Business [Licenses]", "11"),
        Org::new("90001", "(unlisted 90001)").not_customer().number("Mail Suite Business [Licenses]", "20"),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn settings_change_what_counts_and_terms_may_be_columns() {
    let mut case = case(&json!({ "count_suspended": false, "count_trials": true, "split_by_term": true }));
    case.expect = vec![
        Org::new(LARKSPUR, "Larkspur Dental Group")
            .number("Mail Suite Business (1-Year) [Licenses]", "14")
            .number("Mail Suite Business (Monthly) [Licenses]", "3")
            .number("Archive Add-on (1-Year)", "2.5")
            .left_out("Mail Suite Business (1-Year) [Licenses]", "9"),
        Org::new(QUARRY, "Quarry Lane Legal LLP")
            .number("Mail Suite Business (1-Year) [Licenses]", "5")
            .value("Vault Storage (1-Year) [GB]", Expected::Failed(Code::MissingValue))
            .left_out("Mail Suite Business (1-Year) [Licenses]", "6")
            .left_out("Office Classic (1-Year) [Licenses]", "1"),
        Org::new(TIDEWATER, "Tidewater Surveyors")
            .number("Mail Suite Business (1-Year) [Licenses]", "7.25")
            .left_out("Mail Suite Business (1-Year) [Licenses]", "4")
            .left_out("Rented Machines (1-Year) [Licenses]", "1"),
        Org::new("81004", "81004"),
        Org::new(FOXGLOVE, "Foxglove Bakery"),
        Org::new("81098", "(unlisted 81098)").not_customer().left_out("Mail Suite Business (1-Year) [Licenses]", "8"),
        Org::new("81099", "(unlisted 81099)").number("Mail Suite Business (1-Year) [Licenses]", "11"),
        Org::new("90001", "(unlisted 90001)").not_customer().number("Mail Suite Business (1-Year) [Licenses]", "20"),
    ];
    conformance(case).await;
}

#[tokio::test]
async fn what_should_be_looked_at_is_told() {
    let counts = counts(case(&json!({})), &TestWorld::new()).await.unwrap();
    let told = counts.notices.iter().map(|notice| (notice.company.as_deref(), notice.message.as_str()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (
                Some("Quarry Lane Legal LLP"),
                "subscriptions that are suspended, past due or paused count: 1 (`count_suspended`)"
            ),
            (Some("Tidewater Surveyors"), "an inactive customer has subscriptions: they count"),
            (None, "subscriptions of a status that is not known do not count: dormant"),
        ]
    );
}

/// An account with one customer and these subscriptions of its, in one page.
fn listing(settings: &Value, rows: impl IntoIterator<Item = Value>) -> Case {
    let mut case = case(settings);
    case.exchanges.truncate(2);
    let whole = rows.into_iter().enumerate().map(|(index, mut row)| {
        row["id"] = json!(index);
        row["customerId"] = json!(LARKSPUR);
        row
    });
    let rows: Vec<Value> = whole.collect();
    let larkspur = json!({ "name": "accounts/70001/customers/81001", "customerOrganization": "Larkspur Dental Group" });
    case.exchanges.push(customers(0, None).reply(json!({ "customers": [larkspur] })));
    let total = rows.len();
    let page = json!({ "items": rows, "paginationResponse": { "totalSize": total } });
    case.exchanges.push(subscriptions(0, "0").reply(page));
    case
}

/// What each row of a listing counts as, or why it does not.
async fn verdicts(settings: &Value, rows: &[Value]) -> Vec<String> {
    let named = rows.iter().enumerate().map(|(index, row)| {
        let mut row = row.clone();
        row["subscriptionTotalLicenses"] = json!("3");
        row["subscriptionName"] = json!(format!("{index:02}"));
        row
    });
    let counts = counts(listing(settings, named), &TestWorld::new()).await.unwrap();
    let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
    let counted = values.iter().map(|(metric, outcome)| {
        assert_eq!(*outcome, Outcome::Number(3.into()));
        (metric.label(), "counted".to_owned())
    });
    let left_out = counts.orgs[0].left_out.iter().map(|left| (left.metric.label(), left.reason.to_owned()));
    let mut all: Vec<(String, String)> = counted.chain(left_out).collect();
    all.sort();
    all.into_iter().map(|(_, verdict)| verdict).collect()
}

#[tokio::test]
async fn a_subscription_counts_by_status_kind_and_trial() {
    let (ended, beginning) = ("ended or cancelled", "not begun yet");
    let mut rules: Vec<(Value, &str)> = Vec::new();
    for (words, verdict) in [
        ("active ACTIVE enabled running suspended past_due Paused", "counted"),
        ("deleted CANCELLED canceled expired failed error stopped disabled", ended),
        ("pending initiated in_progress ACCEPTED confirmed available complete", beginning),
        ("renewing", "of a status that is not known"),
        ("trial", "on trial"),
    ] {
        rules.extend(words.split(' ').map(|word| (json!({ "subscriptionStatus": word }), verdict)));
    }
    let row = |status, more: Value| {
        let mut row = json!({ "subscriptionStatus": status });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    rules.extend([
        (row("active", json!({ "isTrial": true })), "on trial"),
        (row("deleted", json!({ "isTrial": true })), ended),
        (row("active", json!({ "subscriptionBillingCycle": "ONE_TIME" })), "bought once, not recurring"),
        (row("pending", json!({ "subscriptionBillingCycle": "one_time" })), beginning),
        (row("active", json!({ "resourceType": "GCP::Resource" })), "billed by use, not by licences"),
        (row("deleted", json!({ "resourceType": "AWS::Resource" })), ended),
        // Indirect resellers see no prices.
        (row("active", json!({ "resourceType": "AZURE::Subscription", "price": 0, "total": 0 })), "counted"),
    ]);
    let rows: Vec<Value> = rules.iter().map(|(row, _)| row.clone()).collect();
    let expected = |change: fn(&Value, &'static str) -> &'static str| {
        rules.iter().map(|(row, verdict)| change(row, verdict).to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(verdicts(&json!({}), &rows).await, expected(|_, verdict| verdict));
    let trials = expected(|_, verdict| if verdict == "on trial" { "counted" } else { verdict });
    assert_eq!(verdicts(&json!({ "count_trials": true }), &rows).await, trials);
    let strict = expected(|row, verdict| match row["subscriptionStatus"].as_str() {
        Some("suspended" | "past_due" | "Paused") => "suspended",
        _ => verdict,
    });
    assert_eq!(verdicts(&json!({ "count_suspended": false }), &rows).await, strict);
}

#[tokio::test]
async fn a_product_is_called_as_the_catalogue_calls_it() {
    let info = |sku: &str| json!({ "skuDisplayName": sku, "productDisplayName": "Suite" });
    let row = |more: Value| {
        let mut row = json!({ "subscriptionStatus": "active", "subscriptionTotalLicenses": "1" });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let rows = [
        row(json!({ "ccpSkuId": "a", "ccpProductInfo": info("Mail Suite"), "subscriptionName": "Ours" })),
        // One catalogue entry without its name does not rename the other's product, nor the other way round.
        row(json!({ "ccpSkuId": "a", "ccpProductInfo": info(""), "subscriptionName": "Mine" })),
        row(json!({ "ccpSkuId": "b", "ccpProductInfo": info("") })),
        row(json!({ "ccpSkuId": "c", "ccpProductInfo": null, "subscriptionName": " " })),
        row(json!({})),
        row(
            json!({ "ccpSkuId": "d", "subscriptionName": "Vault", "unitType": " GB ", "subscriptionBillingTerm": "P3Y" }),
        ),
    ];
    for (split, vault) in [(false, "Vault [GB]"), (true, "Vault (3-Year) [GB]")] {
        let settings = json!({ "split_by_term": split });
        let counts = counts(listing(&settings, rows.clone()), &TestWorld::new()).await.unwrap();
        let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
        let mut labels: Vec<String> = values.iter().map(|(metric, _)| metric.label()).collect();
        labels.sort();
        assert_eq!(labels, ["(no name)", "Mail Suite", "Mine", "Suite", vault, "c"]);
    }
}

#[tokio::test]
async fn a_term_is_shown_as_people_write_it() {
    for (term, label) in [
        ("P1M", "Mail (Monthly)"),
        ("P1Y", "Mail (1-Year)"),
        ("P12M", "Mail (1-Year)"),
        ("P3Y", "Mail (3-Year)"),
        ("P6M", "Mail (6-Month)"),
        ("P0Y", "Mail (0-Month)"),
        ("Annual", "Mail (Annual)"),
        ("PéY", "Mail (PéY)"),
        ("P", "Mail (P)"),
        ("", "Mail"),
    ] {
        let row = json!({ "subscriptionStatus": "active", "subscriptionTotalLicenses": "1", "subscriptionName": "Mail",
            "subscriptionBillingTerm": term });
        let counts = counts(listing(&json!({ "split_by_term": true }), [row]), &TestWorld::new()).await.unwrap();
        let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
        assert_eq!(values.iter().map(|(metric, _)| metric.label()).collect::<Vec<_>>(), [label]);
    }
}

#[tokio::test]
async fn a_quantity_is_exact_or_refused() {
    let of = async |quantity: Value| {
        let row = json!({ "subscriptionStatus": "active", "subscriptionName": "Mail", "subscriptionTotalLicenses": quantity });
        let counts = counts(listing(&json!({}), [row]), &TestWorld::new()).await?;
        let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
        Ok::<_, tallysheet_core::Error>(values.first().map(|(_, outcome)| match outcome {
            Outcome::Number(number) => number.to_string(),
            Outcome::Failed(failure) => failure.code.to_string(),
            other => panic!("{other:?}"),
        }))
    };
    for (quantity, exact) in [
        (json!("14"), "14"),
        (json!("0.1"), "0.1"),
        (json!("12.50"), "12.5"),
        (json!(0.3), "0.3"),
        (json!(7), "7"),
        (json!("9007199254740993"), "9007199254740993"),
        (json!(""), "missing-value"),
        (json!(" "), "missing-value"),
        (json!(null), "missing-value"),
    ] {
        assert_eq!(of(quantity.clone()).await.unwrap().as_deref(), Some(exact), "{quantity}");
    }
    assert_eq!(of(json!("0")).await.unwrap(), None, "none of a product is no product");
    assert_eq!(of(json!("many")).await.unwrap_err().kind(), ErrorKind::BadResponse);
}

#[tokio::test]
async fn without_a_total_the_list_ends_with_a_page_without_rows() {
    let mut case = listing(&json!({}), []);
    case.exchanges.truncate(3);
    let row = |id: u32| {
        json!({ "id": id, "customerId": LARKSPUR, "subscriptionStatus": "active", "subscriptionName": "Mail",
            "subscriptionTotalLicenses": "2" })
    };
    let pages = [("0", vec![row(1), row(2)]), ("2", vec![row(3)]), ("3", vec![])];
    let pages = pages.into_iter().enumerate();
    case.exchanges.extend(pages.map(|(index, (at, rows))| subscriptions(index, at).reply(json!({ "items": rows }))));
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let Counted::Each(values) = &counts.orgs[0].counted else { panic!("{counts:?}") };
    assert!(matches!(&values[..], [(Metric::Product(..), Outcome::Number(number))] if *number == 6.into()));
}

#[tokio::test]
async fn two_totals_that_disagree_are_an_error() {
    let mut case = case(&json!({}));
    let mut reply = fixture!("subscriptions-1.json");
    reply["totalCount"] = json!("16");
    let first = &mut case.exchanges[5];
    *first = subscriptions(0, "0").reply(reply);
    // Whoever asks on finds nothing.
    let beyond = json!({ "items": [], "paginationResponse": { "totalSize": 15 } });
    case.exchanges.push(subscriptions(3, "15").reply(beyond));
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap_err().kind(), ErrorKind::TotalDiffers);
}

#[tokio::test]
async fn the_next_refresh_token_is_kept_and_shown() {
    let world = TestWorld::new();
    for (shown, next) in [("planted-first", "planted-second"), ("planted-second", "planted-third")] {
        let mut case = case(&json!({}));
        let mut reply = fixture!("token.json");
        reply["refresh_token"] = json!(next);
        case.exchanges[0] = token(shown).reply(reply);
        counts(case, &world).await.unwrap();
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_is_told_with_the_way_out() {
    let refused = json!({ "error": "cannot validate token: redis: nil" });
    let mut case = case(&json!({}));
    case.exchanges[0] = token("planted-first").reply(refused).status(400);
    let error = counts(case, &TestWorld::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("request new credentials of the user"), "{error}");
}

#[tokio::test]
async fn an_access_token_that_ended_is_renewed_although_the_vendor_says_400() {
    let mut case = case(&json!({}));
    let refused = json!({ "error": "cannot validate token: redis: nil" });
    case.exchanges.insert(2, customers(0, None).reply(refused).status(400));
    case.exchanges.insert(1, token("planted-first"));
    assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs.len(), 8);
}
