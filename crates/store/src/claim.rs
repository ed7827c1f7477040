//! A claim: whoever holds it makes the runs of one schedule.

use std::fmt;

/// A claim that is held until it is dropped, or lost.
pub struct Claim {
    #[cfg(feature = "postgres")]
    session: Option<crate::postgres::Held>,
}

impl Claim {
    /// Of a store that lies in a state folder: whoever has the folder's lock has the claim.
    pub const fn of_folder() -> Self {
        Self {
            #[cfg(feature = "postgres")]
            session: None,
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) const fn of_session(held: crate::postgres::Held) -> Self {
        Self { session: Some(held) }
    }

    /// Whether other machines take part, so that it can be lost.
    pub const fn is_shared(&self) -> bool {
        #[cfg(feature = "postgres")]
        return self.session.is_some();
        #[cfg(not(feature = "postgres"))]
        false
    }

    /// Is done when the claim is lost, so that somebody else may have it. That of a folder never is.
    pub async fn lost(&self) {
        #[cfg(feature = "postgres")]
        if let Some(session) = &self.session {
            session.lost().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Claim")
    }
}
