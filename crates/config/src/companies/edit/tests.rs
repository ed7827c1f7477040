use super::*;
use proptest::prelude::*;

fn known() -> KnownColumns<'static> {
    KnownColumns { integrations: &["huntress", "duo", "psa"], slugs: &["pax8"], carry: &[] }
}

fn link(company: &str, integration: &str, id: &str, name: &str) -> NewLink {
    let [company, integration, id, name] = [company, integration, id, name].map(str::to_owned);
    NewLink { company, integration, id, name }
}

fn row(company: &str, domains: &[&str]) -> NewRow {
    NewRow { company: company.to_owned(), domains: domains.iter().map(|domain| (*domain).to_owned()).collect() }
}

fn edited(text: &str, changes: &Changes) -> String {
    String::from_utf8(edit("companies.csv", text.as_bytes(), &known(), changes).unwrap()).unwrap()
}

#[test]
fn only_what_changes_is_touched() {
    let text = "#tier;company; domains ;huntress;#note\r\n\
                gold;Acme Dental;acme.example;70412 (Acme HQ);\"two\r\nlines; \"\"quoted\"\"\"\r\n\
                \r\n\
                ;Zebra;;;\r\n\
                silver;Yak Ltd";
    let changes = Changes {
        rows: vec![row("=Evil & Co", &["evil.example"])],
        links: vec![
            link("acme dental", "huntress", "70420", "Acme; West"),
            link("Zebra", "huntress", "7", "Zebra (East"),
            link("Yak Ltd", "duo", "D1", "Yak"),
            link("=Evil & Co", "duo", "D2", ""),
            link(IGNORE, "huntress", "9", "Lab"),
        ],
    };
    let expected = "#tier;company; domains ;huntress;#note;duo\r\n\
                    gold;Acme Dental;acme.example;\"70412 (Acme HQ); 70420 (Acme; West)\";\"two\r\nlines; \"\"quoted\"\"\"\r\n\
                    \r\n\
                    ;Zebra;;7 (Zebra [East);\r\n\
                    silver;Yak Ltd;;;;D1 (Yak)\r\n\
                    ;'=Evil & Co;evil.example;;;D2\r\n\
                    ;(ignore);;9 (Lab);\r\n";
    assert_eq!(edited(text, &changes), expected);
    assert_eq!(edited(text, &Changes::default()), text);
    let read = read("companies.csv", expected.as_bytes(), &known()).unwrap();
    assert_eq!(read.companies[3].name, "=Evil & Co");
    assert_eq!(read.ignored["huntress"].iter().collect::<Vec<_>>(), ["9"]);
    assert_eq!(read.names[0].name, "Acme HQ");
}

#[test]
fn the_encoding_stays() {
    let changes = Changes { rows: vec![row("Zoë", &[])], links: vec![link("Zoë", "duo", "1", "Zoë")] };
    let utf16: Vec<u8> = "\u{feff}company\tduo\nAcme\t\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let written = edit("c.csv", &utf16, &known(), &changes).unwrap();
    assert_eq!(text::decode(&written).unwrap(), "company\tduo\nAcme\t\nZoë\t1 (Zoë)\n");
    assert!(written.starts_with(b"\xFF\xFE"));
    let marked = new_file("c.csv", &["duo"], &known(), &changes).unwrap();
    assert_eq!(marked, "\u{feff}company,domains,duo\r\nZoë,,1 (Zoë)\r\n".as_bytes());
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused =
        |changes: &Changes| edit("c.csv", b"company,duo\nAcme,-\n", &known(), changes).unwrap_err().to_string();
    let links = |link| Changes { links: vec![link], ..Changes::default() };
    assert!(refused(&links(link("Acme", "huntress", "a;b", "x"))).contains("`a;b`"));
    assert!(refused(&links(link("Zebra", "huntress", "1", "x"))).contains("no company `Zebra`"));
    assert!(refused(&links(link("Acme", "duo", "1", "x"))).contains("c.csv:2:2: `-` means"));
    assert!(refused(&Changes { rows: vec![row("ACME", &[])], ..Changes::default() }).contains("a row already"));
    assert!(
        edit("c.csv", b"company,dou\n", &known(), &Changes::default()).unwrap_err().to_string().contains("c.csv:1:2")
    );
}

