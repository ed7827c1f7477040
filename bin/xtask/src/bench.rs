//! How fast a run is, how many calls it makes, how much memory it takes: the real program against the simulated MSP.
//!
//! | module | holds |
//! | --- | --- |
//! | `scenario` | what is measured, and the targets |
//! | `plans` | the fewest calls that each vendor needs |
//! | `vendors` | the simulated MSP, in a process of its own |
//!
//! This process stays small: on Linux, a child's peak memory begins with what its parent had when it was made.

mod plans;
mod scenario;
mod vendors;

#[cfg(test)]
mod tests;

use scenario::{SCENARIOS, Scenario};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use vendors::{Asked, SHEET, Told};
use wait4::{ResourceUsage, Wait4 as _};

/// How soon the first call must be made, and how large the program may be, in MB.
const FIRST_CALL: Duration = Duration::from_millis(50);
const LARGEST_BINARY: u64 = 40;

/// Measures the scenarios named, or all.
pub(crate) fn run(names: &[&str]) -> Result<String, String> {
    if cfg!(debug_assertions) {
        return Err("figures are of the release build: cargo run --release -p xtask -- bench".to_owned());
    }
    build()?;
    let all = || SCENARIOS.iter().map(|scenario| scenario.name).chain(["start"]).collect();
    let names = if names.is_empty() { all() } else { names.to_vec() };
    for name in names {
        let report = if name == "start" { start()? } else { measure(Scenario::find(name)?)? };
        println!("{report}");
    }
    Ok("figures of one machine: compare them within one run, not with another's".to_owned())
}

/// The simulated MSP of a scenario, for the process that plays it.
pub(crate) fn play(name: &str, folder: &str) -> Result<String, String> {
    vendors::play(Scenario::find(name)?, Path::new(folder))
}

fn build() -> Result<(), String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let built =
        Command::new(cargo).args(["build", "--release", "-p", "tallysheet"]).current_dir(crate::root()).status();
    let built = built.map_err(|error| format!("cargo cannot be run: {error}"))?;
    built.success().then_some(()).ok_or_else(|| "the release build failed".to_owned())
}

/// The measured program stands beside this one.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(own.with_file_name(format!("tallysheet{}", std::env::consts::EXE_SUFFIX)))
}

fn measure(scenario: &Scenario) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (mut played, mut lines) = vendors_of(scenario, folder.path())?;
    let (wall, used) = run_once(scenario, folder.path())?;
    // A line ends the play; then they tell.
    played.stdin.take().map(|mut stdin| stdin.write_all(b"\n"));
    let mut told = String::new();
    lines.read_line(&mut told).map_err(|error| error.to_string())?;
    let of_vendors = played.wait4().map_err(|error| error.to_string())?.rusage;
    let told: Told = serde_json::from_str(&told).map_err(|error| format!("the simulated vendors: {error}"))?;
    Ok(report(scenario, &told, wall, &used, &of_vendors))
}

/// Starts the vendors; they are ready when this returns.
fn vendors_of(scenario: &Scenario, folder: &Path) -> Result<(Child, BufReader<ChildStdout>), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut played = Command::new(own)
        .arg("bench-vendors")
        .arg(scenario.name)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(played.stdout.take().ok_or("no output of the vendors")?);
    let mut ready = String::new();
    lines.read_line(&mut ready).map_err(|error| error.to_string())?;
    if ready.trim() == "ready" { Ok((played, lines)) } else { Err("the simulated vendors did not start".to_owned()) }
}

/// One run of the real program, as a user makes it: how long it took, and what it used.
fn run_once(scenario: &Scenario, folder: &Path) -> Result<(Duration, ResourceUsage), String> {
    let mut command = Command::new(program()?);
    command.current_dir(folder).args(["--quiet", "run", "--no-deliver", "--output", SHEET]).stdout(Stdio::null());
    if !scenario.only.is_empty() {
        command.args(["--only", scenario.only]);
    }
    let began = Instant::now();
    let child = command.spawn().map_err(|error| format!("tallysheet cannot be run: {error}"))?;
    let used = child.wait4().map_err(|error| error.to_string())?;
    let wall = began.elapsed();
    // 3: some vendors of the story fail on purpose.
    match used.status.code() {
        Some(0 | 3) => Ok((wall, used.rusage)),
        status => Err(format!("the run ended with {status:?}")),
    }
}

