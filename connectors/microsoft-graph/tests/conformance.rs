//! Microsoft Graph against the conformance suite, and its own traps.

use serde_json::{Value, json};
use tallysheet_connector_microsoft_graph as _;
use tallysheet_core::{Code, Counts, Error, ErrorKind, World};
use tallysheet_testkit::{Case, Exchange, Expected, Org, TestWorld, conformance, counts, fixture};

const PARTNER: &str = "9c9c9c9c-0000-4000-8000-0000000000a1";
const ALDER: &str = "11111111-0000-4000-8000-000000000001";
const BRACKENRIDGE: &str = "22222222-0000-4000-8000-000000000002";
const COPPERFIELD: &str = "33333333-0000-4000-8000-000000000003";
const DUNMORE: &str = "44444444-0000-4000-8000-000000000004";
const ELMHURST: &str = "55555555-0000-4000-8000-000000000005";
const FERNHILL: &str = "66666666-0000-4000-8000-000000000006";

type Form<'a> = &'a [(&'a str, &'a str)];
const CLIENT: [(&str, &str); 2] =
    [("client_id", "0c0c0c0c-0000-4000-8000-000000000002"), ("client_secret", "planted-secret")];
const AS_APP: Form =
    &[CLIENT[0], CLIENT[1], ("grant_type", "client_credentials"), ("scope", "https://graph.microsoft.com/.default")];
const AS_USER: Form = &[
    CLIENT[0],
    CLIENT[1],
    ("grant_type", "refresh_token"),
    ("scope", "https://graph.microsoft.com/.default offline_access"),
    ("refresh_token", "planted-refresh"),
];

fn settings() -> Value {
    json!({
        "tenant_id": PARTNER,
        "client_id": "0c0c0c0c-0000-4000-8000-000000000002",
        "client_secret": "planted-secret",
        "token_url": "{{url}}/login/{tenant}/oauth2/v2.0/token",
        "from": "reports@northgate.example",
    })
}

/// A token of a tenant's own, which its calls must carry.
fn token(tenant: &str, form: Form) -> Exchange {
    let token = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": format!("planted-{tenant}") });
    Exchange::post(format!("/login/{tenant}/oauth2/v2.0/token")).token().form(form).reply(token)
}

fn get(tenant: &str, path: &str, select: &str) -> Exchange {
    let call = Exchange::get(path).query("$select", select);
    call.header("authorization", &format!("Bearer planted-{tenant}"))
}

fn contracts(index: usize, skip: Option<&str>) -> Exchange {
    let call = get(PARTNER, "/contracts", "customerId,defaultDomainName,displayName").query("$top", "999");
    let call = skip.map_or(call.clone(), |skip| call.query("$skiptoken", skip));
    call.page("contracts", index, "/value")
}

fn organization(tenant: &str) -> Exchange {
    get(tenant, "/organization", "id,displayName,verifiedDomains")
}

/// A token and the two lists of a tenant.
fn tenant(id: &'static str, form: Form, skus: Value, subscriptions: Value) -> [Exchange; 3] {
    let select = "id,skuId,skuPartNumber,appliesTo,capabilityStatus,consumedUnits,prepaidUnits";
    [
        token(id, form).scope(id),
        get(id, "/subscribedSkus", select).reply(skus).scope(id),
        get(id, "/directory/subscriptions", "id,skuId,skuPartNumber,status,isTrial,totalLicenses")
            .reply(subscriptions)
            .scope(id),
    ]
}

fn empty(id: &'static str, form: Form) -> [Exchange; 3] {
    tenant(id, form, json!({ "value": [] }), json!({ "value": [] }))
}

