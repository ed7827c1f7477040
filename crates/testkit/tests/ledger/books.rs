//! A made-up PSA's billing ledger: agreements in pages, the lines of each, one quantity changed. As it stands it keeps every
//! promise; each [`Flaw`] breaks one.

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tallysheet_core::billing::{Addition, Ledger, LineRef, Quantity, QuantityChange, Standing, Writing};
use tallysheet_core::wire::{Day, Id, Number};
use tallysheet_core::{
    BillingLedger, Capability, Connector, ConnectorSpec, Context, Decimal, Error, Identity, Meta, Notice, Probe,
    Result, VendorOrg, async_trait, register_connector,
};
use tallysheet_http::{Api, Call, Next, Part};

/// What the connector does wrong.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaw {
    None,
    BillsMissingAsZero,
    BillsWhatItUnderstands,
    BillsUpToAnError,
    BillsAgreementsWithoutLines,
    ForgetsWhatIsLeftOut,
    ForgetsANotice,
    AsksTwice,
    MissesTheGone,
    WritesAgain,
    WritesElse,
    WritesTwice,
    CallsRefusalsUnclear,
    TrustsSilence,
    WritesWhatCannotBeHeld,
    TouchesMore,
    SaysItTakesNone,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    flaw: Flaw,
}

struct Books {
    api: Api,
    flaw: Flaw,
}

impl ConnectorSpec for Books {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "books",
        title: "Books",
        default_url: None,
        capabilities: &[Capability::Billing],
        metrics: &[],
        permissions: "read and write agreements",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let me = Arc::new(Self { api: Api::builder(cx, None).build()?, flaw: config.flaw });
        Ok(Connector::new(me.clone()).billing(me))
    }
}
register_connector!(Books);

#[async_trait]
impl Probe for Books {
    async fn check(&self) -> Result<Identity> {
        self.api.identity(&Call::get("/me"), "/name", "/id").await
    }
}

#[async_trait]
impl BillingLedger for Books {
    async fn billed(&self, on: jiff::civil::Date) -> Result<Ledger> {
        let agreements = self.agreements().await?;
        if self.flaw == Flaw::AsksTwice {
            self.agreements().await?;
        }
        let lines = try_join_all(agreements.values().map(|agreement| self.lines(&agreement.id))).await?;
        let mut ledger = Ledger::default();
        for (agreement, lines) in agreements.values().zip(lines) {
            ledger.companies.push(VendorOrg::new(&agreement.company.0, "Foxglove Bakery"));
            for line in lines {
                if line.until.0.is_some_and(|until| until <= on) {
                    *ledger.left_out.entry("cancelled").or_default() += 1;
                } else {
                    ledger.additions.push(self.addition(agreement, line));
                }
            }
        }
        ledger.companies.dedup();
        ledger.notices.push(Notice::warning(None, "one agreement is odd"));
        if self.flaw == Flaw::ForgetsANotice {
            ledger.notices.clear();
        }
        if self.flaw == Flaw::ForgetsWhatIsLeftOut {
            ledger.left_out.clear();
        }
        Ok(ledger)
    }

    async fn line(
        &self,
        line: &LineRef,
        _: jiff::civil::Date,
        _: Option<jiff::civil::Date>,
    ) -> Result<Option<Standing>> {
        let call = Call::get(format!("/agreements/{}/lines/{}", line.agreement, line.id));
        let found = match self.flaw {
            Flaw::MissesTheGone => Some(self.api.json(&call).await?),
            _ => self.api.find(&call).await?,
        };
        let Some(found): Option<Line> = found else { return Ok(None) };
        let agreement = Agreement { id: Id(line.agreement.clone()), company: Id("1".to_owned()) };
        let (mut untouched, code) = (BTreeMap::new(), found.code.clone());
        if self.flaw != Flaw::TouchesMore {
            untouched.insert("code".to_owned(), code);
        }
        let addition = self.addition(&agreement, found);
        Ok(Some(Standing { addition, effective: None, proration: "none".to_owned(), untouched }))
    }

