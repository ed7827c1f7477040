//! What a count source answers. A number never travels without its state.

use crate::code::Code;
use crate::error::{Error, Result};
use crate::model::{Metric, MetricDef, VendorOrg};
use crate::notice::Notice;
use crate::wire::Number;
use rust_decimal::Decimal;
use std::collections::HashMap;

/// The answer of one integration: every org that its credential sees.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// The orgs, each with its values.
    pub orgs: Vec<OrgCounts>,
    /// Totals that the vendor states itself, for the columns they speak of.
    pub vendor_totals: Vec<(Metric, Decimal)>,
    /// What the operator should know besides.
    pub notices: Vec<Notice>,
}

impl Counts {
    /// Refuses an org that stands twice with different counts, and drops one that merely stands twice (a page that
    /// shifted): it would be summed as if it were two orgs.
    pub fn deduplicated(mut self) -> Result<Self> {
        let mut seen: HashMap<&str, &OrgCounts> = HashMap::new();
        let mut is_first = Vec::with_capacity(self.orgs.len());
        for org in &self.orgs {
            let id = org.org.id.as_str();
            let first = *seen.entry(id).or_insert(org);
            if first != org {
                return Err(Error::bad_response(format!(
                    "the vendor lists the org {id} twice, with different counts; none is used"
                )));
            }
            is_first.push(std::ptr::eq(first, org));
        }
        let mut is_first = is_first.into_iter();
        self.orgs.retain(|_| is_first.next().unwrap_or(true));
        Ok(self)
    }
}

/// One vendor org and what was counted for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgCounts {
    /// The org, as the vendor says it.
    pub org: VendorOrg,
    /// Whether it is a customer at all.
    pub standing: Standing,
    /// What was counted.
    pub counted: Counted,
    /// What was left out of the values, by reason.
    pub left_out: Vec<LeftOut>,
}

/// Whether an org is a customer of the MSP by the vendor's own marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It gets a row.
    Customer,
    /// It gets none; what it holds is told in the log. Says why.
    NotCustomer(&'static str),
}

/// What was counted for one org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// A value for each metric. Every fixed metric must be there, zero where there are none.
    Each(Vec<(Metric, Outcome)>),
    /// One outcome for all metrics: the org failed, or a rule leaves it out.
    Whole(Outcome),
}

/// What one org has of one metric. The order of variants is the order of precedence when orgs are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So many. Zero is a number.
    Number(Decimal),
    /// A text.
    Text(String),
    /// The org does not have the counted thing at all.
    NotApplicable,
    /// A default rule leaves it out; says which.
    LeftOut(&'static str),
    /// It could not be counted; never a zero.
    Failed(Failure),
}

impl Outcome {
    /// A number, or `missing-value` where the vendor sent none, or one below zero: no count is that.
    pub fn number_or_missing(value: Option<Decimal>, what: &str) -> Self {
        value.filter(|number| *number >= Decimal::ZERO).map_or_else(|| Self::missing(what), Self::Number)
    }

    /// A text, or `missing-value` where the vendor sent none or a blank one.
    pub fn text_or_missing(value: Option<&str>, what: &str) -> Self {
        let text = value.map(str::trim).filter(|text| !text.is_empty());
        text.map_or_else(|| Self::missing(what), |text| Self::Text(text.to_owned()))
    }

    fn missing(what: &str) -> Self {
        Self::Failed(Failure::new(Code::MissingValue, format!("the vendor sent no usable {what}")))
    }
}

/// Why something could not be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The contract's code.
    pub code: Code,
    /// What is wrong and what to do, safe to print.
    pub message: String,
}

impl Failure {
    /// A failure with its code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Something that the vendor holds and that is in no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The metric it would have counted as.
    pub metric: Metric,
    /// The rule that leaves it out.
    pub reason: &'static str,
    /// How many.
    pub quantity: Decimal,
}

impl OrgCounts {
    /// A customer with a value for each metric.
    pub fn new(org: VendorOrg, values: Vec<(Metric, Outcome)>) -> Self {
        Self { org, standing: Standing::Customer, counted: Counted::Each(values), left_out: Vec::new() }
    }

