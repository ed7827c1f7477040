//! What is known of each company, ready to be compared with an org: from the companies file, and from the orgs that it
//! names.

use crate::domains::is_shared;
use crate::index::own_domains;
use crate::likeness::{Likeness, Spelled, likeness};
use crate::names::normalise;
use crate::suggest::{Known, LEAST, Likely, Part, Reason, capped, doubt_of, together};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::{Hint, Link, PsaId, VendorOrg};

/// The kind whose org ids are Microsoft's tenant ids.
const TENANTS: &str = "microsoft-graph";
/// So many names are compared word by word, the nearest first.
const COMPARED: usize = 8;
/// What more names have in common than these says nothing, for each of [`keys`].
const CROWD: [usize; 5] = [40, 40, 40, 12, 12];

/// A name of a company.
struct Named {
    company: usize,
    spelled: Spelled,
    /// The integration that calls it so, where it is not the companies file.
    at: Option<String>,
    /// What its words weigh together.
    weight: f32,
}

/// Where something is found: the companies, each once.
type Places<K> = HashMap<K, Vec<usize>>;

/// Everything known of all companies.
pub(crate) struct Profiles {
    names: Vec<Named>,
    words: HashMap<String, (f32, Vec<usize>)>,
    /// Names by their normal form, by their words, by their sorted words, by their skeleton, by their first letters.
    whole: [Places<String>; 5],
    domains: Places<String>,
    /// The first part of each domain.
    labels: Places<String>,
    psa_ids: Places<(String, String)>,
    references: Places<String>,
    tenants: Places<String>,
}

/// Room for one comparison, used again.
pub(crate) struct Scratch {
    shared: Vec<f32>,
    touched: Vec<usize>,
}

/// What an org brings to be compared.
pub(crate) struct Traits {
    names: Vec<Spelled>,
    /// With whether only this org of its integration has it.
    domains: Vec<(String, bool)>,
    contact_domains: Vec<String>,
    psa_ids: Vec<PsaId>,
    references: Vec<String>,
    tenants: Vec<String>,
}

impl Traits {
    pub(crate) fn of(part: &Part<'_>, org: &VendorOrg, shared: &HashMap<String, usize>) -> Self {
        let mut traits = Self {
            names: vec![Spelled::new(&org.name)],
            domains: own_domains(&org.domains)
                .into_iter()
                .map(|one| (one.clone(), !shared.contains_key(&one)))
                .collect(),
            contact_domains: Vec::new(),
            psa_ids: org.psa_ids.clone(),
            references: Vec::new(),
            tenants: if part.kind == TENANTS { vec![org.id.to_lowercase()] } else { Vec::new() },
        };
        for hint in &org.hints {
            match hint {
                Hint::Domain(domain) if !is_shared(domain) => traits.contact_domains.push(domain.clone()),
                Hint::Domain(_) => {}
                Hint::EntraTenant(id) => traits.tenants.push(id.trim().to_lowercase()),
                Hint::Reference(id) => traits.references.push(id.trim().to_owned()),
                Hint::Name(name) => traits.names.push(Spelled::new(name)),
            }
        }
        traits
    }
}

/// What was found of one company.
#[derive(Default)]
struct Found {
    name: u8,
    likeness: Option<Likeness>,
    /// The integration that calls the company so.
    at: Option<String>,
    domain: u8,
    id: u8,
    own: bool,
    evidence: Vec<(u8, Reason)>,
}

