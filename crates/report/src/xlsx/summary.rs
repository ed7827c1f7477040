//! The sheet of the run as a whole, and of what the colours mean.

use super::Book;
use super::format::{State, cut, moment, place};
use crate::digest::Digest;
use crate::summary::status_word;
use crate::text;
use rust_xlsxwriter::{RowNum, XlsxError};

impl Book<'_> {
    pub(super) fn summary(&mut self) -> Result<(), XlsxError> {
        let run = self.run;
        let digest = Digest::of(run);
        let mut page = self.page("Summary", 0)?;
        for (col, width) in [56, 24, 16, 16, 16].into_iter().enumerate() {
            page.set_column_width(place(col)?, width)?;
        }
        let formats = &self.formats;

        let mut line = 0;
        for (what, value) in [("Run", run.id.as_str()), ("Status", status_word(run.status))] {
            page.write_with_format(line, 0, what, &formats.bold)?;
            page.write_string_with_format(line, 1, value, &formats.text)?;
            line += 1;
        }
        for (what, at) in [("Started (UTC)", Some(run.started_at)), ("Finished (UTC)", run.finished_at)] {
            // A report is made before its run ends.
            let Some(at) = at else { continue };
            page.write_with_format(line, 0, what, &formats.bold)?;
            page.write_datetime_with_format(line, 1, moment(at)?, &formats.moment)?;
            line += 1;
        }
        for (what, count) in [
            ("Companies", digest.companies),
            ("Vendor orgs without a company", digest.unmapped),
            ("Columns", digest.columns()),
            ("Columns with counts", digest.counted),
        ] {
            page.write_with_format(line, 0, what, &formats.bold)?;
            formats.number(&mut page, line, 1, count.into(), State::Plain)?;
            line += 1;
        }

        line = formats.headers(&mut page, line + 1, &["Failures", "Code", "#Rows", "Meaning"])?;
        for failure in &digest.failures {
            page.write_string_with_format(line, 0, cut(&failure.integration), &formats.text)?;
            page.write_string(line, 1, failure.code.as_str())?;
            formats.number(&mut page, line, 2, failure.rows.into(), State::Plain)?;
            page.write_string_with_format(line, 3, text::meaning(failure.code), &formats.indented)?;
            line += 1;
        }

        if let Some(billing) = &digest.billing {
            let headers = ["Counted against billed", "Currency", "#Products", "#Money a month", "#Without a price"];
            line = formats.headers(&mut page, line + 1, &headers)?;
            for total in &billing.totals {
                page.write_string(line, 0, total.class.title())?;
                formats.number(&mut page, line, 2, total.count.into(), State::Plain)?;
                if total.unpriced > 0 {
                    formats.number(&mut page, line, 4, total.unpriced.into(), State::Plain)?;
                }
                // Each currency has a line of its own.
                for (at, (currency, amount)) in (0..).zip(&total.money) {
                    page.write_string_with_format(line + at, 1, cut(currency), &formats.text)?;
                    let remark = formats.money(&mut page, line + at, 3, *amount)?;
                    self.remarks.extend(remark.map(|remark| format!("Summary, {}: {remark}", total.class.title())));
                }
                line += RowNum::try_from(total.money.len().max(1)).unwrap_or(1);
            }
            for text in billing.nothing().into_iter().chain(billing.remarks()) {
                page.write_string_with_format(line, 0, cut(&text), &formats.text)?;
                line += 1;
            }
        }

        line = formats.headers(
            &mut page,
            line + 1,
            &["Totals", "#Counted", "#Unmapped", "#Left out", "#Vendor states"],
        )?;
        for total in &digest.totals {
            page.write_string_with_format(line, 0, cut(&total.column.title), &formats.text)?;
            let Some(totals) = total.totals else {
                page.write_string_with_format(line, 1, "not counted", formats.blank(State::Failed))?;
                line += 1;
                continue;
            };
            let parts = [Some(totals.counted), Some(totals.unmapped), Some(totals.left_out), totals.vendor];
            for (col, part) in (1..).zip(parts) {
                let Some(part) = part else { continue };
                if let Some(remark) = formats.number(&mut page, line, col, part, State::Plain)? {
                    self.remarks.push(format!("Summary, {}: {remark}", total.title));
                }
            }
            line += 1;
        }

        line = formats.headers(&mut page, line + 1, &["Colours", "Meaning"])?;
        for state in State::ALL {
            page.write_blank(line, 0, formats.blank(*state))?;
            page.write_string(line, 1, state.legend())?;
            line += 1;
        }
        page.set_freeze_panes(0, 1)?;
        page.set_landscape().set_print_fit_to_pages(1, 0);
        self.workbook.push_worksheet(page);
        Ok(())
    }
}
