//! What must hold of a run, whatever happened: compared with the books, cell by cell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Cell, Row};
use tallysheet_core::{Code, Decimal, Level};
use tallysheet_sim::{Expected, Truth};

/// What became of the cells.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cells {
    /// As the books have it, with a value.
    pub(crate) counted: usize,
    /// As the books have it, blank.
    pub(crate) blank: usize,
    /// Blank, as it could not be counted this time.
    pub(crate) failed: usize,
}

impl AddAssign for Cells {
    fn add_assign(&mut self, other: Self) {
        self.counted += other.counted;
        self.blank += other.blank;
        self.failed += other.failed;
    }
}

/// All that is wrong with a run.
pub(crate) fn problems(
    run: &Run,
    expected: &Expected,
    integrations: &BTreeMap<String, String>,
    cells: &mut Cells,
) -> Vec<String> {
    let mut held = Held { run, expected, integrations, problems: Vec::new() };
    held.cells(cells);
    held.nothing_more();
    held.totals();
    held.outcome();
    held.problems
}

struct Held<'a> {
    run: &'a Run,
    expected: &'a Expected,
    integrations: &'a BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Held<'_> {
    /// Every cell of the books is told so, or failed, and the log says that it did.
    fn cells(&mut self, cells: &mut Cells) {
        let rows: BTreeMap<&str, &Row> = self.run.sheet.rows.iter().map(|row| (row.company.as_str(), row)).collect();
        let places: BTreeMap<&str, usize> =
            self.run.sheet.columns.iter().enumerate().map(|(place, column)| (column.title.as_str(), place)).collect();
        for truth in &self.expected.rows {
            let row = rows.get(truth.company.as_str());
            if row.is_none() && !truth.unmapped {
                self.problems.push(format!("{}: no row", truth.company));
            }
            for (title, truth_cell) in self.expected.columns.iter().zip(&truth.cells) {
                let cell = row.zip(places.get(title.as_str())).map(|(row, place)| &row.cells[*place]);
                let counted = truth_cell.state() == "counted";
                match cell {
                    Some(cell) if truth_cell.is_told_by(cell) => {
                        *(if counted { &mut cells.counted } else { &mut cells.blank }) += 1;
                    }
                    // A failure that the books have may be another one this time; `-` stays.
                    Some(cell) if cell.state() == "failed" && cell.code() != Some(Code::Internal) => {
                        cells.failed += 1;
                        self.told(title, &truth.company);
                    }
                    // No row, or no column: of what failed nothing is known.
                    None if !counted => cells.blank += 1,
                    None => {
                        cells.failed += 1;
                        self.told(title, &truth.company);
                    }
                    Some(cell) => {
                        self.problems
                            .push(format!("{}, {title}: {cell:?}, in the books {truth_cell:?}", truth.company));
                    }
                }
            }
        }
    }

    /// The log has an error of the integration, or a warning about this company or org.
    fn told(&mut self, title: &str, company: &str) {
        let integration = self.integration(title);
        let told = self.run.log.iter().map(|entry| &entry.notice).any(|notice| {
            let about = notice.company.as_ref().is_some_and(|about| company.starts_with(about.as_str()))
                // Of several orgs of one company each is told by its own name.
                || self.expected.rows.iter().all(|row| Some(&row.company) != notice.company.as_ref());
            notice.integration.as_deref() == Some(integration)
                && notice.code.is_some_and(|code| code != Code::UnmappedOrg)
                && (notice.level == Level::Error || (notice.level == Level::Warning && about))
        });
        if !told {
            self.problems.push(format!("{company}, {title}: blank, and the log does not say why"));
        }
    }

    fn integration(&self, title: &str) -> &str {
        let prefix = title.split(": ").next().unwrap();
        self.integrations.get(prefix).unwrap_or_else(|| panic!("{title} is of no integration"))
    }

    /// No number stands where the books have none: in no other row, and in no other column.
    fn nothing_more(&mut self) {
        let rows: BTreeSet<&str> = self.expected.rows.iter().map(|row| row.company.as_str()).collect();
        let columns: BTreeSet<&str> = self.expected.columns.iter().map(String::as_str).collect();
        for row in &self.run.sheet.rows {
            for (column, cell) in self.run.sheet.columns.iter().zip(&row.cells) {
                let known = rows.contains(row.company.as_str()) && columns.contains(column.title.as_str());
                if matches!(cell, Cell::Counted(_)) && !known {
                    self.problems.push(format!("{}, {}: {cell:?} is in no book", row.company, column.title));
                }
            }
        }
    }

    /// The totals are the sums of the rows, and what differs from the vendor's own is told.
    fn totals(&mut self) {
        let sheet = &self.run.sheet;
        for (place, (column, totals)) in sheet.columns.iter().zip(&sheet.totals).enumerate() {
            let sum = |unmapped: bool| -> Decimal {
                let rows = sheet.rows.iter().filter(|row| row.unmapped == unmapped);
                rows.filter_map(|row| row.cells[place].number()).sum()
            };
            if (sum(false), sum(true)) != (totals.counted, totals.unmapped) {
                self.problems.push(format!("{}: {totals:?} is not the sum of the rows", column.title));
            }
            let ours = totals.counted + totals.unmapped + totals.left_out;
            let told = self.run.log.iter().any(|entry| {
                let notice = &entry.notice;
                notice.code == Some(Code::TotalDiffers) && notice.message.starts_with(&column.title)
            });
            if totals.vendor.is_some_and(|vendor| vendor != ours) && !told {
                self.problems.push(format!("{}: {totals:?} differs in silence", column.title));
            }
        }
    }

    /// The exit status says what happened, and nothing panicked.
    fn outcome(&mut self) {
        let cells = || self.run.sheet.rows.iter().flat_map(|row| &row.cells);
        let counted = cells().any(|cell| matches!(cell, Cell::Counted(_)));
        let failed = cells().any(|cell| cell.state() == "failed");
        let status = match (counted, failed) {
            (false, _) => 1,
            (true, true) => 3,
            (true, false) => 0,
        };
        if self.run.exit_status != status {
            self.problems.push(format!("exit status {}, and it should be {status}", self.run.exit_status));
        }
        for entry in self.run.log.iter().filter(|entry| entry.notice.code == Some(Code::Internal)) {
            self.problems.push(format!("internal: {}", entry.notice.message));
        }
        let books = self.expected.rows.iter().flat_map(|row| &row.cells);
        if !failed && books.clone().any(|truth| matches!(truth, Truth::Failed(_))) {
            self.problems.push("what fails in the books did not".to_owned());
        }
    }
}
