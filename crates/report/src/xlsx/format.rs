//! How a cell looks, and what one can hold.

use crate::text::number;
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_xlsxwriter::{
    ColNum, Color, ExcelDateTime, Format, FormatAlign, FormatBorder, FormatPattern, Note, RowNum, Worksheet, XlsxError,
};
use std::borrow::Cow;
use tallysheet_core::sheet::{Blank, Cell};

/// What a spreadsheet holds in one cell, in UTF-16 units.
const LONGEST: usize = 32_767;
/// A double holds each number of so many digits exactly, and spreadsheets show no more; nor more decimals.
const DIGITS: usize = 15;
/// So many notes of one kind; beyond it spreadsheets become slow, and the colour tells the state.
const NOTES: usize = 1_000;

/// What a cell's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Plain,
    Doubtful,
    Failed,
    LeftOut,
    NotApplicable,
}

impl State {
    pub(super) const ALL: &'static [Self] =
        &[Self::Failed, Self::Doubtful, Self::LeftOut, Self::NotApplicable, Self::Plain];

    pub(super) const fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Counted(_) | Cell::Blank(Blank::NotMapped) => Self::Plain,
            Cell::Blank(Blank::NotApplicable) => Self::NotApplicable,
            Cell::Blank(Blank::LeftOut(_)) => Self::LeftOut,
            Cell::Blank(Blank::Failed(_)) => Self::Failed,
        }
    }

    pub(super) const fn legend(self) -> &'static str {
        match self {
            Self::Failed => "failed: it could not be counted, the note says why",
            Self::Doubtful => "hard to believe: the note has the last good value and its date",
            Self::LeftOut => "left out by a rule, the note says which",
            Self::NotApplicable => "not applicable: no customer there, or without the counted thing",
            Self::Plain => "without a colour and blank: not mapped, no org of the vendor is this company",
        }
    }

    pub(super) fn paint(self, format: Format) -> Format {
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

pub(super) struct Formats {
    pub(super) bold: Format,
    pub(super) header: Format,
    pub(super) number_header: Format,
    /// A text beside a number.
    pub(super) indented: Format,
    pub(super) text: Format,
    pub(super) wrapped: Format,
    pub(super) doubtful_text: Format,
    pub(super) moment: Format,
    whole: [Format; 2],
    fraction: [Format; 2],
    /// Two decimals at least: a price may have more.
    money: [Format; 2],
    /// A number that is written as a text.
    long: [Format; 2],
    blank: Vec<(State, Format)>,
}

impl Formats {
    pub(super) fn new() -> Self {
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
            money: both(number("#,##0.00##############")),
            long: both(text.clone().set_align(FormatAlign::Right)),
            text,
            blank: State::ALL.iter().map(|state| (*state, state.paint(Format::new()))).collect(),
        }
    }

    pub(super) fn blank(&self, state: State) -> &Format {
        self.blank.iter().find(|(of, _)| *of == state).map_or(&self.text, |(_, format)| format)
    }

    /// Writes a number as a number. One with more digits than a spreadsheet keeps is written as a text, and a remark
    /// says so: a rounded number would look right.
    pub(super) fn number(
        &self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        value: Decimal,
        state: State,
    ) -> Result<Option<String>, XlsxError> {
        let shown = if value.normalize().scale() > 0 { &self.fraction } else { &self.whole };
        self.exact(page, line, col, value, state, shown)
    }

    /// The same for an amount of money.
    pub(super) fn money(
        &self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        value: Decimal,
    ) -> Result<Option<String>, XlsxError> {
        self.exact(page, line, col, value, State::Plain, &self.money)
    }

    fn exact(
        &self,
        page: &mut Worksheet,
        line: RowNum,
        col: ColNum,
        value: Decimal,
        state: State,
        shown: &[Format; 2],
    ) -> Result<Option<String>, XlsxError> {
        let exact = number(value);
        let look = usize::from(state == State::Doubtful);
        let digits = exact.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
        let decimals = exact.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match exact.parse::<f64>() {
            Ok(double) if digits <= DIGITS && decimals <= DIGITS => {
                page.write_number_with_format(line, col, double, &shown[look])?;
                Ok(None)
            }
            _ => {
                page.write_string_with_format(line, col, &exact, &self.long[look])?;
                Ok(Some(format!("{exact} is written as a text: a workbook's numbers have {DIGITS} digits")))
            }
        }
    }

    /// Writes a line of headers, those of numbers with a `#` before them, and returns the next line.
    pub(super) fn headers(&self, page: &mut Worksheet, line: RowNum, headers: &[&str]) -> Result<RowNum, XlsxError> {
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
pub(super) struct Notes {
    doubtful: usize,
    others: usize,
    /// How many cells have none.
    left_out: usize,
}

impl Notes {
    pub(super) fn add(
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

    /// What is to be said of a sheet whose cells are not all explained.
    pub(super) fn remark(&self, sheet: &str) -> Option<String> {
        let count = self.left_out;
        (count > 0)
            .then(|| format!("sheet {sheet}: {count} coloured cells have no note, as there are too many of them"))
    }
}

/// As much of a text as a cell holds.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
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

pub(super) fn wide(width: usize) -> f64 {
    u32::try_from(width + 1).map_or(44.0, f64::from)
}

pub(super) fn place(at: usize) -> Result<ColNum, XlsxError> {
    ColNum::try_from(at).map_err(|_| XlsxError::RowColumnLimitError)
}

pub(super) fn moment(at: Timestamp) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::from_timestamp(at.as_second())
}
