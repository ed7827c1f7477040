//! From a vendor org to a company. Pure functions: the same orgs and companies give the same answer, in any order.
//!
//! | module | holds |
//! | --- | --- |
//! | [`names`] | when two spellings are one name |
//! | [`domains`] | when a domain is a company's own |
//! | [`index`] | the companies, ready to be looked up |
//! | [`place`](mod@place) | the orgs of one integration placed on the companies |
//! | [`union`](mod@union) | the companies themselves, where no file names them |
//! | `likeness`, `profiles`, [`suggest`](mod@suggest) | which company an org is perhaps, with a score and its evidence |
//! | [`found`](mod@found) | the first companies file, made of what all vendors have |
//!
//! A match is unique in both directions or it is none: a count on the wrong bill is worse than an unmapped row.

pub mod domains;
pub mod found;
pub mod index;
mod legal_forms;
mod likeness;
pub mod names;
pub mod place;
mod profiles;
pub mod suggest;
pub mod union;

pub use domains::is_shared;
pub use found::found;
pub use index::{Index, keyed};
pub use names::normalise;
pub use place::{Candidate, Placed, Rule, place};
pub use suggest::{CERTAIN, Known, LIKELY, Likely, Part, Reason, Subject, Suggestion, suggest};
pub use union::{Union, union};
