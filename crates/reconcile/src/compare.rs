//! Counted against billed. One row for each product of each company that has a count or a line.

use crate::columns::Columns;
use crate::count::{Count, count};
use crate::suggest::suggest;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tallysheet_core::billing::{Addition, Ledger};
use tallysheet_core::registry::nearest;
use tallysheet_core::sheet::{Row, Sheet};
use tallysheet_core::variance::{Class, DOUBTED, ProductRule, Reconciliation, Variance};
use tallysheet_core::{Level, Notice, Phase};

/// What a PSA bills, and whose each of its companies is.
pub struct Billed<'a> {
    /// The integration's name.
    pub name: &'a str,
    /// What it is called.
    pub title: &'a str,
    /// The day.
    pub on: jiff::civil::Date,
    /// The lines.
    pub ledger: &'a Ledger,
    /// The key of the row that each company of the PSA is, by its id there; absent where it is none.
    pub rows: &'a BTreeMap<String, String>,
}

/// Compares. The notices say what could not be.
pub fn compare<'a>(sheet: &'a Sheet, billed: &Billed<'a>, rules: &[ProductRule]) -> (Reconciliation, Vec<Notice>) {
    let lines = Lines::of(billed, rules);
    let mut notices = lines.notices(billed, rules);
    let (mut variances, mut missing) = (Vec::new(), BTreeSet::new());
    let keys: BTreeSet<&str> = sheet.rows.iter().map(|row| row.key.as_str()).collect();
    for (place, rule) in rules.iter().enumerate() {
        let columns = Columns::of(rule, sheet);
        notices.extend(columns.notices(rule, sheet).into_iter().map(|notice| notice.of(billed.name)));
        missing.extend(columns.unknown.iter().cloned());
        let known = lines.price(place).or_else(|| rule.price.map(|price| (price, String::new())));
        let unmapped = columns.unmapped(sheet);
        for row in &sheet.rows {
            let counted = count(rule, &columns, row);
            let lines = lines.get(&row.key, place);
            if row.unmapped {
                variances.extend(nobodys(rule, row, &columns, sheet, &counted));
                continue;
            }
            let Some(mut variance) = variance(rule, row, counted, lines, known.as_ref()) else { continue };
            if variance.class == Class::NotCounted && unmapped > 0 {
                variance
                    .notes
                    .push("there is a row without a company that has such counts; is it this one?".to_owned());
            }
            variance.figures = columns.figures(sheet, row);
            variances.push(variance);
        }
    }
    variances.extend(lines.of_nobody(billed, rules, &keys));
    sort(&mut variances);
    let reconciliation = Reconciliation {
        ledger: billed.name.to_owned(),
        title: billed.title.to_owned(),
        on: billed.on,
        variances,
        unruled: suggest(sheet, billed, rules),
        missing: missing.into_iter().collect(),
        failed: None,
    };
    (reconciliation, notices)
}

/// The most money first, whatever its sign; then what has none, then what is equal.
fn sort(variances: &mut [Variance]) {
    let order = |variance: &Variance| {
        let money = std::cmp::Reverse(variance.money.map(|money| money.abs()));
        (
            variance.class == Class::Equal,
            money,
            variance.class,
            variance.company.to_lowercase(),
            variance.product.clone(),
            variance.key.clone(),
        )
    };
    variances.sort_by_cached_key(order);
}

