//! `serve` for years: two schedules, retention, the API asked each day, in a time that jumps. Nothing may grow: not the memory, not
//! what a day allocates, not the tasks, the open files or the store.
//!
//! The days of `cargo test` are some hundred; `TALLYSHEET_SOAK_DAYS` says others.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "it tells its figures")]

use schemars::JsonSchema;
use serde::Deserialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};
use std::alloc::System;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tallysheet_config::Config;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Identity, Meta, Metric,
    MetricDef, OrgCounts, Outcome, Probe, Registry, Result, VendorOrg, World, async_trait, register_connector,
};
use tallysheet_host::{Environment, System as Host};
use tallysheet_serve::{Service, serve, token};
use tallysheet_store::{Sqlite, Store};
use tallysheet_testkit::{BEGINNING, Jumping};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DAYS: u32 = 240;
/// What `keep` and `keep_counts` say.
const KEPT: u32 = 60;
/// How much faster the time of day goes than waits: one of 20 seconds takes 20 minutes of the day, so that years are minutes.
const FASTER: u32 = 60;

static METRICS: [MetricDef; 3] = [
    MetricDef::number("Devices", "devices"),
    MetricDef::number("Servers", "devices"),
    MetricDef::number("Users", "users"),
];

/// A source whose counts change from week to week, whose customers come and go, and which fails now and then.
struct Meter(Context);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {}

impl ConnectorSpec for Meter {
    type Config = Settings;
    const META: &'static Meta = &Meta {
        slug: "meter",
        title: "Meter",
        default_url: Some(NO_URL),
        capabilities: &[Capability::Counts],
        metrics: &[&METRICS[0], &METRICS[1], &METRICS[2]],
        permissions: "none",
    };

    fn connect(Settings {}: Settings, cx: &Context) -> Result<Connector> {
        Ok(Connector::counting(Self(cx.clone())))
    }
}
register_connector!(Meter);

impl Meter {
    fn day(&self) -> i64 {
        self.0.now().as_second() / 86_400
    }
}

#[async_trait]
impl Probe for Meter {
    async fn check(&self) -> Result<Identity> {
        Ok(Identity::of("Northgate IT", "311"))
    }
}

#[async_trait]
impl CountSource for Meter {
    async fn counts(&self) -> Result<Counts> {
        let day = self.day();
        if day % 11 == 0 {
            return Err(Error::new(ErrorKind::Unavailable, "the vendor has a fault"));
        }
        // One customer goes and one comes every tenth day.
        let orgs = (0..30).map(|place| {
            let number = day / 10 + place;
            let count = |metric: i64| Outcome::Number((20 + (number * 7 + day / 7 * metric) % 13).into());
            let values = METRICS.iter().zip(1..).map(|(metric, at)| (Metric::Fixed(metric), count(at))).collect();
            OrgCounts::new(VendorOrg::new(number.to_string(), format!("Company {number:05}")), values)
        });
        Ok(Counts { orgs: orgs.collect(), ..Counts::default() })
    }
}

/// How much there is at one moment, and what the days before it took.
#[derive(Debug, Clone, Copy)]
struct Sample {
    day: u32,
    /// Bytes that are held, of the Rust side.
    held: usize,
    /// How often memory was asked for, on an average day of the thirty before.
    asked: usize,
    /// Of the whole process, where the system tells it.
    resident: Option<usize>,
    tasks: usize,
    /// Open files and sockets, where the system tells them.
    open: Option<usize>,
    /// Bytes of the state folder.
    state: u64,
    runs: usize,
}

#[test]
fn years_of_serving_take_no_more_than_months() {
    let days = days();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    // In memory where there is such a place: how fast a disk is does not matter here.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let samples = runtime.block_on(soak(folder.path(), days));
    for sample in &samples {
        println!("after {} days: {sample:?}", sample.day);
    }
    // The first is taken when retention has deleted for a while.
    let [_, middle, end] = samples[..] else { panic!("{samples:?}") };
    assert!(end.held <= middle.held + 64 * 1024, "memory grows: {middle:?} {end:?}");
    assert!(end.asked <= middle.asked + middle.asked / 20, "a day does more: {middle:?} {end:?}");
    assert!(end.tasks <= middle.tasks, "tasks are left: {middle:?} {end:?}");
    assert!(end.open <= middle.open, "files are left open: {middle:?} {end:?}");
    assert!(end.state <= middle.state + middle.state / 10, "the state folder grows: {middle:?} {end:?}");
    let grown = end.resident.zip(middle.resident).map_or(0, |(end, middle)| end.saturating_sub(middle));
    assert!(grown <= 4 * 1024 * 1024, "the process grows by {grown} bytes: {middle:?} {end:?}");
    // Two schedules, and what is kept of them.
    assert!((KEPT as usize..=KEPT as usize + 5).contains(&end.runs), "{end:?}");
}

