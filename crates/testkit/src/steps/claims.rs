//! What the connector says of itself, and what its case says of the vendor.

use crate::bench::{Ask, Bench, LedgerVerb};
use crate::steps::{lists, rows};
use crate::world::TestWorld;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tallysheet_core::{Capability, Counted, Entry, Metric, MetricDef, MetricKind, Outcome};

/// The headings of a connector's README, behind the first.
const HEADINGS: [&str; 5] = ["Credential", "Settings", "Limits", "Quirks", "Sources"];
/// The first, where it counts and where it does not.
const FIRST_HEADING: [&str; 2] = ["What is counted", "What it does"];
/// Keys that every integration takes.
const COMMON_KEYS: [&str; 10] = [
    "kind",
    "title",
    "enabled",
    "url",
    "timeout",
    "max_concurrency",
    "requests_per_minute",
    "metrics",
    "exclude",
    "expect_account",
];

/// Paging that was tried with one page was not tried; what is billed has pages of its own.
pub(crate) fn pages(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    let (mut sizes_of_lists, mut sizes_of_billed) = (Vec::new(), Vec::new());
    let (directory, billed) = (Ask::Companies, Ask::Ledger(LedgerVerb::Billed));
    for (list, pages) in lists(&bench.case.exchanges) {
        let sizes: Vec<Option<usize>> =
            pages.iter().map(|index| rows(&bench.case.exchanges[*index]).map(Vec::len)).collect();
        if let Some(index) = pages.iter().zip(&sizes).find_map(|(index, size)| size.is_none().then_some(*index)) {
            found.push(format!("{list}: {} has no rows where the case says", bench.case.name_of(index)));
        }
        let sizes: Vec<usize> = sizes.into_iter().flatten().collect();
        if bench.offers(billed) && pages.iter().any(|index| bench.calm(billed).asked(*index) > 0) {
            sizes_of_billed.push(sizes.clone());
        }
        sizes_of_lists.push(sizes);
    }
    let tries_paging = |sizes: &Vec<usize>| {
        let unequal: BTreeSet<&usize> = sizes.iter().filter(|size| **size > 0).collect();
        matches!(sizes.as_slice(), [_, middle @ .., _] if middle.contains(&0)) && unequal.len() > 1
    };
    // A desk without a directory has no list of its own to page through.
    let wanted = [
        ("", bench.offers(Ask::Counts) || bench.offers(directory), sizes_of_lists),
        (" of what is billed", bench.offers(billed), sizes_of_billed),
    ];
    if found.is_empty() {
        let untried = wanted.iter().filter(|(_, needed, sizes)| *needed && !sizes.iter().any(tries_paging));
        found.extend(untried.map(|(which, _, sizes)| {
            format!("no list{which} has three pages of unequal sizes, one in the middle empty; there are {sizes:?}")
        }));
    }
    found
}

/// Capabilities and metrics are as declared, and each metric is tried with a number other than zero.
pub(crate) async fn declared(bench: &Bench) -> Vec<String> {
    let meta = bench.entry.meta;
    bench.begin(crate::server::Script::default(), &TestWorld::new(), 1);
    let connector = match bench.connect(&TestWorld::new(), |_| ()) {
        Ok(connector) => connector,
        Err(error) => return vec![error.to_string()],
    };
    let mut found = Vec::new();
    let declared: BTreeSet<Capability> = meta.capabilities.iter().copied().collect();
    let offered: BTreeSet<Capability> = connector.capabilities().into_iter().collect();
    if declared != offered {
        found.push(format!("it declares {declared:?} and offers {offered:?}"));
    }

    if let (Some(ledger), Some(case)) = (&connector.billing, &bench.case.ledger)
        && ledger.writing() != case.writing
    {
        found.push(format!("changes are taken as {:?}, expected {:?}", ledger.writing(), case.writing));
    }
    if !declared.contains(&Capability::Counts) {
        return found;
    }
    let counts = match bench.counts(&connector).await {
        Ok(counts) => counts,
        Err(error) => return vec![error.to_string()],
    };
    let values = counts.orgs.iter().flat_map(|org| match &org.counted {
        Counted::Each(values) => values.as_slice(),
        Counted::Whole(_) => &[],
    });
    let mut tried = Vec::new();
    for (metric, outcome) in values {
        let Some(def) = meta.metrics.iter().copied().find(|def| defines(def, metric)) else {
            found.push(format!("{metric} is counted but not declared"));
            continue;
        };
        let tells = match outcome {
            Outcome::Number(number) => !number.is_zero() && def.kind != MetricKind::Text,
            Outcome::Text(text) => !text.is_empty() && def.kind == MetricKind::Text,
            _ => false,
        };
        if tells {
            tried.push(def);
        }
    }
    let untried = meta.metrics.iter().filter(|def| !tried.contains(def));
    found.extend(untried.map(|def| format!("no org of the case has a value for {}, other than zero", def.name)));
    found
}

