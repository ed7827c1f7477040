//! What is told of a run: how serious, which part, about whom.

use crate::code::Code;
use serde::{Deserialize, Serialize};

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// A number may be incomplete, or something needs care.
    Warning,
    /// Something failed and someone must act.
    Error,
}

/// The part of a run a log line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Reading config and files.
    Validate,
    /// Asking the vendors.
    Collect,
    /// Making the sheet.
    Merge,
    /// Turning it into bytes.
    Render,
    /// Taking it to where it goes.
    Deliver,
    /// The end.
    Complete,
}

/// A log line before it has a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How serious.
    pub level: Level,
    /// Which part of the run.
    pub phase: Phase,
    /// The integration it is about, by name.
    pub integration: Option<String>,
    /// The company or vendor org it is about.
    pub company: Option<String>,
    /// The contract's code.
    pub code: Option<Code>,
    /// What is to be known, safe to print.
    pub message: String,
}

impl Notice {
    /// A notice about no integration in particular.
    pub fn new(level: Level, phase: Phase, code: impl Into<Option<Code>>, message: impl Into<String>) -> Self {
        Self { level, phase, integration: None, company: None, code: code.into(), message: message.into() }
    }

    /// An information while collecting.
    pub fn info(code: impl Into<Option<Code>>, message: impl Into<String>) -> Self {
        Self::new(Level::Info, Phase::Collect, code, message)
    }

    /// A warning while collecting.
    pub fn warning(code: impl Into<Option<Code>>, message: impl Into<String>) -> Self {
        Self::new(Level::Warning, Phase::Collect, code, message)
    }

    /// Says which integration it is about.
    #[must_use]
    pub fn of(mut self, integration: impl Into<String>) -> Self {
        self.integration = Some(integration.into());
        self
    }

    /// Says which company or vendor org it is about.
    #[must_use]
    pub fn about(mut self, company: impl Into<String>) -> Self {
        self.company = Some(company.into());
        self
    }
}
