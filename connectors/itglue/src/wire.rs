//! What IT Glue sends. Names have dashes; older formats and proxies have underscores.

use serde::Deserialize;
use tallysheet_core::wire::{Field, Id, Word};
use tallysheet_http::{Next, Part, Position};

#[derive(Deserialize)]
pub(crate) struct Page<A> {
    pub(crate) data: Vec<Row<A>>,
    meta: Option<Paging>,
}

#[derive(Deserialize)]
pub(crate) struct Row<A> {
    pub(crate) id: Id,
    pub(crate) attributes: A,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Paging {
    #[serde(alias = "current_page")]
    current_page: Option<usize>,
    #[serde(alias = "next_page")]
    next_page: Option<usize>,
    #[serde(alias = "total_pages")]
    total_pages: Option<usize>,
    #[serde(alias = "total_count")]
    total_count: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Organization {
    pub(crate) name: String,
    #[serde(default, alias = "my_glue_account_id")]
    pub(crate) my_glue_account_id: Field<Id>,
    #[serde(alias = "organization_status_name")]
    pub(crate) organization_status_name: Option<Word>,
    pub(crate) primary: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct User {
    #[serde(alias = "my_glue")]
    pub(crate) my_glue: bool,
    #[serde(default, alias = "my_glue_account_id")]
    pub(crate) my_glue_account_id: Field<Id>,
    #[serde(default, alias = "invitation_accepted_at")]
    pub(crate) invitation_accepted_at: Field<String>,
}

impl<A> Page<A> {
    /// The next page by name, else by number. A full page that tells neither pages nor a total may not be the last.
    pub(crate) fn part(self, _: &Position<'_>, size: usize) -> Part<Row<A>> {
        let paging = self.meta.unwrap_or_default();
        let next = match (paging.next_page, paging.current_page, paging.total_pages) {
            (Some(page), ..) => Next::query("page[number]", page),
            (None, Some(page), Some(last)) => {
                Next::until("page[number]", page.saturating_add(1), last.saturating_add(1))
            }
            _ => Next::End,
        };
        let part = Part { rows: self.data, stated: paging.total_count, next };
        if part.stated.is_none() { part.full_at(size) } else { part }
    }
}
