//! Several hosts with one PostgreSQL database, as processes: what is due is run by one of them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "postgres")]

mod common;

use common::{Hook, Msp, NIGHTLY, Serve, command, until, wait};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tallysheet_core::Secret;
use tallysheet_sim::Fault;
use tallysheet_store::{Postgres, RunHead, Store};
use tallysheet_testkit::postgres::{PASSWORD, database};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Two folders with one config, as on two machines, and their database.
struct Hosts {
    msp: Msp,
    second: TempDir,
    url: String,
    store: Postgres,
}

impl Hosts {
    /// `None` where this machine has no PostgreSQL.
    async fn start(test: &str, latency: Duration, more: &str) -> Option<Self> {
        let url = database(test)?;
        let msp = Msp::start(latency, more).await;
        let second = tempfile::tempdir().unwrap();
        let config = std::fs::read_to_string(msp.folder.path().join("tallysheet.toml")).unwrap();
        let config = config.replacen("[run]\n", "[run]\nstore = { file = \"database\" }\n", 1);
        for folder in [msp.folder.path(), second.path()] {
            std::fs::write(folder.join("tallysheet.toml"), &config).unwrap();
            std::fs::write(folder.join("database"), &url).unwrap();
            std::fs::write(folder.join("companies.csv"), msp.simulation.companies_csv().unwrap()).unwrap();
        }
        let store = Postgres::open(&Secret::new(url.clone())).await.unwrap();
        Some(Self { msp, second, url, store })
    }

    async fn serve(&self, folder: &Path) -> Serve {
        Serve::start(folder, &self.msp.token).await
    }

    async fn one(&self) -> Serve {
        self.serve(self.msp.folder.path()).await
    }

    async fn two(&self) -> Serve {
        self.serve(self.second.path()).await
    }

    async fn missed(&self, schedule: &str) {
        let past = json!({ "when": "each day at 00:00", "last": "2026-01-01T00:00:00Z" });
        self.store.keep_note(&format!("schedule/{schedule}"), &past.to_string()).await.unwrap();
    }

    async fn is_done(&self, schedule: &str) -> bool {
        let past = self.store.note(&format!("schedule/{schedule}")).await.unwrap().unwrap();
        !past.contains("2026-01-01")
            && self.store.note(&format!("job/schedule-{schedule}")).await.unwrap().as_deref() == Some("")
    }

    async fn runs(&self) -> Vec<RunHead> {
        self.store.runs(1000).await.unwrap()
    }

    fn tickets(&self) -> usize {
        self.msp.simulation.desk().tickets().len()
    }

    /// Ends all connections to the database but that of the test.
    async fn cut(&self) {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.query(cut, &[]).await.unwrap();
    }
}

/// Longer than a host waits until it looks again.
const LOOKED: Duration = Duration::from_secs(7);

