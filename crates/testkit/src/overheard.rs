//! Everything that a connector and the kit say, searched for what must never be said.

use crate::case::Case;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tallysheet_core::billing::Ledger;
use tallysheet_core::{Counted, Counts, Error, Outcome};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Every planted secret begins with this, and so does every planted body.
const PLANTED: &str = "planted-";

/// An ear for errors, notices and, while it lives, everything that is traced on this thread.
pub(crate) struct Overheard {
    said: Said,
    forbidden: Vec<String>,
    _tracing: DefaultGuard,
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Overheard {
    pub(crate) fn new(case: &Case) -> Self {
        // A credential in Base64 does not show its planted word.
        let headers = case.auth.iter().map(|(_, value)| value.rsplit(' ').next().unwrap_or_default());
        Self::listening(headers.filter(|word| word.len() > 8 && !word.contains("{{")).map(str::to_owned))
    }

    /// An ear for planted words, and for these.
    pub(crate) fn listening(words: impl Iterator<Item = String>) -> Self {
        let said = Said::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(said.clone())
            .finish();
        let forbidden = std::iter::once(PLANTED.to_owned()).chain(words).collect();
        Self { said, forbidden, _tracing: tracing::subscriber::set_default(subscriber) }
    }

    /// Whatever an error can be made to say.
    pub(crate) fn error(&self, error: &Error) {
        self.said.push(&format!("{error}\n{error:?}\n{error:#?}\n"));
    }

    /// Whatever counts say to the operator.
    pub(crate) fn counts(&self, counts: &Counts) {
        for notice in &counts.notices {
            self.said.push(&format!("{notice:?}\n"));
        }
        for org in &counts.orgs {
            let outcomes: Vec<&Outcome> = match &org.counted {
                Counted::Each(values) => values.iter().map(|(_, outcome)| outcome).collect(),
                Counted::Whole(outcome) => vec![outcome],
            };
            for outcome in outcomes {
                self.said.push(&format!("{outcome:?}\n"));
            }
        }
    }

    /// Whatever a ledger says to the operator.
    pub(crate) fn ledger(&self, ledger: &Ledger) {
        for notice in &ledger.notices {
            self.said.push(&format!("{notice:?}\n"));
        }
        for addition in &ledger.additions {
            self.said.push(&format!("{:?} {:?}\n", addition.quantity, addition.locked));
        }
    }

    /// The lines that say what must not be said, since this was last asked.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let said = std::mem::take(&mut *self.said.0.lock().unwrap_or_else(PoisonError::into_inner));
        let said = String::from_utf8_lossy(&said);
        let mut leaks: Vec<String> = said
            .lines()
            .filter(|line| self.forbidden.iter().any(|word| line.contains(word)))
            .map(str::to_owned)
            .collect();
        leaks.sort();
        leaks.dedup();
        leaks.truncate(5);
        leaks
    }
}

impl Said {
    fn push(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(text.as_bytes());
    }
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Said {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}
