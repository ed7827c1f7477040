//! The merge: from the answers of all integrations to one sheet. Pure, and the same whatever order things come in.

mod columns;
mod join;
mod told;

use columns::columns;
use join::{Join, join_into, org_joins};
use told::{Log, add_numbers, control_totals, leave_out, org_failures, tell_left_out, tell_unmapped, told_apart};

use crate::code::Code;
use crate::counts::{Counts, Failure, OrgCounts, Standing};
use crate::model::{Company, Link, MetricDef, VendorOrg};
use crate::notice::Notice;
use crate::sheet::{Blank, Cell, Column, EXCLUDED, Row, Sheet, Totals};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One integration's part in the merge.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its place in the column order: the connector's place, then the integration's name.
    pub order: usize,
    /// Its name in the config.
    pub name: String,
    /// The prefix of its columns.
    pub title: String,
    /// The metrics to show, in the connector's order.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids that the config leaves out.
    pub exclude: Vec<String>,
    /// What it answered. An error is a failure of every cell.
    pub answer: Result<Counts, Failure>,
    /// Where each of its orgs belongs, in the order of `answer.orgs`.
    pub placements: Vec<Placement>,
    /// Product columns of the last kept run, kept where this run cannot name them.
    pub kept: Vec<KeptColumn>,
    /// When it answered.
    pub counted_at: Option<Timestamp>,
}

/// Where a vendor org belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It is this company (an index into the companies).
    Company(usize),
    /// It would be this company, but the companies file says `-` there.
    Declined(usize),
    /// No company is known for it.
    Unmapped,
}

/// A product column that an earlier run had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptColumn {
    /// Its label behind the title.
    pub label: String,
    /// Its unit.
    pub unit: String,
}

/// How the sheet is to look.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Headers of the user's own columns.
    pub carried: Vec<String>,
    /// Whether there is a `Notes` column.
    pub notes: bool,
    /// Whether unmapped orgs get rows.
    pub unmapped_rows: bool,
}

/// A company with the key that stays the same from run to run.
#[derive(Debug, Clone)]
pub struct KeyedCompany {
    /// The company.
    pub company: Company,
    /// Its name as in the file, else its normalised name.
    pub key: String,
}

/// What the merge makes.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The sheet.
    pub sheet: Sheet,
    /// What was left out, unmapped, unknown or failed.
    pub notices: Vec<Notice>,
    /// Whether nothing failed: no integration, no org, no value.
    pub complete: bool,
    /// Whether anything was counted at all, in a row or in one that `unmapped_rows` leaves out.
    pub counted: bool,
}

/// Makes the sheet.
pub fn merge(companies: &[KeyedCompany], mut sources: Vec<Source>, options: &Options) -> Merged {
    sources.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    let mut rows: Vec<Row> = companies.iter().map(company_row).collect();
    let mut unmapped: Vec<Row> = Vec::new();
    let mut sheet = Sheet { notes: options.notes, carried: options.carried.clone(), ..Sheet::default() };
    let mut log = Log { notices: Vec::new(), complete: true };

    // Each answer is let go when it is in the sheet: all of them together are as large as all that follows.
    for source in sources {
        let part = merge_source(companies, &source, &mut log);
        let before = sheet.columns.len();
        for (row, cells) in rows.iter_mut().zip(part.companies) {
            note_failures(row, &source.title, &cells);
            row.cells.extend(cells.into_iter().take(part.columns.len()));
        }
        let blank = |count| std::iter::repeat_n(Cell::Blank(Blank::NotMapped), count);
        for row in &mut unmapped {
            row.cells.extend(blank(part.columns.len()));
        }
        for (org, cells) in part.unmapped {
            let mut row = unmapped_row(&source, org, options.carried.len());
            note_failures(&mut row, &source.title, &cells);
            row.cells.extend(blank(before).chain(cells).take(before + part.columns.len()));
            unmapped.push(row);
        }
        sheet.columns.extend(part.columns);
        sheet.totals.extend(part.totals);
    }

    rows.sort_by_cached_key(|row| (row.company.to_lowercase(), row.company.clone(), row.key.clone()));
    let cells = rows.iter().chain(&unmapped).flat_map(|row| &row.cells);
    let counted = cells.into_iter().any(|cell| matches!(cell, Cell::Counted(_)));
    if options.unmapped_rows {
        rows.append(&mut unmapped);
    }
    sheet.rows = rows;
    Merged { sheet, notices: log.notices, complete: log.complete, counted }
}

/// One integration's columns, cells and totals.
struct Part<'a> {
    columns: Vec<Column>,
    companies: Vec<Vec<Cell>>,
    unmapped: Vec<(&'a VendorOrg, Vec<Cell>)>,
    totals: Vec<Totals>,
}

