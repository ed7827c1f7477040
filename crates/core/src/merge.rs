//! The merge: from the answers of all integrations to one sheet. Pure, and the same whatever order things come in.

use crate::code::Code;
use crate::counts::{Counted, Counts, Failure, OrgCounts, Outcome, Standing};
use crate::model::{Company, Figure, Link, Metric, MetricDef, MetricKind, Product, VendorOrg};
use crate::run::{Level, Notice, Phase};
use crate::sheet::{Blank, Cell, Column, ColumnKind, EXCLUDED, Row, Sheet, Totals, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

/// One integration's part in the merge.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its place in the column order: the connector's place, then the integration's name.
    pub order: usize,
    /// Its name in the config.
    pub name: String,
    /// The prefix of its columns.
    pub title: String,
    /// The metrics to show, in the connector's order.
    pub metrics: Vec<&'static MetricDef>,
    /// Vendor org ids that the config leaves out.
    pub exclude: Vec<String>,
    /// What it answered. An error is a failure of every cell.
    pub answer: Result<Counts, Failure>,
    /// Where each of its orgs belongs, in the order of `answer.orgs`.
    pub placements: Vec<Placement>,
    /// Product columns of the last kept run, kept where this run cannot name them.
    pub kept: Vec<KeptColumn>,
    /// When it answered.
    pub counted_at: Option<Timestamp>,
}

/// Where a vendor org belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It is this company (an index into the companies).
    Company(usize),
    /// It would be this company, but the companies file says `-` there.
    Declined(usize),
    /// No company is known for it.
    Unmapped,
}

/// A product column that an earlier run had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptColumn {
    /// Its label behind the title.
    pub label: String,
    /// Its unit.
    pub unit: String,
}

/// How the sheet is to look.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Headers of the user's own columns.
    pub carried: Vec<String>,
    /// Whether there is a `Notes` column.
    pub notes: bool,
    /// Whether unmapped orgs get rows.
    pub unmapped_rows: bool,
}

/// A company with the key that stays the same from run to run.
#[derive(Debug, Clone)]
pub struct KeyedCompany {
    /// The company.
    pub company: Company,
    /// Its name as in the file, else its normalised name.
    pub key: String,
}

/// What the merge makes.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The sheet.
    pub sheet: Sheet,
    /// What was left out, unmapped, unknown or failed.
    pub notices: Vec<Notice>,
    /// Whether nothing failed: no integration, no org, no value.
    pub complete: bool,
}

/// Makes the sheet.
pub fn merge(companies: &[KeyedCompany], mut sources: Vec<Source>, options: &Options) -> Merged {
    sources.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    let mut rows: Vec<Row> = companies.iter().map(company_row).collect();
    let mut unmapped: Vec<Row> = Vec::new();
    let mut sheet = Sheet { notes: options.notes, carried: options.carried.clone(), ..Sheet::default() };
    let mut log = Log { notices: Vec::new(), complete: true };

    for source in &sources {
        let part = merge_source(companies, source, &mut log);
        let before = sheet.columns.len();
        for (row, cells) in rows.iter_mut().zip(part.companies) {
            note_failures(row, &source.title, &cells);
            row.cells.extend(cells);
        }
        let blank = |count| std::iter::repeat_n(Cell::Blank(Blank::NotMapped), count);
        for row in &mut unmapped {
            row.cells.extend(blank(part.columns.len()));
        }
        for (org, cells) in part.unmapped {
            let mut row = unmapped_row(source, org, options.carried.len());
            note_failures(&mut row, &source.title, &cells);
            row.cells.extend(blank(before).chain(cells));
            unmapped.push(row);
        }
        sheet.columns.extend(part.columns);
        sheet.totals.extend(part.totals);
    }

    rows.sort_by_cached_key(|row| (row.company.to_lowercase(), row.company.clone(), row.key.clone()));
    if options.unmapped_rows {
        rows.append(&mut unmapped);
    }
    sheet.rows = rows;
    Merged { sheet, notices: log.notices, complete: log.complete }
}

struct Log {
    notices: Vec<Notice>,
    complete: bool,
}

