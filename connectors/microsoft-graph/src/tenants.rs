//! Which tenants are asked, and the way into each: a token of its own.

use crate::wire::{self, Contract, Organization, Page, Relationship};
use crate::{Cloud, Config};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tallysheet_core::{Code, Context, Error, ErrorKind, Notice, Result, VendorOrg};
use tallysheet_http::{Api, Call, Grant, Next, OAuth2, Tokens, segment};

/// The partner's tenant, and its customers'.
pub(crate) struct Tenants {
    pub(crate) partner: Api,
    login: OAuth2,
    token_url: String,
    /// Made once each, so that a token serves every call of its tenant.
    clients: Mutex<BTreeMap<String, Api>>,
    gdap: bool,
    further: Vec<String>,
    cx: Context,
}

/// A tenant to ask.
pub(crate) struct Tenant {
    pub(crate) org: VendorOrg,
    /// Whether a list of the partner's names it.
    listed: bool,
}

impl Cloud {
    /// The hosts of the login service and of Graph.
    const fn hosts(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("login.microsoftonline.com", "graph.microsoft.com"),
            Self::GccHigh => ("login.microsoftonline.us", "graph.microsoft.us"),
            Self::Dod => ("login.microsoftonline.us", "dod-graph.microsoft.us"),
            Self::China => ("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
        }
    }
}

impl Tenants {
    pub(crate) fn new(config: Config, cx: &Context) -> Result<Self> {
        if let Some(domain) = config.tenants.iter().find(|id| id.contains('.')) {
            let message = format!("`tenants`: {domain} is a domain; write the tenant's id, or it is counted twice");
            return Err(Error::config(message));
        }
        let (login, graph) = config.cloud.hosts();
        let token_url = config.token_url.unwrap_or_else(|| format!("https://{login}/{{tenant}}/oauth2/v2.0/token"));
        if !token_url.contains("{tenant}") {
            return Err(Error::config("`token_url` must hold {tenant} in the place of the tenant's id"));
        }
        let gdap = config.refresh_token.is_some();
        let (client_id, client_secret) = (config.client_id, config.client_secret);
        let grant = match config.refresh_token {
            Some(first) => Grant::RefreshToken { first, client: Some((client_id, client_secret)) },
            None => Grant::ClientCredentials { client_id, client_secret },
        };
        // Without the second word no newer refresh token comes back, and the first one ends.
        let scope = format!("https://{graph}/.default{}", if gdap { " offline_access" } else { "" });
        let login = OAuth2::new(cx, &of_tenant(&token_url, &config.tenant_id), grant)?;
        let login = login.field("scope", scope).explain(wire::login_refusal);
        // Microsoft's limits are far above what a run needs, so the calls at once are the only one (README, Limits).
        let api = Api::builder(cx, Some(&format!("https://{graph}/v1.0"))).concurrency(8);
        let partner = api.classify(wire::graph_refusal).auth(Tokens::new(cx, login.clone())).build()?;
        let clients = Mutex::new(BTreeMap::from([(config.tenant_id.to_lowercase(), partner.clone())]));
        Ok(Self { partner, login, token_url, clients, gdap, further: config.tenants, cx: cx.clone() })
    }

    /// Those that the partner's lists name, those of the settings, and those of the companies file, each once.
    pub(crate) async fn all(&self) -> Result<(Vec<Tenant>, Vec<Notice>)> {
        let mut tenants: BTreeMap<String, Tenant> = BTreeMap::new();
        let select = "customerId,defaultDomainName,displayName";
        let contracts = Call::get("/contracts").query("$select", select).query("$top", 999);
        for row in list::<Contract>(&self.partner, contracts).await? {
            let listed =
                || Tenant::listed(&row.customer_id.0, row.display_name.as_ref(), row.default_domain_name.as_ref());
            tenants.entry(row.customer_id.0.to_lowercase()).or_insert_with(listed);
        }
        let notices = if self.gdap { self.add_gdap(&mut tenants).await? } else { Vec::new() };
        for id in self.further.iter().chain(&self.cx.known_ids) {
            let tenant = Tenant { org: VendorOrg::new(id, id), listed: false };
            // An id is the same in any case; spelled as in the companies file it is found there.
            tenants.entry(id.to_lowercase()).or_insert(tenant).org.id.clone_from(id);
        }
        tenants.retain(|_, tenant| tenant.listed || !self.cx.excludes(&tenant.org.id));
        Ok((tenants.into_values().collect(), notices))
    }

