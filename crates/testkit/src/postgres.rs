//! A real PostgreSQL server: one for each test binary, and a database for each test. A machine without it skips these tests
//! by name; where `TALLYSHEET_TESTS_SKIP_NOTHING` is set, a skip is a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The password of the user `tally`: whoever shows a URL shows it.
pub const PASSWORD: &str = "planted-database-password";

/// Ends the server and deletes its files once the test binary has gone, however it went: then the pipe ends.
const KEEPER: &str = r#""$0" -D "$1/data" -p "$2" -F -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c full_page_writes=off -c synchronous_commit=off > "$1/log" 2>&1 &
read -r _; kill -QUIT $!; wait; rm -rf "$1""#;

/// A running server.
struct Server {
    programs: PathBuf,
    port: u16,
    _keeper: Child,
}

/// The URL of a new, empty database. `None` where this machine has no server, which is told.
///
/// # Panics
/// Where the server cannot be started although it is there; or where it is not, and nothing may be skipped.
pub fn database(test: &str) -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(server) = SERVER.get_or_init(|| programs().map(|programs| start(&programs))) else {
        let lacking = "there is no PostgreSQL server (Debian: the package postgresql)";
        let strict = std::env::var_os("TALLYSHEET_TESTS_SKIP_NOTHING").is_some();
        assert!(!strict, "{test}: {lacking}, and nothing may be skipped");
        // Not by `eprintln!`, which the test harness swallows.
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {lacking}");
        return None;
    };
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut create = Command::new(server.programs.join("createdb"));
    create.args(["-h", "127.0.0.1", "-U", "tally", "-p", &server.port.to_string(), &name]);
    run(create.env("PGPASSWORD", PASSWORD));
    Some(format!("postgres://tally:{PASSWORD}@127.0.0.1:{}/{name}", server.port))
}

/// The folder of the server's programs: where the one on the path really lies, else where Debian puts them.
fn programs() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    on_path
        .chain(debian.into_iter().rev().map(|(_, folder)| folder))
        .filter_map(|folder| std::fs::canonicalize(folder.join("postgres")).ok()?.parent().map(Path::to_owned))
        .find(|folder| cfg!(unix) && ["initdb", "createdb", "pg_isready"].iter().all(|name| folder.join(name).exists()))
}

fn start(programs: &Path) -> Server {
    let folder = std::env::temp_dir().join(format!("tallysheet-postgres-{}", std::process::id()));
    let must = |done: std::io::Result<()>, what: &str| done.unwrap_or_else(|error| panic!("{what}: {error}"));
    let _ = std::fs::remove_dir_all(&folder);
    must(std::fs::create_dir(&folder), "a folder for PostgreSQL");
    must(std::fs::write(folder.join("password"), PASSWORD), "its password");
    let as_root = hand_over(&folder);
    let mut initdb = Command::new(programs.join("initdb"));
    initdb.args(["--username=tally", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.arg("--pwfile").arg(folder.join("password")).arg("-D").arg(folder.join("data"));
    run(unprivileged(initdb.current_dir(&folder), as_root));

    for _ in 0..3 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.unwrap_or_else(|error| panic!("a free port: {error}")).port();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).arg(programs.join("postgres")).arg(&folder).arg(port.to_string());
        keeper.current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut keeper = unprivileged(&mut keeper, as_root).spawn().unwrap_or_else(|error| panic!("sh: {error}"));
        for _ in 0..600 {
            let mut ready = Command::new(programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
            if ready.status().is_ok_and(|status| status.success()) {
                return Server { programs: programs.to_owned(), port, _keeper: keeper };
            }
            #[allow(clippy::disallowed_methods, reason = "another process needs real time")]
            std::thread::sleep(Duration::from_millis(100));
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            if log.contains("FATAL") {
                // Somebody took the port: the server has ended, and the next one takes its place.
                break;
            }
        }
        let _ = keeper.kill();
        let _ = keeper.wait();
        let _ = std::fs::rename(folder.join("log"), folder.join("log-before"));
    }
    panic!("PostgreSQL does not start: see {}", folder.display())
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The user and group `nobody`: the server does not run as root.
#[cfg(unix)]
const NOBODY: u32 = 65534;

/// Gives the folder to somebody else where we are root; whether we are.
#[cfg(unix)]
fn hand_over(folder: &Path) -> bool {
    let as_root = std::fs::metadata(folder).is_ok_and(|folder| std::os::unix::fs::MetadataExt::uid(&folder) == 0);
    for path in [folder.to_owned(), folder.join("password")].iter().filter(|_| as_root) {
        let handed = std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY));
        handed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    as_root
}

#[cfg(unix)]
fn unprivileged(command: &mut Command, as_root: bool) -> &mut Command {
    use std::os::unix::process::CommandExt;
    if as_root { command.uid(NOBODY).gid(NOBODY) } else { command }
}

#[cfg(not(unix))]
fn hand_over(_folder: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn unprivileged(command: &mut Command, _as_root: bool) -> &mut Command {
    command
}