fn case() -> Case {
    let [alder_token, alder_skus, alder_trials] =
        tenant(ALDER, AS_APP, fixture!("alder-skus.json"), fixture!("alder-subscriptions.json"));
    let mut exchanges = vec![
        token(PARTNER, AS_APP),
        organization(PARTNER).check().reply(fixture!("partner.json")),
        contracts(0, None).reply(fixture!("contracts-1.json")),
        contracts(1, Some("RFNwdAIAAQ")).reply(fixture!("contracts-2.json")),
        contracts(2, Some("RFNwdAIAAg")).reply(fixture!("contracts-3.json")),
        alder_token,
        alder_skus.counted_at("/value/0/consumedUnits").counted_at("/value/0/prepaidUnits"),
        alder_trials.counted_at("/value/3/totalLicenses"),
        token(BRACKENRIDGE, AS_APP).status(400).reply(fixture!("no-consent.json")).scope(BRACKENRIDGE),
        // Not among the contracts, so it is asked for its name.
        organization(ELMHURST).reply(fixture!("elmhurst.json")).scope(ELMHURST).tolerates(403),
    ];
    exchanges.extend(tenant(
        COPPERFIELD,
        AS_APP,
        fixture!("copperfield-skus.json"),
        fixture!("copperfield-subscriptions.json"),
    ));
    exchanges.extend(tenant(ELMHURST, AS_APP, fixture!("elmhurst-skus.json"), fixture!("elmhurst-subscriptions.json")));
    Case {
        slug: "microsoft-graph",
        settings: settings(),
        known_ids: vec![ALDER, ELMHURST],
        exclude: vec![DUNMORE],
        exchanges,
        account: ("Northgate IT", Some(PARTNER)),
        expect: vec![
            alder().domain("alderstreetdental.example"),
            Org::new(BRACKENRIDGE, "Brackenridge Joinery")
                .domain("brackenridge.example")
                .value("*", Expected::Failed(Code::ConsentMissing)),
            // Answered, and has nothing.
            Org::new(COPPERFIELD, "Copperfield Veterinary Clinic").domain("copperfieldvets.onmicrosoft.com"),
            // Listed, but not asked.
            Org::new(DUNMORE, "Dunmore Interiors").domain("dunmore.example"),
            Org::new(ELMHURST, "Elmhurst Family Practice")
                .domain("elmhurstpractice.example")
                .domain("elmhurst-rooms.example")
                .domain("elmhurstpractice.onmicrosoft.com")
                // All of it in the grace period, all of it in use.
                .number("Exchange Online (Plan 1) (purchased)", "12")
                .number("Exchange Online (Plan 1) (assigned)", "12")
                // An id that no list of names has, under a part number that it has.
                .number("Microsoft 365 E3 (purchased)", "9")
                .number("Microsoft 365 E3 (assigned)", "9"),
        ],
        errors_in_200: vec![(json!({ "error": { "code": "UnknownError" } }), Code::BadResponse)],
        ..Case::default()
    }
}

fn alder() -> Org {
    Org::new(ALDER, "Alder Street Dental")
        .number("Microsoft 365 Business Premium (purchased)", "22")
        .number("Microsoft 365 Business Premium (assigned)", "18")
        // Two SKUs of one name.
        .number("Microsoft 365 Apps for Business (purchased)", "8")
        .number("Microsoft 365 Apps for Business (assigned)", "7")
        // Two rows of one SKU; more assigned than purchased.
        .number("Exchange Online (Plan 1) (purchased)", "5")
        .number("Exchange Online (Plan 1) (assigned)", "7")
        // For the tenant as a whole: assigned to nobody.
        .number("Office 365 Extra File Storage (purchased)", "40")
        .number("Power BI Pro (purchased)", "25")
        .number("Power BI Pro (assigned)", "1")
        .number("Power BI Pro (trial)", "25")
        // Too new for a name.
        .number("INVENTED_SUITE_2027 (purchased)", "7")
        .number("INVENTED_SUITE_2027 (assigned)", "0")
        .left_out("Microsoft Power Automate Free", "10000")
        .left_out("INVENTED_MAKER_PLAN", "1000000")
        .left_out("Visio Plan 2", "2")
}

#[tokio::test]
async fn conforms() {
    conformance(case()).await;
}

/// The tenants of the GDAP relationships, read as a partner's user.
fn gdap() -> Case {
    let relationships =
        get(PARTNER, "/tenantRelationships/delegatedAdminRelationships", "customer,endDateTime,autoExtendDuration");
    let mut exchanges = vec![
        token(PARTNER, AS_USER),
        organization(PARTNER).check().reply(fixture!("partner.json")),
        contracts(0, None).reply(json!({ "value": [] })),
        relationships.query("$filter", "status eq 'active'").reply(fixture!("relationships.json")),
    ];
    let lists = tenant(ALDER, AS_USER, fixture!("alder-skus.json"), fixture!("alder-subscriptions.json"));
    exchanges.extend(lists.into_iter().chain(empty(COPPERFIELD, AS_USER)).chain(empty(FERNHILL, AS_USER)));
    let mut settings = settings();
    settings["refresh_token"] = json!("planted-refresh");
    Case {
        settings,
        exchanges,
        known_ids: vec![],
        exclude: vec![],
        expect: vec![
            alder(),
            Org::new(COPPERFIELD, "Copperfield Veterinary Clinic"),
            Org::new(FERNHILL, "Fernhill Logistics"),
        ],
        skips: vec![("pages", "the three pages are in the main case")],
        ..case()
    }
}

