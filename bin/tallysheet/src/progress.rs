//! A line for each integration that is being asked, on a terminal's standard error only.

use crate::arguments::Global;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tallysheet_engine::{Event, Progress, Silent};

/// Spinners on a terminal, else nothing. With `--verbose` the calls are told instead.
pub(crate) fn progress(global: &Global) -> Box<dyn Progress> {
    if global.quiet || global.verbose || !std::io::stderr().is_terminal() {
        return Box::new(Silent);
    }
    let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    Box::new(Spinners { lines, bars: Mutex::default() })
}

struct Spinners {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Progress for Spinners {
    fn event(&self, event: Event<'_>) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(name) => {
                let bar = self.lines.add(ProgressBar::new_spinner());
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(name.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.insert(name.to_owned(), bar);
            }
            Event::Answered(name, orgs) => finish(&bars, name, format!("{name}: {orgs} orgs")),
            Event::Delivering => {}
            Event::Failed(name, error) => finish(&bars, name, format!("{name}: failed ({})", error.code())),
        }
    }
}

fn finish(bars: &BTreeMap<String, ProgressBar>, name: &str, message: String) {
    if let Some(bar) = bars.get(name) {
        bar.finish_with_message(message);
    }
}
