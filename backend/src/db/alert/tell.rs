//! Statements that record what is told, in the transaction of its cause.
//!
//! Lock order: executions → task_troubles → execution_counts; troubles in the order of their task.

use chrono::{DateTime, TimeDelta, Utc};
use domain::alert::AlertKind;
use domain::alert::rules::Trouble;
use sqlx::PgConnection;
use uuid::Uuid;

/// What a project that is told anything wants to know.
pub(crate) struct Wish {
    pub project_id: Uuid,
    pub kinds: Vec<AlertKind>,
    pub throttle: TimeDelta,
}

/// The wishes of those of these projects that have any, with somebody to tell.
pub(crate) async fn wishes(conn: &mut PgConnection, project_ids: &[Uuid]) -> Result<Vec<Wish>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT project_id, kinds, throttle_seconds FROM alert_settings
         WHERE project_id = ANY($1) AND kinds <> '{}' AND (emails <> '{}' OR webhook_url IS NOT NULL)",
        project_ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let throttle = TimeDelta::seconds(row.throttle_seconds.into());
            Ok(Wish { project_id: row.project_id, kinds: super::kinds(&row.kinds)?, throttle })
        })
        .collect()
}

/// How many alerts of this kind each of these projects was told within its time; those without any are left out.
pub(crate) async fn told_lately(
    conn: &mut PgConnection,
    kind: AlertKind,
    projects: &[(Uuid, TimeDelta)],
    cap: i64,
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT p.id AS "id!", few.count AS "count!" FROM unnest($2::uuid[], $3::float8[]) AS p(id, seconds)
           CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT FROM alerts a WHERE a.project_id = p.id AND a.kind = $1
                  AND NOT a.is_throttled AND a.created_at > now() - make_interval(secs => p.seconds) LIMIT $4) AS told) AS few
           WHERE few.count > 0"#,
        kind.as_str(),
        &projects.iter().map(|project| project.0).collect::<Vec<_>>(),
        &projects.iter().map(|project| project.1.as_seconds_f64()).collect::<Vec<_>>(),
        cap
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.count)).collect())
}

/// When each of these tasks was told an alert of this kind last; those that never were are left out.
pub(crate) async fn last_told(
    conn: &mut PgConnection,
    kind: AlertKind,
    task_ids: &[Uuid],
) -> Result<Vec<(Uuid, DateTime<Utc>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT t.id AS "id!", told.created_at FROM unnest($2::uuid[]) AS t(id)
           CROSS JOIN LATERAL (SELECT created_at FROM alerts WHERE task_id = t.id AND kind = $1 AND NOT is_throttled
                  ORDER BY created_at DESC LIMIT 1) AS told"#,
        kind.as_str(),
        task_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.created_at)).collect())
}

/// Lets these tasks (each with its project, in order) have a row, so that it can be locked.
pub(crate) async fn begin_troubles(conn: &mut PgConnection, tasks: &[(Uuid, Uuid)]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO task_troubles (task_id, project_id) SELECT task_id, project_id
         FROM unnest($1::uuid[], $2::uuid[]) AS new(task_id, project_id) ORDER BY task_id ON CONFLICT (task_id) DO NOTHING",
        &tasks.iter().map(|task| task.0).collect::<Vec<_>>(),
        &tasks.iter().map(|task| task.1).collect::<Vec<_>>()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the rows of these tasks, as far as they have one.
pub(crate) async fn lock_troubles(
    conn: &mut PgConnection,
    task_ids: &[Uuid],
) -> Result<Vec<(Uuid, Trouble)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT task_id, failures, since, told_at FROM task_troubles WHERE task_id = ANY($1) ORDER BY task_id FOR UPDATE",
        task_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.task_id, Trouble { failures: row.failures, since: row.since, told_at: row.told_at }))
        .collect())
}

