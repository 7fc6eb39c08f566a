//! Statements that find executions, and leases of executions, that are kept no longer.

use sqlx::PgConnection;
use uuid::Uuid;

/// Up to `limit` executions that ended longer ago than their project keeps them (`days` unless it says otherwise), locked.
/// Ids begin with the moment at which they were made, so the index that lists a project begins with its oldest; keys are
/// compared as rows, so that no other index will do. What somebody else holds is left for the next time.
pub(crate) async fn expired(conn: &mut PgConnection, days: i32, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT e.id FROM (
               SELECT id, now() - make_interval(days => coalesce(execution_days, $1)) AS since FROM projects) AS p
           CROSS JOIN LATERAL (
               SELECT id FROM executions
               WHERE (project_id, id) >= (p.id, '00000000-0000-0000-0000-000000000000'::uuid) AND finished_at < p.since
                 AND (project_id, id) < (p.id, rpad(lpad(to_hex((extract(epoch FROM p.since) * 1000)::bigint), 12, '0'), 32, '0')::uuid)
               ORDER BY project_id, id LIMIT $2 FOR UPDATE SKIP LOCKED) AS e
           LIMIT $2"#,
        days,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Clears up to `limit` leases that ran out on executions that have ended: cancelled, or ended by a callback whose call nobody
/// has reported on. No deletion lists them, so they would only fill the index that a deletion looks into.
pub(crate) async fn clear_leases(conn: &mut PgConnection, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE executions SET lease_until = NULL WHERE id = ANY (array(
             SELECT id FROM executions WHERE finished_at IS NOT NULL AND lease_until IS NOT NULL AND lease_until < now()
             LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED))",
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
