//! What came out of a connector, as a picture that can be compared: with what the case expects, org by org.

use crate::case::{Case, Expected, Org};
use crate::ledger::{Told, only_unknown};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use tallysheet_core::{
    Code, Counted, Counts, Decimal, DirectoryCompany, Identity, OrgCounts, Outcome, Standing, VendorOrg,
};

/// The label that stands for all metrics of an org.
const ALL: &str = "*";

/// What `check`, `orgs`, `counts` or `companies` returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    account: Option<(String, Option<String>)>,
    orgs: BTreeMap<String, OrgPicture>,
    totals: BTreeMap<String, Decimal>,
    companies: BTreeMap<String, Vec<DirectoryCompany>>,
    /// What a ticket desk said, in words.
    desk: String,
    /// What a ledger said.
    ledger: Told,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct OrgPicture {
    name: String,
    domains: BTreeSet<String>,
    psa_ids: BTreeSet<(String, String)>,
    not_customer: bool,
    values: BTreeMap<String, Value>,
    left_out: BTreeMap<String, Decimal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(Decimal),
    Text(String),
    NotApplicable,
    LeftOut,
    Failed(Code),
}

impl Picture {
    /// What `check` must say.
    pub(crate) fn expected_account(case: &Case) -> Self {
        let (account, id) = case.account;
        Self { account: Some((account.to_owned(), id.map(str::to_owned))), ..Self::default() }
    }

    /// What `counts` must say.
    pub(crate) fn expected_counts(case: &Case) -> Self {
        Self {
            orgs: case.expect.iter().map(|org| (org.id.to_owned(), OrgPicture::expected(org))).collect(),
            totals: case.vendor_totals.iter().map(|(label, total)| ((*label).to_owned(), decimal(total))).collect(),
            ..Self::default()
        }
    }

    /// The same, as far as `orgs` says it.
    pub(crate) fn without_counts(mut self) -> Self {
        self.totals.clear();
        self.orgs.retain(|_, org| !org.not_customer);
        for org in self.orgs.values_mut() {
            org.values.clear();
            org.left_out.clear();
        }
        self
    }

    /// What a ticket desk says.
    pub(crate) fn of_desk(told: impl Into<String>) -> Self {
        Self { desk: told.into(), ..Self::default() }
    }

    /// What a ledger says.
    pub(crate) fn of_ledger(ledger: Told) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// Whether a ledger knows a quantity no more, and nothing else is different from `wanted`: else what is.
    pub(crate) fn only_unknown(&self, wanted: &Self) -> Result<bool, String> {
        only_unknown(&self.ledger, &wanted.ledger)
    }

    /// What is different from `wanted`, one line each.
    pub(crate) fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare(&mut found, "the account", &self.account, &wanted.account);
        compare_maps(&mut found, "the vendor's total of", &self.totals, &wanted.totals);
        compare_maps(&mut found, "the company", &self.companies, &wanted.companies);
        compare_maps(&mut found, "the ledger's", &self.ledger, &wanted.ledger);
        compare(&mut found, "what the desk says", &self.desk, &wanted.desk);
        for id in ids(self, wanted) {
            match (self.orgs.get(id), wanted.orgs.get(id)) {
                (Some(org), Some(wanted)) => found.extend(org.differences(id, wanted)),
                (None, _) => found.push(format!("the org {id} is lacking")),
                (_, None) => found.push(format!("the org {id} is not expected")),
            }
        }
        found
    }

    /// The orgs that failed with one of `codes`, where nothing else is different from `wanted`: else what is.
    pub(crate) fn failed_orgs(&self, wanted: &Self, codes: &[Code]) -> Result<BTreeSet<String>, String> {
        let mut failed = BTreeSet::new();
        for id in ids(self, wanted) {
            let (Some(org), Some(wanted)) = (self.orgs.get(id), wanted.orgs.get(id)) else {
                return Err(format!("the org {id} is lacking, or not expected"));
            };
            if org == wanted {
                continue;
            }
            org.only_failures(id, wanted, codes)?;
            failed.insert(id.clone());
        }
        Ok(failed)
    }
}

