//! A made-up vendor's connector: tokens, pages by link, one call per org, a text metric. As it stands it keeps every
//! promise; each [`Flaw`] breaks one, in a way that real connectors do.

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tallysheet_core::wire::{Id, Number};
use tallysheet_core::{
    Capability, Code, CompanyDirectory, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal,
    DirectoryCompany, Error, ErrorKind, Failure, Identity, Meta, Metric, MetricDef, OrgCounts, Outcome, Probe, Result,
    Secret, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiBuilder, Auth, Call, Grant, Next, OAuth2, Outgoing, Retry, Stamp, Tokens};

/// What the connector does wrong.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaw {
    None,
    AsksTwice,
    ForgetsAParameter,
    NamesOrgsOtherwise,
    ForgetsWhoLeft,
    ListsCompaniesUpToAnError,
    TakesAnswersAsTheyCome,
    NeverTriesAgain,
    NeverRenewsItsToken,
    TakesATokenForEachRun,
    EndsTheListAtAnError,
    DropsAnOrgThatFails,
    CountsAFailedOrgAsZero,
    CallsEveryFailureUnavailable,
    StopsAtARepeatedPage,
    FollowsAnyAddress,
    IgnoresTheTotal,
    CountsMissingAsZero,
    IgnoresTheLimit,
    SaysItsSecret,
    EchoesTheVendor,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    client_id: String,
    client_secret: Secret,
    flaw: Flaw,
}

static SEATS: MetricDef = MetricDef::number("Seats", "seats");
static EDITION: MetricDef = MetricDef::text("Edition");

struct Acme {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for Acme {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "acme",
        title: "Acme",
        default_url: None,
        capabilities: &[Capability::Counts, Capability::Companies],
        metrics: &[&SEATS, &EDITION],
        permissions: "read",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let limitless = Context { requests_per_minute: None, ..cx.clone() };
        let cx = if config.flaw == Flaw::IgnoresTheLimit { &limitless } else { cx };
        let builder = Api::builder(cx, None);
        let api = authenticated(builder, &config, cx)?;
        let me = Arc::new(Self { api, config, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me.clone()).companies(me))
    }
}
register_connector!(Acme);

fn authenticated(builder: ApiBuilder, config: &Config, cx: &Context) -> Result<Api> {
    let grant =
        Grant::ClientCredentials { client_id: config.client_id.clone(), client_secret: config.client_secret.clone() };
    let token_url = format!("{}/token", cx.url.as_deref().unwrap_or_default());
    let tokens = Tokens::new(cx, OAuth2::new(cx, &token_url, grant)?);
    let builder = match config.flaw {
        Flaw::NeverRenewsItsToken => builder.auth(Stubborn(tokens)),
        _ => builder.auth(tokens),
    };
    match config.flaw {
        Flaw::NeverTriesAgain => builder.retry(Retry { attempts: 1, ..Retry::default() }),
        Flaw::EchoesTheVendor => builder.classify(|reply| {
            let text = String::from_utf8_lossy(reply.body()).into_owned();
            (reply.status() == 403).then(|| Error::new(ErrorKind::Forbidden, text))
        }),
        _ => builder,
    }
    .build()
}

/// Shows a token and never asks for another.
struct Stubborn<A>(A);

#[async_trait]
impl<A: Auth> Auth for Stubborn<A> {
    async fn apply(&self, request: &mut Outgoing<'_>) -> Result<Stamp> {
        self.0.apply(request).await
    }
    async fn refresh(&self, _: Stamp) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl Probe for Acme {
    async fn check(&self) -> Result<Identity> {
        let account: Account = self.api.json(&Call::get("/me")).await?;
        Ok(Identity::of(account.name, account.id.0))
    }
}

#[async_trait]
impl CountSource for Acme {
    async fn orgs(&self) -> Result<Vec<VendorOrg>> {
        let mut orgs = self.list(&self.api).await?;
        if self.config.flaw == Flaw::NamesOrgsOtherwise {
            for org in &mut orgs {
                org.name.make_ascii_uppercase();
            }
        }
        Ok(orgs)
    }

