//! What an endpoint answered, or why there is no answer, in words that a person understands.

use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{CallResponse, MAX_ANSWER_BYTES};
use reqwest::{Response, header};
use std::fmt::Display;
use std::time::Instant;

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

    fn by_status(response: CallResponse, asked: Option<TimeDelta>) -> Self {
        let more = if (300..400).contains(&response.status) { " Redirects are not followed." } else { "" };
        let message = format!("The endpoint answered {}.{more}", response.status);
        Self { kind: Kind::Failed, message, asked, response: Some(response) }
    }
}

/// Reads the head and the first 64 kB of an answer; what is larger is left unread and its connection closed.
pub(super) async fn read(mut answer: Response, began: Instant, now: DateTime<Utc>) -> Result<CallResponse, Failure> {
    let first_byte_ms = ms(began);
    let status = answer.status();
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (content_type, asked) = (text(header::CONTENT_TYPE), text(header::RETRY_AFTER));
    let (mut body, mut is_truncated) = (Vec::new(), false);
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                let room = MAX_ANSWER_BYTES - body.len();
                is_truncated = chunk.len() > room;
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if is_truncated {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) if status.is_success() => return Err(Failure::of(&error, i32::MAX).cut_off(began)),
            Err(_) => break,
        }
    }
    // Postgres keeps no NUL.
    let body = String::from_utf8_lossy(&body).replace('\0', "\u{FFFD}");
    let response =
        CallResponse { status: status.as_u16(), content_type, body, is_truncated, first_byte_ms, total_ms: ms(began) };
    if status.is_success() {
        Ok(response)
    } else {
        Err(Failure::by_status(response, asked.and_then(|asked| delay(&asked, now))))
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
