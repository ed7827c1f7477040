#![doc = include_str!("../README.md")]

mod wire;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{Api, Basic, Call, FormPart, Next, Part, Position, Reply};
use wire::{Company, Conversation, Hits, Made, Person, Ticket, TicketField};

/// Settings of a `kind = "freshdesk"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API key of an agent.
    api_key: Secret,
    /// Who asks in the tickets: the address or the id of an agent, or of a contact of your own company. It must exist.
    requester: String,
}

/// Makes tickets and lists companies.
pub struct Freshdesk {
    api: Api,
    requester: String,
    cx: Context,
}

/// The most rows that a page may have.
const PAGE: usize = 100;
/// The rows of a page of a search, and the most pages that it shows.
const HITS: (usize, usize) = (30, 10);
/// How long a ticket may be unknown to the search: minutes, says the vendor.
const INDEXED_WITHIN: Duration = Duration::from_hours(24);
/// The fields of a form, their types at Freshdesk, and how a ticket calls them.
const FIELDS: [(&str, &str, &str); 6] = [
    ("status", "default_status", "status"),
    ("priority", "default_priority", "priority"),
    ("source", "default_source", "source"),
    ("type", "default_ticket_type", "type"),
    ("queue", "default_group", "group_id"),
    ("assignee", "default_agent", "responder_id"),
];

