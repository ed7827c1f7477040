//! What becomes of counts and lines. Each row of a table is a fact of the reference, section Reconcile.

use crate::common::{ledger, number, reconcile, rule, sheet, told};
use tallysheet_core::sheet::Flag;
use tallysheet_core::variance::{Class, Combine, ProductRule, Ratio};
use tallysheet_core::{Code, Level};

/// One company, one product, one column.
fn one(counted: &str, lines: &[(&str, u32, &str)]) -> String {
    let lines: Vec<_> =
        lines.iter().map(|(quantity, included, price)| ("A", "P", *quantity, *included, *price)).collect();
    let (made, _) = reconcile(&sheet(&["X: Y"], &[("A", &[counted])]), &ledger(&lines), &[rule("P", &["X: Y"])]);
    made.variances.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_class_has_its_money() {
    for (counted, lines, becomes) in [
        ("10", &[("10", 0, "2")][..], "equal 0 0"),
        ("12", &[("10", 0, "2.50")], "under-billed 2 5"),
        ("7", &[("10", 0, "2.50")], "over-billed -3 -7.5"),
        ("0", &[("10", 0, "2")], "over-billed -10 -20"),
        // A placeholder of zero is the finding itself.
        ("7", &[("0", 0, "2")], "under-billed 7 14"),
        ("0", &[("0", 0, "2")], "equal 0 0"),
        // No line at all, and no price to tell.
        ("7", &[], "not-billed 7 -"),
        ("0", &[], ""),
        // The company has none of it anywhere.
        ("", &[("10", 0, "2")], "not-counted - -20"),
        ("-", &[("10", 0, "2")], "not-counted - -20"),
        ("", &[], ""),
        // Included units are free, counted or billed; the variance knows nothing of them.
        ("12", &[("10", 5, "2")], "under-billed 2 4"),
        ("4", &[("3", 5, "2")], "under-billed 1 0"),
        ("7", &[("3", 5, "2")], "under-billed 4 4"),
        // Several lines are one.
        ("10", &[("6", 0, "2"), ("4", 0, "2")], "equal 0 0"),
        ("12", &[("6", 0, "2"), ("4", 0, "3")], "under-billed 2 -"),
        // No price, no money.
        ("12", &[("10", 0, "")], "under-billed 2 -"),
        // A blank is never a variance.
        ("?", &[("10", 0, "2")], "not-comparable - -"),
        ("0?", &[("10", 0, "2")], "not-comparable - -"),
        ("?", &[], "not-comparable - -"),
        ("10", &[("?", 0, "2")], "not-comparable - -"),
        ("10", &[("?", 0, "2"), ("4", 0, "2")], "not-comparable - -"),
        ("", &[("?", 0, "2")], "not-comparable - -"),
    ] {
        assert_eq!(one(counted, lines), becomes, "{counted:?} against {lines:?}");
    }
}

#[test]
fn a_part_of_a_sum_is_never_a_count() {
    let titles = ["X: Y", "Z: Y"];
    for (cells, becomes) in [
        (["4", "6"], "equal 0 0"),
        // No customer at one of both vendors.
        (["10", ""], "equal 0 0"),
        (["10", "-"], "equal 0 0"),
        (["4", "?"], "not-comparable - -"),
        (["4", "0?"], "not-comparable - -"),
    ] {
        let sheet = sheet(&titles, &[("A", &cells)]);
        let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "10", 0, "2")]), &[rule("P", &titles)]);
        assert_eq!(made.variances.iter().map(told).collect::<Vec<_>>(), [becomes], "{cells:?}");
    }
}

