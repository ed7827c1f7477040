//! Tickets: looked for before they are made, with the file attached where customers do not see it.

use crate::wire::{Choice, Document, HasId, Made, Ticket};
use crate::{ConnectWisePsa, list, page};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
};
use tallysheet_core::{ConnectorSpec, Error, Result, TicketDesk, async_trait};
use tallysheet_http::{Call, FormPart};

#[async_trait]
impl TicketDesk for ConnectWisePsa {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &["board", "status", "type", "priority"])?;
        let companies = self.all_companies().await?;
        let companies: Vec<_> = companies.into_iter().map(|(id, company)| (id, company.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &companies)?.clone();

        let mut settings = Map::new();
        if let Some(board) = form.field("board") {
            let boards = self.choices("/service/boards", "id,name,inactiveFlag,projectFlag").await?;
            let (board, _) = choose("board", board, &boards)?;
            for (field, path) in [("status", "statuses"), ("type", "types")] {
                let Some(wanted) = form.field(field) else { continue };
                let (path, fields) = (format!("/service/boards/{board}/{path}"), "id,name,inactive,inactiveFlag");
                let (id, _) = choose(field, wanted, &self.choices(&path, fields).await?)?.clone();
                settings.insert(field.to_owned(), reference(&id));
            }
            settings.insert("board".to_owned(), reference(board));
        } else if let Some(field) = ["status", "type"].into_iter().find(|field| form.field(field).is_some()) {
            return Err(Error::config(format!("`{field}` belongs to a board: set `board` too")));
        }
        if let Some(priority) = form.field("priority") {
            let (id, _) = choose("priority", priority, &self.choices("/service/priorities", "id,name").await?)?.clone();
            settings.insert("priority".to_owned(), reference(&id));
        }
        for (field, value) in &form.extra {
            add_nested(&mut settings, field, value.clone());
        }
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        // Whether `externalXRef` may stand in a condition is not sure, so keys are compared here (README, Quirks).
        let since = search.since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let open = if search.run.is_none() { " and closedFlag=false" } else { "" };
        let conditions = format!("company/id={}{open} and dateEntered>=[{since}]", form.company_id);
        let fields = "id,externalXRef,closedFlag";
        let tickets: BTreeMap<String, Ticket> = self.list("/service/tickets", fields, Some(&conditions)).await?;
        let meant = |ticket: &Ticket| search.matches(ticket.external_x_ref.as_deref().unwrap_or_default());
        let mut found: Vec<Ticket> = tickets.into_values().filter(meant).collect();
        found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id.as_str().parse::<u64>().unwrap_or_default()));
        Ok(found.into_iter().map(|ticket| Found { open: !ticket.closed_flag, ticket: numbered(ticket.id.0) }).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let mut body = ticket.form.settings.clone();
        let own = json!({ "summary": ticket.form.title, "company": reference(&ticket.form.company_id),
            "recordType": "ServiceTicket", "initialDescription": ticket.body.text, "externalXRef": ticket.key.to_string() });
        body.extend(own.as_object().cloned().unwrap_or_default());
        let made: Made = self.api.json(&Call::post("/service/tickets").json(&body)?).await?;
        Ok(Created { ticket: numbered(made.id.0), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let call = list("/system/documents").query("recordType", "Ticket").query("recordId", &ticket.id);
        let documents = self.api.list(call, Document::id, page).await?;
        Ok(documents.into_values().filter_map(|document: Document| document.file_name).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        let parts = vec![
            FormPart::text("recordType", "Ticket"),
            FormPart::text("recordId", &ticket.id),
            FormPart::text("title", &file.file_name),
            // Customers do not see it in the portal.
            FormPart::text("privateFlag", "true"),
            FormPart::text("readOnlyFlag", "false"),
            FormPart::text("isAvatar", "false"),
            FormPart::file("file", file),
        ];
        let _: Made = self.api.json(&Call::post("/system/documents").multipart(parts)).await?;
        Ok(())
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        let note = json!({ "text": body.text, "detailDescriptionFlag": false, "internalAnalysisFlag": true,
            "resolutionFlag": false });
        let _: Made = self.api.json(&Call::post(format!("/service/tickets/{}/notes", ticket.id)).json(&note)?).await?;
        Ok(())
    }

    fn limits(&self) -> DeskLimits {
        // The file's and the note's are not published: what is sure to be taken (README, Limits).
        DeskLimits { title: 100, file: 10_000_000, note: 16_000 }
    }
}

impl ConnectWisePsa {
    /// What there is to choose from, without what is switched off.
    async fn choices(&self, path: &str, fields: &str) -> Result<Vec<(String, String)>> {
        let choices: BTreeMap<String, Choice> = self.list(path, fields, None).await?;
        Ok(choices.into_iter().filter(|(_, choice)| choice.is_active()).map(|(id, choice)| (id, choice.name)).collect())
    }
}

fn reference(id: &str) -> Value {
    // Ids are whole numbers here; one that is not is sent as it is, for the vendor to refuse.
    json!({ "id": id.parse::<u64>().map_or_else(|_| Value::from(id), Value::from) })
}

/// `source/id = 3` becomes `{"source": {"id": 3}}`, as the vendor itself names nested fields.
fn add_nested(settings: &mut Map<String, Value>, field: &str, value: Value) {
    let Some((outer, inner)) = field.split_once('/') else {
        settings.insert(field.to_owned(), value);
        return;
    };
    let nested = settings.entry(outer).or_insert_with(|| json!({}));
    if let Some(nested) = nested.as_object_mut() {
        add_nested(nested, inner, value);
    }
}

fn numbered(id: String) -> TicketRef {
    TicketRef { number: id.clone(), id }
}
