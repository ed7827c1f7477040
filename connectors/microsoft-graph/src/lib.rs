#![doc = include_str!("../README.md")]

mod mail;
mod names;
mod tenants;
mod wire;

use crate::wire::{Licence, Page, Subscription};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tallysheet_core::tally::Billing;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, ErrorKind, Figure, Identity,
    Meta, MetricDef, Notice, Probe, Result, Secret, Subscriptions, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Call, Tenants, side_by_side};

/// Settings of a `kind = "microsoft-graph"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The partner's (the MSP's own) tenant id.
    tenant_id: String,
    /// The id of the application registered there.
    client_id: String,
    /// The application's secret.
    client_secret: Secret,
    /// A refresh token of a partner's user: tenants are then read through GDAP.
    refresh_token: Option<Secret>,
    /// Where tokens are issued, with `{tenant}` for the tenant's id; by `cloud` where it is not set.
    token_url: Option<String>,
    /// The cloud of all tenants: `global` where it is not set.
    #[serde(default)]
    cloud: Cloud,
    /// Ids of tenants to ask besides those that the partner's lists name.
    #[serde(default)]
    tenants: Vec<String>,
    /// Part numbers of SKUs that do not count; replaces the list of free ones.
    exclude_skus: Option<Vec<String>>,
    /// Whether units in the grace period count as purchased; they do where it is not set.
    count_warning: Option<bool>,
    /// The mailbox, in the partner's tenant, that mail is sent from. Without it none can be.
    from: Option<String>,
}

/// A cloud of Microsoft's. Tokens of one are worth nothing in another.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Cloud {
    #[default]
    Global,
    GccHigh,
    Dod,
    China,
}

static PURCHASED: MetricDef = MetricDef::product(Figure::Purchased, "seats");
static ASSIGNED: MetricDef = MetricDef::product(Figure::Assigned, "seats");
static TRIAL: MetricDef = MetricDef::product(Figure::Trial, "seats").on_request();

/// Counts the licences of every customer's tenant, and sends mail from the partner's.
pub struct MicrosoftGraph {
    tenants: Tenants,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for MicrosoftGraph {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "microsoft-graph",
        title: "Microsoft 365",
        default_url: Some("https://graph.microsoft.com/v1.0"),
        capabilities: &[Capability::Counts, Capability::Mail],
        metrics: &[&PURCHASED, &ASSIGNED, &TRIAL],
        permissions: "Directory.Read.All in the partner's tenant, Organization.Read.All in each customer's; to send mail, \
                      Mail.Send in the partner's",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let graph = Arc::new(Self::new(config, cx)?);
        let connector = Connector::new(graph.clone()).counts(graph.clone());
        Ok(if graph.config.from.is_some() { connector.mail(graph) } else { connector })
    }
}
register_connector!(MicrosoftGraph);

#[async_trait]
impl Probe for MicrosoftGraph {
    async fn check(&self) -> Result<Identity> {
        let found = self.tenants.home.identity(&tenants::organization(), "/value/0/displayName", "/value/0/id").await;
        match &self.config.from {
            // Who may only send may not read even this; but we were let in, and that is all there is to see.
            Some(from) if self.cx.metrics.is_empty() => match found {
                Err(error) if error.kind() != ErrorKind::Forbidden => Err(error),
                _ => Ok(Identity {
                    account: from.clone(),
                    id: Some(self.config.tenant_id.clone()),
                    ..Identity::default()
                }),
            },
            _ => found,
        }
    }
}

#[async_trait]
impl CountSource for MicrosoftGraph {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let (tenants, _) = self.all().await?;
        // One that does not answer is listed all the same, by its id.
        let name = async |at: usize| self.named(&tenants[at]).await.unwrap_or_else(|_| tenants[at].clone());
        Ok(side_by_side(tenants.len(), name).await)
    }

    async fn counts(&self) -> Result<Counts> {
        let (tenants, mut notices) = self.all().await?;
        let mut fold = Subscriptions::new();
        let (excluded, asked): (Vec<_>, Vec<_>) = tenants.into_iter().partition(|org| self.cx.excludes(&org.id));
        excluded.into_iter().for_each(|org| fold.org(org));
        let answers = side_by_side(asked.len(), |at| self.ask(&asked[at])).await;
        for (org, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(held) => self.tally(held, &mut fold, &mut notices),
                Err(error) => fold.fail(org, &error),
            }
        }
        Ok(Counts { orgs: fold.finish(), notices, ..Counts::default() })
    }
}

/// What a tenant holds.
type Held = (VendorOrg, Vec<Licence>, Vec<Subscription>);

