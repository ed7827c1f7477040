//! A report by mail.

use super::{Deliver, Receipt, Report, Undelivered, message};
use std::sync::Arc;
use tallysheet_core::capability::Mail;
use tallysheet_core::{Mailer, Result, async_trait};

/// Sends the report to mailboxes.
pub struct EmailDelivery {
    /// The delivery's name.
    pub name: String,
    /// Who sends it.
    pub mailer: Arc<dyn Mailer>,
    /// Who gets it.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// The name of the attached file.
    pub file_name: Option<String>,
}

#[async_trait]
impl Deliver for EmailDelivery {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let mail = Mail {
            recipients: self.recipients.clone(),
            subject: report.title(&self.subject),
            body: message::body(report)?,
            attachments: report.attachment(self.file_name.as_deref()).into_iter().collect(),
            message_id: format!("tallysheet.{}.{}", report.run.id, self.name),
        };
        let named = self.mailer.send(&mail).await?;
        let reference = named.unwrap_or_else(|| self.recipients.join(", "));
        Ok(Receipt { reference: Some(reference), ..Receipt::default() })
    }

    /// There is nothing to look up: whether the mailer answers is its integration's own check.
    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        true
    }
}
