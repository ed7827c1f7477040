//! One connection to the server, step by step: what an error means depends on how far we came. Errors hold the reply's
//! code and never its text.

use crate::message::Message;
use crate::{Server, Tls};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use rustls::CertificateError;
use std::error::Error as _;
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind};

/// For connecting, and for each of the server's replies.
const PATIENCE: Duration = Duration::from_mins(1);
/// For the message itself: RFC 5321 grants the server ten minutes to think about it.
const PATIENCE_FOR_MESSAGE: Duration = Duration::from_mins(10);

/// Why a step failed.
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// The server certainly has nothing of the message, and may take it later.
    pub(crate) again: bool,
}

impl Failed {
    const fn for_good(error: Error) -> Self {
        Self { error, again: false }
    }

    const fn for_now(error: Error) -> Self {
        Self { error, again: true }
    }
}

/// A connection on which mail can be handed over.
pub(crate) struct Session {
    connection: AsyncSmtpConnection,
    place: String,
}

impl Session {
    /// Connects, encrypts, signs in.
    pub(crate) async fn open(server: &Server) -> Result<Self, Failed> {
        let place = format!("{}:{}", server.host, server.port);
        let hello = ClientId::Domain(server.hello.clone());
        let tls = |tls: Tls| {
            let parameters = (server.tls == tls).then(|| TlsParameters::new(server.host.clone())).transpose();
            let unusable = |_| Error::internal("this machine's root certificates cannot be read");
            parameters.map_err(|error| Failed::for_good(unusable(error)))
        };
        let (from_start, later) = (tls(Tls::Required)?, tls(Tls::Starttls)?);

        let address = (server.host.as_str(), server.port);
        let connect = AsyncSmtpConnection::connect_tokio1(address, Some(PATIENCE), &hello, from_start, None);
        let greeted = within(PATIENCE, connect).await;
        let connection = greeted.map_err(|broken| broken.while_connecting(server, &place))?;
        let mut session = Self { connection, place };
        if let Some(parameters) = later {
            let encrypted = within(PATIENCE, session.connection.starttls(parameters, &hello)).await;
            encrypted.map_err(|broken| broken.while_encrypting(server, &session.place))?;
        }
        if let Some((username, password)) = &server.login {
            let credentials = Credentials::new(username.clone(), password.expose().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let signed_in = within(PATIENCE, session.connection.auth(&mechanisms, &credentials)).await;
            if let Err(broken) = signed_in {
                let failed = broken.while_signing_in(server, &session.place);
                session.end().await;
                return Err(failed);
            }
        }
        Ok(session)
    }

    /// Hands a message over to all of its recipients, or to none.
    pub(crate) async fn send(&mut self, message: &Message) -> Result<(), Failed> {
        let mail = Mail::new(Some(message.from.clone()), Vec::new());
        let sender = within(PATIENCE, self.connection.command(mail)).await;
        sender.map_err(|broken| broken.for_sender(message.from.as_ref(), &self.place))?;

        let (mut refused, mut put_off) = (Vec::new(), Vec::new());
        for to in &message.to {
            match within(PATIENCE, self.connection.command(Rcpt::new(to.clone(), Vec::new()))).await {
                Ok(_) => {}
                Err(Broken::Refused(code)) => refused.push(format!("{to} ({code})")),
                Err(Broken::PutOff(code)) => put_off.push(format!("{to} ({code})")),
                Err(broken) => return Err(broken.unsent(&self.place)),
            }
        }
        // What is refused for good is told before what may pass.
        for (list, again) in [(refused, false), (put_off, true)] {
            if !list.is_empty() {
                let message = format!("{} does not take mail for {}", self.place, list.join(", "));
                let error = Error::new(ErrorKind::Forbidden, message).advice("nothing was sent; check `recipients`");
                let error = if again { error.with_kind(ErrorKind::Unavailable) } else { error };
                return Err(Failed { error, again });
            }
        }
        within(PATIENCE, self.connection.command(Data)).await.map_err(|broken| broken.unsent(&self.place))?;
        let taken = within(PATIENCE_FOR_MESSAGE, self.connection.message(&message.bytes)).await;
        taken.map(|_| ()).map_err(|broken| Failed::for_good(broken.at_the_end(&self.place)))
    }

    /// Says good-bye. Nothing depends on the answer.
    pub(crate) async fn end(mut self) {
        let _ = within(Duration::from_secs(5), self.connection.quit()).await;
    }
}

/// How a step went wrong.
enum Broken {
    /// A reply from 500 on: not ever.
    Refused(String),
    /// A reply from 400 on: not now.
    PutOff(String),
    /// Something that we did not get far enough to ask for.
    Ours,
    /// TLS came to nothing.
    Tls(rustls::Error),
    /// No answer in time.
    Late,
    /// No connection, a broken one, or an answer that is none.
    Lost,
}

async fn within<T>(patience: Duration, step: impl Future<Output = Result<T, SmtpError>>) -> Result<T, Broken> {
    let Ok(result) = tokio::time::timeout(patience, step).await else { return Err(Broken::Late) };
    result.map_err(|error| match error.status() {
        Some(code) if error.is_permanent() => Broken::Refused(code.to_string()),
        Some(code) => Broken::PutOff(code.to_string()),
        None if error.is_client() => Broken::Ours,
        None if error.is_timeout() => Broken::Late,
        None => tls_error(&error).map_or(Broken::Lost, Broken::Tls),
    })
}

/// The TLS error somewhere below.
fn tls_error(error: &SmtpError) -> Option<rustls::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(rustls::Error::clone(tls));
        }
        source = error.source();
    }
    None
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}

