//! What is written into the companies file for decisions on who is who.

use super::{Export, Listed, Opinion, Taken, Who};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tallysheet_config::companies::{self, Changes, Choice, IGNORE, NewLink, NewRow, What};
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::registry::nearest;
use tallysheet_core::{Error, Link, Result, VendorOrg, World};
use tallysheet_host::files;
use tallysheet_matching::{Rule, Suggestion, found};

/// The lock that keeps two of us from writing the companies file at once.
const LOCK: &str = "companies";

impl Who {
    /// The suggestions of at least this score, taken.
    pub fn certain(&self, least: u8) -> Vec<Taken> {
        let taken = |suggestion: &Suggestion| {
            let best = suggestion.best().filter(|best| best.score >= least)?;
            Some(Taken { part: suggestion.part, org: suggestion.org, opinion: Opinion::Company(best.company) })
        };
        self.suggestions.iter().filter_map(taken).collect()
    }

    /// What is to be written for decisions. A company that only the directory has gets its row.
    pub fn changes(&self, taken: &[Taken]) -> Changes {
        let mut changes = Changes::default();
        let mut named: BTreeSet<String> =
            self.companies[..self.in_file].iter().map(|one| one.company.name.to_lowercase()).collect();
        let mut rows: BTreeMap<usize, String> = BTreeMap::new();
        for Taken { part, org, opinion } in taken {
            let Some(vendor) = self.org(*part, *org) else { continue };
            let integration = &self.parts[*part].name;
            let company = match opinion {
                Opinion::Ignore => IGNORE.to_owned(),
                Opinion::Company(company) if *company < self.in_file => self.name(*company).to_owned(),
                Opinion::Company(company) => {
                    rows.entry(*company).or_insert_with(|| self.add_row(*company, &mut named, &mut changes)).clone()
                }
                Opinion::New(name) => {
                    if named.insert(name.to_lowercase()) {
                        changes.rows.push(NewRow { company: name.clone(), domains: own(vendor) });
                    }
                    name.clone()
                }
            };
            let link =
                NewLink { company, integration: integration.clone(), id: vendor.id.clone(), name: vendor.name.clone() };
            if !changes.links.contains(&link) {
                changes.links.push(link);
            }
        }
        changes
    }

    /// A row for a company of the directory, with its id there.
    fn add_row(&self, company: usize, named: &mut BTreeSet<String>, changes: &mut Changes) -> String {
        let KeyedCompany { company: listed, .. } = &self.companies[company];
        let mut name = listed.name.clone();
        let ids = listed.links.iter().find_map(|(column, link)| match link {
            Link::Ids(ids) => ids.first().map(|id| (column.clone(), id.clone())),
            Link::NotCustomer => None,
        });
        // Two companies of one name are told apart by their ids.
        if let (false, Some((_, id))) = (named.insert(name.to_lowercase()), &ids) {
            name = format!("{name} [{id}]");
            named.insert(name.to_lowercase());
        }
        changes.rows.push(NewRow { company: name.clone(), domains: listed.domains.clone() });
        if let Some((integration, id)) = ids {
            changes.links.push(NewLink { company: name.clone(), integration, id, name: listed.name.clone() });
        }
        name
    }

    /// What someone wrote into the file of suggestions, each with the org that the vendor lists today.
    pub fn chosen(&self, file: &str, choices: &[Choice]) -> Result<Vec<Taken>> {
        let mut problems = Vec::new();
        let mut taken = Vec::new();
        for choice in choices {
            match self.choose(choice) {
                Ok(one) => taken.push(one),
                Err(why) => problems.push(format!("{file}:{}:{}: {why}", choice.place.0, choice.place.1)),
            }
        }
        if problems.is_empty() { Ok(taken) } else { Err(Error::config(problems.join("\n"))) }
    }

