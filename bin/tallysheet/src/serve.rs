//! `tallysheet serve`, and the tokens of its API.

use crate::arguments::Global;
use crate::output;
use crate::setup::Setup;
use serde_json::json;
use tallysheet_core::{Error, Result};
use tallysheet_host::random;

/// Serves until the system or the user ends it.
pub(crate) async fn serve(global: &Global) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let (tokens, schedules) = (setup.config.serve.tokens.len(), setup.config.schedules.len());
    let rotating: Vec<&str> =
        setup.config.integrations.iter().filter(|one| one.rotates()).map(|one| &*one.name).collect();
    if setup.config.run.store.is_some() && !rotating.is_empty() {
        eprintln!(
            "warning: {} has a refresh token that changes at each use and lies in the state folder here: let one host serve, or \
             several that share that folder",
            rotating.join(", ")
        );
    }
    let stop = stopped()?;
    tallysheet_serve::serve(setup.service()?, stop, |address| {
        eprintln!("serving http://{address} ({schedules} schedules, {tokens} tokens)");
        if tokens == 0 {
            eprintln!("nobody may use the API and the page: `tallysheet serve token NAME` makes a token");
        }
    })
    .await?;
    Ok(0)
}

/// Is done at the first wish to end; at the second the program ends at once.
fn stopped() -> Result<impl Future<Output = ()> + Send> {
    let (told, mut tells) = tokio::sync::mpsc::channel(2);
    let failed = |error: std::io::Error| Error::internal(format!("signals cannot be heard: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if told.try_send(()).is_err() {
                    return;
                }
            }
        });
    }
    #[cfg(windows)]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(failed)?;
        let mut shutdown = tokio::signal::windows::ctrl_shutdown().map_err(failed)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = shutdown.recv() => {}
                }
                if told.try_send(()).is_err() {
                    return;
                }
            }
        });
    }
    Ok(async move {
        tells.recv().await;
        eprintln!("ending; a run that delivers is finished first");
        tokio::spawn(async move {
            if tells.recv().await.is_some() {
                std::process::exit(1);
            }
        });
    })
}

/// Makes a token and shows it, with the line for the config.
pub(crate) fn token(global: &Global, name: &str) -> Result<u8> {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(Error::config("a token's name may hold letters, digits, - _ and . only"));
    }
    let (token, sha256) = tallysheet_serve::token(&random::unguessable()?);
    if global.json {
        output::print_json(&json!({ "name": name, "token": token, "sha256": sha256 }))?;
    } else {
        output::print(&format!(
            "{token}\n\nThis is the token; it is not shown again. Put its hash into the config, and start `serve` again:\n\n\
             [serve]\ntokens = [{{ name = \"{name}\", sha256 = \"{sha256}\" }}]\n"
        ))?;
    }
    Ok(0)
}
