//! A refresh token that is spent by its use. The newest one is kept in the state folder, so that neither two runs at
//! once nor a crash lose it.
//!
//! 1. Under a lock that other processes respect, the newest token is read.
//! 2. It is noted as sent. Where the state folder cannot be written, all ends here, with the token unspent.
//! 3. It is sent. Its successor takes the place of token and note in one step, before anything else happens.
//!
//! A run that ends between 2 and 3 leaves the note behind. The next one tries the token once more, as some vendors still
//! accept it; where it is refused, the note says why, and the error says the way out.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result, Secret, World};

/// How often the lock is asked for, ten times a second: longer than one exchange may take.
const LOCK_ATTEMPTS: usize = 1200;
const WAY_OUT: &str = "make a new one at the vendor and put it into `refresh_token`";

/// Where the newest token of an integration is kept.
#[derive(Clone)]
pub(crate) struct Rotation {
    world: Arc<dyn World>,
    state: String,
}

/// One exchange, from the lock to the successor.
pub(crate) struct Turn {
    rotation: Rotation,
    _lock: Box<dyn Send + Sync>,
    newest: Secret,
    kept: Kept,
    /// What stood in the state folder before.
    before: Option<Vec<u8>>,
    /// Why the vendor may refuse the token, where that is known.
    suspicion: Option<String>,
}

/// What the state folder holds.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// Of the config's first token, so that a new one in the config is noticed.
    first: String,
    /// The newest; none where that is the first one.
    refresh_token: Option<String>,
    /// When it was sent, until its successor stands here.
    #[serde(default)]
    sent: Option<String>,
}

impl Rotation {
    pub(crate) fn new(integration: &str, world: Arc<dyn World>) -> Self {
        Self { world, state: format!("tokens/{integration}") }
    }

    /// The newest token, only to be read.
    pub(crate) fn newest(&self, first: &Secret) -> Result<Secret> {
        Ok(self.read(first)?.0.newest(first))
    }

    /// Waits for other runs, and notes that the newest token is sent.
    pub(crate) async fn begin(&self, first: &Secret) -> Result<Turn> {
        let unspent = |error: Error| match error.kind() {
            ErrorKind::TimedOut => error,
            _ => error.context("the refresh token was not sent, as the next one could not be kept"),
        };
        let lock = self.lock().await.map_err(unspent)?;
        let (kept, before, suspicion) = self.read(first).map_err(unspent)?;
        let sent = Some(self.world.now().to_string());
        self.write(&Kept { sent, ..kept.clone() }).map_err(unspent)?;
        Ok(Turn { rotation: self.clone(), _lock: lock, newest: kept.newest(first), kept, before, suspicion })
    }

    async fn lock(&self) -> Result<Box<dyn Send + Sync>> {
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(lock) = self.world.try_lock_state(&self.state)? {
                return Ok(lock);
            }
            self.world.sleep(Duration::from_millis(100)).await;
        }
        Err(Error::new(ErrorKind::TimedOut, "another run holds the token of this integration for over two minutes"))
    }

    fn read(&self, first: &Secret) -> Result<(Kept, Option<Vec<u8>>, Option<String>)> {
        let mark = mark(first);
        let bytes = self.world.read_state(&self.state)?;
        let kept = bytes.as_deref().map(serde_json::from_slice::<Kept>);
        let is_unreadable = matches!(kept, Some(Err(_)));
        // A first token other than the one that these came from is a new one, and wins.
        let kept = kept.and_then(Result::ok).filter(|kept| kept.first == mark);
        let sent = kept.as_ref().and_then(|kept| kept.sent.as_ref());
        let suspicion = match sent {
            Some(sent) => Some(format!(
                "the run of {sent} sent this refresh token and ended before it had kept the next one, so it is spent; {WAY_OUT}"
            )),
            None if is_unreadable => {
                Some(format!("the refresh token in the state folder cannot be read, so the first was sent; {WAY_OUT}"))
            }
            None => None,
        };
        Ok((kept.unwrap_or(Kept { first: mark, refresh_token: None, sent: None }), bytes, suspicion))
    }

    fn write(&self, kept: &Kept) -> Result<()> {
        let bytes = serde_json::to_vec(kept).map_err(|_| Error::internal("a refresh token cannot be written"))?;
        self.world.write_state(&self.state, &bytes)
    }

    /// Writes what is nowhere else: another program, such as a virus scanner, may hold the file for a moment.
    async fn insist(&self, kept: &Kept) -> Result<()> {
        let mut wait = Duration::from_millis(100);
        loop {
            match self.write(kept) {
                Err(_) if wait < Duration::from_secs(5) => self.world.sleep(wait).await,
                written => return written,
            }
            wait *= 2;
        }
    }
}

impl Turn {
    /// The token to be sent.
    pub(crate) fn token(&self) -> &Secret {
        &self.newest
    }

    /// Keeps the successor that the vendor issued. One that issues none lets the token live on.
    pub(crate) async fn issued(self, next: Option<&Secret>) -> Result<()> {
        let next = next.map(|next| next.expose().to_owned());
        let kept = Kept { refresh_token: next.or(self.kept.refresh_token), sent: None, ..self.kept };
        let lost = format!("the next refresh token is lost with this; once that is mended, {WAY_OUT}");
        self.rotation.insist(&kept).await.map_err(|error| error.advice(&lost))
    }

    /// What a failure of the exchange means for the token.
    pub(crate) fn failed(self, error: Error) -> Error {
        let is_refused = matches!(
            error.kind(),
            ErrorKind::Auth | ErrorKind::Forbidden | ErrorKind::Consent | ErrorKind::NotFound | ErrorKind::RateLimited
        );
        if !is_refused {
            return error.advice("the refresh token may be spent by this: the next run tries it once more and tells");
        }
        // The vendor looked at the token and did not take it, so that all is as it was. Where this cannot be written,
        // the note stays: it makes the next refusal sound wrong, and loses nothing.
        let _ = match &self.before {
            Some(bytes) => self.rotation.world.write_state(&self.rotation.state, bytes),
            None => self.rotation.write(&self.kept),
        };
        match self.suspicion.filter(|_| error.kind() == ErrorKind::Auth) {
            Some(suspicion) => error.advice(&suspicion),
            None => error,
        }
    }
}

impl Kept {
    fn newest(&self, first: &Secret) -> Secret {
        self.refresh_token.clone().map_or_else(|| first.clone(), Secret::new)
    }
}

/// Tells two first tokens apart without keeping the token itself.
fn mark(token: &Secret) -> String {
    let hash = |seed: u64| {
        token.expose().bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    format!("{:016x}", hash(0xcbf2_9ce4_8422_2325))
}
