//! Writing into a companies file: ids into cells, rows at its end, a column where one is lacking. All else stays as it is:
//! the order, the user's own columns, the separator, the line ends, the encoding.

use super::header::{COMPANY, Columns, DOMAINS, columns, safe_name};
use super::{IGNORE, KnownColumns, cell, is_ignore, read, workbook};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::table::{self, Cell, Problems, Row, Table};
use tallysheet_core::{Company, Error, Link, Result};
use tallysheet_host::text;

/// An id for the cell of a company; of [`IGNORE`], for the row of what is nobody's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The company's name in the file.
    pub company: String,
    /// The integration.
    pub integration: String,
    /// The org's id there.
    pub id: String,
    /// Its name there, written behind the id.
    pub name: String,
}

/// A row for the end of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRow {
    /// The company's name.
    pub company: String,
    /// Its domains.
    pub domains: Vec<String>,
}

/// What is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New rows.
    pub rows: Vec<NewRow>,
    /// Ids, for new rows too.
    pub links: Vec<NewLink>,
}

/// What becomes of the table, whatever it is written in.
#[derive(Default)]
pub(super) struct Plan {
    /// Headers to add behind the last one.
    pub(super) headers: Vec<String>,
    /// Texts of cells, by the row's line and the column's place.
    pub(super) cells: BTreeMap<(usize, usize), String>,
    /// Rows to add, by the column's place.
    pub(super) rows: Vec<BTreeMap<usize, String>>,
}

/// The bytes of a companies file with changes made. It is read again before it is returned: what cannot be read back as it
/// was meant is an error, and nothing is written.
pub fn edit(file: &str, bytes: &[u8], known: &KnownColumns<'_>, changes: &Changes) -> Result<Vec<u8>> {
    let mut problems = Problems::default();
    let edited = if workbook::is_one(bytes) {
        let table = workbook::read(file, bytes, &mut problems)?;
        let plan = plan(file, table.as_ref(), known, changes, problems)?;
        workbook::write(file, bytes, &plan)?
    } else {
        let text = text::decode(bytes).map_err(|error| error.context(file))?;
        let table = table::read(&text, &mut problems);
        let plan = plan(file, table.as_ref(), known, changes, problems)?;
        let table = table.ok_or_else(|| Error::internal(format!("{file}: there is no table")))?;
        text::encode_like(bytes, &splice(&text, &table, &plan))
    };
    verify(file, bytes, &edited, known, changes)?;
    Ok(edited)
}

/// A new companies file with these columns behind `company` and `domains`: a workbook where the name ends in `.xlsx`. Text
/// begins with a byte-order mark, without which a spreadsheet takes it for another encoding.
pub fn new_file(file: &str, columns: &[&str], known: &KnownColumns<'_>, changes: &Changes) -> Result<Vec<u8>> {
    let header: Vec<&str> = [COMPANY, DOMAINS].into_iter().chain(columns.iter().copied()).collect();
    let empty = if file.to_lowercase().ends_with(".xlsx") {
        workbook::of_header(file, &header)?
    } else {
        format!("\u{feff}{}\r\n", header.join(",")).into_bytes()
    };
    edit(file, &empty, known, changes)
}

fn plan(
    file: &str,
    table: Option<&Table>,
    known: &KnownColumns<'_>,
    changes: &Changes,
    mut problems: Problems,
) -> Result<Plan> {
    let columns = table.and_then(|table| columns(&table.header, known, &mut problems));
    problems.into_result(file)?;
    let (Some(table), Some(columns)) = (table, columns) else {
        return Err(Error::internal(format!("{file}: there is no table")));
    };
    Planner::new(file, table, columns).plan(changes)
}

/// Where a row is: in the file, by its place among the rows, or among those to add.
#[derive(Clone, Copy)]
enum At {
    Old(usize),
    New(usize),
}

struct Planner<'a> {
    file: &'a str,
    table: &'a Table,
    columns: Columns,
    rows: HashMap<String, At>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(file: &'a str, table: &'a Table, columns: Columns) -> Self {
        let mut rows = HashMap::new();
        for (place, row) in table.rows.iter().enumerate() {
            let name = if is_ignore(row, &columns) { IGNORE.to_owned() } else { key(&row.cell(columns.company).text) };
            rows.entry(name).or_insert(At::Old(place));
        }
        Self { file, table, columns, rows, plan: Plan::default() }
    }

    fn plan(mut self, changes: &Changes) -> Result<Plan> {
        for row in &changes.rows {
            self.add_row(row)?;
        }
        for link in &changes.links {
            self.add_link(link)?;
        }
        Ok(self.plan)
    }

    fn add_row(&mut self, row: &NewRow) -> Result<()> {
        let name = row.company.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            return Err(Error::config(format!("{}: a company without a name cannot be added", self.file)));
        }
        if self.rows.contains_key(&key(&name)) {
            return Err(Error::config(format!("{}: the company `{name}` has a row already", self.file)));
        }
        let mut cells = BTreeMap::from([(self.columns.company, safe_name(&name))]);
        if !row.domains.is_empty() {
            let place = match self.columns.domains {
                Some(place) => place,
                None => self.add_column(DOMAINS),
            };
            self.columns.domains = Some(place);
            cells.insert(place, row.domains.join(";"));
        }
        self.rows.insert(key(&name), At::New(self.plan.rows.len()));
        self.plan.rows.push(cells);
        Ok(())
    }

    fn add_link(&mut self, link: &NewLink) -> Result<()> {
        let NewLink { company, integration, id, name } = link;
        let added = cell::text_of(id, name).ok_or_else(|| {
            let message = format!("{}: the id `{id}` of {integration} cannot stand in a cell", self.file);
            Error::config(message).advice("it holds a `;` or a parenthesis; match it by name or domain instead")
        })?;
        if company == IGNORE && !self.rows.contains_key(IGNORE) {
            self.rows.insert(IGNORE.to_owned(), At::New(self.plan.rows.len()));
            self.plan.rows.push(BTreeMap::from([(self.columns.company, IGNORE.to_owned())]));
        }
        let Some(row) = self.rows.get(&key(company)).copied() else {
            return Err(Error::config(format!("{}: there is no company `{company}`", self.file)));
        };
        let known = self.columns.links.iter().find(|(_, name)| name == integration).map(|(place, _)| *place);
        let place = known.unwrap_or_else(|| {
            let place = self.add_column(integration);
            self.columns.links.push((place, integration.clone()));
            place
        });
        let cell = match row {
            At::Old(row) => {
                let row = &self.table.rows[row];
                self.plan.cells.entry((row.line, place)).or_insert_with(|| row.cell(place).text.clone())
            }
            At::New(row) => self.plan.rows[row].entry(place).or_default(),
        };
        let before = cell.trim_end_matches([';', ' ']);
        *cell = if before.is_empty() { added } else { format!("{before}; {added}") };
        Ok(())
    }

    fn add_column(&mut self, name: &str) -> usize {
        self.plan.headers.push(name.to_owned());
        self.table.header.cells.len() + self.plan.headers.len() - 1
    }
}