/// The lines of a ledger by row and product.
struct Lines<'a> {
    by_row: HashMap<(&'a str, usize), Vec<&'a Addition>>,
    /// Lines of companies that are no row, by the company's id.
    of_nobody: BTreeMap<(&'a str, usize), Vec<&'a Addition>>,
    /// How many lines of products that no rule names, by product.
    unruled: BTreeMap<&'a str, usize>,
    /// Each rule's price a month, where all its lines have the same.
    prices: Vec<Option<(Decimal, String)>>,
    used: Vec<bool>,
}

impl<'a> Lines<'a> {
    fn of(billed: &Billed<'a>, rules: &[ProductRule]) -> Self {
        let by_name: HashMap<String, usize> =
            rules.iter().enumerate().map(|(place, rule)| (rule.product.to_lowercase(), place)).collect();
        let mut lines = Self {
            by_row: HashMap::new(),
            of_nobody: BTreeMap::new(),
            unruled: BTreeMap::new(),
            prices: Vec::new(),
            used: vec![false; rules.len()],
        };
        let mut prices: Vec<Vec<&Addition>> = vec![Vec::new(); rules.len()];
        for addition in &billed.ledger.additions {
            let named = |name: &str| by_name.get(&name.trim().to_lowercase()).copied();
            let Some(place) = named(&addition.product).or_else(|| named(&addition.description)) else {
                *lines.unruled.entry(addition.product.as_str()).or_default() += 1;
                continue;
            };
            lines.used[place] = true;
            prices[place].push(addition);
            match billed.rows.get(&addition.company_id) {
                Some(key) => lines.by_row.entry((key.as_str(), place)).or_default().push(addition),
                None => lines.of_nobody.entry((addition.company_id.as_str(), place)).or_default().push(addition),
            }
        }
        lines.prices = prices.iter().map(|lines| price_of(lines)).collect();
        for of_one in lines.by_row.values_mut().chain(lines.of_nobody.values_mut()) {
            of_one.sort_by(|a, b| a.line.cmp(&b.line));
        }
        lines
    }

    fn get(&self, key: &'a str, rule: usize) -> &[&'a Addition] {
        self.by_row.get(&(key, rule)).map_or(&[], Vec::as_slice)
    }

    fn price(&self, rule: usize) -> Option<(Decimal, String)> {
        self.prices[rule].clone()
    }

    /// Lines whose company is no row: billed, and nothing can be said of them.
    fn of_nobody(&self, billed: &Billed<'_>, rules: &[ProductRule], rows: &BTreeSet<&str>) -> Vec<Variance> {
        let names: HashMap<&str, &str> =
            billed.ledger.companies.iter().map(|org| (org.id.as_str(), org.name.as_str())).collect();
        let of_company = |(id, place): (&str, usize), lines: &[&Addition], why: &str| {
            let name = names.get(id).copied().unwrap_or(id);
            let mut variance =
                empty(&rules[place], &format!("{name} (unmapped, {})", billed.title), &format!("{}:{id}", billed.name));
            variance.bill(lines);
            variance.notes.push(why.to_owned());
            variance
        };
        let without_row =
            self.by_row.iter().filter(|((key, _), _)| !rows.contains(key)).flat_map(|((_, place), lines)| {
                let mut by_company: BTreeMap<&str, Vec<&Addition>> = BTreeMap::new();
                for line in lines {
                    by_company.entry(&line.company_id).or_default().push(line);
                }
                by_company.into_iter().map(|(id, lines)| ((id, *place), lines)).collect::<Vec<_>>()
            });
        let unmapped = self.of_nobody.iter().map(|(at, lines)| (*at, lines.clone()));
        unmapped
            .chain(without_row)
            .map(|(at, lines)| of_company(at, &lines, "this company of the PSA is no row of the sheet"))
            .collect()
    }

    fn notices(&self, billed: &Billed<'_>, rules: &[ProductRule]) -> Vec<Notice> {
        let tell = |level, message: String| Notice::new(level, Phase::Merge, None, message).of(billed.name);
        let products: Vec<&str> = self.unruled.keys().copied().collect();
        let unused = rules.iter().zip(&self.used).filter(|(_, used)| !**used).map(|(rule, _)| {
            let near = nearest(&rule.product, products.iter().copied());
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            tell(
                Level::Warning,
                format!(
                    "no line of {} is of the product `{}` that the products file names{near}",
                    billed.title, rule.product
                ),
            )
        });
        let mut notices: Vec<Notice> = unused.collect();
        if !self.unruled.is_empty() {
            let lines: usize = self.unruled.values().sum();
            let message = format!(
                "{lines} lines of {} products of {} are in no line of the products file; `tallysheet products suggest` shows them",
                self.unruled.len(),
                billed.title
            );
            notices.push(tell(Level::Info, message));
        }
        notices
    }
}

/// A month's price of one unit and its currency, where all lines have the same.
fn price_of(lines: &[&Addition]) -> Option<(Decimal, String)> {
    let mut prices = lines.iter().map(|line| {
        let price = line.price.as_ref()?;
        Some((price.monthly()?, price.currency.clone()))
    });
    let first = prices.next()??;
    prices.all(|price| price.as_ref() == Some(&first)).then_some(first)
}

fn empty(rule: &ProductRule, company: &str, key: &str) -> Variance {
    Variance {
        company: company.to_owned(),
        key: key.to_owned(),
        product: rule.product.clone(),
        description: String::new(),
        counted: None,
        billed: None,
        included: Decimal::ZERO,
        price: None,
        currency: String::new(),
        money: None,
        class: Class::NotComparable,
        figures: Vec::new(),
        lines: Vec::new(),
        doubted: false,
        locked: None,
        notes: Vec::new(),
    }
}

/// Nothing where one part is not known, or all are too much together.
fn sum(mut parts: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    parts.try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part?))
}

