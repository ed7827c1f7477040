//! [`Store`] over any database: runs, their deliveries and files, product columns, notes.

use crate::counts;
use crate::packed::{pack, pack_bytes, unpack, unpack_bytes};
use crate::step::{Database, Row, Step, values};
use crate::{Accepted, Baseline, Claim, RenderedFile, RunHead, SnapshotOf, Store};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::history::Kept;
use tallysheet_core::merge::KeptColumn;
use tallysheet_core::run::{DeliveryOutcome, DeliveryStatus, Run, RunStatus};
use tallysheet_core::{Result, async_trait};

#[async_trait]
impl<D: Database> Store for D {
    async fn begin(&self, id: &str, started_at: Timestamp) -> Result<()> {
        let mut step = self.writing().await?;
        let begin = "INSERT INTO run (id, started_at) VALUES ($1, $2)";
        step.run(begin, values![id, started_at.to_string()]).await?;
        step.end().await
    }

    async fn keep(&self, run: &Run, files: &[RenderedFile]) -> Result<()> {
        let kept = values![
            &run.id,
            run.started_at.to_string(),
            run.finished_at.map(|at| at.to_string()),
            status_word(run.status),
            run.finished_at.map(|_| run.exit_status),
            pack(run)?,
            &run.schedule,
            lines(&run.asked)
        ];
        let file = |file: &RenderedFile| Ok(values![&run.id, &file.format, pack_bytes(&file.bytes)?]);
        let files = files.iter().map(file).collect::<Result<Vec<_>>>()?;
        let mut step = self.writing().await?;
        step.run(
            "INSERT INTO run (id, started_at, finished_at, status, exit_status, packed, schedule, asked)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, status = excluded.status,
             exit_status = excluded.exit_status, packed = excluded.packed, schedule = excluded.schedule,
             asked = excluded.asked",
            kept,
        )
        .await?;
        let keep = "INSERT INTO file (run_id, format, packed) VALUES ($1, $2, $3)
                    ON CONFLICT (run_id, format) DO UPDATE SET packed = excluded.packed";
        step.each(keep, files).await?;
        keep_outcomes(&mut *step, &run.id, &run.deliveries).await?;
        step.end().await
    }

    async fn keep_delivery(&self, run_id: &str, outcome: &DeliveryOutcome) -> Result<()> {
        let mut step = self.writing().await?;
        keep_outcomes(&mut *step, run_id, std::slice::from_ref(outcome)).await?;
        step.end().await
    }

    async fn run(&self, id: &str) -> Result<Option<Run>> {
        let mut step = self.reading().await?;
        let query = "SELECT packed FROM run WHERE id = $1 AND packed IS NOT NULL";
        let run = match step.row(query, values![id]).await? {
            None => None,
            Some(mut row) => {
                let mut run = unpack(&row.bytes()?)?;
                run.deliveries = outcomes(&mut *step, id, &run.deliveries).await?;
                Some(run)
            }
        };
        step.end().await?;
        Ok(run)
    }

    async fn file(&self, id: &str, format: &str) -> Result<Option<Vec<u8>>> {
        let mut step = self.reading().await?;
        let query = "SELECT packed FROM file WHERE run_id = $1 AND format = $2";
        let row = step.row(query, values![id, format]).await?;
        step.end().await?;
        row.map(|mut row| unpack_bytes(&row.bytes()?)).transpose()
    }

    async fn runs(&self, most: usize) -> Result<Vec<RunHead>> {
        let mut step = self.reading().await?;
        let query = "SELECT id, started_at, finished_at, status, exit_status FROM run
                     ORDER BY started_at DESC, id DESC LIMIT $1";
        let rows = step.rows(query, values![most]).await?;
        step.end().await?;
        rows.into_iter().map(head).collect()
    }

