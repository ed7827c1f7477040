//! Duo: signatures, accounts, and users that add up to the summaries.

use crate::common::{Client, client, distinct, rows};
use crate::{basic, expected_sum, sum};
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use tallysheet_sim::Options;

/// How a test signs its requests.
#[derive(Clone)]
struct Signer {
    user: String,
    secret: String,
    host: String,
    late: i64,
}

impl Signer {
    fn of(client: &Client) -> Self {
        let setting = |key| client.setting("duo", key).to_owned();
        Self { user: setting("integration_key"), secret: setting("secret_key"), host: "127.0.0.1".to_owned(), late: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "the vendor has the machine's own clock")]
    fn date(&self) -> String {
        let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - self.late).unwrap();
        at.strftime("%a, %d %b %Y %H:%M:%S -0000").to_string()
    }

    /// Version 5, which covers the body.
    fn whole(&self, client: &Client, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let sent = body.map(ToString::to_string).unwrap_or_default();
        let method = if body.is_some() { "POST" } else { "GET" };
        let hash = |text: &str| hex(Sha512::digest(text));
        let (date, path) = (self.date(), format!("/duo{path}"));
        let lines = [&date, method, &self.host, &path, query, &hash(&sent), &hash("")].join("\n");
        let mac = Hmac::<Sha512>::new_from_slice(self.secret.as_bytes()).unwrap().chain_update(lines);
        let signature = basic(&self.user, &hex(mac.finalize().into_bytes()));
        let headers = [("Date", date.as_str()), ("Authorization", signature.as_str())];
        let url = client.setting("duo", "url").replace("/duo", &path);
        match body {
            Some(body) => client.post_with(&url, &headers, body),
            None if query.is_empty() => client.get_with(&url, &headers),
            None => client.get_with(&format!("{url}?{query}"), &headers),
        }
    }

    /// Version 2 in its first form.
    fn old(&self, client: &Client, path: &str) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let date = self.date();
        let lines = [&date, "GET", &self.host, &format!("/duo{path}"), query].join("\n");
        let mac = Hmac::<Sha1>::new_from_slice(self.secret.as_bytes()).unwrap().chain_update(lines);
        let signature = basic(&self.user, &hex(mac.finalize().into_bytes()));
        let url = format!("{}{path}?{query}", client.setting("duo", "url"));
        client.get_with(&url, &[("Date", &date), ("Authorization", &signature)])
    }
}

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

const LIST: &str = "/accounts/v1/account/list";

#[tokio::test(flavor = "multi_thread")]
async fn users_add_up_and_one_account_refuses() {
    let client = client(Options { companies: 40, devices_per_company: 90, ..Options::default() }).await;
    let signer = Signer::of(&client);
    let (status, list) = signer.whole(&client, LIST, Some(&json!({})));
    assert_eq!((status, &list["stat"]), (200, &json!("OK")));
    let accounts = rows(&list["response"]);
    assert_eq!(distinct(&accounts, "account_id"), accounts.len());
    assert!(accounts.iter().all(|account| account["api_hostname"] == signer.host));

    let (mut summaries, mut locked) = (Vec::new(), 0);
    for account in &accounts {
        let about = format!("account_id={}", account["account_id"].as_str().unwrap());
        let (status, summary) = signer.whole(&client, &format!("/admin/v1/info/summary?{about}"), None);
        if status != 200 {
            assert_eq!((status, &summary["code"]), (403, &json!(40301)));
            locked += 1;
            continue;
        }
        let (mut statuses, mut next) = (BTreeMap::<String, u64>::new(), Some(0));
        let mut total = json!(0);
        while let Some(offset) = next {
            let path = format!("/admin/v1/users?{about}&limit=50&offset={offset}");
            // Both versions serve.
            let (status, page) = signer.old(&client, &path);
            assert_eq!(status, 200, "{page}");
            for user in rows(&page["response"]) {
                *statuses.entry(user["status"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            (next, total) = (page["metadata"]["next_offset"].as_u64(), page["metadata"]["total_objects"].clone());
        }
        let pending = statuses.remove("pending deletion").unwrap_or_default();
        let summary = &summary["response"];
        assert_eq!(
            (&summary["user_count"], &summary["user_pending_deletion_count"]),
            (&json!(statuses.values().sum::<u64>()), &json!(pending))
        );
        assert_eq!(total, json!(statuses.values().sum::<u64>() + pending));
        summaries.push(summary.clone());
    }
    assert_eq!(locked, 1);
    assert!(summaries.iter().any(|summary| summary["user_count"].as_u64() > Some(50)), "one page tests no paging");
    assert_eq!(sum(&summaries, "user_count"), expected_sum(&client.simulation, "Duo: Users"));
    assert!(sum(&summaries, "user_pending_deletion_count") > Decimal::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_right_is_refused() {
    let client = client(Options::default()).await;
    let good = Signer::of(&client);
    let text = |text: &str| text.to_owned();
    for (signer, code) in [
        (Signer { user: text("DIELSE"), ..good.clone() }, 40102),
        (Signer { secret: text("wrong"), ..good.clone() }, 40103),
        (Signer { host: text("api-00000000.duosecurity.com"), ..good.clone() }, 40103),
        (Signer { late: 900, ..good.clone() }, 40105),
        (Signer { late: -900, ..good.clone() }, 40105),
    ] {
        let (status, body) = signer.whole(&client, LIST, Some(&json!({})));
        assert_eq!((status, &body["stat"], &body["code"]), (401, &json!("FAIL"), &json!(code)));
    }
    let url = client.setting("duo", "url");
    assert_eq!(client.get_with(&format!("{url}/admin/v1/users"), &[]).1["code"], 40101);
    let unsaid = client.get_with(&format!("{url}/admin/v1/users"), &[("Authorization", &basic(&good.user, "0"))]);
    assert_eq!(unsaid.1["code"], 40104);

    assert_eq!(good.whole(&client, LIST, None).1["code"], 40501, "the list is asked for by POST");
    assert_eq!(good.whole(&client, "/admin/v1/info/summary", None).1["code"], 40301, "about the parent");
    let accounts = rows(&good.whole(&client, LIST, Some(&json!({}))).1["response"]);
    let about = accounts.iter().map(|account| format!("account_id={}", account["account_id"].as_str().unwrap()));
    let answers = |about: &String| good.whole(&client, &format!("/admin/v1/info/summary?{about}"), None).0 == 200;
    let about = about.into_iter().find(answers).unwrap();
    assert_eq!(good.whole(&client, &format!("/admin/v1/users?{about}&limit=301"), None).1["code"], 40002);
    assert_eq!(good.whole(&client, &format!("/admin/v1/billing/edition?{about}"), None).1["code"], 40301);
}
