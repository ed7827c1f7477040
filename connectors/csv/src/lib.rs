#![doc = include_str!("../README.md")]

mod file;

use schemars::JsonSchema;
use serde::Deserialize;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::table::Problems;
use tallysheet_core::{
    Capability, Connector, ConnectorSpec, Context, CountSource, Counts, Decimal, Error, ErrorKind, Figure, FilePath,
    Identity, Meta, MetricDef, OrgCounts, Outcome, Probe, Result, async_trait, register_connector,
};

/// Settings of a `kind = "csv"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file. A relative path begins at the config's folder.
    path: FilePath,
    /// Which header is what, as a table of `company`, `metric`, `value` and `id`. Default: each is called as its key. A file
    /// with neither metric nor value is wide: every other column is a metric.
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
}

/// What is counted is not known before the file is read: each metric is a column, as products are elsewhere.
static QUANTITY: MetricDef = MetricDef::product(Figure::Quantity, "");

/// Counts from a file: for any vendor without an API.
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
        capabilities: &[Capability::Counts],
        metrics: &[&QUANTITY],
        permissions: "nothing: the user who runs Tallysheet reads the file",
    };
    const TITLED_BY_SECTION: bool = true;

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        if cx.url.is_some() {
            return Err(Error::config("`url`: no address is called; `path` names the file"));
        }
        Ok(Connector::counting(Self { config, cx: cx.clone() }))
    }
}
register_connector!(Csv);

#[async_trait]
impl Probe for Csv {
    async fn check(&self) -> Result<Identity> {
        self.read()?;
        // Nobody's credential is shown, so the file stands for the account.
        Ok(Identity { account: self.file(), ..Identity::default() })
    }
}

#[async_trait]
impl CountSource for Csv {
    async fn counts(&self) -> Result<Counts> {
        Ok(Counts { orgs: self.read()?, ..Counts::default() })
    }
}

impl Csv {
    /// The companies of the file. Where anything is wrong with it, none of it is used.
    fn read(&self) -> Result<Vec<OrgCounts>> {
        let text = self.cx.world.read_text(&self.config.path.0)?;
        let mut problems = Problems::default();
        let orgs = file::read(&text, &self.config.columns, &mut problems);
        problems.into_result(&self.file()).map_err(|error| error.with_kind(ErrorKind::BadResponse))?;
        Ok(orgs)
    }

    fn file(&self) -> String {
        self.config.path.0.display().to_string()
    }
}

/// What a cell counts (README, What is counted): a number, or nothing where it is blank. `None` is neither.
fn outcome(text: &str) -> Option<Outcome> {
    if text.is_empty() {
        return Some(Outcome::NotApplicable);
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number = (digits(whole) && digits(fraction)).then(|| Decimal::from_str_exact(text).ok());
    number.flatten().map(Outcome::Number)
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
