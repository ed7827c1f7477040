//! `tallysheet history`: how counts moved, and what of it is to be believed.

use crate::arguments::{Global, HistoryArguments, HistoryCommand};
use crate::deliver::newest;
use crate::output;
use crate::setup::Setup;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use tallysheet_core::history::{Days, Place, day};
use tallysheet_core::registry::nearest;
use tallysheet_core::{Error, Result};

/// How many days are shown where nobody says from when on.
const USUAL: i64 = 90;

/// Shows the history, or accepts a run.
pub(crate) async fn history(global: &Global, arguments: &HistoryArguments) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    match &arguments.command {
        Some(HistoryCommand::Accept { run, companies }) => accept(global, &setup, run, companies).await,
        None => show(global, &setup, arguments).await,
    }
}

async fn show(global: &Global, setup: &Setup, arguments: &HistoryArguments) -> Result<u8> {
    let timezone = &setup.config.run.timezone;
    let to = arguments.to.unwrap_or_else(|| day(setup.world.now(), timezone));
    let from = arguments.from.unwrap_or_else(|| to.saturating_sub(jiff::Span::new().days(USUAL - 1)));
    if from > to {
        return Err(Error::config(format!("--from {from} is after --to {to}")));
    }
    let mut kept = setup.store.counts(begin(from, timezone)?, begin(next(to), timezone)?).await?;
    if let Some(wanted) = &arguments.integration {
        known_integrations(setup, wanted)?;
    }
    kept.series.retain(|(place, _)| wanted(place, arguments));
    let mut series = kept.by_day(timezone);
    series.retain(|days| !days.days.is_empty() && (arguments.all || moved(days)));
    if global.json {
        output::print(&tallysheet_report::history_json(&series, from, to)?)?;
    } else if arguments.csv {
        output::write(&tallysheet_report::history_csv(&series)?)?;
    } else if series.is_empty() {
        eprintln!("no such count moved from {from} to {to}; --all shows those that stayed too");
    } else {
        output::print(&tallysheet_report::history_table(&series, from, to))?;
    }
    Ok(0)
}

/// The beginning of a day.
pub(crate) fn begin(day: Date, timezone: &TimeZone) -> Result<Timestamp> {
    let begin = day.to_zoned_datetime(timezone.clone());
    begin.map(|begin| begin.timestamp()).map_err(|_| Error::config(format!("{day} is out of range")))
}

pub(crate) fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// A wrong name is answered with those that there are.
pub(crate) fn known_integrations(setup: &Setup, wanted: &[String]) -> Result<()> {
    let known: Vec<&str> = setup.config.integrations.iter().map(|one| one.name.as_str()).collect();
    let Some(wrong) = wanted.iter().find(|name| !known.contains(&name.trim())) else { return Ok(()) };
    let hint = nearest(wrong, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    let (hint, all) = (hint.unwrap_or_else(|| ".".to_owned()), known.join(", "));
    Err(Error::config(format!("there is no integration `{wrong}`{hint} The config has {all}")))
}

fn wanted(place: &Place, arguments: &HistoryArguments) -> bool {
    let in_it = |text: &str, part: &str| text.to_lowercase().contains(&part.trim().to_lowercase());
    let companies = &arguments.companies;
    let company = companies.is_empty()
        || companies.iter().any(|wanted| in_it(&place.row.company, wanted) || place.row.key == *wanted);
    let metric = arguments.metric.as_deref().is_none_or(|wanted| in_it(&place.column.metric, wanted));
    let integrations = arguments.integration.as_ref();
    company
        && metric
        && integrations.is_none_or(|names| names.iter().any(|name| name.trim() == place.column.integration))
}

/// Whether two days differ, a failure apart.
fn moved(days: &Days) -> bool {
    let mut known = days.days.iter().map(|day| day.entry).filter(|entry| entry.state.is_known());
    let first = known.next();
    known.any(|entry| Some(entry.value) != first.map(|first| first.value))
}

async fn accept(global: &Global, setup: &Setup, run: &str, companies: &[String]) -> Result<u8> {
    let id = match run {
        "last" => newest(setup).await?,
        id => id.to_owned(),
    };
    let accepted = setup.store.accept(&id, (!companies.is_empty()).then_some(companies)).await?;
    let Some(accepted) = accepted else {
        let place = setup.store.place();
        return Err(Error::config(format!("the counts of a run {id} are not kept in {place}")));
    };
    if global.json {
        let object = |one: &tallysheet_store::Accepted| json!({ "company": one.company, "column": one.column, "value": one.value.map(|value| value.normalize().to_string()) });
        output::print_json(&json!({ "run": id, "accepted": accepted.iter().map(object).collect::<Vec<_>>() }))?;
        return Ok(0);
    }
    for one in &accepted {
        let value = one.value.map_or_else(|| "none".to_owned(), |value| value.normalize().to_string());
        match &one.company {
            Some(company) => eprintln!("accepted: {company}, {}: {value}", one.column),
            None => eprintln!("accepted: {} lists {value} orgs", one.column),
        }
    }
    if accepted.is_empty() {
        eprintln!("run {id} has no implausible count of these that is not accepted yet");
    }
    Ok(0)
}
