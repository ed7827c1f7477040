//! What is asked of SuperOps, and what it sends. Objects such as `client` are leaves: nothing can be selected in them.

use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tallysheet_core::model::bare_domain;
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{DirectoryCompany, Error, ErrorKind};
use tallysheet_http::Reply;

pub(crate) const CLIENTS: &str = "query($input: ListInfoInput!){getClientList(input:$input){clients{accountId name \
    emailDomains} listInfo{hasMore totalCount}}}";
pub(crate) const TICKETS: &str = "query($input: ListInfoInput!){getTicketList(input:$input){tickets{ticketId displayId \
    source client status createdTime resolutionTime} listInfo{hasMore totalCount}}}";
pub(crate) const STATUSES: &str = "query{getStatusList{id name}}";
pub(crate) const PRIORITIES: &str = "query{getPriorityList{id name}}";
pub(crate) const GROUPS: &str = "query{getTechnicianGroupList{groupId name}}";
pub(crate) const CONVERSATIONS: &str = "query($input: TicketIdentifierInput!){getTicketConversationList(input:$input){\
    content attachments{originalFileName}}}";
pub(crate) const NOTES: &str = "query($input: TicketIdentifierInput!){getTicketNoteList(input:$input){content \
    attachments{originalFileName}}}";
pub(crate) const MAKE_TICKET: &str =
    "mutation($input: CreateTicketInput!){createTicket(input:$input){ticketId displayId}}";
pub(crate) const MAKE_NOTE: &str = "mutation($input: CreateTicketNoteInput!){createTicketNote(input:$input){noteId}}";

/// An answer without errors.
#[derive(Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) data: Data<T>,
}

#[derive(Deserialize)]
pub(crate) struct Data<T> {
    #[serde(
        alias = "getClientList",
        alias = "getTicketList",
        alias = "getStatusList",
        alias = "getPriorityList",
        alias = "getTechnicianGroupList",
        alias = "getTicketConversationList",
        alias = "getTicketNoteList",
        alias = "createTicket",
        alias = "createTicketNote"
    )]
    pub(crate) answer: T,
}

/// A page. On the last one `hasMore` is null.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    #[serde(alias = "clients", alias = "tickets")]
    pub(crate) rows: Option<Vec<T>>,
    pub(crate) list_info: ListInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListInfo {
    pub(crate) has_more: Option<bool>,
    /// A number, or a number as text.
    total_count: Option<Id>,
}

impl ListInfo {
    pub(crate) fn total(&self) -> Option<usize> {
        self.total_count.as_ref()?.as_str().parse().ok()
    }
}

/// Every row of a list has an id.
pub(crate) trait HasId {
    fn id(&self) -> &Id;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Client {
    account_id: Id,
    pub(crate) name: String,
    email_domains: Option<Vec<Option<String>>>,
}

impl HasId for Client {
    fn id(&self) -> &Id {
        &self.account_id
    }
}

impl Client {
    /// What a stage or a status means is the tenant's own affair, so all are active.
    pub(crate) fn listed(self, id: String) -> DirectoryCompany {
        let domains = self.email_domains.into_iter().flatten().flatten().map(|domain| bare_domain(&domain));
        let domains = domains.filter(|domain| !domain.is_empty()).collect();
        DirectoryCompany { id, name: self.name, domains, active: true }
    }
}

/// A status, a priority or a group of technicians.
#[derive(Deserialize)]
pub(crate) struct Choice {
    #[serde(alias = "groupId")]
    pub(crate) id: Id,
    pub(crate) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    pub(crate) ticket_id: Id,
    pub(crate) display_id: String,
    pub(crate) source: String,
    client: Option<ClientRef>,
    status: Option<Word>,
    /// Without a zone. Taken for UTC.
    pub(crate) created_time: Moment,
    resolution_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientRef {
    account_id: Option<Id>,
}

impl HasId for Ticket {
    fn id(&self) -> &Id {
        &self.ticket_id
    }
}

impl Ticket {
    /// Whether it is a client's. The list was asked for by name, and names may be alike.
    pub(crate) fn is_of(&self, client: &str) -> bool {
        let id = self.client.as_ref().and_then(|client| client.account_id.as_ref());
        id.is_none_or(|id| id.as_str() == client)
    }

