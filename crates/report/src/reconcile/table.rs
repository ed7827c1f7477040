//! The comparison for a terminal: what each class comes to, then the rows. Names and remarks share their columns with
//! products and classes, so that it fits a narrow one.

use super::{Billing, Shown};
use crate::table::{GAP, STYLE, limited};
use comfy_table::{Cell, CellAlignment, Color, ColumnConstraint, Table, Width};
use tallysheet_core::variance::{Class, Reconciliation};
use unicode_width::UnicodeWidthStr;

const HEADERS: [&str; 6] = ["Company\n\u{a0}\u{a0}Product", "Class\nNotes", "Counted", "Billed", "Variance", "Money"];
/// The columns of texts; the others have numbers.
const TEXTS: usize = 2;
/// The narrowest and the widest column of texts.
const TEXT: (usize, usize) = (16, 48);

/// Tells a product from the second line of a name. Of spaces that do not break: others are lost at the start of a line.
const INDENT: &str = "\u{a0}\u{a0}";

/// The totals and the rows as lines of at most `width`, unless a number needs more. What is equal is only shown where
/// `all` is.
pub fn reconcile_table(reconciliation: &Reconciliation, all: bool, width: Option<usize>, colours: bool) -> String {
    let wanted = reconciliation.variances.iter().filter(|variance| all || variance.class != Class::Equal);
    table(reconciliation, &wanted.map(Shown::of).collect::<Vec<_>>(), width, colours)
}

/// The same with so many rows of those that come to most money.
pub fn reconcile_top(reconciliation: &Reconciliation, most: usize, width: Option<usize>, colours: bool) -> String {
    let mut differing = reconciliation.variances.iter().filter(|variance| variance.class != Class::Equal);
    let shown: Vec<Shown> = differing.by_ref().take(most).map(Shown::of).collect();
    let text = table(reconciliation, &shown, width, colours);
    match differing.count() {
        0 => text,
        more => format!("{text}and {more} more\n"),
    }
}

fn table(reconciliation: &Reconciliation, rows: &[Shown], width: Option<usize>, colours: bool) -> String {
    let billing = Billing::of(reconciliation);
    let mut text = billing.headline() + "\n";
    for line in billing.lines() {
        text = text + "  " + &line + "\n";
    }
    if rows.is_empty() {
        return text;
    }
    text + "\n" + &draw(rows, width, colours) + "\n"
}

/// Company and product, class and notes, the numbers.
fn cells(row: &Shown) -> [String; 6] {
    let below =
        |first: &str, second: String| if second.is_empty() { first.to_owned() } else { format!("{first}\n{second}") };
    let Shown { counted, billed, variance, money, .. } = row;
    let names = below(&row.company, format!("{INDENT}{}", row.product));
    let class = below(row.class.title(), row.notes.clone());
    [names, class, counted.clone(), billed.clone(), variance.clone(), money.clone()]
}

fn draw(rows: &[Shown], width: Option<usize>, colours: bool) -> String {
    let texts: Vec<[String; 6]> = rows.iter().map(cells).collect();
    let widths = widths(&texts, width);
    let mut table = Table::new();
    table.load_style(STYLE);
    if colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(HEADERS);
    for (row, texts) in rows.iter().zip(&texts) {
        let cells = texts.iter().enumerate().map(|(at, text)| match at {
            2 if row.doubted => Cell::new(text).fg(Color::Yellow),
            4 | 5 => colour(row.class).map_or_else(|| Cell::new(text), |colour| Cell::new(text).fg(colour)),
            _ => Cell::new(text),
        });
        table.add_row(limited(cells.collect(), 8));
    }
    let padding = u16::try_from(GAP).unwrap_or_default();
    for (at, width) in widths.into_iter().enumerate() {
        let Some(column) = table.column_mut(at) else { continue };
        column.set_padding((0, padding));
        let width = u16::try_from(width).unwrap_or(u16::MAX).saturating_add(padding);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        if at >= TEXTS {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt().replace('\u{a0}', " ")
}

/// Red where money is lost, yellow where a customer pays too much.
const fn colour(class: Class) -> Option<Color> {
    match class {
        Class::UnderBilled | Class::NotBilled => Some(Color::Red),
        Class::OverBilled | Class::NotCounted => Some(Color::Yellow),
        Class::NotComparable | Class::Equal => None,
    }
}

/// Numbers have the width they need; the texts share what is left.
fn widths(rows: &[[String; 6]], width: Option<usize>) -> Vec<usize> {
    let longest = |at: usize| {
        let texts = rows.iter().map(|row| row[at].as_str()).chain([HEADERS[at]]);
        texts.flat_map(str::lines).map(UnicodeWidthStr::width).max().unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..HEADERS.len()).map(longest).collect();
    let used: usize = widths[TEXTS..].iter().sum::<usize>() + GAP * HEADERS.len();
    let mut room = width.map_or(usize::MAX, |width| width.saturating_sub(used));
    for (at, text) in widths[..TEXTS].iter_mut().enumerate() {
        *text = (*text).min(TEXT.1).min(room / (TEXTS - at)).max(TEXT.0);
        room = room.saturating_sub(*text);
    }
    widths
}
