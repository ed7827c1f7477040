//! `tallysheet deliver`: a kept run once more, or a marked test.

use crate::arguments::{DeliverArguments, Global};
use crate::output;
use crate::run::tell_deliveries;
use crate::setup::Setup;
use serde_json::json;
use tallysheet_core::registry::nearest;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus};
use tallysheet_core::{Error, Result};
use tallysheet_engine::{Delivery, deliver_again, deliver_test, kept};

/// Delivers and tells what became of it: 0 or 3 as the run ended, 4 where a delivery failed.
pub(crate) async fn deliver(global: &Global, arguments: &DeliverArguments) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let deliveries = setup.assemble(Some(Vec::new()), true)?.deliveries;
    match (&arguments.test, &arguments.run) {
        (Some(name), _) => test(global, &setup, &chosen(deliveries, std::slice::from_ref(name))?[0]).await,
        (None, Some(run)) => again(global, &setup, run, deliveries, &arguments.names).await,
        (None, None) => Err(Error::config("name a run, or a delivery with --test")),
    }
}

async fn test(global: &Global, setup: &Setup, delivery: &Delivery) -> Result<u8> {
    let timezone = &setup.config.run.timezone;
    let told = deliver_test(delivery, timezone, &setup.world, &*setup.store).await.into_iter().collect::<Vec<_>>();
    let arrived = told.iter().all(|outcome| outcome.status == DeliveryStatus::Delivered);
    tell(global, None, &told)?;
    Ok(if arrived { 0 } else { 4 })
}

async fn again(global: &Global, setup: &Setup, run: &str, deliveries: Vec<Delivery>, names: &[String]) -> Result<u8> {
    let id = match run {
        "last" => newest(setup).await?,
        id => id.to_owned(),
    };
    let before = kept(&id, &*setup.store).await?.deliveries;
    let mut deliveries = if names.is_empty() { deliveries } else { chosen(deliveries, names)? };
    // A mail that may have arrived goes out again only where somebody asks for just that.
    let doubtful = |delivery: &Delivery| {
        let unknown = |outcome: &DeliveryOutcome| {
            outcome.name == delivery.name && outcome.status == DeliveryStatus::Unknown && outcome.kind == "email"
        };
        names.is_empty() && before.iter().any(unknown)
    };
    for delivery in deliveries.extract_if(.., |delivery| doubtful(delivery)) {
        let name = delivery.name;
        eprintln!("{name}: left out, as its mail may have arrived; `tallysheet deliver {id} {name}` sends it again");
    }
    if deliveries.is_empty() {
        return Err(Error::config("there is no delivery to make: add a section like [deliver.archive], or enable one"));
    }
    let run = deliver_again(&id, &deliveries, &setup.config.run.timezone, &setup.world, &*setup.store).await?;
    let made = |outcome: &&DeliveryOutcome| deliveries.iter().any(|delivery| delivery.name == outcome.name);
    let told: Vec<DeliveryOutcome> = run.deliveries.iter().filter(made).cloned().collect();
    tell(global, Some(&id), &told)?;
    Ok(run.exit_status)
}

/// The newest run that has a sheet.
pub(crate) async fn newest(setup: &Setup) -> Result<String> {
    let heads = setup.store.runs(100).await?;
    let newest = heads.into_iter().find(|head| head.status.is_some()).map(|head| head.id);
    newest.ok_or_else(|| Error::config(format!("no run is kept in {} yet", setup.store.place())))
}

/// The deliveries of these names; a wrong one is answered with those that there are.
fn chosen(mut deliveries: Vec<Delivery>, names: &[String]) -> Result<Vec<Delivery>> {
    let known: Vec<String> = deliveries.iter().map(|delivery| delivery.name.clone()).collect();
    if let Some(wrong) = names.iter().find(|name| !known.contains(name)) {
        let hint = nearest(wrong, known.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
        let (hint, all) = (hint.unwrap_or_else(|| ".".to_owned()), known.join(", "));
        return Err(Error::config(format!("there is no enabled delivery `{wrong}`{hint} The config has {all}")));
    }
    deliveries.retain(|delivery| names.contains(&delivery.name));
    Ok(deliveries)
}

fn tell(global: &Global, run: Option<&str>, told: &[DeliveryOutcome]) -> Result<()> {
    if global.json {
        return output::print_json(&json!({ "run": run, "deliveries": told }));
    }
    tell_deliveries(told);
    Ok(())
}
