//! The `[serve]` section: the HTTP API and the page.

use crate::load::Loader;
use crate::places::{below, section};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where the API listens, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// Address and port. Default: 127.0.0.1:7878.
    #[schemars(with = "String", length(min = 1))]
    pub listen: SocketAddr,
    /// Who may use it: `tallysheet serve token NAME` makes a token.
    pub tokens: Vec<Token>,
}

/// Who may use the API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose it is.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The SHA-256 of the token, in hexadecimal.
    #[schemars(length(min = 1))]
    pub sha256: String,
}

impl Default for Serve {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7878), tokens: Vec::new() }
    }
}

/// Reads the section; a problem is added and leaves it at its defaults.
pub(crate) fn read(table: Map<String, Value>, loader: &mut Loader<'_>) -> Serve {
    let at = ["serve".to_owned()];
    let serve: Serve = loader.decode(table, &at).unwrap_or_default();
    for (index, token) in serve.tokens.iter().enumerate() {
        let at = below(&below(&at, "tokens"), index.to_string());
        if token.sha256.len() != 64 || !token.sha256.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = "[serve] `sha256` is 64 hexadecimal digits; `tallysheet serve token NAME` makes them";
            loader.problems.add(&below(&at, "sha256"), message);
        }
        if serve.tokens[..index].iter().any(|other| other.name == token.name) {
            loader.problems.add(&below(&at, "name"), format!("[serve] two tokens are called `{}`", token.name));
        }
    }
    if !serve.listen.ip().is_loopback() && serve.tokens.is_empty() {
        let message = format!(
            "{}`listen`: {} can be reached by others, and there is no token; `tallysheet serve token NAME` makes one",
            section(&at),
            serve.listen
        );
        loader.problems.add(&below(&at, "listen"), message);
    }
    serve
}
