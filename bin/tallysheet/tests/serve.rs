//! `serve`, `run --schedule` and `schedule install`, as processes against a simulated MSP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Hook, Msp, NIGHTLY, command, json_of, until, wait};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tallysheet_sim::Fault;
use tallysheet_store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_whom_it_must() {
    let msp = Msp::start(Duration::ZERO, "").await;
    let serve = msp.serve().await;
    let bearer = format!("Bearer {}", serve.token);
    for (method, path, headers, body, status, code) in [
        ("GET", "/v1/runs", vec![], 0, 401, "unauthorized"),
        ("POST", "/v1/runs", vec![], 0, 401, "unauthorized"),
        ("GET", "/nothing", vec![], 0, 401, "unauthorized"),
        ("GET", "/metrics", vec![("authorization", "Bearer tally_wrong")], 0, 401, "unauthorized"),
        // A browser could be made to send these.
        ("POST", "/v1/runs", vec![("cookie", "tallysheet=TOKEN")], 2, 401, "unauthorized"),
        ("POST", "/v1/runs", vec![("authorization", &bearer)], 64 * 1024 + 1, 413, "too-large"),
        ("POST", "/v1/runs", vec![], 64 * 1024 + 1, 413, "too-large"),
        ("POST", "/v1/runs", vec![("authorization", &bearer)], 9, 400, "bad-request"),
        ("GET", "/nothing", vec![("authorization", &bearer)], 0, 404, "not-found"),
        ("GET", "/v1/runs/x", vec![("authorization", &bearer)], 0, 404, "not-found"),
        ("GET", "/v1/runs/last/json", vec![("authorization", &bearer)], 0, 404, "not-found"),
        ("DELETE", "/v1/runs", vec![("authorization", &bearer)], 0, 405, "method-not-allowed"),
    ] {
        let body = vec![b'{'; body];
        let headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (*name, value.replace("TOKEN", &serve.token))).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = serve.ask(method, path, &headers, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}: {}", answer.text());
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(told["error"]["code"], code);
        assert!(answer.head.contains("x-content-type-options: nosniff") && !answer.head.contains("access-control"));
    }
    let chunked = [("authorization", bearer.as_str()), ("transfer-encoding", "chunked")];
    let body = format!("11000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x11000));
    assert_eq!(serve.ask("POST", "/v1/runs", &chunked, body.as_bytes()).await.status, 413);
    let unknown = serve.post("/v1/runs", br#"{"integrations":["huntres"]}"#).await;
    assert!(unknown.status == 400 && unknown.text().contains("did you mean `huntress`?"), "{}", unknown.text());
    let unknown = serve.post("/v1/runs", br#"{"only":[]}"#).await;
    assert_eq!(unknown.status, 400);

    for path in ["/health", "/ready", "/openapi.json"] {
        assert_eq!(serve.ask("GET", path, &[], b"").await.status, 200, "{path}");
    }
    let page = serve.ask("GET", "/", &[], b"").await;
    assert!(page.status == 401 && page.text().contains("name=\"token\""));
    let given = format!("token={}", serve.token);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let logged_in = serve.ask("POST", "/login", &form, given.as_bytes()).await;
    assert_eq!(logged_in.status, 303);
    assert!(logged_in.head.contains("; httponly; samesite=strict"), "{}", logged_in.head);
    let cookie = format!("a=b; tallysheet={}", serve.token);
    let page = serve.ask("GET", "/", &[("cookie", &cookie)], b"").await;
    assert!(page.status == 200 && page.text().contains("Log out"));
    for _ in 0..10 {
        serve.ask("GET", "/v1/runs", &[("authorization", "Bearer x")], b"").await;
    }
    let limited = serve.get("/v1/runs").await;
    assert!(limited.status == 429 && limited.head.contains("retry-after: "), "{}", limited.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_start_where_others_reach_it_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[integrations.huntress]\napi_key = \"a\"\napi_secret = \"b\"\n[serve]\nlisten = \"0.0.0.0:0\"\n";
    std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
    let output = command(folder.path(), &["serve"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("tallysheet.toml:5:1: [serve] `listen`: 0.0.0.0:0 can be reached by others"), "{told}");
}

/// A run without what differs from run to run.
fn comparable(run: &Value) -> Value {
    let mut run = run.clone();
    let id = run["run"]["id"].as_str().unwrap().to_owned();
    for key in ["id", "started_at", "finished_at"] {
        run["run"][key] = Value::Null;
    }
    // Each is compared with the run before it.
    run["changes"]["since"]["run"] = Value::Null;
    for entry in run["log"]["entries"].as_array_mut().unwrap() {
        entry["time"] = Value::Null;
        let message = entry["message"].as_str().unwrap().replace(&id, "ID");
        // How long it took.
        entry["message"] = message.split(" counted in ").next().unwrap().into();
    }
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_the_api_equals_that_of_the_command_line() {
    let msp = Msp::start(Duration::ZERO, "").await;
    let serve = msp.serve().await;
    for (body, arguments) in [
        (json!({ "deliver": false }), &["run", "--json", "--no-deliver"][..]),
        (json!({ "deliver": false, "integrations": ["pax8"] }), &["run", "--json", "--no-deliver", "--only", "pax8"]),
    ] {
        // What changed is told from the second run on.
        msp.command(arguments).await;
        let begun = serve.post("/v1/runs", body.to_string().as_bytes()).await;
        assert_eq!(begun.status, 202, "{}", begun.text());
        let begun: Value = serde_json::from_slice(&begun.body).unwrap();
        let place = format!("/v1/runs/{}", begun["id"].as_str().unwrap());
        until("the run ends", async || serve.json(&place).await["state"] != "running").await;
        let by_api = serve.json(&format!("{place}/json")).await;
        let by_command = json_of(&msp.command(arguments).await);
        assert_eq!(comparable(&by_api), comparable(&by_command));
        assert_eq!(serve.json(&place).await["state"], by_api["run"]["status"]);
        assert_eq!(serve.get(&format!("{place}/csv")).await.text(), by_api["csv"].as_str().unwrap());
        assert!(serve.get(&format!("{place}/xlsx")).await.body.starts_with(b"PK"));
        assert!(serve.get(&format!("{place}/html")).await.text().starts_with("<!doctype html>"));
        let log = serve.get(&format!("{place}/log")).await.text();
        assert_eq!(log.lines().count(), by_api["log"]["entries"].as_array().unwrap().len());
    }
    let runs = serve.json("/v1/runs?limit=3").await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 3);
    let metrics = serve.get("/metrics").await.text();
    assert!(
        metrics.contains("tallysheet_runs_running 0\n") && metrics.contains("tallysheet_runs_total{status=\""),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_made_up_for_once_by_two_processes() {
    let msp = Msp::start(Duration::from_millis(20), NIGHTLY).await;
    msp.missed().await;
    let (one, two) = (msp.serve().await, msp.serve().await);
    until("a run ends", async || msp.runs().await.iter().any(|head| head.finished_at.is_some())).await;
    // Long enough for the other to look again.
    wait(Duration::from_secs(7)).await;
    assert_eq!(msp.runs().await.len(), 1);
    assert_eq!(msp.simulation.desk().tickets().len(), 1);
    let schedules = one.json("/v1/schedules").await;
    assert_eq!(schedules["schedules"][0]["when"], "each day at 00:00");
    assert_eq!(two.json("/v1/schedules").await["schedules"][0]["last"], schedules["schedules"][0]["last"]);
    // The timers' way does nothing now, and makes a run when it is told to.
    let nothing = msp.command(&["run", "--schedule", "nightly", "--if-due"]).await;
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing is due"), "{nothing:?}");
    assert_eq!(msp.runs().await.len(), 1);
    let now = msp.command(&["run", "--schedule", "nightly"]).await;
    assert!([0, 3].contains(&now.status.code().unwrap()), "{}", String::from_utf8_lossy(&now.stderr));
    assert_eq!((msp.runs().await.len(), msp.simulation.desk().tickets().len()), (2, 2));
    let wrong = msp.command(&["run", "--schedule", "nightli"]).await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `nightly`?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_while_it_asked_is_not_shown_as_whole_and_made_again() {
    let msp = Msp::start(Duration::from_millis(150), NIGHTLY).await;
    msp.missed().await;
    let serve = msp.serve().await;
    until("a run begins", async || !msp.runs().await.is_empty() && msp.simulation.total_calls() > 2).await;
    serve.kill();
    let killed = msp.runs().await.remove(0);
    assert_eq!((killed.status, killed.finished_at), (None, None));

    let serve = msp.serve().await;
    let shown = serve.json(&format!("/v1/runs/{}", killed.id)).await;
    assert_eq!(shown["state"], "unfinished");
    assert_eq!(serve.get(&format!("/v1/runs/{}/json", killed.id)).await.status, 409);
    until("the next run ends", async || msp.runs().await.iter().any(|head| head.finished_at.is_some())).await;
    let runs = msp.runs().await;
    assert_eq!((runs.len(), runs[1].id.as_str(), runs[1].finished_at), (2, killed.id.as_str(), None));
    assert_eq!(msp.simulation.desk().tickets().len(), 1);
    assert_eq!(serve.json("/v1/runs/last").await["id"], runs[0].id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_while_it_delivered_is_delivered_under_its_id_and_has_one_ticket() {
    let hook = Hook::start();
    let more = format!("{NIGHTLY}[deliver.hook]\nkind = \"webhook\"\nurl = \"http://{}/x\"\n", hook.address);
    let msp = Msp::start(Duration::ZERO, &more).await;
    msp.missed().await;
    // The answer is lost, so the ticket is there before it is known to be.
    msp.simulation.desk().fail(Some(Fault::AnswerLost));
    let serve = msp.serve().await;
    until("the ticket is made", async || !msp.simulation.desk().tickets().is_empty() && !hook.keys().is_empty()).await;
    serve.kill();
    let killed = msp.runs().await.remove(0);
    assert!(killed.status.is_some() && killed.finished_at.is_none(), "{killed:?}");

    msp.simulation.desk().fail(None);
    hook.answers.store(true, Ordering::Relaxed);
    let serve = msp.serve().await;
    until("the run ends", async || msp.runs().await[0].finished_at.is_some()).await;
    let run = serve.json(&format!("/v1/runs/{}/json", killed.id)).await;
    let deliveries = run["deliveries"].as_array().unwrap();
    assert!(deliveries.len() == 2 && deliveries.iter().all(|one| one["status"] == "delivered"), "{deliveries:?}");
    let tickets = msp.simulation.desk().tickets();
    assert_eq!((msp.runs().await.len(), tickets.len(), tickets[0].files.len()), (1, 1, 1));
    let mut keys = hook.keys();
    assert!(keys.len() > 1);
    keys.dedup();
    assert_eq!(keys, [format!("tallysheet:{}:hook", killed.id)], "the receiver can tell that it is the same");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_gives_up_a_run_that_asks_and_ends_well() {
    let msp = Msp::start(Duration::from_millis(400), NIGHTLY).await;
    msp.missed().await;
    let serve = msp.serve().await;
    until("a run begins", async || !msp.runs().await.is_empty() && msp.simulation.total_calls() > 1).await;
    assert_eq!(serve.json("/v1/runs").await["runs"][0]["state"], "running");
    assert_eq!(serve.end().await, Some(0));
    let runs = msp.runs().await;
    assert_eq!((runs.len(), runs[0].finished_at), (1, None));
    assert!(msp.simulation.desk().tickets().is_empty());
    let due = msp.store().note("schedule/nightly").await.unwrap().unwrap();
    assert!(due.contains("2026-01-01T00:00:00Z"), "it is made up for at the next start: {due}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scheduler_gets_its_files() {
    let msp = Msp::start(Duration::ZERO, NIGHTLY).await;
    for (scheduler, part) in [
        ("systemd", "OnCalendar=*-*-* 00:00:00"),
        ("launchd", "<string>--if-due</string>"),
        ("windows", "<Interval>PT1H</Interval>"),
    ] {
        let output = msp.command(&["schedule", "install", "--print", "--for", scheduler]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains(part) && text.contains("# To switch it on: "),
            "{scheduler}: {output:?}"
        );
    }
    let home = msp.folder.path().join("home");
    let mut command = command(msp.folder.path(), &["schedule", "install", "nightly", "--for", "systemd"]);
    let output = command
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", home.join("c"))
        .env("APPDATA", home.join("c"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let written: PathBuf = home.join("c/systemd/user/tallysheet-nightly.timer");
    assert!(std::fs::read_to_string(written).unwrap().contains("Persistent=true"));
    assert!(msp.store().note("schedule/nightly").await.unwrap().is_some(), "it has nothing to make up for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_told_once_a_day_and_a_good_run_is_reported() {
    let (hook, heart) = (Hook::start(), Hook::start());
    hook.answers.store(true, Ordering::Relaxed);
    heart.answers.store(true, Ordering::Relaxed);
    let more = format!(
        "[deliver.archive]\nkind = \"file\"\npath = \"companies.csv/x.csv\"\nenabled = true\n\
         [alert]\nwebhook = {{ url = \"http://{}/x\" }}\nheartbeat = \"http://{}/beat\"\n",
        hook.address, heart.address
    );
    let msp = Msp::start(Duration::ZERO, &more).await;
    for _ in 0..2 {
        assert_eq!(msp.command(&["run"]).await.status.code(), Some(4));
    }
    let told = hook.bodies();
    assert_eq!(told.len(), 1, "{told:?}");
    let alert: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(alert["cause"], "delivery/archive");
    assert!(heart.requests().is_empty(), "a run whose delivery failed is no good one");
    let names = std::fs::read_to_string(msp.folder.path().join("companies.csv")).unwrap();
    for name in names.lines().skip(1).filter_map(|line| line.split(',').next()).filter(|name| name.len() > 4) {
        assert!(!told[0].contains(name), "{name}");
    }
    let config = std::fs::read_to_string(msp.folder.path().join("tallysheet.toml")).unwrap();
    std::fs::write(msp.folder.path().join("tallysheet.toml"), config.replace("companies.csv/x.csv", "x.csv")).unwrap();
    assert!([0, 3].contains(&msp.command(&["run"]).await.status.code().unwrap()));
    assert!(heart.requests()[0].starts_with("GET /beat HTTP/1.1"), "{:?}", heart.requests());
    msp.command(&["run", "--no-deliver"]).await;
    assert_eq!(heart.requests().len(), 1, "only whole runs count");
}
