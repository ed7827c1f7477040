//! The comparison as an object: all that is known, with every digit.

use crate::json::Exact;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;
use tallysheet_core::Code;
use tallysheet_core::variance::{Class, ClassTotal, Evidence, Figure, Reconciliation, Unruled, Variance};

#[derive(Serialize)]
pub(crate) struct ReconciliationObject<'a> {
    ledger: &'a str,
    title: &'a str,
    on: Date,
    failed: Option<Code>,
    missing: &'a [String],
    totals: BTreeMap<Class, TotalObject>,
    variances: Vec<VarianceObject<'a>>,
    products: Vec<ProductObject<'a>>,
}

#[derive(Serialize)]
struct TotalObject {
    count: usize,
    money: BTreeMap<String, Exact>,
    unpriced: usize,
}

#[derive(Serialize)]
struct VarianceObject<'a> {
    company: &'a str,
    key: &'a str,
    product: &'a str,
    description: &'a str,
    class: Class,
    counted: Option<Exact>,
    billed: Option<Exact>,
    variance: Option<Exact>,
    included: Exact,
    price: Option<Exact>,
    money: Option<Exact>,
    currency: &'a str,
    figures: Vec<FigureObject<'a>>,
    lines: Vec<LineObject<'a>>,
    locked: Option<&'a str>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct FigureObject<'a> {
    column: &'a str,
    value: Option<Exact>,
    state: &'a str,
}

#[derive(Serialize)]
struct LineObject<'a> {
    agreement: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct ProductObject<'a> {
    product: &'a str,
    description: &'a str,
    lines: usize,
    /// The column that can be taken without a look.
    sure: Option<&'a str>,
    columns: &'a [Evidence],
}

impl<'a> ReconciliationObject<'a> {
    pub(crate) fn of(reconciliation: &'a Reconciliation) -> Self {
        let totals = reconciliation.totals().into_iter();
        Self {
            ledger: &reconciliation.ledger,
            title: &reconciliation.title,
            on: reconciliation.on,
            failed: reconciliation.failed,
            missing: &reconciliation.missing,
            totals: totals.map(|(class, total)| (class, TotalObject::of(total))).collect(),
            variances: reconciliation.variances.iter().map(VarianceObject::of).collect(),
            products: reconciliation.unruled.iter().map(ProductObject::of).collect(),
        }
    }
}

impl TotalObject {
    fn of(ClassTotal { count, money, unpriced }: ClassTotal) -> Self {
        Self { count, money: money.into_iter().map(|(currency, sum)| (currency, Exact(sum))).collect(), unpriced }
    }
}

impl<'a> VarianceObject<'a> {
    fn of(variance: &'a Variance) -> Self {
        let exact = |value: Option<Decimal>| value.map(Exact);
        let figure = |of: &'a Figure| FigureObject { column: &of.column, value: of.value.map(Exact), state: &of.state };
        Self {
            company: &variance.company,
            key: &variance.key,
            product: &variance.product,
            description: &variance.description,
            class: variance.class,
            counted: exact(variance.counted),
            billed: exact(variance.billed),
            variance: exact(variance.difference()),
            included: Exact(variance.included),
            price: exact(variance.price),
            money: exact(variance.money),
            currency: &variance.currency,
            figures: variance.figures.iter().map(figure).collect(),
            lines: variance.lines.iter().map(|line| LineObject { agreement: &line.agreement, id: &line.id }).collect(),
            locked: variance.locked.as_deref(),
            notes: &variance.notes,
        }
    }
}

impl<'a> ProductObject<'a> {
    fn of(unruled: &'a Unruled) -> Self {
        Self {
            product: &unruled.product,
            description: &unruled.description,
            lines: unruled.lines,
            sure: unruled.sure().map(|evidence| evidence.column.as_str()),
            columns: &unruled.columns,
        }
    }
}
