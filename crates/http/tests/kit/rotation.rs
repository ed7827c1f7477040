//! A refresh token that is spent by its use: no run, no crash and no full disk may lose it unseen.

use crate::support::{Vendor, context, ok, status};
use crate::tokens::{any, api_with, forms, hourly, rotating, shown, source, vendor};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result, World, async_trait};
use tallysheet_host::{Environment, System};
use tallysheet_http::{Api, Call, OAuth2, Tokens};
use tallysheet_testkit::TestWorld;
use wiremock::{Request, ResponseTemplate};

/// What an exchange sends.
fn refresh(token: &str) -> String {
    format!("grant_type=refresh_token&refresh_token={token}")
}

/// Each exchange returns `rN`, to be used next.
fn rotated(n: usize) -> ResponseTemplate {
    ok(json!({ "access_token": format!("t{n}"), "expires_in": 3600, "refresh_token": format!("r{n}") }))
}

#[tokio::test]
async fn a_rotated_token_is_used_by_the_next_run() {
    let vendor = vendor(rotated, any).await;
    for _ in 0..3 {
        api_with(&vendor, rotating("first")).send(&Call::get("/sites")).await.unwrap();
    }
    assert_eq!(forms(&vendor).await, ["first", "r1", "r2"].map(refresh));
}

#[tokio::test]
async fn a_token_that_is_not_rotated_stays_in_use() {
    let vendor = vendor(hourly, any).await;
    for _ in 0..2 {
        api_with(&vendor, rotating("first")).send(&Call::get("/sites")).await.unwrap();
    }
    assert_eq!(forms(&vendor).await, ["first"; 2].map(refresh));
}

#[tokio::test]
async fn a_new_first_token_wins_over_the_one_that_is_kept() {
    let vendor = vendor(rotated, any).await;
    for first in ["first", "second", "second"] {
        api_with(&vendor, rotating(first)).send(&Call::get("/sites")).await.unwrap();
    }
    assert_eq!(forms(&vendor).await, ["first", "second", "r2"].map(refresh));
}

#[tokio::test]
async fn another_tenants_endpoint_takes_the_newest_token_and_keeps_none() {
    let vendor = vendor(rotated, any).await;
    let cx = vendor.context();
    let own = source(&vendor, &cx, rotating("first"));
    let others = own.at(&format!("{}/token", vendor.url())).unwrap();
    for source in [own.clone(), others, own] {
        Tokens::new(&cx, source).token().await.unwrap();
    }
    assert_eq!(forms(&vendor).await, ["first", "r1", "r1"].map(refresh));
}

#[tokio::test]
async fn a_kept_token_that_cannot_be_read_gives_way_to_the_first() {
    let vendor = vendor(rotated, any).await;
    vendor.world.write_state("tokens/acme", b"{ half").unwrap();
    api_with(&vendor, rotating("first")).send(&Call::get("/sites")).await.unwrap();
    assert_eq!(forms(&vendor).await, ["first"].map(refresh));
}

/// A world whose state folder can be full, or locked by another run.
struct Hindered {
    world: TestWorld,
    /// How many entries still find room.
    room: AtomicUsize,
    /// How many do not, then.
    full: AtomicUsize,
    /// How often the lock is somebody else's.
    locked: AtomicUsize,
}

fn one_less(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl World for Hindered {
    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }
    fn monotonic(&self) -> Duration {
        self.world.monotonic()
    }
    async fn sleep(&self, duration: Duration) {
        self.world.sleep(duration).await;
    }
    fn random(&self) -> f64 {
        self.world.random()
    }
    fn read_text(&self, path: &Path) -> Result<String> {
        self.world.read_text(path)
    }
    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.world.read_state(name)
    }
    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if !one_less(&self.room) && one_less(&self.full) {
            return Err(Error::internal("the disk is full"));
        }
        self.world.write_state(name, bytes)
    }
    fn state_place(&self, name: &str) -> String {
        self.world.state_place(name)
    }
    fn try_lock_state(&self, name: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        if one_less(&self.locked) { Ok(None) } else { self.world.try_lock_state(name) }
    }
}