fn report(scenario: &Scenario, told: &Told, wall: Duration, used: &ResourceUsage, vendors: &ResourceUsage) -> String {
    let limits =
        if scenario.limited { "their usual limits".to_owned() } else { format!("{} calls at once", scenario.at_once) };
    let mut text = format!(
        "\n{}: {}; {} ms an answer, {limits}\n\n{:<24}{:>7}{:>7}{:>9}{:>9}{:>7}\n",
        scenario.name,
        scenario.about,
        scenario.latency.as_millis(),
        "vendor",
        "calls",
        "least",
        "seconds",
        "ideal",
        "ratio"
    );
    let mut line = |name: &str, calls: usize, least: usize, took: Duration, ideal: Duration| {
        let ratio = if ideal.is_zero() { String::new() } else { format!("{:.2}", took.div_duration_f64(ideal)) };
        let (took, ideal) = (took.as_secs_f64(), ideal.as_secs_f64());
        let _ = writeln!(text, "{name:<24}{calls:>7}{least:>7}{took:>9.2}{ideal:>9.2}{ratio:>7}");
    };
    for (name, Asked { calls, least, took, ideal }) in &told.vendors {
        line(name, *calls, *least, *took, *ideal);
    }
    let sum = |of: fn(&Asked) -> usize| told.vendors.values().map(of).sum();
    let ideal = told.vendors.values().map(|asked| asked.ideal).max().unwrap_or_default();
    line("the whole run", sum(|asked| asked.calls), sum(|asked| asked.least), wall, ideal);

    let (cpu, memory) = (used.utime + used.stime, used.maxrss);
    let targets = &scenario.targets;
    let limit = targets.of_ideal.map(|hundredths| ideal * hundredths / 100).or(targets.wall);
    let _ = writeln!(
        text,
        "\nwall       {:>8.2} s{}",
        wall.as_secs_f64(),
        verdict(&wall, limit.as_ref(), |limit| format!("{:.2} s", limit.as_secs_f64()))
    );
    let _ = writeln!(
        text,
        "CPU        {:>8.2} s{}",
        cpu.as_secs_f64(),
        verdict(&cpu, targets.cpu.as_ref(), |limit| format!("{:.2} s", limit.as_secs_f64()))
    );
    if memory == 0 {
        text.push_str("memory     not measured here\n");
    } else {
        let _ = writeln!(
            text,
            "memory     {:>8} MB{}",
            memory / 1_000_000,
            verdict(&(memory / 1_000_000), targets.memory.as_ref(), |limit| format!("{limit} MB"))
        );
    }
    let sheet = told.sheet.as_ref().map_or_else(|wrong| format!("WRONG: {wrong}"), |size| format!("right: {size}"));
    let _ = writeln!(text, "the sheet is {sheet}");
    let of_vendors = (vendors.utime + vendors.stime).as_secs_f64();
    let _ = writeln!(text, "(the simulated vendors used {of_vendors:.2} s of CPU, their making included)");
    text
}

fn verdict<T: PartialOrd>(figure: &T, target: Option<&T>, show: impl Fn(&T) -> String) -> String {
    let Some(target) = target else { return String::new() };
    format!("  ({} at most: {})", show(target), if figure <= target { "reached" } else { "MISSED" })
}

/// How soon the program makes its first call, and how large it is.
fn start() -> Result<String, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let config = format!("[integrations.huntress]\nurl = \"{url}\"\napi_key = \"key\"\napi_secret = \"secret\"\n");
    std::fs::write(folder.path().join("tallysheet.toml"), config).map_err(|error| error.to_string())?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        let mut command = Command::new(program()?);
        command
            .current_dir(folder.path())
            .args(["--quiet", "run", "--no-deliver"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("tallysheet cannot be run: {error}"))?;
        let accepted = listener.accept().map_err(|error| error.to_string())?;
        times.push(began.elapsed());
        drop(accepted);
        child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    }
    times.sort();
    let (middle, size) =
        (times[times.len() / 2], std::fs::metadata(program()?).map_err(|error| error.to_string())?.len());
    let size = size / 1_000_000;
    let (show_time, show_size) =
        (|limit: &Duration| format!("{} ms", limit.as_millis()), |limit: &u64| format!("{limit} MB"));
    Ok(format!(
        "\nstart: from the start of the program to its first call, the middle of nine\n\nfirst call {:>8} ms{}\nprogram    {size:>8} MB{}\n",
        middle.as_millis(),
        verdict(&middle, Some(&FIRST_CALL), show_time),
        verdict(&size, Some(&LARGEST_BINARY), show_size)
    ))
}
