//! Notes on what may be unmapped: beside the company that an unmapped org perhaps is. A note, never a match.

use std::collections::BTreeMap;
use tallysheet_core::merge::{KeyedCompany, Placement, Source};
use tallysheet_core::sheet::Sheet;
use tallysheet_core::{OrgCounts, Standing};
use tallysheet_matching::{Known, LIKELY, Part, Subject, suggest};

/// So near to the likeliest company, another one is named as well.
const TIE: u8 = 5;

/// Companies' keys, each with its notes in the order of columns.
pub(crate) type Perhaps = BTreeMap<String, Vec<String>>;

/// Finds the notes. `kinds` are those of the sources.
pub(crate) fn perhaps(
    companies: &[KeyedCompany],
    psa_columns: &BTreeMap<String, Vec<String>>,
    sources: &[Source],
    kinds: &BTreeMap<String, String>,
) -> Perhaps {
    let parts: Vec<Part<'_>> = sources.iter().map(|source| part(source, kinds)).collect();
    let mut notes = Perhaps::new();
    for suggestion in suggest(companies, psa_columns, &parts) {
        let Some(best) = suggestion.best().filter(|best| best.score >= LIKELY) else { continue };
        let org = parts[suggestion.part].orgs[suggestion.org].org;
        let name = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
        let note = format!("{}: perhaps \"{name} ({})\"", sources[suggestion.part].title, org.id);
        for likely in
            suggestion.likely.iter().filter(|likely| likely.score >= LIKELY && likely.score + TIE >= best.score)
        {
            notes.entry(companies[likely.company].key.clone()).or_default().push(note.clone());
        }
    }
    notes
}

fn part<'a>(source: &'a Source, kinds: &'a BTreeMap<String, String>) -> Part<'a> {
    let orgs = source.answer.as_ref().map_or(&[][..], |counts| &counts.orgs);
    let known = |org: &OrgCounts, placement: &Placement| match placement {
        _ if org.standing != Standing::Customer || source.exclude.contains(&org.org.id) => Known::Aside,
        Placement::Company(company) => Known::As(*company),
        Placement::Declined(_) => Known::Aside,
        Placement::Unmapped => Known::Open,
    };
    Part {
        integration: &source.name,
        kind: kinds.get(&source.name).map_or("", String::as_str),
        orgs: orgs
            .iter()
            .zip(&source.placements)
            .map(|(org, placement)| Subject { org: &org.org, known: known(org, placement) })
            .collect(),
    }
}

/// Adds the notes behind those that the rows have.
pub(crate) fn note(sheet: &mut Sheet, perhaps: &Perhaps) {
    for row in sheet.rows.iter_mut().filter(|row| !row.unmapped) {
        for note in perhaps.get(&row.key).into_iter().flatten() {
            if !row.notes.is_empty() {
                row.notes.push_str("; ");
            }
            row.notes.push_str(note);
        }
    }
}