#[tokio::test]
async fn conforms_with_gdap() {
    conformance(gdap()).await;
}

#[tokio::test]
async fn a_customer_whose_last_gdap_relationship_ends_soon_is_warned_of() {
    let notices = counts(gdap(), &TestWorld::new()).await.unwrap().notices;
    let ending = notices.iter().filter(|notice| notice.code == Some(Code::CredentialExpires));
    let about: Vec<_> = ending.map(|notice| notice.company.as_deref()).collect();
    assert_eq!(about, [Some("Fernhill Logistics")]);
}

#[tokio::test]
async fn the_partners_newest_refresh_token_serves_everywhere_and_a_customers_is_ignored() {
    /// An exchange of one refresh token for another.
    fn exchange(tenant: &'static str, spent: &'static str, next: &str) -> Exchange {
        let form = [&AS_USER[..4], &[("refresh_token", spent)]].concat();
        let reply = json!({ "access_token": format!("planted-{tenant}"), "refresh_token": next });
        token(tenant, &form).reply(reply)
    }
    let mut case = gdap();
    case.exchanges.truncate(7);
    let alder_only = json!({ "value": [{ "customer": { "tenantId": ALDER, "displayName": "Alder Street Dental" } }] });
    case.exchanges[3] = case.exchanges[3].clone().reply(alder_only);
    let world = TestWorld::new();
    for (spent, newest) in [("planted-refresh", "planted-second"), ("planted-second", "planted-third")] {
        case.exchanges[0] = exchange(PARTNER, spent, newest);
        case.exchanges[4] = exchange(ALDER, newest, "planted-customers");
        let counts = counts(case.clone(), &world).await.unwrap();
        assert_eq!(org(&counts, ALDER).failure(), None);
        let kept = world.read_state("tokens/microsoft-graph").unwrap().unwrap();
        assert!(String::from_utf8(kept).unwrap().contains(newest));
    }
}

fn org<'a>(counts: &'a Counts, id: &str) -> &'a tallysheet_core::OrgCounts {
    counts.orgs.iter().find(|org| org.org.id == id).unwrap_or_else(|| panic!("{id} is not listed"))
}

/// The main case where a tenant's token is refused.
async fn refused(tenant: &'static str, status: u16, body: Value) -> Result<Counts, Error> {
    let mut case = case();
    let token = if tenant == PARTNER { &mut case.exchanges[0] } else { &mut case.exchanges[8] };
    *token = token.clone().status(status).reply(body);
    counts(case, &TestWorld::new()).await
}

#[tokio::test]
async fn each_refusal_of_the_login_service_is_told_by_its_number_and_fails_its_tenant_only() {
    for (number, code) in [
        (700_016, Code::ConsentMissing),
        (7_000_229, Code::ConsentMissing),
        (65_001, Code::ConsentMissing),
        (50_020, Code::ConsentMissing),
        (90_002, Code::NotFound),
        (5_000_224, Code::NotFound),
        (7_000_215, Code::AuthFailed),
        (7_000_222, Code::AuthFailed),
        (700_082, Code::AuthFailed),
        (50_076, Code::AuthFailed),
        (53_003, Code::AuthFailed),
        (1, Code::AuthFailed),
    ] {
        let body = json!({ "error": "invalid_client", "error_description": "planted-body", "error_codes": [number] });
        let counts = refused(BRACKENRIDGE, 401, body).await.unwrap();
        let failure = org(&counts, BRACKENRIDGE).failure().unwrap();
        assert_eq!(failure.code, code, "{number}: {}", failure.message);
        assert_eq!(org(&counts, ALDER).failure(), None);
    }
}

#[tokio::test]
async fn a_wrong_secret_fails_the_integration_at_the_partners_tenant() {
    let body = json!({ "error": "invalid_client", "error_codes": [7_000_215] });
    let error = refused(PARTNER, 401, body).await.unwrap_err();
    assert_eq!(error.code(), Code::AuthFailed);
    assert!(error.to_string().contains("`client_secret` is wrong"), "{error}");
}

