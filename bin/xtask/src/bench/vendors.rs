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

/// Compares a CSV sheet with the books: every column that it has, and every row that belongs to one. A column without any
/// value is of an integration that failed, which is told and not wrong.
fn compare(sheet: &[u8], expected: &Expected) -> Result<String, String> {
    let mut reader = csv::Reader::from_reader(sheet);
    let titles = reader.headers().map_err(|error| error.to_string())?.clone();
    let records = reader.records().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let columns: Vec<(usize, usize)> = expected
        .columns
        .iter()
        .enumerate()
        .filter_map(|(truth, title)| Some((titles.iter().position(|told| told == title)?, truth)))
        .collect();
    // Company, notes and one carried column stand before the counts.
    if columns.is_empty() || columns.len() + 3 != titles.len() {
        return Err(format!("{} columns, of which the books know {}", titles.len(), columns.len()));
    }
    let is_told = |place: usize| records.iter().any(|record| record.get(place).is_some_and(|told| !told.is_empty()));
    let (places, blank): (Vec<_>, Vec<_>) = columns.into_iter().partition(|(place, _)| is_told(*place));
    let is_there = |row: &&ExpectedRow| {
        !row.unmapped || places.iter().any(|(_, truth)| matches!(row.cells[*truth], Truth::Number(_) | Truth::Text(_)))
    };
    let (mut rows, mut wrong) = (expected.rows.iter().filter(is_there), BTreeMap::new());
    for record in &records {
        let company = record.get(0).unwrap_or_default();
        let row = rows.next().filter(|row| row.company == company);
        let row = row.ok_or_else(|| format!("{company} is not the row that the books have there"))?;
        for (place, truth) in &places {
            let (told, wanted) = (record.get(*place).unwrap_or_default(), cell(&row.cells[*truth]));
            if told != wanted {
                let first = || format!("{company}, {}: `{told}`, in the books `{wanted}`", expected.columns[*truth]);
                wrong.entry(*place).or_insert_with(first);
            }
        }
    }
    if let Some(row) = rows.next() {
        return Err(format!("{} lacks", row.company));
    }
    if !wrong.is_empty() {
        return Err(wrong.into_values().collect::<Vec<_>>().join("; "));
    }
    let blank: Vec<&str> = blank.into_iter().map(|(place, _)| &titles[place]).collect();
    let not_counted = if blank.is_empty() { String::new() } else { format!("; not counted: {}", blank.join(", ")) };
    Ok(format!("{} rows, {} columns of counts{not_counted}", records.len(), places.len()))
}

fn cell(truth: &Truth) -> String {
    match truth {
        Truth::Number(number) => number.normalize().to_string(),
        Truth::Text(texts) => texts.iter().map(String::as_str).collect::<Vec<_>>().join("; "),
        Truth::NotMapped | Truth::NotApplicable | Truth::LeftOut | Truth::Failed(_) => String::new(),
    }
}
