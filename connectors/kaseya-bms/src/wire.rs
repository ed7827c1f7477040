//! What Kaseya BMS sends. Its description writes `TotalRecords`, the service `totalRecords`: case does not matter here.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tallysheet_core::model::bare_domain;
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{DirectoryCompany, Error, ErrorKind, Secret};
use tallysheet_http::Reply;

/// A value whose keys are read in lower case, whatever the case they were sent in.
pub(crate) struct AnyCase<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for AnyCase<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(lowered(Value::deserialize(deserializer)?)).map(Self).map_err(D::Error::custom)
    }
}

fn lowered(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(lowered).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), lowered(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        value => value,
    }
}

#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) success: bool,
    pub(crate) result: T,
}

/// The envelope of a page. Its total must be there: a list that is cut must not pass for a whole one.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    #[serde(rename = "success")]
    _success: bool,
    pub(crate) result: Option<Vec<T>>,
    #[serde(rename = "totalrecords")]
    pub(crate) total: usize,
}

#[derive(Deserialize)]
struct Refusal {
    success: bool,
    error: Option<ErrorInfo>,
}

#[derive(Deserialize)]
struct ErrorInfo {
    code: Option<i64>,
    message: Option<Word>,
    details: Option<Word>,
}

/// A token that is over or wrong.
const SECURITY_ERROR: i64 = 978_001;

/// A refusal comes with status 200: then nothing was done. Its words are the vendor's, so they are not shown.
pub(crate) fn refused(reply: &Reply) -> Option<Error> {
    let AnyCase(refusal) = reply.json::<AnyCase<Refusal>>().ok()?;
    if refusal.success || !(200..300).contains(&reply.status()) {
        return None;
    }
    let told = refusal.error.unwrap_or(ErrorInfo { code: None, message: None, details: None });
    let says = |text: &str| [&told.message, &told.details].into_iter().flatten().any(|word| word.contains(text));
    let is_right = ["permission", "not authorized", "access denied"].into_iter().any(says);
    let (kind, advice) = match told.code {
        Some(SECURITY_ERROR) => (ErrorKind::Auth, "it does not accept the token"),
        _ if is_right => (ErrorKind::Forbidden, "the user lacks a right: see the connector's page"),
        _ => (ErrorKind::BadResponse, "a field may be wrong, or the user may lack a right"),
    };
    let code = told.code.map(|code| format!(" (its code {code})")).unwrap_or_default();
    Some(Error::new(kind, format!("BMS refuses the request{code}")).advice(advice))
}

#[derive(Deserialize)]
pub(crate) struct Token {
    #[serde(rename = "accesstoken")]
    pub(crate) access_token: Secret,
    #[serde(rename = "accesstokenexpireon", default)]
    pub(crate) ends: Moment,
}

#[derive(Deserialize)]
pub(crate) struct UserInfo {
    #[serde(rename = "businessname")]
    pub(crate) business_name: Option<String>,
    #[serde(rename = "tenantid")]
    pub(crate) tenant_id: Id,
}

#[derive(Deserialize)]
pub(crate) struct Account {
    pub(crate) id: Id,
    #[serde(rename = "accountname")]
    pub(crate) name: String,
    #[serde(rename = "accounttype")]
    kind: Option<Word>,
    #[serde(rename = "isactive")]
    pub(crate) is_active: bool,
    website: Option<String>,
    locations: Option<Vec<Location>>,
}

#[derive(Deserialize)]
struct Location {
    id: Id,
    #[serde(rename = "ismain", default)]
    is_main: bool,
    #[serde(rename = "isactive", default)]
    is_active: bool,
    addresses: Option<Vec<Address>>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "emailaddress")]
    email: Option<String>,
}

impl Account {
    /// Where a ticket of this account is.
    pub(crate) fn main_location(&self) -> Option<&str> {
        let main = self.locations.iter().flatten().find(|location| location.is_main && location.is_active);
        main.map(|location| location.id.as_str())
    }

    /// Vendors and prospects are no customers.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let is_customer = !matches!(self.kind.as_deref(), Some("vendor" | "prospect"));
        let active = self.locations.into_iter().flatten().filter(|location| location.is_active);
        let emails =
            active.flat_map(|location| location.addresses.unwrap_or_default()).filter_map(|address| address.email);
        let mut domains: Vec<String> = self.website.into_iter().chain(emails).map(|text| bare_domain(&text)).collect();
        domains.sort();
        domains.dedup();
        domains.retain(|domain| !domain.is_empty());
        DirectoryCompany { id, name: self.name, domains, active: self.is_active && is_customer }
    }
}

/// A queue, a status, a type and so on.
#[derive(Deserialize)]
pub(crate) struct Choice {
    pub(crate) id: Id,
    pub(crate) name: Option<String>,
    #[serde(rename = "isactive")]
    pub(crate) is_active: Option<bool>,
    #[serde(rename = "isdefault")]
    pub(crate) is_default: Option<bool>,
}

#[derive(Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: Id,
    #[serde(rename = "ticketnumber")]
    pub(crate) number: Option<String>,
    pub(crate) details: Option<String>,
    #[serde(rename = "completeddate")]
    pub(crate) completed_date: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) id: Id,
    #[serde(rename = "ticketnumber")]
    pub(crate) ticket_number: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) id: Id,
    #[serde(rename = "originalfilename")]
    pub(crate) name: Option<String>,
}
