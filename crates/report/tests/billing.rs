//! Counted against billed, in each form. A blank is no zero, no text leaves its place, tickets and mails name no customer.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use calamine::{Data, Reader, Xlsx};
use common::sample;
use serde_json::json;
use std::io::{Cursor, Read};
use tallysheet_core::billing::LineRef;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::Flag;
use tallysheet_core::variance::{Class, DOUBTED, Evidence, Figure, Reconciliation, Unruled, Variance};
use tallysheet_core::{Code, Decimal};
use tallysheet_report::{Format, reconcile_csv, reconcile_table, render, summary, summary_html};
use unicode_width::UnicodeWidthStr;

const EVIL: &str = "=cmd|'/C calc'!A0";
const SCRIPT: &str = "<script>alert(1)</script>";
const TURNED: &str = "\u{202e}Tern \u{1b}[2JOptics";

fn decimal(text: &str) -> Option<Decimal> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

/// Counted, billed, price and money as texts that may be empty.
fn variance(company: &str, product: &str, class: Class, numbers: [&str; 4], currency: &str) -> Variance {
    let [counted, billed, price, money] = numbers.map(decimal);
    Variance {
        company: company.into(),
        key: company.to_lowercase(),
        product: product.into(),
        description: String::new(),
        counted,
        billed,
        included: Decimal::ZERO,
        price,
        currency: currency.into(),
        money,
        class,
        figures: Vec::new(),
        lines: Vec::new(),
        doubted: false,
        locked: None,
        notes: Vec::new(),
    }
}

/// A row of each class, and names that try what names can.
fn reconciliation() -> Reconciliation {
    let figure = |column: &str, value: &str, state: &str| Figure {
        column: column.into(),
        value: decimal(value),
        state: state.into(),
    };
    let mut under =
        variance("Birch Dental", "MW", Class::UnderBilled, ["14.50", "11", "12.345678901234567890", "43.21"], "USD");
    under.description = "Managed workstation".into();
    under.included = 1.into();
    under.figures = vec![figure("Sentry: Agents", "14.50", "counted"), figure("Duo: Users", "", "failed")];
    under.lines = vec![LineRef { agreement: "7".into(), id: "81".into(), product: "9".into() }];
    under.notes = vec!["bundle: Duo: Users failed".into()];
    let mut over = variance("Quarry Lane Legal", SCRIPT, Class::OverBilled, ["2", "5", "10", "-30"], "CAD");
    over.figures = vec![figure("Sentry: Agents", "2", "counted")];
    over.doubted = true;
    over.locked = Some(DOUBTED.into());
    over.notes = vec![DOUBTED.into()];
    let mut unmapped = variance(TURNED, "Backup", Class::NotComparable, ["", "0", "2", ""], "USD");
    unmapped.notes = vec!["=1+1\nthis company of the PSA is no row of the sheet".into()];
    Reconciliation {
        ledger: "connectwise-psa".into(),
        title: "ConnectWise PSA".into(),
        on: "2026-11-25".parse().unwrap(),
        variances: vec![
            under,
            over,
            variance("Fern Bakery", "Backup", Class::NotCounted, ["", "3", "2", "-6.5"], ""),
            variance(EVIL, "Backup", Class::NotBilled, ["4", "", "", ""], ""),
            unmapped,
            variance("Alder Yoga", "Backup", Class::Equal, ["1200", "1200", "2", "0"], "USD"),
        ],
        unruled: vec![Unruled {
            product: "SPAM".into(),
            description: "Mail filter".into(),
            lines: 9,
            columns: vec![Evidence { column: "Proofpoint: Active Users".into(), equal: 8, both: 9, alike: 60 }],
        }],
        missing: vec!["Duo: User".into()],
        failed: None,
    }
}

const NAMES: [&str; 7] = ["Birch", "Quarry", "Fern", "cmd", "Tern", "Alder", "Yoga"];

fn billed(reconciliation: Reconciliation) -> Run {
    let mut run = Run { reconciliation: Some(reconciliation), ..sample() };
    let flag = Flag { code: Code::Implausible, last: 90.into(), date: "2026-10-31".parse().unwrap() };
    run.sheet.rows[1].flags.insert(0, flag);
    run
}

fn failed() -> Reconciliation {
    let Reconciliation { ledger, title, on, .. } = reconciliation();
    Reconciliation { ledger, title, on, failed: Some(Code::Forbidden), ..Reconciliation::default() }
}

