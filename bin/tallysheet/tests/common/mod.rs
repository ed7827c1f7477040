//! What tests of `serve` share: a folder with a config against a simulated MSP, the process, a web address that listens.
#![allow(dead_code, reason = "not every test uses all of it")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tallysheet_sim::{Options, Simulation};
use tallysheet_store::{RunHead, Sqlite, Store};
use tempfile::TempDir;

/// A folder with a config against a simulated MSP of which two vendors take part.
pub(crate) struct Msp {
    pub(crate) folder: TempDir,
    pub(crate) simulation: Simulation,
    pub(crate) token: String,
}

impl Msp {
    pub(crate) async fn start(latency: Duration, more: &str) -> Self {
        let simulation = Simulation::start(Options { companies: 14, latency, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token = json_of(&command(folder.path(), &["serve", "token", "test", "--json"]).output().unwrap());
        let config = simulation.config_toml() + &simulation.delivery_toml();
        let config: String = config.lines().flat_map(|line| [line, "\n", switched_off(line)]).collect();
        let serve = format!(
            "[serve]\nlisten = \"127.0.0.1:0\"\ntokens = [{{ name = \"test\", sha256 = \"{}\" }}]\n",
            token["sha256"].as_str().unwrap()
        );
        std::fs::write(folder.path().join("tallysheet.toml"), format!("{config}\n{serve}\n{more}")).unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        Self { folder, simulation, token: token["token"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn store(&self) -> Sqlite {
        let state = self.folder.path().join("state");
        std::fs::create_dir_all(&state).unwrap();
        Sqlite::open(&state.join("tallysheet.db")).unwrap()
    }

    /// Says that the daily schedule was run long ago, so that there is something to make up for.
    pub(crate) async fn missed(&self) {
        let past = json!({ "when": "each day at 00:00", "last": "2026-01-01T00:00:00Z" });
        self.store().keep_note("schedule/nightly", &past.to_string()).await.unwrap();
    }

    pub(crate) async fn runs(&self) -> Vec<RunHead> {
        self.store().runs(100).await.unwrap()
    }

    pub(crate) async fn serve(&self) -> Serve {
        Serve::start(self.folder.path(), &self.token).await
    }

    pub(crate) async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.folder.path(), arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

pub(crate) fn switched_off(line: &str) -> &str {
    let kept = ["[integrations.huntress]", "[integrations.pax8]", "[integrations.connectwise-psa]"];
    if line.starts_with("[integrations.") && !kept.contains(&line) { "enabled = false\n" } else { "" }
}

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tallysheet"));
    command.current_dir(folder).args(arguments).env_remove("TALLYSHEET_CONFIG");
    command
}

pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// A `serve` that is killed when it is dropped.
pub(crate) struct Serve {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// What it tells on standard error.
    pub(crate) told: Arc<Mutex<String>>,
}

impl Serve {
    /// Starts in a folder, and waits until it serves.
    pub(crate) async fn start(folder: &Path, token: &str) -> Self {
        let mut command = command(folder, &["serve"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(process.stderr.take().unwrap());
        let (address, before, mut rest) = tokio::task::spawn_blocking(move || {
            let (mut line, mut all) = (String::new(), String::new());
            while told.read_line(&mut line).unwrap() > 0 {
                if let Some(rest) = line.split("http://").nth(1) {
                    return (rest.split(' ').next().unwrap().parse().unwrap(), all, told);
                }
                all += &std::mem::take(&mut line);
            }
            panic!("it does not serve: {all}");
        })
        .await
        .unwrap();
        let told = Arc::new(Mutex::new(before));
        let all = told.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while rest.read_line(&mut line).is_ok_and(|read| read > 0) {
                *all.lock().unwrap() += &std::mem::take(&mut line);
            }
        });
        Self { process, address, token: token.to_owned(), told }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {}", self.token))], b"").await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[("authorization", &format!("Bearer {}", self.token))], body).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers: String = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
        let length =
            if headers.contains("chunked") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}{headers}\r\n");
        let (address, bytes) = (self.address, [head.as_bytes(), body].concat());
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // The answer may come before all is written.
            let _ = stream.write_all(&bytes);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            Answer::of(&answer)
        })
        .await
        .unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    #[cfg(unix)]
    pub(crate) async fn end(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        until("it ends", async || self.process.try_wait().unwrap().is_some()).await;
        self.process.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[allow(clippy::disallowed_methods, reason = "other processes need real time")]
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is().await {
        assert!(started.elapsed() < Duration::from_mins(1), "{what}: not in time");
        wait(Duration::from_millis(20)).await;
    }
}

pub(crate) const NIGHTLY: &str = "[schedule.nightly]\ndaily = { at = \"00:00\" }\n";

/// A web address that takes what it is given, and answers only when it is told to.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    pub(crate) answers: Arc<AtomicBool>,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Hook {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (answer, heard) = (answers.clone(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, heard) = (answer.clone(), heard.clone());
                std::thread::spawn(move || take(stream, &answer, &heard));
            }
        });
        Self { address, answers, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.split("\r\n\r\n").nth(1).unwrap().to_owned()).collect()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let key = |request: &String| {
            let line = request.lines().find(|line| line.to_lowercase().starts_with("x-tallysheet-delivery: "))?;
            line.split_once(": ").map(|(_, key)| key.to_owned())
        };
        self.requests().iter().filter_map(key).collect()
    }
}

pub(crate) fn take(mut stream: TcpStream, answer: &AtomicBool, heard: &Mutex<Vec<String>>) {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                heard.lock().unwrap().push(text);
                break;
            }
        }
        match stream.read(&mut part) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    // Until it is told to answer, or the other side goes away.
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    while !answer.load(Ordering::Relaxed) {
        match stream.read(&mut part) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return,
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}
