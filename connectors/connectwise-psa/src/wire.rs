//! What ConnectWise PSA sends.

use super::CATCHALL;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeSet;
use tallysheet_core::DirectoryCompany;
use tallysheet_core::model::bare_domain;
use tallysheet_core::wire::{Day, Id, Moment, Number, Word};

/// Every row has an id.
pub(crate) trait HasId {
    fn id(&self) -> &Id;
}

macro_rules! has_id {
    ($($row:ty),*) => { $(impl HasId for $row { fn id(&self) -> &Id { &self.id } })* };
}
has_id!(Company, Status, Choice, Ticket, Document, Agreement, Addition);

#[derive(Deserialize)]
pub(crate) struct Count {
    #[serde(rename = "count")]
    _count: u64,
}

#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Company {
    id: Id,
    identifier: Option<String>,
    pub(crate) name: String,
    status: Option<Made>,
    website: Option<String>,
    is_vendor_flag: Option<bool>,
}

impl Company {
    /// Vendors and the catch-all are no customers, and neither is one of an inactive status.
    pub(crate) fn listed(self, id: String, inactive: &BTreeSet<&str>) -> DirectoryCompany {
        let catchall = self.identifier.is_some_and(|identifier| identifier.eq_ignore_ascii_case(CATCHALL));
        let status_is_inactive = self.status.is_some_and(|status| inactive.contains(status.id.as_str()));
        let domain = self.website.map(|website| bare_domain(&website)).filter(|domain| !domain.is_empty());
        DirectoryCompany {
            id,
            name: self.name,
            domains: domain.into_iter().collect(),
            active: !catchall && !status_is_inactive && self.is_vendor_flag != Some(true),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    id: Id,
    #[serde(default)]
    pub(crate) inactive_flag: bool,
}

/// A board, a status, a type or a priority.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Choice {
    id: Id,
    pub(crate) name: String,
    inactive: Option<bool>,
    inactive_flag: Option<bool>,
    project_flag: Option<bool>,
}

impl Choice {
    /// Not switched off, and no board of projects.
    pub(crate) fn is_active(&self) -> bool {
        ![self.inactive, self.inactive_flag, self.project_flag].contains(&Some(true))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    pub(crate) id: Id,
    pub(crate) external_x_ref: Option<String>,
    #[serde(default)]
    pub(crate) closed_flag: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    id: Id,
    pub(crate) file_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agreement {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Whose it is, whoever pays the invoice.
    pub(crate) company: Customer,
    pub(crate) agreement_status: Option<Word>,
    pub(crate) cancelled_flag: Option<bool>,
    #[serde(default)]
    pub(crate) start_date: Day,
    #[serde(default)]
    pub(crate) end_date: Day,
    pub(crate) no_ending_date_flag: Option<bool>,
    pub(crate) billing_cycle: Option<Cycle>,
    #[serde(default)]
    pub(crate) next_invoice_date: InvoiceDay,
    pub(crate) prorate_flag: Option<bool>,
    pub(crate) currency: Option<Currency>,
}

#[derive(Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: Id,
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Cycle {
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Currency {
    pub(crate) currency_code: Option<String>,
}

/// Shown to people and not billed by: the vendor says of no form, so what cannot be read is none.
#[derive(Deserialize, Default)]
pub(crate) struct InvoiceDay(Moment);

impl InvoiceDay {
    pub(crate) fn date(&self) -> Option<Date> {
        self.0.0.map(|moment| TimeZone::UTC.to_datetime(moment).date())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Addition {
    pub(crate) id: Id,
    pub(crate) product: Product,
    pub(crate) quantity: Option<Number>,
    pub(crate) less_included: Option<Number>,
    pub(crate) unit_price: Option<serde_json::Number>,
    pub(crate) bill_customer: Option<Word>,
    #[serde(default)]
    pub(crate) effective_date: Day,
    #[serde(default)]
    pub(crate) cancelled_date: Day,
    pub(crate) invoice_description: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) billed_quantity: Option<serde_json::Number>,
}

#[derive(Deserialize)]
pub(crate) struct Product {
    pub(crate) id: Id,
    pub(crate) identifier: String,
}
