//! `docs/threat-model.md` names a test for each claim: each must exist.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_claim_of_the_threat_model_has_its_test() {
    let root = crate::root();
    let mut code = String::new();
    for folder in ["bin", "crates", "connectors"] {
        sources(&root.join(folder)).iter().for_each(|file| code += &fs::read_to_string(file).unwrap());
    }
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let words = model.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        word.matches('_').count() > 2 && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    let tests: Vec<&str> = words.filter(is_test).collect();
    assert!(tests.len() > 25, "{tests:?}");
    let gone: Vec<&&str> = tests.iter().filter(|test| !code.contains(&format!("fn {test}("))).collect();
    assert!(gone.is_empty(), "docs/threat-model.md names tests that there are not: {gone:?}");
    for step in ["quiet", "mutated", "loops", "totals", "once"] {
        assert!(code.contains(&format!("//! | `{step}` |")), "{step} is no step of the suite");
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
