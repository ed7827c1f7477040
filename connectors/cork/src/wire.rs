//! What Cork sends, as far as it is read.

use serde::Deserialize;
use tallysheet_core::wire::{Id, Moment};
use tallysheet_core::{Hint, VendorOrg};
use tallysheet_http::{Next, Part, Position};

/// As many rows as a page may have. Without `page_size` it has 10.
pub(crate) const PAGE: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    #[serde(alias = "data")]
    pub(crate) items: Vec<T>,
    pub(crate) pagination: Option<Pagination>,
}

#[derive(Deserialize)]
pub(crate) struct Pagination {
    page: usize,
    total_pages: usize,
    pub(crate) total_items: Option<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Me {
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Client {
    pub(crate) uuid: Id,
    pub(crate) name: String,
    warranty_status: Option<String>,
    associated_tenants: Option<Vec<Tenant>>,
}

#[derive(Deserialize)]
struct Tenant {
    name: Option<String>,
    integration: Option<Integration>,
}

#[derive(Deserialize)]
struct Integration {
    #[serde(default)]
    last_synced_at: Moment,
}

#[derive(Deserialize)]
pub(crate) struct Warranty {
    pub(crate) uuid: Id,
    pub(crate) client_uuid: Id,
    pub(crate) client_name: Option<String>,
    pub(crate) package: Option<String>,
    pub(crate) active: Option<bool>,
    #[serde(default)]
    start_date: Moment,
}

impl Warranty {
    /// Which of two stands: one that is active for certain, then the newer.
    pub(crate) fn rank(&self) -> impl Ord + use<'_> {
        (self.active == Some(true), self.start_date.0, self.package.as_deref())
    }
}

impl Client {
    pub(crate) fn org(&self) -> VendorOrg {
        let names = self.tenants().filter_map(|tenant| tenant.name.clone());
        names.map(Hint::Name).fold(VendorOrg::new(self.uuid.as_str(), &self.name), VendorOrg::hint)
    }

    fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.associated_tenants.iter().flatten()
    }

    /// When each of its integrations last brought something.
    pub(crate) fn synced_at(&self) -> impl Iterator<Item = Moment> {
        self.tenants().filter_map(|tenant| Some(tenant.integration.as_ref()?.last_synced_at))
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.warranty_status.as_deref().map(str::trim).filter(|status| !status.is_empty())
    }

    /// The one status whose word is established (README, Quirks).
    pub(crate) fn is_unwarranted(&self) -> bool {
        self.status().is_some_and(|status| status.eq_ignore_ascii_case("unwarranted"))
    }
}

impl<T> Page<T> {
    /// By the page's own number: a page that comes twice is noticed.
    pub(crate) fn part(self, _: &Position<'_>) -> Part<T> {
        let rows = self.items;
        match self.pagination {
            Some(at) => Part {
                rows,
                stated: at.total_items,
                next: Next::until("page", at.page.saturating_add(1), at.total_pages.saturating_add(1)),
            },
            None => Part { rows, stated: None, next: Next::End }.full_at(PAGE),
        }
    }
}
