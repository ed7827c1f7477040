//! What all device sources share, and what all subscription sources share: folding a stream of records into
//! counts per org, each record with a verdict, nothing dropped without being told.
//!
//! A connector classifies (a pure function, `record -> Verdict`); these fold.

mod devices;
mod subscriptions;

pub use devices::{Devices, OfflineLimit, Verdict};
pub use subscriptions::{Billing, Subscriptions};

use crate::code::Code;
use crate::counts::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::model::VendorOrg;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

/// Which records were seen already. It keeps 64-bit hashes: at a million records the chance that two different
/// ones are taken for one is about one in forty million.
#[derive(Debug, Default)]
pub struct Seen(HashSet<u64>);

impl Seen {
    /// Whether a record was not seen before. From now on it was.
    pub fn is_new(&mut self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.0.insert(hasher.finish())
    }

    /// How many were seen.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The rows of a list that comes in pages: each id once (a page that shifted repeats rows), and as many as the vendor
/// says there are.
#[derive(Debug)]
pub struct Listed<T> {
    rows: BTreeMap<String, T>,
    stated: Option<usize>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), stated: None }
    }
}

impl<T> Listed<T> {
    /// Notes the total that a page states. Where pages differ, the largest stands: a row that went away between two
    /// pages pulls another one over the edge, unseen.
    pub fn stated(&mut self, total: Option<usize>) {
        self.stated = self.stated.max(total);
    }

    /// Adds a row. One with an id that was added before is ignored.
    pub fn add(&mut self, id: String, row: T) {
        self.rows.entry(id).or_insert(row);
    }

    /// How many different rows were added: a page that adds none repeats others.
    pub fn distinct(&self) -> usize {
        self.rows.len()
    }

    /// The rows by id, or an error where the vendor states another total.
    pub fn finish(self, what: &str) -> Result<BTreeMap<String, T>> {
        as_stated(self.rows.len(), self.stated, what).map(|()| self.rows)
    }
}

/// An error where the vendor states another number of rows than it lists.
pub fn as_stated(listed: usize, stated: Option<usize>, what: &str) -> Result<()> {
    match stated {
        Some(stated) if stated != listed => Err(Error::new(
            ErrorKind::TotalDiffers,
            format!("the vendor states {stated} {what}, but lists {listed}; none is used"),
        )
        .advice("if something changed just now, run again")),
        _ => Ok(()),
    }
}

/// An org that records speak of and that the vendor did not list.
fn unlisted(org_id: &str) -> VendorOrg {
    let name = if org_id.is_empty() { "(no customer)".to_owned() } else { format!("(unlisted {org_id})") };
    VendorOrg::new(org_id, name)
}

/// A failure for a quantity that the vendor left out.
pub fn missing(what: &str) -> Failure {
    Failure::new(Code::MissingValue, format!("the vendor sent no {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_another_total_than_the_vendor_states_is_refused() {
        let list = |stated: &[Option<usize>], ids: &[&str]| {
            let mut list = Listed::default();
            for total in stated {
                list.stated(*total);
            }
            for id in ids {
                list.add((*id).to_owned(), ());
            }
            list.finish("rows").map(|rows| rows.len()).map_err(|error| error.kind())
        };
        assert_eq!(list(&[Some(2), None, Some(2)], &["a", "b", "a"]), Ok(2));
        assert_eq!(list(&[None], &["a"]), Ok(1));
        assert_eq!(list(&[Some(3), Some(2)], &["a", "b"]), Err(ErrorKind::TotalDiffers));
        assert_eq!(list(&[Some(1)], &["a", "b"]), Err(ErrorKind::TotalDiffers));
        assert_eq!(list(&[Some(2)], &["a", "a"]), Err(ErrorKind::TotalDiffers));
    }
}
