#![doc = include_str!("../README.md")]

use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::time::Duration;
use tallysheet_core::tally::{OfflineLimit, Seen};
use tallysheet_core::wire::{Id, Moment, Word};
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, Error, ErrorKind, Hint, Identity,
    Meta, MetricDef, Notice, Probe, Result, Secret, Standing, VendorOrg, Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Login, Next, Part, Position, Reply, Retry, Tokens};

/// Settings of a `kind = "connectwise-automate"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of an integrator user that logs in with a password of its own.
    username: String,
    /// The user's password.
    password: Secret,
    /// The client id from developer.connectwise.com, of the type private.
    client_id: String,
    /// The Base32 text of the user's second factor, where it has one.
    totp_secret: Option<Secret>,
    /// Leaves computers out whose agent was last heard of more than so many days ago.
    max_offline_days: Option<u32>,
}

static WORKSTATIONS: MetricDef = MetricDef::number("Workstations", "agents");
static SERVERS: MetricDef = MetricDef::number("Servers", "agents");
static METRICS: &[&MetricDef] = &[&WORKSTATIONS, &SERVERS];

/// Counts the agents of every client.
pub struct ConnectwiseAutomate {
    api: Api,
    username: String,
    max_offline_days: Option<u32>,
    cx: Context,
}

impl ConnectorSpec for ConnectwiseAutomate {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "connectwise-automate",
        title: "ConnectWise Automate",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: METRICS,
        permissions: "an integrator user whose class sees all clients and computers (Show All)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let Config { username, password, client_id, totp_secret, max_offline_days } = config;
        // The server has its agents to serve, and large pages are slow (README, Limits).
        let retry = Retry { attempt_timeout: Duration::from_mins(2), ..Retry::default() };
        let api = Api::builder(cx, None).without("/api/v1").header("clientid", &client_id).concurrency(2).retry(retry);
        let refused = "Automate does not accept the token that it issued; most often `client_id` is wrong";
        let api = api.classify(move |reply| (reply.status() == 401).then(|| Error::new(ErrorKind::Auth, refused)));
        let (api, user) = (api.build()?, username.clone());
        let call = move |passcode: Option<&str>| {
            let mut body = BTreeMap::from([("UserName", user.as_str()), ("Password", password.expose())]);
            body.extend(passcode.map(|passcode| ("TwoFactorPasscode", passcode)));
            Call::post("").header("clientid", &client_id).json(&body)
        };
        let login = Login::new(cx, &api.address(None, "/api/v1/apitoken"), totp_secret.as_ref(), call, token)?;
        let api = api.with_auth(Tokens::new(cx, login));
        Ok(Connector::counting(Self { api, username, max_offline_days, cx: cx.clone() }))
    }
}
register_connector!(ConnectwiseAutomate);

#[async_trait]
impl Probe for ConnectwiseAutomate {
    async fn check(&self) -> Result<Identity> {
        let one = Call::get("/api/v1/Computers").query("pageSize", 1).query("page", 1);
        seen(self.api.json::<Vec<Computer>>(&one).await?.len(), "/api/v1/Computers")?;
        // No call tells whose credential it is, so the user's name stands for the account (README, Quirks).
        Ok(Identity::unnamed(&self.username))
    }
}

#[async_trait]
impl CountSource for ConnectwiseAutomate {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.clients().await?.iter().map(Client::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let offline = OfflineLimit::days(self.max_offline_days, self.cx.now());
        let (mut fold, mut others, mut owned, mut guessed) = (Devices::new(METRICS), BTreeMap::new(), 0, 0);
        let add = |computer: Computer| {
            let org = computer.client.as_ref().map_or_else(|| VendorOrg::new("", "(no client)"), Client::org);
            let (verdict, is_guess) = computer.verdict(offline);
            fold.add(&org.id, computer.id.as_str(), &verdict);
            owned += usize::from(computer.client.is_some());
            guessed += u32::from(is_guess);
            others.entry(org.id.clone()).or_insert(org);
        };
        let computers = self.stream("/api/v1/Computers", |computer: &Computer| &computer.id, add);
        let clients = self.clients();
        let (clients, ()) = try_join(clients, computers).await?;
        seen(owned, "whose the computers are")?;
        clients.into_iter().for_each(|client| fold.org(client.org(), Standing::Customer));
        // A client that was made since the clients were listed, or none, becomes a row of its own.
        others.into_values().for_each(|org| fold.org(org, Standing::Customer));
        let message = format!("{guessed} computers have no known type and count by the name of their operating system");
        let notices = Vec::from_iter((guessed > 0).then(|| Notice::warning(None, message)));
        Ok(Counts { orgs: fold.finish(), notices, ..Counts::default() })
    }
}

