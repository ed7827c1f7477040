//! The vendors' side of the wire: credentials, tokens and pages; and what the answers add up to is what is expected.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod autotask;
mod auvik;
#[path = "../common/mod.rs"]
mod common;
mod connectwise_psa;
mod cork;
mod dropsuite;
mod duo;
mod freshdesk;
mod halopsa;
mod itglue;
mod kaseya_bms;
mod proofpoint_essentials;
mod sentinelone;
mod servicenow;
mod sherweb;
mod superops;
mod tdsynnex_stellr;
mod tdsynnex_streamone_ion;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Client, bearer, client, distinct, rows};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tallysheet_sim::{Options, Simulation, Truth};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The sum of a column, unmapped rows included.
fn expected_sum(simulation: &Simulation, column: &str) -> Decimal {
    let expected = simulation.expected();
    let place = expected.columns.iter().position(|title| title == column).unwrap();
    let number = |truth: &Truth| if let Truth::Number(number) = truth { *number } else { Decimal::ZERO };
    expected.rows.iter().map(|row| number(&row.cells[place])).sum()
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Value>, key: &str) -> Decimal {
    rows.into_iter().filter_map(|row| row[key].to_string().parse::<Decimal>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn huntress_pages_are_complete_and_disjoint() {
    let client = client(Options::default()).await;
    let url = format!("{}/organizations", client.setting("huntress", "url"));
    let (key, secret) = (client.setting("huntress", "api_key"), client.setting("huntress", "api_secret"));
    assert_eq!(client.get(&url, &basic(key, "wrong")).0, 401);
    assert_eq!(client.get(&format!("{url}?limit=501"), &basic(key, secret)).0, 400);
    assert_eq!(client.get(&format!("{url}?page_token=wrong"), &basic(key, secret)).0, 400);
    assert_eq!(rows(&client.read(&url, &basic(key, secret))["organizations"]).len(), 10, "the vendor's default");

    let mut organisations = Vec::new();
    let mut next = Some(format!("{url}?limit=7"));
    while let Some(url) = next {
        let body = client.read(&url, &basic(key, secret));
        organisations.extend(rows(&body["organizations"]));
        next = body["pagination"]["next_page_url"].as_str().map(str::to_owned);
    }
    assert_eq!(distinct(&organisations, "id"), organisations.len());
    for (key, column) in [
        ("agents_count", "Huntress: Agents"),
        ("billable_identity_count", "Huntress: Identities"),
        ("sat_learner_count", "Huntress: SAT learners"),
    ] {
        assert_eq!(sum(&organisations, key), expected_sum(&client.simulation, column), "{column}");
    }
}

fn datto_token(client: &Client, integration: &str) -> (u16, Value) {
    let setting = |key| client.setting(integration, key);
    let form = [("grant_type", "password"), ("username", setting("api_key")), ("password", setting("api_secret"))];
    let url = format!("{}/auth/oauth/token", setting("url"));
    client.post_form(&url, &basic("public-client", "public"), &form)
}

fn datto_pages(client: &Client, path: &str, token: &str, key: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = Some(format!("{}/api/v2/{path}", client.setting("datto-rmm", "url")));
    while let Some(url) = next {
        let body = client.read(&url, token);
        all.extend(rows(&body[key]));
        next = body["pageDetails"]["nextPageUrl"].as_str().map(str::to_owned);
    }
    assert_eq!(distinct(&all, "uid"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn datto_devices_add_up_once_the_short_site_is_read_again() {
    let client = client(Options::default()).await;
    let token = bearer(datto_token(&client, "datto-rmm"));
    let sites = datto_pages(&client, "account/sites", &token, "sites");
    let listed = datto_pages(&client, "account/devices", &token, "devices");
    assert!(listed.len() > 250, "one page tests no paging");

    let live = |devices: &[Value], site: &Value| {
        devices.iter().filter(|device| device["siteUid"] == site["uid"] && device["deleted"] == false).count()
    };
    let mut short = 0;
    let mut counted = 0;
    let system = |site: &&Value| ["Managed", "OnDemand", "Deleted Devices"].contains(&site["name"].as_str().unwrap());
    assert_eq!(sites.iter().filter(system).count(), 3);
    for site in sites.iter().filter(|site| !system(site)) {
        let path = format!("site/{}/devices", site["uid"].as_str().unwrap());
        let devices = live(&datto_pages(&client, &path, &token, "devices"), site);
        assert_eq!(json!(devices), site["devicesStatus"]["numberOfDevices"]);
        short += usize::from(live(&listed, site) < devices);
        counted += if site["onDemand"] == true { 0 } else { devices };
    }
    assert_eq!(short, 1);
    assert_eq!(Decimal::from(counted), expected_sum(&client.simulation, "Datto RMM: Devices"));
}

#[tokio::test(flavor = "multi_thread")]
async fn datto_refuses_a_wrong_call_a_used_up_token_and_a_revoked_key() {
    let client = client(Options::default()).await;
    let account = format!("{}/api/v2/account", client.setting("datto-rmm", "url"));
    assert_eq!(client.get(&account, "Bearer invented").0, 401);
    assert_eq!(datto_token(&client, "datto-west").0, 401);

    let token = bearer(datto_token(&client, "datto-rmm"));
    let statuses: Vec<u16> = (0..160).map(|_| client.get(&account, &token).0).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!(served < 160 && statuses[..served].iter().all(|status| *status == 200), "a token ends: {statuses:?}");
    let renewed = bearer(datto_token(&client, "datto-rmm"));
    assert_eq!(client.get(&account, &renewed).0, 200);
    assert_eq!(client.get(&format!("{account}/sites?max=251"), &renewed).0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn automate_wants_a_passcode_and_a_client_id_and_its_pages_add_up() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("connectwise-automate", key);
    let url = format!("{}/api/v1", setting("url"));
    let mut login = json!({"UserName": setting("username"), "Password": setting("password")});
    let ask = |login: &Value| client.post_json(&format!("{url}/apitoken"), "", login);
    let (status, refused) = ask(&login);
    assert_eq!((status, &refused["AccessToken"], &refused["IsTwoFactorRequired"]), (200, &json!(""), &json!(true)));
    let secret = totp_rs::Secret::try_from_base32(setting("totp_secret")).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    login["TwoFactorPasscode"] = json!(totp.generate_current().to_string());
    let token = format!("Bearer {}", ask(&login).1["AccessToken"].as_str().unwrap());
    login["Password"] = json!("wrong");
    assert_eq!(ask(&login).0, 401);

    let computers = format!("{url}/Computers");
    assert_eq!(client.get(&computers, &token).0, 401, "a client id is needed");
    let headers = [("Authorization", token.as_str()), ("ClientId", setting("client_id"))];
    assert_eq!(rows(&client.get_with(&computers, &headers).1).len(), 25, "the vendor's default");
    assert_eq!(client.get_with(&format!("{computers}?pageSize=1001"), &headers).0, 400);
    let mut all = Vec::new();
    for page in 1.. {
        let more = rows(&client.get_with(&format!("{computers}?pageSize=70&page={page}"), &headers).1);
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    assert_eq!(distinct(&all, "Id"), all.len());
    assert_eq!(all.iter().filter(|computer| computer["Client"].is_null()).count(), 1);
    let [workstations, servers] = ["Workstations", "Servers"]
        .map(|name| expected_sum(&client.simulation, &format!("ConnectWise Automate: {name}")));
    assert_eq!(Decimal::from(all.len()), workstations + servers);
    let is_typed =
        |computer: &&Value| computer["Type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("server"));
    let typed = all.iter().filter(is_typed).count();
    assert!(0 < typed && Decimal::from(typed) < servers, "some servers are known by their operating system alone");
}

fn ninjaone_pages(client: &Client, path: &str, token: &str) -> Vec<Value> {
    let (url, mut all) = (client.setting("ninjaone", "url"), Vec::new());
    loop {
        let after = all.last().map_or_else(|| json!(0), |row: &Value| row["id"].clone());
        let page = rows(&client.read(&format!("{url}/v2/{path}?pageSize=70&after={after}"), token));
        all.extend(page.iter().cloned());
        if page.len() < 70 {
            break;
        }
    }
    assert_eq!(distinct(&all, "id"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn ninjaone_devices_that_are_approved_add_up() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("ninjaone", key);
    let login = |secret: &str, scope: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", setting("client_id")),
            ("client_secret", secret),
            ("scope", scope),
        ];
        client.post_form(&format!("{}/ws/oauth/token", setting("url")), "", &form)
    };
    assert_eq!(login("wrong", "monitoring"), (400, json!({"error": "invalid_client"})));
    let two = login(setting("client_secret"), "monitoring management");
    assert_eq!(two, (400, json!({"error": "invalid_scope"})));
    let token = bearer(login(setting("client_secret"), "monitoring"));
    let list = format!("{}/v2/devices", setting("url"));
    assert_eq!(client.get(&list, "Bearer invented").0, 401);
    assert_eq!(client.get(&format!("{list}?pageSize=1001"), &token).0, 400);

    let organizations = ninjaone_pages(&client, "organizations", &token);
    let devices = ninjaone_pages(&client, "devices", &token);
    assert!(devices.iter().all(|device| organizations.iter().any(|org| org["id"] == device["organizationId"])));
    assert!(devices.iter().any(|device| device["approvalStatus"] != "APPROVED"));
    for (column, is_of) in [
        ("Workstations", (|class| class == "MAC" || class.ends_with("_WORKSTATION")) as fn(&str) -> bool),
        ("Servers", |class| class.ends_with("_SERVER") && !class.starts_with("NMS_")),
        ("Network devices", |class| class.starts_with("NMS_")),
    ] {
        let approved = devices.iter().filter(|device| device["approvalStatus"] == "APPROVED");
        let counted = approved.filter(|device| is_of(device["nodeClass"].as_str().unwrap())).count();
        assert_eq!(
            Decimal::from(counted),
            expected_sum(&client.simulation, &format!("NinjaOne: {column}")),
            "{column}"
        );
    }
}

fn pax8_pages(client: &Client, path: &str, token: &str) -> Vec<Value> {
    let (url, mut all) = (client.setting("pax8", "url"), Vec::new());
    for page in 0.. {
        let body = client.read(&format!("{url}/{path}size=7&page={page}"), token);
        all.extend(rows(&body["content"]));
        if page + 1 >= body["page"]["totalPages"].as_u64().unwrap() {
            assert_eq!(body["page"]["totalElements"], json!(all.len()));
            break;
        }
    }
    assert_eq!(distinct(&all, "id"), all.len());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn pax8_subscriptions_that_run_add_up() {
    let client = client(Options::default()).await;
    let url = client.setting("pax8", "url");
    let mut login = json!({
        "client_id": client.setting("pax8", "client_id"), "client_secret": client.setting("pax8", "client_secret"),
        "audience": "https://api.pax8.com", "grant_type": "client_credentials",
    });
    let token = || bearer(client.post_json(&format!("{url}/token"), "", &login));
    assert_eq!(client.get(&format!("{url}/companies"), "").0, 401);

    let mut running = Vec::new();
    for status in ["Active", "Activated", "PendingCancel"] {
        running.extend(pax8_pages(&client, &format!("subscriptions?status={status}&"), &token()));
    }
    running.retain(|row| {
        let ended = row["endDate"].as_str().is_some_and(|end| end < "2026");
        !ended && row["billingTerm"] != "Trial" && row["billingTerm"] != "One-Time"
    });
    let token = token();
    // One product's name is not in the subscriptions: it must be asked for.
    let unnamed: Vec<&mut Value> = running.iter_mut().filter(|row| row["productName"] == "").collect();
    let product = client.read(&format!("{url}/products/{}", unnamed[0]["productId"].as_str().unwrap()), &token);
    for row in unnamed {
        assert_eq!(row["productId"], product["id"]);
        row["productName"] = product["name"].clone();
    }
    let untold: Vec<&Value> = running.iter().filter(|row| row["quantity"].is_null()).collect();
    let [untold] = untold[..] else { panic!("one subscription has no quantity: {untold:?}") };
    let failed = |row: &Value| row["companyId"] == untold["companyId"] && row["productName"] == untold["productName"];
    for product in ["Mail Filter Advanced", "Object Storage (TB)", "Password Vault Business", "Email Signature Studio"]
    {
        let rows = running.iter().filter(|row| row["productName"] == product && !failed(row));
        assert_eq!(sum(rows, "quantity"), expected_sum(&client.simulation, &format!("PAX8: {product}")), "{product}");
    }

    login["client_secret"] = json!("wrong");
    let (status, body) = client.post_json(&format!("{url}/token"), "", &login);
    assert_eq!((status, &body["error"]), (401, &json!("access_denied")));
    assert_eq!(client.get(&format!("{url}/subscriptions?companyId=not-ours"), &token).0, 403);
    assert_eq!(client.get(&format!("{url}/companies?size=201"), &token).0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_tells_each_tenant_apart_and_one_has_not_consented() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("microsoft-graph", key);
    let login = |tenant: &str, secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", setting("client_id")),
            ("client_secret", secret),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        client.post_form(&setting("token_url").replace("{tenant}", tenant), "", &form)
    };
    let partner = setting("tenant_id");
    assert_eq!(login(partner, "wrong").1["error_codes"], json!([7_000_215]));
    assert_eq!(login("unknown.example", setting("client_secret")).1["error_codes"], json!([90002]));

    let token = bearer(login(partner, setting("client_secret")));
    let mut contracts = Vec::new();
    let mut next = Some(format!("{}/contracts?$top=5", setting("url")));
    while let Some(url) = next {
        let body = client.read(&url, &token);
        contracts.extend(rows(&body["value"]));
        next = body["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(distinct(&contracts, "id"), contracts.len());
    assert_eq!(distinct(&contracts, "customerId"), contracts.len() - 1, "one customer has two contracts");

    let (mut closed, mut assigned) = (Vec::new(), Vec::new());
    for contract in &contracts[1..] {
        let (status, body) = login(contract["customerId"].as_str().unwrap(), setting("client_secret"));
        if status != 200 {
            assert_eq!((status, &body["error_codes"]), (400, &json!([700_016])));
            closed.push(contract["displayName"].clone());
            continue;
        }
        let token = bearer((status, body));
        assert_eq!(client.get(&format!("{}/contracts", setting("url")), &token).0, 403);
        let batch = json!({"requests": [
            {"id": "s", "method": "GET", "url": "/subscribedSkus?$select=skuId"},
            {"id": "o", "method": "GET", "url": "/organization"},
            {"id": "x", "method": "GET", "url": "/nothing"},
        ]});
        let (status, body) = client.post_json(&format!("{}/$batch", setting("url")), &token, &batch);
        assert_eq!(status, 200, "{body}");
        let part = |id: &str| rows(&body["responses"]).into_iter().find(|part| part["id"] == id).unwrap();
        assert_eq!(part("x")["status"], 404);
        assert_eq!(part("o")["body"]["value"][0]["displayName"], contract["displayName"]);
        assigned.extend(rows(&part("s")["body"]["value"]));
    }
    assert_eq!(closed.len(), 1);
    for (part, name) in [("SPB", "Microsoft 365 Business Premium"), ("EXCHANGESTANDARD", "Exchange Online (Plan 1)")] {
        let of_part = assigned.iter().filter(|row| row["skuPartNumber"] == part);
        let column = format!("Microsoft 365: {name} (assigned)");
        assert_eq!(sum(of_part, "consumedUnits"), expected_sum(&client.simulation, &column), "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asio_endpoints_add_up_once_a_row_that_comes_twice_counts_once() {
    let client = client(Options { companies: 60, ..Options::default() }).await;
    let setting = |key| client.setting("connectwise-asio", key);
    let login = |secret: &str, scope: &str| {
        let body = json!({ "grant_type": "client_credentials", "client_id": setting("client_id"), "client_secret": secret, "scope": scope });
        client.post_json(&format!("{}/v1/token", setting("url")), "", &body)
    };
    let scope = "platform.companies.read platform.asset.read";
    assert_eq!(login("wrong", scope).1["error"], "invalid_client");
    assert_eq!(login(setting("client_secret"), "platform.devices.read").1["error"], "invalid_scope");
    let token = bearer(login(setting("client_secret"), scope));
    let base = format!("{}/api/platform/v1", setting("url"));
    assert_eq!(client.get(&format!("{base}/device/endpoints"), "Bearer invented").0, 401);
    let companies = rows(&client.read(&format!("{base}/company/companies"), &token));

    let mut endpoints = Vec::new();
    for page in 0.. {
        let more = rows(&client.read(&format!("{base}/device/endpoints?page={page}"), &token)["endpoints"]);
        if more.len() < 2 {
            break;
        }
        endpoints.extend(more);
    }
    let listed = endpoints.len();
    endpoints.sort_by_key(|endpoint| endpoint["endpointId"].to_string());
    endpoints.dedup_by_key(|endpoint| endpoint["endpointId"].to_string());
    assert!(endpoints.len() < listed, "a row comes twice");
    assert!(endpoints.iter().all(|endpoint| companies.iter().any(|company| company["id"] == endpoint["clientId"])));
    for (column, word) in [("Workstations", "desktop"), ("Servers", "server")] {
        let is_of = |endpoint: &&Value| endpoint["endpointType"].as_str().unwrap().to_lowercase() == word;
        let counted = Decimal::from(endpoints.iter().filter(is_of).count());
        assert_eq!(counted, expected_sum(&client.simulation, &format!("ConnectWise Asio: {column}")), "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn immybot_tells_all_computers_to_who_asks_for_offline_ones_in_the_order_of_ids() {
    let client = client(Options::default()).await;
    let setting = |key| client.setting("immybot", key);
    let login = |secret: &str, scope: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", setting("client_id")),
            ("client_secret", secret),
            ("scope", scope),
        ];
        client.post_form(setting("token_url"), "", &form)
    };
    let scope = format!("{}/.default", setting("url"));
    assert_eq!(login("wrong", &scope).1["error"], "invalid_client");
    assert_eq!(login(setting("client_secret"), "https://elsewhere.example/.default").1["error"], "invalid_resource");
    let token = bearer(login(setting("client_secret"), &scope));
    let api = |path: &str| format!("{}/api/v1/{path}", setting("url"));
    assert_eq!(client.get(&api("tenants"), "Bearer invented").0, 401);

    let computers = |query: &str| {
        let (mut all, mut total) = (Vec::new(), 1);
        for skip in (0..).step_by(97).take_while(|skip| *skip < 1000) {
            let body = client.read(&api(&format!("computers/paged?skip={skip}&take=97{query}")), &token);
            total = usize::try_from(body["count"].as_u64().unwrap()).unwrap();
            all.extend(rows(&body["results"]));
        }
        (distinct(&all, "id"), total, all)
    };
    let (known, total, all) = computers("&sort=id&includeOffline=true");
    assert!((known, all.len()) == (total, total) && total > 200);
    let (known, _, unsorted) = computers("&includeOffline=true");
    assert!(unsorted.len() > known, "pages overlap");
    assert!(computers("&sort=id").1 < total, "offline ones are not told unasked");
    let mine = all.iter().filter(|row| row["isDevLab"] == false && row["isSandbox"] == false);
    assert_eq!(Decimal::from(mine.count()), expected_sum(&client.simulation, "ImmyBot: Devices"));

    let persons = rows(&client.read(&api("persons"), &token));
    let valid = persons.iter().filter(|row| row["tenantId"] != 1 && row["expirationDateUTC"].is_null());
    assert_eq!(Decimal::from(valid.count()), expected_sum(&client.simulation, "ImmyBot: Users"));
    assert_eq!(rows(&client.read(&api("persons?page=2&pageSize=10"), &token)), persons[10..20]);
}
