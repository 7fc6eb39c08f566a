//! Why a command could not be done, in words, and the exit code that stands for it.

use super::words::plain;
use domain::error::FieldError;
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter, Result};

/// Why a command could not be done.
#[derive(Debug)]
pub enum Failure {
    /// The server refused it.
    Refused(Box<Problem>),
    /// It cannot be done, as far as can be seen from here.
    Impossible(String),
    /// The command itself says too little, or something that cannot be.
    Usage(String),
    /// The server cannot be reached.
    Unreachable(String),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Impossible(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    /// True when the same may go well in a moment: the server, or its database, is away.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.status >= 500 || problem.status == 429,
            Self::Unreachable(_) => true,
            Self::Impossible(_) | Self::Usage(_) => false,
        }
    }

    /// True when it is a refusal of this kind, such as `TASK_NOT_FOUND`.
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Refused(problem) => problem.fmt(f),
            Self::Impossible(text) | Self::Usage(text) | Self::Unreachable(text) => f.write_str(text),
        }
    }
}

/// A problem (RFC 9457), as the server tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    title: String,
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    errors: Vec<FieldError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    see: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

impl Problem {
    /// The id at the end of the path that says more.
    pub fn record(&self) -> Option<uuid::Uuid> {
        self.see.as_ref()?.rsplit('/').next()?.parse().ok()
    }
}

impl Display for Problem {
    /// Title, detail, and each field on a line of its own.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&plain(&self.title))?;
        // Where only fields are refused, the detail says once more what they say.
        if !self.errors.iter().any(|error| self.detail.contains(&error.message)) && !self.detail.is_empty() {
            write!(f, ": {}", plain(&self.detail))?;
        }
        for FieldError { field, message } in &self.errors {
            write!(f, "\n  {}: {}", plain(field), plain(message))?;
        }
        if self.status == 401 {
            f.write_str("\n  Give a token of yours with SEXTON_TOKEN or --token.")?;
        }
        match &self.request_id {
            Some(id) if self.status >= 500 => write!(f, "\n  The server's log says more: request {}", plain(id)),
            _ => Ok(()),
        }
    }
}
