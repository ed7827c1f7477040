//! The tenants that the key may read, and which of them is whose company (README, What is counted).

use crate::wire::Tenant;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallysheet_core::{Hint, Notice, VendorOrg};

/// What a company is.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    #[default]
    Client,
    Parent,
}

/// The tenants by id.
pub(crate) struct Tenants {
    all: BTreeMap<String, Tenant>,
    main: String,
    level: Level,
}

impl Tenants {
    pub(crate) fn new(all: BTreeMap<String, Tenant>, main: &str, level: Level) -> Self {
        Self { all, main: main.trim().to_lowercase(), level }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Tenant> {
        self.all.get(id)
    }

    /// The MSP's main account.
    pub(crate) fn main(&self) -> Option<&Tenant> {
        self.all.values().find(|tenant| self.is_main(tenant))
    }

    /// Those that have devices: a multi-client only holds others, and its figures hold theirs.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Tenant> {
        self.all.values().filter(|tenant| tenant.is_client())
    }

    /// Those that are below no other: asking them asks for all.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Tenant> {
        let is_below = |tenant: &Tenant| {
            tenant.parent().is_some_and(|parent| *parent != tenant.id && self.all.contains_key(parent.as_str()))
        };
        self.all.values().filter(move |tenant| !is_below(tenant))
    }

    /// The company of a client: itself, or the multi-client above it that is not the MSP.
    pub(crate) fn company_of<'a>(&'a self, tenant: &'a Tenant) -> &'a Tenant {
        let parent = tenant.parent().filter(|_| self.level == Level::Parent && tenant.is_client());
        let parent = parent.and_then(|parent| self.get(parent.as_str()));
        parent.filter(|parent| !self.is_main(parent)).unwrap_or(tenant)
    }

    /// The companies by id, each with its clients that are enabled.
    pub(crate) fn companies(&self) -> BTreeMap<&str, Vec<&Tenant>> {
        let mut companies: BTreeMap<&str, Vec<&Tenant>> = BTreeMap::new();
        for client in self.clients() {
            let clients = companies.entry(self.company_of(client).id.as_str()).or_default();
            clients.extend(Some(client).filter(|client| !client.is_disabled()));
        }
        companies
    }

    /// Who is on trial is counted, and told: Auvik does not bill it yet.
    pub(crate) fn trials(&self, now: Timestamp) -> impl Iterator<Item = Notice> {
        let on_trial = move |tenant: &&Tenant| {
            let is_running = tenant.attributes.trial_end_date.0.is_some_and(|end| end > now);
            is_running && tenant.attributes.subscribed == Some(false) && !tenant.is_disabled()
        };
        self.clients().filter(on_trial).map(|tenant| {
            let message = format!("{} is on trial at Auvik: it is counted, and not billed yet", tenant.name());
            Notice::info(None, message).about(tenant.name())
        })
    }

    fn is_main(&self, tenant: &Tenant) -> bool {
        tenant.attributes.domain_prefix.to_lowercase() == self.main
    }
}

impl Tenant {
    pub(crate) fn name(&self) -> &str {
        let name = self.attributes.display_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        name.unwrap_or(&self.attributes.domain_prefix)
    }

    pub(crate) fn org(&self) -> VendorOrg {
        let org = VendorOrg::new(self.id.as_str(), self.name());
        if self.name() == self.attributes.domain_prefix {
            return org;
        }
        org.hint(Hint::Name(self.attributes.domain_prefix.clone()))
    }

    pub(crate) fn is_client(&self) -> bool {
        &*self.attributes.tenant_type != "multiclient"
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.attributes.enabled == Some(false)
    }
}
