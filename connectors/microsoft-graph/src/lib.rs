#![doc = include_str!("../README.md")]

mod names;
mod tenants;
mod wire;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tallysheet_core::sheet::EXCLUDED;
use tallysheet_core::tally::Billing;
use tallysheet_core::{
    Capability, Code, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Figure, Identity, Meta,
    MetricDef, Notice, OrgCounts, Outcome, Probe, Result, Secret, Subscriptions, VendorOrg, async_trait,
    register_connector,
};
use tallysheet_http::Call;
use tenants::{Tenant, Tenants, list, organization};
use wire::{Licence, Subscription, Units};

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
}

/// A cloud of Microsoft's. Tokens of one are worth nothing in another.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
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

/// Counts the licences of every customer's tenant.
pub struct MicrosoftGraph {
    tenants: Tenants,
    rules: Rules,
    cx: Context,
}

impl ConnectorSpec for MicrosoftGraph {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "microsoft-graph",
        title: "Microsoft 365",
        default_url: Some("https://graph.microsoft.com/v1.0"),
        capabilities: &[Capability::Counts],
        metrics: &[&PURCHASED, &ASSIGNED, &TRIAL],
        permissions: "Directory.Read.All in the partner's tenant, Organization.Read.All in each customer's",
    };

    fn connect(mut config: Config, cx: &Context) -> Result<Connector> {
        let rules = Rules { excluded: config.exclude_skus.take(), count_warning: config.count_warning.unwrap_or(true) };
        let me = Arc::new(Self { tenants: Tenants::new(config, cx)?, rules, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me))
    }
}
register_connector!(MicrosoftGraph);

#[async_trait]
impl Probe for MicrosoftGraph {
    async fn check(&self) -> Result<Identity> {
        let me = organization(&self.tenants.partner).await?;
        Ok(Identity { account: me.display_name.unwrap_or_else(|| me.id.0.clone()), id: Some(me.id.0), expires: None })
    }
}

#[async_trait]
impl CountSource for MicrosoftGraph {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let (tenants, _) = self.tenants.all().await?;
        // One that does not answer is listed all the same, by its id.
        let named = tenants.iter().map(async |tenant| self.tenants.named(tenant).await.unwrap_or(tenant.org.clone()));
        Ok(join_all(named).await)
    }

    async fn counts(&self) -> Result<Counts> {
        let (tenants, mut notices) = self.tenants.all().await?;
        let (left_out, asked): (Vec<_>, Vec<_>) = tenants.into_iter().partition(|at| self.cx.excludes(&at.org.id));
        let answers = join_all(asked.iter().map(|tenant| self.ask(tenant))).await;
        let mut fold = Subscriptions::new();
        for (tenant, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(held) => self.rules.tally(&held, &mut fold, &mut notices),
                Err(error) => fold.fail(tenant.org, &error),
            }
        }
        let left_out = left_out.into_iter().map(|at| OrgCounts::whole(at.org, Outcome::LeftOut(EXCLUDED)));
        Ok(Counts { orgs: fold.finish().into_iter().chain(left_out).collect(), notices, ..Counts::default() })
    }
}

/// What a tenant holds.
struct Held {
    org: VendorOrg,
    licences: Vec<Licence>,
    subscriptions: Vec<Subscription>,
}

impl MicrosoftGraph {
    /// Asks a tenant. The first call shows whether it lets us in at all, so the others wait for it.
    async fn ask(&self, tenant: &Tenant) -> Result<Held> {
        let api = self.tenants.client(&tenant.org.id)?;
        let select = "skuId,skuPartNumber,appliesTo,capabilityStatus,consumedUnits,prepaidUnits";
        let licences = list(&api, Call::get("/subscribedSkus").query("$select", select)).await?;
        let mut subscriptions = Vec::new();
        if self.cx.wants(&TRIAL) {
            let select = "id,skuId,skuPartNumber,status,isTrial,totalLicenses";
            subscriptions = list(&api, Call::get("/directory/subscriptions").query("$select", select)).await?;
        }
        Ok(Held { org: self.tenants.named(tenant).await?, licences, subscriptions })
    }
}

/// What counts (README, What is counted).
struct Rules {
    /// The user's list of part numbers, in the place of ours.
    excluded: Option<Vec<String>>,
    count_warning: bool,
}

