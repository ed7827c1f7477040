//! A report in a ticket. One adapter for every desk: a ticket is looked for before it is made, one that may have been
//! made is looked for and never made again, and one whose file is lacking is completed.

use super::{Deliver, Receipt, Report, Undelivered, message};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::run::Run;
use tallysheet_core::sheet::Cell;
use tallysheet_core::ticket::{
    Attachment, Body, Found, NewTicket, PreparedForm, TicketForm, TicketKey, TicketRef, TicketSearch,
};
use tallysheet_core::{Error, ErrorKind, Result, TicketDesk, World, async_trait};
use tallysheet_matching::normalise;

/// How far back the ticket of a run may lie: clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);
/// How far back a ticket that is kept alive may lie.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Waits before a ticket that may have been made is looked for: some PSAs find what is new only after a while.
const LOOKS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_mins(1)];
/// A table of more notes than this would bury the ticket.
const MOST_NOTES: usize = 20;

/// Takes the report to a ticket.
pub struct TicketDelivery {
    /// The delivery's name.
    pub name: String,
    /// Where tickets are made.
    pub desk: Arc<dyn TicketDesk>,
    /// The least right that its credential needs, for whoever lacks it.
    pub permissions: &'static str,
    /// What the ticket is to be; its title may hold placeholders.
    pub form: TicketForm,
    /// The name of the attached file.
    pub file_name: Option<String>,
    /// Whether the company may be one that is a row with counts.
    pub own: bool,
    /// Whether one ticket is kept alive, instead of one for each run.
    pub keep_open: bool,
    /// Whether the table may go into the body, where neither a file nor a note can hold it.
    pub fallback_body: bool,
    /// The companies of the companies file by their id in this PSA.
    pub customers: BTreeMap<String, String>,
    /// To wait with.
    pub world: Arc<dyn World>,
}

#[async_trait]
impl Deliver for TicketDelivery {
    async fn deliver(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let delivered = self.deliver_to_ticket(report).await;
        delivered.map_err(|undelivered| match undelivered {
            Undelivered::Failed(error) => Undelivered::Failed(self.explained(error)),
            Undelivered::Unknown(error) => Undelivered::Unknown(error),
        })
    }

    async fn check(&self) -> Result<()> {
        self.desk.prepare(&self.form).await.map(|_| ()).map_err(|error| self.explained(error))
    }

    fn brings_messages(&self) -> bool {
        true
    }
}

impl TicketDelivery {
    async fn deliver_to_ticket(&self, report: &Report<'_>) -> Result<Receipt, Undelivered> {
        let title = report.title(&self.form.title);
        let longest = self.desk.limits().title;
        if title.chars().count() > longest {
            return Err(
                Error::config(format!("`title` has more than the {longest} characters that the PSA takes")).into()
            );
        }
        let form = self.desk.prepare(&TicketForm { title, ..self.form.clone() }).await?;
        self.refuse_customer(&form, report.run)?;

        let key = TicketKey { run: report.run.id.clone(), delivery: self.key_name(report) };
        let mut file = report.attachment(self.file_name.as_deref());
        let mut receipt = Receipt::default();
        let (ticket, attached) = if let Some((ticket, own)) = self.existing(&form, report).await? {
            let held = self.desk.attachments(&ticket).await?;
            if let Some(file) = file.as_mut().filter(|_| !own) {
                rename_if_taken(file, &held, &report.run.id);
            }
            let attached = file.as_ref().is_none_or(|file| held.contains(&file.file_name));
            if !own {
                self.desk.add_note(&ticket, &message::body(report)?).await?;
            }
            (ticket, attached)
        } else {
            let body = self.body(report, file.as_ref())?;
            self.make(&form, NewTicket { form: form.clone(), body, key }, report, file.as_ref()).await?
        };
        if let Some(file) = file.filter(|_| !attached) {
            self.attach(&ticket, &file, report, &mut receipt).await?;
        }
        receipt.reference = Some(ticket.number);
        Ok(receipt)
    }

