//! What every command that works with a config needs first.

use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::{Registry, Result, World};
use tallysheet_engine::{Assembled, Selection, assemble};
use tallysheet_host::{Environment, System};
use tallysheet_serve::Service;
use tallysheet_store::{Sqlite, Store, shared};

/// The file in the state folder that keeps the runs.
const STORE: &str = "tallysheet.db";

/// The config, and the world it is to be used in.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) world: Arc<dyn World>,
    /// Runs that are kept.
    pub(crate) store: Arc<dyn Store>,
}

impl Setup {
    /// Finds and reads the config: the one named, else where the contract says.
    pub(crate) async fn load(explicit: Option<&Path>) -> Result<Self> {
        Self::load_with(explicit, &Environment::of_process()).await
    }

    /// The same with another environment than the process's.
    pub(crate) async fn load_with(explicit: Option<&Path>, environment: &Environment) -> Result<Self> {
        let registry = tallysheet_connectors::registry();
        let path = Config::find(explicit, environment)?;
        let config = Config::load(&path, environment, &registry)?;
        let world = Arc::new(System::new(config.run.state.clone()));
        let store: Arc<dyn Store> = match &config.run.store {
            None => Arc::new(Sqlite::open(&world.private_file(STORE)?)?),
            Some(url) => {
                let url = url.resolve(&config.environment, &config.base_dir);
                shared(&url.map_err(|error| error.context("[run] `store`"))?).await?
            }
        };
        Ok(Self { config, registry, world, store })
    }

    /// Reads what the config names and makes the connectors.
    pub(crate) fn assemble(&self, only: Option<Vec<String>>, deliver: bool) -> Result<Assembled> {
        let selection = Selection { only, deliver, ..Selection::default() };
        assemble(self.config.clone(), &self.registry, self.world.clone(), self.store.clone(), &selection)
    }

    /// What makes scheduled runs, and tells of failures.
    pub(crate) fn service(&self) -> Result<Service> {
        let (registry, world, store) = (self.registry.clone(), self.world.clone(), self.store.clone());
        Service::new(self.config.clone(), registry, world, store)
    }

    /// The same for the commands that make and keep the companies file.
    pub(crate) fn assemble_who(&self) -> Result<Assembled> {
        let selection =
            Selection { companies_may_be_missing: true, products_may_be_missing: true, ..Selection::default() };
        assemble(self.config.clone(), &self.registry, self.world.clone(), self.store.clone(), &selection)
    }
}
