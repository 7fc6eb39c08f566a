//! The socket of a call, which refuses the first byte of a request after its deadline.
//!
//! A node may be held up (a stopped process, a suspended machine) at any moment between its decision to call and the bytes on
//! the wire. So the last look at the clock is here, directly before the system call that writes; below TLS and below HTTP, so
//! that it holds for every method, with or without a body. Connections speak HTTP/1.1 and carry one request at a time, which
//! is what lets a socket know the deadline of the bytes it is given.

use crate::clock::{Clock, Moment};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Why nothing was sent.
#[derive(Debug)]
pub(super) struct TooLate;

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is too late to send this")
    }
}

impl std::error::Error for TooLate {}

/// What the connection is carrying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    /// No request: a TLS handshake, or nothing.
    Nothing,
    /// A request of which no byte is out, and its deadline.
    Waiting(Option<Moment>),
    /// A request whose first byte went out in time.
    Begun,
    /// A request that came too late: no byte of it is or will be out.
    Refused,
}

/// The request that a connection is carrying; shared by its socket and whoever sends on it.
#[derive(Clone)]
pub(super) struct Slot {
    carried: Arc<Mutex<Carried>>,
    clock: Clock,
}

impl Slot {
    pub(super) fn new(clock: Clock) -> Self {
        Self { carried: Arc::new(Mutex::new(Carried::Nothing)), clock }
    }

    /// The next bytes are a request whose first byte must be out by `until`; none is always in time. Called before each
    /// request, while the connection carries no other.
    pub(super) fn load(&self, until: Option<Moment>) {
        *self.carried() = Carried::Waiting(until);
    }

    /// Whether any byte of the request is out.
    pub(super) fn has_begun(&self) -> bool {
        *self.carried() == Carried::Begun
    }

    /// Whether the request came too late.
    pub(super) fn is_refused(&self) -> bool {
        *self.carried() == Carried::Refused
    }

    fn carried(&self) -> MutexGuard<'_, Carried> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes by `write`, unless it is too late for a first byte.
    fn guard(&self, write: impl FnOnce() -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let mut carried = self.carried();
        if let Carried::Waiting(Some(until)) = *carried
            && until.is_past(self.clock.now())
        {
            *carried = Carried::Refused;
        }
        if *carried == Carried::Refused {
            return Poll::Ready(Err(io::Error::other(TooLate)));
        }
        let written = write();
        if matches!((*carried, &written), (Carried::Waiting(_), Poll::Ready(Ok(1..)))) {
            *carried = Carried::Begun;
        }
        written
    }
}

/// A socket and what it is carrying.
pub(super) struct Wire {
    pub socket: TcpStream,
    pub slot: Slot,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, slot } = self.get_mut();
        slot.guard(|| Pin::new(socket).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, slot } = self.get_mut();
        slot.guard(|| Pin::new(socket).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
