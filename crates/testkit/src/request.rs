//! Which exchange a request means. Matching is exact, so that a parameter that a connector forgets, adds or
//! misspells fails its test instead of being answered all the same.

use crate::case::{Case, Exchange, Part, Role, Sent};
use std::borrow::Cow;
use std::collections::BTreeSet;
use wiremock::Request;

/// What the placeholders stand for at this moment.
pub(crate) struct Placeholders<'a> {
    /// `{{url}}`
    pub(crate) url: &'a str,
    /// Tokens issued so far: `{{token}}` is the last, `{{n}}` how many.
    pub(crate) tokens: &'a [String],
}

impl Placeholders<'_> {
    pub(crate) fn fill(&self, text: &str) -> String {
        self.fill_with(text, self.tokens.last().map_or("", String::as_str), self.tokens.len())
    }

    pub(crate) fn fill_with(&self, text: &str, token: &str, n: usize) -> String {
        text.replace("{{url}}", self.url).replace("{{token}}", token).replace("{{n}}", &n.to_string())
    }

    /// Whether a header's value is the one asked for. Any token that was issued serves: which of them is still good
    /// is the server's to decide.
    fn accepts(&self, wanted: &str, value: &str) -> bool {
        if !wanted.contains("{{token}}") {
            return self.fill(wanted) == value;
        }
        self.tokens.iter().any(|token| self.fill_with(wanted, token, self.tokens.len()) == value)
    }
}

/// What tells `request` from `exchange`: empty where it is the one that is meant.
pub(crate) fn differences(
    request: &Request,
    exchange: &Exchange,
    case: &Case,
    known: &Placeholders<'_>,
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, got: Cow<'_, str>, wanted: Cow<'_, str>| {
        if got != wanted {
            differences.push(format!("{what} is `{got}`, expected `{wanted}`"));
        }
    };
    compare("the method", request.method.as_str().into(), exchange.method.into());
    compare("the path", request.url.path().into(), wanted_path(exchange, known).into());
    differences.extend(list_differences("the query", &query_of(request), &filled(&exchange.query, known)));
    differences.extend(header_differences(request, exchange, case, known));
    differences.extend(body_differences(request, exchange, known));
    differences
}

/// Whether `request` goes to the place of `exchange`, whatever its parameters.
pub(crate) fn same_place(request: &Request, exchange: &Exchange, known: &Placeholders<'_>) -> bool {
    request.method.as_str() == exchange.method && request.url.path() == wanted_path(exchange, known)
}

/// The path as a URL spells it.
fn wanted_path(exchange: &Exchange, known: &Placeholders<'_>) -> String {
    let mut url = url_of(known.url);
    let prefix = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{prefix}{}", known.fill(&exchange.path)));
    url.path().to_owned()
}

fn url_of(url: &str) -> wiremock::http::Url {
    wiremock::http::Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn query_of(request: &Request) -> Vec<(String, String)> {
    request.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn filled(pairs: &[(String, String)], known: &Placeholders<'_>) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.clone(), known.fill(value))).collect()
}

/// What two lists of parameters differ in, whatever their order.
fn list_differences(what: &str, got: &[(String, String)], wanted: &[(String, String)]) -> Vec<String> {
    let sorted = |list: &[(String, String)]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    if sorted(got) == sorted(wanted) {
        return Vec::new();
    }
    let (got, wanted): (BTreeSet<_>, BTreeSet<_>) = (got.iter().collect(), wanted.iter().collect());
    let extra = got.difference(&wanted).map(|(name, value)| format!("{what} has `{name}={value}`, not expected"));
    let lacking = wanted.difference(&got).map(|(name, value)| format!("{what} lacks `{name}={value}`"));
    let found: Vec<String> = extra.chain(lacking).collect();
    if found.is_empty() { vec![format!("{what} has a parameter twice")] } else { found }
}

/// The headers of the case (but for token requests) and of the exchange, which win.
fn header_differences(request: &Request, exchange: &Exchange, case: &Case, known: &Placeholders<'_>) -> Vec<String> {
    let common = case.auth.iter().filter(|_| exchange.role != Role::Token).map(|(name, value)| (*name, *value));
    let own: Vec<(&str, &str)> = exchange.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let replaced = |name: &str| own.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let wanted: Vec<(&str, &str)> = common.filter(|(name, _)| !replaced(name)).chain(own.iter().copied()).collect();
    wanted
        .into_iter()
        .filter_map(|(name, value)| match request.headers.get(name).map(|got| got.to_str().unwrap_or_default()) {
            Some(got) if known.accepts(value, got) => None,
            Some(got) => Some(format!("the header `{name}` is `{got}`, expected `{}`", known.fill(value))),
            None => Some(format!("the header `{name}` is absent, expected `{}`", known.fill(value))),
        })
        .collect()
}

fn body_differences(request: &Request, exchange: &Exchange, known: &Placeholders<'_>) -> Vec<String> {
    let shown = || String::from_utf8_lossy(&request.body).into_owned();
    match &exchange.body {
        None if request.body.is_empty() => Vec::new(),
        None => vec![format!("the body is `{}`, expected none", shown())],
        Some(Sent::Form(pairs)) => {
            // A form is a query by another way.
            let mut decoded = url_of(known.url);
            decoded.set_query(Some(&shown()));
            let got: Vec<_> = decoded.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            list_differences("the form", &got, &filled(pairs, known))
        }
        Some(Sent::Json(body)) => {
            let wanted: serde_json::Value = serde_json::from_str(&known.fill(&body.to_string())).unwrap_or_default();
            let same = request.body_json::<serde_json::Value>().is_ok_and(|got| got == wanted);
            if same { Vec::new() } else { vec![format!("the body is `{}`, expected `{wanted}`", shown())] }
        }
        Some(Sent::Bytes(content_type, bytes)) => {
            let got = header(request, "content-type");
            if got == *content_type && request.body == *bytes {
                return Vec::new();
            }
            vec![format!("the body is `{}` ({got}), expected other bytes of {content_type}", shown())]
        }
        Some(Sent::Multipart(parts)) => {
            let filled = |part: &Part| Part { text: known.fill(&part.text), ..part.clone() };
            let wanted: Vec<Part> = parts.iter().map(filled).collect();
            match parts_of(request) {
                Some(got) if got == wanted => Vec::new(),
                Some(got) => vec![format!("the parts are {got:?}, expected {wanted:?}")],
                None => vec![format!("the body is `{}`, expected multipart/form-data", shown())],
            }
        }
    }
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The parts of a `multipart/form-data` body (RFC 7578).
fn parts_of(request: &Request) -> Option<Vec<Part>> {
    let (kind, boundary) = header(request, "content-type").split_once("boundary=")?;
    let body = String::from_utf8(request.body.clone()).ok().filter(|_| kind.starts_with("multipart/form-data"))?;
    let mark = format!("--{}", boundary.trim_matches('"'));
    let (parts, end) = body.rsplit_once(&mark)?;
    if end.trim() != "--" {
        return None;
    }
    parts.split(&mark).skip(1).map(part).collect()
}

fn part(text: &str) -> Option<Part> {
    let (head, value) = text.strip_prefix("\r\n")?.strip_suffix("\r\n")?.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let disposition = field("content-disposition")?;
    let parameter = |name: &str| Some(disposition.split_once(&format!("; {name}=\""))?.1.split('"').next()?.to_owned());
    Some(Part {
        name: parameter("name")?,
        file_name: parameter("filename"),
        content_type: field("content-type"),
        text: value.to_owned(),
    })
}
