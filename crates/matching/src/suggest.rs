//! Which company an org is perhaps: scores with their evidence, for a person to look at. Nothing is matched by it.
//!
//! A score of [`CERTAIN`] or more needs evidence that is the customer's own (its name, its domain, its id at Microsoft or in
//! a PSA) and nothing that speaks against it. What only looks alike stays below, however much of it there is.

use crate::index::own_domains;
use crate::likeness::Likeness;
use crate::profiles::{Profiles, Traits};
use std::collections::{BTreeMap, HashMap};
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::{Link, VendorOrg};

/// From here on a suggestion may be taken without a look.
pub const CERTAIN: u8 = 85;
/// From here on it is worth a note.
pub const LIKELY: u8 = 55;
/// Below, it is none.
pub(crate) const LEAST: u8 = 35;
/// So many companies are named for one org.
const NAMED: usize = 3;
/// Two companies whose scores are nearer than this cannot be told apart.
const MARGIN: u8 = 10;
/// The most of a score where someone must look: no evidence of the customer's own; something against it; a tie.
const NOT_CERTAIN: [u8; 3] = [84, 80, 70];

/// The orgs of one integration.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The integration's name: its column of the companies file.
    pub integration: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its orgs.
    pub orgs: Vec<Subject<'a>>,
}

/// An org, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The org.
    pub org: &'a VendorOrg,
    /// Whether it has its place.
    pub known: Known,
}

/// Whether an org has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The companies file says whose it is: what it holds speaks for that company.
    As(usize),
    /// It is looked for.
    Open,
    /// It is nobody's customer, or the config leaves it out.
    Aside,
}

/// Something that speaks for a suggestion, or against it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// A word for programs.
    pub kind: &'static str,
    /// What it is.
    pub text: String,
}

impl Reason {
    pub(crate) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// A company that an org is perhaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likely {
    /// Its place in the list of companies.
    pub company: usize,
    /// How likely, of 100.
    pub score: u8,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Reason>,
    /// What speaks against it.
    pub doubts: Vec<Reason>,
}

/// An org without a place, and the companies that it is perhaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The place of its integration in the parts.
    pub part: usize,
    /// Its place in the part.
    pub org: usize,
    /// The companies, the likeliest first; none where none is likely.
    pub likely: Vec<Likely>,
}

impl Suggestion {
    /// The likeliest company.
    pub fn best(&self) -> Option<&Likely> {
        self.likely.first()
    }
}

/// Suggests companies for every open org, in the order of the parts and their orgs. `psa_columns` is that of the
/// [`Index`](crate::Index).
pub fn suggest(
    companies: &[KeyedCompany],
    psa_columns: &BTreeMap<String, Vec<String>>,
    parts: &[Part<'_>],
) -> Vec<Suggestion> {
    let profiles = Profiles::new(companies, psa_columns, parts);
    let mut scratch = profiles.scratch();
    let mut suggestions = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let shared = shared_domains(part);
        let begin = suggestions.len();
        for (org, subject) in part.orgs.iter().enumerate().filter(|(_, subject)| subject.known == Known::Open) {
            let traits = Traits::of(part, subject.org, &shared);
            let mut likely = profiles.score(&traits, None, &mut scratch);
            likely.retain(|one| may_be(&companies[one.company], part, subject.org));
            settle(&mut likely);
            for one in &mut likely {
                doubt_filled(one, &companies[one.company], part);
            }
            likely.sort_by_key(|one| (std::cmp::Reverse(one.score), one.company));
            likely.truncate(NAMED);
            suggestions.push(Suggestion { part: place, org, likely });
        }
        doubt_rivals(&mut suggestions[begin..]);
    }
    suggestions
}

/// The domains that two orgs of an integration have.
pub(crate) fn shared_domains(part: &Part<'_>) -> HashMap<String, usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for domain in part.orgs.iter().flat_map(|subject| own_domains(&subject.org.domains)) {
        *seen.entry(domain).or_default() += 1;
    }
    seen.retain(|_, orgs| *orgs > 1);
    seen
}

