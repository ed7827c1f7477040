//! The message as it goes over the wire.

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use tallysheet_core::capability::Mail;
use tallysheet_core::{Error, ErrorKind, Result};

/// A message and its envelope.
pub(crate) struct Message {
    pub(crate) from: Address,
    pub(crate) to: Vec<Address>,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    /// One message to all: text and HTML for the reader's program to choose from, then the files.
    pub(crate) fn new(mail: &Mail, from: &Mailbox, now: Timestamp) -> Result<Self> {
        let to = mail.recipients.iter().map(|text| recipient(text)).collect::<Result<Vec<_>>>()?;
        let html = format!("<!doctype html>\n<html><body>{}</body></html>\n", mail.body.html);
        let alternative = MultiPart::alternative()
            .singlepart(SinglePart::plain(mail.body.text.clone()))
            .singlepart(SinglePart::html(html));
        let mut parts = MultiPart::mixed().multipart(alternative);
        for file in &mail.attachments {
            let unusable = || Error::internal(format!("{} cannot be attached", file.file_name));
            // Whatever else would keep its line ends only as long as nobody on the way changes them.
            let bytes = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64);
            let content_type = ContentType::parse(file.content_type).map_err(|_| unusable())?;
            let name = file.file_name.clone();
            parts = parts.singlepart(Attachment::new(name).body(bytes.map_err(|_| unusable())?, content_type));
        }
        let date = now.try_into().map_err(|_| Error::internal("the clock stands at no date that mail knows"))?;
        let builder = lettre::Message::builder().from(from.clone()).date(date);
        let builder = to.iter().fold(builder, |builder, to| builder.to(Mailbox::new(None, to.clone())));
        let message = builder
            .subject(&mail.subject)
            .message_id(Some(mail.message_id_at(from.email.domain())))
            .user_agent(concat!("Tallysheet/", env!("CARGO_PKG_VERSION")).to_owned())
            // Nobody's out-of-office note need answer it.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(parts)
            .map_err(|_| Error::internal("the message cannot be put together"))?;
        Ok(Self { from: from.email.clone(), to, bytes: message.formatted() })
    }
}

fn recipient(text: &str) -> Result<Address> {
    let address: Address = text.parse().map_err(|_| Error::config(format!("`{text}` is no mail address")))?;
    if text.is_ascii() {
        return Ok(address);
    }
    let message = format!("`{text}`: only ASCII is sent; write a domain of other letters in its form with xn--");
    Err(Error::new(ErrorKind::Unsupported, message))
}
