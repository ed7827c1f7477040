//! An answer: its class, and its strict decoding. What an answer says is never put into an error: it may hold
//! secrets or a customer's data.

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result};

/// An answer of the vendor, read whole.
#[derive(Clone)]
pub struct Reply {
    pub(crate) request: String,
    /// The address is the user's whole one (a webhook), and secret as a whole.
    pub(crate) is_secret_place: bool,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// `POST /tickets`: what was asked, as far as it may be told.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The target of `rel="next"` in the `Link` headers.
    pub fn next_link(&self) -> Option<String> {
        let links = self.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
        links.flat_map(|value| split_unquoted(value, ',')).find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = split_unquoted(parameters, ';').iter().any(|parameter| {
                let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
                name.eq_ignore_ascii_case("rel")
                    && value.trim_matches('"').split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
            });
            is_next.then(|| target.to_owned())
        })
    }

    /// The body as bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body contains a text, whatever its case: for vendors that tell a limit in words.
    pub fn mentions(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).to_lowercase().contains(&text.to_lowercase())
    }

    /// Decodes the body strictly. The error names the place in the JSON and what was expected there, not what stood there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.undecodable(&place(&self.body, &error), &error))
    }

    /// Decodes what stands at the first of these JSON pointers that exists and is not null; `None` where none does.
    pub fn json_at<T: DeserializeOwned>(&self, pointers: &[&str]) -> Result<Option<T>> {
        let whole: serde_json::Value = self.json()?;
        let found = pointers.iter().find_map(|at| Some((at, whole.pointer(at).filter(|value| !value.is_null())?)));
        let Some((at, value)) = found else { return Ok(None) };
        let decoded = serde_path_to_error::deserialize(value);
        decoded.map(Some).map_err(|error| self.undecodable(&format!("{at}/{}", error.path()), error.inner()))
    }

    /// What stands at a JSON pointer of a refusal (400 to 499): for a vendor's own codes. Its texts are never shown.
    pub fn refused<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        let is_refusal = (400..500).contains(&self.status);
        is_refusal.then(|| self.json_at(&[pointer]).ok().flatten()).flatten()
    }

    /// A short word in the JSON at `pointer`, if it is one of ours to show: lower-case letters, digits and `_` only.
    pub fn word(&self, pointer: &str) -> Option<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let word = json.pointer(pointer)?.as_str()?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (word.len() <= 40 && word.bytes().all(plain)).then(|| word.to_owned())
    }

    fn undecodable(&self, path: &str, error: &serde_json::Error) -> Error {
        let what = if self.body.trim_ascii_start().first() == Some(&b'<') {
            "HTML instead of JSON (a proxy, a login page or maintenance?)".to_owned()
        } else if self.body.trim_ascii().is_empty() {
            "an empty body instead of JSON".to_owned()
        } else if error.is_eof() {
            "JSON that ends in the middle".to_owned()
        } else if error.is_syntax() {
            "something that is no JSON".to_owned()
        } else {
            let text = error.to_string();
            // Behind the last "expected" stand our own words; before it may stand the vendor's data.
            let expected = text.rsplit_once(", expected ").map(|(_, ours)| format!("not {ours}"));
            let missing = text.starts_with("missing field").then_some(text);
            format!(
                "an unexpected shape at `{path}` ({})",
                missing.or(expected).unwrap_or_else(|| "wrong value".to_owned())
            )
        };
        Error::bad_response(format!("{} was answered with {what}", self.request))
    }

    /// `Retry-After` in seconds or as a date; without it what a 429 of Azure's gateway says: `Try again in 7 seconds.`
    pub(crate) fn retry_after(&self, now: jiff::Timestamp) -> Option<Duration> {
        let Some(text) = self.header("retry-after").map(str::trim) else { return self.wait_in_words() };
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
    }

    fn wait_in_words(&self) -> Option<Duration> {
        let text = String::from_utf8_lossy(if self.status == 429 { &self.body } else { &[] }).to_lowercase();
        let (number, unit) = text.split_once("try again in ")?.1.split_once(' ')?;
        number.parse().ok().filter(|_| unit.starts_with("second")).map(Duration::from_secs)
    }

    /// What a status other than success means.
    pub(crate) fn error(&self) -> Error {
        let status = self.status;
        let (kind, advice) = match status {
            300..=399 => (ErrorKind::BadResponse, "it is not followed: set `url` to the new address"),
            401 => (ErrorKind::Auth, "the vendor refuses the credential: check it, or make a new one"),
            403 => (ErrorKind::Forbidden, "the credential lacks a right: see the connector's page"),
            404 | 410 => (ErrorKind::NotFound, "check `url`"),
            408 => (ErrorKind::TimedOut, "the vendor gave up waiting"),
            423 | 429 => (ErrorKind::RateLimited, "lower `requests_per_minute` or `max_concurrency`"),
            500..=599 => (ErrorKind::Unavailable, "the vendor has a fault: try later"),
            _ => (ErrorKind::BadResponse, "the vendor did not accept the request"),
        };
        let location = self.header("location").filter(|_| (300..=399).contains(&status));
        let target = location.and_then(|to| self.shown(to)).map(|to| format!(" to {to}"));
        Error::new(kind, format!("{} was answered with {status}{}", self.request, target.unwrap_or_default()))
            .advice(advice)
    }
}

