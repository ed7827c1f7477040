#![doc = include_str!("../README.md")]

mod wire;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketKey, TicketRef,
    TicketSearch, choose,
};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, DirectoryCompany, Error, ErrorKind, Identity,
    Meta, Probe, Result, Secret, TicketDesk, async_trait, register_connector,
};
use tallysheet_http::{
    Api, ApiBuilder, ApiKey, Basic, Call, Grant, Next, OAuth2, Part, Position, Reply, Tokens, segment,
};
use wire::{Answer, Company, File, Group, HasId, Made, Record, page};

/// Settings of a `kind = "servicenow"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The user. With `password` alone it is shown as it is; with a client besides it gets a token.
    username: Option<String>,
    /// The user's password.
    password: Option<Secret>,
    /// The id of a client in the instance's application registry.
    client_id: Option<String>,
    /// The secret that belongs to it.
    client_secret: Option<Secret>,
    /// A key of the instance, in place of all others.
    api_key: Option<Secret>,
    /// The table that tickets are made in; `incident` where it is not set.
    #[serde(default = "incident")]
    table: String,
}

/// Makes tickets and lists companies.
pub struct ServiceNow {
    api: Api,
    table: String,
}

/// Rows of a page. Far larger ones have come cut off.
pub(crate) const PAGE: usize = 1000;
/// Where tokens are issued.
const TOKEN: &str = "/oauth_token.do";

fn incident() -> String {
    "incident".to_owned()
}

impl ConnectorSpec for ServiceNow {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "servicenow",
        title: "ServiceNow",
        default_url: None,
        capabilities: &[Capability::Tickets, Capability::Companies],
        metrics: &[],
        permissions: "a user who may read, create and write in the table (role itil for incident), read core_company and \
                      sys_user_group, and create in sys_attachment",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        // Calls side by side can hit limits of the instance.
        let api = Api::builder(cx, None).concurrency(1).classify(meaning);
        let api = authenticated(api, &config, cx)?.build()?;
        let me = Arc::new(Self { api, table: segment(&config.table) });
        Ok(Connector::new(me.clone()).tickets(me.clone()).companies(me))
    }
}
register_connector!(ServiceNow);

#[async_trait]
impl Probe for ServiceNow {
    async fn check(&self) -> Result<Identity> {
        let call = Call::get(self.records()).query("sysparm_fields", "sys_id").query("sysparm_limit", 1);
        let _: Answer<Vec<Made>> = self.api.json(&call).await?;
        // An instance has a host of its own, and no call names it otherwise.
        Ok(Identity::unnamed(self.api.host()))
    }
}

#[async_trait]
impl CompanyDirectory for ServiceNow {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.all_companies().await?.into_iter().map(|(id, company)| company.listed(id)).collect())
    }
}

#[async_trait]
impl TicketDesk for ServiceNow {
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm> {
        form.only(Self::META.title, &["queue"])?;
        let companies = self.all_companies().await?;
        let companies: Vec<_> = companies.into_iter().map(|(id, company)| (id, company.name)).collect();
        let (company_id, company_name) = choose("company", &form.company, &companies)?.clone();

        let mut settings = Map::new();
        if let Some(queue) = form.field("queue") {
            let groups: BTreeMap<String, Group> =
                self.rows("/api/now/table/sys_user_group", "sys_id,name,active", "").await?;
            let groups = groups.into_iter().filter(|(_, group)| group.is_active());
            let groups: Vec<_> = groups.map(|(id, group)| (id, group.name)).collect();
            let (group, _) = choose("queue", queue, &groups)?.clone();
            settings.insert("assignment_group".to_owned(), group.into());
        }
        settings.extend(form.extra.clone());
        Ok(PreparedForm { company_id, company_name, title: form.title.clone(), settings })
    }

    async fn find(&self, _: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>> {
        let conditions = search.key().map_or_else(
            || {
                let since = search.since.strftime("%Y-%m-%d %H:%M:%S");
                let ours = TicketKey::PREFIX;
                format!("correlation_idSTARTSWITH{ours}^active=true^sys_created_on>={since}^")
            },
            |key| format!("correlation_id={key}^"),
        );
        let fields = "sys_id,number,correlation_id,active,sys_created_on";
        let records: BTreeMap<String, Record> = self.rows(&self.records(), fields, &conditions).await?;
        // A condition that the instance does not understand is dropped, and every record comes: each is looked at.
        let mut found = Vec::new();
        for record in records.into_values() {
            if search.matches(record.key()?) {
                found.push(record);
            }
        }
        found.sort_by(|a, b| b.sys_created_on.cmp(&a.sys_created_on).then_with(|| b.sys_id.cmp(&a.sys_id)));
        Ok(found.into_iter().map(Record::found).collect())
    }

    async fn create(&self, ticket: &NewTicket, _: Option<&Attachment>) -> Result<Created> {
        let (key, mut body) = (ticket.key.to_string(), ticket.form.settings.clone());
        let own = json!({ "short_description": ticket.form.title, "description": ticket.body.text,
            "company": ticket.form.company_id, "correlation_id": key, "correlation_display": "Tallysheet" });
        body.extend(own.as_object().cloned().unwrap_or_default());
        let call = Call::post(self.records())
            .query("sysparm_fields", "sys_id,number,correlation_id")
            .query("sysparm_exclude_reference_link", true)
            .json(&body)?;
        let made: Answer<Record> = self.api.json(&call).await?;
        if made.result.key().ok() != Some(&key) {
            // What a table does not have is dropped without a word. It was made, and will not be found again.
            let error = Error::bad_response("the ticket was made, but holds no `correlation_id` to be found by");
            return Err(error.advice("see `table`").with_maybe_done());
        }
        Ok(Created { ticket: made.result.named(), attached: false })
    }

    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>> {
        let conditions = format!("table_name={}^table_sys_id={}^", self.table, ticket.id);
        let files: BTreeMap<String, File> = self.rows("/api/now/attachment", "", &conditions).await?;
        let own = files.into_values().filter(|file| file.table_sys_id == ticket.id);
        Ok(own.map(|file| file.file_name).collect())
    }

    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()> {
        // Instances may compare the type with the ending of the name, and know it without a charset.
        let content_type = file.content_type.split(';').next().unwrap_or(file.content_type);
        let call = Call::post("/api/now/attachment/file")
            .query("table_name", &self.table)
            .query("table_sys_id", &ticket.id)
            .query("file_name", &file.file_name)
            .bytes(content_type, file.bytes.clone());
        self.api.json::<Answer<Made>>(&call).await.map(|_| ())
    }

    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()> {
        // Not `comments`: those are the caller's to see.
        let call = Call::patch(format!("{}/{}", self.records(), ticket.id))
            .query("sysparm_fields", "sys_id")
            .json(&json!({ "work_notes": body.text }))?;
        self.api.json::<Answer<Made>>(&call).await.map(|_| ())
    }

    fn limits(&self) -> DeskLimits {
        DeskLimits { title: 160, file: 1024 * 1024 * 1024, note: 4_000 }
    }
}

impl ServiceNow {
    fn records(&self) -> String {
        format!("/api/now/table/{}", self.table)
    }

