//! The folds: each record once, in its org, as what its verdict says.

use std::collections::BTreeMap;
use tallysheet_core::tally::Billing;
use tallysheet_core::{
    Code, Counted, Decimal, Devices, Error, ErrorKind, Figure, Metric, MetricDef, OrgCounts, Outcome, Product,
    Standing, Subscriptions, VendorOrg, Verdict,
};

static ALL: MetricDef = MetricDef::number("Devices", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static EDITION: MetricDef = MetricDef::text("Edition");
static METRICS: &[&MetricDef] = &[&ALL, &SERVERS, &EDITION];

/// `LABEL=VALUE` for each value of an org, then `LABEL left out QUANTITY: REASON`.
fn told(org: &OrgCounts) -> Vec<String> {
    let values = match &org.counted {
        Counted::Each(values) => {
            values.iter().map(|(metric, outcome)| format!("{metric}={}", outcome_told(outcome))).collect()
        }
        Counted::Whole(outcome) => vec![outcome_told(outcome)],
    };
    let left_out =
        org.left_out.iter().map(|left| format!("{} left out {}: {}", left.metric, left.quantity, left.reason));
    values.into_iter().chain(left_out).collect()
}

fn outcome_told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Number(number) => number.normalize().to_string(),
        Outcome::Failed(failure) => failure.code.to_string(),
        other => format!("{other:?}"),
    }
}

fn by_id(orgs: &[OrgCounts]) -> BTreeMap<&str, Vec<String>> {
    orgs.iter().map(|org| (org.org.id.as_str(), told(org))).collect()
}

fn devices() -> Devices {
    let mut devices = Devices::new(METRICS);
    devices.org(VendorOrg::new("1", "Birch Dental"), Standing::Customer);
    devices
}

fn subscriptions() -> Subscriptions {
    let mut subscriptions = Subscriptions::new();
    subscriptions.org(VendorOrg::new("1", "Birch Dental"));
    subscriptions
}