#[test]
fn a_workbook_is_read_and_written_with_ids_as_text() {
    let id = "1834550912345678901";
    let changes = Changes {
        rows: vec![row("Acme", &["acme.example"]), row("Zebra", &[])],
        links: vec![
            link("Acme", "huntress", id, ""),
            link("Zebra", "duo", "007", "Zebra"),
            link(IGNORE, "duo", "8", "Lab"),
        ],
    };
    let bytes = new_file("companies.xlsx", &["huntress"], &known(), &changes).unwrap();
    assert_eq!(bytes, new_file("companies.xlsx", &["huntress"], &known(), &changes).unwrap(), "the same bytes");
    let file = read("companies.xlsx", &bytes, &known()).unwrap();
    assert_eq!(file.companies[0].links["huntress"], Link::Ids(vec![id.to_owned()]));
    assert_eq!(file.companies[1].links["duo"], Link::Ids(vec!["007".to_owned()]));
    assert_eq!(file.companies[0].domains, ["acme.example"]);
    assert_eq!(file.ignored["duo"].len(), 1);
    let more = Changes { links: vec![link("Zebra", "huntress", "9", "Z")], ..Changes::default() };
    let again = read("companies.xlsx", &edit("companies.xlsx", &bytes, &known(), &more).unwrap(), &known()).unwrap();
    assert_eq!(again.companies[1].links.len(), 2);
}

/// A workbook as a user makes it: numbers, a date, a column of the user's own, nothing in the first row and column.
fn users_workbook(id: f64, formula: bool, second: bool) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    for (place, name) in ["company", "huntress", "#since", "#seats"].into_iter().enumerate() {
        page.write_string(1, u16::try_from(place + 1).unwrap(), name).unwrap();
    }
    page.write_string(2, 1, "Acme").unwrap();
    page.write_number(2, 2, id).unwrap();
    page.write_number_with_format(2, 3, 45_000.0, &date).unwrap();
    page.write_number(2, 4, 12.5).unwrap();
    if formula {
        page.write_formula(3, 4, "=1+1").unwrap();
    }
    if second {
        book.add_worksheet().write_string(0, 0, "prices").unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn a_users_workbook_keeps_its_own_columns_and_is_refused_where_it_would_lose_something() {
    let carry = ["since".to_owned(), "seats".to_owned()];
    let known = KnownColumns { carry: &carry, ..known() };
    let changes = Changes {
        rows: vec![row("Zebra", &[])],
        links: vec![link("Acme", "duo", "1", "A"), link("Zebra", "huntress", "9", "")],
    };
    let bytes = users_workbook(70412.0, false, false);
    let before = read("c.xlsx", &bytes, &known).unwrap();
    assert_eq!(before.companies[0].links["huntress"], Link::Ids(vec!["70412".to_owned()]));
    assert_eq!(before.companies[0].carried, ["2023-03-15", "12.5"]);
    let after = read("c.xlsx", &edit("c.xlsx", &bytes, &known, &changes).unwrap(), &known).unwrap();
    assert_eq!((after.companies.len(), &after.companies[0].carried), (2, &before.companies[0].carried));

    let ruined =
        read("c.xlsx", &users_workbook(1.834_550_912_345_678_9e18, false, false), &known).unwrap_err().to_string();
    assert!(ruined.contains("c.xlsx:3:3: ") && ruined.contains("shortened"), "{ruined}");
    for (bytes, what) in
        [(users_workbook(1.0, true, false), "formulas"), (users_workbook(1.0, false, true), "second sheet")]
    {
        let message = edit("c.xlsx", &bytes, &known, &changes).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
    assert!(read("c.xlsx", b"PK\x03\x04nonsense", &known).unwrap_err().to_string().contains("c.xlsx: this workbook"));
}

proptest! {
    #[test]
    fn any_id_and_name_is_written_so_that_it_is_read_back(id in "[ -~]{1,12}", name in "[ -~é]{0,20}") {
        if let Some(text) = cell::text_of(id.trim(), &name) {
            let changes = Changes { rows: Vec::new(), links: vec![link("Acme", "duo", id.trim(), &name)] };
            let written = edited("company,duo\nAcme,\n", &changes);
            prop_assert!(written.contains(&text.replace('"', "\"\"")));
        }
    }

    #[test]
    fn cells_are_divided_as_everyone_divides_them(text in "[ab\",;\r\n ]{0,40}") {
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(text.as_bytes());
        let theirs: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(|cell| cell.trim().to_owned()).collect())
            .collect();
        if let Ok(rows) = table::rows(&text, b';') {
            let ours: Vec<Vec<String>> =
                rows.iter().map(|row| row.cells.iter().map(|cell| cell.text.clone()).collect()).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