fn html(run: &Run) -> String {
    String::from_utf8(render(run, Format::Html).unwrap()).unwrap()
}

fn object(run: &Run) -> serde_json::Value {
    serde_json::from_slice(&render(run, Format::Json).unwrap()).unwrap()
}

fn cells(run: &Run, sheet: &str) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(render(run, Format::Xlsx).unwrap())).unwrap();
    book.worksheet_range(sheet).unwrap().rows().map(<[Data]>::to_vec).collect()
}

/// A file within the workbook.
fn part(run: &Run, name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(render(run, Format::Xlsx).unwrap())).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_csv_is_right_to_the_letter() {
    let csv = String::from_utf8(reconcile_csv(&reconciliation()).unwrap()).unwrap();
    let expected = [
        "Company,Product,Description,Class,Counted,Billed,Variance,Included,Price,Money,Currency,Figures,Notes",
        "Birch Dental,MW,Managed workstation,under-billed,14.5,11,3.5,1,12.34567890123456789,43.21,USD,\
         Sentry: Agents = 14.5; Duo: Users = failed,bundle: Duo: Users failed",
        "Quarry Lane Legal,<script>alert(1)</script>,,over-billed,2,5,-3,0,10,-30,CAD,Sentry: Agents = 2,\
         the count is implausible",
        "Fern Bakery,Backup,,not-counted,,3,,0,2,-6.5,,,",
        "'=cmd|'/C calc'!A0,Backup,,not-billed,4,,4,0,,,,,",
        "\u{202e}Tern \u{1b}[2JOptics,Backup,,not-comparable,,0,,0,2,,USD,,\
         \"'=1+1\nthis company of the PSA is no row of the sheet\"",
        "Alder Yoga,Backup,,equal,1200,1200,0,0,2,0,USD,,",
        "",
    ];
    assert_eq!(csv, expected.join("\r\n"));
}

#[test]
fn the_object_has_every_field_and_every_digit() {
    let text = String::from_utf8(render(&billed(reconciliation()), Format::Json).unwrap()).unwrap();
    assert!(text.contains("\"price\":12.34567890123456789,"), "{text}");
    let object = &object(&billed(reconciliation()))["reconciliation"];
    assert_eq!(object["ledger"], "connectwise-psa");
    assert_eq!([&object["title"], &object["on"]], ["ConnectWise PSA", "2026-11-25"]);
    assert_eq!(object["failed"], json!(null));
    assert_eq!(object["missing"], json!(["Duo: User"]));
    let totals = json!({
        "equal": { "count": 1, "money": { "USD": 0 }, "unpriced": 0 },
        "under-billed": { "count": 1, "money": { "USD": 43.21 }, "unpriced": 0 },
        "over-billed": { "count": 1, "money": { "CAD": -30 }, "unpriced": 0 },
        "not-billed": { "count": 1, "money": {}, "unpriced": 1 },
        "not-counted": { "count": 1, "money": { "": -6.5 }, "unpriced": 0 },
        "not-comparable": { "count": 1, "money": {}, "unpriced": 1 },
    });
    assert_eq!(object["totals"], totals);
    let first = json!({
        "company": "Birch Dental", "key": "birch dental", "product": "MW", "description": "Managed workstation",
        "class": "under-billed", "counted": 14.5, "billed": 11, "variance": 3.5, "included": 1,
        "price": 12.345_678_901_234_567, "money": 43.21, "currency": "USD",
        "figures": [{ "column": "Sentry: Agents", "value": 14.5, "state": "counted" },
                    { "column": "Duo: Users", "value": null, "state": "failed" }],
        "lines": [{ "agreement": "7", "id": "81" }],
        "locked": null, "notes": ["bundle: Duo: Users failed"],
    });
    assert_eq!(object["variances"][0], first);
    assert_eq!(object["variances"][1]["locked"], DOUBTED);
    let blank = &object["variances"][4];
    assert_eq!([&blank["counted"], &blank["variance"], &blank["money"]], [&json!(null); 3], "a blank is no zero");
    assert_eq!(blank["billed"], 0);
    let product = json!({
        "product": "SPAM", "description": "Mail filter", "lines": 9, "sure": "Proofpoint: Active Users",
        "columns": [{ "column": "Proofpoint: Active Users", "equal": 8, "both": 9, "alike": 60 }],
    });
    assert_eq!(object["products"], json!([product]));
    let mut doubtful = reconciliation();
    doubtful.unruled[0].columns[0].equal = 3;
    assert_eq!(self::object(&billed(doubtful))["reconciliation"]["products"][0]["sure"], json!(null));
}

