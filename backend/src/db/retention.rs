//! Statements that measure the retention: for how many seconds the oldest row of each kind should have been gone; none when
//! nothing is overdue. Each reads one row, by an index.

use sqlx::PgConnection;

type Overdue = Result<Option<f64>, sqlx::Error>;

/// Runs, each kept as long as its project says, or `days`. See [`super::execution::expired`].
pub(crate) async fn executions(conn: &mut PgConnection, days: i32) -> Overdue {
    sqlx::query_scalar!(
        r#"SELECT max(extract(epoch FROM p.since - e.finished_at))::float8 FROM (
               SELECT id, now() - make_interval(days => coalesce(execution_days, $1)) AS since FROM projects) AS p
           CROSS JOIN LATERAL (
               SELECT finished_at FROM executions
               WHERE (project_id, id) >= (p.id, '00000000-0000-0000-0000-000000000000'::uuid) AND finished_at < p.since
                 AND (project_id, id) < (p.id, rpad(lpad(to_hex((extract(epoch FROM p.since) * 1000)::bigint), 12, '0'), 32, '0')::uuid)
               ORDER BY project_id, id LIMIT 1) AS e"#,
        days
    )
    .fetch_one(conn)
    .await
}

/// Counts of ends.
pub(crate) async fn counts(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - make_interval(days => $1) - bucket)::float8 AS "overdue!" FROM execution_counts
           WHERE bucket < now() - make_interval(days => $1) ORDER BY bucket LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Receipts of deleted tasks.
pub(crate) async fn receipts(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - make_interval(days => $1) - completed_at)::float8 AS "overdue!" FROM deletions
           WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Receipts of deleted projects.
pub(crate) async fn project_receipts(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - make_interval(days => $1) - completed_at)::float8 AS "overdue!" FROM project_deletions
           WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Events: the oldest is the first.
pub(crate) async fn events(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT greatest(extract(epoch FROM now() - make_interval(days => $1) - created_at), 0)::float8 AS "overdue!"
           FROM events ORDER BY seq LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Alerts: the oldest is the first.
pub(crate) async fn alerts(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT greatest(extract(epoch FROM now() - make_interval(days => $1) - created_at), 0)::float8 AS "overdue!"
           FROM alerts ORDER BY id LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Lines of the audit: the oldest is the first.
pub(crate) async fn audit(conn: &mut PgConnection, days: i32) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT greatest(extract(epoch FROM now() - make_interval(days => $1) - at), 0)::float8 AS "overdue!"
           FROM audit ORDER BY id LIMIT 1"#,
        days
    );
    oldest.fetch_optional(conn).await
}

/// Sessions.
pub(crate) async fn sessions(conn: &mut PgConnection) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - expires_at)::float8 AS "overdue!" FROM sessions
           WHERE expires_at < now() ORDER BY expires_at LIMIT 1"#
    );
    oldest.fetch_optional(conn).await
}

/// Answers to requests with an `Idempotency-Key`.
pub(crate) async fn idempotency_keys(conn: &mut PgConnection) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - expires_at)::float8 AS "overdue!" FROM idempotency_keys
           WHERE expires_at <= now() ORDER BY expires_at LIMIT 1"#
    );
    oldest.fetch_optional(conn).await
}

/// People who did not come back from an issuer.
pub(crate) async fn oidc_flows(conn: &mut PgConnection) -> Overdue {
    let oldest = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM now() - expires_at)::float8 AS "overdue!" FROM oidc_flows
           WHERE expires_at < now() ORDER BY expires_at LIMIT 1"#
    );
    oldest.fetch_optional(conn).await
}
