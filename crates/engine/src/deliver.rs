//! Taking the report where it goes. Each delivery stands alone: the failure of one stops no other.
//!
//! | module | takes it to |
//! | --- | --- |
//! | `ticket` | a ticket desk: looked for before it is made, never made twice |
//! | `email` | a mailer |
//! | `webhook` | a web address |
//! | `message` | what a ticket or a mail says: never a customer's name |

mod email;
mod message;
mod ticket;
mod webhook;

pub use email::EmailDelivery;
pub(crate) use message::plain;
pub use ticket::TicketDelivery;
pub use webhook::WebhookDelivery;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Mutex;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run};
use tallysheet_core::ticket::Attachment;
use tallysheet_core::{Code, Error, Level, Notice, Phase, Result, World, async_trait};
use tallysheet_host::files;
use tallysheet_report::{Format, render};
use tallysheet_store::{RenderedFile, Store};

/// Why `strict` holds a file back.
pub(crate) const INCOMPLETE: &str = "the report is incomplete, and `strict` is set";

/// A place that reports go to.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Takes the report there.
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered>;

    /// Looks up what the delivery names (a company, a board), and makes nothing.
    async fn check(&self) -> Result<()>;

    /// Whether it can bring the message that says why a file is held back.
    fn brings_messages(&self) -> bool;
}

/// A report to be delivered.
pub struct Report<'a> {
    /// The run it belongs to, before delivery.
    pub run: &'a Run,
    /// The delivery's format.
    pub format: Format,
    /// The rendered bytes; `None` where `strict` holds them back, and only the message goes.
    pub file: Option<&'a [u8]>,
    /// For dates in names.
    pub timezone: &'a TimeZone,
    /// Whether it is but a test of the way.
    pub test: bool,
}

impl Report<'_> {
    /// Fills the placeholders of a path or a title. Times are those of the run's start, in its time zone.
    pub(crate) fn fill(&self, template: &str) -> String {
        let at = self.run.started_at.to_zoned_datetime(self.timezone.clone());
        [
            ("{date}", at.strftime("%Y-%m-%d").to_string()),
            ("{month}", at.strftime("%Y-%m").to_string()),
            ("{time}", at.strftime("%H%M%S").to_string()),
            ("{run}", self.run.id.clone()),
            ("{status}", tallysheet_report::status_word(self.run.status).to_owned()),
        ]
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The same for a title or a subject, marked where it is a test.
    pub(crate) fn title(&self, template: &str) -> String {
        let title = self.fill(template);
        if self.test { format!("[Test] {title}") } else { title }
    }

    /// The file under the name that a delivery gives it.
    pub(crate) fn attachment(&self, file_name: Option<&str>) -> Option<Attachment> {
        let usual = || format!("billing-counts-{{date}}.{}", self.format.ending());
        Some(Attachment {
            file_name: self.fill(&file_name.map_or_else(usual, str::to_owned)),
            content_type: self.format.media_type(),
            bytes: self.file?.to_vec(),
        })
    }
}

/// Where the report is now.
#[derive(Default)]
pub struct Receipt {
    /// A path, a ticket number; `None` where there is nothing to name.
    pub reference: Option<String>,
    /// What is not as it was asked for, although it arrived.
    pub warnings: Vec<String>,
}

/// Why it is not there.
pub enum Undelivered {
    /// It certainly is not.
    Failed(Error),
    /// It may be: nothing is repeated.
    Unknown(Error),
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Self {
        if error.maybe_done() { Self::Unknown(error) } else { Self::Failed(error) }
    }
}

/// A delivery of a plan.
pub struct Delivery {
    /// Its name in the config; `output` for the command line's own.
    pub name: String,
    /// `file`, `output`, …
    pub kind: String,
    /// In which form.
    pub format: Format,
    /// Where to.
    pub to: Box<dyn Deliver>,
}

/// How a run's report is delivered.
pub(crate) struct Way<'a> {
    pub(crate) timezone: &'a TimeZone,
    pub(crate) world: &'a dyn World,
    pub(crate) store: &'a dyn Store,
    /// Whether the file is held back.
    pub(crate) held_back: bool,
    pub(crate) test: bool,
}

/// What came of all deliveries.
pub(crate) struct Delivered {
    /// In the order of the deliveries.
    pub(crate) outcomes: Vec<DeliveryOutcome>,
    pub(crate) notices: Vec<Notice>,
    /// Each format that was rendered, once.
    pub(crate) files: Vec<RenderedFile>,
}

