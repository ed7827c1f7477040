//! The file of suggestions that a user edits: a row an org, and in its first cell what is to become of it.

use super::{IGNORE, cell};
use tallysheet_core::registry::nearest;
use tallysheet_core::table::{self, Cell, Problems, Row, Table};
use tallysheet_core::{Link, Result};
use tallysheet_host::text;

/// A row of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChoiceRow {
    /// Of 100; empty where no company is likely.
    pub score: String,
    /// The company that is suggested.
    pub company: String,
    /// The integration.
    pub integration: String,
    /// The org's id there.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// What speaks for it, and against it.
    pub evidence: String,
}

/// What the user wants of an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Where it stands.
    pub place: (usize, usize),
    /// What is to be done.
    pub what: What,
    /// The company's name.
    pub company: String,
    /// The integration.
    pub integration: String,
    /// The org's id.
    pub id: String,
}

/// What is to become of an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is the company of the row.
    Accept,
    /// It gets a row of its own.
    New,
    /// It is nobody's customer.
    Ignore,
}

const HEADER: [&str; 6] = ["accept", "score", "company", "integration", "org", "evidence"];

/// The text of the file.
pub fn write_choices(rows: &[ChoiceRow]) -> String {
    let mut text = format!("\u{feff}{}\r\n", HEADER.join(","));
    for row in rows {
        let org = cell::text_of(&row.id, &row.name).unwrap_or_else(|| row.id.clone());
        let cells = [
            String::new(),
            row.score.clone(),
            super::header::safe_name(&row.company),
            row.integration.clone(),
            org,
            row.evidence.clone(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| super::edit::quoted(cell, ',')).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Reads what the user wants; rows with an empty first cell, or `no`, want nothing.
pub fn read_choices(file: &str, bytes: &[u8]) -> Result<Vec<Choice>> {
    let text = text::decode(bytes).map_err(|error| error.context(file))?;
    let mut problems = Problems::default();
    let choices = table::read(&text, &mut problems).map(|table| read_table(&table, &mut problems)).unwrap_or_default();
    problems.into_result(file)?;
    Ok(choices)
}

fn read_table(Table { header, rows }: &Table, problems: &mut Problems) -> Vec<Choice> {
    let mut places = [0; 6];
    for (name, place) in HEADER.iter().zip(&mut places) {
        match header.cells.iter().position(|cell| cell.text.eq_ignore_ascii_case(name)) {
            Some(found) => *place = found,
            None if ["score", "evidence"].contains(name) => {}
            None => {
                let message = format!("the column `{name}` is missing; the first line is `{}`", HEADER.join(","));
                problems.add(&header.cell(0), message);
                return Vec::new();
            }
        }
    }
    rows.iter().filter_map(|row| choice(row, &places, problems)).collect()
}

fn choice(row: &Row, places: &[usize; 6], problems: &mut Problems) -> Option<Choice> {
    let [accept, _, company, integration, org, _] = places;
    let word = row.cell(*accept);
    let name = super::header::plain_name(&row.cell(*company).text).to_owned();
    let what = match word.text.to_lowercase().as_str() {
        "" | "no" | "n" | "0" | "false" => return None,
        "x" | "yes" | "y" | "1" | "true" | "accept" if name.eq_ignore_ascii_case(IGNORE) => What::Ignore,
        "x" | "yes" | "y" | "1" | "true" | "accept" => What::Accept,
        "new" => What::New,
        "ignore" | IGNORE => What::Ignore,
        other => {
            let hint = nearest(other, ["yes", "new", "ignore", "no"])
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            problems.add(&word, format!("`{}` is no answer; {hint}write `x`, `new`, `ignore`, or nothing", word.text));
            return None;
        }
    };
    let org: Cell = row.cell(*org).into_owned();
    let Some((Link::Ids(ids), _)) = cell::link(&org, problems) else {
        problems.add(&org, "there is no id here; leave this column as it was written");
        return None;
    };
    let [id] = ids.as_slice() else {
        problems.add(&org, "several ids stand here; leave this column as it was written");
        return None;
    };
    if what == What::Accept && name.is_empty() {
        problems.add(
            &row.cell(*company),
            "which company is it? Write its name here, or `new` or `ignore` into the first cell",
        );
        return None;
    }
    Some(Choice {
        place: (row.line, *company + 1),
        what,
        company: name,
        integration: row.cell(*integration).text.clone(),
        id: id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_once_it_is_answered() {
        let row = |id: &str, name: &str| ChoiceRow {
            score: "92".into(),
            company: "Acme, Inc.".into(),
            integration: "huntress".into(),
            id: id.into(),
            name: name.into(),
            evidence: "same name".into(),
        };
        let text = write_choices(&[row("1834550912345678901", "Acme (HQ)"), row("2", "=Evil"), row("3", "")]);
        assert_eq!(read_choices("s.csv", text.as_bytes()).unwrap(), []);
        let edited = text.replace("\r\n,92,\"Acme, Inc.\",huntress,1834", "\r\nx,92,\"Acme, Inc.\",huntress,1834");
        let edited = edited.replace("\r\n,92,\"Acme, Inc.\",huntress,3", "\r\nIgnore,92,,huntress,3");
        let read = read_choices("s.csv", edited.as_bytes()).unwrap();
        assert_eq!(
            (read[0].what, read[0].id.as_str(), read[0].company.as_str()),
            (What::Accept, "1834550912345678901", "Acme, Inc.")
        );
        assert_eq!((read[1].what, read[1].id.as_str()), (What::Ignore, "3"));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_wrong_answer_is_told_with_its_place() {
        let told = |row: &str| {
            let text = format!("accept,score,company,integration,org,evidence\n{row}\n");
            read_choices("s.csv", text.as_bytes()).unwrap_err().to_string()
        };
        assert!(told("maybe,1,Acme,huntress,1,").starts_with("s.csv:2:1: `maybe`"));
        assert!(told("x,1,,huntress,1,").starts_with("s.csv:2:3: which company"));
        assert!(told("x,1,Acme,huntress,1.8E+18,").starts_with("s.csv:2:5: `1.8E+18`"));
        assert!(
            read_choices("s.csv", b"a,b\n1,2\n").unwrap_err().to_string().starts_with("s.csv:1:1: the column `accept`")
        );
    }
}
