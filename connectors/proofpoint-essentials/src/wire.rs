//! What Proofpoint Essentials sends, as far as it is read. Spellings and kinds changed over the years: one odd value
//! concerns its organisation only.

use serde::Deserialize;
use serde_json::Value;
use tallysheet_core::VendorOrg;
use tallysheet_core::wire::{Field, Id, Number, Word};

#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) orgs: Vec<Organization>,
}

#[derive(Deserialize)]
pub(crate) struct Me {
    #[serde(rename = "type")]
    kind: Word,
    pub(crate) entity_primary_domain: Option<String>,
}

impl Me {
    /// Whether the login may list customers.
    pub(crate) fn is_partners(&self) -> bool {
        self.kind.ends_with("_admin") && &*self.kind != "organization_admin"
    }
}

/// An organisation: a customer, or a partner of the level below.
#[derive(Deserialize)]
pub(crate) struct Organization {
    eid: Option<Id>,
    primary_domain: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Word>,
    /// `EID : 'NAME'` of the organisation, then of those above it.
    #[serde(default)]
    organization_hierarchy: Value,
    #[serde(default)]
    is_active: Value,
    #[serde(default)]
    is_on_trial: Field<Value>,
    on_trial: Option<Value>,
    #[serde(default)]
    active_users: Value,
    #[serde(default)]
    user_licenses: Field<Value>,
    user_licences: Option<Value>,
    licensing_package: Option<String>,
    #[serde(default)]
    domains: Value,
    #[serde(default)]
    admin_user: Value,
}

impl Organization {
    /// Its `eid`, else its primary domain; empty where it has neither.
    pub(crate) fn id(&self) -> String {
        let eid = self.eid.as_ref().map(|eid| eid.0.clone()).filter(|eid| !eid.is_empty());
        eid.unwrap_or_else(|| self.domain().to_lowercase())
    }

    /// What stands for it in a path: its primary domain, else its `eid`.
    pub(crate) fn address(&self) -> String {
        if self.domain().is_empty() { self.id() } else { self.domain().to_owned() }
    }

    fn domain(&self) -> &str {
        self.primary_domain.as_deref().unwrap_or_default().trim()
    }

    /// Whether it is the one that `partner` in the settings names.
    pub(crate) fn is_called(&self, partner: &str) -> bool {
        let partner = partner.trim();
        self.id() == partner || self.domain().eq_ignore_ascii_case(partner)
    }

    pub(crate) fn is_partner(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| &**kind != "organization")
    }

    /// The ids of those above it.
    pub(crate) fn above(&self) -> impl Iterator<Item = &str> {
        let entries = self.organization_hierarchy.as_array().into_iter().flatten().filter_map(Value::as_str);
        let ids = entries.filter_map(|entry| Some(entry.split_once(':')?.0.trim()));
        ids.filter(|id| *id != self.id())
    }

    pub(crate) fn is_active(&self) -> bool {
        yes(&self.is_active) != Some(false)
    }

    pub(crate) fn is_on_trial(&self) -> bool {
        let told = self.is_on_trial.clone().or_if_absent(self.on_trial.clone());
        told.is_some_and(|told| yes(&told) == Some(true))
    }

    /// Which mark is sent and is none: it would be taken for one that is not told.
    pub(crate) fn odd_mark(&self) -> Option<&'static str> {
        let is_odd = |told: &Value| !told.is_null() && told != "" && yes(told).is_none();
        let on_trial = self.is_on_trial.clone().or_if_absent(self.on_trial.clone());
        if is_odd(&self.is_active) {
            return Some("is_active");
        }
        on_trial.is_some_and(|told| is_odd(&told)).then_some("is_on_trial")
    }

    /// `None` where the vendor sends no number.
    pub(crate) fn active(&self) -> Option<Number> {
        number(self.active_users.clone())
    }

    pub(crate) fn licenses(&self) -> Option<Number> {
        self.user_licenses.clone().or_if_absent(self.user_licences.clone()).and_then(number)
    }

    pub(crate) fn package(&self) -> Option<&str> {
        self.licensing_package.as_deref().map(str::trim).filter(|package| !package.is_empty())
    }

    pub(crate) fn org(&self) -> VendorOrg {
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(self.domain());
        let active = self.domains.as_array().into_iter().flatten().filter(|at| yes(&at["is_active"]) != Some(false));
        let domains = active.filter_map(|at| at["name"].as_str());
        let org = VendorOrg::new(self.id(), name).domain(self.domain());
        let admin = self.admin_user["primary_email"].as_str().unwrap_or_default();
        domains.fold(org, VendorOrg::domain).contacts(&[admin.to_owned()])
    }
}

/// A number, or a text that is one.
fn number(value: Value) -> Option<Number> {
    serde_json::from_value(value).ok()
}

/// `true`, `"False"`, `1`; `None` for anything else.
fn yes(value: &Value) -> Option<bool> {
    match value.to_string().trim_matches('"').trim().to_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "../tests/unit/wire.rs"]
mod tests;