#[test]
fn a_run_without_a_comparison_says_nothing_of_it() {
    let run = sample();
    assert!(object(&run).get("reconciliation").is_none());
    assert!(!html(&run).contains("billed"));
    assert!(!summary(&run).contains("billed") && !summary_html(&run).unwrap().contains("billed"));
    let book: Xlsx<_> = Xlsx::new(Cursor::new(render(&run, Format::Xlsx).unwrap())).unwrap();
    assert!(!book.sheet_names().contains(&"Billing".to_owned()));
}

#[test]
fn the_terminal_shows_totals_then_rows() {
    let expected = "\
Counted against billed: ConnectWise PSA, 2026-11-25
  Under-billed: 1, 43.21 USD a month
  Counted, not billed: 1, 1 without a price
  Over-billed: 1, -30.00 CAD a month
  Billed, not counted: 1, -6.50 a month
  Not comparable: 1
  Equal: 1
  The products file names columns that the sheet lacks: Duo: User
  Billed and in no line of the products file: 1 product, 9 lines

Company                      Class                                             Counted  Billed  Variance       Money
  Product                    Notes
──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
Birch Dental                 Under-billed                                         14.5      11      +3.5   43.21 USD
  MW                         bundle: Duo: Users failed
Quarry Lane Legal            Over-billed                                            2?       5        -3  -30.00 CAD
  <script>alert(1)</script>  the count is implausible
Fern Bakery                  Billed, not counted                                             3                 -6.50
  Backup
=cmd|'/C calc'!A0            Counted, not billed                                     4                +4
  Backup
Tern  [2JOptics              Not comparable                                                  0
  Backup                     =1+1 this company of the PSA is no row of the
                             sheet
";
    let text = reconcile_table(&reconciliation(), false, None, false);
    assert_eq!(text, expected);
    assert!(reconcile_table(&reconciliation(), true, None, false).contains("Alder Yoga"), "with --all");
    let coloured = reconcile_table(&reconciliation(), false, None, true);
    assert!(coloured.contains("\u{1b}[38;5;9m    +3.5"), "{coloured:?}");
    let mut equal = reconciliation();
    equal.variances.retain(|variance| variance.class == Class::Equal);
    assert!(!reconcile_table(&equal, false, None, false).contains("Variance"), "nothing to show");
}

#[test]
fn the_table_fits_the_terminal_and_cuts_no_number() {
    let mut long = reconciliation();
    let digits = "1234567890123456789.0123456789";
    for (at, variance) in long.variances.iter_mut().enumerate() {
        variance.company = format!("Company {at} of the simulated managed service provider");
        variance.notes = vec!["there is a row without a company that has such counts; is it this one?".into()];
    }
    for width in [75, 80, 100, 120, 200] {
        let text = reconcile_table(&long, true, Some(width), false);
        for line in text.lines().skip(9) {
            assert!(line.width() <= width, "{} > {width}: {line}", line.width());
        }
        for word in ["43.21", "-30.00", "1200"] {
            assert!(text.split_whitespace().any(|part| part == word), "{word} at {width}: {text}");
        }
    }
    long.variances[0].counted = decimal(digits);
    assert!(reconcile_table(&long, false, Some(10), false).contains(digits));
}

#[test]
fn tickets_and_mails_tell_totals_and_no_names() {
    let run = billed(reconciliation());
    let (text, body) = (summary(&run), summary_html(&run).unwrap());
    let expected = "
Counted against billed: ConnectWise PSA, 2026-11-25
  Under-billed: 1, 43.21 USD a month
  Counted, not billed: 1, 1 without a price
  Over-billed: 1, -30.00 CAD a month
  Billed, not counted: 1, -6.50 a month
  Not comparable: 1
  Equal: 1
  The products file names columns that the sheet lacks: Duo: User
  Billed and in no line of the products file: 1 product, 9 lines

Totals
";
    assert!(text.contains(expected), "{text}");
    for part in [
        "<b>Counted against billed: ConnectWise PSA, 2026-11-25</b>",
        "Under-billed</td><td align=\"right\"><b>1</b></td><td align=\"right\">43.21 USD</td><td align=\"right\"></td>",
        "Counted, not billed</td><td align=\"right\"><b>1</b></td><td align=\"right\"></td><td align=\"right\">1</td>",
        "<b>1</b></td><td align=\"right\">-6.50</td>",
        "products file: 1 product, 9 lines</p>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    for name in NAMES {
        assert!(!text.contains(name) && !body.contains(name), "{name}");
    }
    for out in ["<style", "class=", "<script"] {
        assert!(!body.contains(out), "{out} in {body}");
    }
}

#[test]
fn currencies_are_never_added_together() {
    let mut mixed = reconciliation();
    mixed.variances.truncate(1);
    let mut other = mixed.variances[0].clone();
    other.currency = "EUR".into();
    mixed.variances.push(other);
    let run = billed(mixed);
    assert!(summary(&run).contains("  Under-billed: 2, 43.21 EUR, 43.21 USD a month\n"), "{}", summary(&run));
    let rows = cells(&run, "Summary");
    let at = rows.iter().position(|row| row[0] == Data::String("Under-billed".into())).unwrap();
    let text = |text: &str| Data::String(text.into());
    assert_eq!(rows[at][1..5], [text("EUR"), Data::Float(2.0), Data::Float(43.21), Data::Empty]);
    assert_eq!(rows[at + 1][..5], [Data::Empty, text("USD"), Data::Empty, Data::Float(43.21), Data::Empty]);
}

#[test]
fn the_page_shows_what_is_not_equal() {
    let page = html(&billed(reconciliation()));
    for part in [
        "<h2>Counted against billed</h2>",
        "<tr><th scope=\"row\">Under-billed</th><td class=\"num\"><b>1</b></td><td class=\"num\">43.21 USD</td><td class=\"num\"></td></tr>",
        "<tr><th scope=\"row\"><bdi>Birch Dental</bdi></th><td><bdi>MW</bdi><small><bdi>Managed workstation</bdi></small></td>\
         <td>Under-billed<small><bdi>bundle: Duo: Users failed</bdi></small></td><td class=\"num\">14.5</td>\
         <td class=\"num\">11</td><td class=\"num\"><b>+3.5</b></td><td class=\"num\"><b>43.21 USD</b></td></tr>",
        "<bdi>&#60;script&#62;alert(1)&#60;/script&#62;</bdi></td>",
        "<td class=\"num d\">2?</td>",
        "<tr><th scope=\"row\"><bdi>Tern  [2JOptics</bdi></th>",
        "</small></td><td class=\"num\"></td><td class=\"num\">0</td><td class=\"num\"><b></b></td><td class=\"num\"><b></b></td></tr>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for out in ["<script", "\u{202e}", "\u{1b}", "Alder Yoga", "more</p>"] {
        assert!(!page.contains(out), "{out:?} in {page}");
    }
    let mut changed = billed(reconciliation());
    changed.changes = Some(tallysheet_core::changes::Changes {
        run: "r0".into(),
        date: "2026-10-31".parse().unwrap(),
        new: Vec::new(),
        gone: Vec::new(),
        counts: Vec::new(),
        totals: Vec::new(),
    });
    let page = html(&changed);
    assert!(page.find("<h2>Counted against billed").unwrap() < page.find("<h2>Changes").unwrap());
}

#[test]
fn the_page_has_two_hundred_rows_and_the_workbook_all() {
    let mut many = reconciliation();
    let mut row = many.variances[0].clone();
    row.product = "Many of them".into();
    many.variances = vec![row; 203];
    let run = billed(many);
    assert_eq!(html(&run).matches("Many of them").count(), 200);
    assert!(html(&run).contains("and 3 more</p>"));
    assert_eq!(cells(&run, "Billing").len(), 204);
}

#[test]
fn the_workbook_has_a_sheet_of_numbers_and_texts() {
    let run = billed(reconciliation());
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(render(&run, Format::Xlsx).unwrap())).unwrap();
    assert_eq!(book.sheet_names(), ["Counts", "Unmapped", "Changes", "Billing", "Summary", "Log"]);
    let text = |text: &str| Data::String(text.into());
    let number = Data::Float;
    let rows = cells(&run, "Billing");
    let header: Vec<String> = rows[0].iter().map(ToString::to_string).collect();
    let csv = String::from_utf8(reconcile_csv(&reconciliation()).unwrap()).unwrap();
    assert_eq!(header.join(","), csv.lines().next().unwrap());
    let expected = [
        [text("Birch Dental"), text("MW"), text("Managed workstation"), text("Under-billed")].to_vec(),
        [number(14.5), number(11.0), number(3.5), number(1.0), number(12.345_679), number(43.21)].to_vec(),
        [text("USD"), text("Sentry: Agents = 14.5; Duo: Users = failed"), text("bundle: Duo: Users failed")].to_vec(),
    ];
    assert_eq!(rows[1], expected.concat());
    assert_eq!(rows[2][4..10], [number(2.0), number(5.0), number(-3.0), number(0.0), number(10.0), number(-30.0)]);
    assert_eq!(
        rows[3][4..11],
        [Data::Empty, number(3.0), Data::Empty, number(0.0), number(2.0), number(-6.5), Data::Empty]
    );
    assert_eq!(rows[4][0], text(EVIL), "a text, as it is");
    assert_eq!(rows[4][5], Data::Empty);
    assert_eq!(rows[4][8..10], [Data::Empty, Data::Empty]);
    assert_eq!(rows[5][4..7], [Data::Empty, number(0.0), Data::Empty], "a blank is no zero");
    assert!(book.worksheet_formula("Billing").unwrap().is_empty());

    let sheet = part(&run, "xl/worksheets/sheet4.xml");
    assert!(sheet.contains("<autoFilter ref=\"A1:M7\"/>"), "{sheet}");
    assert!(sheet.contains("<pane xSplit=\"2\" ySplit=\"1\""), "{sheet}");
    assert!(part(&run, "xl/styles.xml").contains("formatCode=\"#,##0.00##############\""));
    let why = "Sentry: Agents: implausible: the last good value is 90, of 2026-10-31";
    let notes = part(&run, "xl/comments3.xml");
    assert!(notes.contains("ref=\"E3\"") && notes.contains(why), "{notes}");
}

