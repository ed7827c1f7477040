//! Settings: where in the vendor's answers things stand is for the operator to say.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_core::{Context, Error, Result, Secret};

/// Settings of a `kind = "synnex-au"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The primary key of the developer portal (Profile, Subscriptions).
    pub(crate) primary_key: Secret,
    /// The header that holds the key.
    #[serde(default = "key_header")]
    pub(crate) key_header: String,
    /// What stands before the key in that header.
    #[serde(default)]
    pub(crate) key_prefix: String,
    /// More headers. `{company.id}`, `{company.code}` and `{account.id}` in a value are filled in; such a header is sent with
    /// the calls for subscriptions only.
    #[serde(default)]
    pub(crate) extra_headers: BTreeMap<String, String>,
    /// The path of the list of companies.
    #[serde(default = "companies_path")]
    pub(crate) companies_path: String,
    /// The path of the list of cloud accounts. Empty: companies are the accounts.
    #[serde(default = "accounts_path")]
    pub(crate) accounts_path: String,
    /// The path of the subscriptions of one account, with the placeholders of `extra_headers`.
    #[serde(default = "subscriptions_path")]
    pub(crate) subscriptions_path: String,
    /// How lists come in pages: `style` (`none`, `page`, `offset`), `name`, `first`, `size_name`, `size`, `total_at`.
    #[serde(default)]
    pub(crate) paging: Paging,
    /// Where things stand in the list of companies: `items_at`, `id`, `name`, `code`.
    #[serde(default)]
    pub(crate) companies: Companies,
    /// Where things stand in the list of accounts: `items_at`, `id`, `company` (the company's `id`).
    #[serde(default)]
    pub(crate) accounts: Accounts,
    /// Where things stand in a list of subscriptions: `items_at`, `id`, `product`, `quantity`, `unit`, `status`; and which
    /// statuses are `active`.
    #[serde(default)]
    pub(crate) subscriptions: SubscriptionFields,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Paging {
    pub(crate) style: Style,
    /// The parameter that holds the page's number, or the offset.
    pub(crate) name: String,
    /// The number of the first page, or the first offset.
    pub(crate) first: usize,
    /// The parameter that holds how many rows a page has.
    pub(crate) size_name: String,
    /// How many rows a page has.
    pub(crate) size: usize,
    /// Where a page states how many rows there are in all.
    pub(crate) total_at: String,
}

