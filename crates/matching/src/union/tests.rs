use super::*;
use tallysheet_core::VendorOrg;

fn orgs(list: &[(&str, &str)]) -> Vec<VendorOrg> {
    list.iter().map(|(id, name)| VendorOrg::new(*id, *name)).collect()
}

fn candidates(orgs: &[VendorOrg]) -> Vec<Candidate<'_>> {
    orgs.iter().map(|org| Candidate { org, aside: org.id.starts_with("aside") }).collect()
}

fn names(union: &Union) -> Vec<(&str, &str)> {
    union.companies.iter().map(|company| (company.key.as_str(), company.company.name.as_str())).collect()
}

use Placement::{Company as At, Unmapped};

#[test]
fn a_company_is_a_group_of_equal_names_spelled_as_in_the_first_integration() {
    let first = orgs(&[("1", "Zebra"), ("2", "Acme  Dental")]);
    let second = orgs(&[("a", "ACME DENTAL, Inc."), ("b", "Zebra"), ("c", "Only There Ltd")]);
    let union = union(&[("rmm", candidates(&first)), ("edr", candidates(&second))]);
    assert_eq!(names(&union), [("acmedental", "Acme Dental"), ("onlythere", "Only There Ltd"), ("zebra", "Zebra")]);
    assert_eq!(union.placed[0].placements, [At(2), At(0)]);
    assert_eq!(union.placed[1].placements, [At(0), At(2), At(1)]);
    assert_eq!(union.placed[0].notices, []);
    let told: Vec<&str> = union.placed[1].notices.iter().map(|notice| notice.message.as_str()).collect();
    assert_eq!(told, ["ACME DENTAL, Inc. (a) is taken for Acme Dental by its name"]);
}

#[test]
fn two_orgs_of_one_integration_are_one_company_whatever_their_order() {
    let mut list = orgs(&[("1", "Acme Ltd"), ("2", "ACME")]);
    for _ in 0..2 {
        let union = union(&[("rmm", candidates(&list))]);
        assert_eq!(names(&union), [("acme", "ACME")]);
        assert_eq!(union.placed[0].placements, [At(0), At(0)]);
        list.reverse();
    }
}

#[test]
fn an_org_without_a_name_is_no_company() {
    let list = orgs(&[("1", ""), ("2", "---"), ("3", "日本")]);
    let union = union(&[("rmm", candidates(&list))]);
    assert_eq!(names(&union), [("日本", "日本")]);
    assert_eq!(union.placed[0].placements, [Unmapped, Unmapped, At(0)]);
}

#[test]
fn an_org_that_stands_back_makes_no_company_but_may_be_one() {
    let first = orgs(&[("aside 1", "Acme"), ("aside 2", "System")]);
    let second = orgs(&[("1", "Acme Inc")]);
    let union = union(&[("rmm", candidates(&first)), ("edr", candidates(&second))]);
    assert_eq!(names(&union), [("acme", "Acme Inc")]);
    assert_eq!(union.placed[0].placements, [At(0), Unmapped]);
    assert_eq!(union.placed[0].notices, []);
}
