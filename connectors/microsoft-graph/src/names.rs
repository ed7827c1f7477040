//! What Microsoft calls its SKUs in its own price lists.

use serde::Deserialize;
use std::collections::HashMap;
use std::sync::LazyLock;
use tallysheet_core::Product;
use tallysheet_core::wire::Id;

/// `sku-names.tsv`: SKU id, part number and product name, a tab between them, sorted.
static NAMES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let rows = include_str!("../sku-names.tsv").lines().filter_map(|line| {
        let (id, rest) = line.split_once('\t')?;
        let (part, name) = rest.split_once('\t')?;
        Some([(id.to_owned(), name), (part.to_lowercase(), name)])
    });
    rows.flatten().collect()
});

/// A SKU as both lists name it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sku {
    sku_id: Id,
    sku_part_number: Option<String>,
}

impl Sku {
    /// The part number, else the id.
    pub(crate) fn part(&self) -> &str {
        self.sku_part_number.as_deref().unwrap_or(self.sku_id.as_str())
    }

    /// The product, named by the id, else by the part number. Microsoft's list lags: a new SKU has no name.
    pub(crate) fn product(&self) -> Product {
        let id = self.sku_id.0.to_lowercase();
        let name = NAMES.get(&id).or_else(|| NAMES.get(&self.part().to_lowercase()));
        Product::new(id, *name.unwrap_or(&self.part()))
    }
}
