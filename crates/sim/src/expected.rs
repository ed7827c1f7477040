//! The sheet that a correct run must make: computed from the vendors' books, never from their answers.

use crate::books::{Column, Counted, Entry, Org, Truth};
use crate::msp::Msp;
use crate::vendors::Vendor;
use std::collections::BTreeSet;

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
            for (company, row) in rows.iter_mut().enumerate() {
                row.cells.extend(company_cells(vendor, company, &own));
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

fn company_cells(vendor: &Vendor, company: usize, columns: &[Column]) -> Vec<Truth> {
    let whole = |truth: Truth| vec![truth; columns.len()];
    let entry = &vendor.books.entries[company];
    if *entry == Entry::Dash {
        return whole(Truth::NotApplicable);
    }
    if let Some(code) = vendor.books.failed {
        return whole(Truth::Failed(code));
    }
    let listed = |id: &String| vendor.books.orgs.iter().any(|org| org.id == *id);
    if matches!(entry, Entry::Ids(ids) if !ids.iter().all(listed)) {
        return whole(Truth::Failed(tallysheet_core::Code::UnknownOrg));
    }
    let orgs = vendor.books.orgs.iter().filter(|org| org.company == Some(company));
    orgs.fold(whole(Truth::NotMapped), |sums, org| {
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