    async fn columns(&self) -> Result<BTreeMap<String, Vec<KeptColumn>>> {
        let mut step = self.reading().await?;
        let query = "SELECT integration, label, unit FROM product_column ORDER BY integration, label";
        let rows = step.rows(query, values![]).await?;
        step.end().await?;
        let mut columns: BTreeMap<String, Vec<KeptColumn>> = BTreeMap::new();
        for mut row in rows {
            let integration = row.text()?;
            columns.entry(integration).or_default().push(KeptColumn { label: row.text()?, unit: row.text()? });
        }
        Ok(columns)
    }

    async fn keep_columns(&self, columns: &BTreeMap<String, Vec<KeptColumn>>) -> Result<()> {
        let kept = |(integration, columns): (&String, &Vec<KeptColumn>)| {
            columns.iter().map(|column| values![integration, &column.label, &column.unit]).collect::<Vec<_>>()
        };
        let kept = columns.iter().flat_map(kept).collect();
        let mut step = self.writing().await?;
        let names = columns.keys().map(|integration| values![integration]).collect();
        step.each("DELETE FROM product_column WHERE integration = $1", names).await?;
        let keep = "INSERT INTO product_column (integration, label, unit) VALUES ($1, $2, $3)
                    ON CONFLICT (integration, label) DO UPDATE SET unit = excluded.unit";
        step.each(keep, kept).await?;
        step.end().await
    }

    async fn last(&self, id: &str, schedule: Option<&str>, asked: &BTreeSet<String>) -> Result<Option<Run>> {
        let asked = lines(asked);
        let of_schedule = schedule.map(|schedule| ("schedule = $2 AND status <> 'failed'", schedule));
        let of_asked = ["asked = $2 AND status = 'complete'", "asked = $2 AND status = 'partial'"];
        let mut step = self.reading().await?;
        let mut found = None;
        for (which, wanted) in of_schedule.into_iter().chain(of_asked.map(|which| (which, asked.as_str()))) {
            let query = format!(
                "SELECT packed FROM run WHERE id <> $1 AND packed IS NOT NULL AND {which}
                 ORDER BY started_at DESC, id DESC LIMIT 1"
            );
            found = step.row(&query, values![id, wanted]).await?;
            if found.is_some() {
                break;
            }
        }
        step.end().await?;
        found.map(|mut row| unpack(&row.bytes()?)).transpose()
    }

    async fn keep_counts(&self, of: &SnapshotOf<'_>) -> Result<()> {
        let mut step = self.writing().await?;
        counts::keep(&mut *step, of).await?;
        step.end().await
    }

    async fn baseline(&self, integrations: &BTreeSet<String>) -> Result<Baseline> {
        let mut step = self.reading().await?;
        let baseline = counts::baseline(&mut *step, integrations).await?;
        step.end().await?;
        Ok(baseline)
    }

    async fn counts(&self, from: Timestamp, to: Timestamp) -> Result<Kept> {
        let mut step = self.reading().await?;
        let kept = counts::kept(&mut *step, from, to).await?;
        step.end().await?;
        Ok(kept)
    }

    async fn accept(&self, run_id: &str, companies: Option<&[String]>) -> Result<Option<Vec<Accepted>>> {
        let mut step = self.writing().await?;
        let accepted = counts::accept(&mut *step, run_id, companies).await?;
        step.end().await?;
        Ok(accepted)
    }