    /// The ticket that this report belongs to, if there is one, and whether it is this run's own.
    async fn existing(&self, form: &PreparedForm, report: &Report<'_>) -> Result<Option<(TicketRef, bool)>> {
        let own = self.desk.find(form, &self.search(report, false)).await?.into_iter().next();
        if own.is_some() || !self.keep_open {
            return Ok(own.map(|found| (found.ticket, true)));
        }
        let of_any_run = self.desk.find(form, &self.search(report, true)).await?;
        Ok(of_any_run.into_iter().find(|found: &Found| found.open).map(|found| (found.ticket, false)))
    }

    fn search(&self, report: &Report<'_>, any_run: bool) -> TicketSearch {
        let (run, back) = if any_run { (None, LONG_AGO) } else { (Some(report.run.id.clone()), CLOCKS_DIFFER) };
        let since = report.run.started_at.checked_sub(back).unwrap_or(report.run.started_at);
        TicketSearch { delivery: self.key_name(report), run, since }
    }

    /// The delivery's part of a key. A test has another: no report may go into its ticket, nor it into a report's.
    fn key_name(&self, report: &Report<'_>) -> String {
        if report.test { format!("{}.test", self.name) } else { self.name.clone() }
    }

    /// Makes the ticket once. Where it may have been made without our hearing of it, it is looked for.
    async fn make(
        &self,
        form: &PreparedForm,
        ticket: NewTicket,
        report: &Report<'_>,
        file: Option<&Attachment>,
    ) -> Result<(TicketRef, bool), Undelivered> {
        let error = match self.desk.create(&ticket, file).await {
            Ok(created) => return Ok((created.ticket, created.attached)),
            Err(error) if error.maybe_done() => error,
            Err(error) => return Err(error.into()),
        };
        for wait in LOOKS {
            self.world.sleep(wait).await;
            // One that cannot be looked for now may be found by the next look.
            let found = self.desk.find(form, &self.search(report, false)).await.unwrap_or_default();
            if let Some(found) = found.into_iter().next() {
                let held = self.desk.attachments(&found.ticket).await?;
                let attached = file.is_none_or(|file| held.contains(&file.file_name));
                return Ok((found.ticket, attached));
            }
        }
        let advice = format!("no ticket with the key {} was found; look yourself before you deliver again", ticket.key);
        Err(Undelivered::Unknown(error.advice(&advice)))
    }

    /// Attaches the file, else puts its table into internal notes, with a warning.
    async fn attach(
        &self,
        ticket: &TicketRef,
        file: &Attachment,
        report: &Report<'_>,
        receipt: &mut Receipt,
    ) -> Result<(), Undelivered> {
        let most = self.desk.limits().file;
        let refused = if file.bytes.len() > most {
            let size = file.bytes.len();
            Error::new(ErrorKind::Unsupported, format!("the file has {size} bytes, and the PSA takes {most}"))
        } else {
            match self.desk.attach(ticket, file).await {
                Ok(()) => return Ok(()),
                Err(error) if error.maybe_done() => {
                    let held = self.desk.attachments(ticket).await.unwrap_or_default();
                    if held.contains(&file.file_name) {
                        return Ok(());
                    }
                    return Err(at(ticket, error).into());
                }
                // Another try may attach it: the ticket is there to be completed.
                Err(error) if error.kind().is_transient() || error.kind() == ErrorKind::Auth => {
                    return Err(at(ticket, error).into());
                }
                Err(error) => self.explained(error),
            }
        };
        self.fall_back(ticket, report, &refused).await.map_err(|error| at(ticket, error))?;
        receipt.warnings.push(format!("no file is attached ({refused}); the table stands in the ticket instead"));
        Ok(())
    }

