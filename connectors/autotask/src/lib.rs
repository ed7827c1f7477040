#![doc = include_str!("../README.md")]

mod wire;
mod zone;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
    unset,
};
use tallysheet_core::wire::Id;
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, Reply};
use tokio::sync::OnceCell;
use wire::{Company, Fields, File, Item, Made, Page, Ticket};
use zone::Zones;

/// Settings of a `kind = "autotask"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The user name of an API user.
    username: String,
    /// Its secret (password).
    secret: Secret,
    /// The tracking identifier of the API user.
    integration_code: Secret,
    /// Where zone discovery asks, where that is not the vendor's own address.
    zone_url: Option<String>,
}

/// Makes tickets and lists companies.
pub struct Autotask {
    /// Its address is known once zone discovery was asked, or from `url`.
    api: OnceCell<Api>,
    zones: Zones,
    credential: ApiKey,
    username: String,
    cx: Context,
}

/// The most rows that a page may have.
const PAGE: usize = 500;
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
/// Fields that a refusal may name: their names may be told, its text may not.
const NAMES: [&str; 10] = [
    "queueID",
    "dueDateTime",
    "issueType",
    "subIssueType",
    "ticketCategory",
    "ticketType",
    "assignedResourceID",
    "billingCodeID",
    "contactID",
    "contractID",
];

impl ConnectorSpec for Autotask {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "autotask",
        title: "Autotask",
        default_url: Some("https://webservicesN.autotask.net/ATServicesRest/V1.0"),
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "an API user whose security level may log in to Web Services, view all companies (CRM: Customer & \
                      Cancellation), and view all and add tickets (Service Desk: Tickets)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let Config { username, secret, integration_code, zone_url } = config;
        let credential = ApiKey::new("apiintegrationcode", &integration_code)
            .and("username", &Secret::new(&username))
            .and("secret", &secret);
        let zones = Zones::new(cx, zone_url.as_deref())?;
        let api = cx.url.as_ref().map(|_| client(cx, &credential)).transpose()?;
        let me = Arc::new(Self { api: OnceCell::new_with(api), zones, credential, username, cx: cx.clone() });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(Autotask);

#[async_trait]
impl Probe for Autotask {
    async fn check(&self) -> Result<Identity> {
        // The own company has the id 0; where it is not to be seen, the user must do.
        let own: Item<Company> = self.api().await?.json(&Call::get("/Companies/0")).await?;
        let account = own.item.map_or_else(|| self.username.clone(), |company| company.company_name);
        Ok(Identity::unnamed(account))
    }
}

#[async_trait]
impl CompanyDirectory for Autotask {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        let companies = self.all_companies().await?;
        Ok(companies.into_iter().map(|(id, company)| company.listed(id)).collect())
    }
}

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

impl Autotask {
    /// The client. Zone discovery is asked once, by however many callers.
    async fn api(&self) -> Result<&Api> {
        let found = self.api.get_or_try_init(async || {
            let url = Some(self.zones.of(&self.username).await?);
            client(&Context { url, ..self.cx.clone() }, &self.credential)
        });
        found.await
    }

    async fn all_companies(&self) -> Result<BTreeMap<String, Company>> {
        let fields = ["id", "companyName", "companyType", "isActive", "webAddress"];
        // The own company has the id 0.
        let all = [json!({ "op": "gte", "field": "id", "value": 0 })];
        let companies = self.query("Companies", &fields, &all, |company: &Company| &company.id).await?;
        if companies.is_empty() {
            // Who lacks the right is told nothing, not that it is lacking.
            return Err(Error::new(ErrorKind::Forbidden, "the API user may see no company at all"));
        }
        Ok(companies)
    }

    async fn fields(&self, entity: &str) -> Result<Fields> {
        self.api().await?.json(&Call::get(format!("/{entity}/entityInformation/fields"))).await
    }

    /// All rows that every part of the filter lets through. Further pages want the same body.
    async fn query<T: DeserializeOwned>(
        &self,
        entity: &str,
        fields: &[&str],
        filter: &[Value],
        id: fn(&T) -> &Id,
    ) -> Result<BTreeMap<String, T>> {
        let body = json!({ "MaxRecords": PAGE, "IncludeFields": fields, "Filter": filter });
        let call = Call::post(format!("/{entity}/query")).repeatable().json(&body)?;
        self.api().await?.list(call, id, |page: Page<T>, _| page.part()).await
    }
}

fn client(cx: &Context, credential: &ApiKey) -> Result<Api> {
    // Three at once for each kind of thing; 10,000 an hour, which all integrations of the account share.
    let api = Api::builder(cx, None).auth(credential.clone()).concurrency(2).per_minute(100).seconds_after_429(1);
    api.classify(refusal).build()
}

/// Ids and choices are whole numbers; one that is not is sent as it is, for the vendor to refuse.
fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

/// Field names are the same in any case.
fn has<'a>(mut names: impl Iterator<Item = &'a String>, field: &str) -> bool {
    names.any(|name| name.eq_ignore_ascii_case(field))
}

fn not_internal() -> Error {
    let message = "Autotask has no choice of `publish` that says it is internal, so customers might see this";
    Error::new(ErrorKind::Unsupported, message)
}

/// `{"errors": […]}` is a refusal, whatever the status (mostly 500): nothing was done.
fn refusal(reply: &Reply) -> Option<Error> {
    if !matches!(reply.status(), 200..=299 | 400 | 409 | 500) {
        return None;
    }
    let errors: Vec<Value> = reply.json_at(&["/errors"]).ok().flatten()?;
    if errors.is_empty() {
        return None;
    }
    let request = reply.request();
    let says = |words: &[&str]| words.iter().any(|word| reply.mentions(word));
    if says(&["thread threshold", "itgenatr005"]) {
        return Some(Error::new(ErrorKind::RateLimited, format!("{request}: too many requests at once")));
    }
    if says(&["permission", "security level", "not authorized"]) {
        return Some(Error::new(ErrorKind::Forbidden, format!("{request}: the API user lacks a right")));
    }
    let error = Error::bad_response(format!("{request}: Autotask refuses it ({}, with errors)", reply.status()));
    let named: Vec<&str> = NAMES.into_iter().filter(|name| reply.mentions(name)).collect();
    Some(if named.is_empty() { error } else { error.advice(&format!("it is about {}", named.join(", "))) })
}