    /// Adds those with a GDAP relationship; says whose is about to end. One that goes on is enough for a customer.
    async fn add_gdap(&self, tenants: &mut BTreeMap<String, Tenant>) -> Result<Vec<Notice>> {
        let relationships = Call::get("/tenantRelationships/delegatedAdminRelationships")
            .query("$filter", "status eq 'active'")
            .query("$select", "customer,endDateTime,autoExtendDuration");
        let mut ending: BTreeMap<String, bool> = BTreeMap::new();
        for row in list::<Relationship>(&self.partner, relationships).await? {
            let key = row.customer.tenant_id.0.to_lowercase();
            *ending.entry(key.clone()).or_insert(true) &= row.ends_soon(self.cx.now());
            let listed = || Tenant::listed(&row.customer.tenant_id.0, row.customer.display_name.as_ref(), None);
            tenants.entry(key).or_insert_with(listed);
        }
        let ending = ending.iter().filter(|(_, soon)| **soon).filter_map(|(id, _)| tenants.get(id));
        let message = "its GDAP relationship ends within 30 days and does not extend itself: renew it";
        Ok(ending.map(|tenant| Notice::warning(Code::CredentialExpires, message).about(&tenant.org.name)).collect())
    }

    /// A tenant with its name and domains, which it tells itself where no list does.
    pub(crate) async fn named(&self, tenant: &Tenant) -> Result<VendorOrg> {
        let org = tenant.org.clone();
        if tenant.listed {
            return Ok(org);
        }
        match organization(&self.client(&org.id)?).await {
            Ok(told) => {
                let org = VendorOrg { name: told.display_name.unwrap_or(org.name), ..org };
                let domains = told.verified_domains.iter().filter_map(|domain| domain.name.as_deref());
                Ok(domains.fold(org, VendorOrg::domain))
            }
            // Who may read licences only may not read this; its id is name enough.
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(org),
            Err(error) => Err(error),
        }
    }

    /// The client of a tenant: its own token, the limits of all.
    pub(crate) fn client(&self, id: &str) -> Result<Api> {
        let login = self.login.at(&of_tenant(&self.token_url, id))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = || self.partner.with_auth(Tokens::new(&self.cx, login));
        Ok(clients.entry(id.to_lowercase()).or_insert_with(client).clone())
    }
}

impl Tenant {
    fn listed(id: &str, name: Option<&String>, domain: Option<&String>) -> Self {
        let org = VendorOrg::new(id, name.map_or(id, String::as_str));
        Self { org: domain.into_iter().fold(org, |org, domain| org.domain(domain)), listed: true }
    }
}

fn of_tenant(token_url: &str, id: &str) -> String {
    token_url.replace("{tenant}", &segment(id))
}

/// All rows of a list, by the links that Graph gives.
pub(crate) async fn list<T: DeserializeOwned>(api: &Api, call: Call) -> Result<Vec<T>> {
    let mut pages = api.pages(call, |page: &Page<T>, _| Next::link(page.next.as_deref()));
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page.value);
    }
    Ok(rows)
}

/// What a tenant says of itself.
pub(crate) async fn organization(api: &Api) -> Result<Organization> {
    let call = Call::get("/organization").query("$select", "id,displayName,verifiedDomains");
    let page: Page<Organization> = api.json(&call).await?;
    page.value.into_iter().next().ok_or_else(|| Error::bad_response("the tenant says nothing of itself"))
}