impl ConnectorSpec for Freshdesk {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "freshdesk",
        title: "Freshdesk",
        default_url: None,
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "the API key of an agent who sees all tickets, and whose role may create tickets, add notes, and view \
                      contacts and companies",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let api = Api::builder(cx, None)
            .without("/api/v2")
            .auth(Basic::new(config.api_key.expose(), &Secret::new("X")))
            // What the smallest account may (README, Limits).
            .per_minute(50)
            .classify(refused_field)
            .build()?;
        let me = Arc::new(Self { api, requester: config.requester.trim().to_owned(), cx: cx.clone() });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(Freshdesk);

#[async_trait]
impl Probe for Freshdesk {
    async fn check(&self) -> Result<Identity> {
        let _: Person = self.me().await?;
        // The agent may change where the account does not, so the account's host stands for it.
        Ok(Identity { account: self.api.host().to_owned(), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for Freshdesk {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.all_companies().await?.into_iter().map(|(id, company)| company.listed(id)).collect())
    }
}

#[async_trait]
impl TicketDesk for Freshdesk {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &FIELDS.map(|(field, ..)| field))?;
        let companies = self.all_companies().await?;
        let companies: Vec<_> = companies.into_iter().map(|(id, company)| (id, company.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &companies)?.clone();
        let requester = self.find_requester().await?;
        requester.must_ask_for(&company_id, form.extra.get("company_id"))?;

        let mut settings = Map::new();
        if !form.fields.is_empty() {
            let fields: Vec<TicketField> = self.api.rows(list("/api/v2/ticket_fields"), pages()).await?;
            for (field, kind, name) in FIELDS {
                let Some(wanted) = form.field(field) else { continue };
                let choices = fields.iter().find(|field| field.kind == kind).map(TicketField::choices);
                let (id, _) = choose(field, wanted, &choices.unwrap_or_default())?.clone();
                settings.insert(name.to_owned(), number(&id));
            }
        }
        settings.extend(form.extra.clone());
        settings.insert("requester_id".to_owned(), number(requester.id.as_str()));
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let tag = search.key().map_or_else(|| tag(&search.delivery), |key| tag(&key.to_string()));
        let mut tickets = self.indexed(&tag).await?;
        // What the search does not know yet; and what a list tells is newer.
        tickets.extend(self.recent(form, search).await?);
        let untold: BTreeSet<String> =
            tickets.iter().filter(|(_, ticket)| ticket.tags.is_none()).map(|(id, _)| id.clone()).collect();
        tickets.extend(self.api.find_all::<Ticket>("/api/v2/tickets", untold).await?);

        let mut found: Vec<(String, Ticket)> = tickets.into_iter().filter(|(_, ticket)| ticket.carries(&tag)).collect();
        found.sort_by_key(|(id, _)| std::cmp::Reverse(id.parse::<u64>().unwrap_or_default()));
        Ok(found.into_iter().map(|(id, ticket)| Found { ticket: numbered(id), open: ticket.is_open() }).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        // Open, low, by the portal: the vendor's own defaults.
        let mut body = json!({ "status": 2, "priority": 1, "source": 2 });
        let mut tags = vec![Value::from(tag(&ticket.key.to_string())), Value::from(tag(&ticket.key.delivery))];
        tags.extend(ticket.form.settings.get("tags").and_then(Value::as_array).into_iter().flatten().cloned());
        let own = json!({ "subject": ticket.form.title, "description": format!("{}<p>{}</p>", ticket.body.html, ticket.key),
            "tags": tags });
        for fields in [Some(&ticket.form.settings), own.as_object()].into_iter().flatten() {
            body.as_object_mut().into_iter().for_each(|body| body.extend(fields.clone()));
        }
        let made: Made = self.api.json(&Call::post("/api/v2/tickets").json(&body)?).await?;
        Ok(Created { ticket: numbered(made.id.0), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let call = list(&format!("/api/v2/tickets/{}/conversations", ticket.id));
        let conversations = self.api.list(call, |conversation: &Conversation| &conversation.id, pages()).await?;
        Ok(conversations.into_values().flat_map(Conversation::files).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        // In a private note: a file of the ticket itself would be the requester's to see.
        let parts = vec![
            FormPart::text("body", "<p>The sheet.</p>"),
            FormPart::text("private", "true"),
            FormPart::file("attachments[]", file),
        ];
        self.note(ticket, |call| Ok(call.multipart(parts))).await
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        self.note(ticket, |call| call.json(&json!({ "body": body.html, "private": true }))).await
    }

    fn limits(&self) -> DeskLimits {
        // The title's and the note's are not published: what is sure to be taken (README, Limits).
        DeskLimits { title: 255, file: 20_000_000, note: 16_000 }
    }
}

impl Freshdesk {
    async fn me(&self) -> Result<Person> {
        self.api.json(&Call::get("/api/v2/agents/me")).await
    }

    async fn all_companies(&self) -> Result<BTreeMap<String, Company>> {
        self.api.list(list("/api/v2/companies"), |company: &Company| &company.id, pages()).await
    }

    /// Who asks. A ticket of an address that Freshdesk does not know would make a contact, so it is looked up.
    async fn find_requester(&self) -> Result<Person> {
        let me = self.me().await?;
        if me.is(&self.requester) {
            return Ok(me);
        }
        if let Some(contact) = self.look_up("/api/v2/contacts").await? {
            return Ok(contact);
        }
        let agent = self.look_up("/api/v2/agents").await.map_err(|error| match error.kind() {
            ErrorKind::Forbidden => error.advice(
                "`requester` is no contact, and only an administrator's key may look up other agents: name the agent of \
                 the key itself, or a contact",
            ),
            _ => error,
        })?;
        let unknown = || format!("`requester`: Freshdesk knows no agent and no contact `{}`", self.requester);
        agent
            .ok_or_else(|| Error::config(unknown()).advice("none is made here: name one that exists, by address or id"))
    }

    async fn look_up(&self, path: &str) -> Result<Option<Person>> {
        if self.requester.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.api.find(&Call::get(format!("{path}/{}", self.requester))).await;
        }
        let persons: Vec<Person> = self.api.json(&Call::get(path).query("email", &self.requester)).await?;
        Ok(persons.into_iter().find(|person| person.is(&self.requester)))
    }

    /// The tickets that the search knows by a tag. It learns of new ones only after minutes.
    async fn indexed(&self, tag: &str) -> Result<BTreeMap<String, Ticket>> {
        let first = Call::get("/api/v2/search/tickets").query("query", format!("\"tag:'{tag}'\"")).query("page", 1);
        let (size, most) = HITS;
        let part = |hits: Hits, at: &Position<'_>| {
            let number = at.index + 1;
            let goes_on = number < most && number * size < hits.total && !hits.results.is_empty();
            let next = if goes_on { Next::query("page", number + 1) } else { Next::End };
            // A ticket that was deleted is in the total until the search learns of it.
            Part { rows: hits.results, stated: None, next }
        };
        self.api.list(first, |ticket: &Ticket| &ticket.id, part).await
    }

    /// The newest tickets of the requester, which a list knows at once.
    async fn recent(&self, form: &PreparedForm, search: &TicketSearch) -> Result<BTreeMap<String, Ticket>> {
        let requester = form.settings.get("requester_id").map(Value::to_string).unwrap_or_default();
        let since = self.cx.now().checked_sub(INDEXED_WITHIN).map_or(search.since, |since| since.max(search.since));
        let call = list("/api/v2/tickets").query("requester_id", requester);
        let call = call.query("updated_since", since.strftime("%Y-%m-%dT%H:%M:%SZ"));
        let call = call.query("order_by", "created_at").query("order_type", "desc");
        self.api.list(call, |ticket: &Ticket| &ticket.id, pages()).await
    }

    async fn note(&self, ticket: &TicketRef, with: impl FnOnce(Call) -> Result<Call>) -> Result<()> {
        let _: Made = self.api.json(&with(Call::post(format!("/api/v2/tickets/{}/notes", ticket.id)))?).await?;
        Ok(())
    }
}

/// What a ticket carries of its key: a tag has at most 32 characters, and a key has more. Two texts have the same tag
/// once in 2^80.
fn tag(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(10).fold("tallysheet-".to_owned(), |tag, byte| format!("{tag}{byte:02x}"))
}

fn list(path: &str) -> Call {
    Call::get(path).query("per_page", PAGE)
}

/// Pages by their `Link` headers. Where there are none at all, perhaps because a proxy drops them, a full first page is
/// not taken for the whole.
fn pages<T>() -> impl FnMut(Vec<T>, &Position<'_>) -> Part<T> {
    let mut linked = false;
    move |rows, at| {
        let is_full = rows.len() >= PAGE;
        let part = Part::linked(rows, at);
        linked |= part.next != Next::End;
        let by_number = || if is_full && !linked { Next::query("page", at.index + 2) } else { Next::End };
        Part { next: part.next.clone().or_else(by_number), ..part }
    }
}

/// A number where it is one: ids, statuses. A type is known by its name.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| Value::from(id), Value::from)
}

fn numbered(id: String) -> TicketRef {
    TicketRef { number: id.clone(), id }
}

/// Which field Freshdesk does not accept, and why: an administrator may have made more of them mandatory.
fn refused_field(reply: &Reply) -> Option<Error> {
    if reply.status() != 400 {
        return None;
    }
    let (field, why) = (reply.word("/errors/0/field")?, reply.word("/errors/0/code")?);
    let error = Error::bad_response(format!("Freshdesk does not accept the field `{field}` ({why})"));
    Some(error.advice("set it in the delivery, or in its table `fields`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_fits_and_tells_keys_apart() {
        let [key, other] = ["4f2a", "4f2b"].map(|tail| tag(&format!("tallysheet:20261101T060000Z-{tail}:ticket")));
        assert_eq!(key.len(), 31);
        assert_ne!(key, other);
        assert_eq!(tag("abc"), "tallysheet-ba7816bf8f01cfea4141", "the digest of the standard's own example");
    }

    #[test]
    fn numbers_are_sent_as_numbers() {
        assert_eq!([number("7"), number("Incident")], [json!(7), json!("Incident")]);
    }
}
