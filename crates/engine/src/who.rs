//! Who is who: every company, what each vendor calls it, and what is perhaps which. What the commands show and write comes
//! from here; nothing here changes a match by itself.

mod written;

pub use written::{write, write_new};

use crate::assemble::{Assembled, Headers, ReadFile, ignored};
use crate::collect::{Event, Progress, guarded};
use crate::directory;
use crate::plan::{Directory, Rules};
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashSet};
use tallysheet_config::companies::{CompaniesFile, comment};
use tallysheet_core::capability::DirectoryCompany;
use tallysheet_core::merge::{KeyedCompany, Placement};
use tallysheet_core::{Level, Link, Notice, Phase, Result, VendorOrg, World};
use tallysheet_matching::{
    Candidate, Index, Known, Part, Rule, Subject, Suggestion, keyed, normalise, place, suggest, union,
};

/// Every company, every org, and what is perhaps which.
pub struct Who {
    /// The companies: those of the file first, then those that only the directory has. Without either, those that the
    /// names make.
    pub companies: Vec<KeyedCompany>,
    /// How many of them are in the file.
    pub in_file: usize,
    /// The integrations in the order of columns, each with its orgs.
    pub parts: Vec<WhoPart>,
    /// For every org that the file does not name: which company it is perhaps.
    pub suggestions: Vec<Suggestion>,
    /// What is to be known besides.
    pub notices: Vec<Notice>,
    directory: Option<(String, Vec<DirectoryCompany>)>,
    file: Option<ReadFile>,
    headers: Headers,
}

/// The orgs of one integration.
pub struct WhoPart {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// Its orgs by name, or why they cannot be listed.
    pub orgs: Result<Vec<VendorOrg>>,
    /// What each org is, in the order of the orgs.
    pub are: Vec<Listed>,
}

/// What an org is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// This company, by this rule.
    Company(usize, Rule),
    /// This company says `-`.
    Declined(usize),
    /// It could be several companies, or is one of several orgs.
    Ambiguous,
    /// It is no company yet.
    Unmapped,
    /// The file's row `(ignore)` names it.
    Ignored,
    /// The config leaves it out.
    Excluded,
}

/// What someone decided of an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// It is this company.
    Company(usize),
    /// It is a company that has no row yet, called so.
    New(String),
    /// It is nobody's customer.
    Ignore,
}

/// A decision on an org: its part, its place there, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The part.
    pub part: usize,
    /// The place of the org.
    pub org: usize,
    /// What it is.
    pub opinion: Opinion,
}

/// Where the first companies file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// The active companies of the PSA.
    Directory,
    /// What all vendors have.
    Vendors,
}

/// The suggestions for one company, to be decided with one look.
pub struct Suggested<'a> {
    /// The company; none where no company is likely.
    pub company: Option<usize>,
    /// The orgs, the likeliest first.
    pub orgs: Vec<&'a Suggestion>,
}