impl ConnectwiseAutomate {
    async fn clients(&self) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        self.stream("/api/v1/Clients", |client: &Client| &client.id, |client| clients.push(client)).await?;
        clients.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(clients)
    }

    /// All rows of a list, and of all their fields: chosen ones may leave a computer's client out (README, Quirks).
    async fn stream<T: DeserializeOwned>(
        &self,
        path: &str,
        id: impl Fn(&T) -> &Id,
        mut row: impl FnMut(T),
    ) -> Result<()> {
        let first = Call::get(path).query("pageSize", 1000).query("page", 1).query("orderBy", "Id asc");
        let (mut known, mut count) = (Seen::default(), 0);
        let part = |rows: Vec<T>, at: &Position<'_>| {
            let new = rows.iter().filter(|row| known.is_new(id(row).as_str())).count();
            // A server that repeats itself is asked for the same page again, which the kit refuses.
            let next = Next::query("page", at.index + if new == 0 { 1 } else { 2 });
            // How many rows fill a page is not established, but it is a round number (README, Quirks).
            let is_last = rows.is_empty() || !rows.len().is_multiple_of(5);
            Part { rows, stated: None, next: if is_last { Next::End } else { next } }
        };
        let counted = |one: T| {
            count += 1;
            row(one);
        };
        self.api.stream(first, &id, part, counted).await?;
        seen(count, path)
    }
}

/// The token in an answer. A refusal comes with status 200 too (README, Quirks).
fn token(reply: &Reply, with_passcode: bool) -> Result<(Secret, Moment)> {
    let issued: Issued = reply.json()?;
    let token = issued.access_token.filter(|token| !token.expose().is_empty()).ok_or_else(|| {
        let advice = match (issued.is_two_factor_required, with_passcode) {
            (Some(true), false) => "the user has a second factor: set `totp_secret`",
            (Some(true), true) => "it refuses the passcode: check `totp_secret`, and this machine's clock",
            _ => "the user must log in with a password of its own, not by single sign-on",
        };
        Error::new(ErrorKind::Auth, "Automate issues no token").advice(advice)
    });
    Ok((token?, issued.expiration_date))
}

/// Who may not see a list gets an empty one, not 403, and it must not become zeros (README, Credential).
fn seen(rows: usize, what: &str) -> Result<()> {
    let error = || Error::new(ErrorKind::Forbidden, format!("Automate shows the user nothing of {what}"));
    if rows > 0 { Ok(()) } else { Err(error().advice("let its user class see all clients and computers (Show All)")) }
}

impl Computer {
    /// What it counts as (README, What is counted), and whether that is a guess: by `Type`, else by operating system.
    fn verdict(&self, offline: OfflineLimit) -> (Verdict, bool) {
        let is_server = self.operating_system_name.as_ref().is_some_and(|name| name.contains("server"));
        let (class, is_guess) = match self.r#type.as_deref() {
            Some("server") => (&SERVERS, false),
            Some("workstation") => (&WORKSTATIONS, false),
            _ => (if is_server { &SERVERS } else { &WORKSTATIONS }, true),
        };
        let too_old = offline.exceeded(self.remote_agent_last_contact);
        (Verdict::counted([class]).left_out_if(too_old, OfflineLimit::REASON), is_guess)
    }
}

impl Client {
    fn org(&self) -> VendorOrg {
        let (id, name) = (self.id.as_str(), self.name.as_deref().unwrap_or(self.id.as_str()));
        let org = VendorOrg::new(id, name).psa_id("connectwise-psa", self.external_id.as_ref().map_or("", Id::as_str));
        let company = self.company.iter().filter(|company| !company.trim().is_empty());
        company.fold(org, |org, company| org.hint(Hint::Name(company.clone())))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Issued {
    access_token: Option<Secret>,
    expiration_date: Moment,
    is_two_factor_required: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Client {
    id: Id,
    name: Option<String>,
    company: Option<String>,
    external_id: Option<Id>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Computer {
    id: Id,
    r#type: Option<Word>,
    operating_system_name: Option<Word>,
    client: Option<Client>,
    #[serde(default)]
    remote_agent_last_contact: Moment,
}
