//! The one error type. Its message is safe to print: no secret, no body of an answer.

use crate::code::Code;
use std::time::Duration;

/// What went wrong, as far as it decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting is missing or wrong.
    Config,
    /// The credential was refused.
    Auth,
    /// The credential lacks a right or a licence.
    Forbidden,
    /// A customer has not consented.
    Consent,
    /// The credential belongs to another account.
    WrongAccount,
    /// Something that must exist does not.
    NotFound,
    /// The vendor asks to slow down.
    RateLimited,
    /// The vendor cannot be reached or fails.
    Unavailable,
    /// A deadline passed.
    TimedOut,
    /// The answer cannot be understood or contradicts itself.
    BadResponse,
    /// The vendor's own total disagrees with its rows.
    TotalDiffers,
    /// A counted value was left out by the vendor.
    MissingValue,
    /// The vendor's plan or version lacks what was asked.
    Unsupported,
    /// A defect of Tallysheet, or of the machine it runs on.
    Internal,
}

impl ErrorKind {
    /// The contract's code for this kind.
    pub const fn code(self) -> Code {
        match self {
            Self::Auth => Code::AuthFailed,
            Self::Forbidden => Code::Forbidden,
            Self::Consent => Code::ConsentMissing,
            Self::WrongAccount => Code::WrongAccount,
            Self::NotFound => Code::NotFound,
            Self::RateLimited => Code::RateLimited,
            Self::Unavailable => Code::Unavailable,
            Self::TimedOut => Code::TimedOut,
            Self::BadResponse => Code::BadResponse,
            Self::TotalDiffers => Code::TotalDiffers,
            Self::MissingValue => Code::MissingValue,
            Self::Unsupported => Code::Unsupported,
            // A wrong setting ends a run before it has a log (exit status 2).
            Self::Config | Self::Internal => Code::Internal,
        }
    }

    /// Whether the same request may succeed a little later.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::TimedOut)
    }
}

/// An error with a message that says what is wrong, where, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    maybe_done: bool,
}

/// `std::result::Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`. The message is shown to people: never put a secret or a body into it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, maybe_done: false }
    }

    /// A wrong or missing setting.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// An answer that cannot be understood.
    pub fn bad_response(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadResponse, message)
    }

    /// A defect, or a machine that does not do what it must.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Puts `what` before the message: `listing sites: 403 Forbidden`.
    #[must_use]
    pub fn context(mut self, what: impl std::fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Puts `advice` behind the message.
    #[must_use]
    pub fn advice(mut self, advice: &str) -> Self {
        self.message = format!("{}; {advice}", self.message);
        self
    }

    /// The wait that the vendor asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Says that what was asked for may have been done all the same: the answer to a change did not come.
    #[must_use]
    pub fn with_maybe_done(mut self) -> Self {
        self.maybe_done = true;
        self
    }

    /// The same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The contract's code of it.
    pub const fn code(&self) -> Code {
        self.kind.code()
    }

    /// The wait that the vendor asked for, if it did.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether what was asked for may have been done all the same. Then it must be looked for, never repeated.
    pub const fn maybe_done(&self) -> bool {
        self.maybe_done
    }
}
