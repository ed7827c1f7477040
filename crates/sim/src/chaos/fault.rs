//! The kinds of faults: those that come instead of an answer, and those that change one.

use super::{Changed, End, broken, paging, refusal, shape};
use crate::server::pause;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use serde::de::IgnoredAny;
use std::time::Duration;

/// A fault.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    Instead(Instead),
    Changed(Change),
}

/// What comes instead of an answer: the vendor itself is not asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instead {
    TooMany,
    TooManyWait,
    TooManyForLong,
    /// `Retry-After` is a date of a clock that is wrong.
    TooManyBySkewedClock,
    ServerError,
    ResetBefore,
    /// 401 in the middle: the token has ended.
    Unauthorized,
    Redirect,
    StallBefore,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    // Of the wire.
    ResetAfter,
    ResetInBody,
    StallInBody,
    Slow,
    SkewedDate,
    GzipThatIsNone,
    Utf16,
    BrokenUtf8,
    // Of the whole body.
    Truncated,
    Garbled,
    Html,
    Empty,
    NoContent,
    Null,
    EmptyObject,
    ArrayForObject,
    ErrorInGoodAnswer,
    DeepAlone,
    DeepInside,
    // Of a value.
    WrongType,
    NullNumber,
    GoneNumber,
    NullList,
    GoneList,
    HugeNumber,
    NegativeNumber,
    Lifetime,
    // Of pages.
    RepeatedPage,
    RepeatedCursor,
    DuplicateRow,
    LostRow,
    EmptiedPage,
    LostNext,
}

const INSTEAD: &[Instead] = &[
    Instead::TooMany,
    Instead::TooManyWait,
    Instead::TooManyForLong,
    Instead::TooManyBySkewedClock,
    Instead::ServerError,
    Instead::ResetBefore,
    Instead::Unauthorized,
    Instead::Redirect,
    Instead::StallBefore,
];

const CHANGES: &[Change] = &[
    Change::ResetAfter,
    Change::ResetInBody,
    Change::StallInBody,
    Change::Slow,
    Change::SkewedDate,
    Change::GzipThatIsNone,
    Change::Utf16,
    Change::BrokenUtf8,
    Change::Truncated,
    Change::Garbled,
    Change::Html,
    Change::Empty,
    Change::NoContent,
    Change::Null,
    Change::EmptyObject,
    Change::ArrayForObject,
    Change::ErrorInGoodAnswer,
    Change::DeepAlone,
    Change::DeepInside,
    Change::WrongType,
    Change::WrongType,
    Change::WrongType,
    Change::NullNumber,
    Change::GoneNumber,
    Change::NullList,
    Change::GoneList,
    Change::HugeNumber,
    Change::NegativeNumber,
    Change::Lifetime,
];

const OF_PAGES: &[Change] = &[
    Change::RepeatedPage,
    Change::RepeatedPage,
    Change::RepeatedCursor,
    Change::DuplicateRow,
    Change::LostRow,
    Change::EmptiedPage,
    Change::LostNext,
];

const HTML: &str = "<!doctype html><html><body><form action=\"/login\">Sign in</form></body></html>";

impl Fault {
    /// One in four comes instead of an answer.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        if rng.u8(0..4) == 0 {
            Self::Instead(INSTEAD[rng.usize(..INSTEAD.len())])
        } else {
            Self::Changed(Change::draw(rng))
        }
    }
}

impl Instead {
    pub(super) async fn answer(self, rng: &mut Rng) -> Response {
        let after = |value: &str| refusal(StatusCode::TOO_MANY_REQUESTS, &[(RETRY_AFTER, value.to_owned())]);
        match self {
            Self::TooMany => refusal(StatusCode::TOO_MANY_REQUESTS, &[]),
            Self::TooManyWait => after(&rng.u8(0..100).to_string()),
            Self::TooManyForLong => after(["86400", "18446744073709551615", "99999999999999999999"][rng.usize(..3)]),
            Self::TooManyBySkewedClock => {
                let dates = ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday", "-5", ""];
                after(dates[rng.usize(..dates.len())])
            }
            Self::ServerError => {
                let status = [500, 502, 503, 504, 520][rng.usize(..5)];
                refusal(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &[])
            }
            Self::ResetBefore => Response::new(broken(Bytes::new())),
            Self::Unauthorized => refusal(StatusCode::UNAUTHORIZED, &[]),
            Self::Redirect => refusal(StatusCode::FOUND, &[(LOCATION, "/maintenance".to_owned())]),
            Self::StallBefore => {
                pause(Duration::from_hours(24)).await;
                StatusCode::OK.into_response()
            }
        }
    }
}