fn merge_source<'a>(companies: &[KeyedCompany], source: &'a Source, log: &mut Log) -> Part<'a> {
    let (columns, index) = columns(source);
    // At least one cell a row, so that a failure is noted where no product is known yet.
    let width = columns.len().max(1);
    let counts = match &source.answer {
        Ok(counts) => counts,
        Err(failure) => {
            log.complete = false;
            let cell = |company: &KeyedCompany| match company.company.links.get(&source.name) {
                Some(Link::NotCustomer) => Cell::Blank(Blank::NotApplicable),
                _ => Cell::Blank(Blank::Failed(failure.code)),
            };
            return Part {
                companies: companies.iter().map(|company| vec![cell(company); width]).collect(),
                totals: vec![Totals::default(); columns.len()],
                unmapped: Vec::new(),
                columns,
            };
        }
    };

    let mut totals = vec![Totals::default(); columns.len()];
    let mut company_sums: Vec<Vec<Join>> = vec![Vec::new(); companies.len()];
    let mut unmapped: Vec<(&VendorOrg, Vec<Cell>)> = Vec::new();
    let mut orgs: Vec<(&OrgCounts, Placement)> = counts.orgs.iter().zip(source.placements.iter().copied()).collect();
    orgs.sort_by(|(a, _), (b, _)| (&a.org.name, &a.org.id).cmp(&(&b.org.name, &b.org.id)));

    for (org, placement) in orgs {
        leave_out(org, &index, &mut totals);
        let joins = match org.standing {
            Standing::NotCustomer(reason) => {
                told_apart(source, org, reason, &index, &mut totals, log);
                continue;
            }
            Standing::Customer if source.exclude.contains(&org.org.id) => {
                told_apart(source, org, EXCLUDED, &index, &mut totals, log);
                vec![Join::LeftOut(EXCLUDED); width]
            }
            Standing::Customer => {
                let joins = org_joins(source, org, &index, width);
                org_failures(source, org, &columns, &joins, placement, companies, log);
                joins
            }
        };
        if let Placement::Company(company) = placement {
            join_into(&mut company_sums[company], joins);
            continue;
        }
        let cells: Vec<Cell> = joins.into_iter().map(Join::cell).collect();
        add_numbers(&mut totals, &cells, |totals| &mut totals.unmapped);
        let has_value = cells.iter().any(|cell| matches!(cell, Cell::Counted(_)));
        if !source.exclude.contains(&org.org.id) {
            tell_unmapped(source, org, placement, companies, has_value, log);
        }
        if has_value {
            unmapped.push((&org.org, cells));
        }
    }

    let listed: BTreeSet<&str> = counts.orgs.iter().map(|org| org.org.id.as_str()).collect();
    let mut cells = Vec::with_capacity(companies.len());
    for (company, sums) in companies.iter().zip(company_sums) {
        let joined = company_cells(source, company, sums, &listed, width, log);
        add_numbers(&mut totals, &joined, |totals| &mut totals.counted);
        cells.push(joined);
    }
    unmapped.sort_by(|(a, _), (b, _)| {
        (a.name.to_lowercase(), &a.name, &a.id).cmp(&(b.name.to_lowercase(), &b.name, &b.id))
    });
    tell_left_out(source, counts, log);
    control_totals(source, counts, &columns, &index, &mut totals, log);
    Part { columns, companies: cells, unmapped, totals }
}

/// The cells of one company from the joined orgs, its ids in the file, and what the vendor listed.
fn company_cells(
    source: &Source,
    company: &KeyedCompany,
    mut sums: Vec<Join>,
    listed: &BTreeSet<&str>,
    columns: usize,
    log: &mut Log,
) -> Vec<Cell> {
    let whole = |join| vec![join; columns];
    match company.company.links.get(&source.name) {
        Some(Link::NotCustomer) => join_into(&mut sums, whole(Join::NotApplicable)),
        Some(Link::Ids(ids)) => {
            for id in ids.iter().filter(|id| !listed.contains(id.as_str())) {
                if source.exclude.contains(id) {
                    join_into(&mut sums, whole(Join::LeftOut(EXCLUDED)));
                    continue;
                }
                let name = &company.company.name;
                let message =
                    format!("{name}: the companies file names the id {id}, which {} does not list", source.title);
                log.failure(source, Code::UnknownOrg, name, message);
                join_into(&mut sums, whole(Join::Failed(Code::UnknownOrg)));
            }
        }
        None => {}
    }
    if sums.is_empty() {
        sums = whole(Join::Nothing);
    }
    sums.into_iter().map(Join::cell).collect()
}

/// `SentinelOne failed: auth-failed`, one for each code.
fn note_failures(row: &mut Row, title: &str, cells: &[Cell]) {
    let codes: BTreeSet<Code> = cells
        .iter()
        .filter_map(|cell| if let Cell::Blank(Blank::Failed(code)) = cell { Some(*code) } else { None })
        .collect();
    for code in codes {
        if !row.notes.is_empty() {
            row.notes.push_str("; ");
        }
        let _ = write!(row.notes, "{title} failed: {code}");
    }
}

fn company_row(company: &KeyedCompany) -> Row {
    Row {
        company: company.company.name.clone(),
        key: company.key.clone(),
        unmapped: false,
        carried: company.company.carried.clone(),
        cells: Vec::new(),
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

fn unmapped_row(source: &Source, org: &VendorOrg, carried: usize) -> Row {
    Row {
        company: format!("{} (unmapped, {})", display_name(org), source.title),
        key: format!("{}:{}", source.name, org.id),
        unmapped: true,
        carried: vec![String::new(); carried],
        cells: Vec::new(),
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

/// The org's name, or its id where it has none.
fn display_name(org: &VendorOrg) -> String {
    let name = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { org.id.clone() } else { name }
}
