//! The companies themselves, where no file names them: the groups of orgs with equal names.

use crate::names::normalise;
use crate::place::{Candidate, Placed, Rule, org_name, shown};
use std::collections::{BTreeMap, HashMap};
use tallysheet_core::merge::{KeyedCompany, Placement};
use tallysheet_core::{Code, Company, Level, Notice, Phase};

/// The companies that the orgs are, and where each org belongs.
#[derive(Debug, Clone)]
pub struct Union {
    /// The companies, by their key: the normalised name.
    pub companies: Vec<KeyedCompany>,
    /// For each integration, in the order they came in, where its orgs belong.
    pub placed: Vec<Placed>,
}

/// The companies of integrations in the order of columns, each with its orgs. A company is spelled as in the first
/// integration that has it. Two orgs of one integration with equal names are one company; an org without a name is none,
/// and one that stands back makes none.
pub fn union(integrations: &[(&str, Vec<Candidate<'_>>)]) -> Union {
    let names: Vec<Vec<String>> = integrations
        .iter()
        .map(|(_, orgs)| orgs.iter().map(|candidate| normalise(&candidate.org.name)).collect())
        .collect();

    // The spelling of the first integration; of two there, the one that sorts first.
    let mut spellings: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (order, ((_, orgs), names)) in integrations.iter().zip(&names).enumerate() {
        for (candidate, name) in orgs.iter().zip(names).filter(|(candidate, name)| !candidate.aside && !name.is_empty())
        {
            let spelling = (order, org_name(candidate.org));
            spellings.entry(name).and_modify(|first| *first = spelling.clone().min(first.clone())).or_insert(spelling);
        }
    }
    let companies: Vec<KeyedCompany> = spellings
        .into_iter()
        .map(|(key, (_, name))| KeyedCompany { company: Company { name, ..Company::default() }, key: key.to_owned() })
        .collect();
    let by_key: HashMap<&str, usize> =
        companies.iter().enumerate().map(|(place, company)| (company.key.as_str(), place)).collect();

    let placed = integrations
        .iter()
        .zip(&names)
        .map(|((integration, orgs), names)| {
            let found = names.iter().map(|name| by_key.get(name.as_str()).copied());
            let placements: Vec<Placement> =
                found.clone().map(|place| place.map_or(Placement::Unmapped, Placement::Company)).collect();
            let mut notices: Vec<Notice> = orgs
                .iter()
                .zip(found.clone())
                .filter(|(candidate, _)| !candidate.aside)
                .filter_map(|(candidate, place)| matched(integration, candidate, &companies[place?].company.name))
                .collect();
            notices.sort_by(|a, b| (&a.company, &a.message).cmp(&(&b.company, &b.message)));
            let rules = found.map(|place| place.map(|_| Rule::Name)).collect();
            let ambiguous = vec![false; names.len()];
            Placed { placements, rules, ambiguous, notices }
        })
        .collect();
    Union { companies, placed }
}

/// What is told of an org that is spelled in another way than its company.
fn matched(integration: &str, candidate: &Candidate<'_>, company: &str) -> Option<Notice> {
    if org_name(candidate.org) == company {
        return None;
    }
    let message = format!("{} is taken for {company} by its name", shown(candidate.org));
    Some(Notice::new(Level::Info, Phase::Merge, Code::MatchedByName, message).of(integration).about(company))
}

#[cfg(test)]
mod tests;
