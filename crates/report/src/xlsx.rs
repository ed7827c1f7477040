//! A workbook: the companies, the orgs without a company, the changes, what is billed, the summary, the log. A blank cell
//! has its state as a colour and as a note. There are no formulas: each text is written as a text.

mod billing;
mod changes;
mod format;
mod log;
mod month;
mod summary;

pub use month::month_book;

use crate::text::{self, number, printable};
use format::{Formats, Notes, State, cut, moment, place, wide};
use rust_xlsxwriter::{ColNum, DocProperties, RowNum, Workbook, Worksheet, XlsxError};
use std::borrow::Cow;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::{Error, Result};
use unicode_width::UnicodeWidthStr;

/// So many cells are put together in memory; a larger sheet goes through a temporary file.
const IN_MEMORY: usize = 200_000;

/// The run as a workbook.
pub(crate) fn xlsx(run: &Run) -> Result<Vec<u8>> {
    let broken = |error| Error::internal(format!("the sheet cannot be written as XLSX: {error}"));
    let sheet = &run.sheet;
    if sheet.rows.iter().any(|row| row.cells.len() != sheet.columns.len()) {
        return Err(Error::internal("the sheet cannot be written as XLSX: a row does not fit its header"));
    }
    Book::new(run).and_then(Book::write).map_err(broken)
}

struct Book<'a> {
    run: &'a Run,
    workbook: Workbook,
    formats: Formats,
    /// What could not be written as it is.
    remarks: Vec<String>,
}

impl<'a> Book<'a> {
    fn new(run: &'a Run) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        // Else it were the time of the writing, and the same run had other bytes.
        let properties = DocProperties::new()
            .set_title(format!("Tallysheet {}", run.id))
            .set_author("Tallysheet")
            .set_creation_datetime(&moment(run.started_at)?);
        workbook.set_properties(&properties);
        Ok(Self { run, workbook, formats: Formats::new(), remarks: Vec::new() })
    }

    fn write(mut self) -> Result<Vec<u8>, XlsxError> {
        let (companies, orgs) = self.run.sheet.rows.iter().partition::<Vec<_>, _>(|row| !row.unmapped);
        self.counts("Counts", &companies)?;
        self.counts("Unmapped", &orgs)?;
        self.changes()?;
        self.billing()?;
        self.summary()?;
        self.log()?;
        self.workbook.save_to_buffer()
    }

    /// A sheet of counts: of companies, or of orgs without one.
    fn counts(&mut self, name: &str, rows: &[&Row]) -> Result<(), XlsxError> {
        let sheet = &self.run.sheet;
        let unmapped = name == "Unmapped";
        let mut page = self.page(name, rows.len() * sheet.columns.len())?;
        let texts = Texts::of(sheet, unmapped);
        let first = ColNum::try_from(texts.headers.len()).map_err(|_| XlsxError::RowColumnLimitError)?;

        let mut height = 1;
        for (at, header) in (0..).zip(&texts.headers) {
            let longest = rows.iter().map(|row| texts.cell(row, at).width()).max().unwrap_or_default();
            let (least, most) = if at == 0 { (24, 44) } else { (10, 40) };
            page.set_column_width(place(at)?, wide(longest.max(header.width()).clamp(least, most)))?;
            self.text(&mut page, 0, place(at)?, header, Look::Header)?;
        }
        for (at, column) in sheet.columns.iter().enumerate() {
            let (col, width) = (first.saturating_add(place(at)?), width(column, rows, at));
            height = height.max(column.title.width().div_ceil(width));
            page.set_column_width(col, wide(width))?;
            let number = column.kind == ColumnKind::Number;
            self.text(&mut page, 0, col, &column.title, if number { Look::NumberHeader } else { Look::Header })?;
        }
        page.set_row_height(0, u32::try_from(height.clamp(2, 8) * 15).unwrap_or(30))?;

        let mut notes = Notes::default();
        for (line, row) in (1..).zip(rows) {
            for at in 0..texts.headers.len() {
                let look = if texts.is_notes(at) { Look::Wrapped } else { Look::Text };
                self.text(&mut page, line, place(at)?, texts.cell(row, at), look)?;
            }
            for (at, cell) in row.cells.iter().enumerate() {
                self.cell(&mut page, (line, first.saturating_add(place(at)?)), row, at, cell, &mut notes)?;
            }
        }
        self.remarks.extend(notes.remark(name));

        let last = place(texts.headers.len() + sheet.columns.len() - 1)?;
        page.autofilter(0, 0, RowNum::try_from(rows.len()).map_err(|_| XlsxError::RowColumnLimitError)?, last)?;
        let names = if sheet.notes { 2 } else { 1 };
        page.set_freeze_panes(1, names)?;
        // So many columns on a page of paper can still be read.
        let pages = u16::try_from(sheet.columns.len().div_ceil(16).max(1)).unwrap_or(u16::MAX);
        page.set_landscape().set_print_fit_to_pages(pages, 0);
        page.set_repeat_rows(0, 0)?.set_repeat_columns(0, names - 1)?;
        self.workbook.push_worksheet(page);
        Ok(())
    }