fn hindered(vendor: &Vendor, room: usize, full: usize, locked: usize) -> Api {
    let [room, full, locked] = [room, full, locked].map(AtomicUsize::new);
    let cx = context(&vendor.url(), Arc::new(Hindered { world: vendor.world.clone(), room, full, locked }));
    let tokens = Tokens::new(&cx, source(vendor, &cx, rotating("first")));
    Api::builder(&cx, None).auth(tokens).build().unwrap()
}

#[tokio::test]
async fn where_the_next_token_could_not_be_kept_none_is_spent() {
    let vendor = vendor(rotated, any).await;
    let error = hindered(&vendor, 0, usize::MAX, 0).send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "getting a token: the refresh token was not sent, as the next one could not be kept: the disk is full"
    );
    assert!(vendor.requests().await.is_empty());

    // The same on a real disk.
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::write(&state, "a file stands in its place").unwrap();
    let cx = context(&vendor.url(), Arc::new(System::new(&state)));
    let error = Tokens::new(&cx, source(&vendor, &cx, rotating("first"))).token().await.err().unwrap();
    let told = error.to_string();
    assert!(told.contains("the refresh token was not sent") && told.contains("state"), "{told}");
    assert!(vendor.requests().await.is_empty());
}

#[tokio::test]
async fn a_disk_that_is_busy_for_a_moment_loses_nothing_and_one_that_fills_up_is_told() {
    let busy = vendor(rotated, any).await;
    hindered(&busy, 1, 3, 0).send(&Call::get("/sites")).await.unwrap();
    api_with(&busy, rotating("first")).send(&Call::get("/sites")).await.unwrap();
    assert_eq!(forms(&busy).await, ["first", "r1"].map(refresh));

    let full = vendor(rotated, any).await;
    let error = hindered(&full, 1, usize::MAX, 0).send(&Call::get("/sites")).await.err().unwrap();
    let told = error.to_string();
    assert!(told.contains("the disk is full; the next refresh token is lost with this"), "{told}");
    assert!(told.ends_with("make a new one at the vendor and put it into `refresh_token`"), "{told}");
    assert!(shown(&full).await.is_empty(), "and nothing is asked with a token that came with it");
}

#[tokio::test]
async fn another_run_that_renews_the_token_is_waited_for_but_not_for_ever() {
    let vendor = vendor(rotated, any).await;
    hindered(&vendor, 9, 0, 20).send(&Call::get("/sites")).await.unwrap();
    assert_eq!(vendor.world.monotonic(), Duration::from_secs(2));

    let error = hindered(&vendor, 9, 0, usize::MAX).send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("another run holds the token of this integration"), "{error}");
    assert_eq!(vendor.world.monotonic(), Duration::from_secs(122));
}

