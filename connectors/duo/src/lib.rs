#![doc = include_str!("../README.md")]

mod signature;
mod wire;

use crate::wire::{Account, Answer, Billing, Summary};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_core::tally::missing;
use tallysheet_core::wire::Number;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Error, ErrorKind, Failure, Identity, Meta,
    Metric, MetricDef, OrgCounts, Outcome, Probe, Result, Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Reply, Signed, side_by_side};

/// Settings of a `kind = "duo"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The integration key of an Accounts API application.
    integration_key: Secret,
    /// The secret key that belongs to it.
    secret_key: Secret,
}

static USERS: MetricDef = MetricDef::number("Users", "users");
static PENDING: MetricDef = MetricDef::number("Users pending deletion", "users").on_request();
static EDITION: MetricDef = MetricDef::text("Edition").on_request();

/// Counts the users of every account below the MSP's.
pub struct Duo {
    api: Api,
    cx: Context,
}

impl ConnectorSpec for Duo {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "duo",
        title: "Duo",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: &[&USERS, &PENDING, &EDITION],
        permissions: "an Accounts API application",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let clock = cx.clone();
        // Each attempt is signed anew: a signature ends with its date.
        let auth = Signed::new(move |request| {
            let date = clock.now().strftime("%a, %d %b %Y %H:%M:%S -0000").to_string();
            signature::sign(request, &date, &config.integration_key, &config.secret_key)
        });
        // One key for all accounts, a limit that nobody tells: waits must reach over the next full minute (README, Limits).
        let api = Api::builder(cx, None).auth(auth).per_minute(40).concurrency(3).seconds_after_429(15);
        Ok(Connector::counting(Self { api: api.classify(refusal).build()?, cx: cx.clone() }))
    }
}
register_connector!(Duo);

#[async_trait]
impl Probe for Duo {
    async fn check(&self) -> Result<Identity> {
        self.accounts().await?;
        Ok(self.identity())
    }

    fn known(&self) -> Option<Identity> {
        Some(self.identity())
    }
}

#[async_trait]
impl CountSource for Duo {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        Ok(self.accounts().await?.values().map(Account::org).collect())
    }

    async fn counts(&self) -> Result<Counts> {
        let accounts: Vec<Account> = self.accounts().await?.into_values().collect();
        let orgs = side_by_side(accounts.len(), |at| self.count(&accounts[at])).await;
        Ok(Counts { orgs, ..Counts::default() })
    }
}

impl Duo {
    /// No call names the parent. Its host is its own, and the keys are good there only.
    fn identity(&self) -> Identity {
        Identity::unnamed(self.api.host())
    }

    async fn accounts(&self) -> Result<BTreeMap<String, Account>> {
        let call = Call::post("/accounts/v1/account/list").repeatable().json(&json!({}))?;
        let listed: Answer<Vec<Account>> = self.api.json(&call).await?;
        Ok(listed.response.into_iter().map(|account| (account.account_id.0.clone(), account)).collect())
    }

    /// Each account is asked apart, so one that fails fails alone.
    async fn count(&self, account: &Account) -> OrgCounts {
        if self.cx.excludes(account.account_id.as_str()) {
            return OrgCounts::new(account.org(), Vec::new());
        }
        match self.ask(account).await {
            Ok(values) => OrgCounts::new(account.org(), values),
            Err(error) => OrgCounts::failed(account.org(), &error),
        }
    }

    async fn ask(&self, account: &Account) -> Result<Vec<(Metric, Outcome)>> {
        let no_host = || Error::bad_response("Duo lists this account without its API host");
        let api = self.api.at_host(account.api_hostname.as_deref().ok_or_else(no_host)?)?;
        let summary: Answer<Summary> = api.json(&account.call("/admin/v1/info/summary")).await?;
        let Summary { user_count, user_pending_deletion_count, edition } = summary.response;
        let number = |metric, number: Option<Number>, what| {
            (Metric::Fixed(metric), Outcome::number_or_missing(number.map(|number| number.0), what))
        };
        let mut values = vec![
            // Whatever a user's status: each uses a licence (README, What is counted).
            number(&USERS, user_count, "number of users"),
            number(&PENDING, user_pending_deletion_count, "number of users pending deletion"),
        ];
        if self.cx.wants(&EDITION) {
            values.push((Metric::Fixed(&EDITION), edition_of(&api, account, &edition).await));
        }
        Ok(values)
    }
}

/// The edition as the summary tells it, else as the billing does. Where neither does, the users are good all the same.
async fn edition_of(api: &Api, account: &Account, summary: &Value) -> Outcome {
    if let Some(edition) = text(summary) {
        return Outcome::Text(edition.to_owned());
    }
    match api.json::<Answer<Billing>>(&account.call("/admin/v1/billing/edition")).await {
        Ok(billing) => text(&billing.response.edition)
            .map_or_else(|| Outcome::Failed(missing("edition")), |edition| Outcome::Text(sold_as(edition).to_owned())),
        Err(error) => Outcome::Failed(Failure::from(&error)),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// Billing keeps the names of old; the summary has those of today.
fn sold_as(edition: &str) -> &str {
    match edition {
        "ENTERPRISE" => "Duo Essentials",
        "PLATFORM" => "Duo Advantage",
        "BEYOND" => "Duo Premier",
        other => other,
    }
}

/// What Duo's own numbers mean where more is to be said than the status says.
fn refusal(reply: &Reply) -> Option<Error> {
    let why = match reply.refused::<u32>("/code")? {
        40102 => "Duo does not know `integration_key` at this host: check it, and `url`",
        40103 => {
            "Duo does not accept the signature: check `secret_key`, and that nothing changes requests on their way"
        }
        40104 | 40105 => "Duo does not accept the date of the request: check the clock of this machine",
        _ => return None,
    };
    Some(Error::new(ErrorKind::Auth, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_have_the_names_of_today() {
        for (told, sold) in [
            ("ENTERPRISE", "Duo Essentials"),
            ("PLATFORM", "Duo Advantage"),
            ("BEYOND", "Duo Premier"),
            ("NEWER", "NEWER"),
        ] {
            assert_eq!(sold_as(told), sold);
        }
    }
}
