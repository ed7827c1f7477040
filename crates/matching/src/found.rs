//! The first companies file, made of what all vendors have.
//!
//! Orgs with equal names are one company, as in [`union`](mod@crate::union). A group that is certainly another one under
//! another name (the same domain, the same tenant) makes no company: its orgs are left for the suggestions.

use crate::domains::is_shared;
use crate::index::own_domains;
use crate::names::normalise;
use crate::place::org_name;
use crate::profiles::{Profiles, Traits};
use crate::suggest::{CERTAIN, Known, Part, Subject, shared_domains};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::{Company, Link};

/// The orgs with one name.
#[derive(Default)]
struct Group {
    /// By part and place in it.
    orgs: Vec<(usize, usize)>,
    domains: BTreeSet<String>,
}

/// Companies with their names, domains and ids, by name: from integrations in the order of columns. Two orgs of one
/// integration with one name may be two customers, so that cell stays empty. So does a domain that two companies have.
pub fn found(parts: &[Part<'_>]) -> Vec<Company> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (place, part) in parts.iter().enumerate() {
        for (org, subject) in part.orgs.iter().enumerate().filter(|(_, subject)| subject.known == Known::Open) {
            let name = normalise(&subject.org.name);
            if !name.is_empty() {
                let group = groups.entry(name).or_default();
                group.orgs.push((place, org));
                group.domains.extend(own_domains(&subject.org.domains));
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_cached_key(|group| {
        let integrations: BTreeSet<usize> = group.orgs.iter().map(|(part, _)| *part).collect();
        (Reverse(integrations.len()), group.orgs[0].0, spelling(parts, group))
    });

    let kept = kept(parts, &groups);
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for domain in kept.iter().flat_map(|group| &groups[*group].domains) {
        *owners.entry(domain).or_default() += 1;
    }
    let mut companies: Vec<Company> = kept.iter().map(|group| company(parts, &groups[*group], &owners)).collect();
    companies.sort_by_cached_key(|company| (company.name.to_lowercase(), company.name.clone()));
    companies
}

/// The groups that are no other group under another name.
fn kept(parts: &[Part<'_>], groups: &[Group]) -> Vec<usize> {
    let mut of: HashMap<(usize, usize), usize> = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        of.extend(group.orgs.iter().map(|org| (*org, number)));
    }
    let placed: Vec<Part<'_>> = parts
        .iter()
        .enumerate()
        .map(|(place, part)| {
            let known = |org: usize| of.get(&(place, org)).map_or(Known::Aside, |group| Known::As(*group));
            let orgs =
                part.orgs.iter().enumerate().map(|(org, subject)| Subject { org: subject.org, known: known(org) });
            Part { orgs: orgs.collect(), ..*part }
        })
        .collect();
    let named: Vec<KeyedCompany> = groups
        .iter()
        .map(|group| KeyedCompany {
            company: Company { name: spelling(parts, group), ..Company::default() },
            key: String::new(),
        })
        .collect();
    let profiles = Profiles::new(&named, &BTreeMap::new(), &placed);
    let shared: Vec<HashMap<String, usize>> = placed.iter().map(shared_domains).collect();
    let mut scratch = profiles.scratch();
    let mut kept: Vec<usize> = Vec::new();
    let mut is_kept = vec![false; groups.len()];
    for (number, group) in groups.iter().enumerate() {
        let is_another = group.orgs.iter().any(|(part, org)| {
            let traits = Traits::of(&placed[*part], placed[*part].orgs[*org].org, &shared[*part]);
            let mut likely = profiles.score(&traits, Some(number), &mut scratch);
            // Where one integration has both, they are two customers there.
            likely.retain(|one| !share_part(group, &groups[one.company]));
            let best = likely.iter().max_by_key(|one| (one.score, Reverse(one.company)));
            best.is_some_and(|best| best.score >= CERTAIN && is_kept[best.company])
        });
        if !is_another {
            is_kept[number] = true;
            kept.push(number);
        }
    }
    kept
}

fn share_part(one: &Group, other: &Group) -> bool {
    one.orgs.iter().any(|(part, _)| other.orgs.iter().any(|(others, _)| part == others))
}

/// As the first integration spells it.
fn spelling(parts: &[Part<'_>], group: &Group) -> String {
    let of_first = group.orgs.iter().filter(|(part, _)| *part == group.orgs[0].0);
    of_first.map(|(part, org)| org_name(parts[*part].orgs[*org].org)).min().unwrap_or_default()
}

fn company(parts: &[Part<'_>], group: &Group, owners: &HashMap<&str, usize>) -> Company {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (part, org) in &group.orgs {
        ids.entry(parts[*part].integration.to_owned()).or_default().push(parts[*part].orgs[*org].org.id.clone());
    }
    ids.retain(|_, ids| ids.len() == 1);
    let own = |domain: &&String| owners.get(domain.as_str()) == Some(&1) && !is_shared(domain);
    Company {
        name: spelling(parts, group),
        domains: group.domains.iter().filter(own).cloned().collect(),
        links: ids.into_iter().map(|(integration, ids)| (integration, Link::Ids(ids))).collect(),
        carried: Vec::new(),
    }
}