    async fn change(&self, change: &QuantityChange) -> Result<()> {
        if self.flaw != Flaw::WritesWhatCannotBeHeld {
            self.holds(change.new)?;
        }
        let path = format!("/agreements/{}/lines/{}", change.line.agreement, change.line.id);
        let field = if self.flaw == Flaw::WritesElse { "price" } else { "quantity" };
        let call = Call::patch(path).json(&json!({ field: Number(change.new) }))?;
        let call = if self.flaw == Flaw::WritesAgain { call.repeatable() } else { call };
        if self.flaw == Flaw::TrustsSilence {
            return self.api.send(&call).await.map(|_| ());
        }
        let written: Result<Line> = self.api.json(&call).await;
        if self.flaw == Flaw::CallsRefusalsUnclear {
            return written.map(|_| ()).map_err(Error::with_maybe_done);
        }
        if self.flaw == Flaw::WritesTwice {
            self.api.send(&call).await?;
        }
        written.map(|_| ())
    }

    fn holds(&self, quantity: Decimal) -> Result<()> {
        if quantity.fract().is_zero() { Ok(()) } else { Err(Error::config("Books bills whole numbers only")) }
    }

    fn writing(&self) -> Writing {
        if self.flaw == Flaw::SaysItTakesNone { Writing::None } else { Writing::Quantity }
    }
}

impl Books {
    async fn agreements(&self) -> Result<BTreeMap<String, Agreement>> {
        let mut pages =
            self.api.pages(Call::get("/agreements"), |page: &Page, _| Next::cursor("after", page.next.as_deref()));
        let mut all = BTreeMap::new();
        loop {
            match pages.next().await {
                Ok(Some(page)) => all.extend(page.agreements.into_iter().map(|one| (one.id.0.clone(), one))),
                Ok(None) => return Ok(all),
                Err(_) if self.flaw == Flaw::BillsUpToAnError && !all.is_empty() => return Ok(all),
                Err(error) => return Err(error),
            }
        }
    }

    async fn lines(&self, agreement: &Id) -> Result<Vec<Line>> {
        let call = Call::get(format!("/agreements/{agreement}/lines"));
        let whole = |rows: Vec<serde_json::Value>, _: &tallysheet_http::Position<'_>| Part {
            rows,
            stated: None,
            next: Next::End,
        };
        let rows = match self.api.rows(call, whole).await {
            Err(_) if self.flaw == Flaw::BillsAgreementsWithoutLines => Vec::new(),
            rows => rows?,
        };
        let lines = rows.into_iter().map(serde_json::from_value).collect::<Vec<_>>();
        match self.flaw {
            Flaw::BillsWhatItUnderstands => Ok(lines.into_iter().flatten().collect()),
            _ => lines.into_iter().collect::<Result<_, _>>().map_err(|_| Error::bad_response("a line is none")),
        }
    }

    fn addition(&self, agreement: &Agreement, line: Line) -> Addition {
        let quantity = line.quantity.map(|quantity| quantity.0);
        let quantity = match self.flaw {
            Flaw::BillsMissingAsZero => Quantity::Known(quantity.unwrap_or(Decimal::ZERO)),
            _ => Quantity::or_missing(quantity),
        };
        Addition {
            line: LineRef { agreement: agreement.id.0.clone(), id: line.id.0, product: String::new() },
            company_id: agreement.company.0.clone(),
            agreement: String::new(),
            product: line.code,
            description: String::new(),
            quantity,
            included: Decimal::ZERO,
            price: None,
            from: None,
            until: line.until.0,
            next_invoice: None,
            locked: None,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    agreements: Vec<Agreement>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Agreement {
    id: Id,
    company: Id,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    code: String,
    quantity: Option<Number>,
    #[serde(default)]
    until: Day,
}
