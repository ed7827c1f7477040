//! Environment variables.

use crate::files;
use std::collections::BTreeMap;
use std::path::Path;
use tallysheet_core::{Error, Result};

/// The variables of the process, with those of an env file. It has no `Debug`: many hold secrets.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process. One that is not Unicode cannot be named in a config and is left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Adds the variables of an env file; one that is there already keeps its value.
    pub fn with_file(mut self, path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        for line in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = line.map_err(|error| wrong_line(path, &text, &error))?;
            if self.get(&name).is_none() {
                self.variables.insert(name, value);
            }
        }
        Ok(self)
    }

    /// The value of a variable. On Windows the case of a name does not matter.
    pub fn get(&self, name: &str) -> Option<&str> {
        if !cfg!(windows) {
            return self.variables.get(name).map(String::as_str);
        }
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All variables by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// The library's own message shows the line, which may hold a secret.
fn wrong_line(path: &Path, text: &str, error: &dotenvy::Error) -> Error {
    let place = match error {
        // The library tells the part of the line that it stumbled over.
        dotenvy::Error::LineParse(part, _) => text.find(part.as_str()).map(|at| text[..at].matches('\n').count() + 1),
        _ => None,
    };
    let place = place.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()));
    Error::config(format!("{place}: this is no line of the form NAME=value; put a value with spaces or # in 'quotes'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &[u8]) -> Result<Environment> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        Environment::from_iter([("SET", "by the process")]).with_file(&path)
    }

    #[test]
    fn the_process_wins_over_the_env_file() {
        let environment = with_file(b"# keys\r\nSET=by the file\r\nexport KEY='a b'\r\nPLAIN=x1\r\n").err();
        assert!(environment.is_some(), "a value with spaces wants quotes");
        let environment = with_file(b"\xEF\xBB\xBF# keys\r\nSET=file\r\nexport KEY='a $b'\r\nPLAIN=x1\r\n").unwrap();
        let value = |name| environment.get(name);
        assert_eq!(value("SET"), Some("by the process"));
        assert_eq!(value("KEY"), Some("a $b"));
        assert_eq!(value("PLAIN"), Some("x1"));
        assert_eq!(value("OTHER"), None);
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let message = with_file(b"FIRST=1\nKEY=hunter two\n").err().unwrap().to_string();
        assert!(message.contains(".env:2: "), "{message}");
        assert!(!message.contains("hunter"), "{message}");
    }

    #[test]
    fn the_process_has_variables() {
        assert!(Environment::of_process().iter().next().is_some());
    }
}
