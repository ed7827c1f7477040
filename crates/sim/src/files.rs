//! The two files that a user would write: `tallysheet.toml` and `companies.csv`.

use crate::books::Entry;
use crate::msp::Msp;
use crate::vendors::Vendor;
use tallysheet_core::{Error, Result};

const HEAD: &str = r#"# A simulated MSP: every vendor below is played on this machine, no account is needed.

[run]
companies = "companies.csv"   # who is who at which vendor
carry     = ["account"]       # a column of the MSP's own, shown in the sheet
timezone  = "UTC"
"#;

/// The simulation has no request limits; these lift the vendors' real ones.
const LIMITS: &str = "requests_per_minute = 600000\nmax_concurrency = 16\n";

pub(crate) fn config_toml(vendors: &[Vendor]) -> String {
    let section =
        |vendor: &Vendor| format!("\n# {}\n[integrations.{}]\n{}{LIMITS}", vendor.about, vendor.name, vendor.settings);
    vendors.iter().map(section).fold(HEAD.to_owned(), |text, section| text + &section)
}

pub(crate) fn companies_csv(msp: &Msp, vendors: &[Vendor]) -> Result<String> {
    let failed = |error: String| Error::internal(format!("cannot write the companies file: {error}"));
    let mut file = csv::Writer::from_writer(Vec::new());
    // Where Autotask is the PSA itself, it has its own column.
    let has_autotask = vendors.iter().any(|vendor| vendor.name == "autotask");
    let own = ["company", "domains", "#account"].into_iter().chain((!has_autotask).then_some("autotask"));
    file.write_record(own.chain(vendors.iter().map(|vendor| vendor.name)))
        .map_err(|error| failed(error.to_string()))?;
    for (number, company) in msp.companies.iter().enumerate() {
        let psa_id = company.psa_id().unwrap_or_default().to_owned();
        let own = [company.title(), company.domain().unwrap_or_default(), company.account.clone()];
        let own = own.into_iter().chain((!has_autotask).then_some(psa_id));
        let entries = vendors.iter().map(|vendor| cell(&vendor.books.entries[number]));
        file.write_record(own.chain(entries)).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = file.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

fn cell(entry: &Entry) -> String {
    match entry {
        Entry::Blank => String::new(),
        Entry::Dash => "-".to_owned(),
        Entry::Ids(ids) => ids.join(";"),
    }
}
