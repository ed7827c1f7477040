//! What a spreadsheet program reads in the workbook is what was counted: as a number, as a text, as a blank with a reason.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use calamine::{Data, Range, Reader, Xlsx};
use common::{column, failed, number, row, run, sample, states, text};
use proptest::prelude::*;
use std::io::{Cursor, Read};
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Cell, ColumnKind, Row, Sheet, Value};
use tallysheet_core::{Code, Decimal};
use tallysheet_report::{Format, render};

fn bytes(run: &Run) -> Vec<u8> {
    render(run, Format::Xlsx).unwrap()
}

fn read(bytes: &[u8]) -> Xlsx<Cursor<&[u8]>> {
    Xlsx::new(Cursor::new(bytes)).unwrap()
}

fn sheet(run: &Run, name: &str) -> Range<Data> {
    read(&bytes(run)).worksheet_range(name).unwrap()
}

/// A row as texts that tell their type.
fn line(range: &Range<Data>, at: u32) -> Vec<String> {
    let width = range.end().map_or(0, |(_, col)| col + 1);
    let cells = (0..width).map(|col| range.get_value((at, col)).cloned().unwrap_or_default());
    cells
        .map(|cell| match cell {
            Data::Empty => "-".to_owned(),
            Data::String(text) => format!("{text:?}"),
            Data::Float(number) => format!("{number}"),
            Data::Int(number) => format!("{number}"),
            other => format!("{other:?}"),
        })
        .collect()
}

/// A file within the workbook.
fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn one_column(rows: Vec<Row>) -> Run {
    run(Sheet { columns: vec![column("Sentry", "Agents", ColumnKind::Number)], rows, ..Sheet::default() })
}

#[test]
fn companies_and_orgs_have_a_sheet_each() {
    let bytes = bytes(&sample());
    let mut book = read(&bytes);
    assert_eq!(book.sheet_names(), ["Counts", "Unmapped", "Changes", "Summary", "Log"]);

    let counts = book.worksheet_range("Counts").unwrap();
    let header = ["\"Company\"", "\"Notes\"", "\"account\"", "\"Sentry: Agents\"", "\"Sentry: SKU\"", "\"Duo: Users\""];
    assert_eq!(line(&counts, 0), header);
    let birch = ["\"Birch Dental\"", "\"Duo failed: auth-failed\"", "\"A-17\"", "12.5", "\"Complete; Control\"", "-"];
    assert_eq!(line(&counts, 1), birch);
    assert_eq!(line(&counts, 2), ["\"Quarry Lane Legal\"", "-", "-", "-", "-", "-"]);
    assert_eq!(counts.height(), 3);

    let orgs = book.worksheet_range("Unmapped").unwrap();
    assert_eq!(line(&orgs, 0)[..4], ["\"Org\"", "\"Notes\"", "\"Id\"", "\"Sentry: Agents\""]);
    assert_eq!(line(&orgs, 1)[..4], ["\"Tern Optics (unmapped, Sentry)\"", "-", "\"sentry:77\"", "0"]);
}

#[test]
fn the_summary_and_the_log_are_typed() {
    let run = sample();
    let summary = sheet(&run, "Summary");
    let lines: Vec<Vec<String>> = (0..=summary.end().unwrap().0).map(|at| line(&summary, at)).collect();
    for expected in [
        ["\"Run\"", "\"20261125T180000Z-4f2a\"", "-", "-", "-"],
        ["\"Status\"", "\"partial\"", "-", "-", "-"],
        ["\"Companies\"", "2", "-", "-", "-"],
        ["\"Vendor orgs without a company\"", "1", "-", "-", "-"],
        ["\"Duo\"", "\"auth-failed\"", "1", "\"The vendor refused the credential\"", "-"],
        ["\"Sentry: Agents\"", "12.5", "0", "3", "15.5"],
        ["\"Duo: Users\"", "\"not counted\"", "-", "-", "-"],
    ] {
        assert!(lines.iter().any(|line| line == &expected), "{expected:?} in {lines:#?}");
    }
    let log = sheet(&run, "Log");
    assert!(matches!(log.get_value((1, 0)), Some(Data::DateTime(_))), "{:?}", log.get_value((1, 0)));
    let failure = ["\"error\"", "\"collect\"", "\"duo\"", "-", "\"auth-failed\"", "\"Duo failed: 401\""];
    assert_eq!(line(&log, 2)[1..], failure);
    assert_eq!(line(&log, 3)[4], "\"Tern Optics\"");
}

#[test]
fn a_state_is_a_colour_and_a_note() {
    let bytes = bytes(&states());
    let notes = part(&bytes, "xl/comments1.xml");
    for (cell, note) in [
        ("B2", "failed: timed-out"),
        ("B6", "left out: trial"),
        ("B7", "implausible: the last good value is 90, of 2026-10-31"),
    ] {
        let place = notes.split(&format!("ref=\"{cell}\"")).nth(1).unwrap();
        assert!(place.split("</comment>").next().unwrap().contains(note), "{cell}: {notes}");
    }
    let counts = part(&bytes, "xl/worksheets/sheet1.xml");
    let style = |cell: &str| {
        let rest = counts.split(&format!("<c r=\"{cell}\" s=\"")).nth(1)?;
        rest.split('"').next().map(str::to_owned)
    };
    let styles = ["B2", "B3", "B5", "B6", "B7"].map(|cell| style(cell).unwrap());
    let mut told: Vec<&String> = styles.iter().collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), styles.len(), "two states look alike: {styles:?}");
    assert_eq!(style("B4"), None, "what is not mapped is plainly blank");
}