    /// Which statuses end a ticket is not told. One that has an end, or a status that says so, is not kept alive: another
    /// ticket does less harm than a file in one that nobody looks at.
    pub(crate) fn is_open(&self) -> bool {
        let ended = self.resolution_time.as_deref().is_some_and(|time| !time.trim().is_empty());
        let says_so = ["closed", "resolved", "complet", "done", "cancel"];
        let status = self.status.as_deref().unwrap_or_default();
        !ended && !says_so.iter().any(|word| status.contains(word))
    }
}

/// An entry of a conversation, of which one is the description, or a note.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) content: Option<String>,
    attachments: Option<Vec<File>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    original_file_name: String,
}

impl Entry {
    /// The names of its files.
    pub(crate) fn files(self) -> impl Iterator<Item = String> {
        self.attachments.into_iter().flatten().map(|file| file.original_file_name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    pub(crate) ticket_id: Id,
    pub(crate) display_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeNote {
    #[serde(rename = "noteId")]
    _id: Id,
}

#[derive(Deserialize)]
pub(crate) struct Uploads {
    pub(crate) data: Vec<Upload>,
}

/// A file that was taken. Its name may be another one now.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upload {
    pub(crate) file_name: String,
    pub(crate) original_file_name: String,
    /// Sent as a number, wanted as text.
    pub(crate) file_size: Id,
}

/// Errors come with status 200. `Config` is what SuperOps certainly refused: a field, a file, a wrong subdomain.
pub(crate) fn refusal(reply: &Reply) -> Option<Error> {
    if matches!(reply.status(), 400 | 413 | 415 | 422) {
        let error = Error::config(format!("SuperOps does not accept the request ({})", reply.status()));
        return Some(error.advice("check `subdomain`"));
    }
    let errors: Option<Vec<Value>> = if reply.status() == 200 { reply.json_at(&["/errors"]).ok()? } else { None };
    errors.filter(|errors| !errors.is_empty())?;
    let code = reply.word("/errors/0/extensions/clientError/0/code").unwrap_or_default();
    // Names of fields have capitals, which a word has not.
    let field = reply.json_at::<String>(&["/errors/0/extensions/clientError/0/param/attributes/0"]).ok().flatten();
    let is_name = |name: &String| name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let field = field.filter(is_name).map(|name| format!(" `{name}`")).unwrap_or_default();
    Some(match code.as_str() {
        "forbidden" => Error::new(ErrorKind::Forbidden, "SuperOps says that the technician of the token lacks a right"),
        "rate_limit_exceeded" => Error::new(ErrorKind::RateLimited, "SuperOps was asked too often")
            .with_retry_after(Some(Duration::from_mins(1))),
        "entity_does_not_exist" => Error::new(ErrorKind::NotFound, "SuperOps has no such record"),
        code if code.starts_with("subscription_") => {
            Error::new(ErrorKind::Unsupported, format!("the SuperOps subscription does not allow it ({code})"))
        }
        code if code.ends_with("_failed")
            || code == "value_length_exceeds_limit"
            || code == "referred_value_does_not_exist" =>
        {
            Error::config(format!("SuperOps does not accept{field} ({code})"))
                .advice("set it in the delivery, or in its table `fields`")
        }
        "" => Error::bad_response("SuperOps answered with an error without a code"),
        code => Error::bad_response(format!("SuperOps answered with the error {code}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_ticket_is_open_unless_anything_says_otherwise() {
        for (status, ended, open) in [
            (json!("New"), json!(null), true),
            (json!("Waiting on Finance"), json!(""), true),
            (json!(null), json!(null), true),
            (json!("New"), json!("2026-10-02T08:00:00.000"), false),
            (json!("CLOSED"), json!(null), false),
            (json!("Auto-resolved"), json!(null), false),
            (json!("Completed"), json!(null), false),
        ] {
            let ticket = json!({ "ticketId": "1", "displayId": "1", "source": "INTEGRATION", "createdTime": null,
                "status": status, "resolutionTime": ended });
            assert_eq!(serde_json::from_value::<Ticket>(ticket).unwrap().is_open(), open, "{status} {ended}");
        }
    }

    #[test]
    fn an_id_of_nineteen_digits_stays_exact_as_a_number_too() {
        let ticket = r#"{"ticketId": 7100000000000000123, "displayId": "1", "source": "AGENT", "createdTime": null,
            "client": {"accountId": 7100000000000000001}}"#;
        let ticket: Ticket = serde_json::from_str(ticket).unwrap();
        assert_eq!(ticket.ticket_id.as_str(), "7100000000000000123");
        assert!(ticket.is_of("7100000000000000001") && !ticket.is_of("7100000000000000002"));
    }

    #[test]
    fn a_total_is_a_number_or_text() {
        for (total, read) in [(json!(3), Some(3)), (json!("3"), Some(3)), (json!(null), None)] {
            let info: ListInfo = serde_json::from_value(json!({ "hasMore": null, "totalCount": total })).unwrap();
            assert_eq!(info.total(), read);
        }
    }
}
