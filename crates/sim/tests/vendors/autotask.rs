//! Autotask: the zone, the three headers, pages by POST, refusals as 500.

use crate::common::{Client, client, distinct, rows};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tallysheet_sim::{BilledLine, LineKind, Options, WriteFault};

#[tokio::test(flavor = "multi_thread")]
async fn autotask_is_found_by_its_zone_and_its_pages_want_the_same_body() {
    let client = client(Options { psa: "autotask", companies: 45, ..Options::default() }).await;
    let setting = |key| client.setting("autotask", key);
    let user = setting("username").replace('+', "%2B").replace('@', "%40");
    let zone = client.get_with(&format!("{}?user={user}", setting("zone_url")), &[]);
    assert_eq!(client.get_with(&format!("{}?user=nobody", setting("zone_url")), &[]).0, 500);
    let unescaped = format!("{}?user={}", setting("zone_url"), setting("username"));
    assert_eq!(client.get_with(&unescaped, &[]).0, 500, "a plus sign is a space");
    let url = format!("{}V1.0", zone.1["url"].as_str().unwrap());

    let headers = [
        ("ApiIntegrationCode", setting("integration_code")),
        ("UserName", setting("username")),
        ("Secret", setting("secret")),
    ];
    let all =
        json!({ "MaxRecords": 500, "IncludeFields": ["id"], "Filter": [{ "op": "gte", "field": "id", "value": 0 }] });
    let (mut companies, mut next) = (Vec::new(), Some(format!("{url}/Companies/query")));
    while let Some(url) = next {
        let (status, body) = client.post_with(&url, &headers, &all);
        assert_eq!(status, 200, "{body}");
        companies.extend(rows(&body["items"]));
        next = body["pageDetails"]["nextPageUrl"].as_str().map(str::to_owned);
    }
    // The own company, and one that left.
    assert_eq!((companies.len(), distinct(&companies, "id")), (47, 47));
    assert_eq!(companies[0]["id"], 0);

    let refused = |body: &Value| client.post_with(&format!("{url}/Companies/query"), &headers, body).0;
    assert_eq!(refused(&json!({ "MaxRecords": 501, "IncludeFields": ["id"], "Filter": all["Filter"] })), 500);
    assert_eq!(refused(&json!({ "MaxRecords": 500, "IncludeFields": ["id"], "Filter": [] })), 500);
    let (status, body) = client.post_with(&format!("{url}/Tickets"), &headers, &json!({ "companyID": 0 }));
    assert_eq!((status, body["errors"].as_array().map(Vec::len)), (500, Some(1)));
}

/// The account, in its zone.
struct Account {
    client: Client,
    url: String,
}

impl Account {
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let setting = |key| self.client.setting("autotask", key);
        let headers = [
            ("ApiIntegrationCode", setting("integration_code")),
            ("UserName", setting("username")),
            ("Secret", setting("secret")),
        ];
        self.client.post_with(&format!("{}{path}", self.url), &headers, body)
    }

    /// All rows that these filters let through.
    fn all(&self, entity: &str, fields: &[&str], filters: &Value) -> Vec<Value> {
        let body = json!({ "MaxRecords": 500, "IncludeFields": fields, "Filter": filters });
        let (mut found, mut next) = (Vec::new(), format!("/{entity}/query"));
        loop {
            let (status, page) = self.post(&next, &body);
            assert_eq!(status, 200, "{page}");
            found.extend(rows(&page["items"]));
            let Some(link) = page["pageDetails"]["nextPageUrl"].as_str() else { return found };
            link.strip_prefix(&self.url).unwrap().clone_into(&mut next);
        }
    }

    /// What a line holds on a day, in the order of its rows: units and the days between which they hold.
    fn units(&self, line: &BilledLine, day: &str) -> Vec<(i64, String, String)> {
        let sort = if line.product.id == 315 { "ContractServiceBundle" } else { "ContractService" };
        let id = format!("{}ID", sort.replacen('C', "c", 1));
        let filters = json!([
            { "op": "lte", "field": "startDate", "value": format!("{day}T00:00:00") },
            { "op": "gte", "field": "endDate", "value": format!("{day}T00:00:00") },
            { "op": "eq", "field": id, "value": line.id },
        ]);
        let found = self.all(&format!("{sort}Units"), &["id", "units", "startDate", "endDate"], &filters);
        let date = |row: &Value, field: &str| row[field].as_str().unwrap()[..10].to_owned();
        let row = |row: &Value| (row["units"].as_i64().unwrap(), date(row, "startDate"), date(row, "endDate"));
        found.iter().map(row).collect()
    }

    /// Adds units to a service.
    fn adjust(&self, line: &BilledLine, change: i64, from: &str) -> (u16, Value) {
        let body = json!({ "contractID": line.agreement, "contractServiceID": line.id, "serviceID": line.product.id,
            "unitChange": change, "effectiveDate": format!("{from}T17:30:00") });
        self.post(&format!("/Contracts/{}/ServiceAdjustments", line.agreement), &body)
    }

    fn lines(&self, meant: impl Fn(&BilledLine) -> bool) -> Vec<BilledLine> {
        self.client.simulation.bills().lines().into_iter().filter(meant).collect()
    }
}

async fn account() -> Account {
    let client = client(Options { psa: "autotask", companies: 45, ..Options::default() }).await;
    let url = client.setting("autotask", "zone_url").replace("/atservicesrest/v1.0/zoneInformation", "");
    Account { client, url: format!("{url}/zone22/ATServicesRest/V1.0") }
}

