//! Ending a run that was cut off while it was delivered.

use crate::deliver::{Way, deliver_all};
use crate::log::Log;
use crate::plan::Plan;
use crate::run::{exit_status, skipped};
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run, RunStatus};
use tallysheet_core::{Code, Level, Notice, Phase, Result};

/// Delivers what a run that was cut off had not delivered yet, under the same id, so that a ticket that was made is found
/// again. A mail may have gone out without our hearing of it: it is not sent again. `plan` is a new one with the
/// deliveries that the run was to make; nobody is asked. Nothing where the run was cut off before it had a sheet.
pub async fn resume(id: &str, plan: Plan) -> Result<Option<Run>> {
    let Plan { deliveries, skipped: left_out, strict, timezone, world, store, .. } = plan;
    let Some(mut run) = store.run(id).await? else { return Ok(None) };
    if run.finished_at.is_some() {
        return Ok(Some(run));
    }
    let mut log = Log::new(world.clone());
    let say = |level, code: Option<Code>, message: &str| Notice::new(level, Phase::Deliver, code, message);
    log.say(say(Level::Warning, None, "the run was cut off; what was not delivered yet is delivered now"));

    let mut outcomes = std::mem::take(&mut run.deliveries);
    let told = |name: &String, outcomes: &[DeliveryOutcome]| outcomes.iter().any(|outcome| outcome.name == *name);
    let lacking = deliveries.into_iter().filter(|delivery| !told(&delivery.name, &outcomes));
    let (mails, lacking): (Vec<_>, Vec<_>) = lacking.partition(|delivery| delivery.kind == "email");
    for mail in mails {
        let error = "the run was cut off while this mail may have gone out; look, and deliver it again by its name";
        log.say(say(Level::Error, Some(Code::DeliveryUnknown), &format!("{} may have arrived: {error}", mail.name)));
        let outcome = DeliveryOutcome {
            name: mail.name,
            kind: mail.kind,
            status: DeliveryStatus::Unknown,
            reference: None,
            error: Some(error.to_owned()),
        };
        store.keep_delivery(id, &outcome).await?;
        outcomes.push(outcome);
    }
    let held_back = strict && run.status == RunStatus::Partial;
    let way = Way { timezone: &timezone, world: &*world, store: &*store, held_back, test: false };
    let delivered = deliver_all(&lacking, &run, &way).await;
    log.extend(delivered.notices);
    outcomes.extend(delivered.outcomes);
    let left_out =
        left_out.into_iter().filter(|(name, _)| !told(name, &outcomes)).map(|(name, kind)| (name, kind, None));
    let left_out = skipped(left_out);
    outcomes.extend(left_out);

    run.exit_status = exit_status(run.status, &outcomes);
    run.deliveries = outcomes;
    run.finished_at = Some(world.now());
    let end = format!("run {} ended with status {}", run.id, run.exit_status);
    log.say(Notice::new(Level::Info, Phase::Complete, None, end));
    run.log.extend(log.entries());
    store.keep(&run, &delivered.files).await?;
    Ok(Some(run))
}
