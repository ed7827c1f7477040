//! What Autotask bills in the case: contracts, their units of a day, and one change.

use super::{get, query, refused};
use serde_json::{Value, json};
use tallysheet_core::billing::Writing;
use tallysheet_testkit::{Exchange, Ledger, Line, fixture};

/// Where some of the exchanges stand.
pub(crate) const THRESHOLD: usize = 0;
pub(crate) const CONTRACTS: usize = 1;
pub(crate) const UNITS: usize = 3;
pub(crate) const BUNDLE_UNITS: usize = 6;
pub(crate) const SERVICES: usize = 7;
const LINES: [&str; 5] =
    ["id", "invoiceDescription", "unitPrice", "internalCurrencyUnitPrice", "internalCurrencyAdjustedPrice"];
const CATALOGUE: [&str; 4] = ["id", "name", "invoiceDescription", "periodType"];

fn of_day() -> [Value; 2] {
    [
        json!({ "op": "lte", "field": "startDate", "value": "2026-11-15T23:59:59" }),
        json!({ "op": "gte", "field": "endDate", "value": "2026-11-15T00:00:00" }),
    ]
}

fn equal(field: &str, value: u32) -> Value {
    json!({ "op": "eq", "field": field, "value": value })
}

fn contracts() -> Exchange {
    let fields =
        ["id", "contractName", "companyID", "contractType", "contractPeriodType", "status", "startDate", "endDate"];
    let [started, not_ended] = of_day();
    let filter = json!([started, not_ended, equal("contractType", 7)]);
    query("/Contracts/query", &fields, &filter).reply(fixture!("contracts.json"))
}

fn units(path: &str, sort: &str, filter: &Value) -> Exchange {
    let (line, product) = (format!("contract{sort}ID"), format!("{}{}ID", sort[..1].to_lowercase(), &sort[1..]));
    let fields = ["id", "contractID", &line, &product, "units", "startDate", "endDate", "approveAndPostDate"];
    query(path, &fields, filter)
}

fn units_of_day(path: &str, index: usize) -> Exchange {
    units(path, "Service", &json!(of_day())).page("units", index, "/items")
}

fn terms(sort: &str, filter: &Value) -> Exchange {
    query(&format!("/Contract{sort}s/query"), &LINES, &json!([filter]))
}

fn catalogue(entity: &str) -> Exchange {
    let all = json!([{ "op": "gte", "field": "id", "value": 0 }]);
    query(&format!("/{entity}/query"), &CATALOGUE, &all)
}

/// Everything that is asked of what is billed.
pub(crate) fn exchanges() -> Vec<Exchange> {
    let used = json!({ "externalRequestThreshold": 10_000, "requestThresholdTimeframe": 60,
        "currentTimeframeRequestCount": 8_000 });
    let contracts_of = |ids: &[u32]| json!({ "op": "in", "field": "contractID", "value": ids });
    let of_line = json!([
        equal("contractID", 7001),
        equal("serviceID", 9001),
        { "op": "gte", "field": "endDate", "value": "2026-11-15T00:00:00" }
    ]);
    let nothing = || json!({ "items": [], "pageDetails": { "count": 0, "nextPageUrl": null } });
    vec![
        get("/ThresholdInformation").reply(used),
        contracts(),
        get("/Contracts/entityInformation/fields").reply(fixture!("contract-fields.json")),
        units_of_day("/ContractServiceUnits/query", 0)
            .reply(fixture!("units-1.json"))
            .counted_at("/items/1/units")
            .counted_at("/items/2/units"),
        units_of_day("/ContractServiceUnits/query/next", 1)
            .query("paging", "{\"pageSize\":500}")
            .reply(fixture!("units-2.json")),
        units_of_day("/ContractServiceUnits/query/next", 2)
            .query("paging", "2")
            .reply(fixture!("units-3.json"))
            .counted_at("/items/0/units"),
        units("/ContractServiceBundleUnits/query", "ServiceBundle", &json!(of_day()))
            .page("bundle units", 0, "/items")
            .counted_at("/items/0/units")
            .reply(fixture!("bundle-units.json")),
        catalogue("Services").reply(fixture!("services.json")),
        get("/Services/entityInformation/fields").reply(fixture!("service-fields.json")),
        catalogue("ServiceBundles").reply(fixture!("bundles.json")),
        get("/ServiceBundles/entityInformation/fields").reply(fixture!("bundle-fields.json")),
        terms("Service", &contracts_of(&[7001, 7002, 7004, 7005])).reply(fixture!("terms.json")),
        terms("ServiceBundle", &contracts_of(&[7001])).reply(fixture!("bundle-terms.json")),
        // One line anew. Its contract may be gone, or be shown no more.
        units("/ContractServiceUnits/query", "Service", &of_line)
            .page("units of a line", 0, "/items")
            .counted_at("/items/4/units")
            .reply(fixture!("units-of-line.json"))
            .nothing(nothing()),
        get("/Contracts/7001").reply(fixture!("contract-7001.json")).tolerates(404).nothing(json!({ "item": null })),
        terms("Service", &equal("id", 8001)).reply(fixture!("terms-of-line.json")),
        refused(Exchange::post("/Contracts/7001/ServiceAdjustments"))
            .json(json!({ "contractID": 7001, "contractServiceID": 8001, "serviceID": 9001, "unitChange": -6,
                "effectiveDate": "2027-01-01T00:00:00" }))
            .reply(json!({ "itemId": null }))
            .changes(),
    ]
}

