//! Where the database is, and how it is spoken to. The password leaves here for the server only.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Error, Result};
use tokio::sync::watch;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

const FORM: &str = "`store` under [run] is a URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE";
/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);
/// Here a connection that is silent is given up after 15 s and 2 questions, 25 s in all; so is one whose words are not
/// taken. The server gives it up after 40 s and 3 questions, 70 s in all: who lost a claim knows it before it is another's.
const QUIET: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(5), 2);
const SESSION: &str = "SET tcp_keepalives_idle = 40; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
    SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'";

/// A database, and the credential for it.
pub(crate) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Reads a connection URL. No error repeats any of it.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let wrong = || Error::config(format!("this is no address of a PostgreSQL database; {FORM}"));
        let url = url.trim();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(wrong());
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(value),
                _ => others.push(option),
            }
        }
        let mut config: Config = format!("{base}?{}", others.join("&")).parse().map_err(|_| wrong())?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        let encrypted = match mode {
            Some("require" | "verify-full") => true,
            Some("disable") => false,
            None => !is_here(&config),
            Some(_) => {
                return Err(Error::config(
                    "the `sslmode` of `store` under [run] may be verify-full, require (the same here) or disable",
                ));
            }
        };
        let tls = if encrypted { Some(MakeRustlsConnect::new(client_config(roots)?)) } else { None };
        config
            .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(PATIENCE / 3)
            .tcp_user_timeout(QUIET.0 + QUIET.1 * QUIET.2)
            .keepalives(true)
            .keepalives_idle(QUIET.0)
            .keepalives_interval(QUIET.1)
            .keepalives_retries(QUIET.2);
        if config.get_application_name().is_none() {
            config.application_name("tallysheet");
        }
        Ok(Self { config, tls })
    }

    /// Database and host, nothing else.
    pub(crate) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(number, host)| {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(folder) => folder.display().to_string(),
            }
        });
        let hosts: Vec<String> = hosts.collect();
        format!("the database {} at {}", self.config.get_dbname().unwrap_or_default(), hosts.join(", "))
    }

    /// A new connection, and what tells its end.
    pub(crate) async fn connect(&self) -> Result<(Client, watch::Receiver<bool>)> {
        let connecting = async {
            let (client, ended) = match &self.tls {
                Some(tls) => connect(&self.config, tls.clone()).await?,
                None => connect(&self.config, NoTls).await?,
            };
            client.batch_execute(SESSION).await?;
            Ok((client, ended))
        };
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(connected) => connected.map_err(|error| self.failed(&why(&error))),
            Err(_) => Err(self.failed("it does not answer in time")),
        }
    }

    /// An error that names the database.
    pub(crate) fn failed(&self, why: &str) -> Error {
        Error::internal(format!("the kept runs in {} cannot be used: {why}", self.place()))
            .advice("`store` under [run] says which database, which user and which password")
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<(Client, watch::Receiver<bool>), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: Send> + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    let (end, ended) = watch::channel(false);
    tokio::spawn(async move {
        // Why it ended is told to whoever waits for an answer.
        let _ = connection.await;
        end.send_replace(true);
    });
    Ok((client, ended))
}

/// Whether the words stay on this machine.
fn is_here(config: &Config) -> bool {
    let named = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    named && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// The certificates that the system trusts, or those of a file.
fn client_config(roots: Option<&str>) -> Result<ClientConfig> {
    let failed = |error: rustls::Error| Error::internal(format!("TLS cannot be used: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let Some(path) = roots else {
        return Ok(builder.with_platform_verifier().map_err(failed)?.with_no_client_auth());
    };
    let wrong = |why: &str| Error::config(format!("the `sslrootcert` of `store` under [run], {path}: {why}"));
    if !Path::new(path).is_absolute() {
        return Err(wrong("the path must be absolute"));
    }
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|_| wrong("the file cannot be read"))?;
    for certificate in certificates {
        let added = certificate.ok().and_then(|certificate| store.add(certificate).ok());
        added.ok_or_else(|| wrong("the file has something that is no certificate"))?;
    }
    if store.is_empty() {
        return Err(wrong("the file has no certificate"));
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// What went wrong, without anything that was put into the database: its messages about values would repeat them.
pub(crate) fn why(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        let code = error.code().code();
        let about_values = code.starts_with("22") || code.starts_with("23");
        return if about_values {
            format!("SQLSTATE {code}")
        } else {
            format!("{} (SQLSTATE {code})", error.message())
        };
    }
    // The text of an error of this kind is the library's own, and that of its cause the system's.
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{}", if error.to_string().ends_with(&cause) { "" } else { &cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        match Address::parse(url) {
            Ok(address) => format!("{}, {}", address.place(), if address.tls.is_some() { "TLS" } else { "plain" }),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn words_are_encrypted_unless_they_stay_here_or_the_url_says_so() {
        for (url, expected) in [
            ("postgres://t:s3cret@db.msp.example/tally", "the database tally at db.msp.example:5432, TLS"),
            ("postgresql://t@db:6000/tally?sslmode=verify-full", "the database tally at db:6000, TLS"),
            ("postgres://t:s3cret@10.0.0.7/tally?sslmode=require", "the database tally at 10.0.0.7:5432, TLS"),
            ("postgres://t:s3cret@10.0.0.7/tally?sslmode=disable", "the database tally at 10.0.0.7:5432, plain"),
            ("postgres://t:s3cret@localhost/tally", "the database tally at localhost:5432, plain"),
            ("postgres://t:s3cret@[::1]:9/tally", "the database tally at ::1:9, plain"),
            ("postgres://t@127.0.0.1/tally?hostaddr=10.0.0.7", "the database tally at 127.0.0.1:5432, TLS"),
            ("postgres://t@127.0.0.1/tally?sslmode=require", "the database tally at 127.0.0.1:5432, TLS"),
            ("postgres://t@a,b:6000/tally", "the database tally at a:5432, b:6000, TLS"),
        ] {
            assert_eq!(told(url), expected, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_told_without_any_of_it() {
        for (url, part) in [
            ("s3cret", "is a URL"),
            ("mysql://t:s3cret@db/tally", "is a URL"),
            ("postgres://t:s3cret@db", "is a URL"),
            ("postgres://t:s3cret@db/", "is a URL"),
            ("postgres://t:s3cret@db:port/tally", "is a URL"),
            ("postgres://t:s3cret@db/tally?no_such_key=s3cret", "is a URL"),
            ("postgres://t:s3cret@db/tally?sslmode=prefer", "`sslmode`"),
            ("postgres://t:s3cret@db/tally?sslrootcert=ca.pem", "must be absolute"),
            ("postgres://t:s3cret@db/tally?sslrootcert=/no/such/file", "cannot be read"),
        ] {
            let told = told(url);
            assert!(told.contains(part) && !told.contains("s3cret"), "{url}: {told}");
        }
    }
}