/// `None` where there is no text: the vendor left it out.
fn quantity(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

fn product(id: &str, name: &str) -> Product {
    Product::new(id, name)
}

#[test]
fn a_term_has_one_word_whatever_the_vendor_calls_it() {
    for (word, label) in [
        (Some("Monthly"), "Mail Suite (Monthly)"),
        (Some("1-Month"), "Mail Suite (Monthly)"),
        (Some("annual"), "Mail Suite (1-Year)"),
        (Some(" Yearly "), "Mail Suite (1-Year)"),
        (Some("1-Year"), "Mail Suite (1-Year)"),
        (Some("Biennial"), "Mail Suite (2-Year)"),
        (Some("Triennial"), "Mail Suite (3-Year)"),
        (Some("Activation"), "Mail Suite (Activation)"),
        (Some(" "), "Mail Suite"),
        (None, "Mail Suite"),
    ] {
        assert_eq!(product("p", "Mail Suite").of_term(word).label(Figure::Quantity), label);
    }
}

#[test]
fn a_device_counts_once_as_each_of_its_metrics() {
    let mut devices = devices();
    let server = Verdict::counted([&ALL, &SERVERS]);
    for id in ["a", "b", "a"] {
        devices.add("1", id, &server);
    }
    devices.add("1", "c", &Verdict::counted([&ALL]));
    assert_eq!(devices.len(), 3);
    assert_eq!(by_id(&devices.finish())["1"], ["Devices=3", "Servers=2"]);
}

#[test]
fn a_device_that_moved_between_two_pages_stays_where_it_was_first() {
    let mut devices = devices();
    devices.org(VendorOrg::new("2", "Quarry Lane"), Standing::Customer);
    devices.add("1", "a", &Verdict::counted([&ALL]));
    devices.add("2", "a", &Verdict::counted([&ALL]));
    let orgs = devices.finish();
    assert_eq!(by_id(&orgs)["1"], ["Devices=1", "Servers=0"]);
    assert_eq!(by_id(&orgs)["2"], ["Devices=0", "Servers=0"]);
}

#[test]
fn a_listed_org_without_devices_has_zero_of_each_number_and_no_text() {
    let devices = devices();
    assert!(devices.is_empty());
    assert_eq!(by_id(&devices.finish())["1"], ["Devices=0", "Servers=0"]);
}

#[test]
fn a_device_of_an_unlisted_org_is_not_dropped() {
    let mut devices = devices();
    devices.add("9", "a", &Verdict::counted([&ALL]));
    devices.add("", "b", &Verdict::counted([&ALL]));
    let orgs = devices.finish();
    let names: Vec<(&str, Standing)> = orgs.iter().map(|org| (org.org.name.as_str(), org.standing)).collect();
    let customer = Standing::Customer;
    assert_eq!(names, [("(no customer)", customer), ("Birch Dental", customer), ("(unlisted 9)", customer)]);
    assert_eq!(by_id(&orgs)["9"], ["Devices=1", "Servers=0"]);
}

#[test]
fn an_org_may_be_listed_after_its_devices_and_its_first_listing_stands() {
    let mut devices = devices();
    devices.add("7", "a", &Verdict::counted([&ALL]));
    assert_eq!(devices.org_ids().collect::<Vec<_>>(), ["1", "7"]);
    devices.org(VendorOrg::new("7", "Cedar Law"), Standing::NotCustomer("ours"));
    devices.org(VendorOrg::new("7", "Cedar Law again"), Standing::Customer);
    devices.add("7", "b", &Verdict::counted([&ALL]));
    let orgs = devices.finish();
    let seven = orgs.iter().find(|org| org.org.id == "7").unwrap();
    assert_eq!((seven.org.name.as_str(), seven.standing), ("Cedar Law", Standing::NotCustomer("ours")));
    assert_eq!(by_id(&orgs)["7"], ["Devices=2", "Servers=0"]);
}

#[test]
fn what_a_verdict_leaves_out_is_summed_by_metric_and_reason() {
    let mut devices = devices();
    let server = || Verdict::counted([&ALL, &SERVERS]);
    devices.add("1", "a", &server().left_out("deleted"));
    devices.add("1", "b", &server().left_out("deleted").left_out_if(true, "offline"));
    devices.add("1", "c", &Verdict::counted([&ALL]).left_out_if(true, "offline"));
    devices.add("1", "d", &server().left_out_if(false, "offline"));
    let expected = [
        "Devices=1",
        "Servers=1",
        "Devices left out 2: deleted",
        "Devices left out 1: offline",
        "Servers left out 2: deleted",
    ];
    assert_eq!(by_id(&devices.finish())["1"], expected);
}

#[test]
fn an_org_keeps_its_first_listing_and_its_standing() {
    let mut devices = Devices::new(METRICS);
    devices.org(VendorOrg::new("1", "System"), Standing::NotCustomer("a system site"));
    devices.org(VendorOrg::new("1", "Other"), Standing::Customer);
    devices.add("1", "a", &Verdict::counted([&ALL]));
    let orgs = devices.finish();
    assert_eq!((orgs[0].org.name.as_str(), orgs[0].standing), ("System", Standing::NotCustomer("a system site")));
    assert_eq!(told(&orgs[0]), ["Devices=1", "Servers=0"]);
}

#[test]
fn two_subscriptions_of_one_product_are_summed_and_one_met_twice_is_not() {
    let mut subscriptions = subscriptions();
    for (id, seats) in [("s1", "3"), ("s2", "4.5"), ("s1", "3")] {
        subscriptions.add("1", id, product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity(seats));
    }
    assert_eq!(subscriptions.len(), 2);
    assert_eq!(by_id(&subscriptions.finish())["1"], ["Guard=7.5"]);
}

#[test]
fn one_missing_quantity_blanks_its_product_in_its_org_alone() {
    for order in [["3", ""], ["", "3"]] {
        let mut subscriptions = subscriptions();
        subscriptions.org(VendorOrg::new("2", "Quarry Lane"));
        for (at, seats) in order.iter().enumerate() {
            let (id, seats) = (format!("s{at}"), quantity(seats));
            subscriptions.add("1", &id, product("p", "Guard"), Billing::Counted(Figure::Quantity), seats);
        }
        subscriptions.add("1", "s8", product("q", "Vault"), Billing::Counted(Figure::Quantity), quantity("2"));
        subscriptions.add("2", "s9", product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity("1"));
        let orgs = subscriptions.finish();
        assert_eq!(by_id(&orgs)["1"], ["Guard=missing-value", "Vault=2"]);
        assert_eq!(by_id(&orgs)["2"], ["Guard=1"]);
    }
}

#[test]
fn a_quantity_of_zero_is_no_product_but_one_of_several_figures_may_be_zero() {
    let mut subscriptions = subscriptions();
    subscriptions.add("1", "s1", product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity("0"));
    let figures =
        |purchased, assigned| [(Figure::Purchased, quantity(purchased)), (Figure::Assigned, quantity(assigned))];
    subscriptions.figures("1", product("q", "Vault"), &figures("5", "0"));
    subscriptions.figures("1", product("r", "Relay"), &figures("0", "0"));
    assert_eq!(by_id(&subscriptions.finish())["1"], ["Vault (purchased)=5", "Vault (assigned)=0"]);
}

#[test]
fn a_listed_org_without_subscriptions_is_there_without_values() {
    let orgs = subscriptions().finish();
    assert_eq!(orgs[0].counted, Counted::Each(Vec::new()));
}

#[test]
fn a_subscription_of_an_unlisted_org_is_not_dropped() {
    let mut subscriptions = subscriptions();
    assert!(subscriptions.unlisted().is_empty());
    subscriptions.add("9", "s1", product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity("2"));
    assert_eq!(subscriptions.unlisted(), ["9"]);
    let orgs = subscriptions.finish();
    assert_eq!((orgs[1].org.name.as_str(), told(&orgs[1])), ("(unlisted 9)", vec!["Guard=2".to_owned()]));
}

#[test]
fn what_is_left_out_is_summed_by_product_and_reason() {
    let mut subscriptions = subscriptions();
    for (id, reason, seats) in [("s1", "cancelled", "3"), ("s2", "cancelled", "4"), ("s3", "trial", "1")] {
        subscriptions.add("1", id, product("p", "Guard"), Billing::LeftOut(reason), quantity(seats));
    }
    subscriptions.leave_out("1", product("p", "Guard"), "trial", 5.into());
    let expected = ["Guard left out 7: cancelled", "Guard left out 6: trial"];
    assert_eq!(by_id(&subscriptions.finish())["1"], expected);
}

#[test]
fn one_product_id_with_two_names_is_one_product_with_the_first_name_by_code_point() {
    for names in [["Guard Plus", "Guard plus"], ["Guard plus", "Guard Plus"]] {
        let mut subscriptions = subscriptions();
        subscriptions.add("1", "s1", product("p", names[0]), Billing::Counted(Figure::Quantity), quantity("3"));
        subscriptions.add("2", "s2", product("p", names[1]), Billing::Counted(Figure::Quantity), quantity("4"));
        let orgs = subscriptions.finish();
        assert_eq!(by_id(&orgs)["1"], ["Guard Plus=3"]);
        assert_eq!(by_id(&orgs)["2"], ["Guard Plus=4"]);
    }
}

#[test]
fn an_org_that_is_asked_for_afterwards_keeps_its_numbers() {
    let mut subscriptions = subscriptions();
    subscriptions.add("9", "s1", product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity("2"));
    subscriptions.org(VendorOrg::new("9", "Old Mill"));
    subscriptions.org(VendorOrg::new("9", "Another"));
    assert!(subscriptions.unlisted().is_empty());
    let orgs = subscriptions.finish();
    assert_eq!((orgs[1].org.name.as_str(), told(&orgs[1])), ("Old Mill", vec!["Guard=2".to_owned()]));
}

#[test]
fn a_product_without_a_name_takes_one_from_another_row_or_is_asked_for_or_is_its_id() {
    let mut subscriptions = subscriptions();
    for (id, of) in [("s1", product("p", "")), ("s2", product("q", " ")), ("s3", product("r", ""))] {
        subscriptions.add("1", id, of, Billing::Counted(Figure::Quantity), quantity("2"));
    }
    let yearly = Product { term: Some("1-Year".to_owned()), ..product("p", "Guard") };
    subscriptions.add("1", "s4", yearly, Billing::Counted(Figure::Quantity), quantity("3"));
    assert_eq!(subscriptions.nameless(), ["q", "r"]);
    subscriptions.name("q", "Vault");
    assert_eq!(told(&subscriptions.finish()[0]), ["Guard=2", "Guard (1-Year)=3", "Vault=2", "r=2"]);
}

#[test]
fn two_product_ids_stay_two_products() {
    let mut subscriptions = subscriptions();
    for id in ["p", "q"] {
        subscriptions.add("1", id, product(id, "Guard"), Billing::Counted(Figure::Quantity), quantity("3"));
    }
    let orgs = subscriptions.finish();
    assert_eq!(told(&orgs[0]), ["Guard=3", "Guard=3"]);
}

#[test]
fn a_failed_org_keeps_none_of_its_numbers() {
    let mut subscriptions = subscriptions();
    subscriptions.add("1", "s1", product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity("3"));
    subscriptions.fail(VendorOrg::new("1", "Birch Dental"), &Error::new(ErrorKind::Consent, "no consent"));
    let orgs = subscriptions.finish();
    assert_eq!(orgs[0].failure().map(|failure| failure.code), Some(Code::ConsentMissing));
}

#[test]
fn quantities_beyond_a_decimal_are_no_number() {
    let mut subscriptions = subscriptions();
    for id in ["s1", "s2"] {
        subscriptions.add("1", id, product("p", "Guard"), Billing::Counted(Figure::Quantity), Some(Decimal::MAX));
        subscriptions.leave_out("1", product("p", "Guard"), "trial", Decimal::MAX);
    }
    assert_eq!(told(&subscriptions.finish()[0])[0], "Guard=missing-value");
}

#[test]
fn a_number_below_zero_is_no_count_and_takes_from_no_other() {
    let mut subscriptions = subscriptions();
    for (id, seats) in [("s1", "5"), ("s2", "-3")] {
        subscriptions.add("1", id, product("p", "Guard"), Billing::Counted(Figure::Quantity), quantity(seats));
    }
    assert_eq!(told(&subscriptions.finish()[0]), ["Guard=missing-value"]);
    for (number, counts) in [(7, true), (0, true), (-1, false)] {
        let outcome = Outcome::number_or_missing(Some(Decimal::from(number)), "devices");
        assert_eq!(matches!(outcome, Outcome::Number(_)), counts, "{number}");
    }
}

#[test]
fn a_fixed_metric_is_told_by_its_name() {
    assert_eq!(Metric::Fixed(&SERVERS).to_string(), "Servers");
}
