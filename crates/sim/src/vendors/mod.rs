//! The vendors, one file each. A new one is a new file and a line in [`VENDORS`].

mod auvik;
mod connectwise_asio;
mod connectwise_automate;
mod datto_rmm;
mod datto_west;
mod huntress;
mod immybot;
mod itglue;
mod microsoft_graph;
mod ninjaone;
mod pax8;

use crate::books::Books;
use crate::msp::Msp;
use axum::Router;

/// One integration of the simulated MSP.
pub(crate) struct Vendor {
    /// The integration's name: its section in the config and its column in the companies file.
    pub(crate) name: &'static str,
    /// The prefix of its columns.
    pub(crate) title: &'static str,
    /// The comment above its section.
    pub(crate) about: &'static str,
    /// The lines of its section, but for the limits.
    pub(crate) settings: String,
    /// Its side of the wire.
    pub(crate) routes: Router,
    /// What is true there.
    pub(crate) books: Books,
    /// What is to be seen in the sheet.
    pub(crate) story: Vec<String>,
}

/// Invents a vendor's books for the MSP and answers for it under the base URL.
type Invent = fn(&Msp, &str) -> Vendor;

/// In the order of columns.
const VENDORS: &[Invent] = &[
    datto_rmm::vendor,
    datto_west::vendor,
    connectwise_automate::vendor,
    ninjaone::vendor,
    connectwise_asio::vendor,
    immybot::vendor,
    microsoft_graph::vendor,
    huntress::vendor,
    itglue::vendor,
    auvik::vendor,
    pax8::vendor,
];

pub(crate) fn all(msp: &Msp, base: &str) -> Vec<Vendor> {
    VENDORS.iter().map(|invent| invent(msp, base)).collect()
}
