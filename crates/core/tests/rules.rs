//! The rules of the sheet, and of blank, zero and failure: one test a rule.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

use std::collections::BTreeMap;
use tallysheet_core::Level;
use tallysheet_core::merge::{KeptColumn, KeyedCompany, Merged, Options, Placement, Source, merge};
use tallysheet_core::sheet::{Cell, Value};
use tallysheet_core::{
    Code, Company, Counts, Decimal, Failure, Figure, LeftOut, Link, Metric, MetricDef, OrgCounts, Outcome, Product,
    Standing, VendorOrg,
};

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static EDITION: MetricDef = MetricDef::text("Edition");
static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "seats");
static PURCHASED: MetricDef = MetricDef::product(Figure::Purchased, "seats");
static ASSIGNED: MetricDef = MetricDef::product(Figure::Assigned, "seats");
static TRIAL: MetricDef = MetricDef::product(Figure::Trial, "seats");

type OrgAt = (OrgCounts, Placement);

fn company(name: &str) -> KeyedCompany {
    KeyedCompany { company: Company { name: name.into(), ..Company::default() }, key: name.into() }
}

/// A company with a filled cell under the integration `duo`.
fn linked(name: &str, link: Link) -> KeyedCompany {
    let mut company = company(name);
    company.company.links = BTreeMap::from([("duo".to_owned(), link)]);
    company
}

