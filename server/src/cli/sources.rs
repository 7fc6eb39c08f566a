//! The files that can be imported, which one a file is, and its reader. Pure.
//!
//! Invariant: a file is read as what it is or as what it was called, and where the two differ somebody says so.

mod calendar;
mod go_cron;
mod kubernetes;
mod ofelia;
mod sections;
pub mod spans;
pub mod systemd;
#[cfg(test)]
mod tests;
pub mod text;

use super::crontab;
use super::found::{Found, Reading};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Lines of a user, or with a column for the user.
    Crontab {
        /// With the column.
        is_system: bool,
    },
    /// Manifests of Kubernetes, YAML or JSON.
    Kubernetes,
    /// The INI file of Ofelia.
    Ofelia,
    /// Timer units of systemd, with their services.
    Systemd,
}

impl Source {
    /// What the file is, in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Crontab { is_system: false } => "a crontab",
            Self::Crontab { is_system: true } => "a crontab with a column for the user",
            Self::Kubernetes => "a CronJob manifest of Kubernetes",
            Self::Ofelia => "a configuration of Ofelia",
            Self::Systemd => "a timer unit of systemd",
        }
    }

    /// The command that imports it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Crontab { .. } => "sexton import crontab",
            Self::Kubernetes => "sexton import k8s",
            Self::Ofelia => "sexton import ofelia",
            Self::Systemd => "sexton import systemd",
        }
    }
}

/// What a file is, if it is plainly no crontab: none of these lines could stand in one.
pub fn recognise(text: &str) -> Option<Source> {
    let starts_unit = |line: &str| matches!(line, "[Timer]");
    let starts_job = |line: &str| line.starts_with("[job-") || line == "[global]";
    let is_manifest = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '"', '{', '\'']).replace(['"', '\'', ' '], "");
        line.starts_with("kind:CronJob")
            || line.starts_with("apiVersion:batch/v1")
            || line.contains(",kind:CronJob")
            || line.contains("{kind:CronJob")
    };
    text.lines().map(str::trim).find_map(|line| match line {
        line if starts_unit(line) => Some(Source::Systemd),
        line if starts_job(line) => Some(Source::Ofelia),
        line if is_manifest(line) => Some(Source::Kubernetes),
        _ => None,
    })
}

/// Reads a file. `name` is the file's own, if it has one.
pub fn read(source: Source, text: &str, name: Option<&str>, reading: Reading) -> Found {
    match source {
        Source::Crontab { is_system } => crontab::read(text, is_system, reading),
        Source::Kubernetes => kubernetes::read(text, reading),
        Source::Ofelia => ofelia::read(text, reading),
        Source::Systemd => systemd::read(text, name, reading),
    }
}
