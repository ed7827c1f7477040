//! From a vendor org to a company. Pure functions: the same orgs and companies give the same answer, in any order.
//!
//! | module | holds |
//! | --- | --- |
//! | [`names`] | when two spellings are one name |
//! | [`domains`] | when a domain is a company's own |
//! | [`index`] | the companies, ready to be looked up |
//! | [`place`](mod@place) | the orgs of one integration placed on the companies |
//! | [`union`](mod@union) | the companies themselves, where no file names them |
//!
//! A match is unique in both directions or it is none: a count on the wrong bill is worse than an unmapped row.

pub mod domains;
pub mod index;
mod legal_forms;
pub mod names;
pub mod place;
pub mod union;

pub use domains::is_shared;
pub use index::{Index, keyed};
pub use names::normalise;
pub use place::{Candidate, Placed, Rule, place};
pub use union::{Union, union};