#[test]
fn a_count_that_a_workbook_cannot_hold_is_a_text_and_the_log_says_so() {
    let mut long = reconciliation();
    long.variances[0].counted = decimal("12345678901234567");
    let run = billed(long);
    assert_eq!(cells(&run, "Billing")[1][4], Data::String("12345678901234567".into()));
    let said: String = cells(&run, "Log").concat().iter().map(ToString::to_string).collect();
    assert!(said.contains("Billing, Birch Dental, MW: 12345678901234567 is written as a text"), "{said}");
}

#[test]
fn a_ledger_that_did_not_answer_says_why() {
    let mut run = billed(failed());
    let told = "ConnectWise PSA did not tell what it bills: forbidden. The credential may not read this";
    let notice = tallysheet_core::Notice::new(
        tallysheet_core::Level::Error,
        tallysheet_core::Phase::Collect,
        Some(Code::Forbidden),
        "no",
    );
    let time = run.started_at;
    run.log.push(tallysheet_core::run::LogEntry { time, notice: notice.of("connectwise-psa") });
    let text = summary(&run);
    assert!(text.contains(&format!("billed: ConnectWise PSA, 2026-11-25\n  {told}\n\nTotals")), "{text}");
    assert!(text.contains("\n  ConnectWise PSA: forbidden\n"), "by its title: {text}");
    assert!(summary_html(&run).unwrap().contains(told));
    assert!(html(&run).contains(&format!("<span class=\"status failed\">not compared</span> <bdi>{told}</bdi>")));
    assert!(reconcile_table(&failed(), true, Some(80), false).ends_with(&format!("\n  {told}\n")));
    assert_eq!(cells(&run, "Billing"), [[Data::String(told.into())]]);
    let object = &object(&run)["reconciliation"];
    assert_eq!(
        [&object["failed"], &object["totals"], &object["variances"]],
        [&json!("forbidden"), &json!({}), &json!([])]
    );
    let csv = String::from_utf8(reconcile_csv(&failed()).unwrap()).unwrap();
    assert_eq!(csv.lines().count(), 1);
}

#[test]
fn nothing_to_compare_is_told() {
    let run = billed(Reconciliation { failed: None, ..failed() });
    let told = "Nothing that the products file names is counted or billed";
    assert!(summary(&run).contains(told) && html(&run).contains(told));
}

#[test]
fn the_same_comparison_is_the_same_bytes() {
    for format in [Format::Json, Format::Html, Format::Xlsx] {
        let bytes = || render(&billed(reconciliation()), format).unwrap();
        assert_eq!(bytes(), bytes());
    }
}
