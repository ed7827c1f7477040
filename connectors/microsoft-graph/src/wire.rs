//! What Graph answers: rows, and refusals.

use crate::names::Sku;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tallysheet_core::wire::{Id, Moment, Number, Word};
use tallysheet_core::{Decimal, Error, ErrorKind, VendorOrg};
use tallysheet_http::{Next, Part, Position, Reply};

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn part(self, _: &Position<'_>) -> Part<T> {
        Part { next: Next::link(self.next.as_deref()), stated: None, rows: self.value }
    }
}

/// A customer, as contracts and relationships name it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    #[serde(rename = "customerId", alias = "tenantId")]
    pub(crate) id: Id,
    display_name: Option<String>,
    default_domain_name: Option<String>,
}

impl Customer {
    pub(crate) fn org(&self) -> VendorOrg {
        let org = VendorOrg::new(self.id.as_str(), self.display_name.as_deref().unwrap_or(self.id.as_str()));
        org.domain(self.default_domain_name.as_deref().unwrap_or_default())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relationship {
    pub(crate) customer: Customer,
    #[serde(default)]
    end_date_time: Moment,
    auto_extend_duration: Option<String>,
}

impl Relationship {
    /// Whether it ends within thirty days and does not extend itself (`PT0S` does not).
    pub(crate) fn ends_soon(&self, now: Timestamp) -> bool {
        let extends = |duration: &String| duration.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        let soon = |end: Timestamp| end.duration_since(now) <= SignedDuration::from_hours(30 * 24);
        self.end_date_time.0.is_some_and(soon) && !self.auto_extend_duration.as_ref().is_some_and(extends)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organization {
    display_name: Option<String>,
    verified_domains: Vec<Domain>,
}

#[derive(Deserialize)]
struct Domain {
    name: Option<String>,
}

impl Organization {
    pub(crate) fn name(&self, org: VendorOrg) -> VendorOrg {
        let org = VendorOrg { name: self.display_name.clone().unwrap_or(org.name), ..org };
        self.verified_domains.iter().filter_map(|domain| domain.name.as_deref()).fold(org, VendorOrg::domain)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Licence {
    pub(crate) id: Id,
    #[serde(flatten)]
    pub(crate) sku: Sku,
    pub(crate) applies_to: Option<Word>,
    pub(crate) capability_status: Option<Word>,
    pub(crate) consumed_units: Option<Number>,
    prepaid_units: Option<Units>,
}

/// A null unit is none of it; where the whole object is absent, nothing is known.
#[derive(Deserialize)]
struct Units {
    enabled: Option<Number>,
    warning: Option<Number>,
}

impl Licence {
    pub(crate) fn enabled(&self) -> Option<Decimal> {
        self.units(|units| units.enabled)
    }

    /// Expired, but within the grace period: still usable.
    pub(crate) fn warning(&self) -> Option<Decimal> {
        self.units(|units| units.warning)
    }

    fn units(&self, of: fn(&Units) -> Option<Number>) -> Option<Decimal> {
        of(self.prepaid_units.as_ref()?).map_or(Some(Decimal::ZERO), Number::count)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    #[serde(flatten)]
    pub(crate) sku: Sku,
    pub(crate) status: Option<Word>,
    pub(crate) is_trial: Option<bool>,
    pub(crate) total_licenses: Option<Number>,
}

/// What Graph's own words say beyond the status.
pub(crate) fn refusal(reply: &Reply) -> Option<Error> {
    let code: Word = reply.refused("/error/code")?;
    let (kind, what, advice) = match &*code {
        "authorization_identitynotfound" => (
            ErrorKind::Consent,
            "the tenant does not know the application, or the user has no role in it",
            "let its administrator consent, or check the GDAP roles",
        ),
        "errorinvalidrecipients" => (
            ErrorKind::BadResponse,
            "Microsoft does not take the address of a recipient",
            "nothing was sent; check `recipients`",
        ),
        "erroraccessdenied" => (
            ErrorKind::Forbidden,
            "the application may not use the mailbox in `from`",
            "it needs Mail.Send, for a file of more than 3 MB Mail.ReadWrite too, and no policy of Exchange against it",
        ),
        "mailboxnotenabledforrestapi" | "errorinvaliduser" => (
            ErrorKind::NotFound,
            "there is no mailbox for `from` in the tenant",
            "it must be one of Exchange Online, in the partner's tenant",
        ),
        _ => return None,
    };
    Some(Error::new(kind, what).advice(advice))
}