    async fn all_companies(&self) -> Result<BTreeMap<String, Company>> {
        let companies = self.rows("/api/now/table/core_company", "sys_id,name,website,customer", "").await?;
        if companies.is_empty() {
            // Who lacks the right is told nothing, not that it is lacking.
            return Err(Error::new(ErrorKind::Forbidden, "the user may see no company at all"));
        }
        Ok(companies)
    }

    /// All rows that meet the conditions, each of which ends in `^`, in an order that stays.
    async fn rows<T: DeserializeOwned + HasId>(
        &self,
        path: &str,
        fields: &str,
        conditions: &str,
    ) -> Result<BTreeMap<String, T>> {
        let mut call = Call::get(path)
            .query("sysparm_query", format!("{conditions}ORDERBYsys_id"))
            .query("sysparm_limit", PAGE)
            .query("sysparm_offset", 0);
        if !fields.is_empty() {
            call = call.query("sysparm_fields", fields).query("sysparm_exclude_reference_link", true);
        }
        let mut seen = BTreeSet::new();
        let part = |answer, at: &Position<'_>| {
            let part = page(answer, at);
            let repeated = part.rows.first().is_some_and(|first: &T| !seen.insert(first.id().clone()));
            if repeated { Part { next: Next::Repeated, ..part } } else { part }
        };
        self.api.list(call, T::id, part).await
    }
}

/// With the one credential that is set: a key, a user's token, a client's token, or a user.
fn authenticated(api: ApiBuilder, config: &Config, cx: &Context) -> Result<ApiBuilder> {
    let Config { username, password, client_id, client_secret, api_key, .. } = config;
    let tokens = |grant| {
        let url = format!("{}{TOKEN}", cx.url.as_deref().unwrap_or_default());
        OAuth2::new(cx, &url, grant)
    };
    let user = username.as_ref().zip(password.as_ref());
    let client = client_id.as_ref().zip(client_secret.as_ref());
    let is_whole = username.is_some() == password.is_some() && client_id.is_some() == client_secret.is_some();
    match (api_key, client, user) {
        (Some(key), None, None) if is_whole => Ok(api.auth(ApiKey::new("x-sn-apikey", key))),
        (None, Some((id, secret)), Some((username, password))) => {
            let (username, password) = (username.clone(), password.clone());
            let token = tokens(Grant::Password { username, password, client: None })?;
            let token = token.field("client_id", id).field("client_secret", secret.expose());
            Ok(api.auth(Tokens::new(cx, token)))
        }
        (None, Some((id, secret)), None) if is_whole => {
            let grant = Grant::ClientCredentials { client_id: id.clone(), client_secret: secret.clone() };
            Ok(api.auth(Tokens::new(cx, tokens(grant)?)))
        }
        (None, None, Some((username, password))) if is_whole => Ok(api.auth(Basic::new(username, password))),
        _ => Err(Error::config(
            "set `username` and `password`, or `client_id` and `client_secret` (perhaps with both others), or `api_key`",
        )),
    }
}

/// What answers mean beyond their status.
fn meaning(reply: &Reply) -> Option<Error> {
    let request = reply.request();
    match reply.status() {
        // A transaction that was cut off comes with what it had by then.
        200..=299 => {
            let error: Option<Value> = reply.json_at(&["/error"]).ok().flatten();
            error.map(|_| Error::new(ErrorKind::Unavailable, format!("{request} was answered with an error in a 200")))
        }
        400 if reply.mentions("invalid table") => {
            Some(Error::config(format!("{request}: the instance has no such table; check `table`")))
        }
        401 if reply.header("x-mfa_token").is_some() => {
            let error = Error::new(ErrorKind::Auth, "the instance wants a second factor of this user");
            Some(error.advice("use a client or `api_key`"))
        }
        403 if reply.mentions("mandatory") => {
            let error = Error::bad_response(format!("{request}: the instance requires a field that is not set"));
            Some(error.advice("set it in `fields`; `caller_id` is the usual one"))
        }
        _ => None,
    }
}
