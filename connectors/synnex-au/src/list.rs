//! Lists as the operator says that they come: where the rows stand, and how pages end.

use crate::SynnexAu;
use crate::config::{Style, at, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tallysheet_core::tally::Listed;
use tallysheet_core::{Error, ErrorKind, Notice, Result};
use tallysheet_http::{Call, Next};

/// How many rows a page has where nobody asks for pages: a list of just so many may be a first page only.
const ROUND: [usize; 8] = [10, 20, 25, 50, 100, 200, 500, 1000];

impl SynnexAu {
    /// The rows of a list by id. `what` is the table of settings that says where they stand.
    pub(crate) async fn list(
        &self,
        call: Call,
        what: &str,
        items_at: &str,
        id: &str,
        notices: &mut Vec<Notice>,
    ) -> Result<BTreeMap<String, Value>> {
        let paging = &self.config.paging;
        let (mut rows, mut stated, mut last) = (Rows::default(), Listed::<()>::default(), Vec::new());
        let (mut position, mut seen) = (paging.first, 0);
        let total = |page: &Value| {
            let total = text(page, &paging.total_at).filter(|_| !paging.total_at.is_empty());
            total.and_then(|total| total.parse::<usize>().ok())
        };
        let next = |page: &Value, place: &tallysheet_http::Position<'_>| {
            let found = at(page, items_at).and_then(Value::as_array).map_or(0, Vec::len);
            let size = paging.size.max(1);
            let step = match paging.style {
                Style::None => return Next::End,
                Style::Page => 1,
                // As many as came: a vendor may send fewer than asked for.
                Style::Offset => {
                    if found > 0 {
                        found
                    } else {
                        size
                    }
                }
            };
            position += step;
            seen += found;
            let ends = match (paging.style, total(page)) {
                (Style::Page, Some(total)) => seen >= total || place.index + 1 >= total.div_ceil(size),
                (_, Some(total)) => position - paging.first >= total,
                (_, None) => found == 0,
            };
            if ends { Next::End } else { Next::query(&paging.name, position) }
        };
        let mut pages = self.api.pages(self.paged(call), next);
        while let Some(page) = pages.next().await? {
            let items = self.items(&page, what, items_at)?;
            if !items.is_empty() && *items == last {
                return Err(wrong(&format!(
                    "`paging`: two pages of {what} are the same, so `name` is not what turns them"
                )));
            }
            if !paging.total_at.is_empty() {
                stated.stated(Some(total(&page).ok_or_else(|| not_there("paging.total_at", &paging.total_at))?));
            }
            for row in items {
                // Without an id only a probe comes here.
                let unmapped = self.cx.is_probe() && id.trim().is_empty();
                let found = if unmapped { Some(rows.0.len().to_string()) } else { text(row, id) };
                rows.add(what, found.ok_or_else(|| not_there(&format!("{what}.id"), id))?, row.clone())?;
            }
            last.clone_from(items);
        }
        let count = rows.0.len();
        if paging.style == Style::None && ROUND.contains(&count) {
            let message = format!("just {count} {what} were listed: if that is a first page only, set `paging`");
            notices.push(Notice::warning(None, message));
        }
        rows.0.keys().for_each(|id| stated.add(id.clone(), ()));
        stated.finish(what)?;
        Ok(rows.0)
    }

    /// The first page of a list, with the headers that every call has.
    pub(crate) fn first_page(&self, path: &str) -> Call {
        self.paged(Call::get(path))
    }

    fn paged(&self, call: Call) -> Call {
        let paging = &self.config.paging;
        let same = self.config.extra_headers.iter().filter(|(_, value)| !value.contains('{'));
        let call = same.fold(call, |call, (name, value)| call.header(name.clone(), value.clone()));
        if paging.style == Style::None {
            return call;
        }
        call.query(&paging.size_name, paging.size).query(&paging.name, paging.first)
    }

    /// The rows of a page. While nothing is mapped a probe finds none.
    pub(crate) fn items<'a>(&self, page: &'a Value, what: &str, items_at: &str) -> Result<&'a Vec<Value>> {
        static NONE: Vec<Value> = Vec::new();
        match at(page, items_at).and_then(Value::as_array) {
            Some(items) => Ok(items),
            None if self.cx.is_probe() => Ok(&NONE),
            None => Err(wrong(&format!("`{what}.items_at`: at `{items_at}` stands no list"))),
        }
    }
}

/// Rows by id. A page that shifted repeats rows; two different rows of one id say that the id is none, and to take one of
/// them would count too few.
#[derive(Debug)]
pub(crate) struct Rows<T>(BTreeMap<String, T>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: PartialEq> Rows<T> {
    pub(crate) fn add(&mut self, what: &str, id: String, row: T) -> Result<()> {
        match self.0.entry(id) {
            Entry::Vacant(place) => {
                place.insert(row);
                Ok(())
            }
            Entry::Occupied(first) if *first.get() == row => Ok(()),
            Entry::Occupied(_) => {
                Err(wrong(&format!("`{what}.id`: two different rows have one id; name another field")))
            }
        }
    }

    pub(crate) fn into_inner(self) -> BTreeMap<String, T> {
        self.0
    }
}

/// What the operator must look at again.
pub(crate) fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::BadResponse, message).advice("`tallysheet probe` shows the shape of the answers")
}

/// A row lacks what the settings say that it has.
pub(crate) fn not_there(key: &str, pointer: &str) -> Error {
    wrong(&format!("`{key}`: at `{pointer}` a row has no text and no whole number"))
}
