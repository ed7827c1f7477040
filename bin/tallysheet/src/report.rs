//! `tallysheet report`: the figures of a month, by each vendor's own rule.

use crate::arguments::{Global, ReportArguments};
use crate::history::{begin, known_integrations, next};
use crate::output;
use crate::setup::Setup;
use std::path::Path;
use tallysheet_core::history::day;
use tallysheet_core::month::{Month, report as figures};
use tallysheet_core::{Error, Result};
use tallysheet_host::files;
use tallysheet_report::{Format, month_book, month_csv, month_json};

/// Writes the figures. Days without a snapshot are told on standard error too.
pub(crate) async fn report(global: &Global, arguments: &ReportArguments) -> Result<u8> {
    let output = arguments.output.as_deref().filter(|output| *output != "-");
    if global.json && (arguments.output.is_some() || arguments.format.is_some()) {
        return Err(Error::config("--json prints to standard output; leave it out, or --output and --format"));
    }
    let format = match (arguments.format, output) {
        (Some(format), _) => format,
        (None, Some(output)) => Format::of_path(Path::new(output)),
        (None, None) => Format::Csv,
    };
    if !matches!(format, Format::Csv | Format::Json | Format::Xlsx) {
        return Err(Error::config("the figures of a month come as csv, json or xlsx"));
    }
    let setup = Setup::load(global.config.as_deref()).await?;
    let timezone = &setup.config.run.timezone;
    let today = day(setup.world.now(), timezone);
    let Some(month) = Month::of(arguments.month, today) else {
        return Err(Error::config(format!("{} has not begun", arguments.month.strftime("%Y-%m"))));
    };
    let mut rules = setup.config.rules.clone();
    if let Some(wanted) = &arguments.integration {
        known_integrations(&setup, wanted)?;
        rules.retain(|name, _| wanted.iter().any(|one| one.trim() == name));
    }
    let kept = setup.store.counts(begin(month.first, timezone)?, begin(next(month.until), timezone)?).await?;
    let report = figures(&kept, &rules, month, timezone);
    if report.lines.is_empty() {
        let (month, place) = (month.first.strftime("%Y-%m"), setup.store.place());
        eprintln!("error: no count of {month} is kept in {place}");
        return Ok(1);
    }
    if !global.quiet {
        for (name, rule, missing) in report.integrations.iter().filter(|(_, _, missing)| !missing.is_empty()) {
            let days = tallysheet_core::month::ranges(missing);
            eprintln!("{name} ({}): no snapshot on {days}", rule.label());
        }
    }
    if global.json {
        output::print(&month_json(&report)?)?;
        return Ok(0);
    }
    let bytes = match format {
        Format::Xlsx if output.is_none() && output::terminal_width().is_some() => {
            return Err(Error::config("a terminal shows no workbook; write it to a file with --output"));
        }
        Format::Xlsx => month_book(&report)?,
        Format::Json => month_json(&report)?.into_bytes(),
        _ => month_csv(&report)?,
    };
    match output {
        None => output::write(&bytes)?,
        Some(path) => {
            let path = std::path::absolute(path).map_err(|error| Error::config(format!("--output {path}: {error}")))?;
            eprintln!("written: {}", files::write_new_file(&path, &bytes)?.display());
        }
    }
    Ok(0)
}