fn ids(ids: &[&str]) -> Link {
    Link::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

fn source(metrics: &[&'static MetricDef], orgs: Vec<OrgAt>) -> Source {
    let (orgs, placements) = orgs.into_iter().unzip();
    Source {
        order: 0,
        name: "duo".into(),
        title: "Duo".into(),
        metrics: metrics.to_vec(),
        exclude: Vec::new(),
        answer: Ok(Counts { orgs, ..Counts::default() }),
        placements,
        kept: Vec::new(),
        counted_at: None,
    }
}

fn failed_source(metrics: &[&'static MetricDef]) -> Source {
    Source { answer: Err(Failure::new(Code::AuthFailed, "401")), ..source(metrics, Vec::new()) }
}

fn org(id: &str, values: Vec<(Metric, Outcome)>) -> OrgCounts {
    OrgCounts::new(VendorOrg::new(id, format!("Org {id}")), values)
}

fn failed_org(id: &str) -> OrgCounts {
    OrgCounts::failed(VendorOrg::new(id, format!("Org {id}")), Failure::new(Code::ConsentMissing, "no consent"))
}

fn fixed(metric: &'static MetricDef, number: i64) -> (Metric, Outcome) {
    (Metric::Fixed(metric), Outcome::Number(number.into()))
}

fn text(text: &str) -> (Metric, Outcome) {
    (Metric::Fixed(&EDITION), Outcome::Text(text.into()))
}

fn product(id: &str, name: &str, figure: Figure, number: i64) -> (Metric, Outcome) {
    (Metric::product(Product::new(id, name), figure), Outcome::Number(number.into()))
}

fn missing() -> Outcome {
    Outcome::number_or_missing(None, "quantity")
}

const FIRST: Placement = Placement::Company(0);

fn merged(companies: &[KeyedCompany], sources: Vec<Source>) -> Merged {
    merge(companies, sources, &Options { notes: true, unmapped_rows: true, ..Options::default() })
}

/// A value as it is; a state with its code.
fn told(cell: &Cell) -> String {
    match (cell, cell.code()) {
        (Cell::Counted(Value::Number(number)), _) => number.to_string(),
        (Cell::Counted(Value::Text(text)), _) => text.to_string(),
        (cell, None) => cell.state().to_owned(),
        (cell, Some(code)) => format!("{} {code}", cell.state()),
    }
}

/// The cells of the row at a place.
fn cells(merged: &Merged, row: usize) -> Vec<String> {
    merged.sheet.rows[row].cells.iter().map(told).collect()
}

fn titles(merged: &Merged) -> Vec<&str> {
    merged.sheet.columns.iter().map(|column| column.title.as_str()).collect()
}

fn names(merged: &Merged) -> Vec<&str> {
    merged.sheet.rows.iter().map(|row| row.company.as_str()).collect()
}

fn notices(merged: &Merged) -> Vec<(Level, Option<Code>, &str)> {
    merged.notices.iter().map(|notice| (notice.level, notice.code, notice.message.as_str())).collect()
}

// Columns and rows.

#[test]
fn columns_stand_by_integration_then_fixed_metrics_then_products_with_their_figures() {
    let figures =
        |name: &str| [Figure::Trial, Figure::Assigned, Figure::Purchased].map(|figure| product(name, name, figure, 1));
    let values = [figures("vault").as_slice(), &figures("Guard"), &[fixed(&DEVICES, 1), fixed(&SERVERS, 1)]].concat();
    let metrics = [&SERVERS, &DEVICES, &TRIAL, &ASSIGNED, &PURCHASED];
    let of = |order, name: &str, title: &str, metrics: &[&'static MetricDef], orgs| Source {
        order,
        name: name.into(),
        title: title.into(),
        ..source(metrics, orgs)
    };
    let sources = vec![
        of(1, "a", "Later", &[&DEVICES], vec![]),
        of(0, "datto-west", "West", &[&DEVICES], vec![]),
        of(0, "datto-rmm", "Datto", &metrics, vec![(org("1", values), FIRST)]),
    ];
    let expected = [
        "Datto: Servers",
        "Datto: Devices",
        "Datto: Guard (purchased)",
        "Datto: Guard (assigned)",
        "Datto: Guard (trial)",
        "Datto: vault (purchased)",
        "Datto: vault (assigned)",
        "Datto: vault (trial)",
        "West: Devices",
        "Later: Devices",
    ];
    assert_eq!(titles(&merged(&[company("Acme")], sources)), expected);
}

#[test]
fn companies_stand_by_lower_cased_name_and_unmapped_orgs_behind_them() {
    let companies = ["beech", "Ash", "Beech", "ash"].map(company);
    let named = |id: &str, name: &str| OrgCounts::new(VendorOrg::new(id, name), vec![fixed(&DEVICES, 1)]);
    let stray = |id, name| (named(id, name), Placement::Unmapped);
    let first = source(&[&DEVICES], vec![stray("2", "oak"), stray("10", "oak"), stray("3", "Elm")]);
    let second =
        Source { order: 1, name: "b".into(), title: "B".into(), ..source(&[&DEVICES], vec![stray("1", "Birch")]) };
    let merged = merged(&companies, vec![second, first]);
    let expected = [
        "Ash",
        "ash",
        "Beech",
        "beech",
        "Elm (unmapped, Duo)",
        "oak (unmapped, Duo)",
        "oak (unmapped, Duo)",
        "Birch (unmapped, B)",
    ];
    assert_eq!(names(&merged), expected);
    let keys: Vec<&str> = merged.sheet.rows[4..].iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["duo:3", "duo:10", "duo:2", "b:1"]);
    assert_eq!(cells(&merged, 7), ["not-mapped", "1"]);
}

#[test]
fn a_company_without_any_count_has_a_row() {
    let merged = merged(&[company("Acme")], vec![source(&[&DEVICES], vec![])]);
    assert_eq!(cells(&merged, 0), ["not-mapped"]);
    assert!(merged.complete);
}

#[test]
fn two_product_ids_with_one_name_are_one_column() {
    let orgs = vec![(
        org("1", vec![product("p1", "Guard", Figure::Quantity, 3), product("p2", " Guard ", Figure::Quantity, 4)]),
        FIRST,
    )];
    let merged = merged(&[company("Acme")], vec![source(&[&QUANTITY], orgs)]);
    assert_eq!((titles(&merged), cells(&merged, 0)), (vec!["Duo: Guard"], vec!["7".to_owned()]));
}

#[test]
fn a_product_named_like_a_figure_of_another_is_one_column_with_it() {
    let values = vec![product("p1", "Guard", Figure::Trial, 3), product("p2", "Guard (trial)", Figure::Quantity, 4)];
    let both = merged(&[company("Acme")], vec![source(&[&QUANTITY, &TRIAL], vec![(org("1", values.clone()), FIRST)])]);
    assert_eq!((titles(&both), cells(&both, 0)), (vec!["Duo: Guard (trial)"], vec!["7".to_owned()]));
    let one = merged(&[company("Acme")], vec![source(&[&QUANTITY], vec![(org("1", values), FIRST)])]);
    assert_eq!((titles(&one), cells(&one, 0)), (vec!["Duo: Guard (trial)"], vec!["4".to_owned()]));
}

#[test]
fn the_users_own_columns_stand_beside_their_company_and_are_empty_beside_an_unmapped_org() {
    let mut acme = company("Acme");
    acme.company.carried = vec!["A-17".into()];
    let stray = (org("1", vec![fixed(&DEVICES, 1)]), Placement::Unmapped);
    let options = Options { carried: vec!["account".into()], unmapped_rows: true, ..Options::default() };
    let sheet = merge(&[acme], vec![source(&[&DEVICES], vec![stray])], &options).sheet;
    assert_eq!(sheet.carried, ["account"]);
    assert_eq!((&sheet.rows[0].carried, &sheet.rows[1].carried), (&vec!["A-17".to_owned()], &vec![String::new()]));
}

// Joining.

#[test]
fn several_orgs_of_one_company_are_summed() {
    let orgs = vec![(org("1", vec![fixed(&DEVICES, 3)]), FIRST), (org("2", vec![fixed(&DEVICES, 0)]), FIRST)];
    let summed = merged(&[company("Acme")], vec![source(&[&DEVICES], orgs)]);
    assert_eq!(cells(&summed, 0), ["3"]);
}

#[test]
fn how_two_orgs_of_one_company_are_joined() {
    let number = || Outcome::Number(2.into());
    let failed = |code| Outcome::Failed(Failure::new(code, "as told"));
    let table = [
        (number(), number(), "4"),
        (number(), Outcome::NotApplicable, "2"),
        (number(), Outcome::LeftOut("trial"), "2"),
        (Outcome::Number(Decimal::ZERO), Outcome::LeftOut("trial"), "0"),
        (number(), failed(Code::TimedOut), "failed timed-out"),
        (Outcome::NotApplicable, failed(Code::TimedOut), "failed timed-out"),
        (Outcome::LeftOut("trial"), failed(Code::TimedOut), "failed timed-out"),
        (failed(Code::TimedOut), failed(Code::AuthFailed), "failed auth-failed"),
        (Outcome::NotApplicable, Outcome::LeftOut("trial"), "left-out"),
        (Outcome::NotApplicable, Outcome::NotApplicable, "not-applicable"),
        (Outcome::Number(Decimal::MAX), Outcome::Number(Decimal::MAX), "failed bad-response"),
    ];
    for (a, b, expected) in table {
        for pair in [[&a, &b], [&b, &a]] {
            let orgs = pair.iter().enumerate().map(|(at, outcome)| {
                (org(&at.to_string(), vec![(Metric::Fixed(&DEVICES), (*outcome).clone())]), FIRST)
            });
            let merged = merged(&[company("Acme")], vec![source(&[&DEVICES], orgs.collect())]);
            assert_eq!(cells(&merged, 0), [expected], "{pair:?}");
        }
    }
}

#[test]
fn a_text_is_its_distinct_values_sorted() {
    let orgs = ["Pro", "Basic", "Pro"].iter().enumerate();
    let orgs = orgs.map(|(at, edition)| (org(&at.to_string(), vec![text(edition)]), FIRST)).collect();
    assert_eq!(cells(&merged(&[company("Acme")], vec![source(&[&EDITION], orgs)]), 0), ["Basic; Pro"]);
}

#[test]
fn a_missing_quantity_blanks_the_product_and_never_makes_a_part_of_a_sum() {
    let vault = || product("p2", "Vault", Figure::Quantity, 5);
    let lost = (Metric::product(Product::new("p1", "Guard"), Figure::Quantity), missing());
    let orgs = vec![
        (org("1", vec![product("p1", "Guard", Figure::Quantity, 3), lost, vault()]), FIRST),
        (org("2", vec![product("p1", "Guard", Figure::Quantity, 4)]), Placement::Company(1)),
    ];
    let merged = merged(&[company("Acme"), company("Birch")], vec![source(&[&QUANTITY], orgs)]);
    assert_eq!(cells(&merged, 0), ["failed missing-value", "5"]);
    assert_eq!(cells(&merged, 1), ["4", "not-applicable"]);
    assert_eq!(merged.sheet.rows[0].notes, "Duo failed: missing-value");
    assert!(!merged.complete);
}

#[test]
fn totals_beyond_a_decimal_do_not_panic() {
    let huge = |id| org(id, vec![(Metric::Fixed(&DEVICES), Outcome::Number(Decimal::MAX))]);
    let mut told = huge("3");
    told.left_out = vec![LeftOut { metric: Metric::Fixed(&DEVICES), reason: "deleted", quantity: Decimal::MAX }; 2];
    let orgs = vec![(huge("1"), FIRST), (huge("2"), Placement::Company(1)), (told, Placement::Unmapped)];
    let mut source = source(&[&DEVICES], orgs);
    source.answer.as_mut().unwrap().vendor_totals = vec![(Metric::Fixed(&DEVICES), Decimal::MAX)];
    let merged = merged(&[company("Acme"), company("Birch")], vec![source]);
    assert_eq!(merged.sheet.totals[0].counted, Decimal::MAX);
}

// Blank, zero and failure.

#[test]
fn a_mapped_org_has_zero_of_a_fixed_metric_and_no_cell_of_a_product_that_it_lacks() {
    let orgs = vec![
        (org("1", vec![fixed(&DEVICES, 0)]), FIRST),
        (org("2", vec![fixed(&DEVICES, 1), product("p1", "Guard", Figure::Quantity, 4)]), Placement::Company(1)),
    ];
    let merged = merged(&["Acme", "Birch", "Cedar"].map(company), vec![source(&[&DEVICES, &QUANTITY], orgs)]);
    assert_eq!(cells(&merged, 0), ["0", "not-applicable"]);
    assert_eq!(cells(&merged, 1), ["1", "4"]);
    assert_eq!(cells(&merged, 2), ["not-mapped", "not-mapped"]);
}

#[test]
fn a_fixed_metric_that_the_connector_does_not_name_is_a_failure_and_not_a_zero() {
    let merged = merged(
        &[company("Acme")],
        vec![source(&[&DEVICES, &SERVERS], vec![(org("1", vec![fixed(&DEVICES, 2)]), FIRST)])],
    );
    assert_eq!(cells(&merged, 0), ["2", "failed missing-value"]);
    let expected = (Level::Warning, Some(Code::MissingValue), "Org 1: Duo: Servers could not be counted");
    assert_eq!(notices(&merged), [expected]);
}

#[test]
fn an_id_that_the_vendor_does_not_list_fails_the_whole_company_there() {
    let acme = linked("Acme", ids(&["1", "8"]));
    let merged = merged(&[acme], vec![source(&[&DEVICES], vec![(org("1", vec![fixed(&DEVICES, 3)]), FIRST)])]);
    assert_eq!(cells(&merged, 0), ["failed unknown-org"]);
    assert_eq!(merged.sheet.rows[0].notes, "Duo failed: unknown-org");
    assert_eq!(merged.sheet.totals[0].counted, Decimal::ZERO);
    let expected = "Acme: the companies file names the id 8, which Duo does not list";
    assert_eq!(notices(&merged), [(Level::Warning, Some(Code::UnknownOrg), expected)]);
    assert!(!merged.complete);
}

#[test]
fn an_excluded_id_is_left_out_whether_the_vendor_lists_it_or_not() {
    for listed in [vec![], vec![(org("1", vec![fixed(&DEVICES, 3)]), FIRST)]] {
        let source = Source { exclude: vec!["1".into()], ..source(&[&DEVICES], listed) };
        let merged = merged(&[linked("Acme", ids(&["1"]))], vec![source]);
        assert_eq!(cells(&merged, 0), ["left-out excluded"]);
        assert!(merged.complete);
    }
}

#[test]
fn an_excluded_org_ends_the_matter_even_where_it_fails() {
    let source = Source {
        exclude: vec!["1".into()],
        kept: vec![KeptColumn { label: "Guard".into(), unit: "seats".into() }],
        ..source(&[&QUANTITY], vec![(failed_org("1"), FIRST)])
    };
    let merged = merged(&[company("Acme")], vec![source]);
    assert_eq!(titles(&merged), Vec::<&str>::new());
    let message = "Org 1 gets no row (excluded in the config); it could not be counted: no consent";
    assert_eq!(notices(&merged), [(Level::Info, Some(Code::Excluded), message)]);
    assert!(merged.complete);
}

#[test]
fn an_excluded_org_is_told_with_what_it_holds() {
    let orgs = vec![
        (org("1", vec![fixed(&DEVICES, 3), product("p1", "Guard", Figure::Quantity, 2)]), Placement::Unmapped),
        (org("2", vec![fixed(&DEVICES, 1)]), FIRST),
    ];
    let source = Source { exclude: vec!["1".into()], ..source(&[&DEVICES, &QUANTITY], orgs) };
    let merged = merged(&[company("Acme")], vec![source]);
    let message = "Org 1 gets no row (excluded in the config); it holds Devices 3, Guard 2";
    assert_eq!(notices(&merged), [(Level::Info, Some(Code::Excluded), message)]);
    assert_eq!((merged.sheet.totals[0].counted, merged.sheet.totals[0].left_out), (1.into(), 3.into()));
    assert_eq!(names(&merged), ["Acme"]);
}

#[test]
fn a_dash_is_not_applicable_even_where_the_integration_failed() {
    let companies = [linked("Acme", Link::NotCustomer), linked("Birch", ids(&["1"])), company("Cedar")];
    let answered = merged(
        &companies,
        vec![source(&[&DEVICES], vec![(org("1", vec![fixed(&DEVICES, 3)]), Placement::Company(1))])],
    );
    assert_eq!([0, 1, 2].map(|row| cells(&answered, row)), [["not-applicable"], ["3"], ["not-mapped"]]);
    let failed = merged(&companies, vec![failed_source(&[&DEVICES])]);
    let blank = "failed auth-failed";
    assert_eq!([0, 1, 2].map(|row| cells(&failed, row)), [["not-applicable"], [blank], [blank]]);
    assert_eq!((failed.sheet.rows[0].notes.as_str(), failed.complete), ("", false));
}

#[test]
fn an_org_behind_a_dash_is_told_only_if_it_has_counts() {
    let declined = |counted| vec![(counted, Placement::Declined(0))];
    let acme = [linked("Acme", Link::NotCustomer)];

    let with = merged(&acme, vec![source(&[&DEVICES], declined(org("1", vec![fixed(&DEVICES, 3)])))]);
    assert_eq!(names(&with), ["Acme", "Org 1 (unmapped, Duo)"]);
    let message = "Org 1 (1) looks like Acme, where the companies file says `-`, but it has counts";
    assert_eq!(notices(&with), [(Level::Warning, Some(Code::UnmappedOrg), message)]);

    let failed = merged(&acme, vec![source(&[&DEVICES], declined(failed_org("1")))]);
    assert_eq!((names(&failed), failed.complete), (vec!["Acme"], true));
    let message = "Org 1: no consent (the companies file says `-`)";
    assert_eq!(notices(&failed), [(Level::Info, Some(Code::ConsentMissing), message)]);
}

#[test]
fn only_the_companies_of_a_failed_org_are_blank() {
    let orgs = vec![
        (failed_org("1"), FIRST),
        (org("2", vec![fixed(&DEVICES, 9)]), FIRST),
        (org("3", vec![fixed(&DEVICES, 4)]), Placement::Company(1)),
    ];
    let merged = merged(&[company("Acme"), company("Birch")], vec![source(&[&DEVICES], orgs)]);
    assert_eq!([0, 1].map(|row| cells(&merged, row)), [["failed consent-missing"], ["4"]]);
    assert_eq!(notices(&merged), [(Level::Warning, Some(Code::ConsentMissing), "Org 1: no consent")]);
    assert_eq!(merged.notices[0].company.as_deref(), Some("Acme"));
    assert_eq!((merged.sheet.totals[0].counted, merged.complete), (4.into(), false));
}

#[test]
fn product_columns_stay_from_the_last_run_where_something_failed_and_go_where_nothing_did() {
    let kept = ["Guard (assigned)", "Guard (trial)", "Relay (purchased)"]
        .map(|label| KeptColumn { label: label.into(), unit: "seats".into() });
    let metrics: [&'static MetricDef; 2] = [&PURCHASED, &ASSIGNED];
    let with =
        |source: Source| merged(&[company("Acme"), company("Birch")], vec![Source { kept: kept.to_vec(), ..source }]);
    let good = || (org("2", vec![product("p1", "Guard", Figure::Purchased, 4)]), Placement::Company(1));

    let integration_failed = with(failed_source(&metrics));
    assert_eq!(titles(&integration_failed), ["Duo: Guard (assigned)", "Duo: Relay (purchased)"]);
    assert_eq!(cells(&integration_failed, 0), ["failed auth-failed"; 2]);

    let org_failed = with(source(&metrics, vec![(failed_org("1"), FIRST), good()]));
    assert_eq!(titles(&org_failed), ["Duo: Guard (purchased)", "Duo: Guard (assigned)", "Duo: Relay (purchased)"]);
    assert_eq!(cells(&org_failed, 0), ["failed consent-missing"; 3]);
    assert_eq!(cells(&org_failed, 1), ["4", "not-applicable", "not-applicable"]);

    assert_eq!(titles(&with(source(&metrics, vec![good()]))), ["Duo: Guard (purchased)"]);
}

#[test]
fn an_unmapped_org_gets_a_row_if_it_has_a_value_and_a_warning_in_any_case() {
    let stray = |counted| (counted, Placement::Unmapped);
    let orgs = vec![
        stray(org("1", vec![fixed(&DEVICES, 0)])),
        stray(OrgCounts::whole(VendorOrg::new("2", "Org 2"), Outcome::LeftOut("trial"))),
        stray(OrgCounts::whole(VendorOrg::new("3", " "), Outcome::NotApplicable)),
    ];
    let with = merged(&[], vec![source(&[&DEVICES], orgs.clone())]);
    assert_eq!((names(&with), cells(&with, 0)), (vec!["Org 1 (unmapped, Duo)"], vec!["0".to_owned()]));
    let warned = |merged: &Merged| -> Vec<String> {
        let unmapped = merged.notices.iter().filter(|notice| notice.code == Some(Code::UnmappedOrg));
        unmapped.map(|notice| notice.company.clone().unwrap()).collect()
    };
    assert_eq!(warned(&with), ["3", "Org 1", "Org 2"]);
    assert!(with.complete, "unmapped orgs are no failure");

    let omitted = merge(&[], vec![source(&[&DEVICES], orgs)], &Options::default());
    assert_eq!((names(&omitted), warned(&omitted)), (vec![], warned(&with)));
}

#[test]
fn what_is_no_customer_gets_no_row_and_is_told_with_what_it_holds() {
    let apart = |id, values| OrgCounts { standing: Standing::NotCustomer("a system site"), ..org(id, values) };
    let orgs = vec![
        (apart("1", vec![fixed(&DEVICES, 3), product("p", "Guard", Figure::Quantity, 1)]), FIRST),
        (apart("2", vec![fixed(&DEVICES, 0)]), Placement::Unmapped),
    ];
    let merged = merged(&[company("Acme")], vec![source(&[&DEVICES, &QUANTITY], orgs)]);
    assert_eq!((titles(&merged), cells(&merged, 0)), (vec!["Duo: Devices"], vec!["not-mapped".to_owned()]));
    let expected = [
        (Level::Warning, Some(Code::LeftOut), "Org 1 gets no row (a system site); it holds Devices 3, Guard 1"),
        (Level::Info, Some(Code::LeftOut), "Org 2 gets no row (a system site); it holds nothing"),
    ];
    assert_eq!(notices(&merged), expected);
    assert_eq!(merged.sheet.totals[0].left_out, 3.into());
}

#[test]
fn what_rules_leave_out_is_told_by_reason() {
    let left =
        |metric, reason, quantity: i64| LeftOut { metric: Metric::Fixed(metric), reason, quantity: quantity.into() };
    let mut one = org("1", vec![fixed(&DEVICES, 1), fixed(&SERVERS, 0)]);
    one.left_out = vec![left(&SERVERS, "offline", 2), left(&DEVICES, "offline", 5), left(&DEVICES, "deleted", 1)];
    let mut two = org("2", vec![fixed(&DEVICES, 1), fixed(&SERVERS, 0)]);
    two.left_out = vec![left(&DEVICES, "offline", 1)];
    let trial = OrgCounts::whole(VendorOrg::new("3", "Org 3"), Outcome::LeftOut("trial"));
    let orgs = vec![(one, FIRST), (two, FIRST), (trial, FIRST)];
    let merged = merged(&[company("Acme")], vec![source(&[&DEVICES, &SERVERS], orgs)]);
    let expected =
        ["left out (deleted): Devices 1", "left out (offline): Devices 6, Servers 2", "Org 3 is left out: trial"]
            .map(|message| (Level::Info, Some(Code::LeftOut), message));
    assert_eq!(notices(&merged), expected);
    assert_eq!(merged.sheet.totals.iter().map(|totals| totals.left_out).collect::<Vec<_>>(), [7.into(), 2.into()]);
}

#[test]
fn notes_name_each_failure_once_in_column_order() {
    let other = Source { order: 1, name: "b".into(), title: "Sentry".into(), ..failed_source(&[&DEVICES, &SERVERS]) };
    let orgs = vec![(failed_org("1"), FIRST), (org("2", vec![fixed(&DEVICES, 1)]), Placement::Unmapped)];
    let merged = merged(&[company("Acme")], vec![other, source(&[&DEVICES, &SERVERS], orgs)]);
    assert_eq!(merged.sheet.rows[0].notes, "Duo failed: consent-missing; Sentry failed: auth-failed");
    assert_eq!(merged.sheet.rows[1].notes, "Duo failed: missing-value");
}

#[test]
fn the_vendors_own_total_stands_beside_ours() {
    let mut one = org("1", vec![fixed(&DEVICES, 5)]);
    one.left_out = vec![LeftOut { metric: Metric::Fixed(&DEVICES), reason: "deleted", quantity: 2.into() }];
    let stated = |vendor: i64, extra: Option<OrgAt>| {
        let stray = (org("2", vec![fixed(&DEVICES, 3)]), Placement::Unmapped);
        let orgs = [(one.clone(), FIRST), stray].into_iter().chain(extra).collect();
        let mut source = source(&[&DEVICES], orgs);
        source.answer.as_mut().unwrap().vendor_totals = vec![(Metric::Fixed(&DEVICES), vendor.into())];
        merged(&[company("Acme")], vec![source])
    };
    let control = |merged: &Merged| {
        let notice = merged.notices.iter().find(|notice| notice.message.contains("the vendor states")).unwrap();
        (notice.level, notice.code, notice.message.clone())
    };
    let text = |vendor| format!("Duo: Devices: the vendor states {vendor}; rows 5 + unmapped 3 + left out 2 = 10");

    let equal = stated(10, None);
    assert_eq!(control(&equal), (Level::Info, None, text(10)));
    let totals = equal.sheet.totals[0];
    assert_eq!((totals.counted, totals.unmapped, totals.left_out), (5.into(), 3.into(), 2.into()));
    assert_eq!(totals.vendor, Some(10.into()));
    assert_eq!(control(&stated(12, None)), (Level::Warning, Some(Code::TotalDiffers), text(12)));
    // Where an org failed, a difference is no news.
    let failed = stated(12, Some((failed_org("9"), FIRST)));
    assert_eq!(control(&failed).0, Level::Info);
}

#[test]
fn a_failure_is_noted_where_no_product_column_is_known_yet() {
    let companies = [company("Acme"), linked("Birch", Link::NotCustomer)];
    let merged = merged(&companies, vec![failed_source(&[&QUANTITY])]);
    assert!(titles(&merged).is_empty());
    let notes: Vec<&str> = merged.sheet.rows.iter().map(|row| row.notes.as_str()).collect();
    assert_eq!(notes, ["Duo failed: auth-failed", ""]);
    assert!(merged.sheet.rows.iter().all(|row| row.cells.is_empty()));
}
