//! Tallysheet as a library: a program that brings its own count source, and gets the run as a value.
//!
//! ```sh
//! cargo run -p tallysheet-engine --example embed
//! ```
#![allow(clippy::print_stdout, reason = "an example for the terminal")]

use std::sync::Arc;
use tallysheet_core::guard::Guard;
use tallysheet_core::merge::Options;
use tallysheet_core::{
    CountSource, Counts, Decimal, Metric, MetricDef, OrgCounts, Outcome, Result, VendorOrg, async_trait,
};
use tallysheet_engine::{Companies, Keep, Plan, Silent, Source, run};
use tallysheet_host::System;
use tallysheet_store::Sqlite;

static DOORS: MetricDef = MetricDef::number("Doors", "doors");

/// A source without a vendor: what our own alarm system knows.
struct Alarms;

#[async_trait]
impl CountSource for Alarms {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(vec![VendorOrg::new("7", "Harbour Dental Ltd"), VendorOrg::new("8", "Quarry Lane Legal LLP")])
    }

    async fn counts(&self) -> Result<Counts> {
        let doors =
            |org, doors: i64| OrgCounts::new(org, vec![(Metric::Fixed(&DOORS), Outcome::Number(Decimal::from(doors)))]);
        let orgs = self.orgs().await?.into_iter().zip([4, 11]).map(|(org, count)| doors(org, count)).collect();
        Ok(Counts { orgs, ..Counts::default() })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let alarms = Source::new("alarms", "Alarms", vec![&DOORS], Arc::new(Alarms));
    let plan = Plan {
        sources: vec![alarms],
        companies: Companies::FromNames,
        directory: None,
        reconciling: None,
        names: Vec::new(),
        options: Options { notes: true, unmapped_rows: true, ..Options::default() },
        schedule: None,
        guard: Guard::default(),
        keep: Keep::default(),
        strict: false,
        deliveries: Vec::new(),
        skipped: Vec::new(),
        timezone: jiff::tz::TimeZone::UTC,
        notices: Vec::new(),
        world: Arc::new(System::new(std::env::temp_dir().join("tallysheet-embed"))),
        store: Arc::new(Sqlite::in_memory()?),
    };
    let run = run(plan, &Silent).await;
    println!("{}", tallysheet_report::table(&run, Some(100), false));
    println!("exit status {}", run.exit_status);
    Ok(())
}
