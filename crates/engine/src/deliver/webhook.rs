//! A report to a web address, signed.

use super::{Deliver, Receipt, Report, Undelivered};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;
use std::sync::Arc;
use tallysheet_core::ticket::TicketKey;
use tallysheet_core::{Context, Error, Result, Secret, World, async_trait};
use tallysheet_http::{Api, Call};

/// Posts the report.
pub struct WebhookDelivery {
    name: String,
    url: String,
    secret: Option<Secret>,
    headers: Vec<(String, Secret)>,
    api: Api,
}

impl WebhookDelivery {
    /// A delivery to `url`. With a secret the body is signed (`X-Tallysheet-Signature: sha256=HEX`).
    pub fn new(
        name: &str,
        url: &str,
        secret: Option<Secret>,
        headers: Vec<(String, Secret)>,
        world: Arc<dyn World>,
    ) -> Result<Self> {
        let cx = Context {
            integration: name.to_owned(),
            url: None,
            max_concurrency: None,
            requests_per_minute: None,
            metrics: Vec::new(),
            exclude: Vec::new(),
            known_ids: Arc::default(),
            recorder: None,
            world,
        };
        let api = Api::endpoint(&cx, url).build()?;
        Ok(Self { name: name.to_owned(), url: url.to_owned(), secret, headers, api })
    }

    /// Posts a body; what comes back is the status. The key tells the receiver of a repeated call that it is one, so it
    /// may be repeated.
    pub(crate) async fn post(&self, media_type: &'static str, bytes: &[u8], key: &str) -> Result<u16> {
        let call = Call::post_to(&self.url)
            .bytes(media_type, bytes.to_vec())
            .header("x-tallysheet-delivery", key)
            .repeatable();
        let call = match &self.secret {
            Some(secret) => call.header("x-tallysheet-signature", format!("sha256={}", signature(secret, bytes)?)),
            None => call,
        };
        let call = self.headers.iter().fold(call, |call, (name, value)| call.header(name, value.expose()));
        Ok(self.api.send(&call).await?.status())
    }

    /// Calls the address, and brings nothing.
    pub(crate) async fn call(&self) -> Result<()> {
        self.api.send(&Call::get_from(&self.url)).await.map(|_| ())
    }
}

#[async_trait]
impl Deliver for WebhookDelivery {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let key = TicketKey { run: report.run.id.clone(), delivery: self.name.clone() };
        let bytes = report.file.unwrap_or_default();
        let status = self.post(report.format.media_type(), bytes, &key.to_string()).await?;
        Ok(Receipt { reference: Some(format!("answered with {status}")), ..Receipt::default() })
    }

    /// A call without a report would be one that the receiver does not know.
    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}

/// HMAC-SHA256 of the body, in hexadecimal.
fn signature(secret: &Secret, body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|_| Error::internal("the webhook's secret cannot sign"))?;
    mac.update(body);
    Ok(mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2.
        let signed = signature(&Secret::new("Jefe"), b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
