//! Counted against billed: what each column of the sheet makes of a product, what the PSA bills of it, and what should be
//! changed. It knows no PSA and does no I/O.
//!
//! | module | holds |
//! | --- | --- |
//! | `columns`, `count` | which columns a rule means, and what it makes of a row |
//! | `compare` | the variances |
//! | [`plan`] | changes of quantities that a person can approve, what became of each, and how they are undone |
//! | `suggest` | which columns are perhaps which product, with evidence |

mod columns;
mod compare;
mod count;
pub mod plan;
mod suggest;

pub use compare::{Billed, compare};
