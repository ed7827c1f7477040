use super::*;
use proptest::prelude::*;

const INTEGRATIONS: [&str; 3] = ["huntress", "datto-west", "psa"];
const SLUGS: [&str; 4] = ["datto-rmm", "huntress", "microsoft-graph", "autotask"];

fn read_carrying(bytes: &[u8], carry: &[&str]) -> Result<Vec<Company>> {
    let carry: Vec<String> = carry.iter().map(|name| (*name).to_owned()).collect();
    Ok(read("companies.csv", bytes, &known(&carry))?.companies)
}

fn known(carry: &[String]) -> KnownColumns<'_> {
    KnownColumns { integrations: &INTEGRATIONS, slugs: &SLUGS, carry }
}

fn companies(text: &str) -> Vec<Company> {
    read_carrying(text.as_bytes(), &[]).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let error = read_carrying(text.as_bytes(), &[]).unwrap_err();
    assert_eq!(error.kind(), tallysheet_core::ErrorKind::Config);
    error.to_string().lines().map(str::to_owned).collect()
}

/// The one problem of a text, which begins with its place and says these things.
#[track_caller]
fn assert_problem(text: &str, place: &str, says: &[&str]) {
    let problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with(&format!("companies.csv:{place}: ")), "{problems:?}");
    for word in says {
        assert!(problems[0].contains(word), "{word}: {problems:?}");
    }
}

fn ids(ids: &[&str]) -> Link {
    Link::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// What the cell of an integration is read as.
fn cell(text: &str) -> Option<Link> {
    let quoted = text.replace('"', "\"\"");
    companies(&format!("company,huntress\nAcme,\"{quoted}\"\n"))[0].links.get("huntress").cloned()
}

#[test]
fn a_whole_file_is_understood() {
    let text = "company,domains,#account,huntress,datto-west,autotask\r\n\
                Acme Dental,acme.example;www.acme.test,A-1,7 (Acme HQ);8,-,0042\r\n\
                \r\n\
                ,,,,,\r\n\
                \"Zebra, Inc.\",,,,\r\n";
    let read = read_carrying(text.as_bytes(), &["Account"]).unwrap();
    assert_eq!(read.len(), 2);
    let acme = &read[0];
    assert_eq!((acme.name.as_str(), acme.carried.as_slice()), ("Acme Dental", &["A-1".to_owned()][..]));
    assert_eq!(acme.domains, ["acme.example", "acme.test"]);
    let links: Vec<(&str, &Link)> = acme.links.iter().map(|(name, link)| (name.as_str(), link)).collect();
    assert_eq!(
        links,
        [("autotask", &ids(&["0042"])), ("datto-west", &Link::NotCustomer), ("huntress", &ids(&["7", "8"]))]
    );
    let zebra = &read[1];
    assert_eq!((zebra.name.as_str(), zebra.domains.len(), zebra.links.len()), ("Zebra, Inc.", 0, 0));
}

#[test]
fn every_separator_and_encoding_is_understood() {
    let expected = companies("company,domains,huntress\nZoë,zoe.example,7;8\n");
    assert_eq!(expected[0].name, "Zoë");
    let texts = [
        "company;domains;huntress\r\nZoë;zoe.example;\"7;8\"\r\n",
        "company\tdomains\thuntress\r\nZoë\tzoe.example\t7;8\r\n",
        "\"company\",\"domains\",\"huntress\"\n\"Zoë\",\"zoe.example\",\"7;8\"",
        "\u{feff}company,domains,huntress\nZoë,zoe.example,7;8\n",
        "\n\n Company , DOMAINS , Huntress \n Zoë , zoe.example , 7 ; 8 ,,,\n",
    ];
    for text in texts {
        assert_eq!(companies(text), expected, "{text:?}");
    }
    let marked = format!("\u{feff}{}", texts[1]);
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        assert_eq!(read_carrying(&bytes, &[]).unwrap(), expected);
    }
}

#[test]
fn what_is_no_text_is_refused_by_line() {
    let error = read_carrying(b"company\nAcme\nZo\xEB\n", &[]).unwrap_err().to_string();
    assert_eq!(error, "companies.csv: line 3 is not UTF-8; save it as UTF-8");
}

