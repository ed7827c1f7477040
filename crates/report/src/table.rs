//! The sheet for a terminal. A wide one is cut into blocks of columns, each with the companies' names.

use crate::text::{is_failed, number, printable, title};
use comfy_table::{
    Attribute, Cell as Shown, CellAlignment, Color, ColumnConstraint, LineStyle, Row, Table, TableStyle, Width,
};
use rust_decimal::Decimal;
use std::ops::Range;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{Blank, Cell, Column, ColumnKind, Sheet, Value};
use unicode_width::UnicodeWidthStr;

const LEGEND: [&str; 5] = ["- not applicable", "empty: not mapped", "! failed", "~ left out", "? hard to believe"];
pub(crate) const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// The space beside each column.
pub(crate) const GAP: usize = 2;
/// The longest word of a header that is not broken.
const WORD: usize = 13;
/// The widest column of texts.
const TEXT: usize = 20;
/// The widest and the narrowest column of names.
const NAMES: (usize, usize) = (44, 16);

/// The sheet as lines of at most `width`, unless a number needs more; one block where there is no width.
pub fn table(run: &Run, width: Option<usize>, color: bool) -> String {
    let sheet = &run.sheet;
    let names: Vec<String> = sheet.rows.iter().map(|row| printable(&row.company)).collect();
    let longest = names.iter().map(|name| name.width()).max().unwrap_or_default();
    let most = width.map_or(NAMES.0, |width| (width / 3).clamp(NAMES.1, NAMES.0));
    let names_width = longest.clamp("Company".len(), most);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(names_width + GAP));

    let columns: Vec<Shape> = (0..sheet.columns.len()).map(|place| Shape::of(sheet, place)).collect();
    let mut text = String::new();
    for block in blocks(&columns, room) {
        text.push_str(&draw(&names, names_width, &columns[block], color));
        text.push_str("\n\n");
    }
    text + &legend(width)
}

/// On one line where there is room.
fn legend(width: Option<usize>) -> String {
    let line = LEGEND.join("   ");
    let fits = width.is_none_or(|width| line.width() <= width);
    (if fits { line } else { LEGEND.join("\n") }) + "\n"
}

/// A column as it is shown.
struct Shape<'a> {
    column: &'a Column,
    header: String,
    cells: Vec<(String, Look)>,
    total: (String, Look),
    width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Doubtful,
    Failed,
}

impl<'a> Shape<'a> {
    fn of(sheet: &'a Sheet, place: usize) -> Self {
        let column = &sheet.columns[place];
        let header = format!("{}\n{}", printable(title(column)), printable(&column.metric));
        let cells: Vec<(String, Look)> = sheet
            .rows
            .iter()
            .map(|row| row.cells.get(place).map_or_else(blank, |cell| look(cell, row.flags.contains_key(&place))))
            .collect();
        let total = total(sheet, place);
        // The title stands on a line of its own where it can.
        let words = header.lines().take(1).chain(header.split_whitespace()).map(|word| word.width().min(WORD));
        let values = cells.iter().chain([&total]).map(|(text, _)| match column.kind {
            ColumnKind::Number => text.width(),
            ColumnKind::Text => text.width().min(TEXT),
        });
        let width = words.chain(values).max().unwrap_or_default();
        Self { column, header, cells, total, width }
    }
}

fn blank() -> (String, Look) {
    (String::new(), Look::Plain)
}

fn look(cell: &Cell, flagged: bool) -> (String, Look) {
    let (text, look) = match cell {
        Cell::Counted(Value::Number(value)) => (number(*value), Look::Plain),
        Cell::Counted(Value::Text(text)) => (printable(text), Look::Plain),
        Cell::Blank(Blank::NotApplicable) => ("-".to_owned(), Look::Plain),
        Cell::Blank(Blank::NotMapped) => blank(),
        Cell::Blank(Blank::LeftOut(_)) => ("~".to_owned(), Look::Plain),
        Cell::Blank(Blank::Failed(_)) => ("!".to_owned(), Look::Failed),
    };
    if flagged { (text + "?", Look::Doubtful) } else { (text, look) }
}

/// The sum of what the column shows; with a `!` where something of it failed.
fn total(sheet: &Sheet, place: usize) -> (String, Look) {
    let cells = || sheet.rows.iter().filter_map(|row| row.cells.get(place));
    let sum = cells().filter_map(Cell::number).reduce(Decimal::saturating_add);
    let text = sum.map(number).unwrap_or_default();
    if cells().any(is_failed) { (text + "!", Look::Failed) } else { (text, Look::Plain) }
}

/// Cuts the columns where the room ends, and between two integrations rather than within one that fits.
fn blocks(columns: &[Shape], room: usize) -> Vec<Range<usize>> {
    let (mut blocks, mut start, mut used, mut place) = (Vec::new(), 0, 0, 0);
    for group in columns.chunk_by(|a, b| a.column.integration == b.column.integration) {
        let whole: usize = group.iter().map(|column| column.width + GAP).sum();
        let mut next = if whole <= room { whole } else { 0 };
        for column in group {
            let width = column.width + GAP;
            if used > 0 && used + next.max(width) > room {
                blocks.push(start..place);
                (start, used) = (place, 0);
            }
            next = 0;
            used += width;
            place += 1;
        }
    }
    if start < place || blocks.is_empty() {
        blocks.push(start..place);
    }
    blocks
}

fn draw(names: &[String], names_width: usize, columns: &[Shape], color: bool) -> String {
    let widths: Vec<usize> = [names_width].into_iter().chain(columns.iter().map(|column| column.width)).collect();
    let mut table = Table::new();
    table.load_style(STYLE);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }

    let header = ["Company"].into_iter().chain(columns.iter().map(|column| column.header.as_str()));
    table.set_header(limited(header.map(Shown::new).collect(), 8));
    for (at, name) in names.iter().enumerate() {
        let cells = columns.iter().filter_map(|column| column.cells.get(at)).map(shown);
        table.add_row(limited([Shown::new(name)].into_iter().chain(cells).collect(), 2));
    }
    table.add_row(widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
    let totals = [Shown::new("Total")].into_iter().chain(columns.iter().map(|column| shown(&column.total)));
    table.add_row(totals.map(|cell| cell.add_attribute(Attribute::Bold)).collect::<Vec<_>>());

    for (at, width) in widths.iter().enumerate() {
        let Some(column) = table.column_mut(at) else { continue };
        let padding = u16::try_from(GAP).unwrap_or_default();
        column.set_padding((0, padding));
        let width = u16::try_from(*width).unwrap_or(u16::MAX).saturating_add(padding);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        if at > 0 && columns[at - 1].column.kind == ColumnKind::Number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A row of cells that are cut after some lines. A number never is: its column is as wide as it needs.
pub(crate) fn limited(cells: Vec<Shown>, lines: usize) -> Row {
    let mut row = Row::from(cells);
    row.max_height(lines);
    row
}

fn shown((text, look): &(String, Look)) -> Shown {
    let cell = Shown::new(text);
    match look {
        Look::Plain => cell,
        Look::Doubtful => cell.fg(Color::Yellow),
        Look::Failed => cell.fg(Color::Red),
    }
}
