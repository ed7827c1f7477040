//! ConnectWise PSA: what it bills, agreement by agreement; a patch of one addition.

use crate::basic;
use crate::common::{Client, client, distinct, rows};
use serde_json::{Value, json};
use tallysheet_sim::{LineKind, Options, WriteFault};

/// The address of the API, and the headers of a call.
fn door(client: &Client) -> (String, [(&'static str, String); 2]) {
    let setting = |key| client.setting("connectwise-psa", key);
    let user = format!("{}+{}", setting("company_id"), setting("public_key"));
    let headers =
        [("Authorization", basic(&user, setting("private_key"))), ("clientid", setting("client_id").to_owned())];
    (format!("{}/v4_6_release/apis/3.0", setting("url")), headers)
}

fn pages(client: &Client, path: &str) -> Vec<Value> {
    let (url, headers) = door(client);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut all = Vec::new();
    for page in 1.. {
        let join = if path.contains('?') { '&' } else { '?' };
        let (status, body) = client.get_with(&format!("{url}{path}{join}orderBy=id&pageSize=20&page={page}"), &headers);
        assert_eq!(status, 200, "{body}");
        all.extend(rows(&body));
        if rows(&body).len() < 20 {
            break;
        }
    }
    assert_eq!(distinct(&all, "id"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_billed_is_told_by_agreement_with_every_trap() {
    let client = client(Options::default()).await;
    let all = pages(&client, "/finance/agreements");
    let open = pages(&client, "/finance/agreements?conditions=cancelledFlag%3Dfalse");
    assert_eq!(all.len(), open.len() + 1, "a cancelled one is among all");
    assert!(open.iter().any(|row| row["agreementStatus"] != "Active"));
    assert!(open.iter().any(|row| row["startDate"].as_str().unwrap() > "2090"));
    let ended = |row: &&Value| row["endDate"].as_str().is_some_and(|end| !end.is_empty());
    assert!(open.iter().filter(ended).any(|row| row["noEndingDateFlag"] == true), "a date that means nothing");
    assert!(
        open.iter().filter(ended).any(|row| row["noEndingDateFlag"] == false && row["agreementStatus"] == "Active")
    );

    let lines = client.simulation.bills().lines();
    let mut told = Vec::new();
    for agreement in open.iter().filter(|row| row["id"].as_u64().unwrap() >= 50_000) {
        told.extend(pages(&client, &format!("/finance/agreements/{}/additions", agreement["id"])));
    }
    assert_eq!(told.len(), lines.len(), "each line in its own agreement");
    for line in &lines {
        let row = told.iter().find(|row| row["id"] == line.id).unwrap();
        assert_eq!(row["quantity"].as_f64(), Some(f64::from(line.quantity)));
        let included = row["lessIncluded"].as_f64();
        assert!(included == Some(f64::from(line.included)) || (line.included == 0 && included.is_none()), "{row}");
        assert_eq!(row["product"]["identifier"], line.product.code);
        let billed = row["billCustomer"] == "Billable";
        assert_eq!(billed, line.kind != LineKind::NotBilled, "{row}");
    }
    let ends: Vec<&Value> = told.iter().filter_map(|row| row.get("cancelledDate")).collect();
    assert!(ends.len() < told.len() && ends.iter().any(|end| end.is_null()) && ends.iter().any(|end| **end == ""));

    let (url, headers) = door(&client);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let read = |path: &str| client.get_with(&format!("{url}{path}"), &headers);
    assert_eq!(read("/finance/agreements/1/additions").0, 404, "no such agreement");
    assert_eq!(read("/finance/agreements?conditions=name%3D1").0, 400);
    let asked = read("/finance/agreements?fields=id,company&pageSize=1").1;
    assert_eq!(asked[0].as_object().unwrap().len(), 2, "no more than was asked for: {asked}");
    let stranger = basic("examplemsp+else", "else");
    let headers = [("Authorization", stranger.as_str()), headers[1]];
    assert_eq!(client.get_with(&format!("{url}/finance/agreements"), &headers).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_replaces_a_quantity_and_nothing_else() {
    let client = client(Options::default()).await;
    let (url, headers) = door(&client);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let bills = client.simulation.bills();
    let line = bills.lines().swap_remove(4);
    let url = format!("{url}/finance/agreements/{}/additions/{}", line.agreement, line.id);
    let step = |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    for wrong in [
        step("replace", "/quantity", json!(44)),
        step("replace", "unitPrice", json!(44)),
        step("remove", "quantity", json!(44)),
        step("replace", "quantity", json!("44")),
        json!([]),
    ] {
        assert_eq!(client.patch_with(&url, &headers, &wrong).0, 400, "{wrong}");
    }
    let good = step("replace", "quantity", json!(line.quantity + 2));
    let elsewhere = url.replace(&format!("/{}/", line.agreement), &format!("/{}/", line.agreement + 1));
    assert_eq!(client.patch_with(&elsewhere, &headers, &good).0, 404, "the line of another agreement");
    bills.fail(Some(WriteFault::NoRight));
    assert_eq!(client.patch_with(&url, &headers, &good).0, 403);
    bills.fail(None);
    assert_eq!(bills.writes(), []);

    let before = client.get_with(&url, &headers).1;
    let (status, mut after) = client.patch_with(&url, &headers, &good);
    assert_eq!((status, after["quantity"].as_f64()), (200, Some(f64::from(line.quantity + 2))));
    assert_eq!(bills.writes(), [(line.id, line.quantity, line.quantity + 2)]);
    for follows in ["quantity", "billedQuantity", "extPrice"] {
        after[follows] = before[follows].clone();
    }
    assert_eq!(after, before);

    bills.fail(Some(WriteFault::AnswerLost));
    assert_eq!(client.patch_with(&url, &headers, &step("replace", "quantity", json!(1))).0, 503);
    assert_eq!(bills.writes().len(), 2, "it is written all the same");
}
