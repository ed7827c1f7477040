//! What Autotask sends.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_core::DirectoryCompany;
use tallysheet_core::model::bare_domain;
use tallysheet_core::ticket::{Found, TicketRef};
use tallysheet_core::wire::Id;
use tallysheet_http::{Next, Part};

/// The type of a company that is a customer.
const CUSTOMER: i64 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    items: Vec<T>,
    page_details: PageDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageDetails {
    next_page_url: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn part(self) -> Part<T> {
        Part { rows: self.items, stated: None, next: Next::link(self.page_details.next_page_url.as_deref()) }
    }
}

/// One thing by its id; null where there is none, or none to be seen.
#[derive(Deserialize)]
pub(crate) struct Item<T> {
    pub(crate) item: Option<T>,
}

/// What was made. Where the id stands differs between things.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    item_id: Option<Id>,
    item: Option<MadeItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeItem {
    item_id: Option<Id>,
}

impl Made {
    pub(crate) fn id(self) -> Option<String> {
        let inner = self.item.and_then(|item| item.item_id);
        Some(self.item_id.or(inner)?.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Company {
    pub(crate) id: Id,
    pub(crate) company_name: String,
    company_type: Option<i64>,
    #[serde(default)]
    pub(crate) is_active: bool,
    web_address: Option<String>,
}

impl Company {
    /// A customer is who has that type and is active.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let domain = self.web_address.map(|address| bare_domain(&address)).filter(|domain| domain.contains('.'));
        DirectoryCompany {
            id,
            name: self.company_name,
            domains: domain.into_iter().collect(),
            active: self.is_active && self.company_type == Some(CUSTOMER),
        }
    }
}

/// What is known of the fields of a ticket, of its attachments or its notes, of a contract, of a service.
#[derive(Deserialize)]
pub(crate) struct Fields {
    fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    picklist_values: Option<Vec<Pick>>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Pick {
    value: Id,
    label: Option<String>,
    is_active: Option<bool>,
    #[serde(default)]
    is_default_value: bool,
    #[serde(default)]
    is_system: bool,
}

impl Fields {
    fn all(&self, field: &str) -> impl Iterator<Item = &Pick> {
        let meant = self.fields.iter().filter(move |known| known.name.eq_ignore_ascii_case(field));
        meant.flat_map(|field| field.picklist_values.iter().flatten())
    }

    fn picks(&self, field: &str) -> impl Iterator<Item = &Pick> {
        self.all(field).filter(|pick| pick.is_active != Some(false))
    }

    /// What every value is called, those too that nobody can choose any more.
    pub(crate) fn labels(&self, field: &str) -> BTreeMap<String, String> {
        self.all(field).filter_map(|pick| Some((pick.value.0.clone(), pick.label.clone()?))).collect()
    }

    /// What there is to choose from: values and labels.
    pub(crate) fn choices(&self, field: &str) -> Vec<(String, String)> {
        let choice = |pick: &Pick| (pick.value.0.clone(), pick.label.as_ref().unwrap_or(&pick.value.0).clone());
        self.picks(field).map(choice).collect()
    }

    /// What stands where nobody chooses.
    pub(crate) fn default(&self, field: &str) -> Option<&str> {
        self.picks(field).find(|pick| pick.is_default_value).map(|pick| pick.value.as_str())
    }

    /// Who sees it: nobody but the MSP's own people. Without a label that says so nothing is safe to choose.
    pub(crate) fn internal(&self) -> Option<&str> {
        let label = |pick: &&Pick| pick.label.as_deref().unwrap_or_default().to_lowercase();
        let is_internal = |pick: &&Pick| {
            let label = label(pick);
            // In several languages; co-managed is shared with a customer's people.
            label.contains("intern") && !["managed", "&", "+", "extern"].iter().any(|word| label.contains(word))
        };
        self.picks("publish").filter(is_internal).map(|pick| pick.value.as_str()).min()
    }

    /// The kind of a note that people write: the default, else the first that is not the system's own.
    pub(crate) fn note_type(&self) -> Option<&str> {
        let own = self.picks("noteType").find(|pick| !pick.is_system).map(|pick| pick.value.as_str());
        self.default("noteType").or(own)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    pub(crate) id: Id,
    ticket_number: Option<String>,
    #[serde(rename = "externalID")]
    pub(crate) external_id: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(default)]
    completed_date: Value,
}

impl Ticket {
    pub(crate) fn named(self) -> TicketRef {
        let id = self.id.0;
        TicketRef { number: self.ticket_number.unwrap_or_else(|| id.clone()), id }
    }

    pub(crate) fn found(self) -> Found {
        Found { open: self.completed_date.is_null(), ticket: self.named() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File {
    pub(crate) id: Id,
    full_path: Option<String>,
    title: Option<String>,
}

impl File {
    pub(crate) fn name(self) -> Option<String> {
        self.full_path.or(self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_customers_people_see_nothing() {
        for (labels, internal) in [
            (&["All Autotask Users", "Internal Users"][..], Some("2")),
            (&["Internal & Co-managed", "Interne Benutzer"], Some("2")),
            (&["All Autotask Users", "Internal & Co-managed"], None),
            (&[], None),
        ] {
            let values = (1..).zip(labels).map(|(value, label): (u8, _)| json!({ "value": value, "label": label }));
            let fields = json!({ "fields": [{ "name": "publish", "picklistValues": values.collect::<Vec<_>>() }] });
            let fields: Fields = serde_json::from_value(fields).unwrap();
            assert_eq!(fields.internal(), internal, "{labels:?}");
        }
    }

    #[test]
    fn a_customer_has_the_type_of_one_and_is_active() {
        for (company, active, domains) in [
            (json!({ "companyType": 1, "isActive": true, "webAddress": "https://www.a.example" }), true, 1),
            (json!({ "companyType": 1, "isActive": true, "webAddress": "http://" }), true, 0),
            (json!({ "companyType": 1, "isActive": false, "webAddress": null }), false, 0),
            (json!({ "companyType": 3, "isActive": true }), false, 0),
            (json!({ "companyType": null, "isActive": true }), false, 0),
        ] {
            let mut whole = json!({ "id": 0, "companyName": "A" });
            whole.as_object_mut().unwrap().extend(company.as_object().unwrap().clone());
            let listed = serde_json::from_value::<Company>(whole).unwrap().listed("0".to_owned());
            assert_eq!((listed.active, listed.domains.len()), (active, domains), "{company}");
        }
    }
}
