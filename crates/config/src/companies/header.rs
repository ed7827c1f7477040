//! What each column of the companies file is.

use super::KnownColumns;
use std::collections::HashMap;
use tallysheet_core::registry::nearest;
use tallysheet_core::table::{Cell, Problems, Row};

/// What stands where, by place in the row.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) company: usize,
    pub(super) domains: Option<usize>,
    /// With the name of the integration or the slug, as the config spells it.
    pub(super) links: Vec<(usize, String)>,
    /// In the order of `[run] carry`.
    pub(super) carried: Vec<usize>,
    /// Columns without a header, which must be empty.
    pub(super) unnamed: Vec<usize>,
    /// How many there are.
    pub(super) width: usize,
}

/// Reads the header. Nothing where there is no column `company`.
pub(super) fn columns(header: &Row, known: &KnownColumns<'_>, problems: &mut Problems) -> Option<Columns> {
    let mut columns = Columns { width: header.cells.len(), ..Columns::default() };
    let mut company = None;
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (place, cell) in header.cells.iter().enumerate().filter(|(_, cell)| !cell.text.starts_with('#')) {
        if cell.text.is_empty() {
            columns.unnamed.push(place);
            continue;
        }
        let Some(name) = find(&cell.text, known) else {
            problems.add(cell, unknown(&cell.text, known));
            continue;
        };
        if let Some(column) = first.insert(name, cell.column) {
            problems
                .add(cell, format!("the column `{name}` stands twice, first as column {column}; delete one of them"));
            continue;
        }
        match name {
            COMPANY => company = Some(place),
            DOMAINS => columns.domains = Some(place),
            integration => columns.links.push((place, integration.to_owned())),
        }
    }
    columns.carried = carried(header, known, problems);
    match company {
        Some(place) => columns.company = place,
        None => problems.add(
            &header.cell(0),
            "the column `company` is missing; the first line names the columns: `company,domains,…`",
        ),
    }
    company.map(|_| columns)
}

pub(super) const COMPANY: &str = "company";
pub(super) const DOMAINS: &str = "domains";

/// A company's name without the `'` that keeps a spreadsheet from taking it for a formula. `'t Hof` is a name.
pub(super) fn plain_name(text: &str) -> &str {
    text.strip_prefix('\'').filter(|name| name.starts_with(['=', '+', '-', '@'])).unwrap_or(text)
}

/// The other way round.
pub(super) fn safe_name(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@']) { format!("'{name}") } else { name.to_owned() }
}

/// Every header there may be; of two that are spelled alike the first is meant.
fn names<'a>(known: &KnownColumns<'a>) -> impl Iterator<Item = &'a str> {
    [COMPANY, DOMAINS].into_iter().chain(known.integrations.iter().copied()).chain(known.slugs.iter().copied())
}

/// The name that a header means: as it stands there, else whatever its case, with `_` for `-`.
fn find<'a>(header: &str, known: &KnownColumns<'a>) -> Option<&'a str> {
    names(known).find(|name| *name == header).or_else(|| names(known).find(|name| folded(name) == folded(header)))
}

fn folded(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn unknown(header: &str, known: &KnownColumns<'_>) -> String {
    let hint = nearest(header, names(known)).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("there is no integration `{header}`{hint} The header of a column of your own begins with `#`")
}

/// The places of the user's own columns that the sheet shows.
fn carried(header: &Row, known: &KnownColumns<'_>, problems: &mut Problems) -> Vec<usize> {
    let own: Vec<(usize, &Cell, &str)> = header
        .cells
        .iter()
        .enumerate()
        .filter_map(|(place, cell)| Some((place, cell, cell.text.strip_prefix('#')?.trim())))
        .collect();
    let mut places = Vec::new();
    for wanted in known.carry {
        let mut found = own.iter().filter(|(_, _, name)| name.to_lowercase() == bare(wanted).to_lowercase());
        match found.next() {
            Some((place, _, _)) => places.push(*place),
            None => problems.add(&header.cell(0), not_there(wanted, &own)),
        }
        for (_, cell, name) in found {
            problems
                .add(cell, format!("the column `#{name}` stands twice, and [run] carry names it; rename one of them"));
        }
    }
    places
}

fn bare(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix('#').unwrap_or(name).trim()
}

fn not_there(wanted: &str, own: &[(usize, &Cell, &str)]) -> String {
    let there: Vec<String> = own.iter().map(|(_, _, name)| format!("`#{name}`")).collect();
    let there = if there.is_empty() { "no column that begins with `#`".to_owned() } else { there.join(", ") };
    format!("[run] carry names `{wanted}`, but the file has {there}")
}
