//! Telling somebody that something failed: once a day for the same cause, and never with a customer's name. So an alert
//! is made of names of the config, of ids and of codes only, and never of an error's text, which may name a customer.

use crate::deliver::{WebhookDelivery, plain};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::capability::Mail;
use tallysheet_core::run::{DeliveryStatus, Run, RunStatus};
use tallysheet_core::ticket::{NewTicket, TicketForm, TicketKey, TicketSearch};
use tallysheet_core::{Code, Error, Identity, Level, Mailer, Result, TicketDesk, World};
use tallysheet_store::Store;

/// How far back the ticket of an alert may lie.
const A_DAY: Duration = Duration::from_hours(24);

/// One thing that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about, in letters, digits, `-`, `.` and `/`: the same cause is told once a day.
    pub cause: String,
    /// In one line.
    pub subject: String,
    /// What there is to do.
    pub text: String,
    /// The run, where there is one.
    pub run: Option<String>,
}

/// What is to be told of a run.
pub fn of_run(run: &Run) -> Vec<Alert> {
    let id = &run.id;
    let alert = |cause: String, subject: String, text: String| Alert { cause, subject, text, run: Some(id.clone()) };
    let mut alerts = Vec::new();
    if run.status == RunStatus::Failed {
        let text = format!("Run {id} ended without a report: nothing could be counted. Its log says why.");
        alerts.push(alert("run".to_owned(), "The run failed".to_owned(), text));
    }
    for delivery in &run.deliveries {
        let (name, kind) = (&delivery.name, &delivery.kind);
        let became = match delivery.status {
            DeliveryStatus::Failed => "failed",
            DeliveryStatus::Unknown => "may have failed",
            DeliveryStatus::Delivered | DeliveryStatus::Skipped => continue,
        };
        let text = format!(
            "The delivery {name} ({kind}) of run {id} {became}. The run is kept: once the cause is gone, \
             `tallysheet deliver {id} {name}` delivers it."
        );
        alerts.push(alert(format!("delivery/{name}"), format!("The delivery {name} {became}"), text));
    }
    let mut credentials: BTreeMap<&str, Code> = BTreeMap::new();
    for entry in &run.log {
        if let (Some(name), Some(code), true) =
            (&entry.notice.integration, entry.notice.code, entry.notice.company.is_none())
            && (code == Code::CredentialExpires || (entry.notice.level == Level::Error && has_died(code)))
        {
            credentials.entry(name).or_insert(code);
        }
    }
    alerts.extend(
        credentials.into_iter().map(|(name, code)| Alert { run: Some(id.clone()), ..credential(name, code, None) }),
    );
    alerts
}

/// What is to be told of an answer to `check`.
pub fn of_check(name: &str, answer: &Result<Identity>, now: Timestamp, expiry_days: u16) -> Option<Alert> {
    match answer {
        Err(error) => has_died(error.code()).then(|| credential(name, error.code(), None)),
        Ok(identity) => {
            let expires = identity.expires?;
            let soon = now + SignedDuration::from_hours(24 * i64::from(expiry_days));
            (expires <= soon).then(|| credential(name, Code::CredentialExpires, Some(expires)))
        }
    }
}

/// What is to be told of a run that could not begin.
pub fn of_error(error: &Error) -> Alert {
    let code = error.code();
    let text = format!("No run could be made [{code}]. `tallysheet check` on that machine says more.");
    Alert { cause: "run".to_owned(), subject: "No run could be made".to_owned(), text, run: None }
}

/// Whether a credential that answers so needs somebody: it will not get better by itself.
const fn has_died(code: Code) -> bool {
    matches!(code, Code::AuthFailed | Code::Forbidden | Code::ConsentMissing | Code::WrongAccount)
}

fn credential(name: &str, code: Code, expires: Option<Timestamp>) -> Alert {
    let (subject, text) = if code == Code::CredentialExpires {
        let when = expires.map(|at| format!(" at {at}")).unwrap_or_default();
        (
            format!("The credential of {name} ends soon"),
            format!(
                "The credential of the integration {name} ends{when} [{code}]. Renew it, and put the new one where the config says."
            ),
        )
    } else {
        (
            format!("The credential of {name} does not work"),
            format!("The integration {name} is refused [{code}]. `tallysheet check {name}` says more."),
        )
    };
    Alert { cause: format!("credential/{name}"), subject, text, run: None }
}

