//! What a spreadsheet reads is what was counted, and nothing else.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use common::{column, number, row, run, sample, text};
use proptest::prelude::*;
use tallysheet_core::Decimal;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, ColumnKind, Row, Sheet, Value};
use tallysheet_report::{Format, render};

fn csv(run: &Run, format: Format) -> String {
    String::from_utf8(render(run, format).unwrap()).unwrap()
}

fn one_column(rows: Vec<Row>) -> Run {
    run(Sheet { columns: vec![column("Sentry", "Agents", ColumnKind::Number)], rows, ..Sheet::default() })
}

#[test]
fn a_sheet_is_written_to_the_letter() {
    let expected = "Company,Notes,account,Sentry: Agents,Sentry: SKU,Duo: Users\r\n\
                    Birch Dental,Duo failed: auth-failed,A-17,12.5,Complete; Control,\r\n\
                    Quarry Lane Legal,,,,,\r\n\
                    \"Tern Optics (unmapped, Sentry)\",,,0,,\r\n";
    assert_eq!(csv(&sample(), Format::Csv), expected);
}

#[test]
fn the_long_form_has_a_line_for_each_cell_with_its_state() {
    let expected = "Company,Integration,Metric,Value,State,Code,Counted at\r\n\
                    Birch Dental,sentry,Agents,12.5,counted,,2026-11-25T18:00:01Z\r\n\
                    Birch Dental,sentry,SKU,Complete; Control,counted,,2026-11-25T18:00:01Z\r\n\
                    Birch Dental,duo,Users,,failed,auth-failed,\r\n\
                    Quarry Lane Legal,sentry,Agents,,not-mapped,,2026-11-25T18:00:01Z\r\n\
                    Quarry Lane Legal,sentry,SKU,,left-out,,2026-11-25T18:00:01Z\r\n\
                    Quarry Lane Legal,duo,Users,,not-applicable,,\r\n\
                    \"Tern Optics (unmapped, Sentry)\",sentry,Agents,0,counted,,2026-11-25T18:00:01Z\r\n\
                    \"Tern Optics (unmapped, Sentry)\",sentry,SKU,,failed,missing-value,2026-11-25T18:00:01Z\r\n\
                    \"Tern Optics (unmapped, Sentry)\",duo,Users,,not-mapped,,\r\n";
    assert_eq!(csv(&sample(), Format::Long), expected);
}

#[test]
fn without_notes_there_is_no_such_column() {
    let mut run = sample();
    run.sheet.notes = false;
    let text = csv(&run, Format::Csv);
    assert!(text.starts_with("Company,account,Sentry: Agents"), "{text}");
    assert!(text.contains("\r\nBirch Dental,A-17,12.5,"), "{text}");
}

#[test]
fn a_text_is_never_a_formula_and_a_number_never_a_text() {
    for formula in ["=1+1", "+49 30", "-2", "@SUM(A1)", "\tx", "\rx"] {
        let mut company = row(formula, vec![text(formula), number("-2")]);
        company.notes = formula.to_owned();
        company.carried = vec![formula.to_owned()];
        let run = run(Sheet {
            notes: true,
            carried: vec![formula.to_owned()],
            columns: vec![column(formula, "SKU", ColumnKind::Text), column("Sentry", "Agents", ColumnKind::Number)],
            rows: vec![company],
            ..Sheet::default()
        });
        let guarded = format!("'{formula}");
        let read = parse(&csv(&run, Format::Csv));
        assert_eq!(read[0], ["Company", "Notes", &guarded, &format!("{guarded}: SKU"), "Sentry: Agents"]);
        assert_eq!(read[1], [&guarded, &guarded, &guarded, &guarded, "-2"]);
        let long = parse(&csv(&run, Format::Long));
        assert_eq!((&long[1][0], &long[1][3], &long[2][3]), (&guarded, &guarded, &"-2".to_owned()));
    }
}

#[test]
fn only_the_first_character_makes_a_formula() {
    let written =
        csv(&one_column(vec![row("Acme = Co", vec![number("1")]), row(" =x", vec![number("1")])]), Format::Csv);
    assert!(written.contains("\r\nAcme = Co,1\r\n =x,1\r\n"), "{written}");
}

