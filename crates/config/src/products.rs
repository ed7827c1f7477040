//! `products.csv`: which columns of the sheet make which product of the PSA.

use std::collections::HashMap;
use tallysheet_core::registry::nearest;
use tallysheet_core::table::{self, Cell, Problems, Row, Table};
use tallysheet_core::variance::{Combine, ProductRule, Ratio};
use tallysheet_core::{Decimal, Result};

/// Every header that there is; the first two must be there.
const HEADERS: [&str; 5] = ["psa_product", "columns", "rule", "beside", "price"];

/// Reads a products file. `file` is how it is called in errors. The error lists everything that is wrong with it, a line
/// each: `products.csv:LINE:COLUMN: `, where the column is the number of the cell.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<ProductRule>> {
    let mut problems = Problems::default();
    let text = tallysheet_host::text::decode(bytes).map_err(|error| error.context(file))?;
    let table = table::read(&text, &mut problems);
    let rules = table.map(|table| rules(&table, &mut problems)).unwrap_or_default();
    problems.into_result(file)?;
    Ok(rules)
}

/// The line that a products file begins with.
pub fn header() -> String {
    format!("{}\r\n", HEADERS.join(","))
}

/// A line of a products file.
pub fn line(product: &str, columns: &[String]) -> String {
    let quoted = |text: &str| {
        let plain = !text.contains([',', ';', '"', '\t', '\r', '\n']);
        if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    format!("{},{},sum,,\r\n", quoted(product), quoted(&columns.join("; ")))
}

fn rules(Table { header, rows }: &Table, problems: &mut Problems) -> Vec<ProductRule> {
    let Some(places) = places(header, problems) else { return Vec::new() };
    let mut seen = HashMap::new();
    let mut rules = Vec::new();
    for row in rows {
        let Some(rule) = rule(row, header.cells.len(), &places, problems) else { continue };
        if let Some(line) = seen.insert(rule.product.to_lowercase(), row.line) {
            let message = format!(
                "the product `{}` stands in line {line} too; one line a product, with all its columns joined by `;`",
                rule.product
            );
            problems.add(&row.cell(places[0].unwrap_or_default()), message);
        }
        rules.push(rule);
    }
    rules
}

/// Where each header stands. Headers that begin with `#` are the user's own.
fn places(header: &Row, problems: &mut Problems) -> Option<[Option<usize>; HEADERS.len()]> {
    let mut places = [None; HEADERS.len()];
    for (at, cell) in header.cells.iter().enumerate() {
        let name = cell.text.to_lowercase();
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        match HEADERS.iter().position(|header| *header == name) {
            Some(which) if places[which].is_none() => places[which] = Some(at),
            Some(_) => problems.add(cell, format!("the column `{name}` stands here twice")),
            None => {
                let near = nearest(&name, HEADERS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all = HEADERS.join("`, `");
                problems.add(cell, format!("there is no column `{}`{near} The columns are `{all}`; begin the header of one of your own with `#`", cell.text));
            }
        }
    }
    for (which, name) in HEADERS.iter().enumerate().take(2) {
        if places[which].is_none() {
            problems.add(&header.cell(0), format!("the column `{name}` is missing"));
        }
    }
    (places[0].is_some() && places[1].is_some()).then_some(places)
}

fn rule(row: &Row, width: usize, places: &[Option<usize>], problems: &mut Problems) -> Option<ProductRule> {
    for cell in row.cells.iter().skip(width).filter(|cell| !cell.text.is_empty()) {
        problems.add(cell, "this cell has no header; is there a separator too many, or a name without quotes?");
    }
    let cell = |which: usize| places[which].map(|place| row.cell(place).into_owned());
    let text = |which: usize| cell(which).map(|cell| cell.text).unwrap_or_default();
    let (product, columns) = (cell(0)?, cell(1)?);
    let mut made = ProductRule {
        product: product.text.clone(),
        columns: list(&columns.text),
        beside: list(&text(3)),
        ..ProductRule::default()
    };
    if product.text.is_empty() {
        problems.add(&product, "the product has no name; name it as the PSA does, or delete the line");
        return None;
    }
    if made.columns.is_empty() {
        problems.add(&columns, "no column of the sheet is named; write titles like `Huntress: Agents`, joined by `;`");
        return None;
    }
    if let Some(cell) = cell(2) {
        rule_words(&cell, &mut made, problems);
    }
    if made.combine == Combine::Bundle && made.columns.len() < 2 {
        problems
            .add(&columns, "a bundle needs two columns at least: the one that is billed, and those that must equal it");
    }
    if let Some(cell) = cell(4).filter(|cell| !cell.text.is_empty()) {
        match number(&cell.text) {
            Some(price) => made.price = Some(price),
            None => problems.add(&cell, format!("`{}` is no price; write a number like `12.50`", cell.text)),
        }
    }
    Some(made)
}

/// `max; minimum 10; ratio 1/5`: at most one way to combine, and numbers behind their words.
fn rule_words(cell: &Cell, rule: &mut ProductRule, problems: &mut Problems) {
    const WORDS: [&str; 6] = ["sum", "max", "bundle", "minimum", "allowance", "ratio"];
    let mut words = cell.text.split([' ', ';', ',', '=']).filter(|word| !word.is_empty());
    let mut combined = false;
    while let Some(word) = words.next() {
        let lower = word.to_lowercase();
        if let Some(combine) = [("sum", Combine::Sum), ("max", Combine::Max), ("bundle", Combine::Bundle)]
            .into_iter()
            .find_map(|(name, combine)| (name == lower).then_some(combine))
        {
            if std::mem::replace(&mut combined, true) {
                problems.add(cell, "only one of `sum`, `max` and `bundle` can be the rule");
            }
            rule.combine = combine;
            continue;
        }
        let behind = words.next().unwrap_or_default();
        let wrong = match lower.as_str() {
            "minimum" => set(&mut rule.minimum, number(behind)),
            "allowance" => set(&mut rule.allowance, number(behind)),
            "ratio" => match ratio(behind) {
                Some(ratio) => {
                    rule.ratio = Some(ratio);
                    false
                }
                None => true,
            },
            _ => {
                let near = nearest(&lower, WORDS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let message =
                    "a rule is `sum`, `max` or `bundle`, and may go on with `minimum N`, `allowance N`, `ratio A/B`";
                problems.add(cell, format!("`{word}` is no rule{near} {message}"));
                return;
            }
        };
        if wrong {
            problems.add(cell, format!("behind `{word}` must stand a number, not `{behind}`; for example `{lower} 5`"));
            return;
        }
    }
}

/// Whether there is nothing to set.
fn set(place: &mut Decimal, value: Option<Decimal>) -> bool {
    value.map(|value| *place = value).is_none()
}

fn ratio(text: &str) -> Option<Ratio> {
    let (part, whole) = text.split_once([':', '/']).unwrap_or((text, "1"));
    let ratio = Ratio { part: number(part)?, whole: number(whole)? };
    (!ratio.whole.is_zero() && !ratio.part.is_zero()).then_some(ratio)
}

/// A plain number that is not below zero.
fn number(text: &str) -> Option<Decimal> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| Decimal::from_str_exact(text).ok()).flatten()
}

fn list(text: &str) -> Vec<String> {
    text.split(';')
        .map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|title| !title.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        read("products.csv", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn lines_become_rules() {
        let text = "psa_product,columns,rule,beside,price,#note\n\
                    MNG-WKS,Datto RMM: Workstations; NinjaOne: Workstations,,,,ours\n\
                    EDR,Huntress: Agents,bundle,\n\
                    M365,PAX8: Microsoft 365 *,max; minimum 10; allowance 2; ratio 1/5,Microsoft 365: *,12.50\n"
            .replace("Huntress: Agents,", "Huntress: Agents; SentinelOne: Active licenses,");
        let rules = read("products.csv", text.as_bytes()).unwrap();
        assert_eq!(rules.len(), 3);
        assert_eq!(rules[0].columns, ["Datto RMM: Workstations", "NinjaOne: Workstations"]);
        assert_eq!(rules[0].combine, Combine::Sum);
        assert_eq!(rules[1].combine, Combine::Bundle);
        let of = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(
            rules[2],
            ProductRule {
                product: "M365".into(),
                columns: vec!["PAX8: Microsoft 365 *".into()],
                combine: Combine::Max,
                allowance: of("2"),
                ratio: Some(Ratio { part: of("1"), whole: of("5") }),
                minimum: of("10"),
                beside: vec!["Microsoft 365: *".into()],
                price: Some(of("12.50")),
            }
        );
    }

    #[test]
    fn what_is_wrong_says_where_and_what_to_do() {
        for (text, told) in [
            ("", "products.csv:1:1: the file is empty"),
            ("psa_product,rule\nA,sum\n", "the column `columns` is missing"),
            ("psa_product,column\nA,B\n", "products.csv:1:2: there is no column `column`; did you mean `columns`?"),
            ("psa_product,columns,\"a\nb\"\nA,B: C\n", "products.csv:1:3: there is no column `a\\nb`"),
            ("psa_product,columns\n,B: C\n", "products.csv:2:1: the product has no name"),
            ("psa_product,columns\nA,\n", "products.csv:2:2: no column of the sheet"),
            ("psa_product,columns\nA,B: C\na,D: E\n", "products.csv:3:1: the product `a` stands in line 2 too"),
            ("psa_product,columns,rule\nA,B: C,sums\n", "`sums` is no rule; did you mean `sum`?"),
            ("psa_product,columns,rule\nA,B: C,sum max\n", "only one of"),
            ("psa_product,columns,rule\nA,B: C,minimum\n", "behind `minimum` must stand a number"),
            ("psa_product,columns,rule\nA,B: C,ratio 1/0\n", "behind `ratio` must stand a number, not `1/0`"),
            ("psa_product,columns,rule\nA,B: C,allowance -2\n", "not `-2`"),
            ("psa_product,columns,rule\nA,B: C,bundle\n", "a bundle needs two columns"),
            ("psa_product,columns,price\nA,B: C,12 EUR\n", "`12 EUR` is no price"),
            ("psa_product,columns\nA,B: C,D\n", "products.csv:2:3: this cell has no header"),
        ] {
            let message = problems(text);
            assert!(message.contains(told), "{text:?} told {message}");
        }
    }

    #[test]
    fn a_line_that_is_written_is_read_the_same() {
        let columns = vec!["PAX8: Suite, with \"quotes\"".to_owned(), "Duo: Users".to_owned()];
        let text = header() + &line("A; B", &columns);
        let rules = read("products.csv", text.as_bytes()).unwrap();
        assert_eq!((rules[0].product.as_str(), &rules[0].columns), ("A; B", &columns));
    }
}
