//! What StreamOne Ion sends.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};
use tallysheet_core::wire::{Id, Number, Word};
use tallysheet_core::{Decimal, Product, VendorOrg};
use tallysheet_http::{Next, Part, Position};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customers {
    customers: Vec<Customer>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    /// The last part of its resource name: there is no other id.
    #[serde(rename = "name", deserialize_with = "last_part")]
    pub(crate) id: Id,
    /// `customerName` is a person.
    customer_organization: Option<String>,
    customer_email: Option<String>,
    customer_status: Option<Word>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    items: Vec<Subscription>,
    total_count: Option<Number>,
    pagination_response: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    total_size: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    pub(crate) customer_id: Id,
    pub(crate) reseller_id: Option<Id>,
    subscription_name: Option<String>,
    pub(crate) resource_type: Option<Word>,
    ccp_product_id: Option<Id>,
    ccp_sku_id: Option<Id>,
    ccp_product_info: Option<ProductInfo>,
    #[serde(default, deserialize_with = "quantity")]
    pub(crate) subscription_total_licenses: Option<Decimal>,
    unit_type: Option<String>,
    pub(crate) subscription_status: Word,
    pub(crate) subscription_billing_cycle: Option<Word>,
    subscription_billing_term: Option<String>,
    pub(crate) is_trial: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductInfo {
    sku_display_name: Option<String>,
    product_display_name: Option<String>,
}

impl Customers {
    pub(crate) fn part(self, _: &Position<'_>) -> Part<Customer> {
        let next = Next::cursor("pageToken", self.next_page_token.as_deref());
        Part { rows: self.customers, stated: None, next }
    }
}

impl Customer {
    pub(crate) fn org(&self) -> VendorOrg {
        let name = filled(self.customer_organization.as_ref()).unwrap_or(self.id.as_str());
        let contact: Vec<String> = self.customer_email.iter().cloned().collect();
        VendorOrg::new(self.id.as_str(), name).contacts(&contact)
    }

    pub(crate) fn is_inactive(&self) -> bool {
        self.customer_status.as_deref() == Some("inactive")
    }
}

impl Page {
    /// The page after the rows that came so far; without a total the end is a page without rows.
    pub(crate) fn part(self, received: &mut usize) -> Part<Subscription> {
        *received += self.items.len();
        let size = self.pagination_response.and_then(|page| page.total_size);
        let whole = |number: Number| usize::try_from(number.0).ok();
        // Where both are there and differ, one of them differs from the rows.
        let stated = self.total_count.into_iter().chain(size).filter_map(whole).max();
        let is_last = self.items.is_empty() || stated.is_some_and(|stated| *received >= stated);
        let next = if is_last { Next::End } else { Next::query("pagination.offset", *received) };
        Part { rows: self.items, stated, next }
    }
}

impl Subscription {
    /// Its product, by the catalogue's ids. Without a name of the catalogue's it is what the reseller calls it: that name
    /// must not become the name of everybody's.
    pub(crate) fn product(&self, split_by_term: bool) -> Product {
        let info = self.ccp_product_info.as_ref();
        let listed = info.and_then(|info| filled(info.sku_display_name.as_ref()));
        let own = || filled(self.subscription_name.as_ref());
        let family = || info.and_then(|info| filled(info.product_display_name.as_ref()));
        let ids = [&self.ccp_product_id, &self.ccp_sku_id].map(|id| id.as_ref().map_or("", Id::as_str));
        let product = match (listed, ids) {
            (Some(name), ["", ""]) => Product::new(name, name),
            (Some(name), [product, sku]) => Product::new(format!("{product}/{sku}"), name),
            (None, [_, sku]) => {
                let name = own().or_else(family).unwrap_or(if sku.is_empty() { "(no name)" } else { sku });
                Product::new(name, name)
            }
        };
        let term = filled(self.subscription_billing_term.as_ref()).filter(|_| split_by_term).map(term);
        Product { term, unit: filled(self.unit_type.as_ref()).map(str::to_owned), ..product }
    }
}

/// `P1Y` as people write it.
fn term(text: &str) -> String {
    let months = text.strip_prefix('P').and_then(|rest| match rest.split_at_checked(rest.len().checked_sub(1)?)? {
        (years, "Y") => years.parse::<u32>().ok()?.checked_mul(12),
        (months, "M") => months.parse().ok(),
        _ => None,
    });
    match months {
        Some(1) => "Monthly".to_owned(),
        Some(months) if months > 0 && months % 12 == 0 => format!("{}-Year", months / 12),
        Some(months) => format!("{months}-Month"),
        None => text.to_owned(),
    }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// `81234` of `accounts/70001/customers/81234`.
fn last_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    let Id(name) = Id::deserialize(deserializer)?;
    let id = name.rsplit('/').next().unwrap_or_default();
    if id.is_empty() {
        return Err(D::Error::invalid_value(
            Unexpected::Other("a name without an id"),
            &"a name that ends with the id",
        ));
    }
    Ok(Id(id.to_owned()))
}

/// A blank text is no quantity either.
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Number(Number),
        Text(Word),
    }
    match Option::deserialize(deserializer)? {
        None => Ok(None),
        Some(Told::Number(number)) => Ok(Some(number.0)),
        Some(Told::Text(text)) if text.is_empty() => Ok(None),
        Some(Told::Text(_)) => Err(D::Error::invalid_value(Unexpected::Other("text"), &"a number")),
    }
}
