#![doc = include_str!("../README.md")]

mod message;
mod session;

use crate::message::Message;
use crate::session::{Failed, Session};
use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;
use tallysheet_core::capability::Mail;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, Error, Identity, Mailer, Meta, Probe, Result, Secret, async_trait,
    register_connector,
};

/// Settings of a `kind = "smtp"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The mail server, by name.
    host: String,
    /// The sender: `reports@msp.example`, or with a name before it: `Reports <reports@msp.example>`.
    from: String,
    /// The server's port; by `tls` where it is not set.
    port: Option<u16>,
    /// Who signs in. Without it nobody does.
    username: Option<String>,
    /// The password; at Google, and wherever a second factor is asked for, an app password.
    password: Option<Secret>,
    /// `starttls` (port 587, where it is not set), `required` (port 465: encrypted from the start) or `none` (port 25).
    #[serde(default)]
    tls: Tls,
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tls {
    #[default]
    Starttls,
    Required,
    None,
}

/// Waits before a message is tried once more, where the server certainly has nothing of it. A server that greylists
/// wants to be asked again after a while.
const WAITS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_mins(1)];

/// Sends mail through a server.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    cx: Context,
}

/// Where mail is handed over, and how.
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    /// As whom, and with which password.
    login: Option<(String, Secret)>,
    /// What we call ourselves: relays that know their senders by it want the sender's domain.
    hello: String,
}

impl ConnectorSpec for Smtp {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "smtp",
        title: "Email",
        default_url: Some(NO_URL),
        capabilities: &[Capability::Mail],
        metrics: &[],
        permissions: "a mailbox that may send by SMTP",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        if cx.url.is_some() {
            return Err(Error::config("`url`: mail servers have none; `host` names the server"));
        }
        let from: Mailbox =
            config.from.parse().map_err(|_| Error::config(format!("`from`: `{}` is no mail address", config.from)))?;
        let login = match (config.username, config.password) {
            (Some(username), Some(password)) => Some((username, password)),
            (None, None) => None,
            (Some(_), None) => return Err(Error::config("`username` needs a `password`")),
            (None, Some(_)) => return Err(Error::config("`password` needs a `username`")),
        };
        let usual = match config.tls {
            Tls::Starttls => 587,
            Tls::Required => 465,
            Tls::None => 25,
        };
        let hello = from.email.domain().to_owned();
        let server = Server { host: config.host, port: config.port.unwrap_or(usual), tls: config.tls, login, hello };
        let smtp = std::sync::Arc::new(Self { server, from, cx: cx.clone() });
        Ok(Connector::new(smtp.clone()).mail(smtp))
    }
}
register_connector!(Smtp);

#[async_trait]
impl Probe for Smtp {
    /// Connects and signs in, and sends nothing.
    async fn check(&self) -> Result<Identity> {
        Session::open(&self.server).await.map_err(|failed| failed.error)?.end().await;
        let login = self.server.login.as_ref().map(|(username, _)| username.clone());
        Ok(Identity { account: login.unwrap_or_else(|| self.from.email.to_string()), ..Identity::default() })
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<Option<String>> {
        let message = Message::new(mail, &self.from, self.cx.now())?;
        for wait in WAITS {
            match self.hand_over(&message).await {
                Err(Failed { again: true, .. }) => self.cx.world.sleep(wait).await,
                Err(failed) => return Err(failed.error),
                Ok(()) => return Ok(None),
            }
        }
        match self.hand_over(&message).await {
            Err(Failed { error, again: true }) => {
                Err(error.advice(&format!("(given up after {} attempts)", WAITS.len() + 1)))
            }
            last => last.map(|()| None).map_err(|failed| failed.error),
        }
    }
}

impl Smtp {
    async fn hand_over(&self, message: &Message) -> Result<(), Failed> {
        let mut session = Session::open(&self.server).await?;
        let sent = session.send(message).await;
        session.end().await;
        sent
    }
}
