#![doc = include_str!("../README.md")]

mod wire;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch, choose,
    unset,
};
use tallysheet_core::wire::{Id, Moment};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, FormPart, Login, Reply, Tokens};
use wire::{Account, AnyCase, Choice, Envelope, File, Made, Page, Ticket, Token, UserInfo, refused};

/// Settings of a `kind = "kaseya-bms"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company that you log in to, as it stands under My Settings.
    tenant: String,
    /// The user name; best of an API Employee.
    username: String,
    /// The user's password.
    password: Secret,
    /// The Base32 text of the user's second factor, where it has one.
    totp_secret: Option<Secret>,
}

/// Makes tickets and lists companies.
pub struct KaseyaBms {
    api: Api,
    tenant: String,
    cx: Context,
}

/// The rows of a page.
const PAGE: usize = 100;
/// What files hang on: a ticket of the service desk.
const FILES: &str = "/v2/system/attachments/22";
const TICKETS: &str = "/v2/servicedesk/tickets";
/// The fields of a delivery, where their names are listed, and their names in a ticket.
const FIELDS: [(&str, &str, &str); 6] = [
    ("queue", "/v2/system/queues/lookup", "QueueId"),
    ("assignee", "/v2/hr/assignees/lookup", "AssigneeId"),
    ("status", "/v2/system/statuses/lookup", "StatusId"),
    ("priority", "/v2/system/priorities/lookup", "PriorityId"),
    // The names of these tables are not established (README, Quirks).
    ("type", "/v2/system/lookup/TicketType", "TypeId"),
    ("source", "/v2/system/lookup/TicketSource", "SourceId"),
];
const NOTE_TYPES: &str = "/v2/system/lookup/NoteType";

impl ConnectorSpec for KaseyaBms {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "kaseya-bms",
        title: "Kaseya BMS",
        default_url: Some("https://api.bms.kaseya.com"),
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "an API Employee whose security role has the special feature Has API Access, sees CRM accounts, and \
                      may read and add service desk tickets",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let Config { tenant, username, password, totp_secret } = config;
        // 1500 an hour for each address (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).per_minute(25).seconds_after_429(60);
        let api = api.classify(refused).build()?;
        let own = tenant.clone();
        let call = move |passcode: Option<&str>| {
            let mut form = vec![("GrantType", "password"), ("UserName", &username), ("Password", password.expose())];
            form.push(("Tenant", &own));
            form.extend(passcode.map(|passcode| ("MFACode", passcode)));
            Ok(Call::post("").form(&form))
        };
        let login = Login::new(cx, &api.address(None, "/v2/security/authenticate"), totp_secret.as_ref(), call, token)?;
        let api = api.with_auth(Tokens::new(cx, login.single_use()));
        let me = Arc::new(Self { api, tenant, cx: cx.clone() });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(KaseyaBms);

#[async_trait]
impl Probe for KaseyaBms {
    async fn check(&self) -> Result<Identity> {
        let user: UserInfo = self.ask(&Call::get("/v2/security/userinfo")).await?;
        let account = user.business_name.unwrap_or_else(|| self.tenant.clone());
        Ok(Identity { account, id: Some(user.tenant_id.0), ..Identity::default() })
    }
}

#[async_trait]
impl CompanyDirectory for KaseyaBms {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.accounts().await?.into_iter().map(|(id, account)| account.listed(id)).collect())
    }
}

