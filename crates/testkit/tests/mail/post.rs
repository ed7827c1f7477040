//! A made-up mailer and its mailbox in memory. As it stands it keeps every promise; each [`Flaw`] breaks one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tallysheet_core::capability::Mail;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, Error, ErrorKind, Identity, Mailer, Meta, Probe, Result, Secret,
    async_trait, register_connector,
};
use tallysheet_testkit::{Arrived, MailCase, Mailbox, Mood, Site};

pub(crate) const FROM: &str = "reports@msp.example";

/// What the mailer does wrong.
#[derive(Debug, Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    SendsToEachAlone,
    ForgetsARecipient,
    SendsAsAnother,
    CutsTheSubject,
    RenamesTheFile,
    ChangesLineEnds,
    ForgetsTheText,
    ForgetsTheHtml,
    CutsLargeFiles,
    InventsIds,
    HasOneId,
    SendsToCheck,
    ChecksNothing,
    CallsARefusalUnavailable,
    SendsToTheOthers,
    NamesNobody,
    NamesEverybody,
    NeverTriesAgain,
    TakesTheUnknownAsDone,
    TakesTheUnknownAsFailed,
    RepeatsTheUnknown,
    OffersNothing,
    SaysItsPassword,
    EchoesTheServer,
}

/// The server's side of all mailboxes of this process, by number.
static BOXES: Mutex<BTreeMap<usize, Held>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicUsize = AtomicUsize::new(0);

struct Held {
    mood: Mood,
    busy: bool,
    arrived: Vec<Arrived>,
}

fn held<T>(number: usize, ask: impl FnOnce(&mut Held) -> T) -> T {
    let mut boxes = BOXES.lock().unwrap_or_else(PoisonError::into_inner);
    ask(boxes.entry(number).or_insert(Held { mood: Mood::Well, busy: false, arrived: Vec::new() }))
}

pub(crate) struct Letterbox {
    number: usize,
    flaw: Flaw,
}

impl Letterbox {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), flaw }
    }
}

#[async_trait]
impl Mailbox for Letterbox {
    async fn begin(&mut self, mood: Mood) -> Site {
        held(self.number, |held| *held = Held { mood, busy: mood == Mood::PutsOffOnce, arrived: Vec::new() });
        let settings = json!({ "number": self.number, "password": "planted-password", "flaw": self.flaw });
        Site { settings, url: None }
    }

    async fn arrived(&mut self) -> Vec<Arrived> {
        held(self.number, |held| held.arrived.clone())
    }
}

/// What the server answers.
enum Answer {
    Taken,
    WrongPassword,
    Refused(String),
    Busy,
    Nothing,
}

