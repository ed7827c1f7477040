//! `reconcile`, `products suggest` and `apply`, as processes against a simulated MSP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tallysheet_sim::{Options, Simulation};
use tempfile::TempDir;

/// A folder with a config against a simulated MSP of which two vendors and the PSA take part.
struct Msp {
    folder: TempDir,
    simulation: Simulation,
}

impl Msp {
    async fn start(latency: Duration) -> Self {
        let simulation = Simulation::start(Options { companies: 20, latency, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config: String =
            simulation.config_toml().lines().flat_map(|line| [line, "\n", switched_off(line)]).collect();
        std::fs::write(folder.path().join("tallysheet.toml"), config + &simulation.reconcile_toml()).unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        let msp = Self { folder, simulation };
        let ours = |line: &&str| ["psa_product", "MNG-", "EDR"].iter().any(|start| line.starts_with(start));
        let products = msp.simulation.products_csv();
        msp.write(
            "products.csv",
            &products
                .lines()
                .filter(ours)
                .map(|line| line.replace(",NinjaOne: Workstations", ",").replace(",NinjaOne: Servers", ",") + "\n")
                .collect::<String>(),
        );
        msp
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.folder.path(), arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs a command that must end with a status; its standard output.
    async fn ends_with(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must be refused as wrong; what it says.
    async fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        errors
    }

    fn quantities(&self) -> Vec<u32> {
        self.simulation.bills().lines().iter().map(|line| line.quantity).collect()
    }

    fn writes(&self) -> Vec<u32> {
        self.simulation.bills().writes().iter().map(|write| write.0).collect()
    }
}

fn switched_off(line: &str) -> &str {
    let kept = ["[integrations.huntress]", "[integrations.datto-rmm]", "[integrations.connectwise-psa]"];
    if line.starts_with("[integrations.") && !kept.contains(&line) { "enabled = false\n" } else { "" }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tallysheet"));
    command.current_dir(folder).args(arguments).env_remove("TALLYSHEET_CONFIG");
    command
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_goes_on_where_it_was() {
    let msp = Msp::start(Duration::from_millis(15)).await;
    let before = msp.quantities();
    msp.ends_with(3, &["reconcile", "--plan", "plan.json", "--output", "billing.csv"]).await;
    let plan = json(&msp.read("plan.json"));
    let changes = plan["changes"].as_array().unwrap().len();
    assert!(changes >= 5, "{plan}");

    // Killed after each single write that the PSA has seen, until it ends by itself.
    let mut killed = 0;
    let mut pause = tokio::time::interval(Duration::from_millis(1));
    loop {
        let written = msp.writes().len();
        let mut process =
            command(msp.folder.path(), &["apply", "plan.json", "--yes"]).stderr(Stdio::null()).spawn().unwrap();
        let ended = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if msp.writes().len() > written {
                process.kill().unwrap();
                process.wait().unwrap();
                break None;
            }
            pause.tick().await;
        };
        match ended {
            Some(status) => {
                assert_eq!(status.code(), Some(0));
                break;
            }
            None => killed += 1,
        }
    }
    assert!(killed >= changes, "it was killed {killed} times over {changes} changes");
    let lines: BTreeSet<u32> = msp.writes().into_iter().collect();
    assert_eq!((lines.len(), msp.writes().len()), (changes, changes), "each line once");

    // The record and the undo plan know all of it, whoever did it.
    let undo = json(&msp.read("plan.undo.json"));
    assert_eq!(undo["changes"].as_array().unwrap().len(), changes);
    let told = json(&msp.ends_with(0, &["apply", "plan.json", "--yes", "--json"]).await);
    assert!(told["changes"].as_array().unwrap().iter().all(|change| change["outcome"] == "done"), "{told}");
    let record = json(&std::fs::read_to_string(msp.folder.path().join(told["record"].as_str().unwrap())).unwrap());
    assert_eq!(record["entries"].as_array().unwrap().len(), changes);

    let second = json(&msp.ends_with(3, &["reconcile", "--json"]).await);
    for change in plan["changes"].as_array().unwrap() {
        let variances = second["reconciliation"]["variances"].as_array().unwrap();
        let now =
            variances.iter().find(|one| one["company"] == change["company"] && one["product"] == change["product"]);
        assert_eq!(now.unwrap()["class"], "equal", "{change}");
    }
    msp.ends_with(0, &["apply", "plan.undo.json", "--yes"]).await;
    assert_eq!(msp.quantities(), before, "undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_unless_someone_says_yes() {
    let msp = Msp::start(Duration::ZERO).await;
    let csv = msp.ends_with(3, &["reconcile", "--plan", "plan.json"]).await;
    assert!(csv.starts_with("Company,Product,Description,Class,Counted,Billed,Variance,"), "{csv}");
    let told = msp.ends_with(0, &["apply", "plan.json"]).await;
    assert!(told.contains("would-change") && told.contains("Nothing is written"), "{told}");
    assert!(msp.writes().is_empty());

    let message = msp.refuses(&["reconcile", "--plan", "plan.json"]).await;
    assert!(message.contains("plan.json: it exists already"), "{message}");

    // What a person edits is done; what they delete is not.
    let mut plan = json(&msp.read("plan.json"));
    let changes = plan["changes"].as_array_mut().unwrap();
    changes.truncate(1);
    let old: u32 = changes[0]["old"].as_str().unwrap().parse().unwrap();
    changes[0]["new"] = (old + 1).into();
    msp.write("plan.json", &plan.to_string());
    let message = msp.refuses(&["apply", "plan.json", "--no-undo"]).await;
    assert!(message.contains("--yes"), "{message}");
    msp.ends_with(0, &["apply", "plan.json", "--yes"]).await;
    assert_eq!(
        msp.simulation.bills().writes().iter().map(|write| (write.1, write.2)).collect::<Vec<_>>(),
        [(old, old + 1)]
    );

    // What someone changed since is refused, and so is what is too large or of another ledger.
    let line: u32 = plan["changes"][0]["line"]["id"].as_str().unwrap().parse().unwrap();
    msp.simulation.bills().change(line, |line| line.quantity = old + 7);
    plan["id"] = "another".into();
    msp.write("second.json", &plan.to_string());
    let told = msp.ends_with(3, &["apply", "second.json", "--yes"]).await;
    assert!(told.is_empty() && msp.writes().len() == 1, "{told}");
    plan["changes"][0]["new"] = 9_999.into();
    msp.write("large.json", &plan.to_string());
    assert!(msp.refuses(&["apply", "large.json"]).await.contains("more than 50 %"));
    plan["changes"] = Value::Array(Vec::new());
    plan["ledger"] = "autotask".into();
    msp.write("foreign.json", &plan.to_string());
    assert!(msp.refuses(&["apply", "foreign.json"]).await.contains("the plan is one for `autotask`"));
    // A plan under the name of another never writes over its undo plan.
    msp.write("plan.json", &msp.read("second.json"));
    assert!(msp.refuses(&["apply", "plan.json", "--yes"]).await.contains("is not the undo plan of this plan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_suggested_and_added() {
    let msp = Msp::start(Duration::ZERO).await;
    std::fs::remove_file(msp.folder.path().join("products.csv")).unwrap();
    let message = msp.refuses(&["reconcile"]).await;
    assert!(message.contains("products.csv"), "{message}");

    let told = msp.ends_with(3, &["products", "suggest"]).await;
    assert!(told.contains("MNG-WKS (Managed workstation)") && told.contains("* Datto RMM: Workstations"), "{told}");
    assert!(!msp.folder.path().join("products.csv").exists(), "nothing is written unless someone says yes");
    msp.ends_with(3, &["products", "suggest", "--yes"]).await;
    let products = msp.read("products.csv");
    assert!(products.contains("MNG-WKS,Datto RMM: Workstations,sum"), "{products}");
    let left = json(&msp.ends_with(3, &["products", "suggest", "--json"]).await);
    assert!(left["products"].as_array().unwrap().iter().all(|one| one["product"] != "MNG-WKS"), "{left}");

    // A title that is not there blanks its product, is told, and is an exit status.
    msp.write("products.csv", "psa_product,columns\nMNG-WKS,Datto RMM: Workstation\n");
    let output = msp.run(&["reconcile"]).await;
    assert_eq!(output.status.code(), Some(3));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("did you mean `Datto RMM: Workstations`?"), "{message}");
    let csv = String::from_utf8_lossy(&output.stdout);
    assert!(csv.contains("not-comparable") && !csv.contains("under-billed"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_section_or_an_answer_it_says_so() {
    let msp = Msp::start(Duration::ZERO).await;
    let config = msp.read("tallysheet.toml");
    msp.write("tallysheet.toml", config.split("[reconcile]").next().unwrap());
    assert!(msp.refuses(&["reconcile"]).await.contains("there is no section [reconcile]"));
    msp.write("tallysheet.toml", &config.replace("private_key = \"cw_", "private_key = \"wrong_"));
    let output = msp.run(&["reconcile", "--json"]).await;
    assert_eq!(output.status.code(), Some(3));
    let told = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(told["reconciliation"]["failed"], "auth-failed");
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not tell what it bills"));
}