/// Renders each format once and delivers side by side. What becomes of a delivery is kept at once.
pub(crate) async fn deliver_all(deliveries: &[Delivery], run: &Run, way: &Way<'_>) -> Delivered {
    let mut rendered: BTreeMap<&str, Result<Vec<u8>>> = BTreeMap::new();
    for delivery in deliveries {
        rendered.entry(delivery.format.as_str()).or_insert_with(|| render(run, delivery.format));
    }
    let told = join_all(deliveries.iter().map(|delivery| {
        let rendered = rendered.get(delivery.format.as_str());
        async move {
            let (result, bytes) = match rendered {
                Some(Err(error)) => (Err(Undelivered::Failed(error.clone())), &[][..]),
                Some(Ok(bytes)) => (deliver_one(delivery, run, bytes, way).await, bytes.as_slice()),
                None => (Ok(None), &[][..]),
            };
            let (outcome, mut notices) = outcome(delivery, result, run, way, bytes);
            // A test belongs to no run that is kept.
            if !way.test
                && let Err(error) = way.store.keep_delivery(&run.id, &outcome).await
            {
                notices.push(Notice::new(Level::Error, Phase::Deliver, error.code(), error.to_string()));
            }
            (outcome, notices)
        }
    }))
    .await;
    let (outcomes, notices): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    let files = rendered.into_iter().filter_map(|(format, bytes)| Some((format.to_owned(), bytes.ok()?)));
    Delivered {
        outcomes,
        notices: notices.into_iter().flatten().collect(),
        files: files.map(|(format, bytes)| RenderedFile { format, bytes }).collect(),
    }
}

/// `None` where it is skipped.
async fn deliver_one(
    delivery: &Delivery,
    run: &Run,
    bytes: &[u8],
    way: &Way<'_>,
) -> Result<Option<Receipt>, Undelivered> {
    if way.held_back && !delivery.to.brings_messages() {
        return Ok(None);
    }
    let file = (!way.held_back).then_some(bytes);
    let report = Report { run, format: delivery.format, file, timezone: way.timezone, test: way.test };
    // A panic ends this delivery only. What it says may hold anything, so it is not shown.
    let result = AssertUnwindSafe(delivery.to.deliver(&report)).catch_unwind().await;
    result
        .unwrap_or_else(|_| {
            let error = Error::internal("the delivery has a defect and stopped; please report it");
            Err(Undelivered::Unknown(error))
        })
        .map(Some)
}

fn outcome(
    delivery: &Delivery,
    result: Result<Option<Receipt>, Undelivered>,
    run: &Run,
    way: &Way<'_>,
    bytes: &[u8],
) -> (DeliveryOutcome, Vec<Notice>) {
    let (name, mut notices) = (&delivery.name, Vec::new());
    let say = |level, code: Option<Code>, message| Notice::new(level, Phase::Deliver, code, message);
    let (status, reference, error) = match result {
        Ok(None) => (DeliveryStatus::Skipped, None, Some(INCOMPLETE.to_owned())),
        Ok(Some(receipt)) => {
            let place = receipt.reference.as_ref().map(|place| format!(": {place}")).unwrap_or_default();
            notices.push(say(Level::Info, None, format!("{name} delivered{place}")));
            notices
                .extend(receipt.warnings.iter().map(|warning| say(Level::Warning, None, format!("{name}: {warning}"))));
            (DeliveryStatus::Delivered, receipt.reference, None)
        }
        Err(Undelivered::Failed(error)) => {
            let error = kept_at_hand(delivery, error, run, way, bytes);
            notices.push(say(Level::Error, Some(Code::DeliveryFailed), format!("{name} failed: {error}")));
            (DeliveryStatus::Failed, None, Some(error.to_string()))
        }
        Err(Undelivered::Unknown(error)) => {
            let error = kept_at_hand(delivery, error, run, way, bytes);
            notices.push(say(Level::Error, Some(Code::DeliveryUnknown), format!("{name} may have arrived: {error}")));
            (DeliveryStatus::Unknown, None, Some(error.to_string()))
        }
    };
    (DeliveryOutcome { name: name.clone(), kind: delivery.kind.clone(), status, reference, error }, notices)
}

/// Puts a report that did not arrive where people can open it, and says where.
fn kept_at_hand(delivery: &Delivery, error: Error, run: &Run, way: &Way<'_>, bytes: &[u8]) -> Error {
    if bytes.is_empty() || way.test {
        return error;
    }
    let name = format!("undelivered/{}/{}.{}", run.id, delivery.name, delivery.format.ending());
    match way.world.write_state(&name, bytes) {
        Ok(()) => error.advice(&format!("the report is kept in {}", way.world.state_place(&name))),
        Err(unkept) => error.advice(&unkept.to_string()),
    }
}

/// Writes a file; one that exists is never overwritten.
pub struct FileDelivery {
    /// The path, with `{date}`, `{month}`, `{time}`, `{run}` and `{status}`.
    pub path: PathBuf,
}

#[async_trait]
impl Deliver for FileDelivery {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let path = report.fill(&self.path.to_string_lossy());
        let written = files::write_new_file(path.as_ref(), report.file.unwrap_or_default())?;
        Ok(Receipt { reference: Some(written.display().to_string()), ..Receipt::default() })
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}

/// Writes to a stream: standard output.
pub struct StreamDelivery<W> {
    stream: Mutex<W>,
}

impl<W: Write + Send> StreamDelivery<W> {
    /// A delivery to `stream`.
    pub const fn new(stream: W) -> Self {
        Self { stream: Mutex::new(stream) }
    }
}

#[async_trait]
impl<W: Write + Send> Deliver for StreamDelivery<W> {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let mut stream = self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        stream
            .write_all(report.file.unwrap_or_default())
            .and_then(|()| stream.flush())
            .map_err(|error| Error::internal(format!("the output cannot be written: {error}")))?;
        Ok(Receipt::default())
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn brings_messages(&self) -> bool {
        false
    }
}
