//! Mail from a mailbox of the partner's own tenant: in one call, or, with a large file, as a draft that is sent when it
//! is whole.

use crate::MicrosoftGraph;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tallysheet_core::capability::Mail;
use tallysheet_core::ticket::Attachment;
use tallysheet_core::wire::Id;
use tallysheet_core::{Error, Mailer, Result, async_trait};
use tallysheet_http::{Api, Call, segment};

/// More than this in files does not fit into one call: 4 MiB with all else, and Base64 adds a third.
const MOST_AT_ONCE: usize = 3_000_000;
/// From here on a file goes up by a session, which takes no smaller one.
const LARGE: usize = 3 * 1024 * 1024;
/// A piece of a file in a session: less than 4 MB.
const PIECE: usize = 12 * 320 * 1024;

#[async_trait]
impl Mailer for MicrosoftGraph {
    async fn send(&self, mail: &Mail) -> Result<Option<String>> {
        let from =
            self.config.from.as_deref().ok_or_else(|| Error::config("`from` is missing, so no mail can be sent"))?;
        let (api, user) = (&self.tenants.home, format!("/users/{}", segment(from)));
        let id = mail.message_id_at(from.rsplit('@').next().unwrap_or_default());
        let mut message = message(mail, &id);
        let call = if mail.attachments.iter().map(|file| file.bytes.len()).sum::<usize>() <= MOST_AT_ONCE {
            message["attachments"] = mail.attachments.iter().map(attachment).collect();
            Call::post(format!("{user}/sendMail")).json(&json!({ "message": message, "saveToSentItems": true }))?
        } else {
            message["internetMessageId"] = id.into();
            // Until the last call nothing was sent, whatever became of the draft.
            let draft = draft(api, &user, &message, &mail.attachments).await.map_err(|error| unsent(&error))?;
            Call::post(format!("{draft}/send"))
        };
        // Accepted, not delivered; there is no name for it.
        api.send(&call).await.map(|_| None)
    }
}

/// One body is all that Graph takes. The id stands in a header of our own: that of a message in one call is Exchange's.
fn message(mail: &Mail, id: &str) -> Value {
    let recipients = mail.recipients.iter().map(|address| json!({ "emailAddress": { "address": address } }));
    json!({
        "subject": mail.subject,
        "body": { "contentType": "HTML", "content": mail.body.html },
        "toRecipients": recipients.collect::<Vec<_>>(),
        "internetMessageHeaders": [{ "name": "X-Tallysheet-Message-Id", "value": id }],
    })
}

fn attachment(file: &Attachment) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": file.file_name,
        "contentType": file.content_type,
        "contentBytes": BASE64_STANDARD.encode(&file.bytes),
    })
}

#[derive(Deserialize)]
struct Draft {
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

/// Makes a draft with its files; returns its path.
async fn draft(api: &Api, user: &str, message: &Value, files: &[Attachment]) -> Result<String> {
    let made: Draft = api.json(&Call::post(format!("{user}/messages")).json(message)?).await?;
    let path = format!("{user}/messages/{}", segment(made.id.as_str()));
    for file in files {
        if file.bytes.len() < LARGE {
            api.send(&Call::post(format!("{path}/attachments")).json(&attachment(file))?).await?;
        } else {
            upload(api, &path, file).await?;
        }
    }
    Ok(path)
}

/// Takes a file up piece by piece. The address is a key in itself, so no credential goes there.
async fn upload(api: &Api, draft: &str, file: &Attachment) -> Result<()> {
    let size = file.bytes.len();
    let item = json!({ "AttachmentItem": { "attachmentType": "file", "name": file.file_name, "size": size } });
    let session: Session =
        api.json(&Call::post(format!("{draft}/attachments/createUploadSession")).json(&item)?).await?;
    let place = api.unsigned_at(&session.upload_url)?;
    for (index, piece) in file.bytes.chunks(PIECE).enumerate() {
        let (first, last) = (index * PIECE, index * PIECE + piece.len() - 1);
        let call = Call::put_to(&session.upload_url)
            .header("content-range", format!("bytes {first}-{last}/{size}"))
            .bytes("application/octet-stream", piece.to_vec())
            // The same piece at the same place.
            .repeatable();
        place.send(&call).await?;
    }
    Ok(())
}

/// The same error of a step after which nothing can have arrived.
fn unsent(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string()).advice("nothing was sent; a draft may be left in the mailbox")
}
