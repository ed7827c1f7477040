//! Which organizations have which MyGlue account, and which of them get its users (README, What is counted).

use crate::wire::{Organization, Row};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tallysheet_core::wire::Field;
use tallysheet_core::{Code, Context, Notice};

/// Where the users of an account belong that several organizations share.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shared {
    #[default]
    First,
    Repeat,
    Unassigned,
}

/// The organizations of each MyGlue account by id; the MSP's own and excluded ones last.
pub(crate) struct Accounts<'a> {
    holders: BTreeMap<&'a str, Vec<&'a Row<Organization>>>,
    shared: Shared,
}

impl<'a> Accounts<'a> {
    pub(crate) fn of(organizations: &'a BTreeMap<String, Row<Organization>>, shared: Shared, cx: &Context) -> Self {
        let mut holders: BTreeMap<&str, Vec<&Row<Organization>>> = BTreeMap::new();
        for row in organizations.values() {
            if let Field::Sent(account) = &row.attributes.my_glue_account_id {
                holders.entry(account.as_str()).or_default().push(row);
            }
        }
        for rows in holders.values_mut() {
            // By number: the ids have no leading zeros.
            rows.sort_by_key(|row| {
                let id = row.id.as_str();
                (row.attributes.is_own() || cx.excludes(id), id.len(), id)
            });
        }
        Self { holders, shared }
    }

    /// The organizations that get the users of an account.
    pub(crate) fn served_by(&self, account: Option<&str>) -> &[&'a Row<Organization>] {
        account.and_then(|account| self.holders.get(account)).map_or(&[], |rows| self.served(rows))
    }

    /// Every organization that gets the users of an account.
    pub(crate) fn all_served(&self) -> impl Iterator<Item = &'a Row<Organization>> {
        self.holders.values().flat_map(|rows| self.served(rows)).copied()
    }

    fn served<'b>(&self, rows: &'b [&'a Row<Organization>]) -> &'b [&'a Row<Organization>] {
        match self.shared {
            _ if rows.len() < 2 => rows,
            Shared::First => &rows[..1],
            Shared::Repeat => rows,
            Shared::Unassigned => &[],
        }
    }

    /// Which organizations share an account: told whatever becomes of its users.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.holders.iter().filter_map(|(account, rows)| self.notice(account, rows)).collect()
    }

    fn notice(&self, account: &str, rows: &[&Row<Organization>]) -> Option<Notice> {
        let names = |rows: &[&Row<Organization>]| {
            rows.iter().map(|row| row.attributes.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (first, others) = rows.split_first().filter(|(_, others)| !others.is_empty())?;
        let place = match self.shared {
            Shared::First => format!("at {} only, not at {}", first.attributes.name, names(others)),
            Shared::Repeat => format!("at each of {}", names(rows)),
            Shared::Unassigned => format!("by themselves, at none of {}", names(rows)),
        };
        let share = format!("{} organizations share the MyGlue account {account}", rows.len());
        let notice = Notice::warning(Code::LeftOut, format!("{share}: its users are counted {place}"));
        Some(notice.about(&first.attributes.name))
    }
}
