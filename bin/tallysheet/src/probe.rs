//! `tallysheet probe`: the shape of a vendor's answers.

use crate::arguments::Global;
use crate::output;
use crate::setup::Setup;
use tallysheet_core::Result;

/// Probes one integration: 0 where answers came, whatever became of them, 1 where none did.
pub(crate) async fn probe(global: &Global, name: &str) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let probed = tallysheet_engine::probe(&setup.config, &setup.registry, &setup.world, name).await?;
    if global.json {
        output::print_json(&probed.json())?;
    } else {
        output::print(&probed.to_string())?;
    }
    // An error may name a customer, and the shapes are made to be shown to others.
    for (tried, error) in probed.failures() {
        eprintln!("{tried} failed: {error}");
    }
    Ok(u8::from(probed.calls.is_empty() && !probed.failures().is_empty()))
}
