//! The sheet of what was said, and of what a workbook could not hold.

use super::Book;
use super::format::{cut, moment, place};
use rust_xlsxwriter::XlsxError;
use tallysheet_core::{Level, Phase};

impl Book<'_> {
    /// What was said so far, and what could not be written as it is.
    pub(super) fn log(&mut self) -> Result<(), XlsxError> {
        let mut page = self.page("Log", 0)?;
        let headers = ["Time (UTC)", "Level", "Phase", "Integration", "Company", "Code", "Message"];
        for (col, width) in [20, 10, 10, 24, 36, 20, 100].into_iter().enumerate() {
            page.set_column_width(place(col)?, width)?;
        }
        let mut line = self.formats.headers(&mut page, 0, &headers)?;
        for entry in &self.run.log {
            let notice = &entry.notice;
            page.write_datetime_with_format(line, 0, moment(entry.time)?, &self.formats.moment)?;
            let code = notice.code.map_or("", tallysheet_core::Code::as_str);
            let [integration, company] = [&notice.integration, &notice.company].map(|name| name.as_deref());
            let texts = [level(notice.level), phase(notice.phase), integration.unwrap_or_default()];
            let texts = texts.into_iter().chain([company.unwrap_or_default(), code, &notice.message]);
            for (col, text) in (1..).zip(texts) {
                page.write_string_with_format(line, col, cut(text), &self.formats.text)?;
            }
            line += 1;
        }
        for remark in &self.remarks {
            for (col, text) in [(1, level(Level::Info)), (2, phase(Phase::Render)), (6, remark)] {
                page.write_string_with_format(line, col, cut(text), &self.formats.text)?;
            }
            line += 1;
        }
        page.autofilter(0, 0, line - 1, 6)?;
        page.set_freeze_panes(1, 0)?;
        page.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        self.workbook.push_worksheet(page);
        Ok(())
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Validate => "validate",
        Phase::Collect => "collect",
        Phase::Merge => "merge",
        Phase::Render => "render",
        Phase::Deliver => "deliver",
        Phase::Complete => "complete",
    }
}
