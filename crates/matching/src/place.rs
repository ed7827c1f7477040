//! The orgs of one integration placed on the companies: by id, by PSA id, by domain, by name, in this order.
//!
//! A step decides about every org that it finds a company for: the org is placed, or it is ambiguous and stays
//! unmapped, or the cell of the company says otherwise. Only an org that a step finds nothing for meets the next one.

use crate::index::{Index, own_domains};
use std::borrow::Cow;
use std::collections::HashMap;
use tallysheet_core::merge::Placement;
use tallysheet_core::{Code, Level, Link, Notice, Phase, PsaId, VendorOrg};

/// A way to match an org to a company, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The org's id stands in the companies file.
    Id,
    /// The PSA id that the vendor keeps for the org stands there under that PSA.
    PsaId,
    /// A domain of the org is the company's.
    Domain,
    /// The names are equal.
    Name,
}

impl Rule {
    /// Every rule, in order.
    pub const ALL: [Self; 4] = [Self::Id, Self::PsaId, Self::Domain, Self::Name];

    /// What the log says of a match; nothing where the user made it.
    const fn code(self) -> Option<Code> {
        match self {
            Self::Id => None,
            Self::PsaId => Some(Code::MatchedByPsaId),
            Self::Domain => Some(Code::MatchedByDomain),
            Self::Name => Some(Code::MatchedByName),
        }
    }
}

/// An org that looks for its place.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The org.
    pub org: &'a VendorOrg,
    /// Whether it stands back: the config excludes it, or it is no customer by the vendor's own marks. It is placed where
    /// it can be, but makes no other org ambiguous, and nothing is told of it.
    pub aside: bool,
}

/// Where the orgs of an integration belong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// One for each org, in the order they came in.
    pub placements: Vec<Placement>,
    /// By which rule each org has its company; none where it has none.
    pub rules: Vec<Option<Rule>>,
    /// Which orgs could be more than one company, or share one.
    pub ambiguous: Vec<bool>,
    /// What was matched other than by id, and what is ambiguous.
    pub notices: Vec<Notice>,
}

