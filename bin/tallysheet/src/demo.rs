//! `tallysheet demo`: the whole job on a simulated MSP. The vendors are made up; the HTTP, the connectors and the sheet
//! are real.

use crate::arguments::{DemoArguments, Global, RunArguments};
use crate::setup::Setup;
use crate::{output, run};
use std::fmt::Write as _;
use std::path::Path;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, Result};
use tallysheet_host::Environment;
use tallysheet_report::reconcile_top;
use tallysheet_sim::{Options, Simulation};

/// So many rows of what is billed wrongly are shown.
const ROWS: usize = 8;

/// Runs the demo. It ends with 0 whatever its vendors do on purpose.
pub(crate) async fn demo(global: &Global, arguments: &DemoArguments) -> Result<u8> {
    let options = Options { companies: arguments.companies, seed: arguments.seed, ..Options::default() };
    let simulation = Simulation::start(options).await?;
    let folder = tempfile::tempdir().map_err(|error| Error::internal(format!("no temporary folder: {error}")))?;
    let config = folder.path().join("tallysheet.toml");
    write(&config, &(simulation.config_toml() + &simulation.delivery_toml() + &simulation.reconcile_toml()))?;
    write(&folder.path().join("products.csv"), &simulation.products_csv())?;
    write(&folder.path().join("companies.csv"), &simulation.companies_csv()?)?;

    if arguments.output == Path::new("-") {
        return Err(Error::config("demo --output wants a file; its table is on standard output already"));
    }
    let here = std::path::absolute(&arguments.output).map_err(|error| Error::config(format!("--output: {error}")))?;
    let wanted = RunArguments { output: Some(here.display().to_string()), ..RunArguments::default() };
    // The environment's overrides are meant for the real vendors.
    let setup = Setup::load_with(Some(&config), &Environment::default()).await?;
    let result = run::collect(&setup, global, &wanted).await?;
    if global.json {
        output::print(&tallysheet_report::json(&result)?)?;
    } else {
        output::print(&story(&simulation, &result, arguments))?;
    }
    Ok(0)
}

fn story(simulation: &Simulation, run: &Run, arguments: &DemoArguments) -> String {
    let width = output::terminal_width().unwrap_or(120);
    let mut text = format!(
        "A simulated MSP with {} companies. Its vendors answer real HTTP on this machine; nothing leaves it.\n\n{}\n",
        arguments.companies,
        tallysheet_report::table(run, Some(width), output::colours())
    );
    if let Some(made) = &run.reconciliation {
        let _ = writeln!(text, "{}", reconcile_top(made, ROWS, Some(width), output::colours()));
    }
    text.push_str("What to see:\n");
    for line in simulation.story() {
        let _ = writeln!(text, "  - {line}");
    }
    let calls: Vec<String> = simulation.calls().iter().map(|(vendor, calls)| format!("{vendor} {calls}")).collect();
    let lines: Vec<String> = calls.chunks(4).map(|calls| calls.join(", ")).collect();
    let _ = writeln!(text, "\n{} calls were made:\n  {}.", simulation.total_calls(), lines.join(",\n  "));
    for delivery in &run.deliveries {
        match (&delivery.reference, &delivery.error) {
            (Some(number), _) if delivery.kind == "ticket" => writeln!(text, "The ticket is number {number}."),
            (Some(path), _) => writeln!(text, "The sheet is in {path}."),
            (None, error) => {
                writeln!(text, "The sheet could not be written: {}", error.as_deref().unwrap_or("skipped"))
            }
        }
        .unwrap_or_default();
    }
    let _ = writeln!(
        text,
        "A real run like this would end with exit status {}, as some counts failed; the demo ends with 0.\n\n\
         Your own first vendor: tallysheet init huntress (`tallysheet integrations` lists them all)",
        run.exit_status
    );
    text
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| Error::internal(format!("{}: {error}", path.display())))
}
