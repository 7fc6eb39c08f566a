//! A body that is sent in time or not at all.
//!
//! A node may be held up (a stopped process, a machine that is suspended) at any moment between its decision to call and the
//! bytes on the wire, so the last look at the clock must be the last thing before them. Over HTTP/1.1 hyper writes head and
//! body into one buffer and flushes it at once, so a body that refuses keeps back the head too; what is left are the
//! instructions up to the system call. Over HTTP/2 the head may be out already; the endpoint then sees a request that is
//! reset, and never a whole one.

use http_body::{Body, Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio_util::bytes::Bytes;

/// A whole body, until a moment.
pub(super) struct InTime {
    body: Option<Bytes>,
    until: Option<Instant>,
}

impl InTime {
    /// Refuses after `until`; none is always in time.
    pub(super) fn new(body: String, until: Option<Instant>) -> Self {
        Self { body: Some(body.into()), until }
    }
}

/// Why nothing was sent.
#[derive(Debug)]
pub(super) struct TooLate;

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is too late to send this")
    }
}

impl std::error::Error for TooLate {}

impl Body for InTime {
    type Data = Bytes;
    type Error = TooLate;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooLate>>> {
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Poll::Ready(Some(Err(TooLate)));
        }
        Poll::Ready(self.body.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}
