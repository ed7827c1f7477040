//! What the simulated MSP's PSA bills: its products, its agreements and their lines, each with a part in the story.

use crate::books::Truth;
use crate::expected::{Expected, ExpectedRow};
use crate::msp::Msp;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A product of the PSA's catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BilledProduct {
    /// Its id in the catalogue.
    pub id: u32,
    /// Its code.
    pub code: &'static str,
    /// What stands on the invoice.
    pub name: &'static str,
    /// What one unit costs a month, in cents.
    pub cents: u32,
    /// The column of the sheet that counts it.
    pub column: &'static str,
    /// A column that knows it too.
    pub beside: &'static str,
}

/// The catalogue.
pub const PRODUCTS: &[BilledProduct] = &[
    product(310, "MNG-WKS", "Managed workstation", 3500, "Datto RMM: Workstations", "NinjaOne: Workstations"),
    product(311, "MNG-SRV", "Managed server", 9500, "Datto RMM: Servers", "NinjaOne: Servers"),
    product(312, "EDR", "Managed EDR", 650, "Huntress: Agents", ""),
    product(313, "SAT", "Security awareness training", 275, "Huntress: SAT learners", ""),
    product(314, "MFA", "Multi-factor authentication", 300, "Duo: Users", ""),
    product(
        315,
        "M365-BP",
        "Microsoft 365 Business Premium",
        2200,
        "Microsoft 365: Microsoft 365 Business Premium (purchased)",
        "Microsoft 365: Microsoft 365 Business Premium (assigned)",
    ),
];

const fn product(
    id: u32,
    code: &'static str,
    name: &'static str,
    cents: u32,
    column: &'static str,
    beside: &'static str,
) -> BilledProduct {
    BilledProduct { id, code, name, cents, column, beside }
}

/// What becomes of a line when invoices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It is billed.
    Billed,
    /// It was billed until some years ago.
    Cancelled,
    /// It will be billed in some years.
    Future,
    /// It is printed and costs nothing.
    NotBilled,
    /// A PSA that can work out quantities does so here, and what is stored is stale; elsewhere it is billed as it stands.
    Automated,
}

/// One line of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledLine {
    /// Its id.
    pub id: u32,
    /// The company's id in the PSA.
    pub company: u32,
    /// The company's name in the companies file.
    pub company_name: String,
    /// The agreement's id.
    pub agreement: u32,
    /// The product.
    pub product: BilledProduct,
    /// What it holds.
    pub quantity: u32,
    /// Units that are free, where the PSA knows such.
    pub included: u32,
    /// What becomes of it.
    pub kind: LineKind,
}

/// What goes wrong when a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// It is written, and the answer is lost on its way.
    AnswerLost,
    /// The credential may not write.
    NoRight,
}

/// What a PSA bills. Clones share it.
#[derive(Clone, Default)]
pub struct Bills(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: Vec<BilledLine>,
    writes: Vec<(u32, u32, u32)>,
    fault: Option<WriteFault>,
}

impl Bills {
    /// All lines, by id.
    pub fn lines(&self) -> Vec<BilledLine> {
        self.state().lines.clone()
    }

    /// Every quantity that was written: line, old, new.
    pub fn writes(&self) -> Vec<(u32, u32, u32)> {
        self.state().writes.clone()
    }

    /// Changes a line, as people at the PSA do.
    pub fn change(&self, id: u32, change: impl FnOnce(&mut BilledLine)) {
        if let Some(line) = self.state().lines.iter_mut().find(|line| line.id == id) {
            change(line);
        }
    }

    /// From now on this goes wrong, or nothing.
    pub fn fail(&self, fault: Option<WriteFault>) {
        self.state().fault = fault;
    }

    /// The lines of an agreement.
    pub(crate) fn of(&self, agreement: u32) -> Vec<BilledLine> {
        self.state().lines.iter().filter(|line| line.agreement == agreement).cloned().collect()
    }

    /// Writes a quantity over the API. Whether there is such a line.
    pub(crate) fn write(&self, id: u32, quantity: u32) -> bool {
        let mut state = self.state();
        let Some(line) = state.lines.iter_mut().find(|line| line.id == id) else { return false };
        let old = std::mem::replace(&mut line.quantity, quantity);
        state.writes.push((id, old, quantity));
        true
    }