#[test]
fn the_headers_stay_in_sight_and_filter() {
    let bytes = bytes(&sample());
    let counts = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(counts.contains("<pane xSplit=\"2\" ySplit=\"1\" topLeftCell=\"C2\""), "{counts}");
    assert!(counts.contains("<autoFilter ref=\"A1:F3\"/>"), "{counts}");
    let mut run = sample();
    run.sheet.notes = false;
    assert!(part(&self::bytes(&run), "xl/worksheets/sheet1.xml").contains("<pane xSplit=\"1\" ySplit=\"1\""));
}

#[test]
fn a_text_is_never_a_formula_and_a_number_never_a_text() {
    for formula in ["=1+1", "+49 30", "-2", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0", "{=1+1}", "http://x", "007", "1E5"]
    {
        let mut company = row(formula, vec![text(formula), number("-2")]);
        company.notes = formula.to_owned();
        company.carried = vec![formula.to_owned()];
        let mut run = run(Sheet {
            notes: true,
            carried: vec![formula.to_owned()],
            columns: vec![column(formula, "SKU", ColumnKind::Text), column("Sentry", "Agents", ColumnKind::Number)],
            rows: vec![company],
            ..Sheet::default()
        });
        run.log = sample().log;
        run.log[0].notice.message = formula.to_owned();
        let bytes = bytes(&run);
        let counts = read(&bytes).worksheet_range("Counts").unwrap();
        let quoted = format!("{formula:?}");
        assert_eq!(line(&counts, 1), [&quoted, &quoted, &quoted, &quoted, "-2"]);
        assert_eq!(line(&counts, 0)[2..4], [quoted.clone(), format!("{:?}", format!("{formula}: SKU"))]);
        for name in ["sheet1.xml", "sheet2.xml", "sheet3.xml", "sheet4.xml"] {
            let sheet = part(&bytes, &format!("xl/worksheets/{name}"));
            assert!(
                !sheet.contains("<f>") && !sheet.contains("<f ") && !sheet.contains("hyperlink"),
                "{name}: {sheet}"
            );
        }
    }
}

#[test]
fn odd_and_long_texts_leave_the_file_whole() {
    let names = [
        "bell\u{7}nul\0\u{1b}[2J\r\nx".to_owned(),
        "a\u{fffe}b\u{ffff}c".to_owned(),
        "<b>&amp; \"x\" ]]>".to_owned(),
        "שלום \u{202e}עולם".to_owned(),
        "_x0041_".to_owned(),
        "x".repeat(10_000),
        "y".repeat(32_767),
    ];
    let run = one_column(names.iter().map(|name| row(name, vec![number("1")])).collect());
    let bytes = bytes(&run);
    let counts = read(&bytes).worksheet_range("Counts").unwrap();
    assert_eq!(counts.height(), names.len() + 1);
    // A control character has its own writing there: `_x0007_`.
    let strings = part(&bytes, "xl/sharedStrings.xml");
    assert!(!strings.contains(['\0', '\u{7}', '\u{1b}', '\u{fffe}', '\u{ffff}']));
    assert!(strings.contains("bell_x0007_nul_x0000__x001B_[2J_x000D_\nx"), "{}", &strings[..400]);
    for at in [2_u32, 3, 5, 6] {
        let name = &names[at as usize];
        assert_eq!(counts.get_value((at + 1, 0)), Some(&Data::String(name.clone())), "{}", name.len());
    }
}

#[test]
fn a_text_that_no_cell_holds_is_cut_and_the_log_says_so() {
    for (name, kept) in [("z".repeat(32_768), 32_766), ("𝕏".repeat(20_000), 16_383)] {
        let run = one_column(vec![row(&name, vec![number("1")])]);
        let bytes = bytes(&run);
        let mut book = read(&bytes);
        let counts = book.worksheet_range("Counts").unwrap();
        let Some(Data::String(cell)) = counts.get_value((1, 0)) else { panic!("no text") };
        assert!(cell.ends_with('…') && cell.encode_utf16().count() <= 32_767);
        assert_eq!(cell.chars().count(), kept + 1);
        let log = book.worksheet_range("Log").unwrap();
        assert!(line(&log, 1)[6].contains("longer than a cell"), "{:?}", line(&log, 1));
    }
}

#[test]
fn a_number_is_exact_or_a_text() {
    for (value, exact) in [
        ("0", true),
        ("-0.00", true),
        ("1.2500", true),
        ("0.1", true),
        ("123456789012345", true),
        ("-12345678.9012345", true),
        ("0.000000000000001", true),
        ("1234567890123456", false),
        ("0.1234567890123456", false),
        ("0.0000000000000000000000000001", false),
        ("79228162514264337593543950335", false),
    ] {
        let run = one_column(vec![row("Acme", vec![number(value)])]);
        let bytes = bytes(&run);
        let mut book = read(&bytes);
        let written = value.parse::<Decimal>().unwrap().normalize().to_string();
        let cell = book.worksheet_range("Counts").unwrap().get_value((1, 1)).cloned().unwrap();
        let log = book.worksheet_range("Log").unwrap();
        if exact {
            assert_eq!(cell, Data::Float(written.parse().unwrap()), "{value}");
            assert_eq!(log.height(), 1);
        } else {
            assert_eq!(cell, Data::String(written), "{value}");
            assert!(line(&log, 1)[6].contains("written as a text"), "{:?}", line(&log, 1));
        }
    }
}

#[test]
fn notes_are_limited_and_the_log_says_so() {
    let rows = (0..1_500).map(|at| row(&format!("Company {at}"), vec![failed(Code::AuthFailed)])).collect();
    let run = one_column(rows);
    let bytes = bytes(&run);
    assert_eq!(part(&bytes, "xl/comments1.xml").matches("<comment ").count(), 1_000);
    let log = read(&bytes).worksheet_range("Log").unwrap();
    assert!(line(&log, 1)[6].contains("500 coloured cells have no note"), "{:?}", line(&log, 1));
}

#[test]
fn a_large_sheet_reads_back_too() {
    let columns = (0..300).map(|at| column("Sentry", &format!("Product {at}"), ColumnKind::Number)).collect();
    let cells = |at: usize| (0..300).map(|col| number(&format!("{}", at * 300 + col))).collect();
    let rows = (0..670).map(|at| row(&format!("Company {at}"), cells(at))).collect();
    let run = run(Sheet { columns, rows, ..Sheet::default() });
    let bytes = bytes(&run);
    let counts = read(&bytes).worksheet_range("Counts").unwrap();
    assert_eq!(counts.get_size(), (671, 301));
    assert_eq!(counts.get_value((670, 0)), Some(&Data::String("Company 669".to_owned())));
    assert_eq!(counts.get_value((670, 300)), Some(&Data::Float(200_999.0)));
}

#[test]
fn the_same_run_is_the_same_bytes() {
    let first = bytes(&sample());
    let core = part(&first, "docProps/core.xml");
    // Made and changed when the run began: the time of writing is in neither.
    assert_eq!(core.matches("2026-11-25T18:00:00Z<").count(), 2, "{core}");
    assert!(first == bytes(&sample()), "the second has other bytes");
}

#[test]
fn an_empty_sheet_is_its_header() {
    let counts = sheet(&run(Sheet::default()), "Counts");
    assert_eq!(line(&counts, 0), ["\"Company\""]);
    assert_eq!(counts.height(), 1);
}

#[test]
fn a_row_that_does_not_fit_its_header_is_an_error() {
    let error = render(&one_column(vec![row("Acme", vec![])]), Format::Xlsx).unwrap_err();
    assert!(error.to_string().contains("cannot be written as XLSX"), "{error}");
}

#[test]
fn more_columns_than_a_workbook_has_are_an_error() {
    let columns = (0..16_384).map(|at| column("S", &at.to_string(), ColumnKind::Number)).collect();
    let error = render(&run(Sheet { columns, ..Sheet::default() }), Format::Xlsx).unwrap_err();
    assert!(error.to_string().contains("cannot be written as XLSX"), "{error}");
}

fn cells() -> impl Strategy<Value = Cell> {
    prop_oneof![
        (any::<i64>(), 0..=9_u32).prop_map(|(digits, scale)| Cell::Counted(Value::Number(Decimal::new(digits, scale)))),
        "[^\\p{Cc}\u{fffe}\u{ffff}_]{1,20}".prop_map(|text| Cell::Counted(Value::Text(text.into()))),
        Just(failed(Code::TimedOut)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_workbook_reads_back_to_the_same_cells(rows in prop::collection::vec(prop::array::uniform2(cells()), 1..8)) {
        let columns = vec![column("Sentry", "A", ColumnKind::Number), column("Sentry", "B", ColumnKind::Text)];
        let rows: Vec<Row> = rows.into_iter().map(|cells| row("Acme", cells.into())).collect();
        let run = run(Sheet { columns, rows, ..Sheet::default() });
        let counts = sheet(&run, "Counts");
        for (at, row) in (1..).zip(&run.sheet.rows) {
            for (col, cell) in (1..).zip(&row.cells) {
                let read = counts.get_value((at, col)).cloned().unwrap_or_default();
                match cell {
                    Cell::Counted(Value::Number(number)) => prop_assert_eq!(read.to_string().parse::<Decimal>().unwrap(), *number),
                    Cell::Counted(Value::Text(text)) => prop_assert_eq!(read, Data::String(text.to_string())),
                    Cell::Blank(_) => prop_assert_eq!(read, Data::Empty),
                }
            }
        }
    }
}
