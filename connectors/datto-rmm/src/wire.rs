//! What Datto RMM sends, as far as it is read.

use serde::Deserialize;
use tallysheet_core::wire::{Id, Moment, Number, Word};
use tallysheet_core::{Decimal, Hint, Standing, VendorOrg};
use tallysheet_http::{Next, Part, Position};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    page_details: PageDetails,
    #[serde(rename = "sites", alias = "devices")]
    pub(crate) rows: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageDetails {
    total_count: Option<usize>,
    next_page_url: Option<String>,
}

impl<T> Page<T> {
    /// The link may have lost our `max` (README, Quirks).
    pub(crate) fn part(self, _: &Position<'_>) -> Part<T> {
        let next = Next::link_keeping_query(self.page_details.next_page_url.as_deref());
        Part { rows: self.rows, stated: self.page_details.total_count, next }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Site {
    pub(crate) uid: Id,
    pub(crate) name: String,
    pub(crate) on_demand: bool,
    devices_status: Option<DevicesStatus>,
    autotask_company_id: Option<Id>,
    autotask_company_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DevicesStatus {
    number_of_devices: Option<Number>,
}

impl Site {
    pub(crate) fn org(&self) -> VendorOrg {
        let psa_id = self.autotask_company_id.as_ref().map_or("", Id::as_str);
        let org = VendorOrg::new(self.uid.as_str(), &self.name).psa_id("autotask", psa_id);
        self.autotask_company_name.iter().fold(org, |org, name| org.hint(Hint::Name(name.clone())))
    }

    /// The sites that every account has are no customers. Whole names: a customer may be "Acme Managed IT".
    pub(crate) fn standing(&self) -> Standing {
        match self.name.trim().to_lowercase().as_str() {
            "deleted devices" => Standing::NotCustomer("it holds what was deleted"),
            "managed" | "ondemand" => Standing::NotCustomer("a default site of Datto's own"),
            _ => Standing::Customer,
        }
    }

    pub(crate) fn is_bin(&self) -> bool {
        self.name.trim().eq_ignore_ascii_case("deleted devices")
    }

    /// How many devices it has, as it says itself. What was deleted is not asked for again: the vendor refuses the uid.
    pub(crate) fn stated(&self) -> Option<Decimal> {
        Some(self.devices_status.as_ref().filter(|_| !self.is_bin())?.number_of_devices?.0)
    }
}

/// Much is null on devices without an agent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) uid: Id,
    pub(crate) site_uid: Id,
    pub(crate) device_class: Option<Word>,
    pub(crate) device_type: Option<DeviceType>,
    pub(crate) operating_system: Option<Word>,
    pub(crate) deleted: Option<bool>,
    pub(crate) suspended: Option<bool>,
    #[serde(default)]
    pub(crate) last_seen: Moment,
}

#[derive(Deserialize)]
pub(crate) struct DeviceType {
    pub(crate) category: Option<Word>,
}
