#![doc = include_str!("../README.md")]

mod token;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
    unset,
};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Position, Tokens};
use token::Issuer;
use wire::{Choice, Client, File, Made, Rows, Ticket};

/// Settings of a `kind = "halopsa"` integration.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The client id of the API application.
    client_id: String,
    /// Its secret.
    client_secret: Secret,
    /// Where tokens are issued; HaloPSA is asked for it where it is not set.
    token_url: Option<String>,
    /// The tenant's name; HaloPSA is asked for it where it is not set. Not needed where you host it yourself.
    tenant: Option<String>,
    /// What the token is for; the scopes that are needed where it is not set.
    scope: Option<String>,
}

/// Makes tickets and lists companies.
pub struct HaloPsa {
    api: Api,
    cx: Context,
}

/// The rows of a page of clients.
const PAGE: usize = 100;
/// The most tickets that one answer holds.
const MOST_TICKETS: usize = 1000;
/// How a day is written.
const DAY: &str = "%Y-%m-%d";
/// The client that catches what belongs to nobody.
const CATCHALL: &str = "Unknown";
/// The built-in action that is a private note.
const PRIVATE_NOTE: u32 = 7;

impl ConnectorSpec for HaloPsa {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "halopsa",
        title: "HaloPSA",
        default_url: None,
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "an API application with the scopes read:customers, read:tickets and edit:tickets, whose agent may \
                      use all customers, and read and add tickets of the type",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let cx = Context { url: cx.url.as_deref().map(with_api), ..cx.clone() };
        // 700 in five minutes (README, Limits).
        let api = Api::builder(&cx, None).per_minute(140).seconds_after_429(5).build()?;
        let api = api.with_auth(Tokens::new(&cx, Issuer::new(&cx, &api, config)?));
        let me = Arc::new(Self { api, cx });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(HaloPsa);

#[async_trait]
impl Probe for HaloPsa {
    async fn check(&self) -> Result<Identity> {
        let one = Call::get("/Client").query("pageinate", true).query("page_size", 1).query("page_no", 1);
        let (clients, _) = self.api.json::<Rows<Client>>(&one).await?.parts();
        seen(clients.len())?;
        // No call names the account, so its host stands for it (README, Quirks).
        Ok(Identity { account: self.api.host().to_owned(), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for HaloPsa {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.clients().await?.into_iter().map(|(id, client)| client.listed(id)).collect())
    }
}

#[async_trait]
impl TicketDesk for HaloPsa {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &["type", "status", "priority", "queue"])?;
        let clients = self.clients().await?.into_iter().filter(|(_, client)| client.is_active());
        let clients: Vec<_> = clients.map(|(id, client)| (id, client.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &clients)?.clone();

        let mut settings = Map::new();
        let all_types = Call::get("/TicketType").query("showall", true);
        for (field, call, name) in [
            ("type", all_types, "tickettype_id"),
            ("status", Call::get("/Status"), "status_id"),
            ("priority", Call::get("/Priority"), "priority_id"),
            ("queue", Call::get("/Team"), "team"),
        ] {
            // A ticket needs a type; what else is not set is the type's own.
            let is_needed = field == "type" && !form.extra.contains_key(name);
            if form.field(field).is_none() && !is_needed {
                continue;
            }
            let choices = self.choices(&call).await?;
            let wanted = form.field(field).ok_or_else(|| unset(field, &choices))?;
            let (id, team) = choose(field, wanted, &choices)?;
            // A team is known to tickets by its name.
            let value = if field == "queue" { Value::from(team.as_str()) } else { whole_number(id) };
            settings.insert(name.to_owned(), value);
        }
        settings.extend(form.extra.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let tickets = self.tickets(form, search).await?;
        // Whether the list tells what a ticket carries is not established (README, Quirks).
        let silent = tickets.values().filter(|ticket| ticket.is_silent());
        let told = try_join_all(silent.map(async |ticket| {
            let call = Call::get(format!("/Tickets/{}", ticket.id)).query("includedetails", true);
            self.api.find::<Ticket>(&call).await
        }));
        let told: Vec<Ticket> = told.await?.into_iter().flatten().collect();
        let meant = |ticket: &&Ticket| ticket.texts().any(|text| search.matches(text));
        let mut found: Vec<&Ticket> = tickets.values().chain(&told).filter(meant).collect();
        found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id.as_str().parse::<u64>().unwrap_or_default()));
        Ok(found.into_iter().map(|ticket| Found { ticket: numbered(&ticket.id.0), open: ticket.is_open() }).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let mut body = json!({ "summary": ticket.form.title, "client_id": whole_number(&ticket.form.company_id),
            "details_html": format!("{}<p>{}</p>", ticket.body.html, ticket.key),
            "third_party_id_string": ticket.key.to_string(), "donotapplytemplateintheapi": true });
        if !ticket.form.settings.contains_key("user_id") {
            // The general user of the client.
            merge(
                &mut body,
                json!({ "site_id": null, "usertype": 1,
                "userlookup": { "id": -1, "lookupdisplay": "Enter Details Manually" } }),
            );
        }
        merge(&mut body, Value::Object(ticket.form.settings.clone()));
        let made = self.post("/Tickets", &body).await.map_err(|error| {
            let refused = error.kind() == ErrorKind::BadResponse && !error.maybe_done();
            let advice = "perhaps the ticket type has mandatory fields: set them in `fields`";
            if refused { error.advice(advice) } else { error }
        })?;
        Ok(Created { ticket: numbered(made.id()), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let call = Call::get("/Attachment").query("ticket_id", &ticket.id);
        let files = self.api.list(call, |file: &File| &file.id, |rows: Rows<File>, _| rows.whole()).await?;
        Ok(files.into_values().filter_map(|file| file.filename).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        // Customers do not see it.
        let upload = json!({ "ticket_id": whole_number(&ticket.id), "filename": file.file_name,
            "data_base64": STANDARD.encode(&file.bytes), "showforusers": false });
        self.post("/Attachment", &upload).await.map(|_| ())
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        let note = json!({ "ticket_id": whole_number(&ticket.id), "outcome_id": PRIVATE_NOTE, "note_html": body.html,
            "hiddenfromuser": true, "sendemail": false });
        self.post("/Actions", &note).await.map(|_| ())
    }

    fn limits(&self) -> DeskLimits {
        // None is published: what is sure to be taken (README, Limits).
        DeskLimits { title: 100, file: 10_000_000, note: 16_000 }
    }
}

impl HaloPsa {
    /// All clients, active or not. Who may not use all customers gets a shorter list, and no error (README, Credential).
    async fn clients(&self) -> Result<BTreeMap<String, Client>> {
        let first = Call::get("/Client").query("includeinactive", true).query("includeactive", true);
        let first = first.query("pageinate", true).query("page_size", PAGE).query("order", "id");
        let clients = self.api.numbered(first, "page_no", |client: &Client| &client.id, Rows::parts).await?;
        seen(clients.len()).map(|()| clients)
    }

    async fn choices(&self, call: &Call) -> Result<Vec<(String, String)>> {
        let (choices, _) = self.api.json::<Rows<Choice>>(call).await?.parts();
        let mut choices: Vec<_> = choices.into_iter().map(Choice::named).collect();
        // Priorities stand there once for each service level.
        choices.sort();
        choices.dedup();
        Ok(choices)
    }

    /// The company's tickets since the time that is meant, in one answer: page numbers were seen to be ignored here.
    async fn tickets(&self, form: &PreparedForm, search: &TicketSearch) -> Result<BTreeMap<String, Ticket>> {
        // Days end elsewhere, and clocks differ.
        let end = self.cx.now() + Duration::from_hours(48);
        let call = Call::get("/Tickets").query("client_id", &form.company_id).query("datesearch", "dateoccured");
        let call = call.query("startdate", search.since.strftime(DAY)).query("enddate", end.strftime(DAY));
        let call = call.query("count", MOST_TICKETS).query("order", "id").query("orderdesc", true);
        let call = if search.run.is_none() { call.query("open_only", true) } else { call };
        let whole = |rows: Rows<Ticket>, _: &Position<'_>| rows.whole().full_at(MOST_TICKETS);
        self.api.list(call, |ticket: &Ticket| &ticket.id, whole).await
    }

    /// Every body is a list, even of one record.
    async fn post(&self, path: &str, record: &Value) -> Result<Made> {
        self.api.json(&Call::post(path).json(&[record])?).await
    }
}

/// Whoever pastes the host alone means its API.
fn with_api(url: &str) -> String {
    let is_host = url.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    if is_host { format!("{url}/api") } else { url.to_owned() }
}

/// An agent without the customers gets an empty list, not 403.
fn seen(clients: usize) -> Result<()> {
    let error = || Error::new(ErrorKind::Forbidden, "HaloPSA shows the application's agent no customers");
    if clients > 0 { Ok(()) } else { Err(error().advice("set `Allow use of all Customers` for the agent")) }
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

fn whole_number(id: &str) -> Value {
    // One that is none is sent as it is, for the vendor to refuse.
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

fn numbered(id: &str) -> TicketRef {
    TicketRef { id: id.to_owned(), number: id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_means_its_api() {
        for (url, whole) in [
            ("https://northgate.halopsa.com", "https://northgate.halopsa.com/api"),
            ("https://northgate.halopsa.com/api", "https://northgate.halopsa.com/api"),
            ("http://127.0.0.1:8080/halo/api", "http://127.0.0.1:8080/halo/api"),
        ] {
            assert_eq!(with_api(url), whole);
        }
    }
}
