//! The suite that every mailer passes, against a mailbox that the test brings: a real server, or one that plays the
//! vendor. It is asked again and again, each time in another mood, and says what arrived.
//!
//! ```text
//! #[tokio::test]
//! async fn delivers_mail() {
//!     mail_conformance(&case(), &mut mailbox).await;
//! }
//! ```
//!
//! | step | promise |
//! | --- | --- |
//! | `delivered` | one message reaches all recipients, from the sender, with subject, file name and file as they were, byte by byte; HTML and, where the vendor takes both, text |
//! | `large` | so does a file of 5 MB |
//! | `stable` | the same mail carries the same id again, another one another |
//! | `check` | `check` says whose credential it is, and sends nothing |
//! | `wrong_password` | is `auth-failed`, by `check` and by sending |
//! | `refused` | a recipient that is refused is an error that names it, where the vendor does; nobody gets anything |
//! | `put_off` | a mailbox that is busy once gets the message in the end, once |
//! | `unknown` | an answer that does not come is told as such (`maybe_done`), and the message is not sent again |
//! | `declared`, `documented` | as in [`mod@crate::conformance`] |
//! | `quiet` | in all of this nothing that is said holds a secret or what the other side said |

use crate::conformance::{Failure, QUIET, say_skipped};
use crate::overheard::Overheard;
use crate::steps::claims;
use crate::world::TestWorld;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::capability::Mail;
use tallysheet_core::ticket::{Attachment, Body};
use tallysheet_core::{
    Capability, Code, Connector, Context, Entry, Error, ErrorKind, Identity, Registry, Result, async_trait,
};

/// Nobody waits on purpose: what takes this long hangs.
const HANGS: Duration = Duration::from_mins(1);

/// What a mailer promises besides.
pub struct MailCase {
    /// The connector, found through the registry.
    pub slug: &'static str,
    /// The address that mail comes from.
    pub from: &'static str,
    /// What `check` must say: account and id.
    pub account: (&'static str, Option<&'static str>),
    /// Whether text goes beside HTML; some vendors take one body only.
    pub takes_text: bool,
    /// Whether the other side says which recipient it refuses, so that the error must, too.
    pub names_refused: bool,
    /// What an answer to a credential holds, where it does not show its planted word: `AHBsYW50ZWQ=`.
    pub encoded_secrets: Vec<&'static str>,
    /// What of the suite does not apply, and why.
    pub skips: Vec<(&'static str, &'static str)>,
}

/// How it goes, from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Well.
    Well,
    /// The credential is not accepted.
    WrongPassword,
    /// [`MailCase::REFUSED`] is refused for good.
    Refuses,
    /// The first attempt is put off before anything was sent; then it goes well.
    PutsOffOnce,
    /// A message is taken, and nobody ever hears so.
    LosesAnswers,
}

/// How a connector reaches a mailbox.
pub struct Site {
    /// Its own settings, secrets resolved; each begins with `planted-`.
    pub settings: Value,
    /// The integration's `url`, where it has one.
    pub url: Option<String>,
}

/// A message that arrived, whole or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// From which address.
    pub from: String,
    /// Who got it.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its body as text.
    pub text: Option<String>,
    /// Its body as HTML.
    pub html: Option<String>,
    /// Its files: name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// What it is recognised by: `Message-ID`, or a header that stands for it.
    pub id: String,
}

/// A mailbox under test.
#[async_trait]
pub trait Mailbox: Send {
    /// Begins anew: what arrived is forgotten.
    async fn begin(&mut self, mood: Mood) -> Site;
    /// What arrived since. A message whose answer was lost has arrived.
    async fn arrived(&mut self) -> Vec<Arrived>;
}

