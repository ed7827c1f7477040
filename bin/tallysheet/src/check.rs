//! `tallysheet check`: one cheap call to each integration, and the names that deliveries use.

use crate::arguments::Global;
use crate::output;
use crate::setup::Setup;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tallysheet_core::{Error, Identity, Level, Result};
use tallysheet_engine::Connected;

/// Checks all integrations, or those named: 0, 3 where some failed, 1 where all did.
pub(crate) async fn check(global: &Global, names: &[String], repin: &[String]) -> Result<u8> {
    let setup = Setup::load(global.config.as_deref()).await?;
    let names: Vec<String> = if names.is_empty() { repin.to_vec() } else { [names, repin].concat() };
    let only = (!names.is_empty()).then(|| names.clone());
    let assembled = setup.assemble(only, true)?;
    let world = &assembled.world;
    let asked = assembled.integrations.iter().map(|integration| async move {
        let Connected { config, .. } = integration;
        let answer =
            if repin.contains(&config.name) { integration.repin(world).await } else { integration.check(world).await };
        (config.name.clone(), config.kind.clone(), answer)
    });
    let answers = join_all(asked).await;
    if answers.is_empty() {
        return Err(Error::config("no integration is enabled"));
    }
    let resolved = join_all(
        assembled
            .deliveries
            .iter()
            .filter(|_| names.is_empty())
            .map(|delivery| async { (delivery.name.as_str(), delivery.kind.as_str(), delivery.to.check().await) }),
    )
    .await;

    if global.json {
        let integrations: Vec<Value> = answers.iter().map(|(name, kind, answer)| as_json(name, kind, answer)).collect();
        let deliveries: Vec<Value> =
            resolved.iter().map(|(name, kind, answer)| resolved_json(name, kind, answer)).collect();
        output::print_json(&json!({ "integrations": integrations, "deliveries": deliveries }))?;
    } else {
        let lines = answers.iter().map(|(name, _, answer)| as_line(name, answer));
        let deliveries = resolved.iter().map(|(name, kind, answer)| match answer {
            Ok(()) => format!("ok      [deliver.{name}] ({kind})"),
            Err(error) => format!("failed  [deliver.{name}] ({kind}): {error} [{}]", error.code()),
        });
        output::print(&format!("{}\n", lines.chain(deliveries).collect::<Vec<_>>().join("\n")))?;
    }
    let failed = answers.iter().filter(|(_, _, answer)| answer.is_err()).count();
    let unresolved = resolved.iter().filter(|(_, _, answer)| answer.is_err()).count();
    Ok(match failed + unresolved {
        0 => 0,
        _ if failed == answers.len() => 1,
        _ => 3,
    })
}

fn resolved_json(name: &str, kind: &str, answer: &Result<()>) -> Value {
    match answer {
        Ok(()) => json!({ "name": name, "kind": kind, "ok": true }),
        Err(error) => {
            json!({ "name": name, "kind": kind, "ok": false, "code": error.code(), "error": error.to_string() })
        }
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Info => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn as_line(name: &str, answer: &Result<Identity, Error>) -> String {
    match answer {
        Ok(identity) => {
            let id = identity.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
            let expires = identity.expires.map(|at| format!(", until {at}")).unwrap_or_default();
            let notices =
                identity.notices.iter().map(|notice| format!("\n        {}: {}", level(notice.level), notice.message));
            format!("ok      {name}: {}{id}{expires}{}", identity.account, notices.collect::<String>())
        }
        Err(error) => format!("failed  {name}: {error} [{}]", error.code()),
    }
}

fn as_json(name: &str, kind: &str, answer: &Result<Identity, Error>) -> Value {
    match answer {
        Ok(identity) => json!({ "name": name, "kind": kind, "ok": true, "account": identity.account, "id": identity.id,
            "expires": identity.expires.map(|at| at.to_string()), "notices": identity.notices.iter().map(|notice|
                json!({ "level": notice.level, "code": notice.code, "message": notice.message })).collect::<Vec<_>>() }),
        Err(error) => {
            json!({ "name": name, "kind": kind, "ok": false, "code": error.code(), "error": error.to_string() })
        }
    }
}