/// Those who are told.
pub struct Alerts {
    pub(crate) ways: Vec<AlertWay>,
    pub(crate) heartbeat: Option<WebhookDelivery>,
    pub(crate) expiry_days: u16,
    pub(crate) timezone: TimeZone,
    pub(crate) world: Arc<dyn World>,
    pub(crate) store: Arc<dyn Store>,
}

/// One way to tell somebody.
pub(crate) enum AlertWay {
    Email { mailer: Arc<dyn Mailer>, recipients: Vec<String> },
    Webhook(WebhookDelivery),
    Ticket { desk: Arc<dyn TicketDesk>, form: TicketForm },
}

impl Alerts {
    /// How many days before its end a credential is told of.
    pub const fn expiry_days(&self) -> u16 {
        self.expiry_days
    }

    /// Tells what there is to tell of a run, and reports it where good ones are reported.
    pub async fn after(&self, run: &Run) {
        self.tell(of_run(run)).await;
        if let (Some(heartbeat), 0 | 3) = (&self.heartbeat, run.exit_status)
            && let Err(error) = heartbeat.call().await
        {
            tracing::error!("the heartbeat's address could not be called [{}]", error.code());
        }
    }

    /// Tells each alert whose cause was not told today. What cannot be told stands in the program's log.
    pub async fn tell(&self, alerts: Vec<Alert>) {
        for alert in alerts {
            tracing::error!("{}", alert.text);
            if let Err(error) = self.tell_one(&alert).await {
                tracing::error!("the alert could not be told [{}]", error.code());
            }
        }
    }

    async fn tell_one(&self, alert: &Alert) -> Result<()> {
        if self.ways.is_empty() {
            return Ok(());
        }
        let day = self.world.now().to_zoned_datetime(self.timezone.clone()).date().to_string();
        let note = format!("alert/{}", alert.cause);
        let before = self.store.note(&note).await?;
        // Noted before it is told: two processes, or a crash in between, must not tell it twice.
        if before.as_deref() == Some(day.as_str()) || !self.store.swap_note(&note, before.as_deref(), &day).await? {
            return Ok(());
        }
        let (mut told, mut failure) = (false, None);
        for way in &self.ways {
            match self.tell_by(way, alert, &day).await {
                Ok(()) => told = true,
                Err(error) => {
                    told |= error.maybe_done();
                    failure = Some(error);
                }
            }
        }
        if !told {
            self.store.keep_note(&note, before.as_deref().unwrap_or_default()).await?;
        }
        failure.map_or(Ok(()), Err)
    }

    async fn tell_by(&self, way: &AlertWay, alert: &Alert, day: &str) -> Result<()> {
        let subject = format!("Tallysheet: {}", alert.subject);
        let name = format!("alert-{}", alert.cause.replace('/', "-"));
        match way {
            AlertWay::Email { mailer, recipients } => {
                let mail = Mail {
                    recipients: recipients.clone(),
                    subject,
                    body: plain(&alert.text),
                    attachments: Vec::new(),
                    message_id: format!("{name}.{day}@tallysheet"),
                };
                mailer.send(&mail).await.map(|_| ())
            }
            AlertWay::Webhook(webhook) => {
                let Alert { cause, subject, text, run } = alert;
                let time = self.world.now().to_string();
                let body = json!({ "cause": cause, "subject": subject, "text": text, "run": run, "time": time });
                let key = TicketKey { run: day.to_owned(), delivery: name };
                webhook.post("application/json", body.to_string().as_bytes(), &key.to_string()).await.map(|_| ())
            }
            AlertWay::Ticket { desk, form } => {
                let title: String = subject.chars().take(desk.limits().title).collect();
                let form = desk.prepare(&TicketForm { title, ..form.clone() }).await?;
                let key = TicketKey { run: day.to_owned(), delivery: name.clone() };
                let since = self.world.now() - A_DAY;
                let search = TicketSearch { delivery: name, run: Some(day.to_owned()), since };
                if desk.find(&form, &search).await?.is_empty() {
                    desk.create(&NewTicket { form, body: plain(&alert.text), key }, None).await?;
                }
                Ok(())
            }
        }
    }
}