impl Assembled {
    /// Asks every integration for its orgs, side by side, and looks for the company of each.
    pub async fn who(self, progress: &dyn Progress) -> Result<Who> {
        let rules = self.rules();
        let Self { integrations, world, companies: file, headers, directory, .. } = self;
        let none = CompaniesFile::default();
        let read = file.as_ref().map_or(&none, |read| &read.file);
        let mut notices = Vec::new();

        let own = directory.as_ref().map(|directory| directory.name.as_str());
        let asked = integrations.iter().filter(|one| Some(one.config.name.as_str()) != own);
        let asked = asked.filter_map(|one| {
            let (name, guard) = (&one.config.name, one.guard(&world));
            let counts = one.connector.counts.clone().filter(|_| !one.config.metrics.is_empty());
            let list = one.connector.companies.clone();
            if counts.is_none() && list.is_none() {
                return None;
            }
            let asking = async move {
                guard.admit().await?;
                match (counts, list) {
                    (Some(counts), _) => counts.orgs().await,
                    (None, Some(list)) => Ok(active(&list.companies().await?, &[])),
                    (None, None) => Ok(Vec::new()),
                }
            };
            Some(async move {
                progress.event(Event::Started(name));
                let orgs = guarded(one.config.timeout, asking).await;
                match &orgs {
                    Ok(orgs) => progress.event(Event::Answered(name, orgs.len())),
                    Err(error) => progress.event(Event::Failed(name, error)),
                }
                (one, orgs)
            })
        });
        let listing = ask_directory(directory.as_ref(), &world, progress);
        let (answers, listed) = futures_util::future::join(join_all(asked), listing).await;

        let mut companies = keyed(read.companies.clone());
        let in_file = companies.len();
        let mut parts: Vec<(usize, WhoPart, Vec<String>)> = Vec::new();
        for (one, orgs) in answers {
            let config = &one.config;
            parts.push((config.order, part(&config.name, &config.title, &config.kind, orgs), config.exclude.clone()));
        }
        if let (Some(directory), Some(listed)) = (&directory, &listed) {
            notices.extend(listed.notices.iter().cloned());
            let (joined, told) = directory::join(companies, &rules, directory, listed);
            companies = joined;
            notices.extend(told);
            let config = self.config.integrations.iter().find(|one| one.name == directory.name);
            let (order, kind) = config.map_or((usize::MAX, ""), |one| (one.order, one.kind.as_str()));
            let orgs = Ok(active(&listed.companies, &directory.ignored));
            parts.push((order, part(&directory.name, &directory.title, kind, orgs), Vec::new()));
        }
        parts.sort_by(|(order, a, _), (other, b, _)| (order, &a.name).cmp(&(other, &b.name)));
        if file.is_none() && directory.is_none() {
            companies = by_name(&parts);
        }
        for (_, part, exclude) in &mut parts {
            settle(part, exclude, read, &companies, &rules, &mut notices);
        }
        let parts: Vec<WhoPart> = parts.into_iter().map(|(_, part, _)| part).collect();
        let directory = directory.zip(listed).map(|(directory, listed)| (directory.name, listed.companies));
        let mut who = Who { companies, in_file, parts, suggestions: Vec::new(), notices, directory, file, headers };
        who.suggestions = suggest(&who.companies, &rules.psa_columns, &who.known(true));
        who.tell_renamed();
        Ok(who)
    }
}

async fn ask_directory(
    directory: Option<&Directory>,
    world: &std::sync::Arc<dyn World>,
    progress: &dyn Progress,
) -> Option<directory::Listed> {
    let directory = directory?;
    let guard = crate::account::Guard::new(
        &directory.name,
        directory.expect_account.clone(),
        directory.probe.clone(),
        world.clone(),
    );
    let guards = BTreeMap::from([(directory.name.clone(), guard)]);
    Some(directory::ask(directory, &guards, &**world, progress).await)
}

fn active(companies: &[DirectoryCompany], ignored: &[String]) -> Vec<VendorOrg> {
    let active = companies.iter().filter(|company| company.active && !ignored.contains(&company.id));
    let org = |company: &DirectoryCompany| {
        company.domains.iter().fold(VendorOrg::new(&company.id, &company.name), |org, domain| org.domain(domain))
    };
    active.map(org).collect()
}

fn part(name: &str, title: &str, kind: &str, orgs: Result<Vec<VendorOrg>>) -> WhoPart {
    let orgs = orgs.map(|mut orgs| {
        orgs.sort_by(|a, b| (a.name.to_lowercase(), &a.name, &a.id).cmp(&(b.name.to_lowercase(), &b.name, &b.id)));
        orgs.dedup_by(|a, b| a.id == b.id);
        orgs
    });
    WhoPart { name: name.to_owned(), title: title.to_owned(), kind: kind.to_owned(), orgs, are: Vec::new() }
}