fn defines(def: &MetricDef, metric: &Metric) -> bool {
    match (metric, def.kind) {
        (Metric::Fixed(fixed), _) => *fixed == def,
        (Metric::Product(_, figure), MetricKind::Product(declared)) => *figure == declared,
        (Metric::Product(..), _) => false,
    }
}

/// The README tells all, and the example is right.
pub(crate) fn documented(entry: &Entry) -> Vec<String> {
    let slug = entry.meta.slug;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../connectors").join(slug);
    let schema = (entry.settings)();
    let keys: Vec<&String> =
        schema.get("properties").and_then(|keys| keys.as_object()).into_iter().flatten().map(|(key, _)| key).collect();
    let required = schema.get("required").and_then(|keys| keys.as_array()).into_iter().flatten();
    let mut required: Vec<&str> = required.filter_map(|key| key.as_str()).collect();
    if entry.meta.default_url.is_none() {
        required.push("url");
    }

    let mut found = Vec::new();
    match read(&folder.join("README.md")) {
        Ok(readme) => {
            let counts = entry.meta.capabilities.contains(&Capability::Counts);
            let first = if counts { &FIRST_HEADING[..1] } else { &FIRST_HEADING[1..] };
            let heading = |heading: &&&str| !readme.lines().any(|line| line.trim_end() == format!("## {heading}"));
            found.extend(
                first
                    .iter()
                    .chain(&HEADINGS)
                    .filter(heading)
                    .map(|heading| format!("README.md lacks the heading `## {heading}`")),
            );
            let unnamed = keys.iter().filter(|key| !readme.contains(&format!("`{key}`")));
            found.extend(unnamed.map(|key| format!("README.md does not name the key `{key}`")));
        }
        Err(line) => found.push(line),
    }
    match read(&folder.join("example.toml")).and_then(|text| example_sections(&text, slug)) {
        Ok(sections) => {
            for section in sections {
                let has = |key: &str| section.contains_key(key);
                found.extend(required.iter().filter(|key| !has(key)).map(|key| format!("example.toml lacks `{key}`")));
                let known = |key: &String| COMMON_KEYS.contains(&key.as_str()) || keys.contains(&key);
                let unknown = section.keys().filter(|key| !known(key));
                found.extend(unknown.map(|key| format!("example.toml has the key `{key}`, which does not exist")));
            }
        }
        Err(line) => found.push(line),
    }
    found
}

/// The sections `[integrations.NAME]` of this kind.
fn example_sections(text: &str, slug: &str) -> Result<Vec<toml::Table>, String> {
    let example: toml::Table = text.parse().map_err(|error| format!("example.toml: {error}"))?;
    let integrations = example.get("integrations").and_then(toml::Value::as_table).into_iter().flatten();
    let kind = |name: &str, section: &toml::Table| {
        section.get("kind").and_then(toml::Value::as_str).map_or(name == slug, |kind| kind == slug)
    };
    let sections: Vec<toml::Table> = integrations
        .filter_map(|(name, section)| section.as_table().filter(|section| kind(name, section)).cloned())
        .collect();
    if sections.is_empty() {
        return Err(format!("example.toml has no section [integrations.NAME] of the kind `{slug}`"));
    }
    Ok(sections)
}

fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
