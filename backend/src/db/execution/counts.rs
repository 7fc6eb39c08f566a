//! Statements on `execution_counts`: ends by the quarter of an hour, of a task and of its project.
//!
//! Lock order: executions → execution_counts, which a transaction touches once, at its end.

use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::execution::DayCounts;
use domain::execution::ExecutionStatus;
use domain::execution::days::Day;
use sqlx::PgConnection;
use uuid::Uuid;

/// Counts ends: (task, project, when, how). Those that are no end are left out. Each session
/// counts in rows of its own: a node that is stopped in the middle of a transaction holds up no other.
pub(crate) async fn count_ends(
    conn: &mut PgConnection,
    ends: &[(Uuid, Uuid, DateTime<Utc>, ExecutionStatus)],
) -> Result<(), sqlx::Error> {
    let ends: Vec<_> = ends.iter().filter(|end| end.3.is_final()).collect();
    if ends.is_empty() {
        return Ok(());
    }
    point("execution.count_ends")?;
    let statuses: Vec<String> = ends.iter().map(|end| end.3.as_str().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO execution_counts AS c (subject, bucket, session, success, failed, cancelled, skipped)
         SELECT subject, date_bin('15 minutes', ended.at, TIMESTAMPTZ 'epoch') AS bucket, pg_backend_pid(),
                count(*) FILTER (WHERE status = 'SUCCESS'), count(*) FILTER (WHERE status = 'FAILED'),
                count(*) FILTER (WHERE status = 'CANCELLED'), count(*) FILTER (WHERE status = 'SKIPPED')
         FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[]) AS ended(task_id, project_id, at, status)
         CROSS JOIN LATERAL (VALUES (ended.task_id), (ended.project_id)) AS of(subject)
         GROUP BY 1, 2, 3 ORDER BY 1, 2
         ON CONFLICT (subject, bucket, session) DO UPDATE SET success = c.success + excluded.success, failed = c.failed + excluded.failed,
                cancelled = c.cancelled + excluded.cancelled, skipped = c.skipped + excluded.skipped",
        &ends.iter().map(|end| end.0).collect::<Vec<_>>(),
        &ends.iter().map(|end| end.1).collect::<Vec<_>>(),
        &ends.iter().map(|end| end.2).collect::<Vec<_>>(),
        &statuses
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The counts of a task or project on each of these days, in their order; days without an end included.
pub(crate) async fn counts_of(
    conn: &mut PgConnection,
    subject: Uuid,
    days: &[Day],
) -> Result<Vec<DayCounts>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT coalesce(sum(c.success), 0) AS "success!", coalesce(sum(c.failed), 0) AS "failed!",
                  coalesce(sum(c.cancelled), 0) AS "cancelled!", coalesce(sum(c.skipped), 0) AS "skipped!"
           FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS day(from_at, to_at, n)
           LEFT JOIN execution_counts c ON c.subject = $1 AND c.bucket >= day.from_at AND c.bucket < day.to_at
           GROUP BY day.n ORDER BY day.n"#,
        subject,
        &days.iter().map(|day| day.from).collect::<Vec<_>>(),
        &days.iter().map(|day| day.to).collect::<Vec<_>>()
    )
    .fetch_all(conn)
    .await?;
    let counts = days.iter().zip(rows).map(|(day, row)| DayCounts {
        day: day.name.clone(),
        success: row.success,
        failed: row.failed,
        cancelled: row.cancelled,
        skipped: row.skipped,
    });
    Ok(counts.collect())
}

/// Failures of these subjects in the last `hours`, to the quarter of an hour; those without one are left out.
pub(crate) async fn failed_since(
    conn: &mut PgConnection,
    subjects: &[Uuid],
    hours: i32,
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT s.id AS "id!", c.failed AS "failed!" FROM unnest($1::uuid[]) AS s(id)
           CROSS JOIN LATERAL (SELECT sum(failed) AS failed FROM execution_counts
                WHERE subject = s.id AND bucket > now() - make_interval(hours => $2, mins => 15)) AS c
           WHERE c.failed > 0"#,
        subjects,
        hours
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.failed)).collect())
}

/// Removes up to `limit` counts that are older than `days`; answers how many went.
pub(crate) async fn purge_counts(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM execution_counts WHERE (subject, bucket) IN (
             SELECT subject, bucket FROM execution_counts WHERE bucket < now() - make_interval(days => $1)
             ORDER BY bucket LIMIT $2 FOR UPDATE SKIP LOCKED)",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Removes the counts of a task that goes.
pub(crate) async fn forget_counts(conn: &mut PgConnection, task_id: Uuid) -> Result<(), sqlx::Error> {
    point("execution.forget_counts")?;
    sqlx::query!("DELETE FROM execution_counts WHERE subject = $1", task_id).execute(conn).await?;
    Ok(())
}
