//! The table fits the terminal and loses no number; the summary tells no customer's name.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use common::{column, failed, number, row, run, sample, states};
use tallysheet_core::Code;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{ColumnKind, Sheet};
use tallysheet_report::{summary, table};
use unicode_width::UnicodeWidthStr;

/// 25 companies, 40 columns of 5 integrations, each number told apart.
fn wide() -> Run {
    let columns = (0..40).map(|place| {
        column(&format!("Vendor {}", place / 8), &format!("Product with a longer name {place}"), ColumnKind::Number)
    });
    let rows = (0..25).map(|at| {
        let cells = (0..40).map(|place| number(&format!("{}", 100_000 + at * 100 + place)));
        row(&format!("Company number {at} of the simulated managed service provider"), cells.collect())
    });
    run(Sheet { columns: columns.collect(), rows: rows.collect(), ..Sheet::default() })
}

#[test]
fn a_wide_sheet_fits_the_terminal_and_shows_every_number() {
    for width in [60, 80, 100, 120] {
        let text = table(&wide(), Some(width), false);
        for line in text.lines() {
            assert!(line.width() <= width, "{} > {width}: {line}", line.width());
        }
        for at in 0..25 {
            for place in 0..40 {
                let number = format!("{}", 100_000 + at * 100 + place);
                assert!(text.split_whitespace().any(|word| word == number), "{number} at {width}");
            }
        }
    }
}

#[test]
fn an_integration_that_fits_is_not_torn() {
    let columns = ["One", "One", "Two", "Two", "Two"].map(|title| column(title, "Workstations", ColumnKind::Number));
    let sheet = Sheet { columns: columns.into(), rows: vec![row("Acme", vec![number("1"); 5])], ..Sheet::default() };
    // Room for four columns of twelve.
    let text = table(&run(sheet), Some(9 + 4 * 14), false);
    let headers: Vec<&str> = text.lines().filter(|line| line.starts_with("Company")).collect();
    let of = |line: &str| (line.matches("One").count(), line.matches("Two").count());
    assert_eq!(headers.iter().map(|line| of(line)).collect::<Vec<_>>(), [(2, 0), (0, 3)], "{text}");
}

#[test]
fn a_number_is_never_cut_however_narrow_the_terminal() {
    let digits = "1234567890123456789.0123456789";
    let sheet = Sheet {
        columns: vec![column("S", "A", ColumnKind::Number), column("S", "B", ColumnKind::Number)],
        rows: vec![row("Acme", vec![number(digits), number("7")])],
        ..Sheet::default()
    };
    assert!(table(&run(sheet), Some(10), false).contains(&format!("{digits}\n")));
}

#[test]
fn every_state_looks_different() {
    let text = table(&states(), Some(80), false);
    let shown = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().to_owned()
    };
    let cells = ["Failed", "Zero", "Unmapped", "Declined", "Trial", "Flagged", "Total"].map(shown);
    assert_eq!(cells, ["!", "0", "", "-", "~", "2?", "2!"]);
}

#[test]
fn a_column_that_failed_has_no_total() {
    let sheet = Sheet {
        columns: vec![column("S", "A", ColumnKind::Number)],
        rows: vec![row("Acme", vec![failed(Code::AuthFailed)])],
        ..Sheet::default()
    };
    let text = table(&run(sheet), None, false);
    let total = text.lines().find(|line| line.starts_with("Total")).unwrap();
    assert_eq!(total.trim_start_matches("Total").trim(), "!");
}

#[test]
fn colour_only_where_it_is_wanted() {
    assert!(table(&sample(), Some(100), true).contains("\u{1b}["));
    assert!(!table(&sample(), Some(100), false).contains('\u{1b}'));
}

#[test]
fn a_name_cannot_move_the_cursor_or_turn_the_line() {
    let sheet = Sheet {
        columns: vec![column("S", "A", ColumnKind::Number)],
        rows: vec![row("Acme\u{1b}[2J\u{202e}evil\r\nCo", vec![number("1")])],
        ..Sheet::default()
    };
    let text = table(&run(sheet), Some(80), false);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text}");
    assert!(text.contains("Acme [2Jevil  Co"), "{text}");
}

#[test]
fn wide_and_endless_names_keep_the_table_in_shape() {
    let names = ["株式会社さくらコンサルティング".to_owned(), "שלום עולם".to_owned(), "x".repeat(10_000)];
    let rows = names.iter().map(|name| row(name, vec![number("41")])).collect();
    let sheet = Sheet { columns: vec![column("S", "A", ColumnKind::Number)], rows, ..Sheet::default() };
    let text = table(&run(sheet), Some(80), false);
    assert!(text.lines().count() < 20, "{text}");
    let ends: Vec<usize> = text.lines().filter(|line| line.contains("41")).map(UnicodeWidthStr::width).collect();
    assert_eq!(ends.len(), 3);
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}\n{text}");
}

#[test]
fn an_empty_sheet_is_a_table_too() {
    assert!(table(&run(Sheet::default()), Some(80), false).starts_with("Company\n"));
}

#[test]
fn the_summary_holds_totals_and_failures_and_no_name() {
    let expected = "Run 20261125T180000Z-4f2a: partial\n\
                    Companies: 2\n\
                    Vendor orgs without a company: 1\n\
                    Columns with counts: 2 of 3\n\
                    \n\
                    Failures\n\
                    \x20 Duo: auth-failed (1 row)\n\
                    \x20 Sentry: missing-value (1 row)\n\
                    \n\
                    Totals\n\
                    \x20 Sentry: Agents: 12.5, left out 3; the vendor states 15.5\n\
                    \x20 Duo: Users: not counted\n";
    let text = summary(&sample());
    assert_eq!(text, expected);
    for name in ["Birch", "Quarry", "Tern"] {
        assert!(!text.contains(name));
    }
}

#[test]
fn an_integration_that_failed_without_a_column_is_in_the_summary() {
    let mut run = sample();
    run.sheet = Sheet::default();
    assert!(summary(&run).contains("Failures\n  duo: auth-failed\n"), "{}", summary(&run));
}
