//! Which columns of a sheet a rule means.

use tallysheet_core::registry::nearest;
use tallysheet_core::sheet::{ColumnKind, Row, Sheet};
use tallysheet_core::variance::{Figure, ProductRule};
use tallysheet_core::{Level, Notice, Phase};

/// Figures of a product that a pattern means only where it names them.
const APART: [&str; 2] = [" (trial)", " (assigned)"];

/// The columns of a rule, by their places in the sheet.
pub(crate) struct Columns {
    /// For each title or pattern of the rule, those that it means.
    pub(crate) counted: Vec<Vec<usize>>,
    /// Those that are shown beside.
    beside: Vec<usize>,
    /// Titles and patterns that mean no column of numbers.
    pub(crate) unknown: Vec<String>,
}

impl Columns {
    pub(crate) fn of(rule: &ProductRule, sheet: &Sheet) -> Self {
        let titles: Vec<String> = sheet.columns.iter().map(|column| column.title.to_lowercase()).collect();
        let meant = |pattern: &String| -> Vec<usize> {
            let pattern = pattern.to_lowercase();
            let numbers = |place: &usize| sheet.columns[*place].kind == ColumnKind::Number;
            (0..titles.len()).filter(numbers).filter(|place| matches(&pattern, &titles[*place])).collect()
        };
        // A trial is not billed, and what is assigned was purchased: `*` alone sums neither beside the rest.
        let counts = |pattern: &String| -> Vec<usize> {
            let named = |place: &usize| {
                let apart = APART.iter().find(|figure| titles[*place].ends_with(*figure));
                apart.is_none_or(|figure| pattern.to_lowercase().ends_with(figure))
            };
            meant(pattern).into_iter().filter(named).collect()
        };
        let mut counted: Vec<Vec<usize>> = rule.columns.iter().map(counts).collect();
        let unknown = rule.columns.iter().zip(&counted).filter(|(_, places)| places.is_empty());
        let unknown = unknown.map(|(pattern, _)| pattern.clone()).collect();
        // A column that two patterns mean is counted once.
        let mut seen = std::collections::BTreeSet::new();
        for places in &mut counted {
            places.retain(|place| seen.insert(*place));
        }
        let mut beside: Vec<usize> = rule.beside.iter().flat_map(meant).filter(|place| seen.insert(*place)).collect();
        beside.sort_unstable();
        Self { counted, beside, unknown }
    }

    /// What each column says of a row.
    pub(crate) fn figures(&self, sheet: &Sheet, row: &Row) -> Vec<Figure> {
        let places = self.counted.iter().flatten().chain(&self.beside);
        let figure = |place: &usize| {
            let cell = &row.cells[*place];
            Figure { column: sheet.columns[*place].title.clone(), value: cell.number(), state: cell.state().to_owned() }
        };
        places.map(figure).collect()
    }

    /// How many rows that map to no company have some of these columns.
    pub(crate) fn unmapped(&self, sheet: &Sheet) -> usize {
        let has = |row: &&Row| {
            self.counted
                .iter()
                .flatten()
                .any(|place| row.cells[*place].number().is_some_and(|number| !number.is_zero()))
        };
        sheet.rows.iter().filter(|row| row.unmapped).filter(has).count()
    }

    /// Titles that no column has are told, with the nearest that one has.
    pub(crate) fn notices(&self, rule: &ProductRule, sheet: &Sheet) -> Vec<Notice> {
        let titles = || sheet.columns.iter().map(|column| column.title.as_str());
        let tell = |title: &String| {
            let near = nearest(title, titles()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!(
                "the product `{}` wants the column `{title}`, and the sheet has no such column of numbers{near}",
                rule.product
            );
            Notice::new(Level::Warning, Phase::Merge, None, message)
        };
        self.unknown.iter().map(tell).collect()
    }
}

/// Whether a title is meant by a pattern in which `*` stands for anything. Both in lower case.
pub(crate) fn matches(pattern: &str, title: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = title.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, title, meant) in [
            ("duo: users", "duo: users", true),
            ("duo: users", "duo: users pending", false),
            ("pax8: microsoft 365 *", "pax8: microsoft 365 business premium", true),
            ("pax8: microsoft 365 *", "pax8: microsoft 365", false),
            ("*: agents", "huntress: agents", true),
            ("pax8: *suite*", "pax8: my suite plan", true),
            ("pax8: *suite*plan", "pax8: my suite plan", true),
            ("pax8: *suite*suite", "pax8: my suite", false),
            ("*", "anything", true),
            ("a*a", "a", false),
            ("größe*", "größe: 1", true),
        ] {
            assert_eq!(matches(pattern, title), meant, "{pattern} {title}");
        }
    }
}