fn line(agreement: &str, id: &str, product: &str) -> Line {
    Line::new(agreement, id, product).from("2025-01-01").until("2028-01-01")
}

fn bluefin(id: &str, product: &str) -> Line {
    line("7001", id, product).of("30112", "Bluefin managed")
}

fn workstations() -> Line {
    let line = bluefin("8001", "service:9001").product("Managed workstation", "Workstations of Bluefin");
    line.quantity("45").price("31.5", "", Some(1))
}

pub(crate) fn ledger() -> Ledger {
    let twice = "the service stands on the contract twice";
    let backup = |id: &str| bluefin(id, "service:9003").product("Backup", "Backup for a year").locked(twice);
    Ledger {
        on: "2026-11-15",
        companies: vec![
            ("0", "Northgate IT"),
            ("30112", "Bluefin Dental LLC"),
            ("30115", "Tidewater Surveyors"),
            ("39999", ""),
        ],
        lines: vec![
            // The period was split on this very day: the later part holds.
            workstations(),
            // None is not nothing: it stands on the contract.
            bluefin("8002", "service:9002").product("Managed server", "").quantity("0").price("95", "", Some(1)),
            // The own company has the id 0, and it is the last day of its contract.
            line("7002", "8003", "service:9001")
                .of("0", "Own use")
                .product("Managed workstation", "Managed workstation")
                .quantity("3")
                .until("2026-11-16")
                .price("35", "", Some(1)),
            line("7004", "8005", "service:9001")
                .of("30115", "Tidewater on hold")
                .product("Managed workstation", "Managed workstation")
                .quantity("5")
                .from("2026-11-15")
                .price("35", "", Some(1))
                .locked("the status of its contract says neither active nor inactive"),
            // A year's units are the quantity. For which period the contract's own price is meant is not told.
            backup("8007").quantity("2").price("120", "", Some(12)),
            backup("8008").quantity("1").price("99", "", None),
            line("7002", "8009", "service:9099")
                .of("0", "Own use")
                .product("service 9099", "")
                .quantity("2")
                .until("2026-11-16"),
            line("7005", "8010", "service:9004")
                .of("39999", "Out of sight")
                .product("Set-up", "")
                .quantity("1")
                .price("250", "", None)
                .locked("it is billed once"),
            bluefin("8501", "bundle:9501").product("Office bundle", "").quantity("10").price("60", "", Some(1)),
        ],
        left_out: vec![
            ("its contract is not active", 1),
            ("its contract is no recurring service contract in effect", 1),
        ],
        notices: vec![
            "lines whose service Autotask does not list: 1",
            "lines of a contract whose status says neither active nor inactive, taken as billed: 1",
            "companies that are billed and that the API user may not see: 1",
        ],
        // December was billed in advance.
        read: workstations(),
        effective: Some("2027-01-01"),
        proration: "from the first day of a period on: nothing is prorated",
        untouched: vec![
            ("unit price", "35"),
            ("adjusted price", "31.5"),
            ("invoice description", "Workstations of Bluefin"),
            ("units before 2027-01-01", "45"),
        ],
        new: "39",
        cannot_hold: vec!["38.5", "0", "-2"],
        writing: Writing::Difference,
    }
}
