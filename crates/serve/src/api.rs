//! The HTTP API: what is asked, who may ask, and what is answered.

use crate::access::tokens;
use crate::app::{App, Follower, lock};
use crate::due::{next_due, words};
use crate::service::BY_API;
use crate::{metrics, page};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, ErrorKind};
use tallysheet_engine::{Selection, run_id};
use tallysheet_report::{Format, json as run_json, log_lines, render};
use tallysheet_store::RunHead;

/// The most that a body may have.
pub(crate) const BODY: usize = 64 * 1024;
/// The most runs that one answer lists.
const MOST_RUNS: usize = 500;

pub(crate) type Shared = State<Arc<App>>;

/// One way in.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Whether it wants a token.
    pub(crate) guarded: bool,
    handler: MethodRouter<Arc<App>>,
}

/// Every way in; `openapi.json` describes the same.
pub(crate) fn routes() -> Vec<Route> {
    let route = |method, path, guarded, handler| Route { method, path, guarded, handler };
    vec![
        route(Method::POST, "/v1/runs", true, post(start)),
        route(Method::GET, "/v1/runs", true, get(list)),
        route(Method::GET, "/v1/runs/{id}", true, get(show)),
        route(Method::GET, "/v1/runs/{id}/{format}", true, get(report)),
        route(Method::GET, "/v1/schedules", true, get(schedules)),
        route(Method::GET, "/metrics", true, get(metrics::metrics)),
        route(Method::GET, "/health", false, get(|| async { Json(json!({ "status": "ok" })) })),
        route(Method::GET, "/ready", false, get(ready)),
        route(Method::GET, "/openapi.json", false, get(openapi)),
        // The page answers with its form where there is no token.
        route(Method::GET, "/", false, get(page::home)),
        route(Method::POST, "/login", false, post(page::login)),
        route(Method::POST, "/logout", false, post(page::logout)),
    ]
}

/// All of it.
pub(crate) fn router(app: Arc<App>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    router
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "not by this method".to_owned())
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// An answer that says what is wrong.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) StatusCode, pub(crate) &'static str, pub(crate) String);