/// Without any list of companies, orgs with equal names are one.
fn by_name(parts: &[(usize, WhoPart, Vec<String>)]) -> Vec<KeyedCompany> {
    let named: Vec<(&str, Vec<Candidate<'_>>)> = parts
        .iter()
        .map(|(_, part, exclude)| {
            let orgs = part.orgs.iter().flatten();
            (part.name.as_str(), orgs.map(|org| Candidate { org, aside: exclude.contains(&org.id) }).collect())
        })
        .collect();
    union(&named).companies
}

/// Says what each org of a part is.
fn settle(
    part: &mut WhoPart,
    exclude: &[String],
    file: &CompaniesFile,
    companies: &[KeyedCompany],
    rules: &Rules,
    notices: &mut Vec<Notice>,
) {
    let Ok(orgs) = &part.orgs else { return };
    let ignored = ignored(file, &part.name);
    let aside = |org: &VendorOrg| exclude.contains(&org.id) || ignored.contains(&org.id);
    let candidates: Vec<Candidate<'_>> = orgs.iter().map(|org| Candidate { org, aside: aside(org) }).collect();
    let placed = place(&part.name, &candidates, &Index::new(companies, &rules.psa_columns), &rules.allowed);
    notices.extend(placed.notices.into_iter().filter(|notice| notice.level != Level::Info));
    let is = |(number, org): (usize, &VendorOrg)| {
        if ignored.contains(&org.id) {
            return Listed::Ignored;
        }
        if exclude.contains(&org.id) {
            return Listed::Excluded;
        }
        match (placed.placements[number], placed.rules[number]) {
            (Placement::Company(company), Some(rule)) => Listed::Company(company, rule),
            (Placement::Declined(company), _) => Listed::Declined(company),
            _ if placed.ambiguous[number] => Listed::Ambiguous,
            _ => Listed::Unmapped,
        }
    };
    part.are = orgs.iter().enumerate().map(is).collect();
}

impl Who {
    /// The parts for suggestions: what the file says is known, all else is open.
    fn known(&self, by_file: bool) -> Vec<Part<'_>> {
        let known = |is: &Listed| match is {
            Listed::Company(company, Rule::Id) if by_file => Known::As(*company),
            Listed::Ignored | Listed::Excluded => Known::Aside,
            _ => Known::Open,
        };
        let part = |part: &'_ WhoPart| -> Vec<Known> { part.are.iter().map(known).collect() };
        self.parts
            .iter()
            .map(|of| Part {
                integration: &of.name,
                kind: &of.kind,
                orgs: of.orgs.iter().flatten().zip(part(of)).map(|(org, known)| Subject { org, known }).collect(),
            })
            .collect()
    }

    /// An org of a part.
    pub fn org(&self, part: usize, org: usize) -> Option<&VendorOrg> {
        self.parts.get(part)?.orgs.as_ref().ok()?.get(org)
    }

    /// The name of a company.
    pub fn name(&self, company: usize) -> &str {
        &self.companies[company].company.name
    }

    /// Whether any integration failed to list its orgs.
    pub fn failed(&self) -> usize {
        self.parts.iter().filter(|part| part.orgs.is_err()).count()
    }

    /// The suggestions by company, those for no company last.
    pub fn suggested(&self) -> Vec<Suggested<'_>> {
        let mut groups: BTreeMap<(bool, String, Option<usize>), Vec<&Suggestion>> = BTreeMap::new();
        for suggestion in &self.suggestions {
            let company = suggestion.best().map(|best| best.company);
            let name = company.map(|company| self.name(company).to_lowercase()).unwrap_or_default();
            groups.entry((company.is_none(), name, company)).or_default().push(suggestion);
        }
        groups.into_iter().map(|((_, _, company), orgs)| Suggested { company, orgs }).collect()
    }

    /// Whether the file names any company yet.
    pub const fn is_empty(&self) -> bool {
        self.in_file == 0
    }

    /// Names behind ids that are not the vendor's of today.
    fn tell_renamed(&mut self) {
        let Some(read) = &self.file else { return };
        for named in &read.file.names {
            let part = self.parts.iter().find(|part| part.name == named.column);
            let org = part.and_then(|part| part.orgs.as_ref().ok()?.iter().find(|org| org.id == named.id));
            let Some(org) = org.filter(|org| normalise(&comment(&org.name)) != normalise(&named.name)) else {
                continue;
            };
            let (line, column) = named.place;
            let message = format!(
                "{}:{line}:{column}: {} is `{}` at {} now, not `{}`; see that the id stands in the right row",
                read.path.display(),
                named.id,
                comment(&org.name),
                part.map_or("", |part| part.title.as_str()),
                named.name
            );
            self.notices.push(Notice::new(Level::Warning, Phase::Merge, None, message).of(&named.column));
        }
    }

    /// Ids in the file that the vendor does not list: the company, the integration, the id.
    pub fn unknown(&self) -> Vec<(&str, &str, &str)> {
        let listed = self.parts.iter().filter_map(|part| {
            let ids: HashSet<&str> = part.orgs.as_ref().ok()?.iter().map(|org| org.id.as_str()).collect();
            Some((part.name.as_str(), ids))
        });
        let (listed, mut unknown): (Vec<_>, _) = (listed.collect(), Vec::new());
        for KeyedCompany { company, .. } in &self.companies[..self.in_file] {
            for (part, listed) in &listed {
                let Some(Link::Ids(ids)) = company.links.get(*part) else { continue };
                let lacking = ids.iter().filter(|id| !listed.contains(id.as_str()));
                unknown.extend(lacking.map(|id| (company.name.as_str(), *part, id.as_str())));
            }
        }
        unknown
    }
}
