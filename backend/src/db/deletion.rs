//! Statements on `deletions`: the record of one request, how it is read and shown. Writes stand in `write`.

macro_rules! select_deletion {
    ($rest:literal) => {
        concat!("SELECT d.* FROM deletions d ", $rest)
    };
}

mod board;
mod sweep;
mod write;

pub(crate) use board::*;
pub(crate) use sweep::{finish_small, take_small};
pub(crate) use write::*;

use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::deletion::{
    DeleteTaskMessage, Deletion, DeletionState, LastError, MessageVersion, Receipt, Step, StepProgress, StepState,
    StuckPolicy, can_undo,
};
use domain::status::SettableStatus;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(Clone, Debug, FromRow)]
pub(crate) struct DeletionRow {
    pub id: Uuid,
    pub task_id: Uuid,
    pub task_name: String,
    pub project_id: Uuid,
    pub requested_by: String,
    pub request_id: Option<String>,
    pub requested_at: DateTime<Utc>,
    previous_status: String,
    pub seen_version: i64,
    pub fenced_at: DateTime<Utc>,
    in_flight: Vec<Uuid>,
    pub undo_until: DateTime<Utc>,
    state: String,
    step: String,
    pub failed_attempts: i32,
    max_attempts: i32,
    pub wake_at: DateTime<Utc>,
    node: Option<String>,
    heartbeat_at: Option<DateTime<Utc>>,
    rescues: i32,
    pub purge_started_at: Option<DateTime<Utc>>,
    history_total: Option<i64>,
    executions_removed: i64,
    logs_removed: i64,
    tasks_removed: i64,
    late_callbacks: i32,
    project_deletion_id: Option<Uuid>,
    last_error_kind: Option<String>,
    last_error_message: Option<String>,
    last_error_step: Option<String>,
    completed_at: Option<DateTime<Utc>>,
}

impl DeletionRow {
    pub(crate) fn state(&self) -> Result<DeletionState, sqlx::Error> {
        text("state", &self.state)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state().is_ok_and(|state| state == DeletionState::Failed)
    }

    pub(crate) fn step(&self) -> Result<Step, sqlx::Error> {
        text("step", &self.step)
    }

    pub(crate) fn previous_status(&self) -> Result<SettableStatus, sqlx::Error> {
        text("previous_status", &self.previous_status)
    }

    /// The job's payload for this record.
    pub(crate) fn message(&self) -> DeleteTaskMessage {
        DeleteTaskMessage {
            version: MessageVersion::V1,
            task_uuid: self.task_id,
            project_id: self.project_id,
            requested_at: self.requested_at,
            request_id: self.request_id.clone(),
            deletion_id: self.id,
        }
    }

    fn last_error(&self) -> Result<Option<LastError>, sqlx::Error> {
        error_of(self.last_error_kind.as_deref(), self.last_error_message.as_deref(), self.last_error_step.as_deref())
    }

    fn steps(&self, state: DeletionState) -> Result<Vec<StepProgress>, sqlx::Error> {
        let current = self.step()?;
        let place = |step: Step| match step.cmp(&current) {
            std::cmp::Ordering::Less => StepState::Done,
            _ if state == DeletionState::Succeeded => StepState::Done,
            std::cmp::Ordering::Equal if state == DeletionState::Running => StepState::Running,
            _ => StepState::Pending,
        };
        let rows = |step: Step| match step {
            Step::PurgeHistory => (self.executions_removed, self.history_total),
            Step::DeleteRow => (self.tasks_removed, Some(1)),
            Step::Fence | Step::Drain => (0, None),
        };
        let progress = |step: &Step| {
            let (done, total) = rows(*step);
            StepProgress { name: *step, state: place(*step), done, total }
        };
        Ok(Step::ALL.iter().map(progress).collect())
    }

    fn attempt(&self, state: DeletionState) -> i32 {
        match state {
            DeletionState::Running | DeletionState::Succeeded => self.failed_attempts + 1,
            DeletionState::Scheduled | DeletionState::Retrying | DeletionState::Failed | DeletionState::Undone => {
                self.failed_attempts
            }
        }
    }

    fn next_retry_at(&self, state: DeletionState, stuck: &StuckPolicy) -> Option<DateTime<Utc>> {
        match state {
            DeletionState::Retrying => Some(self.wake_at),
            DeletionState::Failed => Some(self.wake_at + stuck.failed_after),
            DeletionState::Scheduled | DeletionState::Running | DeletionState::Succeeded | DeletionState::Undone => {
                None
            }
        }
    }

