//! The simulated MSP in a process of its own, so that its work is not the measured program's: `bench-vendors`.

use super::plans::plan;
use super::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tallysheet_sim::{Expected, ExpectedRow, Options, Simulation, Truth};

/// The sheet that the measured run writes into the folder.
pub(crate) const SHEET: &str = "sheet.csv";

/// What the vendors have seen of a run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    /// By integration, those only that were to be asked.
    pub(crate) vendors: BTreeMap<String, Asked>,
    /// How the sheet differs from the books, if it does; else how large it is.
    pub(crate) sheet: Result<String, String>,
}

/// What one vendor has seen.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) calls: usize,
    pub(crate) least: usize,
    pub(crate) took: Duration,
    pub(crate) ideal: Duration,
}

/// Writes config and companies file into the folder, says so, answers until a line comes in, and tells what it has seen.
pub(crate) fn play(scenario: &Scenario, folder: &Path) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("the simulated vendors: {error}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| told(&error))?;
    let options = Options {
        companies: scenario.companies,
        devices_per_company: scenario.devices,
        latency: scenario.latency,
        // Real tokens end after hours.
        token_calls: usize::MAX,
        ..Options::default()
    };
    let simulation = runtime.block_on(Simulation::start(options)).map_err(|error| told(&error))?;
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(|error| told(&error));
    write("tallysheet.toml", &scenario.config(&simulation.config_toml()))?;
    write("companies.csv", &simulation.companies_csv().map_err(|error| told(&error))?)?;
    println!("ready");
    std::io::stdout().flush().map_err(|error| told(&error))?;
    std::io::stdin().read_line(&mut String::new()).map_err(|error| told(&error))?;

    let (calls, spans, lists) = (simulation.calls(), simulation.spans(), simulation.lists());
    let asked = calls.iter().filter(|(name, _)| scenario.asks(name)).map(|(name, calls)| {
        let plan = plan(name, &lists[name]);
        let ideal = plan.ideal(scenario.latency, scenario.at_once);
        ((*name).to_owned(), Asked { calls: *calls, least: plan.calls(), took: spans[name], ideal })
    });
    let sheet = std::fs::read(folder.join(SHEET)).map_err(|error| told(&error));
    let told =
        Told { vendors: asked.collect(), sheet: sheet.and_then(|sheet| compare(&sheet, &simulation.expected())) };
    serde_json::to_string(&told).map_err(|error| error.to_string())
}

/// Compares a CSV sheet with the books: every column that it has, and every row that belongs to one.
fn compare(sheet: &[u8], expected: &Expected) -> Result<String, String> {
    let mut reader = csv::Reader::from_reader(sheet);
    let titles = reader.headers().map_err(|error| error.to_string())?.clone();
    let places: Vec<(usize, usize)> = expected
        .columns
        .iter()
        .enumerate()
        .filter_map(|(truth, title)| Some((titles.iter().position(|told| told == title)?, truth)))
        .collect();
    // Company, notes and one carried column stand before the counts.
    if places.is_empty() || places.len() + 3 != titles.len() {
        return Err(format!("{} columns, of which the books know {}", titles.len(), places.len()));
    }
    let is_there = |row: &&ExpectedRow| {
        !row.unmapped || places.iter().any(|(_, truth)| matches!(row.cells[*truth], Truth::Number(_) | Truth::Text(_)))
    };
    let mut rows = expected.rows.iter().filter(is_there);
    let mut count = 0;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let company = record.get(0).unwrap_or_default();
        let row = rows.next().filter(|row| row.company == company);
        let row = row.ok_or_else(|| format!("{company} is not the row that the books have there"))?;
        for (place, truth) in &places {
            let (told, wanted) = (record.get(*place).unwrap_or_default(), cell(&row.cells[*truth]));
            if told != wanted {
                return Err(format!("{company}, {}: `{told}`, in the books `{wanted}`", expected.columns[*truth]));
            }
        }
        count += 1;
    }
    match rows.next() {
        Some(row) => Err(format!("{} lacks", row.company)),
        None => Ok(format!("{count} rows, {} columns of counts", places.len())),
    }
}

fn cell(truth: &Truth) -> String {
    match truth {
        Truth::Number(number) => number.normalize().to_string(),
        Truth::Text(texts) => texts.iter().map(String::as_str).collect::<Vec<_>>().join("; "),
        Truth::NotMapped | Truth::NotApplicable | Truth::LeftOut | Truth::Failed(_) => String::new(),
    }
}
