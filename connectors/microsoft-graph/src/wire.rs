//! What Graph and its login service answer: rows, and refusals.

use crate::names::Sku;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tallysheet_core::wire::{Id, Moment, Number};
use tallysheet_core::{Decimal, Error, ErrorKind};
use tallysheet_http::Reply;

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contract {
    pub(crate) customer_id: Id,
    pub(crate) display_name: Option<String>,
    pub(crate) default_domain_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relationship {
    pub(crate) customer: Customer,
    #[serde(default)]
    end_date_time: Moment,
    auto_extend_duration: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Customer {
    pub(crate) tenant_id: Id,
    pub(crate) display_name: Option<String>,
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
    pub(crate) id: Id,
    pub(crate) display_name: Option<String>,
    pub(crate) verified_domains: Vec<Domain>,
}

#[derive(Deserialize)]
pub(crate) struct Domain {
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Licence {
    #[serde(flatten)]
    pub(crate) sku: Sku,
    pub(crate) applies_to: Option<String>,
    pub(crate) capability_status: Option<String>,
    pub(crate) consumed_units: Option<Number>,
    pub(crate) prepaid_units: Option<Units>,
}

/// A null unit is none of it; where the whole object is absent, nothing is known.
#[derive(Deserialize)]
pub(crate) struct Units {
    enabled: Option<Number>,
    warning: Option<Number>,
}

impl Units {
    pub(crate) fn enabled(&self) -> Decimal {
        self.enabled.map_or(Decimal::ZERO, |units| units.0)
    }

    /// Expired, but within the grace period: still usable.
    pub(crate) fn warning(&self) -> Decimal {
        self.warning.map_or(Decimal::ZERO, |units| units.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    #[serde(flatten)]
    pub(crate) sku: Sku,
    pub(crate) status: Option<String>,
    pub(crate) is_trial: Option<bool>,
    pub(crate) total_licenses: Option<Number>,
}

/// What Graph's own words say beyond the status.
pub(crate) fn graph_refusal(reply: &Reply) -> Option<Error> {
    let code: String = refused(reply, "/error/code")?;
    code.eq_ignore_ascii_case("Authorization_IdentityNotFound").then(|| {
        let error =
            Error::new(ErrorKind::Consent, "the tenant does not know the application, or the user has no role in it");
        error.advice("let its administrator consent, or check the GDAP roles")
    })
}

/// What the login service's numbers say beyond the status.
pub(crate) fn login_refusal(reply: &Reply) -> Option<Error> {
    let numbers: Vec<u64> = refused(reply, "/error_codes")?;
    numbers.into_iter().find_map(|number| {
        let (kind, meaning) = match number {
            700_016 | 7_000_229 | 65_001 => (ErrorKind::Consent, "the tenant has not consented to the application"),
            50_020 | 50_177 => (ErrorKind::Consent, "the partner's user is in no GDAP group of the tenant"),
            90_002 | 900_023 | 5_000_224 => (ErrorKind::NotFound, "there is no such tenant, or none any more"),
            7_000_215 => (ErrorKind::Auth, "`client_secret` is wrong: take its value, not its id"),
            7_000_222 => (ErrorKind::Auth, "`client_secret` has expired: make a new one"),
            700_082 | 50_173 => (ErrorKind::Auth, "`refresh_token` has expired or was revoked: sign in for a new one"),
            50_076 | 50_079 => {
                (ErrorKind::Auth, "the user must sign in with a second factor for a new `refresh_token`")
            }
            53_003 => (ErrorKind::Auth, "a conditional access policy blocks the sign-in"),
            _ => return None,
        };
        Some(Error::new(kind, format!("{meaning} (AADSTS{number})")))
    })
}

/// What stands at `pointer` in a refusal. Its texts are never shown.
fn refused<T: serde::de::DeserializeOwned>(reply: &Reply, pointer: &str) -> Option<T> {
    if !(400..500).contains(&reply.status()) {
        return None;
    }
    reply.json_at(&[pointer]).ok().flatten()
}
