//! Contracts and what they bill, as Autotask sends it, and the rules that read it.

use jiff::civil::Date;
use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use tallysheet_core::Decimal;
use tallysheet_core::billing::Price;
use tallysheet_core::wire::{Day, Id, Number};

/// The type of a contract that bills services by their units.
pub(crate) const RECURRING_SERVICE: i64 = 7;

/// A contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contract {
    pub(crate) id: Id,
    pub(crate) contract_name: Option<String>,
    #[serde(rename = "companyID")]
    pub(crate) company_id: Id,
    contract_type: Option<i64>,
    contract_period_type: Option<Id>,
    status: Option<Id>,
    pub(crate) start_date: Day,
    pub(crate) end_date: Day,
}

/// What the choices of a contract mean in this account, by their values.
pub(crate) struct Words {
    pub(crate) statuses: BTreeMap<String, String>,
    pub(crate) periods: BTreeMap<String, String>,
}

/// What a status says of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Active,
    Inactive,
    /// Its label says neither, or there is none.
    Unclear,
}

impl Contract {
    pub(crate) fn life(&self, words: &Words) -> Life {
        let label = self.status.as_ref().and_then(|status| words.statuses.get(status.as_str()));
        label.map_or(Life::Unclear, |label| life(label))
    }

    /// How many months its periods have.
    pub(crate) fn months(&self, words: &Words) -> Option<u32> {
        words.periods.get(self.contract_period_type.as_ref()?.as_str()).and_then(|label| months(label))
    }

    /// Why it bills nothing on a day; nothing where it does (README, What is billed). A status whose label says neither
    /// is taken as billed, told, and never written.
    pub(crate) fn left_out(&self, words: &Words, on: Date) -> Option<&'static str> {
        let (started, ended) =
            (self.start_date.0.is_none_or(|day| day <= on), self.end_date.0.is_some_and(|day| day < on));
        match (self.contract_type, self.life(words)) {
            (Some(RECURRING_SERVICE), _) if !started || ended => Some("its contract is not in effect on the day"),
            (Some(RECURRING_SERVICE), Life::Inactive) => Some("its contract is not active"),
            (Some(RECURRING_SERVICE), Life::Active | Life::Unclear) => None,
            _ => Some("its contract is of another type"),
        }
    }
}

/// Values are numbers of the vendor's, and sources disagree about them, so labels tell.
fn life(label: &str) -> Life {
    let label = label.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| label.contains(word));
    let ended = ["inacti", "inakti", "deacti", "deakti", "not ", "terminat", "cancel", "expired", "ended", "closed"];
    if says(&ended) {
        return Life::Inactive;
    }
    if says(&["active", "aktiv", "in effect"]) { Life::Active } else { Life::Unclear }
}

/// How many months a period has, by its label; nothing where it is not understood.
fn months(label: &str) -> Option<u32> {
    match plain(label).as_str() {
        "monthly" | "month" => Some(1),
        "quarterly" | "quarter" => Some(3),
        "semiannual" | "semiannually" | "halfyearly" => Some(6),
        "yearly" | "annual" | "annually" | "year" => Some(12),
        _ => None,
    }
}

/// A label's letters in lower case.
fn plain(label: &str) -> String {
    label.chars().filter(|letter| letter.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// What a service or a bundle of a contract holds from one day to another: a row for every period, past and future.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Units {
    pub(crate) id: Id,
    #[serde(rename = "contractID")]
    pub(crate) contract_id: Id,
    #[serde(rename = "contractServiceID", alias = "contractServiceBundleID")]
    pub(crate) line_id: Id,
    #[serde(rename = "serviceID", alias = "serviceBundleID")]
    pub(crate) product_id: Id,
    pub(crate) units: Option<Number>,
    #[serde(deserialize_with = "day")]
    pub(crate) start_date: Date,
    #[serde(deserialize_with = "day")]
    pub(crate) end_date: Date,
    /// When the period was billed; null where it was not yet.
    #[serde(default)]
    approve_and_post_date: Value,
}

/// A day that must be told: without it nobody knows when the row holds.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let missing = || de::Error::invalid_value(Unexpected::Other("no date"), &"a date");
    Day::deserialize(deserializer)?.0.ok_or_else(missing)
}

impl Units {
    pub(crate) fn is_billed(&self) -> bool {
        !self.approve_and_post_date.is_null()
    }

