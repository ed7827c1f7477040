//! `tallysheet products suggest`: which columns are perhaps which product of the PSA.

use crate::arguments::Global;
use crate::output;
use crate::reconcile::compared;
use crate::setup::Setup;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use tallysheet_config::products::{header, line};
use tallysheet_core::variance::{Evidence, Unruled};
use tallysheet_core::{Error, Result};
use tallysheet_host::files;

/// Shows the products that are billed and compared with nothing; with `yes` adds those that are sure to the products file.
pub(crate) async fn suggest(global: &Global, yes: bool) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let (_, run) = compared(&setup, global, true).await?;
    let made = run.reconciliation.as_ref().ok_or_else(|| Error::internal("the run compared nothing"))?;
    if let Some(code) = made.failed {
        eprintln!("error: {} did not tell what it bills: {code}", made.title);
        return Ok(1);
    }
    let sure: Vec<(&Unruled, &Evidence)> =
        made.unruled.iter().filter_map(|one| one.sure().map(|column| (one, column))).collect();
    let section = setup.config.reconcile.as_ref().ok_or_else(|| Error::internal("there is no [reconcile]"))?;
    let written = yes && !sure.is_empty();
    if written {
        add(&section.products, &sure)?;
    }
    let path = section.products.display();
    if global.json {
        let products: Vec<_> = made.unruled.iter().map(object).collect();
        output::print_json(&json!({ "products": products, "written": written.then(|| path.to_string()) }))?;
        return Ok(run.exit_status);
    }
    output::print(&shown(&made.unruled))?;
    let (many, all) = (sure.len(), made.unruled.len());
    match (written, many) {
        (true, _) => eprintln!("{many} lines are added to {path}; {} products are left to be decided", all - many),
        (false, 0) => eprintln!("none of {all} products is sure; write lines for them into {path}"),
        (false, _) => eprintln!("{many} of {all} products are sure (*); `--yes` adds them to {path}"),
    }
    Ok(run.exit_status)
}

fn add(path: &Path, sure: &[(&Unruled, &Evidence)]) -> Result<()> {
    let lines: String = sure.iter().map(|(one, column)| line(&one.product, &[pattern(&column.column)])).collect();
    if !path.exists() {
        return files::create(path, (header() + &lines).as_bytes());
    }
    let before = files::read(path)?;
    let mut after = before.clone();
    if !before.ends_with(b"\n") {
        after.extend_from_slice(b"\r\n");
    }
    after.extend_from_slice(lines.as_bytes());
    // A file with other columns, or other separators, would be spoilt by our lines: then nothing is written.
    let place = path.display().to_string();
    let read = tallysheet_config::products::read(&place, &after)
        .map_err(|error| error.context("nothing is written, as our lines do not fit this file"))?;
    if read.len() != tallysheet_config::products::read(&place, &before)?.len() + sure.len() {
        return Err(Error::config(format!(
            "{place}: nothing is written, as our lines do not fit this file; add them by hand"
        )));
    }
    files::replace_unchanged(path, &before, &after)
}

/// A title as a pattern. `;` would end it; `*` stands for anything.
fn pattern(title: &str) -> String {
    title.replace(';', "*")
}

fn object(one: &Unruled) -> serde_json::Value {
    let columns: Vec<_> = one
        .columns
        .iter()
        .map(|column| json!({ "column": column.column, "equal": column.equal, "both": column.both, "alike": column.alike }))
        .collect();
    json!({ "product": one.product, "description": one.description, "lines": one.lines,
        "sure": one.sure().map(|column| &column.column), "columns": columns })
}

fn shown(products: &[Unruled]) -> String {
    if products.is_empty() {
        return "Every product that is billed stands in the products file.\n".to_owned();
    }
    let mut text = String::new();
    for one in products {
        let description = if one.description.is_empty() { String::new() } else { format!(" ({})", one.description) };
        let lines = if one.lines == 1 { "1 line".to_owned() } else { format!("{} lines", one.lines) };
        let _ = writeln!(text, "{}{description}: {lines}", one.product);
        if one.columns.is_empty() {
            text.push_str("    no column is like it\n");
        }
        for column in &one.columns {
            let mark = if one.sure() == Some(column) { '*' } else { ' ' };
            let Evidence { column, equal, both, alike } = column;
            let _ = writeln!(text, "  {mark} {column}: equal at {equal} of {both} companies, name {alike} % alike");
        }
    }
    text
}
