//! The vendors, one file each. A new one is a new file and a line in [`VENDORS`].

mod autotask;
mod auvik;
mod connectwise_asio;
mod connectwise_automate;
mod connectwise_psa;
mod cork;
mod datto_rmm;
mod datto_west;
mod dropsuite;
mod duo;
mod freshdesk;
mod halopsa;
mod huntress;
mod immybot;
mod itglue;
mod kaseya_bms;
mod microsoft_graph;
mod ninjaone;
mod pax8;
mod proofpoint_essentials;
mod sentinelone;
mod servicenow;
mod sherweb;
mod superops;
mod tdsynnex_stellr;
mod tdsynnex_streamone_ion;

use crate::bills::Bills;
use crate::books::Books;
use crate::desk::Desk;
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

/// A vendor that is the MSP's PSA.
pub(crate) struct Psa {
    pub(crate) vendor: Vendor,
    /// The lines of a ticket delivery, but for its kind.
    pub(crate) delivery: String,
    /// Its tickets.
    pub(crate) desk: Desk,
    /// What it bills; empty where it tells nobody.
    pub(crate) bills: Bills,
}

/// Invents a vendor's books for the MSP and answers for it under the base URL.
type Invent = fn(&Msp, &str) -> Vendor;

/// The same for a PSA.
type InventPsa = fn(&Msp, &str) -> Psa;

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
    sentinelone::vendor,
    duo::vendor,
    itglue::vendor,
    auvik::vendor,
    proofpoint_essentials::vendor,
    cork::vendor,
    dropsuite::vendor,
    pax8::vendor,
    sherweb::vendor,
    tdsynnex_stellr::vendor,
    tdsynnex_streamone_ion::vendor,
];

/// The PSAs, each by its integration's name. An MSP has one of them.
const PSAS: &[(&str, InventPsa)] = &[
    ("connectwise-psa", connectwise_psa::psa),
    ("autotask", autotask::psa),
    ("halopsa", halopsa::psa),
    ("kaseya-bms", kaseya_bms::psa),
    ("servicenow", servicenow::psa),
    ("freshdesk", freshdesk::psa),
    ("superops", superops::psa),
    ("ninjaone", ninjaone::psa),
];

/// An MSP's vendors, and what belongs to its PSA.
pub(crate) struct All {
    pub(crate) vendors: Vec<Vendor>,
    pub(crate) desk: Desk,
    pub(crate) bills: Bills,
    pub(crate) delivery: String,
}

/// The vendors of an MSP with this PSA; nothing where there is no such PSA.
pub(crate) fn all(msp: &Msp, base: &str, psa: &str) -> Option<All> {
    let (_, invent) = PSAS.iter().find(|(name, _)| *name == psa)?;
    let Psa { vendor: psa, delivery, desk, bills } = invent(msp, base);
    let mut vendors: Vec<Vendor> = VENDORS.iter().map(|invent| invent(msp, base)).collect();
    match vendors.iter_mut().find(|vendor| vendor.name == psa.name) {
        // It counts, too.
        Some(place) => *place = psa,
        None => vendors.push(psa),
    }
    Some(All { vendors, desk, bills, delivery })
}