#[test]
fn ids_stand_with_or_without_comments() {
    let cases: &[(&str, &[&str])] = &[
        ("1834550912345678901 (Acme HQ)", &["1834550912345678901"]),
        ("'007", &["007"]),
        ("' 7 ; '8", &["7", "8"]),
        ("7;;8;", &["7", "8"]),
        ("7 (Acme; East);8", &["7", "8"]),
        ("7 (Acme (East), Inc.); 8 (West)", &["7", "8"]),
        ("7 (Acme :) Ltd); 8", &["7", "8"]),
        ("7 (Acme :( Ltd)", &["7"]),
        ("7(Acme)", &["7"]),
        ("Acme Dental", &["Acme Dental"]),
        ("7 (\"Acme\")", &["7"]),
        ("12e34", &["12e34"]),
        ("5f3e12ab", &["5f3e12ab"]),
    ];
    for (text, expected) in cases {
        assert_eq!(cell(text), Some(ids(expected)), "{text}");
    }
    for nothing in ["", " ", ";", "'"] {
        assert_eq!(cell(nothing), None, "{nothing:?}");
    }
    for dash in ["-", "'-", " - ", "–", "- (left in May)"] {
        assert_eq!(cell(dash), Some(Link::NotCustomer), "{dash}");
    }
}

#[test]
fn a_cell_that_cannot_be_read_says_why() {
    let problem = |cell: &str, says: &[&str]| {
        assert_problem(&format!("company,huntress\nAcme,\"{cell}\"\n"), "2:2", says);
    };
    problem("1.83E+18", &["`1.83E+18`", "spreadsheet"]);
    problem("1,83E+18", &["`1,83E+18`"]);
    problem("7; 2e+15 (Acme)", &["`2e+15`"]);
    problem("1.83E18", &["`1.83E18`"]);
    problem("7;-", &["stands alone"]);
    problem("-;-", &["stands alone"]);
    problem("(Acme)", &["without its id"]);
    problem("7 (Acme", &["does not end"]);
    problem("7 (Acme :( Ltd; 8 (East)", &["does not end"]);
    problem("7 Acme)", &["without its `(`"]);
    problem("7;7", &["`7`", "twice in this cell"]);
}

#[test]
fn an_id_that_lost_its_quotes_to_a_comma_is_noticed() {
    let problems = problems("company,huntress,#x\nAcme,1,83E+18,y\n");
    assert!(problems[0].starts_with("companies.csv:2:4: this row is longer"), "{problems:?}");
}

#[test]
fn a_company_stands_once() {
    assert_problem("company\nAcme\nZebra\n ACME \n", "4:1", &["`ACME`", "line 2"]);
}

#[test]
fn an_id_is_one_company_in_its_column() {
    assert_problem("company,huntress,psa\nAcme,7,8\nZebra,8;7 (Acme),9\n", "3:2", &["`7`", "line 2"]);
    assert_eq!(companies("company,huntress,psa\nAcme,7,7\n").len(), 1, "columns are apart");
}

#[test]
fn a_row_needs_a_name() {
    assert_problem("domains,company,huntress\nacme.example,,7\n", "2:2", &["no name"]);
}

#[test]
fn a_row_is_no_longer_than_the_header() {
    assert_problem("company,domains\nAcme,acme.example,7\n", "2:3", &["longer than the header"]);
    assert_eq!(companies("company,domains\nAcme,acme.example,,\n").len(), 1, "separators alone are no cells");
}

#[test]
fn a_column_must_be_known() {
    assert_problem("company,huntres\nAcme,7\n", "1:2", &["`huntres`", "did you mean `huntress`?"]);
    assert_problem("\n\ncompany,domains,xyzzy\n", "3:3", &["`xyzzy`", "`#`"]);
    assert_problem("company,\nAcme,7\n", "2:2", &["no header"]);
    assert_eq!(companies("company,domains,,\nAcme,,,\n").len(), 1, "an empty column is none");
}

#[test]
fn a_header_may_be_spelled_in_other_cases_and_with_underscores() {
    let read = companies("COMPANY,Datto_West,MICROSOFT-GRAPH\nAcme,7,8\n");
    assert_eq!(read[0].links.keys().collect::<Vec<_>>(), ["datto-west", "microsoft-graph"]);
}

