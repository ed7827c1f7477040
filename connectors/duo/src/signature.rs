//! Signature version 5, which Duo's own current clients send with every request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha512};
use std::fmt::Write as _;
use tallysheet_core::{Error, Result, Secret};
use tallysheet_http::Outgoing;

/// What is signed of a request.
struct Canonical<'a> {
    /// Byte for byte as in the header `Date`.
    date: &'a str,
    method: &'a str,
    /// Without its port.
    host: &'a str,
    path: &'a str,
    query: &'a str,
    body: &'a [u8],
}

/// Shows the credential: the date, and user name and signature as a basic credential.
pub(crate) fn sign(request: &mut Outgoing<'_>, date: &str, user: &Secret, secret: &Secret) -> Result<()> {
    let (method, host, path) = (request.method(), request.host(), request.path());
    let canonical = Canonical { date, method, host, path, query: request.query(), body: request.body() };
    let pair = format!("{}:{}", user.expose().trim(), canonical.signature(secret)?);
    request.secret_header("date", date)?;
    request.secret_header("authorization", &format!("Basic {}", STANDARD.encode(pair)))
}

impl Canonical<'_> {
    fn signature(&self, secret: &Secret) -> Result<String> {
        let key = secret.expose().trim().as_bytes();
        let mac = Hmac::<Sha512>::new_from_slice(key).map_err(|_| Error::config("`secret_key` is no key"))?;
        Ok(hex(&mac.chain_update(self.lines()).finalize().into_bytes()))
    }

    fn lines(&self) -> String {
        // The parameters of a POST are its body.
        let parameters = if self.method == "POST" { String::new() } else { sorted(self.query) };
        let (body, no_headers) = (hex(&Sha512::digest(self.body)), hex(&Sha512::digest("")));
        let host = self.host.to_lowercase();
        [self.date, self.method, &host, self.path, &parameters, &body, &no_headers].join("\n")
    }
}

/// The parameters as they are sent, by key, then value.
fn sorted(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "../tests/unit/signature.rs"]
mod tests;
