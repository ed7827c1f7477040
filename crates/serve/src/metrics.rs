//! What Prometheus is told.

use crate::api::{Problem, Shared};
use crate::app::lock;
use crate::due::next_due;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;

/// The text form, version 0.0.4.
pub(crate) async fn metrics(State(app): Shared) -> Result<Response, Problem> {
    let service = &app.service;
    let heads = service.store.runs(50).await?;
    let last = heads.iter().find(|head| head.finished_at.is_some());
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: Vec<(String, String)>| {
        let _ = writeln!(text, "# HELP tallysheet_{name} {help}\n# TYPE tallysheet_{name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "tallysheet_{name}{labels} {value}");
        }
    };
    let (runs, answers) = {
        let counts = lock(&app.counts);
        let runs = counts.runs.iter().map(|(status, count)| (label("status", status), count.to_string())).collect();
        let answers = counts.answers.iter();
        let answers =
            answers.map(|(status, count)| (label("status", &status.to_string()), count.to_string())).collect();
        (runs, answers)
    };
    let running = app.live().len().to_string();
    family("runs_total", "counter", "Runs of this process that ended, by status.", runs);
    family("runs_running", "gauge", "Runs of this process that are going on.", vec![(String::new(), running)]);
    let of_last = |value: Option<String>| value.into_iter().map(|value| (String::new(), value)).collect();
    let exit = last.and_then(|head| head.exit_status).map(|status| status.to_string());
    family("last_run_exit_status", "gauge", "Exit status of the last run that ended.", of_last(exit));
    let finished = last.and_then(|head| head.finished_at).map(|at| at.as_second().to_string());
    family("last_run_finished_timestamp_seconds", "gauge", "When the last run ended.", of_last(finished));
    let next = service.config.schedules.iter().filter_map(|schedule| {
        let due = next_due(schedule, &service.config.run.timezone, service.world.now())?;
        Some((label("schedule", &schedule.name), due.as_second().to_string()))
    });
    let next = next.collect();
    family("schedule_next_due_timestamp_seconds", "gauge", "When a schedule is due next.", next);
    family("http_requests_total", "counter", "Answers of the HTTP API, by status.", answers);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Names of the config hold no quote and no backslash.
fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}
