//! Suggestions for every org of a large MSP: 5,000 companies at 20 vendors.
#![allow(missing_docs, reason = "the macro's function")]

use criterion::{Criterion, criterion_group, criterion_main};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::hint::black_box;
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::{Company, Hint, VendorOrg};
use tallysheet_matching::{Known, Part, Subject, keyed, suggest};

const COMPANIES: usize = 5_000;
const VENDORS: usize = 20;
const TRADES: &[&str] =
    &["Dental", "Accounting", "Law", "Freight", "Roofing", "Bakery", "Pharmacy", "Insurance Agency"];
const FORMS: &[&str] = &["", " LLC", ", Inc.", " Ltd."];

const SYLLABLES: &[&str] = &["ka", "lo", "mer", "tin", "sou", "bra", "den", "wil", "gar", "pe", "ros", "han"];

fn word(rng: &mut Rng) -> String {
    let word: String = (0..2).map(|_| SYLLABLES[rng.usize(..SYLLABLES.len())]).collect();
    word[..1].to_uppercase() + &word[1..]
}

fn companies(rng: &mut Rng) -> Vec<KeyedCompany> {
    let company = |number: usize, rng: &mut Rng| Company {
        name: format!("{} {} {}", word(rng), word(rng), TRADES[number % TRADES.len()]),
        domains: vec![format!("customer{number}.example")],
        ..Company::default()
    };
    keyed((0..COMPANIES).map(|number| company(number, rng)).collect())
}

/// Spelled in another way, some with a domain, some with a contact, some with a word more, some with a slip.
fn orgs(companies: &[KeyedCompany], rng: &mut Rng) -> Vec<VendorOrg> {
    let org = |(number, KeyedCompany { company, .. }): (usize, &KeyedCompany)| {
        let mut name = company.name.clone();
        match rng.u8(0..8) {
            0 => drop(name.pop()),
            1 => name.push_str(" Warehouse"),
            2 => name = name.to_uppercase(),
            _ => {}
        }
        let org = VendorOrg::new(number.to_string(), format!("{name}{}", FORMS[rng.usize(..FORMS.len())]));
        match rng.u8(0..4) {
            0 => org.domain(&company.domains[0]),
            1 => org.hint(Hint::Domain(company.domains[0].clone())),
            _ => org,
        }
    };
    companies.iter().enumerate().map(org).collect()
}

fn bench(criterion: &mut Criterion) {
    let mut rng = Rng::with_seed(7);
    let companies = companies(&mut rng);
    let vendors: Vec<(String, Vec<VendorOrg>)> =
        (0..VENDORS).map(|number| (format!("vendor-{number}"), orgs(&companies, &mut rng))).collect();
    let parts: Vec<Part<'_>> = vendors
        .iter()
        .map(|(name, orgs)| Part {
            integration: name,
            kind: "huntress",
            orgs: orgs.iter().map(|org| Subject { org, known: Known::Open }).collect(),
        })
        .collect();
    let mut group = criterion.benchmark_group("suggest");
    group.sample_size(10);
    group.bench_function("5,000 companies at 20 vendors", |bencher| {
        bencher.iter(|| suggest(black_box(&companies), &BTreeMap::new(), black_box(&parts)).len());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
