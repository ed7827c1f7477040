//! The columns of one integration, and where each metric's values go.

use super::{Placement, Source};
use crate::counts::{Counted, Standing};
use crate::model::{Figure, Metric, MetricKind, Product};
use crate::sheet::{Column, ColumnKind};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The columns of an integration, and where each label stands.
pub(super) fn columns(source: &Source) -> (Vec<Column>, Index) {
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
            Metric::Product(product, figure) => Some((&**product, *figure)),
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
pub(super) type Index = HashMap<(Option<Figure>, String), usize>;

pub(super) fn key(metric: &Metric) -> (Option<Figure>, String) {
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
