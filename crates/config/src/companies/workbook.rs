//! A companies file that is a workbook (`.xlsx`): its first sheet, read as cells of text, and written with ids as text.

use super::edit::Plan;
use calamine::{Cell as Place, Data, DataRef, Range, Reader, Xlsx};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use tallysheet_core::table::{Cell, Problems, Row, Table, of_rows};
use tallysheet_core::{Error, Result};

/// Whether the bytes are a workbook, or one of the old form.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0")
}

type Book<'a> = Xlsx<Cursor<&'a [u8]>>;

/// What a workbook may unpack to: more than ten times what a companies file of ten thousand rows does.
const MOST_UNPACKED: u64 = 128 * 1024 * 1024;
/// How many cells the rectangle around all that is filled may have. One cell filled at the far corner of a sheet makes
/// seventeen thousand million.
const MOST_CELLS: u64 = 4_000_000;

fn open<'a>(file: &str, bytes: &'a [u8]) -> Result<(Book<'a>, String, Range<Data>)> {
    let wrong = |why: String| {
        Error::config(format!("{file}: this workbook cannot be read: {why}; save it as .xlsx or as CSV UTF-8"))
    };
    if !bytes.starts_with(b"PK") {
        return Err(wrong("it is of the old form".to_owned()));
    }
    if !unpacks_to_at_most(bytes, MOST_UNPACKED).map_err(wrong)? {
        return Err(wrong(format!(
            "it unpacks to more than {} MB; save the companies alone in a new workbook",
            MOST_UNPACKED / 1024 / 1024
        )));
    }
    let mut book: Book<'a> = Xlsx::new(Cursor::new(bytes)).map_err(|error| wrong(error.to_string()))?;
    let name = book.sheet_names().first().cloned().ok_or_else(|| wrong("it has no sheet".to_owned()))?;
    let range = filled(&mut book, &name).map_err(wrong)?;
    Ok((book, name, range))
}

/// Whether all that is packed in it is no more than so many bytes. What the archive itself says of that may be wrong.
fn unpacks_to_at_most(bytes: &[u8], most: u64) -> Result<bool, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut left = most;
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(|error| error.to_string())?;
        let read = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(|error| error.to_string())?;
        let Some(rest) = left.checked_sub(read) else { return Ok(false) };
        left = rest;
    }
    Ok(true)
}

/// The cells of a sheet that hold something.
fn filled(book: &mut Book<'_>, sheet: &str) -> Result<Range<Data>, String> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(|error| error.to_string())?;
    let mut cells = Vec::new();
    let (mut first, mut last) = ((u32::MAX, u32::MAX), (0, 0));
    while let Some(cell) = reader.next_cell().map_err(|error| error.to_string())? {
        if matches!(cell.get_value(), DataRef::Empty) {
            continue;
        }
        let at @ (row, column) = cell.get_position();
        first = (first.0.min(row), first.1.min(column));
        last = (last.0.max(row), last.1.max(column));
        let area = u64::from(last.0 - first.0 + 1) * u64::from(last.1 - first.1 + 1);
        if area > MOST_CELLS || cells.len() as u64 > MOST_CELLS {
            return Err(format!("its cells spread over more than {MOST_CELLS} places; delete what stands far away"));
        }
        cells.push(Place::new(at, Data::from(cell.get_value().clone())));
    }
    Ok(Range::from_sparse(cells))
}

/// Whether a sheet works anything out.
fn has_formulas(book: &mut Book<'_>, sheet: &str) -> bool {
    let Ok(mut reader) = book.worksheet_cells_reader(sheet) else { return false };
    while let Ok(Some(cell)) = reader.next_formula() {
        if !cell.get_value().is_empty() {
            return true;
        }
    }
    false
}

/// Reads the first sheet. A cell's line is its row, its column the number of the column.
pub(super) fn read(file: &str, bytes: &[u8], problems: &mut Problems) -> Result<Option<Table>> {
    let (_, _, range) = open(file, bytes)?;
    let (top, left) = range.start().map_or((0, 0), |(row, column)| (row as usize, column as usize));
    let row = |(number, data): (usize, &[Data])| {
        let line = top + number + 1;
        let cell = |(place, data): (usize, &Data)| Cell { line, column: place + 1, text: text(data), span: 0..0 };
        let none = std::iter::repeat_n(&Data::Empty, left);
        Row { line, cells: none.chain(data).enumerate().map(cell).collect() }
    };
    Ok(of_rows(range.rows().enumerate().map(row).collect(), problems))
}