fn ids<'a>(one: &'a Picture, other: &'a Picture) -> BTreeSet<&'a String> {
    one.orgs.keys().chain(other.orgs.keys()).collect()
}

impl OrgPicture {
    fn expected(org: &Org) -> Self {
        let values = org.values.iter().map(|(label, value)| ((*label).to_owned(), Value::expected(value)));
        Self {
            name: org.name.to_owned(),
            domains: org.domains.iter().map(|domain| (*domain).to_owned()).collect(),
            psa_ids: org.psa_ids.iter().map(|(psa, id)| ((*psa).to_owned(), (*id).to_owned())).collect(),
            not_customer: org.not_customer,
            values: values.collect(),
            left_out: org.left_out.iter().map(|(label, sum)| ((*label).to_owned(), decimal(sum))).collect(),
        }
    }

    fn differences(&self, id: &str, wanted: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare(&mut found, &format!("{id}: the name"), &self.name, &wanted.name);
        compare(&mut found, &format!("{id}: domains"), &self.domains, &wanted.domains);
        compare(&mut found, &format!("{id}: PSA ids"), &self.psa_ids, &wanted.psa_ids);
        compare(&mut found, &format!("{id}: that it is no customer"), &self.not_customer, &wanted.not_customer);
        compare_maps(&mut found, &format!("{id}:"), &self.values, &wanted.values);
        compare_maps(&mut found, &format!("{id}: left out of"), &self.left_out, &wanted.left_out);
        found
    }

    /// Whether the org differs from `wanted` in values that failed, and in no other. What it is called and what is
    /// left out may be what could not be asked.
    fn only_failures(&self, id: &str, wanted: &Self, codes: &[Code]) -> Result<(), String> {
        let known_failure = |value: &Value| matches!(value, Value::Failed(code) if codes.contains(code));
        if self.values.get(ALL).is_some_and(known_failure) {
            return Ok(());
        }
        let labels: BTreeSet<&String> = self.values.keys().chain(wanted.values.keys()).collect();
        let mut failures = 0;
        for label in labels {
            match (self.values.get(label), wanted.values.get(label)) {
                (got, wanted) if got == wanted => {}
                (Some(got), _) if known_failure(got) => failures += 1,
                (got, wanted) => return Err(format!("{id}: {label} is {}, was {}", shown(got), shown(wanted))),
            }
        }
        if failures == 0 {
            return Err(format!(
                "{id} changed, but none of its values failed: {}",
                self.differences(id, wanted).join(", ")
            ));
        }
        Ok(())
    }

    fn of(org: &VendorOrg) -> Self {
        Self {
            name: org.name.clone(),
            domains: org.domains.iter().cloned().collect(),
            psa_ids: org.psa_ids.iter().map(|id| (id.psa.to_owned(), id.id.clone())).collect(),
            ..Self::default()
        }
    }
}

impl From<Identity> for Picture {
    fn from(identity: Identity) -> Self {
        Self { account: Some((identity.account, identity.id)), ..Self::default() }
    }
}

impl From<Vec<VendorOrg>> for Picture {
    fn from(orgs: Vec<VendorOrg>) -> Self {
        let orgs = orgs.iter().map(|org| (org.id.clone(), OrgPicture::of(org))).collect();
        Self { orgs, ..Self::default() }
    }
}

impl From<Vec<DirectoryCompany>> for Picture {
    /// One that is listed twice stands twice.
    fn from(listed: Vec<DirectoryCompany>) -> Self {
        let mut companies: BTreeMap<String, Vec<DirectoryCompany>> = BTreeMap::new();
        for mut company in listed {
            company.domains.sort();
            companies.entry(company.id.clone()).or_default().push(company);
        }
        Self { companies, ..Self::default() }
    }
}

