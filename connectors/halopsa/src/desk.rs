//! HaloPSA's tickets.

use super::{HaloPsa, whole_number};
use crate::wire::{Choice, File, Rows, Ticket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
    unset,
};
use tallysheet_core::{ConnectorSpec, ErrorKind, Result, TicketDesk, async_trait};
use tallysheet_http::{Call, Position};

/// The most tickets that one answer holds.
const MOST_TICKETS: usize = 1000;
/// How a day is written.
const DAY: &str = "%Y-%m-%d";
/// The built-in action that is a private note.
const PRIVATE_NOTE: u32 = 7;

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
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

fn numbered(id: &str) -> TicketRef {
    TicketRef { id: id.to_owned(), number: id.to_owned() }
}
