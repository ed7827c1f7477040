//! The page for people: the runs, the schedules, and the last report. It only shows.

use crate::access::{COOKIE, tokens};
use crate::api::{Problem, Shared, allowed};
use crate::app::App;
use crate::due::{next_due, words};
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::net::SocketAddr;
use tallysheet_core::{Decimal, Error};

/// How many runs the page lists.
const RUNS: usize = 20;
/// How many changes it shows.
const CHANGES: usize = 50;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    runs: Vec<RunLine>,
    schedules: Vec<ScheduleLine>,
    /// The id of the last run that ended.
    last: Option<String>,
    /// What changed since the run before, a line each.
    changes: Vec<String>,
    timezone: String,
}

struct RunLine {
    id: String,
    state: &'static str,
    started: String,
    took: String,
    /// Whether it has a report.
    ended: bool,
}

struct ScheduleLine {
    name: String,
    when: String,
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    wrong: bool,
}

/// The page, or the form that asks for a token.
pub(crate) async fn home(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    if !allowed(&app, &parts, peer) {
        return form(!tokens(&parts.headers, true).is_empty());
    }
    let (config, store) = (&app.service.config, &app.service.store);
    let zone = &config.run.timezone;
    let heads = store.runs(RUNS).await?;
    let runs = heads.iter().map(|head| RunLine {
        id: head.id.clone(),
        state: app.state(head),
        started: minute(head.started_at, zone),
        took: head.finished_at.map(|end| took(head.started_at, end)).unwrap_or_default(),
        ended: head.finished_at.is_some() && head.status.is_some(),
    });
    let now = app.service.world.now();
    let schedules = config.schedules.iter().map(|schedule| ScheduleLine {
        name: schedule.name.clone(),
        when: words(&schedule.when),
        next: next_due(schedule, zone, now).map(|next| minute(next, zone)).unwrap_or_default(),
    });
    let last =
        heads.iter().find(|head| head.finished_at.is_some() && head.status.is_some()).map(|head| head.id.clone());
    let page = Home {
        runs: runs.collect(),
        schedules: schedules.collect(),
        changes: changes(&app, last.as_deref()).await?,
        last,
        timezone: zone.iana_name().unwrap_or("the machine's time zone").to_owned(),
    };
    Ok(Html(rendered(&page)?).into_response())
}

/// What changed between the last run and the one that it was compared with, the biggest first.
async fn changes(app: &App, last: Option<&str>) -> Result<Vec<String>, Problem> {
    let Some(last) = last else { return Ok(Vec::new()) };
    let run = app.service.store.run(last).await?;
    let Some(changes) = run.and_then(|run| run.changes) else { return Ok(Vec::new()) };
    let shown =
        |number: Option<Decimal>| number.map_or_else(|| "blank".to_owned(), |number| number.normalize().to_string());
    let new = changes.new.iter().map(|company| format!("new: {company}"));
    let gone = changes.gone.iter().map(|company| format!("gone: {company}"));
    let counts = changes.counts.iter().map(|change| {
        format!("{}, {}: {} \u{2192} {}", change.company, change.column, shown(change.last), shown(change.now))
    });
    let all = changes.new.len() + changes.gone.len() + changes.counts.len();
    let mut lines: Vec<String> = new.chain(gone).chain(counts).take(CHANGES).collect();
    if all > CHANGES {
        lines.push(format!("and {} more, in the report", all - CHANGES));
    }
    Ok(lines)
}

#[derive(Deserialize)]
pub(crate) struct Given {
    token: String,
}

/// Takes the token of the form, and puts it into a cookie that no script can read and no other site can use.
pub(crate) async fn login(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Problem> {
    let token = given.map(|Form(given)| given.token.trim().to_owned()).unwrap_or_default();
    if !app.access.knows(&token) {
        app.limits.wrong(peer.ip());
        return form(true);
    }
    // A proxy that speaks TLS says so.
    let by_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if by_tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

pub(crate) async fn logout() -> Response {
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

fn form(wrong: bool) -> Result<Response, Problem> {
    Ok((StatusCode::UNAUTHORIZED, Html(rendered(&Login { wrong })?)).into_response())
}

fn rendered(page: &impl Template) -> Result<String, Problem> {
    page.render().map_err(|error| Error::internal(format!("the page cannot be made: {error}")).into())
}

fn minute(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn took(start: Timestamp, end: Timestamp) -> String {
    let seconds = end.duration_since(start).as_secs().max(0);
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}
