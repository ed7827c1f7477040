//! Which column is perhaps which product.

use crate::common::{ledger, reconcile, rule, sheet};

#[test]
fn equal_numbers_and_like_names_are_evidence() {
    let titles = ["Datto RMM: Workstations", "Datto RMM: Servers", "Huntress: Agents"];
    let sheet = sheet(
        &titles,
        &[("A", &["10", "2", "12"]), ("B", &["20", "0", "20"]), ("C", &["30", "3", "33"]), ("D", &["8", "1", "?"])],
    );
    let mut ledger = ledger(&[
        ("A", "MNG-WKS", "10", 0, "2"),
        ("B", "MNG-WKS", "20", 0, "2"),
        ("C", "MNG-WKS", "29", 0, "2"),
        ("D", "MNG-WKS", "8", 0, "2"),
        ("A", "EDR", "12", 0, "2"),
        ("B", "EDR", "10", 0, "2"),
        ("B", "EDR", "10", 0, "2"),
        ("D", "EDR", "?", 0, "2"),
        ("A", "FLAT", "1", 0, "500"),
        ("A", "KNOWN", "1", 0, "500"),
    ]);
    for line in ledger.additions.iter_mut().filter(|line| line.product == "MNG-WKS") {
        line.description = "Managed workstation".to_owned();
    }
    let suggested = reconcile(&sheet, &ledger, &[rule("known", &["X: Y"])]).0.unruled;
    let products: Vec<&str> = suggested.iter().map(|one| one.product.as_str()).collect();
    assert_eq!(products, ["EDR", "MNG-WKS", "FLAT"]);

    let workstations = &suggested[1];
    let best = &workstations.columns[0];
    assert_eq!((best.column.as_str(), best.equal, best.both), ("Datto RMM: Workstations", 3, 4));
    assert!(best.alike >= 50, "{best:?}");
    assert_eq!(workstations.sure().map(|sure| sure.column.as_str()), Some("Datto RMM: Workstations"));

    // Two equal numbers are not enough, and no name speaks for it: a person decides.
    let edr = &suggested[0];
    assert_eq!((edr.columns[0].column.as_str(), edr.columns[0].equal), ("Huntress: Agents", 2));
    assert_eq!(edr.sure(), None);
    assert_eq!(suggested[2].sure(), None);
    assert!(suggested.iter().all(|one| one.columns.len() <= 3));
}
