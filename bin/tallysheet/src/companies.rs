//! `tallysheet companies`: who is who at which vendor. Nothing is matched by a score: it is shown, and a person accepts it.

mod ask;
mod show;

use crate::arguments::{CompaniesCommand, ExportFrom, Global};
use crate::output;
use crate::progress::progress;
use crate::setup::Setup;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use tallysheet_config::companies::{Changes, ChoiceRow, read_choices, write_choices};
use tallysheet_core::{Error, Level, Result};
use tallysheet_engine::{Export, Taken, Who, write, write_new};
use tallysheet_host::files;

/// From here on a suggestion is taken where nothing else is said.
const CERTAIN: u8 = tallysheet_engine::CERTAIN;

/// Asks all vendors, and does what the command says: 0, 3 where a vendor did not answer, 1 where none did.
pub(crate) async fn companies(global: &Global, command: &CompaniesCommand) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let choices = match command {
        CompaniesCommand::Accept { from: Some(path), .. } => {
            Some((path, read_choices(&path.display().to_string(), &files::read(path)?)?))
        }
        _ => None,
    };
    let who = setup.assemble_who()?.who(&*progress(global)).await?;
    if who.parts.is_empty() {
        return Err(Error::config("no integration is enabled that knows any customer"));
    }
    tell(global, &who);
    match command {
        CompaniesCommand::List => list(global, &who)?,
        CompaniesCommand::Suggest { min_score, output } => suggest(global, &who, *min_score, output.as_deref())?,
        CompaniesCommand::Accept { min_score, yes, .. } => {
            let (taken, said) = match choices {
                Some((path, choices)) => (who.chosen(&path.display().to_string(), &choices)?, true),
                None => taken(global, &who, *min_score, *yes)?,
            };
            accept(global, &setup, &who, &taken, said)?;
        }
        CompaniesCommand::Export { from, output } => export(global, &setup, &who, *from, output.as_deref())?,
    }
    Ok(match who.failed() {
        0 => 0,
        failed if failed == who.parts.len() => 1,
        _ => 3,
    })
}

/// What did not answer, and what needs care, on standard error.
fn tell(global: &Global, who: &Who) {
    for part in &who.parts {
        if let Err(error) = &part.orgs {
            eprintln!("{} failed: {error} [{}]", part.title, error.code());
        }
    }
    for notice in who.notices.iter().filter(|notice| !global.quiet && notice.level != Level::Info) {
        let about = notice.integration.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        eprintln!("{about}{}", notice.message);
    }
}

fn list(global: &Global, who: &Who) -> Result<()> {
    if global.json { output::print_json(&show::list_json(who)) } else { output::print(&show::list(who)) }
}

fn suggest(global: &Global, who: &Who, least: Option<u8>, path: Option<&Path>) -> Result<()> {
    let least = least.unwrap_or(0);
    if let Some(path) = path {
        let rows = show::choices(who, least);
        files::create(path, write_choices(&rows).as_bytes())?;
        return written(global, path, &rows);
    }
    if global.json {
        output::print_json(&show::suggest_json(who, least))
    } else {
        output::print(&show::suggest(who, least))
    }
}

fn written(global: &Global, path: &Path, rows: &[ChoiceRow]) -> Result<()> {
    if global.json {
        return output::print_json(&json!({ "path": path.display().to_string(), "suggestions": rows.len() }));
    }
    let path = path.display();
    output::print(&format!(
        "{} suggestions are in {path}. Write `x`, `new` or `ignore` into the first cell of those you decide, then:\n  \
         tallysheet companies accept --from {path}\n",
        rows.len()
    ))
}

/// What is to be accepted, all of a score or one by one on a terminal; and whether someone said yes to it.
fn taken(global: &Global, who: &Who, least: Option<u8>, yes: bool) -> Result<(Vec<Taken>, bool)> {
    let certain = who.certain(least.unwrap_or(CERTAIN));
    if yes {
        return Ok((certain, true));
    }
    if global.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        output::print_or_not(global.json, &show::taken(who, &certain))?;
        return Ok((certain, false));
    }
    Ok(ask::ask(who, &certain)?.map_or((certain, false), |taken| (taken, true)))
}

fn accept(global: &Global, setup: &Setup, who: &Who, taken: &[Taken], said: bool) -> Result<()> {
    let changes = who.changes(taken);
    let path = if said && !taken.is_empty() { Some(write(who, &changes, &*setup.world)?) } else { None };
    if global.json {
        let what = if said { "accepted" } else { "would_accept" };
        return output::print_json(&json!({ "written": path.map(|path| path.display().to_string()),
            what: show::taken_json(who, taken), "left": who.suggestions.len().saturating_sub(taken.len()) }));
    }
    match path {
        Some(path) => output::print(&format!(
            "{} are written into {}; {} are left to be decided.\n",
            show::many(taken.len(), "match", "matches"),
            path.display(),
            who.suggestions.len().saturating_sub(taken.len())
        )),
        None if said => output::print("Nothing to write.\n"),
        None => output::print("Nothing is written. `--yes` writes these.\n"),
    }
}

fn export(global: &Global, setup: &Setup, who: &Who, from: Option<ExportFrom>, output: Option<&Path>) -> Result<()> {
    let from = match from {
        Some(ExportFrom::Directory) => Export::Directory,
        None if setup.config.run.directory.is_some() => Export::Directory,
        Some(ExportFrom::Vendors) | None => Export::Vendors,
    };
    let configured = setup.config.run.companies.clone();
    let is_configured = output.is_none() && configured.is_some();
    let path: PathBuf = match (output, configured) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) => path,
        (None, None) => setup.config.base_dir.join("companies.csv"),
    };
    if is_configured && !who.is_empty() {
        let message = format!("{} has companies already; nothing was written", path.display());
        return Err(
            Error::config(message).advice("`tallysheet companies accept` adds to it; --output writes elsewhere")
        );
    }
    let changes: Changes = who.export(&from)?;
    if changes.rows.is_empty() {
        return Err(Error::new(
            tallysheet_core::ErrorKind::NotFound,
            "no company is known, so there is nothing to export",
        ));
    }
    if is_configured && who.has_file() {
        write(who, &changes, &*setup.world)?;
    } else {
        write_new(who, &path, &changes)?;
    }
    if global.json {
        let (path, rows, ids) = (path.display().to_string(), changes.rows.len(), changes.links.len());
        return output::print_json(&json!({ "path": path, "companies": rows, "ids": ids }));
    }
    let name = if setup.config.run.companies.is_some() {
        String::new()
    } else {
        let file = path.strip_prefix(&setup.config.base_dir).unwrap_or(&path).display().to_string();
        format!("Name it in {}: under [run], `companies = {file:?}`.\n", setup.config.path.display())
    };
    output::print(&format!(
        "{} are in {}.\n{name}Next: `tallysheet companies accept` for what the vendors call them.\n",
        show::many(changes.rows.len(), "company", "companies"),
        path.display()
    ))
}