/// Not where the companies file says `-`, nor where the org stands already.
fn may_be(company: &KeyedCompany, part: &Part<'_>, org: &VendorOrg) -> bool {
    match company.company.links.get(part.integration) {
        Some(Link::NotCustomer) => false,
        Some(Link::Ids(ids)) => !ids.contains(&org.id),
        None => true,
    }
}

/// The final score of what speaks for a company, the parts of a name, of a domain and of an id taken together.
pub(crate) fn together(scores: [u8; 3]) -> u8 {
    let left = scores.iter().fold(1.0_f32, |left, score| left * (1.0 - f32::from(*score) / 100.0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
    let score = (100.0 * (1.0 - left)).round() as u8;
    score.min(99)
}

/// What is left of a score, by what is known of it alone.
pub(crate) fn capped(score: u8, own: bool, apart: bool) -> u8 {
    let [no_own, apart_at_most, _] = NOT_CERTAIN;
    let score = if own { score } else { score.min(no_own) };
    if apart { score.min(apart_at_most) } else { score }
}

/// What speaks against a name that is not quite the same.
pub(crate) fn doubt_of(likeness: &Likeness, score: u8) -> Option<Reason> {
    match likeness {
        Likeness::Apart(ours, theirs) => {
            Some(Reason::new("names-apart", format!("the names differ: {ours} / {theirs}")))
        }
        Likeness::Branch(more) => Some(Reason::new("names-apart", format!("only one name has: {}", more.join(", ")))),
        Likeness::Common(words) if score >= 25 && !words.is_empty() => {
            Some(Reason::new("names-apart", "each name has words of its own"))
        }
        _ => None,
    }
}

/// Drops what is unlikely, and doubts what cannot be told apart from the next.
fn settle(likely: &mut Vec<Likely>) {
    likely.retain(|one| one.score >= LEAST);
    likely.sort_by_key(|one| (std::cmp::Reverse(one.score), one.company));
    let [first, second, ..] = likely.as_slice() else { return };
    if second.score < LIKELY || first.score - second.score >= MARGIN {
        return;
    }
    let near = first.score - MARGIN;
    for one in likely.iter_mut().filter(|one| one.score > near) {
        one.score = one.score.min(NOT_CERTAIN[2]);
        one.doubts.push(Reason::new("several-companies", "another company is as likely"));
    }
}

/// Who wrote ids into a cell meant that these are all.
fn doubt_filled(one: &mut Likely, company: &KeyedCompany, part: &Part<'_>) {
    if let Some(Link::Ids(ids)) = company.company.links.get(part.integration) {
        one.score = one.score.min(NOT_CERTAIN[1]);
        one.doubts.push(Reason::new("cell-filled", format!("the companies file has {} there", ids.join(", "))));
    }
}

/// Several orgs of one integration for one company: each needs a look, unless an id says so of each.
fn doubt_rivals(suggestions: &mut [Suggestion]) {
    let mut claims: BTreeMap<usize, usize> = BTreeMap::new();
    for best in suggestions.iter().filter_map(Suggestion::best).filter(|best| best.score >= CERTAIN) {
        *claims.entry(best.company).or_default() += 1;
    }
    for suggestion in suggestions {
        let Some(best) = suggestion.likely.first_mut().filter(|best| best.score >= CERTAIN) else { continue };
        let by_id = best.evidence.iter().any(|reason| ["psa-id", "tenant"].contains(&reason.kind));
        let claims = claims[&best.company];
        if claims > 1 && !by_id {
            best.score = best.score.min(NOT_CERTAIN[1]);
            best.doubts.push(Reason::new("several-orgs", format!("{claims} of this integration fit")));
        }
    }
}

#[cfg(test)]
mod tests;
