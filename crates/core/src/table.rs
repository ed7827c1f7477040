//! A table that a user wrote: from text to rows of cells that know where they stand, and what is wrong with them.
//! The separator (`,`, `;` or a tab) is found, not asked for.

use crate::error::{Error, Result};
use std::borrow::Cow;

/// The file as a table, blank rows left out.
pub struct Table {
    /// The first row.
    pub header: Row,
    /// The others.
    pub rows: Vec<Row>,
}

/// A row that holds something.
pub struct Row {
    /// Its line in the file.
    pub line: usize,
    /// What stands in it.
    pub cells: Vec<Cell>,
}

impl Row {
    /// The cell of a column; an empty one where the row ends before it.
    pub fn cell(&self, place: usize) -> Cow<'_, Cell> {
        let beyond = || Cow::Owned(Cell { line: self.line, column: place + 1, text: String::new() });
        self.cells.get(place).map_or_else(beyond, Cow::Borrowed)
    }
}

/// A cell, without spaces around it.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its line in the file.
    pub line: usize,
    /// Its number in the row, from 1.
    pub column: usize,
    /// What stands in it.
    pub text: String,
}

/// Whether an id is in truth a number that a spreadsheet has shortened: `1.83E+18`, `1,83E+18`, `2E+15`. Digits with a plain
/// `e` between them (`12e34`) may be an id in hexadecimal.
pub fn is_scientific(id: &str) -> bool {
    let Some((mantissa, exponent)) = id.split_once(['e', 'E']) else { return false };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = exponent.strip_prefix(['+', '-']);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let is_number = is_digits(whole) && is_digits(fraction) && is_digits(unsigned.unwrap_or(exponent));
    is_number && (unsigned.is_some() || whole.len() < mantissa.len())
}

/// What is wrong with a file. All of it is told at once, so that one look at the file ends it.
#[derive(Debug, Default)]
pub struct Problems(Vec<(usize, usize, String)>);

impl Problems {
    /// As many as one reads at a time.
    const SHOWN: usize = 20;

    /// Adds one at a cell.
    pub fn add(&mut self, cell: &Cell, message: impl Into<String>) {
        self.0.push((cell.line, cell.column, message.into()));
    }

    /// One error with all of them, a line each: `FILE:LINE:COLUMN: `, where the column is the number of the cell.
    pub fn into_result(mut self, file: &str) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        let shown = self.0.iter().take(Self::SHOWN);
        let mut lines: Vec<String> =
            shown.map(|(line, column, message)| format!("{file}:{line}:{column}: {message}")).collect();
        if let Some(more @ 1..) = self.0.len().checked_sub(Self::SHOWN) {
            lines.push(format!("{file}: … and {more} more"));
        }
        Err(Error::config(lines.join("\n")))
    }
}

/// Reads the rows; the first is the header. Nothing where the text cannot be divided into cells.
pub fn read(text: &str, problems: &mut Problems) -> Option<Table> {
    let separator = separator(text);
    if let Some(cell) = unclosed_quote(text, separator) {
        problems
            .add(&cell, "a quote is opened here and never closed; close it, or double a quote that belongs to a name");
        return None;
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut lines = Lines { text, offset: 0, line: 1 };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let cell = Cell { line: lines.line, column: 1, text: String::new() };
                problems.add(&cell, format!("this row cannot be read: {error}"));
                return None;
            }
        };
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        let cell = |(place, text): (usize, &str)| Cell { line, column: place + 1, text: text.trim().to_owned() };
        let cells: Vec<Cell> = record.iter().enumerate().map(cell).collect();
        if cells.iter().any(|cell| !cell.text.is_empty()) {
            rows.push(Row { line, cells });
        }
    }
    let mut rows = rows.into_iter();
    let Some(header) = rows.next() else {
        let cell = Cell { line: 1, column: 1, text: String::new() };
        problems.add(&cell, "the file is empty; its first line names the columns");
        return None;
    };
    Some(Table { header, rows: rows.collect() })
}

/// Counts lines. The reader's own count is off behind blank lines and `\r\n`: a record begins for it where the last one
/// ended, which may be in an earlier line.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the record that begins at or behind a byte. Asked in the order of the file.
    fn of(&mut self, byte: u64) -> usize {
        let begin = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len()).max(self.offset);
        let rest = &self.text.as_bytes()[begin..];
        let begin = begin + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += self.text.get(self.offset..begin).unwrap_or_default().matches('\n').count();
        self.offset = begin;
        self.line
    }
}

/// What stands most often in the first line, outside quotes.
fn separator(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let unquoted: String = line.split('"').step_by(2).collect();
    let count = |separator: u8| unquoted.bytes().filter(|byte| *byte == separator).count();
    // Of equals the last wins: a comma.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// Where a quote is opened that nothing closes. It would swallow every row behind it.
fn unclosed_quote(text: &str, separator: u8) -> Option<Cell> {
    enum At {
        Start,
        Plain,
        Quoted,
        Quote,
    }
    let mut at = At::Start;
    let (mut line, mut column) = (1, 1);
    let mut opened = (1, 1);
    for byte in text.bytes() {
        let ends_cell = byte == separator || byte == b'\n' || byte == b'\r';
        at = match at {
            At::Start if byte == b'"' => {
                opened = (line, column);
                At::Quoted
            }
            At::Quoted if byte == b'"' => At::Quote,
            At::Quoted => At::Quoted,
            At::Quote if byte == b'"' => At::Quoted,
            _ if ends_cell => {
                column = if byte == separator { column + 1 } else { 1 };
                At::Start
            }
            _ => At::Plain,
        };
        line += usize::from(byte == b'\n');
    }
    matches!(at, At::Quoted).then(|| Cell { line: opened.0, column: opened.1, text: String::new() })
}
