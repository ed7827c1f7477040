//! Whole lists, however many pages they come in.

use crate::api::Api;
use crate::call::{Call, segment};
use crate::paging::{Next, Pages, Part, Position, Walk};
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::Result;
use tallysheet_core::tally::{Listed, Seen, as_stated};
use tallysheet_core::wire::Id;

impl Api {
    /// What stands at `path/ID` for each of these ids, asked for side by side. What the vendor has not is not there.
    pub async fn find_all<T: DeserializeOwned>(
        &self,
        path: &str,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<BTreeMap<String, T>> {
        let ids: BTreeSet<String> = ids.into_iter().collect();
        let answers = ids.into_iter().map(async |id| {
            let found = self.find(&Call::get(format!("{path}/{}", segment(&id)))).await?;
            Ok(found.map(|found| (id, found)))
        });
        Ok(try_join_all(answers).await?.into_iter().flatten().collect())
    }

    /// All rows of a list by id, each once and as many as the vendor states; `part` takes a page apart.
    pub async fn list<P: DeserializeOwned, T>(
        &self,
        first: Call,
        id: impl Fn(&T) -> &Id,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
    ) -> Result<BTreeMap<String, T>> {
        listed(Walk::new(self.clone(), first), id, part).await
    }

    /// The same for lists that are too long to be held: each row is handed over as it comes, once. Where this fails, nothing
    /// of what came may be used.
    pub async fn stream<P: DeserializeOwned, T>(
        &self,
        first: Call,
        id: impl Fn(&T) -> &Id,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
        row: impl FnMut(T),
    ) -> Result<()> {
        streamed(Walk::new(self.clone(), first), id, part, row).await
    }

    /// The same as [`Self::list`] for pages with numbers from 1 in `parameter`: until as many rows have come as the vendor states, or else
    /// until a page is empty. `page` is the rows of an answer and the total that it states.
    pub async fn numbered<P: DeserializeOwned, T>(
        &self,
        first: Call,
        parameter: &str,
        id: impl Fn(&T) -> &Id,
        page: impl Fn(P) -> (Vec<T>, Option<usize>),
    ) -> Result<BTreeMap<String, T>> {
        let (mut known, mut empty) = (BTreeSet::new(), 0);
        let part = |answer: P, at: &Position<'_>| {
            let (rows, stated) = page(answer);
            let new = rows.iter().filter(|row| known.insert(id(row).0.clone())).count();
            empty = if rows.is_empty() { empty + 1 } else { 0 };
            // One page may be empty in the middle; after two, the total will tell.
            let is_last = stated.map_or(empty > 0, |total| known.len() >= total || empty > 1);
            // A page that repeats others is asked for again, which is refused.
            let number = at.index + if new == 0 && empty == 0 { 1 } else { 2 };
            Part { rows, stated, next: if is_last { Next::End } else { Next::query(parameter, number) } }
        };
        self.list(first.query(parameter, 1), &id, part).await
    }

    /// The same as [`Self::list`], but `None` where the vendor has no such list (404, 410). One that ends in a 404 is an error.
    pub async fn find_list<P: DeserializeOwned, T>(
        &self,
        first: Call,
        id: impl Fn(&T) -> &Id,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
    ) -> Result<Option<BTreeMap<String, T>>> {
        let Some(reply) = self.find_reply(&first).await? else { return Ok(None) };
        listed(Walk::begun(self.clone(), first, reply), id, part).await.map(Some)
    }

    /// The same as [`Self::stream`], but `None` where the vendor has no such list (404, 410). One that ends in a 404 is an error.
    pub async fn find_stream<P: DeserializeOwned, T>(
        &self,
        first: Call,
        id: impl Fn(&T) -> &Id,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
        row: impl FnMut(T),
    ) -> Result<Option<()>> {
        let Some(reply) = self.find_reply(&first).await? else { return Ok(None) };
        streamed(Walk::begun(self.clone(), first, reply), id, part, row).await.map(Some)
    }

    /// All rows of a list that has neither ids nor a total.
    pub async fn rows<P: DeserializeOwned, T>(
        &self,
        first: Call,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(first, part, |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// Hands over each row of a list, page by page; returns the total that the vendor states, if it does. Where this
    /// fails, nothing of what came may be used.
    pub async fn each<P: DeserializeOwned, T>(
        &self,
        first: Call,
        part: impl FnMut(P, &Position<'_>) -> Part<T>,
        row: impl FnMut(T),
    ) -> Result<Option<usize>> {
        walked(Walk::new(self.clone(), first), part, row).await
    }

    /// The same for several lists side by side; a row that stands in two of them is one.
    pub async fn lists<P: DeserializeOwned, T>(
        &self,
        calls: impl IntoIterator<Item = Call>,
        id: impl Fn(&T) -> &Id + Copy,
        part: impl FnMut(P, &Position<'_>) -> Part<T> + Copy,
    ) -> Result<BTreeMap<String, T>> {
        let lists = try_join_all(calls.into_iter().map(|first| self.list(first, id, part))).await?.into_iter();
        // The first stands, as within a list.
        let joined = lists.reduce(|mut rows, more| {
            more.into_iter().for_each(|(id, row)| _ = rows.entry(id).or_insert(row));
            rows
        });
        Ok(joined.unwrap_or_default())
    }

    /// The pages that start with `first`; `next` says what comes after each.
    pub fn pages<T, F>(&self, first: Call, next: F) -> Pages<T, F>
    where
        T: DeserializeOwned,
        F: FnMut(&T, &Position<'_>) -> Next,
    {
        Pages::new(self.clone(), first, next)
    }
}

async fn listed<P: DeserializeOwned, T>(
    walk: Walk,
    id: impl Fn(&T) -> &Id,
    part: impl FnMut(P, &Position<'_>) -> Part<T>,
) -> Result<BTreeMap<String, T>> {
    let (what, mut rows) = (format!("rows in answer to {}", walk.described()), Listed::default());
    let stated = walked(walk, part, |row| rows.add(id(&row).0.clone(), row)).await?;
    rows.stated(stated);
    rows.finish(&what)
}

async fn streamed<P: DeserializeOwned, T>(
    walk: Walk,
    id: impl Fn(&T) -> &Id,
    part: impl FnMut(P, &Position<'_>) -> Part<T>,
    mut row: impl FnMut(T),
) -> Result<()> {
    let (what, mut seen) = (format!("rows in answer to {}", walk.described()), Seen::default());
    let once = |one: T| {
        if seen.is_new(id(&one).as_str()) {
            row(one);
        }
    };
    let stated = walked(walk, part, once).await?;
    as_stated(seen.len(), stated, &what)
}

async fn walked<P: DeserializeOwned, T>(
    mut walk: Walk,
    mut part: impl FnMut(P, &Position<'_>) -> Part<T>,
    mut row: impl FnMut(T),
) -> Result<Option<usize>> {
    let mut total = None;
    while let Some((call, reply)) = walk.step().await? {
        let Part { rows, stated, next } = part(reply.json()?, &walk.position(&reply));
        walk.follow(call, next)?;
        rows.into_iter().for_each(&mut row);
        // Where pages differ, the largest stands: a row that went away pulls another one over the edge, unseen.
        total = total.max(stated);
    }
    Ok(total)
}
