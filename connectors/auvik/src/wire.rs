//! What Auvik sends: JSON:API.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_http::{Next, Part, Position};

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    data: Vec<T>,
    links: Option<Links>,
    #[serde(default)]
    included: Vec<Detail>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<Link>,
}

/// An address; one public client expects it in an object, or a cursor instead.
#[derive(Deserialize)]
#[serde(untagged)]
enum Link {
    Address(String),
    Object { href: String },
    Meta { meta: Cursor },
}

#[derive(Deserialize)]
struct Cursor {
    cursor: String,
}

/// Where v1 tells whether a device is managed.
#[derive(Deserialize)]
struct Detail {
    id: Id,
    attributes: Managed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Managed {
    manage_status: Option<bool>,
}

#[derive(Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: Id,
    pub(crate) attributes: TenantAttributes,
    relationships: Option<TenantRelations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantAttributes {
    pub(crate) domain_prefix: String,
    pub(crate) display_name: Option<String>,
    pub(crate) tenant_type: Word,
    pub(crate) enabled: Option<bool>,
    pub(crate) subscribed: Option<bool>,
    #[serde(default)]
    pub(crate) trial_end_date: Moment,
}

#[derive(Deserialize)]
struct TenantRelations {
    parent: Option<MaybeRelated>,
}

#[derive(Deserialize)]
struct MaybeRelated {
    data: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    id: Id,
}

#[derive(Deserialize)]
pub(crate) struct Device {
    pub(crate) id: Id,
    pub(crate) attributes: DeviceAttributes,
    relationships: DeviceRelations,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceAttributes {
    pub(crate) device_type: Option<Word>,
    pub(crate) manage_status: Option<bool>,
}

#[derive(Deserialize)]
struct DeviceRelations {
    tenant: Related,
}

#[derive(Deserialize)]
struct Related {
    data: Reference,
}

#[derive(Deserialize)]
pub(crate) struct Usages {
    data: Rows,
}

/// A list; for a single tenant perhaps the row itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rows {
    Many(Vec<Usage>),
    One(Usage),
}

#[derive(Deserialize)]
struct Usage {
    id: Id,
    attributes: UsageAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageAttributes {
    device_usage: Option<DeviceUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceUsage {
    #[serde(default, deserialize_with = "average")]
    average_days: Option<Decimal>,
}

/// A quotient may have more digits than are exact. Only two of them are shown.
fn average<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let text = number.to_string();
    let decimal = text.parse().or_else(|_| Decimal::from_scientific(&text));
    decimal.map(Some).map_err(|_| serde::de::Error::custom("a number out of range"))
}

impl Page<Tenant> {
    pub(crate) fn tenants(self, _: &Position<'_>) -> Part<Tenant> {
        Part { next: next(self.links), rows: self.data, stated: None }
    }
}

impl Page<Device> {
    pub(crate) fn devices(self, _: &Position<'_>) -> Part<Device> {
        let managed: BTreeMap<Id, Option<bool>> =
            self.included.into_iter().map(|detail| (detail.id, detail.attributes.manage_status)).collect();
        let mut rows = self.data;
        for row in &mut rows {
            row.attributes.manage_status = row.attributes.manage_status.or(managed.get(&row.id).copied().flatten());
        }
        Part { next: next(self.links), rows, stated: None }
    }
}

/// The vendor's links were seen without the filters.
fn next(links: Option<Links>) -> Next {
    match links.and_then(|links| links.next) {
        Some(Link::Address(link) | Link::Object { href: link }) => Next::link_keeping_query(Some(&link)),
        Some(Link::Meta { meta }) => Next::cursor("page[after]", Some(&meta.cursor)),
        None => Next::End,
    }
}

impl Tenant {
    pub(crate) fn parent(&self) -> Option<&Id> {
        let parent = self.relationships.as_ref()?.parent.as_ref()?;
        parent.data.as_ref().map(|parent| &parent.id)
    }
}

impl Device {
    pub(crate) fn tenant(&self) -> &str {
        self.relationships.tenant.data.id.as_str()
    }
}

impl Usages {
    /// The average of billable devices of each tenant; none where it is not told.
    pub(crate) fn averages(self) -> impl Iterator<Item = (String, Option<Decimal>)> {
        let rows = match self.data {
            Rows::Many(rows) => rows,
            Rows::One(row) => vec![row],
        };
        rows.into_iter().map(|row| (row.id.0, row.attributes.device_usage.and_then(|usage| usage.average_days)))
    }
}
