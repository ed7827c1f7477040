//! Delivering without collecting: a kept run once more, or a marked test.

use crate::deliver::{Delivery, Way, deliver_all};
use crate::log::Log;
use crate::run::{exit_status, run_id};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::run::{DeliveryOutcome, Run, RunStatus};
use tallysheet_core::sheet::{Cell, Column, ColumnKind, Row, Sheet, Totals, Value};
use tallysheet_core::{Error, Result, World};
use tallysheet_store::Store;

/// Takes a kept run to these deliveries. What becomes of them is kept with it; its other deliveries stay as they were.
pub async fn deliver_again(
    id: &str,
    deliveries: &[Delivery],
    timezone: &TimeZone,
    world: &Arc<dyn World>,
    store: &dyn Store,
) -> Result<Run> {
    let mut run = kept(id, store).await?;
    if run.status == RunStatus::Failed {
        return Err(Error::config(format!("run {id} has no report: nothing could be counted")));
    }
    let mut log = Log::new(world.clone());
    let way = Way { timezone, world: &**world, store, held_back: false, test: false };
    let delivered = deliver_all(deliveries, &run, &way).await;
    log.extend(delivered.notices);
    run.log.extend(log.entries());
    let mut outcomes = std::mem::take(&mut run.deliveries);
    outcomes.retain(|before| delivered.outcomes.iter().all(|now| now.name != before.name));
    run.exit_status = exit_status(run.status, &delivered.outcomes);
    outcomes.extend(delivered.outcomes);
    run.deliveries = outcomes;
    // One that was cut off while it was delivered has ended now.
    run.finished_at.get_or_insert_with(|| world.now());
    store.keep(&run, &delivered.files).await?;
    Ok(run)
}

/// Sends a marked test, which holds no counts and is not kept.
pub async fn deliver_test(
    delivery: &Delivery,
    timezone: &TimeZone,
    world: &Arc<dyn World>,
    store: &dyn Store,
) -> Option<DeliveryOutcome> {
    let way = Way { timezone, world: &**world, store, held_back: false, test: true };
    let delivered = deliver_all(std::slice::from_ref(delivery), &test_run(&**world), &way).await;
    delivered.outcomes.into_iter().next()
}

/// A kept run, or an error that says which there are.
pub async fn kept(id: &str, store: &dyn Store) -> Result<Run> {
    const SHOWN: usize = 5;
    if let Some(run) = store.run(id).await? {
        return Ok(run);
    }
    let heads = store.runs(100).await?;
    let place = store.place();
    if heads.iter().any(|head| head.id == id) {
        return Err(Error::config(format!("run {id} was cut off before it had a sheet; run again")));
    }
    let known: Vec<&str> =
        heads.iter().filter(|head| head.status.is_some()).map(|head| head.id.as_str()).take(SHOWN).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Error::config(format!("there is no run {id} in {place}; the newest are: {known}")))
}

fn test_run(world: &dyn World) -> Run {
    let column = Column {
        title: "Test: Things".to_owned(),
        integration: "test".to_owned(),
        metric: "Things".to_owned(),
        kind: ColumnKind::Number,
        unit: "things".to_owned(),
        counted_at: Some(world.now()),
    };
    let row = Row {
        company: "Test (no company)".to_owned(),
        key: "test".to_owned(),
        unmapped: false,
        carried: Vec::new(),
        cells: vec![Cell::Counted(Value::Number(1.into()))],
        flags: BTreeMap::new(),
        notes: "This is a test".to_owned(),
    };
    Run {
        id: format!("test-{}", run_id(world)),
        started_at: world.now(),
        finished_at: None,
        status: RunStatus::Complete,
        exit_status: 0,
        schedule: None,
        asked: BTreeSet::new(),
        answered: BTreeSet::new(),
        changes: None,
        reconciliation: None,
        sheet: Sheet {
            notes: true,
            carried: Vec::new(),
            columns: vec![column],
            rows: vec![row],
            totals: vec![Totals { counted: 1.into(), ..Totals::default() }],
        },
        deliveries: Vec::new(),
        log: Vec::new(),
    }
}