/// SKUs that nobody pays for by the seat.
const FREE_SKUS: &str = "flow_free power_bi_standard windows_store rightsmanagement_adhoc teams_exploratory \
    microsoft_teams_exploratory_dept teams_free stream powerapps_viral powerapps_dev ccibots_privprev_viral \
    forms_pro smb_apps ms_teams_iw phonesystem_virtualuser mcopstnc";
/// From so many units on a SKU is free, whatever its name.
const HUGE: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);
const FREE: &str = "free or self-service";

impl MicrosoftGraph {
    /// Asks a tenant. The first call shows whether it lets us in at all, so the others wait for it.
    async fn ask(&self, org: &VendorOrg) -> Result<Held> {
        let api = self.tenants.client(&org.id)?;
        let select = "id,skuId,skuPartNumber,appliesTo,capabilityStatus,consumedUnits,prepaidUnits";
        let call = Call::get("/subscribedSkus").query("$select", select);
        let licences = api.list(call, |row: &Licence| &row.id, Page::part).await?.into_values().collect();
        let mut subscriptions = Vec::new();
        if self.cx.wants(&TRIAL) {
            let select = "id,skuId,skuPartNumber,status,isTrial,totalLicenses";
            let call = Call::get("/directory/subscriptions").query("$select", select);
            subscriptions = api.rows(call, Page::part).await?;
        }
        Ok((self.named(org).await?, licences, subscriptions))
    }

    /// Adds what a tenant holds. Rows are summed by SKU: an account may have one of its own.
    fn tally(&self, (org, licences, subscriptions): Held, fold: &mut Subscriptions, notices: &mut Vec<Notice>) {
        fold.org(org.clone());
        for row in licences {
            let product = row.sku.product();
            let about = format!("{} ({})", product.name, row.sku.part());
            if let Some((reason, quantity)) = self.left_out(&row) {
                if reason != FREE && !quantity.is_zero() {
                    let message = format!("{about}: {quantity} left out: {reason}");
                    notices.push(Notice::warning(Code::LeftOut, message).about(&org.name));
                }
                fold.leave_out(&org.id, product, reason, quantity);
                continue;
            }
            let (grace, counted) =
                (row.warning().unwrap_or_default(), if self.counts_grace() { "counted" } else { "not counted" });
            if !grace.is_zero() {
                let message = format!("{about}: {grace} expired and in the grace period, {counted} as purchased");
                notices.push(Notice::info(None, message).about(&org.name));
            }
            let purchased = self.purchased(&row);
            // Where that is not known, neither is whether these are left out.
            let assigned = row.consumed_units.map(|units| units.0).filter(|_| purchased.is_some() || !row.is_dead());
            let figures = [(Figure::Purchased, purchased), (Figure::Assigned, assigned)];
            // What is bought for the tenant as a whole is assigned to nobody.
            let shown = if row.applies_to.as_deref() == Some("company") { &figures[..1] } else { &figures };
            fold.figures(&org.id, product, shown);
        }
        for row in subscriptions.iter().filter(|row| self.is_trial(row)) {
            let quantity = row.total_licenses.map(|units| units.0);
            fold.add(&org.id, row.id.as_str(), row.sku.product(), Billing::Counted(Figure::Trial), quantity);
        }
    }

    fn counts_grace(&self) -> bool {
        self.config.count_warning != Some(false)
    }

    /// What is usable today: `None` where the tenant does not say.
    fn purchased(&self, row: &Licence) -> Option<Decimal> {
        let grace = if self.counts_grace() { row.warning()? } else { Decimal::ZERO };
        row.enabled()?.checked_add(grace)
    }

    /// Why a row of licences does not count, and how many, if it does not (README, What is counted).
    fn left_out(&self, row: &Licence) -> Option<(&'static str, Decimal)> {
        match self.purchased(row) {
            purchased if self.is_free(row.sku.part()) => Some((FREE, purchased.unwrap_or_default())),
            Some(purchased) if row.enabled()? >= HUGE => Some(("10,000 units or more, taken as free", purchased)),
            Some(purchased) if purchased.is_zero() && row.is_dead() => {
                Some(("assigned on a dead subscription", row.consumed_units.map_or(purchased, |units| units.0)))
            }
            _ => None,
        }
    }

    fn is_free(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        let by_ending = || part.ends_with("_viral_trial") || part.ends_with("_vtrial");
        match &self.config.exclude_skus {
            Some(skus) => skus.iter().any(|sku| sku.trim().to_lowercase() == part),
            None => FREE_SKUS.split(' ').any(|sku| sku == part) || by_ending(),
        }
    }

    /// Whether a subscription is a trial that runs. A free one is told of with its licences.
    fn is_trial(&self, row: &Subscription) -> bool {
        row.is_trial == Some(true)
            && matches!(row.status.as_deref(), Some("enabled" | "warning"))
            && !self.is_free(row.sku.part())
            && row.total_licenses.is_none_or(|units| units.0 < HUGE)
    }
}
