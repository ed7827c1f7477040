//! What a ticket or a mail says: totals and failures, never a customer's name, as PSAs mail it out.

use super::{INCOMPLETE, Report};
use tallysheet_core::ticket::Body;

/// The body that goes with a report.
pub(super) fn body(report: &Report<'_>) -> Body {
    let mut text = String::new();
    if report.test {
        text.push_str("This is a test of the way. It holds no counts.\n\n");
    }
    if report.file.is_none() {
        text = format!("{text}No file goes with this: {INCOMPLETE}.\n\n");
    }
    text.push_str(&tallysheet_report::summary(report.run));
    plain(&text)
}

/// A plain text in both forms.
pub(super) fn plain(text: &str) -> Body {
    Body { html: format!("<pre>{}</pre>", escaped(text)), text: text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