#[test]
fn rules_make_one_number_of_several() {
    let titles = ["X: Y", "Z: Y", "W: Y"];
    let ratio = |part: &str, whole: &str| Some(Ratio { part: number(part), whole: number(whole) });
    let base = rule("P", &titles);
    let max = ProductRule { combine: Combine::Max, ..base.clone() };
    let bundle = ProductRule { combine: Combine::Bundle, ..base.clone() };
    for (rule, cells, counted, notes) in [
        (base.clone(), ["4", "6", ""], "10", ""),
        (max.clone(), ["4", "6", "5"], "6", ""),
        (bundle.clone(), ["4", "4", "4"], "4", ""),
        (bundle.clone(), ["4", "5", ""], "4", "bundle: Z: Y is 5; bundle: W: Y has none"),
        (bundle, ["4", "?", "4"], "4", "bundle: Z: Y failed: auth-failed"),
        (
            ProductRule { minimum: number("20"), ..base.clone() },
            ["4", "6", ""],
            "20",
            "10 counted; the rule makes it 20",
        ),
        (ProductRule { minimum: number("20"), ..base.clone() }, ["0", "", ""], "0", ""),
        (
            ProductRule { allowance: number("3"), ..base.clone() },
            ["4", "6", ""],
            "7",
            "10 counted; the rule makes it 7",
        ),
        (
            ProductRule { allowance: number("30"), ..base.clone() },
            ["4", "6", ""],
            "0",
            "10 counted; the rule makes it 0",
        ),
        (
            ProductRule { ratio: ratio("1", "3"), ..base.clone() },
            ["4", "6", ""],
            "4",
            "10 counted; the rule makes it 4",
        ),
        (
            ProductRule { ratio: ratio("1", "5"), allowance: number("4"), minimum: number("3"), ..base },
            ["4", "6", ""],
            "3",
            "10 counted; the rule makes it 3",
        ),
    ] {
        let sheet = sheet(&titles, &[("A", &cells)]);
        let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "1", 0, "")]), std::slice::from_ref(&rule));
        let variance = &made.variances[0];
        assert_eq!(variance.counted, Some(number(counted)), "{rule:?} of {cells:?}");
        assert_eq!(variance.notes.join("; "), notes, "{rule:?} of {cells:?}");
    }
}

#[test]
fn a_title_that_no_column_has_blanks_the_product_and_is_told() {
    let sheet = sheet(&["Huntress: Agents"], &[("A", &["7"])]);
    let lines = ledger(&[("A", "P", "10", 0, "2")]);
    let (made, notices) = reconcile(&sheet, &lines, &[rule("P", &["Huntress: Agents", "Huntres: Agents"])]);
    assert_eq!(told(&made.variances[0]), "not-comparable - -");
    assert_eq!(made.variances[0].notes, ["there is no column `Huntres: Agents`"]);
    let warning = notices.iter().find(|notice| notice.level == Level::Warning).unwrap();
    assert!(warning.message.contains("did you mean `Huntress: Agents`?"), "{}", warning.message);
}

#[test]
fn a_pattern_takes_each_column_once() {
    let titles = ["PAX8: Suite A", "PAX8: Suite B", "PAX8: Other"];
    let sheet = sheet(&titles, &[("A", &["4", "6", "100"])]);
    let rules = [rule("P", &["PAX8: Suite *", "pax8: suite a"])];
    let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "10", 0, "")]), &rules);
    // The second title means no column of its own, and that is no unknown one.
    assert_eq!(made.variances[0].class, Class::Equal);
}

#[test]
fn a_pattern_sums_no_trial_and_nothing_that_is_assigned_unless_it_says_so() {
    let titles = ["X: Suite (purchased)", "X: Suite (assigned)", "X: Suite (trial)", "X: Mail"];
    let sheet = sheet(&titles, &[("A", &["10", "8", "3", "1"])]);
    for (pattern, counted) in [("X: *", "11"), ("X: * (assigned)", "8"), ("x: Suite (Trial)", "3"), ("*", "11")] {
        let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "1", 0, "")]), &[rule("P", &[pattern])]);
        assert_eq!(made.variances[0].counted, Some(number(counted)), "{pattern}");
    }
}

#[test]
fn figures_stand_side_by_side_in_one_row() {
    let sheet = sheet(&["PAX8: Suite", "M365: Suite (assigned)"], &[("A", &["10", "?"])]);
    let rules = [ProductRule { beside: vec!["M365: *".to_owned()], ..rule("P", &["PAX8: Suite"]) }];
    let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "8", 0, "2")]), &rules);
    let figures: Vec<_> =
        made.variances[0].figures.iter().map(|one| (one.column.as_str(), one.value, one.state.as_str())).collect();
    assert_eq!(figures, [("PAX8: Suite", Some(number("10")), "counted"), ("M365: Suite (assigned)", None, "failed")]);
    // What stands beside does not blank the count.
    assert_eq!(told(&made.variances[0]), "under-billed 2 4");
}

