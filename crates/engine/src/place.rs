//! Which org is which company, for all integrations; the arrow between what was collected and the merge.

use crate::collect::Collected;
use crate::perhaps::{Perhaps, perhaps};
use crate::plan::{Companies, NamedId};
use std::collections::BTreeMap;
use tallysheet_config::companies::comment;
use tallysheet_core::merge::{KeptColumn, KeyedCompany, Placement, Source};
use tallysheet_core::{Counts, Failure, Level, Notice, OrgCounts, Phase, Standing};
use tallysheet_matching::{Candidate, Index, normalise, place as place_orgs, union};

/// Everything that the merge needs.
pub(crate) struct Placed {
    pub(crate) companies: Vec<KeyedCompany>,
    pub(crate) sources: Vec<Source>,
    pub(crate) notices: Vec<Notice>,
    /// What is to be noted of unmapped orgs.
    pub(crate) perhaps: Perhaps,
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
    let mut psa_columns = None;
    let (companies, placements) = match companies {
        Companies::Listed { companies, rules } => {
            let index = Index::new(&companies, &rules.psa_columns);
            let of_each = collected.iter().zip(&candidates).map(|(part, orgs)| {
                let mut placed = place_orgs(&part.source.name, orgs, &index, &rules.allowed);
                notices.extend(placed.notices);
                ignore(part, &mut placed.placements);
                placed.placements
            });
            let placements: Vec<Vec<Placement>> = of_each.collect();
            psa_columns = Some(rules.psa_columns);
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
    let kinds = collected.iter().map(|part| (part.source.name.clone(), part.source.kind.clone())).collect();
    let sources = collected.into_iter().zip(placements).map(|(part, placements)| merge_source(part, placements, kept));
    let sources: Vec<Source> = sources.collect();
    let perhaps = psa_columns.map(|columns| perhaps(&companies, &columns, &sources, &kinds)).unwrap_or_default();
    Placed { companies, sources, notices, perhaps }
}

fn candidates(part: &Collected) -> Vec<Candidate<'_>> {
    let orgs = part.answer.as_ref().map_or(&[][..], |counts: &Counts| &counts.orgs);
    let aside = |org: &OrgCounts| org.standing != Standing::Customer || part.source.exclude.contains(&org.org.id);
    orgs.iter().map(|org| Candidate { org: &org.org, aside: aside(org) }).collect()
}

/// What stands in the row `(ignore)` is no company, whatever it is called.
fn ignore(part: &Collected, placements: &mut [Placement]) {
    let orgs = part.answer.as_ref().map_or(&[][..], |counts: &Counts| &counts.orgs);
    for (org, placement) in orgs.iter().zip(placements) {
        if part.source.ignored.contains(&org.org.id) {
            *placement = Placement::Unmapped;
        }
    }
}

/// Names behind ids in the companies file that are not the vendor's of today: the id may stand in the wrong row.
pub(crate) fn renamed(collected: &[Collected], names: &[NamedId]) -> Vec<Notice> {
    let told = |named: &NamedId| {
        let part = collected.iter().find(|part| part.source.name == named.integration)?;
        let orgs = part.answer.as_ref().ok()?.orgs.iter();
        let org = &orgs.map(|org| &org.org).find(|org| org.id == named.id)?;
        let today = comment(&org.name);
        if normalise(&today) == normalise(&named.name) {
            return None;
        }
        let message =
            format!("{}: {} is `{today}` at {} now, not `{}`", named.place, named.id, part.source.title, named.name);
        let advice = "see that the id stands in the right row, and correct the name";
        Some(Notice::new(Level::Warning, Phase::Merge, None, format!("{message}; {advice}")).of(&named.integration))
    };
    names.iter().filter_map(told).collect()
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
