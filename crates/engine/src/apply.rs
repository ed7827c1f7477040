//! Plans of changes: made of a run's variances, looked at, and carried out one by one.
//!
//! ```text
//! look at the line ─> note "begun" ─> change it ─> look again ─> note what became of it, write the undo plan
//!                     └ cut off from here on: the next apply looks first, and writes only where the old quantity still stands
//! ```

use crate::account::Guard;
use crate::plan::Reconciling;
use jiff::civil::Date;
use std::collections::BTreeMap;
use tallysheet_core::billing::{Standing, Writing};
use tallysheet_core::run::Run;
use tallysheet_core::{Error, Identity, Result, World};
use tallysheet_reconcile::plan::{Change, Entry, Left, Outcome, Plan, Record, Step, after, before, candidates, moved};

/// How a plan ended.
pub struct Applied {
    /// What was done, now and before.
    pub record: Record,
    /// Where the record is kept, as people are told it.
    pub place: String,
    /// What stopped it.
    pub failure: Option<Error>,
}

/// Carries out plans at one ledger.
pub struct Applying<'a> {
    /// The ledger.
    pub one: &'a Reconciling,
    /// Clock, and the state folder that keeps the record.
    pub world: std::sync::Arc<dyn World>,
    /// Today, where the MSP is.
    pub today: Date,
}

