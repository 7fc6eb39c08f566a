//! Statements on `deletions`: the record of one request, its progress, its end.

use super::text;
use chrono::{DateTime, Utc};
use domain::deletion::{
    DeleteTaskMessage, Deletion, DeletionState, LastError, MessageVersion, Receipt, Step, StepProgress, StepState,
    StuckPolicy, can_undo,
};
use domain::status::SettableStatus;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

macro_rules! select_deletion {
    ($rest:literal) => {
        concat!("SELECT d.* FROM deletions d ", $rest)
    };
}

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
    pub purge_started_at: Option<DateTime<Utc>>,
    history_total: Option<i64>,
    executions_removed: i64,
    logs_removed: i64,
    tasks_removed: i64,
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
        let (Some(kind), Some(message), Some(step)) =
            (&self.last_error_kind, &self.last_error_message, &self.last_error_step)
        else {
            return Ok(None);
        };
        Ok(Some(LastError { kind: text("kind", kind)?, message: message.clone(), step: text("step", step)? }))
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

    /// The record as it is shown.
    pub(crate) fn show(self, stuck: &StuckPolicy) -> Result<Deletion, sqlx::Error> {
        let state = self.state()?;
        let attempt = match state {
            DeletionState::Running | DeletionState::Succeeded => self.failed_attempts + 1,
            DeletionState::Scheduled | DeletionState::Retrying | DeletionState::Failed | DeletionState::Undone => {
                self.failed_attempts
            }
        };
        let next_retry_at = match state {
            DeletionState::Retrying => Some(self.wake_at),
            DeletionState::Failed => Some(self.wake_at + stuck.failed_after),
            DeletionState::Scheduled | DeletionState::Running | DeletionState::Succeeded | DeletionState::Undone => {
                None
            }
        };
        let receipt = (state == DeletionState::Succeeded).then(|| Receipt {
            tasks: self.tasks_removed,
            executions: self.executions_removed,
            execution_logs: self.logs_removed,
            node: self.node.clone().unwrap_or_default(),
        });
        Ok(Deletion {
            steps: self.steps(state)?,
            last_error: self.last_error()?,
            can_undo: can_undo(state, self.purge_started_at),
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
            attempt,
            max_attempts: self.max_attempts,
            next_retry_at,
            receipt,
            completed_at: self.completed_at,
        })
    }
}

/// What the accepting transaction writes.
pub(crate) struct NewDeletion<'a> {
    pub id: Uuid,
    pub task_id: Uuid,
    pub task_name: &'a str,
    pub project_id: Uuid,
    pub requested_by: &'a str,
    pub request_id: Option<&'a str>,
    pub now: DateTime<Utc>,
    pub previous_status: SettableStatus,
    pub seen_version: i64,
    pub in_flight: &'a [Uuid],
    pub undo_until: DateTime<Utc>,
    pub max_attempts: i32,
}

/// Writes the record of an accepted request.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewDeletion<'_>) -> Result<DeletionRow, sqlx::Error> {
    sqlx::query_as(
        "INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, request_id, requested_at, fenced_at,
                                previous_status, seen_version, in_flight, undo_until, wake_at, max_attempts, state, step)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $11, $12, 'SCHEDULED', 'drain') RETURNING *",
    )
    .bind(new.id)
    .bind(new.task_id)
    .bind(new.task_name)
    .bind(new.project_id)
    .bind(new.requested_by)
    .bind(new.request_id)
    .bind(new.now)
    .bind(new.previous_status.as_str())
    .bind(new.seen_version)
    .bind(new.in_flight)
    .bind(new.undo_until)
    .bind(new.max_attempts)
    .fetch_one(conn)
    .await
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

/// Records of a project, or of all, newest first, below `before`; empty `states` means all.
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