/// An exchange whose answer never comes, and then a vendor that takes the same token once more, or does not.
#[tokio::test]
async fn a_token_that_may_be_spent_is_tried_once_more_and_told_about_where_it_is() {
    for accepts in [true, false] {
        let issue = move |n| {
            if n == 1 {
                status(503)
            } else if accepts {
                rotated(n)
            } else {
                status(400)
            }
        };
        let vendor = vendor(issue, any).await;
        let ask = async || api_with(&vendor, rotating("first")).send(&Call::get("/sites")).await.map(|_| ());
        let error = ask().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("the refresh token may be spent by this"), "{error}");
        // What is known of it stays, however often it is refused.
        for _ in 0..2 {
            let told = ask().await.map_err(|error| error.to_string());
            let expected = "the run of 2026-11-01T06:00:00Z sent this refresh token and ended before it had kept the next \
                            one, so it is spent; make a new one at the vendor and put it into `refresh_token`";
            assert_eq!(told.is_ok(), accepts, "{told:?}");
            assert!(told.is_ok() || told.unwrap_err().ends_with(expected));
        }
        let sent = if accepts { ["first", "first", "r2"] } else { ["first"; 3] };
        assert_eq!(forms(&vendor).await, sent.map(refresh));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_leaves_what_was_kept() {
    // The config of a moment ago: its first token is spent, and the chain of the newer one must survive it.
    let vendor = vendor(|n| if n == 2 { status(400) } else { rotated(n) }, any).await;
    let ask = async |first: &str| api_with(&vendor, rotating(first)).send(&Call::get("/sites")).await.map(|_| ());
    ask("newer").await.unwrap();
    let told = ask("older").await.unwrap_err().to_string();
    assert!(!told.contains("the run of"), "nothing was cut off: {told}");
    ask("newer").await.unwrap();
    assert_eq!(forms(&vendor).await, ["newer", "older", "r1"].map(refresh));
}

#[tokio::test]
async fn a_token_that_came_without_an_access_token_is_kept_all_the_same() {
    let issue = |n| if n == 1 { ok(json!({ "refresh_token": "r1" })) } else { rotated(n) };
    let vendor = vendor(issue, any).await;
    let ask = async || api_with(&vendor, rotating("first")).send(&Call::get("/sites")).await.map(|_| ());
    assert_eq!(ask().await.unwrap_err().kind(), ErrorKind::BadResponse);
    ask().await.unwrap();
    assert_eq!(forms(&vendor).await, ["first", "r1"].map(refresh));
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_give_up_the_token() {
    let vendor = vendor(|n| rotated(n).set_delay(Duration::from_millis(100)), any).await;
    let api = api_with(&vendor, rotating("first"));
    let call = Call::get("/sites");
    assert!(tokio::time::timeout(Duration::from_millis(30), api.send(&call)).await.is_err());
    // The clock of this world is a fake one: it would be out of patience before the vendor answers.
    let answer = tokio::time::timeout(Duration::from_millis(300), std::future::pending::<()>());
    assert!(answer.await.is_err());
    api.send(&call).await.unwrap();
    assert_eq!(forms(&vendor).await, ["first", "r1"].map(refresh));
}

/// A vendor that takes a refresh token once, and what is done to the run that is asking at that moment.
struct Strict {
    good: Mutex<String>,
    run: Mutex<Option<Child>>,
    killed: Condvar,
}

impl Strict {
    fn new() -> Arc<Self> {
        Arc::new(Self { good: Mutex::new("first".to_owned()), run: Mutex::new(None), killed: Condvar::new() })
    }

    fn exchange(&self, sent: &[u8]) -> ResponseTemplate {
        let mut good = self.good.lock().unwrap();
        if sent != refresh(good.as_str()).as_bytes() {
            return status(400).set_body_json(json!({ "error": "invalid_grant" }));
        }
        *good = format!("{good}-next");
        ok(json!({ "access_token": "t", "expires_in": 3600, "refresh_token": *good }))
    }

    /// Starts a run in a process of its own. It writes what came of it beside the state folder.
    fn start(folder: &Path, vendor: &Vendor, first: &str) -> Child {
        let this = std::env::current_exe().unwrap();
        Command::new(this)
            .args(["--exact", "rotation::a_run_in_a_process_of_its_own", "--ignored"])
            .envs([("TALLYSHEET_TEST_FOLDER", folder.to_str().unwrap()), ("TALLYSHEET_TEST_URL", &vendor.url())])
            .env("TALLYSHEET_TEST_FIRST", first)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A run that the vendor kills.
    fn run_to_be_killed(&self, folder: &Path, vendor: &Vendor) {
        let mut run = self.run.lock().unwrap();
        *run = Some(Self::start(folder, vendor, "first"));
        drop(self.killed.wait_while(run, |run| run.is_some()).unwrap());
    }

    fn kill(&self) {
        if let Some(mut run) = self.run.lock().unwrap().take() {
            run.kill().unwrap();
            run.wait().unwrap();
            self.killed.notify_all();
        }
    }
}

/// What came of a run in a process of its own: `ok`, or its error.
fn run(folder: &Path, vendor: &Vendor, first: &str) -> String {
    let mut process = Strict::start(folder, vendor, first);
    assert!(process.wait().unwrap().success());
    let told = folder.join(process.id().to_string());
    std::fs::read_to_string(told).unwrap()
}

#[tokio::test]
#[ignore = "the other tests start it as a process of its own"]
async fn a_run_in_a_process_of_its_own() {
    let environment = Environment::of_process();
    let variable = |name: &str| environment.get(&format!("TALLYSHEET_TEST_{name}")).map(str::to_owned);
    let [Some(folder), Some(url), Some(first)] = ["FOLDER", "URL", "FIRST"].map(variable) else { return };
    let folder = Path::new(&folder);
    let cx = context(&url, Arc::new(System::new(folder.join("state"))));
    let tokens = OAuth2::new(&cx, &format!("{url}/token"), rotating(&first)).unwrap();
    let api = Api::builder(&cx, None).auth(Tokens::new(&cx, tokens)).build().unwrap();
    let told = api.send(&Call::get("/sites")).await.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
    std::fs::write(folder.join(std::process::id().to_string()), told).unwrap();
}

fn is_token(request: &Request) -> bool {
    request.url.path().ends_with("/token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_once_its_token_is_spent_is_found_and_told_with_the_way_out() {
    let (strict, folder) = (Strict::new(), tempfile::tempdir().unwrap());
    let vendor = Vendor::deciding({
        let strict = strict.clone();
        move |request| {
            let answer = if is_token(request) { strict.exchange(&request.body) } else { ok(json!({})) };
            strict.kill();
            answer
        }
    })
    .await;
    strict.run_to_be_killed(folder.path(), &vendor);
    let told = run(folder.path(), &vendor, "first");
    assert!(told.contains("(invalid_grant)") && told.contains("the run of 2"), "{told}");
    assert!(told.ends_with("so it is spent; make a new one at the vendor and put it into `refresh_token`"), "{told}");

    *strict.good.lock().unwrap() = "new".to_owned();
    assert_eq!(run(folder.path(), &vendor, "new"), "ok");
    assert_eq!(run(folder.path(), &vendor, "new"), "ok");
    assert_eq!(forms(&vendor).await, ["first", "first", "new", "new-next"].map(refresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_before_the_vendor_took_its_token_costs_nothing() {
    let (strict, folder) = (Strict::new(), tempfile::tempdir().unwrap());
    let vendor = Vendor::deciding({
        let strict = strict.clone();
        move |request| {
            if strict.run.lock().unwrap().is_some() {
                strict.kill();
                return status(503);
            }
            if is_token(request) { strict.exchange(&request.body) } else { ok(json!({})) }
        }
    })
    .await;
    strict.run_to_be_killed(folder.path(), &vendor);
    for _ in 0..2 {
        assert_eq!(run(folder.path(), &vendor, "first"), "ok");
    }
    assert_eq!(forms(&vendor).await, ["first", "first", "first-next"].map(refresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_once_the_next_token_is_kept_loses_nothing() {
    let (strict, folder) = (Strict::new(), tempfile::tempdir().unwrap());
    let vendor = Vendor::deciding({
        let strict = strict.clone();
        move |request| {
            if is_token(request) {
                return strict.exchange(&request.body);
            }
            strict.kill();
            ok(json!({}))
        }
    })
    .await;
    strict.run_to_be_killed(folder.path(), &vendor);
    assert_eq!(run(folder.path(), &vendor, "first"), "ok");
    assert_eq!(forms(&vendor).await, ["first", "first-next"].map(refresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_at_once_the_second_takes_what_the_first_has_kept() {
    let (strict, folder) = (Strict::new(), tempfile::tempdir().unwrap());
    let vendor = Vendor::deciding(move |request| {
        let slow = Duration::from_millis(300);
        if is_token(request) { strict.exchange(&request.body).set_delay(slow) } else { ok(json!({})) }
    })
    .await;
    let mut both = [(); 2].map(|()| Strict::start(folder.path(), &vendor, "first"));
    for process in &mut both {
        assert!(process.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(folder.path().join(process.id().to_string())).unwrap(), "ok");
    }
    assert_eq!(forms(&vendor).await, ["first", "first-next"].map(refresh));
}