#[tokio::test]
async fn a_tenant_that_does_not_know_us_has_not_consented_whatever_the_status() {
    for status in [401, 403] {
        let mut case = case();
        let body = json!({ "error": { "code": "Authorization_IdentityNotFound", "message": "planted-body" } });
        case.exchanges[6] = case.exchanges[6].clone().status(status).reply(body);
        let counts = counts(case, &TestWorld::new()).await.unwrap();
        assert_eq!(org(&counts, ALDER).failure().unwrap().code, Code::ConsentMissing);
    }
}

#[tokio::test]
async fn what_an_operator_must_know_is_told_with_tenant_and_sku() {
    let counts = counts(case(), &TestWorld::new()).await.unwrap();
    let told = |notice: &tallysheet_core::Notice| {
        (notice.company.clone().unwrap_or_default(), notice.code, notice.message.clone())
    };
    let told: Vec<_> = counts.notices.iter().map(told).collect();
    let line = |org: &str, code, message: &str| (org.to_owned(), code, message.to_owned());
    assert_eq!(
        told,
        [
            line(
                "Alder Street Dental",
                Some(Code::LeftOut),
                "INVENTED_MAKER_PLAN (INVENTED_MAKER_PLAN): 1000000 left out: 10,000 units or more, taken as free"
            ),
            line(
                "Alder Street Dental",
                Some(Code::LeftOut),
                "Visio Plan 2 (VISIOCLIENT): 2 left out: assigned on a dead subscription"
            ),
            line(
                "Alder Street Dental",
                None,
                "Microsoft 365 Business Premium (SPB): 2 expired and in the grace period, counted as purchased"
            ),
            line(
                "Elmhurst Family Practice",
                None,
                "Exchange Online (Plan 1) (EXCHANGESTANDARD): 12 expired and in the grace period, counted as purchased"
            ),
        ]
    );
}

/// The licences of one tenant in the sheet's words, and what is left out.
async fn licences(change: impl FnOnce(&mut Value), rows: Value) -> (Vec<(String, String)>, Vec<(String, String)>) {
    let mut case = case();
    change(&mut case.settings);
    case.exchanges[6] = case.exchanges[6].clone().reply(json!({ "value": rows }));
    case.exchanges[7] = case.exchanges[7].clone().reply(json!({ "value": [] }));
    let counts = counts(case, &TestWorld::new()).await.unwrap_or_else(|error| panic!("{error}"));
    let alder = org(&counts, ALDER);
    let tallysheet_core::Counted::Each(values) = &alder.counted else { panic!("{alder:?}") };
    let values = values.iter().map(|(metric, outcome)| match outcome {
        tallysheet_core::Outcome::Number(number) => (metric.label(), number.to_string()),
        other => (metric.label(), format!("{other:?}")),
    });
    let left_out = alder.left_out.iter().map(|left| (left.metric.label(), left.quantity.to_string()));
    (values.collect(), left_out.collect())
}

fn row(part: &str, consumed: u32, units: &Value) -> Value {
    json!({ "id": format!("account_{part}"), "skuId": format!("id-of-{part}"), "skuPartNumber": part, "appliesTo": "User", "capabilityStatus": "Enabled",
        "consumedUnits": consumed, "prepaidUnits": units })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(label, number)| ((*label).to_owned(), (*number).to_owned())).collect()
}

#[tokio::test]
async fn free_skus_are_left_out_in_any_case_and_by_their_ending() {
    let five = &json!({ "enabled": 5 });
    let rows = json!([
        row("flow_free", 1, five),
        row("Acme_Viral_Trial", 1, five),
        row("Acme_vTrial", 1, five),
        row("ACME", 1, five),
        row("ACME_TRIAL", 1, &json!({ "enabled": 9_999 })),
        row("ACME_MANY", 1, &json!({ "enabled": 10_000 })),
    ]);
    let (values, left_out) = licences(|_| (), rows.clone()).await;
    assert_eq!(
        values,
        pairs(&[
            ("ACME (purchased)", "5"),
            ("ACME (assigned)", "1"),
            ("ACME_TRIAL (purchased)", "9999"),
            ("ACME_TRIAL (assigned)", "1"),
        ])
    );
    let skipped = [("ACME_MANY", "10000"), ("Acme_Viral_Trial", "5"), ("Acme_vTrial", "5")];
    assert_eq!(left_out, pairs(&[&skipped[..], &[("Microsoft Power Automate Free", "5")]].concat()));

    // The user's list takes the place of ours, its endings too.
    let change = |settings: &mut Value| settings["exclude_skus"] = json!(["acme", " Acme_Trial"]);
    let (_, left_out) = licences(change, rows).await;
    assert_eq!(left_out, pairs(&[("ACME", "5"), ("ACME_MANY", "10000"), ("ACME_TRIAL", "9999")]));
}

