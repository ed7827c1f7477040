//! How companies and suggestions are shown.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tallysheet_config::companies::ChoiceRow;
use tallysheet_core::{Link, VendorOrg};
use tallysheet_engine::{CERTAIN, Likely, Listed, Opinion, Reason, Rule, Suggestion, Taken, Who};

pub(crate) fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// `Acme Dental (4711)`.
fn shown(org: &VendorOrg) -> String {
    let name = org.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { org.id.clone() } else { format!("{name} ({})", org.id) }
}

const fn by(rule: Rule) -> &'static str {
    match rule {
        Rule::Id => "id",
        Rule::PsaId => "psa-id",
        Rule::Domain => "domain",
        Rule::Name => "name",
    }
}

const fn state(is: Listed) -> &'static str {
    match is {
        Listed::Company(_, rule) => by(rule),
        Listed::Declined(_) => "declined",
        Listed::Ambiguous => "ambiguous",
        Listed::Unmapped => "unmapped",
        Listed::Ignored => "ignored",
        Listed::Excluded => "excluded",
    }
}

/// Every org with what it is: part, place, org.
fn orgs(who: &Who) -> impl Iterator<Item = (usize, usize, &VendorOrg, Listed)> {
    who.parts.iter().enumerate().flat_map(|(part, of)| {
        let orgs = of.orgs.iter().flatten().zip(&of.are).enumerate();
        orgs.map(move |(place, (org, is))| (part, place, org, *is))
    })
}

fn suggestion(who: &Who, part: usize, org: usize) -> Option<&Suggestion> {
    who.suggestions.iter().find(|one| (one.part, one.org) == (part, org))
}

/// By company: what each vendor calls it.
fn by_company(who: &Who) -> BTreeMap<usize, Vec<(usize, &VendorOrg, Rule)>> {
    let mut companies: BTreeMap<usize, Vec<(usize, &VendorOrg, Rule)>> = BTreeMap::new();
    for (part, _, org, is) in orgs(who) {
        if let Listed::Company(company, rule) = is {
            companies.entry(company).or_default().push((part, org, rule));
        }
    }
    companies
}

fn sorted(who: &Who) -> Vec<usize> {
    let mut places: Vec<usize> = (0..who.companies.len()).collect();
    places.sort_by_cached_key(|place| (who.name(*place).to_lowercase(), *place));
    places
}

/// What is not mapped first, then every company.
pub(crate) fn list(who: &Who) -> String {
    let mut text = String::new();
    for (title, wanted) in [
        ("Not mapped", &[Listed::Unmapped, Listed::Ambiguous][..]),
        ("Nobody's customer (the row `(ignore)`, or `exclude`)", &[Listed::Ignored, Listed::Excluded][..]),
    ] {
        let rows: Vec<String> = orgs(who)
            .filter(|(.., is)| wanted.contains(is))
            .map(|(part, place, org, is)| {
                let best = suggestion(who, part, place).and_then(Suggestion::best);
                let perhaps = best.map(|best| format!("; perhaps {} ({})", who.name(best.company), best.score));
                let several = if is == Listed::Ambiguous { "; could be several" } else { "" };
                format!("  {}: {}{several}{}\n", who.parts[part].title, shown(org), perhaps.unwrap_or_default())
            })
            .collect();
        if !rows.is_empty() {
            let _ = write!(text, "{title}: {}\n{}\n", rows.len(), rows.concat());
        }
    }
    for (company, integration, id) in who.unknown() {
        let _ = writeln!(text, "{company}: {integration} does not list the id {id} that the companies file has");
    }
    let companies = by_company(who);
    let _ = writeln!(text, "Companies: {}", who.companies.len());
    for place in sorted(who) {
        let new = if place >= who.in_file && who.in_file > 0 { " (not in the companies file)" } else { "" };
        let _ = writeln!(text, "  {}{new}", who.name(place));
        for (part, org, rule) in companies.get(&place).into_iter().flatten() {
            let how = if *rule == Rule::Id { String::new() } else { format!(", by its {}", by(*rule)) };
            let _ = writeln!(text, "      {}: {}{how}", who.parts[*part].title, shown(org));
        }
        let declined = who
            .parts
            .iter()
            .filter(|part| matches!(who.companies[place].company.links.get(&part.name), Some(Link::NotCustomer)));
        for part in declined {
            let _ = writeln!(text, "      {}: -", part.title);
        }
    }
    text
}

