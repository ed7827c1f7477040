//! One port for all vendors, each under a path prefix of its own.

use crate::chaos::{Chaos, Disturbed, Faults, disturb};
use crate::vendors::Vendor;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::serve::ListenerExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tallysheet_core::{Error, ErrorKind, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A port that is ours and not yet served: the vendors must know it to name it in their links.
pub(crate) struct Listener {
    listener: TcpListener,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

/// A served port. Serving ends when this is dropped.
pub(crate) struct Server {
    calls: BTreeMap<&'static str, Arc<AtomicUsize>>,
    faults: Option<Arc<Faults>>,
    _stop: oneshot::Sender<()>,
}

pub(crate) async fn listen() -> Result<Listener> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot listen on 127.0.0.1: {error}; allow local connections to run the simulation");
        Error::new(ErrorKind::Unavailable, message)
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok(Listener { listener, url })
}

impl Listener {
    pub(crate) fn serve(self, vendors: &mut [Vendor], latency: Duration, chaos: Option<Chaos>) -> Server {
        let faults = chaos.map(|chaos| Arc::new(Faults::new(chaos)));
        let mut app = Router::new();
        let mut calls = BTreeMap::new();
        for vendor in vendors {
            let count = Arc::new(AtomicUsize::new(0));
            let routes = disturbed(std::mem::take(&mut vendor.routes), faults.as_ref());
            app = app.merge(counted(routes, &count, latency));
            calls.insert(vendor.name, count);
        }
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // Without it, small answers wait for each other; where it cannot be set, they only come later.
            let listener = self.listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            let server = axum::serve(listener, app).with_graceful_shutdown(async {
                // Dropping the sender is the signal.
                let _ = stopped.await;
            });
            // A listener on loopback that fails has no one to tell: its callers see that nobody answers.
            let _ = server.await;
        });
        Server { calls, faults, _stop: stop }
    }
}

impl Server {
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.calls.iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect()
    }

    pub(crate) fn disturbed(&self) -> Vec<Disturbed> {
        self.faults.as_ref().map(|faults| faults.disturbed()).unwrap_or_default()
    }
}

fn disturbed(routes: Router, faults: Option<&Arc<Faults>>) -> Router {
    let Some(faults) = faults.cloned() else { return routes };
    routes.layer(from_fn(move |request: Request, next: Next| disturb(Arc::clone(&faults), request, next)))
}

fn counted(routes: Router, count: &Arc<AtomicUsize>, latency: Duration) -> Router {
    let count = Arc::clone(count);
    routes.layer(from_fn(move |request: Request, next: Next| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            if !latency.is_zero() {
                pause(latency).await;
            }
            next.run(request).await
        }
    }))
}

#[expect(clippy::disallowed_methods, reason = "the vendors' slowness is not a wait of ours")]
pub(crate) async fn pause(latency: Duration) {
    tokio::time::sleep(latency).await;
}