fn text(data: &Data) -> String {
    match data {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.trim().to_owned(),
        Data::Float(number) => number_text(*number),
        Data::Int(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string().to_uppercase(),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
        Data::Error(error) => error.to_string(),
        Data::Empty => String::new(),
    }
}

/// A spreadsheet keeps fifteen digits of a number. A longer one has lost its end, and is shown so that it is refused as an
/// id.
fn number_text(number: f64) -> String {
    if number.abs() < 1e15 {
        return number.to_string();
    }
    let text = format!("{number:E}");
    text.replace('E', "E+")
}

/// The workbook of a header alone.
pub(super) fn of_header(file: &str, header: &[&str]) -> Result<Vec<u8>> {
    let cells = header.iter().enumerate().map(|(place, name)| ((0, place), Value::Text((*name).to_owned())));
    save(file, "Companies", &cells.collect(), header.len())
}

enum Value {
    Text(String),
    Number(f64),
    Date(f64),
    Bool(bool),
}

/// Writes the workbook anew with the plan carried out. What would be lost by that is refused.
pub(super) fn write(file: &str, bytes: &[u8], plan: &Plan) -> Result<Vec<u8>> {
    let refused = |what: &str| {
        let advice = "move it into a workbook of its own, or keep the companies file as CSV";
        Error::config(format!("{file}: the workbook has {what}, which would be lost by writing; {advice}"))
    };
    let (mut book, name, range) = open(file, bytes)?;
    for other in book.sheet_names().into_iter().skip(1) {
        if filled(&mut book, &other).is_ok_and(|range| !range.is_empty()) {
            return Err(refused(&format!("a second sheet, `{other}`")));
        }
    }
    if has_formulas(&mut book, &name) {
        return Err(refused("formulas"));
    }
    let (top, left) = range.start().map_or((0, 0), |(row, column)| (row as usize, column as usize));
    let is_own = own_columns(&range);
    let mut cells: BTreeMap<(usize, usize), Value> = BTreeMap::new();
    for (row, column, data) in range.used_cells() {
        let value = match data {
            Data::Float(number) if is_own(column) => Value::Number(*number),
            Data::DateTime(time) if is_own(column) => Value::Date(time.as_f64()),
            Data::Bool(truth) if is_own(column) => Value::Bool(*truth),
            Data::Error(_) => return Err(refused("a cell with an error")),
            other => Value::Text(text(other)),
        };
        cells.insert((top + row, left + column), value);
    }
    let header = cells.iter().find(|(_, value)| !matches!(value, Value::Text(text) if text.is_empty()));
    let header = header.map_or(0, |((row, _), _)| *row);
    let width = left + range.width();
    for (place, name) in plan.headers.iter().enumerate() {
        cells.insert((header, width + place), Value::Text(name.clone()));
    }
    for ((line, place), text) in &plan.cells {
        cells.insert((line - 1, *place), Value::Text(text.clone()));
    }
    let end = cells.keys().next_back().map_or(0, |(row, _)| row + 1);
    for (number, row) in plan.rows.iter().enumerate() {
        cells.extend(row.iter().map(|(place, text)| ((end + number, *place), Value::Text(text.clone()))));
    }
    save(file, &name, &cells, width + plan.headers.len())
}

/// Which columns are the user's own: their numbers and dates stay what they are.
fn own_columns(range: &Range<Data>) -> impl Fn(usize) -> bool + use<> {
    let header = range.rows().find(|row| row.iter().any(|data| !text(data).is_empty()));
    let own: Vec<bool> = header.into_iter().flatten().map(|data| text(data).starts_with('#')).collect();
    move |column| own.get(column).copied().unwrap_or(false)
}

fn save(file: &str, sheet: &str, cells: &BTreeMap<(usize, usize), Value>, width: usize) -> Result<Vec<u8>> {
    let failed =
        |error: &dyn std::fmt::Display| Error::internal(format!("{file}: the workbook cannot be written: {error}"));
    let mut book = Workbook::new();
    // Always the same bytes for the same cells.
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1).map_err(|error| failed(&error))?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&epoch));
    let page = book.add_worksheet();
    fill(page, sheet, cells, width).map_err(|error| failed(&error))?;
    book.save_to_buffer().map_err(|error| failed(&error))
}

fn fill(
    page: &mut Worksheet,
    sheet: &str,
    cells: &BTreeMap<(usize, usize), Value>,
    width: usize,
) -> Result<(), XlsxError> {
    let as_text = Format::new().set_num_format("@");
    let (header, date) = (Format::new().set_bold().set_num_format("@"), Format::new().set_num_format("yyyy-mm-dd"));
    page.set_name(sheet)?;
    let column = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
    let row = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let first = cells.keys().next().map_or(0, |(row, _)| *row);
    for place in 0..width {
        page.set_column_format(column(place), &as_text)?;
    }
    for ((line, place), value) in cells {
        let (row, column) = (row(*line), column(*place));
        match value {
            Value::Text(text) if *line == first => page.write_string_with_format(row, column, text, &header)?,
            Value::Text(text) => page.write_string_with_format(row, column, text, &as_text)?,
            Value::Number(number) => page.write_number_with_format(row, column, *number, &Format::new())?,
            Value::Date(serial) => page.write_number_with_format(row, column, *serial, &date)?,
            Value::Bool(truth) => page.write_boolean(row, column, *truth)?,
        };
    }
    page.set_freeze_panes(row(first + 1), 1)?;
    page.autofit();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    /// A sheet with one more text, at a place.
    fn with_text_at(row: u32, column: u16) -> Vec<u8> {
        let mut book = Workbook::new();
        let page = book.add_worksheet();
        page.write_string(0, 0, "company").unwrap();
        page.write_string(row, column, "Acme").unwrap();
        book.save_to_buffer().unwrap()
    }

    #[test]
    fn one_cell_far_away_does_not_fill_the_memory() {
        let told = open("companies.xlsx", &with_text_at(1_048_575, 16_383)).err().unwrap().to_string();
        assert!(told.contains("companies.xlsx: ") && told.contains("delete what stands far away"), "{told}");
        assert!(open("companies.xlsx", &with_text_at(100_000, 30)).is_ok());
    }

    #[test]
    fn what_unpacks_to_too_much_is_not_unpacked() {
        let mut archive = zip::ZipWriter::new_append(Cursor::new(with_text_at(1, 0))).unwrap();
        archive.start_file("xl/media/zeros", SimpleFileOptions::default()).unwrap();
        let zeros = vec![0; 1024 * 1024];
        (0..=MOST_UNPACKED / 1024 / 1024).for_each(|_| archive.write_all(&zeros).unwrap());
        let bytes = archive.finish().unwrap().into_inner();
        assert!(bytes.len() < 1024 * 1024, "{}", bytes.len());
        let told = open("companies.xlsx", &bytes).err().unwrap().to_string();
        assert!(told.contains("companies.xlsx: ") && told.contains("unpacks to more than 128 MB"), "{told}");
    }
}
