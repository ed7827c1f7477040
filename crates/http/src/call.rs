//! A request before it is sent.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::fmt::Display;
use tallysheet_core::ticket::Attachment;
use tallysheet_core::{Error, Result};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes a value that becomes one segment of a path.
pub fn segment(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// A request: what to ask, not whom. Its path is appended to the integration's `url`.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) method: &'static str,
    pub(crate) target: Target,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
    pub(crate) repeatable: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Appended to the base.
    Path(String),
    /// A whole URL that the vendor gave. It must be of the base's origin.
    Link(String),
    /// A whole URL that the user or an answer gave, which may hold a secret in any part. It must be of the base's origin.
    Whole(String),
}

/// A request body; its `Debug` is masked, as token requests carry secrets.
#[derive(Clone)]
pub(crate) enum Body {
    /// As it is.
    Plain { content_type: &'static str, bytes: Vec<u8> },
    /// `multipart/form-data`.
    Multipart(Vec<FormPart>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain { content_type, bytes } => write!(f, "{content_type} ({} bytes)", bytes.len()),
            Self::Multipart(parts) => write!(f, "multipart/form-data ({} parts)", parts.len()),
        }
    }
}

/// A part of a `multipart/form-data` body.
#[derive(Clone)]
pub struct FormPart {
    pub(crate) name: &'static str,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
}

impl FormPart {
    /// A plain value.
    pub fn text(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, file_name: None, content_type: None, bytes: value.into().into_bytes() }
    }

    /// A value with a media type of its own, such as JSON.
    pub fn typed(name: &'static str, content_type: &'static str, value: impl Into<String>) -> Self {
        Self { content_type: Some(content_type), ..Self::text(name, value) }
    }

    /// A file.
    pub fn file(name: &'static str, file: &Attachment) -> Self {
        Self {
            name,
            file_name: Some(file.file_name.clone()),
            content_type: Some(file.content_type),
            bytes: file.bytes.clone(),
        }
    }
}

impl Call {
    fn new(method: &'static str, target: Target, repeatable: bool) -> Self {
        Self { method, target, query: Vec::new(), headers: Vec::new(), body: None, repeatable }
    }

    /// A GET. It changes nothing, so it may be repeated.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", Target::Path(path.into()), true)
    }

    /// A POST. It is not repeated after a timeout or a server error, unless [`Call::repeatable`] says that it reads only.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", Target::Path(path.into()), false)
    }

    /// A POST to the whole address that [`crate::Api::endpoint`] was made for. No part of it is ever told.
    pub fn post_to(url: impl Into<String>) -> Self {
        Self::new("POST", Target::Whole(url.into()), false)
    }

    /// A GET of such an address.
    pub fn get_from(url: impl Into<String>) -> Self {
        Self::new("GET", Target::Whole(url.into()), true)
    }

    /// A PUT. It is repeated as little as a POST.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new("PUT", Target::Path(path.into()), false)
    }

    /// A PUT to the whole address that [`crate::Api::unsigned_at`] was made for. No part of it is ever told.
    pub fn put_to(url: impl Into<String>) -> Self {
        Self::new("PUT", Target::Whole(url.into()), false)
    }

    /// A PATCH. It is repeated as little as a POST.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::new("PATCH", Target::Path(path.into()), false)
    }

    /// The same request at a URL that the vendor gave, which holds the whole query.
    pub(crate) fn at_link(self, url: String) -> Self {
        Self { target: Target::Link(url), query: Vec::new(), ..self }
    }

    /// Sets a query parameter, replacing an earlier one of that name.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets a header. Never a credential: that is for [`crate::Auth`].
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes =
            serde_json::to_vec(body).map_err(|_| Error::internal("a request body cannot be written as JSON"))?;
        self.body = Some(Body::Plain { content_type: "application/json", bytes });
        Ok(self)
    }

    /// A body of bytes.
    #[must_use]
    pub fn bytes(mut self, content_type: &'static str, bytes: Vec<u8>) -> Self {
        self.body = Some(Body::Plain { content_type, bytes });
        self
    }

    /// A `multipart/form-data` body, its parts in this order.
    #[must_use]
    pub fn multipart(mut self, parts: Vec<FormPart>) -> Self {
        self.body = Some(Body::Multipart(parts));
        self
    }

    /// A form body.
    #[must_use]
    pub fn form<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: &[(K, V)]) -> Self {
        let text = encode(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        self.body = Some(Body::Plain { content_type: "application/x-www-form-urlencoded", bytes: text.into_bytes() });
        self
    }

    /// Says that the call only reads, so that it may be repeated although it is a POST.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// The query in RFC 3986 form: `+` never stands for a space.
    pub(crate) fn encoded_query(&self) -> String {
        encode(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect::<Vec<_>>().join("&")
}
