//! Why a call did not end well, in words that a person understands, and whether it helps to call again.

use super::certificate;
use super::connect::Unconnected;
use super::guard::Blocked;
use super::send::Broken;
use chrono::TimeDelta;
use domain::execution::CallResponse;
use std::error::Error;
use std::fmt::Display;

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
    /// It does not: such a call is not made.
    Refused,
    /// Nothing was sent, because it was too late: this does not count as an attempt.
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

    /// What went wrong on the way, when the endpoint had `timeout_seconds`.
    pub(super) fn of(broken: &Broken, timeout_seconds: i32) -> Self {
        let message = match broken {
            Broken::TooLate => return Self::held_up(),
            Broken::Unconnected(Unconnected::Tcp(error)) => match blocked(error.as_ref()) {
                Some(blocked) => return Self::refused(blocked),
                None => format!("Could not connect: {}.", innermost(error.as_ref())),
            },
            Broken::Unconnected(Unconnected::Late) => "Could not connect in time.".to_owned(),
            Broken::Unconnected(Unconnected::Tls(error)) => {
                format!("Could not connect: {}.", certificate::words(error))
            }
            Broken::Unconnected(Unconnected::Http(error)) => format!("Could not connect: {}.", innermost(error)),
            Broken::Unsent(error) => format!("The request could not be sent: {}.", innermost(error)),
            Broken::Lost(error) => format!("The answer could not be read: {}.", innermost(error)),
            Broken::Slow => format!("No whole answer within {timeout_seconds} s."),
        };
        Self::new(Kind::Failed, message)
    }

    /// The head of a good answer came, but not all of its body.
    pub(super) fn cut_off(broken: &Broken, timeout_seconds: i32) -> Self {
        match broken {
            Broken::Slow => {
                let message = format!("The answer began, but did not end within {timeout_seconds} s.");
                Self::new(Kind::Failed, message)
            }
            other => Self::of(other, timeout_seconds),
        }
    }

    /// The code that makes the call has a defect: the call may have gone out.
    pub(super) fn panicked() -> Self {
        Self::new(Kind::Failed, "Sexton failed while it made the call; the log says more.".to_owned())
    }

    pub(super) fn by_status(response: CallResponse, asked: Option<TimeDelta>) -> Self {
        let more = if (300..400).contains(&response.status) { " Redirects are not followed." } else { "" };
        let message = format!("The endpoint answered {}.{more}", response.status);
        Self { kind: Kind::Failed, message, asked, response: Some(response) }
    }
}

/// The guard's refusal, wherever it stands among the causes.
fn blocked<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Blocked> {
    error.downcast_ref().or_else(|| blocked(error.source()?))
}

/// The innermost cause says best what went wrong.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}
