//! From the rows of a file to the counts of its companies. What is wrong is told with its place.

use crate::{Columns, outcome};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tallysheet_core::table::{self, Cell, Problems, Row, is_scientific};
use tallysheet_core::{Figure, Metric, OrgCounts, Outcome, Product, VendorOrg};

/// Reads a file. What is returned may be used only where there is no problem.
pub(crate) fn read(text: &str, columns: &Columns, problems: &mut Problems) -> Vec<OrgCounts> {
    let Some(table) = table::read(text, problems) else { return Vec::new() };
    let Some(form) = Form::of(&table.header, columns, problems) else { return Vec::new() };
    if table.rows.is_empty() {
        problems.add(&table.header.cell(0), "there is no row below the header, so there is nothing to count");
    }
    let mut file = File::default();
    table.rows.iter().for_each(|row| file.add(row, &form, problems));
    file.orgs.into_iter().map(Org::counts).collect()
}

/// What stands where, by place in the row.
struct Form {
    company: usize,
    id: Option<usize>,
    counts: Layout,
    unnamed: Vec<usize>,
    width: usize,
}

/// How a file tells its counts.
enum Layout {
    /// A row is one count: the places of the metric and the value.
    Long(usize, usize),
    /// A row is a company: the header's cell of each metric, with its place.
    Wide(Vec<(usize, Cell)>),
}

impl Form {
    fn of(header: &Row, columns: &Columns, problems: &mut Problems) -> Option<Self> {
        let mut find = |own: &Option<String>, usual: &str, needed: bool| {
            let name = own.as_deref().unwrap_or(usual).trim();
            let is = |(_, cell): &(usize, &Cell)| alike(&cell.text) == alike(name);
            let mut found = header.cells.iter().enumerate().filter(is);
            let place = found.next().map(|(place, _)| place);
            if let Some((_, cell)) = found.next() {
                problems.add(cell, format!("the column `{name}` stands twice; rename one of them"));
            }
            if place.is_none() && (needed || own.is_some()) {
                let message =
                    format!("there is no column `{name}`; name the right one: columns = {{ {usual} = \"…\" }}");
                problems.add(&header.cell(0), message);
            }
            place
        };
        let (company, id) = (find(&columns.company, "company", true), find(&columns.id, "id", false));
        let (metric, value) = (find(&columns.metric, "metric", false), find(&columns.value, "value", false));
        let own = columns.metric.is_some() || columns.value.is_some();
        let counts = match (metric, value) {
            (Some(metric), Some(value)) => Layout::Long(metric, value),
            (None, None) if !own => wide(header, [company, id], problems),
            _ => {
                let message = "a file has a column of metrics and one of values, or neither (then every other column is a \
                               metric); here is just one of the two, so name the other in `columns`, or rename this one";
                problems.add(&header.cell(metric.or(value).unwrap_or_default()), message);
                return None;
            }
        };
        let unnamed = header.cells.iter().enumerate().filter(|(_, cell)| cell.text.is_empty());
        let unnamed = unnamed.map(|(place, _)| place).collect();
        Some(Self { company: company?, id, counts, unnamed, width: header.cells.len() })
    }

    /// What a row counts: each metric with its value.
    fn counts<'a>(&'a self, row: &'a Row) -> Vec<(Cell, Cell)> {
        match &self.counts {
            Layout::Long(metric, value) => vec![(row.cell(*metric).into_owned(), row.cell(*value).into_owned())],
            Layout::Wide(metrics) => {
                metrics.iter().map(|(place, metric)| (metric.clone(), row.cell(*place).into_owned())).collect()
            }
        }
    }
}

/// Every column is a metric but those of the company, and the user's own.
fn wide(header: &Row, others: [Option<usize>; 2], problems: &mut Problems) -> Layout {
    let own = |cell: &Cell| cell.text.is_empty() || cell.text.starts_with('#');
    let metrics = header.cells.iter().enumerate();
    let metrics: Vec<(usize, Cell)> = metrics
        .filter(|(place, cell)| !others.contains(&Some(*place)) && !own(cell))
        .map(|(place, cell)| (place, cell.clone()))
        .collect();
    let mut seen = BTreeMap::new();
    for (_, cell) in &metrics {
        if let Some(column) = seen.insert(alike(&cell.text), cell.column) {
            problems.add(cell, format!("the metric `{}` stands in column {column} too; rename one of them", cell.text));
        }
    }
    if metrics.is_empty() {
        problems
            .add(&header.cell(0), "no column holds counts: there is neither a `metric` with its `value` nor any other");
    }
    Layout::Wide(metrics)
}

