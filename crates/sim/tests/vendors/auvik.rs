//! Auvik's side of the wire.

use crate::common::{client, distinct, rows};
use crate::{basic, expected_sum};
use rust_decimal::Decimal;
use serde_json::Value;
use tallysheet_sim::Options;

#[tokio::test(flavor = "multi_thread")]
async fn auvik_devices_below_the_main_account_add_up() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("auvik", key);
    let (url, media_type) = (setting("url"), ("Accept", "application/vnd.api+json"));
    let authorization = basic(setting("username"), setting("api_key"));
    let get = |url: &str| client.get_with(url, &[("Authorization", &authorization), media_type]);
    let detail = format!("{url}/v1/tenants/detail?tenantDomainPrefix={}", setting("domain_prefix"));
    let wrong = basic(setting("username"), "wrong");
    assert_eq!(client.get_with(&detail, &[("Authorization", &wrong), media_type]).0, 401);
    assert_eq!(client.get(&detail, &authorization).0, 406);
    assert_eq!(get(&format!("{url}/v1/tenants/detail")).0, 400);
    assert_eq!(get(&format!("{url}/v1/tenants/detail?tenantDomainPrefix=other")).0, 404);

    let all = rows(&get(&detail).1["data"]);
    let tenants = rows(&get(&format!("{detail}&filter[availableTenants]=true")).1["data"]);
    assert_eq!(tenants.len(), all.len() - 1, "one is not for this key");
    let root: Vec<&Value> = tenants.iter().filter(|tenant| tenant["relationships"].is_null()).collect();
    let [root] = root[..] else { panic!("one tenant is above all: {root:?}") };

    let list = format!("{url}/v2/api/inventory/device/info");
    assert_eq!(get(&list).0, 400);
    assert_eq!(get(&format!("{list}?tenant=1")).0, 403);
    let tenant = format!("tenant={}", root["id"].as_str().unwrap());
    assert_eq!(get(&format!("{list}?{tenant}&page[first]=10001")).0, 400);
    let (mut devices, mut next) = (Vec::new(), Some(format!("{list}?page[first]=90")));
    while let Some(page) = next {
        let (status, body) = get(&format!("{page}&{tenant}"));
        assert_eq!(status, 200, "{body}");
        devices.extend(rows(&body["data"]));
        next = body["links"]["next"].as_str().map(str::to_owned);
        assert!(next.as_ref().is_none_or(|next| !next.contains("tenant")), "a link forgets the tenant");
    }
    assert_eq!(distinct(&devices, "id"), devices.len());
    assert!(devices.len() > 180, "two pages test no paging");

    let disabled: Vec<&Value> = tenants.iter().filter(|tenant| tenant["attributes"]["enabled"] == false).collect();
    devices.retain(|device| {
        !disabled.iter().any(|tenant| tenant["id"] == device["relationships"]["tenant"]["data"]["id"])
    });
    assert_eq!(Decimal::from(devices.len()), expected_sum(&client.simulation, "Auvik: Devices"));
    let types = ["router", "switch", "l3Switch", "voipSwitch", "stack", "firewall", "utm", "controller"];
    let billed = devices.iter().filter(|device| {
        let attributes = &device["attributes"];
        attributes["manageStatus"] == true && types.contains(&attributes["deviceType"].as_str().unwrap())
    });
    assert_eq!(Decimal::from(billed.count()), expected_sum(&client.simulation, "Auvik: Billable devices"));
}
