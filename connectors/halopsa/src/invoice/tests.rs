//! What each line bills, and what it does not.

use super::*;
use jiff::civil::date;
use serde_json::json;

const ON: Date = date(2026, 11, 1);

fn line(fields: &Value) -> Line {
    let mut whole = json!({ "id": 7, "item_code": "EDR", "qty_order": 42.0, "unit_price": 6.5 });
    whole.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
    serde_json::from_value(whole).unwrap()
}

fn invoice(fields: &Value) -> Invoice {
    let mut whole = json!({ "id": -94, "client_id": 12, "client_name": "Bluefin Dental", "periodname": "Monthly" });
    whole.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
    serde_json::from_value(whole).unwrap()
}

fn verdict(header: &Value, fields: &Value) -> Result<(VendorOrg, Addition), &'static str> {
    invoice(header).addition(&line(fields), ON).unwrap()
}

#[test]
fn a_line_is_billed_or_left_out_for_a_reason() {
    let day = |key: &str, day: &str| json!({ key: format!("{day}T00:00:00") });
    for (header, fields, reason) in [
        (json!({}), json!({}), None),
        (json!({ "disabled": false }), json!({ "isinactive": false, "isgroupdesc": null }), None),
        (json!({ "disabled": true }), json!({}), Some("whole recurring invoices that are disabled")),
        (day("startdate", "2026-11-02"), json!({}), Some("whole recurring invoices that begin later")),
        (day("startdate", "2026-11-01"), json!({}), None),
        (day("enddate", "2026-11-01"), json!({}), None),
        (day("enddate", "2026-10-31"), json!({}), Some("whole recurring invoices that have ended")),
        (day("enddate", "0001-01-01"), json!({ "enddate": "" }), None),
        (json!({}), json!({ "isinactive": true }), Some("inactive")),
        (json!({}), json!({ "isgroupdesc": true, "qty_order": null }), Some("headings of groups")),
        (json!({}), json!({ "onetimecharge": true }), Some("one-time charges")),
        (json!({}), day("startdate", "2026-11-02"), Some("begins later")),
        (json!({}), day("enddate", "2026-10-31"), Some("ended")),
        (json!({}), day("enddate", "2026-11-01"), None),
        (json!({}), json!({ "client_name": "Harbour Optics" }), Some(NAMELESS)),
    ] {
        let told = verdict(&header, &fields).err();
        assert_eq!(told, reason, "{header} {fields}");
    }
}

#[test]
fn a_quantity_that_is_worked_out_is_not_the_one_that_is_stored() {
    let counted = |kind: u32, name: &str| {
        json!({ "recurring_invoice_quantity_type": kind,
        name: [{ "qty_free": 2, "minimum_qty": 10 }, { "qty_free": 1, "minimum_qty": null }] })
    };
    for (fields, words) in [
        (counted(1, "quantity_licences"), "HaloPSA works it out from licences when it invoices (at least 10, 3 free)"),
        (counted(2, "quantity_users"), "HaloPSA works it out from users when it invoices (at least 10, 3 free)"),
        (counted(3, "quantity_assets"), "HaloPSA works it out from devices when it invoices (at least 10, 3 free)"),
        (
            json!({ "recurring_invoice_quantity_type": 4, "quantity_subscriptions": [] }),
            "HaloPSA works it out from subscriptions when it invoices",
        ),
        (
            json!({ "recurring_invoice_quantity_type": 5 }),
            "HaloPSA works it out by a rule that is not known when it invoices",
        ),
        (
            json!({ "quantity_users": [{ "qty_free": 0 }] }),
            "HaloPSA works it out by a rule that is not known when it invoices",
        ),
        (json!({ "qty_order": null }), "the PSA sent no quantity"),
    ] {
        let (_, addition) = verdict(&json!({}), &fields).unwrap();
        assert_eq!(addition.quantity, Quantity::Unknown(words.to_owned()), "{fields}");
        assert_eq!(addition.locked.as_deref(), Some(words), "{fields}");
    }
    for fields in [json!({}), json!({ "recurring_invoice_quantity_type": 0, "quantity_users": [{ "qty_free": 2 }] })] {
        let (_, addition) = verdict(&json!({}), &fields).unwrap();
        assert_eq!((addition.quantity, addition.locked), (Quantity::Known(42.into()), None), "{fields}");
    }
    let (_, none) = verdict(&json!({}), &json!({ "qty_order": 0.0 })).unwrap();
    assert_eq!(none.quantity, Quantity::Known(Decimal::ZERO));
}