/// What a file says, row by row.
#[derive(Default)]
struct File {
    orgs: BTreeMap<String, Org>,
    companies: Spellings,
    metrics: Spellings,
}

struct Org {
    name: String,
    line: usize,
    /// By metric, with the line.
    values: BTreeMap<String, (Outcome, usize)>,
}

impl File {
    fn add(&mut self, row: &Row, form: &Form, problems: &mut Problems) {
        let filled = |cell: &&Cell| !cell.text.is_empty();
        for cell in row.cells.iter().skip(form.width).filter(filled) {
            problems.add(
                cell,
                "this row is longer than the header; is there a separator too many, or a text without quotes?",
            );
        }
        for cell in form.unnamed.iter().filter_map(|place| row.cells.get(*place)).filter(filled) {
            problems
                .add(cell, "this column has no header; name it, or begin the header of a column of your own with `#`");
        }
        let Some(id) = self.company(row, form, problems) else { return };
        for (metric, value) in form.counts(row) {
            if metric.text.is_empty() {
                problems.add(&metric, "here is a value without its metric; name what is counted, or delete the row");
                continue;
            }
            self.metrics.check(&metric, problems);
            let Some(outcome) = outcome(&value.text) else {
                problems.add(&value, no_number(&value.text));
                continue;
            };
            let Some(org) = self.orgs.get_mut(&id) else { continue };
            match org.values.entry(metric.text) {
                Entry::Vacant(place) => {
                    place.insert((outcome, row.line));
                }
                Entry::Occupied(first) => {
                    let (company, metric, line) = (&org.name, first.key(), first.get().1);
                    let message = format!("`{metric}` of `{company}` stands in line {line} too; one count of each");
                    problems.add(&value, message);
                }
            }
        }
    }

    /// The id of the row's company.
    fn company(&mut self, row: &Row, form: &Form, problems: &mut Problems) -> Option<String> {
        let name = row.cell(form.company);
        if name.text.is_empty() {
            problems.add(&name, "the company has no name; name it, or delete the row");
            return None;
        }
        let id = match form.id {
            None => {
                self.companies.check(&name, problems);
                name.text.clone()
            }
            Some(place) => id(&row.cell(place), problems)?,
        };
        let org = self.orgs.entry(id.clone());
        let org = org.or_insert_with(|| Org { name: name.text.clone(), line: row.line, values: BTreeMap::new() });
        if org.name != name.text {
            problems.add(&name, format!("the id `{id}` is `{}` in line {}; spell both alike", org.name, org.line));
        }
        Some(id)
    }
}

impl Org {
    fn counts((id, org): (String, Self)) -> OrgCounts {
        let value = |(metric, (outcome, _)): (String, (Outcome, usize))| {
            (Metric::Product(Product::new(metric.clone(), metric), Figure::Quantity), outcome)
        };
        OrgCounts::new(VendorOrg::new(id, org.name), org.values.into_iter().map(value).collect())
    }
}

fn id(cell: &Cell, problems: &mut Problems) -> Option<String> {
    // A spreadsheet puts `'` before what is to stay text.
    let id = cell.text.strip_prefix('\'').unwrap_or(&cell.text).trim();
    let wrong = if id.is_empty() {
        "the company has no id; fill it in, or leave the column out and the name is the id".to_owned()
    } else if is_scientific(id) {
        format!("`{id}` is a number that a spreadsheet has shortened; format the column as text and take the id again")
    } else {
        return Some(id.to_owned());
    };
    problems.add(cell, wrong);
    None
}

fn no_number(text: &str) -> String {
    format!(
        "`{text}` is no number; write digits, with a point before decimals and nothing between thousands; leave the cell \
         empty where there is no value; begin the header of a column that counts nothing with `#`"
    )
}

/// How each name was spelled first, and in which line: `Acme` and `ACME` would be two rows, or two columns.
#[derive(Default)]
struct Spellings(BTreeMap<String, (String, usize)>);

impl Spellings {
    fn check(&mut self, cell: &Cell, problems: &mut Problems) {
        let first = self.0.entry(alike(&cell.text)).or_insert_with(|| (cell.text.clone(), cell.line));
        if first.0 != cell.text {
            problems
                .add(cell, format!("`{}` is spelled `{}` in line {}; spell both alike", cell.text, first.0, first.1));
        }
    }
}

/// What two spellings of one name have in common.
fn alike(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