impl Log {
    fn say(&mut self, level: Level, source: &Source, code: Code, about: Option<&str>, message: String) {
        let notice = Notice::new(level, Phase::Merge, code, message).of(&source.name);
        self.notices.push(match about {
            Some(company) => notice.about(company),
            None => notice,
        });
    }

    fn failure(&mut self, source: &Source, code: Code, about: &str, message: String) {
        self.complete = false;
        self.say(Level::Warning, source, code, Some(about), message);
    }
}

/// One integration's columns, cells and totals.
struct Part<'a> {
    columns: Vec<Column>,
    companies: Vec<Vec<Cell>>,
    unmapped: Vec<(&'a VendorOrg, Vec<Cell>)>,
    totals: Vec<Totals>,
}

fn merge_source<'a>(companies: &[KeyedCompany], source: &'a Source, log: &mut Log) -> Part<'a> {
    let (columns, index) = columns(source);
    let counts = match &source.answer {
        Ok(counts) => counts,
        Err(failure) => {
            log.complete = false;
            let cell = |company: &KeyedCompany| match company.company.links.get(&source.name) {
                Some(Link::NotCustomer) => Cell::Blank(Blank::NotApplicable),
                _ => Cell::Blank(Blank::Failed(failure.code)),
            };
            return Part {
                companies: companies.iter().map(|company| vec![cell(company); columns.len()]).collect(),
                totals: vec![Totals::default(); columns.len()],
                unmapped: Vec::new(),
                columns,
            };
        }
    };

    let mut totals = vec![Totals::default(); columns.len()];
    let mut company_sums: Vec<Vec<Join>> = vec![Vec::new(); companies.len()];
    let mut unmapped: Vec<(&VendorOrg, Vec<Cell>)> = Vec::new();
    let mut orgs: Vec<(&OrgCounts, Placement)> = counts.orgs.iter().zip(source.placements.iter().copied()).collect();
    orgs.sort_by(|(a, _), (b, _)| (&a.org.name, &a.org.id).cmp(&(&b.org.name, &b.org.id)));

    for (org, placement) in orgs {
        leave_out(org, &index, &mut totals);
        let name = display_name(&org.org);
        if let Standing::NotCustomer(reason) = org.standing {
            told_apart(source, org, reason, &index, &mut totals, log);
            continue;
        }
        let excluded = source.exclude.contains(&org.org.id);
        if excluded {
            told_apart(source, org, EXCLUDED, &index, &mut totals, log);
        }
        let joins = if excluded {
            vec![Join::LeftOut(EXCLUDED); columns.len()]
        } else {
            org_joins(source, org, &index, columns.len())
        };
        if !excluded {
            org_failures(source, org, &columns, &joins, placement, companies, log);
        }
        match placement {
            Placement::Company(company) => join_into(&mut company_sums[company], joins),
            Placement::Unmapped | Placement::Declined(_) if !excluded => {
                let cells: Vec<Cell> = joins.into_iter().map(Join::cell).collect();
                let has_value = cells.iter().any(|cell| matches!(cell, Cell::Counted(_)));
                add_numbers(&mut totals, &cells, |totals| &mut totals.unmapped);
                let declined = match placement {
                    Placement::Declined(company) => Some(&companies[company].company.name),
                    _ => None,
                };
                // A `-` in the companies file ends the matter for an org that has nothing to show.
                if has_value || declined.is_none() {
                    let why = declined.map_or_else(
                        || "maps to no company; add its id to the companies file, or to `exclude`".to_owned(),
                        |company| format!("looks like {company}, where the companies file says `-`, but it has counts"),
                    );
                    log.say(
                        Level::Warning,
                        source,
                        Code::UnmappedOrg,
                        Some(&name),
                        format!("{name} ({}) {why}", org.org.id),
                    );
                }
                if has_value {
                    unmapped.push((&org.org, cells));
                }
            }
            Placement::Unmapped | Placement::Declined(_) => {}
        }
    }

    let listed: BTreeSet<&str> = counts.orgs.iter().map(|org| org.org.id.as_str()).collect();
    let mut cells = Vec::with_capacity(companies.len());
    for (company, sums) in companies.iter().zip(company_sums) {
        let joined = company_cells(source, company, sums, &listed, columns.len(), log);
        add_numbers(&mut totals, &joined, |totals| &mut totals.counted);
        cells.push(joined);
    }
    unmapped.sort_by(|(a, _), (b, _)| {
        (a.name.to_lowercase(), &a.name, &a.id).cmp(&(b.name.to_lowercase(), &b.name, &b.id))
    });
    tell_left_out(source, counts, log);
    control_totals(source, counts, &columns, &index, &mut totals, log);
    Part { columns, companies: cells, unmapped, totals }
}

