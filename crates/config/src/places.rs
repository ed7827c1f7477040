//! Where each key stands: line and column in the file, or the environment variable that replaces it. And what is wrong
//! there: problems are gathered, so that one look at the file ends them all.

use std::collections::BTreeMap;
use std::path::Path;
use tallysheet_core::{Error, Result};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The way to a key: `["run", "timezone"]`.
pub(crate) type KeyPath = Vec<String>;

/// The path of `key` below `at`.
pub(crate) fn below(at: &[String], key: impl Into<String>) -> KeyPath {
    let mut path = at.to_vec();
    path.push(key.into());
    path
}

/// Where the keys of one config stand.
pub(crate) struct Places {
    file: String,
    positions: BTreeMap<KeyPath, (usize, usize)>,
    variables: BTreeMap<KeyPath, String>,
}

impl Places {
    /// Finds every key of a TOML text.
    pub(crate) fn of(text: &str, path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let mut places = Self { file, positions: BTreeMap::new(), variables: BTreeMap::new() };
        let table = DeTable::parse(text).map_err(|error| {
            // Only its message: its `Display` shows the line, which may hold a secret.
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            let message = error.message().replace('\n', "; ");
            Error::config(format!("{}:{line}:{column}: {message}", places.file))
        })?;
        places.add_table(text, &[], table.get_ref());
        Ok(places)
    }

    /// Says that a variable replaces a key.
    pub(crate) fn replaced(&mut self, path: KeyPath, variable: &str) {
        self.variables.insert(path, variable.to_owned());
    }

    /// `tallysheet.toml:3:1`, or the variable: of the key, else of the nearest table around it.
    pub(crate) fn place(&self, path: &[String]) -> String {
        for length in (0..=path.len()).rev() {
            if let Some(variable) = self.variables.get(&path[..length]) {
                return format!("environment variable {variable}");
            }
            if let Some((line, column)) = self.positions.get(&path[..length]) {
                return format!("{}:{line}:{column}", self.file);
            }
        }
        self.file.clone()
    }

    /// The line of a key, where it has one.
    pub(crate) fn line(&self, path: &[String]) -> Option<usize> {
        self.positions.get(path).map(|(line, _)| *line)
    }

    fn order(&self, path: &[String]) -> (usize, usize) {
        (0..=path.len()).rev().find_map(|length| self.positions.get(&path[..length]).copied()).unwrap_or_default()
    }

    fn add_table(&mut self, text: &str, at: &[String], table: &DeTable<'_>) {
        for (key, value) in table {
            let path = below(at, key.get_ref().as_ref());
            self.positions.insert(path.clone(), position(text, key.span().start));
            self.add_value(text, &path, value);
        }
    }

    fn add_value(&mut self, text: &str, path: &[String], value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(text, path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = below(path, index.to_string());
                    self.positions.insert(path.clone(), position(text, item.span().start));
                    self.add_value(text, &path, item);
                }
            }
            _ => {}
        }
    }
}

/// Line and column, from 1, of a byte.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// What is wrong with a config.
#[derive(Default)]
pub(crate) struct Problems(Vec<(KeyPath, String)>);

impl Problems {
    /// Adds one at a key.
    pub(crate) fn add(&mut self, at: &[String], message: impl Into<String>) {
        self.0.push((at.to_vec(), message.into()));
    }

    /// One error with all of them, a line each in the order of the file; or nothing.
    pub(crate) fn into_result(mut self, places: &Places) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by_cached_key(|(path, message)| (places.order(path), message.clone()));
        let lines: Vec<String> =
            self.0.iter().map(|(path, message)| format!("{}: {message}", places.place(path))).collect();
        Err(Error::config(lines.join("\n")))
    }
}

/// How a table is shown: `[integrations.huntress]`, and nothing for the top of the file.
pub(crate) fn section(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!("[{}] ", path.join(".")) }
}
