//! How a number, a state and a foreign text are written.

use rust_decimal::Decimal;
use std::borrow::Cow;
use tallysheet_core::sheet::{Blank, Cell, Sheet, Totals};

/// A plain number: a decimal point, no trailing zeros, never scientific.
pub(crate) fn number(number: Decimal) -> String {
    number.normalize().to_string()
}

/// A text that no spreadsheet takes for a formula.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

/// A text that cannot move the cursor, colour the screen or turn the line around.
pub(crate) fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a cell is blank because of a failure.
pub(crate) const fn is_failed(cell: &Cell) -> bool {
    matches!(cell, Cell::Blank(Blank::Failed(_)))
}

/// The control totals of a column. `None` where something failed and nothing was counted: the sum of nothing would
/// read as a counted zero.
pub(crate) fn totals(sheet: &Sheet, place: usize) -> Option<&Totals> {
    let (column, totals) = (sheet.columns.get(place)?, sheet.totals.get(place)?);
    let cells = || sheet.rows.iter().filter_map(|row| row.cells.get(place));
    let counted = || cells().any(|cell| matches!(cell, Cell::Counted(_)));
    let known = !(totals.counted.is_zero() && totals.unmapped.is_zero() && totals.left_out.is_zero());
    let failed = || column.counted_at.is_none() || cells().any(is_failed);
    (known || totals.vendor.is_some() || counted() || !failed()).then_some(totals)
}

/// The part of a column's name before the metric.
pub(crate) fn title(column: &tallysheet_core::sheet::Column) -> &str {
    column.title.strip_suffix(&column.metric).and_then(|title| title.strip_suffix(": ")).unwrap_or(&column.integration)
}
