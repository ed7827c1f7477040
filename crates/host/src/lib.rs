//! The world outside, one home each.
//!
//! | module | is the home of |
//! | --- | --- |
//! | [`system`] | clock, sleep, randomness, and the state folder: the real [`World`](tallysheet_core::World) |
//! | [`environment`] | environment variables, with those of an env file |
//! | [`secrets`] | where secrets come from |
//! | [`random`] | numbers that nobody can guess |
//! | [`files`] | reading files, and writing them whole or not at all |
//! | [`text`] | from the bytes of a file to text, as every operating system writes it |

pub mod environment;
pub mod files;
pub mod random;
pub mod secrets;
pub mod system;
pub mod text;

pub use environment::Environment;
pub use system::System;
