//! `new-connector`: a crate that compiles and registers, and whose tests fail with what is still to do.

use std::fs;
use std::path::Path;

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../templates/Cargo.toml.txt")),
    ("README.md", include_str!("../templates/README.md.txt")),
    ("example.toml", include_str!("../templates/example.toml.txt")),
    ("src/lib.rs", include_str!("../templates/lib.rs.txt")),
    ("tests/conformance.rs", include_str!("../templates/conformance.rs.txt")),
];

/// Makes the connector `slug` below `root`.
pub(crate) fn make(root: &Path, slug: &str, title: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if slug.is_empty() || !slug.bytes().all(plain) || !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(format!("`{slug}` is no slug: lower-case letters, digits and hyphens"));
    }
    let folder = root.join("connectors").join(slug);
    if folder.exists() {
        return Err(format!("{} exists already", folder.display()));
    }
    let bundle = bundle_row(&read(root, "connectors/src/lib.rs")?, slug)?;
    let features = feature_lines(&read(root, "connectors/Cargo.toml")?, slug)?;

    let krate = slug.replace('-', "_");
    let name: String = slug.split('-').map(capitalised).collect();
    for (file, template) in FILES {
        let text = template
            .replace("{slug}", slug)
            .replace("{title}", title)
            .replace("{crate}", &krate)
            .replace("{Name}", &name);
        write(&folder.join(file), &text)?;
    }
    write(&root.join("fixtures").join(slug).join("page-1.json"), "{}\n")?;
    write(&root.join("connectors/src/lib.rs"), &bundle)?;
    write(&root.join("connectors/Cargo.toml"), &features)?;
    Ok(format!("connectors/{slug} is made; next: cargo test -p tallysheet-connector-{slug}"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The bundle with the row of this slug: in its place in the order of columns, or last.
fn bundle_row(bundle: &str, slug: &str) -> Result<String, String> {
    let row = format!("    \"{slug}\" => tallysheet_connector_{},\n", slug.replace('-', "_"));
    let known = format!("    \"{slug}\",\n");
    if bundle.contains(&known) {
        return Ok(bundle.replace(&known, &row));
    }
    let end = bundle.find("\n}\n\n/// The connectors of this build").ok_or("connectors/src/lib.rs has no table")?;
    let (before, after) = bundle.split_at(end + 1);
    Ok(format!("{before}{row}{after}"))
}

/// The bundle's manifest with the feature and the dependency of this slug.
fn feature_lines(manifest: &str, slug: &str) -> Result<String, String> {
    let package = format!("tallysheet-connector-{slug}");
    let (before, after) =
        manifest.split_once("\n[dependencies]\n").ok_or("connectors/Cargo.toml has no [dependencies]")?;
    let before = before.trim_end().replacen("\nall = [", &format!("\nall = [\"{slug}\", "), 1);
    Ok(format!(
        "{before}\n{slug} = [\"dep:{package}\"]\n\n[dependencies]\n{package} = {{ path = \"{slug}\", optional = true }}\n{after}"
    ))
}

fn read(root: &Path, file: &str) -> Result<String, String> {
    fs::read_to_string(root.join(file))
        .map(|text| text.replace("\r\n", "\n"))
        .map_err(|error| format!("{file}: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().ok_or("a file without a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bundle as it is, but without Sherweb's crate.
    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in ["connectors/src/lib.rs", "connectors/Cargo.toml"] {
            let text = read(&crate::root(), file).unwrap();
            let text = text.replace("\"sherweb\" => tallysheet_connector_sherweb,", "\"sherweb\",");
            write(&folder.path().join(file), &text).unwrap();
        }
        folder
    }

    #[test]
    fn a_known_slug_takes_its_place_and_a_new_one_the_last() {
        let folder = workspace();
        make(folder.path(), "sherweb", "Sherweb").unwrap();
        make(folder.path(), "acme-rmm", "Acme RMM").unwrap();
        let bundle = read(folder.path(), "connectors/src/lib.rs").unwrap();
        let pax8 = bundle.find("\"pax8\"").unwrap();
        let sherweb = bundle.find("\"sherweb\" => tallysheet_connector_sherweb,").unwrap();
        let smtp = bundle.find("\"smtp\"").unwrap();
        let acme = bundle.find("\"acme-rmm\" => tallysheet_connector_acme_rmm,").unwrap();
        assert!(pax8 < sherweb && sherweb < smtp && smtp < acme);
        assert_eq!(bundle.matches("\"sherweb\"").count(), 1);

        let manifest = read(folder.path(), "connectors/Cargo.toml").unwrap();
        assert!(manifest.contains("all = [\"acme-rmm\", \"sherweb\", "));
        assert!(manifest.contains("\nacme-rmm = [\"dep:tallysheet-connector-acme-rmm\"]\n"));
        assert!(manifest.contains("\ntallysheet-connector-acme-rmm = { path = \"acme-rmm\", optional = true }\n"));
        let lib = read(folder.path(), "connectors/acme-rmm/src/lib.rs").unwrap();
        assert!(lib.contains("pub struct AcmeRmm") && !lib.contains("{slug}"));
    }

    #[test]
    fn nothing_is_overwritten_and_a_bad_slug_is_refused() {
        let folder = workspace();
        make(folder.path(), "acme", "Acme").unwrap();
        assert!(make(folder.path(), "acme", "Acme").unwrap_err().contains("exists already"));
        for slug in ["", "Acme", "a b", "9lives", "../up"] {
            assert!(make(folder.path(), slug, "x").unwrap_err().contains("is no slug"), "{slug}");
        }
    }
}