/// An attempt begins, or goes on: the sign of life is now. Answers whether the deletion was still to be done.
pub(crate) async fn start_attempt(conn: &mut PgConnection, id: Uuid, node: &str) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE deletions SET state = 'RUNNING', node = $2, heartbeat_at = now(), wake_at = now()
         WHERE id = $1 AND state IN ('SCHEDULED', 'RETRYING', 'RUNNING')",
        id,
        node
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The teardown goes on to `step`; only forwards, so that a step that is done stays done.
pub(crate) async fn enter_step(conn: &mut PgConnection, id: Uuid, step: Step) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deletions SET step = $2, heartbeat_at = now(), wake_at = now() WHERE id = $1",
        id,
        step.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The point of no return: one conditional write. Exactly one of it and an undo wins, because both change this row.
pub(crate) async fn start_purge(conn: &mut PgConnection, id: Uuid, history_total: i64) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE deletions SET purge_started_at = coalesce(purge_started_at, now()), step = 'purge_history',
                history_total = coalesce(history_total, $2), heartbeat_at = now(), wake_at = now()
         WHERE id = $1 AND state = 'RUNNING'",
        id,
        history_total
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A batch of history is gone.
pub(crate) async fn add_progress(
    conn: &mut PgConnection,
    id: Uuid,
    executions: i64,
    logs: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deletions SET executions_removed = executions_removed + $2, logs_removed = logs_removed + $3,
                heartbeat_at = now(), wake_at = now() WHERE id = $1",
        id,
        executions,
        logs
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The task's row is gone: the record becomes its receipt.
pub(crate) async fn succeed(conn: &mut PgConnection, id: Uuid, node: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deletions SET state = 'SUCCEEDED', step = 'delete_row', tasks_removed = 1, node = $2,
                completed_at = clock_timestamp() WHERE id = $1",
        id,
        node
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An attempt failed: the reason, and when it is tried again or (FAILED) since when it is not.
pub(crate) async fn record_failure(
    conn: &mut PgConnection,
    id: Uuid,
    state: DeletionState,
    failed_attempts: i32,
    wake_at: DateTime<Utc>,
    error: &LastError,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deletions SET state = $2, failed_attempts = $3, wake_at = $4, last_error_kind = $5, last_error_message = $6,
                last_error_step = $7, heartbeat_at = now() WHERE id = $1",
        id,
        state.as_str(),
        failed_attempts,
        wake_at,
        error.kind.as_str(),
        error.message,
        error.step.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A fresh cycle of attempts, due now.
pub(crate) async fn start_over(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE deletions SET state = 'SCHEDULED', failed_attempts = 0, wake_at = now() WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Undone in time. `deletions_undone_in_time` refuses it after the point of no return.
pub(crate) async fn undo(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE deletions SET state = 'UNDONE', completed_at = clock_timestamp() WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Stuck deletions, oldest first, behind `after`: those whose last sign of life is older than the threshold of their state.
pub(crate) async fn stuck(
    conn: &mut PgConnection,
    pending_before: DateTime<Utc>,
    failed_before: DateTime<Utc>,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
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

/// Marks these open records as looked after now, so that nobody hands them over twice; answers which it were.
pub(crate) async fn touch(
    conn: &mut PgConnection,
    ids: &[Uuid],
    wake_before: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE deletions SET wake_at = now() WHERE id = ANY($1) AND wake_at < $2 AND completed_at IS NULL RETURNING id",
        ids,
        wake_before
    )
    .fetch_all(conn)
    .await
}

/// Removes up to `limit` receipts that are older than `days`; answers how many went.
pub(crate) async fn purge_receipts(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM deletions WHERE id IN (SELECT id FROM deletions
         WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT $2)",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Takes the right to reconcile until the transaction ends; false when another node has it.
pub(crate) async fn lock_reconciler(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // "sexton" in ASCII, so that it meets nobody else's advisory lock by accident.
    const KEY: i64 = 0x0073_6578_746f_6e00;
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "taken!""#, KEY).fetch_one(conn).await
}
