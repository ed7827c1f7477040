//! What holds of every merge, whatever vendors answer.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use std::collections::BTreeMap;
use tallysheet_core::merge::{KeptColumn, KeyedCompany, Merged, Options, Placement, Source, merge};
use tallysheet_core::sheet::{Blank, Cell, ColumnKind, Row, Totals};
use tallysheet_core::{
    Code, Company, Counted, Counts, Decimal, Failure, Figure, LeftOut, Link, Metric, MetricDef, OrgCounts, Outcome,
    Product, Standing, VendorOrg,
};

static DEVICES: MetricDef = MetricDef::number("Devices", "devices");
static SERVERS: MetricDef = MetricDef::number("Servers", "devices");
static EDITION: MetricDef = MetricDef::text("Edition");
static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "seats");
static TRIAL: MetricDef = MetricDef::product(Figure::Trial, "seats");
static ALL: [&MetricDef; 5] = [&DEVICES, &SERVERS, &EDITION, &QUANTITY, &TRIAL];

/// Two ids with one name, and a product named like the trial figure of another.
const PRODUCTS: [(&str, &str); 4] = [("p1", "Guard"), ("p2", "Guard"), ("p3", "Guard (trial)"), ("p4", "vault")];

#[derive(Debug, Clone)]
struct Case {
    companies: Vec<KeyedCompany>,
    sources: Vec<Source>,
}

fn options() -> Options {
    Options { notes: true, unmapped_rows: true, ..Options::default() }
}

fn merged(case: &Case) -> Merged {
    merge(&case.companies, case.sources.clone(), &options())
}

fn numbers() -> impl Strategy<Value = Decimal> {
    (0..100_000_i64, 0..3_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn blanks() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::NotApplicable),
        select(vec!["trial", "expired"]).prop_map(Outcome::LeftOut),
        select(vec![Code::TimedOut, Code::ConsentMissing])
            .prop_map(|code| Outcome::Failed(Failure::new(code, "as told"))),
    ]
}

fn values() -> impl Strategy<Value = (Metric, Outcome)> {
    let number = || prop_oneof![8 => numbers().prop_map(Outcome::Number), 1 => blanks()];
    let text =
        prop_oneof![8 => select(vec!["Pro", "Basic", ""]).prop_map(|text| Outcome::Text(text.into())), 1 => blanks()];
    let product = (select(&PRODUCTS[..]), select(vec![Figure::Quantity, Figure::Trial]));
    let product = product.prop_map(|((id, name), figure)| Metric::product(Product::new(id, name), figure));
    prop_oneof![
        (select(vec![&DEVICES, &SERVERS]).prop_map(Metric::Fixed), number()),
        (Just(Metric::Fixed(&EDITION)), text),
        (product, number()),
    ]
}

fn orgs() -> impl Strategy<Value = (OrgCounts, Index, u8)> {
    let counted = prop_oneof![
        8 => prop::collection::vec(values(), 0..8).prop_map(Counted::Each),
        2 => blanks().prop_map(Counted::Whole),
    ];
    let left_out = (select(vec![&DEVICES, &SERVERS]), numbers()).prop_map(|(metric, quantity)| LeftOut {
        metric: Metric::Fixed(metric),
        reason: "deleted",
        quantity,
    });
    let standing = prop_oneof![8 => Just(Standing::Customer), 1 => Just(Standing::NotCustomer("a system site"))];
    let org = (select(vec!["Birch", "birch", "Elm", "Oak"]), standing, counted, prop::collection::vec(left_out, 0..2));
    let org = org.prop_map(|(name, standing, counted, left_out)| OrgCounts {
        org: VendorOrg::new("", name),
        standing,
        counted,
        left_out,
    });
    (org, any::<Index>(), 0..8_u8)
}

fn sources(companies: usize) -> impl Strategy<Value = Source> {
    let answer = (prop::collection::vec(orgs(), 0..7), prop::option::weighted(0.15, Just(Code::AuthFailed)));
    let settings = (subsequence(ALL.to_vec(), 1..=5), subsequence(vec!["0", "1", "2", "9"], 0..2), any::<bool>());
    (answer, settings).prop_map(move |((orgs, failure), (metrics, exclude, kept))| {
        let mut placements = Vec::new();
        let mut counts = Counts::default();
        for (at, (mut org, company, fate)) in orgs.into_iter().enumerate() {
            org.org.id = at.to_string();
            placements.push(match fate {
                _ if companies == 0 => Placement::Unmapped,
                0 => Placement::Unmapped,
                1 => Placement::Declined(company.index(companies)),
                _ => Placement::Company(company.index(companies)),
            });
            counts.orgs.push(org);
        }
        let kept = kept.then(|| KeptColumn { label: "Relay (trial)".into(), unit: "seats".into() });
        Source {
            order: 0,
            name: String::new(),
            title: String::new(),
            metrics,
            exclude: exclude.into_iter().map(str::to_owned).collect(),
            answer: failure.map_or(Ok(counts), |code| Err(Failure::new(code, "as told"))),
            placements,
            kept: kept.into_iter().collect(),
            counted_at: None,
        }
    })
}