impl Change {
    /// One in three is of pages: there are few of them, and most answers have none.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let changes = if rng.u8(0..3) == 0 { OF_PAGES } else { CHANGES };
        changes[rng.usize(..changes.len())]
    }

    /// Whether a vendor's own documents allow for it: then it is no fault there.
    fn is_documented(self, path: &str) -> bool {
        match self {
            // Bare rows, or rows under a name.
            Self::ArrayForObject => path.starts_with("/asio/"),
            // The lists of its answers may be null; each is told in the log.
            Self::NullList => path.starts_with("/sherweb/"),
            // Without a total, a page that is not full and is the one before again means that there are no pages.
            Self::RepeatedPage => path.starts_with("/dropsuite/"),
            // An older field stands in for one that is not there.
            Self::GoneNumber if path.starts_with("/huntress/") => true,
            // A unit of licences that is null is none of it.
            Self::NullNumber | Self::GoneNumber => path.contains("/subscribedSkus"),
            _ => false,
        }
    }

    /// The answer as it goes out; nothing where this fault does not fit it.
    pub(super) fn of(self, body: &Bytes, earlier: Option<&Bytes>, path: &str, rng: &mut Rng) -> Option<Changed> {
        if self.is_documented(path) {
            return None;
        }
        let part = |rng: &mut Rng| body.slice(..rng.usize(1..body.len().max(2)).min(body.len()));
        Some(match self {
            Self::ResetAfter => Changed { end: End::Broken, ..Changed::body(Bytes::new()) },
            Self::ResetInBody => Changed { end: End::Broken, ..Changed::body(part(rng)) },
            Self::StallInBody => Changed { end: End::Silent, ..Changed::body(part(rng)) },
            Self::Slow => Changed {
                late: Duration::from_secs([1, 20, 59, 61, 300][rng.usize(..5)]),
                ..Changed::body(body.clone())
            },
            Self::SkewedDate => {
                let date = ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"][rng.usize(..2)];
                Changed { headers: vec![(DATE, date)], ..Changed::body(body.clone()) }
            }
            Self::GzipThatIsNone => {
                Changed { headers: vec![(CONTENT_ENCODING, "gzip")], ..Changed::body(body.clone()) }
            }
            Self::Utf16 => {
                let text = String::from_utf8_lossy(body);
                Changed::body(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
            }
            Self::BrokenUtf8 => {
                let mut bytes = body.to_vec();
                // The middle of a text: behind its first quote.
                let quote = bytes.iter().position(|byte| *byte == b'"')?;
                bytes.splice(quote + 1..=quote, [0xc3, 0x28]);
                Changed::body(bytes)
            }
            Self::Truncated => Changed::body(part(rng)).filled(body)?,
            Self::Garbled => {
                let mut bytes = body.to_vec();
                let places: Vec<usize> =
                    (0..bytes.len()).filter(|at| matches!(bytes[*at], b':' | b'}' | b']')).collect();
                let place = *places.get(rng.usize(..places.len().max(1)))?;
                bytes.splice(place..=place, *b" ~~ ");
                // Within a text it would be another text.
                Changed::body(serde_json::from_slice::<IgnoredAny>(&bytes).is_err().then_some(bytes)?)
            }
            Self::Html => Changed { headers: vec![(CONTENT_TYPE, "text/html")], ..Changed::body(HTML) },
            Self::Empty => Changed::body(Bytes::new()),
            Self::NoContent => Changed { status: Some(StatusCode::NO_CONTENT), ..Changed::body(Bytes::new()) },
            Self::Null => Changed::body("null"),
            Self::EmptyObject => Changed::body("{}"),
            Self::ArrayForObject => Changed::body("[]").for_object(body)?,
            Self::ErrorInGoodAnswer => {
                Changed::body(r#"{"error":{"code":"E17","message":"something went wrong"},"message":"E17"}"#)
            }
            Self::DeepAlone => Changed::body("[".repeat(100_000)),
            Self::DeepInside => {
                let deep = format!("{{\"deep\":{}{},", "[".repeat(5_000), "]".repeat(5_000));
                let mut bytes = deep.into_bytes();
                bytes.extend(body.strip_prefix(b"{").filter(|rest| rest.first() == Some(&b'"'))?);
                Changed::body(bytes)
            }
            Self::WrongType => Changed::body(shape::wrong_type(body, rng)?),
            Self::NullNumber => Changed::body(shape::null_number(body, rng)?),
            Self::GoneNumber => Changed::body(shape::gone_number(body, rng)?),
            Self::NullList => Changed::body(shape::null_list(body, rng)?),
            Self::GoneList => Changed::body(shape::gone_list(body, rng)?),
            Self::HugeNumber => Changed::body(shape::huge_number(body, rng)?),
            Self::NegativeNumber => Changed::body(shape::negative_number(body, rng)?),
            Self::Lifetime => Changed::body(shape::lifetime(body, rng)?),
            Self::RepeatedPage => Changed::body(earlier?.clone()),
            Self::RepeatedCursor => Changed::body(paging::repeated_cursor(body, path)?),
            Self::DuplicateRow => Changed::body(paging::duplicate_row(body, rng)?),
            Self::LostRow => Changed::body(paging::lost_row(body, rng)?),
            Self::EmptiedPage => Changed::body(paging::emptied(body)?),
            Self::LostNext => Changed::body(paging::lost_next(body)?),
        })
    }
}

impl Changed {
    /// Only where less is left than there was.
    fn filled(self, whole: &Bytes) -> Option<Self> {
        (self.body.trim_ascii_end().len() < whole.trim_ascii_end().len()).then_some(self)
    }

    /// Only in the place of an object.
    fn for_object(self, whole: &Bytes) -> Option<Self> {
        (whole.first() == Some(&b'{')).then_some(self)
    }
}
