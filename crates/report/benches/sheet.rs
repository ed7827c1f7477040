//! A large sheet: 10,000 companies and 300 columns, merged and rendered. Tells time, peak memory, and both for one cell.
//!
//! ```sh
//! cargo bench -p tallysheet-report
//! ```
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::print_stdout, reason = "a benchmark tells its figures on standard output")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};
use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tallysheet_core::merge::{KeyedCompany, Options, Placement, Source, merge};
use tallysheet_core::run::{Run, RunStatus};
use tallysheet_core::sheet::Sheet;
use tallysheet_core::{Company, Counts, Decimal, Figure, Metric, MetricDef, OrgCounts, Outcome, Product, VendorOrg};
use tallysheet_report::{Format, render};

#[global_allocator]
static ALLOCATOR: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

const COMPANIES: usize = 10_000;
const SOURCES: usize = 10;
/// Half of the columns of each source.
const METRICS: usize = 15;
const COLUMNS: usize = SOURCES * METRICS * 2;
const CELLS: usize = COMPANIES * COLUMNS;

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "seats");

fn companies() -> Vec<KeyedCompany> {
    (0..COMPANIES)
        .map(|at| {
            let name = format!("Company {at:05}");
            KeyedCompany { key: name.clone(), company: Company { name, ..Company::default() } }
        })
        .collect()
}

/// Each source knows every company by one org, with fixed metrics and products.
fn sources() -> Vec<Source> {
    let fixed: Vec<&'static MetricDef> = (0..METRICS)
        .map(|at| &*Box::leak(Box::new(MetricDef::number(Box::leak(format!("Metric {at:02}").into()), "devices"))))
        .collect();
    let products: Vec<Product> =
        (0..METRICS).map(|at| Product::new(at.to_string(), format!("Product {at:02}"))).collect();
    let org = |at: usize| {
        let number = |place: usize| Outcome::Number(Decimal::from(at * 31 + place));
        let metrics = fixed.iter().map(|def| Metric::Fixed(def));
        let metrics = metrics.chain(products.iter().map(|product| Metric::product(product.clone(), Figure::Quantity)));
        let values = metrics.enumerate().map(|(place, metric)| (metric, number(place))).collect();
        OrgCounts::new(VendorOrg::new(at.to_string(), format!("Company {at:05}")), values)
    };
    (0..SOURCES)
        .map(|at| Source {
            order: at,
            name: format!("source-{at}"),
            title: format!("Source {at}"),
            metrics: fixed.iter().copied().chain([&QUANTITY]).collect(),
            exclude: Vec::new(),
            answer: Ok(Counts { orgs: (0..COMPANIES).map(org).collect(), ..Counts::default() }),
            placements: (0..COMPANIES).map(Placement::Company).collect(),
            kept: Vec::new(),
            counted_at: Some(Timestamp::UNIX_EPOCH),
        })
        .collect()
}

fn run(sheet: Sheet) -> Run {
    Run {
        id: "20261125T180000Z-4f2a".to_owned(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        status: RunStatus::Complete,
        exit_status: 0,
        schedule: None,
        asked: std::collections::BTreeSet::new(),
        answered: std::collections::BTreeSet::new(),
        changes: None,
        reconciliation: None,
        sheet,
        deliveries: Vec::new(),
        log: Vec::new(),
    }
}

fn options() -> Options {
    Options { notes: true, unmapped_rows: true, ..Options::default() }
}

/// Does it once, and tells time and the most memory that was held at one time beyond what was there before.
fn told<T>(what: &str, work: impl FnOnce() -> T) -> T {
    ALLOCATOR.reset_peak_memory();
    let began = Instant::now();
    let made = black_box(work());
    let took = began.elapsed();
    let peak = ALLOCATOR.get_peak_memory();
    let cells = u128::try_from(CELLS).unwrap_or(1);
    println!(
        "{what:<8} {:>6} ms {:>5} ns a cell   peak {:>5} MiB {:>4} bytes a cell",
        took.as_millis(),
        took.as_nanos() / cells,
        peak / (1 << 20),
        peak / CELLS
    );
    made
}

fn large_sheet(criterion: &mut Criterion) {
    println!("{COMPANIES} companies x {COLUMNS} columns = {CELLS} cells");
    let companies = companies();
    let sources = told("answers", sources);
    let answers = sources.clone();
    let merged = told("merge", || merge(&companies, answers, &options()));
    let run = run(merged.sheet);
    let csv = told("csv", || render(&run, Format::Csv));
    let json = told("json", || render(&run, Format::Json));
    let xlsx = told("xlsx", || render(&run, Format::Xlsx));
    let html = told("html", || render(&run, Format::Html));
    for (what, bytes) in [("csv", csv), ("json", json), ("xlsx", xlsx), ("html", html)] {
        println!("{what:<8} {} bytes", bytes.map(|bytes| bytes.len()).unwrap_or_default());
    }

    let mut group = criterion.benchmark_group("10000x300");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(8));
    group.bench_function("merge", |bench| {
        bench.iter_batched(
            || sources.clone(),
            |sources| merge(&companies, sources, &options()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("csv", |bench| bench.iter(|| render(&run, Format::Csv)));
    group.bench_function("json", |bench| bench.iter(|| render(&run, Format::Json)));
    group.bench_function("html", |bench| bench.iter(|| render(&run, Format::Html)));
    group.bench_function("xlsx", |bench| bench.iter(|| render(&run, Format::Xlsx)));
    group.finish();
}

criterion_group!(benches, large_sheet);
criterion_main!(benches);