/// No link, `-`, an id that is listed or excluded, or one that is not.
fn links() -> impl Strategy<Value = Option<Link>> {
    let ids = |id: &str| Just(Some(Link::Ids(vec![id.to_owned()])));
    prop_oneof![6 => Just(None), 1 => Just(Some(Link::NotCustomer)), 1 => ids("0"), 1 => ids("9")]
}

fn cases() -> impl Strategy<Value = Case> {
    let links = prop::collection::vec(prop::collection::vec(links(), 3), 0..5);
    links
        .prop_flat_map(|links| {
            let sources = prop::collection::vec(sources(links.len()), 1..4);
            (Just(links), sources)
        })
        .prop_map(|(links, mut sources)| {
            for (at, source) in sources.iter_mut().enumerate() {
                (source.order, source.name, source.title) = (at / 2, format!("s{at}"), format!("S{at}"));
                decline(source, &links.iter().map(|links| links[at].clone()).collect::<Vec<_>>());
            }
            let company = |(at, links): (usize, Vec<Option<Link>>)| {
                let names = sources.iter().map(|source| source.name.clone());
                let links: BTreeMap<String, Link> =
                    names.zip(links).filter_map(|(name, link)| Some((name, link?))).collect();
                let name = format!("{} {at}", if at % 2 == 0 { "acme" } else { "Acme" });
                KeyedCompany { key: name.clone(), company: Company { name, links, ..Company::default() } }
            };
            let companies = links.into_iter().enumerate().map(company).collect();
            Case { companies, sources }
        })
}

/// Placing never puts an org into a company whose cell is `-`.
fn decline(source: &mut Source, links: &[Option<Link>]) {
    for placement in &mut source.placements {
        if let Placement::Company(company) | Placement::Declined(company) = *placement {
            let declined = links[company] == Some(Link::NotCustomer);
            *placement = if declined { Placement::Declined(company) } else { Placement::Company(company) };
        }
    }
}

/// The same case in another order: companies, sources, orgs, values.
fn shuffled(case: &Case, mut seed: u64) -> Case {
    let mut order = |count: usize| {
        let mut order: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from(seed >> 33).unwrap() % (at + 1));
        }
        order
    };
    let companies = order(case.companies.len());
    let place = |old: usize| companies.iter().position(|at| *at == old).unwrap();
    let mut sources: Vec<Source> = order(case.sources.len()).iter().map(|at| case.sources[*at].clone()).collect();
    for source in &mut sources {
        let Ok(counts) = &mut source.answer else { continue };
        let orgs = order(counts.orgs.len());
        counts.orgs = orgs.iter().map(|at| counts.orgs[*at].clone()).collect();
        source.placements = orgs.iter().map(|at| source.placements[*at]).collect();
        for placement in &mut source.placements {
            match placement {
                Placement::Company(company) | Placement::Declined(company) => *company = place(*company),
                Placement::Unmapped => {}
            }
        }
        for org in &mut counts.orgs {
            if let Counted::Each(values) = &mut org.counted {
                *values = order(values.len()).iter().map(|at| values[*at].clone()).collect();
            }
        }
    }
    Case { companies: companies.iter().map(|at| case.companies[*at].clone()).collect(), sources }
}

fn row<'a>(merged: &'a Merged, company: &KeyedCompany) -> &'a Row {
    merged.sheet.rows.iter().find(|row| row.key == company.key).unwrap()
}

/// The places of a source's columns.
fn columns<'a>(merged: &'a Merged, source: &'a Source) -> impl Iterator<Item = usize> + 'a {
    let columns = merged.sheet.columns.iter().enumerate();
    columns.filter(|(_, column)| column.integration == source.name).map(|(place, _)| place)
}

fn numbers_of(source: &Source, org: &OrgCounts, label: &str) -> Decimal {
    outcomes(source, org, label)
        .filter_map(|outcome| if let Outcome::Number(number) = outcome { Some(*number) } else { None })
        .sum()
}

/// What an org has of a column. A figure that is not asked for does not count, whatever its product is called.
fn outcomes<'a>(source: &'a Source, org: &'a OrgCounts, label: &'a str) -> impl Iterator<Item = &'a Outcome> {
    let (values, whole) = match &org.counted {
        Counted::Each(values) => (values.as_slice(), None),
        Counted::Whole(outcome) => (&[][..], Some(outcome)),
    };
    let is_wanted = |metric: &Metric| match metric {
        Metric::Fixed(def) => source.metrics.contains(def),
        Metric::Product(_, Figure::Trial) => source.metrics.contains(&&TRIAL),
        Metric::Product(..) => source.metrics.contains(&&QUANTITY),
    };
    let values = values.iter().filter(move |(metric, _)| metric.label() == label && is_wanted(metric));
    values.map(|(_, outcome)| outcome).chain(whole)
}

