//! Whose credential it is: the account that the config expects, else the one of the first good run.
//!
//! The account's own id is pinned in the state folder, where the vendor tells one. A vendor that names no account cannot be
//! guarded so: the id of a credential changes with each new key.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Code, Error, ErrorKind, Identity, Level, Notice, Phase, Probe, Result, World};
use tokio::sync::OnceCell;

/// Ends within this time, a credential is worth a warning.
const SOON: Duration = Duration::from_hours(30 * 24);

/// The account that an integration had in its first good run.
#[derive(Serialize, Deserialize)]
struct Pin {
    id: String,
    account: String,
}

/// The guard of one integration. It asks once, whoever wants to know.
#[derive(Clone)]
pub(crate) struct Guard {
    name: String,
    expected: Option<String>,
    probe: Arc<dyn Probe>,
    world: Arc<dyn World>,
    seen: Arc<OnceCell<Result<Identity>>>,
}

impl Guard {
    pub(crate) fn new(name: &str, expected: Option<String>, probe: Arc<dyn Probe>, world: Arc<dyn World>) -> Self {
        Self { name: name.to_owned(), expected, probe, world, seen: Arc::default() }
    }

    /// Whose credential it is; another account than expected is an error.
    pub(crate) async fn check(&self) -> Result<Identity> {
        self.seen.get_or_init(|| async { self.expect(self.probe.check().await?) }).await.clone()
    }

    /// The same before something is read: where no call tells whose credential it is, none is made.
    pub(crate) async fn admit(&self) -> Result<Identity> {
        match self.probe.known() {
            Some(identity) => self.seen.get_or_init(|| async { self.expect(identity) }).await.clone(),
            None => self.check().await,
        }
    }

    fn expect(&self, mut identity: Identity) -> Result<Identity> {
        match &self.expected {
            Some(expected) if identity.account != *expected && identity.id.as_ref() != Some(expected) => {
                let message = format!("the credential belongs to {}, not to `{expected}`", shown(&identity));
                return Err(Error::new(ErrorKind::WrongAccount, message));
            }
            Some(_) => {}
            None => self.as_pinned(&identity)?,
        }
        identity.notices.extend(self.expiry(&identity));
        Ok(identity)
    }

    fn as_pinned(&self, identity: &Identity) -> Result<()> {
        let (Some(pin), Some(id)) = (self.pinned()?, &identity.id) else { return Ok(()) };
        if pin.id == *id {
            return Ok(());
        }
        let message = format!(
            "the credential belongs to {}, but until now it was `{}` ({})",
            shown(identity),
            pin.account,
            pin.id
        );
        let advice = format!(
            "use the right credential; or, if this is the right account, say so with `tallysheet check --repin {}` or \
             set `expect_account`",
            self.name
        );
        Err(Error::new(ErrorKind::WrongAccount, message).advice(&advice))
    }

    fn pinned(&self) -> Result<Option<Pin>> {
        let Some(bytes) = self.world.read_state(&self.entry())? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|_| {
            let advice = format!("pin the account again with `tallysheet check --repin {}`", self.name);
            Error::internal(format!("`{}` in the state folder cannot be read", self.entry())).advice(&advice)
        })
    }

    /// Pins the account of a good run, if it is named and none is pinned.
    pub(crate) async fn pin(&self) -> Option<Notice> {
        let identity = self.check().await.ok()?;
        if self.expected.is_some() || !matches!(self.pinned(), Ok(None)) {
            return None;
        }
        let error = self.write(&identity).err()?;
        let message = format!("the account cannot be pinned: {error}");
        Some(Notice::new(Level::Warning, Phase::Collect, error.code(), message).of(&self.name))
    }

    /// Pins the account that the credential belongs to now, whatever was pinned.
    pub(crate) async fn repin(&self) -> Result<Identity> {
        let identity = self.probe.check().await?;
        self.write(&identity)?;
        Ok(identity)
    }

    fn write(&self, identity: &Identity) -> Result<()> {
        let Some(id) = identity.id.clone() else { return Ok(()) };
        let pin = Pin { id, account: identity.account.clone() };
        let bytes = serde_json::to_vec(&pin).map_err(|_| Error::internal("the account cannot be written"))?;
        self.world.write_state(&self.entry(), &bytes)
    }

    fn entry(&self) -> String {
        format!("accounts/{}", self.name)
    }

    fn expiry(&self, identity: &Identity) -> Option<Notice> {
        let ends = identity.expires?;
        let left = ends.duration_since(self.world.now());
        if left > jiff::SignedDuration::try_from(SOON).ok()? {
            return None;
        }
        let message = if left.is_negative() {
            format!("the credential ended {ends}")
        } else {
            format!("the credential ends {ends}; renew it")
        };
        Some(Notice::warning(Code::CredentialExpires, message))
    }
}

fn shown(identity: &Identity) -> String {
    let id = identity.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    format!("`{}`{id}", identity.account)
}

/// The guards of a run, by integration: one that both counts and lists companies is asked once.
pub(crate) type Guards = BTreeMap<String, Guard>;