    /// The table in internal notes, or in the body, where it stands already.
    async fn fall_back(&self, ticket: &TicketRef, report: &Report<'_>, why: &Error) -> Result<()> {
        let limit = self.desk.limits().note;
        if limit == 0 {
            if self.fallback_body {
                return Ok(());
            }
            let error = Error::new(ErrorKind::Unsupported, format!("the PSA has no notes to hold the table ({why})"));
            return Err(error.advice("`fallback = \"body\"` lets it stand in the body"));
        }
        let notes = tables(report, limit)?;
        for (number, table) in notes.iter().enumerate() {
            let head = format!("The counts of run {}, part {} of {}.", report.run.id, number + 1, notes.len());
            self.desk.add_note(ticket, &message::plain(&format!("{head}\n\n{table}"))).await?;
        }
        Ok(())
    }

    /// The body; with the table where nothing else can hold it and the config allows it.
    fn body(&self, report: &Report<'_>, file: Option<&Attachment>) -> Result<Body> {
        let (body, limits) = (message::body(report)?, self.desk.limits());
        let unattachable = file.is_some_and(|file| file.bytes.len() > limits.file);
        if !unattachable || limits.note > 0 || !self.fallback_body {
            return Ok(body);
        }
        let table = tables(report, usize::MAX)?.concat();
        Ok(message::plain(&format!("{}\n\n{table}", body.text)))
    }

    /// The file holds every customer's data: it must not go to one of them.
    fn refuse_customer(&self, form: &PreparedForm, run: &Run) -> Result<()> {
        if self.own {
            return Ok(());
        }
        let by_id = self.customers.get(&form.company_id);
        let name = normalise(&form.company_name);
        let is_meant = |company: &str| by_id.is_some_and(|known| known == company) || normalise(company) == name;
        let counted = |cells: &[Cell]| cells.iter().any(|cell| matches!(cell, Cell::Counted(_)));
        let row = run.sheet.rows.iter().find(|row| !row.unmapped && is_meant(&row.company) && counted(&row.cells));
        let Some(row) = row else { return Ok(()) };
        let message = format!(
            "[deliver.{}] `company` is {}, which is a row with counts: a customer's ticket would show it every \
             customer's counts",
            self.name, row.company
        );
        Err(Error::config(message).advice("name your own company, or say `own = true` if this is it"))
    }

    /// A right that is lacking is named.
    fn explained(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Forbidden {
            return error.advice(&format!("it needs: {}", self.permissions));
        }
        error
    }
}

/// Says which ticket an error is about.
fn at(ticket: &TicketRef, error: Error) -> Error {
    error.context(format!("ticket {}", ticket.number))
}

/// Two runs of one day would give their files one name.
fn rename_if_taken(file: &mut Attachment, held: &[String], run: &str) {
    if !held.contains(&file.file_name) {
        return;
    }
    let (stem, ending) = file.file_name.rsplit_once('.').unwrap_or((&file.file_name, ""));
    let renamed = format!("{stem}-{run}.{ending}");
    file.file_name = renamed.trim_end_matches('.').into();
}

/// The sheet as text, in parts of at most so many characters, each with the header.
fn tables(report: &Report<'_>, limit: usize) -> Result<Vec<String>> {
    // Room for the line that says which part it is.
    let room = limit.saturating_sub(200);
    let csv = tallysheet_report::render(report.run, tallysheet_report::Format::Csv)?;
    let csv = String::from_utf8_lossy(&csv);
    let mut lines = csv.split_inclusive("\r\n");
    let header = lines.next().unwrap_or_default();
    let mut parts = vec![header.to_owned()];
    for line in lines {
        let long = |text: &str| text.chars().count();
        let Some(part) = parts.last_mut() else { break };
        if long(part) + long(line) <= room {
            part.push_str(line);
        } else {
            parts.push(format!("{header}{line}"));
        }
    }
    let fits = parts.iter().all(|part| part.chars().count() <= room.max(1));
    if !fits || parts.len() > MOST_NOTES {
        let error = Error::new(ErrorKind::Unsupported, "the table is too large for the PSA's notes");
        return Err(error.advice("deliver it by mail or to a file"));
    }
    Ok(parts)
}
