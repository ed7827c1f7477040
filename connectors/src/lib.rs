//! The bundle: names each connector that a Cargo feature turns on, in the order of columns.
//!
//! Naming a crate is what keeps the linker from dropping it: connectors register themselves, so nothing else mentions
//! them. The tests compare what is registered with what the features turn on.
#![deny(unused_crate_dependencies)]

use tallysheet_core::Registry;

macro_rules! bundle {
    ($($slug:tt $(=> $connector:ident)?,)*) => {
        $($(
            #[cfg(feature = $slug)]
            use $connector as _;
        )?)*

        /// Every slug that Tallysheet has a word for, in the order of columns, compiled in or not: a companies file
        /// may have a column for each.
        pub const KNOWN: &[&str] = &[$($slug),*];

        /// The connectors there are: slug, crate, and whether this build has it.
        pub const BUILT: &[(&str, &str, bool)] = &[$($(($slug, stringify!($connector), cfg!(feature = $slug)),)?)*];
    };
}

bundle! {
    "datto-rmm" => tallysheet_connector_datto_rmm,
    "connectwise-automate" => tallysheet_connector_connectwise_automate,
    "ninjaone" => tallysheet_connector_ninjaone,
    "connectwise-asio" => tallysheet_connector_connectwise_asio,
    "immybot" => tallysheet_connector_immybot,
    "microsoft-graph" => tallysheet_connector_microsoft_graph,
    "huntress" => tallysheet_connector_huntress,
    "sentinelone" => tallysheet_connector_sentinelone,
    "duo" => tallysheet_connector_duo,
    "itglue" => tallysheet_connector_itglue,
    "auvik" => tallysheet_connector_auvik,
    "proofpoint-essentials" => tallysheet_connector_proofpoint_essentials,
    "cork" => tallysheet_connector_cork,
    "dropsuite" => tallysheet_connector_dropsuite,
    "pax8" => tallysheet_connector_pax8,
    "sherweb" => tallysheet_connector_sherweb,
    "tdsynnex-stellr" => tallysheet_connector_tdsynnex_stellr,
    "tdsynnex-streamone-ion" => tallysheet_connector_tdsynnex_streamone_ion,
    "synnex-au" => tallysheet_connector_synnex_au,
    "csv" => tallysheet_connector_csv,
    "connectwise-psa" => tallysheet_connector_connectwise_psa,
    "autotask" => tallysheet_connector_autotask,
    "halopsa" => tallysheet_connector_halopsa,
    "kaseya-bms" => tallysheet_connector_kaseya_bms,
    "servicenow" => tallysheet_connector_servicenow,
    "freshdesk",
    "superops",
    "smtp",
}

/// The connectors of this build.
pub fn registry() -> Registry {
    Registry::new(KNOWN)
}
