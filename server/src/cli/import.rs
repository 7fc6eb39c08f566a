//! `sexton import crontab`.
//!
//! Invariant: a task that is there under the same name is never made again, so that an import may be repeated.

use super::Outcome;
use super::connection::{Connection, Session};
use super::crontab::{self, Job, Reading};
use super::failure::Failure;
use super::lookup::tasks_named;
use super::table::{Cell, Table, Tone};
use super::words::plain;
use chrono::Utc;
use clap::Args;
use domain::task::{Task, TaskDraft};
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// No crontab is larger.
const MOST_BYTES: u64 = 4 << 20;

/// `import crontab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each line becomes a task with the command in its metadata, as {\"command\": \"…\"}: the program that your
project calls decides what to do with it. The name is the comment right above the line, or the first word of the command;
the comment is the description. CRON_TZ and TZ set the zone of the lines below them.

Not imported, and listed with the reason: other variables, @reboot, commands with an unescaped %, and what is no schedule. It
ends with 1 if anything was not imported. It may be repeated: what is there under the same name stays as it is.

EXAMPLES:
  crontab -l | sexton import crontab - --dry-run --timezone Europe/Berlin
  sexton import crontab /etc/crontab --system --disabled"
)]
pub struct Crontab {
    /// The crontab; - is standard input.
    file: PathBuf,
    /// The time zone of lines that have none above them.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Its lines have a column with the user, as in /etc/crontab; it goes into the metadata.
    #[arg(long)]
    system: bool,
    /// Create the tasks disabled, while cron still runs them.
    #[arg(long)]
    disabled: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Fate {
    Created,
    WouldBeCreated,
    Exists,
    NotImported,
}

/// A line and what became of it.
#[derive(Debug, Serialize)]
struct Row {
    line: usize,
    outcome: Fate,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_uuid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Crontab {
    /// Reads all of it, then makes task after task.
    pub async fn run(self) -> Outcome {
        let text = self.read()?;
        if !crontab::is_zone(&self.timezone) {
            let zone = &self.timezone;
            return Err(Failure::Usage(format!("--timezone: “{zone}” is not an IANA time zone such as Europe/Berlin")));
        }
        let reading = Reading { timezone: &self.timezone, is_system: self.system, is_disabled: self.disabled };
        let crontab = crontab::parse(&text, reading, Utc::now());
        let mut session = Session::open(&self.connection).await?;
        let rejected = |line, reason| Row {
            line,
            outcome: Fate::NotImported,
            name: None,
            schedule: None,
            task_uuid: None,
            reason: Some(reason),
        };
        let mut rows: Vec<Row> = crontab.rejected.into_iter().map(|no| rejected(no.line, no.reason)).collect();
        let mut lost = None;
        for job in crontab.jobs {
            match self.import(&session, job).await {
                Ok(row) => rows.push(row),
                Err(failure) => {
                    lost = Some(failure);
                    break;
                }
            }
        }
        rows.sort_by_key(|row| row.line);
        self.show(&mut session, &rows)?;
        lost.map_or_else(|| Ok(rows.iter().all(|row| row.outcome != Fate::NotImported)), Err)
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let path = self.file.display();
        let is_systems = self.file == Path::new("/etc/crontab") || self.file.starts_with("/etc/cron.d");
        if is_systems && !self.system {
            return Err(Failure::Usage(format!("{path} has a column with the user: add --system")));
        }
        let mut text = Vec::new();
        let read = if self.file == Path::new("-") {
            std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut text)
        } else {
            std::fs::File::open(&self.file).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text))
        };
        match read {
            Ok(bytes) if bytes as u64 > MOST_BYTES => Err(Failure::Usage(format!("{path} is too large for a crontab"))),
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::Usage(format!("{path} cannot be read: {error}"))),
        }
    }

    /// Makes a task of a line, unless there is one. Fails only where going on makes no sense.
    async fn import(&self, session: &Session, job: Job) -> Result<Row, Failure> {
        let mut there = tasks_named(session, &job.draft.name).await?;
        // One that is being deleted does not stand for the line, nor in its way.
        there.retain(|task| !task.status.is_being_deleted());
        let row = |outcome, task_uuid, reason| Row {
            line: job.line,
            outcome,
            name: Some(job.draft.name.clone()),
            schedule: Some(job.schedule.clone()),
            task_uuid,
            reason,
        };
        if let Some(task) = there.iter().find(|task| is_same(task, &job.draft)).or(there.first()) {
            let reason = reason_against(task, &job.draft);
            let outcome = if reason.is_some() { Fate::NotImported } else { Fate::Exists };
            return Ok(row(outcome, Some(task.uuid), reason));
        }
        if self.dry_run {
            return Ok(row(Fate::WouldBeCreated, None, None));
        }
        match session.client.post::<Task>(&session.path("tasks"), Some(&job.draft)).await {
            Ok(task) => Ok(row(Fate::Created, Some(task.uuid), None)),
            Err(failure @ Failure::Refused(_)) if !failure.is_passing() && !failure.is("PROJECT_NOT_FOUND") => {
                Ok(row(Fate::NotImported, None, Some(failure.to_string())))
            }
            Err(failure) => Err(failure),
        }
    }

    fn show(&self, session: &mut Session, rows: &[Row]) -> Result<(), Failure> {
        let many = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
        let (created, would_be) = (many(Fate::Created), many(Fate::WouldBeCreated));
        let (existing, not) = (many(Fate::Exists), many(Fate::NotImported));
        if session.screen.is_json() {
            return session.screen.json(&serde_json::json!({
                "dry_run": self.dry_run, "lines": rows, "created": created, "would_be_created": would_be,
                "existing": existing, "not_imported": not,
            }));
        }
        let mut table = Table::new(["LINE", "NAME", "SCHEDULE", "OUTCOME"]);
        table.show(
            &mut session.screen,
            rows.iter().filter(|row| row.outcome != Fate::NotImported).map(cells).collect(),
        )?;
        for row in rows.iter().filter(|row| row.outcome == Fate::NotImported) {
            let name = row.name.as_ref().map(|name| format!(" “{}”", plain(name))).unwrap_or_default();
            let reason: Vec<String> = row.reason.iter().flat_map(|reason| reason.lines()).map(plain).collect();
            session.screen.line(&format!("line {}{name} was not imported: {}", row.line, reason.join("\n")))?;
        }
        let made = if self.dry_run { format!("{would_be} would be created") } else { format!("{created} created") };
        session.screen.line(&format!("{made}, {existing} there already, {not} not imported"))
    }
}

fn cells(row: &Row) -> [Cell; 4] {
    let (words, tone) = match row.outcome {
        Fate::Created => ("created", Tone::Good),
        Fate::WouldBeCreated => ("would be created", Tone::Busy),
        Fate::Exists => ("there already", Tone::Faint),
        Fate::NotImported => ("not imported", Tone::Bad),
    };
    [
        row.line.to_string().into(),
        row.name.as_deref().unwrap_or("-").into(),
        Cell::short(row.schedule.as_deref().unwrap_or("-")),
        Cell::toned(words, tone),
    ]
}

/// True when the task does what the line says. Whether it runs at present is the business of whoever switched it.
fn is_same(task: &Task, draft: &TaskDraft) -> bool {
    task.schedule_config == draft.schedule_config && Some(&task.metadata) == draft.metadata.as_ref()
}

/// Why a task of this name does not stand for the line.
fn reason_against(task: &Task, draft: &TaskDraft) -> Option<String> {
    let other = format!("a task of this name does something else or runs at another time ({})", task.uuid);
    (!is_same(task, draft)).then_some(other)
}
