//! CSV: UTF-8 without a byte-order mark, RFC 4180 quoting, `\r\n`.

use crate::text::{guarded, number};
use csv::{Terminator, Writer, WriterBuilder};
use std::borrow::Cow;
use tallysheet_core::sheet::{Cell, Sheet, Value};
use tallysheet_core::{Error, Result};

const LONG: [&str; 7] = ["Company", "Integration", "Metric", "Value", "State", "Code", "Counted at"];

/// The sheet as it is: one line a row.
pub(crate) fn csv(sheet: &Sheet) -> Result<Vec<u8>> {
    write(|writer| {
        let notes = |text| sheet.notes.then_some(text);
        let headers = ["Company"].into_iter().chain(notes("Notes")).chain(sheet.carried.iter().map(String::as_str));
        let columns = sheet.columns.iter().map(|column| column.title.as_str());
        line(writer, headers.chain(columns).map(guarded))?;
        for row in &sheet.rows {
            let texts = [row.company.as_str()].into_iter().chain(notes(&row.notes));
            let texts = texts.chain(row.carried.iter().map(String::as_str)).map(guarded);
            line(writer, texts.chain(row.cells.iter().map(value)))?;
        }
        Ok(())
    })
}

/// One line a cell, with its state.
pub(crate) fn long(sheet: &Sheet) -> Result<Vec<u8>> {
    // Whole seconds in UTC: a spreadsheet reads no more.
    let counted_at: Vec<String> =
        sheet.columns.iter().map(|column| column.counted_at.map(|at| format!("{at:.0}")).unwrap_or_default()).collect();
    write(|writer| {
        line(writer, LONG.map(guarded))?;
        for row in &sheet.rows {
            for ((column, cell), counted_at) in sheet.columns.iter().zip(&row.cells).zip(&counted_at) {
                let code = cell.code().map_or("", tallysheet_core::Code::as_str);
                let names = [&row.company, &column.integration, &column.metric].map(|text| guarded(text));
                let state = [cell.state(), code, counted_at].map(Cow::Borrowed);
                line(writer, names.into_iter().chain([value(cell)]).chain(state))?;
            }
        }
        Ok(())
    })
}

fn value(cell: &Cell) -> Cow<'_, str> {
    match cell {
        Cell::Counted(Value::Number(value)) => Cow::Owned(number(*value)),
        Cell::Counted(Value::Text(text)) => guarded(text),
        Cell::Blank(_) => Cow::Borrowed(""),
    }
}

pub(crate) fn line<'a>(
    writer: &mut Writer<Vec<u8>>,
    fields: impl IntoIterator<Item = Cow<'a, str>>,
) -> Result<(), csv::Error> {
    for field in fields {
        writer.write_field(field.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)
}

pub(crate) fn write(lines: impl FnOnce(&mut Writer<Vec<u8>>) -> Result<(), csv::Error>) -> Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    lines(&mut writer).map_err(|error| Error::internal(format!("the sheet cannot be written as CSV: {error}")))?;
    writer.into_inner().map_err(|error| Error::internal(format!("the sheet cannot be written as CSV: {error}")))
}
