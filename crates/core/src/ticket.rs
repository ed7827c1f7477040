//! Tickets of a PSA: what a delivery asks for, what is looked up, what is found and made.

use crate::error::{Error, Result};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// What the config says of a delivery's tickets: names or ids, as the user knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketForm {
    /// The company it belongs to: the MSP's own.
    pub company: String,
    /// Its title.
    pub title: String,
    /// `board`, `queue`, `type`, `status`, `priority`, `source`, `assignee`, `form`: those that are set.
    pub fields: BTreeMap<&'static str, String>,
    /// Further fields, handed to the PSA as they are.
    pub extra: BTreeMap<String, serde_json::Value>,
}

impl TicketForm {
    /// Refuses a field that the PSA does not have; `known` are those that it has.
    pub fn only(&self, psa: &str, known: &[&str]) -> Result<()> {
        match self.fields.keys().find(|field| !known.contains(*field)) {
            None => Ok(()),
            Some(field) => Err(Error::config(format!(
                "`{field}`: tickets of {psa} have no such field here; they have {}, and others can stand in `fields`",
                known.join(", ")
            ))),
        }
    }

    /// A field that is set.
    pub fn field(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

/// A form whose names were looked up. `settings` is the desk's own and goes back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedForm {
    /// The company's id in the PSA.
    pub company_id: String,
    /// The company's name in the PSA.
    pub company_name: String,
    /// The title.
    pub title: String,
    /// Ids of board, status and so on, in the words of the PSA.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// What a ticket carries so that it is found again: `tallysheet:RUN:DELIVERY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketKey {
    /// The run.
    pub run: String,
    /// The delivery's name.
    pub delivery: String,
}

impl TicketKey {
    /// What every key begins with.
    pub const PREFIX: &'static str = "tallysheet:";

    /// The key that stands somewhere in a text: a field of its own, a line of a body. White space, a quote or `<` ends it.
    pub fn in_text(text: &str) -> Option<Self> {
        let key = &text[text.find(Self::PREFIX)? + Self::PREFIX.len()..];
        let ends = |character: char| character.is_whitespace() || matches!(character, '<' | '"' | '\'' | '&');
        let (run, delivery) = key.split(ends).next()?.split_once(':')?;
        (!run.is_empty() && !delivery.is_empty()).then(|| Self { run: run.to_owned(), delivery: delivery.to_owned() })
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", Self::PREFIX, self.run, self.delivery)
    }
}

/// Which tickets are looked for. A desk narrows its search as far as the PSA can; who asked compares the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSearch {
    /// The delivery whose tickets are meant.
    pub delivery: String,
    /// The run whose ticket is meant; `None` where any run's will do, as long as it is open.
    pub run: Option<String>,
    /// No such ticket is older than this.
    pub since: Timestamp,
}

impl TicketSearch {
    /// The key, where one ticket is meant.
    pub fn key(&self) -> Option<TicketKey> {
        let run = self.run.clone()?;
        Some(TicketKey { run, delivery: self.delivery.clone() })
    }

    /// Whether a text holds the key of a ticket that is meant.
    pub fn matches(&self, text: &str) -> bool {
        TicketKey::in_text(text)
            .is_some_and(|key| key.delivery == self.delivery && self.run.as_ref().is_none_or(|run| *run == key.run))
    }
}

/// A text in the two forms that PSAs and mail take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Plain.
    pub text: String,
    /// The same as HTML, without `<html>` and `<body>`.
    pub html: String,
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// Its form, with the names looked up.
    pub form: PreparedForm,
    /// Its body: totals and failures, never a customer's name.
    pub body: Body,
    /// By which it is found again.
    pub key: TicketKey,
}

/// A ticket that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRef {
    /// The PSA's id.
    pub id: String,
    /// The number that people use.
    pub number: String,
}

/// A ticket that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Which.
    pub ticket: TicketRef,
    /// Whether the file went with it in the same call.
    pub attached: bool,
}

/// A ticket that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub ticket: TicketRef,
    /// Whether work on it goes on.
    pub open: bool,
}

/// A file to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a PSA can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskLimits {
    /// Characters of a title.
    pub title: usize,
    /// Bytes of one file; zero where it takes none.
    pub file: usize,
    /// Characters of one note; zero where it has none.
    pub note: usize,
}

