//! How a number, a state and a foreign text are written.

use jiff::Timestamp;
use rust_decimal::Decimal;
use std::borrow::Cow;
use tallysheet_core::Code;
use tallysheet_core::sheet::{Blank, Cell, Flag, Sheet, Totals};

/// A plain number: a decimal point, no trailing zeros, never scientific.
pub(crate) fn number(number: Decimal) -> String {
    number.normalize().to_string()
}

/// A number with its sign, where it has one.
pub(crate) fn signed(value: Decimal) -> String {
    if value > Decimal::ZERO { format!("+{}", number(value)) } else { number(value) }
}

/// An amount with two decimals, and its currency behind it where one is known.
pub(crate) fn money(amount: Decimal, currency: &str) -> String {
    let mut cents = amount.round_dp(2);
    cents.rescale(2);
    if cents.is_zero() {
        cents.set_sign_positive(true);
    }
    if currency.is_empty() { cents.to_string() } else { format!("{cents} {}", printable(currency)) }
}

/// `1 product`, `3 products`.
pub(crate) fn many(count: usize, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
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

/// Why a cell is blank, in the contract's words.
pub(crate) fn reason(blank: Blank) -> Cow<'static, str> {
    match blank {
        Blank::NotMapped => Cow::Borrowed("not mapped"),
        Blank::NotApplicable => Cow::Borrowed("not applicable"),
        Blank::LeftOut(rule) => Cow::Owned(format!("left out: {rule}")),
        Blank::Failed(code) => Cow::Owned(format!("failed: {code}")),
    }
}

/// Why a value is hard to believe.
pub(crate) fn doubt(flag: &Flag) -> String {
    format!("{}: the last good value is {}, of {}", flag.code, number(flag.last), flag.date)
}

/// What a code of a failure means to someone who does not know the codes.
pub(crate) const fn meaning(code: Code) -> &'static str {
    match code {
        Code::AuthFailed => "The vendor refused the credential",
        Code::Forbidden => "The credential may not read this",
        Code::ConsentMissing => "The customer's tenant has not consented",
        Code::WrongAccount => "The credential belongs to another account",
        Code::NotFound => "Something that must exist was not found",
        Code::RateLimited => "The vendor's request limit was hit",
        Code::Unavailable => "The vendor could not be reached",
        Code::TimedOut => "The vendor took too long",
        Code::BadResponse => "The vendor's answer could not be understood",
        Code::Unsupported => "The vendor's plan or version lacks this",
        Code::MissingValue => "The vendor left out a value",
        Code::UnknownOrg => "An id in the companies file is not at the vendor",
        Code::AmbiguousOrg => "An org could be more than one company",
        Code::Implausible => "A count is hard to believe",
        Code::TotalDiffers => "The vendor's own total disagrees with its rows",
        Code::Internal => "A defect of Tallysheet",
        _ => "",
    }
}

/// A point in time as people read it, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::{money, number, signed};
    use rust_decimal::Decimal;

    #[test]
    fn a_zero_has_no_sign_and_an_amount_two_decimals() {
        let none = -Decimal::ZERO;
        assert_eq!([number(none), signed(none), money(none, "")], ["0", "0", "0.00"]);
        assert_eq!(signed("3.50".parse().unwrap()), "+3.5");
        assert_eq!(money("-1234.5".parse().unwrap(), "USD"), "-1234.50 USD");
        assert_eq!(money("-0.004".parse().unwrap(), "US\u{202e}D"), "0.00 USD");
    }
}
