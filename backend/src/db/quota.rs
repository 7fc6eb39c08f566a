//! Statements on the counts that quotas are checked against. Triggers write them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// How many there are.
pub(crate) async fn used(conn: &mut PgConnection, kind: &str, subject: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(count), 0)::bigint AS "used!" FROM quota_counts WHERE subject = $1 AND kind = $2"#,
        subject,
        kind
    )
    .fetch_one(conn)
    .await
}

/// Waits for everybody else who creates one close to the limit, and makes them wait until the transaction ends.
pub(crate) async fn lock(conn: &mut PgConnection, kind: &str, subject: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO quota_counts AS q (subject, kind, slot, count) VALUES ($1, $2, -1, 0)
         ON CONFLICT (subject, kind, slot) DO UPDATE SET count = q.count",
        subject,
        kind
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Runs of each of these projects today (UTC); those without any are left out.
pub(crate) async fn runs_today(conn: &mut PgConnection, project_ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT project_id, sum(count)::bigint AS "runs!" FROM execution_days
           WHERE project_id = ANY($1) AND day = (now() AT TIME ZONE 'UTC')::date GROUP BY project_id"#,
        project_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.project_id, row.runs)).collect())
}

/// Those of these tasks that have a run since `day` which was skipped for a reason that begins with `reason`.
pub(crate) async fn skipped_since(
    conn: &mut PgConnection,
    task_ids: &[Uuid],
    day: DateTime<Utc>,
    reason: &str,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT t.id AS "id!" FROM unnest($1::uuid[]) AS t(id) WHERE EXISTS (
               SELECT FROM executions WHERE task_id = t.id AND status = 'SKIPPED' AND scheduled_at >= $2 AND starts_with(error, $3))"#,
        task_ids,
        day,
        reason
    )
    .fetch_all(conn)
    .await
}

/// The largest use of each quota.
pub(crate) async fn most(conn: &mut PgConnection) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT kind AS "kind!", max(used)::bigint AS "most!"
           FROM (SELECT kind, sum(count) AS used FROM quota_counts GROUP BY subject, kind) AS each GROUP BY kind
           UNION ALL
           SELECT 'executions_per_day', coalesce(max(runs), 0)::bigint FROM (
               SELECT sum(count) AS runs FROM execution_days WHERE day = (now() AT TIME ZONE 'UTC')::date GROUP BY project_id) AS each"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.most)).collect())
}

/// Removes up to `limit` counts of days that have passed; returns how many.
pub(crate) async fn purge_days(conn: &mut PgConnection, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM execution_days WHERE (project_id, day, slot) IN (
             SELECT project_id, day, slot FROM execution_days WHERE day < (now() AT TIME ZONE 'UTC')::date - 1
             ORDER BY day LIMIT $1 FOR UPDATE SKIP LOCKED)",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
