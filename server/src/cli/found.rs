//! What was found in a file of another scheduler: tasks to create, lines that cannot become one, and remarks. Pure.
//!
//! Invariant: every draft in here passes the rules of the API, and its name is not used twice. Called by every reader in
//! `cli/sources` and by `cli/crontab`.

use super::crontab::name::{Names, shortened};
use chrono::{DateTime, Utc};
use domain::error::FieldError;
use domain::schedule::{Schedule, ScheduleConfig};
use domain::status::SettableStatus;
use domain::task::{ScheduleType, TaskDraft};

/// How to read a file.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The zone of schedules that name none.
    pub timezone: String,
    /// Create the tasks without running them.
    pub is_disabled: bool,
    /// Decides whether a schedule still has a run ahead.
    pub now: DateTime<Utc>,
}

/// Something that can become a task.
#[derive(Debug)]
pub struct Job {
    /// Counted from 1.
    pub line: usize,
    /// The task.
    pub draft: TaskDraft,
    /// Its schedule in words.
    pub schedule: String,
    /// Its next run.
    pub next_run: DateTime<Utc>,
    /// What the task does not carry over, a phrase each.
    pub lost: Vec<String>,
    /// The command is an HTTP call: curl or wget.
    pub is_http_call: bool,
}

/// Something that cannot.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Counted from 1.
    pub line: usize,
    /// The name in the file, if it has one.
    pub name: Option<String>,
    /// Why. Values of variables are not in it: they may be secrets.
    pub reason: String,
}

/// Something to know about a line that is no job.
#[derive(Debug, PartialEq, Eq)]
pub struct Remark {
    /// Counted from 1.
    pub line: usize,
    /// What to know.
    pub text: String,
}

/// What was found, in the order of the lines.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be imported.
    pub jobs: Vec<Job>,
    /// What cannot.
    pub rejected: Vec<Rejected>,
    /// What else there is to know.
    pub remarks: Vec<Remark>,
}

/// Checks what a reader finds and collects it.
pub struct Collector {
    reading: Reading,
    names: Names,
    found: Found,
}

/// Why a job that runs once is not taken.
const PASSED: &str = "its moment has passed: it would never run";

impl Collector {
    /// Nothing has been found yet.
    pub fn new(reading: Reading) -> Self {
        Self { reading, names: Names::default(), found: Found::default() }
    }

    /// The zone of schedules that name none.
    pub fn timezone(&self) -> &str {
        &self.reading.timezone
    }

    /// A draft of a recurring task; the reader fills in the rest.
    pub fn draft(&self, name: &str, config: ScheduleConfig) -> TaskDraft {
        let status = if self.reading.is_disabled { SettableStatus::Disabled } else { SettableStatus::Active };
        TaskDraft {
            name: readable(name),
            schedule_type: Some(ScheduleType::Recurring),
            schedule_config: config,
            status: Some(status.as_str().to_owned()),
            ..TaskDraft::default()
        }
    }

    /// Takes a draft, or rejects it for the reason that the API would give.
    pub fn take(&mut self, line: usize, mut draft: TaskDraft, lost: Vec<String>, is_http_call: bool) {
        draft.description = shortened(&draft.description, 1_000);
        if draft.schedule_config.run_at.is_some_and(|at| at < self.reading.now) {
            return self.reject(line, Some(&draft.name), PASSED.to_owned());
        }
        let what = draft.schedule_config.cron_expression.clone().unwrap_or_default();
        let task = match draft.clone().parse(self.reading.now) {
            Ok(task) => task,
            Err(refusal) => return self.reject(line, Some(&draft.name), explain(&what, &refusal.errors)),
        };
        let Some(next_run) = task.schedule.next_after(self.reading.now) else {
            return self.reject(line, Some(&draft.name), PASSED.to_owned());
        };
        // Only what becomes a task takes a name.
        draft.name = self.names.take(task.name);
        let schedule = task.schedule.describe();
        self.found.jobs.push(Job { line, draft, schedule, next_run, lost, is_http_call });
    }

    /// Lists something that cannot become a task.
    pub fn reject(&mut self, line: usize, name: Option<&str>, reason: String) {
        let name = name.map(readable).filter(|name| !name.is_empty());
        self.found.rejected.push(Rejected { line, name, reason });
    }

    /// Lists something to know.
    pub fn remark(&mut self, line: usize, text: impl Into<String>) {
        self.found.remarks.push(Remark { line, text: text.into() });
    }

    /// What was found.
    pub fn finish(self) -> Found {
        self.found
    }
}

/// A name on one line.
fn readable(name: &str) -> String {
    name.replace(char::is_control, " ").trim().to_owned()
}

/// True for an IANA zone.
pub fn is_zone(name: &str) -> bool {
    check("* * * * *", name).is_ok()
}

/// A schedule that is a cron expression.
pub fn cron_config(expression: &str, zone: &str) -> ScheduleConfig {
    ScheduleConfig {
        cron_expression: Some(expression.to_owned()),
        timezone: zone.to_owned(),
        ..ScheduleConfig::default()
    }
}

/// Checks an expression without asking whether it still has a run ahead.
pub fn check(expression: &str, zone: &str) -> Result<Schedule, Vec<FieldError>> {
    Schedule::read(ScheduleType::Recurring, &cron_config(expression, zone))
}

/// `“61 * * * *” cannot have minute "61" (allowed: …)`.
fn explain(expression: &str, errors: &[FieldError]) -> String {
    let said = |error: &FieldError| match error.field.strip_prefix("schedule_config") {
        Some("" | ".cron_expression") if error.message.starts_with("cannot ") => {
            format!("“{expression}” {}", error.message)
        }
        Some(_) => format!("“{expression}”: {}", error.message),
        None => format!("{} {}", error.field, error.message),
    };
    errors.iter().map(said).collect::<Vec<_>>().join("; ")
}
