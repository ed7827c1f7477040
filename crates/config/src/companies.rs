//! The companies file: one row a company, and in each integration's column what the vendor calls it.
//!
//! `header` says what each column is, `cell` what stands in one, `workbook` makes cells of a spreadsheet. `edit` writes changes
//! back and leaves all else as it is; `chosen` is the file of suggestions that a user edits.

mod cell;
mod chosen;
mod edit;
mod header;
mod workbook;

pub use cell::comment;
pub use chosen::{Choice, ChoiceRow, What, read_choices, write_choices};
pub use edit::{Changes, NewLink, NewRow, edit, new_file};

use header::{Columns, columns};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// The name of a row whose ids are nobody's customers.
pub const IGNORE: &str = "(ignore)";

/// What a companies file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompaniesFile {
    /// The companies, in the order of the file.
    pub companies: Vec<Company>,
    /// The ids in rows named [`IGNORE`], by column.
    pub ignored: BTreeMap<String, BTreeSet<String>>,
    /// The names that stand behind ids.
    pub names: Vec<NamedId>,
}

/// An id with the name behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedId {
    /// Its line and the number of its cell.
    pub place: (usize, usize),
    /// The column.
    pub column: String,
    /// The id.
    pub id: String,
    /// What stands in parentheses behind it.
    pub name: String,
}

/// Reads a companies file, text or a workbook (`.xlsx`). `file` is how it is called in errors. The error lists everything that is wrong with it, a
/// line each: `companies.csv:LINE:COLUMN: `, where the column is the number of the cell.
pub fn read(file: &str, bytes: &[u8], known: &KnownColumns<'_>) -> Result<CompaniesFile> {
    let mut problems = Problems::default();
    let table = if workbook::is_one(bytes) {
        workbook::read(file, bytes, &mut problems)?
    } else {
        let text = tallysheet_host::text::decode(bytes).map_err(|error| error.context(file))?;
        table::read(&text, &mut problems)
    };
    let read = table.map(|table| read_table(&table, known, &mut problems)).unwrap_or_default();
    problems.into_result(file)?;
    Ok(read)
}

fn read_table(Table { header, rows }: &Table, known: &KnownColumns<'_>, problems: &mut Problems) -> CompaniesFile {
    let mut read = CompaniesFile::default();
    let Some(columns) = columns(header, known, problems) else { return read };
    let mut seen = Seen::default();
    for row in rows {
        let company = company(row, &columns, &mut seen, &mut read.names, problems);
        if is_ignore(row, &columns) {
            ignore(row, &columns, company, &mut read.ignored, problems);
        } else {
            read.companies.extend(company);
        }
    }
    read
}

fn is_ignore(row: &Row, columns: &Columns) -> bool {
    row.cell(columns.company).text.eq_ignore_ascii_case(IGNORE)
}

/// A row of ids that are nobody's customers. There may be several.
fn ignore(
    row: &Row,
    columns: &Columns,
    company: Option<Company>,
    ignored: &mut BTreeMap<String, BTreeSet<String>>,
    problems: &mut Problems,
) {
    for (integration, link) in company.map(|company| company.links).unwrap_or_default() {
        match link {
            Link::Ids(ids) => ignored.entry(integration).or_default().extend(ids),
            Link::NotCustomer => {
                let place = columns.links.iter().find(|(_, name)| *name == integration).map_or(0, |(place, _)| *place);
                problems.add(
                    &row.cell(place),
                    "`-` says nothing in a row `(ignore)`; write the ids to ignore, or delete it",
                );
            }
        }
    }
}

fn company(
    row: &Row,
    columns: &Columns,
    seen: &mut Seen,
    names: &mut Vec<NamedId>,
    problems: &mut Problems,
) -> Option<Company> {
    for cell in row.cells.iter().skip(columns.width).filter(|cell| !cell.text.is_empty()) {
        problems
            .add(cell, "this row is longer than the header; is there a separator too many, or a name without quotes?");
    }
    for cell in columns.unnamed.iter().filter_map(|place| row.cells.get(*place)).filter(|cell| !cell.text.is_empty()) {
        problems.add(cell, "this column has no header; begin the header of a column of your own with `#`");
    }
    let company = Company {
        name: header::plain_name(&row.cell(columns.company).text).to_owned(),
        domains: columns.domains.map(|place| cell::domains(&row.cell(place), problems)).unwrap_or_default(),
        links: links(row, columns, seen, names, problems),
        carried: columns.carried.iter().map(|place| row.cell(*place).text.clone()).collect(),
    };
    let name = row.cell(columns.company);
    if company.name.is_empty() {
        problems.add(&name, "the company has no name; name it, or delete the row");
        return None;
    }
    if !is_ignore(row, columns)
        && let Some(line) = seen.names.insert(company.name.to_lowercase(), row.line)
    {
        problems.add(&name, format!("the company `{}` stands in line {line} too; one row a company", company.name));
    }
    Some(company)
}

fn links(
    row: &Row,
    columns: &Columns,
    seen: &mut Seen,
    names: &mut Vec<NamedId>,
    problems: &mut Problems,
) -> BTreeMap<String, Link> {
    let mut links = BTreeMap::new();
    for (place, integration) in &columns.links {
        let cell = row.cell(*place);
        let Some((link, of_cell)) = cell::link(&cell, problems) else { continue };
        names.extend(of_cell.into_iter().map(|(id, name)| NamedId {
            place: (cell.line, cell.column),
            column: integration.clone(),
            id,
            name,
        }));
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
