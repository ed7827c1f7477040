//! What tests share: a world with a fake clock, and (in [`mod@conformance`]) the suite that every connector passes.
//! Production code never depends on this crate.
//!
//! | module | holds |
//! | --- | --- |
//! | [`case`] | a connector's test as data |
//! | [`mod@conformance`] | the suite: its steps, and how they are run |
//! | `steps` | the steps themselves: calls, faults, claims, the ticket desk, the billing ledger |
//! | `bench` | one connector set up against one fixture server, asked again and again |
//! | `server`, `request` | the fixture server: what it answers, and which request is meant |
//! | `picture` | what came out, in a form that can be compared |
//! | `overheard` | everything that was said, searched for secrets |
//! | [`ledger`] | what a billing ledger is asked and must answer |
//! | [`mail`] | the same for whatever sends mail: a case, a mailbox that says what arrived, the suite |
//! | [`smtp`], [`postgres`] | a real mail server, a real database, started by a test |
//! | [`world`] | the fake clock and the state folder in memory |

mod bench;
pub mod case;
pub mod conformance;
pub mod ledger;
pub mod mail;
mod overheard;
mod picture;
pub mod postgres;
mod request;
mod server;
pub mod smtp;
mod steps;
pub mod world;

pub use case::{Case, Company, Desk, Exchange, Expected, Org, Part};
pub use conformance::{Failure, billed, conformance, counts, examine, ticket_conformance};
pub use ledger::{Ledger, Line};
pub use mail::{Arrived, MailCase, Mailbox, Mood, Site, mail_conformance};
pub use world::{BEGINNING, Jumping, TestWorld};
