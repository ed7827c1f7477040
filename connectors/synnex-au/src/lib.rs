#![doc = include_str!("../README.md")]

mod config;
mod list;

pub use config::Config;

use config::{Place, text};
use list::Rows;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_core::tally::Billing;
use tallysheet_core::wire::Number;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, ErrorKind, Figure, Identity, Meta,
    MetricDef, Notice, Probe, Product, Result, Subscriptions, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, segment, side_by_side};

static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "licences");

/// Counts the cloud subscriptions that a company has from TD SYNNEX Australia.
pub struct SynnexAu {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for SynnexAu {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "synnex-au",
        title: "Synnex AU",
        default_url: None,
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY],
        permissions: "the primary key of the partner API (experimental: run `tallysheet probe` first)",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        config.check()?;
        if !cx.is_probe() {
            config.know_orgs(cx)?;
            config.know_subscriptions(cx)?;
        }
        let auth = ApiKey::new(config.key_header.clone(), &config.primary_key).prefix(&config.key_prefix);
        // The limits are not known (README, Limits).
        let api = Api::builder(cx, Self::META.default_url).auth(auth).concurrency(1).build()?;
        Ok(Connector::counting(Self { api, config, cx: cx.clone() }))
    }
}
register_connector!(SynnexAu);

#[async_trait]
impl Probe for SynnexAu {
    async fn check(&self) -> Result<Identity> {
        let page: Value = self.api.json(&self.first_page(&self.config.companies_path)).await?;
        self.items(&page, "companies", &self.config.companies.items_at)?;
        // No call names the partner. The host tells at least production from staging, whose data look real.
        Ok(Identity { account: self.host(), ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for SynnexAu {
    async fn counts(&self) -> Result<Counts> {
        let mut notices = vec![Notice::info(None, format!("counted at {}", self.host()))];
        let at = &self.config;
        let companies = Call::get(&at.companies_path);
        let companies =
            self.list(companies, "companies", &at.companies.items_at, &at.companies.id, &mut notices).await?;
        let accounts = if at.accounts_path.is_empty() {
            companies.clone()
        } else {
            let call = Call::get(&at.accounts_path);
            self.list(call, "accounts", &at.accounts.items_at, &at.accounts.id, &mut notices).await?
        };
        // Only a probe comes here with gaps: it has now asked all that can be asked with them.
        at.know_orgs(&self.cx)?;

        let mut fold = Subscriptions::new();
        for (id, company) in &companies {
            fold.org(VendorOrg::new(id, text(company, &at.companies.name).unwrap_or_default()));
        }
        let places =
            accounts.iter().map(|(id, account)| self.place(id, account, &companies)).collect::<Result<Vec<_>>>()?;
        // An excluded company need not be asked for.
        let places: Vec<Place> = places.into_iter().filter(|place| !self.cx.excludes(&place.company_id)).collect();
        let answers = side_by_side(places.len(), |at| self.subscriptions(&places[at])).await;
        at.know_subscriptions(&self.cx)?;
        let mut rows = Rows::default();
        for (place, answer) in places.iter().zip(answers) {
            match answer {
                // An account that cannot be asked is its company's failure; an answer that is not understood is everybody's.
                Err(error) if matches!(error.kind(), ErrorKind::BadResponse | ErrorKind::TotalDiffers) => {
                    return Err(error);
                }
                Err(error) => fold.fail(self.org(&place.company_id, &companies), &error),
                Ok((subscriptions, told)) => {
                    notices.extend(told);
                    for (id, row) in subscriptions {
                        rows.add("subscriptions", id, (place.company_id.clone(), row))?;
                    }
                }
            }
        }
        let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
        for (id, (company, row)) in rows.into_inner() {
            let (product, billing, quantity, status) = self.subscription(&row)?;
            *statuses.entry(status).or_default() += 1;
            fold.add(&company, &id, product, billing, quantity);
        }
        notices.extend(told_statuses(&statuses));
        Ok(Counts { orgs: fold.finish(), notices, ..Counts::default() })
    }
}

impl SynnexAu {
    /// What a subscription counts as (README, What is counted): product, verdict, quantity and status.
    fn subscription(&self, row: &Value) -> Result<(Product, Billing, Option<Decimal>, String)> {
        let at = &self.config.subscriptions;
        let name = text(row, &at.product).ok_or_else(|| list::not_there("subscriptions.product", &at.product))?;
        let unit = text(row, &at.unit).filter(|_| !at.unit.is_empty());
        let quantity = match config::at(row, &at.quantity) {
            None => None,
            Some(value) => {
                let wrong =
                    |_| list::wrong(&format!("`subscriptions.quantity`: at `{}` stands no number", at.quantity));
                Some(Number::deserialize(value).map_err(wrong)?.0)
            }
        };
        let status = text(row, &at.status).map(|status| status.to_lowercase());
        let active = |status: &String| at.active.iter().any(|active| active.trim().to_lowercase() == *status);
        let (billing, quantity) = match &status {
            // Whether it counts is not known, so neither is how many there are.
            None => (Billing::Counted(Figure::Quantity), None),
            Some(status) if active(status) => (Billing::Counted(Figure::Quantity), quantity),
            Some(_) => (Billing::LeftOut("of a status that is not in `active`"), quantity),
        };
        Ok((Product { unit, ..Product::new(name.clone(), name) }, billing, quantity, status.unwrap_or_default()))
    }

    /// Which company an account belongs to, and what templates need of both.
    fn place(&self, id: &str, account: &Value, companies: &BTreeMap<String, Value>) -> Result<Place> {
        let at = &self.config;
        let company_id = if at.accounts_path.is_empty() {
            id.to_owned()
        } else {
            text(account, &at.accounts.company)
                .ok_or_else(|| list::not_there("accounts.company", &at.accounts.company))?
        };
        let code = companies.get(&company_id).and_then(|company| text(company, &at.companies.code));
        let templates = || at.extra_headers.values().chain([&at.subscriptions_path]);
        if code.is_none() && templates().any(|template| template.contains("{company.code}")) {
            return Err(list::not_there("companies.code", &at.companies.code));
        }
        Ok(Place { company_id, company_code: code.unwrap_or_default(), account_id: id.to_owned() })
    }

    async fn subscriptions(&self, place: &Place) -> Result<(BTreeMap<String, Value>, Vec<Notice>)> {
        let at = &self.config;
        let mut call = Call::get(place.fill(&at.subscriptions_path, &segment));
        for (name, value) in at.extra_headers.iter().filter(|(_, value)| value.contains('{')) {
            call = call.header(name.clone(), place.fill(value, &str::to_owned));
        }
        let mut notices = Vec::new();
        let fields = &at.subscriptions;
        let rows = self.list(call, "subscriptions", &fields.items_at, &fields.id, &mut notices).await?;
        Ok((rows, notices))
    }

    fn org(&self, id: &str, companies: &BTreeMap<String, Value>) -> VendorOrg {
        let name = companies.get(id).and_then(|company| text(company, &self.config.companies.name));
        VendorOrg::new(id, name.unwrap_or_default())
    }

    fn host(&self) -> String {
        let url = self.cx.url.as_deref().unwrap_or_default();
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        host.split(['/', ':']).next().unwrap_or_default().to_owned()
    }
}

/// How many subscriptions have which status, for the operator who fills in `active`. A status is told if it is a plain word.
fn told_statuses(statuses: &BTreeMap<String, usize>) -> Option<Notice> {
    let plain =
        |status: &str| status.len() <= 40 && status.bytes().all(|b| b.is_ascii_lowercase() || b"_- ".contains(&b));
    let shown = |(status, count): (&String, &usize)| match status.as_str() {
        "" => format!("none {count}"),
        status if plain(status) => format!("{status} {count}"),
        _ => format!("(another) {count}"),
    };
    let told: Vec<String> = statuses.iter().map(shown).collect();
    (!told.is_empty()).then(|| Notice::info(None, format!("subscriptions by status: {}", told.join(", "))))
}