    fn cell(
        &mut self,
        page: &mut Worksheet,
        (line, col): (RowNum, ColNum),
        row: &Row,
        at: usize,
        cell: &Cell,
        notes: &mut Notes,
    ) -> Result<(), XlsxError> {
        let flag = row.flags.get(&at);
        let state = if flag.is_some() { State::Doubtful } else { State::of(cell) };
        match cell {
            Cell::Counted(Value::Number(value)) => {
                let name = || format!("{}, {}", printable(&row.company), printable(&self.run.sheet.columns[at].title));
                if let Some(remark) = self.formats.number(page, line, col, *value, state)? {
                    self.remarks.push(format!("{}: {remark}", name()));
                }
            }
            Cell::Counted(Value::Text(text)) => {
                self.text(page, line, col, text, if flag.is_some() { Look::Doubtful } else { Look::Text })?;
            }
            Cell::Blank(Blank::NotMapped) if flag.is_none() => {}
            Cell::Blank(_) => {
                page.write_blank(line, col, self.formats.blank(state))?;
            }
        }
        let note = match (flag, cell) {
            (Some(flag), _) => Some(text::doubt(flag).into()),
            (None, Cell::Blank(blank @ (Blank::Failed(_) | Blank::LeftOut(_)))) => Some(text::reason(*blank)),
            _ => None,
        };
        if let Some(note) = note {
            notes.add(page, line, col, state, note)?;
        }
        Ok(())
    }

    /// An empty sheet. Without a place for a temporary file a large one is put together in memory too: the same cells,
    /// packed into other bytes.
    fn page(&mut self, name: &str, cells: usize) -> Result<Worksheet, XlsxError> {
        let large = cells > IN_MEMORY;
        let spooled = if large { self.workbook.new_worksheet_with_low_memory().ok() } else { None };
        let mut page = spooled.unwrap_or_default();
        page.set_name(name)?;
        Ok(page)
    }

    fn text(
        &mut self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        text: &str,
        look: Look,
    ) -> Result<(), XlsxError> {
        if text.is_empty() {
            return Ok(());
        }
        let whole = cut(text);
        if matches!(whole, Cow::Owned(_)) {
            let start: String = printable(text).chars().take(40).collect();
            self.remarks.push(format!("`{start}…` is longer than a cell of a workbook and is cut"));
        }
        let format = match look {
            Look::Header => &self.formats.header,
            Look::NumberHeader => &self.formats.number_header,
            Look::Text => &self.formats.text,
            Look::Wrapped => &self.formats.wrapped,
            Look::Doubtful => &self.formats.doubtful_text,
        };
        page.write_string_with_format(line, col, whole, format)?;
        Ok(())
    }
}

/// How a text is written.
#[derive(Clone, Copy)]
enum Look {
    Header,
    NumberHeader,
    Text,
    Wrapped,
    Doubtful,
}

/// The columns before the counts.
struct Texts<'a> {
    headers: Vec<&'a str>,
    notes: bool,
    unmapped: bool,
}

impl<'a> Texts<'a> {
    /// The user's own columns belong to companies; an org has its id instead.
    fn of(sheet: &'a Sheet, unmapped: bool) -> Self {
        let mut headers = vec![if unmapped { "Org" } else { "Company" }];
        headers.extend(sheet.notes.then_some("Notes"));
        if unmapped {
            headers.push("Id");
        } else {
            headers.extend(sheet.carried.iter().map(String::as_str));
        }
        Self { headers, notes: sheet.notes, unmapped }
    }

    fn is_notes(&self, at: usize) -> bool {
        self.notes && at == 1
    }

    fn cell<'r>(&self, row: &'r Row, at: usize) -> &'r str {
        match at {
            0 => &row.company,
            _ if self.is_notes(at) => &row.notes,
            _ if self.unmapped => &row.key,
            _ => row.carried.get(at - 1 - usize::from(self.notes)).map_or("", String::as_str),
        }
    }
}

/// As wide as its longest value and the longest word of its title.
fn width(column: &Column, rows: &[&Row], at: usize) -> usize {
    let words = column.title.split_whitespace().map(|word| word.width().min(20));
    let most = if column.kind == ColumnKind::Number { 34 } else { 24 };
    let values = rows.iter().filter_map(|row| row.cells.get(at)).map(|cell| match cell {
        Cell::Counted(Value::Number(value)) => {
            let length = number(*value).len();
            length + length / 3
        }
        Cell::Counted(Value::Text(text)) => text.width(),
        Cell::Blank(_) => 0,
    });
    // Room for the filter's button.
    words.map(|word| word + 3).chain(values.map(|value| value.min(most))).max().unwrap_or_default().max(11)
}
