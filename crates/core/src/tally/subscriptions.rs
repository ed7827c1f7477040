//! Folding subscriptions into one number per org, product and figure.

use super::{Seen, unlisted};
use crate::counts::{Counted, Failure, LeftOut, OrgCounts, Outcome, Standing};
use crate::model::{Figure, Metric, Product, VendorOrg};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether a subscription is counted, and as which figure of its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billing {
    /// Counted as this figure.
    Counted(Figure),
    /// Left out because of this.
    LeftOut(&'static str),
}

/// Folds subscriptions into one number per org, product and figure.
#[derive(Debug, Default)]
pub struct Subscriptions {
    orgs: BTreeMap<String, SubscriptionOrg>,
    /// Each once, without its name.
    products: BTreeSet<Arc<Product>>,
    /// By product id; blank where nothing has told it.
    names: BTreeMap<String, String>,
    seen: Seen,
}

#[derive(Debug)]
struct SubscriptionOrg {
    org: VendorOrg,
    listed: bool,
    whole: Option<Outcome>,
    /// `None` where one subscription has no quantity.
    sums: BTreeMap<(Arc<Product>, Figure), Option<Decimal>>,
    left_out: BTreeMap<(Arc<Product>, &'static str), Decimal>,
}

impl Subscriptions {
    /// An empty fold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an org, before its subscriptions or after. Its first listing stands.
    pub fn org(&mut self, org: VendorOrg) {
        let entry = self.entry(&org.id);
        if !entry.listed {
            (entry.org, entry.listed) = (org, true);
        }
    }

    /// The ids of orgs that subscriptions speak of and that were not added: for vendors that can be asked for one.
    pub fn unlisted(&self) -> Vec<String> {
        let unlisted = self.orgs.iter().filter(|(id, entry)| !entry.listed && !id.is_empty());
        unlisted.map(|(id, _)| id.clone()).collect()
    }

    /// The ids of products that no row names: for vendors that can be asked for one.
    pub fn nameless(&self) -> Vec<String> {
        let nameless = self.names.iter().filter(|(id, name)| name.is_empty() && !id.is_empty());
        nameless.map(|(id, _)| id.clone()).collect()
    }

    /// Names a product by its id. Of several names the first by code point is shown; without any, the id.
    pub fn name(&mut self, product_id: &str, name: &str) {
        let (name, shown) = (name.trim(), self.names.entry(product_id.to_owned()).or_default());
        if shown.is_empty() || (!name.is_empty() && name < shown.as_str()) {
            name.clone_into(shown);
        }
    }

    /// Marks an org as failed: none of its numbers is used.
    pub fn fail(&mut self, org: VendorOrg, failure: impl Into<Failure>) {
        let id = org.id.clone();
        self.org(org);
        self.entry(&id).whole = Some(Outcome::Failed(failure.into()));
    }

    /// Adds a subscription. One that was added before is ignored; a quantity of zero is no product; a missing
    /// quantity blanks this product of this org. An org that was not listed becomes an unmapped row.
    pub fn add(&mut self, org_id: &str, id: &str, product: Product, billing: Billing, quantity: Option<Decimal>) {
        if !self.seen.is_new(id) {
            return;
        }
        match billing {
            Billing::Counted(figure) => self.figures(org_id, product, &[(figure, quantity)]),
            Billing::LeftOut(reason) => self.leave_out(org_id, product, reason, quantity.unwrap_or_default()),
        }
    }

    /// Adds several figures of one product at once: where all are zero it is no product, else a zero stands. A quantity below
    /// zero is as good as missing.
    pub fn figures(&mut self, org_id: &str, product: Product, figures: &[(Figure, Option<Decimal>)]) {
        if figures.iter().all(|(_, quantity)| quantity.is_some_and(|quantity| quantity.is_zero())) {
            self.entry(org_id);
            return;
        }
        let product = self.canonical(product);
        let sums = &mut self.entry(org_id).sums;
        for (figure, quantity) in figures {
            // One below zero would take from another's, unseen.
            let quantity = &quantity.filter(|quantity| *quantity >= Decimal::ZERO);
            sums.entry((product.clone(), *figure))
                .and_modify(|sum| *sum = sum.zip(*quantity).and_then(|(a, b)| a.checked_add(b)))
                .or_insert(*quantity);
        }
    }

    /// Tells of something that is left out of a product without being a record of its own; zero is nothing to tell.
    pub fn leave_out(&mut self, org_id: &str, product: Product, reason: &'static str, quantity: Decimal) {
        if quantity.is_zero() {
            self.entry(org_id);
            return;
        }
        let key = (self.canonical(product), reason);
        let sum = self.entry(org_id).left_out.entry(key).or_default();
        *sum = sum.saturating_add(quantity);
    }

    /// How many different subscriptions were added.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no subscription was added.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The counts, by org id.
    pub fn finish(self) -> Vec<OrgCounts> {
        let Self { orgs, products, names, .. } = self;
        let named = products.into_iter().map(|product| {
            let name = names.get(&product.id).filter(|name| !name.is_empty()).unwrap_or(&product.id);
            let named = Arc::new(Product { name: name.clone(), ..Product::clone(&product) });
            (product, named)
        });
        let named: BTreeMap<Arc<Product>, Arc<Product>> = named.collect();
        let shown = |product: Arc<Product>| named.get(&product).cloned().unwrap_or(product);
        orgs.into_values()
            .map(|entry| OrgCounts {
                org: entry.org,
                standing: Standing::Customer,
                counted: entry.whole.map_or_else(
                    || {
                        Counted::Each(
                            entry
                                .sums
                                .into_iter()
                                .map(|((product, figure), sum)| {
                                    let product = shown(product);
                                    let outcome =
                                        Outcome::number_or_missing(sum, &format!("quantity of {}", product.name));
                                    (Metric::Product(product, figure), outcome)
                                })
                                .collect(),
                        )
                    },
                    Counted::Whole,
                ),
                left_out: entry
                    .left_out
                    .into_iter()
                    .map(|((product, reason), quantity)| LeftOut {
                        metric: Metric::Product(shown(product), Figure::Quantity),
                        reason,
                        quantity,
                    })
                    .collect(),
            })
            .collect()
    }

    fn entry(&mut self, org_id: &str) -> &mut SubscriptionOrg {
        self.orgs.entry(org_id.to_owned()).or_insert_with(|| SubscriptionOrg {
            org: unlisted(org_id),
            listed: false,
            whole: None,
            sums: BTreeMap::new(),
            left_out: BTreeMap::new(),
        })
    }

    /// A product is its id (with term and unit), whatever it is called.
    fn canonical(&mut self, product: Product) -> Arc<Product> {
        self.name(&product.id, &product.name);
        let product = Product { name: String::new(), ..product };
        if let Some(known) = self.products.get(&product) {
            return known.clone();
        }
        let product = Arc::new(product);
        self.products.insert(product.clone());
        product
    }
}