#[tokio::test]
async fn the_grace_period_counts_unless_told_otherwise_and_a_null_unit_is_none() {
    let rows = json!([
        row("ACME", 3, &json!({ "enabled": null, "warning": 4, "suspended": 9, "lockedOut": 9 })),
        row("BOLT", 0, &json!({ "enabled": 0, "warning": null, "suspended": 7, "lockedOut": 0 })),
    ]);
    let (values, _) = licences(|_| (), rows.clone()).await;
    assert_eq!(values, pairs(&[("ACME (purchased)", "4"), ("ACME (assigned)", "3")]));
    let (values, _) = licences(|settings| settings["count_warning"] = json!(false), rows).await;
    assert_eq!(values, pairs(&[("ACME (purchased)", "0"), ("ACME (assigned)", "3")]));
}

#[tokio::test]
async fn a_row_that_comes_twice_is_one_and_units_below_zero_are_not_known() {
    let acme = row("ACME", 3, &json!({ "enabled": 4 }));
    let bolt = row("BOLT", 2, &json!({ "enabled": 9, "warning": -3 }));
    let (values, _) = licences(|_| (), json!([acme, bolt, acme])).await;
    let purchased = values.iter().find(|(label, _)| label == "BOLT (purchased)").unwrap();
    assert!(purchased.1.contains("MissingValue"), "{values:?}");
    assert!(values.contains(&("ACME (purchased)".to_owned(), "4".to_owned())), "{values:?}");
}

#[tokio::test]
async fn a_tenant_is_asked_once_however_its_id_is_spelled_and_kept_as_the_companies_file_spells_it() {
    let mut case = case();
    let id = "ABCDEF00-0000-4000-8000-000000000007";
    case.settings["tenants"] = json!([id.to_lowercase()]);
    case.known_ids = vec![id];
    case.exchanges.truncate(9);
    case.exchanges.extend(empty(COPPERFIELD, AS_APP).into_iter().chain(empty(id, AS_APP)));
    // Who may read licences only may not read the name.
    case.exchanges.push(organization(id).status(403));
    let counts = counts(case, &TestWorld::new()).await.unwrap();
    let found: Vec<_> = counts.orgs.iter().filter(|org| org.org.id.eq_ignore_ascii_case(id)).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].org.id.as_str(), found[0].failure()), (id, None));
    assert!(found[0].org.name.eq_ignore_ascii_case(id));
}

#[tokio::test]
async fn a_cloud_of_its_own_has_a_scope_of_its_own() {
    for (cloud, host) in [
        ("gcc-high", "graph.microsoft.us"),
        ("dod", "dod-graph.microsoft.us"),
        ("china", "microsoftgraph.chinacloudapi.cn"),
    ] {
        let scope = format!("https://{host}/.default");
        let form = [&AS_APP[..3], &[("scope", scope.as_str())]].concat();
        let mut case = case();
        case.settings["cloud"] = json!(cloud);
        case.known_ids = vec![];
        case.exchanges = vec![token(PARTNER, &form), contracts(0, None).reply(json!({ "value": [] }))];
        assert_eq!(counts(case, &TestWorld::new()).await.unwrap().orgs, [], "{cloud}");
    }
}

#[tokio::test]
async fn settings_that_would_count_wrongly_are_refused() {
    for (key, value, advice) in [
        ("tenants", json!(["alderstreetdental.example"]), "write the tenant's id"),
        ("token_url", json!("{{url}}/login/oauth2/v2.0/token"), "must hold {tenant}"),
        ("from", json!("reports"), "is no mail address"),
    ] {
        let mut case = case();
        case.settings[key] = value;
        let error = counts(case, &TestWorld::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[test]
fn the_list_of_names_is_whole() {
    let rows: Vec<Vec<&str>> =
        include_str!("../sku-names.tsv").lines().map(|line| line.split('\t').collect()).collect();
    assert!(rows.len() > 600);
    for row in &rows {
        let [id, part, name] = row[..] else { panic!("{row:?}") };
        assert!(id.len() == 36 && id == id.to_lowercase() && !part.is_empty() && !name.is_empty(), "{row:?}");
    }
    assert!(rows.windows(2).all(|pair| pair[0][0] < pair[1][0]), "sorted by id, each id once");
}
