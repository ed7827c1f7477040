//! The room from outside: counts and lines in, variances, plans and suggestions out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;
mod compare;
mod fuzz;
mod plan;
mod suggest;