    /// A customer with a number for each fixed metric as the vendor sent it; one that it left out is `missing-value`.
    pub fn numbers<const N: usize>(org: VendorOrg, numbers: [(&'static MetricDef, Option<Number>); N]) -> Self {
        let outcome = |(metric, number): (&'static MetricDef, Option<Number>)| {
            (Metric::Fixed(metric), Outcome::number_or_missing(number.map(|number| number.0), metric.name))
        };
        Self::new(org, numbers.map(outcome).into())
    }

    /// A customer that could not be counted.
    pub fn failed(org: VendorOrg, failure: impl Into<Failure>) -> Self {
        Self::whole(org, Outcome::Failed(failure.into()))
    }

    /// A customer with one outcome for all metrics.
    pub fn whole(org: VendorOrg, outcome: Outcome) -> Self {
        Self { org, standing: Standing::Customer, counted: Counted::Whole(outcome), left_out: Vec::new() }
    }

    /// The same org with a text as the vendor sent it; one that it left out is `missing-value`.
    #[must_use]
    pub fn text(mut self, metric: &'static MetricDef, text: Option<&str>) -> Self {
        let missing = || Failure::new(Code::MissingValue, format!("the vendor sent no {}", metric.name));
        let outcome = text.map_or_else(|| Outcome::Failed(missing()), |text| Outcome::Text(text.to_owned()));
        if let Counted::Each(values) = &mut self.counted {
            values.push((Metric::Fixed(metric), outcome));
        }
        self
    }

    /// The same org, left out by a rule: blank everywhere, its numbers told as left out.
    #[must_use]
    pub fn left_out(self, reason: &'static str) -> Self {
        self.left_out_where(|_| true, reason)
    }

    /// The same org, left out by a rule of every metric but `kept`: blank there, its numbers told as left out.
    #[must_use]
    pub fn left_out_but(self, kept: &'static MetricDef, reason: &'static str) -> Self {
        self.left_out_where(|metric| *metric != Metric::Fixed(kept), reason)
    }

    fn left_out_where(mut self, is_left_out: impl Fn(&Metric) -> bool, reason: &'static str) -> Self {
        let Counted::Each(values) = &mut self.counted else { return self };
        for (metric, outcome) in values.iter_mut().filter(|(metric, _)| is_left_out(metric)) {
            if let Outcome::Number(quantity) = std::mem::replace(outcome, Outcome::LeftOut(reason)) {
                self.left_out.push(LeftOut { metric: metric.clone(), reason, quantity });
            }
        }
        self
    }

    /// How many there are of a metric, counted or left out, but those left out because of `but`: for comparison with a
    /// number that the vendor states.
    pub fn held(&self, metric: &MetricDef, but: &str) -> Decimal {
        let is = |other: &Metric| matches!(other, Metric::Fixed(other) if *other == metric);
        let left_out = self.left_out.iter().filter(|left| is(&left.metric) && left.reason != but);
        let Counted::Each(values) = &self.counted else { return Decimal::ZERO };
        let counted = values.iter().filter_map(|(metric, outcome)| match outcome {
            Outcome::Number(number) if is(metric) => Some(*number),
            _ => None,
        });
        counted.chain(left_out.map(|left| left.quantity)).sum()
    }

    /// The failure of the org as a whole, if it failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.counted {
            Counted::Whole(Outcome::Failed(failure)) => Some(failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ALL: MetricDef = MetricDef::number("All", "devices");
    static SOME: MetricDef = MetricDef::number("Some", "devices");

    #[test]
    fn a_text_that_is_blank_is_missing() {
        assert_eq!(Outcome::text_or_missing(Some(" Pro "), "edition"), Outcome::Text("Pro".to_owned()));
        for value in [None, Some(""), Some("  ")] {
            let outcome = Outcome::text_or_missing(value, "edition");
            assert!(matches!(outcome, Outcome::Failed(Failure { code: Code::MissingValue, .. })), "{value:?}");
        }
    }

    #[test]
    fn what_a_rule_leaves_out_is_blank_and_told_and_still_held() {
        let number = |metric, number: u32| (Metric::Fixed(metric), Outcome::Number(number.into()));
        let mut org = OrgCounts::new(VendorOrg::new("1", "Acme"), vec![number(&ALL, 7), number(&SOME, 3)]);
        org.left_out.push(LeftOut { metric: Metric::Fixed(&ALL), reason: "deleted", quantity: 2.into() });
        assert_eq!(org.held(&ALL, "deleted"), 7.into());
        assert_eq!(org.held(&ALL, ""), 9.into());

        let org = org.left_out_but(&SOME, "on trial");
        let expected = vec![(Metric::Fixed(&ALL), Outcome::LeftOut("on trial")), number(&SOME, 3)];
        assert_eq!(org.counted, Counted::Each(expected));
        assert_eq!(org.held(&ALL, "deleted"), 7.into());
        assert_eq!(org.held(&SOME, "deleted"), 3.into());

        let org = org.left_out("expired");
        let expected = [(&ALL, "on trial"), (&SOME, "expired")];
        let told: Vec<_> = org.left_out.iter().map(|left| (left.metric.label(), left.reason)).collect();
        assert_eq!(told[1..], expected.map(|(metric, reason)| (metric.name.to_owned(), reason)));
        assert!(matches!(&org.counted, Counted::Each(values)
            if values.iter().all(|(_, outcome)| *outcome == Outcome::LeftOut("expired"))));
    }

    #[test]
    fn a_text_is_shown_or_missing() {
        static EDITION: MetricDef = MetricDef::text("Edition");
        let told = |text| match OrgCounts::new(VendorOrg::new("1", "Acme"), Vec::new()).text(&EDITION, text).counted {
            Counted::Each(values) => values,
            Counted::Whole(outcome) => panic!("{outcome:?}"),
        };
        assert_eq!(told(Some("Plus")), [(Metric::Fixed(&EDITION), Outcome::Text("Plus".to_owned()))]);
        assert!(matches!(&told(None)[..], [(_, Outcome::Failed(failure))] if failure.code == Code::MissingValue));
    }
}