trait Bill {
    /// Takes what the lines say.
    fn bill(&mut self, lines: &[&Addition]);
}

impl Bill for Variance {
    fn bill(&mut self, lines: &[&Addition]) {
        self.lines = lines.iter().map(|line| line.line.clone()).collect();
        let Some(first) = lines.first() else { return };
        self.description.clone_from(&first.description);
        self.included = lines.iter().fold(Decimal::ZERO, |sum, line| sum.saturating_add(line.included));
        let quantities = lines.iter().map(|line| line.quantity.known());
        self.billed = sum(quantities);
        for line in lines {
            if let tallysheet_core::billing::Quantity::Unknown(why) = &line.quantity {
                self.notes.push(format!("quantity not known: {why}"));
            }
        }
        self.locked = match lines {
            [line] => line.locked.clone(),
            lines => Some(format!("{} lines bill it; change them in the PSA", lines.len())),
        };
        match price_of(lines) {
            Some((price, currency)) => (self.price, self.currency) = (Some(price), currency),
            None if lines.len() > 1 => self.notes.push("its lines have different prices, or none".to_owned()),
            None => {}
        }
    }
}

/// What is to be said of a company's product; nothing where it is neither counted nor billed.
fn variance(
    rule: &ProductRule,
    row: &Row,
    counted: Count,
    lines: &[&Addition],
    known: Option<&(Decimal, String)>,
) -> Option<Variance> {
    let mut variance = empty(rule, &row.company, &row.key);
    variance.bill(lines);
    match counted {
        Count::Blank(why) => variance.notes.splice(0..0, why).for_each(drop),
        Count::None if lines.is_empty() => return None,
        Count::None => {
            variance.locked = Some("nothing is counted".to_owned());
            if variance.billed.is_some() {
                variance.class = Class::NotCounted;
            }
        }
        Count::Number { number, doubted, notes } => {
            if number.is_zero() && lines.is_empty() {
                return None;
            }
            variance.counted = Some(number);
            variance.notes.extend(notes);
            variance.doubted = doubted;
            if doubted {
                variance.notes.push(DOUBTED.to_owned());
                variance.locked = Some(DOUBTED.to_owned());
            }
            variance.class = match variance.billed {
                _ if lines.is_empty() => Class::NotBilled,
                None => Class::NotComparable,
                Some(billed) => match number.cmp(&billed) {
                    std::cmp::Ordering::Equal => Class::Equal,
                    std::cmp::Ordering::Greater => Class::UnderBilled,
                    std::cmp::Ordering::Less => Class::OverBilled,
                },
            };
        }
    }
    if lines.is_empty()
        && let Some((price, currency)) = known
    {
        (variance.price, variance.currency) = (Some(*price), currency.clone());
    }
    variance.money = money(&variance);
    Some(variance)
}

/// By how much a month's invoice is too low. Units that are included cost nothing, neither as counted nor as billed.
fn money(variance: &Variance) -> Option<Decimal> {
    let charged = |units: Decimal| units.saturating_sub(variance.included).max(Decimal::ZERO);
    let units = match variance.class {
        Class::NotComparable => return None,
        Class::NotCounted => -charged(variance.billed?),
        Class::NotBilled => variance.counted?,
        Class::Equal => Decimal::ZERO,
        Class::UnderBilled | Class::OverBilled => charged(variance.counted?).saturating_sub(charged(variance.billed?)),
    };
    Some(units.checked_mul(variance.price?)?.round_dp(2))
}

/// A vendor's org that maps to no company: it is counted, and nobody knows whose invoice it belongs on.
fn nobodys(rule: &ProductRule, row: &Row, columns: &Columns, sheet: &Sheet, counted: &Count) -> Option<Variance> {
    let Count::Number { number, .. } = *counted else { return None };
    if number.is_zero() {
        return None;
    }
    let mut variance = empty(rule, &row.company, &row.key);
    variance.counted = Some(number);
    variance.figures = columns.figures(sheet, row);
    variance.notes.push("it maps to no company, so nobody knows whether it is billed".to_owned());
    Some(variance)
}
