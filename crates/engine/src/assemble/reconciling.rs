//! From `[reconcile]` to the integration that bills.

use super::{Connected, ignored};
use crate::plan::{Reconciling, Rules};
use tallysheet_config::companies::CompaniesFile;
use tallysheet_config::{Config, products};
use tallysheet_core::{Error, Result};
use tallysheet_host::files;
use tallysheet_reconcile::plan::Limits;

/// What `[reconcile]` names, where that integration takes part. `None` too where there is no such section.
pub(super) fn reconciling(
    config: &Config,
    integrations: &[Connected],
    file: &CompaniesFile,
    matching: Rules,
    products_may_be_missing: bool,
) -> Result<Option<Reconciling>> {
    let Some(section) = &config.reconcile else { return Ok(None) };
    let Some(Connected { config, connector }) = integrations.iter().find(|one| one.config.name == section.ledger)
    else {
        return Ok(None);
    };
    let rules = if products_may_be_missing && !section.products.exists() {
        Vec::new()
    } else {
        products::read(&section.products.display().to_string(), &files::read(&section.products)?)?
    };
    let lacks = || Error::config(format!("[reconcile] the integration `{}` has no billing", section.ledger));
    Ok(Some(Reconciling {
        name: config.name.clone(),
        title: config.title.clone(),
        timeout: config.timeout,
        expect_account: config.expect_account.clone(),
        probe: connector.probe.clone(),
        ledger: connector.billing.clone().ok_or_else(lacks)?,
        rules,
        ignored: ignored(file, &section.ledger),
        matching,
        limits: Limits { percent: section.percent, least: section.least },
    }))
}
