//! What is measured, and what is to be reached.

use std::time::Duration;

/// One run of one MSP.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) companies: usize,
    pub(crate) devices: u32,
    pub(crate) latency: Duration,
    /// How many calls each vendor may have under way.
    pub(crate) at_once: usize,
    /// Whether the vendors' usual limits of calls a minute and at once hold.
    pub(crate) limited: bool,
    /// The integrations, with commas between; all where it is empty.
    pub(crate) only: &'static str,
    pub(crate) targets: Targets,
}

/// What is to be reached; what is not set has no target.
#[derive(Clone, Copy, Default)]
pub(crate) struct Targets {
    pub(crate) wall: Option<Duration>,
    /// Hundredths of the longest vendor's own ideal time.
    pub(crate) of_ideal: Option<u32>,
    pub(crate) cpu: Option<Duration>,
    /// In MB of a million bytes.
    pub(crate) memory: Option<u64>,
}

const NONE: Targets = Targets { wall: None, of_ideal: None, cpu: None, memory: None };

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nine",
        about: "200 companies, nine vendors",
        companies: 200,
        devices: 16,
        latency: Duration::from_millis(50),
        at_once: 16,
        limited: false,
        only: "huntress,sentinelone,datto-rmm,ninjaone,pax8,sherweb,cork,microsoft-graph,itglue",
        targets: Targets {
            wall: Some(Duration::from_millis(1500)),
            cpu: Some(Duration::from_millis(260)),
            memory: Some(20),
            ..NONE
        },
    },
    Scenario {
        name: "all",
        about: "1,000 companies with 40 devices each, every vendor",
        companies: 1_000,
        devices: 40,
        latency: Duration::from_millis(50),
        at_once: 16,
        limited: false,
        only: "",
        targets: Targets { of_ideal: Some(130), memory: Some(100), ..NONE },
    },
    Scenario {
        name: "large",
        about: "10,000 companies with 40 devices each, every vendor",
        companies: 10_000,
        devices: 40,
        latency: Duration::ZERO,
        at_once: 16,
        limited: false,
        only: "",
        targets: Targets { memory: Some(400), ..NONE },
    },
    Scenario {
        name: "limits",
        about: "25 companies, every vendor with its usual limits",
        companies: 25,
        devices: 40,
        latency: Duration::from_millis(50),
        at_once: 16,
        limited: true,
        only: "",
        targets: NONE,
    },
];

impl Scenario {
    pub(crate) fn find(name: &str) -> Result<&'static Self, String> {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
        found.ok_or_else(|| format!("there is no scenario `{name}`; there are {}, start", names.join(", ")))
    }

    pub(crate) fn asks(&self, integration: &str) -> bool {
        self.only.is_empty() || self.only.split(',').any(|asked| asked == integration)
    }

    /// The simulated MSP's config; it lifts all limits, and here they may hold.
    pub(crate) fn config(&self, lifted: &str) -> String {
        let lifts = |line: &str| ["requests_per_minute", "max_concurrency"].iter().any(|key| line.starts_with(key));
        let lines = lifted.lines().filter(|line| !self.limited || !lifts(line));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }
}