    async fn forget(&self, runs_before: Option<Timestamp>, counts_before: Option<Timestamp>) -> Result<()> {
        let mut step = self.writing().await?;
        if let Some(before) = runs_before {
            let forget = "DELETE FROM run WHERE started_at < $1 AND id <> coalesce((SELECT id FROM run
                 WHERE status IN ('complete', 'partial') ORDER BY started_at DESC, id DESC LIMIT 1), '')";
            step.run(forget, values![before.to_string()]).await?;
        }
        if let Some(before) = counts_before {
            counts::forget(&mut *step, before).await?;
        }
        step.end().await
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        let mut step = self.reading().await?;
        let row = step.row("SELECT text FROM note WHERE name = $1", values![name]).await?;
        step.end().await?;
        row.map(|mut row| row.text()).transpose()
    }

    async fn keep_note(&self, name: &str, text: &str) -> Result<()> {
        let mut step = self.writing().await?;
        let keep =
            "INSERT INTO note (name, text) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET text = excluded.text";
        step.run(keep, values![name, text]).await?;
        step.end().await
    }

    async fn swap_note(&self, name: &str, before: Option<&str>, text: &str) -> Result<bool> {
        let mut step = self.writing().await?;
        let changed = match before {
            None => {
                let keep = "INSERT INTO note (name, text) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
                step.run(keep, values![name, text]).await?
            }
            Some(before) => {
                let update = "UPDATE note SET text = $2 WHERE name = $1 AND text = $3";
                step.run(update, values![name, text, before]).await?
            }
        };
        step.end().await?;
        Ok(changed == 1)
    }

    async fn claim(&self, name: &str) -> Result<Option<Claim>> {
        Database::claim(self, name).await
    }

    fn place(&self) -> String {
        Database::place(self)
    }
}

/// Names as one text, the same for the same ones.
fn lines(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

async fn keep_outcomes(step: &mut dyn Step, run_id: &str, outcomes: &[DeliveryOutcome]) -> Result<()> {
    let kept = |outcome: &DeliveryOutcome| {
        let DeliveryOutcome { name, kind, status, reference, error } = outcome;
        values![run_id, name, kind, delivery_word(*status), reference, error]
    };
    step.each(
        "INSERT INTO delivery (run_id, name, kind, status, reference, error) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (run_id, name) DO UPDATE SET kind = excluded.kind, status = excluded.status,
         reference = excluded.reference, error = excluded.error",
        outcomes.iter().map(kept).collect(),
    )
    .await
}

/// What became of each delivery, by now: those of the run in their order, then later ones.
async fn outcomes(step: &mut dyn Step, run_id: &str, known: &[DeliveryOutcome]) -> Result<Vec<DeliveryOutcome>> {
    let query = "SELECT name, kind, status, reference, error FROM delivery WHERE run_id = $1 ORDER BY name";
    let mut outcomes = Vec::new();
    for mut row in step.rows(query, values![run_id]).await? {
        outcomes.push(DeliveryOutcome {
            name: row.text()?,
            kind: row.text()?,
            status: delivery_status(&row.text()?),
            reference: row.maybe_text()?,
            error: row.maybe_text()?,
        });
    }
    let place = |name: &str| known.iter().position(|outcome| outcome.name == name).unwrap_or(usize::MAX);
    outcomes.sort_by_key(|outcome| place(&outcome.name));
    Ok(outcomes)
}

fn delivery_status(word: &str) -> DeliveryStatus {
    let known = [DeliveryStatus::Delivered, DeliveryStatus::Failed, DeliveryStatus::Skipped];
    known.into_iter().find(|status| delivery_word(*status) == word).unwrap_or(DeliveryStatus::Unknown)
}

const fn delivery_word(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::Skipped => "skipped",
        DeliveryStatus::Unknown => "unknown",
    }
}

const fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Complete => "complete",
        RunStatus::Partial => "partial",
        RunStatus::Failed => "failed",
    }
}

fn head(mut row: Row) -> Result<RunHead> {
    let (id, started_at, finished_at) = (row.text()?, row.parsed()?, row.parsed()?);
    let (status, statuses) = (row.maybe_text()?, [RunStatus::Complete, RunStatus::Partial, RunStatus::Failed]);
    Ok(RunHead {
        id,
        started_at: started_at.unwrap_or(Timestamp::UNIX_EPOCH),
        finished_at,
        status: status.and_then(|word| statuses.into_iter().find(|status| status_word(*status) == word)),
        exit_status: row.maybe_number()?.and_then(|status| status.try_into().ok()),
    })
}
