#![doc = include_str!("../README.md")]

mod billed;
mod counts;
mod form;

use form::{Form, Layout};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use tallysheet_core::billing::{Ledger, LineRef, QuantityChange, Standing, Writing};
use tallysheet_core::registry::NO_URL;
use tallysheet_core::table::{self, Problems};
use tallysheet_core::{
    BillingLedger, Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Error, ErrorKind,
    Figure, FilePath, Identity, Meta, MetricDef, Notice, OrgCounts, Outcome, Probe, Result, async_trait,
    register_connector,
};

/// Settings of a `kind = "csv"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. A relative path begins at the config's folder.
    path: FilePath,
    /// Which header is what, as a table of `company`, `id`, `metric` and `value`, or, where the file tells what is billed, of
    /// `company`, `id`, `product`, `quantity` and `price`. Default: each is called as its key. A file with neither metric nor
    /// value, which bills nothing, is wide: every other column is a metric.
    #[serde(default)]
    columns: Columns,
}

/// Which header is what.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
struct Columns {
    /// The company's name.
    company: Option<String>,
    /// What is counted.
    metric: Option<String>,
    /// How many there are.
    value: Option<String>,
    /// The company's id, where it has one.
    id: Option<String>,
    /// What is billed.
    product: Option<String>,
    /// How many of it are billed.
    quantity: Option<String>,
    /// What one of it costs a month.
    price: Option<String>,
}

/// What is counted is not known before the file is read: each metric is a column, as products are elsewhere.
static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "");

/// Counts, or what is billed, from a file: for any vendor without an API.
pub struct Csv {
    config: Config,
    cx: Context,
}

impl ConnectorSpec for Csv {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "csv",
        title: "CSV file",
        default_url: Some(NO_URL),
        capabilities: &[Capability::Counts, Capability::Billing],
        metrics: &[&QUANTITY],
        permissions: "nothing: the user who runs Tallysheet reads the file",
    };
    const TITLED_BY_SECTION: bool = true;

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        if cx.url.is_some() {
            return Err(Error::config("`url`: no address is called; `path` names the file"));
        }
        let me = Arc::new(Self { config, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me.clone()).billing(me))
    }
}
register_connector!(Csv);

#[async_trait]
impl Probe for Csv {
    async fn check(&self) -> Result<Identity> {
        self.read(false)?;
        // Nobody's credential is shown, so the file stands for the account.
        Ok(Identity { account: self.file(), ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for Csv {
    async fn counts(&self) -> Result<Counts> {
        match self.read(false)? {
            Content::Counts(orgs) => Ok(Counts { orgs, ..Counts::default() }),
            Content::Billed(_) => {
                let message = format!("{} tells what is billed: nothing is counted from it", self.file());
                Ok(Counts { notices: vec![Notice::info(None, message)], ..Counts::default() })
            }
        }
    }
}

#[async_trait]
impl BillingLedger for Csv {
    async fn billed(&self, _: Date) -> Result<Ledger> {
        match self.read(true)? {
            Content::Billed(ledger) => Ok(ledger),
            Content::Counts(_) => Err(Error::internal("a file of counts was taken for one of what is billed")),
        }
    }

    async fn line(&self, line: &LineRef, today: Date, _: Option<Date>) -> Result<Option<Standing>> {
        let addition = self.billed(today).await?.additions.into_iter().find(|addition| addition.line == *line);
        let proration = "none: a file is changed by hand".to_owned();
        Ok(addition.map(|addition| Standing { addition, effective: None, proration, untouched: [].into() }))
    }

    async fn change(&self, _: &QuantityChange) -> Result<()> {
        let message = format!("{} is a file, which is changed by hand", self.file());
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    fn holds(&self, _: Decimal) -> Result<()> {
        Ok(())
    }

    fn writing(&self) -> Writing {
        Writing::None
    }
}

/// What a file holds.
enum Content {
    Counts(Vec<OrgCounts>),
    Billed(Ledger),
}

impl Csv {
    /// What the file holds; an error where that must be what is billed and is not. Where anything is wrong with it, none of
    /// it is used.
    fn read(&self, of_billed: bool) -> Result<Content> {
        let text = self.cx.world.read_text(&self.config.path.0)?;
        let mut problems = Problems::default();
        let content = self.content(&text, of_billed, &mut problems);
        problems.into_result(&self.file()).map_err(|error| error.with_kind(ErrorKind::BadResponse))?;
        content.ok_or_else(|| Error::internal("a file holds nothing, and nothing is wrong with it"))
    }

    /// Nothing only where a problem says why.
    fn content(&self, text: &str, of_billed: bool, problems: &mut Problems) -> Option<Content> {
        let table = table::read(text, problems)?;
        let form = Form::of(&table.header, &self.config.columns, of_billed, problems)?;
        if table.rows.is_empty() {
            problems.add(&table.header.cell(0), "there is no row below the header, so the file tells nothing");
        }
        Some(match &form.layout {
            Layout::Billed(places) => Content::Billed(billed::read(&self.file(), &table.rows, &form, places, problems)),
            Layout::Long(..) | Layout::Wide(_) => Content::Counts(counts::read(&table.rows, &form, problems)),
        })
    }

    fn file(&self) -> String {
        self.config.path.0.display().to_string()
    }
}

/// What a cell counts (README, What is counted): a number, or nothing where it is blank. `None` is neither.
fn outcome(text: &str) -> Option<Outcome> {
    if text.is_empty() { Some(Outcome::NotApplicable) } else { number(text).map(Outcome::Number) }
}

/// An exact number in digits.
fn number(text: &str) -> Option<Decimal> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (digits(whole) && digits(fraction)).then(|| Decimal::from_str_exact(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_an_exact_number_or_blank_or_an_error() {
        for (text, number) in [
            ("0", "0"),
            ("12", "12"),
            ("007", "7"),
            ("12.50", "12.5"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
        ] {
            let exact = number.parse().unwrap();
            assert_eq!(outcome(text), Some(Outcome::Number(exact)), "{text}");
        }
        assert_eq!(outcome(""), Some(Outcome::NotApplicable));
        let too_long = "0.12345678901234567890123456789012345";
        for text in ["-", "n/a", "1,5", "1,234", "1 234", "1_000", "-4", "+4", "1e3", ".5", "5.", "1.2.3", too_long] {
            assert_eq!(outcome(text), None, "{text}");
        }
    }
}
