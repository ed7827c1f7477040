//! Changes in each form, the history and the figures of a month. Tickets and mails name no customer.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use calamine::{Data, Reader, Xlsx};
use common::sample;
use jiff::civil::date;
use std::io::Cursor;
use tallysheet_core::Decimal;
use tallysheet_core::changes::{Change, Changes, TotalChange};
use tallysheet_core::history::{DayEntry, Days, Entry, Place, PlaceColumn, PlaceRow, State};
use tallysheet_core::month::{Figure, Line, Month, Report, Rule};
use tallysheet_core::run::Run;
use tallysheet_report::{
    Format, history_csv, history_json, history_table, month_book, month_csv, month_json, render, summary, summary_html,
};

fn decimal(text: &str) -> Option<Decimal> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn changed() -> Run {
    let count = |company: &str, column: &str, last: &str, now: &str| Change {
        company: company.into(),
        key: company.to_lowercase(),
        column: column.into(),
        last: decimal(last),
        now: decimal(now),
    };
    let total =
        |at: usize| TotalChange { column: format!("Duo: Things {at}"), last: decimal("10"), now: decimal("7.5") };
    let changes = Changes {
        run: "r0".into(),
        date: date(2026, 10, 31),
        new: vec!["=New & Co".into()],
        gone: Vec::new(),
        counts: vec![count("Birch <b>", "Duo: Users", "3", "14"), count("Quarry", "PAX8: Suite", "7", "")],
        totals: (0..22).map(total).collect(),
    };
    Run { changes: Some(changes), ..sample() }
}

fn cells(bytes: Vec<u8>, sheet: &str) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    book.worksheet_range(sheet).unwrap().rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn tickets_and_mails_tell_totals_and_no_names() {
    let (text, html) = (summary(&changed()), summary_html(&changed()).unwrap());
    let expected =
        "\nSince 2026-10-31: 1 company is new, 0 are gone, 2 counts changed\n  Duo: Things 0: 7.5, was 10 (-2.5)\n";
    assert!(text.contains(expected) && text.contains("\n  and 2 more\n"), "{text}");
    assert!(html.contains("Since 2026-10-31") && html.contains("and 2 more"), "{html}");
    for name in ["Birch", "Quarry", "New"] {
        assert!(!text.contains(name) && !html.contains(name), "{name}");
    }
    assert!(!summary(&sample()).contains("Since"));
}

