//! Runs without anyone: the schedules, the HTTP API, the page. How a run is made is not known here.
//!
//! | module | holds |
//! | --- | --- |
//! | `due` | when a schedule is due: pure |
//! | `service` | making the runs of schedules, and how far each is |
//! | `held` | making a run so that none is made twice, and ending one that was cut off |
//! | `keeper` | the tasks that keep the schedules and ask the integrations daily |
//! | `app` | what the tasks share |
//! | `api`, `access`, `metrics`, `page` | the HTTP API, who may use it, what Prometheus and people see |
//! | `install` | the files of the operating systems' schedulers |

mod access;
mod api;
mod app;
mod due;
mod held;
mod install;
mod keeper;
mod metrics;
mod page;
mod service;

pub use access::token;
pub use due::{last_due, next_due, words};
pub use install::{Place, Scheduler, Unit, units};
pub use service::Service;

use crate::app::App;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tallysheet_core::{Error, Result};
use tokio::task::JoinSet;

/// How long connections may take to end.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Keeps the schedules and answers the API until `stop` is done. Then a run that asks its vendors is given up, and one that
/// delivers is ended. `listening` is told the address.
pub async fn serve(
    service: Service,
    stop: impl Future<Output = ()> + Send,
    listening: impl FnOnce(SocketAddr),
) -> Result<()> {
    let address = service.config.serve.listen;
    let failed = |error: std::io::Error| {
        Error::internal(format!("{address} cannot be listened at: {error}"))
            .advice("`listen` under [serve] names another")
    };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    listening(listener.local_addr().map_err(failed)?);

    let app = Arc::new(App::new(service));
    let mut tasks = JoinSet::new();
    for schedule in app.service.config.schedules.clone() {
        tasks.spawn(keeper::keep(app.clone(), schedule));
    }
    tasks.spawn(keeper::recover_api(app.clone()));
    tasks.spawn(keeper::check_daily(app.clone()));
    let answers = tokio::spawn({
        let router = api::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let mut stop = app.stop();
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        axum::serve(listener, router).with_graceful_shutdown(stopped).into_future()
    });

    stop.await;
    app.begin_to_stop();
    while tasks.join_next().await.is_some() {}
    let mut started = std::mem::take(&mut *app::lock(&app.tasks));
    while started.join_next().await.is_some() {}
    // Whoever still reads an answer has had its time.
    let _ = tokio::time::timeout(LAST_ANSWERS, answers).await;
    Ok(())
}
