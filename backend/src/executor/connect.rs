//! Opening a connection: name, TCP, TLS and HTTP/1.1, within a limit of time.

use super::guard::{self, Resolver};
use super::names::Names;
use super::wire::{Slot, Wire};
use crate::clock::Clock;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tower::{BoxError, ServiceExt};
use url::{Position, Url};

/// A silent endpoint is asked after so long whether it is still there, and as often again.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Unconnected {
    /// It took too long.
    Late,
    /// No TCP connection.
    Tcp(BoxError),
    /// No TLS on the TCP connection.
    Tls(std::io::Error),
    /// No HTTP.
    Http(hyper::Error),
}

/// A connection; whoever drops it closes it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    pub slot: Slot,
    pub opened: Instant,
    pub is_reused: bool,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    /// Whether it can take a request now.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and reads the head of its answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
        self.sender.send_request(request).await
    }
}

/// Opens connections.
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    within: Duration,
    clock: Clock,
}

impl Connector {
    pub(super) fn new(allow_private: bool, within: Duration, clock: Clock) -> Result<Self, rustls::Error> {
        let mut tls = ClientConfig::with_platform_verifier()?;
        // Not h2: a connection must carry one request at a time, see `wire`.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let names = Names::new(within).map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut tcp = HttpConnector::new_with_resolver(guard::resolver(names, allow_private));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(within));
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE));
        tcp.set_keepalive_retries(Some(3));
        Ok(Self { tcp, tls: TlsConnector::from(Arc::new(tls)), within, clock })
    }

    /// Connects to the host of `url`, at most until `deadline`.
    pub(super) async fn open(&self, url: &Url, deadline: Instant) -> Result<Connection, Unconnected> {
        let deadline = deadline.min(Instant::now() + self.within);
        timeout_at(deadline, self.connect(url)).await.unwrap_or(Err(Unconnected::Late))
    }

    async fn connect(&self, url: &Url) -> Result<Connection, Unconnected> {
        let origin: Uri = url[..Position::AfterPort]
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| Unconnected::Tcp(error.into()))?;
        let connected = self.tcp.clone().oneshot(origin).await;
        let socket = connected.map_err(|error| Unconnected::Tcp(error.into()))?.into_inner();
        let slot = Slot::new(self.clock.clone());
        let wire = Wire { socket, slot: slot.clone() };
        if url.scheme() == "https" {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|error| Unconnected::Tls(std::io::Error::other(error)))?;
            let secured = self.tls.connect(name, wire).await.map_err(Unconnected::Tls)?;
            speak(secured, slot).await
        } else {
            speak(wire, slot).await
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    slot: Slot,
) -> Result<Connection, Unconnected> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Unconnected::Http)?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an endpoint ended");
        }
    });
    Ok(Connection { sender, slot, opened: Instant::now(), is_reused: false, _driver: AbortOnDropHandle::new(driver) })
}