impl Broken {
    fn while_connecting(self, server: &Server, place: &str) -> Failed {
        match self {
            Self::Tls(error) => Failed::for_good(tls_advice(&error, server, place)),
            Self::Late if server.tls == Tls::Required => {
                Failed::for_now(unavailable(format!("{place} did not answer in time")))
            }
            Self::Late => {
                let error = unavailable(format!("{place} did not greet us in time"));
                Failed::for_now(error.advice("a server that is encrypted from the start wants `tls = \"required\"`"))
            }
            Self::Refused(code) | Self::PutOff(code) => {
                Failed::for_now(unavailable(format!("{place} takes no mail now ({code})")))
            }
            Self::Ours | Self::Lost => Failed::for_now(
                unavailable(format!("no connection to the mail server {place}"))
                    .advice("check `host`, `port` and `tls`, and whether the network lets mail out there"),
            ),
        }
    }

    fn while_encrypting(self, server: &Server, place: &str) -> Failed {
        match self {
            Self::Tls(error) => Failed::for_good(tls_advice(&error, server, place)),
            Self::Ours | Self::Refused(_) => Failed::for_good(
                Error::new(ErrorKind::Unsupported, format!("{place} offers no STARTTLS, so nothing was sent"))
                    .advice("take `tls = \"required\"` with its port (465), or `none` for a relay in your own network"),
            ),
            broken => broken.unsent(place),
        }
    }

    fn while_signing_in(self, server: &Server, place: &str) -> Failed {
        match self {
            Self::Refused(code) => Failed::for_good(
                Error::new(ErrorKind::Auth, format!("{place} refuses `username` and `password` ({code})"))
                    .advice("a mailbox with a second factor needs an app password, and SMTP sign-in must be allowed"),
            ),
            Self::Ours => {
                let message = format!("{place} takes no user name and password here");
                let advice = match server.tls {
                    Tls::None => "perhaps it does with TLS",
                    _ => "where it wants OAuth only, take another way to send, such as microsoft-graph",
                };
                Failed::for_good(Error::new(ErrorKind::Unsupported, message).advice(advice))
            }
            broken => broken.unsent(place),
        }
    }

    fn for_sender(self, from: &str, place: &str) -> Failed {
        match self {
            Self::Refused(code) if code == "530" => Failed::for_good(
                Error::new(ErrorKind::Auth, format!("{place} wants a sign-in first ({code})"))
                    .advice("set `username` and `password`, and take no `tls = \"none\"`"),
            ),
            Self::Refused(code) => Failed::for_good(
                Error::new(ErrorKind::Forbidden, format!("{place} takes no mail from {from} ({code})"))
                    .advice("check `from`, and whether `username` may send as it"),
            ),
            broken => broken.unsent(place),
        }
    }

    /// Before the message itself was sent, nothing has happened.
    fn unsent(self, place: &str) -> Failed {
        match self {
            Self::Refused(code) => {
                let error = Error::new(ErrorKind::Forbidden, format!("{place} refuses the message ({code})"));
                Failed::for_good(error)
            }
            Self::PutOff(code) => Failed::for_now(unavailable(format!("{place} puts us off ({code})"))),
            Self::Late => Failed::for_now(Error::new(ErrorKind::TimedOut, format!("{place} did not answer in time"))),
            Self::Ours | Self::Tls(_) | Self::Lost => {
                Failed::for_now(unavailable(format!("the connection to {place} broke before anything was sent")))
            }
        }
    }

    /// Once the message is on its way, only a reply tells that it was not taken.
    fn at_the_end(self, place: &str) -> Error {
        let lost = |kind, what: &str| Error::new(kind, format!("{place} {what}")).with_maybe_done();
        match self {
            Self::Refused(code) if code == "552" => {
                Error::new(ErrorKind::Unsupported, format!("{place} takes no message of this size (552)"))
            }
            Self::Refused(code) => Error::new(ErrorKind::Forbidden, format!("{place} refuses the message ({code})"))
                .advice("check `from`, and whether `username` may send as it; else the server's own log tells why"),
            Self::PutOff(code) => {
                unavailable(format!("{place} does not take the message now ({code})")).advice("deliver the run again")
            }
            Self::Late => lost(ErrorKind::TimedOut, "got the message and did not say in time whether it takes it"),
            Self::Ours | Self::Tls(_) | Self::Lost => lost(
                ErrorKind::Unavailable,
                "got the message, but the connection broke before it said that it takes it",
            ),
        }
    }
}

/// What is wrong with TLS, and what to do.
fn tls_advice(error: &rustls::Error, server: &Server, place: &str) -> Error {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    let (what, advice) = match error {
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            ("its certificate has expired", "it must be renewed on the server; check this machine's clock, too")
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            ("its certificate is for another name", "set `host` to the name in the certificate")
        }
        rustls::Error::InvalidCertificate(UnknownIssuer) => (
            "nobody whom this machine trusts vouches for its certificate",
            "add the authority that signed it to the system's certificates",
        ),
        rustls::Error::InvalidCertificate(_) => (
            "its certificate is not valid",
            "it must be a server's, not an authority's, and be signed by somebody whom this machine trusts",
        ),
        rustls::Error::InvalidMessage(_) if server.tls == Tls::Required => {
            ("it is not encrypted from the start", "take `tls = \"starttls\"` (port 587), or port 465")
        }
        _ => ("the two sides do not agree on a way", "TLS 1.2 or newer is needed"),
    };
    unavailable(format!("no TLS with {place}: {what}")).advice(advice)
}
