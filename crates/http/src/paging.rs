//! Following pages. An empty page is not the end unless the vendor says so; a repeated request is an error, never
//! a quiet stop.

use crate::api::Api;
use crate::call::{Call, Target};
use crate::reply::Reply;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Display;
use std::marker::PhantomData;
use tallysheet_core::{Error, Result};

/// More pages than any account has: an end that never comes.
const PAGE_CAP: usize = 20_000;

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: this was the last page.
    End,
    /// The same request with this query parameter set.
    Query(String, String),
    /// The same request at the address that the vendor gives, verbatim.
    Link(String),
    /// The same, with those query parameters of ours added that the address dropped.
    LinkKeepingQuery(String),
    /// There should be more, and nothing tells where: an error.
    Lost,
    /// This page is an earlier one again, as its rows tell: an error. For vendors that may overlook the position.
    Repeated,
}

impl Next {
    /// The same request with `parameter` set to `value`: the next page's number, an offset, the last id.
    pub fn query(parameter: &str, value: impl Display) -> Self {
        Self::Query(parameter.to_owned(), value.to_string())
    }

    /// The same request with `parameter` set to `next`, unless that is `end` already: page numbers, offsets.
    pub fn until(parameter: &str, next: usize, end: usize) -> Self {
        if next < end { Self::query(parameter, next) } else { Self::End }
    }

    /// A cursor; missing or empty is the end.
    pub fn cursor(parameter: &str, cursor: Option<&str>) -> Self {
        cursor.filter(|cursor| !cursor.is_empty()).map_or(Self::End, |cursor| Self::query(parameter, cursor))
    }

    /// A link; missing or empty is the end.
    pub fn link(link: Option<&str>) -> Self {
        link.filter(|link| !link.is_empty()).map_or(Self::End, |link| Self::Link(link.to_owned()))
    }

    /// Another way to tell the end, where this one tells nothing.
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::End { other() } else { self }
    }

    /// A link that may have lost our parameters; missing or empty is the end.
    pub fn link_keeping_query(link: Option<&str>) -> Self {
        link.filter(|link| !link.is_empty()).map_or(Self::End, |link| Self::LinkKeepingQuery(link.to_owned()))
    }
}

/// Where in the list a page stands.
pub struct Position<'a> {
    /// Which page it is, from 0.
    pub index: usize,
    /// The answer it came in: for `Link` headers.
    pub reply: &'a Reply,
}

/// A page of a list, taken apart.
pub struct Part<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// How many rows the whole list has, where the page states it.
    pub stated: Option<usize>,
    /// What comes after it.
    pub next: Next,
}

impl<T> Part<T> {
    /// A page whose `Link` header leads to the next.
    pub fn linked(rows: Vec<T>, at: &Position<'_>) -> Self {
        Self { rows, stated: None, next: Next::link(at.reply.next_link().as_deref()) }
    }

    /// The same where a page has `limit` rows at most: without a link, a full one is not the last.
    #[must_use]
    pub fn full_at(self, limit: usize) -> Self {
        let lost = self.next == Next::End && self.rows.len() >= limit;
        Self { next: if lost { Next::Lost } else { self.next }, ..self }
    }
}

/// A stream of pages: [`Pages::next`] until `None`. An error ends it, and then none of the pages may be used.
pub struct Pages<T, F> {
    walk: Walk,
    next: F,
    page: PhantomData<fn() -> T>,
}

/// The way through the pages of a list.
pub(crate) struct Walk {
    api: Api,
    call: Option<Call>,
    /// The answer to the call, where it is known already.
    answered: Option<Reply>,
    index: usize,
    sent: HashSet<String>,
}

impl<T, F> Pages<T, F>
where
    T: DeserializeOwned,
    F: FnMut(&T, &Position<'_>) -> Next,
{
    pub(crate) fn new(api: Api, first: Call, next: F) -> Self {
        Self { walk: Walk::new(api, first), next, page: PhantomData }
    }

    /// The next page, or `None` after the last.
    pub async fn next(&mut self) -> Result<Option<T>> {
        let Some((call, reply)) = self.walk.step().await? else { return Ok(None) };
        let page = reply.json()?;
        let next = (self.next)(&page, &self.walk.position(&reply));
        self.walk.follow(call, next)?;
        Ok(Some(page))
    }
}

impl Walk {
    pub(crate) fn new(api: Api, first: Call) -> Self {
        Self { api, call: Some(first), answered: None, index: 0, sent: HashSet::new() }
    }

    /// A walk whose first page has come.
    pub(crate) fn begun(api: Api, first: Call, reply: Reply) -> Self {
        Self { answered: Some(reply), ..Self::new(api, first) }
    }

    /// Asks for the next page, if there is one.
    pub(crate) async fn step(&mut self) -> Result<Option<(Call, Reply)>> {
        let Some(call) = self.call.take() else { return Ok(None) };
        let request = format!("{:?} {}", call.target, call.encoded_query());
        if !self.sent.insert(request) || self.index >= PAGE_CAP {
            return Err(Error::bad_response(format!(
                "page {} of {} leads back to an earlier one; the list has no end, so none of it is used",
                self.index + 1,
                self.api.describe(&call)
            )));
        }
        let reply = match self.answered.take() {
            Some(reply) => reply,
            None => self.api.send(&call).await?,
        };
        Ok(Some((call, reply)))
    }

    /// What is asked for, as errors say it.
    pub(crate) fn described(&self) -> String {
        self.call.as_ref().map(|call| self.api.describe(call)).unwrap_or_default()
    }

    /// Where the page stands that was asked for last.
    pub(crate) fn position<'a>(&self, reply: &'a Reply) -> Position<'a> {
        Position { index: self.index, reply }
    }

    /// Notes what comes after the page that `call` brought.
    pub(crate) fn follow(&mut self, call: Call, next: Next) -> Result<()> {
        self.call = match next {
            Next::End => None,
            Next::Lost => {
                let what = format!("page {} of {} is full", self.index + 1, self.api.describe(&call));
                let message = format!("{what}, and nothing leads to the next; none of the list is used");
                return Err(Error::bad_response(message));
            }
            Next::Repeated => {
                let what = format!("page {} of {} is an earlier one again", self.index + 1, self.api.describe(&call));
                return Err(Error::bad_response(format!("{what}; the list has no end, so none of it is used")));
            }
            Next::Query(parameter, value) => Some(call.query(&parameter, value)),
            Next::Link(link) => Some(call.at_link(link)),
            Next::LinkKeepingQuery(link) => Some(self.api.keep_query(call, link)?),
        };
        self.index += 1;
        Ok(())
    }
}

impl Api {
    /// A link of the vendor's, with the parameters of `call` that it dropped.
    fn keep_query(&self, call: Call, link: String) -> Result<Call> {
        let mut next = call.clone().at_link(link);
        let known = self.url_of(&next)?;
        let known: HashSet<String> = known.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let earlier = match call.target {
            Target::Link(_) | Target::Whole(_) => {
                self.url_of(&call)?.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect()
            }
            Target::Path(_) => call.query,
        };
        next.query = earlier.into_iter().filter(|(name, _)| !known.contains(name)).collect();
        Ok(next)
    }
}
