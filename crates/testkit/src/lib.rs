//! What tests share: a world with a fake clock, and (in [`conformance`]) the suite that every connector passes.
//! Production code never depends on this crate.

pub mod case;
pub mod world;

pub use case::{Case, Exchange, Expected, Org};
pub use world::TestWorld;