#[test]
fn what_maps_to_no_company_is_told_and_never_compared() {
    let sheet = sheet(&["X: Y"], &[("A", &[""]), ("!B (unmapped, X)", &["7"]), ("!C (unmapped, X)", &["0"])]);
    let lines = ledger(&[("A", "P", "10", 0, "2"), ("?Nobody", "P", "3", 0, "2")]);
    let (made, _) = reconcile(&sheet, &lines, &[rule("P", &["X: Y"])]);
    let shown: Vec<_> = made.variances.iter().map(|one| format!("{}: {}", one.company, told(one))).collect();
    assert_eq!(
        shown,
        ["A: not-counted - -20", "?Nobody (unmapped, PSA): not-comparable - -", "B (unmapped, X): not-comparable - -",]
    );
    assert_eq!(made.variances[0].notes, ["there is a row without a company that has such counts; is it this one?"]);
}

#[test]
fn products_are_known_by_code_or_description_in_any_case_and_typos_are_told() {
    let sheet = sheet(&["X: Y"], &[("A", &["7"])]);
    let mut lines = ledger(&[("A", "MNG-WKS", "7", 0, "2"), ("A", "EDR", "3", 0, "2"), ("A", "edr", "3", 0, "2")]);
    lines.additions[0].description = "Managed workstation".to_owned();
    let (made, notices) =
        reconcile(&sheet, &lines, &[rule("managed WORKSTATION", &["X: Y"]), rule("MNG-WSK", &["X: Y"])]);
    assert_eq!(made.variances.iter().filter(|one| one.class == Class::Equal).count(), 1);
    let messages: Vec<&str> = notices.iter().map(|notice| notice.message.as_str()).collect();
    assert!(messages.iter().any(|message| message.contains("of the product `MNG-WSK`")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("2 lines of 2 products of PSA")), "{messages:?}");
}

#[test]
fn what_no_line_prices_takes_the_price_of_the_others_or_of_the_file() {
    let sheet = sheet(&["X: Y"], &[("A", &["7"]), ("B", &["3"])]);
    let lines = ledger(&[("B", "P", "3", 0, "2")]);
    let (made, _) = reconcile(&sheet, &lines, &[rule("P", &["X: Y"])]);
    assert_eq!(told(&made.variances[0]), "not-billed 7 14");
    let rules = [ProductRule { price: Some(number("3")), ..rule("Q", &["X: Y"]) }];
    let (made, _) = reconcile(&sheet, &lines, &rules);
    assert_eq!(told(&made.variances[0]), "not-billed 7 21");
}

#[test]
fn an_implausible_count_is_shown_and_locked() {
    let mut sheet = sheet(&["X: Y"], &[("A", &["0"])]);
    let flag = Flag { code: Code::Implausible, last: number("10"), date: jiff::civil::date(2026, 10, 31) };
    sheet.rows[0].flags.insert(0, flag);
    let (made, _) = reconcile(&sheet, &ledger(&[("A", "P", "10", 0, "2")]), &[rule("P", &["X: Y"])]);
    assert_eq!(told(&made.variances[0]), "over-billed -10 -20");
    assert_eq!(made.variances[0].locked.as_deref(), Some("the count is implausible"));
}

#[test]
fn the_most_money_comes_first_and_numbers_of_any_size_are_safe() {
    let sheet = sheet(&["X: Y"], &[("A", &["11"]), ("B", &["100"]), ("C", &["1"]), ("D", &["1"]), ("E", &["5"])]);
    let lines = ledger(&[
        ("A", "P", "10", 0, "2"),
        ("B", "P", "10", 0, "2"),
        ("C", "P", "1", 0, "2"),
        ("D", "P", "79228162514264337593543950335", 0, "79228162514264337593543950335"),
        ("E", "P", "9", 0, "2"),
        ("E", "P", "79228162514264337593543950335", 0, "2"),
    ]);
    let (made, _) = reconcile(&sheet, &lines, &[rule("P", &["X: Y"])]);
    let shown: Vec<_> = made.variances.iter().map(|one| one.company.as_str()).collect();
    assert_eq!(shown, ["B", "A", "D", "E", "C"]);
    assert_eq!(made.totals()[&Class::UnderBilled].money["USD"], number("182"));
}
