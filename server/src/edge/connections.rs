//! The connections of a node: how many at a time, how many from one address, and how long one may send its headers, so that
//! thousands that only wait take nothing from the others. HTTP/1.1 only: a proxy in front may speak HTTP/2 to browsers.
//!
//! Invariant: a connection holds its place, and that of its address, until it is closed; when a node stops, none is cut off
//! in the middle of an answer.

use super::address::Network;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use backend::limits::neighbourhood;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Bytes of a request's line and headers.
const HEADERS: usize = 32 * 1024;
/// Bytes that are read or written ahead.
const BUFFER: usize = 64 * 1024;
/// A client that takes nothing of an answer for so long is gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// A proxy keeps connections for later; who closes them first is the proxy, or a request could meet a closed one.
const PATIENCE_WITH_PROXIES: Duration = Duration::from_secs(120);
/// How long no connection is accepted after the system had none to give.
const BREATH: Duration = Duration::from_millis(100);

/// How many connections there may be, and how slow.
#[derive(Clone, Debug)]
pub struct Limits {
    /// At a time, on this node.
    pub connections: usize,
    /// At a time, from one address that is no trusted proxy.
    pub per_address: usize,
    /// How long a client may send the headers of a request, and wait between two requests.
    pub header_timeout: Duration,
    /// Proxies, behind which there are many clients.
    pub proxies: Vec<Network>,
}

impl Limits {
    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(address))
    }

    fn patience(&self, address: IpAddr) -> Duration {
        if self.is_proxy(address) { self.header_timeout.max(PATIENCE_WITH_PROXIES) } else { self.header_timeout }
    }
}

/// Serves until `stop`, and then until every request under way is answered.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections.min(files())));
    let addresses = Addresses::default();
    let open = TaskTracker::new();
    let next = async || {
        // What finds no place waits in the system's queue, and gets the next that is free.
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        Some((accept(&listener).await, place))
    };
    while let Some(Some(((stream, peer), place))) = stop.run_until_cancelled(next()).await {
        let Some(seat) = addresses.take(peer.ip(), &limits) else {
            tracing::debug!(%peer, "too many connections from this address");
            continue;
        };
        let patience = limits.patience(peer.ip());
        let connection = connection(stream, peer, app.clone(), patience, stop.clone());
        open.spawn(async move {
            connection.await;
            drop((place, seat));
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                let is_the_clients = matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
                );
                if !is_the_clients {
                    tracing::error!(%error, "no connection can be accepted");
                    sleep(BREATH).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, patience: Duration, stop: CancellationToken) {
    close_when_nothing_is_taken(&stream);
    // Events are small, and wait for nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "a connection ended badly");
    }
}

/// The system closes a connection whose other side takes nothing: a stream of events would never notice.
#[cfg(target_os = "linux")]
fn close_when_nothing_is_taken(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(TAKEN_WITHIN)) {
        tracing::debug!(%error, "a connection has no limit of its own");
    }
}

#[cfg(not(target_os = "linux"))]
fn close_when_nothing_is_taken(_: &TcpStream) {
    let _ = TAKEN_WITHIN;
}

/// Connections that this process can have: three quarters of the files that it may open, after it has asked for all it can.
pub(crate) fn files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let has = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(has / 4 * 3).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

/// Connections that are open, by where they come from.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Addresses {
    /// A place, if this address may have another one.
    fn take(&self, address: IpAddr, limits: &Limits) -> Option<Seat> {
        if limits.is_proxy(address) {
            return Some(Seat(None));
        }
        let address = neighbourhood(address);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= limits.per_address {
            return None;
        }
        *count += 1;
        Some(Seat(Some((self.clone(), address))))
    }
}

/// The place of a connection among those of its address, given back when it is dropped.
struct Seat(Option<(Addresses, IpAddr)>);

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((Addresses(open), address)) = self.0.take() else { return };
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}
