//! The shape of a vendor's answers: `check` and `counts` are made once, and what came is told as keys and types.

use crate::assemble::connect_recorded;
use crate::collect::guarded;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::shape::{CallKey, CallShape, Line, Recorder};
use tallysheet_core::{Error, ErrorKind, Registry, Result, World};

/// What a probe saw. No value of an answer is in it, but for what an error says.
#[derive(Debug)]
pub struct Probed {
    /// The integration's name.
    pub name: String,
    /// Its connector.
    pub kind: String,
    /// Each call, with what came.
    pub calls: Vec<(CallKey, CallShape)>,
    /// Whether the probe ended because it had seen enough.
    pub enough: bool,
    /// What `check` failed with.
    pub check: Result<()>,
    /// What `counts` failed with; nothing where the integration counts nothing.
    pub counts: Option<Result<()>>,
}

/// Asks the vendor of one integration as `check` and `run` do, and tells the shapes of what came, even where both fail.
pub async fn probe(config: &Config, registry: &Registry, world: &Arc<dyn World>, name: &str) -> Result<Probed> {
    let recorder = Arc::new(Recorder::default());
    let (integration, source) = connect_recorded(config, registry, world, name, &recorder)?;
    let timeout = integration.config.timeout;
    let late = |_| Error::new(ErrorKind::TimedOut, format!("not done after {} s", timeout.as_secs()));
    let check = tokio::time::timeout(timeout, integration.connector.probe.check()).await;
    let check = check.map_err(late).and_then(|answer| answer).map(|_| ());
    let counts = match source {
        // It was just asked, and whoever's account it is, its answers have the same shape.
        Some(source) => {
            Some(guarded(timeout, async move { source.counts.counts().await?.deduplicated() }).await.map(|_| ()))
        }
        None => None,
    };
    let (name, kind) = (integration.config.name.clone(), integration.config.kind.clone());
    Ok(Probed { name, kind, calls: recorder.calls(), enough: recorder.has_enough(), check, counts })
}

impl Probed {
    /// What failed: the word for what was tried, and the error. An error may name an org, so it is not part of the shapes.
    pub fn failures(&self) -> Vec<(&'static str, &Error)> {
        let counts = self.counts.as_ref().and_then(|counts| counts.as_ref().err());
        // That the probe itself ended is no failure of the vendor's.
        let counts = counts.filter(|_| !self.enough).map(|error| ("counts", error));
        self.check.as_ref().err().map(|error| ("check", error)).into_iter().chain(counts).collect()
    }

    /// The shapes as JSON.
    pub fn json(&self) -> Value {
        let line = |line: Line| json!({ "at": line.at, "types": line.types, "optional": line.optional });
        let call = |((method, path, status), call): &(CallKey, CallShape)| {
            json!({ "method": method, "path": path, "status": status, "query": call.query, "headers": call.headers,
                "bodies": call.bodies, "shape": call.shape.lines().into_iter().map(line).collect::<Vec<_>>() })
        };
        let failed = |what| self.failures().iter().find(|(tried, _)| *tried == what).map(|(_, error)| error.code());
        json!({ "name": self.name, "kind": self.kind, "complete": !self.enough, "check": failed("check"),
            "counts": failed("counts"), "calls": self.calls.iter().map(call).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.calls.is_empty() {
            writeln!(f, "no answer came")?;
        }
        for ((method, path, status), call) in &self.calls {
            let list = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
            writeln!(f, "{method} {path} ({status}, {})", list(&mut call.bodies.iter().copied()))?;
            if !call.query.is_empty() {
                writeln!(f, "  query: {}", list(&mut call.query.iter().map(String::as_str)))?;
            }
            writeln!(f, "  headers: {}", list(&mut call.headers.iter().map(String::as_str)))?;
            let lines = call.shape.lines();
            let width = lines.iter().map(|line| line.at.len()).max().unwrap_or_default().clamp(1, 60);
            for Line { at, types, optional } in lines {
                let at = if at.is_empty() { "/" } else { &at };
                let absent = if optional { ", or absent" } else { "" };
                writeln!(f, "  {at:width$}  {}{absent}", types.join(" or "))?;
            }
            writeln!(f)?;
        }
        if self.enough {
            writeln!(f, "more was not asked: so many answers show the shapes")?;
        }
        for (tried, error) in self.failures() {
            writeln!(f, "{tried} failed: {}", error.code())?;
        }
        Ok(())
    }
}
