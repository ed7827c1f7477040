//! The command line's words.

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use std::path::PathBuf;
use tallysheet_report::Format;

/// Counts what each customer of an MSP really uses, across every vendor.
#[derive(Parser)]
#[command(name = "tallysheet", version, about, after_help = EXIT_STATUSES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

const EXIT_STATUSES: &str = "Exit status:
  0  the report is complete and delivered
  1  no report: nothing could be counted, or no run was possible
  2  the command line, the config or a mapping file is wrong
  3  delivered, but an integration or an org failed; or `strict` held the file back
  4  the report was made, a delivery failed (the run is kept)";

/// What every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// The config [default: `TALLYSHEET_CONFIG`, then tallysheet.toml here, then in the user's config folder]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Say only what failed
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say every call
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The whole job on a simulated MSP, no accounts needed
    Demo(DemoArguments),
    /// Write a commented starter tallysheet.toml
    Init {
        /// The integrations to configure: `tallysheet integrations` lists them
        #[arg(required = true, value_name = "INTEGRATION")]
        integrations: Vec<String>,
        /// Where to write it [default: tallysheet.toml here]
        #[arg(long, value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// The connectors of this build, what they can do and their keys
    Integrations {
        /// One connector, with its keys
        name: Option<String>,
    },
    /// Read the config and ask each integration once: who am I, may I count
    Check {
        /// Only these
        #[arg(value_name = "NAME")]
        integrations: Vec<String>,
        /// Take the account that this integration's credential belongs to now for the right one
        #[arg(long, value_name = "NAME")]
        repin: Vec<String>,
    },
    /// Who is who: what each vendor calls each company
    Companies {
        #[command(subcommand)]
        command: CompaniesCommand,
    },
    /// The shape of a vendor's answers: keys and types, no values
    Probe {
        /// The integration to ask
        name: String,
    },
    /// Collect, merge, render, deliver, log
    Run(RunArguments),
    /// Deliver a kept run again, without collecting; or send a marked test
    Deliver(DeliverArguments),
    /// How counts moved; `history accept RUN` takes its implausible counts as they are
    History(HistoryArguments),
    /// The figures of a month, by each vendor's own rule
    Report(ReportArguments),
    /// Count, and compare with what the PSA bills
    Reconcile(ReconcileArguments),
    /// Which columns make which product of the PSA
    Products {
        #[command(subcommand)]
        command: ProductsCommand,
    },
    /// What a plan of changes would do in the PSA; with --yes do it
    Apply(ApplyArguments),
    /// Keep the schedules, and answer the HTTP API and the page
    Serve {
        #[command(subcommand)]
        command: Option<ServeCommand>,
    },
    /// Hand the schedules to the operating system's scheduler
    Schedule {
        #[command(subcommand)]
        command: ScheduleCommand,
    },
    /// The JSON Schema of the config, for editors
    Schema,
}

