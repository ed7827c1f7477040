//! The `[reconcile]` section: what the counts are compared with.

use crate::integration::Integration;
use crate::load::Loader;
use crate::places::below;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use tallysheet_core::Capability;

/// What the counts are compared with, and how large a change of it may be planned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// An integration that bills: what its agreements hold is compared with the counts.
    #[schemars(length(min = 1))]
    pub ledger: String,
    /// Which columns make which product: a file. Default: products.csv.
    #[serde(default = "products")]
    pub products: PathBuf,
    /// A change by more than this share, in percent, is not planned …
    #[serde(default = "percent")]
    pub percent: u32,
    /// … if it is by more than so many units.
    #[serde(default = "least")]
    pub least: u32,
}

fn products() -> PathBuf {
    PathBuf::from("products.csv")
}

const fn percent() -> u32 {
    50
}

const fn least() -> u32 {
    5
}

/// Reads the section; a problem is added and leaves it out.
pub(crate) fn read(
    table: Map<String, Value>,
    integrations: &[Integration],
    loader: &mut Loader<'_>,
) -> Option<Reconcile> {
    let at = ["reconcile".to_owned()];
    let mut reconcile: Reconcile = loader.decode(table, &at)?;
    loader.must_name(&reconcile.ledger, Capability::Billing, integrations, &below(&at, "ledger"));
    reconcile.products = loader.base_dir.join(reconcile.products);
    Some(reconcile)
}