#[async_trait]
impl TicketDesk for KaseyaBms {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &FIELDS.map(|(field, ..)| field))?;
        let given = |field: &str, name: &str| form.field(field).is_some() || form.extra.contains_key(name);
        if !given("queue", "QueueId") && !given("assignee", "AssigneeId") {
            return Err(Error::config("`queue` is missing: BMS wants a ticket to have a queue or an assignee"));
        }
        let accounts = self.accounts().await?;
        let active = accounts.iter().filter(|(_, account)| account.is_active);
        let names: Vec<_> = active.map(|(id, account)| (id.clone(), account.name.clone())).collect();
        let (company_id, company_name) = choose("company", &form.company, &names)?.clone();

        let mut settings = Map::new();
        let location = accounts.get(&company_id).and_then(Account::main_location);
        if let Some(location) = location.filter(|_| !form.extra.contains_key("LocationId")) {
            settings.insert("LocationId".to_owned(), whole_number(location));
        } else if !form.extra.contains_key("LocationId") {
            let error = Error::config(format!("`company`: {company_name} has no main location that is active in BMS"));
            return Err(error.advice("a ticket needs one: mark it in BMS, or set `LocationId` in `fields`"));
        }
        for (field, path, name) in FIELDS {
            // All but queue and assignee are needed.
            let is_left = form.extra.contains_key(name) || matches!(field, "queue" | "assignee");
            if form.field(field).is_some() || !is_left {
                settings.insert(name.to_owned(), whole_number(&self.choice(field, path, form.field(field)).await?));
            }
        }
        settings.extend(form.extra.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let since = search.since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let call = Call::get(TICKETS).query("Filter.AccountIds", &form.company_id);
        let call = call.query("Filter.CreatedOnFrom", since);
        let call = if search.run.is_none() { call.query("Filter.ExcludeCompleted", 1) } else { call };
        // No field holds a key of ours, so it stands in the body.
        let meant = |ticket: &Ticket| search.matches(ticket.details.as_deref().unwrap_or_default());
        let mut found: Vec<_> =
            self.list(call, |ticket: &Ticket| &ticket.id).await?.into_values().filter(meant).collect();
        found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id.as_str().parse::<u64>().unwrap_or_default()));
        let found = found.into_iter().map(|ticket| Found {
            open: ticket.completed_date.is_none(),
            ticket: TicketRef { number: ticket.number.unwrap_or_else(|| ticket.id.0.clone()), id: ticket.id.0 },
        });
        Ok(found.collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let own = json!({ "Title": ticket.form.title, "AccountId": whole_number(&ticket.form.company_id),
            "Details": format!("{}<p>{}</p>", ticket.body.html, ticket.key), "OpenDate": self.now() });
        let mut body = own.as_object().cloned().unwrap_or_default();
        body.extend(ticket.form.settings.clone());
        let made: Made = self.ask(&Call::post(TICKETS).json(&body)?).await?;
        if made.id.as_str().parse::<u64>().unwrap_or_default() == 0 {
            return Err(Error::bad_response("BMS answers with a ticket that has no id").with_maybe_done());
        }
        let number = made.ticket_number.unwrap_or_else(|| made.id.0.clone());
        Ok(Created { ticket: TicketRef { id: made.id.0, number }, attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let files = self.list(Call::get(format!("{FILES}/{}", ticket.id)), |file: &File| &file.id).await?;
        Ok(files.into_values().filter_map(|file| file.name).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        let call = Call::post(format!("{FILES}/{}", ticket.id)).multipart(vec![FormPart::file("formFile", file)]);
        let _: Vec<File> = self.ask(&call).await?;
        Ok(())
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        let kind = self.choice("note type", NOTE_TYPES, None).await?;
        let note =
            json!({ "Details": body.html, "IsInternal": true, "TypeId": whole_number(&kind), "NoteDate": self.now() });
        let _: Made = self.ask(&Call::post(format!("{TICKETS}/{}/notes", ticket.id)).json(&note)?).await?;
        Ok(())
    }

    fn limits(&self) -> DeskLimits {
        // None is published: what is sure to be taken (README, Limits).
        DeskLimits { title: 100, file: 10_000_000, note: 16_000 }
    }
}

impl KaseyaBms {
    async fn accounts(&self) -> Result<BTreeMap<String, Account>> {
        self.list(Call::get("/v2/crm/accounts/summary"), |account: &Account| &account.id).await
    }

    /// The id of a choice by its name or id; of the default one where none is wanted.
    async fn choice(&self, field: &str, path: &str, wanted: Option<&str>) -> Result<String> {
        let is_table = path.starts_with("/v2/system/lookup/");
        if let Some(id) = wanted.filter(|wanted| is_table && wanted.parse::<u64>().is_ok()) {
            return Ok(id.to_owned());
        }
        let choices: Result<Vec<Choice>> = self.ask(&Call::get(path)).await;
        let choices = choices.map_err(|error| {
            let is_unlisted = is_table && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::BadResponse);
            if is_unlisted {
                error.advice(&format!("BMS may not list its choices for `{field}` here: give the id"))
            } else {
                error
            }
        })?;
        let choices: Vec<Choice> = choices.into_iter().filter(|choice| choice.is_active != Some(false)).collect();
        if let (None, Some(default)) = (wanted, choices.iter().find(|choice| choice.is_default == Some(true))) {
            return Ok(default.id.0.clone());
        }
        let named: Vec<_> = choices.into_iter().map(|choice| (choice.id.0, choice.name.unwrap_or_default())).collect();
        let wanted = wanted.ok_or_else(|| unset(field, &named))?;
        choose(field, wanted, &named).map(|(id, _)| id.clone())
    }

    /// All rows of a list. How BMS sorts is not documented, so no order is asked for.
    async fn list<T: DeserializeOwned>(&self, call: Call, id: impl Fn(&T) -> &Id) -> Result<BTreeMap<String, T>> {
        let page = |AnyCase(page): AnyCase<Page<T>>| (page.result.unwrap_or_default(), Some(page.total));
        self.api.numbered(call.query("PageSize", PAGE), "PageNumber", id, page).await
    }

    /// What is in the envelope.
    async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let AnyCase(answer) = self.api.json::<AnyCase<Envelope<T>>>(call).await?;
        Ok(answer.result)
    }

    fn now(&self) -> String {
        self.cx.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// The token in an answer. A refusal comes with status 200 too.
fn token(reply: &Reply, with_passcode: bool) -> Result<(Secret, Moment)> {
    let AnyCase(answer) = reply.json::<AnyCase<Envelope<Option<Token>>>>()?;
    let token = answer.result.filter(|token| !token.access_token.expose().is_empty());
    let token = token.filter(|_| answer.success).ok_or_else(|| {
        let advice = if with_passcode {
            "check `tenant`, user name, password and `totp_secret`, and this machine's clock"
        } else {
            "check `tenant`, user name and password; where the user has a second factor, set `totp_secret`"
        };
        Error::new(ErrorKind::Auth, "BMS issues no token").advice(advice)
    })?;
    Ok((token.access_token, token.ends))
}

fn whole_number(id: &str) -> Value {
    // One that is none is sent as it is, for the vendor to refuse.
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}
