//! What maintainers run: `new-connector SLUG TITLE`, `docs [--check]`, `dist DIR`, `tidy`, `bench [SCENARIO…]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bench;
#[cfg(test)]
mod claims;
mod dist;
mod docs;
mod new_connector;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- COMMAND

  new-connector SLUG TITLE   make a connector that fails only its own to-dos
  docs [--check]             write the generated parts of docs/ (or fail where they are out of date)
  dist DIR                   write shell completions and manual pages of the program there
  tidy                       check which room depends on which
  bench [SCENARIO…]          measure runs of the release build against the simulated MSP";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["new-connector", slug, title] => new_connector::make(&root(), slug, title),
        ["docs"] => docs::write(&root()),
        ["docs", "--check"] => docs::check(&root()),
        ["dist", folder] => dist::write(Path::new(folder)),
        ["tidy"] => tidy::check(&root()),
        ["bench", scenarios @ ..] => bench::run(scenarios),
        ["bench-vendors", scenario, folder] => bench::play(scenario, folder),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
