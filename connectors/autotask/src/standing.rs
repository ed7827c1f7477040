//! A line as it stands in the rows of its units: what it holds on a day, from which day on it can be changed, and what
//! forbids it.

use crate::contract::{Contract, Life, Product, Terms, Units, Words, covering};
use crate::sort::Sort;
use jiff::civil::Date;
use std::collections::BTreeMap;
use tallysheet_core::Decimal;
use tallysheet_core::billing::{Addition, LineRef, Quantity, Standing};

pub(crate) const TWICE: &str = "the service stands on the contract twice";

/// What is known of all lines of one sort.
pub(crate) struct Setting<'a> {
    pub(crate) sort: &'static Sort,
    pub(crate) words: &'a Words,
    pub(crate) catalogue: &'a BTreeMap<String, Product>,
}

impl Setting<'_> {
    /// A line as it stands in a row.
    pub(crate) fn addition(&self, row: &Units, contract: &Contract, terms: Option<&Terms>) -> Addition {
        let (word, id) = (self.sort.word, row.product_id.as_str());
        let product = self.catalogue.get(id);
        let described = terms.and_then(|terms| terms.invoice_description.as_deref()).filter(|text| !text.is_empty());
        let named = product.map(|product| &product.name).filter(|name| !name.is_empty());
        let locked = if contract.life(self.words) == Life::Unclear {
            Some("the status of its contract says neither active nor inactive")
        } else if product.is_some_and(|product| product.is_one_time) {
            Some("it is billed once")
        } else {
            None
        };
        Addition {
            line: LineRef {
                agreement: row.contract_id.0.clone(),
                id: row.line_id.0.clone(),
                product: format!("{word}:{id}"),
            },
            company_id: contract.company_id.0.clone(),
            agreement: contract.contract_name.clone().unwrap_or_else(|| contract.id.0.clone()),
            product: named.cloned().unwrap_or_else(|| format!("{word} {id}")),
            description: described.or(product.map(|product| &*product.description)).unwrap_or_default().to_owned(),
            quantity: Quantity::or_missing(row.quantity()),
            included: Decimal::ZERO,
            price: product.zip(terms).and_then(|(product, terms)| terms.price(product, contract.months(self.words))),
            from: contract.start_date.0,
            until: contract.end_date.0.and_then(|day| day.tomorrow().ok()),
            next_invoice: None,
            locked: locked.map(str::to_owned),
        }
    }

    /// A line as it stands on `effective`, else on the first day of the first period that begins today or later and is not
    /// billed yet. `rows` are those of its product on its contract, from today on. Nothing where none of them is the line's
    /// on that day.
    pub(crate) fn standing(
        &self,
        line: &LineRef,
        rows: &BTreeMap<String, Units>,
        (contract, terms): (&Contract, Option<&Terms>),
        today: Date,
        effective: Option<Date>,
    ) -> Option<Standing> {
        let own = || rows.values().filter(|row| row.line_id.as_str() == line.id);
        let open = own().filter(|row| !row.is_billed() && row.start_date >= today).map(|row| row.start_date).min();
        let day = effective.or(open);
        let on = day.unwrap_or(today);
        let of_day = covering(rows.values(), on);
        let row = of_day.get(line.id.as_str()).filter(|_| contract.left_out(self.words, on).is_none())?;

        let mut addition = self.addition(row, contract, terms);
        let later = own().filter(|other| other.start_date > row.start_date && other.quantity() != row.quantity());
        let later = later.map(|other| other.start_date).min();
        let forbids = || {
            if of_day.len() > 1 {
                return Some(TWICE.to_owned());
            }
            if on < today {
                return Some(format!("{on} is past, and Autotask would bill it anew"));
            }
            if day.is_none() {
                return Some("no period begins today or later that is not billed yet".to_owned());
            }
            // The difference would be added there too.
            later.map(|later| format!("from {later} on it holds another quantity already: change it in Autotask"))
        };
        addition.locked = addition.locked.or_else(forbids);

        let mut untouched = terms.map(Terms::untouched).unwrap_or_default();
        let before = on.yesterday().ok().filter(|before| *before >= today);
        let before = before.and_then(|before| covering(own(), before).into_values().next()?.quantity());
        untouched.extend(before.map(|quantity| (format!("units before {on}"), quantity.to_string())));
        Some(Standing { addition, effective: day, proration: proration(row, on), untouched })
    }
}

