//! Services and bundles: Autotask keeps both alike, under other names.

use crate::contract::{Product, Words};
use std::collections::BTreeMap;
use tallysheet_core::billing::LineRef;
use tallysheet_core::{Error, Result};
use tokio::sync::OnceCell;

/// What can stand on a contract, and what Autotask calls everything about it.
pub(crate) struct Sort {
    /// What stands before a product's id in a [`LineRef`].
    pub(crate) word: &'static str,
    pub(crate) catalogue: &'static str,
    pub(crate) known: fn(&SetUp) -> &OnceCell<BTreeMap<String, Product>>,
    pub(crate) terms: &'static str,
    pub(crate) units: &'static str,
    pub(crate) adjustments: &'static str,
    pub(crate) line_id: &'static str,
    pub(crate) product_id: &'static str,
}

pub(crate) static SERVICE: Sort = Sort {
    word: "service",
    catalogue: "Services",
    known: |set_up| &set_up.services,
    terms: "ContractServices",
    units: "ContractServiceUnits",
    adjustments: "ServiceAdjustments",
    line_id: "contractServiceID",
    product_id: "serviceID",
};
pub(crate) static BUNDLE: Sort = Sort {
    word: "bundle",
    catalogue: "ServiceBundles",
    known: |set_up| &set_up.bundles,
    terms: "ContractServiceBundles",
    units: "ContractServiceBundleUnits",
    adjustments: "ServiceBundleAdjustments",
    line_id: "contractServiceBundleID",
    product_id: "serviceBundleID",
};

/// What is set up in the account, and asked for once.
#[derive(Default)]
pub(crate) struct SetUp {
    pub(crate) words: OnceCell<Words>,
    pub(crate) services: OnceCell<BTreeMap<String, Product>>,
    pub(crate) bundles: OnceCell<BTreeMap<String, Product>>,
}

/// Which sort of product a line is of, and the product's id.
pub(crate) fn sort_of(line: &LineRef) -> Result<(&'static Sort, &str)> {
    let unknown = || Error::config("the line is none of Autotask's: its product must be `service:ID` or `bundle:ID`");
    let (word, id) = line.product.split_once(':').ok_or_else(unknown)?;
    let sort = [&SERVICE, &BUNDLE].into_iter().find(|sort| sort.word == word).ok_or_else(unknown)?;
    Ok((sort, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallysheet_core::ErrorKind;

    #[test]
    fn a_line_tells_its_sort() {
        let line = |product: &str| LineRef { agreement: "1".into(), id: "2".into(), product: product.to_owned() };
        assert_eq!(
            sort_of(&line("service:9")).map(|(sort, id)| (sort.units, id)).unwrap(),
            ("ContractServiceUnits", "9")
        );
        assert_eq!(sort_of(&line("bundle:9")).unwrap().0.line_id, "contractServiceBundleID");
        for product in ["", "9", "other:9"] {
            assert_eq!(sort_of(&line(product)).err().unwrap().kind(), ErrorKind::Config, "{product}");
        }
    }
}