impl MailCase {
    /// Who gets the mail.
    pub const RECIPIENTS: [&'static str; 3] = ["finance@msp.example", Self::REFUSED, "billing+tally@northgate.example"];
    /// Who is refused, where somebody is.
    pub const REFUSED: &'static str = "cfo@msp.example";
    /// The subject: longer than a line, and not all ASCII.
    pub const SUBJECT: &'static str = "Billing Reconciliation 2026-11 – Größe, 数量 und Ämter, and a tail so long that \
         a header has to be folded somewhere";
    /// The file's name.
    pub const FILE_NAME: &'static str = "Zählung – 2026-11 (数量).csv";
    /// The body as text: a line too long for mail, one that begins with a dot, one that looks like a separator.
    pub const TEXT: &'static str = "Companies: 3 – größer\n.\n..\nFrom here on: nothing\n--\n";
    /// The body as HTML.
    pub const HTML: &'static str = "<p>Companies: <b>3</b> – größer</p><p>Failures: 1 &lt; 2</p>";

    /// A file that breaks wherever it is taken for text: every byte, lone line ends, dots, and no line end at the end.
    fn file() -> Attachment {
        let mut bytes: Vec<u8> = (0..=255).collect();
        bytes.extend_from_slice("\r\n.\r\nCompany,Devices\r\nplanted-customer,3\nlone\rends\n\n.".as_bytes());
        bytes.extend(std::iter::repeat_n(b'x', 1500));
        Attachment { file_name: Self::FILE_NAME.to_owned(), content_type: "text/csv; charset=utf-8", bytes }
    }

    fn mail() -> Mail {
        Mail {
            recipients: Self::RECIPIENTS.map(str::to_owned).to_vec(),
            subject: Self::SUBJECT.to_owned(),
            body: Body { text: format!("{}{}", Self::TEXT, "long ".repeat(300)), html: Self::HTML.to_owned() },
            attachments: vec![Self::file()],
            message_id: "tallysheet.20261101T060000Z-4f2a.finance".to_owned(),
        }
    }
}

/// Runs the suite.
///
/// # Panics
/// Where the mailer breaks a promise: with all that it breaks.
pub async fn mail_conformance(case: &MailCase, mailbox: &mut dyn Mailbox) {
    let failures = examine_mail(case, mailbox).await;
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} promises are broken:\n{}", told.len(), told.join("\n"));
}

const STEPS: [&str; 10] = [
    "delivered",
    "large",
    "stable",
    "check",
    "wrong_password",
    "refused",
    "put_off",
    "unknown",
    "declared",
    "documented",
];

/// Runs the suite and returns what is wrong.
pub async fn examine_mail(case: &MailCase, mailbox: &mut dyn Mailbox) -> Vec<Failure> {
    let failure = |step, message: String| Failure { slug: case.slug, step, message };
    let mut failures = Vec::new();
    for (step, reason) in &case.skips {
        say_skipped(case.slug, step, reason);
        if reason.is_empty() || !(STEPS.contains(step) || *step == QUIET) {
            failures.push(failure(step, "a skip needs the name of a step, and a reason".to_owned()));
        }
    }
    let skipped = |step: &str| case.skips.iter().any(|(name, _)| *name == step);
    let entry = match Registry::new(Box::leak(Box::new([case.slug]))).find(case.slug) {
        Ok(entry) => entry,
        Err(error) => return vec![failure("declared", error.to_string())],
    };
    let overheard = Overheard::listening(case.encoded_secrets.iter().map(|word| (*word).to_owned()));
    let mut desk = Desk { case, entry, mailbox, overheard };
    for step in STEPS.into_iter().filter(|step| !skipped(step)) {
        let found = match step {
            "delivered" => desk.delivered(MailCase::mail()).await,
            "large" => desk.large().await,
            "stable" => desk.stable().await,
            "check" => desk.check().await,
            "wrong_password" => desk.wrong_password().await,
            "refused" => desk.refused().await,
            "put_off" => desk.put_off().await,
            "unknown" => desk.unknown().await,
            "declared" => desk.declared().await,
            _ => claims::documented(entry),
        };
        failures.extend(found.into_iter().map(|message| failure(step, message)));
        let leaks = desk.overheard.leaks().into_iter().filter(|_| !skipped(QUIET));
        failures.extend(leaks.map(|line| failure(QUIET, format!("in the step `{step}` it was said: {line}"))));
    }
    failures
}

/// One mailer and its mailbox.
struct Desk<'a> {
    case: &'a MailCase,
    entry: &'static Entry,
    mailbox: &'a mut dyn Mailbox,
    overheard: Overheard,
}