#[allow(clippy::disallowed_methods, reason = "how much is tested is no setting of Tallysheet")]
fn days() -> u32 {
    let told = std::env::var("TALLYSHEET_SOAK_DAYS").ok();
    told.map_or(DAYS, |text| text.parse().expect("TALLYSHEET_SOAK_DAYS is no number"))
}

async fn soak(folder: &Path, days: u32) -> Vec<Sample> {
    let (token, hash) = token(&[7; 32]);
    let text = format!(
        "[run]\ntimezone = \"UTC\"\nkeep = \"{KEPT}d\"\nkeep_counts = \"{KEPT}d\"\n[integrations.meter]\n\
         [schedule.nightly]\ndaily = {{ at = \"02:00\" }}\n[schedule.month-end]\nmonthly = {{ day = \"last\", at = \"18:00\" }}\n\
         [serve]\nlisten = \"127.0.0.1:0\"\ntokens = [{{ name = \"soak\", sha256 = \"{hash}\" }}]\n"
    );
    let registry = Registry::new(&["meter"]);
    let config = Config::parse(&text, &folder.join("tallysheet.toml"), &Environment::default(), &registry).unwrap();
    let state = folder.join("state");
    let host = Host::new(&state);
    let store = Arc::new(Sqlite::open(&host.private_file("tallysheet.db").unwrap()).unwrap());
    let world = Arc::new(Jumping::new(host, |passed| BEGINNING + passed * FASTER));
    let service = Service::new(config, registry, world.clone(), store.clone()).unwrap();

    let (listening, listens) = tokio::sync::oneshot::channel();
    let samples = Arc::new(Mutex::new(Vec::new()));
    let years = {
        let samples = samples.clone();
        async move {
            let address = listens.await.unwrap();
            let mut asked = vec![ALLOCATOR.stats().allocations];
            for day in 1..=days {
                world.sleep(Duration::from_hours(24) / FASTER).await;
                for path in ["/v1/runs?limit=5", "/v1/schedules", "/metrics", "/ready"] {
                    ask(address, path, &token).await;
                }
                // Customers that went are gone only once somebody has seen that it is so.
                if day % 30 == 0 {
                    let last = store.runs(1).await.unwrap().remove(0);
                    store.accept(&last.id, None).await.unwrap();
                }
                asked.push(ALLOCATOR.stats().allocations);
                let thirty_before = asked[asked.len().saturating_sub(31)];
                asked.drain(..asked.len().saturating_sub(31));
                if [2 * KEPT, days.midpoint(2 * KEPT), days].contains(&day) {
                    let sample = Sample {
                        day,
                        held: held(),
                        asked: (ALLOCATOR.stats().allocations - thirty_before) / 30,
                        resident: resident(),
                        tasks: Handle::current().metrics().num_alive_tasks(),
                        open: open_files(),
                        state: size(&state),
                        runs: store.runs(10_000).await.unwrap().len(),
                    };
                    samples.lock().unwrap().push(sample);
                }
            }
        }
    };
    serve(service, years, |address| listening.send(address).unwrap()).await.unwrap();
    let samples = samples.lock().unwrap();
    samples.clone()
}

/// An answer of the API, read to its end.
async fn ask(address: std::net::SocketAddr, path: &str, token: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
}

fn held() -> usize {
    let Stats { bytes_allocated, bytes_deallocated, .. } = ALLOCATOR.stats();
    bytes_allocated - bytes_deallocated
}

fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}

fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let about = entry.metadata().unwrap();
            if about.is_dir() { size(&entry.path()) } else { about.len() }
        })
        .sum()
}