    fn choose(&self, choice: &Choice) -> Result<Taken, String> {
        let Choice { what, company, integration, id, .. } = choice;
        let part = self.parts.iter().position(|part| part.name == *integration);
        let part = part.ok_or_else(|| format!("there is no integration `{integration}`"))?;
        let orgs = self.parts[part].orgs.as_ref().map_err(|error| format!("{integration} does not answer: {error}"))?;
        let org = orgs.iter().position(|org| org.id == *id);
        let org = org.ok_or_else(|| format!("{integration} lists no `{id}` today"))?;
        if let Some(Listed::Company(company, Rule::Id)) = self.parts[part].are.get(org) {
            return Err(format!("`{id}` stands in the companies file already, in the row of {}", self.name(*company)));
        }
        let named =
            |name: &str| self.companies.iter().position(|one| one.company.name.to_lowercase() == name.to_lowercase());
        let opinion = match what {
            What::Ignore => Opinion::Ignore,
            What::Accept => Opinion::Company(named(company).ok_or_else(|| {
                let near = nearest(company, self.companies.iter().map(|one| one.company.name.as_str()));
                let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                format!("there is no company `{company}`; {hint}write `new` into the first cell to make a row")
            })?),
            What::New => {
                let own = orgs[org].name.split_whitespace().collect::<Vec<_>>().join(" ");
                // The suggested company stands there unless someone wrote another name.
                let name = if company.is_empty() || named(company).is_some() { own } else { company.clone() };
                if name.is_empty() || named(&name).is_some() {
                    return Err(format!(
                        "a new row needs a name of its own; write it into the column `company` (`{name}` has a row)"
                    ));
                }
                Opinion::New(name)
            }
        };
        Ok(Taken { part, org, opinion })
    }

    /// The first companies file: every active company of the PSA, or every company that the vendors' names make.
    pub fn export(&self, from: &Export) -> Result<Changes> {
        if *from == Export::Directory {
            if self.directory.is_none() {
                return Err(Error::config("[run] names no `directory`, so there is no list of companies to export"));
            }
            let mut changes = Changes::default();
            let mut named = BTreeSet::new();
            for company in self.in_file..self.companies.len() {
                self.add_row(company, &mut named, &mut changes);
            }
            return Ok(changes);
        }
        let parts = self.known(false);
        let mut changes = Changes::default();
        for company in found(&parts) {
            for part in &parts {
                let Some(Link::Ids(ids)) = company.links.get(part.integration) else { continue };
                for subject in part.orgs.iter().filter(|subject| ids.contains(&subject.org.id)) {
                    changes.links.push(NewLink {
                        company: company.name.clone(),
                        integration: part.integration.to_owned(),
                        id: subject.org.id.clone(),
                        name: subject.org.name.clone(),
                    });
                }
            }
            changes.rows.push(NewRow { company: company.name, domains: company.domains });
        }
        Ok(changes)
    }

    /// Whether there is a file that can be written into.
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    fn columns(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.name.as_str()).collect()
    }
}

fn own(org: &VendorOrg) -> Vec<String> {
    org.domains.iter().filter(|domain| !tallysheet_matching::is_shared(domain)).cloned().collect()
}

/// Writes changes into the companies file that was read, if it is still as it was read. Returns its path.
pub fn write(who: &Who, changes: &Changes, world: &dyn World) -> Result<PathBuf> {
    let Some(read) = &who.file else {
        let advice =
            "`tallysheet companies export` makes one; then name it: `companies = \"companies.csv\"` under [run]";
        return Err(Error::config("there is no companies file to write into").advice(advice));
    };
    let file = read.path.display().to_string();
    let edited = who.headers.with(|known| {
        if read.bytes.trim_ascii().is_empty() {
            companies::new_file(&file, &who.columns(), known, changes)
        } else {
            companies::edit(&file, &read.bytes, known, changes)
        }
    })?;
    let _lock = world.try_lock_state(LOCK)?.ok_or_else(|| {
        Error::config(format!("{file}: another tallysheet is writing it right now")).advice("run the command again")
    })?;
    files::replace_unchanged(&read.path, &read.bytes, &edited)?;
    Ok(read.path.clone())
}

/// Writes a companies file that is not there yet.
pub fn write_new(who: &Who, path: &Path, changes: &Changes) -> Result<()> {
    let file = path.display().to_string();
    let bytes = who.headers.with(|known| companies::new_file(&file, &who.columns(), known, changes))?;
    files::create(path, &bytes)
}