/// The columns of an integration, and where each label stands.
fn columns(source: &Source) -> (Vec<Column>, Index) {
    let column = |metric: &str, kind, unit: &str| Column {
        title: format!("{}: {metric}", source.title),
        integration: source.name.clone(),
        metric: metric.to_owned(),
        kind,
        unit: unit.to_owned(),
        counted_at: source.counted_at.filter(|_| source.answer.is_ok()),
    };
    let mut columns: Vec<Column> = source
        .metrics
        .iter()
        .filter_map(|def| match def.kind {
            MetricKind::Number => Some(column(def.name, ColumnKind::Number, def.unit)),
            MetricKind::Text => Some(column(def.name, ColumnKind::Text, def.unit)),
            MetricKind::Product(_) => None,
        })
        .collect();
    let mut index: Index =
        columns.iter().enumerate().map(|(place, column)| ((None, column.metric.clone()), place)).collect();

    let figures: Vec<(Figure, &str)> = source
        .metrics
        .iter()
        .filter_map(|def| if let MetricKind::Product(figure) = def.kind { Some((figure, def.unit)) } else { None })
        .collect();
    for (label, unit) in product_columns(source, &figures) {
        index.extend(figures.iter().map(|(figure, _)| ((Some(*figure), label.clone()), columns.len())));
        columns.push(column(&label, ColumnKind::Number, &unit));
    }
    (columns, index)
}

/// Label and unit of each product column, by product name, then figure. One column a label: two ids may have one name,
/// and a product may be named like the figure of another.
fn product_columns(source: &Source, figures: &[(Figure, &str)]) -> Vec<(String, String)> {
    let mut failed = source.answer.is_err();
    let mut named: BTreeSet<(&Product, Figure)> = BTreeSet::new();
    for (org, placement) in source.answer.iter().flat_map(|counts| &counts.orgs).zip(&source.placements) {
        if org.standing != Standing::Customer || source.exclude.contains(&org.org.id) {
            continue;
        }
        failed |= org.failure().is_some() && !matches!(placement, Placement::Declined(_));
        let Counted::Each(values) = &org.counted else { continue };
        named.extend(values.iter().filter_map(|(metric, _)| match metric {
            Metric::Product(product, figure) => Some((product, *figure)),
            Metric::Fixed(_) => None,
        }));
    }

    let mut columns: Vec<(String, Figure, String, String)> = Vec::new();
    for (product, figure) in named {
        let Some((_, unit)) = figures.iter().find(|(wanted, _)| *wanted == figure) else { continue };
        let unit = product.unit.as_deref().unwrap_or(unit).to_owned();
        columns.push((product.label(Figure::Quantity).to_lowercase(), figure, product.label(figure), unit));
    }
    for kept in source.kept.iter().filter(|_| failed) {
        let (base, figure) = split_figure(&kept.label);
        if figures.iter().any(|(wanted, _)| *wanted == figure) {
            columns.push((base.to_lowercase(), figure, kept.label.clone(), kept.unit.clone()));
        }
    }
    columns.sort();
    let mut labels = HashSet::new();
    columns.retain(|(_, _, label, _)| labels.insert(label.clone()));
    columns.into_iter().map(|(_, _, label, unit)| (label, unit)).collect()
}

/// Where the values of a metric go: by its label, and for products the figure, as one that is not asked for may be
/// named like one that is.
type Index = HashMap<(Option<Figure>, String), usize>;

fn key(metric: &Metric) -> (Option<Figure>, String) {
    match metric {
        Metric::Fixed(_) => (None, metric.label()),
        Metric::Product(_, figure) => (Some(*figure), metric.label()),
    }
}

