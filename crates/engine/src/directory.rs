//! The companies of a PSA as rows: asked anew in each run, joined to those of the companies file, which wins.

use crate::account::Guards;
use crate::collect::{Event, Progress, guarded};
use crate::plan::{Companies, Directory, Rules};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use tallysheet_core::capability::DirectoryCompany;
use tallysheet_core::merge::{KeyedCompany, Placement};
use tallysheet_core::{Code, Company, Error, Level, Link, Notice, Phase, Result, VendorOrg, World};
use tallysheet_matching::{Candidate, Index, Rule, normalise, place};

/// What a directory answered.
pub(crate) struct Listed {
    pub(crate) companies: Vec<DirectoryCompany>,
    pub(crate) notices: Vec<Notice>,
    /// Whether it answered in this run.
    pub(crate) fresh: bool,
}

/// A company as it is kept for a run in which the directory does not answer.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    name: String,
    domains: Vec<String>,
}

/// Asks for the companies. Where that fails, those of the last run serve, and the run is incomplete.
pub(crate) async fn ask(directory: &Directory, guards: &Guards, world: &dyn World, progress: &dyn Progress) -> Listed {
    let (guard, list) = (guards.get(&directory.name).cloned(), directory.companies.clone());
    let answer = guarded(directory.timeout, async move {
        if let Some(guard) = &guard {
            guard.admit().await?;
        }
        list.companies().await
    })
    .await;
    let mut notices = Vec::new();
    match answer {
        Ok(mut companies) => {
            companies.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
            companies.dedup_by(|a, b| a.id == b.id);
            if let Some(guard) = guards.get(&directory.name) {
                notices.extend(guard.pin().await);
            }
            if let Err(error) = keep(directory, &companies, world) {
                let message = format!("the companies cannot be kept: {error}");
                notices.push(Notice::new(Level::Warning, Phase::Collect, error.code(), message).of(&directory.name));
            }
            Listed { companies, notices, fresh: true }
        }
        Err(error) => {
            progress.event(Event::Failed(&directory.name, &error));
            let companies = kept(directory, world).unwrap_or_default();
            let instead = if companies.is_empty() {
                "no company of it has a row"
            } else {
                "the companies of its last answer are used"
            };
            let message = format!("{} does not list its companies: {error}; {instead}", directory.title);
            notices.push(Notice::new(Level::Error, Phase::Collect, error.code(), message).of(&directory.name));
            Listed { companies, notices, fresh: false }
        }
    }
}

fn entry(directory: &Directory) -> String {
    format!("directory/{}", directory.name)
}

fn keep(directory: &Directory, companies: &[DirectoryCompany], world: &dyn World) -> Result<()> {
    let active = companies.iter().filter(|company| company.active);
    let kept = |company: &DirectoryCompany| Kept {
        id: company.id.clone(),
        name: company.name.clone(),
        domains: company.domains.clone(),
    };
    let bytes = serde_json::to_vec(&active.map(kept).collect::<Vec<_>>());
    world.write_state(&entry(directory), &bytes.map_err(|_| Error::internal("they cannot be written"))?)
}

fn kept(directory: &Directory, world: &dyn World) -> Option<Vec<DirectoryCompany>> {
    let kept: Vec<Kept> = serde_json::from_slice(&world.read_state(&entry(directory)).ok()??).ok()?;
    let active = |Kept { id, name, domains }| DirectoryCompany { id, name, domains, active: true };
    Some(kept.into_iter().map(active).collect())
}

/// The companies of the file and of the directory together. A company that the file names by its id there keeps its row
/// and its name in the file, whatever it is called now; one that only the directory has is known by its id.
pub(crate) fn join(
    mut companies: Vec<KeyedCompany>,
    rules: &Rules,
    directory: &Directory,
    listed: &Listed,
) -> (Vec<KeyedCompany>, Vec<Notice>) {
    let name = &directory.name;
    let tell = |level, code, about: &str, message: String| {
        Notice::new(level, Phase::Merge, code, message).of(name).about(about)
    };
    let mut notices: Vec<Notice> = Vec::new();
    let active: Vec<VendorOrg> = listed
        .companies
        .iter()
        .filter(|company| company.active && !directory.ignored.contains(&company.id))
        .map(|company| {
            company.domains.iter().fold(VendorOrg::new(&company.id, &company.name), |org, domain| org.domain(domain))
        })
        .collect();
    let candidates: Vec<Candidate<'_>> = active.iter().map(|org| Candidate { org, aside: false }).collect();
    let placed = place(name, &candidates, &Index::new(&companies, &rules.psa_columns), &rules.allowed);
    notices.extend(placed.notices);

    let mut new = Vec::new();
    for (number, org) in active.iter().enumerate() {
        match placed.placements[number] {
            Placement::Company(place) => {
                let company = &mut companies[place].company;
                if placed.rules[number] == Some(Rule::Id) && normalise(&company.name) != normalise(&org.name) {
                    let message = format!(
                        "{} is called {} in {} now; the companies file wins",
                        company.name, org.name, directory.title
                    );
                    notices.push(tell(Level::Info, None, &company.name, message));
                }
                company.links.entry(name.clone()).or_insert_with(|| Link::Ids(vec![org.id.clone()]));
                if company.domains.is_empty() {
                    company.domains.clone_from(&org.domains);
                }
            }
            Placement::Unmapped if placed.ambiguous[number] => {}
            Placement::Unmapped | Placement::Declined(_) => new.push(row_of(name, org)),
        }
    }
    if listed.fresh {
        notices.extend(gone(&companies, directory, listed));
    }
    companies.extend(new);
    (companies, notices)
}

fn row_of(directory: &str, org: &VendorOrg) -> KeyedCompany {
    let words = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
    let company = Company {
        name: if words.is_empty() { org.id.clone() } else { words },
        domains: org.domains.clone(),
        links: BTreeMap::from([(directory.to_owned(), Link::Ids(vec![org.id.clone()]))]),
        carried: Vec::new(),
    };
    KeyedCompany { company, key: format!("{directory}:{}", org.id) }
}

/// Companies of the file that the directory has not, or no longer as active customers. They keep their rows.
fn gone(companies: &[KeyedCompany], directory: &Directory, listed: &Listed) -> Vec<Notice> {
    let known: HashSet<&str> = listed.companies.iter().map(|company| company.id.as_str()).collect();
    let active: HashSet<&str> =
        listed.companies.iter().filter(|company| company.active).map(|company| company.id.as_str()).collect();
    let mut notices = Vec::new();
    for KeyedCompany { company, .. } in companies {
        let Some(Link::Ids(ids)) = company.links.get(&directory.name) else { continue };
        for id in ids.iter().filter(|id| !active.contains(id.as_str())) {
            let (level, code, what) = if known.contains(id.as_str()) {
                (Level::Info, None, "is no active customer there")
            } else {
                (Level::Warning, Some(Code::UnknownOrg), "is not listed there")
            };
            let message = format!("{}: the id {id} in the companies file {what} ({})", company.name, directory.title);
            notices.push(Notice::new(level, Phase::Merge, code, message).of(&directory.name).about(&company.name));
        }
    }
    notices
}

/// The companies of a run: those of the file, joined with the directory's.
pub(crate) fn with_directory(companies: Companies, directory: &Directory, listed: &Listed) -> (Companies, Vec<Notice>) {
    match companies {
        Companies::Listed { companies, rules } => {
            let (companies, notices) = join(companies, &rules, directory, listed);
            (Companies::Listed { companies, rules }, notices)
        }
        // Without any list of companies, names must do.
        Companies::FromNames => (Companies::FromNames, Vec::new()),
    }
}
