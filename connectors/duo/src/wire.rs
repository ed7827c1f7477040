//! What Duo sends, as far as it is read.

use serde::Deserialize;
use serde_json::Value;
use tallysheet_core::VendorOrg;
use tallysheet_core::wire::{Id, Number};
use tallysheet_http::Call;

/// An answer: `OK` stands beside what was asked for. Anything else is an error, whatever the status.
#[derive(Deserialize)]
pub(crate) struct Answer<T> {
    #[allow(dead_code, reason = "read for nothing but its one good value")]
    stat: Stat,
    pub(crate) response: T,
}

#[derive(Deserialize)]
enum Stat {
    #[serde(rename = "OK")]
    Good,
}

#[derive(Deserialize)]
pub(crate) struct Account {
    pub(crate) account_id: Id,
    name: String,
    pub(crate) api_hostname: Option<String>,
}

impl Account {
    pub(crate) fn org(&self) -> VendorOrg {
        VendorOrg::new(self.account_id.as_str(), &self.name)
    }

    /// A call about this account. Without its id the parent would answer.
    pub(crate) fn call(&self, path: &str) -> Call {
        Call::get(path).query("account_id", &self.account_id)
    }
}

#[derive(Deserialize)]
pub(crate) struct Summary {
    pub(crate) user_count: Option<Number>,
    pub(crate) user_pending_deletion_count: Option<Number>,
    /// Whatever it is, it does not fail the count.
    #[serde(default)]
    pub(crate) edition: Value,
}

#[derive(Deserialize)]
pub(crate) struct Billing {
    #[serde(default)]
    pub(crate) edition: Value,
}
