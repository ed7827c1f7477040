//! From the rows of a file to the counts of its companies. What is wrong is told with its place.

use crate::form::{Companies, Form, Layout, Spellings};
use crate::outcome;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tallysheet_core::table::{Cell, Problems, Row};
use tallysheet_core::{Figure, Metric, OrgCounts, Outcome, Product, VendorOrg};

/// What the rows count. What is returned may be used only where there is no problem.
pub(crate) fn read(rows: &[Row], form: &Form, problems: &mut Problems) -> Vec<OrgCounts> {
    let mut file = File::default();
    rows.iter().for_each(|row| file.add(row, form, problems));
    let File { companies, mut values, .. } = file;
    let org = |(id, (name, _)): (String, (String, usize))| {
        let values = values.remove(&id).unwrap_or_default().into_iter();
        let value = |(metric, (outcome, _)): (String, (Outcome, usize))| {
            (Metric::product(Product::new(metric.clone(), metric), Figure::Quantity), outcome)
        };
        OrgCounts::new(VendorOrg::new(id, name), values.map(value).collect())
    };
    companies.by_id.into_iter().map(org).collect()
}

/// What a file says, row by row.
#[derive(Default)]
struct File {
    companies: Companies,
    metrics: Spellings,
    /// By company and metric, with the line.
    values: BTreeMap<String, BTreeMap<String, (Outcome, usize)>>,
}

impl File {
    fn add(&mut self, row: &Row, form: &Form, problems: &mut Problems) {
        let Some(id) = self.companies.of(row, form, problems) else { return };
        for (metric, value) in counts(row, &form.layout) {
            if metric.text.is_empty() {
                problems.add(&metric, "here is a value without its metric; name what is counted, or delete the row");
                continue;
            }
            self.metrics.check(&metric, problems);
            let Some(outcome) = outcome(&value.text) else {
                problems.add(&value, no_number(&value.text));
                continue;
            };
            match self.values.entry(id.clone()).or_default().entry(metric.text) {
                Entry::Vacant(place) => {
                    place.insert((outcome, row.line));
                }
                Entry::Occupied(first) => {
                    let company = self.companies.by_id.get(&id).map_or("", |(name, _)| name);
                    let (metric, line) = (first.key(), first.get().1);
                    let message = format!("`{metric}` of `{company}` stands in line {line} too; one count of each");
                    problems.add(&value, message);
                }
            }
        }
    }
}

/// What a row counts: each metric with its value.
fn counts(row: &Row, layout: &Layout) -> Vec<(Cell, Cell)> {
    match layout {
        Layout::Long(metric, value) => vec![(row.cell(*metric).into_owned(), row.cell(*value).into_owned())],
        Layout::Wide(metrics) => {
            metrics.iter().map(|(place, metric)| (metric.clone(), row.cell(*place).into_owned())).collect()
        }
        Layout::Billed(_) => Vec::new(),
    }
}

fn no_number(text: &str) -> String {
    format!(
        "`{text}` is no number; write digits, with a point before decimals and nothing between thousands; leave the cell \
         empty where there is no value; begin the header of a column that counts nothing with `#`"
    )
}
