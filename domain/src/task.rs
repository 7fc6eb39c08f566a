//! Tasks: the user's scheduled things, as they are shown, sent and checked.

use crate::deletion::Deletion;
use crate::execution::ExecutionSummary;
use crate::schedule::{CronRule, ScheduleConfig};
use crate::status::TaskStatus;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// Whether a task runs again and again or once.
    pub enum ScheduleType {
        /// By `cron_expression` or `time_range`.
        Recurring = "RECURRING",
        /// Once, at `run_at`.
        Oneoff = "ONEOFF",
    }
}

text_enum! {
    /// What happens when a run is due while the one before it has not ended. A run that waits for its next attempt has not
    /// ended either.
    pub enum OverlapPolicy {
        /// Both run.
        Allow = "ALLOW",
        /// The new one is skipped and recorded.
        Skip = "SKIP",
        /// One waits.
        QueueOne = "QUEUE_ONE",
    }
}

/// What becomes of a run that is due while others of its task have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It starts.
    Start,
    /// It is recorded and starts when the others have ended.
    Wait,
    /// It is recorded as skipped.
    Skip,
}

impl OverlapPolicy {
    /// Decides about a run that is due; `is_running`: one has not ended, `is_waiting`: one waits already.
    #[must_use]
    pub fn decide(self, is_running: bool, is_waiting: bool) -> Overlap {
        match self {
            Self::Allow => Overlap::Start,
            Self::Skip | Self::QueueOne if !is_running && !is_waiting => Overlap::Start,
            Self::QueueOne if !is_waiting => Overlap::Wait,
            Self::Skip | Self::QueueOne => Overlap::Skip,
        }
    }
}

text_enum! {
    /// What happens to runs that were due while nothing was up.
    pub enum MissedRunPolicy {
        /// They are skipped and recorded.
        Skip = "SKIP",
        /// One run stands for all of them.
        RunOnce = "RUN_ONCE",
        /// All run, 100 at most.
        RunAll = "RUN_ALL",
    }
}

text_enum! {
    /// What ends an execution.
    pub enum Completion {
        /// The answer to the call.
        Response = "RESPONSE",
        /// A callback of the user's program, or the timeout.
        Callback = "CALLBACK",
    }
}

text_enum! {
    /// Whether the task is inside its group's window.
    pub enum RunState {
        /// Inside the window, or in no group with one.
        Running = "RUNNING",
        /// Outside.
        NotRunning = "NOT_RUNNING",
    }
}

/// A task as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// The task.
    pub uuid: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// Its group, if it is in one.
    pub task_group_id: Option<Uuid>,
    /// 1 to 255 characters.
    pub name: String,
    /// At most 1,000 characters.
    pub description: String,
    /// Recurring or once.
    pub schedule_type: ScheduleType,
    /// The schedule as it was given.
    pub schedule_config: ScheduleConfig,
    /// By which rule its cron expression is read. Known only on the server.
    #[serde(skip)]
    pub cron_rule: CronRule,
    /// The schedule in words.
    pub schedule_description: String,
    /// True for a `ONEOFF` whose moment has passed: it does not run again.
    #[serde(default)]
    pub is_finished: bool,
    /// Where the task stands.
    pub status: TaskStatus,
    /// Since when it has this status.
    pub status_changed_at: DateTime<Utc>,
    /// Inside its group's window or not.
    pub state: RunState,
    /// Seconds that one call may take.
    pub timeout_seconds: i32,
    /// Calls that one execution may make, the first included.
    pub max_attempts: i32,
    /// Sent with every call.
    #[cfg_attr(feature = "parsing", serde(deserialize_with = "metadata::read"))]
    pub metadata: serde_json::Value,
    /// What happens on overlap.
    pub overlap_policy: OverlapPolicy,
    /// What happens to missed runs.
    pub missed_run_policy: MissedRunPolicy,
    /// What ends an execution.
    pub completion: Completion,
    /// When it runs next; null when it does not.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Its latest execution.
    pub last_execution: Option<ExecutionSummary>,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Its deletion, while there is one.
    pub deletion: Option<Deletion>,
}

/// What a client sends to create or replace a task. The status is a text, so that a refused one can be named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(examples(json!({
        "name": "Close the daily ledger",
        "schedule_config": { "cron_expression": "30 2 * * MON-FRI", "timezone": "Europe/Berlin" },
    }))))]
pub struct TaskDraft {
    /// 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// At most 1,000 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 1000))]
    pub description: String,
    /// `RECURRING` (default) or `ONEOFF`.
    #[serde(default)]
    pub schedule_type: Option<ScheduleType>,
    /// When it runs.
    pub schedule_config: ScheduleConfig,
    /// `ACTIVE` (default for a new task) or `DISABLED`; anything else is refused.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::status::SettableStatus>))]
    pub status: Option<String>,
    /// A group of the same project.
    #[serde(default)]
    pub task_group_id: Option<Uuid>,
    /// 1 to 86,400; default 30.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 86400))]
    pub timeout_seconds: Option<i32>,
    /// 1 to 20 calls of one execution, the first included; default 3.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 20))]
    pub max_attempts: Option<i32>,
    /// A JSON object of at most 16 kB.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<serde_json::Value>,
    /// Default `SKIP`.
    #[serde(default)]
    pub overlap_policy: Option<OverlapPolicy>,
    /// Default `RUN_ONCE`.
    #[serde(default)]
    pub missed_run_policy: Option<MissedRunPolicy>,
    /// Default `RESPONSE`.
    #[serde(default)]
    pub completion: Option<Completion>,
    /// Takes a `run_at` that has passed: the task is created as finished. Not stored; default false.
    #[serde(default)]
    pub allow_past: bool,
}

impl From<&Task> for TaskDraft {
    /// What a client would send to leave the task as it is. The status is left out: it has its own rule.
    fn from(task: &Task) -> Self {
        Self {
            name: task.name.clone(),
            description: task.description.clone(),
            schedule_type: Some(task.schedule_type),
            schedule_config: task.schedule_config.clone(),
            status: None,
            task_group_id: task.task_group_id,
            timeout_seconds: Some(task.timeout_seconds),
            max_attempts: Some(task.max_attempts),
            metadata: Some(task.metadata.clone()),
            overlap_policy: Some(task.overlap_policy),
            missed_run_policy: Some(task.missed_run_policy),
            completion: Some(task.completion),
            allow_past: false,
        }
    }
}

#[cfg(feature = "parsing")]
pub use parsing::{NewTask, parse_status};

#[cfg(feature = "parsing")]
mod metadata;
#[cfg(feature = "parsing")]
mod parsing;