#[test]
fn what_would_break_a_line_is_quoted() {
    let names = ["Birch, Dental", "The \"Elm\" Group", "two\nlines", "a\rb", "bell\u{7}nul\0"];
    let run = one_column(names.iter().map(|name| row(name, vec![number("1")])).collect());
    let written = csv(&run, Format::Csv);
    for quoted in
        ["\"Birch, Dental\",1\r\n", "\"The \"\"Elm\"\" Group\",1\r\n", "\"two\nlines\",1\r\n", "\"a\rb\",1\r\n"]
    {
        assert!(written.contains(quoted), "{quoted:?} in {written:?}");
    }
    let read: Vec<String> = parse(&written).into_iter().skip(1).map(|line| line[0].clone()).collect();
    assert_eq!(read, names);
}

#[test]
fn long_and_foreign_names_stay_whole() {
    let names =
        ["שלום עולם בע\"מ".to_owned(), "مؤسسة النخيل".to_owned(), "株式会社さくら".to_owned(), "x".repeat(10_000)];
    let run = one_column(names.iter().map(|name| row(name, vec![number("1")])).collect());
    let written = render(&run, Format::Csv).unwrap();
    assert!(written.starts_with(b"Company,"), "there is a byte-order mark");
    let read: Vec<String> =
        parse(std::str::from_utf8(&written).unwrap()).into_iter().skip(1).map(|line| line[0].clone()).collect();
    assert_eq!(read, names);
}

#[test]
fn numbers_are_plain() {
    for (number_in, written) in [
        ("0", "0"),
        ("-0.00", "0"),
        ("10.00", "10"),
        ("100", "100"),
        ("1.2500", "1.25"),
        ("-3.5", "-3.5"),
        ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
    ] {
        let read = parse(&csv(&one_column(vec![row("Acme", vec![number(number_in)])]), Format::Csv));
        assert_eq!(read[1][1], written);
    }
}

#[test]
fn an_empty_sheet_is_its_header() {
    let empty = run(Sheet::default());
    assert_eq!(csv(&empty, Format::Csv), "Company\r\n");
    assert_eq!(csv(&empty, Format::Long), "Company,Integration,Metric,Value,State,Code,Counted at\r\n");
}

#[test]
fn a_row_that_does_not_fit_its_header_is_an_error() {
    let error = render(&one_column(vec![row("Acme", vec![])]), Format::Csv).unwrap_err();
    assert!(error.to_string().contains("cannot be written as CSV"), "{error}");
}

fn parse(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn cells() -> impl Strategy<Value = Cell> {
    prop_oneof![
        (any::<i64>(), 0..=9_u32).prop_map(|(digits, scale)| Cell::Counted(Value::Number(Decimal::new(digits, scale)))),
        any::<String>().prop_map(|text| Cell::Counted(Value::Text(text.into()))),
        Just(Cell::Blank(Blank::NotMapped)),
        Just(common::failed(tallysheet_core::Code::TimedOut)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn csv_reads_back_to_the_same_cells(rows in prop::collection::vec((any::<String>(), prop::array::uniform2(cells())), 0..8)) {
        let columns = vec![column("Sentry", "A", ColumnKind::Number), column("Sentry", "B", ColumnKind::Text)];
        let rows: Vec<Row> = rows.into_iter().map(|(name, cells)| row(&name, cells.into())).collect();
        let run = run(Sheet { columns, rows, ..Sheet::default() });
        let read = parse(&csv(&run, Format::Csv));
        prop_assert_eq!(read.len(), run.sheet.rows.len() + 1);
        for (line, row) in read[1..].iter().zip(&run.sheet.rows) {
            prop_assert_eq!(&line[0], &guarded(&row.company));
            for (field, cell) in line[1..].iter().zip(&row.cells) {
                match cell {
                    Cell::Counted(Value::Number(number)) => prop_assert_eq!(field.parse::<Decimal>().unwrap(), *number),
                    Cell::Counted(Value::Text(text)) => prop_assert_eq!(field, &guarded(text)),
                    Cell::Blank(_) => prop_assert_eq!(field, ""),
                }
            }
        }
    }
}

fn guarded(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}