    pub(crate) fn quantity(&self) -> Option<Decimal> {
        self.units.map(|units| units.0)
    }
}

/// The row of each line that covers a day. Where a period was split, two rows share the day on which it was: the one that
/// began last holds, then the one that was made last (README, Quirks).
pub(crate) fn covering<'a>(rows: impl IntoIterator<Item = &'a Units>, day: Date) -> BTreeMap<&'a str, &'a Units> {
    let order = |row: &Units| (row.start_date, row.id.as_str().parse::<i64>().unwrap_or_default());
    let mut found: BTreeMap<&str, &Units> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.start_date <= day && day <= row.end_date) {
        let held = found.entry(row.line_id.as_str()).or_insert(row);
        if order(row) > order(held) {
            *held = row;
        }
    }
    found
}

/// A service or a bundle on a contract: what it costs there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terms {
    pub(crate) id: Id,
    pub(crate) invoice_description: Option<String>,
    unit_price: Option<Number>,
    internal_currency_unit_price: Option<Number>,
    internal_currency_adjusted_price: Option<Number>,
}

impl Terms {
    /// What one unit costs, in the account's own currency, so that companies can be summed. The contract's own price
    /// stands before the catalogue's; where both differ it is not told for which of the two periods it is.
    pub(crate) fn price(&self, product: &Product, contract: Option<u32>) -> Option<Price> {
        let listed = self.internal_currency_unit_price.or(self.unit_price);
        let amount = self.internal_currency_adjusted_price.or(listed)?;
        let is_clear = listed == Some(amount) || contract == product.months;
        Some(Price { amount: amount.0, currency: String::new(), months: product.months.filter(|_| is_clear) })
    }