fn key(name: &str) -> String {
    super::header::plain_name(name).to_lowercase()
}

/// The text with the plan carried out.
fn splice(text: &str, table: &Table, plan: &Plan) -> String {
    let separator = char::from(table::separator(text));
    let line_end = if text.contains("\r\n") || !text.contains('\n') { "\r\n" } else { "\n" };
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    if !plan.headers.is_empty() {
        let end = end(&table.header);
        let headers = plan.headers.iter().map(|header| format!("{separator}{}", quoted(header, separator)));
        edits.push((end..end, headers.collect()));
    }
    for row in &table.rows {
        let of_row = plan.cells.range((row.line, 0)..=(row.line, usize::MAX));
        let mut width = row.cells.len();
        let mut behind = String::new();
        for ((_, place), text) in of_row {
            if let Some(cell) = row.cells.get(*place) {
                edits.push((cell.span.clone(), quoted(text, separator)));
                continue;
            }
            behind.extend(std::iter::repeat_n(separator, *place + 1 - width));
            behind.push_str(&quoted(text, separator));
            width = *place + 1;
        }
        if !behind.is_empty() {
            edits.push((end(row)..end(row), behind));
        }
    }
    let mut edited = text.to_owned();
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    for (span, new) in edits.into_iter().rev() {
        edited.replace_range(span, &new);
    }
    for row in &plan.rows {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push_str(line_end);
        }
        let last = row.keys().next_back().copied().unwrap_or_default();
        let width = last.max(table.header.cells.len() - 1);
        let cells = (0..=width).map(|place| row.get(&place).map(|text| quoted(text, separator)).unwrap_or_default());
        edited.push_str(&cells.collect::<Vec<_>>().join(separator.encode_utf8(&mut [0; 4])));
        edited.push_str(line_end);
    }
    edited
}

fn end(row: &Row) -> usize {
    row.cells.last().map_or(0, |cell: &Cell| cell.span.end)
}

pub(super) fn quoted(text: &str, separator: char) -> String {
    if text.contains([separator, '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Reads what is to be written: every company and every id of before is there as it was, and every new one is.
fn verify(file: &str, before: &[u8], after: &[u8], known: &KnownColumns<'_>, changes: &Changes) -> Result<()> {
    let wrong =
        |what: String| Error::internal(format!("{file}: {what} could not be written faithfully; nothing is written"));
    let new = read(file, after, known)?;
    let old = read(file, before, known)?;
    let has = |company: &str, integration: &str, id: &str| {
        if company == IGNORE {
            return new.ignored.get(integration).is_some_and(|ids| ids.contains(id));
        }
        let named = |one: &&Company| key(&one.name) == key(company);
        let cell = new.companies.iter().find(named).and_then(|one| one.links.get(integration));
        matches!(cell, Some(Link::Ids(ids)) if ids.iter().any(|one| one == id))
    };
    for link in &changes.links {
        if !has(&link.company, &link.integration, &link.id) {
            return Err(wrong(format!("{} ({})", link.id, link.company)));
        }
    }
    for (was, is) in old.companies.iter().zip(&new.companies) {
        let kept = |(column, link): (&String, &Link)| match (link, is.links.get(column)) {
            (Link::Ids(old), Some(Link::Ids(new))) => new.starts_with(old),
            (link, now) => now == Some(link),
        };
        let same = (&was.name, &was.domains, &was.carried) == (&is.name, &is.domains, &is.carried);
        if !same || !was.links.iter().all(kept) {
            return Err(wrong(was.name.clone()));
        }
    }
    let ignored =
        |(column, ids): (&String, &BTreeSet<String>)| new.ignored.get(column).is_some_and(|now| now.is_superset(ids));
    if !old.ignored.iter().all(ignored) {
        return Err(wrong(format!("the row {IGNORE}")));
    }
    if new.companies.len() != old.companies.len() + changes.rows.len() {
        return Err(wrong("the rows".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
