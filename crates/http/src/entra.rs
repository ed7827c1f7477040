//! What Microsoft's login service means by its numbers (AADSTS…): every vendor behind Entra answers with them.

use crate::reply::Reply;
use tallysheet_core::{Error, ErrorKind};

const REFUSALS: &[(&[u64], ErrorKind, &str)] = &[
    (&[700_016, 7_000_229, 65_001], ErrorKind::Consent, "the tenant has not consented to the application"),
    (&[50_020, 50_177], ErrorKind::Consent, "the partner's user is in no GDAP group of the tenant"),
    (&[90_002, 900_023, 5_000_224], ErrorKind::NotFound, "there is no such tenant, or none any more"),
    (&[7_000_215], ErrorKind::Auth, "`client_secret` is wrong: take its value, not its id"),
    (&[7_000_222], ErrorKind::Auth, "`client_secret` has expired: make a new one"),
    (&[700_082, 50_173], ErrorKind::Auth, "`refresh_token` has expired or was revoked: sign in for a new one"),
    (&[50_076, 50_079], ErrorKind::Auth, "the user must sign in with a second factor for a new `refresh_token`"),
    (&[53_003], ErrorKind::Auth, "a conditional access policy blocks the sign-in"),
];

/// What a refusal says beyond its status, for [`crate::OAuth2::explain`].
pub fn refusal(reply: &Reply) -> Option<Error> {
    reply.refused::<Vec<u64>>("/error_codes")?.into_iter().find_map(|number| {
        let (_, kind, meaning) = REFUSALS.iter().find(|(numbers, ..)| numbers.contains(&number))?;
        Some(Error::new(*kind, format!("{meaning} (AADSTS{number})")))
    })
}
