//! Tickets: their fields are picklists, their attachments and notes are seen by the MSP's own people only.

use super::{Autotask, number};
use crate::wire::{File, Item, Made, Page, Ticket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
    unset,
};
use tallysheet_core::{ConnectorSpec, Error, ErrorKind, Result, TicketDesk, async_trait};
use tallysheet_http::Call;

/// What the field `externalID` holds. A longer key stands in the description.
const EXTERNAL_ID: usize = 50;
/// What a description holds, with room for a key.
const DESCRIPTION: usize = 7_800;
/// A ticket must be due at some time.
const DUE_AFTER: Duration = Duration::from_hours(7 * 24);
/// Keys of the form and the fields they are. The first three must be set; a queue, or somebody to whom it is assigned.
const FIELDS: [(&str, &str, &[&str]); 6] = [
    ("queue", "queueID", &["queueID", "assignedResourceID"]),
    ("status", "status", &["status"]),
    ("priority", "priority", &["priority"]),
    ("type", "ticketType", &[]),
    ("source", "source", &[]),
    ("form", "ticketCategory", &[]),
];

#[async_trait]
impl TicketDesk for Autotask {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &FIELDS.map(|(key, ..)| key))?;
        let companies = self.all_companies().await?.into_iter();
        let companies: Vec<_> = companies
            .filter(|(_, company)| company.is_active)
            .map(|(id, company)| (id, company.company_name))
            .collect();
        let (company_id, company_name) = choose("company", &form.company, &companies)?.clone();

        let fields = self.fields("Tickets").await?;
        let mut settings = Map::new();
        for (key, field, needed) in FIELDS {
            let is_needed = !needed.is_empty() && !needed.iter().any(|other| has(form.extra.keys(), other));
            let value = match (form.field(key), fields.default(field)) {
                (Some(wanted), _) => choose(key, wanted, &fields.choices(field))?.0.clone(),
                (None, Some(default)) if is_needed => default.to_owned(),
                (None, None) if is_needed => return Err(unset(key, &fields.choices(field))),
                (None, _) => continue,
            };
            settings.insert(field.to_owned(), number(&value));
        }
        settings.extend(form.extra.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let since = search.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut filter = vec![
            json!({ "op": "eq", "field": "companyID", "value": number(&form.company_id) }),
            json!({ "op": "gte", "field": "createDate", "value": since }),
        ];
        if search.run.is_none() {
            filter.push(json!({ "op": "notExist", "field": "completedDate" }));
        }
        let fields = ["id", "ticketNumber", "externalID", "description", "completedDate"];
        let tickets: BTreeMap<String, Ticket> =
            self.query("Tickets", &fields, &filter, |ticket: &Ticket| &ticket.id).await?;
        let meant = |text: &Option<String>| search.matches(text.as_deref().unwrap_or_default());
        let meant = |ticket: &Ticket| meant(&ticket.external_id) || meant(&ticket.description);
        let mut found: Vec<Ticket> = tickets.into_values().filter(meant).collect();
        found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id.as_str().parse::<u64>().unwrap_or_default()));
        Ok(found.into_iter().map(Ticket::found).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let (form, key) = (&ticket.form, ticket.key.to_string());
        let mut body = form.settings.clone();
        body.insert("companyID".to_owned(), number(&form.company_id));
        body.insert("title".to_owned(), form.title.clone().into());
        let mut description: String = ticket.body.text.chars().take(DESCRIPTION).collect();
        if key.len() > EXTERNAL_ID {
            description = format!("{description}\n\n{key}");
        } else {
            body.insert("externalID".to_owned(), key.into());
        }
        body.insert("description".to_owned(), description.into());
        if !has(body.keys(), "dueDateTime") {
            let due = self.cx.now().checked_add(DUE_AFTER).map_err(|_| Error::internal("the clock is wrong"))?;
            body.insert("dueDateTime".to_owned(), due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        }
        let api = self.api().await?;
        let made: Made = api.json(&Call::post("/Tickets").json(&body)?).await?;
        // It exists from here on: what goes wrong now must lead to a search for it.
        let numbered = async {
            let lost = || Error::bad_response("POST /Tickets was answered without the ticket that was made");
            let id = made.id().ok_or_else(lost)?;
            let ticket: Item<Ticket> = api.json(&Call::get(format!("/Tickets/{id}"))).await?;
            ticket.item.ok_or_else(lost)
        };
        let ticket: Ticket = numbered.await.map_err(Error::with_maybe_done)?;
        Ok(Created { ticket: ticket.named(), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let call = Call::get(format!("/Tickets/{}/Attachments", ticket.id));
        let files = self.api().await?.list(call, |file: &File| &file.id, |page: Page<File>, _| page.part()).await?;
        Ok(files.into_values().filter_map(File::name).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        let publish = self.fields("TicketAttachments").await?.internal().map(number).ok_or_else(not_internal)?;
        let body = json!({ "id": 0, "attachmentType": "FILE_ATTACHMENT", "title": file.file_name,
            "fullPath": file.file_name, "publish": publish, "data": STANDARD.encode(&file.bytes) });
        let call = Call::post(format!("/Tickets/{}/Attachments", ticket.id)).json(&body)?;
        self.api().await?.json::<Made>(&call).await.map(|_| ())
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        let fields = self.fields("TicketNotes").await?;
        let publish = fields.internal().map(number).ok_or_else(not_internal)?;
        let no_kind = || Error::new(ErrorKind::Unsupported, "Autotask has no kind of note that may be written");
        let note = json!({ "title": "Tallysheet", "description": body.text, "publish": publish,
            "noteType": fields.note_type().map(number).ok_or_else(no_kind)? });
        let call = Call::post(format!("/Tickets/{}/Notes", ticket.id)).json(&note)?;
        self.api().await?.json::<Made>(&call).await.map(|_| ())
    }

    fn limits(&self) -> DeskLimits {
        DeskLimits { title: 250, file: 6_000_000, note: 3_200 }
    }
}

/// Field names are the same in any case.
fn has<'a>(mut names: impl Iterator<Item = &'a String>, field: &str) -> bool {
    names.any(|name| name.eq_ignore_ascii_case(field))
}

fn not_internal() -> Error {
    let message = "Autotask has no choice of `publish` that says it is internal, so customers might see this";
    Error::new(ErrorKind::Unsupported, message)
}
