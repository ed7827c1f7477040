//! The joining rule: what several orgs of one company have together.

use super::Source;
use super::columns::{Index, key};
use crate::code::Code;
use crate::counts::{Counted, OrgCounts, Outcome};
use crate::model::MetricKind;
use crate::sheet::{Blank, Cell, Value};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// What one or several orgs have of one metric: the joining rule of the contract. Associative and commutative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Join {
    #[default]
    Nothing,
    Number(Decimal),
    Text(BTreeSet<String>),
    NotApplicable,
    LeftOut(&'static str),
    Failed(Code),
}

impl Join {
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, join) | (join, Self::Nothing) => join,
            (Self::Failed(a), Self::Failed(b)) => Self::Failed(a.min(b)),
            (Self::Failed(code), _) | (_, Self::Failed(code)) => Self::Failed(code),
            (Self::Number(a), Self::Number(b)) => {
                a.checked_add(b).map_or(Self::Failed(Code::BadResponse), Self::Number)
            }
            (Self::Text(mut a), Self::Text(b)) => {
                a.extend(b);
                Self::Text(a)
            }
            // A number and a text under one metric: the connector contradicts itself.
            (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)) => Self::Failed(Code::Internal),
            (value @ (Self::Number(_) | Self::Text(_)), _) | (_, value @ (Self::Number(_) | Self::Text(_))) => value,
            (Self::LeftOut(a), Self::LeftOut(b)) => Self::LeftOut(a.min(b)),
            (Self::LeftOut(reason), _) | (_, Self::LeftOut(reason)) => Self::LeftOut(reason),
            (Self::NotApplicable, Self::NotApplicable) => Self::NotApplicable,
        }
    }

    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Number(number) => Self::Number(*number),
            Outcome::Text(text) => Self::Text(BTreeSet::from([text.clone()])),
            Outcome::NotApplicable => Self::NotApplicable,
            Outcome::LeftOut(reason) => Self::LeftOut(reason),
            Outcome::Failed(failure) => Self::Failed(failure.code),
        }
    }

    pub(super) fn cell(self) -> Cell {
        match self {
            Self::Number(number) => Cell::Counted(Value::Number(number.normalize())),
            Self::Text(texts) => {
                Cell::Counted(Value::Text(texts.into_iter().collect::<Vec<_>>().join("; ").into_boxed_str()))
            }
            Self::Nothing => Cell::Blank(Blank::NotMapped),
            Self::NotApplicable => Cell::Blank(Blank::NotApplicable),
            Self::LeftOut(reason) => Cell::Blank(Blank::LeftOut(reason)),
            Self::Failed(code) => Cell::Blank(Blank::Failed(code)),
        }
    }
}

pub(super) fn join_into(sums: &mut Vec<Join>, joins: Vec<Join>) {
    if sums.is_empty() {
        *sums = joins;
        return;
    }
    for (sum, join) in sums.iter_mut().zip(joins) {
        *sum = std::mem::take(sum).with(join);
    }
}

/// One org's part in each column. A product it does not name is not applicable; a fixed metric that the connector
/// does not name is a failure.
pub(super) fn org_joins(source: &Source, org: &OrgCounts, index: &Index, columns: usize) -> Vec<Join> {
    let values = match &org.counted {
        Counted::Whole(outcome) => return vec![Join::of(outcome); columns],
        Counted::Each(values) => values,
    };
    let mut joins = vec![Join::Nothing; columns];
    for (metric, outcome) in values {
        if let Some(place) = index.get(&key(metric)) {
            joins[*place] = std::mem::take(&mut joins[*place]).with(Join::of(outcome));
        }
    }
    let fixed = source.metrics.iter().filter(|def| !matches!(def.kind, MetricKind::Product(_))).count();
    for (place, join) in joins.iter_mut().enumerate() {
        if *join == Join::Nothing {
            *join = if place < fixed { Join::Failed(Code::MissingValue) } else { Join::NotApplicable };
        }
    }
    joins
}
