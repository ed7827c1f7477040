//! `tallysheet run`.

use crate::arguments::{Global, RunArguments};
use crate::output;
use crate::progress::progress;
use crate::setup::Setup;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run, RunStatus};
use tallysheet_core::{Error, Result};
use tallysheet_engine::{Delivery, FileDelivery, Plan, StreamDelivery, of_error};
use tallysheet_report::Format;

/// Runs, tells what came out, and returns the exit status.
pub(crate) async fn run(global: &Global, arguments: &RunArguments) -> Result<u8> {
    if global.json && arguments.output.as_deref() == Some("-") {
        return Err(Error::config("--json and --output - both want standard output; leave one out"));
    }
    let setup = Setup::load(global.config.as_deref()).await?;
    // Opened before anything is asked: a path that cannot be written is told at once.
    let log =
        arguments.log.as_deref().map(|path| Ok((path, File::create(path).map_err(|error| log_error(path, &error))?)));
    let log: Option<(&Path, File)> = log.transpose()?;
    let Some(run) = Box::pin(made(&setup, global, arguments)).await? else {
        if !global.quiet {
            eprintln!("nothing is due");
        }
        return Ok(0);
    };
    if let Some((path, mut file)) = log {
        let lines = tallysheet_report::log_lines(&run)?;
        file.write_all(lines.as_bytes()).map_err(|error| log_error(path, &error))?;
    }
    let held_back = setup.config.run.strict && run.status == RunStatus::Partial;
    if global.json {
        output::print(&tallysheet_report::json(&run)?)?;
    } else if run.exit_status != 1 && !held_back && without_delivery(&run) {
        show(&run, arguments.format)?;
    }
    if !global.quiet {
        tell(&run, &setup);
    }
    Ok(run.exit_status)
}

/// The run; nothing where its schedule is not due. Those whom `[alert]` names are told of a whole run's failures.
async fn made(setup: &Setup, global: &Global, arguments: &RunArguments) -> Result<Option<Run>> {
    if let Some(schedule) = &arguments.schedule {
        let amend = |plan: &mut Plan| add_output(plan, arguments);
        return setup.service()?.run_schedule(schedule, arguments.if_due, amend, &*progress(global)).await;
    }
    if arguments.only.is_some() || arguments.no_deliver {
        return collect(setup, global, arguments).await.map(Some);
    }
    let service = setup.service()?;
    let run = collect(setup, global, arguments).await;
    match &run {
        Ok(run) => service.alerts().after(run).await,
        Err(error) => service.alerts().tell(vec![of_error(error)]).await,
    }
    run.map(Some)
}

/// Assembles the plan, with the command line's own output, and runs it.
pub(crate) async fn collect(setup: &Setup, global: &Global, arguments: &RunArguments) -> Result<Run> {
    let mut plan = setup.assemble(arguments.only.clone(), !arguments.no_deliver)?.plan()?;
    add_output(&mut plan, arguments)?;
    Ok(Box::pin(tallysheet_engine::run(plan, &*progress(global))).await)
}

fn add_output(plan: &mut Plan, arguments: &RunArguments) -> Result<()> {
    if let Some(output) = &arguments.output {
        plan.deliveries.push(delivery(output, arguments.format)?);
    }
    Ok(())
}

/// `--output` as one more delivery: its format is `--format`, else by its ending, else CSV.
fn delivery(output: &str, format: Option<Format>) -> Result<Delivery> {
    let (name, kind) = ("output".to_owned(), "output".to_owned());
    if output == "-" {
        let to = Box::new(StreamDelivery::new(std::io::stdout()));
        return Ok(Delivery { name, kind, format: format.unwrap_or(Format::Csv), to });
    }
    let path = std::path::absolute(output).map_err(|error| Error::config(format!("--output {output}: {error}")))?;
    let format = format.unwrap_or_else(|| Format::of_path(&path));
    Ok(Delivery { name, kind, format, to: Box::new(FileDelivery { path }) })
}

fn without_delivery(run: &Run) -> bool {
    run.deliveries.iter().all(|delivery| delivery.status == DeliveryStatus::Skipped && delivery.error.is_none())
}

/// A table on a terminal, else CSV, unless a format is asked for.
fn show(run: &Run, format: Option<Format>) -> Result<()> {
    match (format, output::terminal_width()) {
        (None, Some(width)) => output::print(&tallysheet_report::table(run, Some(width), output::colours())),
        (Some(Format::Xlsx), Some(_)) => {
            Err(Error::config("--format xlsx: a terminal shows no workbook; write it to a file with --output"))
        }
        (format, _) => {
            let bytes = tallysheet_report::render(run, format.unwrap_or(Format::Csv))?;
            output::write(&bytes)
        }
    }
}

/// The end of a run, on standard error: what is delivered, what failed, where the run is kept.
fn tell(run: &Run, setup: &Setup) {
    tell_deliveries(&run.deliveries);
    eprintln!("{}", tallysheet_report::summary(run).trim_end());
    eprintln!("run {} is kept in {}; `tallysheet deliver {}` delivers it again", run.id, setup.store.place(), run.id);
}

/// What became of each delivery, a line each, on standard error.
pub(crate) fn tell_deliveries(deliveries: &[DeliveryOutcome]) {
    for delivery in deliveries {
        let reference = delivery.reference.as_deref().unwrap_or_default();
        let error = delivery.error.as_deref().unwrap_or_default();
        match delivery.status {
            DeliveryStatus::Delivered => eprintln!("{}: delivered {reference}", delivery.name),
            DeliveryStatus::Failed => eprintln!("{}: failed: {error}", delivery.name),
            DeliveryStatus::Unknown => eprintln!("{}: may have arrived: {error}", delivery.name),
            DeliveryStatus::Skipped => eprintln!("{}: skipped {error}", delivery.name),
        }
    }
}

fn log_error(path: &Path, error: &std::io::Error) -> Error {
    Error::config(format!("--log {}: {error}", path.display()))
}
