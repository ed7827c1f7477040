use super::*;
use crate::index::keyed;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tallysheet_core::Company;
use tallysheet_core::merge::KeyedCompany;

fn company(name: &str, domains: &[&str], cells: &[(&str, &str)]) -> Company {
    let link = |cell: &str| match cell {
        "-" => Link::NotCustomer,
        ids => Link::Ids(ids.split(';').map(str::to_owned).collect()),
    };
    Company {
        name: name.to_owned(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        links: cells.iter().map(|(column, cell)| ((*column).to_owned(), link(cell))).collect(),
        carried: Vec::new(),
    }
}

fn org(id: &str, name: &str) -> VendorOrg {
    VendorOrg::new(id, name)
}

fn candidates(orgs: &[VendorOrg]) -> Vec<Candidate<'_>> {
    orgs.iter().map(|org| Candidate { org, aside: false }).collect()
}

fn place_by(rules: &[Rule], companies: Vec<Company>, orgs: &[VendorOrg]) -> Placed {
    let (companies, psa) = (keyed(companies), BTreeMap::from([("autotask".to_owned(), vec!["psa-west".to_owned()])]));
    place("rmm", &candidates(orgs), &Index::new(&companies, &psa), rules)
}

fn placed(companies: Vec<Company>, orgs: &[VendorOrg]) -> Placed {
    place_by(&Rule::ALL, companies, orgs)
}

fn codes(placed: &Placed) -> Vec<&'static str> {
    placed.notices.iter().filter_map(|notice| notice.code).map(Code::as_str).collect()
}

use Placement::{Company as At, Declined, Unmapped};

#[test]
fn ids_of_the_cell_are_the_company_and_nothing_is_told() {
    let companies = vec![company("Acme", &[], &[("rmm", "7;8")]), company("Zebra", &[], &[("other", "9")])];
    let found = placed(companies, &[org("7", "x"), org(" 8 ", "y"), org("9", "z"), org("07", "w")]);
    assert_eq!(found.placements, [At(0), At(0), Unmapped, Unmapped]);
    assert_eq!(found.notices, []);
}

#[test]
fn the_psa_id_is_looked_up_under_its_own_psa_only() {
    let companies = || {
        vec![
            company("Acme", &[], &[("autotask", "5"), ("halopsa", "6")]),
            company("Zebra", &[], &[("psa-west", "6"), ("halopsa", "5")]),
        ]
    };
    let orgs = [org("1", "x").psa_id("autotask", "5"), org("2", "y").psa_id("autotask", "6")];
    let found = placed(companies(), &orgs);
    assert_eq!(found.placements, [At(0), At(1)]);
    assert_eq!(codes(&found), ["matched-by-psa-id"; 2]);
    assert!(found.notices[0].message.contains("its autotask id 5"), "{}", found.notices[0].message);

    let two_psas = [org("3", "z").psa_id("autotask", "5").psa_id("halopsa", "6")];
    assert_eq!(placed(companies(), &two_psas).placements, [At(0)], "both ids lead to one company");
    let contradiction = [org("4", "z").psa_id("autotask", "5").psa_id("halopsa", "5")];
    let found = placed(companies(), &contradiction);
    assert_eq!((found.placements.as_slice(), codes(&found)), (&[Unmapped][..], vec!["ambiguous-org"]));
}

#[test]
fn a_domain_of_its_own_is_a_match() {
    let companies = vec![company("Acme", &["Acme.example", "www.acme.test"], &[])];
    let found = placed(companies, &[org("1", "x").domain("https://www.ACME.example/home")]);
    assert_eq!(found.placements, [At(0)]);
    assert_eq!(codes(&found), ["matched-by-domain"]);
    let notice = &found.notices[0];
    assert_eq!((notice.integration.as_deref(), notice.company.as_deref()), (Some("rmm"), Some("Acme")));
    assert_eq!((notice.level, notice.phase), (Level::Info, Phase::Merge));
    assert_eq!(notice.message, "x (1) is taken for Acme by its domain acme.example");
}

#[test]
fn shared_domains_are_never_a_match() {
    let companies = || {
        vec![company("Acme", &["gmail.com", "acme.onmicrosoft.com", "acme.example"], &[]), company("Zebra", &[], &[])]
    };
    let orgs = [org("1", "x").domain("gmail.com"), org("2", "y").domain("acme.onmicrosoft.com")];
    assert_eq!(placed(companies(), &orgs).placements, [Unmapped, Unmapped]);

    // A domain that two orgs have says nothing, so the search goes on.
    let orgs = [org("1", "Zebra").domain("acme.example"), org("2", "y").domain("acme.example")];
    let found = placed(companies(), &orgs);
    assert_eq!(found.placements, [At(1), Unmapped]);
    assert_eq!(codes(&found), ["matched-by-name"]);
}

#[test]
fn hints_are_no_domains() {
    let orgs = [org("1", "x").contacts(&["it@acme.example".to_owned()])];
    assert_eq!(placed(vec![company("Acme", &["acme.example"], &[])], &orgs).placements, [Unmapped]);
}