#[test]
fn the_page_and_the_object_have_each_count() {
    let page = String::from_utf8(render(&changed(), Format::Html).unwrap()).unwrap();
    for part in [
        "<h2>Changes</h2>",
        "New: <bdi>=New &#38; Co</bdi>",
        "<bdi>Birch &#60;b&#62;</bdi></th><td><bdi>Duo: Users</bdi></td><td class=\"num\">3</td><td class=\"num\"><b>14</b></td><td class=\"num\">+11</td>",
        "<td class=\"num\">7</td><td class=\"num\"><b></b></td><td class=\"num\"></td>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("Gone:"));
    let object: serde_json::Value = serde_json::from_slice(&render(&changed(), Format::Json).unwrap()).unwrap();
    assert_eq!(object["changes"]["since"]["date"], "2026-10-31");
    assert_eq!(object["changes"]["counts"][0]["difference"], 11);
    assert_eq!(object["changes"]["counts"][1]["now"], serde_json::Value::Null, "a blank is no zero");
    assert_eq!(object["changes"]["totals"].as_array().unwrap().len(), 22);
}

#[test]
fn the_workbook_has_a_sheet_of_them() {
    let rows = cells(render(&changed(), Format::Xlsx).unwrap(), "Changes");
    assert_eq!(rows[1][..2], [Data::String("=New & Co".into()), Data::String("new company".into())]);
    assert_eq!(rows[2][2..5], [Data::Float(3.0), Data::Float(14.0), Data::Float(11.0)]);
    assert_eq!(rows[3][2..5], [Data::Float(7.0), Data::Empty, Data::Empty]);
    let none = cells(render(&sample(), Format::Xlsx).unwrap(), "Changes");
    assert_eq!(none[0][0], Data::String("There is no earlier run to compare with".into()));
}

fn place(company: &str) -> Place {
    Place {
        row: PlaceRow { company: company.into(), key: "k".into(), unmapped: false }.into(),
        column: PlaceColumn {
            integration: "duo".into(),
            metric: "Users".into(),
            title: "Duo: Users".into(),
            unit: "users".into(),
        }
        .into(),
    }
}

fn day(day: i8, state: State, value: &str, good: bool) -> DayEntry {
    DayEntry { date: date(2026, 11, day), entry: Entry { state, value: decimal(value), good } }
}

#[test]
fn the_history_shows_how_a_count_moved() {
    let days = vec![
        day(1, State::Counted, "10", true),
        day(2, State::Counted, "17.50", true),
        day(4, State::Failed, "", true),
        day(5, State::Counted, "0", false),
    ];
    let series = [Days { place: place("=Birch"), days }];
    let table = history_table(&series, date(2026, 11, 1), date(2026, 11, 6));
    let expected = "=Birch  Duo: Users       10       0?        0     17.5  ▅█··▁·";
    assert_eq!(table.lines().nth(1).unwrap(), expected, "{table}");
    let csv = String::from_utf8(history_csv(&series).unwrap()).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[2], "2026-11-02,'=Birch,k,duo,Users,17.5,counted,");
    assert_eq!(lines[3], "2026-11-04,'=Birch,k,duo,Users,,failed,");
    assert_eq!(lines[4], "2026-11-05,'=Birch,k,duo,Users,0,counted,yes");
    let object: serde_json::Value =
        serde_json::from_str(&history_json(&series, date(2026, 11, 1), date(2026, 11, 6)).unwrap()).unwrap();
    assert_eq!(object["series"][0]["points"][1]["value"], 17.5);
    // A long time is cut into equal parts.
    let long = history_table(&series, date(2026, 11, 1), date(2027, 10, 31));
    assert_eq!(long.lines().nth(1).unwrap().chars().filter(|sign| *sign == '·').count(), 36);
}

#[test]
fn the_figures_of_a_month_say_their_rule() {
    let figure = Figure {
        value: decimal("-1.6667"),
        of: Some((date(2026, 11, 1), date(2026, 11, 29))),
        days: 28,
        remarks: vec!["no snapshot on 2026-11-30".into(), "failed on 2026-11-03".into()],
    };
    let report = Report {
        month: Month { first: date(2026, 11, 1), until: date(2026, 11, 30) },
        integrations: vec![("duo".into(), Rule::Average, vec![date(2026, 11, 30)])],
        lines: vec![
            Line { place: place("Birch"), rule: Rule::Average, figure },
            Line { place: place("Quarry"), rule: Rule::Day(19), figure: Figure::default() },
        ],
    };
    let csv = String::from_utf8(month_csv(&report).unwrap()).unwrap();
    let expected = "Company,Key,Integration,Metric,Unit,Value,Rule,Of,Days,Remarks\r\n\
        Birch,k,duo,Users,users,-1.6667,average,2026-11-01 to 2026-11-29,28,no snapshot on 2026-11-30; failed on 2026-11-03\r\n\
        Quarry,k,duo,Users,users,,day 19,,0,\r\n";
    assert_eq!(csv, expected);
    let object: serde_json::Value = serde_json::from_str(&month_json(&report).unwrap()).unwrap();
    assert_eq!((&object["month"], &object["complete"]), (&"2026-11".into(), &true.into()));
    assert_eq!(object["integrations"][0]["missing"][0], "2026-11-30");
    assert_eq!(object["rows"][1]["value"], serde_json::Value::Null);
    let rows = cells(month_book(&report).unwrap(), "Figures");
    assert_eq!(rows[1][5..7], [Data::Float(-1.6667), Data::String("average".into())]);
    assert_eq!(rows[2][5], Data::Empty);
    assert_eq!(cells(month_book(&report).unwrap(), "Rules")[1][2], Data::String("2026-11-30".into()));
    assert_eq!(month_book(&report).unwrap(), month_book(&report).unwrap());
}
