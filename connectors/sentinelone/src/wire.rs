//! What SentinelOne sends, as far as it is read.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;
use tallysheet_core::wire::{Id, Number, Word};
use tallysheet_core::{Decimal, Error, Hint, Outcome, VendorOrg};
use tallysheet_http::{Next, Part, Reply};

/// An answer with errors is none, whatever its status.
pub(crate) fn refused(reply: &Reply) -> Option<Error> {
    let errors = (reply.status() == 200).then(|| reply.json_at::<Vec<IgnoredAny>>(&["/errors"]).ok().flatten())?;
    let told = errors.is_some_and(|errors| !errors.is_empty());
    told.then(|| Error::bad_response("SentinelOne answered with 200 and errors; nothing of the answer is used"))
}

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: T,
    pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    next_cursor: Option<String>,
    total_items: Option<usize>,
}

impl<T> Page<T> {
    /// The last page has no cursor, or the word "null" (README, Quirks).
    pub(crate) fn part<R>(self, rows: impl FnOnce(T) -> Vec<R>) -> Part<R> {
        let cursor = self.pagination.next_cursor.as_deref().filter(|cursor| *cursor != "null");
        Part { next: Next::cursor("cursor", cursor), stated: self.pagination.total_items, rows: rows(self.data) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sites {
    pub(crate) all_sites: Option<AllSites>,
    pub(crate) sites: Vec<Site>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AllSites {
    pub(crate) active_licenses: Option<Number>,
}

/// Its registration token is a secret and is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Site {
    pub(crate) id: Id,
    name: String,
    pub(crate) account_id: Id,
    account_name: Option<String>,
    is_default: Option<bool>,
    state: Option<Word>,
    /// Whether its account has expired, and so the site with it.
    #[serde(skip)]
    pub(crate) account_expired: bool,
    site_type: Option<Word>,
    active_licenses: Option<Number>,
    total_licenses: Option<Number>,
    unlimited_licenses: Option<bool>,
    sku: Option<String>,
    suite: Option<String>,
    licenses: Option<Licenses>,
    external_id: Option<Id>,
    description: Option<Id>,
    ir_fields: Option<IrFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) id: Id,
    name: String,
    state: Option<Word>,
    external_id: Option<Id>,
    ir_fields: Option<IrFields>,
}

/// Who it is, as somebody typed it in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IrFields {
    company_name: Option<String>,
    contact_email: Option<String>,
}

#[derive(Deserialize)]
struct Licenses {
    bundles: Option<Vec<Bundle>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    name: Option<String>,
    display_name: Option<String>,
    total_surfaces: Option<Number>,
    surfaces: Option<Vec<Surface>>,
}

#[derive(Deserialize)]
struct Surface {
    count: Option<Number>,
}

impl Site {
    pub(crate) fn is_deleted(&self) -> bool {
        self.state.as_deref() == Some("deleted")
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.account_expired || self.state.as_deref() == Some("expired")
    }

    pub(crate) fn is_trial(&self) -> bool {
        self.site_type.as_deref() == Some("trial")
    }

    /// Whether it is where agents go that belong to no site. One that was given a name is a customer's.
    pub(crate) fn is_catch_all(&self) -> bool {
        self.is_default == Some(true) && self.name.trim().eq_ignore_ascii_case("default site")
    }

    pub(crate) fn active(&self) -> Option<Decimal> {
        self.active_licenses.map(|number| number.0)
    }

    pub(crate) fn total(&self) -> Option<Decimal> {
        self.total_licenses.map(|number| number.0)
    }

    /// By its own mark, or by a quantity below zero.
    pub(crate) fn is_unlimited(&self) -> bool {
        let surfaces = self.bundles().iter().flat_map(|bundle| bundle.surfaces.iter().flatten());
        let quantities = surfaces.map(|surface| surface.count).chain(self.bundles().iter().map(|at| at.total_surfaces));
        self.unlimited_licenses == Some(true)
            || quantities.chain([self.total_licenses]).flatten().any(|quantity| quantity.0 < Decimal::ZERO)
    }

    /// Its bundles by the names that people know, else the older field of one word, else the still older one.
    pub(crate) fn skus(&self) -> Vec<Outcome> {
        let named =
            |name: &Option<String>| name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let bundles =
            self.bundles().iter().filter_map(|bundle| named(&bundle.display_name).or_else(|| named(&bundle.name)));
        let bundles: BTreeSet<String> = bundles.collect();
        if !bundles.is_empty() {
            return bundles.into_iter().map(Outcome::Text).collect();
        }
        let older = named(&self.sku).or_else(|| named(&self.suite)).map(Outcome::Text);
        let is_told = self.licenses.as_ref().is_some_and(|licenses| licenses.bundles.is_some());
        let none = || if is_told { Outcome::NotApplicable } else { Outcome::text_or_missing(None, "product") };
        vec![older.unwrap_or_else(none)]
    }

    fn bundles(&self) -> &[Bundle] {
        self.licenses.as_ref().and_then(|licenses| licenses.bundles.as_deref()).unwrap_or_default()
    }

    /// Every account's default site has one name, which is nobody's: its account's stands behind it.
    pub(crate) fn org(&self) -> VendorOrg {
        let account = self.account_name.as_ref().filter(|_| self.is_catch_all());
        let name = account.map_or_else(|| self.name.clone(), |account| format!("{} ({account})", self.name.trim()));
        let org = VendorOrg::new(self.id.as_str(), name).reference(self.external_id.as_ref());
        let org = account.into_iter().fold(org, |org, account| org.hint(Hint::Name(account.clone())));
        hints(org.reference(self.description.as_ref()), self.ir_fields.as_ref())
    }

    /// The account that it belongs to.
    pub(crate) fn account(&self) -> VendorOrg {
        VendorOrg::new(self.account_id.as_str(), self.account_name.clone().unwrap_or_default())
    }
}

impl Account {
    pub(crate) fn is_deleted(&self) -> bool {
        self.state.as_deref() == Some("deleted")
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.state.as_deref() == Some("expired")
    }

    pub(crate) fn org(&self) -> VendorOrg {
        let org = VendorOrg::new(self.id.as_str(), &self.name).reference(self.external_id.as_ref());
        hints(org, self.ir_fields.as_ref())
    }
}

fn hints(org: VendorOrg, fields: Option<&IrFields>) -> VendorOrg {
    let Some(fields) = fields else { return org };
    let org = fields.company_name.iter().fold(org, |org, name| org.hint(Hint::Name(name.clone())));
    org.contacts(fields.contact_email.as_slice())
}
