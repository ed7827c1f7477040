//! A table that a user wrote: from text to rows of cells that know where they stand, and what is wrong with them.
//! The separator (`,`, `;` or a tab) is found, not asked for.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

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
        let beyond = || Cow::Owned(Cell { line: self.line, column: place + 1, text: String::new(), span: 0..0 });
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
    /// Its bytes in the text, with quotes and spaces; none where there is no text.
    pub span: Range<usize>,
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

    /// Adds one at a cell. What it quotes of the file may hold ends of lines; the message stays on one.
    pub fn add(&mut self, cell: &Cell, message: impl Into<String>) {
        let on_one_line = |text: String, character: char| match character {
            control if control.is_control() => text + &control.escape_default().to_string(),
            plain => text + plain.encode_utf8(&mut [0; 4]),
        };
        self.0.push((cell.line, cell.column, message.into().chars().fold(String::new(), on_one_line)));
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
    let rows = match rows(text, separator(text)) {
        Ok(rows) => rows,
        Err(cell) => {
            problems.add(
                &cell,
                "a quote is opened here and never closed; close it, or double a quote that belongs to a name",
            );
            return None;
        }
    };
    of_rows(rows, problems)
}

/// The first row that holds something is the header.
pub fn of_rows(mut rows: Vec<Row>, problems: &mut Problems) -> Option<Table> {
    rows.retain(|row| row.cells.iter().any(|cell| !cell.text.is_empty()));
    let mut rows = rows.into_iter();
    let Some(header) = rows.next() else {
        let cell = Cell { line: 1, column: 1, text: String::new(), span: 0..0 };
        problems.add(&cell, "the file is empty; its first line names the columns");
        return None;
    };
    Some(Table { header, rows: rows.collect() })
}

/// What stands most often in the first line, outside quotes.
pub fn separator(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let unquoted: String = line.split('"').step_by(2).collect();
    let count = |separator: u8| unquoted.bytes().filter(|byte| *byte == separator).count();
    // Of equals the last wins: a comma.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

enum At {
    Start,
    Plain,
    Quoted,
    Quote,
}

/// Every row that is not an empty line. The error is the cell whose quote nothing closes: it would swallow every row behind it.
pub fn rows(text: &str, separator: u8) -> Result<Vec<Row>, Cell> {
    let mut rows = Vec::new();
    let mut cells: Vec<Cell> = Vec::new();
    let (mut at, mut line, mut begin, mut begin_line) = (At::Start, 1, 0, 1);
    for (place, byte) in text.bytes().enumerate() {
        let ends_cell = byte == separator || byte == b'\n' || byte == b'\r';
        at = match at {
            At::Quoted if byte == b'"' => At::Quote,
            At::Quoted => At::Quoted,
            // A quote opens a cell; doubled within one, it belongs to the text.
            At::Start | At::Quote if byte == b'"' => At::Quoted,
            _ if ends_cell => {
                cells.push(cell(text, begin..place, begin_line, cells.len()));
                if byte != separator {
                    rows.extend(row(&mut cells));
                }
                begin = place + 1;
                At::Start
            }
            _ => At::Plain,
        };
        line += usize::from(byte == b'\n');
        if matches!(at, At::Start) {
            begin_line = line;
        }
    }
    let last = cell(text, begin..text.len(), begin_line, cells.len());
    if matches!(at, At::Quoted) {
        return Err(last);
    }
    cells.push(last);
    rows.extend(row(&mut cells));
    Ok(rows)
}

/// A row of cells, if it has any text. A `\r\n` ends it once.
fn row(cells: &mut Vec<Cell>) -> Option<Row> {
    let cells = std::mem::take(cells);
    let is_blank = matches!(cells.as_slice(), [only] if only.span.is_empty());
    (!is_blank).then(|| Row { line: cells[0].line, cells })
}

fn cell(text: &str, span: Range<usize>, line: usize, before: usize) -> Cell {
    let raw = &text[span.clone()];
    let text = raw.strip_prefix('"').map_or_else(|| Cow::Borrowed(raw), |quoted| Cow::Owned(unquoted(quoted)));
    Cell { line, column: before + 1, text: text.trim().to_owned(), span }
}

/// What stands behind an opening quote, up to its closing one, and what follows that.
fn unquoted(raw: &str) -> String {
    let mut text = String::new();
    let mut rest = raw;
    while let Some(place) = rest.find('"') {
        text.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        let Some(more) = rest.strip_prefix('"') else { break };
        text.push('"');
        rest = more;
    }
    text + rest
}
