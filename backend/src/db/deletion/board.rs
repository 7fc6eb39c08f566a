//! Statements of the deletions board: counters that never scan, the timeline, what can be retried.

use super::{DeletionRow, error_of};
use crate::db::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::deletion::{EntryKind, LastError, TimelineEntry};
use domain::page::COUNT_CAP;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// What the counters say, of a project or of all; each count stops at [`COUNT_CAP`].
#[derive(FromRow)]
pub(crate) struct SummaryRow {
    pub scheduled: i64,
    pub running: i64,
    pub retrying: i64,
    pub failed: i64,
    pub gone_24h: i64,
    pub oldest_pending: Option<DateTime<Utc>>,
    pub p95_ms: Option<f64>,
}

/// The counters. "Oldest pending" is found among the thousand that are due first.
pub(crate) async fn summary(conn: &mut PgConnection, project_id: Option<Uuid>) -> Result<SummaryRow, sqlx::Error> {
    sqlx::query_as(
        "WITH open AS (SELECT s.state, (SELECT count(*) FROM (SELECT FROM deletions d
                  WHERE d.completed_at IS NULL AND d.state = s.state AND ($1::uuid IS NULL OR d.project_id = $1) LIMIT $2) AS few) AS count
              FROM unnest(ARRAY['SCHEDULED', 'RUNNING', 'RETRYING', 'FAILED']) AS s(state)),
         gone AS (SELECT d.completed_at - d.undo_until AS took FROM deletions d
              WHERE d.completed_at > now() - interval '24 hours' AND d.state = 'SUCCEEDED' AND ($1::uuid IS NULL OR d.project_id = $1)
              ORDER BY d.completed_at DESC LIMIT $2)
         SELECT (SELECT count FROM open WHERE state = 'SCHEDULED') AS scheduled,
                (SELECT count FROM open WHERE state = 'RUNNING') AS running,
                (SELECT count FROM open WHERE state = 'RETRYING') AS retrying,
                (SELECT count FROM open WHERE state = 'FAILED') AS failed,
                (SELECT count(*) FROM gone) AS gone_24h,
                (SELECT min(requested_at) FROM (SELECT requested_at FROM deletions d WHERE d.completed_at IS NULL
                  AND d.state <> 'FAILED' AND d.undo_until <= now() AND ($1::uuid IS NULL OR d.project_id = $1) ORDER BY d.wake_at LIMIT 1000) AS first) AS oldest_pending,
                (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM took) * 1000)::float8 FROM gone) AS p95_ms",
    )
    .bind(project_id)
    .bind(COUNT_CAP)
    .persistent(false)
    .fetch_one(conn)
    .await
}

/// How many executions started after the fence of a deletion that is not over. Must be 0. `fenced_at` is read after the list of
/// what was in flight: what is on no list and runs, or began or ended a call since, was started by somebody who passed the
/// fence, whether it is new, tried again or taken over. Looks at the newest runs of each task, and at all that run.
pub(crate) async fn count_late_starts(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT * FROM deletions WHERE completed_at IS NULL ORDER BY wake_at LIMIT 1000) AS d
           CROSS JOIN LATERAL (
               SELECT e.id FROM executions e WHERE e.task_id = d.task_id AND e.status = 'RUNNING'
               UNION
               SELECT e.id FROM (SELECT * FROM executions WHERE task_id = d.task_id ORDER BY scheduled_at DESC LIMIT 100) AS e
               WHERE e.started_at > d.fenced_at
                  OR e.status IN ('SUCCESS', 'FAILED') AND e.started_at IS NOT NULL AND e.finished_at > d.fenced_at) AS e
           WHERE NOT e.id = ANY(d.in_flight)"#
    )
    .fetch_one(conn)
    .await
}

/// Failed deletions of a project, or of all, by id behind `after`.
pub(crate) async fn list_failed(
    conn: &mut PgConnection,
    project_id: Option<Uuid>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
    sqlx::query_as(select_deletion!(
        "WHERE d.completed_at IS NULL AND d.state = 'FAILED' AND ($1::uuid IS NULL OR d.project_id = $1) AND d.id > $2
         ORDER BY d.id LIMIT $3"
    ))
    .bind(project_id)
    .bind(after)
    .bind(limit)
    .persistent(false)
    .fetch_all(conn)
    .await
}

/// Writes a line of the timeline; `failure` is the number and the error of a failed attempt.
pub(crate) async fn insert_entry(
    conn: &mut PgConnection,
    deletion_id: Uuid,
    kind: EntryKind,
    actor: &str,
    failure: Option<(i32, &LastError)>,
) -> Result<(), sqlx::Error> {
    point("deletion.insert_entry")?;
    sqlx::query!(
        "INSERT INTO deletion_entries (deletion_id, kind, actor, attempt, error_kind, error_message, error_step)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        deletion_id,
        kind.as_str(),
        actor,
        failure.map(|(attempt, _)| attempt),
        failure.map(|(_, error)| error.kind.as_str()),
        failure.map(|(_, error)| error.message.as_str()),
        failure.map(|(_, error)| error.step.as_str())
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest 100 lines of a deletion's timeline, oldest first.
pub(crate) async fn list_entries(
    conn: &mut PgConnection,
    deletion_id: Uuid,
) -> Result<Vec<TimelineEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT kind, at, actor, attempt, error_kind, error_message, error_step
         FROM deletion_entries WHERE deletion_id = $1 ORDER BY id DESC LIMIT 100",
        deletion_id
    )
    .fetch_all(conn)
    .await?;
    let entries = rows.into_iter().rev().map(|row| {
        let error = error_of(row.error_kind.as_deref(), row.error_message.as_deref(), row.error_step.as_deref())?;
        Ok(TimelineEntry { kind: text("kind", &row.kind)?, at: row.at, actor: row.actor, attempt: row.attempt, error })
    });
    entries.collect()
}
