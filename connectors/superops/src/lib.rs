#![doc = include_str!("../README.md")]

mod wire;

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::tally::Listed;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{Api, Bearer, Call, FormPart};
use wire::{Answer, Choice, Client, Entry, HasId, Made, MadeNote, Page, Ticket, Upload, Uploads, refusal};

/// Settings of a `kind = "superops"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API token of a technician.
    api_token: Secret,
    /// The subdomain of your account: `acme` of acme.superops.ai.
    subdomain: String,
    /// Where files are uploaded; `/upload` beside the API where it is not set.
    upload_url: Option<String>,
}

/// Makes tickets and lists companies.
pub struct SuperOps {
    api: Api,
    uploads: Api,
    subdomain: String,
}

const DEFAULT_URL: &str = "https://api.superops.ai/msp";
/// The most rows that a page may have.
const PAGE: usize = 100;
/// So many empty pages one after another are a list without an end.
const MOST_EMPTY: usize = 3;
/// Times come without a zone: a ticket may be this much older than it looks.
const ZONES_DIFFER: Duration = Duration::from_hours(24);
/// The most bytes of a file. None is published (README, Limits).
const MOST_BYTES: usize = 10_000_000;
/// Where a ticket comes from.
const SOURCES: [&str; 6] = ["INTEGRATION", "AGENT", "FORM", "EMAIL", "PHONE", "AI"];

