//! The sheet of what is counted against what is billed, where a run compares it.

use super::format::{Notes, State, place};
use super::{Book, Look};
use crate::reconcile::{Billing, HEADERS, figures, numbers};
use crate::text::{self, printable};
use rust_xlsxwriter::{ColNum, RowNum, Worksheet, XlsxError};
use tallysheet_core::run::Run;
use tallysheet_core::variance::{DOUBTED, Variance};

/// The first column of numbers, and how many there are; the first of them is the count.
const NUMBERS: (ColNum, usize) = (4, 6);
/// From this one of them on they are money.
const MONEY: usize = 4;
/// A twelfth of a year's price has no end: so many of its decimals are written, and amounts are worked out with all.
const DECIMALS: u32 = 6;

impl Book<'_> {
    /// Each product of each company, the most money first.
    pub(super) fn billing(&mut self) -> Result<(), XlsxError> {
        let run = self.run;
        let Some(reconciliation) = &run.reconciliation else { return Ok(()) };
        let rows = &reconciliation.variances;
        let mut page = self.page("Billing", rows.len() * HEADERS.len())?;
        if let Some(nothing) = Billing::of(reconciliation).nothing() {
            page.write_string(0, 0, nothing)?;
            self.workbook.push_worksheet(page);
            return Ok(());
        }
        for (col, width) in [40, 32, 32, 20, 12, 12, 12, 12, 12, 14, 10, 44, 60].into_iter().enumerate() {
            page.set_column_width(place(col)?, width)?;
        }
        let numeric = usize::from(NUMBERS.0)..usize::from(NUMBERS.0) + NUMBERS.1;
        for (at, header) in HEADERS.into_iter().enumerate() {
            let look = if numeric.contains(&at) { Look::NumberHeader } else { Look::Header };
            self.text(&mut page, 0, place(at)?, header, look)?;
        }
        let mut notes = Notes::default();
        for (line, variance) in (1..).zip(rows) {
            self.variance(&mut page, line, variance, &mut notes)?;
        }
        self.remarks.extend(notes.remark("Billing"));
        let last = RowNum::try_from(rows.len()).map_err(|_| XlsxError::RowColumnLimitError)?;
        page.autofilter(0, 0, last, place(HEADERS.len() - 1)?)?;
        page.set_freeze_panes(1, 2)?;
        page.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        self.workbook.push_worksheet(page);
        Ok(())
    }

    fn variance(
        &mut self,
        page: &mut Worksheet,
        line: RowNum,
        variance: &Variance,
        notes: &mut Notes,
    ) -> Result<(), XlsxError> {
        let names = [&variance.company, &variance.product, &variance.description].map(String::as_str);
        for (col, text) in (0..).zip(names.into_iter().chain([variance.class.title()])) {
            self.text(page, line, col, text, Look::Text)?;
        }
        for (at, (col, value)) in (NUMBERS.0..).zip(numbers(variance)).enumerate() {
            let Some(value) = value else { continue };
            let state = if at == 0 && variance.doubted { State::Doubtful } else { State::Plain };
            let remark = if at < MONEY {
                self.formats.number(page, line, col, value, state)?
            } else {
                self.formats.money(page, line, col, value.round_dp(DECIMALS))?
            };
            let of = || format!("Billing, {}, {}", printable(&variance.company), printable(&variance.product));
            self.remarks.extend(remark.map(|remark| format!("{}: {remark}", of())));
            if state == State::Doubtful {
                notes.add(page, line, col, state, doubt(self.run, variance).into())?;
            }
        }
        self.text(page, line, 10, &variance.currency, Look::Text)?;
        self.text(page, line, 11, &figures(variance), Look::Wrapped)?;
        self.text(page, line, 12, &variance.notes.join("; "), Look::Wrapped)
    }
}

/// Why the count is hard to believe: what the sheet says of its columns.
fn doubt(run: &Run, variance: &Variance) -> String {
    let sheet = &run.sheet;
    let of_columns = |column: &str| {
        let at = sheet.columns.iter().position(|of| of.title == column)?;
        let row = sheet.rows.iter().find(|row| row.key == variance.key)?;
        Some(format!("{}: {}", printable(column), text::doubt(row.flags.get(&at)?)))
    };
    let doubts: Vec<String> = variance.figures.iter().filter_map(|figure| of_columns(&figure.column)).collect();
    if doubts.is_empty() { DOUBTED.to_owned() } else { doubts.join("\n") }
}
