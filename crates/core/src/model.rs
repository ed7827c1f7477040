//! Companies, vendor orgs, metrics and products.

use crate::wire::Id;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A customer of the MSP, as the companies file says it: one row of the sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Company {
    /// The name as the user writes it.
    pub name: String,
    /// Domains that belong to the company.
    pub domains: Vec<String>,
    /// What each integration calls it, by the column's header (an integration's name or a slug). An empty cell is absent.
    pub links: BTreeMap<String, Link>,
    /// The user's own columns that the sheet shows, in the order of `[run] carry`.
    pub carried: Vec<String>,
}

/// A filled cell of the companies file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The vendor org ids of this company.
    Ids(Vec<String>),
    /// `-`: not a customer there.
    NotCustomer,
}

/// The vendor's own record of a customer: site, tenant, organisation, account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VendorOrg {
    /// The vendor's id, always text.
    pub id: String,
    /// The name as the vendor spells it.
    pub name: String,
    /// Domains that the vendor holds as the customer's own (verified, mail, tenant, web site).
    pub domains: Vec<String>,
    /// Ids of this customer in a PSA, kept by the vendor.
    pub psa_ids: Vec<PsaId>,
    /// Weaker evidence: for suggestions, never for a match.
    pub hints: Vec<Hint>,
}

impl VendorOrg {
    /// An org with an id and a name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), ..Self::default() }
    }

    /// Adds a domain of the customer's own; a URL, a path and a leading `www.` are stripped, blank is ignored.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        let domain = bare_domain(domain);
        if !domain.is_empty() && !self.domains.contains(&domain) {
            add(&mut self.domains, domain);
        }
        self
    }

    /// Adds the customer's id in the PSA with the slug `psa`; blank and `0` are ignored.
    #[must_use]
    pub fn psa_id(mut self, psa: &'static str, id: &str) -> Self {
        let id = id.trim();
        if !id.is_empty() && id != "0" {
            add(&mut self.psa_ids, PsaId { psa, id: id.to_owned() });
        }
        self
    }

    /// Adds a reference that the partner typed in, as a hint: often a PSA id, but nobody says of which PSA.
    #[must_use]
    pub fn reference(self, id: Option<&Id>) -> Self {
        let id = id.filter(|id| !id.0.is_empty());
        id.into_iter().fold(self, |org, id| org.hint(Hint::Reference(id.0.clone())))
    }

    /// Adds the domains of mail addresses of contacts, recipients or logins, as hints.
    #[must_use]
    pub fn contacts(self, addresses: &[String]) -> Self {
        let domains = addresses.iter().filter_map(|address| address.rsplit_once('@'));
        domains.fold(self, |org, (_, domain)| org.hint(Hint::Domain(domain.trim().to_lowercase())))
    }

    /// Adds a weaker hint.
    #[must_use]
    pub fn hint(mut self, hint: Hint) -> Self {
        if !self.hints.contains(&hint) {
            add(&mut self.hints, hint);
        }
        self
    }
}

/// Of most there is one only, in each of many orgs: a list that grows as usual has room for four.
fn add<T>(list: &mut Vec<T>, one: T) {
    list.reserve_exact(1);
    list.push(one);
}

/// The host in a domain, a mail address or a URL, lower-cased, without a leading `www.`; empty where there is none.
pub fn bare_domain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    if host.contains('.') && !host.contains(char::is_whitespace) { host.to_owned() } else { String::new() }
}

/// The id of a customer in a PSA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsaId {
    /// Slug of the PSA: `autotask`.
    pub psa: &'static str,
    /// The id there.
    pub id: String,
}

/// Evidence that is too weak for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A domain of a contact, a recipient or a login.
    Domain(String),
    /// A Microsoft Entra tenant id.
    EntraTenant(String),
    /// A reference the partner typed in, often a PSA id.
    Reference(String),
    /// Another name of the same customer.
    Name(String),
}

/// One named thing that is counted, as a connector defines it.
#[derive(Debug, PartialEq, Eq)]
pub struct MetricDef {
    /// The name behind the title in a column, and the word in `metrics = […]`.
    pub name: &'static str,
    /// What its values are.
    pub kind: MetricKind,
    /// What one of it is: `devices`, `seats`.
    pub unit: &'static str,
    /// Whether it is counted without being asked for.
    pub default: bool,
}

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A decimal number.
    Number,
    /// A text, such as an edition.
    Text,
    /// One column for each product, holding this figure of it.
    Product(Figure),
}

impl MetricDef {
    /// A number, counted by default.
    pub const fn number(name: &'static str, unit: &'static str) -> Self {
        Self { name, kind: MetricKind::Number, unit, default: true }
    }

    /// A text, shown by default.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: MetricKind::Text, unit: "", default: true }
    }

    /// A figure of each product, counted by default.
    pub const fn product(figure: Figure, unit: &'static str) -> Self {
        Self { name: figure.word(), kind: MetricKind::Product(figure), unit, default: true }
    }

    /// The same, but only on request.
    #[must_use]
    pub const fn on_request(self) -> Self {
        Self { default: false, ..self }
    }
}

/// Which figure of a product a column shows. The order is the order of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// The quantity of its subscriptions.
    Quantity,
    /// Seats bought.
    Purchased,
    /// Seats assigned.
    Assigned,
    /// Seats on trial.
    Trial,
}

impl Figure {
    /// The word in `metrics = […]`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Quantity => "quantity",
            Self::Purchased => "purchased",
            Self::Assigned => "assigned",
            Self::Trial => "trial",
        }
    }
}

/// A product of a vendor: what it is, apart from how many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product {
    /// The vendor's product id. Two ids with one label are one column.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The commitment term, where the config splits by it.
    pub term: Option<String>,
    /// The unit, where the vendor tells one per product.
    pub unit: Option<String>,
}

impl Product {
    /// A product with neither term nor unit.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), term: None, unit: None }
    }

    /// The same product, apart from that of other terms. Each vendor has words of its own for the usual terms: they become
    /// `Monthly`, `1-Year`, `2-Year`, `3-Year`. Another word stays as it is.
    #[must_use]
    pub fn of_term(self, term: Option<&str>) -> Self {
        let usual = |word: &str| {
            match word.to_lowercase().as_str() {
                "monthly" | "1-month" => "Monthly",
                "annual" | "yearly" | "1-year" => "1-Year",
                "biennial" | "2-year" => "2-Year",
                "triennial" | "3-year" => "3-Year",
                _ => return word.to_owned(),
            }
            .to_owned()
        };
        let term = term.map(str::trim).filter(|term| !term.is_empty());
        Self { term: term.map(usual), ..self }
    }

    /// `NAME (TERM) [UNIT] (figure)`, as far as there is one.
    pub fn label(&self, figure: Figure) -> String {
        let mut label = self.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(term) = &self.term {
            label = format!("{label} ({term})");
        }
        if let Some(unit) = &self.unit {
            label = format!("{label} [{unit}]");
        }
        match figure {
            Figure::Quantity => label,
            _ => format!("{label} ({})", figure.word()),
        }
    }
}

/// What a value counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// A metric the connector defines.
    Fixed(&'static MetricDef),
    /// A figure of a product, which many orgs share.
    Product(Arc<Product>, Figure),
}

impl Metric {
    /// A figure of a product.
    pub fn product(product: impl Into<Arc<Product>>, figure: Figure) -> Self {
        Self::Product(product.into(), figure)
    }

    /// The column's name behind the title.
    pub fn label(&self) -> String {
        match self {
            Self::Fixed(def) => def.name.to_owned(),
            Self::Product(product, figure) => product.label(*figure),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}
