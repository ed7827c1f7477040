//! A workbook: the companies, the orgs without a company, the changes, the summary, the log. A blank cell has its state as a colour
//! and as a note. There are no formulas: each text is written as a text.

use crate::digest::Digest;
use crate::summary::status_word;
use crate::text::{self, number, printable};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_xlsxwriter::{
    ColNum, Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, FormatPattern, Note, RowNum,
    Workbook, Worksheet, XlsxError,
};
use std::borrow::Cow;
use tallysheet_core::month::{Report, ranges};
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Row, Sheet, Value};
use tallysheet_core::{Error, Level, Phase, Result};
use unicode_width::UnicodeWidthStr;

/// What a spreadsheet holds in one cell, in UTF-16 units.
const LONGEST: usize = 32_767;
/// A double holds each number of so many digits exactly, and spreadsheets show no more; nor more decimals.
const DIGITS: usize = 15;
/// So many notes of one kind; beyond it spreadsheets become slow, and the colour tells the state.
const NOTES: usize = 1_000;
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
        if notes.left_out > 0 {
            let (count, of) = (notes.left_out, name);
            self.remarks
                .push(format!("sheet {of}: {count} coloured cells have no note, as there are too many of them"));
        }

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

    /// What changed since an earlier run: companies, then each count, the biggest difference first.
    fn changes(&mut self) -> Result<(), XlsxError> {
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

    fn summary(&mut self) -> Result<(), XlsxError> {
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

    /// What was said so far, and what could not be written as it is.
    fn log(&mut self) -> Result<(), XlsxError> {
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

/// What a cell's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Doubtful,
    Failed,
    LeftOut,
    NotApplicable,
}

impl State {
    const ALL: &'static [Self] = &[Self::Failed, Self::Doubtful, Self::LeftOut, Self::NotApplicable, Self::Plain];

    const fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Counted(_) | Cell::Blank(Blank::NotMapped) => Self::Plain,
            Cell::Blank(Blank::NotApplicable) => Self::NotApplicable,
            Cell::Blank(Blank::LeftOut(_)) => Self::LeftOut,
            Cell::Blank(Blank::Failed(_)) => Self::Failed,
        }
    }

    const fn legend(self) -> &'static str {
        match self {
            Self::Failed => "failed: it could not be counted, the note says why",
            Self::Doubtful => "hard to believe: the note has the last good value and its date",
            Self::LeftOut => "left out by a rule, the note says which",
            Self::NotApplicable => "not applicable: no customer there, or without the counted thing",
            Self::Plain => "without a colour and blank: not mapped, no org of the vendor is this company",
        }
    }

    fn paint(self, format: Format) -> Format {
        match self {
            Self::Plain => format,
            Self::Doubtful => format.set_background_color(Color::RGB(0x00FF_E699)),
            Self::Failed => format.set_background_color(Color::RGB(0x00F4_B6B6)),
            Self::LeftOut => format.set_background_color(Color::RGB(0x00BD_D7EE)),
            // Told from a fill by its pattern too, in print and by those who see no colours.
            Self::NotApplicable => format
                .set_pattern(FormatPattern::LightUp)
                .set_foreground_color(Color::RGB(0x00BF_BFBF))
                .set_background_color(Color::White),
        }
    }
}

struct Formats {
    bold: Format,
    header: Format,
    number_header: Format,
    /// A text beside a number.
    indented: Format,
    text: Format,
    wrapped: Format,
    doubtful_text: Format,
    moment: Format,
    whole: [Format; 2],
    fraction: [Format; 2],
    /// A number that is written as a text.
    long: [Format; 2],
    blank: Vec<(State, Format)>,
}