fn row(units: impl Into<i64>, from: &str, to: &str) -> (i64, String, String) {
    (units.into(), from.to_owned(), to.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_units_is_there_for_every_month_past_and_future() {
    let account = account().await;
    let split = &account.lines(|line| line.kind == LineKind::Billed && line.id.is_multiple_of(4))[0];
    for day in ["2024-04-01", "2026-11-15", "2033-06-30"] {
        assert_eq!(account.units(split, day).len(), 1, "{day}");
        assert_eq!(account.units(split, day)[0].0, i64::from(split.quantity), "{day}");
    }
    // One less since then: on that day two rows hold.
    assert_eq!(
        account.units(split, "2024-03-15"),
        [row(split.quantity + 1, "2024-03-01", "2024-03-15"), row(split.quantity, "2024-03-15", "2024-03-31"),]
    );
    let is_there = |kind: LineKind, day: &str| {
        let found: Vec<bool> =
            account.lines(|line| line.kind == kind).iter().map(|line| !account.units(line, day).is_empty()).collect();
        assert!(!found.is_empty(), "{kind:?}");
        found.iter().all(|found| *found)
    };
    assert!(is_there(LineKind::Cancelled, "2022-12-31") && !is_there(LineKind::Cancelled, "2023-01-01"));
    assert!(!is_there(LineKind::Future, "2033-12-31") && is_there(LineKind::Future, "2034-01-01"));
    assert!(is_there(LineKind::NotBilled, "2026-11-15"));
    assert!(
        account.lines(|line| line.product.id == 315).iter().any(|line| account.units(line, "2026-11-15").len() == 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_of_every_sort_are_listed() {
    let account = account().await;
    let fields = ["id", "contractType", "status", "endDate", "companyID"];
    let all = json!({ "op": "gte", "field": "id", "value": 0 });
    let listed = account.all("Contracts", &fields, &json!([all.clone()]));
    let sorts: BTreeMap<(i64, i64, bool), usize> = listed.iter().fold(BTreeMap::new(), |mut sorts, contract| {
        let ended = contract["endDate"].as_str().unwrap() < "2026";
        let number = |field: &str| contract[field].as_i64().unwrap();
        *sorts.entry((number("contractType"), number("status"), ended)).or_default() += 1;
        sorts
    });
    let [in_effect, expired, other] = [(7, 1, false), (7, 1, true), (1, 1, false)].map(|sort| sorts[&sort]);
    assert!(in_effect > 45 && in_effect == expired && in_effect == other, "two for most companies: {sorts:?}");
    assert!(sorts[&(7, 0, false)] > 0);
    assert!(listed.iter().all(|contract| contract.get("contractName").is_none()), "only what was asked for");
    let recurring = json!([all.clone(), { "op": "eq", "field": "contractType", "value": 7 }]);
    assert!(account.all("Contracts", &fields, &recurring).len() < listed.len());

    let some = json!([{ "op": "in", "field": "contractID", "value": [50_000, 50_001] }]);
    let lines = account.all("ContractServices", &["id", "contractID", "serviceID", "unitPrice"], &some);
    assert!(!lines.is_empty() && lines.iter().all(|line| line["contractID"].as_i64().unwrap() <= 50_001), "{lines:?}");
    let services = account.all("Services", &["id", "name", "periodType"], &json!([all]));
    assert_eq!((services.len(), &services[0]["name"]), (5, &json!("MNG-WKS")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjustment_adds_units_from_its_day_on() {
    let account = account().await;
    let bills = account.client.simulation.bills();
    let is_plain =
        |line: &BilledLine| line.kind == LineKind::Billed && line.product.id != 315 && !line.id.is_multiple_of(4);
    let lines = account.lines(|line| is_plain(line) && line.quantity > 3);
    let (line, quantity) = (&lines[0], lines[0].quantity);
    assert_eq!(account.adjust(line, 2, "2026-12-01"), (200, json!({ "itemId": null })));
    assert_eq!(account.units(line, "2026-11-30"), [row(quantity, "2026-11-01", "2026-11-30")]);
    assert_eq!(account.units(line, "2026-12-01"), [row(quantity + 2, "2026-12-01", "2026-12-31")]);
    assert_eq!(bills.writes(), [(line.id, quantity, quantity + 2)]);

    // One a day for each service; in the middle of a month it splits the row.
    let (status, body) = account.adjust(line, -1, "2026-12-01");
    assert_eq!(status, 500);
    assert!(body["errors"][0].as_str().unwrap().contains("contract_service_period"));
    assert_eq!(account.adjust(line, -1, "2026-12-10").0, 200);
    assert_eq!(
        account.units(line, "2026-12-10"),
        [row(quantity + 2, "2026-12-01", "2026-12-10"), row(quantity + 1, "2026-12-10", "2026-12-31")]
    );

    // Nothing below zero, no parts, no day outside; and a line that is not there is none that is changed.
    let other = &lines[1];
    assert_eq!(account.adjust(other, -1 - i64::from(other.quantity), "2026-12-01").0, 500);
    assert_eq!(account.adjust(other, 1, "2040-01-01").0, 500);
    assert_eq!(account.adjust(&BilledLine { id: 1, ..other.clone() }, 1, "2026-12-01").0, 200);
    assert_eq!(bills.writes().len(), 2);

    bills.fail(Some(WriteFault::NoRight));
    let body = json!({ "contractID": other.agreement });
    let path = format!("/Contracts/{}/ServiceAdjustments", other.agreement);
    assert_eq!(account.post(&path, &body).0, 403);
    bills.fail(Some(WriteFault::AnswerLost));
    let body = json!({ "contractID": other.agreement, "contractServiceID": other.id, "serviceID": other.product.id,
        "unitChange": 1, "effectiveDate": "2026-12-01" });
    assert_eq!(account.post(&path, &body).0, 503);
    assert_eq!(account.units(other, "2026-12-01")[0].0, i64::from(other.quantity) + 1);
}
