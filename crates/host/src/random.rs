//! Numbers that nobody can guess, for tokens.

use tallysheet_core::{Error, Result};

/// Thirty-two bytes of the operating system's randomness.
pub fn unguessable() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("there is no randomness: {error}")))?;
    Ok(bytes)
}