#[test]
fn a_column_stands_once() {
    assert_problem("company,huntress,Huntress\nAcme,7,8\n", "1:3", &["`huntress`", "column 2"]);
}

#[test]
fn the_column_company_must_be_there() {
    assert_problem("domains,huntress\nacme.example,7\n", "1:1", &["`company`"]);
    assert_problem("", "1:1", &["empty"]);
    assert_eq!(companies("company\n"), []);
}

#[test]
fn carried_columns_stand_in_the_order_of_the_config() {
    let text = "company,#Tier,# account ,#notes\nAcme,gold,A-1,x\nZebra\n";
    let read = read_carrying(text.as_bytes(), &["ACCOUNT", "#tier"]).unwrap();
    assert_eq!(read[0].carried, ["A-1", "gold"]);
    assert_eq!(read[1].carried, ["", ""]);
    let message = |text: &str, carry: &str| read_carrying(text.as_bytes(), &[carry]).unwrap_err().to_string();
    let unknown = message(text, "acount");
    assert!(unknown.starts_with("companies.csv:1:1: ") && unknown.contains("`#account`, `#notes`"), "{unknown}");
    assert!(message("company\n", "tier").contains("no column that begins with `#`"));
    assert!(message("company,#tier,#Tier\n", "tier").starts_with("companies.csv:1:3: "));
}

#[test]
fn domains_are_cut_down_and_must_be_domains() {
    let text = "company;domains\nAcme;\"https://www.acme.example/x acme.test; it@acme.test\"\n";
    assert_eq!(companies(text)[0].domains, ["acme.example", "acme.test"]);
    assert_problem("company,domains\nAcme,acme\n", "2:2", &["`acme` is no domain"]);
}

#[test]
fn a_quote_that_is_never_closed_loses_no_rows() {
    assert_problem("company,huntress\nAcme,7\nZebra,\"8\nYak,9\n", "3:2", &["quote"]);
    assert_eq!(companies("company\n\"Acme \"\"HQ\"\"\"\nYak 6\" Ltd\n")[1].name, "Yak 6\" Ltd");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n"] {
        let lines = ["company,#note,huntress", "", "Acme,\"two", "lines\",7", "", "", "Zebra,,7"];
        assert_problem(&lines.join(end), "7:3", &["line 3"]);
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let problems = problems("company,huntress,nonsense\nAcme,1E+18\nacme,7\nZebra,7\n");
    let places: Vec<&str> = problems.iter().map(|line| &line[..line.find(": ").unwrap()]).collect();
    assert_eq!(places, ["companies.csv:1:3", "companies.csv:2:2", "companies.csv:3:1", "companies.csv:4:2"]);
}

#[test]
fn of_very_many_problems_the_first_are_told() {
    let rows = "Acme\n".repeat(30);
    let problems = problems(&format!("company\n{rows}"));
    assert_eq!((problems.len(), problems[20].as_str()), (21, "companies.csv: … and 9 more"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = read_carrying(&bytes, &["account"]);
    }

    #[test]
    fn no_cells_panic(text in "[-;,()'\"#a1eE+. \t\r\n]{0,60}") {
        let _ = read_carrying(format!("company,domains,huntress,#account\n{text}").as_bytes(), &["account"]);
        let _ = read_carrying(text.as_bytes(), &[]);
    }

    #[test]
    fn what_was_written_is_read(names in proptest::collection::btree_set("[A-Z][ -~]{0,12}[a-z]", 1..6)) {
        let names: std::collections::BTreeMap<String, String> =
            names.into_iter().map(|name| (name.to_lowercase(), name)).collect();
        let mut file = csv::Writer::from_writer(Vec::new());
        file.write_record(["company", "huntress"]).unwrap();
        for (number, name) in names.values().enumerate() {
            file.write_record([name, &format!("{number} (Org {number})")]).unwrap();
        }
        let read = read_carrying(&file.into_inner().unwrap(), &[]).unwrap();
        prop_assert_eq!(read.len(), names.len());
        for (number, (company, name)) in read.iter().zip(names.values()).enumerate() {
            prop_assert_eq!(&company.name, name);
            prop_assert_eq!(&company.links["huntress"], &ids(&[&number.to_string()]));
        }
    }
}
