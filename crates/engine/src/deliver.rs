//! Taking the report where it goes. Each delivery stands alone: the failure of one stops no other.

use jiff::tz::TimeZone;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run};
use tallysheet_core::{Code, Error, Level, Notice, Phase, Result, async_trait};
use tallysheet_host::files;
use tallysheet_report::{Format, render};

/// A place that reports go to.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Takes the report there.
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered>;
}

/// A report to be delivered.
pub struct Report<'a> {
    /// The run it belongs to, before delivery.
    pub run: &'a Run,
    /// The delivery's format.
    pub format: Format,
    /// The rendered bytes.
    pub bytes: &'a [u8],
    /// For dates in names.
    pub timezone: &'a TimeZone,
}

/// Where the report is now.
pub struct Receipt {
    /// A path, a ticket number; `None` where there is nothing to name.
    pub reference: Option<String>,
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
        Self::Failed(error)
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

/// Renders and delivers, one after the other, in the order of the plan.
pub(crate) async fn deliver_all(
    deliveries: &[Delivery],
    run: &Run,
    timezone: &TimeZone,
) -> (Vec<DeliveryOutcome>, Vec<Notice>) {
    let (mut outcomes, mut notices) = (Vec::new(), Vec::new());
    for delivery in deliveries {
        let result = deliver_one(delivery, run, timezone).await;
        let name = &delivery.name;
        let (status, reference, error) = match result {
            Ok(receipt) => {
                let place = receipt.reference.as_ref().map(|place| format!(": {place}")).unwrap_or_default();
                notices.push(Notice::new(Level::Info, Phase::Deliver, None, format!("{name} delivered{place}")));
                (DeliveryStatus::Delivered, receipt.reference, None)
            }
            Err(Undelivered::Failed(error)) => {
                notices.push(failure(Code::DeliveryFailed, format!("{name} failed: {error}")));
                (DeliveryStatus::Failed, None, Some(error.to_string()))
            }
            Err(Undelivered::Unknown(error)) => {
                notices.push(failure(Code::DeliveryUnknown, format!("{name} may have arrived: {error}")));
                (DeliveryStatus::Unknown, None, Some(error.to_string()))
            }
        };
        outcomes.push(DeliveryOutcome { name: name.clone(), kind: delivery.kind.clone(), status, reference, error });
    }
    (outcomes, notices)
}

fn failure(code: Code, message: String) -> Notice {
    Notice::new(Level::Error, Phase::Deliver, code, message)
}

async fn deliver_one(delivery: &Delivery, run: &Run, timezone: &TimeZone) -> Result<Receipt, Undelivered> {
    let bytes = render(run, delivery.format)?;
    delivery.to.deliver(&Report { run, format: delivery.format, bytes: &bytes, timezone }).await
}

/// Writes a file; one that exists is never overwritten.
pub struct FileDelivery {
    /// The path, with `{date}`, `{month}`, `{time}`, `{run}` and `{status}`.
    pub path: PathBuf,
}

#[async_trait]
impl Deliver for FileDelivery {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let path = fill(&self.path.to_string_lossy(), report.run, report.timezone);
        let written = files::write_new_file(path.as_ref(), report.bytes)?;
        Ok(Receipt { reference: Some(written.display().to_string()) })
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
            .write_all(report.bytes)
            .and_then(|()| stream.flush())
            .map_err(|error| Error::internal(format!("the output cannot be written: {error}")))?;
        Ok(Receipt { reference: None })
    }
}

/// Fills the placeholders of a path or a title. Times are those of the run's start, in its time zone.
pub(crate) fn fill(template: &str, run: &Run, timezone: &TimeZone) -> String {
    let at = run.started_at.to_zoned_datetime(timezone.clone());
    let status = tallysheet_report::status_word(run.status);
    [
        ("{date}", at.strftime("%Y-%m-%d").to_string()),
        ("{month}", at.strftime("%Y-%m").to_string()),
        ("{time}", at.strftime("%H%M%S").to_string()),
        ("{run}", run.id.clone()),
        ("{status}", status.to_owned()),
    ]
    .iter()
    .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}