#[test]
fn a_line_may_be_of_another_client_than_the_invoice() {
    for (fields, company) in [
        (json!({}), ("12", "Bluefin Dental")),
        (
            json!({ "client_name": "BLUEFIN DENTAL ", "original_client_id": 0, "client_id": -1 }),
            ("12", "Bluefin Dental"),
        ),
        (json!({ "original_client_id": 12, "client_name": "Old name" }), ("12", "Bluefin Dental")),
        (json!({ "original_client_id": 15, "client_name": "Harbour Optics" }), ("15", "Harbour Optics")),
        (json!({ "client_id": 15, "original_client_id": null }), ("15", "15")),
        (json!({ "client_id": 12, "original_client_id": 15 }), ("15", "15")),
    ] {
        let (org, addition) = verdict(&json!({ "client_to_invoice_to_id": 99 }), &fields).unwrap();
        assert_eq!((org.id.as_str(), org.name.as_str()), company, "{fields}");
        assert_eq!(addition.company_id, company.0, "{fields}");
    }
    assert!(invoice(&json!({ "client_id": 0 })).addition(&line(&json!({})), ON).is_err());
}

#[test]
fn a_price_is_for_the_period_that_words_name() {
    for (period, months) in [
        ("Monthly", Some(1)),
        ("Quarterly", Some(3)),
        ("6 Monthly", Some(6)),
        ("Half-Yearly", Some(6)),
        ("Yearly", Some(12)),
        ("2 Yearly", Some(24)),
        ("Weekly", None),
        ("Bi-monthly", None),
        ("2", None),
        ("", None),
    ] {
        assert_eq!(super::months(period), months, "{period}");
    }
    let price = |header: Value, fields: Value| verdict(&header, &fields).unwrap().1.price;
    let told = |months| Some(Price { amount: Decimal::new(65, 1), currency: "EUR".to_owned(), months });
    let header = || json!({ "currency": "eur", "period": 2 });
    assert_eq!(price(header(), json!({ "line_periods": 1, "billingperiod": 0 })), told(Some(1)));
    assert_eq!(price(header(), json!({ "billingperiod": 2 })), told(Some(1)));
    assert_eq!(price(header(), json!({ "billingperiod": 3 })), told(None));
    assert_eq!(price(header(), json!({ "line_periods": 12 })), told(None));
    assert_eq!(price(json!({ "currency": "€", "currency_code_name": "EUR" }), json!({})), told(Some(1)));
    assert_eq!(price(header(), json!({ "discount_perc": 10.0 })), None);
    assert_eq!(price(header(), json!({ "unit_price": null })), None);
}

#[test]
fn days_and_names_come_from_the_line_and_the_invoice() {
    let header = json!({ "name": " ", "contract_ref": "AG-7", "startdate": "2024-01-01T00:00:00",
        "enddate": "2027-12-31T00:00:00", "nextcreationdate": "2026-12-01T00:00:00" });
    let fields = json!({ "startdate": "2025-03-01T00:00:00", "enddate": "2026-12-31", "item_code": "",
        "item_shortdescription": "Managed EDR" });
    let (_, told) = verdict(&header, &fields).unwrap();
    assert_eq!((told.from, told.until), (Some(date(2025, 3, 1)), Some(date(2027, 1, 1))));
    assert_eq!(told.next_invoice, Some(date(2026, 12, 1)));
    let names = (told.agreement.as_str(), told.product.as_str(), told.description.as_str());
    assert_eq!(names, ("AG-7", "Managed EDR", "Managed EDR"));
    let bare = json!({ "item_code": null, "_itemid": 51 });
    assert_eq!(verdict(&json!({}), &bare).unwrap().1.product, "51");
}

#[test]
fn all_but_the_quantity_and_what_follows_from_it_must_stay() {
    let raw: Raw = serde_json::from_value(json!({ "lines": [
        { "id": 7, "qty_order": 42.0, "net_amount": 273.0, "unit_price": 6.5, "startdate": null, "tax_amount": 1 },
        { "id": 8, "qty_order": 1.0, "net_amount": 9.5, "quantity_users": [{ "qty_free": 2 }] },
    ] }))
    .unwrap();
    let untouched = raw.untouched(&Id("7".to_owned()));
    let told: Vec<_> = untouched.iter().map(|(name, was)| (name.as_str(), was.as_str())).collect();
    assert_eq!(
        told,
        [
            ("line 7: id", "7"),
            ("line 7: startdate", "null"),
            ("line 7: unit_price", "6.5"),
            ("line 8: id", "8"),
            ("line 8: net_amount", "9.5"),
            ("line 8: qty_order", "1.0"),
            ("line 8: quantity_users", r#"[{"qty_free":2}]"#),
        ]
    );
}
