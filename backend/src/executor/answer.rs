//! What an endpoint answered, or why there is no answer, in words that a person understands.

use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{CallResponse, MAX_ANSWER_BYTES};
use reqwest::{Response, header};
use std::fmt::Display;
use std::time::Instant;

/// Bytes of an answer that are read at the most.
const MOST_READ: usize = 1 << 20;

/// A call that did not end well.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) kind: Kind,
    pub message: String,
    /// When the endpoint wants to be asked again.
    pub asked: Option<TimeDelta>,
    pub response: Option<CallResponse>,
}

/// Whether it helps to call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may, as the task's attempts allow.
    Failed,
    /// It does not: we do not call such a target.
    Refused,
    /// Nothing was sent: this does not count.
    HeldUp,
}

impl Failure {
    fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, asked: None, response: None }
    }

    /// Whether it does not help to call again.
    pub(crate) fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    pub(super) fn refused(reason: &(impl Display + ?Sized)) -> Self {
        Self::new(Kind::Refused, format!("Not called: {reason}."))
    }

    pub(super) fn held_up() -> Self {
        Self::new(Kind::HeldUp, "Not called: the node was held up for too long.".to_owned())
    }

    /// What went wrong on the way. The innermost cause says it best.
    pub(super) fn of(error: &reqwest::Error, timeout_seconds: i32) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            if let Some(blocked) = inner.downcast_ref::<super::guard::Blocked>() {
                return Self::refused(blocked);
            }
            if inner.is::<super::in_time::TooLate>() {
                return Self::held_up();
            }
            cause = inner;
        }
        let message = if error.is_timeout() && error.is_connect() {
            "Could not connect in time.".to_owned()
        } else if error.is_timeout() {
            format!("No whole answer within {timeout_seconds} s.")
        } else if error.is_connect() {
            format!("Could not connect: {cause}.")
        } else {
            format!("The answer could not be read: {cause}.")
        };
        Self::new(Kind::Failed, message)
    }

    fn too_large(response: CallResponse) -> Self {
        let message = "The answer is larger than 1 MB: it was not read to its end.".to_owned();
        Self { kind: Kind::Failed, message, asked: None, response: Some(response) }
    }

    /// The code that makes the call has a defect: the call may have gone out.
    pub(super) fn panicked() -> Self {
        Self::new(Kind::Failed, "Sexton failed while it made the call; the log says more.".to_owned())
    }

    fn by_status(response: CallResponse, asked: Option<TimeDelta>) -> Self {
        let more = if (300..400).contains(&response.status) { " Redirects are not followed." } else { "" };
        let message = format!("The endpoint answered {}.{more}", response.status);
        Self { kind: Kind::Failed, message, asked, response: Some(response) }
    }
}

/// Reads the head and the body of an answer and keeps the first 64 kB. One that is larger than [`MOST_READ`] is left unread,
/// its connection closed, and the call has failed: no client means to answer that.
pub(super) async fn read(mut answer: Response, began: Instant, now: DateTime<Utc>) -> Result<CallResponse, Failure> {
    let first_byte_ms = ms(began);
    let status = answer.status();
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (content_type, asked) = (text(header::CONTENT_TYPE), text(header::RETRY_AFTER));
    let (mut body, mut length) = (Vec::new(), 0);
    while length <= MOST_READ {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                length += chunk.len();
                let room = MAX_ANSWER_BYTES - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => break,
            Err(error) if status.is_success() => return Err(Failure::of(&error, i32::MAX).cut_off(began)),
            Err(_) => break,
        }
    }
    // Postgres keeps no NUL.
    let body = String::from_utf8_lossy(&body).replace('\0', "\u{FFFD}");
    let is_truncated = length > MAX_ANSWER_BYTES;
    let response =
        CallResponse { status: status.as_u16(), content_type, body, is_truncated, first_byte_ms, total_ms: ms(began) };
    match status.is_success() {
        true if length > MOST_READ => Err(Failure::too_large(response)),
        true => Ok(response),
        false => Err(Failure::by_status(response, asked.and_then(|asked| delay(&asked, now)))),
    }
}

impl Failure {
    fn cut_off(mut self, began: Instant) -> Self {
        if self.message.starts_with("No whole answer") {
            self.message = format!("The answer began, but did not end within {} s.", began.elapsed().as_secs().max(1));
        }
        self
    }
}

/// `Retry-After`: seconds, or a date.
fn delay(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let seconds = text.trim().parse::<u32>().ok().map(|seconds| TimeDelta::seconds(seconds.into()));
    seconds.or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|at| (at.to_utc() - now).max(TimeDelta::zero())))
}

fn ms(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}
