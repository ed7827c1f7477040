//! A vendor's own log-in, unattended: with a user name and a password, and the passcodes of a second factor (RFC 6238).

use crate::api::Api;
use crate::call::Call;
use crate::reply::Reply;
use crate::token::{Token, TokenSource};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::wire::Moment;
use tallysheet_core::{Context, Error, ErrorKind, Result, Secret, World, async_trait};

/// Issues tokens by one call, made anew for each passcode.
pub struct Login {
    endpoint: Api,
    totp: Option<Totp>,
    call: Box<MakeCall>,
    token: fn(&Reply, bool) -> Result<(Secret, Moment)>,
    /// The passcode shown last, where the vendor takes each once.
    shown: Option<Mutex<Option<String>>>,
    world: Arc<dyn World>,
}

type MakeCall = dyn Fn(Option<&str>) -> Result<Call> + Send + Sync;

impl Login {
    /// A log-in at `url`, with a second factor where there is a secret. `call` gets the passcode; `token` reads the
    /// answer: the token and when it ends. It is told whether a passcode was sent.
    pub fn new(
        cx: &Context,
        url: &str,
        totp_secret: Option<&Secret>,
        call: impl Fn(Option<&str>) -> Result<Call> + Send + Sync + 'static,
        token: fn(&Reply, bool) -> Result<(Secret, Moment)>,
    ) -> Result<Self> {
        let totp = totp_secret.map(Totp::new).transpose()?;
        let endpoint = Api::token_endpoint(cx, url)?;
        Ok(Self { endpoint, totp, call: Box::new(call), token, shown: None, world: cx.world.clone() })
    }

    /// Says that the vendor takes each passcode once: none is shown again, be it after a fault or for another token.
    #[must_use]
    pub fn single_use(self) -> Self {
        Self { shown: Some(Mutex::default()), ..self }
    }

    fn passcode(&self) -> Option<String> {
        self.totp.as_ref().map(|totp| totp.passcode(self.world.now()))
    }

    /// A passcode that was not shown yet, where that matters.
    async fn fresh_passcode(&self) -> Option<String> {
        let passcode = self.passcode()?;
        let is_spent = |shown: &Mutex<Option<String>>| *lock(shown) == Some(passcode.clone());
        if self.shown.as_ref().is_some_and(is_spent) {
            let over = u64::try_from(self.world.now().as_second()).unwrap_or_default() % STEP;
            self.world.sleep(Duration::from_secs(STEP - over)).await;
        }
        self.passcode()
    }

    async fn log_in(&self, passcode: Option<&str>) -> Result<Token> {
        let call = (self.call)(passcode)?;
        let call = match (&self.shown, passcode) {
            (Some(shown), Some(passcode)) => {
                *lock(shown) = Some(passcode.to_owned());
                call
            }
            // It changes nothing, so it may be repeated.
            _ => call.repeatable(),
        };
        let reply = self.endpoint.send(&call).await?;
        let (secret, ends) = (self.token)(&reply, passcode.is_some())?;
        let left = ends.0.and_then(|end| Duration::try_from(end.duration_since(self.world.now())).ok());
        // One that is over already tells of two clocks that differ: it serves until it is refused.
        Ok(Token { secret, lifetime: left.filter(|left| !left.is_zero()) })
    }
}

#[async_trait]
impl TokenSource for Login {
    async fn issue(&self) -> Result<Token> {
        let passcode = self.fresh_passcode().await;
        let answer = self.log_in(passcode.as_deref()).await;
        // Where the call had to wait, its passcode may have been over when it was looked at: no wrong credential.
        let newer = self.passcode();
        match answer {
            Err(error) if error.kind() == ErrorKind::Auth && newer != passcode => self.log_in(newer.as_deref()).await,
            answer => answer,
        }
    }
}

/// How many seconds a passcode is good.
const STEP: u64 = 30;

fn lock(shown: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A second factor as authenticator apps have it: SHA-1, six digits, thirty seconds.
pub struct Totp(totp_rs::Totp);

impl Totp {
    /// From the Base32 text that an app is given. Case, spaces, dashes and padding do not matter.
    pub fn new(secret: &Secret) -> Result<Self> {
        let ignored = |character: char| character.is_whitespace() || matches!(character, '-' | '=');
        let text: String = secret.expose().chars().filter(|character| !ignored(*character)).collect();
        let key =
            totp_rs::Secret::try_from_base32(text.to_ascii_uppercase()).ok().filter(|key| !key.as_bytes().is_empty());
        let key = key.ok_or_else(|| {
            let error = Error::config("`totp_secret` is no Base32 text (letters, and digits from 2 to 7)");
            error.advice("it is the text behind the QR code of the second factor, not a passcode")
        })?;
        // Vendors give keys of 80 bits too, although the standard wants 128.
        Ok(Self(totp_rs::Builder::new().with_secret(key).build_noncompliant()))
    }

    /// The passcode that is good at a time.
    pub fn passcode(&self, at: Timestamp) -> String {
        self.0.generate(u64::try_from(at.as_second()).unwrap_or_default()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallysheet_core::ErrorKind;

    fn totp(secret: &str) -> Result<Totp> {
        Totp::new(&Secret::new(secret))
    }

    #[test]
    fn passcodes_are_those_of_the_standard() {
        for secret in ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", " gezd gnbv gy3t qojq gezd-gnbv-gy3t-qojq==\n"] {
            let totp = totp(secret).unwrap();
            // RFC 6238, appendix B; the second one has a leading zero.
            for (second, passcode) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
                assert_eq!(totp.passcode(Timestamp::from_second(second).unwrap()), passcode);
            }
        }
        let short = totp("JBSWY3DPEHPK3PXP").unwrap();
        assert_eq!(short.passcode(Timestamp::from_second(59).unwrap()), "996554");
    }

    #[test]
    fn what_is_no_base32_is_a_wrong_setting() {
        for secret in ["287082", "GEZD1", "", " ", "GEZDGNBVGY3TQOJé"] {
            assert_eq!(totp(secret).map_err(|error| error.kind()).err(), Some(ErrorKind::Config), "{secret}");
        }
    }
}
