//! A deletion: the durable record of one request, and the policies of retry, undo and "stuck".
//!
//! Invariant: every number that decides how long a deletion may take or whether it is stuck is decided here.
//! Called by `backend/tasks/delete.rs`, and by the pages for words and buttons.

mod board;
mod message;
mod policy;

pub use board::{DeadLetter, DeletionSummary, EntryKind, TimelineEntry};
pub use message::{DeleteTaskMessage, MessageVersion};
pub use policy::{RetryPolicy, StuckPolicy, Verdict};

use crate::text_enum::text_enum;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// Where a deletion stands: SCHEDULED → RUNNING ⇄ RETRYING → SUCCEEDED | FAILED | UNDONE.
    pub enum DeletionState {
        /// Accepted and fenced; no attempt has begun.
        Scheduled = "SCHEDULED",
        /// A worker is at it.
        Running = "RUNNING",
        /// An attempt failed; the next one has its time.
        Retrying = "RETRYING",
        /// The task is gone. Final.
        Succeeded = "SUCCEEDED",
        /// Given up: somebody, or the reconciler, may try again.
        Failed = "FAILED",
        /// Undone in time. Final.
        Undone = "UNDONE",
    }
}

impl DeletionState {
    /// True when nothing will change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Undone => true,
            Self::Scheduled | Self::Running | Self::Retrying | Self::Failed => false,
        }
    }
}

text_enum! {
    /// The steps of a teardown, in their order.
    pub enum Step {
        /// The schedule row is removed; done in the accepting transaction.
        Fence = "fence",
        /// Executions in flight end or are cancelled.
        Drain = "drain",
        /// Logs and executions are removed in batches. Its start is the point of no return.
        PurgeHistory = "purge_history",
        /// The task's row is removed, the receipt completed, `TaskDeleted` written.
        DeleteRow = "delete_row",
    }
}

text_enum! {
    /// Where a step stands.
    pub enum StepState {
        /// Not begun.
        Pending = "PENDING",
        /// Being worked at.
        Running = "RUNNING",
        /// Done; it will be skipped when the teardown runs again.
        Done = "DONE",
    }
}

text_enum! {
    /// Why an attempt failed.
    pub enum FailureKind {
        /// The database could not be reached or closed the connection.
        DbUnavailable = "db_unavailable",
        /// A statement or the whole attempt took too long.
        Timeout = "timeout",
        /// Somebody else held a lock for too long, or a deadlock was broken.
        LockHeld = "lock_held",
        /// Executions were still in flight.
        InFlight = "in_flight",
        /// Something still refers to the task. Permanent: trying again cannot help.
        Conflict = "conflict",
        /// A defect of ours, a panic included.
        Bug = "bug",
    }
}

impl FailureKind {
    /// True when another attempt cannot end otherwise.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        match self {
            Self::Conflict => true,
            Self::DbUnavailable | Self::Timeout | Self::LockHeld | Self::InFlight | Self::Bug => false,
        }
    }

    /// The reason in words, for the badge.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::DbUnavailable => "Database unreachable",
            Self::Timeout => "Timed out",
            Self::LockHeld => "Locked by another transaction",
            Self::InFlight => "A run did not end",
            Self::Conflict => "Something still refers to the task",
            Self::Bug => "Internal error",
        }
    }
}

impl Step {
    /// What the step does, in words, for "Timed out while …".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fence => "stopping the schedule",
            Self::Drain => "waiting for running calls",
            Self::PurgeHistory => "removing history",
            Self::DeleteRow => "removing the task",
        }
    }
}

/// Why the last attempt failed. The message is never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastError {
    /// The kind, which decides whether it is tried again.
    pub kind: FailureKind,
    /// What happened, for a person; no secrets.
    pub message: String,
    /// In which step.
    pub step: Step,
}

impl LastError {
    /// An error of `step`; an empty message becomes the kind's words.
    #[must_use]
    pub fn new(kind: FailureKind, message: &str, step: Step) -> Self {
        let message = if message.trim().is_empty() { kind.words() } else { message };
        Self { kind, message: message.chars().take(1_000).collect(), step }
    }

    /// The reason in one line: "Timed out while removing history".
    #[must_use]
    pub fn headline(&self) -> String {
        format!("{} while {}", self.kind.words(), self.step.words())
    }
}

