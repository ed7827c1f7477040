//! `tallysheet schedule install`: the operating system's own scheduler.

use crate::arguments::{Global, InstallArguments, SchedulerWord};
use crate::output;
use crate::setup::Setup;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tallysheet_config::Schedule;
use tallysheet_core::{Error, Result};
use tallysheet_host::files;
use tallysheet_serve::{Place, Scheduler, units};

/// Writes or shows the files.
pub(crate) async fn install(global: &Global, arguments: &InstallArguments) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let service = setup.service()?;
    let names = &arguments.names;
    let schedules: Vec<&Schedule> = if names.is_empty() {
        setup.config.schedules.iter().collect()
    } else {
        names.iter().map(|name| service.schedule(name)).collect::<Result<_>>()?
    };
    if schedules.is_empty() {
        return Err(Error::config("there is no schedule; add a section like [schedule.month-end]"));
    }
    let failed = |error: std::io::Error| Error::internal(format!("the program's own path is not known: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let config = std::path::absolute(&setup.config.path).map_err(failed)?;
    let place = Place {
        program: &program,
        config: &config,
        timezone: setup.config.run.timezone.iana_name(),
        system: arguments.system,
    };
    let kind = scheduler(arguments.scheduler);
    let folder = folder(kind, arguments.system)?;
    let (mut told, mut text) = (Vec::<Value>::new(), String::new());
    for schedule in schedules {
        for unit in units(kind, schedule, &place) {
            let path = folder.join(&unit.file);
            let enable = unit.enable.map(|command| command.replace("{path}", &path.display().to_string()));
            if arguments.print {
                let _ = writeln!(text, "# {}\n{}", path.display(), unit.text);
            } else {
                write(&path, &unit.text)?;
                let _ = writeln!(text, "{} is written", path.display());
            }
            if let Some(command) = &enable {
                let _ = writeln!(text, "{}To switch it on: {command}\n", if arguments.print { "# " } else { "" });
            }
            told.push(json!({ "path": path.display().to_string(), "text": unit.text, "enable": enable }));
        }
        if !arguments.print {
            service.begin_schedule(schedule).await?;
        }
    }
    if global.json {
        output::print_json(&json!({ "files": told }))?;
    } else {
        output::print(&text)?;
    }
    Ok(0)
}

const fn scheduler(word: Option<SchedulerWord>) -> Scheduler {
    match word {
        Some(SchedulerWord::Launchd) => Scheduler::Launchd,
        Some(SchedulerWord::Windows) => Scheduler::Windows,
        None if cfg!(windows) => Scheduler::Windows,
        None if cfg!(target_os = "macos") => Scheduler::Launchd,
        Some(SchedulerWord::Systemd) | None => Scheduler::Systemd,
    }
}

/// Where a scheduler looks; of Windows, which is told the path, the working folder.
fn folder(scheduler: Scheduler, system: bool) -> Result<PathBuf> {
    let none = || Error::config("this user has no home folder; --system installs for the machine");
    match (scheduler, system) {
        (Scheduler::Systemd, true) => Ok(PathBuf::from("/etc/systemd/system")),
        (Scheduler::Systemd, false) => Ok(files::config_folder().ok_or_else(none)?.join("systemd/user")),
        (Scheduler::Launchd, true) => Ok(PathBuf::from("/Library/LaunchDaemons")),
        (Scheduler::Launchd, false) => Ok(files::home_folder().ok_or_else(none)?.join("Library/LaunchAgents")),
        (Scheduler::Windows, _) => {
            std::path::absolute(".").map_err(|error| Error::internal(format!("the working folder: {error}")))
        }
    }
}

/// Replaces what an earlier call wrote.
fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::config(format!("{} cannot be written: {error}; --print only shows it", path.display())))
}