impl From<&Counts> for Picture {
    fn from(counts: &Counts) -> Self {
        let totals = counts.vendor_totals.iter().map(|(metric, total)| (metric.label(), total.normalize()));
        Self {
            orgs: counts.orgs.iter().map(|org| (org.org.id.clone(), OrgPicture::from(org))).collect(),
            totals: totals.collect(),
            ..Self::default()
        }
    }
}

impl From<&OrgCounts> for OrgPicture {
    fn from(org: &OrgCounts) -> Self {
        let mut picture = Self { not_customer: org.standing != Standing::Customer, ..Self::of(&org.org) };
        match &org.counted {
            Counted::Whole(outcome) => {
                picture.values.insert(ALL.to_owned(), Value::from(outcome));
            }
            Counted::Each(values) => {
                for (metric, outcome) in values {
                    // Two products with one label are one column.
                    let value = Value::from(outcome);
                    let both = picture.values.remove(&metric.label()).map(|first| first.and(&value));
                    picture.values.insert(metric.label(), both.unwrap_or(value));
                }
            }
        }
        for left in org.left_out.iter().filter(|left| !left.quantity.is_zero()) {
            *picture.left_out.entry(left.metric.label()).or_default() += left.quantity;
        }
        picture
    }
}

impl Value {
    fn expected(expected: &Expected) -> Self {
        match expected {
            Expected::Number(text) => Self::Number(decimal(text)),
            Expected::Text(text) => Self::Text((*text).to_owned()),
            Expected::NotApplicable => Self::NotApplicable,
            Expected::LeftOut => Self::LeftOut,
            Expected::Failed(code) => Self::Failed(*code),
        }
    }

    /// What two values under one label are together, as the sheet joins them.
    fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => Self::Number(one + two),
            (Self::Text(one), Self::Text(two)) => {
                let texts: BTreeSet<&str> = one.split("; ").chain(two.split("; ")).collect();
                Self::Text(texts.into_iter().collect::<Vec<_>>().join("; "))
            }
            (Self::Failed(code), _) => Self::Failed(code),
            (_, other) => other.clone(),
        }
    }
}

impl From<&Outcome> for Value {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Number(number) => Self::Number(number.normalize()),
            Outcome::Text(text) => Self::Text(text.clone()),
            Outcome::NotApplicable => Self::NotApplicable,
            Outcome::LeftOut(_) => Self::LeftOut,
            Outcome::Failed(failure) => Self::Failed(failure.code),
        }
    }
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str(text).unwrap_or_else(|_| panic!("the case expects `{text}`, which is no number")).normalize()
}

fn compare<T: PartialEq + fmt::Debug>(found: &mut Vec<String>, what: &str, got: &T, wanted: &T) {
    if got != wanted {
        found.push(format!("{what} is {got:?}, expected {wanted:?}"));
    }
}

fn compare_maps<T: PartialEq + fmt::Debug>(
    found: &mut Vec<String>,
    what: &str,
    got: &BTreeMap<String, T>,
    wanted: &BTreeMap<String, T>,
) {
    let labels: BTreeSet<&String> = got.keys().chain(wanted.keys()).collect();
    for label in labels {
        let (got, wanted) = (got.get(label), wanted.get(label));
        if got != wanted {
            found.push(format!("{what} {label} is {}, expected {}", shown(got), shown(wanted)));
        }
    }
}

fn shown<T: fmt::Debug>(value: Option<&T>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_under_one_label_are_joined_as_in_the_sheet() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("Control").and(&text("Core")).and(&text("Control")), text("Control; Core"));
        assert_eq!(Value::Number(2.into()).and(&Value::Number(3.into())), Value::Number(5.into()));
        assert_eq!(Value::Failed(Code::MissingValue).and(&text("Core")), Value::Failed(Code::MissingValue));
    }
}