    /// What a change of the quantity must leave as it is.
    pub(crate) fn untouched(&self) -> BTreeMap<String, String> {
        let number = |number: Option<Number>| number.map(|number| number.0.to_string());
        [
            ("unit price", number(self.internal_currency_unit_price.or(self.unit_price))),
            ("adjusted price", number(self.internal_currency_adjusted_price)),
            ("invoice description", self.invoice_description.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// A service or a bundle as the catalogue sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    pub(crate) id: Id,
    name: Option<String>,
    invoice_description: Option<String>,
    period_type: Option<Id>,
}

/// A service or a bundle of the catalogue.
#[derive(Default)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) description: String,
    months: Option<u32>,
    pub(crate) is_one_time: bool,
}

impl Listed {
    pub(crate) fn product(self, periods: &BTreeMap<String, String>) -> Product {
        let period = self.period_type.and_then(|period| periods.get(period.as_str()));
        Product {
            name: self.name.unwrap_or_default().trim().to_owned(),
            description: self.invoice_description.unwrap_or_default(),
            months: period.and_then(|label| months(label)),
            is_one_time: period.is_some_and(|label| plain(label) == "onetime"),
        }
    }
}

/// How much of the hour's requests all integrations of the account have used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Threshold {
    pub(crate) external_request_threshold: u64,
    pub(crate) current_timeframe_request_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use serde_json::{from_value, json};

    fn words() -> Words {
        let labels = |labels: &[(&str, &str)]| labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let statuses = [("1", "In Effect"), ("0", "Inactive"), ("3", "Terminated"), ("9", "On hold")];
        Words { statuses: labels(&statuses), periods: labels(&[("1", "Monthly"), ("4", "Yearly")]) }
    }

    #[test]
    fn a_contract_bills_where_it_is_of_the_type_in_effect_and_not_inactive() {
        let (day, off) = ("its contract is not in effect on the day", "its contract is not active");
        for (kind, status, start, end, left_out) in [
            (7, json!(1), "2026-11-15", "2026-11-15", None),
            (7, json!("1"), "2020-01-01", "2030-01-01", None),
            (7, json!(1), "2026-11-16", "2030-01-01", Some(day)),
            (7, json!(1), "2020-01-01", "2026-11-14", Some(day)),
            (7, json!(0), "2020-01-01", "2030-01-01", Some(off)),
            (7, json!(3), "2020-01-01", "2030-01-01", Some(off)),
            (7, json!(9), "2020-01-01", "2030-01-01", None),
            (7, json!(77), "2020-01-01", "2030-01-01", None),
            (7, json!(null), "2020-01-01", "2030-01-01", None),
            (1, json!(1), "2020-01-01", "2030-01-01", Some("its contract is of another type")),
        ] {
            let sent = json!({ "id": 1, "companyID": 0, "contractType": kind, "status": status,
                "startDate": format!("{start}T00:00:00Z"), "endDate": format!("{end}T00:00:00.000") });
            let contract: Contract = from_value(sent.clone()).unwrap();
            assert_eq!(contract.left_out(&words(), date(2026, 11, 15)), left_out, "{sent}");
        }
    }

    #[test]
    fn a_label_says_whether_a_contract_is_active() {
        for (label, meant) in [
            ("Active", Life::Active),
            ("In Effect", Life::Active),
            ("aktiv", Life::Active),
            ("Inactive", Life::Inactive),
            ("Inaktiv", Life::Inactive),
            ("Not active", Life::Inactive),
            ("Deactivated", Life::Inactive),
            ("Terminated", Life::Inactive),
            ("Cancelled", Life::Inactive),
            ("On hold", Life::Unclear),
            ("", Life::Unclear),
        ] {
            assert_eq!(life(label), meant, "{label}");
        }
    }

    #[test]
    fn a_period_has_so_many_months() {
        for (label, meant) in [
            ("Monthly", Some(1)),
            ("Quarterly", Some(3)),
            ("Semi-Annual", Some(6)),
            ("Yearly", Some(12)),
            ("One-Time", None),
            ("Bi-Monthly", None),
            ("2", None),
        ] {
            assert_eq!(months(label), meant, "{label}");
        }
    }

    fn units(id: u32, line: u32, start: &str, end: &str) -> Units {
        from_value(json!({ "id": id, "contractID": 1, "contractServiceID": line, "serviceID": 3, "units": id,
            "startDate": start, "endDate": end }))
        .unwrap()
    }

    #[test]
    fn the_row_of_the_day_holds_and_the_later_one_where_two_share_it() {
        let rows = [
            units(1, 8, "2026-10-01", "2026-10-31"),
            units(2, 8, "2026-11-01", "2026-11-15"),
            units(4, 8, "2026-11-15", "2026-11-30"),
            units(3, 8, "2026-11-15", "2026-11-30"),
            units(5, 8, "2026-12-01", "2026-12-31"),
            units(6, 9, "2026-01-01", "2026-12-31"),
        ];
        for (day, held) in [(14, "2"), (15, "4"), (16, "4"), (30, "4")] {
            let found = covering(&rows, date(2026, 11, day));
            assert_eq!((found["8"].id.as_str(), found["9"].id.as_str()), (held, "6"), "{day}");
        }
        assert!(covering(&rows, date(2027, 1, 1)).is_empty());
        let without = json!({ "id": 1, "contractID": 1, "contractServiceID": 2, "serviceID": 3, "units": 1,
            "startDate": "2026-11-01", "endDate": null });
        assert!(from_value::<Units>(without).is_err());
    }

    #[test]
    fn a_price_has_its_period_only_where_that_is_clear() {
        let periods = words().periods;
        let listed = |period: u32| Listed {
            id: Id::default(),
            name: None,
            invoice_description: None,
            period_type: Some(Id(period.to_string())),
        };
        for (terms, period, contract, price) in [
            (json!({ "unitPrice": 35 }), 1, Some(1), Some(("35", Some(1)))),
            (json!({ "unitPrice": 30, "internalCurrencyUnitPrice": 35 }), 1, Some(1), Some(("35", Some(1)))),
            (json!({ "unitPrice": 120, "internalCurrencyAdjustedPrice": 120 }), 4, Some(1), Some(("120", Some(12)))),
            (json!({ "unitPrice": 35, "internalCurrencyAdjustedPrice": 31.5 }), 1, Some(1), Some(("31.5", Some(1)))),
            (json!({ "unitPrice": 35, "internalCurrencyAdjustedPrice": 105 }), 1, Some(3), Some(("105", None))),
            (json!({ "unitPrice": 35 }), 9, Some(1), Some(("35", None))),
            (json!({}), 1, Some(1), None),
        ] {
            let mut sent = terms.clone();
            sent["id"] = json!(1);
            let told: Terms = from_value(sent).unwrap();
            let told = told.price(&listed(period).product(&periods), contract);
            let told = told.map(|price| (price.amount.to_string(), price.months));
            assert_eq!(told, price.map(|(amount, months)| (amount.to_owned(), months)), "{terms}");
        }
    }
}
