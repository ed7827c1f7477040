//! What the vendor sends, as far as it is read. What only hints at something is a [`Value`]: its shape fails no run.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{Context, VendorOrg};
use tallysheet_http::{Part, Position};

/// The one word that is needed of many: an account has more devices than it has anything else.
fn product<'de, D: Deserializer<'de>>(decoder: D) -> Result<Option<Word>, D::Error> {
    let told = Value::deserialize(decoder)?;
    Ok(Word::deserialize(&told["product"]).ok())
}

/// A page of v1: bare rows, or under their name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Rows<T> {
    Bare(Vec<T>),
    Named {
        #[serde(alias = "companies")]
        endpoints: Vec<T>,
    },
}

impl<T> Rows<T> {
    pub(crate) fn part(self, at: &Position<'_>) -> Part<T> {
        let (Self::Bare(rows) | Self::Named { endpoints: rows }) = self;
        Part::linked(rows, at)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Company {
    pub(crate) id: Id,
    name: String,
    friendly_name: Option<String>,
    #[serde(default)]
    activity_status: Value,
    #[serde(default)]
    inactive_date: Moment,
    #[serde(default)]
    deleted_date: Moment,
    #[serde(default)]
    external_ids: Value,
    #[serde(default)]
    primary_contact: Value,
}

impl Company {
    pub(crate) fn org(&self) -> VendorOrg {
        let name = self.friendly_name.as_ref().filter(|name| !name.trim().is_empty()).unwrap_or(&self.name);
        let mail = self.primary_contact["primaryEmail"]["emailAddress"].as_str().map(str::to_owned);
        let org = VendorOrg::new(self.id.as_str(), name).contacts(mail.as_slice());
        // Of which product is not said, so it is no PSA's (README, Quirks).
        self.external_ids().fold(org, |org, id| org.reference(Some(&id)))
    }

    fn external_ids(&self) -> impl Iterator<Item = Id> {
        let ids = self.external_ids.as_array().into_iter().flatten();
        ids.filter_map(|row| Id::deserialize(&row["externalId"]).ok()).filter(|id| !id.0.is_empty())
    }

    /// Whether it is no customer any more. A date that is not set may be one of the year 1.
    pub(crate) fn is_gone(&self, cx: &Context) -> bool {
        let past = |date: Moment| date.0.is_some_and(|date| date.as_second() > 0 && date <= cx.now());
        self.activity_status["activeFlag"] == false || past(self.inactive_date) || past(self.deleted_date)
    }
}

#[derive(Deserialize)]
pub(crate) struct Device {
    #[serde(rename = "endpointId", alias = "endpointID", alias = "EndpointID")]
    pub(crate) id: Id,
    /// In v2 its group's.
    #[serde(rename = "clientId", default)]
    pub(crate) company: Id,
    #[serde(rename = "endpointType")]
    kind: Option<Word>,
    /// The name of its operating system, where it is told.
    #[serde(rename = "os", default, deserialize_with = "product")]
    pub(crate) system: Option<Word>,
    #[serde(skip)]
    pub(crate) category: String,
}

impl Device {
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
pub(crate) struct Group {
    #[serde(rename = "companyID", alias = "companyId", alias = "CompanyID")]
    company: Id,
    endpoints: Vec<Device>,
}

/// A page of v2. `platform` comes before the others: what is an endpoint there is one, whatever else lists it.
pub(crate) fn by_category(page: BTreeMap<String, Vec<Group>>, at: &Position<'_>) -> Part<Device> {
    let mut devices = Vec::new();
    for (category, groups) in page.into_iter().rev() {
        for Group { company, endpoints } in groups {
            let of_group = |device| Device { category: category.clone(), company: company.clone(), ..device };
            devices.extend(endpoints.into_iter().map(of_group));
        }
    }
    Part::linked(devices, at).full_at(500)
}

/// Where no device names a company by its id: the companies that all of them name by the number in its id, or by its id
/// in another product, each exactly one (README, Quirks).
pub(crate) fn elsewhere<'a>(
    companies: &BTreeMap<String, Company>,
    named: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, String> {
    let mut known: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
    for (id, company) in companies {
        for other in company.external_ids().map(|id| id.0).chain([number(id)]) {
            known.entry(other).or_default().insert(id);
        }
    }
    let owner = |id: &str| match known.get(&number(id))?.iter().collect::<Vec<_>>()[..] {
        [owner] if !companies.contains_key(id) => Some((id.to_owned(), (*owner).clone())),
        _ => None,
    };
    named.map(owner).collect::<Option<_>>().unwrap_or_default()
}

/// Most ids spell `Command ID` and a number: that number, else the id itself.
fn number(id: &str) -> String {
    let bytes = u128::from_str_radix(&id.replace('-', ""), 16).unwrap_or_default().to_be_bytes();
    std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix("Command ID")).unwrap_or(id).to_owned()
}