pub(crate) fn list_json(who: &Who) -> Value {
    let of = by_company(who);
    let org =
        |part: usize, org: &VendorOrg| json!({ "integration": who.parts[part].name, "id": org.id, "name": org.name });
    let companies: Vec<Value> = sorted(who)
        .into_iter()
        .map(|place| {
            let company = &who.companies[place];
            let orgs: Vec<Value> = of.get(&place).into_iter().flatten().map(|(part, is, rule)| {
                let mut value = org(*part, is);
                value["by"] = by(*rule).into();
                value
            }).collect();
            let declined: Vec<&String> = company.company.links.iter().filter(|(_, link)| **link == Link::NotCustomer).map(|(name, _)| name).collect();
            json!({ "company": company.company.name, "in_file": place < who.in_file, "orgs": orgs, "not_customer_at": declined })
        })
        .collect();
    let open: Vec<Value> = orgs(who)
        .filter(|(.., is)| !matches!(is, Listed::Company(..)))
        .map(|(part, place, is_org, is)| {
            let mut value = org(part, is_org);
            value["state"] = state(is).into();
            let best = suggestion(who, part, place).and_then(Suggestion::best);
            value["perhaps"] =
                best.map_or(Value::Null, |best| json!({ "company": who.name(best.company), "score": best.score }));
            value
        })
        .collect();
    let unknown: Vec<Value> = who
        .unknown()
        .into_iter()
        .map(|(company, integration, id)| json!({ "company": company, "integration": integration, "id": id }))
        .collect();
    json!({ "unmapped": open, "companies": companies, "unknown": unknown, "failed": failed(who), "notices": notices(who) })
}

fn failed(who: &Who) -> Vec<Value> {
    let failed = who.parts.iter().filter_map(|part| Some((part, part.orgs.as_ref().err()?)));
    failed
        .map(|(part, error)| json!({ "integration": part.name, "code": error.code(), "error": error.to_string() }))
        .collect()
}

fn notices(who: &Who) -> Vec<Value> {
    who.notices
        .iter()
        .map(|notice| {
            json!({ "level": notice.level, "integration": notice.integration,
        "company": notice.company, "code": notice.code, "message": notice.message })
        })
        .collect()
}

fn texts(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
}

fn evidence(likely: &Likely) -> String {
    let doubts = texts(&likely.doubts);
    if doubts.is_empty() { texts(&likely.evidence) } else { format!("{}; but: {doubts}", texts(&likely.evidence)) }
}

/// The suggestions of one company under it: one look decides.
pub(crate) fn suggest(who: &Who, least: u8) -> String {
    let mut text = String::new();
    let mut certain = 0;
    for group in who.suggested() {
        let score = |one: &&&Suggestion| one.best().map_or(0, |best| best.score);
        let rows: Vec<&Suggestion> = group.orgs.iter().filter(|one| score(one) >= least).copied().collect();
        if rows.is_empty() {
            continue;
        }
        let mut per_part: BTreeMap<usize, usize> = BTreeMap::new();
        rows.iter().for_each(|one| *per_part.entry(one.part).or_default() += 1);
        match group.company {
            Some(company) => drop(writeln!(text, "{}", who.name(company))),
            None => text.push_str("No likely company (add a row, or ignore them)\n"),
        }
        for one in rows {
            let Some(org) = who.org(one.part, one.org) else { continue };
            let title = &who.parts[one.part].title;
            let Some(best) = one.best() else {
                let _ = writeln!(text, "       {title}: {}", shown(org));
                continue;
            };
            certain += usize::from(best.score >= CERTAIN);
            let several = per_part
                .get(&one.part)
                .filter(|count| **count > 1)
                .map(|count| format!(" [{count} of {title} for this company]"));
            let _ = writeln!(
                text,
                "  {:>3}  {title}: {}{}  {}",
                best.score,
                shown(org),
                several.unwrap_or_default(),
                evidence(best)
            );
            for also in &one.likely[1..] {
                let _ = writeln!(text, "         or {:>3}  {}  {}", also.score, who.name(also.company), evidence(also));
            }
        }
        text.push('\n');
    }
    let all = who.suggestions.len();
    let _ = writeln!(
        text,
        "{} without an id in the companies file, {certain} of them at {CERTAIN} or more: `tallysheet companies accept` writes those.",
        many(all, "org", "orgs")
    );
    text
}