/// The id of a choice that the user names: by its id, else by its name in any case. A wrong one is answered with those
/// that there are, and so is a name that several have. `there` holds ids and names.
pub fn choose<'a>(key: &str, wanted: &str, there: &'a [(String, String)]) -> Result<&'a (String, String)> {
    let wanted = wanted.trim();
    if let Some(found) = there.iter().find(|(id, _)| id == wanted) {
        return Ok(found);
    }
    let named: Vec<_> = there.iter().filter(|(_, name)| name.trim().to_lowercase() == wanted.to_lowercase()).collect();
    match named[..] {
        [found] => Ok(found),
        [] => Err(Error::config(format!("`{key}`: there is no `{wanted}`; there are {}", list(there.iter())))),
        _ => {
            let several = list(named.into_iter());
            Err(Error::config(format!("`{key}`: several are called `{wanted}`: {several}; give the id")))
        }
    }
}

/// What is told where the PSA requires a choice, none is set, and the PSA has no default.
pub fn unset(key: &str, there: &[(String, String)]) -> Error {
    Error::config(format!("`{key}` must be set: the PSA requires it; there are {}", list(there.iter())))
}

/// `Finance (7), Help Desk (1)`: by name, and no more than a reader takes in.
fn list<'a>(choices: impl Iterator<Item = &'a (String, String)>) -> String {
    const SHOWN: usize = 40;
    let mut told: Vec<String> =
        choices.map(|(id, name)| if name == id { id.clone() } else { format!("{name} ({id})") }).collect();
    told.sort();
    match told.len() {
        0 => "none: perhaps the credential may not see them".to_owned(),
        count if count > SHOWN => format!("{} and {} more", told[..SHOWN].join(", "), count - SHOWN),
        _ => told.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boards() -> Vec<(String, String)> {
        [("1", "Help Desk"), ("7", "Finance"), ("9", "finance ")].map(|(id, name)| (id.into(), name.into())).to_vec()
    }

    #[test]
    fn a_choice_is_found_by_id_or_name() {
        let boards = boards();
        let chosen = |wanted: &str| choose("board", wanted, &boards).map(|(id, _)| id.as_str());
        assert_eq!(chosen("7").unwrap(), "7");
        assert_eq!(chosen(" help desk ").unwrap(), "1");
        let several = chosen("FINANCE").unwrap_err().to_string();
        assert_eq!(several, "`board`: several are called `FINANCE`: Finance (7), finance  (9); give the id");
        let wrong = chosen("Sales").unwrap_err().to_string();
        assert_eq!(wrong, "`board`: there is no `Sales`; there are Finance (7), Help Desk (1), finance  (9)");
        assert!(choose("board", "x", &[]).unwrap_err().to_string().contains("perhaps the credential"));
        assert!(
            unset("board", &boards).to_string().starts_with("`board` must be set: the PSA requires it; there are F")
        );
    }

    #[test]
    fn a_key_is_found_wherever_it_stands_and_only_whole() {
        let key = TicketKey { run: "20261101T060000Z-4f2a".into(), delivery: "ticket".into() };
        assert_eq!(key.to_string(), "tallysheet:20261101T060000Z-4f2a:ticket");
        for text in
            [format!("{key}"), format!("<p>Counts.</p><p>{key}</p>"), format!("Counts\n{key}\n"), format!("\"{key}\"")]
        {
            assert_eq!(TicketKey::in_text(&text).as_ref(), Some(&key), "{text}");
        }
        for text in ["", "tallysheet:", "tallysheet:2026-11", "tallysheet::ticket", "tally:1:ticket"] {
            assert_eq!(TicketKey::in_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_search_means_one_run_or_any() {
        let search = |run: Option<&str>| TicketSearch {
            delivery: "ticket".into(),
            run: run.map(str::to_owned),
            since: Timestamp::UNIX_EPOCH,
        };
        assert!(search(Some("r1")).matches("tallysheet:r1:ticket"));
        assert!(!search(Some("r1")).matches("tallysheet:r12:ticket"));
        assert!(!search(Some("r1")).matches("tallysheet:r1:ticket2"));
        assert!(search(None).matches("tallysheet:r12:ticket"));
        assert!(!search(None).matches("tallysheet:r12:finance"));
    }
}
