//! Files as no one meant them: nothing panics, and an error names the file and the place in it.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use common::{GOOD, read};
use jiff::civil::date;
use proptest::prelude::*;
use proptest::sample::Index;
use rust_xlsxwriter::Workbook;
use tallysheet_config::companies::{Changes, KnownColumns};
use tallysheet_config::{Cron, companies, products};

/// A config with something of everything below the integrations.
const MORE: &str = r#"
[run]
companies = "companies.csv"
match = ["id", "name"]
timezone = "Europe/Vienna"
timeout = "30m"
strict = true

[integrations.acme-rmm]
url = "https://rmm.acme.example/"
api_key = { env = "ACME_KEY" }
exclude = ["7", 8]
requests_per_minute = 30

[integrations.acme-desk]
tenant = "msp"
client_secret = { command = ["op", "read", "x"] }

[deliver.ticket]
kind = "ticket"
to = "acme-desk"
company = "My MSP"

[deliver.archive]
kind = "file"
path = "reports/{date}.csv"

[schedule.month-end]
monthly = { day = "last", at = "18:00" }
deliver = ["ticket"]

[schedule.odd]
cron = "0 6 1 * *"

[guard]
[reconcile]
"#;

const COMPANIES: &str = "company,domains,#account,huntress,datto-west,autotask\r\n\
    Acme Dental,acme.example;www.acme.test,A-1,7 (Acme HQ);8,-,0042\r\n\
    \"Zebra, Inc.\",zebra.example,,1834550912345678901,,\r\n";

const PRODUCTS: &str = "psa_product,columns,rule,beside,price\r\n\
    Workstation,Datto RMM: Workstations; Datto RMM: Servers,sum; minimum 10; ratio 1/5,,12.50\r\n\
    \"Mail, guarded\",Proofpoint: Users,max allowance 3,,\r\n";

const KNOWN: KnownColumns<'static> =
    KnownColumns { integrations: &["huntress", "datto-west", "psa"], slugs: &["huntress", "autotask"], carry: &[] };

/// A change to a text: at a place, so many characters are replaced.
fn edits() -> impl Strategy<Value = Vec<(Index, usize, String)>> {
    let odd = prop_oneof![
        "[\"'\\[\\]{}=,;#\\.\\\\\t\r\n -]{1,3}",
        any::<String>().prop_map(|text| text.chars().take(6).collect()),
        "[0-9eE+-]{1,24}",
        Just("\u{feff}".to_owned()),
        Just("\0".to_owned()),
        Just("\u{202e}".to_owned()),
        Just(String::new()),
        Just("x".repeat(10_000)),
        Just("[".repeat(500)),
    ];
    prop::collection::vec((any::<Index>(), 0..12_usize, odd), 1..4)
}

fn edited(text: &str, edits: &[(Index, usize, String)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (at, cut, put)| {
        let at = at.index(text.chars().count() + 1);
        text.chars().take(at).chain(put.chars()).chain(text.chars().skip(at + cut)).collect()
    })
}

/// Every line of an error begins with `FILE:LINE:COLUMN: `.
fn names_its_place(error: &str, file: &str) -> bool {
    let has_place = |line: &str| {
        let rest = line.strip_prefix(file).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
        let begins = [" … and ", " line "].iter().any(|begin| rest.starts_with(begin));
        rest.starts_with(|first: char| first.is_ascii_digit()) || begins
    };
    error.lines().all(has_place)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_config_is_read_or_its_error_names_file_and_place(changes in edits(), good: bool) {
        let text = edited(if good { GOOD } else { MORE }, &changes);
        if let Err(error) = read(&text) {
            prop_assert!(names_its_place(&error, "msp/tallysheet.toml"), "{error:?}");
        }
    }

    #[test]
    fn a_companies_file_is_read_or_its_error_names_file_and_place(changes in edits()) {
        let text = edited(COMPANIES, &changes);
        if let Err(error) = companies::read("companies.csv", text.as_bytes(), &KNOWN) {
            prop_assert!(names_its_place(&error.to_string(), "companies.csv"), "{error}");
        }
    }

    #[test]
    fn a_products_file_is_read_or_its_error_names_file_and_place(changes in edits()) {
        let text = edited(PRODUCTS, &changes);
        if let Err(error) = products::read("products.csv", text.as_bytes()) {
            prop_assert!(names_its_place(&error.to_string(), "products.csv"), "{error}");
        }
    }

    #[test]
    fn a_damaged_workbook_is_an_error_that_names_it(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        end in prop::option::of(any::<Index>()),
    ) {
        let mut bytes = workbook(&[vec!["company".to_owned(), "huntress".to_owned()], vec!["Acme".to_owned(), "7".to_owned()]]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len())));
        if let Err(error) = companies::read("companies.xlsx", &bytes, &KNOWN) {
            prop_assert!(error.to_string().starts_with("companies.xlsx:"), "{error}");
        }
        let _ = companies::edit("companies.xlsx", &bytes, &KNOWN, &Changes::default());
    }

    #[test]
    fn whatever_stands_in_a_workbook_is_read_or_told_with_its_cell(
        cells in prop::collection::vec(prop::collection::vec(".{0,12}", 0..5), 0..5),
    ) {
        let header = ["company", "domains", "huntress", "#account"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(cells).collect();
        if let Err(error) = companies::read("companies.xlsx", &workbook(&rows), &KNOWN) {
            prop_assert!(names_its_place(&error.to_string(), "companies.xlsx"), "{error}");
        }
    }

    #[test]
    fn cron_words_are_read_as_they_are_written_or_refused(
        text in prop_oneof![
            ".{0,20}",
            "[0-9*/,L-]{1,6}( [0-9*/,-]{1,6}){4}",
            "(\\*|[0-9]{1,2}|[0-9]{1,2}-[0-9]{1,2}|\\*/[0-9]{1,2})( (\\*|[0-9]{1,2}|\\*/[0-9]{1,2})){3} (\\*|sun|mon-fri|[0-7])",
        ],
    ) {
        match text.parse::<Cron>() {
            Ok(cron) => {
                prop_assert_eq!(cron.as_str().parse::<Cron>().unwrap(), cron.clone());
                prop_assert!(cron.times().is_sorted() && !cron.times().is_empty());
                let days = date(2024, 1, 1).series(jiff::Span::new().days(1)).take(366 * 5);
                prop_assert!(days.into_iter().any(|day| cron.falls_on(day)), "{text} is never due");
            }
            Err(error) => prop_assert!(!error.is_empty()),
        }
    }
}

fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    for (row, cells) in rows.iter().enumerate() {
        for (column, text) in cells.iter().enumerate() {
            page.write_string(u32::try_from(row).unwrap(), u16::try_from(column).unwrap(), text).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}
