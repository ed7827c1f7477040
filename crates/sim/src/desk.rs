//! The tickets of the simulated MSP's PSA: what was made, and what goes wrong on purpose.

use crate::msp::Msp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The MSP's own company in its PSA.
pub const OWN_COMPANY: &str = "Example MSP";

/// A ticket as the PSA holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    /// Its title.
    pub title: String,
    /// The id of its company.
    pub company: String,
    /// All texts it was made with.
    pub body: String,
    /// Where the PSA has a field for it, the key.
    pub key: String,
    /// Whether it is done.
    pub closed: bool,
    /// Its files: name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// Its notes, each with whether customers can see it.
    pub notes: Vec<(String, bool)>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A ticket is made, and the answer is lost on its way.
    AnswerLost,
    /// The credential may not make tickets.
    NoRight,
    /// Files are refused.
    FilesRefused,
}

/// A PSA's tickets. Clones share them.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    tickets: Vec<Ticket>,
    fault: Option<Fault>,
}

impl Desk {
    /// All tickets, oldest first.
    pub fn tickets(&self) -> Vec<Ticket> {
        self.state().tickets.clone()
    }

    /// Changes a ticket, as people at the PSA do.
    pub fn change(&self, number: usize, change: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = self.state().tickets.get_mut(number) {
            change(ticket);
        }
    }

    /// From now on this goes wrong, or nothing.
    pub fn fail(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// What goes wrong at the moment.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.state().fault
    }

    /// Makes a ticket; its number counts from 0.
    pub(crate) fn make(&self, ticket: Ticket) -> usize {
        let mut state = self.state();
        state.tickets.push(ticket);
        state.tickets.len() - 1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The companies of the PSA by id: the MSP's own, its customers, and one that left.
pub(crate) fn companies(msp: &Msp) -> Vec<Account> {
    let own =
        Account { id: 2, name: OWN_COMPANY.to_owned(), domain: Some("example-msp.example".to_owned()), left: false };
    let left = Account { id: 99_999, name: "Gone Fishing Charters".to_owned(), domain: None, left: true };
    let customers = (29_000..).zip(&msp.companies).map(|(id, company)| Account {
        id,
        name: company.title(),
        domain: company.domain(),
        left: false,
    });
    std::iter::once(own).chain(customers).chain([left]).collect()
}

/// A company of the PSA.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    /// Whether it is no customer any more.
    pub(crate) left: bool,
}
