//! The companies file: one row a company, and in each integration's column what the vendor calls it.
//!
//! `header` says what each column is, `cell` what stands in one.

mod cell;
mod header;

use header::{Columns, columns};
use std::collections::{BTreeMap, HashMap};
use tallysheet_core::table::{self, Problems, Row, Table};
use tallysheet_core::{Company, Link, Result};

/// What the headers of a companies file may be.
#[derive(Debug, Clone, Copy)]
pub struct KnownColumns<'a> {
    /// The names of the configured integrations, disabled ones too.
    pub integrations: &'a [&'a str],
    /// Every kind there is: a column may wait for an integration that is not configured yet.
    pub slugs: &'a [&'a str],
    /// The user's own columns that are to be read, without their `#`.
    pub carry: &'a [String],
}

/// Reads a companies file. `file` is how it is called in errors. The error lists everything that is wrong with it, a
/// line each: `companies.csv:LINE:COLUMN: `, where the column is the number of the cell.
pub fn read(file: &str, bytes: &[u8], known: &KnownColumns<'_>) -> Result<Vec<Company>> {
    let text = tallysheet_host::text::decode(bytes).map_err(|error| error.context(file))?;
    let mut problems = Problems::default();
    let companies = read_text(&text, known, &mut problems);
    problems.into_result(file)?;
    Ok(companies)
}

fn read_text(text: &str, known: &KnownColumns<'_>, problems: &mut Problems) -> Vec<Company> {
    let Some(Table { header, rows }) = table::read(text, problems) else { return Vec::new() };
    let Some(columns) = columns(&header, known, problems) else { return Vec::new() };
    let mut seen = Seen::default();
    rows.iter().filter_map(|row| company(row, &columns, &mut seen, problems)).collect()
}

fn company(row: &Row, columns: &Columns, seen: &mut Seen, problems: &mut Problems) -> Option<Company> {
    for cell in row.cells.iter().skip(columns.width).filter(|cell| !cell.text.is_empty()) {
        problems
            .add(cell, "this row is longer than the header; is there a separator too many, or a name without quotes?");
    }
    for cell in columns.unnamed.iter().filter_map(|place| row.cells.get(*place)).filter(|cell| !cell.text.is_empty()) {
        problems.add(cell, "this column has no header; begin the header of a column of your own with `#`");
    }
    let company = Company {
        name: row.cell(columns.company).text.clone(),
        domains: columns.domains.map(|place| cell::domains(&row.cell(place), problems)).unwrap_or_default(),
        links: links(row, columns, seen, problems),
        carried: columns.carried.iter().map(|place| row.cell(*place).text.clone()).collect(),
    };
    let name = row.cell(columns.company);
    if company.name.is_empty() {
        problems.add(&name, "the company has no name; name it, or delete the row");
        return None;
    }
    if let Some(line) = seen.names.insert(company.name.to_lowercase(), row.line) {
        problems.add(&name, format!("the company `{}` stands in line {line} too; one row a company", company.name));
    }
    Some(company)
}

fn links(row: &Row, columns: &Columns, seen: &mut Seen, problems: &mut Problems) -> BTreeMap<String, Link> {
    let mut links = BTreeMap::new();
    for (place, integration) in &columns.links {
        let cell = row.cell(*place);
        let Some(link) = cell::link(&cell, problems) else { continue };
        if let Link::Ids(ids) = &link {
            for id in ids {
                if let Some(line) = seen.ids.insert((*place, id.clone()), row.line) {
                    let where_else =
                        if line == row.line { "twice in this cell".into() } else { format!("in line {line} too") };
                    problems.add(&cell, format!("the id `{id}` stands {where_else}; an org is one company, once"));
                }
            }
        }
        links.insert(integration.clone(), link);
    }
    links
}

/// What stood in earlier rows, and in which line.
#[derive(Default)]
struct Seen {
    names: HashMap<String, usize>,
    ids: HashMap<(usize, String), usize>,
}

#[cfg(test)]
mod tests;