    async fn counts(&self) -> Result<Counts> {
        let api = match self.config.flaw {
            Flaw::TakesATokenForEachRun => authenticated(Api::builder(&self.cx, None), &self.config, &self.cx)?,
            _ => self.api.clone(),
        };
        let orgs = self.list(&api).await?;
        if self.config.flaw == Flaw::AsksTwice {
            self.list(&api).await?;
        }
        let answers = match self.config.flaw {
            // As they come, not as they were asked for.
            Flaw::TakesAnswersAsTheyCome => calls(&api, &orgs).collect::<FuturesUnordered<_>>().collect().await,
            _ => join_all(calls(&api, &orgs)).await,
        };
        let counts = orgs.into_iter().zip(answers);
        let orgs = counts.filter_map(|(org, answer)| self.counted(org, answer)).collect();
        Ok(Counts { orgs, ..Counts::default() })
    }
}

#[async_trait]
impl CompanyDirectory for Acme {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        let (flaw, mut companies) = (self.config.flaw, Vec::new());
        let first = Call::get("/customers").query("limit", 2);
        let mut pages = self.api.pages(first, |page: &Page, _| Next::link(page.next.as_deref()));
        loop {
            match pages.next().await {
                Ok(Some(page)) => companies.extend(page.customers.into_iter().map(Account::company)),
                Err(error) if flaw != Flaw::ListsCompaniesUpToAnError => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        companies.retain(|company| company.active || flaw != Flaw::ForgetsWhoLeft);
        Ok(companies)
    }
}

impl Acme {
    async fn list(&self, api: &Api) -> Result<Vec<VendorOrg>> {
        let flaw = self.config.flaw;
        if flaw == Flaw::FollowsAnyAddress {
            return self.list_anywhere(api).await;
        }
        let first = Call::get("/customers");
        let first = if flaw == Flaw::ForgetsAParameter { first } else { first.query("limit", 2) };
        let mut pages = api.pages(first, |page: &Page, _| Next::link(page.next.as_deref()));
        let (mut orgs, mut total, mut number) = (Vec::new(), 0, 0);
        loop {
            number += 1;
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(_) if flaw == Flaw::EndsTheListAtAnError && number > 1 => return Ok(orgs),
                Err(error) if flaw == Flaw::StopsAtARepeatedPage && error.to_string().contains("leads back") => {
                    return Ok(orgs);
                }
                Err(error) => return Err(self.told(error)),
            };
            total = page.total;
            orgs.extend(page.customers.into_iter().map(|account| VendorOrg::new(account.id.0, account.name)));
        }
        if orgs.len() != total && flaw != Flaw::IgnoresTheTotal {
            return Err(Error::new(ErrorKind::TotalDiffers, "the vendor's total differs from its rows"));
        }
        Ok(orgs)
    }

    /// Takes whatever address an answer gives for the vendor's own.
    async fn list_anywhere(&self, api: &Api) -> Result<Vec<VendorOrg>> {
        let mut page: Page = api.json(&Call::get("/customers").query("limit", 2)).await?;
        let mut orgs = Vec::new();
        loop {
            orgs.extend(page.customers.into_iter().map(|account| VendorOrg::new(account.id.0, account.name)));
            let Some(next) = page.next else { return Ok(orgs) };
            let (place, query) = next.split_once('?').unwrap_or((next.as_str(), ""));
            let call = query.split('&').filter_map(|pair| pair.split_once('='));
            let call = call.fold(Call::get(""), |call, (name, value)| call.query(name, value));
            page = api.at(place)?.json(&call).await?;
        }
    }

    fn counted(&self, org: VendorOrg, answer: Result<Licence>) -> Option<OrgCounts> {
        let flaw = self.config.flaw;
        let licence = match answer {
            Ok(licence) => licence,
            Err(_) if flaw == Flaw::DropsAnOrgThatFails => return None,
            Err(_) if flaw == Flaw::CountsAFailedOrgAsZero => Licence::default(),
            Err(error) if flaw == Flaw::CallsEveryFailureUnavailable => {
                return Some(OrgCounts::failed(org, Failure::new(Code::Unavailable, error.to_string())));
            }
            Err(error) => return Some(OrgCounts::failed(org, &self.told(error))),
        };
        let seats = licence.seats.map(|seats| seats.0);
        let seats = match flaw {
            Flaw::CountsMissingAsZero | Flaw::CountsAFailedOrgAsZero => Some(seats.unwrap_or(Decimal::ZERO)),
            _ => seats,
        };
        let edition = licence.edition.map_or(Outcome::NotApplicable, Outcome::Text);
        let values = vec![
            (Metric::Fixed(&SEATS), Outcome::number_or_missing(seats, "seats")),
            (Metric::Fixed(&EDITION), edition),
        ];
        Some(OrgCounts::new(org, values))
    }

    fn told(&self, error: Error) -> Error {
        match self.config.flaw {
            Flaw::SaysItsSecret => error.context(format!("with the secret {}", self.config.client_secret.expose())),
            _ => error,
        }
    }
}

/// One call for each org.
fn calls<'a>(api: &'a Api, orgs: &'a [VendorOrg]) -> impl Iterator<Item = impl Future<Output = Result<Licence>> + 'a> {
    orgs.iter().map(move |org| async move { api.json(&Call::get(format!("/customers/{}/licence", org.id))).await })
}

#[derive(Deserialize)]
struct Account {
    id: Id,
    name: String,
    domain: Option<String>,
    #[serde(default)]
    left: bool,
}

impl Account {
    fn company(self) -> DirectoryCompany {
        let domains = self.domain.into_iter().collect();
        DirectoryCompany { id: self.id.0, name: self.name, domains, active: !self.left }
    }
}

#[derive(Deserialize)]
struct Page {
    customers: Vec<Account>,
    next: Option<String>,
    total: usize,
}

#[derive(Deserialize, Default)]
struct Licence {
    seats: Option<Number>,
    edition: Option<String>,
}