impl Applying<'_> {
    /// A plan of everything in a run's comparison that may be changed, each line read anew.
    pub async fn propose(&self, run: &Run) -> Result<Plan> {
        let reconciliation = run.reconciliation.as_ref().filter(|made| made.failed.is_none());
        let reconciliation =
            reconciliation.ok_or_else(|| Error::internal(format!("{} did not tell what it bills", self.one.title)))?;
        self.must_write()?;
        let (chosen, mut left) = candidates(reconciliation, self.one.limits);
        let mut changes = Vec::new();
        for variance in chosen {
            let Some(line) = variance.lines.first() else { continue };
            let standing = self.one.ledger.line(line, self.today, None).await?;
            match Change::of(variance, standing.as_ref(), self.one.limits).and_then(|change| self.held(change)) {
                Ok(change) => changes.push(change),
                Err(why) => left.push(Left::of(variance, why)),
            }
        }
        let id = crate::run::run_id(&*self.world);
        Ok(Plan::new(id, self.world.now(), &self.one.name, &run.id, changes, left))
    }

    /// What applying a plan would do, change by change. Nothing is written.
    pub async fn look(&self, plan: &Plan) -> Result<Vec<(Change, Step)>> {
        self.must_be_ours(plan)?;
        self.check().await?;
        let record = self.record(plan)?;
        let mut looked = Vec::new();
        for change in &plan.changes {
            let standing = self.standing(change).await?;
            let earlier = record.as_ref().and_then(|record| record.entry(change));
            looked.push((change.clone(), self.step(change, earlier, standing.as_ref())));
        }
        Ok(looked)
    }

    /// Carries out a plan. `keep_undo` gets the plan that undoes what is done so far, after each change; `tell` hears
    /// what became of each. It stops at the first change that the PSA does not take, or that moves anything else.
    pub async fn apply(
        &self,
        plan: &Plan,
        keep_undo: &(dyn Fn(&Plan) -> Result<()> + Sync),
        tell: &(dyn Fn(&Entry) + Sync),
    ) -> Result<Applied> {
        self.must_be_ours(plan)?;
        let busy = || {
            Error::internal(format!(
                "another plan is applied to {} just now; try again when it has ended",
                self.one.title
            ))
        };
        let _lock = self.world.try_lock_state(&format!("apply-{}", self.one.name))?.ok_or_else(busy)?;
        let account = self.check().await?.account;
        let (name, ledger) = (plan.id.clone(), self.one.name.clone());
        let mut record = self.record(plan)?.unwrap_or(Record { plan: name, ledger, account, entries: Vec::new() });
        let mut failure = None;
        for change in &plan.changes {
            let ended = self.one_change(plan, change, &mut record, keep_undo).await;
            record.entry(change).into_iter().for_each(tell);
            failure = match ended {
                Err(error) => Some(error),
                Ok(Outcome::Differs) => Some(Error::internal("a change moved more than its quantity; look in the PSA")),
                Ok(Outcome::Unknown) => Some(Error::internal("a change may have been made; look in the PSA")),
                Ok(Outcome::Failed) => Some(Error::internal("the PSA did not take a change")),
                Ok(_) => None,
            };
            if failure.is_some() {
                break;
            }
        }
        Ok(Applied { record, place: self.world.state_place(&place(plan)), failure })
    }

    async fn one_change(
        &self,
        plan: &Plan,
        change: &Change,
        record: &mut Record,
        keep_undo: &(dyn Fn(&Plan) -> Result<()> + Sync),
    ) -> Result<Outcome> {
        let earlier = record.entry(change).cloned();
        let standing = self.standing(change).await?;
        let step = self.step(change, earlier.as_ref(), standing.as_ref());
        let now = self.world.now();
        let fresh = Entry {
            change: change.clone(),
            outcome: Outcome::Begun,
            began_at: now,
            ended_at: None,
            told: String::new(),
            before: BTreeMap::new(),
        };
        let mut entry = earlier.unwrap_or(fresh);
        let (outcome, told, error) = match (step, standing) {
            (Step::Write, Some(was)) => {
                entry = Entry { outcome: Outcome::Begun, ended_at: None, before: was.untouched.clone(), ..entry };
                record.set(entry.clone());
                self.keep(plan, record)?;
                self.write(change, &was).await
            }
            (Step::Ended(Outcome::Done, told), Some(standing)) => {
                let (outcome, told) = match moved(&entry.before, &standing.untouched) {
                    Some(names) if entry.ended_at.is_none() => (Outcome::Differs, names),
                    _ => (Outcome::Done, told),
                };
                (outcome, told, None)
            }
            (Step::Ended(outcome, told), _) => (outcome, told, None),
            (Step::Write, None) => (Outcome::Refused, "the line is gone".to_owned(), None),
        };
        // What someone did to a line after it was done is told, and changes nothing in what was done.
        let kept = if entry.outcome == Outcome::Done { Outcome::Done } else { outcome };
        entry = Entry { outcome: kept, ended_at: Some(self.world.now()), told, ..entry };
        record.set(entry);
        self.keep(plan, record)?;
        keep_undo(&plan.undo(record, self.world.now(), self.one.ledger.writing() == Writing::Difference))?;
        error.map_or(Ok(outcome), Err)
    }

    /// Writes a change and looks what became of it.
    async fn write(&self, change: &Change, was: &Standing) -> (Outcome, String, Option<Error>) {
        let sent = self.one.ledger.change(&change.quantity()).await;
        if let Err(error) = &sent
            && !error.maybe_done()
        {
            return (Outcome::Failed, error.to_string(), sent.err());
        }
        match self.standing(change).await {
            Ok(now) => {
                let (outcome, told) = after(change, was, now.as_ref(), sent.is_ok());
                (outcome, told, None)
            }
            Err(error) => (Outcome::Unknown, format!("it cannot be read back: {error}"), Some(error)),
        }
    }

    /// What a look at the line means for a change. What the PSA cannot hold is refused before it is sent: an undo of what
    /// was nothing before, say.
    fn step(&self, change: &Change, earlier: Option<&Entry>, standing: Option<&Standing>) -> Step {
        match before(change, earlier.map(|entry| entry.outcome), standing, self.today) {
            Step::Write => match self.one.ledger.holds(change.new) {
                Ok(()) => Step::Write,
                Err(error) => Step::Ended(Outcome::Refused, error.to_string()),
            },
            ended @ Step::Ended(..) => ended,
        }
    }

    /// A change to a quantity that the PSA can hold; else why it cannot.
    fn held(&self, change: Change) -> Result<Change, String> {
        self.one.ledger.holds(change.new).map(|()| change).map_err(|error| error.to_string())
    }

    async fn standing(&self, change: &Change) -> Result<Option<Standing>> {
        self.one.ledger.line(&change.line, self.today, change.effective).await
    }

    async fn check(&self) -> Result<Identity> {
        let Reconciling { name, expect_account, probe, .. } = self.one;
        Guard::new(name, expect_account.clone(), probe.clone(), self.world.clone()).check().await
    }

    fn must_be_ours(&self, plan: &Plan) -> Result<()> {
        if plan.ledger != self.one.name {
            let message = format!("the plan is one for `{}`; [reconcile] `ledger` is `{}`", plan.ledger, self.one.name);
            return Err(Error::config(message));
        }
        self.must_write()
    }

    fn must_write(&self) -> Result<()> {
        match self.one.ledger.writing() {
            Writing::None => Err(Error::config(format!(
                "{} takes no changes; correct the quantities where they come from",
                self.one.title
            ))),
            Writing::Quantity | Writing::Difference => Ok(()),
        }
    }

    /// What was done of a plan before.
    fn record(&self, plan: &Plan) -> Result<Option<Record>> {
        let Some(bytes) = self.world.read_state(&place(plan))? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&bytes).map_err(|_| {
            let kept = self.world.state_place(&place(plan));
            Error::internal(format!("{kept} cannot be read, so nobody knows what was done; make a new plan"))
        })?;
        if record.ledger != self.one.name || record.plan != plan.id {
            return Err(Error::config("there is a record of another plan under this plan's id; make a new plan"));
        }
        Ok(Some(record))
    }

    fn keep(&self, plan: &Plan, record: &Record) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(record);
        let bytes = bytes.map_err(|error| Error::internal(format!("the record cannot be written: {error}")))?;
        self.world.write_state(&place(plan), &bytes)
    }
}

/// The entry of the state folder that keeps what was done of a plan.
fn place(plan: &Plan) -> String {
    let safe = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    format!("applied/{}", plan.id.chars().map(safe).collect::<String>())
}
