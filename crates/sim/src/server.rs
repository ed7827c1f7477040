//! One port for all vendors, each under a path prefix of its own.

use crate::chaos::{Chaos, Disturbed, Faults, disturb};
use crate::vendors::Vendor;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::serve::ListenerExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
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
    seen: BTreeMap<&'static str, Arc<Seen>>,
    faults: Option<Arc<Faults>>,
    _stop: oneshot::Sender<()>,
}

/// What a vendor has seen of its callers.
struct Seen {
    began: Instant,
    calls: AtomicUsize,
    /// Microseconds since it began, of the first call and of the last answer.
    first: AtomicU64,
    last: AtomicU64,
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
        let mut seen = BTreeMap::new();
        for vendor in vendors {
            let of_vendor = Arc::new(Seen::new());
            let routes = disturbed(std::mem::take(&mut vendor.routes), faults.as_ref());
            app = app.merge(counted(routes, &of_vendor, latency));
            seen.insert(vendor.name, of_vendor);
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
        Server { seen, faults, _stop: stop }
    }
}

impl Server {
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.seen.iter().map(|(name, seen)| (*name, seen.calls.load(Ordering::Relaxed))).collect()
    }

    pub(crate) fn spans(&self) -> BTreeMap<&'static str, Duration> {
        self.seen.iter().map(|(name, seen)| (*name, seen.span())).collect()
    }

    pub(crate) fn disturbed(&self) -> Vec<Disturbed> {
        self.faults.as_ref().map(|faults| faults.disturbed()).unwrap_or_default()
    }
}

fn disturbed(routes: Router, faults: Option<&Arc<Faults>>) -> Router {
    let Some(faults) = faults.cloned() else { return routes };
    routes.layer(from_fn(move |request: Request, next: Next| disturb(Arc::clone(&faults), request, next)))
}

impl Seen {
    fn new() -> Self {
        let (calls, first, last) = (AtomicUsize::new(0), AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Self { began: Instant::now(), calls, first, last }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn span(&self) -> Duration {
        let [first, last] = [&self.first, &self.last].map(|moment| moment.load(Ordering::Relaxed));
        Duration::from_micros(last.saturating_sub(first))
    }
}

fn counted(routes: Router, seen: &Arc<Seen>, latency: Duration) -> Router {
    let seen = Arc::clone(seen);
    routes.layer(from_fn(move |request: Request, next: Next| {
        let seen = Arc::clone(&seen);
        async move {
            seen.calls.fetch_add(1, Ordering::Relaxed);
            seen.first.fetch_min(seen.now(), Ordering::Relaxed);
            if !latency.is_zero() {
                pause(latency).await;
            }
            let answer = next.run(request).await;
            seen.last.fetch_max(seen.now(), Ordering::Relaxed);
            answer
        }
    }))
}

#[expect(clippy::disallowed_methods, reason = "the vendors' slowness is not a wait of ours")]
pub(crate) async fn pause(latency: Duration) {
    tokio::time::sleep(latency).await;
}
