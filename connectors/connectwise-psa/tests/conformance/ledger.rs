//! What ConnectWise PSA bills in the case.

use super::{API, list, next_of};
use serde_json::{Value, json};
use tallysheet_core::billing::Writing;
use tallysheet_testkit::{Exchange, Ledger, Line, fixture};

const AGREEMENT_FIELDS: &str = "id,name,company,agreementStatus,cancelledFlag,startDate,endDate,noEndingDateFlag,\
                                billingCycle,nextInvoiceDate,prorateFlag,currency";
const ADDITION_FIELDS: &str = "id,product,quantity,lessIncluded,unitPrice,billCustomer,effectiveDate,cancelledDate,\
                               invoiceDescription,description,billedQuantity";

/// A page of agreements: its number from 0.
fn agreements(index: usize, next: Option<u32>, rows: Value) -> Exchange {
    let call = query_of("/finance/agreements", AGREEMENT_FIELDS, index).query("conditions", "cancelledFlag=false");
    let conditions = "conditions=cancelledFlag%3Dfalse&";
    led_on(call, "/finance/agreements", conditions, AGREEMENT_FIELDS, next).page("agreements", index, "").reply(rows)
}

/// A page of an agreement's additions.
fn additions(list: &'static str, agreement: u32, index: usize, next: Option<u32>, rows: Value) -> Exchange {
    let path = format!("/finance/agreements/{agreement}/additions");
    let call = query_of(&path, ADDITION_FIELDS, index);
    led_on(call, &path, "", ADDITION_FIELDS, next).page(list, index, "").reply(rows)
}

fn query_of(path: &str, fields: &str, index: usize) -> Exchange {
    let call = list(path).query("fields", fields);
    if index == 0 { call } else { call.query("page", &(index + 1).to_string()) }
}

fn led_on(call: Exchange, path: &str, conditions: &str, fields: &str, next: Option<u32>) -> Exchange {
    next.map_or(call.clone(), |page| call.reply_header("link", &next_of(path, conditions, fields, page)))
}

pub(crate) fn ledger() -> Ledger {
    let odd = "of 1 additions ConnectWise PSA itself bills another quantity than theirs less what is included: 9010";
    let workstations = Line::new("55", "9001", "310")
        .of("19", "Managed services")
        .product("MNG-WKS", "Managed workstation")
        .quantity("42")
        .included("5")
        .price("35", "USD", Some(1))
        .from("2026-01-01")
        .next_invoice("2026-12-01");
    let licence = |id: &str, product: &str| Line::new("58", id, product).of("22", "Licences");
    Ledger {
        on: "2026-11-01",
        // Whoever pays the invoice.
        companies: vec![("19", "Bluefin Dental LLC"), ("22", "Hillside Orchard")],
        lines: vec![
            workstations.clone(),
            Line::new("55", "9004", "313")
                .of("19", "Managed services")
                .product("SAT", "Training")
                .quantity("0")
                .price("2.75", "USD", Some(1))
                .from("2026-01-01")
                .next_invoice("2026-12-01"),
            licence("9010", "315")
                .product("M365-BP", "Microsoft 365 Business Premium")
                .quantity("12.5")
                .included("2")
                .price("22", "", None)
                .until("2027-03-01"),
            licence("9011", "400")
                .product("SETUP", "Set-up")
                .quantity("1")
                .from("2026-10-20")
                .until("2026-11-20")
                .locked("it ends on 2026-11-20, within the current period"),
            licence("9012", "315")
                .product("M365-BP", "Microsoft 365 Business Premium")
                .unknown("the PSA sent no quantity")
                .included("1")
                .price("22", "", None)
                .from("2026-01-01"),
        ],
        left_out: vec![
            ("whole agreements that have ended", 1),
            ("whole agreements that are not active", 1),
            ("whole agreements that begin later", 1),
            ("cancelled", 1),
            ("effective later", 1),
            ("printed at no charge", 1),
            ("not to be billed", 1),
        ],
        notices: vec![odd],
        read: workstations,
        effective: None,
        proration: "the agreement prorates; a quantity changed in place may count for the whole current period all the same",
        untouched: vec![
            ("agreementId", "55"),
            ("agreementStatus", "Active"),
            ("billCustomer", "Billable"),
            ("description", "Workstation"),
            ("effectiveDate", "2026-01-01T00:00:00Z"),
            ("id", "9001"),
            ("invoiceDescription", "Managed workstation"),
            ("lessIncluded", "5.0"),
            ("product", "{\"id\":310,\"identifier\":\"MNG-WKS\",\"serializedFlag\":false}"),
            ("sequenceNumber", "1.0"),
            ("taxableFlag", "true"),
            ("unitCost", "9.5"),
            ("unitPrice", "35.0"),
            ("uom", "Each"),
        ],
        new: "44",
        cannot_hold: vec!["44.00000000000001"],
        writing: Writing::Quantity,
    }
}

/// The calls of the ledger: what is billed, one line read anew, its new quantity.
pub(crate) fn exchanges() -> Vec<Exchange> {
    let path = format!("{API}/finance/agreements/55/additions/9001");
    let mut cancelled = fixture!("addition-9001.json");
    cancelled["cancelledDate"] = json!("2026-11-01T00:00:00Z");
    let live = fixture!("agreements-1.json")[0].clone();
    let mut expired = live.clone();
    expired["agreementStatus"] = json!("Expired");
    let mut written = fixture!("addition-9001.json");
    written["quantity"] = json!(44.0);
    let many = "additions of 55";
    vec![
        agreements(0, Some(2), fixture!("agreements-1.json")),
        agreements(1, Some(3), json!([])),
        agreements(2, None, fixture!("agreements-3.json")),
        additions(many, 55, 0, Some(2), fixture!("additions-55-1.json")).counted_at("/0/quantity"),
        additions(many, 55, 1, Some(3), json!([])),
        additions(many, 55, 2, None, fixture!("additions-55-3.json")).counted_at("/0/quantity"),
        additions("additions of 58", 58, 0, None, fixture!("additions-58.json")),
        Exchange::get(path.clone())
            .reply(fixture!("addition-9001.json"))
            .counted_at("/quantity")
            .tolerates(404)
            .nothing(cancelled),
        Exchange::get(format!("{API}/finance/agreements/55"))
            .query("fields", AGREEMENT_FIELDS)
            .reply(live)
            .tolerates(404)
            .nothing(expired),
        Exchange::patch(path)
            .json(json!([{ "op": "replace", "path": "quantity", "value": 44 }]))
            .reply(written)
            .changes(),
    ]
}
