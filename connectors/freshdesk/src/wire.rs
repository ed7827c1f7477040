//! What Freshdesk sends.

use serde::Deserialize;
use serde_json::Value;
use tallysheet_core::model::bare_domain;
use tallysheet_core::wire::Id;
use tallysheet_core::{DirectoryCompany, Error, Result};

#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) id: Id,
}

#[derive(Deserialize)]
pub(crate) struct Company {
    pub(crate) id: Id,
    pub(crate) name: String,
    domains: Option<Vec<String>>,
}

impl Company {
    /// Freshdesk does not say who is a customer no more.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let domains = self.domains.into_iter().flatten().map(|domain| bare_domain(&domain));
        let domains = domains.filter(|domain| !domain.is_empty()).collect();
        DirectoryCompany { id, name: self.name, domains, active: true }
    }
}

/// An agent, whose address stands in `contact`, or a contact.
#[derive(Deserialize)]
pub(crate) struct Person {
    pub(crate) id: Id,
    email: Option<String>,
    contact: Option<Address>,
    company_id: Option<Id>,
}

#[derive(Deserialize)]
struct Address {
    email: Option<String>,
}

impl Person {
    /// Whether this is who has that address or id.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let email = self.email.as_ref().or(self.contact.as_ref().and_then(|contact| contact.email.as_ref()));
        self.id.as_str() == wanted || email.is_some_and(|email| email.eq_ignore_ascii_case(wanted))
    }

    /// A ticket belongs to the company of who asks, unless it says another. It must be the one that is meant, or none:
    /// whoever is of another company would see it.
    pub(crate) fn must_ask_for(&self, company: &str, said: Option<&Value>) -> Result<()> {
        let said = said.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        let of = said.as_deref().or(self.company_id.as_ref().map(Id::as_str));
        if of.is_none_or(|of| of == company) {
            return Ok(());
        }
        let error = Error::config("`requester` belongs to another company than `company`, and so would the ticket");
        Err(error.advice("name an agent, or a contact of your own company"))
    }
}

/// A field of the ticket form.
#[derive(Deserialize)]
pub(crate) struct TicketField {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    choices: Option<Value>,
}

impl TicketField {
    /// What there is to choose from, by id and name: `["Incident"]`, `{"Low": 1}`, or `{"2": ["Open", "Being Processed"]}`,
    /// of which the first is what agents see.
    pub(crate) fn choices(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &self.choices {
            Some(Value::Array(names)) => names.iter().map(|name| (text(name), text(name))).collect(),
            Some(Value::Object(choices)) => choices
                .iter()
                .map(|(key, value)| match value {
                    Value::Array(names) => (key.clone(), names.first().map_or_else(|| key.clone(), text)),
                    id => (text(id), key.clone()),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Hits {
    pub(crate) total: usize,
    pub(crate) results: Vec<Ticket>,
}

#[derive(Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: Id,
    pub(crate) tags: Option<Vec<String>>,
    status: u64,
    spam: Option<bool>,
    deleted: Option<bool>,
}

impl Ticket {
    /// Whether it has the tag, and is not in the trash, where nothing can be added to it.
    pub(crate) fn carries(&self, tag: &str) -> bool {
        let thrown_away = [self.spam, self.deleted].contains(&Some(true));
        !thrown_away && self.tags.iter().flatten().any(|known| known.eq_ignore_ascii_case(tag))
    }

    /// Neither resolved nor closed. Accounts add statuses of their own, and work goes on in these.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.status, 4 | 5)
    }
}

#[derive(Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: Id,
    attachments: Option<Vec<File>>,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
}

impl Conversation {
    /// The names of its files.
    pub(crate) fn files(self) -> impl Iterator<Item = String> {
        self.attachments.into_iter().flatten().filter_map(|file| file.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn person(json: Value) -> Person {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_requester_is_known_by_address_or_id() {
        let contact = person(json!({ "id": 43, "email": "billing@northgate.example", "company_id": 3001 }));
        let agent = person(json!({ "id": 7, "contact": { "email": "Desk@northgate.example" } }));
        assert!(contact.is("43") && contact.is("Billing@Northgate.example") && !contact.is("4"));
        assert!(agent.is("7") && agent.is("desk@northgate.example") && !agent.is("desk@bluefin.example"));
    }

    #[test]
    fn a_ticket_never_becomes_another_companys() {
        let contact = person(json!({ "id": 43, "email": null, "company_id": 3001 }));
        let agent = person(json!({ "id": 7, "contact": { "email": null } }));
        for (requester, said, kept) in [
            (&contact, None, true),
            (&contact, Some(json!(3001)), true),
            (&contact, Some(json!("3002")), false),
            (&agent, None, true),
            (&agent, Some(json!(3001)), true),
            (&agent, Some(json!(3002)), false),
        ] {
            assert_eq!(requester.must_ask_for("3001", said.as_ref()).is_ok(), kept, "{said:?}");
        }
        assert!(contact.must_ask_for("3002", None).is_err());
    }

    #[test]
    fn choices_come_in_three_forms() {
        for (choices, told) in [
            (json!(["Question", "Incident"]), vec![("Question", "Question"), ("Incident", "Incident")]),
            (json!({ "Low": 1, "Urgent": 4 }), vec![("1", "Low"), ("4", "Urgent")]),
            (json!({ "2": ["Open", "Being Processed"], "9": [] }), vec![("2", "Open"), ("9", "9")]),
            (json!(null), vec![]),
        ] {
            let field: TicketField = serde_json::from_value(json!({ "type": "x", "choices": choices })).unwrap();
            let wanted: Vec<_> = told.into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect();
            assert_eq!(field.choices(), wanted);
        }
    }

    #[test]
    fn a_ticket_counts_by_its_tag_unless_it_was_thrown_away() {
        let ticket = |json: Value| serde_json::from_value::<Ticket>(json).unwrap();
        let kept = ticket(json!({ "id": 1, "status": 6, "tags": ["vip", "tallysheet-a1"] }));
        assert!(kept.carries("tallysheet-a1") && !kept.carries("tallysheet-a") && kept.is_open());
        assert!(!ticket(json!({ "id": 1, "status": 2, "tags": ["t"], "spam": true })).carries("t"));
        assert!(!ticket(json!({ "id": 1, "status": 2, "tags": ["t"], "deleted": true })).carries("t"));
        assert!(!ticket(json!({ "id": 1, "status": 5, "tags": [] })).is_open());
    }
}
