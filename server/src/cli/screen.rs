//! Standard output and standard error.
//!
//! Invariant: a reader who has gone (`| head`) is no error, and never ends work half-way: who only shows things asks
//! [`Screen::is_gone`].

use super::failure::Failure;
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write, stdout};

/// Where the answer goes.
pub struct Screen {
    is_json: bool,
    is_terminal: bool,
    has_colours: bool,
    is_gone: bool,
}

impl Screen {
    /// Standard output.
    pub fn new(is_json: bool) -> Self {
        let is_terminal = stdout().is_terminal();
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_colours = is_terminal && !wants_none && !is_dumb;
        Self { is_json, is_terminal, has_colours, is_gone: false }
    }

    /// True when the answer is to be JSON.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// True when a person reads it, and nothing else.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// True when colours may be used.
    pub fn has_colours(&self) -> bool {
        self.has_colours
    }

    /// True when nobody reads it any more.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        let mut out = stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(())
            }
            Err(error) => Err(Failure::Impossible(format!("the answer cannot be written: {error}"))),
        }
    }

    /// Writes a value as JSON on a line.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::Impossible(error.to_string()))?;
        self.line(&text)
    }
}

/// Says what went wrong.
pub fn complain(failure: &impl Display) {
    remark(&failure.to_string());
}

/// Says something besides the answer. Where nobody can be told, there is nobody to be told so.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "sexton: {text}");
}