#[test]
fn equal_names_match_and_similar_ones_do_not() {
    let companies = vec![company("Acme Dental, Inc.", &[], &[]), company("!!!", &[], &[])];
    let found = placed(companies, &[org("1", "ACME DENTAL LLC"), org("2", "Acme Dental 2"), org("3", "???")]);
    assert_eq!(found.placements, [At(0), Unmapped, Unmapped]);
    assert_eq!(codes(&found), ["matched-by-name"]);
}

#[test]
fn one_org_and_two_companies_are_ambiguous() {
    let orgs = [org("1", "Acme")];
    let found = placed(vec![company("Acme Ltd", &[], &[]), company("Acme Inc", &[], &[])], &orgs);
    assert_eq!(found.placements, [Unmapped]);
    let notice = &found.notices[0];
    assert_eq!((notice.code, notice.level, notice.phase), (Some(Code::AmbiguousOrg), Level::Warning, Phase::Merge));
    assert_eq!((notice.integration.as_deref(), notice.company.as_deref()), (Some("rmm"), Some("Acme")));
    assert!(notice.message.starts_with("Acme (1) could be Acme Inc or Acme Ltd by its name;"), "{}", notice.message);
}

#[test]
fn two_orgs_and_one_company_are_both_ambiguous() {
    let by_name = [org("1", "Acme"), org("2", "ACME Inc")];
    let by_psa = [org("1", "x").psa_id("autotask", "5"), org("2", "y").psa_id("autotask", "5")];
    let by_domain = [org("1", "x").domain("acme.example"), org("2", "y").domain("acme.test")];
    for orgs in [by_name, by_psa, by_domain] {
        let found = placed(vec![company("Acme", &["acme.example", "acme.test"], &[("autotask", "5")])], &orgs);
        assert_eq!(found.placements, [Unmapped, Unmapped], "{orgs:?}");
        assert_eq!(codes(&found), ["ambiguous-org"; 2]);
        assert!(found.notices.iter().all(|notice| notice.message.contains("(1)") && notice.message.contains("(2)")));
    }
}

#[test]
fn an_ambiguous_step_ends_the_search() {
    let companies = vec![company("Acme", &["acme.example"], &[]), company("Zebra", &["acme.example"], &[])];
    let found = placed(companies, &[org("1", "Acme").domain("acme.example")]);
    assert_eq!((found.placements.as_slice(), codes(&found)), (&[Unmapped][..], vec!["ambiguous-org"]));
}

#[test]
fn an_org_that_could_be_two_companies_still_claims_each() {
    let companies =
        vec![company("Acme", &["acme.example", "acme.test"], &[]), company("Zebra", &["zebra.example"], &[])];
    let torn = org("1", "x").domain("acme.example").domain("zebra.example");
    let found = placed(companies, &[torn, org("2", "y").domain("acme.test")]);
    assert_eq!(found.placements, [Unmapped, Unmapped]);
}

#[test]
fn an_org_of_an_earlier_step_claims_nothing_later() {
    let companies = vec![company("Acme", &["acme.example"], &[])];
    let found = placed(companies, &[org("1", "Acme").domain("acme.example"), org("2", "Acme")]);
    assert_eq!(found.placements, [At(0), At(0)]);
    assert_eq!(codes(&found), ["matched-by-domain", "matched-by-name"]);
}

#[test]
fn a_filled_cell_is_complete() {
    let companies = || vec![company("Acme", &["acme.example"], &[("rmm", "7"), ("autotask", "5")])];
    let orgs = [
        org("7", "Acme"),
        org("8", "Acme"),
        org("9", "x").domain("acme.example"),
        org("10", "y").psa_id("autotask", "5"),
    ];
    let found = placed(companies(), &orgs);
    assert_eq!(found.placements, [At(0), Unmapped, Unmapped, Unmapped]);
    assert_eq!(found.notices, [], "the merge warns of unmapped orgs");
    // Even where the vendor does not list the id that stands there.
    assert_eq!(placed(companies(), &[org("8", "Acme")]).placements, [Unmapped]);
}

#[test]
fn a_dash_declines_the_org_that_would_be_the_company() {
    let companies = || vec![company("Acme", &[], &[("rmm", "-")]), company("Zebra", &[], &[])];
    let found = placed(companies(), &[org("1", "Acme"), org("2", "Zebra")]);
    assert_eq!(found.placements, [Declined(0), At(1)]);
    assert_eq!(codes(&found), ["matched-by-name"]);
    let two = placed(companies(), &[org("1", "Acme"), org("2", "Acme Inc")]);
    assert_eq!(two.placements, [Unmapped, Unmapped], "declined is who would be matched, and none of two would");
}

