//! `sexton tasks list` and `sexton tasks create`.

use super::Outcome;
use super::connection::{Connection, Session};
use super::list::{self, Pages};
use super::table::{Cell, Tone};
use super::words::{moment, plain};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::schedule::ScheduleConfig;
use domain::status::TaskStatus;
use domain::task::{Completion, MissedRunPolicy, OverlapPolicy, ScheduleType, Task, TaskDraft};
use serde_json::Value;
use std::str::FromStr;
use uuid::Uuid;

/// `tasks list`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:
  sexton tasks list --search backup
  sexton tasks list --status delete_failed,pending_delete
  sexton tasks list --all --json | jq '.data[].name'")]
pub struct List {
    /// Only tasks of these statuses: active, disabled, pending_delete, delete_failed.
    #[arg(long, value_delimiter = ',', value_parser = spelled::<TaskStatus>)]
    status: Vec<TaskStatus>,
    /// Only tasks with this in their names.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    search: Option<String>,
    /// Only tasks of this group.
    #[arg(long, value_name = "ID")]
    group: Option<Uuid>,
    #[command(flatten)]
    pages: Pages,
    #[command(flatten)]
    connection: Connection,
}

impl List {
    /// Shows them.
    pub async fn run(self) -> Outcome {
        let session = Session::open(&self.connection).await?;
        let statuses: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
        let filters = [
            ("status", statuses.join(",")),
            ("search", self.search.unwrap_or_default()),
            ("task_group_id", self.group.map(|id| id.to_string()).unwrap_or_default()),
        ];
        let heads = ["UUID", "NAME", "STATUS", "SCHEDULE", "NEXT RUN (UTC)"];
        list::show(session, "tasks", &filters, &self.pages, heads, row).await
    }
}

fn row(task: &Task) -> [Cell; 5] {
    let tone = match task.status {
        TaskStatus::Active => Tone::Plain,
        TaskStatus::Disabled => Tone::Faint,
        TaskStatus::PendingDelete => Tone::Busy,
        TaskStatus::DeleteFailed => Tone::Bad,
    };
    let next = task.next_run_at.map(moment);
    [
        task.uuid.to_string().into(),
        task.name.as_str().into(),
        Cell::toned(task.status.as_str(), tone),
        Cell::short(&task.schedule_description),
        next.as_deref().unwrap_or("-").into(),
    ]
}

/// `tasks create`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:
  sexton tasks create 'Nightly backup' --cron '30 2 * * *' --timezone Europe/Berlin
  sexton tasks create Heartbeat --cron '@every 90s' --timeout-seconds 10
  sexton tasks create Greeting --at 2027-01-01T00:00:00Z --metadata '{\"to\": \"everyone\"}'")]
pub struct Create {
    /// Its name, 1 to 255 characters.
    name: String,
    /// When it runs: 5 fields, or 6 with seconds first; @hourly to @yearly; '@every 90s'.
    #[arg(long, value_name = "EXPRESSION", required_unless_present = "at", conflicts_with = "at")]
    cron: Option<String>,
    /// The moment at which it runs once, such as 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    at: Option<DateTime<Utc>>,
    /// The time zone that the expression is meant in, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// A JSON object that is sent with every call.
    #[arg(long, value_name = "JSON", value_parser = metadata)]
    metadata: Option<Value>,
    /// Create it, but do not let it run.
    #[arg(long)]
    disabled: bool,
    /// The id of its group.
    #[arg(long, value_name = "ID")]
    group: Option<Uuid>,
    /// How long one call may take.
    #[arg(long, value_name = "SECONDS")]
    timeout_seconds: Option<i32>,
    /// Calls that one run may make, the first included.
    #[arg(long, value_name = "CALLS")]
    max_attempts: Option<i32>,
    /// What happens while the run before goes on: allow, skip or queue_one.
    #[arg(long, value_name = "POLICY", value_parser = spelled::<OverlapPolicy>)]
    overlap: Option<OverlapPolicy>,
    /// What happens to runs that were missed: skip, run_once or run_all.
    #[arg(long, value_name = "POLICY", value_parser = spelled::<MissedRunPolicy>)]
    missed: Option<MissedRunPolicy>,
    /// What ends a run: response or callback.
    #[arg(long, value_name = "WHAT", value_parser = spelled::<Completion>)]
    completion: Option<Completion>,
    #[command(flatten)]
    connection: Connection,
}

impl Create {
    /// Creates it.
    pub async fn run(self) -> Outcome {
        let mut session = Session::open(&self.connection).await?;
        let task: Task = session.client.post(&session.path("tasks"), Some(&self.draft())).await?;
        if session.screen.is_json() {
            session.screen.json(&task)?;
        } else {
            session.screen.line(&format!("created “{}” as {}", plain(&task.name), task.uuid))?;
            session.screen.line(&format!("  {}", when(&task)))?;
        }
        Ok(true)
    }

    fn draft(self) -> TaskDraft {
        let schedule_type = if self.at.is_some() { ScheduleType::Oneoff } else { ScheduleType::Recurring };
        TaskDraft {
            name: self.name,
            description: self.description,
            schedule_type: Some(schedule_type),
            schedule_config: ScheduleConfig {
                cron_expression: self.cron,
                run_at: self.at,
                timezone: self.timezone,
                ..ScheduleConfig::default()
            },
            status: self.disabled.then(|| TaskStatus::Disabled.as_str().to_owned()),
            task_group_id: self.group,
            timeout_seconds: self.timeout_seconds,
            max_attempts: self.max_attempts,
            metadata: self.metadata,
            overlap_policy: self.overlap,
            missed_run_policy: self.missed,
            completion: self.completion,
            allow_past: false,
        }
    }
}

/// "At 02:30 Europe/Berlin; next run at 2026-11-29 01:30:00 UTC".
pub fn when(task: &Task) -> String {
    // Words of an expression that names its zone have it already.
    let config = &task.schedule_config;
    let zone = if config.zone() == config.timezone { format!(", {}", config.timezone) } else { String::new() };
    let next = task.next_run_at.map(|at| format!("next run at {} UTC", moment(at)));
    format!("{}{zone}; {}", plain(&task.schedule_description), next.as_deref().unwrap_or("no next run"))
}

/// JSON in which every number keeps its value.
fn metadata(text: &str) -> Result<Value, String> {
    domain::json::read("metadata", text).map_err(|error| format!("{}: {}", error.field, error.message))
}

/// A value of a text that is told in any case.
pub fn spelled<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.trim().to_uppercase().parse()
}