/// SKUs that nobody pays for by the seat.
const FREE_SKUS: &str = "FLOW_FREE POWER_BI_STANDARD WINDOWS_STORE RIGHTSMANAGEMENT_ADHOC TEAMS_EXPLORATORY \
    MICROSOFT_TEAMS_EXPLORATORY_DEPT TEAMS_FREE STREAM POWERAPPS_VIRAL POWERAPPS_DEV CCIBOTS_PRIVPREV_VIRAL \
    FORMS_PRO SMB_APPS MS_TEAMS_IW PHONESYSTEM_VIRTUALUSER MCOPSTNC";
/// From so many units on a SKU is free, whatever its name.
const HUGE: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

const FREE: &str = "free or self-service";
const TOO_MANY: &str = "10,000 units or more, taken as free";
const ENDED: &str = "assigned on a dead subscription";

impl Rules {
    /// Adds what a tenant holds. Rows are summed by SKU: an account may have one of its own.
    fn tally(&self, held: &Held, fold: &mut Subscriptions, notices: &mut Vec<Notice>) {
        let org = &held.org;
        fold.org(org.clone());
        for row in &held.licences {
            let product = row.sku.product();
            let told = format!("{} ({})", product.name, row.sku.part());
            let (purchased, assigned) = (self.purchased(row), row.consumed_units.map(|units| units.0));
            if let Some(reason) = self.left_out(row) {
                let quantity = if reason == ENDED { assigned } else { purchased }.unwrap_or_default();
                if quantity.is_zero() {
                    continue;
                }
                if reason != FREE {
                    let message = format!("{told}: {quantity} left out: {reason}");
                    notices.push(Notice::warning(Code::LeftOut, message).about(&org.name));
                }
                fold.leave_out(&org.id, product, reason, quantity);
                continue;
            }
            let grace = row.prepaid_units.as_ref().map_or(Decimal::ZERO, Units::warning);
            if !grace.is_zero() {
                let verb = if self.count_warning { "counted" } else { "not counted" };
                let message = format!("{told}: {grace} expired and in the grace period, {verb} as purchased");
                notices.push(Notice::info(None, message).about(&org.name));
            }
            let figures = [(Figure::Purchased, purchased), (Figure::Assigned, assigned)];
            // What is bought for the tenant as a whole is assigned to nobody.
            let shown = if is(row.applies_to.as_deref(), &["Company"]) { 1 } else { 2 };
            fold.figures(&org.id, product, &figures[..shown]);
        }
        for row in held.subscriptions.iter().filter(|row| self.is_trial(row)) {
            let quantity = row.total_licenses.map(|units| units.0);
            fold.add(&org.id, row.id.as_str(), row.sku.product(), Billing::Counted(Figure::Trial), quantity);
        }
    }

    /// What is usable today: `None` where the tenant does not say.
    fn purchased(&self, row: &Licence) -> Option<Decimal> {
        let units = row.prepaid_units.as_ref()?;
        Some(units.enabled() + if self.count_warning { units.warning() } else { Decimal::ZERO })
    }

    /// Why a row of licences does not count, if it does not.
    fn left_out(&self, row: &Licence) -> Option<&'static str> {
        let dead = || is(row.capability_status.as_deref(), &["Suspended", "Deleted", "LockedOut"]);
        match &row.prepaid_units {
            _ if self.is_free(row.sku.part()) => Some(FREE),
            Some(units) if units.enabled() >= HUGE => Some(TOO_MANY),
            Some(_) if dead() && self.purchased(row).is_some_and(|units| units.is_zero()) => Some(ENDED),
            _ => None,
        }
    }

    fn is_free(&self, part: &str) -> bool {
        let part = part.to_uppercase();
        match &self.excluded {
            Some(excluded) => excluded.iter().any(|word| word.trim().to_uppercase() == part),
            None => {
                FREE_SKUS.split(' ').any(|word| word == part)
                    || part.ends_with("_VIRAL_TRIAL")
                    || part.ends_with("_VTRIAL")
            }
        }
    }

    /// Whether a subscription is a trial that runs. A free one is told of with its licences.
    fn is_trial(&self, row: &Subscription) -> bool {
        row.is_trial == Some(true)
            && is(row.status.as_deref(), &["Enabled", "Warning"])
            && !self.is_free(row.sku.part())
            && row.total_licenses.is_none_or(|units| units.0 < HUGE)
    }
}

/// Whether a word of Microsoft's is one of these, in any case.
fn is(word: Option<&str>, known: &[&str]) -> bool {
    word.is_some_and(|word| known.iter().any(|known| known.eq_ignore_ascii_case(word)))
}
