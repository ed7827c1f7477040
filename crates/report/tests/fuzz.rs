//! Hostile names in every format: read back they are the names, and they are never anything else.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use calamine::{Data, Reader, Xlsx};
use common::{column, number, row, run, sample, text};
use html5gum::{Token, Tokenizer};
use proptest::prelude::*;
use std::io::Cursor;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{ColumnKind, Sheet, Totals};
use tallysheet_report::{Format, render, summary, summary_html, table};

/// Names as an attacker, or an accident, writes them.
fn names() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("=cmd|' /C calc'!A0".to_owned()),
        Just("+1".to_owned()),
        Just("-1".to_owned()),
        Just("@SUM(1)".to_owned()),
        Just("\t=1".to_owned()),
        Just("\r=1".to_owned()),
        Just("<script>alert(1)</script>".to_owned()),
        Just("</title></style></td><img src=x onerror=y>".to_owned()),
        Just("\" onmouseover=\"x".to_owned()),
        Just("' autofocus onfocus='x".to_owned()),
        Just("&lt;b&gt;&amp;#60;".to_owned()),
        Just("<!--".to_owned()),
        Just("]]>".to_owned()),
        Just("{{ run }}".to_owned()),
        Just("\u{ffff}\u{fffe}\u{feff}".to_owned()),
        Just("\u{202e}gnp.exe\u{2066}".to_owned()),
        Just("שלום בע\"מ".to_owned()),
        Just("👩‍👩‍👧‍👦🏴‍☠️".to_owned()),
        Just("nul\0bell\u{7}esc\u{1b}[2J".to_owned()),
        Just("_x0041_ _x000D_".to_owned()),
        Just("two\nlines\r\nthree".to_owned()),
        Just(" space ".to_owned()),
        Just("x".repeat(10_000)),
    ];
    let joined = prop_oneof![
        odd.clone(),
        any::<String>(),
        prop::collection::vec(prop_oneof![odd, any::<String>()], 1..4).prop_map(|parts| parts.concat()),
    ];
    // A text that is not there has no place in a page either.
    joined.prop_map(|name| if name.is_empty() { "=".to_owned() } else { name })
}

/// A run in which a name stands wherever a foreign text can stand.
fn with(name: &str, digits: &str) -> Run {
    let mut company = row(name, vec![text(name), number(digits)]);
    name.clone_into(&mut company.notes);
    company.carried = vec![name.to_owned()];
    let mut org = company.clone();
    org.unmapped = true;
    name.clone_into(&mut org.key);
    let mut amount = column("Sentry", name, ColumnKind::Number);
    name.clone_into(&mut amount.unit);
    let mut made = run(Sheet {
        notes: true,
        carried: vec![name.to_owned()],
        columns: vec![column(name, "SKU", ColumnKind::Text), amount],
        rows: vec![company, org],
        totals: vec![Totals::default(), Totals { counted: 1.into(), ..Totals::default() }],
    });
    made.log = sample().log;
    for entry in &mut made.log {
        entry.notice.integration = Some(name.to_owned());
        entry.notice.company = Some(name.to_owned());
        name.clone_into(&mut entry.notice.message);
    }
    made
}

/// The tags of a page with the names of their attributes, and what is a comment: what a browser makes of it.
fn markup(html: &str) -> Vec<String> {
    let told = |token: Token| match token {
        Token::StartTag(tag) => {
            let names: Vec<String> =
                tag.attributes.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            Some(format!("<{} {}>", String::from_utf8_lossy(&tag.name), names.join(" ")))
        }
        Token::EndTag(tag) => Some(format!("</{}>", String::from_utf8_lossy(&tag.name))),
        Token::Comment(_) => Some("a comment".to_owned()),
        Token::Doctype(_) => Some("a doctype".to_owned()),
        Token::String(_) | Token::Error(_) => None,
    };
    Tokenizer::new(html).filter_map(|token| told(token.unwrap())).collect()
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn utf8(run: &Run, format: Format) -> String {
    String::from_utf8(render(run, format).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn csv_gives_the_texts_back_and_no_formula(name in names()) {
        let run = with(&name, "-12.50");
        for format in [Format::Csv, Format::Long] {
            let written = utf8(&run, format);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
            let lines: Vec<Vec<String>> =
                reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect();
            let wanted = if is_formula(&name) { format!("'{name}") } else { name.clone() };
            prop_assert_eq!(&lines[1][0], &wanted);
            for field in lines.iter().flatten() {
                prop_assert!(!is_formula(field) || field == "-12.5", "{field:?}");
            }
        }
    }

    #[test]
    fn a_page_has_no_tag_out_of_a_name(name in names()) {
        let (run, calm) = (with(&name, "3"), with("Acme", "3"));
        prop_assert_eq!(markup(&utf8(&run, Format::Html)), markup(&utf8(&calm, Format::Html)));
        prop_assert_eq!(markup(&summary_html(&run).unwrap()), markup(&summary_html(&calm).unwrap()));
    }

    #[test]
    fn json_holds_the_texts_and_the_exact_numbers(name in names(), digits: i64, scale in 0..=18_u32) {
        let exact = rust_decimal::Decimal::new(digits, scale).normalize().to_string();
        let written = utf8(&with(&name, &exact), Format::Json);
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read["rows"][0]["company"].as_str(), Some(name.as_str()));
        prop_assert_eq!(read["log"]["entries"][0]["message"].as_str(), Some(name.as_str()));
        let key = serde_json::to_string(&format!("Sentry: {name}")).unwrap();
        prop_assert!(written.contains(&format!("{key}:{exact}}}")), "{exact} in {written}");
    }

    #[test]
    fn what_a_terminal_shows_moves_no_cursor(name in names()) {
        let run = with(&name, "3");
        for shown in [table(&run, Some(100), false), summary(&run)] {
            prop_assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn a_workbook_gives_the_texts_back_as_texts(name in names()) {
        let bytes = render(&with(&name, "-12.5"), Format::Xlsx).unwrap();
        let mut book = Xlsx::new(Cursor::new(&bytes[..])).unwrap();
        let counts = book.worksheet_range("Counts").unwrap();
        prop_assert_eq!(counts.get_value((1, 4)).or(Some(&Data::Empty)), Some(&Data::Float(-12.5)));
        let company = match counts.get_value((1, 0)) {
            Some(Data::String(text)) => text.clone(),
            None | Some(Data::Empty) => String::new(),
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        // XML cannot hold every character, and knows one end of a line.
        let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{fffd}' | ' ')).collect() };
        prop_assert_eq!(plain(&company), plain(&name));
        for name in book.sheet_names() {
            let formulas = book.worksheet_formula(&name).unwrap();
            prop_assert!(formulas.used_cells().all(|(_, _, formula)| formula.is_empty()), "a formula in {name}");
        }
    }
}