#[test]
fn only_the_allowed_rules_are_tried() {
    let companies = || vec![company("Acme", &["acme.example"], &[("autotask", "5")])];
    let orgs = [org("1", "Acme").domain("acme.example").psa_id("autotask", "5")];
    let code = |rules: &[Rule]| codes(&place_by(rules, companies(), &orgs));
    assert_eq!(code(&[Rule::Id]), Vec::<&str>::new());
    assert_eq!(code(&[Rule::Name]), ["matched-by-name"]);
    assert_eq!(code(&[Rule::Name, Rule::Domain]), ["matched-by-domain"], "the order is the contract's");
    assert_eq!(code(&Rule::ALL), ["matched-by-psa-id"]);
}

#[test]
fn orgs_that_stand_back_are_placed_but_in_nobodys_way() {
    let companies = keyed(vec![company("Acme", &["acme.example"], &[]), company("Zebra", &[], &[])]);
    let psa = BTreeMap::new();
    let index = Index::new(&companies, &psa);
    let orgs = [org("1", "x").domain("acme.example"), org("2", "Acme").domain("acme.example"), org("3", "Zebra")];
    let candidates: Vec<Candidate<'_>> = orgs.iter().map(|org| Candidate { org, aside: org.id != "1" }).collect();
    let found = place("rmm", &candidates, &index, &Rule::ALL);
    assert_eq!(found.placements, [At(0), At(0), At(1)]);
    assert_eq!(codes(&found), ["matched-by-domain"], "nothing is told of those that stand back");
}

#[test]
fn a_message_names_a_few_of_many() {
    let orgs: Vec<VendorOrg> = (0..9).map(|id| org(&id.to_string(), "Acme")).collect();
    let found = placed(vec![company("Acme", &[], &[])], &orgs);
    assert!(found.notices[0].message.contains("Acme (5), … and 3 more;"), "{}", found.notices[0].message);
}

/// Companies and orgs from a small world, so that they often meet.
fn small_world() -> impl Strategy<Value = (Vec<Company>, Vec<VendorOrg>)> {
    let word = || proptest::sample::select(&["Acme", "Acme Inc", "ACME", "Zebra", "Zebra 2", "Zebra Ltd", "!"][..]);
    let domain = || proptest::sample::select(&["a.example", "b.example", "c.example", "gmail.com", ""][..]);
    let cell = proptest::sample::select(&["", "-", "1", "2", "3;4"][..]);
    let psa = || proptest::sample::select(&["", "5", "6"][..]);
    let company = (word(), domain(), cell, psa()).prop_map(|(name, domain, cell, psa)| {
        let cells: Vec<_> =
            [("rmm", cell), ("autotask", psa)].into_iter().filter(|(_, cell)| !cell.is_empty()).collect();
        company(name, &[domain], &cells)
    });
    let companies = proptest::collection::vec(company, 0..6).prop_map(|mut companies| {
        companies.sort_by(|a, b| a.name.cmp(&b.name));
        companies.dedup_by(|a, b| a.name == b.name);
        companies
    });
    let org =
        (word(), domain(), psa()).prop_map(|(name, domain, psa)| org("", name).domain(domain).psa_id("autotask", psa));
    let orgs = proptest::collection::vec(org, 0..8).prop_map(|orgs| {
        orgs.into_iter().enumerate().map(|(id, org)| VendorOrg { id: id.to_string(), ..org }).collect()
    });
    (companies, orgs)
}

/// Where each org belongs, by names.
fn by_name(companies: &[KeyedCompany], orgs: &[VendorOrg]) -> (BTreeMap<String, String>, Vec<Notice>) {
    let psa = BTreeMap::new();
    let placed = place("rmm", &candidates(orgs), &Index::new(companies, &psa), &Rule::ALL);
    let name = |placement: &Placement| match placement {
        At(company) => format!("is {}", companies[*company].key),
        Declined(company) => format!("is not {}", companies[*company].key),
        Unmapped => "unmapped".to_owned(),
    };
    (orgs.iter().map(|org| org.id.clone()).zip(placed.placements.iter().map(name)).collect(), placed.notices)
}

proptest! {
    #[test]
    fn the_order_of_orgs_and_companies_changes_nothing(
        ((companies, orgs), (shuffled_companies, shuffled_orgs)) in small_world().prop_flat_map(|(companies, orgs)| {
            let shuffled = (Just(companies.clone()).prop_shuffle(), Just(orgs.clone()).prop_shuffle());
            (Just((companies, orgs)), shuffled)
        })
    ) {
        prop_assert_eq!(by_name(&keyed(companies), &orgs), by_name(&keyed(shuffled_companies), &shuffled_orgs));
    }

    #[test]
    fn nothing_but_its_ids_is_matched_to_a_filled_cell((companies, orgs) in small_world()) {
        let companies = keyed(companies);
        let psa = BTreeMap::new();
        let found = place("rmm", &candidates(&orgs), &Index::new(&companies, &psa), &Rule::ALL);
        for (org, placement) in orgs.iter().zip(&found.placements) {
            let At(company) = placement else { continue };
            match companies[*company].company.links.get("rmm") {
                Some(Link::Ids(ids)) => prop_assert!(ids.contains(&org.id)),
                Some(Link::NotCustomer) => prop_assert!(false, "a dash was matched"),
                None => {}
            }
        }
    }
}
