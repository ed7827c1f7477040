//! Keeping the run in the state folder, and what the next run needs of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::Column;
use tallysheet_core::{Error, MetricKind, Result, World};
use tallysheet_report::{Format, render};

/// Where the columns of the last run stand.
const COLUMNS: &str = "runs/columns.json";

#[derive(Serialize, Deserialize, Default)]
struct Columns(BTreeMap<String, Vec<KeptProduct>>);

#[derive(Serialize, Deserialize)]
struct KeptProduct {
    label: String,
    unit: String,
}

/// The product columns that the last kept run had, by integration. An unreadable entry is an empty one: it only
/// names columns, never numbers.
pub(crate) fn kept_columns(world: &dyn World) -> Result<BTreeMap<String, Vec<KeptColumn>>> {
    let Some(bytes) = world.read_state(COLUMNS)? else { return Ok(BTreeMap::new()) };
    let columns: Columns = serde_json::from_slice(&bytes).unwrap_or_default();
    let kept = |product: KeptProduct| KeptColumn { label: product.label, unit: product.unit };
    Ok(columns.0.into_iter().map(|(name, products)| (name, products.into_iter().map(kept).collect())).collect())
}

/// Keeps a run: `runs/ID/run.json` is what the caller gets, `runs/ID/sheet.csv` the sheet. The columns of integrations
/// that took no part, or have none to show, stay as they were.
pub(crate) fn keep(
    world: &dyn World,
    run: &Run,
    before: BTreeMap<String, Vec<KeptColumn>>,
    fixed: impl Fn(&Column) -> bool,
) -> Result<()> {
    let mut now: BTreeMap<String, Vec<KeptColumn>> = BTreeMap::new();
    for column in run.sheet.columns.iter().filter(|column| !fixed(column)) {
        let kept = KeptColumn { label: column.metric.clone(), unit: column.unit.clone() };
        now.entry(column.integration.clone()).or_default().push(kept);
    }
    let product = |kept: KeptColumn| KeptProduct { label: kept.label, unit: kept.unit };
    let columns = before.into_iter().chain(now).collect::<BTreeMap<_, _>>().into_iter();
    let columns = columns.map(|(name, kept)| (name, kept.into_iter().map(product).collect())).collect();
    for (format, name) in [(Format::Csv, "sheet.csv"), (Format::Json, "run.json")] {
        world.write_state(&format!("runs/{}/{name}", run.id), &render(run, format)?)?;
    }
    let bytes = serde_json::to_vec(&Columns(columns)).map_err(|_| Error::internal("the columns cannot be kept"))?;
    world.write_state(COLUMNS, &bytes)
}

/// Whether a metric has one column of its own, known without an answer.
pub(crate) const fn is_fixed(kind: MetricKind) -> bool {
    !matches!(kind, MetricKind::Product(_))
}
