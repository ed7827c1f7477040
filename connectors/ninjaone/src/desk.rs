//! Tickets. A file goes with a comment only, and comments do not tell their files, so each names the one it brings.

use super::{NinjaOne, Organization};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
};
use tallysheet_core::wire::{Id, Moment};
use tallysheet_core::{Error, ErrorKind, Result, TicketDesk, async_trait};
use tallysheet_http::{Call, FormPart, Next, Part, Position, Reply};

/// The board that shows every ticket, as NinjaOne itself calls it.
const ALL_TICKETS: &str = "All tickets";
const PRIORITIES: [&str; 4] = ["NONE", "LOW", "MEDIUM", "HIGH"];
const TYPES: [&str; 9] = [
    "PROBLEM",
    "QUESTION",
    "INCIDENT",
    "TASK",
    "CHANGE_REQUEST",
    "SERVICE_REQUEST",
    "PROJECT",
    "APPOINTMENT",
    "MISCELLANEOUS",
];
/// What stands before a file's name in the comment that brings it.
const FILE: &str = "File: ";
/// Rows of a page of hits or of comments.
const PAGE: usize = 100;
/// More pages of hits than one title has.
const MOST_PAGES: usize = 50;

#[async_trait]
impl TicketDesk for NinjaOne {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only("NinjaOne", &["form", "status", "priority", "type", "board"])?;
        let organizations: BTreeMap<String, Organization> = self.organizations().await?;
        let organizations: Vec<_> = organizations.into_iter().map(|(id, org)| (id, org.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &organizations)?.clone();

        let mut ticket = Map::new();
        ticket.insert("ticketFormId".to_owned(), number(&self.ticket_form(form).await?));
        let statuses: Vec<Status> = self.api.json(&Call::get("/v2/ticketing/statuses")).await?;
        let named: Vec<_> = statuses.iter().map(|status| (status.id.0.clone(), status.shown().to_owned())).collect();
        // A new ticket is new, whatever number that has here (README, Quirks).
        let status = match form.field("status") {
            Some(wanted) => choose("status", wanted, &named)?.0.clone(),
            None => statuses
                .iter()
                .find(|status| status.name == "NEW")
                .map(|status| status.id.0.clone())
                .ok_or_else(|| Error::config("`status` is not set, and NinjaOne has no status NEW: set it"))?,
        };
        ticket.insert("status".to_owned(), status.into());
        for (field, words) in [("priority", &PRIORITIES[..]), ("type", &TYPES[..])] {
            let Some(wanted) = form.field(field) else { continue };
            let words: Vec<_> = words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect();
            ticket.insert(field.to_owned(), choose(field, wanted, &words)?.0.clone().into());
        }
        ticket.extend(form.extra.clone());
        let done: Vec<&str> =
            statuses.iter().filter(|status| status.is_done(&statuses)).map(|status| status.id.as_str()).collect();
        let settings = json!({ "ticket": ticket, "done": done, "board": self.board(form).await? });
        let settings = settings.as_object().cloned().unwrap_or_default();
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        for id in self.hits(form, search).await? {
            let ticket: Ticket = self.api.json(&Call::get(format!("/v2/ticketing/ticket/{id}"))).await?;
            let meant = ticket.client_id.as_str() == form.company_id && ticket.tags().any(|tag| search.matches(tag));
            if meant && !ticket.deleted {
                let done = form.settings.get("done").and_then(Value::as_array).into_iter().flatten();
                let open = done.filter_map(Value::as_str).all(|done| done != ticket.status.id.as_str());
                found.push((ticket.create_time.0, Found { ticket: numbered(ticket.id.0), open }));
            }
        }
        found.sort_by_key(|(created, found)| std::cmp::Reverse((*created, found.ticket.id.parse::<u64>().ok())));
        Ok(found.into_iter().map(|(_, found)| found).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let mut body = ticket.form.settings.get("ticket").and_then(Value::as_object).cloned().unwrap_or_default();
        let own = json!({ "clientId": number(&ticket.form.company_id), "subject": ticket.form.title,
            "description": { "public": false, "body": ticket.body.text, "htmlBody": ticket.body.html },
            "tags": [ticket.key.to_string()] });
        body.extend(own.as_object().cloned().unwrap_or_default());
        let made: Made = self.api.json(&Call::post("/v2/ticketing/ticket").json(&body)?).await?;
        Ok(Created { ticket: numbered(made.id.0), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let page = |rows: Vec<Comment>, _: &Position<'_>| {
            let last = rows.last().filter(|_| rows.len() >= PAGE);
            let next = Next::cursor("anchorId", last.map(|row| row.id.as_str()));
            Part { rows, stated: None, next }
        };
        let first = Call::get(format!("/v2/ticketing/ticket/{}/log-entry", ticket.id));
        let first = first.query("type", "COMMENT").query("pageSize", PAGE);
        let comments = self.api.list(first, |comment: &Comment| &comment.id, page).await?;
        let named = comments.into_values().filter_map(|comment| comment.body);
        Ok(named.filter_map(|body| body.trim().strip_prefix(FILE).map(str::to_owned)).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        let comment = json!({ "public": false, "body": format!("{FILE}{}", file.file_name) });
        self.comment(ticket, &comment, Some(file)).await
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        let comment = json!({ "public": false, "body": body.text, "htmlBody": body.html });
        self.comment(ticket, &comment, None).await
    }

    fn limits(&self) -> DeskLimits {
        // The file's and the comment's are not published: what is sure to be taken (README, Limits).
        DeskLimits { title: 200, file: 10_000_000, note: 16_000 }
    }
}

impl NinjaOne {
    /// The form that is wanted, else the default one.
    async fn ticket_form(&self, form: &TicketForm) -> Result<String> {
        let forms: Vec<TicketFormRow> = self.api.json(&Call::get("/v2/ticketing/ticket-form")).await?;
        let active: Vec<_> =
            forms.iter().filter(|row| row.active).map(|row| (row.id.0.clone(), row.name.clone())).collect();
        match form.field("form") {
            Some(wanted) => Ok(choose("form", wanted, &active)?.0.clone()),
            None => forms
                .iter()
                .find(|row| row.default)
                .map(|row| row.id.0.clone())
                .ok_or_else(|| Error::config("`form` is not set, and NinjaOne has no default ticket form: set it")),
        }
    }

    /// The board that tickets are looked for on.
    async fn board(&self, form: &TicketForm) -> Result<String> {
        let boards: Vec<Board> = self.api.json(&Call::get("/v2/ticketing/trigger/boards")).await?;
        let boards: Vec<_> = boards.into_iter().map(|board| (board.id.0, board.name)).collect();
        Ok(choose("board", form.field("board").unwrap_or(ALL_TICKETS), &boards)?.0.clone())
    }

    /// The tickets of the form's title on its board, newest first, as far back as the search goes.
    async fn hits(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<String>> {
        let board = form.settings.get("board").and_then(Value::as_str).unwrap_or_default();
        let (mut hits, mut cursor) = (Vec::new(), None::<Id>);
        for _ in 0..MOST_PAGES {
            let mut body = json!({ "pageSize": PAGE, "searchCriteria": form.title,
                "sortBy": [{ "field": "createTime", "direction": "DESC" }], "includeColumns": ["id", "createTime"] });
            if let (Some(cursor), Some(body)) = (&cursor, body.as_object_mut()) {
                body.insert("lastCursorId".to_owned(), number(cursor.as_str()));
            }
            let call = Call::post(format!("/v2/ticketing/trigger/board/{board}/run")).json(&body)?.repeatable();
            let page: Hits = self.api.json(&call).await?;
            let older = |hit: &Hit| hit.create_time.0.is_some_and(|created| created < search.since);
            let reached = page.data.iter().any(older);
            hits.extend(page.data.iter().filter(|hit| !older(hit)).map(|hit| hit.id.0.clone()));
            let next = page.metadata.last_cursor_id;
            if page.data.len() < PAGE || reached || next.is_none() {
                return Ok(hits);
            }
            if next == cursor {
                return Err(Error::bad_response("NinjaOne repeats a page of its search for tickets"));
            }
            cursor = next;
        }
        Err(Error::bad_response("NinjaOne's search for tickets does not end"))
    }

    /// The comment's part must be JSON by its own media type, or it is refused. The answer is empty.
    async fn comment(&self, ticket: &TicketRef, comment: &Value, file: Option<&Attachment>) -> Result<()> {
        let mut parts = vec![FormPart::typed("comment", "application/json", comment.to_string())];
        parts.extend(file.map(|file| FormPart::file("files", file)));
        let path = format!("/v2/ticketing/ticket/{}/comment", ticket.id);
        let reply = self.api.send(&Call::post(path).multipart(parts)).await?;
        if reply.body().is_empty() {
            return Ok(());
        }
        Err(Error::bad_response("NinjaOne answers a comment with more than nothing").with_maybe_done())
    }
}

/// Where tickets are made as a user only, a credential without one has no right to.
pub(crate) fn user_wanted(reply: &Reply) -> Option<Error> {
    let code = reply.refused::<String>("/resultCode")?;
    (reply.status() == 403 && code.eq_ignore_ascii_case("user_context_required")).then(|| {
        let error = Error::new(ErrorKind::Forbidden, "NinjaOne takes changes to tickets from a user only");
        error.advice("set `refresh_token` to one of a user's sign-in")
    })
}

fn numbered(id: String) -> TicketRef {
    TicketRef { number: id.clone(), id }
}

/// Ids are whole numbers here; one that is not is sent as it is, for the vendor to refuse.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| Value::from(id), Value::from)
}

#[derive(Deserialize)]
struct TicketFormRow {
    id: Id,
    name: String,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    default: bool,
}

#[derive(Deserialize)]
struct Board {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(rename = "statusId")]
    id: Id,
    name: String,
    display_name: Option<String>,
    parent_id: Option<Id>,
}

impl Status {
    fn shown(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Resolved or closed, or a status of the MSP's own below one of these.
    fn is_done(&self, all: &[Self]) -> bool {
        let done = |status: &Self| matches!(&*status.name, "RESOLVED" | "CLOSED");
        let parent = |status: &&Self| Some(&status.id) == self.parent_id.as_ref();
        done(self) || all.iter().find(parent).is_some_and(done)
    }
}

#[derive(Deserialize)]
struct Hits {
    data: Vec<Hit>,
    metadata: HitsEnd,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HitsEnd {
    last_cursor_id: Option<Id>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    id: Id,
    #[serde(default)]
    create_time: Moment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticket {
    id: Id,
    client_id: Id,
    status: TicketStatus,
    tags: Option<Vec<String>>,
    #[serde(default)]
    create_time: Moment,
    #[serde(default)]
    deleted: bool,
}

impl Ticket {
    fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().flatten().map(String::as_str)
    }
}

#[derive(Deserialize)]
struct TicketStatus {
    #[serde(rename = "statusId")]
    id: Id,
}

#[derive(Deserialize)]
struct Comment {
    id: Id,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    id: Id,
}
