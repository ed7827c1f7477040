//! Claims as advisory locks of a session of their own: the server frees them when the session ends, however that
//! happens, and no clock takes part. One session holds all claims of the process, so that a hundred cost one connection.

use super::address::Address;
use crate::Claim;
use std::sync::Arc;
use tallysheet_core::{Error, Result};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// The lock of a name in this database and schema.
const KEY: &str = "hashtextextended('tallysheet/claim/' || coalesce(current_schema(), '') || '/' || $1, 0)";

/// The session that holds the claims, once there is one.
pub(crate) struct Claims(Arc<Shared>);

struct Shared {
    address: Arc<Address>,
    session: Mutex<Option<Arc<Session>>>,
}

struct Session {
    client: Client,
    ended: watch::Receiver<bool>,
}

impl Claims {
    pub(crate) fn new(address: Arc<Address>) -> Self {
        Self(Arc::new(Shared { address, session: Mutex::default() }))
    }

    /// Takes a lock if no other session has it.
    pub(crate) async fn claim(&self, name: &str) -> Result<Option<Claim>> {
        let (shared, name) = (self.0.clone(), name.to_owned());
        // A task of its own: one who stops to wait for it does not leave a lock behind that nobody knows of.
        let claimed = tokio::spawn(async move { shared.claim(name).await }).await;
        claimed.unwrap_or_else(|_| Err(Error::internal("a claim was cut off")))
    }
}

impl Shared {
    async fn claim(&self, name: String) -> Result<Option<Claim>> {
        let lock = format!("SELECT pg_try_advisory_lock({KEY})");
        let mut session = self.session(None).await?;
        let mut answer = session.client.query_typed_one(&lock, &[(&name, Type::TEXT)]).await;
        if answer.is_err() {
            // It ended while it lay idle.
            session = self.session(Some(&session)).await?;
            answer = session.client.query_typed_one(&lock, &[(&name, Type::TEXT)]).await;
        }
        let taken = answer.and_then(|row| row.try_get(0)).map_err(|error| self.address.told(&error))?;
        Ok(if taken { Some(Claim::of_session(Held { session, name })) } else { None })
    }

    /// The session, made anew where it has ended or is the one that failed.
    async fn session(&self, failed: Option<&Arc<Session>>) -> Result<Arc<Session>> {
        let mut place = self.session.lock().await;
        if let Some(session) = place.as_ref()
            && !session.client.is_closed()
            && failed.is_none_or(|failed| !Arc::ptr_eq(failed, session))
        {
            return Ok(session.clone());
        }
        let (client, ended) = self.address.connect().await?;
        let session = Arc::new(Session { client, ended });
        *place = Some(session.clone());
        Ok(session)
    }
}

/// A lock that is held as long as its session lives.
pub(crate) struct Held {
    session: Arc<Session>,
    name: String,
}

impl Held {
    /// Is done when the session has ended.
    pub(crate) async fn lost(&self) {
        // Nobody who could tell is as good as the end.
        let _ = self.session.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (session, name) = (self.session.clone(), std::mem::take(&mut self.name));
        // Without a runtime the process ends, and the session with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let unlock = format!("SELECT pg_advisory_unlock({KEY})");
                // Where this fails the session has ended.
                let _ = session.client.query_typed(&unlock, &[(&name, Type::TEXT)]).await;
            });
        }
    }
}
