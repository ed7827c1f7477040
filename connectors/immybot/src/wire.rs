//! What ImmyBot sends, as far as it is read.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{Error, ErrorKind, Hint, Standing, VendorOrg};
use tallysheet_http::Reply;

/// Entra gives any application a token: that ImmyBot does not know it as a user shows only here.
pub(crate) fn refused(reply: &Reply) -> Option<Error> {
    let kinds = [(401, ErrorKind::Auth), (403, ErrorKind::Forbidden)];
    let (status, kind) = kinds.into_iter().find(|(status, _)| *status == reply.status())?;
    let error = Error::new(kind, format!("ImmyBot knows no user with this right for the application ({status})"));
    Some(error.advice("make a person of the enterprise application's object id, make it a user, give it a role"))
}

#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) count: usize,
    pub(crate) results: Vec<Computer>,
}

/// Older instances send `msp` and `principalId`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tenant {
    pub(crate) id: Id,
    pub(crate) name: String,
    is_msp: Option<bool>,
    msp: Option<bool>,
    pub(crate) marked_for_deletion_at_utc: Option<IgnoredAny>,
    azure_tenant_link: Option<AzureTenantLink>,
    principal_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureTenantLink {
    az_tenant_id: Option<String>,
    limit_to_domains: Option<Vec<Domain>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    domain_name: Option<String>,
}

impl Tenant {
    pub(crate) fn is_msp(&self) -> bool {
        self.is_msp.or(self.msp) == Some(true)
    }

    /// The MSP is not a customer of its own (README, What is counted).
    pub(crate) fn standing(&self) -> Standing {
        if self.is_msp() { Standing::NotCustomer("the MSP's own tenant") } else { Standing::Customer }
    }

    pub(crate) fn org(self) -> VendorOrg {
        let AzureTenantLink { az_tenant_id, limit_to_domains } = self.azure_tenant_link.unwrap_or_default();
        let domains = limit_to_domains.unwrap_or_default().into_iter().filter_map(|at| at.domain_name);
        let org = domains.fold(VendorOrg::new(self.id.0, self.name), |org, domain| org.domain(&domain));
        az_tenant_id.or(self.principal_id).map(Hint::EntraTenant).into_iter().fold(org, VendorOrg::hint)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Computer {
    pub(crate) id: Id,
    pub(crate) tenant_id: Id,
    pub(crate) licensed: Option<bool>,
    pub(crate) deleted_at: Option<IgnoredAny>,
    pub(crate) is_dev_lab: Option<bool>,
    pub(crate) is_sandbox: Option<bool>,
    pub(crate) onboarding_status: Option<Id>,
    pub(crate) domain_role: Option<Id>,
    pub(crate) operating_system: Option<Word>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) tenant_id: Id,
    #[serde(rename = "expirationDateUTC", default)]
    pub(crate) expires: Moment,
}
