//! Which tenants are asked, and the way into each: a token of its own.

use crate::wire::{Customer, Organization, Page, Relationship, refusal};
use crate::{Cloud, Config, MicrosoftGraph};
use std::collections::BTreeMap;
use tallysheet_core::wire::Id;
use tallysheet_core::{Code, Context, Error, ErrorKind, Notice, Result, VendorOrg};
use tallysheet_http::{Api, Call, Grant, OAuth2, Tenants, entra};

impl MicrosoftGraph {
    pub(crate) fn new(config: Config, cx: &Context) -> Result<Self> {
        if let Some(domain) = config.tenants.iter().find(|id| id.contains('.')) {
            let message = format!("`tenants`: {domain} is a domain; write the tenant's id, or it is counted twice");
            return Err(Error::config(message));
        }
        if let Some(from) = config.from.as_ref().filter(|from| !from.contains('@')) {
            return Err(Error::config(format!("`from`: `{from}` is no mail address")));
        }
        let (login, graph) = match config.cloud {
            Cloud::Global => ("login.microsoftonline.com", "https://graph.microsoft.com"),
            Cloud::GccHigh => ("login.microsoftonline.us", "https://graph.microsoft.us"),
            Cloud::Dod => ("login.microsoftonline.us", "https://dod-graph.microsoft.us"),
            Cloud::China => ("login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        };
        let token_url = config.token_url.clone();
        let token_url = token_url.unwrap_or_else(|| format!("https://{login}/{{tenant}}/oauth2/v2.0/token"));
        let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
        // Without the second word no newer refresh token comes back, and the first one ends.
        let (grant, more) = match config.refresh_token.clone() {
            Some(first) => (Grant::RefreshToken { first, client: Some((client_id, client_secret)) }, " offline_access"),
            None => (Grant::ClientCredentials { client_id, client_secret }, ""),
        };
        let login = |login: OAuth2| login.field("scope", format!("{graph}/.default{more}")).explain(entra::refusal);
        // Microsoft's limits are far above what a run needs, so the calls at once are the only one (README, Limits).
        let api = Api::builder(cx, Some(&format!("{graph}/v1.0"))).concurrency(8).classify(refusal);
        let tenants = Tenants::new(cx, api, token_url, &config.tenant_id, grant, login)?;
        Ok(Self { tenants, config, cx: cx.clone() })
    }

    /// Those that the partner's lists name, those of the settings, and those of the companies file, each once.
    pub(crate) async fn all(&self) -> Result<(Vec<VendorOrg>, Vec<Notice>)> {
        let contracts = Call::get("/contracts").query("$select", "customerId,defaultDomainName,displayName");
        let contracts: Vec<Customer> = self.tenants.home.rows(contracts.query("$top", 999), Page::part).await?;
        let mut relationships: Vec<Relationship> = Vec::new();
        if self.config.refresh_token.is_some() {
            let call = Call::get("/tenantRelationships/delegatedAdminRelationships")
                .query("$filter", "status eq 'active'")
                .query("$select", "customer,endDateTime,autoExtendDuration");
            relationships = self.tenants.home.rows(call, Page::part).await?;
        }
        // An id is the same in any case.
        let mut tenants: BTreeMap<String, VendorOrg> = BTreeMap::new();
        for customer in contracts.iter().chain(relationships.iter().map(|row| &row.customer)) {
            tenants.entry(customer.id.0.to_lowercase()).or_insert_with(|| customer.org());
        }
        // One relationship that goes on is enough for a customer.
        let mut ending: BTreeMap<&Id, bool> = BTreeMap::new();
        for row in &relationships {
            *ending.entry(&row.customer.id).or_insert(true) &= row.ends_soon(self.cx.now());
        }
        let ending =
            ending.into_iter().filter(|(_, soon)| *soon).filter_map(|(id, _)| tenants.get(&id.0.to_lowercase()));
        let message = "its GDAP relationship ends within 30 days and does not extend itself: renew it";
        let notices = ending.map(|org| Notice::warning(Code::CredentialExpires, message).about(&org.name)).collect();
        for id in self.config.tenants.iter().chain(&*self.cx.known_ids) {
            // Spelled as in the companies file it is found there.
            tenants.entry(id.to_lowercase()).or_insert_with(|| VendorOrg::new(id, id)).id.clone_from(id);
        }
        tenants.retain(|_, org| is_named(org) || !self.cx.excludes(&org.id));
        Ok((tenants.into_values().collect(), notices))
    }

    /// A tenant with its name and domains, which it tells itself where no list does.
    pub(crate) async fn named(&self, org: &VendorOrg) -> Result<VendorOrg> {
        if is_named(org) {
            return Ok(org.clone());
        }
        match self.tenants.client(&org.id)?.json::<Page<Organization>>(&organization()).await {
            Ok(page) => Ok(page.value.iter().fold(org.clone(), |org, told| told.name(org))),
            // Who may read licences only may not read this; its id is name enough.
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(org.clone()),
            Err(error) => Err(error),
        }
    }
}

/// What a tenant says of itself.
pub(crate) fn organization() -> Call {
    Call::get("/organization").query("$select", "id,displayName,verifiedDomains")
}

fn is_named(org: &VendorOrg) -> bool {
    !org.name.eq_ignore_ascii_case(&org.id)
}
