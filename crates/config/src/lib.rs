//! Reads `tallysheet.toml` and the companies file. It knows nothing of what is done with them.
//!
//! | module | holds |
//! | --- | --- |
//! | `guard` | the sections of the drop guard and of a month's figures |
//! | `run`, `integration`, `delivery`, `schedule`, `serve`, `alert`, `reconcile` | the sections: their keys, and what must be true of each |
//! | `values`, `cron` | how single values are written |
//! | `load` | the way from text to a [`Config`] |
//! | `places` | where each key stands, and what is wrong there |
//! | `overrides` | environment variables that replace keys |
//! | `schema`, `shape`, `check` | the JSON Schema of any file, of one file, and a file against it |
//! | `starter` | the file that `init` writes |
//! | [`companies`], [`products`] | the companies file, the products file |

mod alert;
mod check;
pub mod companies;
mod cron;
mod delivery;
mod guard;
mod integration;
mod load;
mod overrides;
mod places;
pub mod products;
mod reconcile;
mod run;
mod schedule;
mod schema;
mod serve;
mod shape;
mod starter;
mod values;

pub use alert::{Alert, AlertEmail};
pub use cron::Cron;
pub use delivery::{Delivery, Email, Fallback, Field, File, Format, Reuse, Ticket, To, Webhook};
pub use integration::Integration;
pub use reconcile::Reconcile;
pub use run::{MatchBy, Run, Unmapped};
pub use schedule::{Daily, MonthDay, Monthly, Schedule, Weekly, When};
pub use schema::schema;
pub use serve::{Serve, Token};
pub use starter::starter;
pub use values::SecretSource;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tallysheet_core::guard::Guard;
use tallysheet_core::month::Rule;
use tallysheet_core::{Error, Registry, Result};
use tallysheet_host::{Environment, files};

/// The name of the config where none is given.
pub const FILE_NAME: &str = "tallysheet.toml";

/// A config that was read and holds no contradiction.
#[derive(Clone)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// The folder it stands in: relative paths begin here.
    pub base_dir: PathBuf,
    /// How the whole run goes.
    pub run: Run,
    /// The integrations in the order of columns, disabled ones too.
    pub integrations: Vec<Integration>,
    /// The deliveries by name, disabled ones too.
    pub deliveries: Vec<Delivery>,
    /// The schedules by name.
    pub schedules: Vec<Schedule>,
    /// When a count fell too far to be believed.
    pub guard: Guard,
    /// Which figure of a month counts, of each integration.
    pub rules: BTreeMap<String, Rule>,
    /// The HTTP API and the page.
    pub serve: Serve,
    /// Who is told when something fails.
    pub alert: Alert,
    /// What the counts are compared with.
    pub reconcile: Option<Reconcile>,
    /// The environment, with the variables of the env file.
    pub environment: Environment,
}

impl Config {
    /// Where the config is: `explicit`, else what `TALLYSHEET_CONFIG` says, else in the working folder, else in the
    /// user's config folder.
    pub fn find(explicit: Option<&Path>, environment: &Environment) -> Result<PathBuf> {
        let in_user_folder = files::config_folder().map(|folder| folder.join("tallysheet").join(FILE_NAME));
        let usual: Vec<PathBuf> = [Some(PathBuf::from(FILE_NAME)), in_user_folder].into_iter().flatten().collect();
        choose(explicit, environment, &usual)
    }

    /// Reads the config at `path`.
    pub fn load(path: &Path, environment: &Environment, registry: &Registry) -> Result<Self> {
        Self::parse(&files::read_text(path)?, path, environment, registry)
    }

    /// Reads a config from its text; `path` is where it stands.
    pub fn parse(text: &str, path: &Path, environment: &Environment, registry: &Registry) -> Result<Self> {
        load::load(text, path, environment, registry)
    }
}

fn choose(explicit: Option<&Path>, environment: &Environment, usual: &[PathBuf]) -> Result<PathBuf> {
    let named = environment.get("TALLYSHEET_CONFIG").filter(|path| !path.is_empty()).map(Path::new);
    if let Some(path) = explicit.or(named) {
        return Ok(path.to_owned());
    }
    usual.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let looked: Vec<String> = usual.iter().map(|path| path.display().to_string()).collect();
        Error::config(format!(
            "there is no config; looked for {}. Name one with --config or TALLYSHEET_CONFIG, or write one with `tallysheet init`",
            looked.join(" and ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_is_found_in_the_promised_order() {
        let folder = tempfile::tempdir().unwrap();
        let usual = [folder.path().join("here.toml"), folder.path().join("user.toml")];
        let none = Environment::default();
        let set = Environment::from_iter([("TALLYSHEET_CONFIG", "from/env.toml")]);

        let message = choose(None, &none, &usual).unwrap_err().to_string();
        assert!(message.contains("here.toml") && message.contains("user.toml"), "{message}");
        std::fs::write(&usual[1], "").unwrap();
        assert_eq!(choose(None, &none, &usual).unwrap(), usual[1]);
        std::fs::write(&usual[0], "").unwrap();
        assert_eq!(choose(None, &none, &usual).unwrap(), usual[0]);
        assert_eq!(choose(None, &set, &usual).unwrap(), Path::new("from/env.toml"));
        assert_eq!(choose(Some(Path::new("given.toml")), &set, &usual).unwrap(), Path::new("given.toml"));
    }
}
