//! The figures of a month as a workbook.

use super::format::{Formats, State, cut, place};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, Worksheet, XlsxError};
use tallysheet_core::month::{Report, ranges};
use tallysheet_core::{Error, Result};

/// The figures of a month as a workbook: the figures, and which days they come from.
pub fn month_book(report: &Report) -> Result<Vec<u8>> {
    let broken = |error: XlsxError| Error::internal(format!("the figures cannot be written as XLSX: {error}"));
    month(report).map_err(broken)
}

fn month(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let (mut workbook, formats) = (Workbook::new(), Formats::new());
    let first = report.month.first;
    let made = ExcelDateTime::from_ymd(u16::try_from(first.year()).unwrap_or(1900), 1, 1)?;
    let title = format!("Tallysheet {}", first.strftime("%Y-%m"));
    workbook
        .set_properties(&DocProperties::new().set_title(title).set_author("Tallysheet").set_creation_datetime(&made));
    let mut page = Worksheet::new();
    page.set_name("Figures")?;
    for (col, width) in [40, 30, 24, 36, 14, 14, 14, 26, 8, 80].into_iter().enumerate() {
        page.set_column_width(place(col)?, width)?;
    }
    let mut line = formats.headers(
        &mut page,
        0,
        &crate::month::HEADERS.map(|header| match header {
            "Value" => "#Value",
            "Days" => "#Days",
            header => header,
        }),
    )?;
    for of in &report.lines {
        let texts = crate::month::texts(of);
        for (col, text) in (0..).zip(&texts) {
            match col {
                5 => {
                    if let Some(value) = of.figure.value {
                        formats.number(&mut page, line, col, value, State::Plain)?;
                    }
                }
                8 => {
                    formats.number(&mut page, line, col, of.figure.days.into(), State::Plain)?;
                }
                _ => {
                    page.write_string_with_format(line, col, cut(text), &formats.text)?;
                }
            }
        }
        line += 1;
    }
    page.autofilter(0, 0, line - 1, 9)?;
    page.set_freeze_panes(1, 1)?;
    page.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    workbook.push_worksheet(page);

    let mut page = Worksheet::new();
    page.set_name("Rules")?;
    for (col, width) in [30, 16, 80].into_iter().enumerate() {
        page.set_column_width(place(col)?, width)?;
    }
    let first = formats.headers(&mut page, 0, &["Integration", "Rule", "Days without a snapshot"])?;
    for (line, (name, rule, missing)) in (first..).zip(&report.integrations) {
        for (col, text) in (0..).zip([name.clone(), rule.label(), ranges(missing)]) {
            page.write_string_with_format(line, col, cut(&text), &formats.text)?;
        }
    }
    workbook.push_worksheet(page);
    workbook.save_to_buffer()
}
