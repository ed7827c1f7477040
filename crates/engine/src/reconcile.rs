//! What a PSA bills: asked beside the vendors, and compared with the sheet.

use crate::account::Guards;
use crate::collect::{Event, Progress, guarded};
use crate::plan::Reconciling;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use tallysheet_core::billing::Ledger;
use tallysheet_core::merge::{KeyedCompany, Placement};
use tallysheet_core::sheet::Sheet;
use tallysheet_core::variance::Reconciliation;
use tallysheet_core::{Code, Level, Notice, Phase, Result, VendorOrg};
use tallysheet_matching::{Candidate, Index, place};
use tallysheet_reconcile::{Billed, compare};

/// Asks for everything that is billed on a day.
pub(crate) async fn ask(one: &Reconciling, guards: &Guards, on: Date, progress: &dyn Progress) -> Result<Ledger> {
    let (guard, ledger) = (guards.get(&one.name).cloned(), one.ledger.clone());
    progress.event(Event::Started(&one.name));
    let billed = guarded(one.timeout, async move {
        if let Some(guard) = &guard {
            guard.admit().await?;
        }
        ledger.billed(on).await
    });
    let mut billed = billed.await;
    match &mut billed {
        Ok(ledger) => {
            if let Some(guard) = guards.get(&one.name) {
                ledger.notices.extend(guard.pin().await);
            }
            progress.event(Event::Answered(&one.name, ledger.companies.len()));
        }
        Err(error) => progress.event(Event::Failed(&one.name, error)),
    }
    billed
}

/// Compares the sheet with what is billed. Without an answer there is nothing to compare, and the code says why.
pub(crate) fn compared(
    one: &Reconciling,
    on: Date,
    billed: Result<Ledger>,
    sheet: &Sheet,
    companies: &[KeyedCompany],
) -> (Reconciliation, Vec<Notice>) {
    let ledger = match billed {
        Ok(ledger) => ledger,
        Err(error) => {
            let message = format!("{} does not tell what it bills: {error}", one.title);
            let notice = Notice::new(Level::Error, Phase::Collect, error.code(), message).of(&one.name);
            let (ledger, title) = (one.name.clone(), one.title.clone());
            let failed = Reconciliation { ledger, title, on, failed: Some(error.code()), ..Reconciliation::default() };
            return (failed, vec![notice]);
        }
    };
    let Placed { ledger, rows, mut notices } = placed(one, ledger, companies);
    let billed = Billed { name: &one.name, title: &one.title, on, ledger: &ledger, rows: &rows };
    let (reconciliation, told) = compare(sheet, &billed, &one.rules);
    notices.extend(told);
    (reconciliation, notices)
}

struct Placed {
    ledger: Ledger,
    rows: BTreeMap<String, String>,
    notices: Vec<Notice>,
}

/// Says whose each company of the ledger is, by the same ways as the vendors' orgs.
fn placed(one: &Reconciling, mut ledger: Ledger, companies: &[KeyedCompany]) -> Placed {
    let ignored: BTreeSet<&String> = one.ignored.iter().collect();
    let lines = ledger.additions.len();
    ledger.additions.retain(|line| !ignored.contains(&line.company_id));
    ledger.companies.retain(|org| !ignored.contains(&org.id));
    ledger.companies.sort_by(|a, b| a.id.cmp(&b.id));
    ledger.companies.dedup_by(|a, b| a.id == b.id);
    let tell =
        |level, code: Option<Code>, message: String| Notice::new(level, Phase::Merge, code, message).of(&one.name);

    let mut notices: Vec<Notice> = ledger.notices.iter().map(|notice| notice.clone().of(&one.name)).collect();
    let message = format!("{lines} lines of {} are in effect", one.title);
    notices.push(Notice::info(None, message).of(&one.name));
    for (reason, count) in &ledger.left_out {
        notices.push(tell(Level::Info, Some(Code::LeftOut), format!("{count} lines are left out: {reason}")));
    }
    let candidates: Vec<Candidate<'_>> = ledger.companies.iter().map(|org| Candidate { org, aside: false }).collect();
    let index = Index::new(companies, &one.matching.psa_columns);
    let placed = place(&one.name, &candidates, &index, &one.matching.allowed);
    notices.extend(placed.notices);
    let mut rows = BTreeMap::new();
    let mut tell_unmapped = |org: &VendorOrg| {
        let message = format!("{} is billed in {} and is no row of the sheet", org.name, one.title);
        notices.push(tell(Level::Warning, Some(Code::UnmappedOrg), message).about(&org.name));
    };
    for (org, placement) in ledger.companies.iter().zip(&placed.placements) {
        match placement {
            Placement::Company(place) => drop(rows.insert(org.id.clone(), companies[*place].key.clone())),
            Placement::Unmapped | Placement::Declined(_) => tell_unmapped(org),
        }
    }
    Placed { ledger, rows, notices }
}