fn with_hook(hook: &Hook) -> String {
    format!("[deliver.hook]\nkind = \"webhook\"\nurl = \"http://{}/x\"\n", hook.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_run_a_hundred_schedules_each_once() {
    let hook = Hook::start();
    let names: Vec<String> = (0..100).map(|number| format!("s{number:02}")).collect();
    let schedules = names.iter().fold(with_hook(&hook), |mut text, name| {
        let _ = writeln!(text, "[schedule.{name}]\ndaily = {{ at = \"00:00\" }}");
        text
    });
    let test = "two_hosts_run_a_hundred_schedules_each_once";
    let Some(hosts) = Hosts::start(test, Duration::ZERO, &schedules).await else { return };
    for name in &names {
        hosts.missed(name).await;
    }
    // No run ends before all have begun, so that each host meets the other's.
    let both = tokio::join!(hosts.one(), hosts.two());
    let keys = || hook.keys().into_iter().collect::<BTreeSet<_>>();
    until("all deliver", async || keys().len() >= 100).await;
    hook.answers.store(true, Ordering::Relaxed);
    until("all end", async || {
        let mut done = 0;
        for name in &names {
            done += usize::from(hosts.is_done(name).await);
        }
        done == 100
    })
    .await;
    wait(LOOKED).await;
    drop(both);

    let runs = hosts.runs().await;
    assert!(runs.iter().all(|run| run.finished_at.is_some()));
    let mut of_schedules = BTreeSet::new();
    for run in &runs {
        of_schedules.extend(hosts.store.run(&run.id).await.unwrap().unwrap().schedule);
    }
    assert_eq!((runs.len(), of_schedules.len(), keys().len(), hosts.tickets()), (100, 100, 100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_host_that_died_while_it_asked_is_made_by_the_other() {
    let test = "a_run_of_a_host_that_died_while_it_asked_is_made_by_the_other";
    let Some(hosts) = Hosts::start(test, Duration::from_millis(150), NIGHTLY).await else { return };
    hosts.missed("nightly").await;
    let one = hosts.one().await;
    until("a run begins", async || !hosts.runs().await.is_empty() && hosts.msp.simulation.total_calls() > 2).await;
    let _two = hosts.two().await;
    one.kill();
    let killed = hosts.runs().await.remove(0);
    assert_eq!((killed.status, killed.finished_at), (None, None));
    until("the other ends it", async || hosts.is_done("nightly").await).await;
    let runs = hosts.runs().await;
    assert_eq!((runs.len(), hosts.tickets()), (2, 1));
    assert!(runs[0].finished_at.is_some() && runs[1].id == killed.id && runs[1].finished_at.is_none(), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_host_that_died_while_it_delivered_is_ended_by_the_other_under_its_id() {
    let hook = Hook::start();
    let test = "a_run_of_a_host_that_died_while_it_delivered_is_ended_by_the_other_under_its_id";
    let more = format!("{NIGHTLY}{}", with_hook(&hook));
    let Some(hosts) = Hosts::start(test, Duration::ZERO, &more).await else { return };
    hosts.missed("nightly").await;
    // The answer is lost, so the ticket is there before it is known to be.
    hosts.msp.simulation.desk().fail(Some(Fault::AnswerLost));
    let one = hosts.one().await;
    until("the ticket is made", async || hosts.tickets() > 0 && !hook.keys().is_empty()).await;
    let two = hosts.two().await;
    one.kill();
    let killed = hosts.runs().await.remove(0);
    assert!(killed.status.is_some() && killed.finished_at.is_none(), "{killed:?}");
    hosts.msp.simulation.desk().fail(None);
    hook.answers.store(true, Ordering::Relaxed);
    until("the other ends it", async || hosts.is_done("nightly").await).await;

    let run = two.json(&format!("/v1/runs/{}/json", killed.id)).await;
    let deliveries = run["deliveries"].as_array().unwrap();
    assert!(deliveries.len() == 2 && deliveries.iter().all(|one| one["status"] == "delivered"), "{deliveries:?}");
    assert_eq!((hosts.runs().await.len(), hosts.tickets()), (1, 1));
    let keys: BTreeSet<_> = hook.keys().into_iter().collect();
    assert_eq!(keys, BTreeSet::from([format!("tallysheet:{}:hook", killed.id)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_run_was_taken_over_delivers_nothing() {
    let test = "a_host_whose_run_was_taken_over_delivers_nothing";
    let Some(hosts) = Hosts::start(test, Duration::from_millis(150), NIGHTLY).await else { return };
    hosts.missed("nightly").await;
    let one = hosts.one().await;
    until("a run begins", async || hosts.msp.simulation.total_calls() > 2).await;
    // What another host does that has the claim, runs what is due, and is done with it.
    hosts.store.keep_note("job/schedule-nightly", "").await.unwrap();
    let past = json!({ "when": "each day at 00:00", "last": "2999-01-01T00:00:00Z" });
    hosts.store.keep_note("schedule/nightly", &past.to_string()).await.unwrap();
    until("it gives up", async || one.told.lock().unwrap().contains("another host may have taken over")).await;
    let runs = hosts.runs().await;
    assert_eq!((runs.len(), runs[0].finished_at, hosts.tickets()), (1, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_lost_its_connections_goes_on_where_nobody_took_over() {
    let test = "a_host_that_lost_its_connections_goes_on_where_nobody_took_over";
    let Some(hosts) = Hosts::start(test, Duration::from_millis(150), NIGHTLY).await else { return };
    hosts.missed("nightly").await;
    let _one = hosts.one().await;
    until("a run begins", async || hosts.msp.simulation.total_calls() > 2).await;
    hosts.cut().await;
    until("it ends", async || hosts.is_done("nightly").await).await;
    let runs = hosts.runs().await;
    assert_eq!((runs.len(), hosts.tickets()), (1, 1));
    assert!(runs[0].finished_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_are_told_names_the_database_and_no_password() {
    let test = "what_people_are_told_names_the_database_and_no_password";
    let rotating = "[integrations.tdsynnex-streamone-ion]\n";
    let Some(hosts) = Hosts::start(test, Duration::ZERO, "").await else { return };
    let path = hosts.msp.folder.path().join("tallysheet.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    assert!(config.contains(rotating), "{config}");
    std::fs::write(&path, config.replace(&format!("{rotating}enabled = false\n"), rotating)).unwrap();
    let one = hosts.one().await;
    let told = one.told.lock().unwrap().clone();
    assert!(told.contains("tdsynnex-streamone-ion") && told.contains("one host"), "{told}");

    std::fs::write(&path, &config).unwrap();
    let run = hosts.msp.command(&["run"]).await;
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(told.contains("is kept in the database test_") && !told.contains(PASSWORD), "{told}");
    for wrong in [hosts.url.replace(PASSWORD, "another"), "mysql://a:another@b/c".to_owned()] {
        std::fs::write(hosts.msp.folder.path().join("database"), wrong).unwrap();
        let run = command(hosts.msp.folder.path(), &["run"]).output().unwrap();
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!run.status.success() && told.contains("`store`") && !told.contains("another"), "{told}");
    }
}