#[derive(Subcommand)]
pub(crate) enum CompaniesCommand {
    /// Every company and what each vendor calls it, what is not mapped first
    List,
    /// Likely matches with score and evidence; nothing is written
    Suggest {
        /// Only those of at least this score
        #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=100))]
        min_score: Option<u8>,
        /// Write them to this file, to be edited and given to `accept --from`
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
    /// Write matches into the companies file
    Accept {
        /// Those of at least this score [default: 85]
        #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=100), conflicts_with = "from")]
        min_score: Option<u8>,
        /// What was marked in a file of `suggest --output`
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
        /// Write without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// Make the first companies file
    Export {
        /// Where the companies come from [default: the directory, where the config names one]
        #[arg(long, value_enum)]
        from: Option<ExportFrom>,
        /// Where to write it [default: the file that the config names, else companies.csv beside the config]
        #[arg(long, value_name = "PATH")]
        output: Option<PathBuf>,
    },
}

/// Where the first companies file comes from.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFrom {
    /// The active companies of the PSA that `[run] directory` names
    Directory,
    /// What all vendors have, joined by name
    Vendors,
}

#[derive(Args, Default)]
pub(crate) struct RunArguments {
    /// Only these integrations
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Leave the config's deliveries out
    #[arg(long)]
    pub(crate) no_deliver: bool,
    /// One more delivery: a file, or - for standard output
    #[arg(long, value_name = "PATH|-")]
    pub(crate) output: Option<String>,
    /// The format of the output: csv, long, json, xlsx or html [default: by its ending, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Write the run's log here, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) log: Option<PathBuf>,
    /// Make this schedule's run now
    #[arg(long, value_name = "NAME", conflicts_with_all = ["only", "no_deliver"])]
    pub(crate) schedule: Option<String>,
    /// With --schedule: only if a time of it has passed that was not run
    #[arg(long, requires = "schedule")]
    pub(crate) if_due: bool,
}

#[derive(Subcommand)]
pub(crate) enum ServeCommand {
    /// Make a token for the HTTP API; it is shown once
    Token {
        /// Whose it is
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Write what the scheduler needs, and say how to switch it on
    Install(InstallArguments),
}

#[derive(Args)]
pub(crate) struct InstallArguments {
    /// Only these schedules
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Only show it
    #[arg(long)]
    pub(crate) print: bool,
    /// For the machine instead of for you
    #[arg(long)]
    pub(crate) system: bool,
    /// Which scheduler [default: that of this system]
    #[arg(long = "for", value_name = "SCHEDULER")]
    pub(crate) scheduler: Option<SchedulerWord>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum SchedulerWord {
    Systemd,
    Launchd,
    Windows,
}

#[derive(Args)]
pub(crate) struct DeliverArguments {
    /// The run's id, or `last`
    #[arg(value_name = "RUN", required_unless_present = "test")]
    pub(crate) run: Option<String>,
    /// Only these deliveries of the config
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Send a marked test by this delivery instead
    #[arg(long, value_name = "NAME", conflicts_with_all = ["run", "names"])]
    pub(crate) test: Option<String>,
}

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// How many companies the simulated MSP has, 14 or more
    #[arg(long, default_value_t = 25)]
    pub(crate) companies: usize,
    /// Another seed makes another MSP
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the sheet is written
    #[arg(long, value_name = "PATH", default_value = "tallysheet-demo.csv")]
    pub(crate) output: PathBuf,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct HistoryArguments {
    #[command(subcommand)]
    pub(crate) command: Option<HistoryCommand>,
    /// Only these companies: names, keys, or parts of names
    #[arg(value_name = "COMPANY")]
    pub(crate) companies: Vec<String>,
    /// Only columns whose name has this in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) metric: Option<String>,
    /// Only these integrations
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) integration: Option<Vec<String>>,
    /// The first day [default: 90 days ago]
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<Date>,
    /// The last day [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) to: Option<Date>,
    /// Also what never moved
    #[arg(long)]
    pub(crate) all: bool,
    /// A line a day, as CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Subcommand)]
pub(crate) enum HistoryCommand {
    /// Take the implausible counts of a run as they are: later runs are compared with them
    Accept {
        /// The run's id, or `last`
        #[arg(value_name = "RUN")]
        run: String,
        /// Only the counts of these companies, by name or key
        #[arg(value_name = "COMPANY")]
        companies: Vec<String>,
    },
}

#[derive(Args)]
pub(crate) struct ReportArguments {
    /// The month: 2026-11
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub(crate) month: Date,
    /// Only these integrations
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) integration: Option<Vec<String>>,
    /// A file, or - for standard output
    #[arg(long, value_name = "PATH|-")]
    pub(crate) output: Option<String>,
    /// csv, json or xlsx [default: by the ending of the output, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
}

#[derive(Args)]
pub(crate) struct ReconcileArguments {
    /// A file, or - for standard output
    #[arg(long, value_name = "PATH|-")]
    pub(crate) output: Option<String>,
    /// csv, json, xlsx or html [default: by the ending of the output, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// In the table also what is equal
    #[arg(long)]
    pub(crate) all: bool,
    /// Write the changes that make the PSA bill what is counted: to be read, edited, and applied
    #[arg(long, value_name = "PATH")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ProductsCommand {
    /// Columns that are perhaps a product that the products file does not name, with evidence
    Suggest {
        /// Add those that are sure to the products file
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct ApplyArguments {
    /// A plan of `reconcile --plan`, or an undo plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// Write to the PSA; without it nothing is written
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// I know that this PSA cannot take its changes back
    #[arg(long, requires = "yes")]
    pub(crate) no_undo: bool,
}

/// The first day of a month.
fn month(text: &str) -> Result<Date, String> {
    format!("{text}-01").parse().map_err(|_| "write a month like 2026-11".to_owned())
}
