//! What a ticket or a mail says: totals and failures, never a customer's name, as PSAs mail it out.

use super::{INCOMPLETE, Report};
use tallysheet_core::Result;
use tallysheet_core::ticket::Body;
use tallysheet_report::{summary, summary_html};

/// The body that goes with a report.
pub(super) fn body(report: &Report<'_>) -> Result<Body> {
    let mut first = Vec::new();
    if report.test {
        first.push("This is a test of the way. It holds no counts.".to_owned());
    }
    if report.file.is_none() {
        first.push(format!("No file goes with this: {INCOMPLETE}."));
    }
    let (mut text, mut html) = (String::new(), String::new());
    for line in &first {
        text = format!("{text}{line}\n\n");
        html = format!("{html}<p>{}</p>", escaped(line));
    }
    text.push_str(&summary(report.run));
    Ok(Body { text, html: html + &summary_html(report.run)? })
}

/// A plain text in both forms.
pub(crate) fn plain(text: &str) -> Body {
    Body { html: format!("<pre>{}</pre>", escaped(text)), text: text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