#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Style {
    /// A list comes whole.
    #[default]
    None,
    /// Pages have numbers.
    Page,
    /// Pages begin at an offset.
    Offset,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Companies {
    pub(crate) items_at: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) code: String,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Accounts {
    pub(crate) items_at: String,
    pub(crate) id: String,
    pub(crate) company: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SubscriptionFields {
    pub(crate) items_at: String,
    pub(crate) id: String,
    pub(crate) product: String,
    pub(crate) quantity: String,
    pub(crate) unit: String,
    pub(crate) status: String,
    pub(crate) active: Vec<String>,
}

impl Default for Companies {
    fn default() -> Self {
        // The one field that public texts name.
        let code = "externalCustomerCompanyCode".to_owned();
        Self { items_at: String::new(), id: String::new(), name: String::new(), code }
    }
}

impl Default for SubscriptionFields {
    fn default() -> Self {
        let empty = String::new;
        let (id, active) = ("subscriptionId".to_owned(), vec!["active".to_owned()]);
        Self { items_at: empty(), id, product: empty(), quantity: empty(), unit: empty(), status: empty(), active }
    }
}

fn key_header() -> String {
    "Ocp-Apim-Subscription-Key".to_owned()
}

fn companies_path() -> String {
    "/cloud-products/v1/marketplace/customerCompany".to_owned()
}

fn accounts_path() -> String {
    "/cloud-products/v1/marketplace/cloudAccount".to_owned()
}

fn subscriptions_path() -> String {
    "/cloud-products/v1/marketplace/subscription/subscriptionsByAccountId/{account.id}".to_owned()
}

impl Config {
    /// Refuses what cannot be sent.
    pub(crate) fn check(&self) -> Result<()> {
        let is_header = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if let Some(name) = self.extra_headers.keys().chain([&self.key_header]).find(|name| !is_header(name)) {
            return Err(Error::config(format!("`{name}` is no name of a header")));
        }
        let paths = [&self.companies_path, &self.accounts_path, &self.subscriptions_path];
        if let Some(path) =
            paths.iter().find(|path| path.contains(['?', '#']) || !(path.is_empty() || path.starts_with('/')))
        {
            return Err(Error::config(format!("`{path}` is no path; it begins with / and has no query")));
        }
        let templates = self.extra_headers.values().chain([&self.subscriptions_path]);
        if let Some(template) =
            templates.into_iter().find(|template| Place::default().fill(template, &str::to_owned).contains('{'))
        {
            let known = "{company.id}, {company.code} and {account.id}";
            return Err(Error::config(format!("`{template}`: there are the placeholders {known}")));
        }
        let paged = self.paging.style != Style::None;
        if paged && (self.paging.name.is_empty() || self.paging.size_name.is_empty() || self.paging.size == 0) {
            return Err(Error::config("`paging` needs `name`, `size_name` and `size`, unless its style is `none`"));
        }
        Ok(())
    }

    /// Refuses to go on where it is not said where companies and accounts stand.
    pub(crate) fn know_orgs(&self, cx: &Context) -> Result<()> {
        let accounts: &[(&str, &String)] = if self.accounts_path.is_empty() {
            &[]
        } else {
            &[("accounts.id", &self.accounts.id), ("accounts.company", &self.accounts.company)]
        };
        filled(
            cx,
            [("companies.id", &self.companies.id), ("companies.name", &self.companies.name)].iter().chain(accounts),
        )
    }

    /// The same for subscriptions: a quantity that is not known is neither 0 nor 1.
    pub(crate) fn know_subscriptions(&self, cx: &Context) -> Result<()> {
        let at = &self.subscriptions;
        let keys = [
            ("subscriptions.id", &at.id),
            ("subscriptions.product", &at.product),
            ("subscriptions.quantity", &at.quantity),
            ("subscriptions.status", &at.status),
        ];
        filled(cx, keys.iter())
    }
}

fn filled<'a>(cx: &Context, keys: impl Iterator<Item = &'a (&'a str, &'a String)>) -> Result<()> {
    let empty: Vec<String> = keys.filter(|(_, at)| at.trim().is_empty()).map(|(key, _)| format!("`{key}`")).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let (keys, name) = (empty.join(", "), &cx.integration);
    Err(Error::config(format!(
        "not filled in: {keys}. The vendor does not publish its fields: `tallysheet probe {name}` shows the shape of its answers; \
         write there where each of these stands"
    )))
}

/// What the placeholders of a template stand for.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) company_id: String,
    pub(crate) company_code: String,
    pub(crate) account_id: String,
}

impl Place {
    pub(crate) fn fill(&self, template: &str, encode: &dyn Fn(&str) -> String) -> String {
        let places = [
            ("{company.id}", &self.company_id),
            ("{company.code}", &self.company_code),
            ("{account.id}", &self.account_id),
        ];
        // Piece by piece, so that a value which looks like a placeholder is none.
        let Some((at, (word, value))) =
            places.iter().filter_map(|place| Some((template.find(place.0)?, place))).min_by_key(|(at, _)| *at)
        else {
            return template.to_owned();
        };
        let (before, behind) = (&template[..at], &template[at + word.len()..]);
        format!("{before}{}{}", encode(value), self.fill(behind, encode))
    }
}

/// What stands at a pointer (`/plan/name`) or key (`plan`), unless it is null.
pub(crate) fn at<'a>(row: &'a Value, pointer: &str) -> Option<&'a Value> {
    let pointer = pointer.trim();
    let found = if pointer.is_empty() || pointer.starts_with('/') {
        row.pointer(pointer)
    } else {
        row.pointer(&format!("/{pointer}"))
    };
    found.filter(|value| !value.is_null())
}

/// The same as text: a text, or a whole number.
pub(crate) fn text(row: &Value, pointer: &str) -> Option<String> {
    match at(row, pointer)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        Value::Bool(word) => Some(word.to_string()),
        _ => None,
    }
}