/// Places the orgs of one integration. A filled cell of the companies file is complete: only its ids are matched there.
pub fn place(integration: &str, orgs: &[Candidate<'_>], index: &Index<'_>, rules: &[Rule]) -> Placed {
    let mut placed = Placed {
        placements: vec![Placement::Unmapped; orgs.len()],
        rules: vec![None; orgs.len()],
        ambiguous: vec![false; orgs.len()],
        notices: Vec::new(),
    };
    for aside in [false, true] {
        let notices = place_group(integration, orgs, aside, index, rules, &mut placed);
        if !aside {
            placed.notices = notices;
        }
    }
    placed
}

fn place_group(
    integration: &str,
    orgs: &[Candidate<'_>],
    aside: bool,
    index: &Index<'_>,
    rules: &[Rule],
    placed: &mut Placed,
) -> Vec<Notice> {
    // In an order of their own, so that the order in which the vendor lists them changes nothing.
    let mut open: Vec<usize> = (0..orgs.len()).filter(|place| orgs[*place].aside == aside).collect();
    open.sort_by_key(|place| (&orgs[*place].org.name, &orgs[*place].org.id));
    let lookup = Lookup::new(integration, index, open.iter().map(|place| orgs[*place].org));
    let mut notices = Vec::new();

    for rule in Rule::ALL.into_iter().filter(|rule| rules.contains(rule)) {
        let hits: Vec<(usize, Vec<Hit>)> =
            open.iter().map(|place| (*place, lookup.hits(orgs[*place].org, rule))).collect();
        let mut claims: HashMap<usize, Vec<&VendorOrg>> = HashMap::new();
        for (place, hits) in &hits {
            for hit in hits {
                claims.entry(hit.company).or_default().push(orgs[*place].org);
            }
        }
        open.clear();
        for (place, hits) in hits {
            if hits.is_empty() {
                open.push(place);
                continue;
            }
            let (placement, notice) = lookup.verdict(rule, orgs[place].org, &hits, &claims);
            placed.ambiguous[place] = placement == Placement::Unmapped && notice.is_some();
            placed.placements[place] = placement;
            placed.rules[place] = matches!(placement, Placement::Company(_)).then_some(rule);
            notices.extend(notice);
        }
    }
    notices
}

/// A company that a step finds for an org, and what it is found by.
struct Hit {
    company: usize,
    evidence: Cow<'static, str>,
}

impl Hit {
    fn all(companies: &[usize], evidence: impl Into<Cow<'static, str>>) -> impl Iterator<Item = Self> {
        let evidence = evidence.into();
        companies.iter().map(move |company| Self { company: *company, evidence: evidence.clone() })
    }
}

/// What the steps look at.
struct Lookup<'a> {
    integration: &'a str,
    index: &'a Index<'a>,
    /// How many orgs have a domain: one that two have is nobody's own.
    domains: HashMap<String, usize>,
}

impl<'a> Lookup<'a> {
    fn new<'o>(integration: &'a str, index: &'a Index<'a>, orgs: impl Iterator<Item = &'o VendorOrg>) -> Self {
        let mut domains = HashMap::new();
        for domain in orgs.flat_map(|org| own_domains(&org.domains)) {
            *domains.entry(domain).or_default() += 1;
        }
        Self { integration, index, domains }
    }

    /// Every company that this step finds, once.
    fn hits(&self, org: &VendorOrg, rule: Rule) -> Vec<Hit> {
        let mut hits: Vec<Hit> = match rule {
            Rule::Id => Hit::all(self.index.with_id(self.integration, &org.id), "its id").collect(),
            Rule::PsaId => org.psa_ids.iter().flat_map(|id| self.by_psa_id(id)).collect(),
            Rule::Domain => own_domains(&org.domains).into_iter().flat_map(|domain| self.by_domain(&domain)).collect(),
            Rule::Name => Hit::all(self.index.with_name(&org.name), "its name").collect(),
        };
        hits.sort_by(|a, b| (a.company, &a.evidence).cmp(&(b.company, &b.evidence)));
        hits.dedup_by_key(|hit| hit.company);
        hits
    }

    fn by_psa_id(&self, id: &PsaId) -> Vec<Hit> {
        let companies: Vec<usize> = self.index.with_psa_id(id).collect();
        Hit::all(&companies, format!("its {} id {}", id.psa, id.id)).collect()
    }

    fn by_domain(&self, domain: &str) -> Vec<Hit> {
        let is_its_own = self.domains.get(domain) == Some(&1);
        let companies = if is_its_own { self.index.with_domain(domain) } else { &[] };
        Hit::all(companies, format!("its domain {domain}")).collect()
    }

    /// Where an org belongs for which a step found something. `claims` are the orgs that this step found a company for.
    fn verdict(
        &self,
        rule: Rule,
        org: &VendorOrg,
        hits: &[Hit],
        claims: &HashMap<usize, Vec<&VendorOrg>>,
    ) -> (Placement, Option<Notice>) {
        let [hit] = hits else { return (Placement::Unmapped, Some(self.many_companies(org, hits))) };
        let Some(code) = rule.code() else { return (Placement::Company(hit.company), None) };
        let link = self.index.link(hit.company, self.integration);
        if let Some(Link::Ids(_)) = link {
            return (Placement::Unmapped, None); // Complete without this org. The merge tells that it is unmapped.
        }
        if let Some([_, _, ..]) = claims.get(&hit.company).map(Vec::as_slice) {
            return (Placement::Unmapped, Some(self.many_orgs(org, hit, &claims[&hit.company])));
        }
        if let Some(Link::NotCustomer) = link {
            return (Placement::Declined(hit.company), None);
        }
        let company = self.index.name(hit.company);
        let message = format!("{} is taken for {company} by {}", shown(org), hit.evidence);
        let notice = Notice::new(Level::Info, Phase::Merge, code, message).of(self.integration).about(company);
        (Placement::Company(hit.company), Some(notice))
    }

    fn many_companies(&self, org: &VendorOrg, hits: &[Hit]) -> Notice {
        let mut names: Vec<&str> = hits.iter().map(|hit| self.index.name(hit.company)).collect();
        names.sort_unstable();
        let mut evidence: Vec<&str> = hits.iter().map(|hit| hit.evidence.as_ref()).collect();
        evidence.sort_unstable();
        evidence.dedup();
        let companies = list(&names, names.len(), " or ");
        let message = format!("{} could be {companies} by {}", shown(org), list(&evidence, evidence.len(), " and "));
        self.ambiguous(org, &message)
    }

    fn many_orgs(&self, org: &VendorOrg, hit: &Hit, claimants: &[&VendorOrg]) -> Notice {
        let others = claimants.iter().filter(|other| other.id != org.id).take(LISTED).map(|other| shown(other));
        let others = list(&others.collect::<Vec<_>>(), claimants.len() - 1, " and ");
        let company = self.index.name(hit.company);
        let message = format!("{} could be {company} by {}, and so could {}", shown(org), hit.evidence, others);
        self.ambiguous(org, &message)
    }

    fn ambiguous(&self, org: &VendorOrg, message: &str) -> Notice {
        let message = format!("{message}; put the right id into the companies file");
        let notice = Notice::new(Level::Warning, Phase::Merge, Code::AmbiguousOrg, message);
        notice.of(self.integration).about(org_name(org))
    }
}

/// The first few of many: a message stays a message.
const LISTED: usize = 5;

fn list<T: AsRef<str>>(first: &[T], of: usize, between: &str) -> String {
    let first: Vec<&str> = first.iter().take(LISTED).map(AsRef::as_ref).collect();
    if of <= LISTED { first.join(between) } else { format!("{}, … and {} more", first.join(", "), of - LISTED) }
}

/// The org's name on one line, or its id where it has none.
pub(crate) fn org_name(org: &VendorOrg) -> String {
    let name = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { org.id.clone() } else { name }
}

/// `Acme Dental (4711)`.
pub(crate) fn shown(org: &VendorOrg) -> String {
    format!("{} ({})", org_name(org), org.id)
}

#[cfg(test)]
mod tests;
