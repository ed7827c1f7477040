//! What a probe tells of a vendor: keys and types. No customer's name, id or domain, no secret, no value.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tallysheet_config::Config;
use tallysheet_core::{Code, World};
use tallysheet_engine::{Probed, Selection, assemble, probe};
use tallysheet_host::{Environment, System};
use tallysheet_sim::{Options, Simulation};
use tallysheet_store::Sqlite;

struct Msp {
    folder: tempfile::TempDir,
    simulation: Simulation,
    config: Config,
}

async fn msp() -> Msp {
    let simulation = Simulation::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tallysheet.toml");
    std::fs::write(&path, simulation.config_toml()).unwrap();
    std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
    let config = Config::load(&path, &Environment::default(), &tallysheet_connectors::registry()).unwrap();
    Msp { folder, simulation, config }
}

impl Msp {
    async fn probe(&self, name: &str) -> Probed {
        let world: Arc<dyn World> = Arc::new(System::new(self.folder.path().join("state")));
        probe(&self.config, &tallysheet_connectors::registry(), &world, name).await.unwrap()
    }

    /// What must not be told: what stands in the companies file and in the config's quotes.
    fn data(&self) -> BTreeSet<String> {
        let (file, config) = (self.simulation.companies_csv().unwrap(), self.simulation.config_toml());
        let cells = file.lines().skip(1).flat_map(|line| line.split([',', ';', '"']));
        let settings = config
            .lines()
            .skip_while(|line| !line.starts_with("[integrations."))
            .filter_map(|line| line.split('"').nth(1));
        let all = cells.chain(settings).map(|text| text.trim().to_lowercase());
        let kinds: Vec<&str> = self.config.integrations.iter().map(|integration| integration.kind.as_str()).collect();
        all.filter(|text| text.len() > 4 && !kinds.contains(&text.as_str())).collect()
    }
}

fn told(probed: &Probed) -> String {
    format!("{probed}\n{}", probed.json()).to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vendor_shows_its_shape_and_no_value() {
    let msp = msp().await;
    for integration in &msp.config.integrations {
        let probed = msp.probe(&integration.name).await;
        let text = told(&probed);
        assert!(!probed.calls.is_empty(), "{}", integration.name);
        for value in msp.data() {
            assert!(!text.contains(&value), "{}: `{value}` is told in:\n{probed}", integration.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_types_are_told_even_where_the_vendor_refuses() {
    let msp = msp().await;
    let probed = msp.probe("huntress").await;
    let text = probed.to_string();
    for line in ["GET /organizations (200, JSON)", "  query: limit", "/organizations/*/agents_count", "integer"] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(probed.failures().is_empty(), "{probed}");

    let refused = msp.probe("datto-west").await;
    let codes: Vec<(&str, Code)> = refused.failures().iter().map(|(tried, error)| (*tried, error.code())).collect();
    assert_eq!(codes, [("check", Code::AuthFailed), ("counts", Code::AuthFailed)]);
    assert!(refused.to_string().contains("/auth/oauth/token (401, "), "{refused}");
}

/// A vendor whose fields the user must find: the shapes are shown as far as the calls can be made.
#[tokio::test]
async fn a_vendor_of_unknown_fields_is_probed_step_by_step() {
    let server = wiremock::MockServer::start().await;
    let answer = |request: &wiremock::Request| {
        let body = match request.url.path().rsplit('/').next() {
            Some("customerCompany") => json!({ "list": [{ "no": "planted-company", "title": "Planted Dental" }] }),
            Some("cloudAccount") => json!([{ "key": "planted-account", "owner": "planted-company" }]),
            _ => json!([{ "subscriptionId": 1, "plan": "Planted Suite", "seats": "12" }]),
        };
        wiremock::ResponseTemplate::new(200).set_body_json(body)
    };
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;

    let orgs = "companies = { items_at = \"/list\", id = \"no\", name = \"title\" }\n\
                accounts = { id = \"key\", company = \"owner\" }\n";
    for (settings, lacking, subscriptions) in
        [("", "`companies.id`, `companies.name`, `accounts.id`", false), (orgs, "`subscriptions.product`", true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let key = "[integrations.au]\nkind = \"synnex-au\"\nprimary_key = \"planted-key\"";
        let config = format!("{key}\nurl = \"{}\"\n{settings}", server.uri());
        let registry = tallysheet_connectors::registry();
        let path = folder.path().join("tallysheet.toml");
        let config = Config::parse(&config, &path, &Environment::default(), &registry).unwrap();
        let world: Arc<dyn World> = Arc::new(System::new(folder.path().join("state")));

        let probed = probe(&config, &registry, &world, "au").await.unwrap();
        let text = told(&probed);
        for (line, expected) in [
            ("/customercompany (200, json)", true),
            ("/list/*/title  string", true),
            ("/cloudaccount (200, json)", true),
            ("/subscriptionsbyaccountid/{id} (200, json)", subscriptions),
            ("/*/seats           string", subscriptions),
            ("planted", false),
        ] {
            assert_eq!(text.contains(line), expected, "{line}:\n{probed}");
        }
        let [("counts", error)] = probed.failures()[..] else { panic!("{probed}") };
        assert!(error.to_string().contains(lacking), "{error}");

        // A run does not begin: the message names the key and the way to it.
        let selection = Selection { deliver: false, ..Selection::default() };
        let error = assemble(config, &registry, world, Arc::new(Sqlite::in_memory().unwrap()), &selection)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(lacking) && error.contains("`tallysheet probe au`"), "{error}");
    }
}

#[tokio::test]
async fn a_file_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("tallysheet.toml");
    let config = "[integrations.backup]\nkind = \"csv\"\npath = \"backup.csv\"\n";
    let registry = tallysheet_connectors::registry();
    let config = Config::parse(config, path, &Environment::default(), &registry).unwrap();
    let world: Arc<dyn World> = Arc::new(System::new(folder.path().join("state")));
    let probed = probe(&config, &registry, &world, "backup").await.unwrap();
    assert_eq!(probed.failures().len(), 2);
    assert!(probed.calls.is_empty() && probed.to_string().starts_with("no answer came\n"), "{probed}");
    assert!(
        probe(&config, &registry, &world, "bakup").await.unwrap_err().to_string().contains("did you mean `backup`?")
    );
}