impl Reply {
    /// Where a redirect leads, without what may be a secret: user, password and query; the path too, where that of the
    /// request is one.
    fn shown(&self, to: &str) -> Option<String> {
        let Ok(url) = Url::parse(to) else {
            return to.split(['?', '#']).next().filter(|_| !self.is_secret_place).map(str::to_owned);
        };
        let path = if self.is_secret_place { "" } else { url.path() };
        Some(format!("{}{path}", url.origin().ascii_serialization()))
    }
}

/// Where decoding failed, as a path. What was read until then is read once more, keeping track: to keep it at the first
/// reading takes twice the time, and twice the code of every type.
fn place(body: &[u8], error: &serde_json::Error) -> String {
    let line = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len);
    let end = (line.sum::<usize>() + error.column()).min(body.len());
    // Reading must end within the value: without its last byte, of a number all, where any of it was read.
    let read = &body[..end];
    let own = match read.last() {
        None | Some(b':' | b',' | b'[' | b' ' | b'\n' | b'\r' | b'\t') => 0,
        Some(last) if last.is_ascii_digit() => {
            let in_number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
            read.iter().rev().take_while(in_number).count()
        }
        Some(_) => 1,
    };
    let mut decoder = serde_json::Deserializer::from_slice(&read[..end - own]);
    let place = serde_path_to_error::deserialize::<_, serde_json::Value>(&mut decoder);
    let path = place.err().map(|error| error.path().to_string()).unwrap_or_default();
    // Behind what lacks something, no key comes.
    match path.strip_suffix('?').map_or(path.as_str(), |path| path.trim_end_matches('.')) {
        "" => ".".to_owned(),
        path => path.to_owned(),
    }
}

/// Splits where `separator` stands neither in quotes nor in an address in angle brackets.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut in_quotes, mut in_brackets) = (false, false);
    text.split(|character| {
        match character {
            '"' if !in_brackets => in_quotes = !in_quotes,
            '<' if !in_quotes => in_brackets = true,
            '>' if !in_quotes => in_brackets = false,
            _ => {}
        }
        character == separator && !in_quotes && !in_brackets
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    #[derive(serde::Deserialize)]
    struct Counted {
        #[allow(dead_code, reason = "only decoded")]
        count: u32,
    }

    fn reply(headers: &[(&'static str, &str)], body: &str) -> Reply {
        let values = headers.iter().filter_map(|(name, value)| {
            Some((reqwest::header::HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        });
        Reply {
            request: "GET /x".to_owned(),
            is_secret_place: false,
            status: 429,
            headers: values.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_next_link_is_one_that_stands_there(
            link in prop_oneof![".{0,60}", "(<[a-z:/?=&,;]{0,9}>|rel=|\"|next|prev|;|,| |<|>){0,12}"],
        ) {
            if let Some(next) = reply(&[("link", &link)], "").next_link() {
                prop_assert!(link.contains(&format!("<{next}>")) && link.to_lowercase().contains("next"), "{link}");
            }
        }

        #[test]
        fn a_next_link_is_found_among_others(target in "https://[a-z]{1,8}\\.example/[a-z,;=?&]{0,9}", quoted: bool) {
            let rel = if quoted { "\"last next\"" } else { "next" };
            let link = format!("<https://v.example/a,b;c>; rel=\"prev\"; title=\"a, <b>; rel=next\", <{target}>;rel={rel}");
            prop_assert_eq!(reply(&[("link", &link)], "").next_link(), Some(target));
        }

        #[test]
        fn no_wait_panics(
            value in prop_oneof![".{0,40}", "[0-9]{1,25}", "-?[0-9.]{1,9}", "(Mon|Fri), [0-9]{1,2} Nov [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"],
            body in "[Tt]ry again in .{0,30}",
        ) {
            let now = Timestamp::constant(1_793_512_800, 0);
            let waits = [reply(&[("retry-after", &value)], ""), reply(&[], &body)];
            for wait in waits.iter().filter_map(|reply| reply.retry_after(now)) {
                prop_assert!(wait >= Duration::ZERO);
            }
        }

        #[test]
        fn an_answer_is_no_part_of_an_error(secret in "planted-[a-z]{3,9}", shape in 0..8_usize) {
            let bodies = [
                secret.clone(),
                format!("\"{secret}, expected {secret}\""),
                format!("{{\"count\": \"{secret}\", \"{secret}\": 1}}"),
                format!("{{\"count\": {{\"{secret}\": [\"{secret}\"]}}}}"),
                format!("{{\"{secret}\": "),
                format!("<html>{secret}"),
                format!("[\"{secret}\", 1]{secret}"),
                format!("{{\"count\": 1, \"count\": \"{secret}\"}}"),
            ];
            let reply = reply(&[], &bodies[shape]);
            let errors = [
                reply.json::<Counted>().err(),
                reply.json::<std::collections::BTreeMap<String, u32>>().err(),
                reply.json::<Vec<Counted>>().err(),
                reply.json_at::<u32>(&["/count"]).err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert!(!format!("{error} {error:?}").contains(&secret), "{error}");
            }
        }
    }
}