/// `NAME (assigned)` into `NAME` and the figure.
fn split_figure(label: &str) -> (&str, Figure) {
    [Figure::Purchased, Figure::Assigned, Figure::Trial]
        .into_iter()
        .find_map(|figure| Some((label.strip_suffix(&format!(" ({})", figure.word()))?, figure)))
        .unwrap_or((label, Figure::Quantity))
}

/// What one or several orgs have of one metric: the joining rule of the contract. Associative and commutative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Join {
    #[default]
    Nothing,
    Number(Decimal),
    Text(BTreeSet<String>),
    NotApplicable,
    LeftOut(&'static str),
    Failed(Code),
}

impl Join {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, join) | (join, Self::Nothing) => join,
            (Self::Failed(a), Self::Failed(b)) => Self::Failed(a.min(b)),
            (Self::Failed(code), _) | (_, Self::Failed(code)) => Self::Failed(code),
            (Self::Number(a), Self::Number(b)) => {
                a.checked_add(b).map_or(Self::Failed(Code::BadResponse), Self::Number)
            }
            (Self::Text(mut a), Self::Text(b)) => {
                a.extend(b);
                Self::Text(a)
            }
            // A number and a text under one metric: the connector contradicts itself.
            (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)) => Self::Failed(Code::Internal),
            (value @ (Self::Number(_) | Self::Text(_)), _) | (_, value @ (Self::Number(_) | Self::Text(_))) => value,
            (Self::LeftOut(a), Self::LeftOut(b)) => Self::LeftOut(a.min(b)),
            (Self::LeftOut(reason), _) | (_, Self::LeftOut(reason)) => Self::LeftOut(reason),
            (Self::NotApplicable, Self::NotApplicable) => Self::NotApplicable,
        }
    }

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Number(number) => Self::Number(*number),
            Outcome::Text(text) => Self::Text(BTreeSet::from([text.clone()])),
            Outcome::NotApplicable => Self::NotApplicable,
            Outcome::LeftOut(reason) => Self::LeftOut(reason),
            Outcome::Failed(failure) => Self::Failed(failure.code),
        }
    }

    fn cell(self) -> Cell {
        match self {
            Self::Number(number) => Cell::Counted(Value::Number(number.normalize())),
            Self::Text(texts) => {
                Cell::Counted(Value::Text(texts.into_iter().collect::<Vec<_>>().join("; ").into_boxed_str()))
            }
            Self::Nothing => Cell::Blank(Blank::NotMapped),
            Self::NotApplicable => Cell::Blank(Blank::NotApplicable),
            Self::LeftOut(reason) => Cell::Blank(Blank::LeftOut(reason)),
            Self::Failed(code) => Cell::Blank(Blank::Failed(code)),
        }
    }
}

fn join_into(sums: &mut Vec<Join>, joins: Vec<Join>) {
    if sums.is_empty() {
        *sums = joins;
        return;
    }
    for (sum, join) in sums.iter_mut().zip(joins) {
        *sum = std::mem::take(sum).with(join);
    }
}

/// One org's part in each column. A product it does not name is not applicable; a fixed metric that the connector
/// does not name is a failure.
fn org_joins(source: &Source, org: &OrgCounts, index: &Index, columns: usize) -> Vec<Join> {
    let values = match &org.counted {
        Counted::Whole(outcome) => return vec![Join::of(outcome); columns],
        Counted::Each(values) => values,
    };
    let mut joins = vec![Join::Nothing; columns];
    for (metric, outcome) in values {
        if let Some(place) = index.get(&key(metric)) {
            joins[*place] = std::mem::take(&mut joins[*place]).with(Join::of(outcome));
        }
    }
    let fixed = source.metrics.iter().filter(|def| !matches!(def.kind, MetricKind::Product(_))).count();
    for (place, join) in joins.iter_mut().enumerate() {
        if *join == Join::Nothing {
            *join = if place < fixed { Join::Failed(Code::MissingValue) } else { Join::NotApplicable };
        }
    }
    joins
}

