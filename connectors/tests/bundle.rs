//! What is registered is what the features turn on: a connector that the linker drops is missed here.

use tallysheet_connectors::{BUILT, KNOWN, registry};

#[test]
fn every_feature_registers_its_connector_in_the_order_of_columns() {
    let expected: Vec<&str> = BUILT.iter().filter(|(_, _, on)| *on).map(|(slug, ..)| *slug).collect();
    let registered: Vec<&str> = registry().entries().iter().map(|entry| entry.meta.slug).collect();
    assert_eq!(registered, expected);
}

#[test]
fn crate_names_follow_slugs() {
    for (slug, name, _) in BUILT {
        assert_eq!(*name, format!("tallysheet_connector_{}", slug.replace('-', "_")));
    }
}

#[test]
fn no_slug_is_known_twice() {
    let mut slugs = KNOWN.to_vec();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), KNOWN.len());
}
