//! Recurring invoices as HaloPSA answers them, and what they bill.

use serde_json::{Value, json};
use tallysheet_core::billing::Writing;
use tallysheet_testkit::{Exchange, Ledger, Line, fixture};

/// Two live invoices of five, over three pages, and a change of a line.
pub(crate) fn exchanges() -> Vec<Exchange> {
    vec![
        page(0, "1", fixture!("recurring-1.json")),
        page(1, "2", fixture!("recurring-2.json")),
        page(2, "3", fixture!("recurring-3.json")),
        one("-94", fixture!("recurring--94.json")).counted_at("/lines/1/qty_order"),
        one("-101", fixture!("recurring--101.json"))
            .counted_at("/lines/0/qty_order")
            .tolerates(404)
            .nothing(json!({ "id": -101, "client_id": 15, "lines": [] })),
        // Exactly these fields.
        Exchange::post("/RecurringInvoice/updatelines")
            .json(json!([{ "id": 25010, "ihid": -101, "qty_order": 14 }]))
            .reply(json!([{ "id": 25010, "ihid": -101, "qty_order": 14.0 }]))
            .changes(),
    ]
}

fn page(index: usize, page: &str, reply: Value) -> Exchange {
    Exchange::get("/RecurringInvoice")
        .query("pageinate", "true")
        .query("page_size", "100")
        .query("order", "id")
        .query("page_no", page)
        .page("recurring invoices", index, "/invoices")
        .total_at("/record_count")
        .reply(reply)
}

fn one(id: &str, reply: Value) -> Exchange {
    Exchange::get(format!("/RecurringInvoice/{id}"))
        .query("includedetails", "true")
        .page("lines", 0, "/lines")
        .reply(reply)
}

/// What they bill.
pub(crate) fn ledger() -> Ledger {
    let worked_out = "HaloPSA works it out from users when it invoices (at least 10, 2 free)";
    let of_bluefin = |id: &str, company: &str| {
        Line::new("-94", id, "").of(company, "Managed services").from("2024-01-01").next_invoice("2026-12-01")
    };
    let of_harbour =
        |id: &str| Line::new("-101", id, "").of("15", "AG-9").from("2025-03-01").next_invoice("2027-03-01");
    let read = of_harbour("25010")
        .product("M365-BP", "Business Premium")
        .quantity("12.5")
        .price("264", "EUR", Some(12))
        // The day behind its last one.
        .until("2027-03-01");
    Ledger {
        on: "2026-11-01",
        companies: vec![("12", "Bluefin Dental"), ("15", "Harbour Optics"), ("21", "Foxglove Bakery")],
        lines: vec![
            of_bluefin("24967", "12").product("MNG-WKS", "Managed workstation").quantity("42").price(
                "35",
                "USD",
                Some(1),
            ),
            of_bluefin("24968", "12")
                .product("EDR", "Managed EDR")
                .unknown(worked_out)
                .price("6.5", "USD", Some(1))
                .locked(worked_out),
            // On Bluefin's invoice, and not Bluefin's.
            of_bluefin("24973", "21").product("SAT", "Awareness training").quantity("0").price("2.75", "USD", Some(1)),
            read.clone(),
            of_harbour("25011").product("MFA", "").quantity("9").price("36", "EUR", Some(12)),
        ],
        left_out: vec![
            ("whole recurring invoices that are disabled", 1),
            ("whole recurring invoices that have ended", 1),
            ("whole recurring invoices that begin later", 1),
            ("headings of groups", 1),
            ("one-time charges", 1),
            ("inactive", 1),
            ("ended", 1),
            ("begins later", 1),
            ("another client's, whose id is not told", 1),
        ],
        notices: vec![
            "lines of recurring invoices that are another client's, whose id HaloPSA does not tell: 1; they are compared with \
             nothing",
        ],
        read,
        effective: None,
        proration: "the next invoice, of 2027-03-01, has the new quantity; for the time before it HaloPSA charges what its own \
                    pro rata settings say",
        untouched: vec![
            ("line 25010: enddate", "\"2027-02-28T00:00:00\""),
            ("line 25010: id", "25010"),
            ("line 25010: ihid", "-101"),
            ("line 25010: item_code", "\"M365-BP\""),
            ("line 25010: item_shortdescription", "\"Business Premium\""),
            ("line 25010: recurring_invoice_quantity_type", "0"),
            ("line 25010: unit_price", "264.0"),
            ("line 25011: id", "25011"),
            ("line 25011: ihid", "-101"),
            ("line 25011: item_code", "\"MFA\""),
            ("line 25011: net_amount", "324.0"),
            ("line 25011: qty_order", "9"),
            ("line 25011: unit_price", "36"),
        ],
        new: "14",
        cannot_hold: vec![],
        writing: Writing::Quantity,
    }
}