/// Writes troubles whose rows are locked.
pub(crate) async fn write_troubles(conn: &mut PgConnection, troubles: &[(Uuid, Trouble)]) -> Result<(), sqlx::Error> {
    let since: Vec<Option<DateTime<Utc>>> = troubles.iter().map(|(_, trouble)| trouble.since).collect();
    let told: Vec<Option<DateTime<Utc>>> = troubles.iter().map(|(_, trouble)| trouble.told_at).collect();
    sqlx::query!(
        "UPDATE task_troubles t SET failures = u.failures, since = u.since, told_at = u.told_at
         FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::timestamptz[]) AS u(task_id, failures, since, told_at)
         WHERE t.task_id = u.task_id",
        &troubles.iter().map(|(task, _)| *task).collect::<Vec<_>>(),
        &troubles.iter().map(|(_, trouble)| trouble.failures).collect::<Vec<_>>(),
        &since as &[Option<DateTime<Utc>>],
        &told as &[Option<DateTime<Utc>>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The row of a task that goes.
pub(crate) async fn forget_trouble(conn: &mut PgConnection, task_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM task_troubles WHERE task_id = $1", task_id).execute(conn).await?;
    Ok(())
}

/// The rows of a project that wants to know nothing any more.
pub(crate) async fn forget_troubles(conn: &mut PgConnection, project_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM task_troubles WHERE project_id = $1", project_id).execute(conn).await?;
    Ok(())
}

/// The task's name and the reason, of each of these executions.
pub(crate) async fn reasons(
    conn: &mut PgConnection,
    execution_ids: &[Uuid],
) -> Result<Vec<(Uuid, String, Option<String>)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT e.id, t.name, e.error FROM executions e JOIN tasks t ON t.id = e.task_id WHERE e.id = ANY($1)",
        execution_ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name, row.error)).collect())
}

/// How often a deletion was given up.
pub(crate) async fn count_given_up(conn: &mut PgConnection, deletion_id: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM deletion_entries WHERE deletion_id = $1 AND kind = 'GIVEN_UP'"#,
        deletion_id
    )
    .fetch_one(conn)
    .await
}

/// An alert that is recorded.
pub(crate) struct NewAlert {
    pub project_id: Uuid,
    pub task_id: Uuid,
    pub task_name: String,
    pub kind: AlertKind,
    pub subject_id: Uuid,
    pub cause: String,
    pub message: String,
    pub is_throttled: bool,
}

/// Records alerts, and for those that are told a delivery to each receiver of their project. A cause that is recorded
/// already is left as it is.
pub(crate) async fn record(conn: &mut PgConnection, alerts: &[NewAlert]) -> Result<(), sqlx::Error> {
    let texts = |pick: fn(&NewAlert) -> &str| alerts.iter().map(|alert| pick(alert).to_owned()).collect::<Vec<_>>();
    let ids = |pick: fn(&NewAlert) -> Uuid| alerts.iter().map(pick).collect::<Vec<_>>();
    sqlx::query!(
        "WITH new AS (
           INSERT INTO alerts (id, project_id, task_id, task_name, kind, subject_id, cause, message, is_throttled)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::bool[])
           ON CONFLICT (cause) DO NOTHING RETURNING id, project_id, is_throttled)
         INSERT INTO alert_deliveries (id, alert_id, channel, target)
         SELECT gen_random_uuid(), new.id, receiver.channel, receiver.target
         FROM new JOIN alert_settings s ON s.project_id = new.project_id
         CROSS JOIN LATERAL (SELECT 'EMAIL' AS channel, unnest(s.emails) AS target
                             UNION ALL SELECT 'WEBHOOK', s.webhook_url WHERE s.webhook_url IS NOT NULL) AS receiver
         WHERE NOT new.is_throttled",
        &ids(|_| Uuid::now_v7()),
        &ids(|alert| alert.project_id),
        &ids(|alert| alert.task_id),
        &texts(|alert| &alert.task_name),
        &texts(|alert| alert.kind.as_str()),
        &ids(|alert| alert.subject_id),
        &texts(|alert| &alert.cause),
        &texts(|alert| &alert.message),
        &alerts.iter().map(|alert| alert.is_throttled).collect::<Vec<_>>()
    )
    .execute(conn)
    .await?;
    Ok(())
}
