//! The companies, ready to be looked up by id, domain and name. Built once a run.

use crate::domains::is_shared;
use crate::names::normalise;
use std::collections::{BTreeMap, HashMap};
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::model::bare_domain;
use tallysheet_core::{Company, Link, PsaId};

/// The companies of the file: the name as it stands there is the key.
pub fn keyed(companies: Vec<Company>) -> Vec<KeyedCompany> {
    companies.into_iter().map(|company| KeyedCompany { key: company.name.clone(), company }).collect()
}

/// Looks companies up. A company is a place in the list that the index was made from.
#[derive(Debug)]
pub struct Index<'a> {
    companies: &'a [KeyedCompany],
    psa_columns: &'a BTreeMap<String, Vec<String>>,
    ids: HashMap<&'a str, HashMap<&'a str, Vec<usize>>>,
    domains: HashMap<String, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
}

impl<'a> Index<'a> {
    /// Reads all companies. `psa_columns` says which columns of the companies file belong to a PSA: the names of its
    /// integrations, by slug. The slug itself always does.
    pub fn new(companies: &'a [KeyedCompany], psa_columns: &'a BTreeMap<String, Vec<String>>) -> Self {
        let (ids, domains, names) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut index = Self { companies, psa_columns, ids, domains, names };
        for (place, KeyedCompany { company, .. }) in companies.iter().enumerate() {
            for (column, link) in &company.links {
                let Link::Ids(ids) = link else { continue };
                for id in ids {
                    index.ids.entry(column).or_default().entry(id.trim()).or_default().push(place);
                }
            }
            for domain in own_domains(&company.domains) {
                index.domains.entry(domain).or_default().push(place);
            }
            let name = normalise(&company.name);
            if !name.is_empty() {
                index.names.entry(name).or_default().push(place);
            }
        }
        index
    }

    /// The name of a company.
    pub(crate) fn name(&self, company: usize) -> &'a str {
        &self.companies[company].company.name
    }

    /// What the cell of a company in this column holds.
    pub(crate) fn link(&self, company: usize, column: &str) -> Option<&'a Link> {
        self.companies[company].company.links.get(column)
    }

    /// The companies with this id in this column.
    pub(crate) fn with_id(&self, column: &str, id: &str) -> &[usize] {
        self.ids.get(column).and_then(|ids| ids.get(id.trim())).map_or(&[], Vec::as_slice)
    }

    /// The companies with this id in a column of this PSA.
    pub(crate) fn with_psa_id(&self, PsaId { psa, id }: &PsaId) -> impl Iterator<Item = usize> {
        let named = self.psa_columns.get(*psa).into_iter().flatten().map(String::as_str);
        std::iter::once(*psa).chain(named).flat_map(|column| self.with_id(column, id)).copied()
    }

    /// The companies with this bare domain.
    pub(crate) fn with_domain(&self, domain: &str) -> &[usize] {
        self.domains.get(domain).map_or(&[], Vec::as_slice)
    }

    /// The companies with an equal name.
    pub(crate) fn with_name(&self, name: &str) -> &[usize] {
        self.names.get(&normalise(name)).map_or(&[], Vec::as_slice)
    }
}

/// Bare domains that are a customer's own, each once.
pub(crate) fn own_domains(domains: &[String]) -> Vec<String> {
    let mut own: Vec<String> = domains.iter().map(|domain| bare_domain(domain)).collect();
    own.retain(|domain| !domain.is_empty() && !is_shared(domain));
    own.sort_unstable();
    own.dedup();
    own
}
