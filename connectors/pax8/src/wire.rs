//! What Pax8 sends, as far as it is read.

use serde::Deserialize;
use tallysheet_core::wire::{Id, Moment, Number};
use tallysheet_core::{Hint, VendorOrg};

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) content: Vec<Row<T>>,
    pub(crate) page: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    pub(crate) total_elements: usize,
    pub(crate) total_pages: usize,
    pub(crate) number: usize,
}

#[derive(Deserialize)]
pub(crate) struct Row<T> {
    pub(crate) id: Id,
    #[serde(flatten)]
    pub(crate) rest: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) company_id: Id,
    pub(crate) product_id: Id,
    product_name: Option<String>,
    pub(crate) quantity: Option<Number>,
    pub(crate) status: String,
    pub(crate) billing_term: Option<String>,
    commitment_term: Option<Commitment>,
    #[serde(default)]
    pub(crate) end_date: Moment,
}

#[derive(Deserialize)]
struct Commitment {
    term: Option<String>,
}

impl Subscription {
    /// The product's name, where the row tells it.
    pub(crate) fn name(&self) -> Option<String> {
        self.product_name.clone().filter(|name| !name.trim().is_empty())
    }

    /// The commitment's term, else the billing term.
    pub(crate) fn term(&self) -> Option<String> {
        let commitment = self.commitment_term.as_ref().and_then(|commitment| commitment.term.as_ref());
        commitment.or(self.billing_term.as_ref()).cloned()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Company {
    name: String,
    website: Option<String>,
    external_id: Option<Id>,
}

impl Company {
    pub(crate) fn org(self, id: String) -> VendorOrg {
        let org = VendorOrg::new(id, self.name).domain(&self.website.unwrap_or_default());
        // The partner's own reference: often a PSA id, but nobody says of which PSA.
        let reference = self.external_id.filter(|id| !id.0.is_empty());
        reference.into_iter().fold(org, |org, id| org.hint(Hint::Reference(id.0)))
    }
}

#[derive(Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}