    fn receipt(&self, state: DeletionState) -> Option<Receipt> {
        (state == DeletionState::Succeeded).then(|| Receipt {
            tasks: self.tasks_removed,
            executions: self.executions_removed,
            execution_logs: self.logs_removed,
            node: self.node.clone().unwrap_or_default(),
            late_callbacks: self.late_callbacks,
        })
    }

    /// The record as it is shown; its timeline is read apart.
    pub(crate) fn show(self, stuck: &StuckPolicy) -> Result<Deletion, sqlx::Error> {
        let state = self.state()?;
        Ok(Deletion {
            attempt: self.attempt(state),
            next_retry_at: self.next_retry_at(state, stuck),
            receipt: self.receipt(state),
            steps: self.steps(state)?,
            last_error: self.last_error()?,
            can_undo: self.project_deletion_id.is_none() && can_undo(state, self.purge_started_at),
            id: self.id,
            task_uuid: self.task_id,
            task_name: self.task_name,
            project_id: self.project_id,
            state,
            requested_at: self.requested_at,
            requested_by: self.requested_by,
            request_id: self.request_id,
            fenced_at: self.fenced_at,
            undo_until: Some(self.undo_until),
            in_flight: self.in_flight,
            max_attempts: self.max_attempts,
            node: self.node,
            heartbeat_at: self.heartbeat_at,
            rescues: self.rescues,
            completed_at: self.completed_at,
            timeline: Vec::new(),
        })
    }
}

/// An error as it stands in three columns, all of them or none.
fn error_of(kind: Option<&str>, message: Option<&str>, step: Option<&str>) -> Result<Option<LastError>, sqlx::Error> {
    let (Some(kind), Some(message), Some(step)) = (kind, message, step) else { return Ok(None) };
    Ok(Some(LastError { kind: text("kind", kind)?, message: message.to_owned(), step: text("step", step)? }))
}

/// One record, whatever its project: for those who already know the task.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!("WHERE d.id = $1")).bind(id).fetch_optional(conn).await
}

/// The same, locked: whoever changes a record decides under its lock. Its task, if needed, is locked before it.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!("WHERE d.id = $1 FOR UPDATE")).bind(id).fetch_optional(conn).await
}

/// One record of a project.
pub(crate) async fn get_in_project(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!("WHERE d.id = $1 AND d.project_id = $2"))
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}

/// These records, in any order.
pub(crate) async fn get_many(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!("WHERE d.id = ANY($1)")).bind(ids).fetch_all(conn).await
}

/// The receipt of a task that is gone from this project.
pub(crate) async fn receipt(
    conn: &mut PgConnection,
    project_id: Uuid,
    task_id: Uuid,
) -> Result<Option<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!(
        "WHERE d.task_id = $1 AND d.project_id = $2 AND d.completed_at IS NOT NULL AND d.state = 'SUCCEEDED' LIMIT 1"
    ))
    .bind(task_id)
    .bind(project_id)
    .fetch_optional(conn)
    .await
}

/// Records of a project, or of all, newest first, below `before`; empty `states` means all. Those that are not over are
/// found by an index of their own, however many are.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Option<Uuid>,
    states: &[String],
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!(
        "WHERE ($1::uuid IS NULL OR d.project_id = $1) AND (cardinality($2::text[]) = 0 OR d.state = ANY($2))
           AND ($3::uuid IS NULL OR d.id < $3)
           AND (d.completed_at IS NULL OR cardinality($2) = 0 OR $2 && ARRAY['SUCCEEDED', 'UNDONE'])
         ORDER BY d.id DESC LIMIT $4"
    ))
    .bind(project_id)
    .bind(states)
    .bind(before)
    .bind(limit)
    .persistent(false)
    .fetch_all(conn)
    .await
}

/// Stuck deletions, oldest first, behind `after`: those whose last sign of life is older than the threshold of their state.
pub(crate) async fn stuck(
    conn: &mut PgConnection,
    pending_before: DateTime<Utc>,
    failed_before: DateTime<Utc>,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
    point("deletion.stuck")?;
    sqlx::query_as(select_deletion!(
        "WHERE d.completed_at IS NULL AND d.wake_at < greatest($1, $2)
           AND d.wake_at < CASE WHEN d.state = 'FAILED' THEN $2 ELSE $1 END
           AND (d.wake_at, d.id) > ($3, $4)
         ORDER BY d.wake_at, d.id LIMIT $5"
    ))
    .bind(pending_before)
    .bind(failed_before)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}
