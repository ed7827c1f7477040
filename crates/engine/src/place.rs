//! Which org is which company, for all integrations; the arrow between what was collected and the merge.

use crate::collect::Collected;
use crate::plan::Companies;
use std::collections::BTreeMap;
use tallysheet_core::merge::{KeptColumn, KeyedCompany, Placement, Source};
use tallysheet_core::{Counts, Failure, Notice, OrgCounts, Standing};
use tallysheet_matching::{Candidate, Index, place as place_orgs, union};

/// Everything that the merge needs.
pub(crate) struct Placed {
    pub(crate) companies: Vec<KeyedCompany>,
    pub(crate) sources: Vec<Source>,
    pub(crate) notices: Vec<Notice>,
}

/// Places every org of every integration.
pub(crate) fn place(
    companies: Companies,
    mut collected: Vec<Collected>,
    kept: &BTreeMap<String, Vec<KeptColumn>>,
) -> Placed {
    collected.sort_by(|a, b| (a.source.order, &a.source.name).cmp(&(b.source.order, &b.source.name)));
    let candidates: Vec<Vec<Candidate<'_>>> = collected.iter().map(candidates).collect();
    let mut notices = Vec::new();
    let (companies, placements) = match companies {
        Companies::Listed { companies, rules } => {
            let index = Index::new(&companies, &rules.psa_columns);
            let of_each = collected.iter().zip(&candidates).map(|(part, orgs)| {
                let placed = place_orgs(&part.source.name, orgs, &index, &rules.allowed);
                notices.extend(placed.notices);
                placed.placements
            });
            let placements: Vec<Vec<Placement>> = of_each.collect();
            (companies, placements)
        }
        Companies::FromNames => {
            let named: Vec<_> = collected.iter().map(|part| part.source.name.as_str()).zip(candidates).collect();
            let united = union(&named);
            let placements = united.placed.into_iter().map(|placed| {
                notices.extend(placed.notices);
                placed.placements
            });
            (united.companies, placements.collect())
        }
    };
    let sources = collected.into_iter().zip(placements).map(|(part, placements)| merge_source(part, placements, kept));
    Placed { companies, sources: sources.collect(), notices }
}

fn candidates(part: &Collected) -> Vec<Candidate<'_>> {
    let orgs = part.answer.as_ref().map_or(&[][..], |counts: &Counts| &counts.orgs);
    let aside = |org: &OrgCounts| org.standing != Standing::Customer || part.source.exclude.contains(&org.org.id);
    orgs.iter().map(|org| Candidate { org: &org.org, aside: aside(org) }).collect()
}

fn merge_source(part: Collected, placements: Vec<Placement>, kept: &BTreeMap<String, Vec<KeptColumn>>) -> Source {
    Source {
        kept: kept.get(&part.source.name).cloned().unwrap_or_default(),
        order: part.source.order,
        name: part.source.name,
        title: part.source.title,
        metrics: part.source.metrics,
        exclude: part.source.exclude,
        answer: part.answer.map_err(|error| Failure::from(&error)),
        placements,
        counted_at: Some(part.at),
    }
}