impl Problem {
    fn not_found(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, "not-found", message.into())
    }

    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "bad-request", message.into())
    }

    fn conflict(message: impl Into<String>) -> Self {
        Self(StatusCode::CONFLICT, "conflict", message.into())
    }

    fn too_large() -> Self {
        Self(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("the body may have {BODY} bytes"))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Config => Self::bad(error.to_string()),
            _ => Self(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}

/// Whether a call brings a token that is known. A wrong one is counted.
pub(crate) fn allowed(app: &App, request: &axum::http::request::Parts, peer: SocketAddr) -> bool {
    let tokens = tokens(&request.headers, request.method == Method::GET);
    let known = tokens.iter().any(|token| app.access.knows(token));
    if !known && !tokens.is_empty() {
        app.limits.wrong(peer.ip());
    }
    known
}

/// Goes before every handler: limits, the size of the body, the token; and after it: headers that keep browsers careful.
async fn guard(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let framed = request.uri().path().starts_with("/v1/");
    let mut response = match admit(&app, peer, request) {
        Ok(request) => next.run(request).await,
        Err(problem) => *problem,
    };
    *lock(&app.counts).answers.entry(response.status().as_u16()).or_default() += 1;
    let headers = response.headers_mut();
    // A report is shown in a frame of our own page; its styles stand in it, and it has no scripts.
    let policy = if framed {
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    } else {
        "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    };
    let careful = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, if framed { "SAMEORIGIN" } else { "DENY" }),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in careful {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn admit(app: &App, peer: SocketAddr, request: Request) -> Result<Request, Box<Response>> {
    if let Err(seconds) = app.limits.call(peer.ip(), app.service.world.monotonic()) {
        let problem = Problem(StatusCode::TOO_MANY_REQUESTS, "rate-limited", format!("try again in {seconds} s"));
        return Err(([(header::RETRY_AFTER, seconds.to_string())], problem).into_response().into());
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.is_some_and(|length| length.parse::<usize>().map_or(true, |length| length > BODY)) {
        return Err(Problem::too_large().into_response().into());
    }
    let path = request.uri().path();
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let open = routes().iter().any(|route| !route.guarded && route.path == path && route.method == method);
    if open {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    if allowed(app, &parts, peer) {
        return Ok(Request::from_parts(parts, body));
    }
    let message = "this wants a token: `Authorization: Bearer TOKEN`; `tallysheet serve token NAME` makes one";
    let problem = Problem(StatusCode::UNAUTHORIZED, "unauthorized", message.to_owned());
    Err(([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response().into())
}

/// What a call to start a run may say.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    integrations: Option<Vec<String>>,
    deliver: Option<bool>,
}

async fn start(State(app): Shared, body: Result<Bytes, BytesRejection>) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad("the body could not be read"),
    })?;
    let wanted: Start = if body.is_empty() {
        Start::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::bad(format!("the body is not as it should be: {error}")))?
    };
    if app.stopping() {
        return Err(Problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service is about to end".to_owned()));
    }
    let selection =
        Selection { only: wanted.integrations, deliver: wanted.deliver.unwrap_or(true), ..Selection::default() };
    let (begun, begins) = tokio::sync::oneshot::channel();
    let task = make(app.clone(), selection, begun);
    lock(&app.tasks).spawn(task);
    let stopped = |_| Problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the run could not begin".to_owned());
    let id = begins.await.map_err(stopped)??;
    let place = format!("/v1/runs/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(json!({ "id": id, "state": "running" })))
        .into_response())
}

/// Makes a run; its id, or why there is none, is told as soon as it is known.
async fn make(app: Arc<App>, selection: Selection, begun: tokio::sync::oneshot::Sender<Result<String, Problem>>) {
    let service = &app.service;
    let whole = selection.deliver && selection.only.is_none();
    let made = async {
        let busy = "another run that was started so is going on";
        let held = service.hold(BY_API).await?.ok_or_else(|| Problem::conflict(busy))?;
        held.recover().await?;
        let plan = service.plan(&selection)?;
        let id = held.note(&run_id(&*service.world), &selection, None).await?;
        Ok::<_, Problem>((held, plan, id))
    };
    let (held, plan, id) = match made.await {
        Ok(made) => made,
        Err(problem) => {
            // Whoever asked may have gone.
            let _ = begun.send(Err(problem));
            return;
        }
    };
    let follower = Follower::new(&app, &id, service.world.now());
    let _ = begun.send(Ok(id.clone()));
    let run = match held.run(id, plan, &follower, &mut app.stop()).await {
        Ok(Some(run)) => run,
        Ok(None) => return,
        Err(error) => {
            tracing::error!("{error}");
            return;
        }
    };
    drop(follower);
    app.ended(&run);
    if let Err(error) = held.forget().await {
        tracing::error!("{error}");
    }
    if whole {
        service.alerts.after(&run).await;
    }
}

#[derive(Deserialize)]
struct Page {
    limit: Option<usize>,
}

async fn list(State(app): Shared, page: Result<Query<Page>, QueryRejection>) -> Result<Json<Value>, Problem> {
    let Query(page) = page.map_err(|_| Problem::bad("`limit` is a whole number"))?;
    let heads = app.service.store.runs(page.limit.unwrap_or(50).min(MOST_RUNS)).await?;
    Ok(Json(json!({ "runs": heads.iter().map(|head| told(&app, head)).collect::<Vec<_>>() })))
}

fn told(app: &App, head: &RunHead) -> Value {
    json!({ "id": head.id, "state": app.state(head), "started_at": head.started_at, "finished_at": head.finished_at,
        "exit_status": head.finished_at.and(head.exit_status) })
}

async fn show(State(app): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let live = app.live().get(&id).cloned();
    match (live, head(&app, &id).await) {
        (_, Ok(head)) if head.finished_at.is_some() => Ok(Json(told(&app, &head))),
        (Some(live), _) => Ok(Json(json!({ "id": id, "state": "running", "started_at": live.started_at,
            "finished_at": null, "exit_status": null, "integrations": live.integrations }))),
        (None, head) => Ok(Json(told(&app, &head?))),
    }
}

/// A run by its id, or the last that ended.
async fn head(app: &App, id: &str) -> Result<RunHead, Problem> {
    let heads = app.service.store.runs(usize::MAX).await?;
    let found = heads.into_iter().find(|head| if id == "last" { head.finished_at.is_some() } else { head.id == id });
    found.ok_or_else(|| Problem::not_found(format!("there is no run {id}")))
}

/// A run that has ended.
pub(crate) async fn ended(app: &App, id: &str) -> Result<Run, Problem> {
    let head = head(app, id).await?;
    let not_yet = || Problem::conflict(format!("run {} has not ended, or was cut off", head.id));
    if head.finished_at.is_none() {
        return Err(not_yet());
    }
    app.service.store.run(&head.id).await?.ok_or_else(not_yet)
}

async fn report(State(app): Shared, Path((id, format)): Path<(String, String)>) -> Result<Response, Problem> {
    let known = Format::ALL.iter().find(|known| known.as_str() == format);
    if known.is_none() && format != "log" {
        return Err(Problem::not_found(format!("there is no format `{format}`: json, csv, long, xlsx, html, log")));
    }
    let run = ended(&app, &id).await?;
    let (media_type, ending, bytes) = match known {
        Some(Format::Json) => (Format::Json.media_type(), "json", run_json(&run)?.into_bytes()),
        Some(known) => (known.media_type(), known.ending(), render(&run, *known)?),
        None => ("application/jsonl; charset=utf-8", "jsonl", log_lines(&run)?.into_bytes()),
    };
    let mut response = ([(header::CONTENT_TYPE, media_type)], bytes).into_response();
    if known != Some(&Format::Html)
        && let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}.{ending}\"", run.id))
    {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

async fn schedules(State(app): Shared) -> Result<Json<Value>, Problem> {
    let (service, mut told) = (&app.service, Vec::new());
    for schedule in &service.config.schedules {
        let next = next_due(schedule, &service.config.run.timezone, service.world.now());
        let last = service.last(schedule).await?;
        told.push(json!({ "name": schedule.name, "when": words(&schedule.when), "next": next, "last": last }));
    }
    Ok(Json(json!({ "schedules": told })))
}

async fn ready(State(app): Shared) -> Result<Json<Value>, Problem> {
    let unready = |why: &str| Problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why.to_owned());
    if app.stopping() {
        return Err(unready("the service is about to end"));
    }
    app.service.store.runs(1).await.map_err(|_| unready("the kept runs cannot be used"))?;
    Ok(Json(json!({ "status": "ready" })))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::token;
    use crate::service::Service;
    use axum::body::Body;
    use std::path::Path;
    use tallysheet_config::Config;
    use tallysheet_core::Registry;
    use tallysheet_host::Environment;
    use tallysheet_store::Sqlite;
    use tallysheet_testkit::TestWorld;
    use tower::ServiceExt;

    fn app() -> (Arc<App>, String) {
        let (token, sha256) = token(&[7; 32]);
        let text = format!("[serve]\ntokens = [{{ name = \"a\", sha256 = \"{sha256}\" }}]\n");
        let registry = Registry::new(&[]);
        let config = Config::parse(&text, Path::new("t.toml"), &Environment::default(), &registry).unwrap();
        let store = Arc::new(Sqlite::in_memory().unwrap());
        (Arc::new(App::new(Service::new(config, registry, Arc::new(TestWorld::new()), store).unwrap())), token)
    }

    async fn ask(app: &Arc<App>, method: &str, path: &str, token: &str) -> Response {
        let peer: SocketAddr = ([127, 0, 0, 1], 1).into();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .extension(ConnectInfo(peer))
            .body(Body::empty())
            .unwrap();
        router(app.clone()).oneshot(request).await.unwrap()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_description_names_every_way_in_and_no_other() {
        let (app, token) = app();
        let described: Value = serde_json::from_str(&text(ask(&app, "GET", "/openapi.json", "").await).await).unwrap();
        let mut ways: Vec<(String, String, bool)> = Vec::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let guarded = operation.get("security").is_none();
                ways.push((method.to_uppercase(), path.clone(), guarded));
                let response = ask(&app, &method.to_uppercase(), &path.replace("{format}", "csv"), &token).await;
                let status = response.status().as_u16();
                assert!(
                    operation["responses"].get(status.to_string()).is_some(),
                    "{method} {path}: {status} is not described"
                );
                let body = text(response).await;
                assert!(!body.contains("nothing at this address") && status != 405, "{method} {path}: {body}");
                let without = ask(&app, &method.to_uppercase(), path, "").await.status();
                assert_eq!(
                    without == StatusCode::UNAUTHORIZED,
                    guarded || path == "/" || path == "/login",
                    "{method} {path}"
                );
            }
        }
        let mut there: Vec<_> = routes()
            .into_iter()
            .map(|route| (route.method.to_string(), route.path.to_owned(), route.guarded))
            .collect();
        ways.sort();
        there.sort();
        assert_eq!(ways, there);
        for reference in described.to_string().split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(described.pointer(pointer).is_some(), "{pointer} is not there");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_that_is_about_to_end_is_not_ready() {
        let (app, token) = app();
        assert_eq!(ask(&app, "GET", "/ready", "").await.status(), 200);
        app.begin_to_stop();
        assert_eq!(ask(&app, "GET", "/ready", "").await.status(), 503);
        assert_eq!(ask(&app, "POST", "/v1/runs", &token).await.status(), 503);
        assert_eq!(ask(&app, "GET", "/health", "").await.status(), 200);
    }
}