fn is_failed(source: &Source, org: &OrgCounts, label: &str) -> bool {
    outcomes(source, org, label).any(|outcome| matches!(outcome, Outcome::Failed(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn order_does_not_matter(case in cases(), seed: u64) {
        let told = |merged: &Merged| {
            let mut notices: Vec<String> = merged.notices.iter().map(|notice| format!("{notice:?}")).collect();
            notices.sort();
            notices
        };
        let (once, again) = (merged(&case), merged(&shuffled(&case, seed)));
        prop_assert_eq!(&once.sheet, &again.sheet);
        prop_assert_eq!(told(&once), told(&again));
        prop_assert_eq!(once.complete, again.complete);
    }

    #[test]
    fn nothing_that_was_counted_is_lost_or_doubled(case in cases()) {
        let merged = merged(&case);
        for source in &case.sources {
            let Ok(counts) = &source.answer else { continue };
            for place in columns(&merged, source) {
                let column = &merged.sheet.columns[place];
                if column.kind == ColumnKind::Text {
                    continue;
                }
                let (mut rows, mut unmapped, mut left_out) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
                for (org, placement) in counts.orgs.iter().zip(&source.placements) {
                    left_out += org
                        .left_out
                        .iter()
                        .filter(|left| left.metric.label() == column.metric)
                        .map(|left| left.quantity)
                        .sum::<Decimal>();
                    let number = numbers_of(source, org, &column.metric);
                    let apart = org.standing != Standing::Customer || source.exclude.contains(&org.org.id);
                    match placement {
                        _ if apart => left_out += number,
                        // A company with a failed org shows nothing, so that nobody takes a part for the whole.
                        Placement::Company(at) => {
                            let cell = &row(&merged, &case.companies[*at]).cells[place];
                            rows += if matches!(cell, Cell::Blank(Blank::Failed(_))) { Decimal::ZERO } else { number };
                        }
                        _ if is_failed(source, org, &column.metric) => {}
                        _ => unmapped += number,
                    }
                }
                let expected = Totals { counted: rows, unmapped, left_out, vendor: None };
                prop_assert_eq!(merged.sheet.totals[place], expected, "{}", column.title);
                let shown = |unmapped| -> Decimal {
                    let rows = merged.sheet.rows.iter().filter(|row| row.unmapped == unmapped);
                    rows.filter_map(|row| row.cells[place].number()).sum()
                };
                prop_assert_eq!((shown(false), shown(true)), (rows, unmapped), "{}", column.title);
            }
        }
    }

    #[test]
    fn a_failure_is_never_a_number(case in cases()) {
        let merged = merged(&case);
        for source in &case.sources {
            let Ok(counts) = &source.answer else {
                prop_assert!(!merged.complete);
                for place in columns(&merged, source) {
                    prop_assert_eq!(merged.sheet.totals[place], Totals::default());
                    for company in &case.companies {
                        let declined = company.company.links.get(&source.name) == Some(&Link::NotCustomer);
                        let blank = if declined { Blank::NotApplicable } else { Blank::Failed(Code::AuthFailed) };
                        prop_assert_eq!(&row(&merged, company).cells[place], &Cell::Blank(blank));
                    }
                }
                continue;
            };
            for (org, placement) in counts.orgs.iter().zip(&source.placements) {
                let apart = org.standing != Standing::Customer || source.exclude.contains(&org.org.id);
                let key = format!("{}:{}", source.name, org.org.id);
                let row = match placement {
                    _ if apart => {
                        prop_assert!(merged.sheet.rows.iter().all(|row| row.key != key));
                        continue;
                    }
                    Placement::Company(at) => Some(row(&merged, &case.companies[*at])),
                    _ => merged.sheet.rows.iter().find(|row| row.key == key),
                };
                for place in columns(&merged, source) {
                    let failed = is_failed(source, org, &merged.sheet.columns[place].metric);
                    let cell = row.map(|row| &row.cells[place]);
                    prop_assert!(!failed || cell.is_none_or(|cell| cell.state() == "failed"), "{:?}", cell);
                }
            }
        }
    }

    #[test]
    fn a_company_that_no_listed_org_is_has_no_value(case in cases()) {
        let merged = merged(&case);
        for source in &case.sources {
            for (at, company) in case.companies.iter().enumerate() {
                let known = source.placements.contains(&Placement::Company(at)) && source.answer.is_ok();
                for place in columns(&merged, source) {
                    let cell = &row(&merged, company).cells[place];
                    prop_assert!(known || !matches!(cell, Cell::Counted(_)), "{:?}", cell);
                }
            }
        }
    }

    #[test]
    fn every_row_has_a_cell_for_every_column_and_titles_are_unique(case in cases()) {
        let Merged { sheet, .. } = merged(&case);
        prop_assert_eq!(sheet.totals.len(), sheet.columns.len());
        prop_assert!(sheet.rows.iter().all(|row| row.cells.len() == sheet.columns.len()));
        let mut titles: Vec<&str> = sheet.columns.iter().map(|column| column.title.as_str()).collect();
        titles.sort_unstable();
        titles.dedup();
        prop_assert_eq!(titles.len(), sheet.columns.len());
    }
}
