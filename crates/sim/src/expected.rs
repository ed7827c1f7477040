//! The sheet that a correct run must make: computed from the vendors' books, never from their answers.

use crate::books::{Column, Counted, Entry, Org, Truth};
use crate::msp::Msp;
use crate::vendors::Vendor;
use std::collections::{BTreeSet, HashSet};

/// What the sheet must say, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The titles of the count columns: `TITLE: METRIC`.
    pub columns: Vec<String>,
    /// The rows: companies by name, then unmapped orgs.
    pub rows: Vec<ExpectedRow>,
}

/// One row that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRow {
    /// What stands in the first column.
    pub company: String,
    /// Whether it is a vendor org that maps to no company.
    pub unmapped: bool,
    /// One a column.
    pub cells: Vec<Truth>,
}

impl Expected {
    /// The cell of a company in a column.
    pub fn cell(&self, company: &str, column: &str) -> Option<&Truth> {
        let place = self.columns.iter().position(|title| title == column)?;
        self.rows.iter().find(|row| row.company == company)?.cells.get(place)
    }

    pub(crate) fn of(msp: &Msp, vendors: &[Vendor]) -> Self {
        let mut columns = Vec::new();
        let mut rows: Vec<ExpectedRow> = msp
            .companies
            .iter()
            .map(|company| ExpectedRow { company: company.title(), unmapped: false, cells: Vec::new() })
            .collect();
        let mut unmapped: Vec<ExpectedRow> = Vec::new();

        for vendor in vendors {
            let own = own_columns(vendor);
            for row in &mut unmapped {
                row.cells.extend(vec![Truth::NotMapped; own.len()]);
            }
            let (listed, of_company) = (ids(vendor), by_company(vendor, rows.len()));
            for (entry, (row, orgs)) in vendor.books.entries.iter().zip(rows.iter_mut().zip(&of_company)) {
                row.cells.extend(company_cells(vendor, entry, orgs, &listed, &own));
            }
            unmapped.extend(strangers(vendor).into_iter().filter_map(|org| {
                let values = org_cells(org, &own);
                let shown = values.iter().any(|cell| matches!(cell, Truth::Number(_) | Truth::Text(_)));
                let company = format!("{} (unmapped, {})", org.name, vendor.title);
                let cells = vec![Truth::NotMapped; columns.len()].into_iter().chain(values).collect();
                shown.then_some(ExpectedRow { company, unmapped: true, cells })
            }));
            columns.extend(own.iter().map(|column| format!("{}: {}", vendor.title, column.label())));
        }
        rows.sort_by_cached_key(|row| (row.company.to_lowercase(), row.company.clone()));
        rows.append(&mut unmapped);
        Self { columns, rows }
    }
}

fn own_columns(vendor: &Vendor) -> Vec<Column> {
    let fixed = vendor.books.fixed.iter().enumerate().map(|(place, name)| Column::Fixed(place, name));
    let products = vendor.books.orgs.iter().filter_map(|org| match &org.counted {
        Counted::Each(values) => Some(values.keys().cloned()),
        Counted::Whole(_) => None,
    });
    fixed.chain(products.flatten()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn strangers(vendor: &Vendor) -> Vec<&Org> {
    let mut orgs: Vec<&Org> = vendor.books.orgs.iter().filter(|org| org.company.is_none()).collect();
    orgs.sort_by_cached_key(|org| (org.name.to_lowercase(), org.name.clone(), org.id.clone()));
    orgs
}

/// The ids of all orgs.
fn ids(vendor: &Vendor) -> HashSet<&str> {
    vendor.books.orgs.iter().map(|org| org.id.as_str()).collect()
}

/// The orgs of each company.
fn by_company(vendor: &Vendor, companies: usize) -> Vec<Vec<&Org>> {
    let mut orgs = vec![Vec::new(); companies];
    for org in &vendor.books.orgs {
        if let Some(company) = org.company {
            orgs[company].push(org);
        }
    }
    orgs
}

fn company_cells(
    vendor: &Vendor,
    entry: &Entry,
    orgs: &[&Org],
    listed: &HashSet<&str>,
    columns: &[Column],
) -> Vec<Truth> {
    let whole = |truth: Truth| vec![truth; columns.len()];
    if *entry == Entry::Dash {
        return whole(Truth::NotApplicable);
    }
    if let Some(code) = vendor.books.failed {
        return whole(Truth::Failed(code));
    }
    if matches!(entry, Entry::Ids(ids) if !ids.iter().all(|id| listed.contains(id.as_str()))) {
        return whole(Truth::Failed(tallysheet_core::Code::UnknownOrg));
    }
    orgs.iter().fold(whole(Truth::NotMapped), |sums, org| {
        sums.into_iter().zip(org_cells(org, columns)).map(|(sum, cell)| sum.with(cell)).collect()
    })
}

/// A product that an org does not have is not applicable to it.
fn org_cells(org: &Org, columns: &[Column]) -> Vec<Truth> {
    let cell = |column: &Column| match &org.counted {
        Counted::Whole(truth) => truth.clone(),
        Counted::Each(values) => values.get(column).cloned().unwrap_or(Truth::NotApplicable),
    };
    columns.iter().map(cell).collect()
}