impl Desk<'_> {
    /// A connector made anew, as the engine makes one that counts nothing.
    async fn connect(&mut self, mood: Mood) -> Result<Connector> {
        let Site { settings, url } = self.mailbox.begin(mood).await;
        let context = Context {
            integration: self.case.slug.to_owned(),
            url,
            max_concurrency: None,
            requests_per_minute: None,
            metrics: Vec::new(),
            exclude: Vec::new(),
            known_ids: Arc::default(),
            recorder: None,
            world: Arc::new(TestWorld::new()),
        };
        self.entry.connect(settings, &context).inspect_err(|error| self.overheard.error(error))
    }

    async fn send(&mut self, connector: &Connector, mail: &Mail) -> Result<Option<String>> {
        let Some(mailer) = &connector.mail else { return Err(Error::config("the connector has no mail")) };
        self.heard(mailer.send(mail)).await
    }

    async fn ask(&mut self, connector: &Connector) -> Result<Identity> {
        self.heard(connector.probe.check()).await
    }

    async fn heard<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let late = || Error::new(ErrorKind::TimedOut, format!("nothing came for {} seconds", HANGS.as_secs()));
        let result = tokio::time::timeout(HANGS, answer).await.unwrap_or_else(|_| Err(late()));
        result.inspect_err(|error| self.overheard.error(error))
    }

    async fn send_in(&mut self, mood: Mood, mail: &Mail) -> Result<Option<String>> {
        let connector = self.connect(mood).await?;
        self.send(&connector, mail).await
    }

    async fn delivered(&mut self, mail: Mail) -> Vec<String> {
        if let Err(error) = self.send_in(Mood::Well, &mail).await {
            return vec![format!("it failed ({}): {error}", error.code())];
        }
        let arrived = self.mailbox.arrived().await;
        let [one] = &arrived[..] else { return vec![format!("{} messages arrived, expected one", arrived.len())] };
        self.differences(one, &mail)
    }

    fn differences(&self, one: &Arrived, mail: &Mail) -> Vec<String> {
        let mut found = Vec::new();
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        let (got, wanted) = (sorted(&one.recipients), sorted(&mail.recipients));
        if got != wanted {
            found.push(format!("it reached {got:?}, expected {wanted:?}"));
        }
        if one.from != self.case.from {
            found.push(format!("it came from `{}`, expected `{}`", one.from, self.case.from));
        }
        if one.subject != mail.subject {
            found.push(format!("the subject is `{}`, expected `{}`", one.subject, mail.subject));
        }
        let names = |files: &mut dyn Iterator<Item = &String>| files.cloned().collect::<Vec<_>>();
        let got = names(&mut one.files.iter().map(|(name, _)| name));
        let wanted = names(&mut mail.attachments.iter().map(|file| &file.file_name));
        if got != wanted {
            found.push(format!("the files are {got:?}, expected {wanted:?}"));
        }
        let changed = one.files.iter().zip(&mail.attachments).filter(|((_, got), file)| *got != file.bytes);
        found.extend(changed.map(|((name, got), file)| {
            let at = got.iter().zip(&file.bytes).take_while(|(got, wanted)| got == wanted).count();
            format!(
                "{name} is changed: {} bytes, expected {}; the first other one is at {at}",
                got.len(),
                file.bytes.len()
            )
        }));
        if !one.html.as_ref().is_some_and(|html| html.contains(&mail.body.html)) {
            found.push(format!("the HTML is {:?}", one.html));
        }
        // Mail has line ends of its own.
        let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
        if self.case.takes_text && one.text.as_deref().map(plain) != Some(plain(&mail.body.text)) {
            found.push(format!("the text is {:?}", one.text));
        }
        found
    }

    async fn large(&mut self) -> Vec<String> {
        let mut mail = MailCase::mail();
        mail.attachments[0].bytes = (0_u32..1_310_720).flat_map(u32::to_le_bytes).collect();
        self.delivered(mail).await
    }

    async fn stable(&mut self) -> Vec<String> {
        let (mail, mut other) = (MailCase::mail(), MailCase::mail());
        other.message_id = other.message_id.replace("4f2a", "4f2b");
        let connector = match self.connect(Mood::Well).await {
            Ok(connector) => connector,
            Err(error) => return vec![error.to_string()],
        };
        for mail in [&mail, &mail, &other] {
            if let Err(error) = self.send(&connector, mail).await {
                return vec![error.to_string()];
            }
        }
        let ids: Vec<String> = self.mailbox.arrived().await.into_iter().map(|arrived| arrived.id).collect();
        match &ids[..] {
            [first, second, third] if first == second && first != third && first.contains(&mail.message_id) => {
                Vec::new()
            }
            _ => vec![format!("a mail, the same again and another one have the ids {ids:?}")],
        }
    }

    async fn check(&mut self) -> Vec<String> {
        let answer = match self.connect(Mood::Well).await {
            Ok(connector) => self.ask(&connector).await,
            Err(error) => Err(error),
        };
        let (account, id) = self.case.account;
        let mut found = match answer {
            Ok(identity) if identity.account == account && identity.id.as_deref() == id => Vec::new(),
            Ok(identity) => vec![format!("it says {identity:?}, expected {:?}", self.case.account)],
            Err(error) => vec![format!("it failed ({}): {error}", error.code())],
        };
        found.extend(self.something_arrived().await);
        found
    }

    async fn something_arrived(&mut self) -> Option<String> {
        let count = self.mailbox.arrived().await.len();
        (count > 0).then(|| format!("{count} messages arrived, expected none"))
    }

    async fn wrong_password(&mut self) -> Vec<String> {
        let connector = match self.connect(Mood::WrongPassword).await {
            Ok(connector) => connector,
            Err(error) => return vec![error.to_string()],
        };
        let answers = [
            ("check", self.ask(&connector).await.map(|_| ())),
            ("sending", self.send(&connector, &MailCase::mail()).await.map(|_| ())),
        ];
        let mut found = Vec::new();
        for (what, answer) in answers {
            match answer {
                Err(error) if error.code() == Code::AuthFailed && !error.maybe_done() => {}
                Err(error) => found.push(format!("{what} ends with {}, expected auth-failed: {error}", error.code())),
                Ok(()) => found.push(format!("{what} succeeded")),
            }
        }
        found.extend(self.something_arrived().await);
        found
    }

    async fn refused(&mut self) -> Vec<String> {
        let mail = MailCase::mail();
        let mut found = match self.send_in(Mood::Refuses, &mail).await {
            Ok(_) => vec!["it succeeded".to_owned()],
            Err(error) if error.maybe_done() => vec![format!("it is told that it may be done: {error}")],
            Err(error) if self.case.names_refused => {
                let told = error.to_string();
                let named = |address: &&String| told.contains(address.as_str());
                let named: Vec<&String> = mail.recipients.iter().filter(named).collect();
                if named == [MailCase::REFUSED] { Vec::new() } else { vec![format!("it names {named:?}: {told}")] }
            }
            Err(_) => Vec::new(),
        };
        found.extend(self.something_arrived().await);
        found
    }

    async fn put_off(&mut self) -> Vec<String> {
        let mut found = match self.send_in(Mood::PutsOffOnce, &MailCase::mail()).await {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("it failed ({}): {error}", error.code())],
        };
        let count = self.mailbox.arrived().await.len();
        if count != 1 {
            found.push(format!("{count} messages arrived, expected one"));
        }
        found
    }

    async fn unknown(&mut self) -> Vec<String> {
        let mut found = match self.send_in(Mood::LosesAnswers, &MailCase::mail()).await {
            Err(error) if error.maybe_done() => Vec::new(),
            Err(error) => vec![format!("it is not told that it may be done: {error}")],
            Ok(_) => vec!["it succeeded".to_owned()],
        };
        let count = self.mailbox.arrived().await.len();
        if count != 1 {
            found.push(format!("it was sent {count} times, expected once"));
        }
        found
    }

    async fn declared(&mut self) -> Vec<String> {
        match self.connect(Mood::Well).await {
            Ok(connector) if connector.mail.is_none() => vec!["it offers no mail".to_owned()],
            Ok(_) if !self.entry.meta.capabilities.contains(&Capability::Mail) => {
                vec!["it does not declare that it has mail".to_owned()]
            }
            Ok(_) => Vec::new(),
            Err(error) => vec![error.to_string()],
        }
    }
}
