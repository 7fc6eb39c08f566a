//! What became of each line of a file that was imported, as a table or as JSON.

use crate::cli::connection::Session;
use crate::cli::failure::Failure;
use crate::cli::found::{Found, Job};
use crate::cli::table::{Cell, Table, Tone};
use crate::cli::words::{moment, plain};
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fate {
    /// A task was created.
    Created,
    /// A dry run would become one otherwise.
    WouldBeCreated,
    /// The task is there already.
    Exists,
    /// It is not imported, for a reason.
    NotImported,
}

/// A line and what became of it.
#[derive(Debug, Serialize)]
pub struct Row {
    line: usize,
    outcome: Fate,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What is not carried over.
    lost: Vec<String>,
    is_http_call: bool,
}

impl Row {
    /// What became of a job.
    pub fn of_job(job: &Job, outcome: Fate, task_uuid: Option<Uuid>, reason: Option<String>) -> Self {
        Self {
            line: job.line,
            outcome,
            name: Some(job.draft.name.clone()),
            schedule: Some(job.schedule.clone()),
            next_run_at: Some(job.next_run),
            task_uuid,
            reason,
            lost: job.lost.clone(),
            is_http_call: job.is_http_call,
        }
    }
}

/// Something to know about a line.
#[derive(Debug, Serialize)]
struct Note {
    line: usize,
    text: String,
}

/// All lines.
pub struct Report {
    is_dry_run: bool,
    rows: Vec<Row>,
    notes: Vec<Note>,
}

impl Report {
    /// What is known before anything is created. Comments in Latin-1 need no remark.
    pub fn new(is_dry_run: bool, found: &Found, text: &str, latin: &[usize]) -> Self {
        let rejected = found.rejected.iter().map(|no| Row {
            line: no.line,
            outcome: Fate::NotImported,
            name: no.name.clone(),
            schedule: None,
            next_run_at: None,
            task_uuid: None,
            reason: Some(no.reason.clone()),
            lost: Vec::new(),
            is_http_call: false,
        });
        let is_comment = |line: &usize| text.lines().nth(line - 1).is_some_and(|line| line.trim().starts_with('#'));
        let latin = latin.iter().filter(|line| !is_comment(line));
        let latin = latin.map(|line| Note { line: *line, text: "it is not UTF-8 and was read as Latin-1".to_owned() });
        let remarks = found.remarks.iter().map(|remark| Note { line: remark.line, text: remark.text.clone() });
        Self { is_dry_run, rows: rejected.collect(), notes: remarks.chain(latin).collect() }
    }

    /// Adds what became of a job.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// True when every job was taken.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| row.outcome != Fate::NotImported)
    }

    /// Shows all of it, in the order of the lines.
    pub fn show(&mut self, session: &mut Session) -> Result<(), Failure> {
        self.rows.sort_by_key(|row| row.line);
        self.notes.sort_by_key(|note| note.line);
        let many = |outcome| self.rows.iter().filter(|row| row.outcome == outcome).count();
        let (created, would_be) = (many(Fate::Created), many(Fate::WouldBeCreated));
        let (existing, not) = (many(Fate::Exists), many(Fate::NotImported));
        if session.screen.is_json() {
            return session.screen.json(&serde_json::json!({
                "dry_run": self.is_dry_run, "lines": self.rows, "remarks": self.notes, "created": created,
                "would_be_created": would_be, "existing": existing, "not_imported": not,
            }));
        }
        let mut table = Table::new(["LINE", "NAME", "SCHEDULE", "NEXT RUN (UTC)", "OUTCOME"]);
        let taken = self.rows.iter().filter(|row| row.outcome != Fate::NotImported);
        table.show(&mut session.screen, taken.map(cells).collect())?;
        for text in self.texts() {
            session.screen.line(&text)?;
        }
        let made = if self.is_dry_run { format!("{would_be} would be created") } else { format!("{created} created") };
        session.screen.line(&format!("{made}, {existing} there already, {not} not imported"))
    }

    /// What a table has no room for: what is lost, remarks, and why something was not imported.
    fn texts(&self) -> Vec<String> {
        let notes = self.notes.iter().map(|note| (note.line, format!("line {}: {}", note.line, plain(&note.text))));
        let lost = self.rows.iter().filter(|row| !row.lost.is_empty());
        let lost = lost.map(|row| (row.line, format!("{}: {}", head(row), plain(&row.lost.join("; ")))));
        let refused = self.rows.iter().filter(|row| row.outcome == Fate::NotImported);
        let refused = refused.map(|row| {
            let reason: Vec<String> = row.reason.iter().flat_map(|reason| reason.lines()).map(plain).collect();
            (row.line, format!("{} was not imported: {}", head(row), reason.join("\n")))
        });
        let mut texts: Vec<(usize, String)> = notes.chain(lost).chain(refused).collect();
        texts.sort_by_key(|(line, _)| *line);
        let calls = self.rows.iter().filter(|row| row.is_http_call && row.outcome != Fate::NotImported).count();
        let calls = (calls > 0).then(|| {
            format!(
                "{calls} marked “HTTP call” run curl or wget: the task hands the command to the project's endpoint, and does \
                 not make that call itself"
            )
        });
        texts.into_iter().map(|(_, text)| text).chain(calls).collect()
    }
}

fn head(row: &Row) -> String {
    let name = row.name.as_ref().map(|name| format!(" “{}”", plain(name))).unwrap_or_default();
    format!("line {}{name}", row.line)
}

fn cells(row: &Row) -> [Cell; 5] {
    let (words, tone) = match row.outcome {
        Fate::Created => ("created", Tone::Good),
        Fate::WouldBeCreated => ("would be created", Tone::Busy),
        Fate::Exists => ("there already", Tone::Faint),
        Fate::NotImported => ("not imported", Tone::Bad),
    };
    let mark = if row.is_http_call { ", HTTP call" } else { "" };
    [
        row.line.to_string().into(),
        row.name.as_deref().unwrap_or("-").into(),
        Cell::short(row.schedule.as_deref().unwrap_or("-")),
        row.next_run_at.map_or_else(|| "-".to_owned(), moment).into(),
        Cell::toned(&format!("{words}{mark}"), tone),
    ]
}
