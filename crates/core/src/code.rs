//! The codes of the contract: one word for each thing that can be said about a cell or a log line.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A stable, kebab-case code. A new one is a note in the changelog.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code there is, in the order of the contract.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as users see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// The vendor did not accept the credential.
    AuthFailed = "auth-failed",
    /// The credential is good but may not do this.
    Forbidden = "forbidden",
    /// This customer has not consented to being read.
    ConsentMissing = "consent-missing",
    /// The credential belongs to another account than expected.
    WrongAccount = "wrong-account",
    /// Something that must exist does not.
    NotFound = "not-found",
    /// The vendor's request limit was hit and waiting did not help.
    RateLimited = "rate-limited",
    /// The vendor could not be reached or answered with a server error.
    Unavailable = "unavailable",
    /// A deadline passed.
    TimedOut = "timed-out",
    /// The vendor's answer could not be understood.
    BadResponse = "bad-response",
    /// The vendor's plan or version lacks what was asked.
    Unsupported = "unsupported",
    /// The vendor left out a value that is counted.
    MissingValue = "missing-value",
    /// An id in the companies file that the vendor did not list.
    UnknownOrg = "unknown-org",
    /// A vendor org that maps to no company.
    UnmappedOrg = "unmapped-org",
    /// A vendor org that could be more than one company.
    AmbiguousOrg = "ambiguous-org",
    /// Matched by the PSA id that the vendor keeps.
    MatchedByPsaId = "matched-by-psa-id",
    /// Matched by a domain of the company.
    MatchedByDomain = "matched-by-domain",
    /// Matched by an equal name.
    MatchedByName = "matched-by-name",
    /// Left out because the config says so.
    Excluded = "excluded",
    /// Left out by a default rule.
    LeftOut = "left-out",
    /// A count that fell in a way that is hard to believe.
    Implausible = "implausible",
    /// The vendor's own total disagrees with the rows.
    TotalDiffers = "total-differs",
    /// The credential expires soon.
    CredentialExpires = "credential-expires",
    /// The run has neither a delivery nor an output.
    NoDelivery = "no-delivery",
    /// A delivery failed.
    DeliveryFailed = "delivery-failed",
    /// It is not known whether a delivery arrived.
    DeliveryUnknown = "delivery-unknown",
    /// A defect of Tallysheet itself.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = Self::ALL.iter().copied().find(|code| code.as_str() == word);
        known.ok_or_else(|| de::Error::custom(format!("there is no code `{word}`")))
    }
}