fn post(number: usize, message: Arrived) -> Answer {
    held(number, |held| {
        if std::mem::take(&mut held.busy) {
            return Answer::Busy;
        }
        let refused = message.recipients.iter().find(|to| *to == MailCase::REFUSED).cloned();
        match (held.mood, refused) {
            (Mood::WrongPassword, _) => Answer::WrongPassword,
            (Mood::Refuses, Some(refused)) => Answer::Refused(refused),
            (mood, _) => {
                held.arrived.push(message);
                if mood == Mood::LosesAnswers { Answer::Nothing } else { Answer::Taken }
            }
        }
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    number: usize,
    password: Secret,
    flaw: Flaw,
}

struct Post(Config);

impl ConnectorSpec for Post {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "post",
        title: "Post",
        default_url: Some(NO_URL),
        capabilities: &[Capability::Mail],
        metrics: &[],
        permissions: "send",
    };

    fn connect(config: Config, _: &Context) -> Result<Connector> {
        let nothing = config.flaw == Flaw::OffersNothing;
        let me = Arc::new(Self(config));
        let connector = Connector::new(me.clone());
        Ok(if nothing { connector } else { connector.mail(me) })
    }
}
register_connector!(Post);

#[async_trait]
impl Probe for Post {
    async fn check(&self) -> Result<Identity> {
        if self.0.flaw == Flaw::SendsToCheck {
            post(self.0.number, Arrived::default());
        }
        if self.0.flaw != Flaw::ChecksNothing && held(self.0.number, |held| held.mood == Mood::WrongPassword) {
            return Err(self.wrong_password());
        }
        Ok(Identity { account: FROM.to_owned(), ..Identity::default() })
    }
}

#[async_trait]
impl Mailer for Post {
    async fn send(&self, mail: &Mail) -> Result<Option<String>> {
        let flaw = self.0.flaw;
        let message = self.message(mail);
        if flaw == Flaw::SendsToEachAlone {
            for recipient in &message.recipients {
                self.hand_over(Arrived { recipients: vec![recipient.clone()], ..message.clone() })?;
            }
            return Ok(None);
        }
        match self.hand_over(message.clone()) {
            Err(error) if error.kind() == ErrorKind::RateLimited && flaw != Flaw::NeverTriesAgain => {
                self.hand_over(message)
            }
            Err(error) if error.maybe_done() => match flaw {
                Flaw::TakesTheUnknownAsDone => Ok(()),
                Flaw::TakesTheUnknownAsFailed => Err(Error::new(error.kind(), error.to_string())),
                Flaw::RepeatsTheUnknown => self.hand_over(message),
                _ => Err(error),
            },
            Err(error) if error.kind() == ErrorKind::Forbidden && flaw == Flaw::SendsToTheOthers => {
                let mut others = message;
                others.recipients.retain(|to| to != MailCase::REFUSED);
                self.hand_over(others)?;
                Err(error)
            }
            answer => answer,
        }
        .map(|()| None)
    }
}

impl Post {
    fn message(&self, mail: &Mail) -> Arrived {
        let files = mail.attachments.iter().map(|file| (file.file_name.clone(), file.bytes.clone()));
        let mut message = Arrived {
            from: FROM.to_owned(),
            recipients: mail.recipients.clone(),
            subject: mail.subject.clone(),
            text: Some(mail.body.text.replace('\n', "\r\n")),
            html: Some(format!("<html>{}</html>", mail.body.html)),
            files: files.collect(),
            id: mail.message_id_at("msp.example"),
        };
        let file = &mut message.files[0];
        match self.0.flaw {
            Flaw::ForgetsARecipient => drop(message.recipients.pop()),
            Flaw::SendsAsAnother => "billing@msp.example".clone_into(&mut message.from),
            Flaw::CutsTheSubject => message.subject.truncate(28),
            Flaw::RenamesTheFile => file.0 = file.0.replace('ä', "a"),
            Flaw::ChangesLineEnds => file.1.retain(|byte| *byte != b'\r'),
            Flaw::ForgetsTheText => message.text = None,
            Flaw::ForgetsTheHtml => message.html = None,
            Flaw::CutsLargeFiles => file.1.truncate(3_000_000),
            Flaw::InventsIds => message.id += &NEXT.fetch_add(1, Ordering::Relaxed).to_string(),
            Flaw::HasOneId => "<tallysheet@msp.example>".clone_into(&mut message.id),
            _ => {}
        }
        message
    }

    fn hand_over(&self, message: Arrived) -> Result<()> {
        let everybody = message.recipients.join(", ");
        let error = match post(self.0.number, message) {
            Answer::Taken => return Ok(()),
            Answer::WrongPassword => self.wrong_password(),
            Answer::Busy => Error::new(ErrorKind::RateLimited, "the server is busy"),
            Answer::Nothing => Error::new(ErrorKind::Unavailable, "the connection broke").with_maybe_done(),
            Answer::Refused(to) => Error::new(
                ErrorKind::Forbidden,
                match self.0.flaw {
                    Flaw::NamesNobody => "a recipient is refused".to_owned(),
                    Flaw::NamesEverybody => format!("one of {everybody} is refused"),
                    Flaw::EchoesTheServer => format!("{to}: planted-body"),
                    _ => format!("{to} is refused"),
                },
            ),
        };
        Err(error)
    }

    fn wrong_password(&self) -> Error {
        let kind = if self.0.flaw == Flaw::CallsARefusalUnavailable { ErrorKind::Unavailable } else { ErrorKind::Auth };
        let shown = if self.0.flaw == Flaw::SaysItsPassword { self.0.password.expose() } else { "it" };
        Error::new(kind, format!("the server refuses {shown}"))
    }
}
