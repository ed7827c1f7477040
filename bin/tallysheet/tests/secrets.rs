//! No secret leaves the program but to its vendor: not on standard output or error, in no file, in no kept run. Every
//! command is run against vendors that are well, and against vendors that throw all they were sent back at it. And what is
//! kept is for its owner's eyes only.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Serve, command, json_of, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use tallysheet_sim::{Options, Simulation};
use tallysheet_store::{Sqlite, Store};
use tempfile::TempDir;

/// Every secret that a test plants begins so; so does every part of an answer that holds one.
const PLANTED: &str = "planted-";
/// Keys of a config whose values are secrets.
const SECRET_KEYS: [&str; 10] = [
    "secret",
    "key",
    "password",
    "token",
    "totp",
    "reseller_token",
    "access_token",
    "private_key",
    "api_key",
    "headers",
];

/// How the vendors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// Answers with this status, and with the whole request in headers and body.
    Echo(u16),
    /// Says that all is well, on an HTML page with the whole request in it.
    Page,
}

/// Between the program and the simulation: it sees every credential, and can play the vendor that echoes.
struct Between {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    /// Whatever stood behind the scheme of an `Authorization`, or in another header of a credential.
    shown: Arc<Mutex<BTreeSet<String>>>,
}

impl Between {
    fn start(vendors: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, shown) = (Arc::new(Mutex::new(Mood::Well)), Arc::new(Mutex::new(BTreeSet::new())));
        let (now, seen, vendors) = (mood.clone(), shown.clone(), vendors.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (now, seen, vendors) = (now.clone(), seen.clone(), vendors.clone());
                std::thread::spawn(move || {
                    let mood = *now.lock().unwrap();
                    // Whoever hangs up has had enough.
                    let _ = pass(stream, mood, &seen, &vendors, &address.to_string());
                });
            }
        });
        Self { address, mood, shown }
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// One request and its answer.
fn pass(
    mut stream: TcpStream,
    mood: Mood,
    shown: &Mutex<BTreeSet<String>>,
    vendors: &str,
    own: &str,
) -> std::io::Result<()> {
    let (head, body) = receive(&mut stream)?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    for (name, value) in &headers {
        let is_credential = ["authorization", "key", "token", "apikey"].iter().any(|part| name.contains(part));
        let word = value.rsplit(' ').next().unwrap_or_default();
        if is_credential && word.len() >= 12 {
            shown.lock().unwrap().insert(word.to_owned());
        }
    }
    let is_hook = first.contains("/hook/");
    let sent = format!("{PLANTED}echo {head} {}", String::from_utf8_lossy(&body));
    let answer = match mood {
        Mood::Well if is_hook => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        Mood::Well => {
            // The vendors know their own address only.
            let coded = |address: &str| address.replace(':', "%3A");
            let known = |text: &str| text.replace(own, vendors).replace(&coded(own), &coded(vendors));
            let body = std::str::from_utf8(&body).map_or_else(|_| body.clone(), |text| known(text).into_bytes());
            let left_out = ["host", "connection", "accept-encoding", "content-length"];
            let kept = headers.iter().filter(|(name, _)| !left_out.contains(&&**name));
            let kept: String = kept.flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
            let (first, length) = (known(first), body.len());
            let mut vendor = TcpStream::connect(vendors)?;
            vendor.write_all(
                format!("{first}\r\nhost: {vendors}\r\nconnection: close\r\ncontent-length: {length}\r\n{kept}\r\n")
                    .as_bytes(),
            )?;
            vendor.write_all(&body)?;
            let mut answer = Vec::new();
            vendor.read_to_end(&mut answer)?;
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
            let (head, body) = answer.split_at(end);
            // The vendors name themselves in links.
            let turned = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(vendors, own);
            let body =
                std::str::from_utf8(body).map_or_else(|_| body.to_vec(), |text| turned(text.as_bytes()).into_bytes());
            let length = format!("content-length: {}\r\n", body.len());
            let head: String =
                turned(head)
                    .split_inclusive("\r\n")
                    .map(|line| {
                        if line.to_lowercase().starts_with("content-length") { length.clone() } else { line.to_owned() }
                    })
                    .collect();
            [head.into_bytes(), body].concat()
        }
        Mood::Echo(status) => {
            let json = serde_json::json!({ "error": sent, "error_description": sent, "message": sent, "code": sent,
                "errors": [{ "message": sent, "detail": sent }], "detail": sent });
            let line: String = sent.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(2000).collect();
            let body = json.to_string();
            format!(
                "HTTP/1.1 {status} {line}\r\ncontent-type: application/json\r\nx-echo: {line}\r\nlocation: \
                 https://{PLANTED}user@elsewhere.example/x?{line}\r\nwww-authenticate: Bearer error=\"{line}\"\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        }
        Mood::Page => {
            let body = format!("<html><title>{sent}</title>{sent}</html>");
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .into_bytes()
        }
    };
    stream.write_all(&answer)
}

fn receive(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let (mut bytes, mut part) = (Vec::new(), [0; 8192]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Ok((head, bytes[end + 4..].to_vec()));
            }
        }
        match stream.read(&mut part)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}

/// An MSP all of whose secrets are known to the test.
struct Msp {
    folder: TempDir,
    _simulation: Simulation,
    between: Between,
    secrets: BTreeSet<String>,
    token: String,
}

impl Msp {
    async fn start() -> Self {
        let simulation = Simulation::start(Options { companies: 14, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = simulation.config_toml();
        let vendors = format!("http://{}", config.split("\"http://").nth(1).unwrap().split(['/', '"']).next().unwrap());
        let between = Between::start(&vendors);
        let config = config.replace(&vendors, &format!("http://{}", between.address));
        let mut secrets: BTreeSet<String> = config.lines().filter_map(secret_of).collect();
        assert!(secrets.len() > 15, "{secrets:?}");
        secrets.extend([PLANTED.to_owned(), "simulated-token-".to_owned()]);

        let token = json_of(&command(folder.path(), &["serve", "token", "test", "--json"]).output().unwrap());
        let config = in_files_and_environment(&config, folder.path());
        let more = format!(
            "\n[serve]\nlisten = \"127.0.0.1:0\"\ntokens = [{{ name = \"test\", sha256 = \"{}\" }}]\n\
             [deliver.archive]\nkind = \"file\"\npath = \"reports/{{run}}.xlsx\"\n\
             [deliver.hook]\nkind = \"webhook\"\nurl = \"http://{between}/hook/{PLANTED}address?{PLANTED}=1\"\n\
             secret = \"{PLANTED}signing-key\"\nheaders = {{ x-api-key = \"{PLANTED}header\" }}\nformat = \"html\"\n\
             [alert]\nwebhook = {{ url = \"http://{between}/hook/{PLANTED}alert\", secret = \"{PLANTED}alert-key\" }}\n\
             heartbeat = \"http://{between}/hook/{PLANTED}heartbeat\"\n\
             [schedule.nightly]\ndaily = {{ at = \"00:00\" }}\n",
            token["sha256"].as_str().unwrap(),
            between = between.address,
        );
        let config = config + &simulation.delivery_toml() + &simulation.reconcile_toml() + &more;
        std::fs::write(folder.path().join("tallysheet.toml"), config).unwrap();
        std::fs::write(folder.path().join("companies.csv"), simulation.companies_csv().unwrap()).unwrap();
        std::fs::write(folder.path().join("products.csv"), simulation.products_csv()).unwrap();
        let token = token["token"].as_str().unwrap().to_owned();
        secrets.insert(token.clone());
        Self { folder, _simulation: simulation, between, secrets, token }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.folder.path(), arguments);
        command.env("TEST_PAX8_SECRET", pax8_secret()).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Everything that must not be said.
    fn words(&self) -> Vec<String> {
        let shown = self.between.shown.lock().unwrap();
        self.secrets.iter().chain(shown.iter()).cloned().collect()
    }

    /// Fails where something holds a secret, with the secret's surroundings.
    #[track_caller]
    fn assert_silent(&self, what: &str, said: &[u8]) {
        for word in self.words() {
            let found = said.windows(word.len()).position(|window| window == word.as_bytes());
            let around = |at: usize| {
                String::from_utf8_lossy(&said[at.saturating_sub(300)..(at + 60).min(said.len())]).into_owned()
            };
            assert!(found.is_none(), "{what} holds `{word}`: … {}", around(found.unwrap()));
        }
    }

    async fn assert_command(&self, mood: Mood, arguments: &[&str]) -> Output {
        let output = self.run(arguments).await;
        let what = format!("{arguments:?} against {mood:?}");
        self.assert_silent(&format!("{what}: standard output"), &output.stdout);
        self.assert_silent(&format!("{what}: standard error"), &output.stderr);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!errors.contains("panicked") && output.status.code().is_some_and(|code| code <= 4), "{what}: {errors}");
        output
    }

    /// Every file below the folder but for the config, its own secret files, and the rotated tokens.
    async fn assert_files(&self) {
        let files = files_below(self.folder.path());
        let is_ours = |path: &PathBuf| {
            let name = path.strip_prefix(self.folder.path()).unwrap().to_string_lossy().replace('\\', "/");
            !name.starts_with("state/tokens/") && !name.starts_with("secrets/") && name != "tallysheet.toml"
        };
        for path in files.iter().filter(|path| is_ours(path)) {
            self.assert_silent(&path.display().to_string(), &std::fs::read(path).unwrap());
        }
        let store = Sqlite::open(&self.folder.path().join("state/tallysheet.db")).unwrap();
        let runs = store.runs(1000).await.unwrap();
        assert!(!runs.is_empty(), "nothing was kept");
        for head in runs {
            let run = store.run(&head.id).await.unwrap().unwrap();
            self.assert_silent(&format!("the kept run {}", head.id), &serde_json::to_vec(&run).unwrap());
        }
    }
}

/// The value of a line of a config, if it is a secret.
fn secret_of(line: &str) -> Option<String> {
    let (key, value) = line.split_once(" = ")?;
    let is_secret =
        SECRET_KEYS.iter().any(|part| key.contains(part)) && !key.contains("url") && !key.contains("public");
    let value = value.trim().trim_matches('"');
    (is_secret && value.len() >= 8).then(|| value.to_owned())
}

fn pax8_secret() -> String {
    PAX8.lock().unwrap().clone()
}

/// What the variable holds.
static PAX8: Mutex<String> = Mutex::new(String::new());

/// Some of the secrets stand in a file, and in a variable.
fn in_files_and_environment(config: &str, folder: &Path) -> String {
    let mut section = String::new();
    let moved = |line: &str, section: &str| -> Option<String> {
        let (key, value) = line.split_once(" = ")?;
        let value = secret_of(line).filter(|_| value.starts_with('"'))?;
        match section {
            "[integrations.huntress]" => {
                std::fs::create_dir_all(folder.join("secrets")).unwrap();
                std::fs::write(folder.join("secrets").join(key), value + "\r\n").unwrap();
                Some(format!("{key} = {{ file = \"secrets/{key}\" }}"))
            }
            "[integrations.pax8]" if key == "client_secret" => {
                *PAX8.lock().unwrap() = value;
                Some(format!("{key} = {{ env = \"TEST_PAX8_SECRET\" }}"))
            }
            _ => None,
        }
    };
    let mut text = String::new();
    for line in config.lines() {
        if line.starts_with('[') {
            line.clone_into(&mut section);
        }
        text += &moved(line, &section).unwrap_or_else(|| line.to_owned());
        text += "\n";
    }
    text
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tells_a_secret_whatever_the_vendors_do() {
    let msp = Msp::start().await;
    let mood = Mood::Well;
    let well: [&[&str]; 24] = [
        &["check", "--verbose"],
        &["check", "--json"],
        &["run", "--json", "--verbose", "--log", "run.jsonl"],
        &["run", "--no-deliver", "--format", "html", "--output", "-"],
        &["run", "--no-deliver", "--only", "huntress,pax8", "--format", "long", "--output", "out.csv"],
        &["run", "--no-deliver", "--only", "huntress,pax8", "--output", "out.xlsx"],
        &["run", "--schedule", "nightly", "--verbose"],
        &["deliver", "last", "archive", "--verbose"],
        &["deliver", "--test", "hook", "--verbose"],
        &["probe", "huntress", "--json", "--verbose"],
        &["probe", "microsoft-graph"],
        &["companies", "list", "--json"],
        &["companies", "suggest", "--output", "choices.csv"],
        &["companies", "export", "--from", "vendors", "--output", "new.csv"],
        &["history", "--all", "--json"],
        &["report", "--month", "2026-11", "--output", "month.xlsx"],
        &["reconcile", "--plan", "plan.json", "--output", "billing.html", "--verbose"],
        &["products", "suggest", "--json"],
        &["apply", "plan.json", "--verbose"],
        &["apply", "plan.json", "--yes", "--json", "--verbose"],
        &["schedule", "install", "--print"],
        &["schema"],
        &["integrations", "pax8", "--json"],
        &["init", "pax8", "huntress", "--path", "starter.toml"],
    ];
    for arguments in well {
        let output = msp.assert_command(mood, arguments).await;
        // The first companies file has no column of the user's own.
        let may_be_wrong = arguments.contains(&"export");
        assert!(
            output.status.code() != Some(2) || may_be_wrong,
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let shown = msp.between.shown.lock().unwrap().len();
    assert!(shown > 20, "only {shown} credentials were seen on their way: the test sees nothing");
    msp.assert_files().await;

    for mood in [Mood::Echo(401), Mood::Echo(400), Mood::Echo(302), Mood::Page] {
        msp.between.is(mood);
        for arguments in [
            &["check", "--verbose"][..],
            &["run", "--json", "--verbose"],
            &["probe", "pax8", "--verbose"],
            &["companies", "list"],
            &["deliver", "last", "--verbose"],
            &["reconcile", "--verbose"],
            &["apply", "plan.json", "--verbose"],
        ] {
            msp.assert_command(mood, arguments).await;
        }
    }
    // Asked again and again with real waits, so two only.
    msp.between.is(Mood::Echo(500));
    msp.assert_command(Mood::Echo(500), &["run", "--only", "huntress,pax8", "--no-deliver", "--verbose"]).await;
    msp.assert_files().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_tells_no_secret() {
    let msp = Msp::start().await;
    std::fs::write(msp.folder.path().join(".env"), format!("TEST_PAX8_SECRET={}\n", pax8_secret())).unwrap();
    let config = msp.folder.path().join("tallysheet.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("[run]", "[run]\nenv_file = \".env\"");
    std::fs::write(&config, text).unwrap();
    let serve = Serve::start(msp.folder.path(), &msp.token).await;
    for mood in [Mood::Well, Mood::Echo(401)] {
        msp.between.is(mood);
        let begun = serve.post("/v1/runs", b"{}").await;
        assert_eq!(begun.status, 202, "{}", begun.text());
        let begun: Value = serde_json::from_slice(&begun.body).unwrap();
        let place = format!("/v1/runs/{}", begun["id"].as_str().unwrap());
        until("the run ends", async || serve.json(&place).await["state"] != "running").await;
        for path in [
            &place,
            &format!("{place}/json"),
            &format!("{place}/html"),
            &"/metrics".to_owned(),
            &"/".to_owned(),
            &"/v1/runs".to_owned(),
        ] {
            let answer = serve.get(path).await;
            msp.assert_silent(path, answer.head.as_bytes());
            msp.assert_silent(path, &answer.body);
        }
    }
    let refused = serve.ask("GET", "/v1/runs", &[("authorization", &format!("Bearer {PLANTED}wrong"))], b"").await;
    msp.assert_silent("a refusal", &refused.body);
    let told = serve.told.lock().unwrap().clone();
    msp.assert_silent("what `serve` tells", told.as_bytes());
    serve.kill();
    std::fs::remove_file(msp.folder.path().join(".env")).unwrap();
    msp.assert_files().await;
}

/// Reports are as the user's umask says, as they are made to be read; what is kept is not.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let msp = Msp::start().await;
    msp.run(&["run", "--output", "out.csv"]).await;
    msp.run(&["reconcile", "--plan", "plan.json"]).await;
    msp.run(&["apply", "plan.json", "--yes"]).await;
    let config = std::fs::read_to_string(msp.folder.path().join("tallysheet.toml")).unwrap();
    let config = config.replace("reports/{run}.xlsx", "companies.csv/report.csv");
    std::fs::write(msp.folder.path().join("tallysheet.toml"), config).unwrap();
    msp.run(&["run", "--only", "huntress"]).await;

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let state = msp.folder.path().join("state");
    let mut folders = vec![state.clone()];
    let mut files = files_below(&state);
    folders.extend(
        files.iter().flat_map(|file| file.ancestors().skip(1).take_while(|above| *above != state)).map(PathBuf::from),
    );
    files.extend(files_below(msp.folder.path()).into_iter().filter(|path| path.to_string_lossy().contains("undo")));
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    for part in ["tallysheet.db", "undelivered/", "applied/", "tokens/", "locks/", "undo"] {
        assert!(names.iter().any(|name| name.contains(part)), "{part} is not among {names:#?}");
    }
    for folder in folders {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let umask = mode(&msp.folder.path().join("companies.csv"));
    let report = files_below(&msp.folder.path().join("reports")).remove(0);
    for report in [msp.folder.path().join("out.csv"), report] {
        assert_eq!(mode(&report), umask, "{}", report.display());
    }
}
