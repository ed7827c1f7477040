//! Keeping the run, and what the next run needs of it.

use std::collections::BTreeMap;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::Column;
use tallysheet_core::{MetricKind, Result};
use tallysheet_report::{Format, render};
use tallysheet_store::{RenderedFile, Store};

/// Keeps a run that has a sheet and was not delivered yet: from here on it can be delivered again.
pub(crate) async fn keep_undelivered(store: &dyn Store, run: &Run) -> Result<()> {
    let csv = RenderedFile { format: Format::Csv.as_str().to_owned(), bytes: render(run, Format::Csv)? };
    store.keep(run, &[csv]).await
}

/// Keeps the run as it ended, the reports that were rendered, and what its product columns are called. The columns of
/// integrations that took no part, or have none to show, stay as they were.
pub(crate) async fn keep(
    store: &dyn Store,
    run: &Run,
    files: &[RenderedFile],
    fixed: impl Fn(&Column) -> bool,
) -> Result<()> {
    let mut columns: BTreeMap<String, Vec<KeptColumn>> = BTreeMap::new();
    for column in run.sheet.columns.iter().filter(|column| !fixed(column)) {
        let kept = KeptColumn { label: column.metric.clone(), unit: column.unit.clone() };
        columns.entry(column.integration.clone()).or_default().push(kept);
    }
    store.keep(run, files).await?;
    store.keep_columns(&columns).await
}

/// Whether a metric has one column of its own, known without an answer.
pub(crate) const fn is_fixed(kind: MetricKind) -> bool {
    !matches!(kind, MetricKind::Product(_))
}
