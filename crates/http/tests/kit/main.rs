//! The kit over real HTTP on loopback. The clock is a fake one, so that no test waits for a retry.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod auth;
mod bounds;
mod decoding;
mod limits;
mod logins;
mod paging;
mod probing;
mod retry;
mod rotation;
mod support;
mod tokens;
mod urls;
