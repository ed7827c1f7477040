//! What stands where in a file, by its header; and whose a row is.

use crate::Columns;
use std::collections::BTreeMap;
use tallysheet_core::table::{Cell, Problems, Row, is_scientific};

/// What stands where, by place in the row.
pub(crate) struct Form {
    company: usize,
    id: Option<usize>,
    pub(crate) layout: Layout,
    unnamed: Vec<usize>,
    width: usize,
}

/// What a file tells, and how.
pub(crate) enum Layout {
    /// A row is one count: the places of the metric and the value.
    Long(usize, usize),
    /// A row is a company: the header's cell of each metric, with its place.
    Wide(Vec<(usize, Cell)>),
    /// A row is a line of an agreement.
    Billed(Billed),
}

/// Where the parts of a billed line stand.
pub(crate) struct Billed {
    pub(crate) product: usize,
    pub(crate) quantity: usize,
    pub(crate) price: Option<usize>,
    pub(crate) currency: Option<usize>,
    pub(crate) included: Option<usize>,
}

impl Form {
    /// The form of a file; `of_billed` where only one that tells what is billed will do.
    pub(crate) fn of(header: &Row, columns: &Columns, of_billed: bool, problems: &mut Problems) -> Option<Self> {
        let company = find(header, columns.company.as_deref(), "company", true, problems);
        let id = find(header, columns.id.as_deref(), "id", false, problems);
        let metric = find(header, columns.metric.as_deref(), "metric", false, problems);
        let value = find(header, columns.value.as_deref(), "value", false, problems);
        let billed = Billed::find(header, columns, problems);
        let own_counts = columns.metric.is_some() || columns.value.is_some();
        let own_billed = columns.product.is_some() || columns.quantity.is_some() || columns.price.is_some();
        let layout = match (billed, metric, value) {
            (Some(billed), Some(metric), Some(_)) => {
                let message = "this file has the columns both of counts (`metric`, `value`) and of what is billed (`product`, \
                               `quantity`), and cannot be both; begin the headers of one pair with `#`";
                let last = metric.max(billed.product);
                problems.add(&header.cell(last), message);
                return None;
            }
            (Some(billed), _, _) if !own_counts => Layout::Billed(billed),
            (None, _, _) if of_billed || own_billed => {
                let message = "what is billed needs the columns `company`, `product` and `quantity`, and may have `price`, \
                               `currency`, `included` and `id`; if they have other headers, name them: \
                               columns = { product = \"…\", quantity = \"…\" }";
                problems.add(&header.cell(0), message);
                return None;
            }
            (_, Some(metric), Some(value)) => Layout::Long(metric, value),
            (None, None, None) if !own_counts => wide(header, [company, id], problems),
            _ => {
                let message = "a file has a column of metrics and one of values, or neither (then every other column is a \
                               metric); here is just one of the two, so name the other in `columns`, or rename this one";
                problems.add(&header.cell(metric.or(value).unwrap_or_default()), message);
                return None;
            }
        };
        let unnamed = header.cells.iter().enumerate().filter(|(_, cell)| cell.text.is_empty());
        let unnamed = unnamed.map(|(place, _)| place).collect();
        Some(Self { company: company?, id, layout, unnamed, width: header.cells.len() })
    }

    /// Tells of what stands below no header.
    fn check(&self, row: &Row, problems: &mut Problems) {
        let filled = |cell: &&Cell| !cell.text.is_empty();
        for cell in row.cells.iter().skip(self.width).filter(filled) {
            problems.add(
                cell,
                "this row is longer than the header; is there a separator too many, or a text without quotes?",
            );
        }
        for cell in self.unnamed.iter().filter_map(|place| row.cells.get(*place)).filter(filled) {
            problems
                .add(cell, "this column has no header; name it, or begin the header of a column of your own with `#`");
        }
    }
}

impl Billed {
    fn find(header: &Row, columns: &Columns, problems: &mut Problems) -> Option<Self> {
        let product = find(header, columns.product.as_deref(), "product", false, problems);
        let quantity = find(header, columns.quantity.as_deref(), "quantity", false, problems);
        let (product, quantity) = (product?, quantity?);
        Some(Self {
            product,
            quantity,
            price: find(header, columns.price.as_deref(), "price", false, problems),
            currency: find(header, None, "currency", false, problems),
            included: find(header, None, "included", false, problems),
        })
    }
}

/// The place of a column under the user's own name or the usual one.
fn find(header: &Row, own: Option<&str>, usual: &str, needed: bool, problems: &mut Problems) -> Option<usize> {
    let name = own.unwrap_or(usual).trim();
    let is = |(_, cell): &(usize, &Cell)| alike(&cell.text) == alike(name);
    let mut found = header.cells.iter().enumerate().filter(is);
    let place = found.next().map(|(place, _)| place);
    if let Some((_, cell)) = found.next() {
        problems.add(cell, format!("the column `{name}` stands twice; rename one of them"));
    }
    if place.is_none() && (needed || own.is_some()) {
        let message = format!("there is no column `{name}`; name the right one: columns = {{ {usual} = \"…\" }}");
        problems.add(&header.cell(0), message);
    }
    place
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

/// The companies met so far: the name of each id, with the line.
#[derive(Default)]
pub(crate) struct Companies {
    pub(crate) by_id: BTreeMap<String, (String, usize)>,
    names: Spellings,
}

impl Companies {
    /// The id of a row's company. Without a column of ids its name is the id.
    pub(crate) fn of(&mut self, row: &Row, form: &Form, problems: &mut Problems) -> Option<String> {
        form.check(row, problems);
        let name = row.cell(form.company);
        if name.text.is_empty() {
            problems.add(&name, "the company has no name; name it, or delete the row");
            return None;
        }
        let id = match form.id {
            None => {
                self.names.check(&name, problems);
                name.text.clone()
            }
            Some(place) => id(&row.cell(place), problems)?,
        };
        let known = self.by_id.entry(id.clone()).or_insert_with(|| (name.text.clone(), row.line));
        if known.0 != name.text {
            problems.add(&name, format!("the id `{id}` is `{}` in line {}; spell both alike", known.0, known.1));
        }
        Some(id)
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

/// How each name was spelled first, and in which line: `Acme` and `ACME` would be two rows, or two columns.
#[derive(Default)]
pub(crate) struct Spellings(BTreeMap<String, (String, usize)>);

impl Spellings {
    pub(crate) fn check(&mut self, cell: &Cell, problems: &mut Problems) {
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
