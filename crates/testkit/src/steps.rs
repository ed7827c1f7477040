//! The steps of the suite. Each returns what is wrong, one line each; [`crate::conformance`] tells what each promises.

pub(crate) mod calls;
pub(crate) mod claims;
pub(crate) mod desk;
pub(crate) mod faults;
pub(crate) mod ledger;
pub(crate) mod mutated;

use crate::case::Exchange;
use serde_json::Value;
use std::collections::BTreeMap;

/// The lists of a case: the indexes of their exchanges, in the order of pages.
pub(crate) fn lists(exchanges: &[Exchange]) -> BTreeMap<&'static str, Vec<usize>> {
    let mut lists: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        if let Some((list, page)) = exchange.chain {
            lists.entry(list).or_default().insert(page, index);
        }
    }
    lists.into_iter().map(|(list, pages)| (list, pages.into_values().collect())).collect()
}

/// The rows of a page.
pub(crate) fn rows(exchange: &Exchange) -> Option<&Vec<Value>> {
    exchange.reply.pointer(exchange.rows_at?)?.as_array()
}