/// The cells of one company from the joined orgs, its ids in the file, and what the vendor listed.
fn company_cells(
    source: &Source,
    company: &KeyedCompany,
    mut sums: Vec<Join>,
    listed: &BTreeSet<&str>,
    columns: usize,
    log: &mut Log,
) -> Vec<Cell> {
    let whole = |join| vec![join; columns];
    match company.company.links.get(&source.name) {
        Some(Link::NotCustomer) => join_into(&mut sums, whole(Join::NotApplicable)),
        Some(Link::Ids(ids)) => {
            for id in ids.iter().filter(|id| !listed.contains(id.as_str())) {
                if source.exclude.contains(id) {
                    join_into(&mut sums, whole(Join::LeftOut(EXCLUDED)));
                    continue;
                }
                let name = &company.company.name;
                let message =
                    format!("{name}: the companies file names the id {id}, which {} does not list", source.title);
                log.failure(source, Code::UnknownOrg, name, message);
                join_into(&mut sums, whole(Join::Failed(Code::UnknownOrg)));
            }
        }
        None => {}
    }
    if sums.is_empty() {
        sums = whole(Join::Nothing);
    }
    sums.into_iter().map(Join::cell).collect()
}

/// Tells what failed of one org: as a warning that makes the run incomplete, or, where the file says `-`, in passing.
fn org_failures(
    source: &Source,
    org: &OrgCounts,
    columns: &[Column],
    joins: &[Join],
    placement: Placement,
    companies: &[KeyedCompany],
    log: &mut Log,
) {
    let org_name = display_name(&org.org);
    let about = match placement {
        Placement::Company(company) => companies[company].company.name.as_str(),
        Placement::Declined(_) | Placement::Unmapped => org_name.as_str(),
    };
    if let Some(failure) = org.failure() {
        let message = format!("{org_name}: {}", failure.message);
        if matches!(placement, Placement::Declined(_)) {
            log.say(Level::Info, source, failure.code, Some(about), format!("{message} (the companies file says `-`)"));
        } else {
            log.failure(source, failure.code, about, message);
        }
        return;
    }
    for (column, join) in columns.iter().zip(joins) {
        if let Join::Failed(code) = join {
            let message = format!("{org_name}: {} could not be counted", column.title);
            log.failure(source, *code, about, message);
        }
    }
}

/// Adds what an org's rules left out to the totals.
fn leave_out(org: &OrgCounts, index: &Index, totals: &mut [Totals]) {
    for left_out in &org.left_out {
        if let Some(place) = index.get(&key(&left_out.metric)) {
            add(&mut totals[*place].left_out, left_out.quantity);
        }
    }
}

/// An org that gets no row: its numbers go to the totals as left out, and are told.
fn told_apart(source: &Source, org: &OrgCounts, reason: &str, index: &Index, totals: &mut [Totals], log: &mut Log) {
    // In column order; a product that no customer has is told behind them.
    let mut held: BTreeMap<(usize, String), Decimal> = BTreeMap::new();
    if let Counted::Each(values) = &org.counted {
        for (metric, outcome) in values.iter().filter(|(metric, _)| is_wanted(source, metric)) {
            let Outcome::Number(number) = outcome else { continue };
            let (label, place) = (metric.label(), index.get(&key(metric)));
            if let Some(place) = place {
                add(&mut totals[*place].left_out, *number);
            }
            add(held.entry((place.copied().unwrap_or(usize::MAX), label)).or_default(), *number);
        }
    }
    held.retain(|_, number| !number.is_zero());
    let name = display_name(&org.org);
    let excluded = reason == EXCLUDED;
    let code = if excluded { Code::Excluded } else { Code::LeftOut };
    // What nobody pays for is worth a warning; what the config leaves out on purpose is not.
    let level = if held.is_empty() || excluded { Level::Info } else { Level::Warning };
    let told: Vec<String> = held.iter().map(|((_, label), number)| format!("{label} {}", number.normalize())).collect();
    let held = match org.failure() {
        Some(failure) => format!("it could not be counted: {}", failure.message),
        None if told.is_empty() => "it holds nothing".to_owned(),
        None => format!("it holds {}", told.join(", ")),
    };
    log.say(level, source, code, Some(&name), format!("{name} gets no row ({reason}); {held}"));
}

/// Whether the config asks for a metric.
fn is_wanted(source: &Source, metric: &Metric) -> bool {
    source.metrics.iter().any(|wanted| match metric {
        Metric::Fixed(def) => wanted == def,
        Metric::Product(_, figure) => wanted.kind == MetricKind::Product(*figure),
    })
}

