//! What a connector can do, as traits. All are object-safe. The default methods, [`CountSource::orgs`] and
//! [`Probe::known`], are right for all: a wrapper that forgets them makes more calls, and loses nothing.

use crate::billing::BillingLedger;
use crate::code::Code;
use crate::counts::{Counts, Standing};
use crate::error::Result;
use crate::model::VendorOrg;
use crate::notice::Notice;
use crate::ticket::{
    Attachment, Body, Created, DeskLimits, Found, NewTicket, PreparedForm, TicketForm, TicketRef, TicketSearch,
};
use async_trait::async_trait;
use jiff::Timestamp;

#[allow(clippy::type_complexity, reason = "a list of traits, used as no type")]
const _: Option<(
    &dyn Probe,
    &dyn CountSource,
    &dyn CompanyDirectory,
    &dyn TicketDesk,
    &dyn Mailer,
    &dyn BillingLedger,
)> = None;

/// A thing that a connector can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// [`CountSource`]
    Counts,
    /// [`TicketDesk`]
    Tickets,
    /// [`CompanyDirectory`]
    Companies,
    /// [`BillingLedger`]
    Billing,
    /// [`Mailer`]
    Mail,
}

impl Capability {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Tickets => "tickets",
            Self::Companies => "companies",
            Self::Billing => "billing",
            Self::Mail => "mail",
        }
    }
}

/// Whose credential it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account's name as the vendor says it.
    pub account: String,
    /// The account's own id, where the vendor tells one. It is pinned: a run stops where it changes. So never the id of
    /// the credential, or of its user: a renewed key would look like another account.
    pub id: Option<String>,
    /// When the credential ends, where the vendor tells.
    pub expires: Option<Timestamp>,
    /// What should not be so, as far as the answer shows it: a credential of a single customer, one that sees no
    /// customers, one that may do more than it needs.
    pub notices: Vec<Notice>,
}

impl Identity {
    /// An account that the vendor names, with its own id.
    pub fn of(account: impl Into<String>, id: impl Into<String>) -> Self {
        Self { account: account.into(), id: Some(id.into()), ..Self::default() }
    }

    /// No account is named: the credential's own id or user stands for it.
    pub fn unnamed(credential: impl Into<String>) -> Self {
        Self { account: credential.into(), ..Self::default() }
    }

    /// Adds a warning.
    #[must_use]
    pub fn warn(mut self, code: impl Into<Option<Code>>, message: impl Into<String>) -> Self {
        self.notices.push(Notice::warning(code, message));
        self
    }

    /// Adds a warning where the credential works and sees no customers: it may be the wrong one, or lack a right.
    #[must_use]
    pub fn sees(self, customers: usize) -> Self {
        let message =
            "the credential works, but sees nothing of any customer; is it of the right account, and may it read all?";
        if customers > 0 { self } else { self.warn(None, message) }
    }
}

/// Every connector: one cheap call.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Who am I, and may I do my work? The cheapest authenticated call.
    async fn check(&self) -> Result<Identity>;

    /// The same where no call of the vendor's names the account, so that the config says all there is. A run then asks
    /// nothing before it counts: what it asks shows whether the credential works.
    fn known(&self) -> Option<Identity> {
        None
    }
}

/// Counts what customers use.
#[async_trait]
pub trait CountSource: Send + Sync {
    /// Every customer that the credential sees: those of `counts`, unless they can be listed with fewer calls. What is no
    /// customer by the vendor's own marks is left out: no company is looked for it.
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let orgs = self.counts().await?.orgs.into_iter();
        Ok(orgs.filter(|org| org.standing == Standing::Customer).map(|org| org.org).collect())
    }

    /// Every org with its counts. An error means that no number of this integration may be used.
    async fn counts(&self) -> Result<Counts>;
}

/// A company as a PSA or a documentation system lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryCompany {
    /// The id there.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Whether it is an active customer.
    pub active: bool,
}

/// Lists the MSP's customers.
#[async_trait]
pub trait CompanyDirectory: Send + Sync {
    /// All companies, active or not.
    async fn companies(&self) -> Result<Vec<DirectoryCompany>>;
}

/// A PSA's tickets, in small verbs, so that nothing is opened twice. Who calls them knows their order; a desk only
/// knows the PSA.
#[async_trait]
pub trait TicketDesk: Send + Sync {
    /// Looks up every name of the form: the company, the board, the status … Makes nothing. A wrong name is an error of
    /// the kind `Config` that tells those that exist.
    async fn prepare(&self, form: &TicketForm) -> Result<PreparedForm>;
    /// The tickets of the form's company whose key [`TicketSearch::matches`], open or closed, newest first.
    async fn find(&self, form: &PreparedForm, search: &TicketSearch) -> Result<Vec<Found>>;
    /// Makes a ticket. Never repeated where it may have happened. A PSA that can only take a file along with the ticket
    /// gets `file` here; others get it by [`TicketDesk::attach`].
    async fn create(&self, ticket: &NewTicket, file: Option<&Attachment>) -> Result<Created>;
    /// The names of the files that the ticket holds.
    async fn attachments(&self, ticket: &TicketRef) -> Result<Vec<String>>;
    /// Attaches a file, where customers cannot see it; `Unsupported` where the API cannot.
    async fn attach(&self, ticket: &TicketRef, file: &Attachment) -> Result<()>;
    /// Adds an internal note; `Unsupported` where the API cannot.
    async fn add_note(&self, ticket: &TicketRef, body: &Body) -> Result<()>;
    /// What the PSA can hold.
    fn limits(&self) -> DeskLimits;
}

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// Who gets it.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its body.
    pub body: Body,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// A stable id, so that a repeated message can be recognised: what stands before the `@`.
    pub message_id: String,
}

impl Mail {
    /// The whole `Message-ID`, with the sender's domain. What an id must not hold becomes `-`.
    pub fn message_id_at(&self, domain: &str) -> String {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "-_+.".contains(character);
        let id = self.message_id.replace(|character| !allowed(character), "-");
        format!("<{}@{domain}>", id.trim_matches('.').replace("..", "."))
    }
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one message; what it returns names it at the other side, where there is a name.
    async fn send(&self, mail: &Mail) -> Result<Option<String>>;
}