impl Profiles {
    pub(crate) fn new(
        companies: &[KeyedCompany],
        psa_columns: &BTreeMap<String, Vec<String>>,
        parts: &[Part<'_>],
    ) -> Self {
        let mut profiles = Self {
            names: Vec::new(),
            words: HashMap::new(),
            whole: std::array::from_fn(|_| HashMap::new()),
            domains: HashMap::new(),
            labels: HashMap::new(),
            psa_ids: HashMap::new(),
            references: HashMap::new(),
            tenants: HashMap::new(),
        };
        let tenant_columns: Vec<&str> =
            parts.iter().filter(|part| part.kind == TENANTS).map(|part| part.integration).chain([TENANTS]).collect();
        // A PSA's ids stand under its slug too, whether it is configured or not.
        let kept = parts.iter().flat_map(|part| &part.orgs).flat_map(|subject| &subject.org.psa_ids);
        let slugs: BTreeSet<&str> = kept.map(|id| id.psa).chain(psa_columns.keys().map(String::as_str)).collect();
        for (company, KeyedCompany { company: listed, .. }) in companies.iter().enumerate() {
            profiles.add_name(company, &listed.name, None);
            own_domains(&listed.domains).into_iter().for_each(|domain| profiles.add_domain(company, domain));
            for (column, link) in &listed.links {
                let Link::Ids(ids) = link else { continue };
                for psa in &slugs {
                    if column == psa || psa_columns.get(*psa).is_some_and(|named| named.contains(column)) {
                        for id in ids {
                            add(&mut profiles.psa_ids, ((*psa).to_owned(), id.clone()), company);
                            add(&mut profiles.references, id.clone(), company);
                        }
                    }
                }
                if tenant_columns.contains(&column.as_str()) {
                    ids.iter().for_each(|id| add(&mut profiles.tenants, id.to_lowercase(), company));
                }
            }
        }
        for part in parts {
            for subject in &part.orgs {
                if let Known::As(company) = subject.known {
                    profiles.add_org(company, part, subject.org);
                }
            }
        }
        profiles.weigh();
        profiles
    }

    /// What the vendor holds of an org speaks for the company that it is.
    fn add_org(&mut self, company: usize, part: &Part<'_>, org: &VendorOrg) {
        self.add_name(company, &org.name, Some(part.integration));
        own_domains(&org.domains).into_iter().for_each(|domain| self.add_domain(company, domain));
        for PsaId { psa, id } in &org.psa_ids {
            add(&mut self.psa_ids, ((*psa).to_owned(), id.clone()), company);
        }
        for hint in &org.hints {
            if let Hint::EntraTenant(id) = hint {
                add(&mut self.tenants, id.trim().to_lowercase(), company);
            }
        }
    }

    fn add_name(&mut self, company: usize, name: &str, at: Option<&str>) {
        let spelled = Spelled::new(name);
        let known = |place: &usize| self.names[*place].company == company;
        if spelled.normal.is_empty()
            || self.whole[0].get(&spelled.normal).is_some_and(|places| places.iter().any(known))
        {
            return;
        }
        let place = self.names.len();
        for (index, key) in keys(&spelled).into_iter().enumerate() {
            if let Some(key) = key {
                add(&mut self.whole[index], key.to_owned(), place);
            }
        }
        for word in &spelled.words {
            let (_, places) = self.words.entry(word.clone()).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
        self.names.push(Named { company, spelled, at: at.map(str::to_owned), weight: 0.0 });
    }

    fn add_domain(&mut self, company: usize, domain: String) {
        add(&mut self.labels, label(&domain), company);
        add(&mut self.domains, domain, company);
    }

    /// The fewer names have a word, the more it says.
    fn weigh(&mut self) {
        #[allow(clippy::cast_precision_loss, reason = "a weight, not a count")]
        let all = self.names.len() as f32;
        for (weight, places) in self.words.values_mut() {
            #[allow(clippy::cast_precision_loss, reason = "a weight, not a count")]
            let with = places.len() as f32;
            *weight = (all / with).ln() + 0.3;
        }
        let weights: Vec<f32> = self.names.iter().map(|named| self.sum(&named.spelled)).collect();
        for (named, weight) in self.names.iter_mut().zip(weights) {
            named.weight = weight;
        }
    }

    fn weight(&self, word: &str) -> f32 {
        #[allow(clippy::cast_precision_loss, reason = "a weight, not a count")]
        let unknown = || (self.names.len().max(1) as f32).ln() + 0.3;
        self.words.get(word).map_or_else(unknown, |(weight, _)| *weight)
    }

    fn sum(&self, spelled: &Spelled) -> f32 {
        spelled.words.iter().map(|word| self.weight(word)).sum()
    }

    pub(crate) fn scratch(&self) -> Scratch {
        Scratch { shared: vec![0.0; self.names.len()], touched: Vec::new() }
    }

    /// Every company that something speaks for, but `not`; in no order.
    pub(crate) fn score(&self, traits: &Traits, not: Option<usize>, scratch: &mut Scratch) -> Vec<Likely> {
        let mut found: BTreeMap<usize, Found> = BTreeMap::new();
        for (number, spelled) in traits.names.iter().enumerate() {
            for place in self.near(spelled, scratch) {
                let named = &self.names[place];
                self.compare(spelled, named, number > 0, found.entry(named.company).or_default());
            }
        }
        self.by_domain(traits, not, &mut found);
        self.by_id(traits, &mut found);
        found
            .into_iter()
            .filter(|(company, _)| Some(*company) != not)
            .filter_map(|(company, found)| found.likely(company))
            .collect()
    }

    /// The names worth a comparison.
    fn near(&self, spelled: &Spelled, scratch: &mut Scratch) -> Vec<usize> {
        let mut near: Vec<usize> = Vec::new();
        for ((places, key), crowd) in self.whole.iter().zip(keys(spelled)).zip(CROWD) {
            let hits = key.and_then(|key| places.get(key)).map_or(&[][..], Vec::as_slice);
            if hits.len() <= crowd {
                near.extend(hits);
            }
        }
        let common = CROWD[0].max(self.names.len() / 12);
        for word in &spelled.words {
            let Some((weight, places)) = self.words.get(word).filter(|(_, places)| places.len() <= common) else {
                continue;
            };
            for place in places {
                if scratch.shared[*place] == 0.0 {
                    scratch.touched.push(*place);
                }
                scratch.shared[*place] += weight;
            }
        }
        let own = self.sum(spelled);
        let part = |place: usize| scratch.shared[place] / own.max(self.names[place].weight);
        let mut by_words = std::mem::take(&mut scratch.touched);
        if by_words.len() > COMPARED {
            by_words.select_nth_unstable_by(COMPARED, |a, b| part(*b).total_cmp(&part(*a)).then(a.cmp(b)));
        }
        near.extend(by_words.iter().take(COMPARED));
        by_words.iter().for_each(|place| scratch.shared[*place] = 0.0);
        by_words.clear();
        scratch.touched = by_words;
        near.sort_unstable();
        near.dedup();
        near
    }

    fn compare(&self, spelled: &Spelled, named: &Named, other_name: bool, found: &mut Found) {
        let (score, likeness) = likeness(spelled, &named.spelled, &|word| self.weight(word));
        // Another name of the customer, at either side, is a little less than its own.
        let score = if other_name || named.at.is_some() { score.saturating_sub(3) } else { score };
        if score <= found.name || likeness == Likeness::None {
            return;
        }
        found.own |= matches!(likeness, Likeness::Same | Likeness::WrittenOut) && score >= 80;
        found.name = score;
        found.likeness = Some(likeness);
        found.at.clone_from(&named.at);
    }

    fn by_domain(&self, traits: &Traits, not: Option<usize>, found: &mut BTreeMap<usize, Found>) {
        for (domain, alone) in &traits.domains {
            let companies = others(self.domains.get(domain), not);
            let own = *alone && companies.len() == 1;
            for company in &companies {
                let text = format!("same domain {domain}{}", if own { "" } else { ", which others have too" });
                found.entry(*company).or_default().domain(if own { 90 } else { 55 }, own, Reason::new("domain", text));
            }
            self.by_label(domain, 50, not, found);
        }
        for domain in &traits.contact_domains {
            for company in others(self.domains.get(domain), not) {
                let text = format!("a contact's domain {domain}");
                found.entry(company).or_default().domain(55, false, Reason::new("contact-domain", text));
            }
            self.by_label(domain, 40, not, found);
        }
        for spelled in &traits.names {
            for company in others(self.labels.get(&spelled.normal), not) {
                let reason = Reason::new("domain-name", "its domain is spelled like the name");
                found.entry(company).or_default().domain(50, false, reason);
            }
        }
    }

    /// Companies whose name the domain spells.
    fn by_label(&self, domain: &str, score: u8, not: Option<usize>, found: &mut BTreeMap<usize, Found>) {
        let places = self.whole[0].get(&label(domain)).into_iter().flatten();
        for company in places.map(|place| self.names[*place].company).filter(|company| Some(*company) != not) {
            let reason = Reason::new("domain-name", format!("the domain {domain} is spelled like the name"));
            found.entry(company).or_default().domain(score, false, reason);
        }
    }

    fn by_id(&self, traits: &Traits, found: &mut BTreeMap<usize, Found>) {
        for PsaId { psa, id } in &traits.psa_ids {
            let companies = self.psa_ids.get(&((*psa).to_owned(), id.clone())).map_or(&[][..], Vec::as_slice);
            for company in companies {
                let reason = Reason::new("psa-id", format!("same {psa} id {id}"));
                found.entry(*company).or_default().id(95, true, reason);
            }
        }
        for tenant in &traits.tenants {
            for company in self.tenants.get(tenant).into_iter().flatten() {
                found.entry(*company).or_default().id(95, true, Reason::new("tenant", "same Microsoft tenant"));
            }
        }
        for reference in &traits.references {
            for company in self.references.get(reference).into_iter().flatten() {
                let reason = Reason::new("reference", format!("its reference {reference} is the PSA's id"));
                found.entry(*company).or_default().id(55, false, reason);
            }
        }
    }
}

impl Found {
    fn domain(&mut self, score: u8, own: bool, reason: Reason) {
        if score > self.domain {
            self.evidence.retain(|(_, reason)| !["domain", "contact-domain", "domain-name"].contains(&reason.kind));
            self.evidence.push((score, reason));
            self.domain = score;
        }
        self.own |= own;
    }

    fn id(&mut self, score: u8, own: bool, reason: Reason) {
        if score > self.id {
            self.evidence.retain(|(_, reason)| !["psa-id", "tenant", "reference"].contains(&reason.kind));
            self.evidence.push((score, reason));
            self.id = score;
        }
        self.own |= own;
    }

    /// Nothing where it is unlikely: most comparisons end here, before anything is put into words.
    fn likely(mut self, company: usize) -> Option<Likely> {
        let score = together([self.name, self.domain, self.id]);
        if score < LEAST {
            return None;
        }
        let doubt = self.likeness.as_ref().and_then(|likeness| doubt_of(likeness, self.name));
        let score = capped(score, self.own, doubt.is_some());
        if let Some(likeness) = &self.likeness {
            let at = self.at.as_ref().map(|at| format!(" as at {at}")).unwrap_or_default();
            self.evidence.push((self.name, Reason::new(name_kind(likeness), in_words(likeness, &at))));
        }
        self.evidence.sort_by(|a, b| b.cmp(a));
        let evidence = self.evidence.into_iter().map(|(_, reason)| reason).collect();
        Some(Likely { company, score, evidence, doubts: doubt.into_iter().collect() })
    }
}

const NAME_KINDS: &[&str] = &["name", "name-written-out", "name-alike", "words"];

const fn name_kind(likeness: &Likeness) -> &'static str {
    match likeness {
        Likeness::Same => NAME_KINDS[0],
        Likeness::WrittenOut => NAME_KINDS[1],
        Likeness::Common(_) | Likeness::None => NAME_KINDS[3],
        _ => NAME_KINDS[2],
    }
}

fn in_words(likeness: &Likeness, at: &str) -> String {
    match likeness {
        Likeness::Same => format!("same name{at}"),
        Likeness::WrittenOut => format!("same name{at} but for small words and abbreviations"),
        Likeness::OtherOrder => format!("same words{at} in another order"),
        Likeness::Spelling => format!("nearly the same spelling{at}"),
        Likeness::Longer(more) | Likeness::Branch(more) => format!("same name{at} but for: {}", more.join(", ")),
        Likeness::Initials => format!("the first letters of the name{at}"),
        Likeness::Common(words) => format!("words in common{at}: {}", words.join(", ")),
        Likeness::Apart(..) | Likeness::None => format!("nearly the same name{at}"),
    }
}

/// By what a name is found whole.
fn keys(spelled: &Spelled) -> [Option<&str>; 5] {
    let some = |text: &str| !text.is_empty();
    [
        Some(spelled.normal.as_str()).filter(|text| some(text)),
        Some(spelled.joined.as_str()).filter(|text| some(text)),
        Some(spelled.sorted.as_str()).filter(|text| some(text)),
        Some(spelled.skeleton.as_str()).filter(|text| text.len() > 3),
        spelled.beginning(),
    ]
}

/// `acmedental` of `acme-dental.co.uk`, as a name is normalised.
fn label(domain: &str) -> String {
    normalise(domain.split('.').next().unwrap_or_default())
}

fn add<K: std::hash::Hash + Eq>(places: &mut Places<K>, key: K, company: usize) {
    let all = places.entry(key).or_default();
    if !all.contains(&company) {
        all.push(company);
    }
}

fn others(places: Option<&Vec<usize>>, not: Option<usize>) -> Vec<usize> {
    places.into_iter().flatten().copied().filter(|company| Some(*company) != not).collect()
}