/// One line a reason: what the rules left out, over all orgs.
fn tell_left_out(source: &Source, counts: &Counts, log: &mut Log) {
    let mut sums: BTreeMap<(&str, String), Decimal> = BTreeMap::new();
    for left_out in counts.orgs.iter().flat_map(|org| &org.left_out) {
        add(sums.entry((left_out.reason, left_out.metric.label())).or_default(), left_out.quantity);
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((reason, label), quantity) in sums {
        reasons.entry(reason).or_default().push(format!("{label} {}", quantity.normalize()));
    }
    for (reason, quantities) in reasons {
        log.say(Level::Info, source, Code::LeftOut, None, format!("left out ({reason}): {}", quantities.join(", ")));
    }
    let mut whole: Vec<(String, &str)> = counts
        .orgs
        .iter()
        .filter_map(|org| match org.counted {
            Counted::Whole(Outcome::LeftOut(reason)) => Some((display_name(&org.org), reason)),
            _ => None,
        })
        .collect();
    whole.sort();
    for (name, reason) in whole {
        log.say(Level::Info, source, Code::LeftOut, Some(&name), format!("{name} is left out: {reason}"));
    }
}

/// Sets the vendor's own totals beside ours.
fn control_totals(
    source: &Source,
    counts: &Counts,
    columns: &[Column],
    index: &Index,
    totals: &mut [Totals],
    log: &mut Log,
) {
    let failed = counts.orgs.iter().any(|org| match &org.counted {
        Counted::Whole(outcome) => matches!(outcome, Outcome::Failed(_)),
        Counted::Each(values) => values.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_))),
    });
    for (metric, vendor) in &counts.vendor_totals {
        let Some(place) = index.get(&key(metric)) else { continue };
        let total = &mut totals[*place];
        total.vendor = Some(*vendor);
        let ours = total.counted.saturating_add(total.unmapped).saturating_add(total.left_out);
        let message = format!(
            "{}: the vendor states {}; rows {} + unmapped {} + left out {} = {}",
            columns[*place].title,
            vendor.normalize(),
            total.counted.normalize(),
            total.unmapped.normalize(),
            total.left_out.normalize(),
            ours.normalize()
        );
        let level = if ours == *vendor || failed { Level::Info } else { Level::Warning };
        log.say(level, source, Code::TotalDiffers, None, message);
        if let Some(last) = log.notices.last_mut().filter(|_| ours == *vendor) {
            last.code = None;
        }
    }
}

/// A total beyond what a decimal holds stays at the most it holds: the totals only tell, and nothing may panic.
fn add(total: &mut Decimal, number: Decimal) {
    *total = total.saturating_add(number);
}

fn add_numbers(totals: &mut [Totals], cells: &[Cell], part: impl Fn(&mut Totals) -> &mut Decimal) {
    for (total, cell) in totals.iter_mut().zip(cells) {
        if let Some(number) = cell.number() {
            add(part(total), number);
        }
    }
}

/// `SentinelOne failed: auth-failed`, one for each code.
fn note_failures(row: &mut Row, title: &str, cells: &[Cell]) {
    let codes: BTreeSet<Code> = cells
        .iter()
        .filter_map(|cell| if let Cell::Blank(Blank::Failed(code)) = cell { Some(*code) } else { None })
        .collect();
    for code in codes {
        if !row.notes.is_empty() {
            row.notes.push_str("; ");
        }
        let _ = write!(row.notes, "{title} failed: {code}");
    }
}

fn company_row(company: &KeyedCompany) -> Row {
    Row {
        company: company.company.name.clone(),
        key: company.key.clone(),
        unmapped: false,
        carried: company.company.carried.clone(),
        cells: Vec::new(),
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

fn unmapped_row(source: &Source, org: &VendorOrg, carried: usize) -> Row {
    Row {
        company: format!("{} (unmapped, {})", display_name(org), source.title),
        key: format!("{}:{}", source.name, org.id),
        unmapped: true,
        carried: vec![String::new(); carried],
        cells: Vec::new(),
        flags: BTreeMap::new(),
        notes: String::new(),
    }
}

/// The org's name, or its id where it has none.
fn display_name(org: &VendorOrg) -> String {
    let name = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { org.id.clone() } else { name }
}