impl ConnectorSpec for SuperOps {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "superops",
        title: "SuperOps",
        default_url: Some(DEFAULT_URL),
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "the API token of a technician whose role may view clients, and view and create tickets and notes",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let api = Api::builder(cx, Some(DEFAULT_URL))
            .auth(Bearer::new(&config.api_token))
            .header("customersubdomain", &config.subdomain)
            // The smaller of two numbers that are told (README, Limits).
            .per_minute(90)
            .seconds_after_429(60)
            .classify(refusal)
            .build()?;
        let url = cx.url.as_deref().unwrap_or(DEFAULT_URL);
        let uploads = api.at(&config.upload_url.unwrap_or_else(|| upload_url(url)))?;
        let me = Arc::new(Self { api, uploads, subdomain: config.subdomain });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(SuperOps);

#[async_trait]
impl Probe for SuperOps {
    async fn check(&self) -> Result<Identity> {
        let _: Page<Client> = self.ask(wire::CLIENTS, json!({ "page": 1, "pageSize": 1 })).await?;
        Ok(Identity { account: self.subdomain.clone(), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for SuperOps {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.clients().await?.into_iter().map(|(id, client)| client.listed(id)).collect())
    }
}

#[async_trait]
impl TicketDesk for SuperOps {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &["status", "priority", "queue", "source"])?;
        let clients: Vec<_> = self.clients().await?.into_iter().map(|(id, client)| (id, client.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &clients)?.clone();

        let mut settings = Map::new();
        settings.insert("status".to_owned(), self.status(form.field("status")).await?.into());
        if let Some(wanted) = form.field("priority") {
            let priorities = self.choices(wire::PRIORITIES).await?;
            settings.insert("priority".to_owned(), choose("priority", wanted, &priorities)?.1.as_str().into());
        }
        if let Some(wanted) = form.field("queue") {
            let groups = self.choices(wire::GROUPS).await?;
            settings.insert("techGroup".to_owned(), json!({ "groupId": choose("queue", wanted, &groups)?.0 }));
        }
        let sources = SOURCES.map(|source| (source.to_owned(), source.to_owned()));
        let (source, _) = choose("source", form.field("source").unwrap_or(SOURCES[0]), &sources)?;
        settings.insert("source".to_owned(), source.as_str().into());
        settings.extend(form.extra.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        // A client's tickets can be searched for by its name only (README, Quirks).
        let input = json!({ "sort": [{ "attribute": "createdTime", "order": "DESC" }],
            "condition": { "attribute": "client.name", "operator": "is", "value": form.company_name } });
        let oldest = search.since.checked_sub(ZONES_DIFFER).unwrap_or(search.since);
        let is_older = |ticket: &Ticket| ticket.created_time.0.is_some_and(|created| created < oldest);
        let source = form.settings.get("source").and_then(Value::as_str);
        let may_be = |ticket: &Ticket| {
            !is_older(ticket)
                && ticket.is_of(&form.company_id)
                && source == Some(ticket.source.as_str())
                && (search.run.is_some() || ticket.is_open())
        };
        let tickets = self.list(wire::TICKETS, input, is_older).await?.finish("tickets")?;
        let tickets: Vec<Ticket> = tickets.into_values().filter(may_be).collect();

        // The key stands in the description, which a list does not tell.
        let carries = try_join_all(tickets.iter().map(async |ticket| {
            let entries = self.entries(wire::CONVERSATIONS, ticket.ticket_id.as_str()).await?;
            Ok(entries.iter().any(|entry| search.matches(entry.content.as_deref().unwrap_or_default())))
        }));
        let carries: Vec<bool> = carries.await?;
        let mut found: Vec<Ticket> =
            tickets.into_iter().zip(carries).filter_map(|(ticket, carries)| carries.then_some(ticket)).collect();
        let age = |ticket: &Ticket| (ticket.created_time.0, ticket.ticket_id.as_str().parse::<u64>().ok());
        found.sort_by_key(|ticket| std::cmp::Reverse(age(ticket)));
        Ok(found
            .into_iter()
            .map(|ticket| Found { open: ticket.is_open(), ticket: numbered(ticket.ticket_id.0, ticket.display_id) })
            .collect())
    }

    async fn create(&self, ticket: &NewTicket, file: Option<&Attachment>) -> Result<Created> {
        let mut input = ticket.form.settings.clone();
        let own = json!({ "subject": ticket.form.title, "client": { "accountId": ticket.form.company_id },
            "description": format!("{}<p>{}</p>", ticket.body.html, ticket.key) });
        input.extend(own.as_object().cloned().unwrap_or_default());
        let uploaded = match file.filter(|file| file.bytes.len() <= MOST_BYTES) {
            None => None,
            Some(file) => match self.upload(file, None).await {
                Ok(upload) => Some(upload),
                // A file that is refused is no reason to make no ticket.
                Err(error) if error.kind() == ErrorKind::Config => None,
                Err(error) => return Err(error),
            },
        };
        let attached = uploaded.is_some();
        if let Some(upload) = uploaded {
            input.insert("descriptionAttachments".to_owned(), json!([upload]));
        }
        let made: Made = self.ask(wire::MAKE_TICKET, Value::Object(input)).await?;
        Ok(Created { ticket: numbered(made.ticket_id.0, made.display_id), attached })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let mut entries = self.entries(wire::CONVERSATIONS, &ticket.id).await?;
        entries.extend(self.entries(wire::NOTES, &ticket.id).await?);
        Ok(entries.into_iter().flat_map(Entry::files).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        let upload = self.upload(file, Some(&ticket.id)).await?;
        self.note(ticket, json!({ "content": "<p>The sheet.</p>", "attachments": [upload] })).await
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        self.note(ticket, json!({ "content": body.html })).await
    }

    fn limits(&self) -> DeskLimits {
        // None is published: what is sure to be taken (README, Limits).
        DeskLimits { title: 100, file: MOST_BYTES, note: 16_000 }
    }
}

impl SuperOps {
    async fn clients(&self) -> Result<BTreeMap<String, Client>> {
        self.list(wire::CLIENTS, json!({}), |_: &Client| false).await?.finish("clients")
    }

    /// The name of a status, which every ticket needs, and which is the tenant's own word.
    async fn status(&self, wanted: Option<&str>) -> Result<String> {
        let statuses = self.choices(wire::STATUSES).await?;
        if let Some(wanted) = wanted {
            return Ok(choose("status", wanted, &statuses)?.1.clone());
        }
        let usual = ["New", "Open"].into_iter().find_map(|usual| choose("status", usual, &statuses).ok());
        let status = usual.map_or_else(|| choose("status", "New", &statuses), Ok);
        Ok(status.map_err(|error| error.advice("set `status` in the delivery"))?.1.clone())
    }

    async fn choices(&self, query: &str) -> Result<Vec<(String, String)>> {
        let choices: Vec<Choice> = self.ask(query, Value::Null).await?;
        Ok(choices.into_iter().map(|choice| (choice.id.0, choice.name)).collect())
    }

    async fn entries(&self, query: &str, ticket: &str) -> Result<Vec<Entry>> {
        let entries: Option<Vec<Entry>> = self.ask(query, json!({ "ticketId": ticket })).await?;
        Ok(entries.unwrap_or_default())
    }

    /// The rows of a list, up to the first that `is_enough`.
    async fn list<T: DeserializeOwned + HasId>(
        &self,
        query: &str,
        mut input: Value,
        is_enough: impl Fn(&T) -> bool,
    ) -> Result<Listed<T>> {
        let (mut listed, mut empty, mut total) = (Listed::default(), 0, None);
        for page in 1_usize.. {
            input["page"] = page.into();
            input["pageSize"] = PAGE.into();
            let answer: Page<T> = self.ask(query, input.clone()).await?;
            let (known, rows) = (listed.distinct(), answer.rows.unwrap_or_default());
            let (brings_none, enough) = (rows.is_empty(), rows.iter().any(&is_enough));
            rows.into_iter().for_each(|row| listed.add(row.id().0.clone(), row));
            if enough {
                break;
            }
            total = total.max(answer.list_info.total());
            if answer.list_info.has_more != Some(true) {
                listed.stated(total);
                break;
            }
            empty = if brings_none { empty + 1 } else { 0 };
            if (!brings_none && listed.distinct() == known) || empty >= MOST_EMPTY {
                let message =
                    format!("page {page} of a list brings nothing new, and there should be more; none of it is used");
                return Err(Error::bad_response(message));
            }
        }
        Ok(listed)
    }

    /// Uploads a file. A file that nothing points at is nobody's, so this may be repeated.
    async fn upload(&self, file: &Attachment, ticket: Option<&str>) -> Result<Value> {
        let mut parts = vec![FormPart::text("module", "TICKET_CONVERSATION_ATTACHMENT")];
        parts.extend(ticket.map(|ticket| FormPart::text("details", json!({ "ticketId": ticket }).to_string())));
        parts.push(FormPart::file("files", file));
        let uploads: Uploads = self.uploads.json(&Call::post("").multipart(parts).repeatable()).await?;
        let Some(Upload { file_name, original_file_name, file_size }) = uploads.data.into_iter().next() else {
            return Err(Error::bad_response("the upload was answered without a file"));
        };
        Ok(json!({ "fileName": file_name, "originalFileName": original_file_name, "fileSize": file_size.0 }))
    }

    /// A note that customers do not see.
    async fn note(&self, ticket: &TicketRef, mut note: Value) -> Result<()> {
        note["ticket"] = json!({ "ticketId": ticket.id });
        note["privacyType"] = "PRIVATE".into();
        let _: MadeNote = self.ask(wire::MAKE_NOTE, note).await?;
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(&self, query: &str, input: Value) -> Result<T> {
        let variables = if input.is_null() { json!({}) } else { json!({ "input": input }) };
        let call = Call::post("").json(&json!({ "query": query, "variables": variables }))?;
        if query.starts_with("query") {
            return Ok(self.api.json::<Answer<T>>(&call.repeatable()).await?.data.answer);
        }
        // An error without a known code may be about the answer to a change that was made.
        let changed = self.api.json::<Answer<T>>(&call).await;
        let changed = changed.map_err(|error| match error.kind() {
            ErrorKind::BadResponse => error.with_maybe_done(),
            _ => error,
        });
        Ok(changed?.data.answer)
    }
}

/// `/upload` stands beside `/msp`.
fn upload_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    format!("{}/upload", url.strip_suffix("/msp").unwrap_or(url))
}

fn numbered(id: String, number: String) -> TicketRef {
    TicketRef { id, number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_uploaded_beside_the_api() {
        for (url, uploads) in [
            (DEFAULT_URL, "https://api.superops.ai/upload"),
            ("https://euapi.superops.ai/msp/", "https://euapi.superops.ai/upload"),
            ("https://proxy.example/so/msp", "https://proxy.example/so/upload"),
            ("https://proxy.example/so", "https://proxy.example/so/upload"),
        ] {
            assert_eq!(upload_url(url), uploads);
        }
    }
}
