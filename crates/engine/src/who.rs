//! Who is who: every company, what each vendor calls it, and what is perhaps which. What the commands show and write comes
//! from here; nothing here changes a match by itself.

use crate::assemble::{Assembled, Headers, ReadFile, ignored};
use crate::collect::{Event, Progress, guarded};
use crate::directory;
use crate::plan::{Directory, Rules};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tallysheet_config::companies::{self, Changes, Choice, CompaniesFile, IGNORE, NewLink, NewRow, What, comment};
use tallysheet_core::capability::DirectoryCompany;
use tallysheet_core::merge::{KeyedCompany, Placement};
use tallysheet_core::registry::nearest;
use tallysheet_core::{Error, Level, Link, Notice, Phase, Result, VendorOrg, World};
use tallysheet_host::files;
use tallysheet_matching::{
    Candidate, Index, Known, Part, Rule, Subject, Suggestion, found, keyed, normalise, place, suggest, union,
};

/// The lock that keeps two of us from writing the companies file at once.
const LOCK: &str = "companies";

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
        let mut unknown = Vec::new();
        for KeyedCompany { company, .. } in &self.companies[..self.in_file] {
            for part in &self.parts {
                let (Ok(orgs), Some(Link::Ids(ids))) = (&part.orgs, company.links.get(&part.name)) else { continue };
                let lacking = ids.iter().filter(|id| !orgs.iter().any(|org| org.id == **id));
                unknown.extend(lacking.map(|id| (company.name.as_str(), part.name.as_str(), id.as_str())));
            }
        }
        unknown
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

impl Who {
    /// Whether there is a file that can be written into.
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    fn columns(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.name.as_str()).collect()
    }
}
