//! Crontabs: what stands in one becomes drafts of tasks, and a reason for each line that cannot be one. Pure.
//!
//! Invariant: every line is either a draft, a reason, or nothing to import (blank, a comment, a zone); a draft runs when cron
//! would have run the line, in the zone that is in force there.

mod entry;
mod name;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use domain::error::FieldError;
use domain::schedule::{Schedule, ScheduleConfig};
use domain::status::SettableStatus;
use domain::task::{ScheduleType, TaskDraft};
use entry::Entry;
use name::Names;
use serde_json::json;

/// How a crontab is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The zone of lines before any `CRON_TZ` or `TZ`.
    pub timezone: &'a str,
    /// Lines have a column with the user, as in `/etc/crontab`.
    pub is_system: bool,
    /// Tasks are to be created without running.
    pub is_disabled: bool,
}

/// A line that can become a task.
#[derive(Debug)]
pub struct Job {
    /// Counted from 1.
    pub line: usize,
    /// The task.
    pub draft: TaskDraft,
    /// Its schedule in words.
    pub schedule: String,
}

/// A line that cannot.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Counted from 1.
    pub line: usize,
    /// Why. Values of variables are not in it: they may be secrets.
    pub reason: String,
}

/// What stands in a crontab, in the order of its lines.
#[derive(Debug, Default)]
pub struct Crontab {
    /// What can be imported.
    pub jobs: Vec<Job>,
    /// What cannot.
    pub rejected: Vec<Rejected>,
}

/// True for an IANA zone.
pub fn is_zone(name: &str) -> bool {
    check("* * * * *", name).is_ok()
}

/// Reads a crontab. `now` decides whether a schedule still has a run ahead.
pub fn parse(bytes: &[u8], reading: Reading<'_>, now: DateTime<Utc>) -> Crontab {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader { reading, now, zones: [None, None], comments: Vec::new(), names: Names::default() };
    let mut crontab = Crontab::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line_number = index + 1;
        let text = str::from_utf8(line).map_err(|_| "it is not UTF-8 text".to_owned());
        match text.and_then(|text| reader.read(line_number, text)) {
            Ok(None) => {}
            Ok(Some((draft, schedule))) => crontab.jobs.push(Job { line: line_number, draft, schedule }),
            Err(reason) => crontab.rejected.push(Rejected { line: line_number, reason }),
        }
    }
    crontab
}

/// A zone that a variable named, or the line of one that nobody knows.
type Zone = Result<String, usize>;

struct Reader<'a> {
    reading: Reading<'a>,
    now: DateTime<Utc>,
    /// `CRON_TZ` goes before `TZ`.
    zones: [Option<Zone>; 2],
    /// The comment right above.
    comments: Vec<String>,
    names: Names,
}

impl Reader<'_> {
    /// One line: a draft with its schedule in words, or nothing to import.
    fn read(&mut self, line: usize, text: &str) -> Result<Option<(TaskDraft, String)>, String> {
        let text = text.trim();
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment);
            return Ok(None);
        }
        let comments = std::mem::take(&mut self.comments);
        if text.is_empty() {
            return Ok(None);
        }
        if let Some((name, value)) = entry::variable(text) {
            return self.variable(line, name, value).map(|()| None);
        }
        let entry = entry::parse(text, self.reading.is_system)?;
        self.draft(line, &entry, &comments).map(Some)
    }

    /// What is said above a line belongs to it: but for lines that were taken out of use, and the legend of the columns.
    fn comment(&mut self, text: &str) {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '#');
        if is_legend(text) {
            self.comments.clear();
            return;
        }
        let is_out_of_use = entry::variable(text).is_some()
            || entry::parse(text, false).is_ok_and(|entry| check(&entry.expression, "UTC").is_ok());
        let is_rule = !text.chars().any(char::is_alphanumeric);
        if !is_out_of_use && !is_rule {
            self.comments.push(text.replace(char::is_control, " "));
        }
    }

    fn variable(&mut self, line: usize, name: &str, value: &str) -> Result<(), String> {
        let slot = match name {
            "CRON_TZ" => 0,
            "TZ" => 1,
            _ => return Err(format!("the variable {name}: tasks have no environment")),
        };
        // POSIX allows a colon before the name of a zone.
        let zone = value.strip_prefix(':').unwrap_or(value);
        let is_known = zone.is_empty() || is_zone(zone);
        self.zones[slot] = match is_known {
            true => Some(zone.to_owned()).filter(|zone| !zone.is_empty()).map(Ok),
            false => Some(Err(line)),
        };
        if is_known {
            Ok(())
        } else {
            Err(format!("{name}: “{zone}” is not an IANA time zone such as Europe/Berlin"))
        }
    }

    fn draft(&mut self, line: usize, entry: &Entry, comments: &[String]) -> Result<(TaskDraft, String), String> {
        let zone = match self.zones.iter().flatten().next() {
            Some(Ok(zone)) => zone.clone(),
            Some(Err(unknown)) => return Err(format!("its time zone is not known (line {unknown})")),
            None => self.reading.timezone.to_owned(),
        };
        let name = name::of(comments, &entry.command, line);
        let metadata = match &entry.user {
            Some(user) => json!({ "command": entry.command, "user": user }),
            None => json!({ "command": entry.command }),
        };
        let status = if self.reading.is_disabled { SettableStatus::Disabled } else { SettableStatus::Active };
        let mut draft = TaskDraft {
            name,
            description: name::shortened(&comments.join("\n"), 1_000),
            schedule_type: Some(ScheduleType::Recurring),
            schedule_config: config(&entry.expression, &zone),
            status: Some(status.as_str().to_owned()),
            task_group_id: None,
            timeout_seconds: None,
            max_attempts: None,
            metadata: Some(metadata),
            overlap_policy: None,
            missed_run_policy: None,
            completion: None,
            allow_past: false,
        };
        let task = draft.clone().parse(self.now).map_err(|refusal| explain(&entry.expression, &refusal.errors))?;
        // Only what becomes a task takes a name.
        draft.name = self.names.take(task.name);
        Ok((draft, task.schedule.describe()))
    }
}

/// True for what crontabs say about themselves: the names of the columns, a drawing of them, and what `crontab -l` puts first.
fn is_legend(text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::to_lowercase);
    let columns = [words.next().unwrap_or_default(), words.next().unwrap_or_default()];
    let are_columns =
        matches!(columns[0].as_str(), "m" | "min" | "minute") && matches!(columns[1].as_str(), "h" | "hour");
    let is_installed = text.starts_with('(') && text.contains(" installed on ");
    let begins = ["|", ".-", "DO NOT EDIT THIS FILE", "(Cron version "];
    are_columns || is_installed || begins.iter().any(|begin| text.starts_with(begin))
}

fn config(expression: &str, zone: &str) -> ScheduleConfig {
    ScheduleConfig {
        cron_expression: Some(expression.to_owned()),
        timezone: zone.to_owned(),
        ..ScheduleConfig::default()
    }
}

fn check(expression: &str, zone: &str) -> Result<Schedule, Vec<FieldError>> {
    Schedule::read(ScheduleType::Recurring, &config(expression, zone))
}

/// `“61 * * * *” cannot have minute "61" (allowed: …)`.
fn explain(expression: &str, errors: &[FieldError]) -> String {
    let said = |error: &FieldError| match error.field.strip_prefix("schedule_config") {
        Some("") => format!("“{expression}”: {}", error.message),
        Some(_) => format!("“{expression}” {}", error.message),
        None => format!("{} {}", error.field, error.message),
    };
    errors.iter().map(said).collect::<Vec<_>>().join("; ")
}
