//! The sheet of what changed since an earlier run.

use super::Book;
use super::format::{State, cut, place};
use crate::text::printable;
use rust_xlsxwriter::XlsxError;

impl Book<'_> {
    /// What changed since an earlier run: companies, then each count, the biggest difference first.
    pub(super) fn changes(&mut self) -> Result<(), XlsxError> {
        let mut page = self.page("Changes", 0)?;
        for (col, width) in [44, 44, 14, 14, 14].into_iter().enumerate() {
            page.set_column_width(place(col)?, width)?;
        }
        let Some(changes) = &self.run.changes else {
            page.write_string(0, 0, "There is no earlier run to compare with")?;
            self.workbook.push_worksheet(page);
            return Ok(());
        };
        let formats = &self.formats;
        let mut line = formats.headers(&mut page, 0, &["Company", "Column", "#Last", "#Now", "#Difference"])?;
        for (what, names) in [("new company", &changes.new), ("gone company", &changes.gone)] {
            for name in names {
                page.write_string_with_format(line, 0, cut(name), &formats.text)?;
                page.write_string(line, 1, what)?;
                line += 1;
            }
        }
        for change in &changes.counts {
            page.write_string_with_format(line, 0, cut(&change.company), &formats.text)?;
            page.write_string_with_format(line, 1, cut(&change.column), &formats.text)?;
            for (col, value) in (2..).zip([change.last, change.now, change.difference()]) {
                let Some(value) = value else { continue };
                if let Some(remark) = formats.number(&mut page, line, col, value, State::Plain)? {
                    let (company, column) = (printable(&change.company), printable(&change.column));
                    self.remarks.push(format!("Changes, {company}, {column}: {remark}"));
                }
            }
            line += 1;
        }
        page.autofilter(0, 0, line - 1, 4)?;
        line = formats.headers(&mut page, line + 1, &["Since", "Run"])?;
        page.write_string_with_format(line, 0, changes.date.to_string(), &formats.text)?;
        page.write_string_with_format(line, 1, cut(&changes.run), &formats.text)?;
        page.set_freeze_panes(1, 0)?;
        page.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        self.workbook.push_worksheet(page);
        Ok(())
    }
}