    /// What goes wrong at the moment.
    pub(crate) fn fault(&self) -> Option<WriteFault> {
        self.state().fault
    }

    /// Bills what was counted, with mistakes here and there.
    pub(crate) fn fill(&self, msp: &Msp, expected: &Expected) {
        let mut lines = Vec::new();
        let rows: HashMap<&str, &ExpectedRow> = expected.rows.iter().map(|row| (row.company.as_str(), row)).collect();
        let place = |column: &str| expected.columns.iter().position(|title| title == column);
        let places = PRODUCTS.iter().map(|product| place(product.column)).collect::<Vec<_>>();
        for (number, company) in (0_u32..).zip(&msp.companies) {
            let row = rows.get(company.title().as_str());
            for ((place, product), column) in (0_u32..).zip(PRODUCTS).zip(&places) {
                let of = |quantity: u32, kind: LineKind| BilledLine {
                    id: 0,
                    company: 29_000 + number,
                    company_name: company.title(),
                    agreement: 50_000 + 2 * number + u32::from(place > 1),
                    product: *product,
                    quantity,
                    included: 0,
                    kind,
                };
                let billed = |quantity| of(quantity, LineKind::Billed);
                let counted = match row.zip(*column).and_then(|(row, column)| row.cells.get(column)) {
                    Some(Truth::Number(counted)) => u32::try_from(*counted).unwrap_or_default(),
                    Some(Truth::Failed(_)) => {
                        lines.push(billed(8));
                        continue;
                    }
                    _ => {
                        lines.extend(((number * 7 + place * 3) % 11 == 0).then(|| billed(5)));
                        continue;
                    }
                };
                match (number * 5 + place * 3) % 13 {
                    0 => lines.push(billed(counted.saturating_sub(3))),
                    1 => lines.push(billed(counted + 4)),
                    2 => {}
                    3 => lines.push(billed(0)),
                    4 => {
                        let rest = BilledLine {
                            agreement: 50_000 + 2 * number + u32::from(place <= 1),
                            ..billed(counted / 2)
                        };
                        lines.extend([billed(counted - counted / 2), rest]);
                    }
                    5 => lines.extend([of(counted + 10, LineKind::Cancelled), billed(counted)]),
                    6 => lines.extend([billed(counted), of(counted + 5, LineKind::Future)]),
                    7 => lines.extend([billed(counted), of(2, LineKind::NotBilled)]),
                    8 => lines.push(BilledLine { included: 5, ..billed(counted) }),
                    9 => lines.push(of(counted + 2, LineKind::Automated)),
                    _ => lines.push(billed(counted)),
                }
            }
        }
        for (id, line) in (9001..).zip(&mut lines) {
            line.id = id;
        }
        self.state().lines = lines;
    }

    /// What is to be seen of it.
    pub(crate) fn story(&self) -> Vec<String> {
        let state = self.state();
        let of = |kind: LineKind| state.lines.iter().filter(|line| line.kind == kind).count();
        let (cancelled, future, free) = (of(LineKind::Cancelled), of(LineKind::Future), of(LineKind::NotBilled));
        let placeholder = state.lines.iter().find(|line| line.kind == LineKind::Billed && line.quantity == 0);
        let mut story = Vec::new();
        if !state.lines.is_empty() {
            story.push(format!(
                "The PSA bills {} products on two agreements a company. {cancelled} cancelled lines, {future} of the \
                 future and {free} that cost nothing are no quantity.",
                PRODUCTS.len()
            ));
        }
        story.extend(placeholder.map(|line| {
            format!(
                "{}: a line of {} with quantity 0, kept for later: all of it is unbilled.",
                line.company_name, line.product.name
            )
        }));
        story
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of a `products.csv` that says which column makes which product.
pub(crate) fn products_csv() -> String {
    let mut text = "psa_product,columns,rule,beside\n".to_owned();
    for product in PRODUCTS {
        let _ = writeln!(text, "{},{},sum,{}", product.code, product.column, product.beside);
    }
    text
}