impl Formats {
    fn new() -> Self {
        // What the `@` and the quote are for: a text stays one when a person edits its cell.
        let text = Format::new().set_num_format("@").set_align(FormatAlign::Top);
        let both = |format: Format| [format.clone(), State::Doubtful.paint(format)];
        let number = |shown: &str| Format::new().set_num_format(shown).set_align(FormatAlign::Top);
        let header = Format::new()
            .set_bold()
            .set_text_wrap()
            .set_quote_prefix()
            .set_align(FormatAlign::Top)
            .set_background_color(Color::RGB(0x00E7_EDF2))
            .set_border_bottom(FormatBorder::Thin);
        Self {
            bold: Format::new().set_bold(),
            number_header: header.clone().set_align(FormatAlign::Right),
            header,
            indented: Format::new().set_indent(1),
            wrapped: Format::new().set_text_wrap().set_quote_prefix().set_align(FormatAlign::Top),
            doubtful_text: State::Doubtful.paint(text.clone()),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss").set_align(FormatAlign::Left),
            whole: both(number("#,##0")),
            fraction: both(number("#,##0.0##############")),
            long: both(text.clone().set_align(FormatAlign::Right)),
            text,
            blank: State::ALL.iter().map(|state| (*state, state.paint(Format::new()))).collect(),
        }
    }

    fn blank(&self, state: State) -> &Format {
        self.blank.iter().find(|(of, _)| *of == state).map_or(&self.text, |(_, format)| format)
    }

    /// Writes a number as a number. One with more digits than a spreadsheet keeps is written as a text, and a remark
    /// says so: a rounded number would look right.
    fn number(
        &self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        value: Decimal,
        state: State,
    ) -> Result<Option<String>, XlsxError> {
        let exact = number(value);
        let look = usize::from(state == State::Doubtful);
        let digits = exact.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
        let decimals = exact.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match exact.parse::<f64>() {
            Ok(double) if digits <= DIGITS && decimals <= DIGITS => {
                let format = if exact.contains('.') { &self.fraction } else { &self.whole };
                page.write_number_with_format(line, col, double, &format[look])?;
                Ok(None)
            }
            _ => {
                page.write_string_with_format(line, col, &exact, &self.long[look])?;
                Ok(Some(format!("{exact} is written as a text: a workbook's numbers have {DIGITS} digits")))
            }
        }
    }

    /// Writes a line of headers, those of numbers with a `#` before them, and returns the next line.
    fn headers(&self, page: &mut Worksheet, line: RowNum, headers: &[&str]) -> Result<RowNum, XlsxError> {
        for (col, header) in (0..).zip(headers) {
            match header.strip_prefix('#') {
                Some(header) => page.write_string_with_format(line, col, header, &self.number_header)?,
                None => page.write_string_with_format(line, col, *header, &self.header)?,
            };
        }
        Ok(line + 1)
    }
}

/// Notes on cells, a limited number of each kind.
#[derive(Default)]
struct Notes {
    doubtful: usize,
    others: usize,
    /// How many cells have none.
    left_out: usize,
}

impl Notes {
    fn add(
        &mut self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        state: State,
        text: Cow<'_, str>,
    ) -> Result<(), XlsxError> {
        let count = if state == State::Doubtful { &mut self.doubtful } else { &mut self.others };
        if *count >= NOTES {
            self.left_out += 1;
            return Ok(());
        }
        *count += 1;
        page.insert_note(line, col, &Note::new(text).set_author("Tallysheet").add_author_prefix(false))?;
        Ok(())
    }
}

/// As much of a text as a cell holds.
fn cut(text: &str) -> Cow<'_, str> {
    // A character has no more UTF-16 units than bytes.
    if text.len() <= LONGEST || text.encode_utf16().count() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units < LONGEST
    };
    Cow::Owned(text.chars().take_while(fits).chain(['…']).collect())
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

fn wide(width: usize) -> f64 {
    u32::try_from(width + 1).map_or(44.0, f64::from)
}

fn place(at: usize) -> Result<ColNum, XlsxError> {
    ColNum::try_from(at).map_err(|_| XlsxError::RowColumnLimitError)
}

fn moment(at: Timestamp) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::from_timestamp(at.as_second())
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