/// How far one step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepProgress {
    /// The step.
    pub name: Step,
    /// Where it stands.
    pub state: StepState,
    /// Rows done, in a step that counts rows.
    pub done: i64,
    /// Rows in all, when known.
    pub total: Option<i64>,
}

/// What a finished deletion removed, rows per table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Rows of `tasks`: 1.
    pub tasks: i64,
    /// Rows of `executions`.
    pub executions: i64,
    /// Rows of `execution_logs`.
    pub execution_logs: i64,
    /// The node that removed the task.
    pub node: String,
    /// Callbacks that came when it was too late.
    #[serde(default)]
    pub late_callbacks: i32,
}

/// The record of one request to delete one task. It outlives the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deletion {
    /// The record.
    pub id: Uuid,
    /// The task that goes or went.
    pub task_uuid: Uuid,
    /// The name that the task had.
    pub task_name: String,
    /// The project of the task.
    pub project_id: Uuid,
    /// Where the deletion stands.
    pub state: DeletionState,
    /// When it was accepted.
    pub requested_at: DateTime<Utc>,
    /// Who asked.
    pub requested_by: String,
    /// The request that it came with, if it had an id.
    pub request_id: Option<String>,
    /// Since when no run starts: the moment of acceptance.
    pub fenced_at: DateTime<Utc>,
    /// The teardown does not begin before this moment.
    pub undo_until: Option<DateTime<Utc>>,
    /// True until the point of no return.
    pub can_undo: bool,
    /// Executions that had already started when the deletion was accepted: the exact list.
    pub in_flight: Vec<Uuid>,
    /// The attempt that is being made or was made last; 0 before the first.
    pub attempt: i32,
    /// Attempts before it is given up.
    pub max_attempts: i32,
    /// When it is tried again, after a failed attempt.
    pub next_retry_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<LastError>,
    /// The steps and how far they are.
    pub steps: Vec<StepProgress>,
    /// The node that works at it, or did last.
    pub node: Option<String>,
    /// When that node last gave a sign of life.
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// How often the reconciler had to hand it over again.
    pub rescues: i32,
    /// What was removed, once it is gone.
    pub receipt: Option<Receipt>,
    /// When it ended, well or undone.
    pub completed_at: Option<DateTime<Utc>>,
    /// What happened between request and end, oldest first, the newest 100; only where one record is read by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEntry>,
}

impl Deletion {
    /// The step that the teardown is at, if it has not ended.
    #[must_use]
    pub fn current_step(&self) -> Option<&StepProgress> {
        self.steps.iter().find(|step| step.state != StepState::Done)
    }

    /// True when it should be moving and shows no sign of life: stuck, where one with a fresh heartbeat is only slow.
    #[must_use]
    pub fn is_silent(&self, now: DateTime<Utc>) -> bool {
        self.state == DeletionState::Running && self.heartbeat_at.is_some_and(|at| now - at > SILENT_AFTER)
    }
}

/// Work at a deletion shows a sign of life every few seconds, however slow it is; see [`Deletion::is_silent`].
const SILENT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// True while an undo can still win: nothing has been removed, and the deletion is not over.
#[must_use]
pub fn can_undo(state: DeletionState, purge_started_at: Option<DateTime<Utc>>) -> bool {
    let open = match state {
        DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying => true,
        DeletionState::Succeeded | DeletionState::Failed | DeletionState::Undone => false,
    };
    open && purge_started_at.is_none()
}

/// What a deletion would stop, let end and remove: shown before it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletionPreview {
    /// The task.
    pub task_uuid: Uuid,
    /// Its name.
    pub name: String,
    /// The next runs, which will not happen.
    pub next_runs: Vec<crate::schedule::NextRun>,
    /// Executions of which a call may be out: they may still end. Counted up to 10,000.
    pub in_flight: i64,
    /// Executions that wait for their start or their next attempt: they are cancelled. Counted up to 10,000.
    #[serde(default)]
    pub waiting: i64,
    /// Executions that will be removed, counted up to 10,000.
    pub executions: i64,
    /// Log lines of these executions that will be removed, counted up to 10,000.
    pub execution_logs: i64,
    /// How long it can be undone.
    pub undo_window_seconds: i32,
    /// How long calls in flight may take to end.
    pub drain_seconds: i32,
    /// The version that was previewed: the ETag for `If-Match`.
    pub version: i64,
}
