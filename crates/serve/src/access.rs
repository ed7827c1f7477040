//! Who may use the API: tokens, of which only the hashes are known, and how often one may call.

use crate::app::lock;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};
use tallysheet_config::Serve;

/// The cookie that the page's form sets.
pub(crate) const COOKIE: &str = "tallysheet";

/// The hashes of the tokens.
pub(crate) struct Access {
    hashes: Vec<[u8; 32]>,
}

impl Access {
    pub(crate) fn of(serve: &Serve) -> Self {
        Self { hashes: serve.tokens.iter().filter_map(|token| bytes(&token.sha256)).collect() }
    }

    /// Whether a token is known. Takes as long for any: all are compared, byte by byte.
    pub(crate) fn knows(&self, token: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = self.hashes.iter().fold(Choice::from(0), |known, other| known | hash.ct_eq(other));
        known.into()
    }
}

/// The tokens that a call brings: of `Bearer`, and, for reading, of `Basic` and the cookie.
pub(crate) fn tokens(headers: &HeaderMap, reads: bool) -> Vec<String> {
    let mut tokens = Vec::new();
    let value = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some((scheme, rest)) = value(header::AUTHORIZATION).and_then(|value| value.split_once(' ')) {
        if scheme.eq_ignore_ascii_case("bearer") {
            tokens.push(rest.trim().to_owned());
        } else if scheme.eq_ignore_ascii_case("basic") && reads {
            let pair = BASE64_STANDARD.decode(rest.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
            tokens
                .extend(pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, password)| password.to_owned()));
        }
    }
    if reads {
        let cookies = value(header::COOKIE).unwrap_or_default().split(';');
        let ours = cookies.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(name, _)| *name == COOKIE);
        tokens.extend(ours.map(|(_, token)| token.to_owned()).filter(|token| !token.is_empty()));
    }
    tokens
}

/// A token of these random bytes, and its hash as the config wants it.
pub fn token(random: &[u8; 32]) -> (String, String) {
    let token = format!("tally_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let hash = Sha256::digest(token.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    (token, hash)
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, place) in bytes.iter_mut().zip(0..) {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Calls of one address in a minute.
const CALLS: u32 = 300;
/// Of these with a wrong token.
const WRONG: u32 = 10;
const MINUTE: Duration = Duration::from_mins(1);
/// More addresses than this are not remembered.
const ADDRESSES: usize = 10_000;

/// How often each address has called in its minute.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<IpAddr, Calls>>);

#[derive(Default)]
struct Calls {
    since: Duration,
    all: u32,
    wrong: u32,
}

impl Limits {
    /// Counts a call, or says in how many seconds the next one may come.
    pub(crate) fn call(&self, from: IpAddr, now: Duration) -> Result<(), u64> {
        let mut addresses = lock(&self.0);
        if addresses.len() >= ADDRESSES {
            addresses.retain(|_, calls| now.saturating_sub(calls.since) < MINUTE);
        }
        if addresses.len() >= ADDRESSES && !addresses.contains_key(&from) {
            return Err(MINUTE.as_secs());
        }
        let calls = addresses.entry(from).or_insert_with(|| Calls { since: now, ..Calls::default() });
        if now.saturating_sub(calls.since) >= MINUTE {
            *calls = Calls { since: now, ..Calls::default() };
        }
        if calls.all >= CALLS || calls.wrong >= WRONG {
            return Err(MINUTE.saturating_sub(now.saturating_sub(calls.since)).as_secs().max(1));
        }
        calls.all += 1;
        Ok(())
    }

    /// Counts a wrong token.
    pub(crate) fn wrong(&self, from: IpAddr) {
        if let Some(calls) = lock(&self.0).get_mut(&from) {
            calls.wrong += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallysheet_config::Token;

    #[test]
    fn only_a_known_token_is_known() {
        let (good, sha256) = token(&[7; 32]);
        assert!(good.starts_with("tally_") && good.len() == 49, "{good}");
        let serve =
            Serve { tokens: vec![Token { name: "a".into(), sha256: sha256.to_uppercase() }], ..Serve::default() };
        let access = Access::of(&serve);
        assert!(access.knows(&good));
        for wrong in ["", "tally_", &good[1..], &sha256, &token(&[8; 32]).0] {
            assert!(!access.knows(wrong), "{wrong}");
        }
        assert!(!Access::of(&Serve::default()).knows(&good));
    }

    #[test]
    fn tokens_are_read_from_where_they_may_stand() {
        let headers = |name: header::HeaderName, value: &str| HeaderMap::from_iter([(name, value.parse().unwrap())]);
        assert_eq!(tokens(&headers(header::AUTHORIZATION, "bearer abc"), false), ["abc"]);
        assert_eq!(tokens(&headers(header::AUTHORIZATION, "Basic dTphYmM="), true), ["abc"]);
        assert_eq!(tokens(&headers(header::COOKIE, "x=y; tallysheet=abc"), true), ["abc"]);
        assert!(tokens(&headers(header::AUTHORIZATION, "Basic dTphYmM="), false).is_empty());
        assert!(tokens(&headers(header::COOKIE, "tallysheet=abc"), false).is_empty());
    }

    #[test]
    fn an_address_may_call_so_often() {
        let (limits, one, other) = (Limits::default(), [127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let at = Duration::from_secs;
        for _ in 0..CALLS {
            limits.call(one, at(5)).unwrap();
        }
        assert_eq!(limits.call(one, at(10)), Err(55));
        limits.call(other, at(10)).unwrap();
        limits.call(one, at(65)).unwrap();
        (0..WRONG).for_each(|_| limits.wrong(other));
        assert_eq!(limits.call(other, at(20)), Err(50));
    }
}
