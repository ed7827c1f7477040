//! `tallysheet reconcile`: counted against billed, and the plan of changes that a person may approve.

use crate::arguments::{Global, ReconcileArguments};
use crate::output;
use crate::progress::progress;
use crate::setup::Setup;
use std::path::Path;
use tallysheet_core::history::day;
use tallysheet_core::run::Run;
use tallysheet_core::variance::Reconciliation;
use tallysheet_core::{Error, Level, Result};
use tallysheet_engine::{Applying, Assembled, Reconciling, Selection, assemble};
use tallysheet_host::files;
use tallysheet_reconcile::plan::Plan;
use tallysheet_report::{Format, reconcile_csv, reconcile_table, render};

/// Makes a run without deliveries, and shows its comparison.
pub(crate) async fn reconcile(global: &Global, arguments: &ReconcileArguments) -> Result<u8> {
    let output = arguments.output.as_deref().filter(|output| *output != "-");
    if global.json && (arguments.output.is_some() || arguments.format.is_some()) {
        return Err(Error::config("--json prints to standard output; leave it out, or --output and --format"));
    }
    let format = arguments.format.or_else(|| output.map(|output| Format::of_path(Path::new(output))));
    if matches!(format, Some(Format::Long)) {
        return Err(Error::config("the comparison comes as csv, json, xlsx or html"));
    }
    if matches!(format, Some(Format::Xlsx)) && output.is_none() && output::terminal_width().is_some() {
        return Err(Error::config("a terminal shows no workbook; write it to a file with --output"));
    }
    if let Some(path) = &arguments.plan
        && path.exists()
    {
        return Err(Error::config(format!(
            "--plan {}: it exists already, and nothing was done; name another file",
            path.display()
        )));
    }
    let setup = Setup::load(global.config.as_deref()).await?;
    let (one, run) = compared(&setup, global, false).await?;
    let made = run.reconciliation.as_ref().ok_or_else(|| Error::internal("the run compared nothing"))?;
    if !global.quiet {
        tell(&run, &one);
    }
    if run.exit_status == 1 {
        return Ok(1);
    }
    let plan = match &arguments.plan {
        Some(path) => Some((path, propose(&setup, &one, &run).await?)),
        None => None,
    };
    if let Some((path, plan)) = &plan {
        files::create(path, plan.text()?.as_bytes())?;
    }
    if global.json {
        output::print(&tallysheet_report::json(&run)?)?;
    } else {
        show(&run, made, format, output, arguments)?;
    }
    if let Some((path, plan)) = &plan {
        let (path, changes, left) = (path.display(), plan.changes.len(), plan.left.len());
        eprintln!(
            "{path}: {changes} changes are planned, {left} differences are not, each with its reason. Read it, then: tallysheet apply {path}"
        );
    }
    let incomplete = made.failed.is_some() || !made.missing.is_empty();
    Ok(if run.exit_status == 0 && incomplete { 3 } else { run.exit_status })
}

/// The run, and the ledger that it was compared with.
pub(crate) async fn compared(setup: &Setup, global: &Global, without_products: bool) -> Result<(Reconciling, Run)> {
    let (one, assembled) = assembled(setup, None, without_products)?;
    let run = Box::pin(tallysheet_engine::run(assembled.plan()?, &*progress(global))).await;
    Ok((one, run))
}

/// The ledger alone; which columns make which product is no matter.
pub(crate) fn ledger(setup: &Setup) -> Result<Reconciling> {
    let only = setup.config.reconcile.as_ref().map(|section| vec![section.ledger.clone()]);
    assembled(setup, only, true).map(|(one, _)| one)
}

fn assembled(
    setup: &Setup,
    only: Option<Vec<String>>,
    products_may_be_missing: bool,
) -> Result<(Reconciling, Assembled)> {
    let selection = Selection { only, products_may_be_missing, ..Selection::default() };
    let (world, store) = (setup.world.clone(), setup.store.clone());
    let assembled = assemble(setup.config.clone(), &setup.registry, world, store, &selection)?;
    let Some(one) = assembled.reconciling.clone() else {
        let message = "there is no section [reconcile]; add one with `ledger`, the integration that bills";
        return Err(Error::config(format!("{}: {message}", setup.config.path.display())));
    };
    Ok((one, assembled))
}

/// What carries out plans at the ledger.
pub(crate) fn applying<'a>(setup: &Setup, one: &'a Reconciling) -> Applying<'a> {
    let today = day(setup.world.now(), &setup.config.run.timezone);
    Applying { one, world: setup.world.clone(), today }
}

async fn propose(setup: &Setup, one: &Reconciling, run: &Run) -> Result<Plan> {
    applying(setup, one).propose(run).await
}

fn show(
    run: &Run,
    made: &Reconciliation,
    format: Option<Format>,
    path: Option<&str>,
    arguments: &ReconcileArguments,
) -> Result<()> {
    let whole = matches!(format, Some(Format::Json | Format::Xlsx | Format::Html));
    if format.is_none()
        && arguments.output.is_none()
        && let Some(width) = output::terminal_width()
    {
        return output::print(&reconcile_table(made, arguments.all, Some(width), output::colours()));
    }
    let bytes = if whole { render(run, format.unwrap_or(Format::Csv))? } else { reconcile_csv(made)? };
    let Some(path) = path else { return output::write(&bytes) };
    let path = std::path::absolute(path).map_err(|error| Error::config(format!("--output {path}: {error}")))?;
    eprintln!("written: {}", files::write_new_file(&path, &bytes)?.display());
    Ok(())
}

/// What failed, and what of the ledger needs care.
fn tell(run: &Run, one: &Reconciling) {
    let ours = |name: &Option<String>| name.as_deref() == Some(one.name.as_str());
    for entry in &run.log {
        let notice = &entry.notice;
        if notice.level == Level::Error || (notice.level == Level::Warning && ours(&notice.integration)) {
            eprintln!("{}", notice.message);
        }
    }
}
