//! What Sherweb sends, as far as it is read.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tallysheet_core::wire::{Id, Moment, Number};
use tallysheet_core::{Context, VendorOrg};
use tallysheet_http::{Next, Part, Position};

/// A list. It may be null, but it must be there.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Items<T> {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) items: Option<Vec<T>>,
}

impl<T> Items<T> {
    pub(crate) fn part(self, _: &Position<'_>) -> Part<T> {
        Part { rows: self.items.unwrap_or_default(), stated: None, next: Next::End }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    pub(crate) id: Id,
    display_name: String,
    /// The names of those above it, and its own.
    path: Option<Vec<String>>,
    suspended_on: Option<IgnoredAny>,
}

impl Customer {
    pub(crate) fn org(&self) -> VendorOrg {
        VendorOrg::new(&*self.id.0, self.display_name.trim())
    }

    /// How many names its path has; 0 where none is told.
    pub(crate) fn depth(&self) -> usize {
        self.path.as_ref().map_or(0, Vec::len)
    }

    pub(crate) const fn is_suspended(&self) -> bool {
        self.suspended_on.is_some()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    pub(crate) product_name: String,
    sku: Option<Id>,
    pub(crate) quantity: Option<Number>,
    commitment_term: Option<Commitment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commitment {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The last day of the term.
    #[serde(default)]
    term_end_date: Moment,
    renewal_configuration: Option<IgnoredAny>,
}

impl Subscription {
    /// Each term of a product has a SKU of its own; they share the name, and so the column.
    pub(crate) fn product_id(&self) -> &str {
        self.sku.as_ref().map(Id::as_str).filter(|sku| !sku.is_empty()).unwrap_or(&self.product_name)
    }

    /// The commitment's term; `None` where there is no commitment.
    pub(crate) fn term(&self) -> Option<&str> {
        self.commitment_term.as_ref()?.kind.as_deref()
    }

    /// Whether the last day of its term has passed, and no other term follows.
    pub(crate) fn has_ended(&self, cx: &Context) -> bool {
        let Some(term) = &self.commitment_term else { return false };
        let is_over = term.term_end_date.0.is_some_and(|day| cx.now().duration_since(day).as_hours() >= 24);
        is_over && term.renewal_configuration.is_none()
    }
}
