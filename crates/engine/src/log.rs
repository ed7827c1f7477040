//! The run's log: each notice gets its time, and is told to `tracing` as well.

use std::sync::Arc;
use tallysheet_core::run::LogEntry;
use tallysheet_core::{Level, Notice, World};

pub(crate) struct Log {
    world: Arc<dyn World>,
    entries: Vec<LogEntry>,
}

impl Log {
    pub(crate) fn new(world: Arc<dyn World>) -> Self {
        Self { world, entries: Vec::new() }
    }

    pub(crate) fn say(&mut self, notice: Notice) {
        let mut about = notice.integration.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        // Most messages name the company themselves.
        if let Some(company) = notice.company.as_ref().filter(|company| !notice.message.contains(company.as_str())) {
            about = format!("{about}{company}: ");
        }
        let code = notice.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        match notice.level {
            Level::Info => tracing::info!("{about}{}{code}", notice.message),
            Level::Warning => tracing::warn!("{about}{}{code}", notice.message),
            Level::Error => tracing::error!("{about}{}{code}", notice.message),
        }
        self.entries.push(LogEntry { time: self.world.now(), notice });
    }

    pub(crate) fn extend(&mut self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            self.say(notice);
        }
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.clone()
    }
}