fn proration(row: &Units, on: Date) -> String {
    if row.start_date == on {
        return "from the first day of a period on: nothing is prorated".to_owned();
    }
    format!(
        "in the middle of the period from {} to {}{}: Autotask prorates it and adds lines to the invoice",
        row.start_date,
        row.end_date,
        if row.is_billed() { ", which is billed already" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sort::SERVICE;
    use jiff::civil::date;
    use serde_json::{Value, from_value, json};

    /// A period: its days, its units, and whether it is billed.
    type Period = (&'static str, &'static str, u32, bool);

    const OCTOBER: Period = ("2026-10-01", "2026-10-31", 40, true);
    const NOVEMBER: Period = ("2026-11-01", "2026-11-30", 42, true);
    const DECEMBER: Period = ("2026-12-01", "2026-12-31", 42, false);
    const JANUARY: Period = ("2027-01-01", "2027-01-31", 42, false);

    fn rows(line: u32, periods: &[Period]) -> BTreeMap<String, Units> {
        let row = |(id, (start, end, units, billed)): (u32, &Period)| {
            let billed: Value = billed.then_some("2026-11-02T00:00:00").into();
            let row = json!({ "id": id, "contractID": 7, "contractServiceID": line, "serviceID": 9, "units": units,
                "startDate": start, "endDate": end, "approveAndPostDate": billed });
            (id.to_string(), from_value(row).unwrap())
        };
        (line * 100..).zip(periods).map(row).collect()
    }

    fn stands(rows: &BTreeMap<String, Units>, end: &str, effective: Option<&str>) -> Option<Standing> {
        let contract = json!({ "id": 7, "companyID": 0, "contractType": 7, "status": 1, "endDate": end });
        let words =
            Words { statuses: BTreeMap::from([("1".to_owned(), "Active".to_owned())]), periods: BTreeMap::new() };
        let setting = Setting { sort: &SERVICE, words: &words, catalogue: &BTreeMap::new() };
        let line = LineRef { agreement: "7".into(), id: "8".into(), product: "service:9".into() };
        let contract: Contract = from_value(contract).unwrap();
        let effective = effective.map(|day| day.parse().unwrap());
        setting.standing(&line, rows, (&contract, None), date(2026, 11, 15), effective)
    }

    #[test]
    fn a_change_takes_effect_with_the_first_period_that_is_not_billed() {
        let billed_ahead: Period = ("2026-12-01", "2026-12-31", 42, true);
        let not_posted: Period = ("2026-11-01", "2026-11-30", 42, false);
        for (periods, effective, day, locked) in [
            (&[NOVEMBER, DECEMBER, JANUARY][..], None, Some("2026-12-01"), None),
            (&[NOVEMBER, billed_ahead, JANUARY], None, Some("2027-01-01"), None),
            // Never in the middle by itself, never before today.
            (&[not_posted, DECEMBER], None, Some("2026-12-01"), None),
            (&[NOVEMBER], None, None, Some("no period begins")),
            (&[NOVEMBER, DECEMBER], Some("2026-11-20"), Some("2026-11-20"), None),
            (&[OCTOBER, NOVEMBER], Some("2026-11-14"), Some("2026-11-14"), Some("2026-11-14 is past")),
            // Somebody has planned a change already.
            (
                &[NOVEMBER, DECEMBER, ("2027-01-01", "2027-01-31", 50, false)],
                None,
                Some("2026-12-01"),
                Some("from 2027-01-01 on it holds another quantity already"),
            ),
        ] {
            let standing = stands(&rows(8, periods), "2030-01-01", effective).unwrap();
            assert_eq!(standing.effective.map(|day| day.to_string()).as_deref(), day, "{periods:?}");
            assert_eq!(standing.addition.quantity, Quantity::Known(42.into()), "{periods:?}");
            let told = standing.addition.locked;
            assert_eq!(told.is_some(), locked.is_some(), "{periods:?}: {told:?}");
            assert!(locked.is_none_or(|locked| told.unwrap().starts_with(locked)), "{periods:?}");
        }
    }

    #[test]
    fn a_line_without_units_on_the_day_is_gone() {
        assert_eq!(stands(&rows(8, &[]), "2030-01-01", None), None);
        assert_eq!(stands(&rows(8, &[NOVEMBER]), "2030-01-01", Some("2026-12-01")), None);
        assert_eq!(stands(&rows(9, &[NOVEMBER, DECEMBER]), "2030-01-01", None), None);
        assert_eq!(stands(&rows(8, &[NOVEMBER, DECEMBER]), "2026-11-30", None), None, "the contract ends before");
    }

    #[test]
    fn a_service_that_stands_twice_on_the_day_is_locked() {
        let with = |periods: &[Period]| {
            let mut both = rows(8, &[NOVEMBER, DECEMBER]);
            both.extend(rows(9, periods));
            stands(&both, "2030-01-01", None).unwrap().addition.locked
        };
        assert_eq!(with(&[NOVEMBER, DECEMBER]).as_deref(), Some(TWICE));
        assert_eq!(with(&[NOVEMBER]), None, "it has ended by then");
    }

    #[test]
    fn what_the_day_means_for_the_invoice_is_told() {
        let standing = |effective| stands(&rows(8, &[NOVEMBER, DECEMBER]), "2030-01-01", effective).unwrap();
        assert_eq!(standing(None).proration, "from the first day of a period on: nothing is prorated");
        assert_eq!(standing(None).untouched["units before 2026-12-01"], "42");
        let middle = standing(Some("2026-11-20"));
        assert!(middle.proration.contains("from 2026-11-01 to 2026-11-30, which is billed already"), "{middle:?}");
        assert_eq!(middle.untouched["units before 2026-11-20"], "42");
        assert!(standing(Some("2026-11-15")).untouched.is_empty(), "yesterday's rows were not asked for");
    }
}
