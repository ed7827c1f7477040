//! `tallysheet apply`: what a plan would do in the PSA, and with `--yes` does it.

use crate::arguments::{ApplyArguments, Global};
use crate::output;
use crate::reconcile::{applying, ledger};
use crate::setup::Setup;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use tallysheet_core::billing::Writing;
use tallysheet_core::{Decimal, Error, Result};
use tallysheet_engine::Applied;
use tallysheet_host::files;
use tallysheet_reconcile::plan::{Change, Entry, Outcome, Plan, Step};

/// Looks, or carries the plan out: 0, 3 where changes are refused, 4 where one failed or may have been made.
pub(crate) async fn apply(global: &Global, arguments: &ApplyArguments) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let one = ledger(&setup)?;
    let path = &arguments.plan;
    let plan = Plan::read(&path.display().to_string(), &files::read_text(path)?, one.limits)?;
    let applying = applying(&setup, &one);
    if !arguments.yes {
        return looked(global, &plan, &applying.look(&plan).await?);
    }
    let undo = undo_path(path, &plan)?;
    if one.ledger.writing() == Writing::Difference && !plan.changes.is_empty() && !arguments.no_undo {
        approve(&plan, &one.title)?;
    }
    let keep_undo = |plan: &Plan| {
        if plan.changes.is_empty() { Ok(()) } else { files::keep(&undo, plan.text()?.as_bytes()) }
    };
    let tell = |entry: &Entry| {
        if !global.quiet && !global.json {
            eprintln!("{}: {}", words(&entry.change), told(entry.outcome.as_str(), &entry.told));
        }
    };
    let applied = applying.apply(&plan, &keep_undo, &tell).await?;
    done(global, &plan, &applied, &undo)
}

fn looked(global: &Global, plan: &Plan, steps: &[(Change, Step)]) -> Result<u8> {
    let said = |step: &Step| match step {
        Step::Write => ("would-change", String::new()),
        Step::Ended(outcome, why) => (outcome.as_str(), why.clone()),
    };
    if global.json {
        let changes: Vec<Value> = steps
            .iter()
            .map(|(change, step)| {
                let (outcome, why) = said(step);
                object(change, outcome, &why)
            })
            .collect();
        output::print_json(&json!({ "plan": plan.id, "ledger": plan.ledger, "written": false, "changes": changes,
            "record": null, "undo": null }))?;
    } else {
        for (change, step) in steps {
            let (outcome, why) = said(step);
            output::print(&format!("{}: {}\n", words(change), told(outcome, &why)))?;
        }
        let would = steps.iter().filter(|(_, step)| *step == Step::Write).count();
        output::print(&format!("Nothing is written. `--yes` makes {would} of {} changes.\n", steps.len()))?;
    }
    Ok(if steps.iter().any(|(_, step)| matches!(step, Step::Ended(Outcome::Refused, _))) { 3 } else { 0 })
}

fn done(global: &Global, plan: &Plan, applied: &Applied, undo: &Path) -> Result<u8> {
    let of_plan: Vec<&Entry> = plan.changes.iter().filter_map(|change| applied.record.entry(change)).collect();
    let count = |outcome: Outcome| of_plan.iter().filter(|entry| entry.outcome == outcome).count();
    let made = count(Outcome::Done);
    if global.json {
        let changes: Vec<Value> =
            of_plan.iter().map(|entry| object(&entry.change, entry.outcome.as_str(), &entry.told)).collect();
        output::print_json(&json!({ "plan": plan.id, "ledger": plan.ledger, "written": made > 0, "changes": changes,
            "record": applied.place, "undo": (made > 0).then(|| undo.display().to_string()) }))?;
    } else {
        let undo = if made > 0 { format!("; {} takes them back", undo.display()) } else { String::new() };
        eprintln!(
            "{made} of {} changes are made, {} were there before, {} are refused{undo}\nthe record is {}",
            plan.changes.len(),
            count(Outcome::Held),
            count(Outcome::Refused),
            applied.place
        );
    }
    if let Some(error) = &applied.failure {
        let left = plan.changes.len() - of_plan.len();
        eprintln!("error: {error}; {left} changes were not begun. Apply the plan again to go on");
        return Ok(4);
    }
    Ok(if count(Outcome::Refused) > 0 { 3 } else { 0 })
}

/// `Acme Dental, MNG-WKS (Managed services): 42 to 44 from 2026-12-01 on, +70.00 USD a month`.
fn words(change: &Change) -> String {
    let Change { company, product, agreement, old, new, effective, money, currency, .. } = change;
    let agreement = if agreement.is_empty() { String::new() } else { format!(" ({agreement})") };
    let from = effective.map(|day| format!(" from {day} on")).unwrap_or_default();
    let money = money.map(|money| {
        let sign = if money > Decimal::ZERO { "+" } else { "" };
        format!(", {sign}{money:.2} {currency}").trim_end().to_owned() + " a month"
    });
    format!("{company}, {product}{agreement}: {old} to {new}{from}{}", money.unwrap_or_default())
}

fn told(outcome: &str, why: &str) -> String {
    if why.is_empty() { outcome.to_owned() } else { format!("{outcome}: {why}") }
}

fn object(change: &Change, outcome: &str, told: &str) -> Value {
    json!({ "company": change.company, "product": change.product, "line": change.line, "old": change.old,
        "new": change.new, "effective": change.effective, "outcome": outcome, "told": told })
}

/// Where the undo plan goes: `plan.undo.json` beside `plan.json`. One of another plan is never written over.
fn undo_path(path: &Path, plan: &Plan) -> Result<PathBuf> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let undo = path.with_file_name(format!("{stem}.undo.json"));
    if undo.exists() {
        let text = files::read_text(&undo)?;
        let same = serde_json::from_str::<Value>(&text).is_ok_and(|kept| kept["undoes"] == plan.id.as_str());
        if !same {
            let message = format!("{} is not the undo plan of this plan; move it away first", undo.display());
            return Err(Error::config(message));
        }
    }
    Ok(undo)
}

/// Asks once more, where changes cannot be taken back.
fn approve(plan: &Plan, title: &str) -> Result<()> {
    let many = plan.changes.len();
    let what = format!("{title} adds differences, and takes none of them back: only an opposite one on a later day");
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::config(format!("{what}. `--yes --no-undo` says that you know")));
    }
    eprint!("{what}.\nType the number of changes in the plan ({many}) to make them: ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Error::internal(format!("no answer can be read: {error}")))?;
    if line.trim() == many.to_string() { Ok(()) } else { Err(Error::config("nothing is written")) }
}
