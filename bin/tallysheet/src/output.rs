//! What goes to the terminal, and what must not.

use crate::arguments::Global;
use std::io::{IsTerminal, Write};
use tallysheet_core::{Error, Result};
use tracing_subscriber::filter::LevelFilter;

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    write(text.as_bytes())
}

/// Writes bytes to standard output. A reader that went away (`| head`) is no failure.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::internal(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to standard output, unless a JSON object is to stand there alone.
pub(crate) fn print_or_not(json: bool, text: &str) -> Result<()> {
    if json { Ok(()) } else { print(text) }
}

/// Writes a JSON object to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// How wide a table may be, where standard output is a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    if !terminal.is_term() {
        return None;
    }
    terminal.size_checked().map(|(_, columns)| usize::from(columns)).filter(|columns| *columns > 0).or(Some(100))
}

/// Whether standard output may be coloured.
pub(crate) fn colours() -> bool {
    console::colors_enabled()
}

/// Sends the log to standard error: failures, warnings too unless `--quiet`, every call with `--verbose`.
pub(crate) fn log_to_stderr(global: &Global) {
    let level = if global.verbose {
        LevelFilter::DEBUG
    } else if global.quiet {
        LevelFilter::ERROR
    } else {
        LevelFilter::WARN
    };
    let ours = tracing_subscriber::EnvFilter::builder().parse_lossy(format!("off,tallysheet={level}"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(ours)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .compact()
        .finish();
    // Only a second call could fail, and there is none.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// A panic's message may hold anything, a secret too: only its place is told.
pub(crate) fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("a defect at {place}; please report it");
    }));
}
