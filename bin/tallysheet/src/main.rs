//! The command line: arguments in, exit status out. How anything is done is somewhere else.
#![allow(clippy::print_stderr, reason = "a program for the terminal")]

mod apply;
mod arguments;
mod check;
mod companies;
mod deliver;
mod demo;
mod describe;
mod history;
mod output;
mod probe;
mod products;
mod progress;
mod reconcile;
mod report;
mod run;
mod schedule;
mod serve;
mod setup;

use arguments::{Cli, Command, ProductsCommand, ScheduleCommand, ServeCommand};
use clap::Parser;
use std::process::ExitCode;
use tallysheet_core::{Error, ErrorKind};
use tokio::runtime::Builder;

/// The same on every system. The usual ones keep more of what large answers took, and musl's is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::hide_panic_messages();
    output::log_to_stderr(&cli.global);
    let runtime = match runtime(&cli.command).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program cannot start its threads: {error}");
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(exit_status(&error))
        }
    }
}

/// What serves works side by side. All else waits for vendors, which one thread does as fast, and with less memory: each
/// thread keeps what it has freed for itself.
fn runtime(command: &Command) -> Builder {
    match command {
        Command::Serve { command: None } => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    }
}

async fn dispatch(cli: Cli) -> Result<u8, Error> {
    let global = &cli.global;
    match cli.command {
        Command::Demo(arguments) => demo::demo(global, &arguments).await,
        Command::Init { integrations, path } => describe::init(global, &integrations, path.as_deref()),
        Command::Integrations { name } => describe::integrations(global, name.as_deref()),
        Command::Check { integrations, repin } => check::check(global, &integrations, &repin).await,
        Command::Companies { command } => companies::companies(global, &command).await,
        Command::Probe { name } => probe::probe(global, &name).await,
        Command::Run(arguments) => run::run(global, &arguments).await,
        Command::Deliver(arguments) => deliver::deliver(global, &arguments).await,
        Command::History(arguments) => history::history(global, &arguments).await,
        Command::Report(arguments) => report::report(global, &arguments).await,
        Command::Reconcile(arguments) => reconcile::reconcile(global, &arguments).await,
        Command::Products { command: ProductsCommand::Suggest { yes } } => products::suggest(global, yes).await,
        Command::Apply(arguments) => apply::apply(global, &arguments).await,
        Command::Serve { command: None } => serve::serve(global).await,
        Command::Serve { command: Some(ServeCommand::Token { name }) } => serve::token(global, &name),
        Command::Schedule { command: ScheduleCommand::Install(arguments) } => {
            schedule::install(global, &arguments).await
        }
        Command::Schema => describe::schema(),
    }
}

/// A wrong config or command line is 2; what else ends a command before it has a result is 1.
fn exit_status(error: &Error) -> u8 {
    if error.kind() == ErrorKind::Config { 2 } else { 1 }
}
