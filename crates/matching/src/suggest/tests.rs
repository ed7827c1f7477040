use super::*;
use crate::index::keyed;
use tallysheet_core::{Company, Hint};

fn company(name: &str, domains: &[&str], links: &[(&str, Link)]) -> Company {
    Company {
        name: name.to_owned(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        links: links.iter().map(|(column, link)| ((*column).to_owned(), link.clone())).collect(),
        carried: Vec::new(),
    }
}

fn ids(ids: &[&str]) -> Link {
    Link::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// Company, score, kinds of evidence, kinds of doubts, of the best of each org.
type Told = Option<(usize, u8, Vec<&'static str>, Vec<&'static str>)>;

/// Integration, kind, orgs.
type Vendor<'a> = (&'a str, &'a str, &'a [(VendorOrg, Known)]);

fn told(companies: Vec<Company>, parts: &[Vendor<'_>]) -> Vec<Told> {
    let parts: Vec<Part<'_>> = parts
        .iter()
        .map(|(integration, kind, orgs)| Part {
            integration,
            kind,
            orgs: orgs.iter().map(|(org, known)| Subject { org, known: *known }).collect(),
        })
        .collect();
    let columns = BTreeMap::from([("autotask".to_owned(), vec!["psa".to_owned()])]);
    let kinds = |reasons: &[Reason]| reasons.iter().map(|reason| reason.kind).collect();
    let told = |one: &Suggestion| {
        one.best().map(|best| (best.company, best.score, kinds(&best.evidence), kinds(&best.doubts)))
    };
    suggest(&keyed(companies), &columns, &parts).iter().map(told).collect()
}

fn open(org: VendorOrg) -> (VendorOrg, Known) {
    (org, Known::Open)
}

#[test]
fn each_kind_of_evidence_is_named_and_one_of_its_own_makes_certain() {
    let companies = || {
        vec![
            company("Acme Dental", &["acme.example"], &[("psa", ids(&["4711"])), ("graph", ids(&["T-1"]))]),
            company("Zebra Law", &[], &[]),
        ]
    };
    let org = |name: &str| VendorOrg::new("1", name);
    let cases = [
        (org("ACME DENTAL Ltd"), vec!["name"], true),
        (org("Other").domain("acme.example"), vec!["domain"], true),
        (org("Other").psa_id("autotask", "4711"), vec!["psa-id"], true),
        (org("Other").hint(Hint::EntraTenant("t-1".into())), vec!["tenant"], true),
        (org("Other").hint(Hint::Domain("acme.example".into())), vec!["contact-domain"], false),
        (org("Other").hint(Hint::Reference("4711".into())), vec!["reference"], false),
        (org("Other").hint(Hint::Name("Acme Dental".into())), vec!["name"], true),
        (
            org("Acme Dental Depot").hint(Hint::Domain("acme.example".into())),
            vec!["name-alike", "contact-domain"],
            false,
        ),
    ];
    for (org, evidence, certain) in cases {
        let told = told(companies(), &[("v", "huntress", &[open(org.clone())]), ("graph", "microsoft-graph", &[])]);
        let (company, score, kinds, _) = told[0].clone().unwrap();
        assert_eq!((company, kinds, score >= CERTAIN), (0, evidence, certain), "{org:?}: {score}");
    }
    let nothing = told(companies(), &[("v", "huntress", &[open(org("Quite Other"))])]);
    assert_eq!(nothing, [None]);
}

#[test]
fn what_the_file_says_of_one_vendor_helps_at_another() {
    let companies = vec![company("Acme Dental", &[], &[("pax8", ids(&["p1"]))])];
    let known = (VendorOrg::new("p1", "Foxglove Inc").domain("foxglove.example"), Known::As(0));
    let found = told(
        companies,
        &[
            ("pax8", "pax8", &[known]),
            ("duo", "duo", &[open(VendorOrg::new("1", "Foxglove").domain("foxglove.example"))]),
        ],
    );
    let (company, score, evidence, _) = found[0].clone().unwrap();
    assert_eq!((company, evidence), (0, vec!["domain", "name"]));
    assert!(score >= CERTAIN);
}

#[test]
fn two_companies_for_an_org_and_two_orgs_for_a_company_need_a_look() {
    let twins = vec![company("Acme Dental", &["acme.example"], &[]), company("Foxglove Law", &[], &[])];
    let both = [open(VendorOrg::new("1", "Foxglove Law").domain("acme.example"))];
    let (_, score, _, doubts) = told(twins.clone(), &[("v", "duo", &both)])[0].clone().unwrap();
    assert_eq!((score, doubts), (70, vec!["several-companies"]));

    let two = [open(VendorOrg::new("1", "Foxglove Law")), open(VendorOrg::new("2", "FOXGLOVE LAW"))];
    for one in told(twins.clone(), &[("v", "duo", &two)]) {
        let (company, score, _, doubts) = one.unwrap();
        assert_eq!((company, score, doubts), (1, 80, vec!["several-orgs"]));
    }
    let mut with_psa = twins;
    with_psa[1].links.insert("psa".into(), ids(&["9"]));
    let site = |id: &str, name: &str| open(VendorOrg::new(id, name).psa_id("autotask", "9"));
    for one in told(with_psa, &[("v", "duo", &[site("1", "Foxglove Law Main"), site("2", "Foxglove Law Depot")])]) {
        assert!(one.unwrap().1 >= CERTAIN, "the vendor itself says whose both are");
    }
}

#[test]
fn what_the_file_says_already_is_respected() {
    let org = || open(VendorOrg::new("2", "Acme Dental"));
    let declined = told(vec![company("Acme Dental", &[], &[("v", Link::NotCustomer)])], &[("v", "duo", &[org()])]);
    assert_eq!(declined, [None]);
    let filled = told(vec![company("Acme Dental", &[], &[("v", ids(&["1"]))])], &[("v", "duo", &[org()])]);
    assert_eq!(filled[0].clone().unwrap().3, ["cell-filled"]);
    let aside = told(vec![company("Acme Dental", &[], &[])], &[("v", "duo", &[(org().0, Known::Aside)])]);
    assert!(aside.is_empty());
}

#[test]
fn a_shared_domain_and_names_that_tell_apart_are_doubted() {
    let companies = vec![company("Smith Dental East", &["smith.example"], &[])];
    let west = [open(VendorOrg::new("1", "Smith Dental West").domain("smith.example"))];
    let (_, score, _, doubts) = told(companies.clone(), &[("v", "duo", &west)])[0].clone().unwrap();
    assert_eq!((score, doubts), (80, vec!["names-apart"]));
    let both = ["Zebra", "Yak"].map(|name| open(VendorOrg::new(name, name).domain("smith.example")));
    for one in told(companies, &[("v", "duo", &both)]) {
        assert!(one.unwrap().1 < CERTAIN);
    }
}

#[test]
fn the_first_file_is_made_of_equal_names_and_nothing_is_guessed() {
    let org = |id: &str, name: &str| VendorOrg::new(id, name);
    let one = [
        org("1", "Acme Dental, LLC").domain("acme.example"),
        org("2", "Smith Dental East").domain("smith.example"),
        org("3", "Smith Dental West"),
        org("4", "Twice"),
        org("5", "TWICE"),
    ];
    let two = [
        org("a", "ACME DENTAL"),
        org("b", "Foxglove").domain("acme.example"),
        org("c", "Smith Dental West").domain("smith.example"),
    ];
    let parts: Vec<Part<'_>> = [("one", &one[..]), ("two", &two[..])]
        .into_iter()
        .map(|(integration, orgs)| Part {
            integration,
            kind: "huntress",
            orgs: orgs.iter().map(|org| Subject { org, known: Known::Open }).collect(),
        })
        .collect();
    let companies = crate::found(&parts);
    let names: Vec<&str> = companies.iter().map(|company| company.name.as_str()).collect();
    assert_eq!(names, ["Acme Dental, LLC", "Foxglove", "Smith Dental East", "Smith Dental West", "TWICE"]);
    assert!(companies[2].domains.is_empty() && companies[3].domains.is_empty(), "a domain of two is nobody's");
    assert!(companies[4].links.is_empty(), "two orgs of one integration are not put into one cell");
    assert_eq!(companies[0].links.len(), 2);
}