fn reasons(reasons: &[Reason]) -> Vec<Value> {
    reasons.iter().map(|reason| json!({ "kind": reason.kind, "text": reason.text })).collect()
}

pub(crate) fn suggest_json(who: &Who, least: u8) -> Value {
    let likely = |one: &Likely| {
        json!({ "company": who.name(one.company), "score": one.score,
        "evidence": reasons(&one.evidence), "doubts": reasons(&one.doubts) })
    };
    let groups: Vec<Value> = who
        .suggested()
        .iter()
        .map(|group| {
            let orgs: Vec<Value> = group
                .orgs
                .iter()
                .filter(|one| one.best().map_or(0, |best| best.score) >= least)
                .filter_map(|one| {
                    let org = who.org(one.part, one.org)?;
                    Some(json!({ "integration": who.parts[one.part].name, "id": org.id, "name": org.name,
                        "now": state(who.parts[one.part].are[one.org]), "likely": one.likely.iter().map(likely).collect::<Vec<_>>() }))
                })
                .collect();
            json!({ "company": group.company.map(|company| who.name(company)), "orgs": orgs })
        })
        .filter(|group| group["orgs"].as_array().is_some_and(|orgs| !orgs.is_empty()))
        .collect();
    json!({ "suggestions": groups, "default_min_score": CERTAIN, "failed": failed(who) })
}

/// The rows of the file that a user edits: the likeliest first.
pub(crate) fn choices(who: &Who, least: u8) -> Vec<ChoiceRow> {
    let mut rows: Vec<(u8, ChoiceRow)> = who
        .suggested()
        .iter()
        .flat_map(|group| group.orgs.iter())
        .filter_map(|one| {
            let org = who.org(one.part, one.org)?;
            let best = one.best();
            let score = best.map_or(0, |best| best.score);
            let row = ChoiceRow {
                score: best.map(|best| best.score.to_string()).unwrap_or_default(),
                company: best.map(|best| who.name(best.company).to_owned()).unwrap_or_default(),
                integration: who.parts[one.part].name.clone(),
                id: org.id.clone(),
                name: org.name.clone(),
                evidence: best.map(evidence).unwrap_or_default(),
            };
            (score >= least).then_some((score, row))
        })
        .collect();
    rows.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn company(who: &Who, opinion: &Opinion) -> String {
    match opinion {
        Opinion::Company(company) => who.name(*company).to_owned(),
        Opinion::New(name) => format!("{name} (a new row)"),
        Opinion::Ignore => "(ignore)".to_owned(),
    }
}

/// One line for each decision.
pub(crate) fn taken(who: &Who, taken: &[Taken]) -> String {
    let line = |one: &Taken| {
        let org = who.org(one.part, one.org)?;
        let best = suggestion(who, one.part, one.org).and_then(Suggestion::best);
        let why = best.map(|best| format!("  {}, {}", best.score, evidence(best))).unwrap_or_default();
        Some(format!("  {} <- {}: {}{why}\n", company(who, &one.opinion), who.parts[one.part].title, shown(org)))
    };
    taken.iter().filter_map(line).collect()
}

pub(crate) fn taken_json(who: &Who, taken: &[Taken]) -> Vec<Value> {
    let row = |one: &Taken| {
        let org = who.org(one.part, one.org)?;
        let best = suggestion(who, one.part, one.org).and_then(Suggestion::best);
        Some(json!({ "company": company(who, &one.opinion), "integration": who.parts[one.part].name, "id": org.id,
            "name": org.name, "score": best.map(|best| best.score) }))
    };
    taken.iter().filter_map(row).collect()
}

/// One org and its likely companies, for a question.
pub(crate) fn question(who: &Who, one: &Suggestion) -> String {
    let Some(org) = who.org(one.part, one.org) else { return String::new() };
    let mut text = format!("\n{}: {}\n", who.parts[one.part].title, shown(org));
    for (number, likely) in one.likely.iter().enumerate() {
        let _ =
            writeln!(text, "  {}  {} ({}: {})", number + 1, who.name(likely.company), likely.score, evidence(likely));
    }
    text
}
